//! The section on the classifier: its figures, ROC curve and calibration.

use coin_core::calibration::Temperature;
use maud::{Markup, html};

use super::decimal::{decimal, with_interval, with_places};
use super::{Report, figures, table};

/// The section.
pub fn section(report: &Report) -> Markup {
    let found = &report.classifier;
    let caption = html! {
        "Classification of slices as abnormal or normal. Accuracy and F1 at a probability of 0.5."
        @if let Some(Temperature(temperature)) = report.temperature {
            " Probabilities are calibrated: logits are divided by " (with_places(Some(temperature.into()), 2))
            ", fitted on validation."
        }
    };
    let row = html! {
        table {
            (table::head(&["AUROC (95% CI)", "AUROC, 0 to 1", "Accuracy", "F1", "Expected calibration error (ECE)"]))
            tbody {
                tr {
                    td { (with_interval(found.auroc, found.auroc_ci95)) }
                    td { (figures::interval(found.auroc, found.auroc_ci95)) }
                    td { (decimal(found.accuracy)) }
                    td { (decimal(found.f1)) }
                    td { (decimal(found.calibration_error)) }
                }
            }
        }
    };
    html! {
        section {
            h2 { "Classifier" }
            (table::captioned(&caption, &row))
            @if let Some(curves) = &report.classifier_curves {
                div.pair {
                    @if !curves.roc.is_empty() { (figures::roc(&curves.roc, found)) }
                    (figures::reliability(&curves.reliability, found.calibration_error))
                }
            }
        }
    }
}
