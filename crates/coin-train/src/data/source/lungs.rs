//! The COVID-19 radiography database: chest X-rays in a folder a class, with masks of the lungs.

use std::path::Path;

use coin_imaging::Window;

use super::{entries, folders};
use crate::data::table::{Label, Row};
use crate::data::{DataError, SliceTable};

/// The class whose pictures show nothing.
const NORMAL: &str = "Normal";
/// What greys are in a picture that is no CT.
const GREYS: [f32; 2] = [0.0, 255.0];

/// All pictures, each its own patient: the database does not say whose they are.
pub fn table(folder: &Path) -> Result<SliceTable, DataError> {
    let greys = Window::try_from(GREYS).map_err(|reason| DataError::folder(folder, reason))?;
    let mut rows = Vec::new();
    for (class, path) in folders(folder, "")? {
        if !path.join("images").is_dir() {
            continue;
        }
        for (name, image) in entries(&path.join("images"))? {
            let mask = path.join("masks").join(&name);
            if !mask.exists() {
                return Err(DataError::folder(
                    &path,
                    format!("masks/{name} is missing; put it there, or take its image away"),
                ));
            }
            let label = if class == NORMAL { Label::Normal } else { Label::Abnormal };
            rows.push(Row {
                image,
                mask,
                organ: &[1, 255],
                greys,
                patient: name,
                split: None,
                kidney_px: u32::MAX,
                tumour_px: 0,
                cyst_px: 0,
                spacing: None,
                label: Some(label),
            });
        }
    }
    if rows.is_empty() {
        let reason = format!("no class folder ({NORMAL}, COVID and so on) with images/ and masks/ is in it");
        return Err(DataError::folder(folder, reason));
    }
    Ok(SliceTable::new(folder.file_name().unwrap_or_default().to_string_lossy(), rows))
}
