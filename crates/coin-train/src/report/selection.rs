//! Which slices a report pictures.

use std::collections::BTreeSet;

use crate::evaluation::SliceResult;

/// Slices pictured at most.
const MOST: usize = 24;

/// Why a slice is pictured, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Among the highest IoU.
    Best,
    /// A quarter of the IoUs are higher.
    UpperQuartile,
    /// Half of the IoUs are higher.
    Median,
    /// A quarter of the IoUs are lower.
    LowerQuartile,
    /// Among the lowest IoU.
    Worst,
    /// Abnormal and called normal.
    FalseNegative,
    /// Normal and called abnormal.
    FalsePositive,
    /// Normal and called normal, with a mask.
    FalseMask,
    /// With an OOD warning and one of the highest scores.
    OutOfDistribution,
    /// Normal, called normal and without a mask.
    TrueNegative,
}

impl Reason {
    /// For captions.
    pub fn title(self) -> &'static str {
        match self {
            Self::Best => "Highest IoU",
            Self::UpperQuartile => "Upper quartile of IoU",
            Self::Median => "Median IoU",
            Self::LowerQuartile => "Lower quartile of IoU",
            Self::Worst => "Lowest IoU",
            Self::FalseNegative => "False negative",
            Self::FalsePositive => "False positive",
            Self::FalseMask => "Mask on a normal slice",
            Self::OutOfDistribution => "OOD warning",
            Self::TrueNegative => "True negative",
        }
    }
}

/// Places of the most informative slices, the most informative first: one for each reason in turn.
pub fn selected(cases: &[SliceResult]) -> Vec<(Reason, usize)> {
    let by_iou = ranked(cases, |case| case.iou, |_| true);
    let quartile = |part: usize| by_iou.get(by_iou.len().saturating_sub(1) * part / 4).copied().into_iter().collect();
    let false_positive = |case: &SliceResult| !case.abnormal && case.called_abnormal();
    let called_normal = |case: &SliceResult| !case.abnormal && !case.called_abnormal();
    let area = |case: &SliceResult| Some(case.mask_pixels as f64);
    let before = |case: &SliceResult| Some(f64::from(case.probability_before));
    let queues: [(Reason, Vec<usize>); 10] = [
        (Reason::FalseNegative, {
            let missed = |case: &SliceResult| case.abnormal && !case.called_abnormal();
            ranked(cases, |case| before(case).map(|probability| -probability), missed)
        }),
        (Reason::FalsePositive, ranked(cases, before, false_positive)),
        (Reason::FalseMask, ranked(cases, area, |case| called_normal(case) && case.mask_pixels > 0)),
        (Reason::Best, by_iou.clone()),
        (Reason::Worst, by_iou.iter().rev().copied().collect()),
        (Reason::Median, quartile(2)),
        (Reason::UpperQuartile, quartile(1)),
        (Reason::LowerQuartile, quartile(3)),
        (
            Reason::OutOfDistribution,
            ranked(cases, |case| case.ood_score.map(|score| f64::from(score.0)), SliceResult::warned),
        ),
        (
            Reason::TrueNegative,
            ranked(cases, before, |case| called_normal(case) && case.mask_pixels == 0).into_iter().take(1).collect(),
        ),
    ];
    let (mut chosen, mut seen) = (Vec::new(), BTreeSet::new());
    for round in 0..MOST {
        for (reason, queue) in &queues {
            let Some((&place, case)) = queue.get(round).and_then(|place| Some((place, cases.get(*place)?))) else {
                continue;
            };
            // A slice can be evaluated several times, with another synthetic anomaly or none.
            if chosen.len() < MOST && seen.insert((&case.case, &case.slice, case.abnormal)) {
                chosen.push((*reason, place));
            }
        }
    }
    chosen
}

/// Places of the wanted slices that have a value, by falling value.
fn ranked(
    cases: &[SliceResult],
    value: impl Fn(&SliceResult) -> Option<f64>,
    wanted: impl Fn(&SliceResult) -> bool,
) -> Vec<usize> {
    let wanted = cases.iter().enumerate().filter(|(_, case)| wanted(case));
    let mut found: Vec<(usize, f64)> = wanted.filter_map(|(place, case)| Some((place, value(case)?))).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.into_iter().map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(name: u8, abnormal: bool, probability_before: f32, iou: Option<f64>, mask_pixels: usize) -> SliceResult {
        SliceResult {
            case: "patient".into(),
            slice: format!("{name}.png"),
            abnormal,
            probability_before,
            probability_after: 0.0,
            iou,
            dice: iou,
            mask_pixels,
            reference_pixels: None,
            ood_score: None,
        }
    }

    #[test]
    fn errors_come_first_and_no_slice_comes_twice() {
        let mut cases = vec![
            slice(100, true, 0.2, Some(0.5), 9),
            slice(101, false, 0.9, None, 0),
            slice(102, false, 0.1, None, 3),
            slice(103, false, 0.1, None, 0),
        ];
        cases.extend((0..60).map(|i| slice(i, true, 0.99, Some(f64::from(i) / 100.0), 9)));
        cases.push(slice(59, true, 0.99, Some(0.59), 9));
        let chosen = selected(&cases);
        assert_eq!(
            &chosen[..5],
            [
                (Reason::FalseNegative, 0),
                (Reason::FalsePositive, 1),
                (Reason::FalseMask, 2),
                (Reason::Best, 63),
                (Reason::Worst, 4),
            ]
        );
        assert!(chosen.contains(&(Reason::TrueNegative, 3)));
        let names: BTreeSet<&str> = chosen.iter().map(|(_, place)| cases[*place].slice.as_str()).collect();
        assert_eq!((chosen.len(), names.len()), (MOST, MOST));
        assert_eq!(selected(&[]), []);
    }
}
