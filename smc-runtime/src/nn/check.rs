//! The rules of the language as data, judged by one function: in const evaluation while the user compiles, and again at
//! `bind` with the sizes that are known only then. The text is the same.

// A message is built in const evaluation, where nothing can be boxed.
#![allow(clippy::result_large_err, clippy::large_types_passed_by_value)]

use super::{Dyn, Rule};
use crate::transform::Support;

/// A field as the checks see it.
#[derive(Clone, Copy, Debug)]
pub struct FieldShape {
    /// The field's name.
    pub name: &'static str,
    /// Its type as the user wrote it.
    pub ty: &'static str,
    /// Its shape rule.
    pub rule: Rule,
    /// Where its parameters live.
    pub support: Option<Support>,
}

/// A const generic parameter of the struct, stood in for by a prime so that `cargo check` can compare sizes.
#[derive(Clone, Copy, Debug)]
pub struct Generic {
    /// The parameter's name.
    pub name: &'static str,
    /// The number that stands for it.
    pub prime: usize,
}

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
}

impl Key {
    /// A key that takes one number per row.
    pub const fn column(name: &'static str) -> Self {
        Self {
            name,
            takes: Takes::Column,
        }
    }
}

/// How a key of the likelihood uses a field.
#[derive(Clone, Copy, Debug)]
pub enum Use {
    /// All of it.
    Whole,
    /// Output number so-and-so.
    Column(usize),
    /// As part of an expression that is not a field or its exponential; how many numbers it takes is its own affair.
    Inside,
}

/// In place of a key where a field stands inside an expression.
pub const ANY: Key = Key::column("");

/// A text that const evaluation can build.
#[derive(Clone, Copy)]
pub struct Text {
    bytes: [u8; 512],
    len: usize,
}

impl Text {
    const fn new() -> Self {
        Self {
            bytes: [0; 512],
            len: 0,
        }
    }

    const fn str(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut i = 0;
        while i < text.len() && self.len < self.bytes.len() {
            self.bytes[self.len] = text[i];
            self.len += 1;
            i += 1;
        }
        self
    }

    const fn number(mut self, n: usize) -> Self {
        let mut digits = 1;
        let mut rest = n / 10;
        while rest > 0 {
            digits += 1;
            rest /= 10;
        }
        let mut place = self.len + digits;
        if place > self.bytes.len() {
            return self;
        }
        self.len = place;
        rest = n;
        while digits > 0 {
            place -= 1;
            self.bytes[place] = b'0' + (rest % 10) as u8;
            rest /= 10;
            digits -= 1;
        }
        self
    }

    /// A size: a generic parameter by its name, a run-time size as `Dyn`.
    const fn size(self, n: usize, generics: &[Generic]) -> Self {
        if n == Dyn {
            return self.str("Dyn");
        }
        let mut i = 0;
        while i < generics.len() {
            if generics[i].prime == n {
                return self.str(generics[i].name);
            }
            i += 1;
        }
        self.number(n)
    }

    const fn features(self, n: usize, generics: &[Generic]) -> Self {
        self.size(n, generics)
            .str(if n == 1 { " feature" } else { " features" })
    }

    /// `` `Model.field: Type` ``
    const fn field(self, model: &str, field: &FieldShape) -> Self {
        self.str("`")
            .str(model)
            .str(".")
            .str(field.name)
            .str(": ")
            .str(field.ty)
            .str("`")
    }

    /// The text.
    pub const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}

/// Outputs of the chain up to and without field `end`: the width and the field that gives it. [`Dyn`] where only the
/// data know.
const fn width_before(fields: &[FieldShape], end: usize) -> (usize, Option<usize>) {
    let mut width = Dyn;
    let mut giver = None;
    let mut i = 0;
    while i < end {
        match fields[i].rule {
            Rule::Features { outputs, .. } => {
                width = outputs;
                giver = Some(i);
            }
            Rule::Same => {
                if giver.is_some() {
                    giver = Some(i);
                }
            }
            Rule::Parameter => {}
        }
        i += 1;
    }
    (width, giver)
}

/// Whether field number `at` takes what the fields before it give. `features` is the width of the data, [`Dyn`] while
/// it is unknown.
///
/// # Errors
/// The message for the user.
pub const fn chain(
    model: &str,
    fields: &[FieldShape],
    at: usize,
    features: usize,
    generics: &[Generic],
) -> Result<(), Text> {
    let field = &fields[at];
    let Rule::Features { inputs, outputs } = field.rule else {
        return Ok(());
    };
    if inputs == 0 || outputs == 0 {
        let text = Text::new().field(model, field);
        return Err(text.str(" has a size of zero; every size must be at least 1"));
    }
    let (width, giver) = width_before(fields, at);
    let width = if giver.is_none() { features } else { width };
    // A width of zero has been reported where it is declared.
    if width == Dyn || width == 0 || inputs == Dyn || width == inputs {
        return Ok(());
    }
    let text = Text::new()
        .field(model, field)
        .str(" takes ")
        .features(inputs, generics)
        .str(", but ");
    Err(match giver {
        Some(giver) => text.field(model, &fields[giver]),
        None => text.str("the data"),
    }
    .str(if giver.is_some() { " gives " } else { " have " })
    .features(width, generics))
}

/// Whether a prior of support `prior` can stand on field number `at`.
///
/// # Errors
/// The message for the user.
pub const fn prior(
    model: &str,
    fields: &[FieldShape],
    at: usize,
    name: &str,
    prior: Support,
) -> Result<(), Text> {
    let text = Text::new();
    match fields[at].support {
        None => Err(text
            .field(model, &fields[at])
            .str(" has no parameters, so it takes no prior; remove `#[prior(..)]`")),
        Some(support) if support.same(prior) => Ok(()),
        Some(support) => Err(text
            .str("`")
            .str(name)
            .str("` gives density to ")
            .str(prior.words())
            .str(", but ")
            .field(model, &fields[at])
            .str(" takes ")
            .str(support.words())),
    }
}

/// Whether field number `at`, which has no prior, needs one.
///
/// # Errors
/// The message for the user.
pub const fn no_prior(model: &str, fields: &[FieldShape], at: usize) -> Result<(), Text> {
    let text = Text::new().field(model, &fields[at]);
    match fields[at].support {
        None => Ok(()),
        Some(Support::Real) => {
            Err(text
                .str(" has parameters but no prior; write `#[prior(Normal(0.0, 1.0))]` above it"))
        }
        Some(Support::Positive) => {
            Err(text
                .str(" has parameters but no prior; write `#[prior(HalfNormal(1.0))]` above it"))
        }
    }
}

/// Whether a prior can name field number `at` (it must be a scalar parameter).
///
/// # Errors
/// The message for the user.
pub const fn named(model: &str, fields: &[FieldShape], at: usize) -> Result<(), Text> {
    if matches!(fields[at].rule, Rule::Parameter) {
        return Ok(());
    }
    Err(Text::new()
        .field(model, &fields[at])
        .str(" is part of the network; a prior can name only parameters such as `Scale`"))
}

/// Whether the likelihood's key `key` can take field number `at` as `used`, where `last` is the last field of the chain.
///
/// # Errors
/// The message for the user.
pub const fn head(
    model: &str,
    fields: &[FieldShape],
    at: usize,
    used: Use,
    likelihood: &str,
    key: &Key,
    generics: &[Generic],
) -> Result<(), Text> {
    let text = Text::new();
    if matches!(fields[at].rule, Rule::Parameter) {
        return if matches!(key.takes, Takes::Row) {
            Err(takes(text, likelihood, key)
                .str(", but ")
                .field(model, &fields[at])
                .str(" is one number"))
        } else if matches!(used, Use::Column(_)) {
            Err(text
                .field(model, &fields[at])
                .str(" is one number; write it without an index"))
        } else {
            Ok(())
        };
    }
    if at != last_of_chain(fields) {
        return Err(text
            .field(model, &fields[at])
            .str(" is not the last of the chain; the likelihood can name only the network's output and parameters"));
    }
    let (width, _) = width_before(fields, at + 1);
    // A width of zero has been reported where it is declared.
    if width == Dyn || width == 0 {
        return Ok(());
    }
    match (used, key.takes) {
        (Use::Whole, Takes::Column) if width != 1 => Err(takes(text, likelihood, key)
            .str(", but ")
            .field(model, &fields[at])
            .str(" gives ")
            .features(width, generics)
            .str("; pick one as `")
            .str(fields[at].name)
            .str("[0]`")),
        (Use::Whole, Takes::Row) if width < 2 => Err(takes(text, likelihood, key)
            .str(", but ")
            .field(model, &fields[at])
            .str(" gives ")
            .features(width, generics)),
        (Use::Column(_), Takes::Row) => Err(takes(text, likelihood, key)
            .str("; write `")
            .str(fields[at].name)
            .str("` without an index")),
        (Use::Column(column), Takes::Column) if column >= width => Err(text
            .str("`")
            .str(fields[at].name)
            .str("[")
            .number(column)
            .str("]` does not exist: ")
            .field(model, &fields[at])
            .str(" gives ")
            .features(width, generics)
            .str(", counted from 0")),
        _ => Ok(()),
    }
}

const fn takes(text: Text, likelihood: &str, key: &Key) -> Text {
    text.str("`")
        .str(key.name)
        .str("` of `")
        .str(likelihood)
        .str("` takes ")
        .str(match key.takes {
            Takes::Column => "one number per row",
            Takes::Row => "all outputs of a row, at least two",
        })
}

/// Whether the likelihood, which has the keys `keys` and uses the fields `uses`, uses every output of the network.
///
/// # Errors
/// The message for the user.
pub const fn unused(
    model: &str,
    fields: &[FieldShape],
    uses: &[(usize, Use)],
    keys: &[Key],
    generics: &[Generic],
) -> Result<(), Text> {
    let last = last_of_chain(fields);
    if matches!(fields[last].rule, Rule::Parameter) {
        return Ok(());
    }
    let (width, _) = width_before(fields, last + 1);
    let mut columns = false;
    let mut i = 0;
    while i < uses.len() {
        let (field, used) = uses[i];
        if field == last {
            match used {
                // A column too many has been reported where it stands.
                Use::Column(column) if column < width => columns = true,
                Use::Column(_) | Use::Whole | Use::Inside => return Ok(()),
            }
        } else if !matches!(fields[field].rule, Rule::Parameter) {
            // So has a layer in place of the output.
            return Ok(());
        }
        i += 1;
    }
    if !columns {
        return Err(Text::new()
            .field(model, &fields[last])
            .str(" is the network's output, but the likelihood does not use `")
            .str(fields[last].name)
            .str("`"));
    }
    if width == Dyn || is_generic(width, generics) || takes_row(keys) {
        return Ok(());
    }
    let mut column = 0;
    while column < width {
        if !uses_column(uses, last, column) {
            return Err(Text::new()
                .field(model, &fields[last])
                .str(" gives ")
                .features(width, generics)
                .str(", but the likelihood does not use `")
                .str(fields[last].name)
                .str("[")
                .number(column)
                .str("]`"));
        }
        column += 1;
    }
    Ok(())
}

/// Whether a key takes all outputs; a single one in its place has been reported where it stands.
const fn takes_row(keys: &[Key]) -> bool {
    let mut i = 0;
    while i < keys.len() {
        if matches!(keys[i].takes, Takes::Row) {
            return true;
        }
        i += 1;
    }
    false
}

const fn uses_column(uses: &[(usize, Use)], at: usize, column: usize) -> bool {
    let mut i = 0;
    while i < uses.len() {
        if let (field, Use::Column(used)) = uses[i]
            && field == at
            && used == column
        {
            return true;
        }
        i += 1;
    }
    false
}

const fn is_generic(n: usize, generics: &[Generic]) -> bool {
    let mut i = 0;
    while i < generics.len() {
        if generics[i].prime == n {
            return true;
        }
        i += 1;
    }
    false
}

const fn last_of_chain(fields: &[FieldShape]) -> usize {
    let mut last = 0;
    let mut i = 0;
    while i < fields.len() {
        if !matches!(fields[i].rule, Rule::Parameter) {
            last = i;
        }
        i += 1;
    }
    last
}

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

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Ends const evaluation with the message, if there is one.
///
/// # Panics
/// With the message. Called only while a model is compiled.
#[track_caller]
pub const fn expect(checked: Result<(), Text>) {
    if let Err(text) = checked {
        panic!("{}", text.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn layer(
        name: &'static str,
        ty: &'static str,
        inputs: usize,
        outputs: usize,
    ) -> FieldShape {
        FieldShape {
            name,
            ty,
            rule: Rule::Features { inputs, outputs },
            support: Some(Support::Real),
        }
    }

    const TANH: FieldShape = FieldShape {
        name: "activation",
        ty: "Tanh",
        rule: Rule::Same,
        support: None,
    };

    fn message(r: Result<(), Text>) -> String {
        r.map_or_else(|t| t.as_str().to_owned(), |()| String::new())
    }

    #[test]
    fn a_mismatch_names_both_sides() {
        let fields = [
            layer("hidden", "Linear<11, 32>", 11, 32),
            TANH,
            layer("output", "Linear<64, 1>", 64, 1),
        ];
        assert_eq!(
            message(chain("Wine", &fields, 2, Dyn, &[])),
            "`Wine.output: Linear<64, 1>` takes 64 features, but `Wine.activation: Tanh` gives 32 features"
        );
        assert_eq!(
            message(chain("Wine", &fields, 0, 12, &[])),
            "`Wine.hidden: Linear<11, 32>` takes 11 features, but the data have 12 features"
        );
        assert_eq!(message(chain("Wine", &fields, 0, 11, &[])), "");
    }

    #[test]
    fn generic_sizes_are_named() {
        let generics = [Generic {
            name: "H",
            prime: 1009,
        }];
        let fields = [
            layer("hidden", "Linear<2, H>", 2, 1009),
            layer("output", "Linear<7, 1>", 7, 1),
        ];
        assert_eq!(
            message(chain("M", &fields, 1, Dyn, &generics)),
            "`M.output: Linear<7, 1>` takes 7 features, but `M.hidden: Linear<2, H>` gives H features"
        );
    }

    #[test]
    fn an_unused_output_is_named() {
        let fields = [layer("output", "Linear<3, 2>", 3, 2)];
        let unused = |uses: &[(usize, Use)]| message(unused("M", &fields, uses, &[], &[]));
        assert!(unused(&[(0, Use::Column(0))]).contains("does not use `output[1]`"));
        assert_eq!(unused(&[(0, Use::Column(1)), (0, Use::Column(0))]), "");
        assert_eq!(unused(&[(0, Use::Column(0)), (0, Use::Inside)]), "");
        assert!(unused(&[]).contains("does not use `output`"));
    }
}
