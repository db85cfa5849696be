//! Likelihoods of one number given one number for each key: one formula is the density, the expression of every engine and
//! the fused form.

use std::fmt::Debug;
use std::sync::Arc;

use super::{Likelihood, Predictive, Response, Term};
use crate::base::rng::Stream;
use crate::model::algebra::LnGamma;
use crate::model::check::Key;
use crate::model::dist::FusedHead;
use crate::model::fused::RowDensity;
use crate::model::fused::lanes::{Formula, Formulas, Lanes};
#[cfg(feature = "autodiff")]
use crate::model::tensor::{Device, Float, Heads, PerRow, Tape, Targets};

/// A likelihood each of whose keys takes one number per row. Implementing it is all that one of your own needs: it then is
/// a [`Likelihood`] on every engine, the fused one among them, and a [`Predictive`].
///
/// ```
/// use smc_runtime::model::algebra::LnGamma;
/// use smc_runtime::model::dist::{Response, Univariate};
/// use smc_runtime::model::check::Key;
/// use smc_runtime::prelude::*;
/// use smc_runtime::base::rng::Stream;
///
/// /// The logistic distribution: with z = (y − mean)/scale, log p(y) = −z − log scale − 2 log(1 + exp(−z)).
/// #[derive(Clone, Debug)]
/// struct Logistic(Term, Term);
///
/// fn logistic() -> Logistic {
///     Logistic(Term::Unset, Term::Unset)
/// }
///
/// impl Logistic {
///     fn mean(self, mean: impl Into<Term>) -> Self {
///         Self(mean.into(), self.1)
///     }
///     fn scale(self, scale: impl Into<Term>) -> Self {
///         Self(self.0, scale.into())
///     }
/// }
///
/// impl Univariate for Logistic {
///     const KEYS: &'static [Key] = &[Key::column("mean"), Key::column("scale").positive()];
///     const RESPONSE: Response = Response::Real;
///
///     fn terms(&self) -> Vec<Term> {
///         vec![self.0.clone(), self.1.clone()]
///     }
///     fn log_density<A: LnGamma>(&self, arguments: &[A], y: A) -> A {
///         let scale = arguments[1].clone();
///         let z = (y - arguments[0].clone()) / scale.clone();
///         -z.clone() - scale.ln() - (-z).softplus() * 2.0
///     }
///     fn mean(&self, arguments: &[f64]) -> f64 {
///         arguments[0]
///     }
///     fn variance(&self, arguments: &[f64]) -> f64 {
///         (arguments[1] * std::f64::consts::PI).powi(2) / 3.0
///     }
///     fn cdf(&self, arguments: &[f64], y: f64) -> Option<f64> {
///         Some(1.0 / (1.0 + ((arguments[0] - y) / arguments[1]).exp()))
///     }
///     fn sample(&self, arguments: &[f64], stream: &mut Stream) -> f64 {
///         let u = stream.uniform();
///         arguments[0] + arguments[1] * (u / (1.0 - u)).ln()
///     }
/// }
///
/// #[bayes_model]
/// #[likelihood(logistic(mean = output, scale = noise))]
/// struct Line {
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<1, 1>,
///     #[prior(HalfNormal(1.0))]
///     noise: Scale,
/// }
///
/// let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
/// assert!(Line::infer(&data).engine(Engine::fused()).run()?.log_evidence().is_some());
/// # Ok::<(), smc_runtime::Error>(())
/// ```
pub trait Univariate: Clone + Debug + Send + Sync + 'static {
    /// The keys of the sugar, each of which must be given and takes one number per row: any number, unless the key says
    /// [`positive`](Key::positive) or another support.
    const KEYS: &'static [Key];

    /// What the targets are.
    const RESPONSE: Response;

    /// The value of each key, in the order of [`Univariate::KEYS`].
    fn terms(&self) -> Vec<Term>;

    /// log p(y | arguments) less [`Univariate::base`], with the arguments in the order of the keys.
    fn log_density<A: LnGamma>(&self, arguments: &[A], y: A) -> A;

    /// The part of log p(y | arguments) that depends on y alone, such as −log y! of counts. The fused engine computes it
    /// once per row.
    fn base(&self, y: f64) -> f64 {
        let _ = y;
        0.0
    }

    /// Mean of y.
    fn mean(&self, arguments: &[f64]) -> f64;

    /// Variance of y.
    fn variance(&self, arguments: &[f64]) -> f64;

    /// P(Y <= y); `None` for classes.
    fn cdf(&self, arguments: &[f64], y: f64) -> Option<f64>;

    /// One draw of y.
    fn sample(&self, arguments: &[f64], stream: &mut Stream) -> f64;

    /// Class probabilities, for classes.
    fn probabilities(&self, arguments: &[f64]) -> Option<Vec<f64>> {
        let _ = arguments;
        None
    }

    /// A form for the fused engine that was written by hand, if there is one for these terms.
    #[doc(hidden)]
    fn by_hand(&self) -> Option<FusedHead> {
        None
    }
}

impl<L: Univariate> Predictive for L {
    fn response(&self) -> Response {
        L::RESPONSE
    }

    fn log_density(&self, arguments: &[f64], y: f64) -> f64 {
        Univariate::log_density(self, arguments, y) + self.base(y)
    }

    fn mean(&self, arguments: &[f64]) -> f64 {
        Univariate::mean(self, arguments)
    }

    fn variance(&self, arguments: &[f64]) -> f64 {
        Univariate::variance(self, arguments)
    }

    fn cdf(&self, arguments: &[f64], y: f64) -> Option<f64> {
        Univariate::cdf(self, arguments, y)
    }

    fn sample(&self, arguments: &[f64], stream: &mut Stream) -> f64 {
        Univariate::sample(self, arguments, stream)
    }

    fn probabilities(&self, arguments: &[f64]) -> Option<Vec<f64>> {
        Univariate::probabilities(self, arguments)
    }
}

impl<L: Univariate> Likelihood for L {
    const KEYS: &'static [Key] = <L as Univariate>::KEYS;

    fn terms(&self) -> Vec<Term> {
        Univariate::terms(self)
    }

    fn fused(&self) -> Option<FusedHead> {
        let general = || FusedHead::Formula {
            terms: Univariate::terms(self),
            density: RowDensity::of(self.clone()),
        };
        Some(self.by_hand().unwrap_or_else(general))
    }

    #[cfg(feature = "autodiff")]
    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        heads: &Heads<'_, E, D, T>,
        targets: &Targets<E, D>,
    ) -> PerRow<E, D, T> {
        let terms = Univariate::terms(self);
        let arguments: Vec<_> = terms.iter().map(|term| heads.column(term)).collect();
        let density = Univariate::log_density(self, &arguments, targets.values());
        match targets.base(|y| self.base(y)) {
            Some(base) => density + base,
            None => density,
        }
    }
}

impl<L: Univariate, const K: usize> Formula<K> for L {
    fn log_density(&self, arguments: &[Lanes<K>], y: Lanes<K>) -> Lanes<K> {
        Univariate::log_density(self, arguments, y)
    }
}

impl<L: Univariate> Formulas for L {
    fn base(&self, y: f64) -> f64 {
        Univariate::base(self, y)
    }
}

impl RowDensity {
    /// That of `likelihood`, whose terms are not looked at.
    pub fn of<L: Univariate>(likelihood: L) -> Self {
        Self(Arc::new(likelihood))
    }
}
