//! Laws of densities and gradients: every prior, likelihood and layer on every engine.

mod autodiff;
mod densities;
mod fused;
mod fused_layer;
mod layered;
mod likelihoods;
mod priors;
mod tape;
