//! Axes as inline SVG. Marks are placed in fractions of the axes, colours and dashes come from the style sheet.

use maud::{Markup, html};

const WIDTH: f64 = 340.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 10.0;
const RIGHT: f64 = 12.0;
const BOTTOM: f64 = 40.0;
const QUARTERS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

fn tenths(length: f64) -> f64 {
    (10.0 * length).round() / 10.0
}

/// A plot whose x axis runs from 0 to 1.
pub struct Plot {
    /// Title of the x axis.
    pub x_title: &'static str,
    /// Title of the y axis.
    pub y_title: &'static str,
    /// Height of the area between the axes; its width is 340.
    pub height: f64,
    /// Value at the top of the y axis, which starts at 0.
    pub top: f64,
    /// Ticks of the y axis as fractions of its length.
    pub ticks: &'static [f64],
}

impl Plot {
    /// A plot whose y axis runs from 0 to 1 as well.
    pub fn of_fractions(x_title: &'static str, y_title: &'static str, height: f64) -> Self {
        Self { x_title, y_title, height, top: 1.0, ticks: &QUARTERS }
    }

    /// Where an x value lies.
    pub fn x(&self, x: f64) -> f64 {
        tenths(LEFT + x * WIDTH)
    }

    /// Where a y value lies.
    pub fn y(&self, y: f64) -> f64 {
        tenths(TOP + (1.0 - y / self.top) * self.height)
    }

    /// Points of a polyline.
    pub fn points(&self, points: impl Iterator<Item = (f64, f64)>) -> String {
        points.map(|(x, y)| format!("{},{}", self.x(x), self.y(y))).collect::<Vec<_>>().join(" ")
    }

    /// Axes with marks; `label` describes the plot for screen readers.
    pub fn draw(&self, label: &str, marks: &Markup) -> Markup {
        let (width, height) = (LEFT + WIDTH + RIGHT, TOP + self.height + BOTTOM);
        let (foot, middle) = (self.y(0.0), TOP + self.height / 2.0);
        html! {
            svg.plot viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(label) {
                @for tick in QUARTERS {
                    line.grid x1=(self.x(tick)) x2=(self.x(tick)) y1=(TOP) y2=(foot) {}
                    text x=(self.x(tick)) y=(foot + 15.0) text-anchor="middle" { (tick) }
                }
                @for tick in self.ticks.iter().map(|tick| tick * self.top) {
                    line.grid x1=(LEFT) x2=(LEFT + WIDTH) y1=(self.y(tick)) y2=(self.y(tick)) {}
                    text x=(LEFT - 6.0) y=(self.y(tick)) text-anchor="end" dominant-baseline="middle" { (tick) }
                }
                path.axis d=(format!("M{LEFT} {TOP}V{foot}H{}", LEFT + WIDTH)) {}
                text x=(LEFT + WIDTH / 2.0) y=(height - 6.0) text-anchor="middle" { (self.x_title) }
                text transform=(format!("translate(12 {middle}) rotate(-90)")) text-anchor="middle" { (self.y_title) }
                (marks)
            }
        }
    }
}
