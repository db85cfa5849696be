//! What a parameter tensor does in its field: what priors, defaults and symmetries go by instead of its name.

use serde::{Deserialize, Serialize};

/// What a parameter tensor does in its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Role {
    /// Multiplies what flows in, and the products are summed: its last index counts the inputs.
    Weight,
    /// Is added to what flows out; it has no inputs.
    Bias,
    /// Multiplies what flows in one by one, as the gain of a normalisation does: its last index counts the inputs.
    Scale,
    /// Is looked up by the number of a category: its first index counts the categories, and it has no inputs.
    Embedding,
    /// Stands beside the chain: a number, or a vector of numbers, that priors and the likelihood name.
    Parameter,
}

impl Role {
    /// Whether the last index of such a tensor counts the inputs of its layer, so that a prior can have a scale for each.
    pub const fn has_inputs(self) -> bool {
        matches!(self, Self::Weight | Self::Scale)
    }
}

/// A parameter tensor of a field by name and role, as far as its type tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Name within the field (`weight`), or empty where the field is the parameter.
    pub name: &'static str,
    /// What it does.
    pub role: Role,
}

impl Part {
    /// A part called `name` that does what `role` says.
    pub const fn new(name: &'static str, role: Role) -> Self {
        Self { name, role }
    }

    /// A weight called `name`.
    pub const fn weight(name: &'static str) -> Self {
        Self::new(name, Role::Weight)
    }

    /// A bias called `name`.
    pub const fn bias(name: &'static str) -> Self {
        Self::new(name, Role::Bias)
    }

    /// The one part of a field that is a parameter itself, which needs no name of its own.
    pub const fn alone(role: Role) -> Self {
        Self::new("", role)
    }
}
