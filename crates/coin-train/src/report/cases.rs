//! The section on single slices: pictures of selected ones, and a table of all.

use coin_imaging::colour::{self, Rgb};
use maud::{Markup, html};

use super::decimal::{count, decimal};
use super::thumbnails::{Thumbnail, Thumbnails};
use super::{Report, table};
use crate::evaluation::SliceResult;

/// Rows of the table at most, which a browser still sorts at once.
const MOST_ROWS: usize = 2000;
/// Captions of the pictures of a slice.
const PICTURES: [&str; 4] = ["Input", "Counterfactual", "Difference", "Mask and reference"];

/// The section; empty for reports without slices.
pub fn section(report: &Report, thumbnails: &Thumbnails) -> Markup {
    html! {
        @if !report.cases.is_empty() {
            section.cases {
                h2 { "Cases" }
                p {
                    "Selected slices: highest, lowest and quartiles of IoU, errors of the classifier, masks on normal slices, and OOD "
                    "warnings. From left to right: input, counterfactual, difference, mask against reference. "
                    span.screen { "Select a row to enlarge it." }
                }
                p { (legend()) }
                div.cards {
                    @for thumbnail in thumbnails.iter() {
                        @if let Some(case) = report.cases.get(thumbnail.place) { (card(thumbnail, case)) }
                    }
                }
                (all(report, thumbnails))
            }
        }
    }
}

fn name(place: usize) -> String {
    format!("slice-{}", place + 1)
}

fn label(case: &SliceResult) -> &'static str {
    if case.abnormal { "abnormal" } else { "normal" }
}

fn probability(value: f32) -> String {
    decimal(f64::from(value))
}

fn legend() -> Markup {
    let swatch =
        |[red, green, blue]: Rgb| html! { i.swatch style=(format!("background:rgb({red} {green} {blue})")) {} };
    let stops = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0].map(colour::difference);
    let stops = stops.map(|[red, green, blue]| format!("rgb({red} {green} {blue})")).join(",");
    html! {
        span.key { (swatch(colour::TRUE_POSITIVE)) "true positive" }
        span.key { (swatch(colour::FALSE_POSITIVE)) "false positive" }
        span.key { (swatch(colour::FALSE_NEGATIVE)) "false negative" }
        span.key { "difference 0 " i.scale style=(format!("background:linear-gradient(90deg,{stops})")) {} " 1" }
    }
}

fn card(thumbnail: &Thumbnail, case: &SliceResult) -> Markup {
    html! {
        details.card id=(name(thumbnail.place)) {
            summary {
                span.pictures {
                    @for (caption, picture) in PICTURES.iter().zip(&thumbnail.pictures) {
                        span { img src=(picture) alt=(format!("{caption}, {}", case.slice)); span { (caption) } }
                    }
                }
                span.caption {
                    strong { (thumbnail.reason.title()) ". " }
                    (case.slice) ", " (label(case)) ", p "
                    (probability(case.probability_before)) " → " (probability(case.probability_after))
                    @if case.iou.is_some() { ", IoU " (decimal(case.iou)) ", Dice " (decimal(case.dice)) }
                    @if case.mask_pixels > 0 && !case.abnormal { ", mask of " (case.mask_pixels) " pixels" }
                    @if case.warned() { ", OOD score " (decimal(case.ood_score.map(|score| f64::from(score.0)))) }
                }
            }
            p { (legend()) }
            p.screen { "Select the pictures again, or press Escape, to close." }
        }
    }
}

fn all(report: &Report, thumbnails: &Thumbnails) -> Markup {
    let scored = report.cases.iter().any(|case| case.ood_score.is_some());
    let mut columns =
        vec!["Case", "Slice", "Label", "p before", "p after", "IoU", "Dice", "Mask area", "Reference area"];
    columns.extend(scored.then_some("OOD score"));
    let rows = report.cases.iter().enumerate();
    let rows: Vec<_> = rows.filter(|(place, _)| *place < MOST_ROWS || thumbnails.shows(*place)).collect();
    let caption = html! {
        @if rows.len() < report.cases.len() {
            (rows.len()) " of " (report.cases.len()) " evaluated slices: the first and those pictured; report.json has all. "
        } @else {
            "All evaluated slices. "
        }
        "p: probability of an abnormal slice, before and after inpainting. Areas in pixels of the model's "
        "input. Linked slices are pictured above."
        @if scored { " OOD scores above 1 trigger a warning." }
    };
    let rows = html! {
        table.sortable {
            (table::head(&columns))
            tbody {
                @for (place, case) in rows {
                    tr {
                        td { (case.case) }
                        td {
                            @if thumbnails.shows(place) { a href={ "#" (name(place)) } { (case.slice) } } @else { (case.slice) }
                        }
                        td { (label(case)) }
                        td { (probability(case.probability_before)) }
                        td { (probability(case.probability_after)) }
                        td { (decimal(case.iou)) }
                        td { (decimal(case.dice)) }
                        td { (case.mask_pixels) }
                        td { (count(case.reference_pixels)) }
                        @if scored {
                            td { (decimal(case.ood_score.map(|score| f64::from(score.0)))) @if case.warned() { " warning" } }
                        }
                    }
                }
            }
        }
    };
    table::captioned(&caption, &rows)
}
