//! The rules of the language at `bind`, for models written by hand and for sizes that are known only then: a model's priors
//! and terms become the facts that the macro reads off the attributes, and the same functions judge them. What only `bind`
//! can know is judged here.

use super::{Does, Key, ModelShape, Takes, Text, Token, Use, keys_given};
use crate::base::error::{Error, Result};
use crate::model::layout::Part;
use crate::model::rule::Rule;
use crate::model::term::{Function, Operator, Term};
use crate::model::transform::Support;

/// A prior as a model hands it over.
#[derive(Clone, Debug)]
pub(crate) struct GivenPrior {
    pub(crate) field: usize,
    /// The parameter tensor that it is for; `None` for all of the field's.
    pub(crate) block: Option<String>,
    /// The fields that it names.
    pub(crate) named: Vec<usize>,
    /// Name and support of the distribution; `None` for a layer's default.
    pub(crate) distribution: Option<(&'static str, Option<Support>)>,
}

/// The refusal that `text` words.
pub(crate) fn refused(text: Text) -> Error {
    Error::Rule(text.as_str().to_owned())
}

/// A type's name as a user writes it: `Normal` for `smc_runtime::model::dist::normal::Normal<Num>`.
pub(crate) fn short_name<T>() -> &'static str {
    let path = std::any::type_name::<T>().split('<').next();
    let name = path.and_then(|path| path.rsplit("::").next());
    name.unwrap_or_default()
}

impl ModelShape<'_> {
    /// Whether every parameter has one prior that fits, handed over after those of the fields that it names.
    ///
    /// `open` says of each field whether it is a vector whose length the data give.
    pub(crate) fn check_priors(&self, given: &[GivenPrior], open: &[bool]) -> Result<()> {
        for (field, shape) in self.fields.iter().enumerate() {
            let own = || given.iter().filter(move |prior| prior.field == field);
            for prior in own() {
                self.check_prior(prior, open)?;
            }
            if own().next().is_none() {
                self.no_prior(field).map_err(refused)?;
            }
            let blocks: Vec<&str> = own().filter_map(|prior| prior.block.as_deref()).collect();
            if own().next().is_some_and(|prior| prior.block.is_some()) {
                self.priors_given(field, &blocks).map_err(refused)?;
            }
            for part in shape.parts {
                let on = |prior: &&GivenPrior| prior.block.as_ref().is_none_or(|b| b == part.name);
                match own().filter(on).count() {
                    1 => {}
                    0 => {
                        return Err(self.wrong(field, &format!("has no prior{}", its(*part))));
                    }
                    n => {
                        return Err(self.wrong(
                            field,
                            &format!("has {n} priors{}; remove all but one", its(*part)),
                        ));
                    }
                }
            }
        }
        self.check_order(given)
    }

    fn check_prior(&self, prior: &GivenPrior, open: &[bool]) -> Result<()> {
        let block = prior.block.as_deref();
        let Some((name, support)) = prior.distribution else {
            return self.no_prior(prior.field).map_err(refused);
        };
        self.prior(prior.field, block, name, support)
            .map_err(refused)?;
        for &named in &prior.named {
            if !open.get(named).is_some_and(|open| *open) {
                self.named(prior.field, block, named).map_err(refused)?;
                continue;
            }
            self.named_kind(prior.field, block, named, true)
                .map_err(refused)?;
            // Such a vector may also have one element and be no number.
            self.named_length(prior.field, named)
                .map_err(|text| {
                    Error::Rule(format!(
                        "{}; a vector of length `Dyn` has as many as features arrive where it is declared: move it there",
                        text.as_str()
                    ))
                })?;
        }
        Ok(())
    }

    /// The macro sorts the priors; by hand they come as they are written.
    fn check_order(&self, given: &[GivenPrior]) -> Result<()> {
        for (i, prior) in given.iter().enumerate() {
            for &named in &prior.named {
                if given[i..].iter().any(|later| later.field == named) {
                    let name = self.fields[named].name;
                    return Err(self.wrong(
                        prior.field,
                        &format!("has a prior that names `{name}`, whose own prior comes later; hand that over first"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether the likelihood called `name` can take `terms` as its `keys`, and they use every output of the network.
    pub(crate) fn check_likelihood(&self, name: &str, keys: &[Key], terms: &[Term]) -> Result<()> {
        // A likelihood that is one of several may have fewer terms than there are keys.
        let keys = &keys[..keys.len().min(terms.len())];
        let mut uses = Vec::new();
        let mut given = Vec::new();
        for (key, term) in keys.iter().zip(terms) {
            for (field, used) in used_by(key, term) {
                if field >= self.fields.len() {
                    return Err(Error::Rule(format!(
                        "`{}` of `{name}` names field number {field}, but `{}` has {} fields, counted from 0",
                        key.name,
                        self.name,
                        self.fields.len()
                    )));
                }
                self.head(field, used, name, key).map_err(refused)?;
                uses.push((field, used));
            }
            for leaf in term.leaves() {
                self.check_leaf(name, key, leaf)?;
            }
            if !term.leaves().contains(&&Term::Unset) {
                given.push(key.name);
            }
            let mut steps = Vec::new();
            self.steps(term, &mut steps);
            let steps: Vec<Token<'_>> = steps
                .iter()
                .map(|(does, text)| Token { does: *does, text })
                .collect();
            self.value(name, key, &steps).map_err(refused)?;
        }
        keys_given(name, keys, &given).map_err(refused)?;
        self.unused(&uses, keys).map_err(refused)
    }

    /// The term in postfix order, each part of it as a user writes it, which is returned for the whole.
    fn steps(&self, term: &Term, steps: &mut Vec<(Does, String)>) -> String {
        let name = |field: usize| self.fields[field].name;
        let (does, text) = match term {
            Term::Unset => (Does::Unjudged, String::new()),
            Term::Unknown(name) => (Does::Unjudged, (*name).to_owned()),
            Term::Offset => (Does::Unjudged, "offset".to_owned()),
            Term::Feature(feature) => (Does::Unjudged, format!("feature number {feature}")),
            Term::Field(field) => (Does::Field(*field), name(*field).to_owned()),
            Term::Column(field, column) => (
                Does::Column(*field, *column),
                format!("{}[{column}]", name(*field)),
            ),
            Term::Constant(x) => (Does::Constant(*x), format!("{x:?}")),
            Term::Apply(function, inner) => {
                let inner = self.operand(inner, 3, steps);
                let text = match function {
                    Function::Neg => format!("-{inner}"),
                    Function::Exp => format!("{inner}.exp()"),
                    Function::Ln => format!("{inner}.ln()"),
                    Function::Softplus => format!("{inner}.softplus()"),
                };
                (Does::Apply(*function), text)
            }
            Term::Combine(operator, left, right) => {
                let (sign, binds) = binding(*operator);
                let left = self.operand(left, binds, steps);
                let right = self.operand(right, binds + 1, steps);
                (Does::Combine(*operator), format!("{left} {sign} {right}"))
            }
        };
        steps.push((does, text.clone()));
        text
    }

    /// A part of a term, in parentheses where it binds less than `binds`.
    fn operand(&self, term: &Term, binds: u8, steps: &mut Vec<(Does, String)>) -> String {
        let text = self.steps(term, steps);
        let own = match term {
            Term::Combine(operator, ..) => binding(*operator).1,
            Term::Apply(Function::Neg, _) => 2,
            _ => 4,
        };
        if own < binds {
            format!("({text})")
        } else {
            text
        }
    }

    /// What is no field.
    fn check_leaf(&self, name: &str, key: &Key, leaf: &Term) -> Result<()> {
        let wrong = |text: String| Err(Error::Rule(format!("`{}` of `{name}` {text}", key.name)));
        match leaf {
            Term::Unknown(field) => {
                let names = self.fields.iter().map(|f| f.name);
                Err(Error::Rule(no_field(field, names)))
            }
            Term::Feature(_) | Term::Offset | Term::Constant(_) if key.takes == Takes::Row => {
                wrong("takes all outputs of a row, at least two, but is given something else than the network's output".to_owned())
            }
            Term::Feature(feature) if *feature >= self.features => wrong(format!(
                "takes feature number {feature}, but the data have {} features, counted from 0",
                self.features
            )),
            Term::Constant(value) if !value.is_finite() => {
                wrong(format!("takes a finite number, but is given {value}"))
            }
            _ => Ok(()),
        }
    }

    /// That the sizes of the fields' tensors are what their roles say: a tensor with inputs has one for each last index.
    pub(crate) fn check_inputs(&self, field: usize, part: Part, shape: &[usize]) -> Result<()> {
        let inputs = match self.fields[field].rule {
            Rule::Features { inputs, .. } => inputs,
            Rule::Same => self.width_before(field).0,
            // What the last index of a layer with a geometry counts is its own affair.
            Rule::Parameter | Rule::Shaped { .. } => return Ok(()),
        };
        let last = shape.last().copied().unwrap_or(1);
        if !part.role.has_inputs() || last == inputs {
            return Ok(());
        }
        Err(self.wrong(
            field,
            &format!(
                "has a part{} whose last index counts the inputs up to {last}, but it takes {inputs} features",
                if part.name.is_empty() { String::new() } else { format!(" `{}`", part.name) }
            ),
        ))
    }

    /// `` `Model.field: Type` is so `` as a refusal.
    pub(crate) fn wrong(&self, field: usize, problem: &str) -> Error {
        let field = Text::new().field(self.name, &self.fields[field]);
        Error::Rule(format!("{} {problem}", field.as_str()))
    }
}

/// How an operator is written, and how strongly it binds.
fn binding(operator: Operator) -> (char, u8) {
    match operator {
        Operator::Add => ('+', 1),
        Operator::Sub => ('-', 1),
        Operator::Mul => ('*', 2),
        Operator::Div => ('/', 2),
    }
}

/// What is said of a name that none of the fields `names` has, in the words of the macro.
pub(crate) fn no_field<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    let names = names.join(", ");
    format!("no field `{name}` in this model; its fields are {names}")
}

/// ``  for its `weight` ``; nothing where the field is the parameter.
fn its(part: Part) -> String {
    if part.name.is_empty() {
        String::new()
    } else {
        format!(" for its `{}`", part.name)
    }
}

/// The fields in `term` and how the key uses each. A key of one number takes an expression number by number; one that takes
/// all outputs takes nothing but the outputs themselves.
fn used_by(key: &Key, term: &Term) -> Vec<(usize, Use)> {
    let whole = match (key.takes, term) {
        (Takes::Column, _) | (Takes::Row, Term::Field(_)) => Use::Whole,
        (Takes::Row, Term::Apply(Function::Exp, inner)) if matches!(**inner, Term::Field(_)) => {
            Use::Exponential
        }
        (Takes::Row, _) => Use::Inside,
    };
    let leaves = term.leaves().into_iter();
    leaves
        .filter_map(|leaf| match *leaf {
            Term::Field(field) => Some((field, whole)),
            Term::Column(field, column) => Some((field, Use::Column(column))),
            _ => None,
        })
        .collect()
}
