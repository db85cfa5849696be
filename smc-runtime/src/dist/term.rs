//! What a likelihood's key stands for, as data.

/// The argument of a likelihood: the network's output, one of its columns, a parameter, a feature or a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// Not given yet.
    Unset,
    /// A field of the model, by its number: the network's output or a parameter.
    Field(usize),
    /// One output of the network: field number, then column.
    Column(usize, usize),
    /// A column of the data, such as a measurement error that is known row by row.
    Feature(usize),
    /// A number.
    Constant(f64),
    /// e to the power of another term: a positive scale from an unconstrained output.
    Exp(Box<Term>),
}

impl Term {
    /// Output number `column` of this field; `output[1]` in the attribute.
    pub fn column(&self, column: usize) -> Self {
        match self {
            Self::Field(field) => Self::Column(*field, column),
            other => other.clone(),
        }
    }

    /// e to the power of this term.
    pub fn exp(self) -> Self {
        Self::Exp(Box::new(self))
    }
}

impl From<f64> for Term {
    fn from(value: f64) -> Self {
        Self::Constant(value)
    }
}
