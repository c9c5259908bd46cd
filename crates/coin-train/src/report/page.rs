//! `report.html`: one file that needs no other and no network, for screens, phones and paper.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::decimal::{decimal, with_interval, with_places};
use super::thumbnails::Thumbnails;
use super::{DISTILLED, Report, cases, classifier, negative_controls, segmentation};

/// Print comes last: it overrides what screens have.
const STYLE: &str = concat!(
    include_str!("style/page.css"),
    include_str!("style/tables.css"),
    include_str!("style/figures.css"),
    include_str!("style/cases.css"),
    include_str!("style/print.css"),
);
const SCRIPT: &str = include_str!("script.js");

/// The page of a report.
pub fn html(report: &Report, thumbnails: &Thumbnails) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "COIN evaluation: " (report.model) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header {
                        p.kicker { "COIN evaluation report" }
                        h1 { (report.model) }
                        p.lead { (result(report)) }
                        p.notice { (report.notice) }
                    }
                    (key_figures(report))
                    (segmentation::section(report))
                    (classifier::section(report))
                    (negative_controls::section(report))
                    (cases::section(report, thumbnails))
                    (provenance(report))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn result(report: &Report) -> Markup {
    let (coin, classifier, slices) = (&report.methods.coin, &report.classifier, report.slices);
    html! {
        @if coin.iou.is_some() {
            "Pooled IoU " (with_interval(coin.iou, coin.iou_ci95)) " on " (slices.abnormal) " abnormal slices; "
        }
        "AUROC " (with_interval(classifier.auroc, classifier.auroc_ci95)) " on " (slices.total) " slices."
    }
}

fn key_figures(report: &Report) -> Markup {
    let (coin, classifier, slices) = (&report.methods.coin, &report.classifier, report.slices);
    let figure = |name: &str, value: &str, detail: &str| {
        html! { div { dt { (name) } dd { strong { (value) } @if !detail.is_empty() { span { (detail) } } } } }
    };
    let interval = |bounds: Option<[f64; 2]>| {
        bounds.map_or_else(String::new, |[low, high]| format!("95% CI {}–{}", decimal(low), decimal(high)))
    };
    html! {
        section {
            h2 { "Key figures" }
            dl.figures {
                (figure("Pooled IoU", &decimal(coin.iou), &interval(coin.iou_ci95)))
                (figure("Dice", &decimal(coin.dice), ""))
                (figure("Ceiling IoU", &decimal(coin.ceiling_iou), "perfect inpainting"))
                @if let Some(distilled) = &report.methods.distilled {
                    (figure(DISTILLED, &decimal(distilled.iou), &interval(distilled.iou_ci95)))
                }
                @if let Some(unet) = &report.methods.unet {
                    (figure("Supervised upper bound (U-Net)", &decimal(unet.iou), &interval(unet.iou_ci95)))
                }
                (figure("Counterfactual validity", &decimal(coin.cv), ""))
                (figure("Change outside", &with_places(coin.change_outside, 4), "of the intensity range"))
                (figure("AUROC", &decimal(classifier.auroc), &interval(classifier.auroc_ci95)))
                (figure("Slices", &slices.total.to_string(), &format!("{} abnormal", slices.abnormal)))
                @if let Some(warned) = report.ood_warnings {
                    (figure("OOD warnings", &warned.to_string(), &format!("of {} slices", slices.total)))
                }
            }
        }
    }
}

fn provenance(report: &Report) -> Markup {
    html! {
        section {
            h2 { "Provenance" }
            dl.provenance {
                dt { "Model" }
                dd { (report.model) }
                @if let Some(hash) = &report.weights_sha256 {
                    dt { "SHA-256 of the weights" }
                    dd { code { (hash) } }
                }
                dt { "Data" }
                dd { (report.data) "; " (report.slices.total) " slices, " (report.slices.abnormal) " abnormal" }
                dt { "Device" }
                dd { (report.device) }
                dt { "Mask rule" }
                dd { (mask_rule(report)) }
                dt { "Confidence intervals" }
                dd { "95%, percentile bootstrap over patients, 2000 resamplings" }
                @if let Some(software) = &report.software {
                    dt { "Software" }
                    dd { (software) }
                }
                dt { "Evaluation time" }
                dd { (with_places(report.seconds, 1)) " s" }
                dt { "Notice" }
                dd { (report.notice) }
            }
        }
    }
}

fn mask_rule(report: &Report) -> Markup {
    html! {
        "difference above " (report.threshold)
        @if report.methods.coin.seed_threshold > 0.0 {
            "; components that exceed the seed threshold " (report.methods.coin.seed_threshold)
        }
        @if let Some(rule) = report.verification {
            "; verified: of the components above " (rule.threshold) ", at most " (rule.most)
            " that raise the probability by more than " (rule.margin)
        }
        @if report.postprocess == Some(true) { "; opened, closed, largest component" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::MethodReport;

    #[test]
    fn a_report_without_slices_is_read_and_shown() {
        let shipped = include_str!("../../../../models/coin-kidney-anomaly/report.json");
        let mut report: Report = serde_json::from_str(shipped).expect("a report of an older version");
        assert!(report.cases.is_empty() && report.classifier_curves.is_none());
        report.model = "<b>name</b>".into();
        report.methods.unet = Some(report.methods.coin.clone());
        report.methods.distilled = Some(MethodReport { iou: Some(0.4321), ..MethodReport::default() });
        report.methods.coin.iou = None;
        report.classifier.f1 = Some(f64::NAN);
        let page = html(&report, &Thumbnails::default());
        assert!(page.contains("<h1>&lt;b&gt;name&lt;/b&gt;</h1>") && !page.contains("<b>"));
        assert!(page.contains("Supervised upper bound (U-Net)") && page.contains("0.753"));
        assert!(page.contains("COIN + distillation (U-Net)") && page.contains("0.432"));
        assert!(!page.contains("NaN") && !page.contains(">Cases<"));
    }
}
