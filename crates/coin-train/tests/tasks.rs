//! Tasks with other organs, findings and modalities than kidney CT, each on a small folder in the layout of its source.

#![allow(clippy::unwrap_used)]

mod volumes;

use std::path::Path;

use coin_core::bundle::Normalisation;
use coin_imaging::{Plane, Window, write};
use coin_train::data::source::{self, Reading, SourceKind, Wanted};
use coin_train::data::{BatchRequest, Dataset, SliceTable, Subset};
use coin_train::recipe::{Protocol, Recipe, Task};
use volumes::{SIDES, ct, labels};

fn task(text: &str) -> Task {
    toml::from_str(text).unwrap()
}

fn table(kind: SourceKind, folder: &Path, task: &Task) -> Result<SliceTable, String> {
    let wanted = Wanted::of(task, Plane::Axial, false);
    let reading = Reading { cache: &folder.join("cache"), skip_incomplete: false, pair_by_voxel: false };
    source::table(kind, folder, &wanted, reading).map_err(|reason| reason.to_string())
}

/// Whether each slice is abnormal; `None` if it is not used.
fn image_labels(table: &SliceTable, task: &Task) -> Vec<Option<bool>> {
    table.rows().iter().map(|row| task.abnormal(row, Subset::Train)).collect()
}

#[test]
fn any_totalsegmentator_structure_can_be_the_organ() {
    let folder = tempfile::tempdir().unwrap();
    for case in ["s0000", "s0001"] {
        ct(&folder.path().join(case).join("ct.nii.gz"));
        for structure in ["liver", "lung_upper_lobe_left", "spleen"] {
            labels(&folder.path().join(case).join(format!("segmentations/{structure}.nii.gz")), 1, 0);
        }
    }
    let of_liver = task("organ = \"liver\"\nfinding = \"synthetic\"");
    let found = table(SourceKind::TotalSegmentator, folder.path(), &of_liver).unwrap();
    assert_eq!(found.descriptions()[0].labels.names().collect::<Vec<_>>(), ["liver"]);
    assert_eq!(image_labels(&found, &of_liver), [Some(false); 6]);
    // Several structures can form one organ.
    let of_both = task("organ = [\"liver\", \"spleen\"]\nfinding = \"synthetic\"");
    let found = table(SourceKind::TotalSegmentator, folder.path(), &of_both).unwrap();
    assert_eq!(found.descriptions()[0].labels.values(), [1, 2]);
    let unknown = table(SourceKind::TotalSegmentator, folder.path(), &task("organ = \"heart\"")).unwrap_err();
    assert!(unknown.contains("\"heart\"") && unknown.contains("liver, lung_upper_lobe_left, spleen"), "{unknown}");
    // The MR release has other image files and no HU.
    let mr = tempfile::tempdir().unwrap();
    ct(&mr.path().join("s0000/mri.nii.gz"));
    labels(&mr.path().join("s0000/segmentations/liver.nii.gz"), 1, 0);
    let found = table(SourceKind::TotalSegmentator, mr.path(), &of_liver).unwrap();
    assert_eq!(found.modality(), "MR");
}

#[test]
fn decathlon_tasks_are_read_as_downloaded() {
    let folder = tempfile::tempdir().unwrap();
    let description = r#"{"name": "Liver", "modality": {"0": "CT"}, "licence": "CC-BY-SA 4.0", "numTraining": 1,
        "labels": {"0": "background", "1": "liver", "2": "cancer"},
        "training": [{"image": "./imagesTr/liver_0.nii.gz", "label": "./labelsTr/liver_0.nii.gz"}], "test": []}"#;
    std::fs::write(folder.path().join("dataset.json"), description).unwrap();
    ct(&folder.path().join("imagesTr/liver_0.nii.gz"));
    labels(&folder.path().join("labelsTr/liver_0.nii.gz"), 1, 2);
    let cancer = task("organ = \"liver\"\nfinding = \"cancer\"\nmin_finding_pixels = 100");
    let found = table(SourceKind::NnUnet, folder.path(), &cancer).unwrap();
    assert_eq!(image_labels(&found, &cancer), [Some(false), Some(true), Some(false)]);
    assert_eq!((found.name(), found.modality().as_str()), (folder.path().file_name().unwrap().to_str().unwrap(), "CT"));
    // 100 pixels of 1.5 mm are 225 mm2.
    let larger = task("organ = \"liver\"\nfinding = \"cancer\"\nmin_finding_area_mm2 = 226.0");
    assert_eq!(image_labels(&found, &larger), [Some(false), None, Some(false)]);
    let smaller = task("organ = \"liver\"\nfinding = \"cancer\"\nmin_finding_area_mm2 = 224.0");
    assert_eq!(image_labels(&found, &smaller), [Some(false), Some(true), Some(false)]);
    // What is ignored may be trained on, and is not tested on.
    let ignoring = task("organ = \"liver\"\nfinding = \"synthetic\"\nignore = \"cancer\"\ntrain_on_ignored = true");
    let of = |subset| found.rows().iter().map(|row| ignoring.abnormal(row, subset)).collect::<Vec<_>>();
    assert_eq!((of(Subset::Train), of(Subset::Test)), (vec![Some(false); 3], vec![Some(false), None, Some(false)]));
    let wrong = found.check(&task("organ = \"spleen\"\nfinding = \"cancer\"")).unwrap_err().to_string();
    assert!(wrong.contains("no label is called spleen") && wrong.contains("cancer, liver"), "{wrong}");
    // Without an organ, every slice is used.
    let anywhere = task("finding = \"cancer\"");
    let found = table(SourceKind::NnUnet, folder.path(), &anywhere).unwrap();
    assert_eq!(found.rows().len(), SIDES[2]);
    assert_eq!(image_labels(&found, &anywhere).iter().filter(|found| **found == Some(false)).count(), SIDES[2] - 1);
}

/// Writes a slice folder of a modality without HU: two patients, the second twice as bright, with a lesion in every second of
/// four slices.
fn mr_folder(folder: &Path) {
    const SIDE: usize = 32;
    let mut table = "file,case,split\n".to_owned();
    for (case, brightness) in [("dark", 1_u8), ("bright", 2)] {
        for slice in 0..4 {
            let inside = |i: usize| (6..26).contains(&(i % SIDE)) && (6..26).contains(&(i / SIDE));
            let lesion = |i: usize| slice % 2 == 1 && (10..14).contains(&(i % SIDE)) && (10..14).contains(&(i / SIDE));
            let value = |i| {
                if lesion(i) {
                    100
                } else if inside(i) {
                    40 + slice
                } else {
                    0
                }
            };
            let intensities: Vec<u8> = (0..SIDE * SIDE).map(|i| value(i) * brightness).collect();
            let labels: Vec<u8> = (0..SIDE * SIDE).map(|i| if lesion(i) { 7 } else { u8::from(inside(i)) }).collect();
            let file = format!("{case}-{slice}.png");
            for (part, values) in [("images", intensities), ("masks", labels)] {
                std::fs::create_dir_all(folder.join(part)).unwrap();
                std::fs::write(folder.join(part).join(&file), write::png_8bit(SIDE, SIDE, &values).unwrap()).unwrap();
            }
            table += &format!("{file},{case},{}\n", if case == "dark" { "train" } else { "test" });
        }
    }
    std::fs::write(folder.join("slices.csv"), table).unwrap();
    let description = r#"{"name": "heads", "modality": "MR", "labels": {"background": 0, "head": 1, "glioma": 7},
        "intensity": {"unit": "arbitrary"}, "licence": "none"}"#;
    std::fs::write(folder.join("dataset.json"), description).unwrap();
}

#[test]
fn a_mask_with_a_label_that_the_description_does_not_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    mr_folder(folder.path());
    let mask = folder.path().join("masks/dark-1.png");
    std::fs::write(mask, write::png_8bit(32, 32, &[255; 32 * 32]).unwrap()).unwrap();
    let message = SliceTable::open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("dark-1.png: the label 255 has no name; name it in dataset.json"), "{message}");
}

fn protocol(task_of: &str, over: &str) -> Protocol {
    let changes =
        ["input.size=32".to_owned(), format!("input.normalisation={{percentiles=[0, 100], over=\"{over}\"}}")];
    let recipe = Recipe::load("lgg-tumour", &changes).unwrap();
    let data = toml::from_str("source = \"slices\"\nsplit = { kind = \"folds\", folds = 3, fold = 0 }").unwrap();
    Protocol { task: task(task_of), data, ..recipe.protocol() }
}

#[test]
fn masks_are_counted_and_brightness_is_normalised_by_slice_or_patient() {
    let folder = tempfile::tempdir().unwrap();
    mr_folder(folder.path());
    let found = SliceTable::open(folder.path()).unwrap();
    let pixels = |label: &str| found.rows().iter().map(|row| row.pixels(&[label.to_owned()])).collect::<Vec<_>>();
    assert_eq!(pixels("glioma"), [0, 16, 0, 16, 0, 16, 0, 16]);
    assert_eq!(pixels("head"), [400, 384, 400, 384, 400, 384, 400, 384]);
    assert_eq!((found.name(), found.rows()[0].intensities), ("heads", Window::EIGHT_BIT));

    let glioma = "organ = \"head\"\nfinding = \"glioma\"\nmin_finding_pixels = 16";
    let brightest = |over: &str| {
        let protocol = Protocol { data: toml::from_str("source = \"slices\"").unwrap(), ..protocol(glioma, over) };
        let data = Dataset::open(&protocol, Some(&found), &[Subset::Train, Subset::Test]).unwrap();
        let samples = data.samples(&[Subset::Train, Subset::Test], &protocol.anomaly, 1);
        let samples = samples.at(&(0..samples.len()).collect::<Vec<_>>()).unwrap();
        let largest = samples.iter().map(|sample| sample.input.iter().copied().fold(-1.0, f32::max));
        (largest.collect::<Vec<f32>>(), data.normalisation, data.modality)
    };
    // Per slice: every slice uses the whole range.
    let (by_slice, normalisation, modality) = brightest("slice");
    assert_eq!((by_slice, modality.as_str()), (vec![1.0; 8], "MR"));
    assert!(matches!(normalisation, Normalisation::Percentiles { .. }));
    // Per patient: only lesions are white, in both patients.
    let (by_case, ..) = brightest("case");
    let [dark, bright] = [&by_case[..4], &by_case[4..]];
    assert!(dark.iter().zip(bright).all(|(dark, bright)| (dark - bright).abs() < 1e-5), "{by_case:?}");
    assert!((dark[1], dark[3]) == (1.0, 1.0) && dark[0] < 0.0 && dark[2] < 0.0, "{dark:?}");
    // Over the training slices: a window that the model stores and that clips the other patient.
    let (by_data, normalisation, _) = brightest("dataset");
    assert_eq!(normalisation, Normalisation::Window([0.0, 100.0]));
    assert!((by_data[0] + 0.2).abs() < 1e-5 && (by_data[4] - 0.6).abs() < 1e-5, "{by_data:?}");
}

#[test]
fn one_window_does_not_fit_hu_and_other_intensities() {
    let (heads, scans) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [heads.path(), scans.path()] {
        mr_folder(folder);
    }
    let description = std::fs::read_to_string(scans.path().join("dataset.json")).unwrap();
    let description = description.replace("MR", "CT").replace(r#""arbitrary""#, r#""HU", "low": 0, "high": 255"#);
    std::fs::write(scans.path().join("dataset.json"), description).unwrap();
    let both = [&heads, &scans].map(|folder| SliceTable::open(folder.path()).unwrap());
    let both = SliceTable::merged(both.to_vec());
    let protocol = protocol("organ = \"head\"\nfinding = \"glioma\"", "slice");
    let by_window = Recipe::load("lgg-tumour", &["input.normalisation={window=[0,255]}".into()]).unwrap();
    let by_window = Protocol { input: by_window.protocol().input, ..protocol.clone() };
    let refused = Dataset::open(&by_window, Some(&both), &[Subset::Train]).err().unwrap().to_string();
    assert!(refused.contains("some of the data are in HU and some are not"), "{refused}");
    let percentiles = Dataset::open(&protocol, Some(&both), &[Subset::Train]).err().map(|reason| reason.to_string());
    assert!(percentiles.is_none_or(|reason| !reason.contains("HU")));
}

#[test]
fn anomalies_are_inserted_into_the_organ_or_else_into_the_body() {
    let folder = tempfile::tempdir().unwrap();
    mr_folder(folder.path());
    let found = SliceTable::open(folder.path()).unwrap();
    for (organ, lesions) in [("organ = \"head\"\n", 0.0), ("", 0.0), ("organ = \"head\"\n", 1.0)] {
        let task_of = format!("{organ}finding = \"synthetic\"\nignore = \"glioma\"");
        let mut protocol =
            Protocol { data: toml::from_str("source = \"slices\"").unwrap(), ..protocol(&task_of, "case") };
        protocol.anomaly.probability = 1.0;
        protocol.anomaly.lesions = lesions;
        protocol.anomaly.diameter_mm = 60.0;
        let data = Dataset::open(&protocol, Some(&found), &[Subset::Train]).unwrap();
        let request = BatchRequest { seed: 1, step: 0, size: 16, normal: false };
        let batch = data.batch(&protocol.anomaly, None, request).unwrap();
        assert!(batch.iter().all(|sample| sample.organ.bounding_box() == Some((6, 6, 25, 25))), "{organ:?}");
        let inserted: Vec<_> = batch.iter().filter_map(|sample| sample.truth.as_ref()).collect();
        assert!(inserted.len() > 12, "{} of 16 with {organ:?}", inserted.len());
        assert!(inserted.iter().all(|truth| truth.pixels().any(|(x, y)| batch[0].organ.get(x, y))));
        let clean = batch.iter().zip(batch.iter().filter_map(|sample| sample.clean.as_ref()));
        assert!(clean.filter(|(sample, clean)| sample.abnormal && sample.input != **clean).count() > 12);
    }
}

#[test]
fn volumes_without_hu_keep_small_differences() {
    let folder = tempfile::tempdir().unwrap();
    let description =
        r#"{"channel_names": {"0": "T2"}, "labels": {"background": 0, "prostate": 1}, "file_ending": ".nii.gz"}"#;
    std::fs::write(folder.path().join("dataset.json"), description).unwrap();
    let image = folder.path().join("imagesTr/p_0000.nii.gz");
    volumes::write(&image, SIDES, false, |x, y, _| (x + SIDES[0] * y) as f32 / 10_000.0);
    labels(&folder.path().join("labelsTr/p.nii.gz"), 1, 0);
    let found = table(SourceKind::NnUnet, folder.path(), &task("organ = \"prostate\"")).unwrap();
    let slice = found.rows()[0].slice().unwrap();
    let off = slice.hu().iter().enumerate().map(|(i, value)| (value - i as f32 / 10_000.0).abs());
    assert!(off.fold(0.0, f32::max) < 1e-5, "they were rounded");
    // All the same, and more than is stored.
    volumes::write(&image, SIDES, false, |_, _, _| 5.0);
    let same = table(SourceKind::NnUnet, folder.path(), &task("organ = \"prostate\"")).unwrap();
    assert!(same.rows()[0].slice().unwrap().hu().iter().all(|value| *value == 5.0));
    volumes::write(&image, SIDES, false, |x, _, _| 3e5 * x as f32);
    let large = table(SourceKind::NnUnet, folder.path(), &task("organ = \"prostate\"")).unwrap_err();
    assert!(large.contains("its intensities, 0 to 11700000, exceed +-100000"), "{large}");
    assert_eq!(found.modality(), "MR");
}
