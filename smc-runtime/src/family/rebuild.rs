//! From the numbers of a density to the density.

use std::sync::Arc;

use super::basis::Basis;
use super::{DiagonalNormal, FullNormal, KroneckerNormal, LowRankNormal, Mixture};
use crate::base::error::{Error, Result};
use crate::problem::density::{Density, Numbers};

/// The density that [`Density::numbers`] gave.
///
/// ```
/// use smc_runtime::family::{DiagonalNormal, rebuild};
/// use smc_runtime::problem::density::Density;
/// let density = DiagonalNormal::new(vec![1.0, 0.0], vec![0.5, 2.0])?;
/// let again = rebuild(&density.numbers().unwrap())?;
/// assert_eq!(format!("{again:?}"), format!("{density:?}"));
/// # Ok::<(), smc_runtime::Error>(())
/// ```
///
/// # Errors
/// If the family is none of this crate's, or if an array lacks or has another size.
pub fn rebuild(numbers: &Numbers) -> Result<Arc<dyn Density>> {
    let mean = || numbers.array("mean").map(<[f32]>::to_vec);
    let sd = || numbers.array("sd").map(<[f32]>::to_vec);
    Ok(match numbers.family.as_str() {
        "diagonal" => Arc::new(DiagonalNormal::new(mean()?, sd()?)?),
        "low rank" => {
            let rank = numbers.sizes.first().copied().unwrap_or_default();
            let factor = numbers.array("factor")?.to_vec();
            Arc::new(LowRankNormal::new(mean()?, sd()?, factor, rank)?)
        }
        "full" => {
            let lower = numbers.array("lower")?.iter().map(|&x| f64::from(x));
            Arc::new(FullNormal::of_lower(mean()?, lower.collect())?)
        }
        "kronecker" => {
            let mean = mean()?;
            let basis = Basis::rebuild(numbers, mean.len())?;
            Arc::new(KroneckerNormal::new(mean, sd()?, basis)?)
        }
        "mixture" => {
            let parts: Result<Vec<_>> = numbers.parts.iter().map(rebuild).collect();
            let weights = numbers.array("weights")?.iter().map(|&w| f64::from(w));
            Arc::new(Mixture::told(parts?, weights.collect())?)
        }
        other => {
            let expected = "diagonal, low rank, full, kronecker or mixture";
            return Err(Error::config("family", other, expected));
        }
    })
}

impl Numbers {
    /// The array of that name.
    pub(super) fn array(&self, name: &str) -> Result<&[f32]> {
        let of = self.arrays.iter().find(|a| a.name == name);
        let of = of.filter(|a| a.shape.iter().product::<usize>() == a.values.len());
        of.map(|a| a.values.as_slice()).ok_or_else(|| {
            let what = format!("the numbers of a {} density", self.family);
            Error::shape(what, format!("an array `{name}` of its shape"), "none")
        })
    }
}
