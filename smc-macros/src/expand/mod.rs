//! From a checked model to Rust. Nothing here can fail; whatever was reported is left out or stubbed.

mod checks;
mod draw;
mod model;

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Ident;

use crate::ast::{self, Field};
use crate::check::Model;

/// Everything that stands in place of the struct.
pub(crate) fn model(model: &Model) -> TokenStream {
    let item = &model.source.item;
    let draw = draw::draw(model);
    let implementation = self::model::implementation(model);
    let inherent = self::model::inherent(model);
    let checks = checks::checks(model);
    quote!(#item #draw #implementation #inherent #checks)
}

/// The only names that generated code uses.
fn private() -> TokenStream {
    quote!(::smc_runtime::__private)
}

/// Lints that judge style, which generated code has none of.
fn unjudged() -> TokenStream {
    quote!(#[allow(clippy::all, clippy::pedantic, clippy::nursery)])
}

/// `<Linear<11, 32> as Field>::item`; that the type is no `Field` is reported there, and only there.
fn of_field(field: &Field, item: &str) -> TokenStream {
    of_trait(field, "Field", item, &TokenStream::new())
}

/// As [`of_field`], for another trait and an item with generics.
fn of_trait(field: &Field, name: &str, item: &str, generics: &TokenStream) -> TokenStream {
    let ty = &field.ty;
    let (first, last) = ast::ends(ty);
    let (name, item) = (Ident::new(name, last), Ident::new(item, last));
    let open = quote_spanned!(first=> <);
    let close = quote_spanned!(last=> as ::smc_runtime::__private::#name>::#item);
    quote!(#open #ty #close #generics)
}

/// The field of `self` behind `reference`, which is `&` or `&mut`, reported at the field's type.
fn of_self(field: &Field, mutable: bool) -> TokenStream {
    let (first, last) = ast::ends(&field.ty);
    let reference = if mutable {
        quote_spanned!(first=> &mut self)
    } else {
        quote_spanned!(first=> &self)
    };
    let mut ident = field.ident.clone();
    ident.set_span(last);
    quote!(#reference.#ident)
}

/// A call's arguments: the call then ends at `last`.
fn parenthesised(last: Span, arguments: TokenStream) -> Group {
    let mut group = Group::new(Delimiter::Parenthesis, arguments);
    group.set_span(last);
    group
}
