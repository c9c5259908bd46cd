//! The embedded recipes, and loading of recipes: `extends`, small presets and `--set` changes.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

use super::merge::merge;
use super::{Recipe, legacy};
use crate::Error;

/// Names and texts of the recipes with their own file.
const FILES: [(&str, &str); 9] = [
    ("quick", include_str!("../../recipes/quick.toml")),
    ("kits23-anomalies", include_str!("../../recipes/kits23-anomalies.toml")),
    ("kits23-singla", include_str!("../../recipes/kits23-singla.toml")),
    ("kits23-tumour", include_str!("../../recipes/kits23-tumour.toml")),
    ("lits-tumour", include_str!("../../recipes/lits-tumour.toml")),
    ("lgg-tumour", include_str!("../../recipes/lgg-tumour.toml")),
    ("lidc-nodule", include_str!("../../recipes/lidc-nodule.toml")),
    ("paper-synthetic", include_str!("../../recipes/paper-synthetic.toml")),
    ("paper-tumour", include_str!("../../recipes/paper-tumour.toml")),
];
/// Recipes that change a few keys of another one: one table per recipe.
const VARIANTS: &str = include_str!("../../recipes/paper-variants.toml");
/// The changes that turn a recipe of the paper into its small preset.
const SMALL: &str = include_str!("../../recipes/small.toml");
/// Name suffix of small presets.
const SMALL_SUFFIX: &str = "-small";
/// Name prefix of recipes that have a small preset.
const PAPER_PREFIX: &str = "paper-";
/// The key that names the base recipe.
const EXTENDS: &str = "extends";

/// Names of the embedded recipes.
pub fn embedded() -> Vec<String> {
    let variants = VARIANTS.parse::<Table>().unwrap_or_default();
    let mut names: Vec<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.extend(variants.keys().cloned());
    let presets: Vec<String> = names
        .iter()
        .filter(|name| name.starts_with(PAPER_PREFIX))
        .map(|name| format!("{name}{SMALL_SUFFIX}"))
        .collect();
    names.extend(presets);
    names
}

impl Recipe {
    /// Loads an embedded recipe by name or a TOML file by path, and applies `key=value` changes.
    ///
    /// # Errors
    /// If there is no such recipe, or a key or value is invalid.
    pub fn load(name: &str, changes: &[String]) -> Result<Self, Error> {
        let invalid = |reason: String| Error::Recipe { name: name.into(), reason };
        let mut old = BTreeSet::new();
        let mut table = table(name, &mut old)?;
        for change in changes {
            old.extend(set(&mut table, change)?);
        }
        old.extend(legacy::modernise(&mut table));
        legacy::complete(&mut table, &old);
        for (old, new) in old {
            tracing::warn!("recipe {name}: the key {old} has been renamed to {new}; the old name still works");
        }
        let recipe: Self = table.clone().try_into().map_err(|reason: toml::de::Error| invalid(reason.to_string()))?;
        let known = Table::try_from(&recipe).map_err(|reason| invalid(reason.to_string()))?;
        let problem = unknown(&table, &known).map(|key| format!("{key}: unknown key"));
        match problem.or_else(|| recipe.problem()) {
            Some(reason) => Err(invalid(reason)),
            None => Ok(recipe),
        }
    }
}

/// Old keys that were found, with their current names.
type Old = BTreeSet<(&'static str, &'static str)>;

/// The recipe with this name or path, merged over its base recipes, with current keys.
fn table(name: &str, old: &mut Old) -> Result<Table, Error> {
    if let Some(large) = name.strip_suffix(SMALL_SUFFIX).filter(|large| large.starts_with(PAPER_PREFIX)) {
        let mut preset = table(large, old)?;
        merge(&mut preset, parse(name, SMALL)?);
        preset.insert("name".into(), Value::String(name.into()));
        preset.insert("model".into(), Value::String(name.into()));
        if let Some(Value::String(title)) = preset.get_mut("title") {
            title.push_str(", small, on phantoms");
        }
        return Ok(preset);
    }
    let own = match FILES.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => parse(name, text)?,
        None => match parse(name, VARIANTS)?.remove(name) {
            Some(Value::Table(variant)) => named(variant, name),
            _ => {
                let text = std::fs::read_to_string(Path::new(name));
                let unknown = |_| Error::UnknownRecipe { name: name.into(), known: embedded().join(", ") };
                parse(name, &text.map_err(unknown)?)?
            }
        },
    };
    extended(own, name, old)
}

/// Sets the name of a variant, which is the name of its table.
fn named(mut variant: Table, name: &str) -> Table {
    variant.insert("name".into(), Value::String(name.into()));
    variant.insert("model".into(), Value::String(name.into()));
    variant
}

/// Merges `own` over its base recipe, if it has one. Only embedded recipes can be extended, which rules out cycles.
fn extended(mut own: Table, name: &str, old: &mut Old) -> Result<Table, Error> {
    old.extend(legacy::modernise(&mut own));
    let Some(base) = own.remove(EXTENDS) else { return Ok(own) };
    let invalid = |reason: String| Error::Recipe { name: name.into(), reason };
    let known = embedded();
    match base.as_str().filter(|base| *base != name && known.iter().any(|known| known == base)) {
        Some(base) => {
            let mut whole = table(base, old)?;
            merge(&mut whole, own);
            Ok(whole)
        }
        None => Err(invalid(format!("{EXTENDS}: {base} is not an embedded recipe; choose from {}", known.join(", ")))),
    }
}

fn parse(name: &str, text: &str) -> Result<Table, Error> {
    text.parse().map_err(|reason: toml::de::Error| Error::Recipe { name: name.into(), reason: reason.to_string() })
}

/// The first key of `given` that is not in `known`. Recipes are checked here and not during deserialization, because recipes in
/// model files may have keys of other versions.
fn unknown(given: &Table, known: &Table) -> Option<String> {
    given.iter().find_map(|(key, value)| match (value, known.get(key)) {
        (_, None) => Some(key.clone()),
        (Value::Table(given), Some(Value::Table(known))) => unknown(given, known).map(|inner| format!("{key}.{inner}")),
        _ => None,
    })
}

/// Applies `a.b.c=value` to a table; a value that is not valid TOML becomes a string. Returns the old keys before the last one.
fn set(table: &mut Table, change: &str) -> Result<Old, Error> {
    let wrong = |reason: &str| Error::Change { change: change.into(), reason: reason.into() };
    let (path, value) = change.split_once('=').ok_or_else(|| wrong("write it as key=value"))?;
    let parsed = format!("value = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| Value::String(value.to_owned()));
    let mut keys: Vec<&str> = path.trim().split('.').collect();
    let last = keys.pop().unwrap_or_default();
    let (mut inner, mut old) = (table, Old::new());
    for key in keys {
        let renamed = legacy::renamed(key);
        old.extend(renamed);
        let key = renamed.map_or(key, |(_, new)| new);
        let next = inner.get_mut(key).and_then(Value::as_table_mut);
        inner = next.ok_or_else(|| wrong(&format!("the recipe has no table {key}")))?;
    }
    inner.insert(last.to_owned(), value);
    Ok(old)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use coin_core::method::Method;

    use super::super::Protocol;
    use super::*;

    #[test]
    fn every_embedded_recipe_is_valid() {
        for name in embedded() {
            assert_eq!(Recipe::load(&name, &[]).unwrap().name, name);
        }
    }

    #[test]
    fn every_classifier_family_can_be_selected() {
        for family in ["resnet-18", "resnet-34", "resnet-50", "efficientnet-v2-s", "convnext-tiny"] {
            let change = format!("classifier.network={{ family = \"{family}\", width = 8 }}");
            assert_eq!(Recipe::load("quick", &[change]).unwrap().classifier.network.width, 8, "{family}");
        }
    }

    #[test]
    fn a_small_preset_differs_in_size_and_not_in_method() {
        let (large, small) = (Recipe::load("paper-b", &[]).unwrap(), Recipe::load("paper-b-small", &[]).unwrap());
        assert!(
            small.input.size < large.input.size
                && small.counterfactual.schedule.batch < large.counterfactual.schedule.batch
        );
        let widest = |recipe: &Recipe| recipe.counterfactual.inpainter.widths.iter().max().copied().unwrap();
        assert!(widest(&small) * 7 < widest(&large), "{} and {}", widest(&small), widest(&large));
        for recipe in [large, small] {
            let (inpainter, training) = (recipe.counterfactual.inpainter, recipe.counterfactual.training);
            assert_eq!((training.method, inpainter.conditions, inpainter.skips), (Method::Singla, 2, vec![]));
        }
    }

    #[test]
    fn a_file_extends_an_embedded_recipe_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let load = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Recipe::load(&path.to_string_lossy(), &[])
        };
        let quick = Recipe::load("quick", &[]).unwrap();
        let mine = load("extends = \"quick\"\nname = \"mine\"\ncounterfactual.training.weight_kl = 2.0").unwrap();
        assert_eq!((mine.name.as_str(), mine.counterfactual.training.weight_kl), ("mine", 2.0));
        assert_eq!(mine.classifier, quick.classifier);
        let refused = load("extends = \"mine.toml\"").unwrap_err().to_string();
        assert!(refused.contains("extends") && refused.contains("quick"), "{refused}");
    }

    #[test]
    fn recipes_reject_unknown_keys_and_protocols_ignore_them() {
        let text = FILES[0].1.replace("[anomaly]", "[anomaly]\ncolour = 3");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, &text).unwrap();
        let refused = Recipe::load(&path.to_string_lossy(), &[]).unwrap_err().to_string();
        assert!(refused.contains("anomaly.colour: unknown key"), "{refused}");
        let protocol: Protocol = toml::from_str(&text).unwrap();
        assert_eq!(protocol, Recipe::load("quick", &[]).unwrap().protocol());
    }

    #[test]
    fn keys_without_effect_are_rejected() {
        for (recipe, change) in [
            ("kits23-anomalies", "data.balanced=true"),
            ("kits23-anomalies", "task.train_on_synthetic=true"),
            ("kits23-tumour", "task.train_on_ignored=true"),
        ] {
            let refused = Recipe::load(recipe, &[change.to_owned()]).unwrap_err().to_string();
            let (key, _) = change.split_once('=').unwrap();
            assert!(refused.contains(&format!("{key}: ")) && refused.ends_with("leave it out"), "{refused}");
        }
    }

    #[test]
    fn changes_are_typed_and_unknown_keys_are_rejected() {
        let change = |change: &str| Recipe::load("quick", &[change.to_owned()]);
        assert_eq!(
            change("counterfactual.training.learning_rate=1e-4").unwrap().counterfactual.training.learning_rate,
            1e-4
        );
        assert_eq!(change("title=Mine").unwrap().title, "Mine");
        assert_eq!(change("limits=").unwrap().limits, "");
        assert!(change("learning_rat=1").unwrap_err().to_string().contains("learning_rat: unknown key"));
        assert!(change("input.size=100").unwrap_err().to_string().contains("input.size:"));
        assert!(change("input.size=large").unwrap_err().to_string().contains("size"));
        for (wrong, key) in [("steps=many", "steps"), ("batch=-1", "batch"), ("batch=1", "batch")] {
            let refused = change(&format!("classifier.{wrong}")).unwrap_err().to_string();
            assert!(refused.contains("classifier") && refused.contains(key), "{refused}");
        }
        let refused =
            change("classifier.learning_rate_schedule={kind=\"drop\", after=1, factor=\"x\"}").unwrap_err().to_string();
        assert!(refused.contains("classifier") && refused.contains("learning_rate_schedule"), "{refused}");
        for (wrong, key) in [
            ("classifier.batch=1", "classifier.batch:"),
            ("classifier.network.width=0", "classifier.network.width:"),
            ("counterfactual.inpainter.stem=0", "counterfactual.inpainter.stem:"),
            ("counterfactual.discriminator.widths=[]", "counterfactual.discriminator.widths:"),
            ("anomaly.probability=3", "anomaly.probability:"),
            ("counterfactual.inpainter.widths=[1, 2, 3, 4, 5, 6, 7, 8, 9]", "counterfactual.inpainter.widths:"),
            ("counterfactual.training.weight_kl=-1", "counterfactual.training.weight_kl:"),
            ("counterfactual.training.average_decay=1", "counterfactual.training.average_decay:"),
            ("classifier.training.learning_rate=nan", "classifier.training.learning_rate:"),
            ("classifier.steps=0", "classifier.steps:"),
            ("data.test=0", "data.test:"),
            ("data.train=1000001", "data.train:"),
        ] {
            let refused = change(wrong).unwrap_err().to_string();
            assert!(refused.contains(&format!(": {key} ")), "{refused}");
        }
    }

    #[test]
    fn changes_may_use_the_old_names_of_keys() {
        let changes =
            ["restoration.steps=7", "localisation.anomaly.wear=0.25", "classifier.learning_rate_drop.factor=0.5"];
        let recipe = Recipe::load("kits23-tumour", &changes.map(String::from)).unwrap();
        assert_eq!(recipe.inpainting_pretraining.unwrap().schedule.steps, 7);
        assert_eq!(recipe.localisation_pretraining.unwrap().anomaly.fading, 0.25);
        let schedule = recipe.classifier.schedule.learning_rate_schedule.unwrap();
        assert!(matches!(schedule, super::super::LearningRateSchedule::Drop { factor: 0.5, .. }), "{schedule:?}");
        let refused = Recipe::load("quick", &["classifier.learning_rate_drop=0.1".into()]).unwrap_err().to_string();
        assert!(refused.contains("learning_rate_schedule"), "{refused}");
    }
}
