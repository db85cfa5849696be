//! A likelihood in the form that the fused engine evaluates.

use crate::model::fused::RowDensity;
use crate::model::term::{Function, Term};

/// A likelihood that the fused engine knows, by its terms.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FusedHead {
    /// Normal with mean and standard deviation, each a field, a feature or a number, or e to the power of one.
    Normal {
        /// The mean.
        mean: Term,
        /// The standard deviation.
        sd: Term,
    },
    /// Categorical; the logits are the network's outputs.
    Categorical,
    /// A formula of terms that are one number per row.
    Formula {
        /// The arguments of the formula.
        terms: Vec<Term>,
        /// The formula.
        density: RowDensity,
    },
}

impl FusedHead {
    /// The normal likelihood by its own kernel, if its terms are as simple as that takes.
    pub(crate) fn normal(mean: &Term, sd: &Term) -> Option<Self> {
        fn is_simple(term: &Term) -> bool {
            match term {
                Term::Apply(Function::Exp, inner) => is_simple(inner),
                Term::Apply(..) | Term::Combine(..) => false,
                _ => true,
            }
        }
        (is_simple(mean) && is_simple(sd)).then(|| Self::Normal {
            mean: mean.clone(),
            sd: sd.clone(),
        })
    }
}
