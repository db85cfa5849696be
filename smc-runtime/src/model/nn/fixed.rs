//! A number that is given, not learned.

use super::{Field, Rule};

/// A number that priors and the likelihood name like a parameter, but that is given with the model and never sampled: a
/// known measurement error, or a hyperparameter that is to be varied from run to run.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = noise))]
/// pub struct Known {
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<1, 1>,
///     noise: Fixed,
/// }
///
/// let data = Dataset::new(1, vec![0.0, 1.0], vec![0.1, 0.9])?;
/// let model = Known { noise: Fixed(0.1), ..Known::default() };
/// let posterior = model.infer_with(&data).run()?;
/// assert_eq!(posterior.layout().dim(), 2);
///
/// // Without a value there is nothing to name.
/// let error = Known::infer(&data).run().err().unwrap().to_string();
/// assert!(error.contains("`Known.noise: Fixed` has no value"), "{error}");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fixed(pub f64);

/// No value; `bind` refuses it.
impl Default for Fixed {
    fn default() -> Self {
        Self(f64::NAN)
    }
}

impl Field for Fixed {
    const RULE: Rule = Rule::Parameter;
    const BUILT_IN: bool = true;

    type View<'a> = ();

    fn fixed(&self) -> Option<f64> {
        Some(self.0)
    }
}
