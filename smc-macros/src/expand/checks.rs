//! The rules of the language as constants, each judged at the token that it is about. They are visible under
//! `cargo check`; the rules themselves live in `smc_runtime::model::check`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Ident;
use syn::ext::IdentExt;

use super::model::{likelihood_function, prior_function};
use super::paths::{of_field, parenthesised, private, unjudged};
use crate::attr::Given;
use crate::check::{Likelihood, Model, Prior, Use, Value};
use crate::steps::Does;
use crate::tokens;

/// One anonymous constant that holds the fields as data and one constant per rule.
pub(super) fn checks(model: &Model) -> TokenStream {
    let (p, unjudged, name) = (private(), unjudged(), model.source.name());
    let primes = primes(model.source.sizes().len());
    // Const evaluation under `cargo check` needs numbers: a prime of its own stands for each size.
    let sizes = model
        .source
        .sizes()
        .into_iter()
        .zip(&primes)
        .map(|(size, prime)| quote!(const #size: ::core::primitive::usize = #prime;));
    let generics = model
        .source
        .sizes()
        .into_iter()
        .zip(&primes)
        .map(|(size, prime)| {
            let name = size.unraw().to_string();
            quote!(#p::check::Generic { name: #name, prime: #prime })
        });
    let shapes = model.source.fields.iter().map(|f| {
        let (name, text) = (&f.name, &f.text);
        let of = |item| of_field(f, item);
        let (rule, support) = (of("RULE"), of("SUPPORT"));
        let (elements, parts) = (of("ELEMENTS"), of("PARTS"));
        let (gives, instead) = (of("GIVES"), of("INSTEAD"));
        quote! {
            #p::check::FieldShape {
                name: #name,
                ty: #text,
                rule: #rule,
                support: #support,
                elements: #elements,
                parts: #parts,
                gives: #p::check::gives(#rule, #support, #gives),
                instead: #instead,
            }
        }
    });
    let ident = model.source.ident();
    let instance = quote!(<#ident<#(#primes),*>>);
    let fields = fields(model, &instance);
    let likelihood = model
        .likelihood
        .as_ref()
        .map(|l| self::likelihood(l, &instance));
    quote! {
        #[allow(dead_code, non_upper_case_globals)]
        #unjudged
        const _: () = {
            #(#sizes)*
            const __SMC_MODEL: #p::check::ModelShape<'static> = #p::check::ModelShape {
                name: #name,
                fields: &[#(#shapes),*],
                features: #p::Dyn,
                generics: &[#(#generics),*],
            };
            #fields
            #likelihood
        };
    }
}

/// A rule that is reported from `first` to `last`.
fn rule((first, last): (Span, Span), judgement: TokenStream) -> TokenStream {
    let expect = quote_spanned!(first=> ::smc_runtime::__private::check::expect);
    let argument = parenthesised(last, judgement);
    quote!(const _: () = #expect #argument;)
}

fn fields(model: &Model, instance: &TokenStream) -> TokenStream {
    let mut rules = TokenStream::new();
    for (i, (field, prior)) in model.source.fields.iter().zip(&model.priors).enumerate() {
        let ends = tokens::ends(&field.ty);
        let chain = quote!(__SMC_MODEL.chain(#i));
        rules.extend(rule(ends, quote!(__SMC_MODEL.is_field(#i))));
        rules.extend(rule(ends, chain));
        rules.extend(rule(ends, quote!(__SMC_MODEL.support_said(#i))));
        match prior {
            Given::Absent => rules.extend(rule(ends, quote!(__SMC_MODEL.no_prior(#i)))),
            Given::Wrong => {}
            Given::Is(priors) => {
                for prior in priors {
                    rules.extend(self::prior(model, i, prior, instance));
                }
                if let [Prior { block: Some(_), .. }, ..] = priors.as_slice() {
                    let given = priors.iter().filter_map(block);
                    rules.extend(rule(
                        ends,
                        quote!(__SMC_MODEL.priors_given(#i, &[#(#given),*])),
                    ));
                }
            }
        }
    }
    rules
}

/// The name of the parameter tensor that a prior is for.
fn block(prior: &Prior) -> Option<String> {
    prior.block.as_ref().map(|block| block.unraw().to_string())
}

fn prior(model: &Model, field: usize, prior: &Prior, instance: &TokenStream) -> TokenStream {
    let p = private();
    let function = prior_function(&model.source.fields[field].name, prior.block.as_ref());
    let (text, block) = (&prior.text, block(prior));
    let block = match &block {
        Some(block) => quote!(::core::option::Option::Some(#block)),
        None => quote!(::core::option::Option::None),
    };
    let support = quote!(#p::support_of(#instance::#function));
    let fits = quote!(__SMC_MODEL.prior(#field, #block, #text, #support));
    // A name that does not exist is underlined itself.
    let ends = prior
        .block
        .as_ref()
        .map_or(prior.ends, |b| (b.span(), prior.ends.1));
    let fits = rule(ends, fits);
    let named = prior.named.iter().map(|m| {
        let (span, at) = (m.ident.span(), m.field);
        rule((span, span), quote!(__SMC_MODEL.named(#field, #block, #at)))
    });
    quote!(#fits #(#named)*)
}

fn likelihood(likelihood: &Likelihood, instance: &TokenStream) -> TokenStream {
    let (p, function) = (private(), likelihood_function());
    let is_prior = is_prior(likelihood);
    let heads = likelihood
        .uses
        .iter()
        .map(|used| head(&likelihood.text, used));
    let values = likelihood
        .values
        .iter()
        .map(|value| self::value(&likelihood.text, value));
    let whole = whole(likelihood).map(|whole| of_likelihood(likelihood.ends, &whole));
    let known = known(likelihood);
    quote! {
        #is_prior
        const __SMC_KEYS: &[#p::check::Key] = #p::keys_of(#instance::#function);
        #known
        #(#heads)*
        #(#values)*
        #whole
    }
}

/// Whether it is a prior, of which no other rule says anything.
fn is_prior(likelihood: &Likelihood) -> TokenStream {
    let (p, text) = (private(), &likelihood.text);
    let is_prior = match &likelihood.unset {
        Some(unset) if likelihood.may_be_prior => quote!(#p::is_prior(#unset)),
        _ => quote!(false),
    };
    let judged = rule(
        likelihood.ends,
        quote!(#p::check::is_likelihood(#text, __SMC_IS_PRIOR)),
    );
    quote! {
        const __SMC_IS_PRIOR: ::core::primitive::bool = #is_prior;
        #judged
    }
}

/// A rule of the likelihood.
fn of_likelihood(ends: (Span, Span), judgement: &TokenStream) -> TokenStream {
    rule(
        ends,
        quote!(if __SMC_IS_PRIOR { ::core::result::Result::Ok(()) } else { #judgement }),
    )
}

/// A rule of what the key `key` is given, which says nothing of a key that there is not.
fn of_key(key: &str, ends: (Span, Span), judgement: &TokenStream) -> TokenStream {
    let p = private();
    of_likelihood(
        ends,
        &quote!(if #p::check::has_key(__SMC_KEYS, #key) { #judgement } else { ::core::result::Result::Ok(()) }),
    )
}

/// Whether the numbers that a key is given are those that it takes.
fn value(likelihood: &str, value: &Value) -> TokenStream {
    let (p, key) = (private(), value.key.unraw().to_string());
    let steps = value.steps.iter().map(|step| {
        let text = &step.text;
        let does = match step.does {
            Does::Unjudged => quote!(Unjudged),
            Does::Field(field) => quote!(Field(#field)),
            Does::Column(field, column) => quote!(Column(#field, #column)),
            Does::Constant(x) => quote!(Constant(#x)),
            Does::Apply(function) => {
                let function = Ident::new(function, Span::call_site());
                quote!(Apply(#p::check::Function::#function))
            }
            Does::Combine(operator) => {
                let operator = Ident::new(operator, Span::call_site());
                quote!(Combine(#p::check::Operator::#operator))
            }
        };
        quote!(#p::check::Token { does: #p::check::Does::#does, text: #text })
    });
    of_key(
        &key,
        value.ends,
        &quote!(__SMC_MODEL.value(#likelihood, &#p::check::key(__SMC_KEYS, #key), &[#(#steps),*])),
    )
}

/// Whether the distribution has each of the keys.
fn known(likelihood: &Likelihood) -> TokenStream {
    let (p, text) = (private(), &likelihood.text);
    let keys = likelihood.keys.iter().flatten().map(|key| {
        let (span, name) = (key.span(), key.unraw().to_string());
        of_likelihood(
            (span, span),
            &quote!(#p::check::known_key(#text, __SMC_KEYS, #name)),
        )
    });
    quote!(#(#keys)*)
}

/// Whether every key is given and every output is used; an output that a missing key would have used is not worth a
/// second message. `None` for an expression that names no field: it may be written somewhere else.
fn whole(likelihood: &Likelihood) -> Option<TokenStream> {
    let (p, text) = (private(), &likelihood.text);
    let uses = likelihood.uses.iter().map(|used| {
        let (at, how) = (used.mention.field, how(used));
        quote!((#at, #how))
    });
    let unused = quote!(__SMC_MODEL.unused(&[#(#uses),*], __SMC_KEYS));
    let Some(keys) = &likelihood.keys else {
        return (!likelihood.uses.is_empty()).then_some(unused);
    };
    let given = keys.iter().map(|key| key.unraw().to_string());
    Some(quote! {
        match #p::check::keys_given(#text, __SMC_KEYS, &[#(#given),*]) {
            ::core::result::Result::Ok(()) => #unused,
            missing => missing,
        }
    })
}

fn how(used: &Use) -> TokenStream {
    let p = private();
    match (&used.key, used.mention.column) {
        (_, Some(column)) => {
            let index = column.index;
            quote!(#p::check::Use::Column(#index))
        }
        (Some(_), None) if used.exponential => quote!(#p::check::Use::Exponential),
        (Some(_), None) => quote!(#p::check::Use::Whole),
        (None, None) => quote!(#p::check::Use::Inside),
    }
}

fn head(likelihood: &str, used: &Use) -> TokenStream {
    let (p, how, at) = (private(), how(used), used.mention.field);
    let first = used.mention.ident.span();
    let last = used.mention.column.map_or(first, |c| c.end);
    let Some(key) = &used.key else {
        let judgement = quote!(__SMC_MODEL.head(#at, #how, #likelihood, &#p::check::ANY));
        return of_likelihood((first, last), &judgement);
    };
    let key = key.unraw().to_string();
    of_key(
        &key,
        (first, last),
        &quote!(__SMC_MODEL.head(#at, #how, #likelihood, &#p::check::key(__SMC_KEYS, #key))),
    )
}

/// The first `n` primes above 1000: larger than most sizes, and alike only to themselves.
fn primes(n: usize) -> Vec<usize> {
    let is_prime = |m: &usize| {
        (2..*m)
            .take_while(|d| d * d <= *m)
            .all(|d| !m.is_multiple_of(d))
    };
    (1009..).filter(is_prime).take(n).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_stand_for_themselves() {
        assert_eq!(super::primes(4), [1009, 1013, 1019, 1021]);
    }
}
