//! Components of the masks of a volume, in three dimensions.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::{Diameters, Mask};

/// A slice with its counterfactual and mask, on one grid.
#[derive(Clone, Copy)]
pub(crate) struct MaskedSlice<'a> {
    /// Intensities of the slice, row by row.
    pub before: &'a [f32],
    /// Intensities of the counterfactual.
    pub after: &'a [f32],
    pub mask: &'a Mask,
}

/// A connected component of the masks of a volume; voxels that touch at a face, an edge or a corner are connected.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Number of voxels.
    pub voxels: usize,
    /// First and last slice, from 0.
    pub slices: [usize; 2],
    /// The slice in which its area is largest, from 0; the first of equals.
    pub key_slice: usize,
    /// Its pixels in the key slice.
    pub key_pixels: usize,
    /// Of its largest part in the key slice, in mm, or in pixels if the spacing is unknown.
    pub diameters: Diameters,
    /// Intensities of its voxels.
    pub before: Statistics,
    /// Intensities of the same voxels in the counterfactual.
    pub after: Statistics,
}

/// Mean and standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// Mean.
    pub mean: f64,
    /// Standard deviation of the population.
    pub sd: f64,
}

/// The components of a volume.
#[derive(Clone, Debug, PartialEq)]
pub struct Components {
    /// The largest ones, in descending order of size; equal ones in the order of their first voxel.
    pub largest: Vec<Component>,
    /// Number of all components.
    pub total: usize,
    /// Number of voxels of all components.
    pub voxels: usize,
}

/// Measures the `count` largest components. `slices` are by index; a missing slice separates components. `pixel` is the width
/// and height of a pixel.
pub(crate) fn measure(slices: &BTreeMap<usize, MaskedSlice<'_>>, pixel: [f32; 2], count: usize) -> Components {
    let mut parts = Parts::default();
    let mut previous: Option<(usize, Labels)> = None;
    for (&index, slice) in slices {
        let labels = Labels::of(slice.mask, parts.all.len());
        parts.add(index, &labels, slice);
        if let Some((_, before)) = previous.filter(|(before, _)| before + 1 == index) {
            parts.connect(&before, &labels);
        }
        previous = Some((index, labels));
    }
    let mut components = parts.components();
    let (total, voxels) = (components.len(), components.iter().map(|component| component.sums.voxels).sum());
    // Stable, so that equal ones stay in order.
    components.sort_by_key(|component| Reverse(component.sums.voxels));
    components.truncate(count);
    let largest = components.iter().filter_map(|found| found.measured(slices, pixel)).collect();
    Components { largest, total, voxels }
}

/// The part of each pixel of a slice, counted over all slices; `None` outside the mask.
struct Labels {
    width: usize,
    height: usize,
    first: usize,
    parts: Vec<Option<usize>>,
}

impl Labels {
    /// Labels the 8-connected components of a mask from `first` on.
    fn of(mask: &Mask, first: usize) -> Self {
        let numbers = match mask.count() {
            0 => vec![0; mask.as_slice().len()],
            _ => mask.component_numbers(),
        };
        let parts = numbers.into_iter().map(|number| Some(first + (number as usize).checked_sub(1)?)).collect();
        Self { width: mask.width(), height: mask.height(), first, parts }
    }

    /// Parts at a pixel and its neighbours.
    fn around(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let (x, y) = (at % self.width, at / self.width);
        let rows = y.saturating_sub(1)..self.height.min(y + 2);
        let columns = x.saturating_sub(1)..self.width.min(x + 2);
        rows.flat_map(move |v| {
            columns.clone().filter_map(move |u| self.parts.get(v * self.width + u).copied().flatten())
        })
    }
}

/// A component of a single slice.
struct Part {
    slice: usize,
    /// Among those of its slice, from 1.
    number: usize,
    sums: Sums,
}

/// Components of single slices, joined across slices.
#[derive(Default)]
struct Parts {
    all: Vec<Part>,
    /// A part of the same component, or the part itself.
    joined: Vec<usize>,
}

impl Parts {
    fn add(&mut self, index: usize, labels: &Labels, slice: &MaskedSlice<'_>) {
        for ((part, before), after) in labels.parts.iter().zip(slice.before).zip(slice.after) {
            let Some(part) = *part else { continue };
            while self.all.len() <= part {
                self.joined.push(self.all.len());
                self.all.push(Part { slice: index, number: self.all.len() - labels.first + 1, sums: Sums::default() });
            }
            if let Some(Part { sums, .. }) = self.all.get_mut(part) {
                sums.add(*before, *after);
            }
        }
    }

    fn connect(&mut self, below: &Labels, above: &Labels) {
        for (at, part) in above.parts.iter().enumerate() {
            let Some(part) = *part else { continue };
            for other in below.around(at) {
                let (a, b) = (self.root(part), self.root(other));
                // The first part names the component.
                if let Some(joined) = self.joined.get_mut(a.max(b)) {
                    *joined = a.min(b);
                }
            }
        }
    }

    fn root(&mut self, part: usize) -> usize {
        let mut at = part;
        while let Some(&next) = self.joined.get(at).filter(|&&next| next != at) {
            // Halves the way for the next search.
            let beyond = self.joined.get(next).copied().unwrap_or(next);
            if let Some(joined) = self.joined.get_mut(at) {
                *joined = beyond;
            }
            at = beyond;
        }
        at
    }

    /// The components in the order of their first parts.
    fn components(mut self) -> Vec<Found> {
        let mut found: BTreeMap<usize, Found> = BTreeMap::new();
        let roots: Vec<usize> = (0..self.all.len()).map(|part| self.root(part)).collect();
        for (root, Part { slice, number, sums }) in roots.into_iter().zip(self.all) {
            let component = found.entry(root).or_default();
            component.sums.merge(&sums);
            component.parts.entry(slice).or_default().push((number, sums.voxels));
        }
        found.into_values().collect()
    }
}

/// A component before it is measured.
#[derive(Default)]
struct Found {
    sums: Sums,
    /// By slice: number of the part in its slice, and its pixels.
    parts: BTreeMap<usize, Vec<(usize, usize)>>,
}

impl Found {
    fn measured(&self, slices: &BTreeMap<usize, MaskedSlice<'_>>, pixel: [f32; 2]) -> Option<Component> {
        let area = |parts: &[(usize, usize)]| parts.iter().map(|(_, pixels)| pixels).sum::<usize>();
        let (&key_slice, parts) = self.parts.iter().rev().max_by_key(|(_, parts)| area(parts))?;
        // Parts are in descending order of size.
        let (largest, _) = *parts.first()?;
        let mask = slices.get(&key_slice)?.mask;
        let own = mask.component_numbers().into_iter().map(|number| number as usize == largest).collect();
        let own = Mask::new(mask.width(), mask.height(), own)?;
        let [before, after] = self.sums.statistics();
        Some(Component {
            voxels: self.sums.voxels,
            slices: [*self.parts.keys().next()?, *self.parts.keys().next_back()?],
            key_slice,
            key_pixels: area(parts),
            diameters: Diameters::of(&own, pixel)?,
            before,
            after,
        })
    }
}

/// Sums over voxels.
#[derive(Clone, Copy, Default)]
struct Sums {
    voxels: usize,
    before: [f64; 2],
    after: [f64; 2],
}

impl Sums {
    fn add(&mut self, before: f32, after: f32) {
        self.voxels += 1;
        for (sums, value) in [(&mut self.before, f64::from(before)), (&mut self.after, f64::from(after))] {
            *sums = [sums[0] + value, sums[1] + value * value];
        }
    }

    fn merge(&mut self, other: &Self) {
        self.voxels += other.voxels;
        for (sums, more) in [(&mut self.before, other.before), (&mut self.after, other.after)] {
            *sums = [sums[0] + more[0], sums[1] + more[1]];
        }
    }

    fn statistics(&self) -> [Statistics; 2] {
        let count = self.voxels.max(1) as f64;
        [self.before, self.after].map(|[sum, squares]| {
            let mean = sum / count;
            Statistics { mean, sd: (squares / count - mean * mean).max(0.0).sqrt() }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Measures slices of 6 x 3 pixels of 2 x 3 mm; each pixel of slice i has intensity 10 i and 1 after.
    fn measured(slices: &[(usize, [&str; 3])], count: usize) -> Components {
        let masks: Vec<(usize, Mask)> = slices
            .iter()
            .map(|(index, rows)| {
                let inside = rows.iter().flat_map(|row| row.bytes().map(|pixel| pixel == b'#')).collect();
                (*index, Mask::new(6, 3, inside).unwrap())
            })
            .collect();
        let before: Vec<[f32; 18]> = masks.iter().map(|(index, _)| [10.0 * *index as f32; 18]).collect();
        let after = [1.0; 18];
        let slices = masks
            .iter()
            .zip(&before)
            .map(|((index, mask), before)| (*index, MaskedSlice { before, after: &after, mask }));
        measure(&slices.collect(), [2.0, 3.0], count)
    }

    #[test]
    fn parts_of_neighbouring_slices_that_touch_are_one_component() {
        let found = measured(
            &[
                // Two parts that the next slice joins; the one on the right touches nothing.
                (4, ["#.#..#", "......", "......"]),
                (5, ["......", ".##...", "......"]),
                (6, ["......", ".##...", ".#...."]),
                // A diagonal neighbour.
                (7, ["#.....", "......", "......"]),
            ],
            9,
        );
        assert_eq!((found.total, found.voxels), (2, 9));
        let [large, small] = &found.largest[..] else { panic!("{found:?}") };
        assert_eq!((large.voxels, large.slices, large.key_slice, large.key_pixels), (8, [4, 7], 6, 3));
        assert_eq!((small.voxels, small.slices, small.key_slice, small.key_pixels), (1, [4, 4], 4, 1));
        // 40, 40, 50, 50, 60, 60, 60, 70
        assert!((large.before.mean - 53.75).abs() < 1e-9 && (large.before.sd - 9.921_567).abs() < 1e-5);
        assert_eq!(large.after, Statistics { mean: 1.0, sd: 0.0 });
        assert_eq!((small.diameters.longest.length(), small.diameters.perpendicular.length()), (3.0, 2.0));
    }

    #[test]
    fn a_missing_slice_separates_components() {
        let bar = ["###...", "......", "......"];
        let found = measured(&[(0, bar), (1, bar), (3, bar)], 9);
        let summary: Vec<_> = found.largest.iter().map(|one| (one.voxels, one.slices, one.key_slice)).collect();
        assert_eq!(summary, [(6, [0, 1], 0), (3, [3, 3], 3)]);
        assert_eq!(found.largest[0].diameters.longest.length(), 6.0);
        let largest = measured(&[(0, bar), (1, bar), (3, bar)], 1);
        assert_eq!((largest.largest.len(), largest.total, largest.voxels), (1, 2, 9));
        assert_eq!(measured(&[(0, ["......"; 3])], 9), Components { largest: Vec::new(), total: 0, voxels: 0 });
    }

    /// Random masks against a flood fill over voxels.
    #[test]
    fn components_are_those_of_a_flood_fill() {
        let (width, height, depth) = (9, 7, 5);
        let mut state = 7_u64;
        for share in [10, 25, 40] {
            let volume: Vec<bool> = (0..width * height * depth)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 33) % 100 < share
                })
                .collect();
            let masks: Vec<Mask> =
                volume.chunks(width * height).map(|slice| Mask::new(width, height, slice.to_vec()).unwrap()).collect();
            let zero = vec![0.0; width * height];
            let slices = masks
                .iter()
                .enumerate()
                .map(|(index, mask)| (index, MaskedSlice { before: &zero, after: &zero, mask }));
            let found = measure(&slices.collect(), [1.0, 1.0], usize::MAX);
            let sizes: Vec<usize> = found.largest.iter().map(|component| component.voxels).collect();
            assert_eq!(sizes, flood_fill(&volume, [width, height, depth]), "{share} %");
        }
    }

    /// Sizes of the components, in descending order.
    fn flood_fill(volume: &[bool], [width, height, depth]: [usize; 3]) -> Vec<usize> {
        let mut left = volume.to_vec();
        let mut sizes = Vec::new();
        for start in 0..left.len() {
            let (mut open, mut size) = (vec![start], 0);
            while let Some(at) = open.pop() {
                if !std::mem::take(&mut left[at]) {
                    continue;
                }
                size += 1;
                let [x, y, z] = [at % width, at / width % height, at / (width * height)];
                for w in z.saturating_sub(1)..depth.min(z + 2) {
                    for v in y.saturating_sub(1)..height.min(y + 2) {
                        open.extend((x.saturating_sub(1)..width.min(x + 2)).map(|u| (w * height + v) * width + u));
                    }
                }
            }
            sizes.extend((size > 0).then_some(size));
        }
        sizes.sort_by_key(|size| Reverse(*size));
        sizes
    }
}
