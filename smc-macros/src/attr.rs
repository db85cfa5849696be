//! Takes the attributes of the language out of an item and parses each as one Rust expression.

use syn::parse::ParseStream;
use syn::{Attribute, Expr, Ident, Meta, Token};

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
    Standardise,
}

impl Helper {
    pub(crate) const ALL: [Self; 4] = [
        Self::Prior,
        Self::Likelihood,
        Self::Infer,
        Self::Standardise,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Prior => "prior",
            Self::Likelihood => "likelihood",
            Self::Infer => "infer",
            Self::Standardise => "standardise",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Prior => "#[prior(Normal(0.0, 1.0))]",
            Self::Likelihood => "#[likelihood(Normal(mean = output, sd = noise))]",
            Self::Infer => "#[infer(smc(particles = 64))]",
            Self::Standardise => "#[standardise]",
        }
    }

    fn place(self) -> &'static str {
        match self {
            Self::Prior => "on a field, above the parameters that it governs",
            Self::Likelihood | Self::Infer | Self::Standardise => "on the struct",
        }
    }

    fn owner(self) -> &'static str {
        match self {
            Self::Prior => "field",
            Self::Likelihood | Self::Infer | Self::Standardise => "model",
        }
    }
}

/// Removes every `helper` from `attributes` and returns the expression of the first.
pub(crate) fn take(ctxt: &Ctxt, helper: Helper, attributes: &mut Vec<Attribute>) -> Given<Expr> {
    take_as(ctxt, helper, attributes, one)
}

/// The content of `#[prior(..)]`: one expression for all parameters of the field, or one for each by name.
pub(crate) fn take_priors(
    ctxt: &Ctxt,
    attributes: &mut Vec<Attribute>,
) -> Given<Vec<(Option<Ident>, Expr)>> {
    take_as(ctxt, Helper::Prior, attributes, priors)
}

fn take_as<T>(
    ctxt: &Ctxt,
    helper: Helper,
    attributes: &mut Vec<Attribute>,
    content: fn(ParseStream, &str) -> syn::Result<T>,
) -> Given<T> {
    let mut given = Given::Absent;
    for attribute in extract(helper, attributes) {
        if matches!(given, Given::Absent) {
            given = parse(helper, &attribute, content).map_or_else(
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

/// Removes every `helper`, which takes no content, from `attributes`; whether there was one.
pub(crate) fn take_mark(ctxt: &Ctxt, helper: Helper, attributes: &mut Vec<Attribute>) -> bool {
    let found = extract(helper, attributes);
    for (i, attribute) in found.iter().enumerate() {
        let (name, owner) = (helper.name(), helper.owner());
        if i > 0 {
            ctxt.error(
                attribute,
                format!(
                    "a {owner} has one `#[{name}]`, and this one has it already; remove one of them"
                ),
            );
        } else if !matches!(attribute.meta, Meta::Path(_)) {
            ctxt.error(
                attribute,
                format!(
                    "`#[{name}(..)]` takes nothing: write `{}`",
                    helper.example()
                ),
            );
        }
    }
    !found.is_empty()
}

/// Removes every `helper` from where it has no meaning, and says where it belongs.
pub(crate) fn refuse(ctxt: &Ctxt, helper: Helper, attributes: &mut Vec<Attribute>) {
    for attribute in extract(helper, attributes) {
        let (name, place) = (helper.name(), helper.place());
        let content = if helper == Helper::Standardise {
            ""
        } else {
            "(..)"
        };
        ctxt.error(&attribute, format!("`#[{name}{content}]` stands {place}"));
    }
}

/// Removes every `helper` in silence.
pub(crate) fn extract(helper: Helper, attributes: &mut Vec<Attribute>) -> Vec<Attribute> {
    attributes
        .extract_if(.., |a| a.path().is_ident(helper.name()))
        .collect()
}

fn parse<T>(
    helper: Helper,
    attribute: &Attribute,
    content: fn(ParseStream, &str) -> syn::Result<T>,
) -> syn::Result<T> {
    let advice = format!(
        "`#[{}(..)]` takes one expression, for example `{}`",
        helper.name(),
        helper.example()
    );
    match &attribute.meta {
        Meta::List(list) if !list.tokens.is_empty() => {
            attribute.parse_args_with(|input: ParseStream| content(input, &advice))
        }
        _ => Err(syn::Error::new_spanned(attribute, advice)),
    }
}

fn one(input: ParseStream, advice: &str) -> syn::Result<Expr> {
    let expression = input.parse()?;
    if input.is_empty() {
        Ok(expression)
    } else {
        Err(input.error(advice))
    }
}

fn priors(input: ParseStream, advice: &str) -> syn::Result<Vec<(Option<Ident>, Expr)>> {
    if !(input.peek(Ident) && input.peek2(Token![=]) && !input.peek2(Token![==])) {
        return Ok(vec![(None, one(input, advice)?)]);
    }
    let mut priors: Vec<(Option<Ident>, Expr)> = Vec::new();
    while !input.is_empty() {
        let name: Ident = input.parse().map_err(|error| {
            let text = "each parameter of the field is named, as in `weight = Normal(0.0, 1.0)`";
            syn::Error::new(error.span(), text)
        })?;
        if priors
            .iter()
            .any(|(other, _)| other.as_ref() == Some(&name))
        {
            return Err(syn::Error::new(
                name.span(),
                format!("`{name}` has a prior already; remove one of them"),
            ));
        }
        input.parse::<Token![=]>()?;
        priors.push((Some(name), input.parse()?));
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(priors)
}
