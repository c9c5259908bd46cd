//! Passes over the planes of a map, compiled for each instruction set.

use super::band::Map;
use super::buffers::Buffer;
use super::tasks::{self, Output};

/// Defines functions compiled for every instruction set and dispatched to the best available one.
///
/// They are functions, not closures: code that is not inlined into the dispatch is compiled for the baseline only.
macro_rules! vectorised {
    ($($(#[$doc:meta])* $access:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block)*) => {$(
        $(#[$doc])*
        $access fn $name($($argument: $type),*) $(-> $result)? {
            struct Call<T>(T);
            impl macerator::WithSimd for Call<($($type,)*)> {
                #[allow(unused_parens, reason = "the unit type, or one in parentheses")]
                type Output = ($($result)?);

                #[inline(always)]
                fn with_simd<S: macerator::Simd>(self) -> Self::Output {
                    let Self(($($argument,)*)) = self;
                    $body
                }
            }
            macerator::AutoArch::new().dispatch(Call(($($argument,)*)))
        }
    )*};
}
pub(super) use vectorised;

/// Creates a map plane by plane. `fill` gets the channel, the plane index and the plane's values, and must write all of
/// them. `work` is the total number of operations.
pub fn each_plane(map: Map, work: usize, fill: impl Fn(usize, usize, &mut [f32]) + Sync + Send) -> Buffer {
    let mut values = Buffer::unspecified(map.len());
    let length = map.plane();
    let output = Output::new(&mut values);
    tasks::run(map.batch * map.channels, work, |number| {
        // SAFETY: one task per plane.
        fill(number % map.channels, number, unsafe { output.slice(number * length, length) });
    });
    values
}

/// The values of one plane.
pub fn plane(values: &[f32], map: Map, number: usize) -> &[f32] {
    let length = map.plane();
    &values[number * length..][..length]
}

/// Interleaves two slices.
#[inline(always)]
pub fn interleave(even: &[f32], odd: &[f32], mixed: &mut [f32]) {
    for (pair, (even, odd)) in mixed.chunks_exact_mut(2).zip(even.iter().zip(odd)) {
        pair[0] = *even;
        pair[1] = *odd;
    }
}
