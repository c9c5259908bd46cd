//! Backward compatibility with recipes, slice folders and model files of earlier versions, which supported only kidneys:
//! `tests/stored` contains old recipes, and the shipped models are old, too.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use coin_core::bundle::Normalisation;
use coin_train::data::{SliceTable, Subset};
use coin_train::model::Model;
use coin_train::recipe::{Crop, Finding, Names, Protocol, Recipe};

fn stored(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stored").join(file)
}

#[test]
fn old_recipes_equal_the_current_ones() {
    for name in ["kits23-anomalies", "kits23-tumour"] {
        let old = Recipe::load(stored(&format!("{name}.toml")).to_str().unwrap(), &[]).unwrap();
        let current = Recipe::load(name, &[]).unwrap();
        // Title and limits are free text, which may be reworded.
        let (title, limits) = (current.title.clone(), current.limits.clone());
        assert_eq!(Recipe { title, limits, ..old }, current);
    }
    let changes = ["size=64", "window=[0, 80]", "data.kidney_pixels=7", "data.without_cysts=false"].map(str::to_owned);
    let changed = Recipe::load("kits23-tumour", &changes).unwrap();
    assert_eq!((changed.input.size, changed.input.normalisation), (64, Normalisation::Window([0.0, 80.0])));
    assert_eq!((changed.task.min_organ_pixels, changed.task.ignore.0.len()), (7, 0));
    let refused = Recipe::load("quick", &["data.kidney_pixels=many".to_owned()]).unwrap_err().to_string();
    assert!(refused.contains("min_organ_pixels"), "{refused}");
}

#[test]
fn recipes_in_shipped_models_are_read() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let kidney = Names(vec!["kidney".into()]);
    for (name, finding, window, crop) in [
        ("coin-phantom", Finding::Synthetic, [-200.0, 400.0], Crop::None),
        ("coin-kidney-anomaly", Finding::Synthetic, [-100.0, 300.0], Crop::None),
        ("coin-kidney-tumour", Finding::Labels(Names(vec!["tumour".into()])), [-100.0, 300.0], Crop::Body),
    ] {
        let bundle = Model::bundle(&models.join(name).join(format!("{name}.safetensors"))).unwrap();
        let Protocol { task, input, .. } = Protocol::of(&bundle.card).unwrap();
        assert_eq!((task.organ, task.finding, input.crop), (kidney.clone(), finding, crop), "{name}");
        assert_eq!(input.normalisation, Normalisation::Window(window), "{name}");
        let ignored = if name.ends_with("tumour") { vec!["cyst"] } else { vec!["tumour", "cyst"] };
        assert_eq!(task.ignore.0, ignored, "{name}");
    }
}

#[test]
fn models_of_other_images_keep_their_task() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    for (name, recipe, organ, finding) in
        [("coin-glioma", "lgg-tumour", "head", "tumour"), ("coin-lung-nodule", "lidc-nodule", "patch", "nodule")]
    {
        let bundle = Model::bundle(&models.join(name).join(format!("{name}.safetensors"))).unwrap();
        let Protocol { task, input, .. } = Protocol::of(&bundle.card).unwrap();
        assert_eq!((task.finding_name(), task.organ.0), (finding.to_owned(), vec![organ.to_owned()]));
        assert!(matches!(input.normalisation, Normalisation::Percentiles { .. }), "{name}");
        // The recipe that ships today gives this model.
        let recipe = Recipe::load(recipe, &[]).unwrap();
        let own: Recipe = serde_json::from_value(bundle.card.recipe.clone()).unwrap();
        assert_eq!(own, recipe);
    }
}

#[test]
fn slice_folders_without_a_description_contain_kidney_ct() {
    let folder = tempfile::tempdir().unwrap();
    let table = "file,case,grid,split,kidney_px,tumour_px,cyst_px,spacing_xy_mm,spacing_row_mm,low_hu,high_hu,label\n\
                 a.png,p1,native,test,900,120,0,0.8,1.6,-50,250,abnormal\n\
                 b.png,p2,native,val,0,0,0,,,,,\n";
    std::fs::write(folder.path().join("slices.csv"), table).unwrap();
    let table = SliceTable::open(folder.path()).unwrap();
    let [first, second] = table.rows() else { panic!("two slices") };
    let pixels = |label: &str| first.pixels(&[label.to_owned()]);
    assert_eq!([pixels("kidney"), pixels("tumour"), pixels("cyst")], [900, 120, 0]);
    let spacing = first.spacing.unwrap();
    assert_eq!((spacing.row_mm(), spacing.column_mm()), (1.6, 0.8));
    assert_eq!((first.intensities.low(), first.intensities.high(), first.abnormal), (-50.0, 250.0, Some(true)));
    assert_eq!((first.split, second.split), (Some(Subset::Test), Some(Subset::Validation)));
    assert_eq!((second.intensities.low(), second.spacing, second.abnormal), (-100.0, None, None));
}
