//! The value of a likelihood's key as steps in postfix order, which the rules follow to where its numbers lie.

use syn::{BinOp, Expr, ExprLit, Lit, UnOp};

use crate::names;
use crate::tokens::text_of;

/// A step, with the part of the expression that ends there.
#[derive(Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) does: Does,
    pub(crate) text: String,
}

/// What a step does; see `smc_runtime::model::check::Does`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Does {
    Unjudged,
    Field(usize),
    Column(usize, usize),
    Constant(f64),
    /// A function by its variant's name.
    Apply(&'static str),
    /// An operator by its variant's name.
    Combine(&'static str),
}

/// The steps of `expression`, as the user wrote it. What is no arithmetic of fields and numbers is one unjudged step.
pub(crate) fn steps(fields: &[String], expression: &Expr) -> Vec<Step> {
    let mut walk = Walk {
        fields,
        steps: Vec::new(),
    };
    walk.visit(expression);
    walk.steps
}

struct Walk<'a> {
    fields: &'a [String],
    steps: Vec<Step>,
}

impl Walk<'_> {
    /// The expression's steps and its text.
    fn visit(&mut self, expression: &Expr) -> String {
        let (does, text) = match expression {
            Expr::Paren(inner) => return format!("({})", self.visit(&inner.expr)),
            Expr::Group(inner) => return self.visit(&inner.expr),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
                let inner = self.visit(&unary.expr);
                (Does::Apply("Neg"), format!("-{inner}"))
            }
            Expr::Binary(binary) => match operator(&binary.op) {
                Some((name, sign)) => {
                    let left = self.visit(&binary.left);
                    let right = self.visit(&binary.right);
                    (Does::Combine(name), format!("{left} {sign} {right}"))
                }
                None => (Does::Unjudged, text_of(expression)),
            },
            Expr::MethodCall(call) if call.args.is_empty() => {
                match function(&call.method.to_string()) {
                    Some(name) => {
                        let of = self.visit(&call.receiver);
                        (Does::Apply(name), format!("{of}.{}()", call.method))
                    }
                    None => (Does::Unjudged, text_of(expression)),
                }
            }
            leaf => (self.leaf(leaf), text_of(leaf)),
        };
        self.steps.push(Step {
            does,
            text: text.clone(),
        });
        text
    }

    fn leaf(&self, expression: &Expr) -> Does {
        let field = |expression| {
            let name = names::name(&names::bare(expression)?);
            self.fields.iter().position(|field| *field == name)
        };
        match expression {
            Expr::Lit(ExprLit { lit, .. }) => {
                let number = match lit {
                    Lit::Int(number) => number.base10_parse().ok(),
                    Lit::Float(number) => number.base10_parse().ok(),
                    _ => None,
                };
                number.map_or(Does::Unjudged, Does::Constant)
            }
            Expr::Index(index) => match (field(&index.expr), names::integer(&index.index)) {
                (Some(field), Some(column)) => Does::Column(field, column),
                _ => Does::Unjudged,
            },
            other => field(other).map_or(Does::Unjudged, Does::Field),
        }
    }
}

fn operator(operator: &BinOp) -> Option<(&'static str, char)> {
    match operator {
        BinOp::Add(_) => Some(("Add", '+')),
        BinOp::Sub(_) => Some(("Sub", '-')),
        BinOp::Mul(_) => Some(("Mul", '*')),
        BinOp::Div(_) => Some(("Div", '/')),
        _ => None,
    }
}

fn function(method: &str) -> Option<&'static str> {
    match method {
        "exp" => Some("Exp"),
        "ln" => Some("Ln"),
        "softplus" => Some("Softplus"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(Does, String)> {
        let fields = ["noise".to_owned(), "output".to_owned()];
        let steps = steps(&fields, &syn::parse_str(text).unwrap());
        steps.into_iter().map(|s| (s.does, s.text)).collect()
    }

    fn does(text: &str) -> Vec<Does> {
        of(text).into_iter().map(|(does, _)| does).collect()
    }

    #[test]
    fn operands_come_before_what_is_done_with_them() {
        let (noise, output) = (Does::Field(0), Does::Column(1, 1));
        assert_eq!(
            does("noise * (output[1]).exp() - 0.5"),
            [
                noise,
                output,
                Does::Apply("Exp"),
                Does::Combine("Mul"),
                Does::Constant(0.5),
                Does::Combine("Sub"),
            ]
        );
        assert_eq!(does("-2"), [Does::Constant(2.0), Does::Apply("Neg")]);
        assert_eq!(
            does("(noise + output[1]).ln()"),
            [noise, output, Does::Combine("Add"), Does::Apply("Ln")]
        );
    }

    #[test]
    fn each_part_is_written_as_it_was() {
        let texts = |text| of(text).into_iter().map(|(_, text)| text);
        let all: Vec<_> = texts("noise*(output[1]-1.0).exp()").collect();
        assert_eq!(
            all,
            [
                "noise",
                "output[1]",
                "1.0",
                "output[1] - 1.0",
                "(output[1] - 1.0).exp()",
                "noise * (output[1] - 1.0).exp()",
            ]
        );
    }

    #[test]
    fn what_is_no_arithmetic_of_fields_is_unjudged() {
        for text in [
            "self::SD",
            "SD",
            "f(noise, output[1])",
            "output[N]",
            "noise.max(output)",
            "offset",
            "{ noise }",
        ] {
            assert_eq!(does(text), [Does::Unjudged], "{text}");
        }
        assert_eq!(does("SD.exp()"), [Does::Unjudged, Does::Apply("Exp")]);
    }
}
