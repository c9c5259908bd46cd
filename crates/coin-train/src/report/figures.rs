//! The figures of a report: IoU by threshold, ROC curve, reliability diagram, and intervals in table cells.

use coin_core::metrics::{RankingSummary, ReliabilityBin, RocPoint};
use maud::{Markup, html};

use super::decimal::{decimal, with_interval};
use super::plot::Plot;
use crate::evaluation::MethodReport;

/// Line styles in the style sheet.
const STYLES: usize = 8;

fn style(series: usize) -> String {
    format!("series s{}", series % STYLES)
}

/// A point with its interval between 0 and 1, beside the digits of a table.
pub fn interval(value: Option<f64>, bounds: Option<[f64; 2]>) -> Markup {
    let at = |value: f64| 4.0 + 112.0 * value;
    html! {
        svg.interval viewBox="0 0 120 14" aria-hidden="true" {
            @for tick in [0.0, 0.5, 1.0] {
                line.grid x1=(at(tick)) x2=(at(tick)) y1="0" y2="14" {}
            }
            @if let Some([low, high]) = bounds {
                path.whisker d=(format!("M{0:.1} 7H{1:.1}M{0:.1} 4v6M{1:.1} 4v6", at(low), at(high))) {}
            }
            @if let Some(value) = value {
                circle.point cx=(format!("{:.1}", at(value))) cy="7" r="3" {}
            }
        }
    }
}

/// Pooled IoU of each method by threshold; the first one's operating point is marked.
pub fn iou_by_threshold(methods: &[(&str, &MethodReport)]) -> Markup {
    let plot = Plot::of_fractions("Threshold of the map", "Pooled IoU", 240.0);
    let marks = html! {
        @for (series, (_, found)) in methods.iter().enumerate().rev() {
            polyline class=(style(series)) points=(plot.points(found.iou_by_threshold.iter().map(|&(x, y)| (x.into(), y)))) {}
        }
        @if let Some((_, found)) = methods.first() {
            @let x = plot.x(found.threshold.into());
            line.mark x1=(x) x2=(x) y1=(plot.y(0.0)) y2=(plot.y(1.0)) {}
            text x=(x + 5.0) y=(plot.y(1.0) + 11.0) { "threshold " (found.threshold) }
            @if let Some(iou) = found.iou {
                circle.point cx=(x) cy=(plot.y(iou)) r="4.5" {}
            }
        }
    };
    html! {
        figure.beside {
            (plot.draw("Line chart of pooled IoU by threshold, one line per method", &marks))
            div {
                ul.legend {
                    @for (series, (name, _)) in methods.iter().enumerate() {
                        li {
                            svg viewBox="0 0 36 10" aria-hidden="true" {
                                line class=(style(series)) x1="1" x2="35" y1="5" y2="5" {}
                            }
                            span { (name) }
                        }
                    }
                }
                figcaption {
                    "Pooled IoU at each threshold, without a seed threshold. Vertical line: COIN's threshold. Dot: IoU with COIN's "
                    "mask rule."
                }
            }
        }
    }
}

/// The ROC curve; the operating point at probability 0.5 is marked.
pub fn roc(points: &[RocPoint], classifier: &RankingSummary) -> Markup {
    let plot = Plot::of_fractions("False-positive rate (1 − specificity)", "True-positive rate (sensitivity)", 340.0);
    let called = points.iter().rfind(|point| point.threshold.is_none_or(|threshold| threshold >= 0.5));
    let area = format!("AUROC {}", with_interval(classifier.auroc, classifier.auroc_ci95));
    let marks = html! {
        line.mark x1=(plot.x(0.0)) y1=(plot.y(0.0)) x2=(plot.x(1.0)) y2=(plot.y(1.0)) {}
        polyline.series.s0 points=(plot.points(points.iter().map(|p| (p.false_positive_rate, p.true_positive_rate)))) {}
        @if let Some(point) = called {
            circle.point cx=(plot.x(point.false_positive_rate)) cy=(plot.y(point.true_positive_rate)) r="4.5" {}
        }
        text x=(plot.x(0.98)) y=(plot.y(0.04)) text-anchor="end" { (area) }
    };
    html! {
        figure {
            (plot.draw(&format!("ROC curve, {area}"), &marks))
            figcaption { "ROC curve. Dot: a probability of 0.5. Dashed line: chance." }
        }
    }
}

/// The reliability diagram with the number of slices in each bin.
pub fn reliability(bins: &[ReliabilityBin], error: Option<f64>) -> Markup {
    let plot = Plot::of_fractions("Mean predicted probability", "Observed frequency", 220.0);
    let error = format!("ECE {}", decimal(error));
    let marks = html! {
        line.mark x1=(plot.x(0.0)) y1=(plot.y(0.0)) x2=(plot.x(1.0)) y2=(plot.y(1.0)) {}
        @for bin in bins {
            @let (x, y) = (bin.mean_probability, bin.abnormal);
            line.gap x1=(plot.x(x)) x2=(plot.x(x)) y1=(plot.y(x)) y2=(plot.y(y)) {}
            circle.point cx=(plot.x(x)) cy=(plot.y(y)) r="3.5" {}
        }
        text x=(plot.x(0.98)) y=(plot.y(0.05)) text-anchor="end" { (error) }
    };
    html! {
        figure {
            (plot.draw(&format!("Reliability diagram, {error}"), &marks))
            (bin_counts(bins))
            figcaption {
                "Calibration: observed frequency of abnormal slices by mean predicted probability, in 15 bins of equal width, and "
                "the number of slices per bin. Dashed line: perfect calibration."
            }
        }
    }
}

fn bin_counts(bins: &[ReliabilityBin]) -> Markup {
    let most = bins.iter().map(|bin| bin.slices).max().unwrap_or(1);
    let plot = Plot {
        x_title: "Predicted probability",
        y_title: "Slices",
        height: 74.0,
        top: most as f64,
        ticks: &[0.0, 1.0],
    };
    let marks = html! {
        @for bin in bins {
            @let (left, right, top) = (plot.x(bin.lower), plot.x(bin.upper), plot.y(bin.slices as f64));
            rect.bar x=(left + 1.0) width=(right - left - 2.0) y=(top) height=(plot.y(0.0) - top) {}
            text.count x=((left + right) / 2.0) y=(top - 2.0) text-anchor="middle" { (bin.slices) }
        }
    };
    plot.draw("Histogram of predicted probabilities, in the bins of the reliability diagram", &marks)
}
