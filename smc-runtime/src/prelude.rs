//! What a user imports: `use smc_runtime::prelude::*;`.

pub use smc_macros::bayes_model;

pub use crate::base::error::{Error, Result};
pub use crate::data::{Dataset, Features, Standardise, Table};
pub use crate::engine::Engine;
#[doc(hidden)]
pub use crate::infer::elsewhere::{NUTS, Nuts, advi, hmc, nuts, vi};
pub use crate::infer::{
    Inference, auto, bali, bam, boosted, ensemble, evon, gsm, ivon, laplace, map, mcmc, mean_field,
    modes, psmile, score_vi, sghmc, sgld, smc, swag, symmetric,
};
pub use crate::model::Model;
pub use crate::model::dist::{
    Bernoulli, Beta, Categorical, Cauchy, Exponential, Gamma, HalfCauchy, HalfNormal, InverseGamma,
    Laplace, Likelihood, LogNormal, NegativeBinomial, Normal, Poisson, Prior, StudentT, Term,
    Uniform,
};
#[doc(hidden)]
pub use crate::model::nn::elsewhere::{
    BatchNorm, BatchNorm1d, BatchNorm2d, Conv1d, Conv2d, Dropout, Embedding, Flatten, GRU, LSTM,
    LayerNorm, LogSoftmax, RNN, Sequential, Softmax,
};
pub use crate::model::nn::{
    Dyn, Fixed, Gelu, LeakyRelu, Linear, LinearNoBias, Real, Relu, Scale, Sigmoid, Silu, Softplus,
    Tanh, UnitInterval,
};
pub use crate::posterior::Posterior;
pub use crate::posterior::predict::{last_layer, linearised, noise_propagation};
pub use crate::posterior::saved::Load;
pub use crate::posterior::symmetry::HasSymmetries;
pub use crate::run::{Infers, Progress, Run, Trace};
pub use crate::sampling::adapt::{DualAveraging, Esjd, Follow, Frozen, LargestStep, Metric};
pub use crate::sampling::anneal::{
    AutomaticAnnealing, RandomMiniBatch, SmoothDataAnnealing, StepDataAnnealing, Tempering,
};
pub use crate::sampling::kernel::{Chees, Hmc, Mala, RandomWalk, UnadjustedLangevin};
pub use crate::sampling::moves::AdaptiveMoves;
pub use crate::sampling::resample::{Multinomial, Residual, Ssp, Stratified, Systematic};
pub use crate::sampling::weights::Combine;
