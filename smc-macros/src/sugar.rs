//! The one piece of syntax that is not Rust: `f(a = x, b = y)` for `f().a(x).b(y)`.

use std::fmt::Display;

use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ExprAssign, ExprCall, ExprMethodCall, ExprPath, Ident, Token, token};

use crate::ctxt::Ctxt;

/// `a = x` in a call.
pub(crate) type Setting = (Ident, Expr);

/// A call whose arguments are settings, or any other expression. Calls inside are rewritten already.
pub(crate) enum Outer {
    Keyed(ExprPath, Vec<Setting>),
    Plain(Expr),
}

/// Every call in `expression` whose arguments are settings becomes a chain of setters. `None` after a mistake.
pub(crate) fn setters(ctxt: &Ctxt, mut expression: Expr) -> Option<Expr> {
    let mut sugar = Sugar {
        ctxt,
        refused: false,
    };
    sugar.visit_expr_mut(&mut expression);
    (!sugar.refused).then_some(expression)
}

/// As [`setters`], but the outermost call is handed back in its parts. `None` after a mistake.
pub(crate) fn outermost(ctxt: &Ctxt, expression: Expr) -> Option<Outer> {
    let mut sugar = Sugar {
        ctxt,
        refused: false,
    };
    let mut expression = peeled(expression);
    let outer = match &mut expression {
        Expr::Call(call) if matches!(*call.func, Expr::Path(_)) => {
            sugar.visit_inside(call);
            match (&*call.func, sugar.settings(&mut call.args)) {
                (Expr::Path(path), Some(settings)) => Some(Outer::Keyed(path.clone(), settings)),
                _ => None,
            }
        }
        other => {
            sugar.visit_expr_mut(other);
            None
        }
    };
    (!sugar.refused).then(|| outer.unwrap_or(Outer::Plain(expression)))
}

/// Reports settings where arguments go by position. `None` after a mistake.
pub(crate) fn by_position(ctxt: &Ctxt, expression: Expr) -> Option<Expr> {
    struct Settings<'c>(&'c Ctxt, bool);
    impl<'a> Visit<'a> for Settings<'_> {
        fn visit_expr_call(&mut self, call: &'a ExprCall) {
            if let Some(setting) = call.args.iter().find(|a| matches!(a, Expr::Assign(_))) {
                self.1 = false;
                self.0.error(
                    setting,
                    "the arguments of a prior have no names: write `Normal(0.0, 1.0)`",
                );
            }
            visit::visit_expr_call(self, call);
        }
    }
    let mut settings = Settings(ctxt, true);
    settings.visit_expr(&expression);
    settings.1.then(|| peeled(expression))
}

/// `receiver.a(x).b(y)`, each name where the user wrote it.
pub(crate) fn chain(receiver: Expr, settings: Vec<Setting>) -> Expr {
    settings
        .into_iter()
        .fold(receiver, |receiver, (key, value)| {
            method(receiver, key, [value])
        })
}

/// `receiver.name(arguments)`, the punctuation at the name.
pub(crate) fn method(
    receiver: Expr,
    name: Ident,
    arguments: impl IntoIterator<Item = Expr>,
) -> Expr {
    Expr::MethodCall(ExprMethodCall {
        attrs: Vec::new(),
        receiver: Box::new(receiver),
        dot_token: Token![.](name.span()),
        turbofish: None,
        paren_token: token::Paren(name.span()),
        args: arguments.into_iter().collect(),
        method: name,
    })
}

/// The expression without parentheses around it, seen (`(x)`) or unseen (from a `macro_rules!`).
pub(crate) fn peeled(expression: Expr) -> Expr {
    match expression {
        Expr::Paren(inner) => peeled(*inner.expr),
        Expr::Group(inner) => peeled(*inner.expr),
        other => other,
    }
}

struct Sugar<'c> {
    ctxt: &'c Ctxt,
    refused: bool,
}

impl Sugar<'_> {
    fn visit_inside(&mut self, call: &mut ExprCall) {
        visit_mut::visit_expr_call_mut(self, call);
    }

    /// Takes the settings out of a call's arguments, if they are settings.
    fn settings(&mut self, arguments: &mut Punctuated<Expr, Token![,]>) -> Option<Vec<Setting>> {
        let setting = arguments.iter().find(|a| matches!(a, Expr::Assign(_)))?;
        if arguments.iter().any(|a| !matches!(a, Expr::Assign(_))) {
            self.refuse(
                setting,
                "this call mixes arguments with and without names; write all of them as `name = value`, or none",
            );
            return None;
        }
        let mut settings: Vec<Setting> = Vec::new();
        for argument in std::mem::take(arguments) {
            let Expr::Assign(ExprAssign { left, right, .. }) = argument else {
                continue;
            };
            match key(&left) {
                None => self.refuse(&left, "the left-hand side of `name = value` is one name"),
                Some(key) if settings.iter().any(|(other, _)| *other == key) => {
                    self.refuse(&left, format!("`{key}` is given twice in this call"));
                }
                Some(key) => settings.push((key, *right)),
            }
        }
        Some(settings)
    }

    fn refuse(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.refused = true;
        self.ctxt.error(tokens, message);
    }
}

impl VisitMut for Sugar<'_> {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        visit_mut::visit_expr_mut(self, expression);
        let settings = match expression {
            Expr::Call(call) => self.settings(&mut call.args),
            Expr::MethodCall(call) => self.settings(&mut call.args),
            _ => None,
        };
        if let Some(settings) = settings {
            let receiver = std::mem::replace(expression, Expr::PLACEHOLDER);
            *expression = chain(receiver, settings);
        }
    }
}

fn key(left: &Expr) -> Option<Ident> {
    match left {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident().cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;
    use crate::tokens::text_of;

    fn rewritten(from: &str) -> Result<String, Vec<String>> {
        let ctxt = Ctxt::new();
        let expression = setters(&ctxt, syn::parse_str(from).unwrap());
        let messages = ctxt.into_messages();
        expression.map(|e| quote!(#e).to_string()).ok_or(messages)
    }

    fn same(from: &str, to: &str) {
        let to: Expr = syn::parse_str(to).unwrap();
        assert_eq!(rewritten(from).unwrap(), quote!(#to).to_string());
    }

    #[test]
    fn settings_become_setters() {
        same("smc(particles = 64)", "smc().particles(64)");
        same("smc(a = 1, b = x + 2)", "smc().a(1).b(x + 2)");
        same(
            "smc(a = f(b = 1), c = 2).d(e = 3)",
            "smc().a(f().b(1)).c(2).d().e(3)",
        );
        same(
            "Hmc::leapfrogs(8).jitter(x = 1)",
            "Hmc::leapfrogs(8).jitter().x(1)",
        );
        same("f(g(x = 1), 2)", "f(g().x(1), 2)");
    }

    #[test]
    fn other_expressions_stay() {
        for text in [
            "smc()",
            "f(1, a == b)",
            "{ let x; x = 3; f(x) }",
            "&S { a: 1 }",
        ] {
            same(text, text);
        }
    }

    #[test]
    fn mistakes_are_all_reported() {
        let messages = rewritten("f(1, a = g(b = 1, b = 2), c.d = 3)").unwrap_err();
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert!(messages[0].contains("`b` is given twice"), "{messages:?}");
        assert!(messages[1].contains("mixes arguments"), "{messages:?}");
        assert!(rewritten("f(c.d = 3)").unwrap_err()[0].contains("one name"));
    }

    #[test]
    fn the_outermost_call_is_handed_back_in_parts() {
        let ctxt = Ctxt::new();
        let parts = outermost(
            &ctxt,
            syn::parse_str("(dist::Normal(mean = f(a = 1), sd = 2))").unwrap(),
        );
        assert!(ctxt.into_messages().is_empty());
        let Some(Outer::Keyed(path, settings)) = parts else {
            panic!("a call of settings");
        };
        assert_eq!(text_of(path), "dist::Normal");
        let settings: Vec<_> = settings
            .iter()
            .map(|(k, v)| format!("{k}: {}", text_of(v)))
            .collect();
        assert_eq!(settings, ["mean: f().a(1)", "sd: 2"]);
    }
}
