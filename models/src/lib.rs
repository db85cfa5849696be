//! Ready-made models, one per file. Each is an ordinary `#[bayes_model]` struct: copy it and change it.

mod linear_regression;
mod mlp_classifier;
mod mlp_regressor;

pub use linear_regression::{LinearRegression, LinearRegressionDraw};
pub use mlp_classifier::{MlpClassifier, MlpClassifierDraw};
pub use mlp_regressor::{MlpRegressor, MlpRegressorDraw};
