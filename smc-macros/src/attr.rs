//! Takes the attributes of the language out of an item and parses each as one Rust expression.

use syn::parse::ParseStream;
use syn::{Attribute, Expr, Meta};

use crate::ctxt::Ctxt;

/// What stands where an attribute may stand.
#[derive(Debug)]
pub(crate) enum Given<T> {
    /// No attribute.
    Absent,
    /// One that has been reported; nothing more may be said about it.
    Wrong,
    /// The attribute's content.
    Is(T),
}

impl<T> Given<T> {
    /// The content, if there is one without a mistake.
    pub(crate) fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Is(content) => Some(content),
            Self::Absent | Self::Wrong => None,
        }
    }

    /// The content after a step that reports its own mistakes.
    pub(crate) fn and_then<U>(self, step: impl FnOnce(T) -> Option<U>) -> Given<U> {
        match self {
            Self::Absent => Given::Absent,
            Self::Wrong => Given::Wrong,
            Self::Is(content) => step(content).map_or(Given::Wrong, Given::Is),
        }
    }
}

/// An attribute of the language.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Helper {
    Prior,
    Likelihood,
    Infer,
}

impl Helper {
    pub(crate) const ALL: [Self; 3] = [Self::Prior, Self::Likelihood, Self::Infer];

    fn name(self) -> &'static str {
        match self {
            Self::Prior => "prior",
            Self::Likelihood => "likelihood",
            Self::Infer => "infer",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Prior => "#[prior(Normal(0.0, 1.0))]",
            Self::Likelihood => "#[likelihood(Normal(mean = output, sd = noise))]",
            Self::Infer => "#[infer(smc(particles = 64))]",
        }
    }

    fn place(self) -> &'static str {
        match self {
            Self::Prior => "on a field, above the parameters that it governs",
            Self::Likelihood | Self::Infer => "on the struct",
        }
    }

    fn owner(self) -> &'static str {
        match self {
            Self::Prior => "field",
            Self::Likelihood | Self::Infer => "model",
        }
    }
}

/// Removes every `helper` from `attributes` and returns the expression of the first.
pub(crate) fn take(ctxt: &Ctxt, helper: Helper, attributes: &mut Vec<Attribute>) -> Given<Expr> {
    let mut given = Given::Absent;
    for attribute in extract(helper, attributes) {
        if matches!(given, Given::Absent) {
            given = parse(helper, &attribute).map_or_else(
                |error| {
                    ctxt.push(error);
                    Given::Wrong
                },
                Given::Is,
            );
        } else {
            let (name, owner) = (helper.name(), helper.owner());
            ctxt.error(
                &attribute,
                format!("a {owner} has one `#[{name}(..)]`, and this one has it already; remove one of them"),
            );
        }
    }
    given
}

/// Removes every `helper` from where it has no meaning, and says where it belongs.
pub(crate) fn refuse(ctxt: &Ctxt, helper: Helper, attributes: &mut Vec<Attribute>) {
    for attribute in extract(helper, attributes) {
        let (name, place) = (helper.name(), helper.place());
        ctxt.error(&attribute, format!("`#[{name}(..)]` stands {place}"));
    }
}

/// Removes every `helper` in silence.
pub(crate) fn extract(helper: Helper, attributes: &mut Vec<Attribute>) -> Vec<Attribute> {
    attributes
        .extract_if(.., |a| a.path().is_ident(helper.name()))
        .collect()
}

fn parse(helper: Helper, attribute: &Attribute) -> syn::Result<Expr> {
    let advice = format!(
        "`#[{}(..)]` takes one expression, for example `{}`",
        helper.name(),
        helper.example()
    );
    match &attribute.meta {
        Meta::List(list) if !list.tokens.is_empty() => {
            attribute.parse_args_with(|input: ParseStream| {
                let expression = input.parse()?;
                if input.is_empty() {
                    Ok(expression)
                } else {
                    Err(input.error(advice))
                }
            })
        }
        _ => Err(syn::Error::new_spanned(attribute, advice)),
    }
}

/// Whether `#[derive(..)]` among `attributes` names `name`.
pub(crate) fn derives(attributes: &[Attribute], name: &str) -> bool {
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
