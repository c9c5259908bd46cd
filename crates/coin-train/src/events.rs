//! Writes the log of a run as a TensorBoard event file: one record per event, a protocol buffer with length and checksums.
//!
//! The file is regenerated from the whole of `metrics.jsonl`, so the two always agree, even after a rewind. The log has no
//! timestamps, so TensorBoard's wall time is the step.

use crc::{CRC_32_ISCSI, Crc};
use prost::Message;
use serde_json::Value;

const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, tag = "2")]
    simple_value: f32,
}

/// Converts log lines to an event file; the tag of each number is its stage and JSON path.
pub fn of_log(log: &[Value]) -> Vec<u8> {
    let first = Event { file_version: Some("brain.Event:2".into()), ..Event::default() };
    let mut file = record(&first);
    for line in log {
        let (Some(stage), Some(step)) = (line["stage"].as_str(), line["step"].as_i64()) else { continue };
        let mut value = Vec::new();
        for (key, inner) in line.as_object().into_iter().flatten().filter(|(key, _)| *key != "step") {
            scalars(&format!("{stage}/{key}"), inner, &mut value);
        }
        let summary = Some(Summary { value });
        file.extend(record(&Event { wall_time: step as f64, step, file_version: None, summary }));
    }
    file
}

fn scalars(tag: &str, value: &Value, found: &mut Vec<Scalar>) {
    match value {
        Value::Number(number) => {
            let simple_value = number.as_f64().unwrap_or(f64::NAN) as f32;
            found.push(Scalar { tag: tag.into(), simple_value });
        }
        Value::Object(inner) => inner.iter().for_each(|(key, inner)| scalars(&format!("{tag}/{key}"), inner, found)),
        _ => {}
    }
}

/// A TFRecord: length, checksum of the length, event, checksum of the event.
fn record(event: &Event) -> Vec<u8> {
    let event = event.encode_to_vec();
    let length = (event.len() as u64).to_le_bytes();
    [&length[..], &checksum(&length), &event, &checksum(&event)].concat()
}

/// The masked CRC-32C of the TFRecord format.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    CHECKSUM.checksum(bytes).rotate_right(15).wrapping_add(0xA282_EAD8).to_le_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_number_of_the_log_becomes_an_event_with_valid_checksums() {
        // TensorFlow's writer begins every file with this record, "brain.Event:2" at time 0.
        assert_eq!(hex::encode(checksum(&24_u64.to_le_bytes())), "a37f4b22");
        let log = [
            json!({ "stage": "classifier", "step": 3, "loss": 0.5 }),
            json!({ "stage": "counterfactual", "step": 7, "losses": { "generator": { "kl": 2.0 } }, "validation": null }),
        ];
        let file = of_log(&log);
        let (mut rest, mut events) = (&file[..], Vec::new());
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(rest[8..12], checksum(&rest[..8]));
            let event = &rest[12..12 + length];
            assert_eq!(rest[12 + length..16 + length], checksum(event));
            events.push(Event::decode(event).unwrap());
            rest = &rest[16 + length..];
        }
        let scalars: Vec<(i64, &str, f32)> = events
            .iter()
            .flat_map(|event| {
                event.summary.iter().flat_map(|summary| &summary.value).map(|s| (event.step, &*s.tag, s.simple_value))
            })
            .collect();
        assert_eq!(scalars, [(3, "classifier/loss", 0.5), (7, "counterfactual/losses/generator/kl", 2.0)]);
    }
}
