//! The rules of the language as data, judged by one function: in const evaluation while the user compiles, and again at
//! `bind` with the sizes that are known only then. The text is the same.

// A message is built in const evaluation, where nothing can be boxed.
#![allow(clippy::result_large_err, clippy::large_types_passed_by_value)]

use super::rule::{Dyn, Rule};
use crate::model::transform::Support;

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
    /// How many numbers it is, if it is a parameter; [`Dyn`] where that is known only at run time.
    pub elements: usize,
    /// Names of its parameter tensors; empty where only `bind` knows them.
    pub blocks: &'static [&'static str],
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

    /// `` `weight`, `bias` ``
    const fn list(mut self, names: &[&str]) -> Self {
        let mut i = 0;
        while i < names.len() {
            if i > 0 {
                self = self.str(", ");
            }
            self = self.str("`").str(names[i]).str("`");
            i += 1;
        }
        self
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
    let (inputs, outputs) = match field.rule {
        Rule::Features { inputs, outputs } => (inputs, outputs),
        Rule::Parameter if field.elements == 0 => (0, 0),
        Rule::Parameter | Rule::Same => return Ok(()),
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

/// Whether a prior of support `prior`, or of any support if that is `None`, can stand on field number `at`, or on its
/// parameter tensor `block`.
///
/// # Errors
/// The message for the user.
pub const fn prior(
    model: &str,
    fields: &[FieldShape],
    at: usize,
    block: Option<&str>,
    name: &str,
    prior: Option<Support>,
) -> Result<(), Text> {
    let (field, text) = (&fields[at], Text::new());
    let Some(support) = field.support else {
        return Err(text
            .field(model, field)
            .str(" has no parameters, so it takes no prior; remove `#[prior(..)]`"));
    };
    if let Some(block) = block
        && !field.blocks.is_empty()
        && !is_among(field.blocks, block)
    {
        let text = text.field(model, field);
        if is_among(field.blocks, "") {
            return Err(text.str(" is one parameter; write its prior without a name"));
        }
        return Err(text
            .str(" has no parameter `")
            .str(block)
            .str("`, only ")
            .list(field.blocks));
    }
    match prior {
        Some(prior) if !support.same(prior) => Err(text
            .str("`")
            .str(name)
            .str("` gives density to ")
            .str(prior.words())
            .str(", but ")
            .field(model, field)
            .str(" takes ")
            .str(support.words())),
        _ => Ok(()),
    }
}

/// Whether the priors of the parameter tensors `given` are all that field number `at` needs.
///
/// # Errors
/// The message for the user.
pub const fn priors_given(
    model: &str,
    fields: &[FieldShape],
    at: usize,
    given: &[&str],
) -> Result<(), Text> {
    let field = &fields[at];
    let mut i = 0;
    while i < field.blocks.len() {
        let block = field.blocks[i];
        if !is_among(given, block) && !block.is_empty() {
            return Err(Text::new()
                .field(model, field)
                .str(" also needs a prior for its `")
                .str(block)
                .str("`: write `#[prior(.., ")
                .str(block)
                .str(" = Normal(0.0, 1.0))]`"));
        }
        i += 1;
    }
    Ok(())
}

/// Whether field number `at`, which has no prior, needs one: a layer has a default.
///
/// # Errors
/// The message for the user.
pub const fn no_prior(model: &str, fields: &[FieldShape], at: usize) -> Result<(), Text> {
    let field = &fields[at];
    let prior = match (field.support, field.rule) {
        (None, _) | (Some(Support::Real), Rule::Features { .. } | Rule::Same) => return Ok(()),
        (Some(Support::Real), Rule::Parameter) => "Normal(0.0, 1.0)",
        (Some(Support::Positive), _) => "HalfNormal(1.0)",
        (Some(Support::UnitInterval), _) => "Beta(1.0, 1.0)",
    };
    Err(Text::new()
        .field(model, field)
        .str(" has no prior; write `#[prior(")
        .str(prior)
        .str(")]` above it"))
}

/// Whether the prior of field number `on`, or of its parameter tensor `block`, can name field number `at`: it must be a
/// parameter, and a vector must have an element for each input of a layer or for each element of a vector.
///
/// # Errors
/// The message for the user.
pub const fn named(
    model: &str,
    fields: &[FieldShape],
    on: usize,
    block: Option<&str>,
    at: usize,
    generics: &[Generic],
) -> Result<(), Text> {
    let (field, under) = (&fields[at], &fields[on]);
    if !matches!(field.rule, Rule::Parameter) {
        return Err(Text::new()
            .field(model, field)
            .str(" is part of the network; a prior can name only parameters such as `Scale`"));
    }
    // A length of zero has been reported where it is declared.
    if field.elements <= 1 {
        return Ok(());
    }
    let (needed, what) = match under.rule {
        Rule::Features { inputs, .. } => (inputs, "input"),
        Rule::Parameter => (under.elements, "element"),
        Rule::Same => return Ok(()),
    };
    let of_inputs = matches!(under.rule, Rule::Features { .. });
    let without_inputs = match block {
        Some(block) => same(block, "bias"),
        None => is_among(under.blocks, "bias"),
    };
    if of_inputs && without_inputs {
        return Err(Text::new()
            .field(model, field)
            .str(" has an element for each input, and the bias of ")
            .field(model, under)
            .str(" has no inputs; write `#[prior(weight = .., bias = Normal(0.0, 1.0))]`"));
    }
    // A vector of one is one number, and a vector that is longer than one cannot stand for it.
    if field.elements == Dyn || needed == Dyn || field.elements == needed {
        return Ok(());
    }
    Err(Text::new()
        .field(model, field)
        .str(" has ")
        .size(field.elements, generics)
        .str(" elements, but ")
        .field(model, under)
        .str(" needs ")
        .size(needed, generics)
        .str(", one for each ")
        .str(what))
}

const fn is_among(names: &[&str], name: &str) -> bool {
    let mut i = 0;
    while i < names.len() {
        if same(names[i], name) {
            return true;
        }
        i += 1;
    }
    false
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
        return parameter(model, &fields[at], used, likelihood, key, generics);
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

/// As [`head`], for a parameter.
const fn parameter(
    model: &str,
    field: &FieldShape,
    used: Use,
    likelihood: &str,
    key: &Key,
    generics: &[Generic],
) -> Result<(), Text> {
    let (text, elements) = (Text::new(), field.elements);
    match (used, key.takes) {
        (_, Takes::Row) => Err(takes(text, likelihood, key)
            .str(", but ")
            .field(model, field)
            .str(" is a parameter")),
        (Use::Column(_), _) if elements == 1 => Err(text
            .field(model, field)
            .str(" is one number; write it without an index")),
        (Use::Column(column), _) if column >= elements => Err(text
            .str("`")
            .str(field.name)
            .str("[")
            .number(column)
            .str("]` does not exist: ")
            .field(model, field)
            .str(" has ")
            .size(elements, generics)
            .str(" elements, counted from 0")),
        // Of a length of zero the field itself is reported.
        (Use::Whole | Use::Inside, _) if elements > 1 => Err(text
            .field(model, field)
            .str(" has ")
            .size(elements, generics)
            .str(" elements; pick one as `")
            .str(field.name)
            .str("[0]`")),
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
            elements: 1,
            blocks: &["weight", "bias"],
        }
    }

    const TANH: FieldShape = FieldShape {
        name: "activation",
        ty: "Tanh",
        rule: Rule::Same,
        support: None,
        elements: 1,
        blocks: &[],
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
