//! Passes over the planes of a map, in loops compiled for the best instruction set.

use super::band::Map;
use super::buffers::Buffer;
use super::tasks::{self, Output};

/// Makes functions whose loops are compiled for every instruction set, and called for the best that there is.
///
/// A function and not a closure: what the compiler does not inline into the dispatch stays as slow as the oldest processor.
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

/// A new map, plane by plane: `fill` gets the channel, the number of the plane, and its values, all of which it writes. `work` is the number of
/// operations of all of them.
pub fn each_plane(map: Map, work: usize, fill: impl Fn(usize, usize, &mut [f32]) + Sync + Send) -> Buffer {
    let mut values = Buffer::unwritten(map.len());
    let length = map.plane();
    let output = Output::new(&mut values);
    tasks::run(map.batch * map.channels, work, |number| {
        // SAFETY: a plane a task.
        fill(number % map.channels, number, unsafe { output.slice(number * length, length) });
    });
    values
}

/// A plane of a map, by its number.
pub fn plane(values: &[f32], map: Map, number: usize) -> &[f32] {
    let length = map.plane();
    &values[number * length..][..length]
}
