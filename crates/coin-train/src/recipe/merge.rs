//! Merging of recipe tables.

use toml::{Table, Value};

/// Merges `changes` into `table` recursively. A table with another `source` or `kind` replaces the old one instead, and so
/// does a normalisation, because their keys have different meanings.
pub(super) fn merge(table: &mut Table, changes: Table) {
    for (key, value) in changes {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(changes))
                if key != "normalisation" && is_same_kind(inner, &changes) =>
            {
                merge(inner, changes);
            }
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

fn is_same_kind(table: &Table, changes: &Table) -> bool {
    ["source", "kind"].iter().all(|tag| changes.get(*tag).is_none_or(|kind| table.get(*tag) == Some(kind)))
}
