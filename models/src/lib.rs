//! Ready-made models, one per file. Each is an ordinary `#[bayes_model]` struct: copy it and change it.
//!
//! | model | for |
//! |---|---|
//! | [`LinearRegression`] | numbers, a linear relation: the yardstick |
//! | [`RobustRegression`] | the same with outliers |
//! | [`HorseshoeRegression`] | the same with many features of which few matter |
//! | [`MlpRegressor`] | numbers, any relation |
//! | [`HeteroscedasticRegressor`] | the same where the noise varies with the features |
//! | [`ArdRegressor`] | the same where it is to be learned which features matter |
//! | [`LogisticRegression`], [`MultinomialRegression`] | two classes, three and more: the yardsticks |
//! | [`MlpClassifier`] | classes, any boundary |
//! | [`DeepRegressor`], [`DeepHeteroscedastic`], [`DeepClassifier`] | the networks above with hidden layers given by value; [`Layers::chosen`] finds some that suit a table |
//! | [`PoissonRegression`], [`NegativeBinomialRegression`] | counts |
//! | [`EightSchools`] | groups that are alike, each measured with a known error |

mod ard_regressor;
mod deep;
mod eight_schools;
mod heteroscedastic_regressor;
mod horseshoe_regression;
mod layers;
mod linear_regression;
mod logistic_regression;
mod mlp_classifier;
mod mlp_regressor;
mod multinomial_regression;
mod negative_binomial_regression;
mod poisson_regression;
mod robust_regression;

pub use ard_regressor::{ArdRegressor, ArdRegressorDraw};
pub use deep::{
    Classes, Deep, DeepClassifier, DeepHeteroscedastic, DeepRegressor, Head, NoisePerRow,
    Nonlinearity, SharedNoise,
};
pub use eight_schools::{EightSchools, EightSchoolsDraw};
pub use heteroscedastic_regressor::{HeteroscedasticRegressor, HeteroscedasticRegressorDraw};
pub use horseshoe_regression::{HorseshoeRegression, HorseshoeRegressionDraw};
pub use layers::{Candidate, Chosen, Layers};
pub use linear_regression::{LinearRegression, LinearRegressionDraw};
pub use logistic_regression::{LogisticRegression, LogisticRegressionDraw};
pub use mlp_classifier::{MlpClassifier, MlpClassifierDraw};
pub use mlp_regressor::{MlpRegressor, MlpRegressorDraw};
pub use multinomial_regression::{MultinomialRegression, MultinomialRegressionDraw};
pub use negative_binomial_regression::{
    NegativeBinomialRegression, NegativeBinomialRegressionDraw,
};
pub use poisson_regression::{PoissonRegression, PoissonRegressionDraw};
pub use robust_regression::{RobustRegression, RobustRegressionDraw};
