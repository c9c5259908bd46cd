//! Separable resampling.

/// One axis of a resampling. Output sample `i` covers the input from `edge + i * step` to `edge + (i + 1) * step`, in
/// input pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) edge: f64,
    pub(crate) step: f64,
}

/// Two neighbouring input samples and the weight of the second; `None` outside the input.
type Tap = Option<(usize, usize, f32)>;

impl Axis {
    /// The inverse mapping, from output to input samples.
    pub(crate) fn inverse(self) -> Self {
        Self { input: self.output, output: self.input, edge: -self.edge / self.step, step: 1.0 / self.step }
    }

    /// Centre of output sample `i`, in input samples.
    fn centre(self, i: usize) -> f64 {
        self.edge + (i as f64 + 0.5) * self.step - 0.5
    }

    fn linear(self) -> impl Iterator<Item = Tap> {
        self.linear_within(0, self.input.saturating_sub(1))
    }

    /// Linear taps restricted to input samples `first..=last`, clamped at the ends; `None` outside the input.
    fn linear_within(self, first: usize, last: usize) -> impl Iterator<Item = Tap> {
        (0..self.output).map(move |i| {
            let centre = self.centre(i);
            let x = centre.clamp(first as f64, last as f64);
            let low = (x.floor() as usize).min(last);
            let on_input = centre > -0.5 && centre < self.input as f64 - 0.5;
            on_input.then_some((low, (low + 1).min(last), (x - low as f64) as f32))
        })
    }

    /// The sample at the left edge of each output sample, as in OpenCV's `INTER_NEAREST`.
    fn nearest(self) -> impl Iterator<Item = Tap> {
        (0..self.output).map(move |i| {
            // Keep quotients such as 3 * (20 / 15) from rounding down below a whole number.
            let x = (self.edge + i as f64 * self.step + 1e-9).floor();
            (x >= 0.0 && x < self.input as f64).then_some((x as usize, x as usize, 0.0))
        })
    }

    /// First and last input sample whose centre the output covers.
    fn covered(self) -> (usize, usize) {
        let last = self.input.saturating_sub(1) as f64;
        let start = (self.edge - 0.5).ceil().clamp(0.0, last);
        let end = (self.edge + self.output as f64 * self.step - 0.5).floor().clamp(start, last);
        (start as usize, end as usize)
    }
}

/// Bilinear resampling with half-pixel centres, as in OpenCV's `INTER_LINEAR`; samples outside the input are `outside`.
pub(crate) fn bilinear(values: &[f32], columns: Axis, rows: Axis, outside: f32) -> Vec<f32> {
    blend(values, columns, columns.linear(), rows.linear(), outside)
}

/// Bilinear resampling from only those samples that the output covers, so that nothing else leaks in.
pub(crate) fn bilinear_covered(values: &[f32], columns: Axis, rows: Axis, outside: f32) -> Vec<f32> {
    let (left, right) = columns.covered();
    let (top, bottom) = rows.covered();
    blend(values, columns, columns.linear_within(left, right), rows.linear_within(top, bottom), outside)
}

fn blend(
    values: &[f32],
    columns: Axis,
    across: impl Iterator<Item = Tap>,
    down: impl Iterator<Item = Tap>,
    outside: f32,
) -> Vec<f32> {
    let across: Vec<Tap> = across.collect();
    let at = |x: usize, y: usize| values.get(y * columns.input + x).copied().unwrap_or(outside);
    down.flat_map(|row| across.iter().map(move |&column| (row, column)))
        .map(|taps| match taps {
            (Some((top, bottom, v)), Some((left, right, u))) => {
                let upper = at(left, top) + u * (at(right, top) - at(left, top));
                let lower = at(left, bottom) + u * (at(right, bottom) - at(left, bottom));
                upper + v * (lower - upper)
            }
            _ => outside,
        })
        .collect()
}

/// Nearest-neighbour resampling; samples outside the input are `outside`.
pub(crate) fn nearest<T: Copy>(values: &[T], columns: Axis, rows: Axis, outside: T) -> Vec<T> {
    let across: Vec<Tap> = columns.nearest().collect();
    rows.nearest()
        .flat_map(|row| across.iter().map(move |&column| (row, column)))
        .map(|taps| match taps {
            (Some((y, ..)), Some((x, ..))) => values.get(y * columns.input + x).copied().unwrap_or(outside),
            _ => outside,
        })
        .collect()
}
