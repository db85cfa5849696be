//! The keys of a likelihood, `mean` in `Normal(mean = output, sd = noise)`, and whether those that are given are those that
//! it has.

use super::text::{Text, is_among, is_near, same};
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
    /// What others call it, which is refused with its name.
    pub also: &'static [&'static str],
}

impl Key {
    /// A key that takes one number per row.
    pub const fn column(name: &'static str) -> Self {
        Self {
            name,
            takes: Takes::Column,
            support: Support::Real,
            also: &[],
        }
    }

    /// A key that takes all outputs of a row, at least two.
    pub const fn row(name: &'static str) -> Self {
        Self {
            takes: Takes::Row,
            ..Self::column(name)
        }
    }

    /// The same key, which others call by these names: who writes one of them is told the key.
    pub const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
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
/// A key that does not exist answers as a column of any numbers: [`known_key`] reports it.
pub const fn key(keys: &[Key], name: &'static str) -> Key {
    match place(keys, name) {
        Some(i) => keys[i],
        None => Key::column(name),
    }
}

/// Whether the likelihood has a key called `name`, which nothing more is said of otherwise.
pub const fn has_key(keys: &[Key], name: &str) -> bool {
    place(keys, name).is_some()
}

const fn place(keys: &[Key], name: &str) -> Option<usize> {
    let mut i = 0;
    while i < keys.len() {
        if same(keys[i].name, name) {
            return Some(i);
        }
        i += 1;
    }
    None
}

/// The key that `name` stands for: what others call it, or nearly its name.
const fn meant(keys: &[Key], name: &str) -> Option<usize> {
    let mut i = 0;
    while i < keys.len() {
        if is_among(keys[i].also, name) {
            return Some(i);
        }
        i += 1;
    }
    i = 0;
    while i < keys.len() {
        if is_near(keys[i].name, name) {
            return Some(i);
        }
        i += 1;
    }
    None
}

/// Whether the likelihood has a key called `name`.
///
/// # Errors
/// The message for the user.
pub const fn known_key(likelihood: &str, keys: &[Key], name: &str) -> Result<(), Text> {
    if has_key(keys, name) {
        return Ok(());
    }
    let mut text = Text::new()
        .str("the likelihood `")
        .str(likelihood)
        .str("` has no key `")
        .str(name)
        .str("`; ");
    if let Some(meant) = meant(keys, name) {
        text = text.str("write `").str(keys[meant].name).str("`; ");
    }
    text = text.str("its keys are `");
    let mut i = 0;
    while i < keys.len() {
        text = text.str(if i == 0 { "" } else { "`, `" }).str(keys[i].name);
        i += 1;
    }
    Err(text.str("`"))
}

/// Whether every key of the likelihood is among `given`; where one of those is none, that has been reported.
///
/// # Errors
/// The message for the user.
pub const fn keys_given(likelihood: &str, keys: &[Key], given: &[&str]) -> Result<(), Text> {
    let mut i = 0;
    while i < given.len() {
        if !has_key(keys, given[i]) {
            return Ok(());
        }
        i += 1;
    }
    i = 0;
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
