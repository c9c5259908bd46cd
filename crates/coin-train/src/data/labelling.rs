//! Labels slices as normal or abnormal according to a task.

use super::{Row, Subset};
use crate::recipe::{Finding, Names, Task};

impl Task {
    /// Whether a slice is abnormal before anomalies are inserted; `None` if it is not used.
    pub fn abnormal(&self, row: &Row, subset: Subset) -> Option<bool> {
        let enough = |names: &[String], pixels: u32, area_mm2: Option<f32>| {
            let found = row.pixels(names);
            match (area_mm2, row.spacing) {
                (Some(least), Some(spacing)) => found as f32 * spacing.row_mm() * spacing.column_mm() >= least,
                _ => found >= pixels,
            }
        };
        let Self { organ: Names(organ), ignore: Names(ignore), .. } = self;
        let shown = organ.is_empty() || enough(organ, self.min_organ_pixels, self.min_organ_area_mm2);
        let ignored = row.pixels(ignore) > 0 && !(self.train_on_ignored && subset == Subset::Train);
        let normal = shown && !ignored;
        match &self.finding {
            Finding::Synthetic => normal.then_some(false),
            Finding::Labelled => row.abnormal,
            Finding::Labels(Names(names)) if row.pixels(names) == 0 => normal.then_some(false),
            Finding::Labels(Names(names)) => {
                enough(names, self.min_finding_pixels, self.min_finding_area_mm2).then_some(true)
            }
        }
    }
}
