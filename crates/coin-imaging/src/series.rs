//! DICOM series: which frames belong to one volume.
//!
//! A series may contain several acquisitions: phases of contrast, time points, echoes, reconstructions. Frames of one UID are
//! separated by shape, orientation and spacing. They are separated further only where they overlap in place, because some
//! scanners number every slice as an acquisition of its own.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::read::dicom::{DISTINCTIONS, Frame, Instance};
use crate::stack::{SAME_POSITION_MM, height, is_alike};

/// Frames that form one volume, with the name and modality of the first file of their series.
pub(crate) struct Series<'a> {
    pub name: &'a str,
    pub modality: Option<String>,
    pub frames: Vec<Frame>,
    /// Messages for the user, one sentence each.
    pub notes: Vec<String>,
}

/// The volumes in DICOM files, by series and then in the order of their first instance numbers.
pub(crate) fn volumes<'a>(mut instances: Vec<(&'a str, Instance)>) -> Vec<Series<'a>> {
    let number = |(name, instance): &(&'a str, Instance)| (instance.number.unwrap_or(f64::MAX), *name);
    instances.sort_by(|a, b| {
        let ((a, a_name), (b, b_name)) = (number(a), number(b));
        a.total_cmp(&b).then_with(|| a_name.cmp(b_name))
    });
    let mut found: BTreeMap<[String; 3], Vec<Series<'a>>> = BTreeMap::new();
    for (name, Instance { series, study, modality, frames, notes, .. }) in instances {
        // Files without a UID, as some anonymisers leave them, belong together if they lie in one folder.
        let folder = match series.is_empty() {
            true => name.rsplit_once(['/', '\\']).map_or("", |(folder, _)| folder).to_owned(),
            false => String::new(),
        };
        let shapes = found.entry([series, study, folder]).or_default();
        for frame in frames {
            let fits = |shape: &&mut Series<'_>| shape.frames.first().is_some_and(|first| is_alike(first, &frame));
            match shapes.iter_mut().find(fits) {
                Some(shape) => {
                    shape.frames.push(frame);
                    let new = notes.iter().filter(|note| !shape.notes.contains(note)).cloned().collect::<Vec<_>>();
                    shape.notes.extend(new);
                }
                None => {
                    let (modality, notes) = (modality.clone(), notes.clone());
                    shapes.push(Series { name, modality, frames: vec![frame], notes });
                }
            }
        }
    }
    found.into_values().flatten().flat_map(Series::separated).collect()
}

/// Frames of one or more values of a distinction, which do not overlap.
#[derive(Default)]
struct Part {
    values: Vec<String>,
    /// Where the frames of each value are.
    extents: Vec<[f64; 2]>,
    frames: Vec<Frame>,
}

impl Series<'_> {
    /// Separates acquisitions that overlap, and then slices at the same position.
    fn separated(self) -> Vec<Self> {
        let mut parts = vec![self];
        for (index, name) in DISTINCTIONS.into_iter().enumerate() {
            parts = parts.into_iter().flat_map(|part| part.separated_by(index, name)).collect();
        }
        parts.into_iter().flat_map(Self::layers).collect()
    }

    /// A part with other frames, whose notes say what tells it apart.
    fn part(&self, frames: Vec<Frame>, note: Option<String>) -> Self {
        let notes = self.notes.iter().cloned().chain(note).collect();
        Series { name: self.name, modality: self.modality.clone(), frames, notes }
    }

    /// Separates frames that differ in a distinction and overlap; frames with different values that do not overlap stay together.
    fn separated_by(mut self, index: usize, name: &str) -> Vec<Self> {
        let value = |frame: &Frame| frame.distinctions.get(index).cloned().unwrap_or_default();
        let mut extents: BTreeMap<String, [f64; 2]> = BTreeMap::new();
        let mut values = Vec::new();
        for frame in &self.frames {
            // All frames of a shape have a position, or none has; then their numbers overlap. Comparisons with NaN are false.
            let place = height(frame).or(frame.number).unwrap_or(f64::NAN);
            match extents.get_mut(&value(frame)) {
                Some(extent) => *extent = [extent[0].min(place), extent[1].max(place)],
                None => {
                    extents.insert(value(frame), [place; 2]);
                    values.push(value(frame));
                }
            }
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for value in values {
            let extent = extents.get(&value).copied().unwrap_or([f64::NAN; 2]);
            // What follows an acquisition continues it, until it comes to a place that is taken.
            if parts.last().is_none_or(|part| part.extents.iter().any(|taken| overlap(*taken, extent))) {
                parts.push(Part::default());
            }
            known.insert(value.clone(), parts.len() - 1);
            if let Some(part) = parts.last_mut() {
                part.values.push(value);
                part.extents.push(extent);
            }
        }
        if parts.len() < 2 {
            return vec![self];
        }
        for frame in std::mem::take(&mut self.frames) {
            if let Some(part) = known.get(&value(&frame)).and_then(|part| parts.get_mut(*part)) {
                part.frames.push(frame);
            }
        }
        let count = parts.len();
        let note = |values: &[String]| {
            let value = match values {
                [value] if value.is_empty() => "absent".to_owned(),
                [value] => value.clone(),
                [first, .., last] => format!("{first} to {last}"),
                [] => String::new(),
            };
            format!("its series holds {count} acquisitions that overlap; in this one, {name} is {value}")
        };
        parts.into_iter().map(|part| self.part(part.frames, Some(note(&part.values)))).collect()
    }

    /// Separates slices that have the same position: the first of each place, the second and so on. Copies are left out.
    fn layers(mut self) -> Vec<Self> {
        let mut layers: Vec<Vec<Frame>> = Vec::new();
        let mut places: Vec<Place> = Vec::new();
        let mut copies = 0_usize;
        for frame in std::mem::take(&mut self.frames) {
            let at = height(&frame);
            let is_here = |place: &&mut Place| at.zip(place.at).is_some_and(|(a, b)| (a - b).abs() < SAME_POSITION_MM);
            let layer = match places.iter_mut().find(is_here) {
                None => {
                    places.push(Place {
                        at,
                        index: layers.first().map_or(0, Vec::len),
                        digests: BTreeSet::new(),
                        taken: 1,
                    });
                    0
                }
                Some(place) => {
                    // A single slice is the usual case, whose digest is not needed.
                    if let (true, Some(first)) =
                        (place.taken == 1, layers.first().and_then(|layer| layer.get(place.index)))
                    {
                        place.digests.insert(digest(first));
                    }
                    if !place.digests.insert(digest(&frame)) {
                        copies += 1;
                        continue;
                    }
                    place.taken += 1;
                    place.taken - 1
                }
            };
            match layers.get_mut(layer) {
                Some(layer) => layer.push(frame),
                None => layers.push(vec![frame]),
            }
        }
        let copied = match copies {
            0 => None,
            1 => Some("one slice is a copy of another and was left out".to_owned()),
            more => Some(format!("{more} slices are copies of others and were left out")),
        };
        self.notes.extend(copied);
        let count = layers.len();
        let note = |index: usize| {
            let ordinal = index + 1;
            let order = "by instance number";
            let note = "its series has different slices at the same position";
            (count > 1).then(|| format!("{note}; this is volume {ordinal} of {count}, {order}"))
        };
        layers.into_iter().enumerate().map(|(index, frames)| self.part(frames, note(index))).collect()
    }
}

/// A position along the normal.
struct Place {
    /// In mm; `None` for a slice without position, which has a place of its own.
    at: Option<f64>,
    /// Of its first slice in the first layer.
    index: usize,
    /// Of its different slices, once there are two.
    digests: BTreeSet<[u8; 32]>,
    taken: usize,
}

/// SHA-256 of the pixels.
fn digest(frame: &Frame) -> [u8; 32] {
    let mut hash = Sha256::new();
    frame.hu.iter().for_each(|hu| hash.update(hu.to_le_bytes()));
    hash.finalize().into()
}

/// Whether two ranges of positions along the normal, in mm, have a place in common.
fn overlap(a: [f64; 2], b: [f64; 2]) -> bool {
    a[0] <= b[1] + SAME_POSITION_MM && b[0] <= a[1] + SAME_POSITION_MM
}
