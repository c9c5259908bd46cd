//! Images with image-level labels, one folder per class: chest X-rays of the COVID-19 radiography database and other data in
//! its layout.

use std::path::Path;
use std::sync::Arc;

use coin_imaging::Window;

use super::{Wanted, entries, folders};
use crate::Error;
use crate::data::description::{Intensity, Labels, Unit};
use crate::data::{Description, Row, SliceTable};

/// Name of the normal class.
const NORMAL: &str = "Normal";
/// Mask values of the organ.
const ORGAN: [u8; 2] = [1, 255];
/// Name of the masked organ if the task names none.
const OUTLINED: &str = "organ";

/// Reads all images. Each one counts as a patient, because the database does not identify patients.
pub fn table(folder: &Path, wanted: &Wanted) -> Result<SliceTable, Error> {
    let names = if wanted.organ.is_empty() { vec![OUTLINED.to_owned()] } else { wanted.organ.clone() };
    let labels = Labels::regions(names.into_iter().map(|name| (name, ORGAN.to_vec())));
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let intensity = Some(Intensity { unit: Unit::Arbitrary, low: None, high: None });
    let description = Description { modality: "XR".into(), intensity, ..Description::of_ct(name.clone(), labels) };
    let description = Arc::new(description);
    let mut rows = Vec::new();
    for (class, path) in folders(folder, "")? {
        let masks = path.join("masks");
        if !path.join("images").is_dir() {
            continue;
        }
        for (name, image) in entries(&path.join("images"))? {
            let mask = masks.is_dir().then(|| masks.join(&name));
            if mask.as_ref().is_some_and(|mask| !mask.exists()) {
                return Err(Error::folder(&path, format!("masks/{name} is missing; add it or remove the image")));
            }
            let masked = mask.is_some();
            rows.push(Row {
                image,
                mask,
                description: description.clone(),
                intensities: Window::EIGHT_BIT,
                patient: name,
                split: None,
                // Masks are not counted; a masked organ is assumed to be large enough.
                labelled: masked.then_some((ORGAN[0], u32::MAX)).into_iter().collect(),
                spacing: None,
                abnormal: Some(!class.eq_ignore_ascii_case(NORMAL)),
            });
        }
    }
    if rows.is_empty() {
        let reason = format!("no class folders ({NORMAL}, COVID and so on) with images/ found");
        return Err(Error::folder(folder, reason));
    }
    Ok(SliceTable::new(name, rows))
}
