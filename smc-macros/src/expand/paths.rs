//! Paths into the run-time crate and into the user's struct, each with the span at which rustc is to report it.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Ident;

use crate::ast::Field;
use crate::tokens;

/// The only names that generated code uses.
pub(super) fn private() -> TokenStream {
    quote!(::smc_runtime::__private)
}

/// Lints that judge style, which generated code has none of.
pub(super) fn unjudged() -> TokenStream {
    quote!(#[allow(clippy::all, clippy::pedantic, clippy::nursery)])
}

/// `<Linear<11, 32> as Field>::item`; that the type is no `Field` is reported there, and only there.
pub(super) fn of_field(field: &Field, item: &str) -> TokenStream {
    of_trait(field, "Field", item, &TokenStream::new())
}

/// As [`of_field`], for another trait and an item with generics.
pub(super) fn of_trait(
    field: &Field,
    name: &str,
    item: &str,
    generics: &TokenStream,
) -> TokenStream {
    let ty = &field.ty;
    let (first, last) = tokens::ends(ty);
    let (name, item) = (Ident::new(name, last), Ident::new(item, last));
    let open = quote_spanned!(first=> <);
    let close = quote_spanned!(last=> as ::smc_runtime::__private::#name>::#item);
    quote!(#open #ty #close #generics)
}

/// The field of `self` behind `reference`, which is `&` or `&mut`, reported at the field's type.
pub(super) fn of_self(field: &Field, mutable: bool) -> TokenStream {
    let (first, last) = tokens::ends(&field.ty);
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
pub(super) fn parenthesised(last: Span, arguments: TokenStream) -> Group {
    let mut group = Group::new(Delimiter::Parenthesis, arguments);
    group.set_span(last);
    group
}
