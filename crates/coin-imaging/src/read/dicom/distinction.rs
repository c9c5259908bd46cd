//! What tells acquisitions of one series apart: phases of contrast, time points, echoes, reconstructions.

use super::dataset::{
    ACQUISITION, ACQUISITION_TIME, B_VALUE, DataSet, ECHO, ECHO_TIME, EFFECTIVE_ECHO_TIME, FRAME_ACQUISITION,
    FRAME_TIME, FRAME_TYPE, Field, IMAGE_TYPE, KERNEL, SERIES_NUMBER, STACK, THICKNESS, TIME, TIME_INDEX,
    TRIGGER_DELAY, TRIGGER_TIME, text,
};
use crate::error::excerpt;

/// A property in which acquisitions of one series can differ.
pub(crate) struct Distinction {
    /// Its elements with their encoding, those of multi-frame files first.
    elements: &'static [(Field, Kind)],
    /// Relative difference up to which numbers are equal.
    tolerance: f64,
    /// Whether slices of one volume can differ in it. It is then compared only where slices share a place.
    pub varies: bool,
}

/// The encoding of a value.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    /// DS, IS or TM.
    Decimal,
    /// FD.
    Double,
    /// UL.
    Long,
    /// US.
    Short,
}

/// A value of a [`Distinction`]; the text is empty if it is absent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Value {
    pub text: String,
    pub number: Option<f64>,
}

/// Equal within rounding, as some scanners write echo times and thicknesses.
const ROUNDING: f64 = 0.01;

const fn exact(elements: &'static [(Field, Kind)]) -> Distinction {
    Distinction { elements, tolerance: 0.0, varies: false }
}

const fn rounded(elements: &'static [(Field, Kind)]) -> Distinction {
    Distinction { elements, tolerance: ROUNDING, varies: false }
}

const fn varying(elements: &'static [(Field, Kind)]) -> Distinction {
    Distinction { elements, tolerance: 0.0, varies: true }
}

/// In the order in which they are compared.
pub(crate) const DISTINCTIONS: [Distinction; 13] = [
    exact(&[(FRAME_TYPE, Kind::Text), (IMAGE_TYPE, Kind::Text)]),
    exact(&[(KERNEL, Kind::Text)]),
    exact(&[(SERIES_NUMBER, Kind::Decimal)]),
    exact(&[(STACK, Kind::Text)]),
    exact(&[(FRAME_ACQUISITION, Kind::Short), (ACQUISITION, Kind::Decimal)]),
    exact(&[(TIME, Kind::Decimal)]),
    exact(&[(TIME_INDEX, Kind::Long)]),
    exact(&[(ECHO, Kind::Decimal)]),
    rounded(&[(EFFECTIVE_ECHO_TIME, Kind::Double), (ECHO_TIME, Kind::Decimal)]),
    rounded(&[(B_VALUE, Kind::Double)]),
    rounded(&[(THICKNESS, Kind::Decimal)]),
    varying(&[(TRIGGER_DELAY, Kind::Double), (TRIGGER_TIME, Kind::Decimal)]),
    varying(&[(FRAME_TIME, Kind::Text), (ACQUISITION_TIME, Kind::Decimal)]),
];

impl Distinction {
    /// Keyword for messages.
    pub(crate) fn name(&self) -> &'static str {
        self.elements.last().map_or("", |(field, _)| field.1)
    }

    /// Whether two values are the same.
    pub(crate) fn same(&self, a: &Value, b: &Value) -> bool {
        match (a.number, b.number) {
            (Some(a), Some(b)) => (a - b).abs() <= self.tolerance * a.abs().max(b.abs()),
            _ => a.text == b.text,
        }
    }

    /// The value of a frame.
    pub(super) fn of(&self, data: &DataSet<'_>, frame: usize) -> Value {
        let mut found = self.elements.iter().filter_map(|(field, kind)| {
            let bytes = data.value(*field, Some(frame))?;
            kind.value(bytes, data.big_endian()).filter(|value| !value.text.is_empty())
        });
        found.next().unwrap_or_default()
    }
}

impl Kind {
    fn value(self, bytes: &[u8], big_endian: bool) -> Option<Value> {
        let number = match self {
            Self::Text => None,
            Self::Decimal => text(bytes)?.parse().ok(),
            Self::Double => ordered(bytes, big_endian).map(f64::from_le_bytes),
            Self::Long => ordered(bytes, big_endian).map(u32::from_le_bytes).map(f64::from),
            Self::Short => ordered(bytes, big_endian).map(u16::from_le_bytes).map(f64::from),
        };
        let number = number.filter(|number| number.is_finite());
        let text = match self {
            Self::Text | Self::Decimal => excerpt(text(bytes)?),
            Self::Double | Self::Long | Self::Short => number?.to_string(),
        };
        Some(Value { text, number })
    }
}

/// The bytes of a single value, little endian.
fn ordered<const N: usize>(bytes: &[u8], big_endian: bool) -> Option<[u8; N]> {
    let mut bytes: [u8; N] = bytes.try_into().ok()?;
    if big_endian {
        bytes.reverse();
    }
    Some(bytes)
}
