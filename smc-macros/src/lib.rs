//! The attribute `#[bayes_model]`.

use proc_macro::TokenStream;

/// From a struct to a typed model.
#[proc_macro_attribute]
pub fn bayes_model(_attributes: TokenStream, item: TokenStream) -> TokenStream {
    item
}
