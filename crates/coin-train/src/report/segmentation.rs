//! The section on segmentation: comparison of methods, metrics of the counterfactuals, and IoU by threshold.

use maud::{Markup, html};

use super::decimal::{decimal, with_interval, with_places};
use super::{Report, figures, table};
use crate::evaluation::MethodReport;

/// The section.
pub fn section(report: &Report) -> Markup {
    let methods: Vec<(&str, &MethodReport)> = report.methods.all().collect();
    html! {
        section {
            h2 { "Segmentation" }
            (overlaps(&methods))
            (counterfactuals(&methods))
            (figures::iou_by_threshold(&methods))
        }
    }
}

fn overlaps(methods: &[(&str, &MethodReport)]) -> Markup {
    let caption = html! {
        "Agreement with the reference masks of abnormal slices. IoU, Dice, precision and recall are pooled over pixels. "
        "Parentheses: 95% confidence intervals (CI), bootstrapped over patients. Best IoU: over thresholds of 0.01 to 0.99 on "
        "these slices, without a seed threshold. Normal with mask: share of the normal slices that have a mask."
    };
    let rows = html! {
        table {
            (table::head(&[
                "Method", "IoU (95% CI)", "IoU, 0 to 1", "Dice", "Precision", "Recall", "Mean IoU per slice (95% CI)", "Threshold",
                "Seed threshold", "Best IoU (threshold)", "Normal with mask",
            ]))
            tbody {
                @for (name, found) in methods {
                    tr {
                        th scope="row" { (name) }
                        td { (with_interval(found.iou, found.iou_ci95)) }
                        td { (figures::interval(found.iou, found.iou_ci95)) }
                        td { (decimal(found.dice)) }
                        td { (decimal(found.precision)) }
                        td { (decimal(found.recall)) }
                        td { (with_interval(found.iou_mean, found.iou_mean_ci95)) }
                        td { (found.threshold) }
                        td { @if found.seed_threshold > 0.0 { (found.seed_threshold) } @else { (decimal(None)) } }
                        td {
                            (decimal(found.best().map(|(_, iou)| iou)))
                            @if let Some((threshold, _)) = found.best() { " (" (threshold) ")" }
                        }
                        td { (decimal(found.normal_with_mask)) }
                    }
                }
            }
        }
    };
    table::captioned(&caption, &rows)
}

fn counterfactuals(methods: &[(&str, &MethodReport)]) -> Markup {
    // Saliency maps and segmenters have no counterfactuals.
    let explaining = methods.iter().filter(|(_, found)| found.counterfactual_accuracy.is_some());
    let caption = html! {
        "Quality of the counterfactuals. Ceiling IoU: a perfect inpainter under the same mask rule, known for synthetic "
        "anomalies. Counterfactual validity (CV): share of the slices with a probability above 0.8 whose probability changes "
        "by more than 0.8, both not calibrated. Counterfactual accuracy: share of counterfactuals with the intended class. Change outside: mean "
        "absolute difference outside the reference mask, as a fraction of the intensity range."
    };
    let rows = html! {
        table {
            (table::head(&[
                "Method", "Ceiling IoU", "CV", "CV, all slices", "Counterfactual accuracy", "Change outside", "FID (768 features)",
                "Fréchet distance (classifier features)",
            ]))
            tbody {
                @for (name, found) in explaining {
                    tr {
                        th scope="row" { (name) }
                        td { (decimal(found.ceiling_iou)) }
                        td { (decimal(found.cv)) }
                        td { (decimal(found.cv_all_slices)) }
                        td { (decimal(found.counterfactual_accuracy)) }
                        td { (with_places(found.change_outside, 4)) }
                        td { (decimal(found.fid)) }
                        td { (decimal(found.frechet_classifier)) }
                    }
                }
            }
        }
    };
    table::captioned(&caption, &rows)
}
