//! The keys of a likelihood, `mean` in `Normal(mean = output, sd = noise)`, and whether those that are given are those that
//! it has.

use super::text::{Text, same};
use crate::model::transform::Support;

/// What a likelihood's key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// One number per row.
    Column,
    /// All outputs of a row, at least two.
    Row,
}

/// A key of a likelihood: `mean` in `Normal(mean = output, sd = noise)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key's name.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// Which numbers: an expression that can be another is refused. Any, unless said otherwise.
    pub support: Support,
}

impl Key {
    /// A key that takes one number per row.
    pub const fn column(name: &'static str) -> Self {
        Self {
            name,
            takes: Takes::Column,
            support: Support::Real,
        }
    }

    /// A key that takes all outputs of a row, at least two.
    pub const fn row(name: &'static str) -> Self {
        Self {
            takes: Takes::Row,
            ..Self::column(name)
        }
    }

    /// The same key, which takes positive numbers alone: a scale.
    pub const fn positive(self) -> Self {
        self.within(Support::Positive)
    }

    /// The same key, which takes numbers of that support alone.
    ///
    /// ```
    /// use smc_runtime::model::check::Key;
    /// use smc_runtime::model::transform::Support;
    /// // What a likelihood says of its keys is judged while a model compiles: `share = output` is refused.
    /// const KEYS: &[Key] = &[Key::column("mean"), Key::column("share").within(Support::UnitInterval)];
    /// # assert_eq!(KEYS[0].support, Support::Real);
    /// ```
    pub const fn within(self, support: Support) -> Self {
        Self { support, ..self }
    }
}

/// In place of a key where a field stands inside an expression.
pub const ANY: Key = Key::column("");

/// The key named `name`, for the macro's const evaluation.
///
/// A key that does not exist answers as a column: the misspelt setter is reported by rustc, which suggests near names.
pub const fn key(keys: &[Key], name: &'static str) -> Key {
    let mut i = 0;
    while i < keys.len() {
        if same(keys[i].name, name) {
            return keys[i];
        }
        i += 1;
    }
    Key::column(name)
}

/// Whether the likelihood has a key called `name`.
///
/// # Errors
/// The message for the user.
pub const fn known_key(likelihood: &str, keys: &[Key], name: &str) -> Result<(), Text> {
    let mut text = Text::new()
        .str("the likelihood `")
        .str(likelihood)
        .str("` has no key `")
        .str(name)
        .str("`; its keys are `");
    let mut i = 0;
    while i < keys.len() {
        if same(keys[i].name, name) {
            return Ok(());
        }
        text = text.str(if i == 0 { "" } else { "`, `" }).str(keys[i].name);
        i += 1;
    }
    Err(text.str("`"))
}

/// Whether every key of the likelihood is among `given`.
///
/// # Errors
/// The message for the user.
pub const fn keys_given(likelihood: &str, keys: &[Key], given: &[&str]) -> Result<(), Text> {
    let mut i = 0;
    while i < keys.len() {
        let mut j = 0;
        while j < given.len() && !same(keys[i].name, given[j]) {
            j += 1;
        }
        if j == given.len() {
            let text = Text::new()
                .str("the likelihood `")
                .str(likelihood)
                .str("` also needs `");
            return Err(text.str(keys[i].name).str(" = ..`"));
        }
        i += 1;
    }
    Ok(())
}
