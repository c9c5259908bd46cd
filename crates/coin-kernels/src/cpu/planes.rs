//! Passes over the planes of a map, in loops compiled for the best instruction set.

use macerator::AutoArch;

use super::band::Map;
use super::buffers::Buffer;
use super::tasks::{self, Output};

/// Calls `work` compiled for the best instruction set that there is.
#[inline(always)]
pub fn vectorised<T>(work: impl FnOnce() -> T) -> T {
    AutoArch::new().dispatch(work)
}

/// A new map, plane by plane: `fill` gets the channel, the number of the plane, and its values, all of which it writes. `work` is the number of
/// operations of all of them.
pub fn each_plane(map: Map, work: usize, fill: impl Fn(usize, usize, &mut [f32]) + Sync + Send) -> Buffer {
    let mut values = Buffer::unwritten(map.len());
    let length = map.height * map.width;
    let output = Output::new(&mut values);
    tasks::run(map.batch * map.channels, work, |number| {
        // SAFETY: a plane a task.
        fill(number % map.channels, number, unsafe { output.slice(number * length, length) });
    });
    values
}

/// A plane of a map, by its number.
pub fn plane(values: &[f32], map: Map, number: usize) -> &[f32] {
    let length = map.height * map.width;
    &values[number * length..][..length]
}
