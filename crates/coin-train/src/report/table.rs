//! Tables of a report.

use maud::{Markup, html};

/// A table under its caption, in a box of its own that scrolls where the page is narrow.
pub fn captioned(caption: &Markup, table: &Markup) -> Markup {
    html! {
        figure.table {
            figcaption { (caption) }
            div.scroll tabindex="0" { (table) }
        }
    }
}

/// A heading row.
pub fn head(columns: &[&str]) -> Markup {
    html! { thead { tr { @for column in columns { th scope="col" { (column) } } } } }
}
