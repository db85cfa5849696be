//! Fits of a density by name, with the flags that they take.

use clap::{Args, ValueEnum};
use smc_runtime::infer::{Bali, Curvature, Variational};
use smc_runtime::posterior::Inputs;
use smc_runtime::prelude::*;

use crate::Flags;
use crate::algorithm::Algorithm;

/// The flags of algorithms that fit a density.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct FitFlags {
    /// Passes of a fit over the rows, in place of what gives 14000 updates.
    #[arg(long)]
    pub passes: Option<usize>,
    /// Rows of a fit's mini-batch, in place of what the rows suggest.
    #[arg(long)]
    pub batch: Option<usize>,
    /// Independent coordinates for score-vi, in place of Kronecker covariances.
    #[arg(long)]
    pub diagonal: bool,
    /// Of laplace: how strong the prior of every layer is, by the evidence.
    #[arg(long)]
    pub learned_prior: bool,
    /// So many independent fits, mixed, in place of one.
    #[arg(long, conflicts_with = "components")]
    pub modes: Option<usize>,
    /// Temperature of chains of sghmc, of laplace and of bali: below 1 they are colder than the posterior. 1 unless set, 0.1 of bali.
    #[arg(long)]
    pub temperature: Option<f64>,
    /// Constant rate of swag, as a share of that of its training.
    #[arg(long)]
    pub constant: Option<f64>,
    /// A mixture of so many fits, grown one after the other.
    #[arg(long)]
    pub components: Option<usize>,
    /// What is predicted from: draws of the weights, or the density that was fitted.
    #[arg(long, default_value = "draws")]
    pub predict: Way,
}

/// How predictions are made from a density.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// By draws of the weights.
    #[default]
    Draws,
    /// By the network linearised around the mean.
    Linearised,
    /// The same, with a formula for classes.
    Probit,
    /// By draws of all layers but the last, which is integrated out.
    LastLayer,
    /// By moments, layer by layer.
    Moments,
}

impl Way {
    /// What `posterior` says of `inputs` this way.
    ///
    /// # Errors
    /// Those of the library.
    pub fn of<'p, M: Model, I: Inputs>(
        self,
        posterior: &'p Posterior<M>,
        inputs: &I,
    ) -> Result<I::Predicted<'p>> {
        match self {
            Self::Draws => posterior.predict(inputs),
            Self::Linearised => posterior.predict_with(inputs, &linearised()),
            Self::Probit => posterior.predict_with(inputs, &linearised().probit()),
            Self::LastLayer => posterior.predict_with(inputs, &last_layer()),
            Self::Moments => posterior.predict_with(inputs, &noise_propagation()),
        }
    }
}

/// The settings that all fits by mini-batches have, from flags and a budget of seconds.
macro_rules! settled {
    ($fit:expr, $flags:expr, $all:expr, $seconds:expr) => {{
        let mut fit = $fit;
        if let Some(rows) = $flags.batch {
            fit = fit.batch(rows);
        }
        fit = match ($flags.passes, $seconds, $all.smoke) {
            (Some(passes), _, _) => fit.passes(passes),
            (None, Some(seconds), _) => fit.seconds(seconds),
            (None, None, true) => fit.passes(20),
            (None, None, false) => fit,
        };
        fit
    }};
}

/// The settings that all fits to all rows have.
macro_rules! iterated {
    ($fit:expr, $flags:expr, $all:expr) => {{
        let fit = $fit.iterations($flags.passes.unwrap_or($all.size(200, 5)));
        match $flags.batch {
            Some(rows) => fit.batch(rows),
            None => fit,
        }
    }};
}

/// Fits that are mixed by `modes-bali` unless their number is given, and the most that a budget of seconds is shared by.
const BALI: usize = 6;
const MOST: usize = 16;

impl FitFlags {
    /// The fit that `algorithm` names, if it names one.
    pub fn fit(
        self,
        algorithm: Algorithm,
        flags: &Flags,
        seconds: Option<f64>,
    ) -> Option<Box<dyn Inference>> {
        // Fits of a mixture share the seconds.
        let each =
            seconds.map(|all| all / self.modes.or(self.components).unwrap_or(1).max(1) as f64);
        Some(match algorithm {
            Algorithm::ScoreVi if self.diagonal => {
                self.several(settled!(score_vi().diagonal(), self, flags, each))
            }
            Algorithm::ScoreVi => self.several(settled!(score_vi(), self, flags, each)),
            Algorithm::MeanField => self.several(settled!(mean_field(), self, flags, each)),
            Algorithm::Ivon => self.several(settled!(ivon(), self, flags, each)),
            Algorithm::Evon => self.several(settled!(evon(), self, flags, each)),
            Algorithm::Bali => self.several(settled!(self.bali(), self, flags, each)),
            Algorithm::ModesBali => {
                if let (None, None, Some(seconds)) = (self.modes, self.passes, seconds) {
                    return Some(Box::new(modes(self.bali(), MOST).seconds(seconds)));
                }
                let modes = self.modes.or(Some(BALI));
                return Self { modes, ..self }.fit(Algorithm::Bali, flags, seconds);
            }
            Algorithm::Swag => {
                let fit = match self.constant {
                    Some(share) => swag().constant(share),
                    None => swag(),
                };
                self.several(settled!(fit, self, flags, each))
            }
            Algorithm::Gsm => self.several(iterated!(gsm(), self, flags)),
            Algorithm::Bam => self.several(iterated!(bam(), self, flags)),
            _ => return None,
        })
    }

    fn bali(self) -> Bali {
        bali().temperature(self.temperature.unwrap_or(0.1))
    }

    /// Laplace's approximation around a mode that so many epochs search for, if they are given.
    pub fn laplace(self, flags: &Flags, epochs: Option<usize>) -> Box<dyn Inference> {
        let mut mode = map().validation(0.0);
        if let Some(epochs) = self.passes.or(epochs).or(flags.smoke.then_some(20)) {
            mode = mode.epochs(epochs);
        }
        let mut fit = laplace()
            .around(mode)
            .temperature(self.temperature.unwrap_or(1.0));
        if self.learned_prior {
            fit = fit.learned_prior();
        }
        self.several(if self.diagonal {
            fit.curvature(Curvature::Diagonal)
        } else {
            fit
        })
    }

    fn several(self, fit: impl Variational + 'static) -> Box<dyn Inference> {
        match (self.modes, self.components) {
            (Some(k), _) => Box::new(modes(fit, k)),
            (_, Some(components)) => Box::new(boosted(fit, components)),
            _ => Box::new(fit),
        }
    }
}
