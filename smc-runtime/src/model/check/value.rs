//! The rule of a key's value: a standard deviation is positive whatever the outputs and parameters are that it is made of.

use super::keys::{Key, Takes};
use super::likelihood::Use;
use super::shape::ModelShape;
use super::text::Text;
use crate::model::interval::Interval;
use crate::model::rule::Rule;
use crate::model::term::{Function, Operator};
use crate::model::transform::Support;

/// A step of an expression in postfix order: operands come before what is done with them.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    /// What is done.
    pub does: Does,
    /// The part of the expression that ends here, as a reader would write it.
    pub text: &'a str,
}

/// What a step of an expression does.
#[derive(Clone, Copy, Debug)]
pub enum Does {
    /// Gives what the rules know nothing of: a constant by its path, a feature, the offset, a function of the user's.
    Unjudged,
    /// Gives a field: a parameter or the network's output.
    Field(usize),
    /// Gives one output of the network, or one element of a vector.
    Column(usize, usize),
    /// Gives a number.
    Constant(f64),
    /// Replaces the last value.
    Apply(Function),
    /// Replaces the last two values.
    Combine(Operator),
}

/// A part of an expression: its steps from `start` on, and where its values lie. `None` where the rules know nothing of it.
#[derive(Clone, Copy)]
struct Part {
    start: usize,
    values: Option<Interval>,
}

impl ModelShape<'_> {
    /// Whether what `steps` come to is a number that the likelihood's key `key` takes, and every logarithm in them is one of
    /// a positive number.
    ///
    /// # Errors
    /// The message for the user.
    pub const fn value(
        &self,
        likelihood: &str,
        key: &Key,
        steps: &[Token<'_>],
    ) -> Result<(), Text> {
        // What cannot be named there has been reported.
        if matches!(key.takes, Takes::Row) || !self.can_be_named(likelihood, key, steps) {
            return Ok(());
        }
        let mut i = 0;
        while i < steps.len() {
            if matches!(steps[i].does, Does::Apply(Function::Ln)) {
                let of = steps.split_at(i).0;
                let of = of.split_at(self.part(of).start).1;
                if let Some(values) = self.part(of).values
                    && !values.is_within(Interval::POSITIVE)
                {
                    return Err(self.logarithm(likelihood, key, of, values));
                }
            }
            i += 1;
        }
        match self.part(steps).values {
            Some(values) if !values.is_within(Interval::of(key.support)) => {
                let text = Text::new()
                    .str("`")
                    .str(key.name)
                    .str("` of `")
                    .str(likelihood)
                    .str("` takes ")
                    .str(key.support.words());
                Err(self.but(text, steps, values, key.support))
            }
            _ => Ok(()),
        }
    }

    const fn can_be_named(&self, likelihood: &str, key: &Key, steps: &[Token<'_>]) -> bool {
        let mut i = 0;
        while i < steps.len() {
            let named = match steps[i].does {
                Does::Field(field) => self.head(field, Use::Whole, likelihood, key),
                Does::Column(field, column) => {
                    self.head(field, Use::Column(column), likelihood, key)
                }
                _ => Ok(()),
            };
            if named.is_err() {
                return false;
            }
            i += 1;
        }
        true
    }

    /// The part that the last of `steps` ends.
    const fn part(&self, steps: &[Token<'_>]) -> Part {
        let Some((last, before)) = steps.split_last() else {
            return Part {
                start: 0,
                values: None,
            };
        };
        let values = match last.does {
            Does::Unjudged => None,
            Does::Field(field) | Does::Column(field, _) => self.fields[field].gives,
            Does::Constant(x) => {
                if x.is_finite() {
                    Some(Interval::point(x))
                } else {
                    None
                }
            }
            Does::Apply(function) => {
                let of = self.part(before);
                return Part {
                    start: of.start,
                    values: applied(function, of.values),
                };
            }
            Does::Combine(operator) => {
                let (left, right) = self.operands(before);
                let [a, b] = [
                    before.split_at(right.start).0.split_at(left.start).1,
                    before.split_at(right.start).1,
                ];
                return Part {
                    start: left.start,
                    values: combined(operator, left.values, right.values, same(a, b)),
                };
            }
        };
        Part {
            start: steps.len() - 1,
            values,
        }
    }

    /// The two parts that `steps` end with.
    const fn operands(&self, steps: &[Token<'_>]) -> (Part, Part) {
        let right = self.part(steps);
        (self.part(steps.split_at(right.start).0), right)
    }

    /// The part of `steps` on whose account the whole is not positive: the one operand of a sum, product or quotient that
    /// is not, where the other is.
    const fn blamed<'s>(&self, steps: &'s [Token<'s>]) -> &'s [Token<'s>] {
        let Some((last, before)) = steps.split_last() else {
            return steps;
        };
        let Does::Combine(Operator::Add | Operator::Mul | Operator::Div) = last.does else {
            return steps;
        };
        let (left, right) = self.operands(before);
        let (a, b) = before.split_at(right.start);
        match (is_positive(left.values), is_positive(right.values)) {
            (true, false) => self.blamed(b),
            (false, true) => self.blamed(a),
            _ => steps,
        }
    }

    /// `, but .. can be ..: write ..`.
    const fn but(&self, text: Text, steps: &[Token<'_>], values: Interval, takes: Support) -> Text {
        let text = self.whole(text.str(", but "), steps).str(can_be(values));
        let (positive, blamed) = match takes {
            Support::UnitInterval => (false, steps),
            _ => (true, self.blamed(steps)),
        };
        let (Some(last), true) = (blamed.last(), values.has_positive()) else {
            return text;
        };
        let text = text.str(": ");
        if let Some(field) = self.parameter_alone(blamed) {
            let text = text.str("declare ");
            let text = if blamed.len() == steps.len() {
                text.str("it")
            } else {
                text.str("`").str(self.fields[field].name).str("`")
            };
            return text
                .str(" as `")
                .str(if positive { "Scale" } else { "UnitInterval" })
                .str("`");
        }
        if !positive {
            return apart(text.str("write `1.0 / (1.0 + (-"), last).str(").exp())`");
        }
        if !values.has_negative() {
            let text = text.str("add a small number, as in `");
            return text.str(last.text).str(" + 0.01`");
        }
        let text = apart(text.str("write `"), last).str(".exp()` or `");
        let text = apart(text, last).str(".softplus()`");
        if blamed.len() == steps.len() {
            return text;
        }
        text.str(" in place of `").str(last.text).str("`")
    }

    const fn logarithm(
        &self,
        likelihood: &str,
        key: &Key,
        of: &[Token<'_>],
        values: Interval,
    ) -> Text {
        let text = Text::new()
            .str("`ln` in `")
            .str(key.name)
            .str("` of `")
            .str(likelihood)
            .str("` takes positive numbers");
        let Some(last) = of.last() else {
            return text;
        };
        let outputs = matches!(last.does, Does::Field(_) | Does::Column(..));
        if !outputs || !values.has_negative() || self.parameter_alone(of).is_some() {
            return self.but(text, of, values, Support::Positive);
        }
        self.whole(text.str(", but "), of)
            .str(can_be(values))
            .str(": leave `.ln()` out, so that `")
            .str(last.text)
            .str("` is the logarithm")
    }

    /// The expression; a parameter alone with its type.
    const fn whole(&self, text: Text, steps: &[Token<'_>]) -> Text {
        if let Some(field) = self.parameter_alone(steps) {
            return text.field(self.name, &self.fields[field]);
        }
        let Some(last) = steps.last() else {
            return text;
        };
        text.str("`").str(last.text).str("`")
    }

    /// The parameter that an expression consists of.
    const fn parameter_alone(&self, steps: &[Token<'_>]) -> Option<usize> {
        match steps {
            [
                Token {
                    does: Does::Field(field) | Does::Column(field, _),
                    ..
                },
            ] if matches!(self.fields[*field].rule, Rule::Parameter) => Some(*field),
            _ => None,
        }
    }
}

const fn applied(function: Function, values: Option<Interval>) -> Option<Interval> {
    match (function, values) {
        // Whatever they are taken of.
        (Function::Exp | Function::Softplus, None) => Some(Interval::POSITIVE),
        (_, None) => None,
        (Function::Neg, Some(x)) => Some(x.minus()),
        (Function::Exp, Some(x)) => Some(x.exp()),
        (Function::Softplus, Some(x)) => Some(x.softplus()),
        (Function::Ln, Some(x)) => Some(x.ln()),
    }
}

const fn combined(
    operator: Operator,
    left: Option<Interval>,
    right: Option<Interval>,
    same: bool,
) -> Option<Interval> {
    let (Some(left), Some(right)) = (left, right) else {
        return None;
    };
    Some(match operator {
        Operator::Add => left.plus(right),
        Operator::Sub => left.plus(right.minus()),
        Operator::Mul if same => left.square(),
        Operator::Mul => left.times(right),
        Operator::Div => left.over(right),
    })
}

/// Whether the values are positive as far as the rules know.
const fn is_positive(values: Option<Interval>) -> bool {
    match values {
        Some(values) => values.is_within(Interval::POSITIVE),
        None => true,
    }
}

const fn can_be(values: Interval) -> &'static str {
    if values.is_real() {
        " can be any real number"
    } else if !values.has_positive() {
        " is never positive"
    } else if values.has_negative() {
        " can be negative"
    } else if values.holds(0.0) {
        " can be 0"
    } else {
        " can be 1 or more"
    }
}

/// The text of a step, in parentheses where a method would bind to a part of it.
const fn apart(text: Text, step: &Token<'_>) -> Text {
    if matches!(step.does, Does::Combine(_) | Does::Apply(Function::Neg)) {
        text.str("(").str(step.text).str(")")
    } else {
        text.str(step.text)
    }
}

/// Whether two expressions are the same, step by step. Those with something unjudged are taken to differ.
const fn same(a: &[Token<'_>], b: &[Token<'_>]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        let alike = match (a[i].does, b[i].does) {
            (Does::Field(a), Does::Field(b)) => a == b,
            (Does::Column(a, c), Does::Column(b, d)) => a == b && c == d,
            (Does::Constant(a), Does::Constant(b)) => a == b,
            (Does::Apply(a), Does::Apply(b)) => a as u8 == b as u8,
            (Does::Combine(a), Does::Combine(b)) => a as u8 == b as u8,
            _ => false,
        };
        if !alike {
            return false;
        }
        i += 1;
    }
    true
}
