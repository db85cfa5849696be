//! Tokens as places and as text: where they begin and end, and how a reader would write them.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The first and the last token's span: rustc underlines from one to the other where a call begins at the first and its
/// parentheses are at the last.
pub(crate) fn ends(tokens: impl ToTokens) -> (Span, Span) {
    let mut tokens = tokens.into_token_stream().into_iter();
    let first = tokens.next().map_or_else(Span::call_site, |t| match t {
        proc_macro2::TokenTree::Group(group) => group.span_open(),
        other => other.span(),
    });
    let last = tokens.last().map_or(first, |t| match t {
        proc_macro2::TokenTree::Group(group) => group.span_close(),
        other => other.span(),
    });
    (first, last)
}

/// Tokens as a reader would write them: `Linear<11, 32>`.
pub(crate) fn text_of(tokens: impl ToTokens) -> String {
    let mut text = String::new();
    write_tokens(&mut text, tokens.into_token_stream());
    text
}

fn write_tokens(text: &mut String, tokens: TokenStream) {
    use proc_macro2::{Delimiter, TokenTree};
    let mut word_before = false;
    for token in tokens {
        let word = matches!(token, TokenTree::Ident(_) | TokenTree::Literal(_));
        if word && word_before {
            text.push(' ');
        }
        word_before = word;
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{ ", " }"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write_tokens(text, group.stream());
                text.push_str(close);
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                c @ (',' | ';') => text.extend([c, ' ']),
                c @ ('+' | '*' | '/' | '=') => text.extend([' ', c, ' ']),
                c => text.push(c),
            },
            other => text.push_str(&other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use syn::Type;

    use super::*;

    #[test]
    fn a_type_is_written_as_a_reader_would() {
        for text in [
            "Linear<11, 32>",
            "nn::Linear<Dyn, { H }>",
            "[f32; 3]",
            "Linear<{ A * 2 }, 1>",
        ] {
            let ty: Type = syn::parse_str(text).unwrap();
            assert_eq!(text_of(ty), text);
        }
    }
}
