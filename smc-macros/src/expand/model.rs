//! `impl Model for Wine`, and `Wine::infer`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;
use syn::ext::IdentExt;

use super::draw;
use super::paths::{of_field, of_self, parenthesised, private, unjudged};
use crate::attr::Given;
use crate::check::{Likelihood, Model, Prior};
use crate::tokens;

/// The function that holds a prior of a field: the only place where the user's expression stands, so that rustc reports
/// a mistake in it once.
pub(super) fn prior_function(field: &str, block: Option<&Ident>) -> Ident {
    match block {
        Some(block) => format_ident!("__smc_prior_{field}__{block}"),
        None => format_ident!("__smc_prior_{field}"),
    }
}

/// The function that holds the likelihood.
pub(super) fn likelihood_function() -> Ident {
    format_ident!("__smc_likelihood")
}

/// `impl Model for Wine`, and its algorithm.
pub(super) fn implementation(model: &Model) -> TokenStream {
    let (p, unjudged) = (private(), unjudged());
    let ident = model.source.ident();
    let (impl_generics, ty_generics, _) = model.source.item.generics.split_for_impl();
    let sizes = model.source.sizes();
    let (draw, name) = (draw::name(model), model.source.name());
    let (fields, resolve, draws) = (fields(model), resolve(model), draws(model));
    let (priors, likelihood, output) = (priors(model), likelihood(model), output(model));
    let algorithm = algorithm(model);
    let standardised = model.source.standardised;
    let standardised = standardised.then(|| {
        quote!(
            const STANDARDISED: ::core::primitive::bool = true;
        )
    });
    quote! {
        #[automatically_derived]
        #unjudged
        impl #impl_generics #p::Model for #ident #ty_generics {
            type Draw<'draw> = #draw<'draw, #(#sizes),*>;

            fn name(&self) -> &'static str {
                #name
            }
            #fields
            #resolve
            #priors
            #likelihood

            fn is_chain(&self) -> ::core::primitive::bool {
                true
            }
            #draws
            #output
        }

        #[automatically_derived]
        #unjudged
        impl #impl_generics #p::Infers for #ident #ty_generics {
            #algorithm
            #standardised
        }
    }
}

fn fields(model: &Model) -> TokenStream {
    let p = private();
    let specs = model.source.fields.iter().map(|f| {
        let (field, name, text) = (of_self(f, false), &f.name, &f.text);
        quote!(#p::FieldSpec::of(#name, #text, #field))
    });
    let rules = rules_first(model);
    quote! {
        fn fields(&self) -> ::std::vec::Vec<#p::FieldSpec> {
            #rules
            ::std::vec![#(#specs),*]
        }
    }
}

/// Named before anything else of a field: rustc then reports a type that is no `Field` once and at the type, instead of
/// once for every function that takes one.
fn rules_first(model: &Model) -> TokenStream {
    let rules = model.source.fields.iter().map(|f| of_field(f, "RULE"));
    quote!(#(let _ = #rules;)*)
}

fn resolve(model: &Model) -> TokenStream {
    let p = private();
    let fields = model.source.fields.iter().map(|f| of_self(f, true));
    let rules = rules_first(model);
    quote! {
        fn resolve(&mut self, features: ::core::primitive::usize) {
            #rules
            let width = features;
            #(let width = #p::resolve(#fields, width);)*
            let _ = width;
        }
    }
}

fn priors(model: &Model) -> TokenStream {
    let p = private();
    let number = |field: usize| quote!(#p::FieldNumber(#field));
    let walk = model.order.iter().map(|&field| {
        let given = match &model.priors[field] {
            Given::Is(given) => given,
            // A field without parameters has none, and a parameter without a prior has been reported.
            Given::Absent => {
                let field = number(field);
                return quote!(priors.of_layer(#field););
            }
            Given::Wrong => return TokenStream::new(),
        };
        let each = given.iter().map(|prior| {
            let function = prior_function(&model.source.fields[field].name, prior.block.as_ref());
            let named = prior.named.iter().map(|m| number(m.field));
            let field = number(field);
            match &prior.block {
                None => quote!(priors.of(#field, &[#(#named),*], Self::#function);),
                Some(block) => {
                    let block = block.unraw().to_string();
                    quote!(priors.of_block(#field, #block, &[#(#named),*], Self::#function);)
                }
            }
        });
        quote!(#(#each)*)
    });
    quote! {
        fn priors(&self, priors: &mut #p::Priors<'_>) {
            let _ = &priors;
            #(#walk)*
        }
    }
}

fn likelihood(model: &Model) -> TokenStream {
    let (p, sizes) = (private(), model.source.sizes());
    let value = if model.likelihood.as_ref().is_some() {
        let function = likelihood_function();
        quote!(Self::#function())
    } else {
        quote!(#p::no_likelihood())
    };
    quote! {
        fn likelihood(&self) -> impl #p::Likelihood + use<#(#sizes),*> {
            #value
        }
    }
}

fn draws(model: &Model) -> TokenStream {
    let (p, draw) = (private(), draw::name(model));
    let fields = model.source.fields.iter().enumerate().map(|(i, f)| {
        let (mut ident, (first, last)) = (f.ident.clone(), tokens::ends(&f.ty));
        ident.set_span(first);
        let view = quote_spanned!(first=> blocks.field);
        let argument = parenthesised(last, quote!(#i));
        quote!(#ident: #view #argument)
    });
    quote! {
        fn draw<'draw>(&self, blocks: #p::Views<'draw>) -> Self::Draw<'draw> {
            #draw { #(#fields),* }
        }
    }
}

fn algorithm(model: &Model) -> Option<TokenStream> {
    let (p, infer) = (private(), model.infer.as_ref()?);
    let (value, misnamed) = (&infer.value, infer.elsewhere.as_deref().map(misnamed));
    Some(quote! {
        fn algorithm(&self) -> ::std::boxed::Box<dyn #p::Inference> {
            #misnamed
            #p::boxed(#value)
        }
    })
}

fn output(model: &Model) -> TokenStream {
    let p = private();
    let steps = model.source.fields.iter().enumerate().map(|(i, f)| {
        // That the type is no `Field` is reported at the field's type.
        let (field, last) = (of_self(f, false), tokens::ends(&f.ty).1);
        let arguments = parenthesised(last, quote!(#i, #field));
        let then = quote_spanned!(last=> then);
        quote!(let network = network.#then #arguments;)
    });
    // The prefixes keep clear of the struct's own generics, which may be called `D` or `T`.
    quote! {
        #p::autodiff! {
            fn output<__E: #p::Float, __D: #p::Device<__E>, __T: #p::Tape<__E, __D>>(
                &self,
                parameters: &#p::Params<__E, __D, __T>,
                x: #p::Act<__E, __D, __T>,
            ) -> #p::Act<__E, __D, __T> {
                let network = #p::Network::from_data(parameters, x);
                #(#steps)*
                network.output()
            }
        }
    }
}

/// `Wine::infer`, `Wine::infer_with`, and the functions that hold the user's expressions.
pub(super) fn inherent(model: &Model) -> TokenStream {
    let (p, unjudged) = (private(), unjudged());
    let (ident, vis) = (model.source.ident(), model.source.vis());
    let (impl_generics, ty_generics, _) = model.source.item.generics.split_for_impl();
    let functions = expressions(model);
    quote! {
        #[automatically_derived]
        #[allow(dead_code, unused_parens)]
        #unjudged
        impl #impl_generics #ident #ty_generics {
            /// The posterior of this model given `data`, by the model's own algorithm unless the run is given another.
            #vis fn infer(data: &#p::Dataset) -> #p::Run<'_, Self> {
                #p::Run::new(<Self as ::core::default::Default>::default(), data)
            }

            /// As [`infer`](Self::infer), for a model by value: one that carries sizes written `Dyn`.
            #vis fn infer_with(self, data: &#p::Dataset) -> #p::Run<'_, Self> {
                #p::Run::new(self, data)
            }

            #functions
        }
    }
}

fn expressions(model: &Model) -> TokenStream {
    let priors = model
        .source
        .fields
        .iter()
        .zip(&model.priors)
        .flat_map(|(field, priors)| {
            priors
                .as_ref()
                .into_iter()
                .flatten()
                .map(move |p| (field, p))
        })
        .map(|(field, prior)| {
            let function = prior_function(&field.name, prior.block.as_ref());
            prior_body(model, &function, prior)
        });
    let likelihood = model.likelihood.as_ref().map(|l| likelihood_body(model, l));
    quote!(#(#priors)* #likelihood)
}

fn prior_body(model: &Model, function: &Ident, prior: &Prior) -> TokenStream {
    let (p, sizes) = (private(), model.source.sizes());
    let (first, last) = prior.ends;
    // What is not a prior is underlined from its first to its last token.
    let implements = quote_spanned!(first=> impl);
    let bound = quote_spanned!(last=> ::smc_runtime::__private::Prior + use<#(#sizes),*>);
    let named = prior.named.iter().enumerate().map(|(i, m)| {
        let ident = &m.ident;
        quote!(let #ident = __scope.named(#i);)
    });
    let fan_in = prior
        .fan_in
        .as_ref()
        .map(|ident| quote!(let #ident = __scope.fan_in();));
    let value = &prior.value;
    quote! {
        fn #function(__scope: &#p::Scope<'_>) -> #implements #bound {
            let _ = &__scope;
            #(#named)*
            #fan_in
            #value
        }
    }
}

/// Setters of these names for what lacks them, such as a distribution that is given a key which it has not: a rule then says
/// which there are, and rustc nothing. They take `&self`, so that every setter that takes `self` comes first.
fn misnamed(keys: &[Ident]) -> TokenStream {
    let setters = keys.iter().map(|key| {
        let name = Ident::new_raw(&key.unraw().to_string(), Span::call_site());
        quote! {
            fn #name<__V>(&self, _: __V) -> Self where Self: ::core::marker::Sized {
                ::core::unimplemented!()
            }
        }
    });
    quote! {
        #[allow(dead_code)]
        trait __SmcMisnamed {
            #(#setters)*
        }
        impl<__T> __SmcMisnamed for __T {}
    }
}

fn likelihood_body(model: &Model, likelihood: &Likelihood) -> TokenStream {
    let (p, sizes, function) = (private(), model.source.sizes(), likelihood_function());
    let (first, last) = likelihood.ends;
    let implements = quote_spanned!(first=> impl);
    let bound = quote_spanned!(last=> ::smc_runtime::__private::Likelihood + use<#(#sizes),*>);
    let fields = model.source.fields.iter().enumerate().filter_map(|(i, _)| {
        let first = likelihood.uses.iter().find(|u| u.mention.field == i)?;
        let ident = &first.mention.ident;
        Some(quote!(let #ident = #p::Term::Field(#i);))
    });
    let offset = likelihood.offset.iter();
    let value = &likelihood.value;
    let value = if likelihood.may_be_prior {
        quote!(#p::Distribution::likelihood(#value))
    } else {
        quote!(#value)
    };
    let misnamed = likelihood.keys.as_deref().map(misnamed);
    quote! {
        fn #function() -> #implements #bound {
            #misnamed
            #(#fields)*
            #(let #offset = #p::Term::Offset;)*
            #value
        }
    }
}
