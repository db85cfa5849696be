//! What a likelihood's key stands for, as data: an expression of the network's outputs, parameters, features and numbers.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::model::algebra::Algebra;

/// The argument of a likelihood. An expression of terms is a term, on every engine:
///
/// ```
/// use smc_runtime::prelude::*;
///
/// let (output, noise) = (Term::Field(0), Term::Field(1));
/// let normal = Normal::default()
///     .mean(output.column(0) * 2.0)
///     .sd(noise * output.column(1).softplus());
/// assert_eq!(normal.0, Term::Column(0, 0) * 2.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// Not given yet.
    Unset,
    /// A field that the model does not have, by the name that was looked up; `bind` refuses it.
    Unknown(&'static str),
    /// A field of the model, by its number: the network's output or a parameter.
    Field(usize),
    /// One output of the network: field number, then column.
    Column(usize, usize),
    /// A column of the data, such as a measurement error that is known row by row.
    Feature(usize),
    /// The [offset](crate::Dataset::with_offset) of the data, such as the logarithm of an exposure.
    Offset,
    /// A number.
    Constant(f64),
    /// A function of another term.
    Apply(Function, Box<Self>),
    /// Two terms with an operator between them.
    Combine(Operator, Box<Self>, Box<Self>),
}

/// A function of one term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// −x.
    Neg,
    /// e to the power x.
    Exp,
    /// The natural logarithm.
    Ln,
    /// log(1 + exp(x)).
    Softplus,
}

/// An operator between two terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// x + y.
    Add,
    /// x − y.
    Sub,
    /// x·y.
    Mul,
    /// x/y.
    Div,
}

impl Term {
    /// Output number `column` of this field; `output[1]` in the attribute.
    pub fn column(&self, column: usize) -> Self {
        match self {
            Self::Field(field) => Self::Column(*field, column),
            other => other.clone(),
        }
    }

    /// e to the power of this term: a positive scale from an unconstrained output.
    pub fn exp(self) -> Self {
        Self::Apply(Function::Exp, Box::new(self))
    }

    /// The natural logarithm of this term.
    pub fn ln(self) -> Self {
        Self::Apply(Function::Ln, Box::new(self))
    }

    /// log(1 + exp(·)) of this term: positive, and as good as the term itself where that is large.
    pub fn softplus(self) -> Self {
        Self::Apply(Function::Softplus, Box::new(self))
    }

    /// The term in any algebra, where `leaf` says what the terms are that hold no others.
    pub fn evaluate<A: Algebra>(&self, leaf: &mut impl FnMut(&Self) -> A) -> A {
        match self {
            Self::Apply(function, inner) => {
                let x = inner.evaluate(leaf);
                match function {
                    Function::Neg => -x,
                    Function::Exp => x.exp(),
                    Function::Ln => x.ln(),
                    Function::Softplus => x.softplus(),
                }
            }
            Self::Combine(operator, left, right) => {
                let (x, y) = (left.evaluate(leaf), right.evaluate(leaf));
                match operator {
                    Operator::Add => x + y,
                    Operator::Sub => x - y,
                    Operator::Mul => x * y,
                    Operator::Div => x / y,
                }
            }
            other => leaf(other),
        }
    }

    /// The terms inside that hold no others, from left to right.
    pub fn leaves(&self) -> Vec<&Self> {
        match self {
            Self::Apply(_, inner) => inner.leaves(),
            Self::Combine(_, left, right) => [left.leaves(), right.leaves()].concat(),
            other => vec![other],
        }
    }
}

impl From<f64> for Term {
    fn from(value: f64) -> Self {
        Self::Constant(value)
    }
}

impl From<i32> for Term {
    fn from(value: i32) -> Self {
        Self::Constant(value.into())
    }
}

impl Neg for Term {
    type Output = Self;
    fn neg(self) -> Self {
        Self::Apply(Function::Neg, Box::new(self))
    }
}

macro_rules! term_ops {
    ($($trait:ident $method:ident;)*) => {$(
        impl $trait for Term {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                Self::Combine(Operator::$trait, Box::new(self), Box::new(other))
            }
        }
        impl $trait<f64> for Term {
            type Output = Self;
            fn $method(self, other: f64) -> Self {
                $trait::$method(self, Self::Constant(other))
            }
        }
        impl $trait<Term> for f64 {
            type Output = Term;
            fn $method(self, other: Term) -> Term {
                $trait::$method(Term::Constant(self), other)
            }
        }
    )*};
}

term_ops! {
    Add add;
    Sub sub;
    Mul mul;
    Div div;
}
