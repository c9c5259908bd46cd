//! The section on negative controls: images without a finding.

use maud::{Markup, html};

use super::decimal::{decimal, with_places};
use super::{Report, table};

/// The section; empty without negative controls.
pub fn section(report: &Report) -> Markup {
    let caption = html! {
        "Images without a finding, and the shares of them that are called abnormal, have a non-empty mask or trigger an "
        "out-of-distribution (OOD) warning. Mean change: mean absolute difference between image and counterfactual, as a "
        "fraction of the intensity range."
    };
    let rows = html! {
        table {
            (table::head(&["Images", "Number", "Called abnormal", "Non-empty mask", "OOD warning", "Mean change"]))
            tbody {
                @for (name, control) in &report.controls {
                    tr {
                        th scope="row" { (name) }
                        td { (control.slices) }
                        td { (decimal(control.called_abnormal)) }
                        td { (decimal(control.masked)) }
                        td { (decimal(control.ood_warnings)) }
                        td { (with_places(control.mean_change, 4)) }
                    }
                }
            }
        }
    };
    html! {
        @if !report.controls.is_empty() {
            section {
                h2 { "Negative controls" }
                (table::captioned(&caption, &rows))
            }
        }
    }
}
