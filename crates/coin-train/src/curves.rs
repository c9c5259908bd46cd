//! Plots the training curves of a run: losses and validation metrics of each stage.

use anyhow::Context as _;
use coin_imaging::picture::Picture;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};
use serde_json::Value;

const WIDTH: u32 = 1080;
/// Height of one chart in pixels.
const HEIGHT: u32 = 300;
/// Width of the legend, to the right of the axes.
const LEGEND: u32 = 200;
const COLOURS: [RGBColor; 6] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
    RGBColor(255, 127, 14),
    RGBColor(148, 103, 189),
    RGBColor(90, 90, 90),
];
/// Losses are averaged over this many steps, so that the trend is visible.
const SMOOTHED_STEPS: usize = 10;

/// Curves with fewer points than this get point markers.
const MARKED: usize = 30;

/// One line of a chart: its name and the JSON pointer to its value in a log line.
type Line = (&'static str, &'static str);

/// A chart: stage, title, and lines.
struct Chart {
    stage: &'static str,
    title: &'static str,
    lines: &'static [Line],
}

const CHARTS: [Chart; 8] = [
    Chart {
        stage: "localisation-pretraining",
        title: "Localisation pretraining: loss and validation",
        lines: &[("loss", "/loss"), ("AUROC", "/validation/auroc")],
    },
    Chart {
        stage: "classifier",
        title: "Classifier: loss and validation",
        lines: &[("cross-entropy", "/loss"), ("AUROC", "/validation/auroc"), ("accuracy", "/validation/accuracy")],
    },
    Chart {
        stage: "inpainting-pretraining",
        title: "Inpainting pretraining: loss and validation",
        lines: &[("loss", "/loss"), ("IoU at the best threshold", "/iou")],
    },
    Chart {
        stage: "counterfactual",
        title: "Generator: weighted loss terms",
        lines: &[
            ("adversarial", "/losses/generator/adversarial"),
            ("KL", "/losses/generator/kl"),
            ("reconstruction", "/losses/generator/reconstruction"),
            ("minimal change", "/losses/generator/minimal_change"),
            ("total variation", "/losses/generator/total_variation"),
        ],
    },
    Chart {
        stage: "counterfactual",
        title: "Discriminator: loss",
        lines: &[("real", "/losses/discriminator_real"), ("counterfactual", "/losses/discriminator_fake")],
    },
    Chart {
        stage: "counterfactual",
        title: "Counterfactual: validation",
        lines: &[
            ("IoU at the best threshold", "/iou"),
            ("IoU at 0.25", "/validation/iou"),
            ("CV", "/validation/cv"),
            ("precision", "/validation/precision"),
            ("recall", "/validation/recall"),
        ],
    },
    Chart {
        stage: "distillation",
        title: "Distillation: loss and validation",
        lines: &[("loss", "/loss"), ("IoU", "/validation/iou")],
    },
    Chart {
        stage: "segmenter",
        title: "Segmenter: loss and validation",
        lines: &[("loss", "/loss"), ("IoU", "/validation/iou")],
    },
];

/// Plots the lines of `metrics.jsonl`, one chart for each group of metrics that the log contains.
///
/// # Errors
/// If drawing fails.
pub fn of_log(log: &[Value]) -> anyhow::Result<Picture> {
    let font = register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    font.ok().context("the embedded font for the curves is damaged")?;
    let charts = CHARTS.iter().map(|chart| (chart, Curve::of_chart(chart, log)));
    let charts: Vec<(&Chart, Vec<Curve>)> = charts.filter(|(_, curves)| !curves.is_empty()).collect();
    let rows = charts.len().max(1);
    let height = HEIGHT * rows as u32;
    let mut pixels = vec![0; (WIDTH * height * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (WIDTH, height)).into_drawing_area();
        area.fill(&WHITE)?;
        let parts = area.split_evenly((rows, 1));
        parts.iter().zip(charts).try_for_each(|(part, (chart, curves))| draw(part, chart, curves))?;
        area.present()?;
    }
    let colours = pixels.chunks_exact(3).map(|colour| [colour[0], colour[1], colour[2]]);
    Ok(Picture::from_pixels(WIDTH as usize, height as usize, colours))
}

/// A line with its data points.
struct Curve {
    name: &'static str,
    colour: RGBColor,
    /// (step, value)
    points: Vec<(f64, f64)>,
}

impl Curve {
    /// The lines of `chart` that have data points.
    fn of_chart(chart: &Chart, log: &[Value]) -> Vec<Self> {
        let lines = chart.lines.iter().zip(COLOURS);
        lines
            .map(|(&(name, pointer), colour)| Self { name, colour, points: points(log, chart, pointer) })
            .filter(|curve| !curve.points.is_empty())
            .collect()
    }
}

fn draw(
    area: &DrawingArea<BitMapBackend<'_>, plotters::coord::Shift>,
    chart: &Chart,
    curves: Vec<Curve>,
) -> anyhow::Result<()> {
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let last = all().map(|(step, _)| *step).fold(1.0, f64::max);
    let top = all().map(|(_, value)| *value).fold(0.0, f64::max);
    let top = if top > 0.0 { top * 1.05 } else { 1.0 };
    let mut axes = ChartBuilder::on(area)
        .caption(chart.title, ("sans-serif", 22))
        .margin(10)
        .margin_right(LEGEND)
        .x_label_area_size(30)
        .y_label_area_size(55)
        .build_cartesian_2d(0.0..last, 0.0..top)?;
    axes.configure_mesh()
        .x_desc("step")
        .x_label_formatter(&|step| format!("{step:.0}"))
        .max_light_lines(1)
        .bold_line_style(RGBColor(220, 220, 220))
        .light_line_style(WHITE)
        .label_style(("sans-serif", 14))
        .draw()?;
    for (row, Curve { name, colour, points }) in (0..).zip(curves) {
        if points.len() < MARKED {
            // A single point would not be visible as a line.
            axes.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
        }
        axes.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
        let (x, y) = ((WIDTH - LEGEND + 12) as i32, 50 + 20 * row);
        area.draw(&PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)))?;
        area.draw(&Text::new(name, (x + 26, y - 7), ("sans-serif", 14)))?;
    }
    Ok(())
}

/// (step, value) of each log line of the chart's stage that has this value.
fn points(log: &[Value], chart: &Chart, pointer: &str) -> Vec<(f64, f64)> {
    let of_stage = log.iter().filter(|line| line["stage"] == chart.stage);
    let found: Vec<(f64, f64)> =
        of_stage.filter_map(|line| Some((line["step"].as_f64()?, line.pointer(pointer)?.as_f64()?))).collect();
    let smoothed = if pointer.starts_with("/loss") { SMOOTHED_STEPS } else { 1 };
    let mean = |part: &[(f64, f64)]| {
        let sum = part.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (sum.0 / part.len() as f64, sum.1 / part.len() as f64)
    };
    found.chunks(smoothed).map(mean).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rising_curve_is_drawn_where_its_data_points_are() {
        let log: Vec<Value> = (0..40)
            .map(|step| json!({ "stage": "counterfactual", "step": step, "iou": f64::from(step) / 40.0 }))
            .collect();
        let (empty, drawn) = (of_log(&[]).unwrap(), of_log(&log).unwrap());
        let ink = |picture: &Picture, x: std::ops::Range<u32>| {
            let [r, g, b] = [COLOURS[0].0, COLOURS[0].1, COLOURS[0].2];
            let rows = (0..HEIGHT).rev();
            let pixels = rows.flat_map(|y| x.clone().map(move |x| (x, y)));
            pixels.filter(|&(x, y)| picture.pixel(x, y) == Some([r, g, b])).map(|(_, y)| y).collect::<Vec<_>>()
        };
        let (left, right) = (ink(&drawn, 80..300), ink(&drawn, 650..WIDTH - LEGEND));
        assert!(ink(&empty, 80..WIDTH - LEGEND).is_empty());
        let mean = |rows: &[u32]| rows.iter().sum::<u32>() / rows.len() as u32;
        assert!(mean(&left) > mean(&right) + 60, "the line does not rise");
        assert!(drawn.pixel(0, HEIGHT - 1).is_some() && drawn.pixel(0, HEIGHT).is_none(), "one chart has data");
        let third = of_log(&[json!({ "stage": "counterfactual", "step": 1, "validation": { "cv": 0.5 } })]).unwrap();
        let legend: Vec<_> = (40..100).filter_map(|y| third.pixel(WIDTH - LEGEND + 20, y)).collect();
        let colour = |i: usize| [COLOURS[i].0, COLOURS[i].1, COLOURS[i].2];
        assert!(legend.contains(&colour(2)) && !legend.contains(&colour(0)), "only the CV has data");
        let pretraining = json!({ "stage": "inpainting-pretraining", "step": 1, "loss": 0.5 });
        let both = of_log(&[log, vec![pretraining]].concat()).unwrap();
        assert!(both.pixel(0, 2 * HEIGHT - 1).is_some(), "a run with pretraining has a chart for it");
    }
}
