//! Data sources on small folders in their exact layouts, TotalSegmentator also on a real CT; splits; and error messages.

#![allow(clippy::unwrap_used)]

mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use coin_imaging::augmentation::Augmentation;
use coin_imaging::{Limits, Mask, Plane, Scan, Window, write};
use coin_train::Error;
use coin_train::data::source::{self, Reading, SourceKind, Wanted};
use coin_train::data::{BatchRequest, Case, Dataset, Grid, Row, SliceTable, Subset, phantoms};
use coin_train::recipe::{Finding, Names, Protocol, Recipe, Split, Task};
use volumes::{SIDES, ct, labels};

fn table(kind: SourceKind, folder: &Path) -> Result<SliceTable, Error> {
    extract(kind, folder, Plane::Axial)
}

fn extract(kind: SourceKind, folder: &Path, plane: Plane) -> Result<SliceTable, Error> {
    source::table(kind, folder, &wanted(plane), reading(&folder.join("cache")))
}

/// Strict reading.
fn reading(cache: &Path) -> Reading<'_> {
    Reading { cache, skip_incomplete: false, pair_by_voxel: false }
}

/// Kidneys, tumours and cysts.
fn wanted(plane: Plane) -> Wanted {
    let others = ["tumour", "cyst"].map(str::to_owned).to_vec();
    Wanted { plane, every_slice: false, organ: vec!["kidney".into()], others }
}

fn named(name: &str) -> Names {
    Names(vec![name.into()])
}

fn pixels(row: &Row, label: &str) -> u32 {
    row.pixels(&[label.to_owned()])
}

/// Patient, split, and pixels of kidney, tumour and cyst of each slice.
fn rows(table: &SliceTable) -> Vec<(&str, Option<Subset>, [u32; 3])> {
    let row = |row: &'_ Row| (row.split, ["kidney", "tumour", "cyst"].map(|label| pixels(row, label)));
    table.rows().iter().map(|found| (found.patient.as_str(), row(found).0, row(found).1)).collect()
}

const WHOLE: u32 = 20 * SIDES[1] as u32;

fn kits(folder: &Path, cases: &[&str]) {
    for case in cases {
        ct(&folder.join(case).join("imaging.nii.gz"));
        labels(&folder.join(case).join("segmentation.nii.gz"), 1, 2);
    }
}

#[test]
fn kits_slices_with_kidney_are_extracted_in_hu_and_mm() {
    let folder = tempfile::tempdir().unwrap();
    kits(folder.path(), &["case_00000", "case_00001"]);
    std::fs::create_dir(folder.path().join("splits")).unwrap();
    std::fs::write(folder.path().join("splits/train_scans.csv"), "case_00000\n").unwrap();
    std::fs::write(folder.path().join("splits/test_scans.csv"), "case_00001\n").unwrap();
    let found = table(SourceKind::Kits, folder.path()).unwrap();
    let case =
        |name, subset| [[WHOLE, 0, 0], [WHOLE - 100, 100, 0], [WHOLE, 0, 0]].map(|pixels| (name, Some(subset), pixels));
    let expected = [case("case_00000", Subset::Train), case("case_00001", Subset::Test)].concat();
    assert_eq!(rows(&found), expected);

    let slice = found.rows()[1].slice().unwrap();
    assert_eq!((slice.width(), slice.height()), (SIDES[0], SIDES[1]));
    assert_eq!(slice.spacing().unwrap().row_mm(), 1.5);
    assert_eq!(slice.hu()[7 * SIDES[0] + 30], 307.0);
    let tumour = found.rows()[1].mask_of(&[2]).unwrap().unwrap();
    assert_eq!((tumour.bounding_box(), tumour.count()), (Some((4, 4, 13, 13)), 100));
}

#[test]
fn labels_of_another_geometry_are_refused_or_paired_by_voxel() {
    let whole = tempfile::tempdir().unwrap();
    kits(whole.path(), &["case_00000"]);
    let right = table(SourceKind::Kits, whole.path()).unwrap();
    let mut turned = volumes::AFFINE;
    turned[5] = 1.5;
    // On the same voxels, stored the other way round: which of both is right is unknown, so it is refused.
    let mut reversed = turned;
    reversed[7] = -1.5 * (SIDES[1] - 1) as f32;
    let mut shifted = volumes::AFFINE;
    shifted[3] = 30.0;
    let mut rounded = volumes::AFFINE;
    rounded[3] = 1e-3;
    let identity = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0];
    for (affine, lies_elsewhere) in
        [(turned, true), (reversed, true), (shifted, true), (identity, true), (rounded, false)]
    {
        let folder = tempfile::tempdir().unwrap();
        let case = folder.path().join("case_00000");
        ct(&case.join("imaging.nii.gz"));
        volumes::labels_at(&case.join("segmentation.nii.gz"), affine, 1, 2);
        let strict = table(SourceKind::Kits, folder.path());
        if !lies_elsewhere {
            assert_eq!(rows(&strict.unwrap()), rows(&right));
            continue;
        }
        let message = strict.unwrap_err().to_string();
        for word in [
            "case_00000",
            "differ in geometry",
            "40 x 32 x 6 voxels of 1.500 x 1.500 x 3.000 mm along LPS from (0.00, 0.00, 0.00)",
            "--pair-by-voxel",
        ] {
            assert!(message.contains(word), "no {word:?} in: {message}");
        }
        let cache = folder.path().join("cache");
        let reading = Reading { pair_by_voxel: true, ..reading(&cache) };
        let paired = source::table(SourceKind::Kits, folder.path(), &wanted(Plane::Axial), reading).unwrap();
        assert_eq!(rows(&paired), rows(&right));
        let tumour = |table: &SliceTable| table.rows()[1].mask_of(&[2]).unwrap().unwrap().bounding_box();
        assert_eq!(tumour(&paired), tumour(&right));
        assert!(table(SourceKind::Kits, folder.path()).is_err(), "the cache keeps both apart");
    }
}

/// An empty nnU-Net folder.
fn nnunet_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["imagesTr", "labelsTr"] {
        std::fs::create_dir(folder.path().join(part)).unwrap();
    }
    folder
}

#[test]
fn labels_without_a_geometry_are_not_paired_with_a_volume() {
    let folder = nnunet_folder();
    let top = folder.path();
    let description =
        r#"{"channel_names": {"0": "CT"}, "labels": {"background": 0, "kidney": 1}, "file_ending": ".nii.gz"}"#;
    std::fs::write(top.join("dataset.json"), description).unwrap();
    ct(&top.join("imagesTr/a_0000.nii.gz"));
    image(&top.join("labelsTr/a.png"), 40, |_, _| 1);
    let message = table(SourceKind::NnUnet, top).unwrap_err().to_string();
    assert!(message.contains("differ in geometry: the labels have none"), "{message}");

    // Of two label files, that with the ending of the image is meant.
    labels(&top.join("labelsTr/a.nii.gz"), 1, 1);
    assert_eq!(table(SourceKind::NnUnet, top).unwrap().rows().len(), 3);
    std::fs::rename(top.join("labelsTr/a.nii.gz"), top.join("labelsTr/a.nii")).unwrap();
    let message = table(SourceKind::NnUnet, top).unwrap_err().to_string();
    assert!(message.contains("case a: labelsTr has several files of this name; keep one"), "{message}");
}

#[test]
fn label_pictures_of_16_bits_have_the_values_that_they_store() {
    let folder = nnunet_folder();
    let top = folder.path();
    let description =
        "\u{feff}{\"channel_names\": {\"0\": \"MR\"}, \"labels\": {\"background\": 0, \"kidney\": 1, \"cyst\": 3}}";
    std::fs::write(top.join("dataset.json"), description).unwrap();
    image(&top.join("imagesTr/a_0000.png"), 8, |x, y| (x * 16 + y) as u8);
    let levels = (0..64).map(|at: u16| [0, 1, 3, 3][usize::from(at % 4)]).collect();
    std::fs::write(top.join("labelsTr/a.png"), write::png_16bit(8, 8, levels).unwrap()).unwrap();
    let found = table(SourceKind::NnUnet, top).unwrap();
    assert_eq!(
        found.rows().iter().map(|row| (pixels(row, "kidney"), pixels(row, "cyst"))).collect::<Vec<_>>(),
        [(16, 32)]
    );
}

#[test]
fn names_that_end_like_a_channel_are_cases() {
    let folder = nnunet_folder();
    let top = folder.path();
    let description = r#"{"modality": {"0": "CT"}, "labels": {"0": "background", "1": "kidney"}}"#;
    std::fs::write(top.join("dataset.json"), description).unwrap();
    for case in ["patient_0000", "patient_0001"] {
        ct(&top.join(format!("imagesTr/{case}.nii.gz")));
        labels(&top.join(format!("labelsTr/{case}.nii.gz")), 1, 1);
    }
    let found = table(SourceKind::NnUnet, top).unwrap();
    let cases: BTreeSet<&str> = found.rows().iter().map(|row| row.patient.as_str()).collect();
    assert_eq!(cases, BTreeSet::from(["patient_0000", "patient_0001"]));
}

#[test]
fn case_lists_saved_by_a_spreadsheet_are_read_and_lists_of_other_cases_refused() {
    let folder = tempfile::tempdir().unwrap();
    kits(folder.path(), &["case_00000", "case_00001"]);
    std::fs::create_dir(folder.path().join("splits")).unwrap();
    let list = folder.path().join("splits/test_scans.csv");
    std::fs::write(&list, "\u{feff}\"case_00001\",\r\n").unwrap();
    let found = table(SourceKind::Kits, folder.path()).unwrap();
    let test: BTreeSet<&str> =
        found.rows().iter().filter(|row| row.split == Some(Subset::Test)).map(|row| row.patient.as_str()).collect();
    assert_eq!(test, BTreeSet::from(["case_00001"]));
    std::fs::write(&list, "patient 1\n").unwrap();
    let message = table(SourceKind::Kits, folder.path()).unwrap_err().to_string();
    assert!(message.contains("they list patient 1, but no case of this folder"), "{message}");
}

#[test]
fn ct_and_mr_of_totalsegmentator_are_not_mixed() {
    let folder = tempfile::tempdir().unwrap();
    for (case, name) in [("s0001", "CT.NII.GZ"), ("s0002", "ct.nii")] {
        ct(&folder.path().join(case).join(name));
        labels(&folder.path().join(case).join("segmentations/kidney.nii.gz"), 1, 1);
    }
    assert_eq!(table(SourceKind::TotalSegmentator, folder.path()).unwrap().rows().len(), 6);
    std::fs::rename(folder.path().join("s0002/ct.nii"), folder.path().join("s0002/mri.nii")).unwrap();
    let message = table(SourceKind::TotalSegmentator, folder.path()).unwrap_err().to_string();
    assert!(message.contains("s0001 is CT and s0002 is MR; keep each in a folder of its own"), "{message}");
}

#[test]
fn checkouts_and_folders_are_read_as_they_are() {
    for place in ["", "data", "dataset", "kits21/data"] {
        let folder = tempfile::tempdir().unwrap();
        kits(&folder.path().join(place), &["case_00000"]);
        assert_eq!(table(SourceKind::Kits, folder.path()).unwrap().rows().len(), 3, "{place}");
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("somewhere")).unwrap();
    let message = table(SourceKind::Kits, folder.path()).unwrap_err().to_string();
    assert!(
        message.contains("case_NNNNN/imaging.nii.gz") && message.contains("the folder starts with somewhere"),
        "{message}"
    );

    // Files of a Mac, endings in upper case, and labels in another format than the images.
    std::fs::write(folder.path().join("dataset.json"), r#"{"labels": {"kidney": 1, "tumour": 2}}"#).unwrap();
    let (images, masks) = (folder.path().join("imagesTr"), folder.path().join("labelsTr"));
    ct(&images.join("a_0000.NII.GZ"));
    labels(&masks.join("a.nii.gz"), 1, 2);
    let packed = std::fs::read(masks.join("a.nii.gz")).unwrap();
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut unpacked).unwrap();
    let header = "NRRD0004\ntype: uchar\ndimension: 3\nspace: RAS\nsizes: 40 32 6\nencoding: raw\n\
                  space directions: (-1.5,0,0) (0,-1.5,0) (0,0,3)\n\n";
    ct(&images.join("b_0000.nii.gz"));
    std::fs::write(masks.join("b.nrrd"), [header.as_bytes(), &unpacked[352..]].concat()).unwrap();
    for file in [images.join("._a_0000.NII.GZ"), masks.join("._a.nii.gz"), images.join(".DS_Store")] {
        std::fs::write(file, b"Mac OS X").unwrap();
    }
    let found = table(SourceKind::NnUnet, folder.path()).unwrap();
    let tumours: Vec<(&str, u32)> =
        found.rows().iter().map(|row| (row.patient.as_str(), pixels(row, "tumour"))).collect();
    assert_eq!(tumours, [("a", 0), ("a", 100), ("a", 0), ("b", 0), ("b", 100), ("b", 0)]);
}

#[test]
fn the_delimiter_of_a_case_list_is_found_out() {
    for delimiter in [";", ",", "\t"] {
        let release = tempfile::tempdir().unwrap();
        ct(&release.path().join("s0000/ct.nii.gz"));
        labels(&release.path().join("s0000/segmentations/kidney_left.nii.gz"), 1, 0);
        let list = |columns: [&str; 3]| columns.join(delimiter);
        let lines = [list(["image_id", "age", "split"]), list(["s0000", "50", "train"])].join("\n");
        std::fs::write(release.path().join("meta.csv"), lines).unwrap();
        let found = table(SourceKind::TotalSegmentator, release.path()).unwrap();
        assert_eq!(found.rows()[0].split, Some(Subset::Train), "{delimiter:?}");
        std::fs::write(release.path().join("meta.csv"), list(["name", "age", "split"])).unwrap();
        let message = table(SourceKind::TotalSegmentator, release.path()).unwrap_err().to_string();
        assert!(message.contains("it has no column image_id"), "{message}");
    }
}

#[test]
fn coronal_and_sagittal_slices_have_the_head_at_the_top() {
    let folder = tempfile::tempdir().unwrap();
    kits(folder.path(), &["case_00000"]);
    let coronal = extract(SourceKind::Kits, folder.path(), Plane::Coronal).unwrap();
    assert_eq!(coronal.rows().len(), SIDES[1], "every coronal slice shows the kidney");
    let slice = coronal.rows()[10].slice().unwrap();
    assert_eq!((slice.width(), slice.height(), slice.hu()[0]), (SIDES[0], SIDES[2], 510.0));
    assert_eq!(slice.spacing().map(|mm| (mm.row_mm(), mm.column_mm())), Some((3.0, 1.5)));
    let sagittal = extract(SourceKind::Kits, folder.path(), Plane::Sagittal).unwrap();
    assert_eq!(sagittal.rows().len(), 20, "the left half shows the kidney");
    assert_eq!(sagittal.rows()[4].mask_of(&[2]).unwrap().unwrap().bounding_box(), Some((4, 2, 13, 2)));
}

#[test]
fn both_layouts_of_totalsegmentator_are_read() {
    let release = tempfile::tempdir().unwrap();
    for (case, cyst) in [("s0000", false), ("s0001", true)] {
        ct(&release.path().join(case).join("ct.nii.gz"));
        let structure = |name: &str| release.path().join(case).join("segmentations").join(format!("{name}.nii.gz"));
        labels(&structure("kidney_left"), 1, 0);
        volumes::write(&structure("kidney_right"), SIDES, true, |x, _, z| f32::from(u8::from(z == 2 && x >= 35)));
        if cyst {
            labels(&structure("kidney_cyst_left"), 0, 1);
        }
    }
    std::fs::write(release.path().join("meta.csv"), "image_id;age;split\ns0000;50;train\ns0001;60;val\n").unwrap();
    let found = table(SourceKind::TotalSegmentator, release.path()).unwrap();
    let right = 5 * SIDES[1] as u32;
    assert_eq!(
        rows(&found),
        [
            ("s0000", Some(Subset::Train), [WHOLE + right, 0, 0]),
            ("s0000", Some(Subset::Train), [WHOLE - 100, 0, 0]),
            ("s0000", Some(Subset::Train), [WHOLE, 0, 0]),
            ("s0001", Some(Subset::Validation), [WHOLE + right, 0, 0]),
            ("s0001", Some(Subset::Validation), [WHOLE - 100, 0, 100]),
            ("s0001", Some(Subset::Validation), [WHOLE, 0, 0]),
        ]
    );

    let reference = tempfile::tempdir().unwrap();
    ct(&reference.path().join("train/part_1/s0000.nii.gz"));
    ct(&reference.path().join("test/s0001.nii.gz"));
    for case in ["s0000", "s0001"] {
        labels(&reference.path().join(format!("nnUNet_predictions/{case}.nii.gz")), 1, 1);
    }
    let found = table(SourceKind::TotalSegmentator, reference.path()).unwrap();
    let subsets: Vec<_> = found.rows().iter().map(|row| (row.patient.as_str(), row.split)).collect();
    assert_eq!(subsets[0], ("s0000", Some(Subset::Train)));
    assert_eq!((subsets[5], subsets.len()), (("s0001", Some(Subset::Test)), 6));
}

#[test]
fn labels_of_both_nnunet_versions_are_read() {
    for (kidney, tumour, labels_of) in [
        (4, 7, r#"{"background": 0, "kidney": 4, "renal_tumor": 7, "liver": 1}"#),
        (4, 7, r#"{"0": "background", "4": "kidney", "7": "tumour"}"#),
        // KiTS23 as converted by nnU-Net: regions with overlapping values.
        (1, 2, r#"{"background": 0, "kidney": [1, 2, 3], "masses": [2, 3], "tumor": 2}"#),
    ] {
        let region = labels_of.contains("masses");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("dataset.json"), format!("{{\"labels\": {labels_of}}}")).unwrap();
        let cases = ["case_00001", "case_00002", "case_00003"];
        for case in cases {
            ct(&folder.path().join(format!("imagesTr/{case}_0000.nii.gz")));
            labels(&folder.path().join(format!("labelsTr/{case}.nii.gz")), kidney, tumour);
        }
        let splits = r#"[{"train": ["case_00001", "case_00002"], "val": ["case_00003"]}]"#;
        std::fs::write(folder.path().join("splits_final.json"), splits).unwrap();
        let found = table(SourceKind::NnUnet, folder.path()).unwrap();
        let subsets: BTreeMap<&str, _> = found.rows().iter().map(|row| (row.patient.as_str(), row.split)).collect();
        let (train, test) = (Some(Subset::Train), Some(Subset::Test));
        assert_eq!(subsets, BTreeMap::from([(cases[0], train), (cases[1], train), (cases[2], test)]));
        let (row, outlined) = (&found.rows()[1], if region { WHOLE } else { WHOLE - 100 });
        assert_eq!((pixels(row, "kidney"), pixels(row, "tumour")), (outlined, 100));

        ct(&folder.path().join("imagesTs/d_0000.nii.gz"));
        labels(&folder.path().join("labelsTs/d.nii.gz"), kidney, tumour);
        let found = table(SourceKind::NnUnet, folder.path()).unwrap();
        let subsets: BTreeMap<&str, _> = found.rows().iter().map(|row| (row.patient.as_str(), row.split)).collect();
        assert_eq!((subsets[cases[2]], subsets["d"]), (Some(Subset::Validation), test));

        // Changed label meanings invalidate the cache.
        let swapped = format!(r#"{{"labels": {{"tumor": {kidney}, "kidney": {tumour}}}}}"#);
        std::fs::write(folder.path().join("dataset.json"), swapped).unwrap();
        let found = table(SourceKind::NnUnet, folder.path()).unwrap();
        assert_eq!((pixels(&found.rows()[1], "kidney"), pixels(&found.rows()[1], "tumour")), (100, WHOLE - 100));
    }
}

fn image(path: &Path, side: usize, level: impl Fn(usize, usize) -> u8) {
    let intensities: Vec<u8> = (0..side * side).map(|i| level(i % side, i / side)).collect();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, write::png_8bit(side, side, &intensities).unwrap()).unwrap();
}

#[test]
fn xrays_are_labelled_by_folder_and_masked_at_another_resolution() {
    let folder = tempfile::tempdir().unwrap();
    for (class, level) in [("COVID", 200), ("Normal", 50)] {
        for i in 0..30 {
            let name = format!("{class}-{i}.png");
            image(&folder.path().join(class).join("images").join(&name), 30, |_, _| level);
            image(&folder.path().join(class).join("masks").join(&name), 60, |x, _| if x < 30 { 255 } else { 0 });
        }
    }
    let found = table(SourceKind::Xray, folder.path()).unwrap();
    let intensities = "input.normalisation={window=[0,255]}".into();
    let recipe = Recipe::load("kits23-anomalies", &["input.size=32".into(), intensities]).unwrap();
    let task = Task { organ: named("kidney"), finding: Finding::Labelled, ..Task::default() };
    let protocol = Protocol { data: toml::from_str(LUNGS).unwrap(), task, ..recipe.protocol() };
    let data = Dataset::open(&protocol, Some(&found), &Subset::ALL).unwrap();
    let batch = data.batch(&recipe.anomaly, None, BatchRequest { seed: 1, step: 0, size: 64, normal: false }).unwrap();
    let abnormal = batch.iter().filter(|sample| sample.abnormal).count();
    assert!((20..45).contains(&abnormal), "{abnormal} of 64 samples in balanced batches are abnormal");
    for sample in batch {
        let level = if sample.abnormal { 200.0 } else { 50.0 };
        assert!(sample.input.iter().all(|value| (value - (level / 127.5 - 1.0)).abs() < 1e-5));
        assert_eq!((sample.organ.bounding_box(), sample.truth), (Some((0, 0, 15, 31)), None));
    }
}

#[test]
fn nnunet_images_may_be_pictures_or_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let describe = |channel: &str| {
        let labels = r#"{"background": 0, "kidney": 1, "tumour": 2}"#;
        let text = format!(r#"{{"channel_names": {{"0": "{channel}"}}, "labels": {labels}}}"#);
        std::fs::write(folder.path().join("dataset.json"), text).unwrap();
    };
    let label = |x: usize, y: usize| if (10..15).contains(&y) { 2 } else { u8::from(x < 10) };
    for case in ["a", "b"] {
        image(&folder.path().join(format!("imagesTr/{case}_0000.png")), 20, |x, y| (10 * x + y) as u8);
        image(&folder.path().join(format!("labelsTr/{case}.PNG")), 20, label);
    }
    describe("xray");
    let found = table(SourceKind::NnUnet, folder.path()).unwrap();
    assert_eq!(rows(&found), [("a", None, [150, 100, 0]), ("b", None, [150, 100, 0])]);
    describe("CT");
    let message = table(SourceKind::NnUnet, folder.path()).unwrap_err().to_string();
    assert!(message.contains("a_0000.png is a picture, which has no HU"), "{message}");

    // A volume with its header in a file of its own.
    let pair = |name: &str, whole: &Path| {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(std::fs::File::open(whole).unwrap()).read_to_end(&mut bytes).unwrap();
        bytes[344..348].copy_from_slice(b"ni1\0");
        bytes[108..112].copy_from_slice(&0_f32.to_le_bytes());
        std::fs::write(folder.path().join(format!("{name}.hdr")), &bytes[..348]).unwrap();
        std::fs::write(folder.path().join(format!("{name}.img")), &bytes[352..]).unwrap();
        std::fs::remove_file(whole).unwrap();
    };
    for part in ["imagesTr", "labelsTr"] {
        std::fs::remove_dir_all(folder.path().join(part)).unwrap();
    }
    let whole = folder.path().join("imagesTr/whole.nii.gz");
    ct(&whole);
    pair("imagesTr/c_0000", &whole);
    let whole = folder.path().join("labelsTr/whole.nii.gz");
    labels(&whole, 1, 2);
    pair("labelsTr/c", &whole);
    let found = table(SourceKind::NnUnet, folder.path()).unwrap();
    assert_eq!(
        rows(&found),
        [("c", None, [WHOLE, 0, 0]), ("c", None, [WHOLE - 100, 100, 0]), ("c", None, [WHOLE, 0, 0])]
    );
}

const LUNGS: &str = "source = \"slices\"\nbalanced = true\n\
                     split = { kind = \"ratio\", validation = 0.2, test = 0.2 }";

#[test]
fn merged_sources_keep_all_patients_and_volumes_are_read_once() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    kits(first.path(), &["case_00000"]);
    kits(second.path(), &["case_00007"]);
    let merged = || {
        SliceTable::merged(vec![
            table(SourceKind::Kits, first.path()).unwrap(),
            table(SourceKind::Kits, second.path()).unwrap(),
        ])
    };
    let found = merged();
    let patients: BTreeSet<&str> = found.rows().iter().map(|row| row.patient.as_str()).collect();
    assert_eq!(patients, BTreeSet::from(["case_00000", "case_00007"]));

    // The file keeps its size and time but is no longer a volume, so reading it again would fail.
    let volume = first.path().join("case_00000/imaging.nii.gz");
    let (bytes, time) =
        (std::fs::metadata(&volume).unwrap().len(), std::fs::metadata(&volume).unwrap().modified().unwrap());
    std::fs::write(&volume, vec![0; bytes as usize]).unwrap();
    std::fs::File::options().write(true).open(&volume).unwrap().set_modified(time).unwrap();
    assert_eq!(merged().digest(&BTreeMap::new()), found.digest(&BTreeMap::new()));
    std::fs::write(&volume, vec![0; bytes as usize + 1]).unwrap();
    let message = table(SourceKind::Kits, first.path()).unwrap_err().to_string();
    assert!(message.contains("imaging.nii.gz"), "a changed volume is read again: {message}");
}

#[test]
fn unusable_cases_are_reported_or_skipped() {
    type Damage = fn(&Path);
    let damaged: [(Damage, &[&str]); 6] = [
        (|case| std::fs::remove_file(case.join("segmentation.nii.gz")).unwrap(), &["segmentation.nii.gz is missing"]),
        (|case| std::fs::remove_file(case.join("imaging.nii.gz")).unwrap(), &["imaging.nii.gz is missing"]),
        (
            |case| volumes::write(&case.join("segmentation.nii.gz"), [40, 32, 5], true, |_, _, _| 1.0),
            &["segmentation.nii.gz", "differ in shape", "40 x 32 x 5 and"],
        ),
        (|case| labels(&case.join("segmentation.nii.gz"), 1, 9), &["segmentation.nii.gz has the label 9", "1, 2, 3"]),
        (
            |case| volumes::write(&case.join("imaging.nii.gz"), SIDES, false, |_, _, _| f32::NAN),
            &["imaging.nii.gz", "not a finite number"],
        ),
        (
            |case| volumes::write(&case.join("imaging.nii.gz"), [0, 32, 6], false, |_, _, _| 0.0),
            &["imaging.nii.gz", "an axis has no voxels"],
        ),
    ];
    for (damage, words) in damaged {
        let folder = tempfile::tempdir().unwrap();
        kits(folder.path(), &["case_00000", "case_00001"]);
        damage(&folder.path().join("case_00001"));
        let message = table(SourceKind::Kits, folder.path()).unwrap_err().to_string();
        words.iter().for_each(|word| assert!(message.contains(word), "no {word:?} in: {message}"));
        let cache = folder.path().join("cache");
        let kept = source::table(
            SourceKind::Kits,
            folder.path(),
            &wanted(Plane::Axial),
            Reading { skip_incomplete: true, ..reading(&cache) },
        )
        .unwrap();
        let patients: BTreeSet<&str> = kept.rows().iter().map(|row| row.patient.as_str()).collect();
        assert_eq!(patients, BTreeSet::from(["case_00000"]));

        // What cannot be written is not the fault of a case.
        std::fs::remove_dir_all(&cache).unwrap();
        std::fs::write(&cache, "a file").unwrap();
        let skipping = Reading { skip_incomplete: true, ..reading(&cache) };
        let unwritten = source::table(SourceKind::Kits, folder.path(), &wanted(Plane::Axial), skipping).unwrap_err();
        assert!(matches!(unwritten, Error::Write { .. }), "{unwritten}");
    }
}

#[test]
fn channels_and_splits_of_nnunet_decide_which_files_are_cases() {
    let folder = tempfile::tempdir().unwrap();
    let at = |file: &str| folder.path().join(file);
    std::fs::write(at("dataset.json"), r#"{"labels": {"kidney": 1, "tumour": 2}}"#).unwrap();
    // A second channel; names of single-channel images that end like one; a name with another number.
    for image in ["a_0000", "a_0001", "liver_0007", "scan_12", "b_0000"] {
        ct(&at(&format!("imagesTr/{image}.nii.gz")));
    }
    for label in ["a", "liver_0007", "scan_12", "b"] {
        labels(&at(&format!("labelsTr/{label}.nii.gz")), 1, 2);
    }
    let subsets = || {
        let found = table(SourceKind::NnUnet, folder.path()).unwrap();
        found.rows().iter().map(|row| (row.patient.clone(), row.split)).collect::<BTreeMap<_, _>>()
    };
    let all =
        |splits: [Option<Subset>; 4]| ["a", "b", "liver_0007", "scan_12"].map(str::to_owned).into_iter().zip(splits);
    assert_eq!(subsets(), all([None; 4]).collect());
    let (train, validation, test) = (Some(Subset::Train), Some(Subset::Validation), Some(Subset::Test));
    std::fs::write(at("splits_final.json"), r#"[{"train": ["a"], "val": ["b"]}, {"train": ["b"], "val": ["a"]}]"#)
        .unwrap();
    assert_eq!(subsets(), all([train, test, None, None]).collect());
    // Test labels without their images are no test set.
    labels(&at("labelsTs/t.nii.gz"), 1, 2);
    assert_eq!(subsets(), all([train, test, None, None]).collect());
    ct(&at("imagesTs/t_0000.nii.gz"));
    assert_eq!(subsets(), all([train, validation, train, train]).chain([("t".to_owned(), test)]).collect());

    let refused = || table(SourceKind::NnUnet, folder.path()).unwrap_err().to_string();
    std::fs::write(at("splits_final.json"), r#"[{"train": ["a", "b"], "val": ["b"]}]"#).unwrap();
    assert!(refused().contains("b is in train and val of the first fold"), "{}", refused());
    std::fs::write(at("splits_final.json"), "[]").unwrap();
    assert_eq!(subsets()["a"], train);
    std::fs::remove_file(at("labelsTr/scan_12.nii.gz")).unwrap();
    assert!(refused().contains("labelsTr/scan_12.nii.gz is missing"), "{}", refused());
    // Another channel of a case is not a case without labels.
    std::fs::remove_file(at("imagesTr/scan_12.nii.gz")).unwrap();
    labels(&at("labelsTr/liver.nii.gz"), 1, 2);
    std::fs::remove_file(at("labelsTr/liver_0007.nii.gz")).unwrap();
    assert!(!subsets().contains_key("liver_0007"));
    // The same case in two formats.
    ct(&at("imagesTr/a.nii.gz"));
    assert!(refused().contains("case a occurs twice"), "{}", refused());
}

#[test]
fn lists_of_kits_cases_and_votes_of_annotators_are_used() {
    let folder = tempfile::tempdir().unwrap();
    kits(folder.path(), &["case_00000", "case_00001", "case_00002", "case_00003"]);
    let voted = folder.path().join("case_00003");
    std::fs::rename(voted.join("segmentation.nii.gz"), voted.join("aggregated_MAJ_seg.nii.gz")).unwrap();
    let list = |name: &str, cases: &str| {
        std::fs::create_dir_all(folder.path().join("splits")).unwrap();
        std::fs::write(folder.path().join(format!("splits/{name}_scans.csv")), cases).unwrap();
    };
    list("train", "case_00000\n\n case_00003 \r\n");
    list("val", "case_00001\n");
    list("test", "case_00002\ncase_00002\n");
    let found = table(SourceKind::Kits, folder.path()).unwrap();
    let subsets: BTreeMap<&str, _> = found.rows().iter().map(|row| (row.patient.as_str(), row.split)).collect();
    let splits = [Subset::Train, Subset::Validation, Subset::Test, Subset::Train].map(Some);
    assert_eq!(subsets, ["case_00000", "case_00001", "case_00002", "case_00003"].into_iter().zip(splits).collect());
    list("val", "case_00001\ncase_00000\n");
    let refused = table(SourceKind::Kits, folder.path()).unwrap_err().to_string();
    assert!(refused.contains("case_00000 is also in another list"), "{refused}");
}

#[test]
fn a_batch_depends_on_seed_and_step_only() {
    let recipe = Recipe::load("quick", &["input.size=64".into(), "data.train=20".into()]).unwrap();
    let made = |threads: usize, seed: u64, step: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let data = Dataset::open(&recipe.protocol(), None, &Subset::ALL).unwrap();
            // Earlier batches must not affect later ones.
            data.batch(&recipe.anomaly, None, BatchRequest { seed: 9, step: 0, size: 3, normal: false }).unwrap();
            let batch = data
                .batch(&recipe.anomaly, Some(&Augmentation::PAPER), BatchRequest { seed, step, size: 8, normal: false })
                .unwrap();
            batch.into_iter().map(|sample| (sample.input, sample.truth)).collect::<Vec<_>>()
        })
    };
    let batch = made(1, 1, 5);
    assert!(batch == made(4, 1, 5), "four threads make a different batch than one thread");
    assert!(batch != made(1, 1, 6) && batch != made(1, 2, 5));
}

/// A slice folder of 24 phantom patients, every second one with a tumour.
fn phantom_table(folder: &Path) -> SliceTable {
    phantoms::write_set(0..24, 128, folder).unwrap();
    SliceTable::open(folder).unwrap()
}

#[test]
fn masks_stay_aligned_when_a_slice_is_cropped_to_the_body() {
    let folder = tempfile::tempdir().unwrap();
    let (whole_grid, window) = (Grid { size: 128, crop_to_body: false }, Window::PHANTOM);
    let grid = |crop_to_body: bool| Grid { crop_to_body, ..whole_grid };
    let task = Task { organ: named("kidney"), finding: Finding::Labels(named("tumour")), ..Task::default() };
    let mut larger = 0;
    for row in phantom_table(folder.path()).rows() {
        let (whole, cropped) =
            [false, true].map(|cropped| row.case(grid(cropped), window, &task, true).unwrap()).into();
        let mean = |case: &Case, mask: &Mask| {
            let inside = case.slice.hu().iter().zip(mask.as_slice()).filter(|(_, inside)| **inside);
            inside.map(|(hu, _)| hu).sum::<f32>() / mask.count() as f32
        };
        let kidneys = [&whole, &cropped].map(|case| mean(case, &case.organ));
        assert!((kidneys[0] - kidneys[1]).abs() < 15.0, "{}: kidneys of {kidneys:?} HU", row.patient);
        if let (Some(before), Some(after)) = (&whole.finding, &cropped.finding) {
            let tumours = [mean(&whole, before), mean(&cropped, after)];
            assert!((tumours[0] - tumours[1]).abs() < 60.0, "{}: tumours of {tumours:?} HU", row.patient);
        }
        let [before, after] = [&whole, &cropped].map(|case| case.slice.spacing().unwrap().column_mm());
        let area = |case: &Case, mm: f32| case.organ.count() as f32 * mm * mm;
        assert!((area(&cropped, after) / area(&whole, before) - 1.0).abs() < 0.15, "{}", row.patient);
        larger += usize::from(after < 0.95 * before);
    }
    assert!(larger > 12, "{larger} of 24 patients are enlarged");
}

#[test]
fn lesions_are_inserted_only_into_normal_training_slices() {
    let folder = tempfile::tempdir().unwrap();
    let table = phantom_table(folder.path());
    let recipe = |balanced: bool| {
        let file = folder.path().join("tumours.toml");
        let text = format!(
            "extends = \"quick\"\nname = \"tumours\"\n[data]\nsource = \"slices\"\nabnormal = \"tumour\"\n\
             kidney_pixels = 30\ntumour_pixels = 5\nbalanced = {balanced}\ntrain_on_planted = true\n\
             [anomaly]\nprobability = 0.8\nlesions = 1.0\n"
        );
        std::fs::write(&file, text).unwrap();
        Recipe::load(file.to_str().unwrap(), &[]).unwrap()
    };
    for balanced in [false, true] {
        let recipe = recipe(balanced);
        let data = Dataset::open(&recipe.protocol(), Some(&table), &Subset::ALL).unwrap();
        let batch = |normal| {
            let request = BatchRequest { seed: 3, step: 0, size: 64, normal };
            data.batch(&recipe.anomaly, None, request).unwrap()
        };
        let inserted = batch(true);
        assert!(inserted.iter().all(|sample| sample.clean.is_some()), "pretraining batches contain no real tumours");
        let abnormal = inserted.iter().filter(|sample| sample.abnormal).count();
        assert!((30..64).contains(&abnormal), "{abnormal} of 64");
        let mixed = batch(false);
        assert!(mixed.iter().any(|sample| sample.clean.is_none()) && mixed.iter().any(|sample| sample.clean.is_some()));
        let samples = data.samples(&[Subset::Test], &recipe.anomaly, 1);
        let tested = samples.at(&(0..samples.len()).collect::<Vec<_>>()).unwrap();
        assert!(
            tested.iter().all(|sample| !sample.abnormal || sample.clean.is_none()),
            "test slices get no synthetic lesions"
        );
    }
}

#[test]
fn keys_without_effect_are_rejected() {
    let refused = Recipe::load("kits23-anomalies", &["task.train_on_synthetic=true".into()]).unwrap_err().to_string();
    assert!(refused.contains("a finding that labels show"), "{refused}");
    let cropped = Recipe::load("quick", &["input.crop=body".into()]).unwrap_err().to_string();
    assert!(cropped.contains("input.crop"), "{cropped}");
}

/// 60 patients. Patient i has i % 7 slices with 100 * i pixels of tumour each, and one slice without tumour.
fn patients() -> SliceTable {
    let folder = tempfile::tempdir().unwrap();
    let mut table = "file,case,split,kidney_px,tumour_px,cyst_px,spacing_xy_mm\n".to_owned();
    for i in 0..60 {
        for slice in 0..=i % 7 {
            let tumour = if slice == 0 { 0 } else { 100 * i };
            table += &format!("{i}_{slice}.png,patient_{i},,1000,{tumour},0,1.5\n");
        }
    }
    std::fs::write(folder.path().join("slices.csv"), table).unwrap();
    SliceTable::open(folder.path()).unwrap()
}

#[test]
fn ratio_and_fold_splits_are_deterministic() {
    let (table, task) = (patients(), Task { finding: Finding::Labels(named("tumour")), ..Task::default() });
    let count =
        |assigned: &BTreeMap<String, Subset>, wanted| assigned.values().filter(|found| **found == wanted).count();
    let ratio = Split::Ratio { validation: 0.2, test: 0.3 };
    let assigned = ratio.assign(&table, &task).unwrap();
    let reversed = SliceTable::new("reversed", table.rows().iter().rev().cloned().collect());
    assert_eq!(assigned, ratio.assign(&reversed, &task).unwrap());
    assert_eq!(assigned.len(), 60);
    assert!(
        (10..=26).contains(&count(&assigned, Subset::Test)) && (5..=19).contains(&count(&assigned, Subset::Validation))
    );

    let mut tested = BTreeSet::new();
    for fold in 0..5 {
        let assigned = Split::Folds { folds: 5, fold }.assign(&table, &task).unwrap();
        let area = |wanted: Subset| -> u32 {
            table.rows().iter().filter(|row| assigned[&row.patient] == wanted).map(|row| pixels(row, "tumour")).sum()
        };
        let all: u32 = table.rows().iter().map(|row| pixels(row, "tumour")).sum();
        for subset in [Subset::Test, Subset::Validation] {
            let fraction = f64::from(area(subset)) / f64::from(all);
            assert!((fraction - 0.2).abs() < 0.02, "fold {fold} has {fraction} of the tumour area");
        }
        tested.extend(assigned.into_iter().filter(|(_, subset)| *subset == Subset::Test).map(|(patient, _)| patient));
    }
    assert_eq!(tested.len(), 60, "every patient is tested once");
}

#[test]
fn splits_that_leak_or_name_unknown_patients_are_rejected() {
    let (table, folder) = (patients(), tempfile::tempdir().unwrap());
    let listed = |name: &str, text: &str| {
        let file: PathBuf = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        Split::Lists { file }.assign(&table, &Task::default()).map_err(|reason| reason.to_string())
    };
    let kept =
        listed("a.toml", "train = [\"patient_1\"]\nvalidation = [\"patient_2\"]\ntest = [\"patient_3\"]").unwrap();
    let expected = [("patient_1", Subset::Train), ("patient_2", Subset::Validation), ("patient_3", Subset::Test)];
    assert_eq!(kept, expected.into_iter().map(|(name, subset)| (name.to_owned(), subset)).collect());
    let leak = listed("b.json", r#"{"train": ["patient_1"], "test": ["patient_1"]}"#).unwrap_err();
    assert!(leak.contains("b.json") && leak.contains("patient_1 in two lists"), "{leak}");
    let stranger = listed("c.json", r#"[{"train": ["patient_1"], "val": ["nobody"]}]"#).unwrap_err();
    assert!(stranger.contains("nobody, who is not in the data"), "{stranger}");

    let mut rows = table.rows().to_vec();
    rows.iter_mut().for_each(|row| row.split = Some(Subset::Train));
    rows[2].split = Some(Subset::Test);
    let leak = Split::Given.assign(&SliceTable::new("leaky", rows), &Task::default()).unwrap_err().to_string();
    assert!(leak.contains("patient_1 has slices of two splits"), "{leak}");
    let silent = Split::Given.assign(&table, &Task::default()).unwrap_err().to_string();
    assert!(silent.contains("ratio"), "{silent}");
}

#[test]
fn slices_of_real_ct_are_extracted_unchanged() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/samples/totalsegmentator");
    let reference = ["totalsegmentator-2.18.0", "TotalSegmentator-2.18.0"]
        .map(|top| samples.join(top).join("tests/reference_files"));
    let Some(reference) = reference.iter().find(|folder| folder.join("example_seg_fast_force_split.nii.gz").exists())
    else {
        println!("SKIPPED: TotalSegmentator's sample is not in {}; cargo xtask test downloads it", samples.display());
        return;
    };
    let open = |name: &str| {
        let bytes = std::fs::read(reference.join(name)).unwrap();
        Scan::open(&bytes, name, Window::ABDOMEN, &Limits::default()).unwrap()
    };
    let (scan, segmented) = (open("example_ct.nii.gz"), open("example_seg_fast_force_split.nii.gz"));
    let folder = tempfile::tempdir().unwrap();
    let case = folder.path().join("s0000");
    std::fs::create_dir_all(case.join("segmentations")).unwrap();
    std::fs::copy(reference.join("example_ct.nii.gz"), case.join("ct.nii.gz")).unwrap();
    for (label, name) in [(2.0, "kidney_right"), (3.0, "kidney_left")] {
        let inside =
            |i| segmented.slice(i).unwrap().hu().iter().map(|&found| u8::from(found == label)).collect::<Vec<_>>();
        let masks: Vec<Vec<u8>> = (0..segmented.slice_count()).map(inside).collect();
        let bytes = write::nifti(&masks, segmented.geometry().unwrap()).unwrap();
        std::fs::write(case.join(format!("segmentations/{name}.nii.gz")), bytes).unwrap();
    }
    let found = table(SourceKind::TotalSegmentator, folder.path()).unwrap();
    let kidneys = |i: usize| segmented.slice(i).unwrap().hu().iter().filter(|label| [2.0, 3.0].contains(label)).count();
    let shown: Vec<usize> = (0..segmented.slice_count()).filter(|&i| kidneys(i) > 0).collect();
    assert!(shown.len() > 20, "the sample contains both kidneys");
    assert_eq!(found.rows().len(), shown.len());
    for (row, i) in found.rows().iter().zip(shown) {
        assert_eq!(pixels(row, "kidney") as usize, kidneys(i));
        let off = row
            .slice()
            .unwrap()
            .hu()
            .iter()
            .zip(scan.slice(i).unwrap().hu())
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(off <= 0.51, "slice {i} is off by {off} HU");
    }
}
