//! The attribute `#[bayes_model]`: from a struct to a typed model. What a model *means* lives in `smc-runtime`.
//!
//! What the user wrote passes `ast` (with spans) → `attr` (each attribute one expression) → `sugar` and `names` →
//! `check` → `expand`, which cannot fail; `ctxt` collects the mistakes on the way, and `fallback` stands in where there
//! can be no model.

mod ast;
mod attr;
mod check;
mod ctxt;
mod derives;
mod expand;
mod fallback;
mod names;
mod steps;
mod sugar;
mod tokens;

use proc_macro2::TokenStream;
use quote::quote;

/// From a struct to a typed model.
///
/// ```ignore
/// use smc_runtime::prelude::*;
///
/// /// Red-wine quality from eleven measurements.
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = noise))]
/// #[infer(smc(particles = 64))]
/// pub struct Wine {
///     #[prior(Normal(0.0, tau / fan_in.sqrt()))]
///     hidden: Linear<11, 32>,
///     activation: Tanh,
///     #[prior(Normal(0.0, 0.2))]
///     output: Linear<32, 1>,
///     #[prior(HalfNormal(1.0))]
///     tau: Scale,
///     #[prior(HalfNormal(1.0))]
///     noise: Scale,
/// }
/// ```
///
/// **Fields.** A field's type implements `Field`. Layers and activations chain in the order in which they are declared:
/// what one gives, the next takes, and the last is the network's output. Parameters (`Scale`) stand beside the chain;
/// priors and the likelihood name them. A size may be a number, a constant, a const generic of the struct, or `Dyn`,
/// which the data or the value of the model fill in.
///
/// **`#[prior(expression)]`** stands on every field that has parameters, once. The expression is any Rust value that
/// implements `Prior`. In it the name of a parameter is that parameter, `fan_in` is the number of inputs of one output
/// of the layer below it, and arguments of the outermost call are converted by `Into`, so that `Normal(0, tau * 0.5)` works.
/// A prior names up to seven parameters, and the priors that name each other form no cycle; their order is free.
///
/// **`#[likelihood(expression)]`** stands on the struct, once. The expression implements `Likelihood`;
/// `Normal(mean = output, sd = noise)` is `Normal::default().mean(output).sd(noise)`. In it the name of a field is that
/// field as a `Term`, and `output[1]` is one output of the network. Every key is given and every output is used.
///
/// **`#[infer(expression)]`** stands on the struct at most once. The expression implements `Inference`; every call
/// `f(a = x, b = y)` in it is `f().a(x).b(y)`.
///
/// **`#[standardise]`** stands on the struct of a model whose priors are meant for standardised data: features, and real
/// targets, are then standardised by every run unless it says `raw()` or gives a standardisation of its own, and what comes
/// out is in the units that went in.
///
/// **Names are Rust.** A bare name in a prior or in the likelihood that equals a field is that field; everything else is
/// resolved by rustc where it was written, so priors, likelihoods and algorithms of your own need nothing of this crate.
/// A constant with a lower-case name is written `self::name`, so that a misspelt field is found.
///
/// **Derives.** `Clone`, `Debug` and `Default` are derived where the struct does not ask for them *below* the attribute;
/// write `#[bayes_model]` above `#[derive(..)]`.
///
/// # What comes out
///
/// For `Wine`: the struct without the attributes above; `WineDraw<'a>`, one draw as typed views; `impl Model for Wine`;
/// `Wine::infer(&data)` and `wine.infer_with(&data)`; and constant evaluations that judge sizes, supports and keys while
/// the model is compiled, each with its message at the token that caused it.
#[proc_macro_attribute]
pub fn bayes_model(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    model(arguments.into(), item.into()).into()
}

fn model(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let ctxt = ctxt::Ctxt::new();
    if !arguments.is_empty() {
        ctxt.error(
            arguments,
            "`#[bayes_model]` takes no arguments; the likelihood and the algorithm are attributes of their own",
        );
    }
    let expanded = match ast::Source::read(&ctxt, item) {
        Ok(source) => expand::model(&check::check(&ctxt, source)),
        Err(ast::NoModel::Item(item)) => fallback::item(*item),
        Err(ast::NoModel::Tokens(tokens)) => tokens,
    };
    let errors = ctxt.into_errors();
    quote!(#errors #expanded)
}
