//! `WineDraw`: one draw from the posterior of `Wine` as typed views, a field for each of the model's.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;

use super::paths::of_trait;
use crate::ast::Field;
use crate::check::Model;
use crate::tokens;

/// What the view of one draw is called: the model's name and `Draw`.
pub(super) fn name(model: &Model) -> Ident {
    format_ident!(
        "{}Draw",
        model.source.name(),
        span = model.source.ident().span()
    )
}

/// The struct with a public view for each of the model's fields.
pub(super) fn draw(model: &Model) -> TokenStream {
    let source = &model.source;
    let (name, vis, sizes) = (name(model), source.vis(), &source.item.generics.params);
    let about = format!(
        "One draw from the posterior of [`{}`]: the parameters of each field as its type shows them.",
        source.name()
    );
    let fields = source.fields.iter().map(|field| {
        let (ident, view) = (&field.ident, view(field));
        let about = format!("`{}: {}`", field.name, field.text);
        quote!(#[doc = #about] #vis #ident: #view)
    });
    quote! {
        #[doc = #about]
        #[automatically_derived]
        // A model that is public may have fields of private types, whose views then appear here.
        #[allow(dead_code, private_interfaces, private_bounds, missing_debug_implementations, missing_copy_implementations)]
        #vis struct #name<'draw, #sizes> {
            #(#fields,)*
        }
    }
}

fn view(field: &Field) -> TokenStream {
    let last = tokens::ends(&field.ty).1;
    let draw = quote_spanned!(last=> <'draw>);
    if field.is_dyn() {
        of_trait(field, "DynField", "Shaped", &draw)
    } else {
        of_trait(field, "Field", "View", &draw)
    }
}
