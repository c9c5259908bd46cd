//! Pictures that are labelled as a whole, in a folder a class: chest X-rays of the COVID-19 radiography database and others in
//! its layout.

use std::path::Path;
use std::sync::Arc;

use coin_imaging::Window;

use super::{Wanted, entries, folders};
use crate::Error;
use crate::data::description::{Intensity, Labels, Unit};
use crate::data::{Description, Row, SliceTable};

/// The class whose pictures show nothing.
const NORMAL: &str = "Normal";
/// Values of masks that mean the organ: white, or 1.
const ORGAN: [u8; 2] = [1, 255];
/// What the outlined organ is called where a task names none.
const OUTLINED: &str = "organ";

/// All pictures, each its own patient: the database does not say whose they are.
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
                return Err(Error::folder(
                    &path,
                    format!("masks/{name} is missing; put it there, or take its image away"),
                ));
            }
            let masked = mask.is_some();
            rows.push(Row {
                image,
                mask,
                description: description.clone(),
                intensities: Window::EIGHT_BIT,
                patient: name,
                split: None,
                // The masks are not counted: an organ that is outlined is taken to be large enough.
                labelled: masked.then_some((ORGAN[0], u32::MAX)).into_iter().collect(),
                spacing: None,
                abnormal: Some(!class.eq_ignore_ascii_case(NORMAL)),
            });
        }
    }
    if rows.is_empty() {
        let reason = format!("no class folder ({NORMAL}, COVID and so on) with images/ is in it");
        return Err(Error::folder(folder, reason));
    }
    Ok(SliceTable::new(name, rows))
}
