//! What stands in for a model when the item cannot be one, so that code which uses it reports nothing more.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::visit_mut::VisitMut;
use syn::{Attribute, GenericParam, Generics, Ident, Item, parse_quote};

use crate::attr::{self, Helper};
use crate::derives::{self, Derives};

/// `item` without the language's attributes, and a model by name only.
pub(crate) fn item(mut item: Item) -> TokenStream {
    Bare.visit_item_mut(&mut item);
    let stub = match &mut item {
        Item::Struct(item) => {
            derives::add(&mut item.attrs, Derives::WithoutDefault);
            stub(&item.ident, &item.generics)
        }
        Item::Enum(item) => {
            derives::add(&mut item.attrs, Derives::WithoutDefault);
            stub(&item.ident, &item.generics)
        }
        _ => TokenStream::new(),
    };
    let item = item.into_token_stream();
    quote!(#item #stub)
}

/// A `Model` and `infer` that are never run, because their crate does not compile.
fn stub(ident: &Ident, generics: &Generics) -> TokenStream {
    let p = quote!(::smc_runtime::__private);
    // With generics of other kinds the bounds of `Model` hold only by assumption.
    let mut bounded = generics.clone();
    if bounded
        .params
        .iter()
        .any(|g| !matches!(g, GenericParam::Const(_)))
    {
        bounded.make_where_clause().predicates.push(parse_quote!(
            Self: ::core::clone::Clone + ::core::fmt::Debug + ::core::marker::Send + ::core::marker::Sync + 'static
        ));
    }
    let (impl_generics, ty_generics, where_clause) = bounded.split_for_impl();
    let captured = parameters(generics);
    let name = ident.unraw().to_string();
    let stub = quote!(::core::unimplemented!());
    quote! {
        #[automatically_derived]
        #[allow(unused_variables, clippy::all, clippy::pedantic)]
        impl #impl_generics #p::Model for #ident #ty_generics #where_clause {
            type Draw<'__draw> = ();
            fn name(&self) -> &'static str { #name }
            fn fields(&self) -> ::std::vec::Vec<#p::FieldSpec> { #stub }
            fn priors(&self, priors: &mut #p::Priors<'_>) { #stub }
            fn likelihood(&self) -> impl #p::Likelihood + use<#(#captured),*> { #p::no_likelihood() }
            fn draw<'__draw>(&self, blocks: #p::Views<'__draw>) {}
            #p::autodiff! {
                fn output<__E: #p::Float, __D: #p::Device<__E>, __T: #p::Tape<__E, __D>>(
                    &self,
                    parameters: &#p::Params<__E, __D, __T>,
                    x: #p::Act<__E, __D, __T>,
                ) -> #p::Act<__E, __D, __T> {
                    x
                }
            }
        }

        #[automatically_derived]
        impl #impl_generics #p::Infers for #ident #ty_generics #where_clause {}

        #[automatically_derived]
        #[allow(dead_code, unused_variables, clippy::all, clippy::pedantic)]
        impl #impl_generics #ident #ty_generics #where_clause {
            /// Never run.
            pub fn infer(data: &#p::Dataset) -> #p::Run<'_, Self> { #stub }
            /// Never run.
            pub fn infer_with(self, data: &#p::Dataset) -> #p::Run<'_, Self> { #stub }
        }
    }
}

/// The names of all generics, lifetimes first.
fn parameters(generics: &Generics) -> Vec<TokenStream> {
    let name = |parameter: &GenericParam| match parameter {
        GenericParam::Lifetime(l) => l.lifetime.to_token_stream(),
        GenericParam::Type(t) => t.ident.to_token_stream(),
        GenericParam::Const(c) => c.ident.to_token_stream(),
    };
    generics.params.iter().map(name).collect()
}

/// Removes the language's attributes wherever they stand.
struct Bare;

impl VisitMut for Bare {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        for helper in Helper::ALL {
            attr::extract(helper, attributes);
        }
    }
}
