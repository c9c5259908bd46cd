//! Modalities of data sets and of DICOM files.

/// DICOM modalities of projection X-ray images (DICOM PS3.3, section C.7.3.1.1.1).
const X_RAY: [&str; 5] = ["CR", "DX", "DR", "RF", "XA"];

/// The DICOM modalities of images for a model that was trained on `modality`: CT, MR, XR and so on; several are joined with
/// "and".
#[must_use]
pub fn accepted(modality: &str) -> Vec<&str> {
    let known = modality.split(" and ");
    known.flat_map(|known| std::iter::once(known).chain(X_RAY.into_iter().filter(move |_| known == "XR"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_rays_have_many_names() {
        assert_eq!(accepted("CT"), ["CT"]);
        assert_eq!(accepted("CT and MR"), ["CT", "MR"]);
        assert!(accepted("XR").contains(&"DX") && accepted("XR").contains(&"XR"));
    }
}
