//! From a checked model to Rust. Nothing here can fail; whatever was reported is left out or stubbed.

mod checks;
mod draw;
mod model;
mod paths;

use proc_macro2::TokenStream;
use quote::quote;

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
