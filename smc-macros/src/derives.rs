//! The derives that every model has, added where the user did not write them.

use syn::{Attribute, parse_quote};

/// Which derives an item gets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Derives {
    All,
    /// An enum has no default variant.
    WithoutDefault,
}

/// Adds the derives that every model has, where the user did not write them.
pub(crate) fn add(attributes: &mut Vec<Attribute>, derives: Derives) {
    let mut add = |name, derive: Attribute| {
        if !has(attributes, name) {
            attributes.push(derive);
        }
    };
    add("Clone", parse_quote!(#[derive(::core::clone::Clone)]));
    add("Debug", parse_quote!(#[derive(::core::fmt::Debug)]));
    if derives == Derives::All {
        add("Default", parse_quote!(#[derive(::core::default::Default)]));
    }
}

/// Whether `#[derive(..)]` among `attributes` names `name`.
fn has(attributes: &[Attribute], name: &str) -> bool {
    attributes
        .iter()
        .filter(|a| a.path().is_ident("derive"))
        .any(|a| {
            let mut found = false;
            // A derive that does not parse is rustc's to report.
            let _ = a.parse_nested_meta(|meta| {
                found |= meta.path.segments.last().is_some_and(|s| s.ident == name);
                Ok(())
            });
            found
        })
}
