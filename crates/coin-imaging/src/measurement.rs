//! Measurements of a component of a mask: its longest diameter and the longest perpendicular to it, as radiologists measure
//! lesions (RECIST 1.1, <https://doi.org/10.1016/j.ejca.2008.10.026>).

use crate::Mask;

/// A line in the unit of the pixel's sides. The centre of the first pixel is half a side from the origin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diameter {
    /// First end: x, y.
    pub from: [f32; 2],
    /// Second end: x, y.
    pub to: [f32; 2],
}

impl Diameter {
    /// In the same unit.
    #[must_use]
    pub fn length(&self) -> f32 {
        distance(self.from, self.to)
    }
}

/// The longest diameter of a component, and the longest one at a right angle to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diameters {
    /// Between the two points of the outline that are farthest apart.
    pub longest: Diameter,
    /// Perpendicular to the longest.
    pub perpendicular: Diameter,
}

/// Points of the outline at most this far apart along the longest diameter count as opposite; a share of the pixel's longer side.
const OPPOSITE: f32 = 0.5;

impl Diameters {
    /// Measures a mask with a single component; `None` if it is empty. `pixel` is the width and height of a pixel. The outline
    /// runs half-way between the centres of pixels inside and outside, so that a single square pixel has its side as diameter.
    ///
    /// ```
    /// use coin_imaging::{Diameters, Mask};
    ///
    /// let mask = Mask::new(6, 1, vec![false, true, true, true, true, false]).unwrap();
    /// let measured = Diameters::of(&mask, [0.5, 0.5]).unwrap();
    /// assert_eq!((measured.longest.length(), measured.perpendicular.length()), (2.0, 0.5));
    /// ```
    #[must_use]
    pub fn of(mask: &Mask, pixel: [f32; 2]) -> Option<Self> {
        let outline = outline(mask, pixel);
        let opposite = OPPOSITE * pixel[0].max(pixel[1]);
        let longest = farthest(&outline)?;
        let length = longest.length();
        let along = [(longest.to[0] - longest.from[0]) / length, (longest.to[1] - longest.from[1]) / length];
        // Position along the longest diameter, and to its side.
        let place = |&[x, y]: &[f32; 2]| {
            let (x, y) = (x - longest.from[0], y - longest.from[1]);
            [x * along[0] + y * along[1], y * along[0] - x * along[1]]
        };
        let mut places: Vec<[f32; 2]> = outline.iter().map(place).collect();
        // In their order along the diameter, only neighbours are opposite: a mask of noise has thousands of points.
        places.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let mut widest = ([0.0_f32; 2], [0.0_f32; 2]);
        for (index, a) in places.iter().enumerate() {
            for b in places.iter().skip(index + 1).take_while(|b| b[0] - a[0] <= opposite) {
                if (a[1] - b[1]).abs() > (widest.0[1] - widest.1[1]).abs() {
                    widest = (*a, *b);
                }
            }
        }
        let at = (widest.0[0] + widest.1[0]) / 2.0;
        let point = |side: f32| {
            let [x, y] = longest.from;
            [x + at * along[0] - side * along[1], y + at * along[1] + side * along[0]]
        };
        Some(Self { longest, perpendicular: Diameter { from: point(widest.0[1]), to: point(widest.1[1]) } })
    }
}

/// Midpoints between neighbouring pixels inside and outside the mask.
fn outline(mask: &Mask, [width, height]: [f32; 2]) -> Vec<[f32; 2]> {
    let outside = |x: usize, y: usize, right: isize, down: isize| {
        let (Some(x), Some(y)) = (x.checked_add_signed(right), y.checked_add_signed(down)) else { return true };
        !mask.get(x, y)
    };
    let mut points = Vec::new();
    for (x, y) in mask.pixels() {
        for (right, down) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
            if outside(x, y, right, down) {
                let (x, y) = (x as f32 + 0.5 + right as f32 / 2.0, y as f32 + 0.5 + down as f32 / 2.0);
                points.push([x * width, y * height]);
            }
        }
    }
    points
}

/// The two points that are farthest apart; the first pair of equals.
fn farthest(points: &[[f32; 2]]) -> Option<Diameter> {
    let hull = hull(points);
    let pairs = hull.iter().enumerate().flat_map(|(index, &from)| hull.iter().skip(index).map(move |&to| (from, to)));
    pairs
        .map(|(from, to)| Diameter { from, to })
        .reduce(|best, next| if next.length() > best.length() { next } else { best })
}

/// The convex hull, by Andrew's monotone chain.
fn hull(points: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let half = |points: &mut dyn Iterator<Item = [f32; 2]>| {
        let mut chain: Vec<[f32; 2]> = Vec::new();
        for point in points {
            while let [.., a, b] = chain[..]
                && (b[0] - a[0]) * (point[1] - a[1]) <= (b[1] - a[1]) * (point[0] - a[0])
            {
                chain.pop();
            }
            chain.push(point);
        }
        chain
    };
    let mut hull = half(&mut sorted.iter().copied());
    hull.extend(half(&mut sorted.iter().rev().copied()));
    hull
}

fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// An ellipse with half axes `a`, `b` in pixels, turned by `angle`.
    fn ellipse(a: f32, b: f32, angle: f32) -> Mask {
        let inside = (0..64 * 64).map(|i| {
            let (x, y) = ((i % 64) as f32 - 31.5, (i / 64) as f32 - 31.5);
            let (u, v) = (x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin());
            (u / a).powi(2) + (v / b).powi(2) <= 1.0
        });
        Mask::new(64, 64, inside.collect()).unwrap()
    }

    #[test]
    fn the_diameters_of_ellipses_are_their_axes() {
        for angle in [0.0, 0.3, 0.8, 1.4, 2.2] {
            let Diameters { longest, perpendicular } = Diameters::of(&ellipse(24.0, 11.0, angle), [1.0; 2]).unwrap();
            assert!((longest.length() - 48.0).abs() < 1.0, "{angle}: {}", longest.length());
            assert!((perpendicular.length() - 22.0).abs() < 1.2, "{angle}: {}", perpendicular.length());
            let [u, v] = [longest, perpendicular].map(|line| [line.to[0] - line.from[0], line.to[1] - line.from[1]]);
            assert!((u[0] * v[0] + u[1] * v[1]).abs() < 1e-2, "they are perpendicular");
        }
    }

    #[test]
    fn no_two_points_are_farther_apart_than_the_longest_diameter() {
        let shape = ["##......", "###.....", "..##....", "...#####", "......##"];
        let inside = shape.iter().flat_map(|row| row.bytes().map(|pixel| pixel == b'#')).collect();
        let mask = Mask::new(8, 5, inside).unwrap();
        let points = outline(&mask, [1.0; 2]);
        let most = points.iter().flat_map(|&a| points.iter().map(move |&b| distance(a, b))).fold(0.0, f32::max);
        assert_eq!(Diameters::of(&mask, [1.0; 2]).unwrap().longest.length(), most);
        assert_eq!(Diameters::of(&Mask::new(3, 1, vec![false; 3]).unwrap(), [1.0; 2]), None);
    }
}
