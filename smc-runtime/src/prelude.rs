//! What a user imports: `use smc_runtime::prelude::*;`.

pub use smc_macros::bayes_model;

pub use crate::adapt::{DualAveraging, Esjd, Follow, Frozen, LargestStep, Metric};
pub use crate::anneal::{
    AutomaticAnnealing, RandomMiniBatch, SmoothDataAnnealing, StepDataAnnealing, Tempering,
};
pub use crate::data::{Dataset, Features, Standardise, Table};
pub use crate::dist::{
    Bernoulli, Beta, Categorical, Cauchy, Exponential, Gamma, HalfCauchy, HalfNormal, InverseGamma,
    Laplace, Likelihood, LogNormal, NegativeBinomial, Normal, Poisson, Prior, StudentT, Term,
    Uniform,
};
pub use crate::engine::Engine;
pub use crate::error::{Error, Result};
pub use crate::infer::{Inference, ensemble, map, mcmc, smc};
pub use crate::kernel::{Chees, Hmc, Mala, RandomWalk, UnadjustedLangevin};
pub use crate::model::Model;
pub use crate::moves::AdaptiveMoves;
pub use crate::nn::{
    Dyn, Fixed, Gelu, LeakyRelu, Linear, LinearNoBias, Real, Relu, Scale, Sigmoid, Silu, Softplus,
    Tanh, UnitInterval,
};
pub use crate::observe::Progress;
pub use crate::posterior::Posterior;
pub use crate::resample::{Multinomial, Residual, Ssp, Stratified, Systematic};
pub use crate::run::Run;
pub use crate::weights::Combine;
