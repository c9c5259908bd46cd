//! DICOM series: which frames belong to one volume.
//!
//! A series may contain several acquisitions: phases of contrast, time points, echoes, reconstructions. Frames of one UID are
//! separated by shape, orientation and spacing. They are separated further only where they overlap in place, because some
//! scanners number every slice as an acquisition of its own.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::read::dicom::{DISTINCTIONS, Distinction, Frame, Instance, Value};
use crate::stack::{SAME_POSITION_MM, height, is_alike};

/// Frames that form one volume, with what the first file of their series says.
pub(crate) struct Series<'a> {
    pub name: &'a str,
    pub modality: Option<String>,
    pub description: Option<String>,
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
    for (name, Instance { series, study, modality, description, frames, notes, .. }) in instances {
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
                    let (modality, description, notes) = (modality.clone(), description.clone(), notes.clone());
                    shapes.push(Series { name, modality, description, frames: vec![frame], notes });
                }
            }
        }
    }
    found.into_values().flatten().flat_map(Series::separated).collect()
}

/// A value of a distinction, and where its frames are.
struct Group {
    value: Value,
    extent: [f64; 2],
}

/// Frames of one or more values of a distinction, which do not overlap.
#[derive(Default)]
struct Part {
    /// Indices of the groups.
    groups: Vec<usize>,
    frames: Vec<Frame>,
}

impl Series<'_> {
    /// Separates acquisitions that overlap, and then slices at the same position.
    fn separated(self) -> Vec<Self> {
        let mut parts = vec![self];
        for (index, distinction) in DISTINCTIONS.iter().enumerate() {
            parts = parts.into_iter().flat_map(|part| part.separated_by(index, distinction)).collect();
        }
        parts.into_iter().flat_map(Self::layers).collect()
    }

    /// A part with other frames, whose notes say what tells it apart.
    fn part(&self, frames: Vec<Frame>, note: Option<String>) -> Self {
        let notes = self.notes.iter().cloned().chain(note).collect();
        let (modality, description) = (self.modality.clone(), self.description.clone());
        Series { name: self.name, modality, description, frames, notes }
    }

    /// Separates frames that differ in a distinction and overlap; frames with different values that do not overlap stay together.
    fn separated_by(mut self, index: usize, distinction: &Distinction) -> Vec<Self> {
        let mut groups: Vec<Group> = Vec::new();
        let mut group_of = Vec::with_capacity(self.frames.len());
        for frame in &self.frames {
            let value = frame.distinctions.get(index).cloned().unwrap_or_default();
            let at = place(frame);
            let known = groups.iter().position(|group| distinction.same(&group.value, &value));
            group_of.push(known.unwrap_or(groups.len()));
            match known.and_then(|known| groups.get_mut(known)) {
                Some(Group { extent, .. }) => *extent = [extent[0].min(at), extent[1].max(at)],
                None => groups.push(Group { value, extent: [at; 2] }),
            }
        }
        let some_lack_it = groups.iter().any(|group| group.value.text.is_empty());
        if groups.len() < 2 {
            return vec![self];
        }
        let most = most_at_a_place(&self.frames);
        // Slices that lie between each other belong together unless all say otherwise.
        if most < 2 && (distinction.varies || some_lack_it) {
            return vec![self];
        }
        let mut order: Vec<usize> = (0..groups.len()).collect();
        if distinction.varies || groups.iter().all(|group| group.value.number.is_some()) {
            let key = |index: &usize| groups.get(*index).map(|group| (group.value.number, &group.value.text));
            order.sort_by(|a, b| key(a).partial_cmp(&key(b)).unwrap_or(Ordering::Equal));
        }
        let mut parts: Vec<Part> = Vec::new();
        for index in order {
            let extent_of = |index: &usize| groups.get(*index).map_or([f64::NAN; 2], |group| group.extent);
            let extent = extent_of(&index);
            // What follows an acquisition continues it, until it comes to a place that is taken.
            let taken = |part: &Part| part.groups.iter().any(|other| overlap(extent_of(other), extent));
            if parts.last().is_none_or(taken) {
                parts.push(Part::default());
            }
            if let Some(part) = parts.last_mut() {
                part.groups.push(index);
            }
        }
        // A value that every image has for itself, or that varies, and that follows no volume.
        let tells_nothing = most > 1 && parts.len() > most;
        if parts.len() < 2 || tells_nothing && (distinction.varies || groups.len() == self.frames.len()) {
            return vec![self];
        }
        for (frame, group) in std::mem::take(&mut self.frames).into_iter().zip(group_of) {
            if let Some(part) = parts.iter_mut().find(|part| part.groups.contains(&group)) {
                part.frames.push(frame);
            }
        }
        let (count, name) = (parts.len(), distinction.name());
        let text = |index: &usize| groups.get(*index).map_or("", |group| &group.value.text);
        let note = |part: &Part| {
            let value = match &part.groups[..] {
                [group] if text(group).is_empty() => "absent".to_owned(),
                [group] => text(group).to_owned(),
                [first, .., last] => format!("{} to {}", text(first), text(last)),
                [] => String::new(),
            };
            format!("its series holds {count} acquisitions that overlap; in this one, {name} is {value}")
        };
        let noted: Vec<_> = parts.into_iter().map(|part| (note(&part), part.frames)).collect();
        noted.into_iter().map(|(note, frames)| self.part(frames, Some(note))).collect()
    }

    /// Separates slices that have the same position: the first of each place, the second and so on. Copies are left out.
    fn layers(mut self) -> Vec<Self> {
        let mut layers: Vec<Vec<Layered>> = Vec::new();
        let mut places: Vec<Place> = Vec::new();
        let mut copies = 0_usize;
        let fewest = fewest_at_a_place(&self.frames);
        for frame in std::mem::take(&mut self.frames) {
            let at = height(&frame);
            let is_here = |place: &&mut Place| at.zip(place.at).is_some_and(|(a, b)| (a - b).abs() < SAME_POSITION_MM);
            let Some(place) = places.iter_mut().find(is_here) else {
                places.push(Place { at, index: layers.first().map_or(0, Vec::len), images: Vec::new(), taken: 1 });
                add(&mut layers, 0, Layered { frame, is_copy: false });
                continue;
            };
            // A single slice is the usual case, whose digest is not needed.
            if let (true, Some(first)) =
                (place.images.is_empty(), layers.first().and_then(|layer| layer.get(place.index)))
            {
                place.images.push(Image::of(&first.frame));
            }
            let image = Image::of(&frame);
            let is_copy = place.images.iter().any(|other| other.digest == image.digest);
            // Beyond the images that all places have, equal ones are of no other volume.
            if place.images.contains(&image) || is_copy && place.taken >= fewest {
                copies += 1;
                continue;
            }
            place.images.push(image);
            place.taken += 1;
            add(&mut layers, place.taken - 1, Layered { frame, is_copy });
        }
        // Empty slices of two volumes are equal, too.
        layers.retain(|layer| {
            let kept = !layer.iter().all(|slice| slice.is_copy);
            copies += if kept { 0 } else { layer.len() };
            kept
        });
        let copied = match copies {
            0 => None,
            1 => Some("one slice is a copy of another and was left out".to_owned()),
            more => Some(format!("{more} slices are copies of others and were left out")),
        };
        self.notes.extend(copied);
        let count = layers.len();
        let mixed = match layers.iter().any(|layer| layers.first().is_some_and(|first| layer.len() < first.len())) {
            true => "; some positions have fewer slices, so that volumes can be mixed",
            false => "",
        };
        let note = |index: usize| {
            let ordinal = index + 1;
            let order = "by instance number";
            let note = "its series has different slices at the same position";
            (count > 1).then(|| format!("{note}; this is volume {ordinal} of {count}, {order}{mixed}"))
        };
        let frames = |layer: Vec<Layered>| layer.into_iter().map(|slice| slice.frame).collect();
        layers.into_iter().enumerate().map(|(index, layer)| self.part(frames(layer), note(index))).collect()
    }
}

/// A slice of a layer.
struct Layered {
    frame: Frame,
    /// Whether its pixels are those of another slice at its place.
    is_copy: bool,
}

fn add(layers: &mut Vec<Vec<Layered>>, layer: usize, slice: Layered) {
    match layers.get_mut(layer) {
        Some(layer) => layer.push(slice),
        None => layers.push(vec![slice]),
    }
}

/// A position along the normal.
struct Place {
    /// In mm; `None` for a slice without position, which has a place of its own.
    at: Option<f64>,
    /// Of its first slice in the first layer.
    index: usize,
    /// Its images, once there are two.
    images: Vec<Image>,
    taken: usize,
}

/// What two files with the same image have in common.
#[derive(PartialEq)]
struct Image {
    digest: [u8; 32],
    number: Option<f64>,
    instance: Option<(String, Option<u32>)>,
}

impl Image {
    fn of(frame: &Frame) -> Self {
        let instance = frame.reference.as_ref().map(|reference| (reference.instance.clone(), reference.frame));
        Self { digest: digest(frame), number: frame.number, instance }
    }
}

/// Where a frame is: in mm along its normal, or else its instance number. All frames of a shape have a position, or none has.
/// Comparisons with NaN are false.
fn place(frame: &Frame) -> f64 {
    height(frame).or(frame.number).unwrap_or(f64::NAN)
}

/// The largest number of frames that share a place.
fn most_at_a_place(frames: &[Frame]) -> usize {
    counts(frames).into_iter().max().unwrap_or(0)
}

/// The smallest number of frames at a place.
fn fewest_at_a_place(frames: &[Frame]) -> usize {
    counts(frames).into_iter().min().unwrap_or(0)
}

/// The number of frames at each place.
fn counts(frames: &[Frame]) -> Vec<usize> {
    let mut places: Vec<f64> = frames.iter().map(place).collect();
    places.sort_by(f64::total_cmp);
    places.chunk_by(|a, b| b - a < SAME_POSITION_MM).map(<[f64]>::len).collect()
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
