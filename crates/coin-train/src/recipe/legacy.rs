//! Converts keys of earlier recipes, which supported only kidneys, to the current keys.

use toml::{Table, Value};

use super::merge::merge;

/// Old keys and their new paths.
const MOVED: [(&str, &str); 10] = [
    ("size", "input.size"),
    ("window", "input.normalisation"),
    ("crop_to_body", "input.crop"),
    ("data.abnormal", "task.finding"),
    ("data.kidney_pixels", "task.min_organ_pixels"),
    ("data.tumour_pixels", "task.min_finding_pixels"),
    ("data.train_on_diseased", "task.train_on_ignored"),
    ("data.train_on_planted", "task.train_on_synthetic"),
    ("localisation", "localisation_pretraining"),
    ("restoration", "inpainting_pretraining"),
];
/// Keys that were renamed in every table.
const RENAMED: [(&str, &str); 3] =
    [("wear", "fading"), ("planted_weight", "anomaly_weight"), ("halvings", "downsample_blocks")];
/// An old table that became one of several kinds.
const DROP: (&str, &str) = ("learning_rate_drop", "learning_rate_schedule");
/// An old flag that became a list of labels.
const WITHOUT_CYSTS: (&str, &str) = ("data.without_cysts", "task.ignore");
/// The organ of all earlier recipes.
const ORGAN: &str = "kidney";
/// Labels that earlier recipes with synthetic anomalies excluded from normal slices.
const IGNORED: [&str; 2] = ["tumour", "cyst"];

/// Replaces old keys with current ones; returns the pairs of old and new keys that were found.
pub fn modernise(table: &mut Table) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    let without_cysts = take(table, WITHOUT_CYSTS.0);
    rename(table, &mut found);
    let own_finding = table.get("data").and_then(|data| data.get("abnormal")).is_some();
    if without_cysts.is_some() {
        found.push(WITHOUT_CYSTS);
    }
    for (old, new) in MOVED {
        let Some(value) = take(table, old) else { continue };
        found.push((old, new));
        let value = match old {
            "window" => Value::Table(Table::from_iter([("window".to_owned(), value)])),
            "crop_to_body" => if value.as_bool() == Some(true) { "body" } else { "none" }.into(),
            "data.abnormal" if value.as_str() == Some("planted") => "synthetic".into(),
            _ => value,
        };
        if new == "task.finding" {
            put(table, "task.organ", ORGAN.into());
            put(table, WITHOUT_CYSTS.1, ignored(&value).into());
        }
        put(table, new, value);
    }
    match without_cysts.map(|value| value.as_bool()) {
        Some(Some(true)) => put(table, WITHOUT_CYSTS.1, vec![Value::from("cyst")].into()),
        // Not a flag: keep an invalid value, so that parsing reports the key.
        Some(None) => put(table, WITHOUT_CYSTS.1, Value::Boolean(false)),
        // The flag applied to tumour tasks only; synthetic tasks always exclude cysts.
        Some(Some(false)) if !own_finding && !is_synthetic(table) => {
            put(table, WITHOUT_CYSTS.1, Value::Array(Vec::new()))
        }
        Some(Some(false)) | None => {}
    }
    found
}

/// Renames the keys of a table and of all nested tables.
fn rename(table: &mut Table, found: &mut Vec<(&'static str, &'static str)>) {
    for (old, new) in RENAMED {
        let Some(value) = table.remove(old) else { continue };
        found.push((old, new));
        table.insert(new.into(), value);
    }
    if let Some(mut drop) = table.remove(DROP.0) {
        found.push(DROP);
        if let Some(drop) = drop.as_table_mut() {
            drop.insert("kind".into(), "drop".into());
        }
        table.insert(DROP.1.into(), drop);
    }
    table.iter_mut().filter_map(|(_, value)| value.as_table_mut()).for_each(|inner| rename(inner, found));
}

/// The pair of old and current name of a key that leads to another one in a path such as `restoration.steps`.
pub fn renamed(key: &str) -> Option<(&'static str, &'static str)> {
    let stages = MOVED.into_iter().filter(|(_, new)| !new.contains('.'));
    stages.chain(RENAMED).chain([DROP]).find(|(old, _)| *old == key)
}

/// Adds the kidney defaults to the task of a recipe whose old keys in `found` predate the `task` section.
pub fn complete<'a>(table: &mut Table, found: impl IntoIterator<Item = &'a (&'static str, &'static str)>) {
    let mut found = found.into_iter().peekable();
    let without_task = found.peek().is_some() && !table.contains_key("task");
    if !without_task && !found.any(|(_, new)| new.starts_with("task.")) {
        return;
    }
    let task = table.entry("task").or_insert_with(|| Table::new().into());
    let Some(task) = task.as_table_mut() else { return };
    let ignored = ignored(task.get("finding").unwrap_or(&"synthetic".into()));
    task.entry("organ").or_insert_with(|| ORGAN.into());
    task.entry("ignore").or_insert_with(|| ignored.into());
}

fn is_synthetic(table: &Table) -> bool {
    let finding = table.get("task").and_then(|task| task.get("finding"));
    finding.and_then(Value::as_str) == Some("synthetic")
}

fn ignored(finding: &Value) -> Vec<Value> {
    if finding.as_str() == Some("synthetic") { IGNORED.map(Value::from).to_vec() } else { Vec::new() }
}

/// Removes and returns the value of `key` or `table.key`.
fn take(table: &mut Table, path: &str) -> Option<Value> {
    match path.split_once('.') {
        None => table.remove(path),
        Some((inner, key)) => table.get_mut(inner)?.as_table_mut()?.remove(key),
    }
}

fn put(table: &mut Table, path: &str, value: Value) {
    let Some((inner, key)) = path.split_once('.') else {
        return merge(table, Table::from_iter([(path.to_owned(), value)]));
    };
    if let Some(inner) = table.entry(inner).or_insert_with(|| Table::new().into()).as_table_mut() {
        inner.insert(key.into(), value);
    }
}
