//! From what was written to what is meant: names become fields, priors get their order. What needs types or sizes is
//! judged later, by constants in the expansion.

use std::collections::BTreeSet;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Block, Expr, ExprPath, Ident, Stmt, parse_quote_spanned};

use crate::ast::Source;
use crate::attr::Given;
use crate::ctxt::Ctxt;
use crate::names::{self, Mention, Place};
use crate::steps::{self, Step};
use crate::sugar::{self, Outer, Setting};
use crate::tokens;

/// Parameters that one prior can name: one derivative lane each in `smc_runtime::model::algebra::Num`.
const MOST_NAMED: usize = 7;

/// What other libraries call the targets, which a likelihood here does not name.
const OBSERVED: [&str; 4] = ["observed", "obs", "target", "targets"];

/// The distributions that are priors alone; see `smc_runtime::model::dist`.
const PRIORS_ALONE: [&str; 9] = [
    "Beta",
    "Cauchy",
    "Exponential",
    "Gamma",
    "HalfCauchy",
    "HalfNormal",
    "InverseGamma",
    "LogNormal",
    "Uniform",
];

/// The algorithms that are names alone; see `smc_runtime::infer::elsewhere`.
const ALGORITHMS_ELSEWHERE: [&str; 4] = ["nuts", "hmc", "vi", "advi"];

/// A model with everything that could be understood of its attributes.
pub(crate) struct Model {
    pub(crate) source: Source,
    /// For each field.
    pub(crate) priors: Vec<Given<Vec<Prior>>>,
    /// The fields; a field comes after those that its priors name.
    pub(crate) order: Vec<usize>,
    pub(crate) likelihood: Given<Likelihood>,
    pub(crate) infer: Given<Infer>,
}

/// The content of `#[infer(..)]`.
pub(crate) struct Infer {
    /// As it is emitted.
    pub(crate) value: Expr,
    /// The settings of an algorithm that only other libraries have, unless the user has one of that name.
    pub(crate) elsewhere: Option<Vec<Ident>>,
}

/// One expression of `#[prior(..)]`.
pub(crate) struct Prior {
    /// The parameter tensor that it is for: `weight` in `#[prior(weight = ..)]`. `None` for all of the field's.
    pub(crate) block: Option<Ident>,
    /// As it is emitted.
    pub(crate) value: Expr,
    /// Where the user's expression begins and ends.
    pub(crate) ends: (Span, Span),
    /// What messages call it: `Normal`.
    pub(crate) text: String,
    /// The fields that it names, each once, where it names them first.
    pub(crate) named: Vec<Mention>,
    pub(crate) fan_in: Option<Ident>,
}

/// The content of `#[likelihood(..)]`.
pub(crate) struct Likelihood {
    /// As it is emitted.
    pub(crate) value: Expr,
    /// Where the distribution's name begins and ends, or the whole expression.
    pub(crate) ends: (Span, Span),
    /// What messages call it: `Normal`.
    pub(crate) text: String,
    /// The keys of `Normal(mean = .., sd = ..)`; `None` where the expression has none.
    pub(crate) keys: Option<Vec<Ident>>,
    /// The function that gives the distribution before its keys are set, where there are keys.
    pub(crate) unset: Option<ExprPath>,
    /// Whether its name is that of a prior which is no likelihood, unless the user has a likelihood of that name.
    pub(crate) may_be_prior: bool,
    pub(crate) uses: Vec<Use>,
    pub(crate) values: Vec<Value>,
    /// The data's offset, where it is named first.
    pub(crate) offset: Option<Ident>,
}

/// The value of a key.
pub(crate) struct Value {
    pub(crate) key: Ident,
    /// Where the user's expression begins and ends.
    pub(crate) ends: (Span, Span),
    pub(crate) steps: Vec<Step>,
}

/// A field that the likelihood names.
pub(crate) struct Use {
    pub(crate) mention: Mention,
    /// The key whose whole value the field is, up to `exp`. `None` inside other expressions, whose arity is their own.
    pub(crate) key: Option<Ident>,
    /// Whether that value is an exponential.
    pub(crate) exponential: bool,
}

pub(crate) fn check(ctxt: &Ctxt, mut source: Source) -> Model {
    let fields: Vec<String> = source.fields.iter().map(|f| f.name.clone()).collect();
    let given = source
        .fields
        .iter_mut()
        .map(|f| std::mem::replace(&mut f.priors, Given::Absent));
    let priors: Vec<_> = given
        .map(|p| p.and_then(|each| self::priors(ctxt, &fields, each)))
        .collect();
    let likelihood = std::mem::replace(&mut source.likelihood, Given::Absent);
    let infer = std::mem::replace(&mut source.infer, Given::Absent);
    Model {
        order: order(ctxt, &fields, &priors),
        priors,
        likelihood: likelihood.and_then(|e| self::likelihood(ctxt, &fields, e)),
        infer: infer.and_then(|e| {
            Some(Infer {
                elsewhere: elsewhere(&e),
                value: sugar::setters(ctxt, e)?,
            })
        }),
        source,
    }
}

/// The settings of `nuts(draws = 1000)`, of which rustc says nothing where the algorithm is a name alone.
fn elsewhere(infer: &Expr) -> Option<Vec<Ident>> {
    let Expr::Call(call) = peeled(infer) else {
        return None;
    };
    let name = names::bare(&call.func)?;
    let key = |setting: &Expr| match setting {
        Expr::Assign(assign) => names::bare(&assign.left),
        _ => None,
    };
    ALGORITHMS_ELSEWHERE
        .iter()
        .any(|&other| name == other)
        .then(|| call.args.iter().filter_map(key).collect())
}

/// Every one, or `None` after a mistake in any; the mistakes of all are reported.
fn priors(ctxt: &Ctxt, fields: &[String], each: Vec<(Option<Ident>, Expr)>) -> Option<Vec<Prior>> {
    let all: Vec<_> = each
        .into_iter()
        .map(|(block, expression)| prior(ctxt, fields, block, expression))
        .collect();
    all.into_iter().collect()
}

fn prior(ctxt: &Ctxt, fields: &[String], block: Option<Ident>, expression: Expr) -> Option<Prior> {
    let mut value = sugar::by_position(ctxt, expression)?;
    let ends = tokens::ends(&value);
    let text = match &value {
        Expr::Call(call) => tokens::text_of(&call.func),
        other => tokens::text_of(other),
    };
    let names = names::resolve(ctxt, fields, Place::Prior, &mut value)?;
    let mut seen = BTreeSet::new();
    let named: Vec<_> = names
        .mentions
        .into_iter()
        .filter(|m| seen.insert(m.field))
        .collect();
    if let Some(extra) = named.get(MOST_NAMED) {
        ctxt.error(
            &extra.ident,
            format!(
                "a prior can name at most {MOST_NAMED} parameters; this one names {}",
                named.len()
            ),
        );
        return None;
    }
    convert(&mut value);
    Some(Prior {
        block,
        value,
        ends,
        text,
        named,
        fan_in: names.fan_in,
    })
}

/// Wraps the arguments of the call that gives the value: `Normal(0, tau)` takes whatever becomes a `Num`.
fn convert(value: &mut Expr) {
    match value {
        Expr::Call(call) => {
            for argument in &mut call.args {
                *argument =
                    parse_quote_spanned!(argument.span()=> ::core::convert::Into::into(#argument));
            }
        }
        Expr::Paren(inner) => convert(&mut inner.expr),
        Expr::Group(inner) => convert(&mut inner.expr),
        Expr::Block(block) => convert_last(&mut block.block),
        Expr::If(choice) => {
            convert_last(&mut choice.then_branch);
            if let Some((_, otherwise)) = &mut choice.else_branch {
                convert(otherwise);
            }
        }
        Expr::Match(choice) => choice
            .arms
            .iter_mut()
            .for_each(|arm| convert(&mut arm.body)),
        _ => {}
    }
}

fn convert_last(block: &mut Block) {
    if let Some(Stmt::Expr(value, None)) = block.stmts.last_mut() {
        convert(value);
    }
}

/// The fields in the order in which they can be sampled. Cycles are reported and broken.
fn order(ctxt: &Ctxt, fields: &[String], priors: &[Given<Vec<Prior>>]) -> Vec<usize> {
    struct Walk<'a> {
        ctxt: &'a Ctxt,
        fields: &'a [String],
        priors: &'a [Given<Vec<Prior>>],
        /// From the field where the walk began to the one that it is at.
        path: Vec<usize>,
        order: Vec<usize>,
    }
    impl Walk<'_> {
        fn visit(&mut self, field: usize) {
            if self.order.contains(&field) {
                return;
            }
            self.path.push(field);
            let priors = self.priors[field].as_ref().map_or(&[][..], Vec::as_slice);
            for named in priors.iter().flat_map(|prior| &prior.named) {
                match self.path.iter().position(|&f| f == named.field) {
                    None => self.visit(named.field),
                    Some(start) => self.refuse(start, named),
                }
            }
            self.path.pop();
            self.order.push(field);
        }

        fn refuse(&self, start: usize, closing: &Mention) {
            let cycle = self.path[start..].iter().chain([&closing.field]);
            let names: Vec<_> = cycle.map(|&f| format!("`{}`", self.fields[f])).collect();
            self.ctxt.error(
                &closing.ident,
                format!("priors form a cycle: {}", names.join(" → ")),
            );
        }
    }
    let mut walk = Walk {
        ctxt,
        fields,
        priors,
        path: Vec::new(),
        order: Vec::new(),
    };
    (0..fields.len()).for_each(|field| walk.visit(field));
    walk.order
}

fn likelihood(ctxt: &Ctxt, fields: &[String], expression: Expr) -> Option<Likelihood> {
    if let Some(name) = names::bare(&expression)
        && !fields.contains(&name.to_string())
        && name.to_string().starts_with(char::is_lowercase)
    {
        ctxt.error(
            &expression,
            format!("`{name}` is no likelihood: write the distribution of the target, for example `Normal(mean = output, sd = noise)` where a squared error stood, `Categorical(logits = output)` where a cross-entropy did"),
        );
        return None;
    }
    match sugar::outermost(ctxt, expression)? {
        Outer::Keyed(path, settings) => keyed(ctxt, fields, path, settings),
        Outer::Plain(mut value) => {
            let ends = tokens::ends(&value);
            let text = tokens::text_of(&value);
            let names = names::resolve(ctxt, fields, Place::Likelihood, &mut value)?;
            Some(Likelihood {
                value,
                ends,
                text,
                keys: None,
                unset: None,
                may_be_prior: false,
                offset: names.offset,
                values: Vec::new(),
                uses: names
                    .mentions
                    .into_iter()
                    .map(|mention| Use {
                        mention,
                        key: None,
                        exponential: false,
                    })
                    .collect(),
            })
        }
    }
}

/// `Normal(mean = output, sd = noise)`.
fn keyed(
    ctxt: &Ctxt,
    fields: &[String],
    path: ExprPath,
    settings: Vec<Setting>,
) -> Option<Likelihood> {
    let (ends, text) = (tokens::ends(&path), tokens::text_of(&path));
    let keys = settings.iter().map(|(key, _)| key.clone()).collect();
    let (mut uses, mut offset) = (Vec::new(), None);
    let mut fine = true;
    let (mut resolved, mut values) = (Vec::new(), Vec::new());
    for (key, mut value) in settings {
        if OBSERVED.iter().any(|&name| key == name) {
            ctxt.error(
                &key,
                format!(
                    "leave `{key}` out: the targets come with the data, as in `Model::infer(&data)`"
                ),
            );
            fine = false;
            continue;
        }
        values.push(Value {
            key: key.clone(),
            ends: tokens::ends(&value),
            steps: steps::steps(fields, &value),
        });
        let direct = is_direct(&value).then(|| key.clone());
        let exponential = direct.is_some() && matches!(peeled(&value), Expr::MethodCall(_));
        match names::resolve(ctxt, fields, Place::Likelihood, &mut value) {
            Some(names) => {
                offset = offset.or(names.offset);
                uses.extend(names.mentions.into_iter().map(|mention| Use {
                    mention,
                    key: direct.clone(),
                    exponential,
                }));
            }
            None => fine = false,
        }
        resolved.push((key, value));
    }
    let unset = unset(path);
    let span = unset.span();
    fine.then(|| Likelihood {
        value: sugar::chain(parse_quote_spanned!(span=> #unset()), resolved),
        unset: Some(unset),
        may_be_prior: PRIORS_ALONE.contains(&text.as_str()),
        ends,
        text,
        keys: Some(keys),
        uses,
        values,
        offset,
    })
}

/// What gives the distribution before its keys are set: `Normal::default`, or `mine` for a function of the user's.
fn unset(mut path: ExprPath) -> ExprPath {
    let span = path.span();
    let is_type = path
        .path
        .segments
        .last()
        .is_none_or(|s| s.ident.to_string().starts_with(char::is_uppercase));
    if is_type {
        path.path.segments.push(Ident::new("default", span).into());
    }
    path
}

/// The expression inside of parentheses.
fn peeled(value: &Expr) -> &Expr {
    match value {
        Expr::Paren(inner) => peeled(&inner.expr),
        Expr::Group(inner) => peeled(&inner.expr),
        other => other,
    }
}

/// Whether a key's value is one field or output, or its exponential: then the numbers per row are the field's.
fn is_direct(value: &Expr) -> bool {
    match peeled(value) {
        Expr::Index(index) => names::bare(&index.expr).is_some(),
        Expr::MethodCall(call) => {
            call.method == "exp" && call.args.is_empty() && is_direct(&call.receiver)
        }
        other => names::bare(other).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(priors: &[(&str, &str)]) -> (Vec<usize>, Vec<String>) {
        let ctxt = Ctxt::new();
        let fields: Vec<String> = priors.iter().map(|(name, _)| (*name).to_owned()).collect();
        let priors: Vec<_> = priors
            .iter()
            .map(|(_, text)| {
                let each = vec![(None, syn::parse_str(text).unwrap())];
                Given::Is(each).and_then(|each| super::priors(&ctxt, &fields, each))
            })
            .collect();
        let order = order(&ctxt, &fields, &priors);
        (order, ctxt.into_messages())
    }

    #[test]
    fn a_field_comes_after_those_that_its_prior_names() {
        let (order, messages) = ordered(&[
            ("hidden", "Normal(0.0, tau)"),
            ("tau", "HalfNormal(lambda * noise)"),
            ("noise", "HalfNormal(1.0)"),
            ("lambda", "HalfNormal(noise)"),
        ]);
        assert_eq!((order, messages), (vec![2, 3, 1, 0], vec![]));
    }

    #[test]
    fn every_cycle_is_reported_once() {
        let (_, messages) = ordered(&[
            ("a", "N(b)"),
            ("b", "N(c)"),
            ("c", "N(a, d)"),
            ("d", "N(d)"),
            ("e", "N(a)"),
        ]);
        assert_eq!(
            messages,
            [
                "priors form a cycle: `a` → `b` → `c` → `a`",
                "priors form a cycle: `d` → `d`"
            ]
        );
    }

    #[test]
    fn a_prior_names_at_most_seven_parameters() {
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let call = |n: usize| format!("N({}, a)", names[..n].join(", "));
        let mut priors: Vec<(&str, &str)> = names.iter().map(|n| (*n, "H(1.0)")).collect();
        let (fits, exceeds) = (call(7), format!("{} + h", call(7)));
        priors.push(("h", &fits));
        assert_eq!(ordered(&priors).1, [""; 0]);
        priors[7] = ("h", "H(1.0)");
        priors.push(("i", &exceeds));
        assert_eq!(
            ordered(&priors).1,
            ["a prior can name at most 7 parameters; this one names 8"]
        );
    }

    #[test]
    fn arguments_of_the_outermost_call_are_converted() {
        let ctxt = Ctxt::new();
        let fields = ["tau".to_owned()];
        let expression = syn::parse_str("Normal(0, f(tau))").unwrap();
        let prior = prior(&ctxt, &fields, None, expression).unwrap();
        assert!(ctxt.into_messages().is_empty());
        let convert = "::core::convert::Into::into";
        assert_eq!(
            tokens::text_of(prior.value),
            format!("Normal({convert}(0), {convert}(f(tau)))")
        );
        assert_eq!(prior.text, "Normal");
    }

    #[test]
    fn a_likelihood_knows_its_uses() {
        let ctxt = Ctxt::new();
        let fields = ["output".to_owned(), "noise".to_owned()];
        let text = "Normal(mean = output[0], sd = f(noise, output[1]))";
        let likelihood = likelihood(&ctxt, &fields, syn::parse_str(text).unwrap()).unwrap();
        assert!(ctxt.into_messages().is_empty());
        assert_eq!(
            tokens::text_of(likelihood.value),
            "Normal::default().mean(output.column(0)).sd(f(noise.clone(), output.column(1)))"
        );
        let uses: Vec<_> = likelihood
            .uses
            .iter()
            .map(|u| {
                (
                    u.mention.field,
                    u.mention.column.map(|c| c.index),
                    u.key.as_ref().map(ToString::to_string),
                )
            })
            .collect();
        assert_eq!(
            uses,
            [
                (0, Some(0), Some("mean".to_owned())),
                (1, None, None),
                (0, Some(1), None)
            ]
        );
    }
}
