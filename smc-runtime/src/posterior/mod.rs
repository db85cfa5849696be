//! One posterior type for every algorithm: weighted draws, read through typed views, with predictions and evidence.

#[cfg(feature = "arrow")]
mod arrow;
mod csv;
pub mod dependence;
pub mod importance;
pub mod kept;
pub mod loo;
pub mod predict;
pub mod report;
pub mod saved;
pub mod summary;
pub mod symmetry;
mod zarr;

use std::borrow::Cow;
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::base::rng::{Purpose, Streams};
use crate::data::{Dataset, Features, Schema, Seen, Shift, Standardise};
use crate::infer::{DrawnFrom, Draws, Form};
use crate::model::layout::Layout;
use crate::model::{Model, Views};
use crate::posterior::predict::{Prediction, Scored, WithoutDraws};
use crate::posterior::report::{FunctionAgreement, Report};
use crate::posterior::summary::Summary;
use crate::problem::population::Population;
use crate::problem::{Arguments, Predictor};

/// Weighted draws from the posterior of a model.
pub struct Posterior<M> {
    model: M,
    predictor: Arc<dyn Predictor>,
    draws: Draws,
    report: Report,
    learned_from: LearnedFrom,
}

/// What a posterior keeps of the training rows.
pub(crate) struct LearnedFrom {
    /// The standardisation between the user's numbers and the network's.
    pub(crate) scale: Option<Standardise>,
    /// Names of the classes; none unless named.
    pub(crate) classes: Vec<String>,
    /// Names of the columns; none unless named.
    pub(crate) names: Vec<String>,
    /// Columns whose numbers are stored less a centre.
    pub(crate) shifts: Vec<Shift>,
    /// What was learned of the table that the rows were read from.
    pub(crate) schema: Option<Schema>,
    /// The rows, each by a number that stands for it.
    pub(crate) seen: Seen,
}

impl<M: Model> Posterior<M> {
    pub(crate) fn new(
        model: M,
        predictor: Arc<dyn Predictor>,
        draws: Draws,
        report: Report,
        learned_from: LearnedFrom,
    ) -> Self {
        Self {
            model,
            predictor,
            draws,
            report,
            learned_from,
        }
    }

    /// The same with other vectors of the same weights, which are no longer those that a density draws.
    pub(crate) fn with_positions(mut self, positions: Population) -> Self {
        self.draws = self.draws.with_positions(positions);
        self
    }

    /// The same with other draws, which stand for those that there were: the report says so, and no longer what was found of these.
    pub(crate) fn with_draws(mut self, draws: Draws, instead: &str) -> Self {
        self.report.points = matches!(draws.form(), Form::Points);
        self.report.islands = Vec::new();
        self.report.function = None;
        if !self.report.cautions.iter().any(|said| said == instead) {
            self.report.cautions.push(instead.to_owned());
        }
        self.draws = draws;
        self
    }

    /// The model, with all sizes filled in.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// Number of draws.
    pub fn len(&self) -> usize {
        self.draws.positions().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.draws.positions().is_empty()
    }

    /// A typed view of draw number `i`: `posterior.draw(0).hidden.weight`. Nothing is copied.
    pub fn draw(&self, i: usize) -> M::Draw<'_> {
        self.model.draw(Views::new(
            self.predictor.layout(),
            self.draws.positions().row(i),
        ))
    }

    /// The weights of the draws, which sum to 1.
    pub fn weights(&self) -> Vec<f64> {
        self.draws.weights()
    }

    /// Logarithms of [`Posterior::weights`].
    pub fn log_weights(&self) -> &[f64] {
        self.draws.log_weights()
    }

    /// The draws as flat, unconstrained vectors.
    pub fn positions(&self) -> &Population {
        self.draws.positions()
    }

    /// log p(targets | features, model), where the algorithm has one, on the scale that the report names
    /// ([`Report::target_scale`]).
    pub fn log_evidence(&self) -> Option<f64> {
        self.draws.log_evidence()
    }

    /// Number of independent chains, whose draws follow one another; `None` of draws that are no chains.
    pub fn chains(&self) -> Option<usize> {
        self.draws.number_of_chains()
    }

    /// The distribution that the draws are meant for: anything but [`DrawnFrom::Posterior`] is no posterior.
    pub fn drawn_from(&self) -> DrawnFrom {
        self.draws.drawn_from()
    }

    /// What the draws are: a weighted cloud, chains, points, or draws of a density of which more can be had.
    pub fn form(&self) -> &Form {
        self.draws.form()
    }

    /// R-hat of the [predicted function](Prediction::functions) at every row of `data`, across the chains or islands of the run:
    /// whether they agree on the function, where weights of a network cannot agree. `None` without two of them, or with too few
    /// draws in each. After [`symmetric`](crate::infer::symmetric()), whose chains are to end in functions of their own, it is that across the times of their
    /// draws: whether chains still go somewhere.
    ///
    /// # Errors
    /// As [`Posterior::predict`].
    pub fn function_r_hat(&self, data: &impl AsRef<Features>) -> Result<Option<Vec<f64>>> {
        let prediction = self.prediction(data.as_ref())?;
        let rows = 0..prediction.rows();
        Ok(rows
            .map(|row| self.draws.r_hat(&prediction.functions(row)))
            .collect())
    }

    /// Looks at the function that the draws predict at some of the training rows, while they are there.
    pub(crate) fn agreed_on(mut self, rows: &Features) -> Result<Self> {
        let prediction = self.prediction(rows)?;
        let mut distances = Vec::new();
        // A row at which all draws say the same tells nothing.
        let each = (0..prediction.rows()).filter_map(|row| {
            let values = prediction.functions(row);
            distances.extend(self.draws.finer_distance(&values));
            let size = self.draws.function_ess(&values)?;
            Some((self.draws.r_hat(&values)?, size))
        });
        self.report.function = FunctionAgreement::of(each.collect());
        distances.sort_by(f64::total_cmp);
        self.report.finer_distance = distances.get(distances.len() / 2).copied();
        Ok(self)
    }

    /// The parameters in a table: mean, standard deviation, quantiles, effective sample size and, where it means something,
    /// R-hat. Of a fitted density it is that of ten thousand draws, fewer where parameters are many, the same ones whenever it is asked
    /// for.
    pub fn summary(&self) -> Summary {
        const NUMBERS: usize = 1 << 24;
        const DRAWS: usize = 10_000;
        let of = |draws: &Draws| Summary::of(self.predictor.architecture(), self.layout(), draws);
        match (self.form(), self.drawn_from()) {
            (Form::Density(density), DrawnFrom::Fitted(_)) => {
                let draws =
                    (NUMBERS / density.dim().max(1)).clamp(self.len(), DRAWS.max(self.len()));
                let streams = Streams::new(0).branch(Purpose::Reference);
                of(&Draws::of(density.clone(), streams, draws))
            }
            _ => of(&self.draws),
        }
    }

    /// Names, shapes and places of the parameters; prints as a table.
    pub fn layout(&self) -> &Layout {
        self.predictor.layout()
    }

    /// The model without its data, type erased.
    pub fn predictor(&self) -> &dyn Predictor {
        &*self.predictor
    }

    /// What was learned of the table that the training rows were read from, if they were read from one: it reads new files like it,
    /// also where the posterior was [loaded](saved::Load).
    pub fn schema(&self) -> Option<&Schema> {
        self.learned_from.schema.as_ref()
    }

    /// What the run did and what it cost.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The predictive distribution at some rows: a [`Prediction`] at [`Features`], and a [`Scored`] one at a [`Dataset`],
    /// whose targets are used for scores only.
    ///
    /// Where both the training rows and these have names, columns are matched by name, whatever their order.
    ///
    /// # Errors
    /// If there are more or fewer features than in the training rows, or features of other names. Of a data set also if its
    /// targets are on another scale, its classes have other names, or a target is no class of the likelihood.
    pub fn predict<I: Inputs>(&self, inputs: &I) -> Result<I::Predicted<'_>> {
        inputs.predicted_by(self, None)
    }

    /// [`Posterior::predict`] from the density that an algorithm fitted, in the place of draws of it:
    /// [`linearised`](predict::linearised()), [`last_layer`](predict::last_layer()), [`noise_propagation`](predict::noise_propagation()).
    ///
    /// # Errors
    /// As [`Posterior::predict`]; if there is no density, and if the density or the network lacks what this way of predicting needs.
    pub fn predict_with<I: Inputs>(
        &self,
        inputs: &I,
        way: &dyn WithoutDraws,
    ) -> Result<I::Predicted<'_>> {
        inputs.predicted_by(self, Some(way))
    }

    /// `features` with the columns of the training rows, in their order and centred as they are.
    fn in_order<'f>(&self, features: &'f Features) -> Result<Cow<'f, Features>> {
        features.aligned(&self.learned_from.names, &self.learned_from.shifts)
    }

    /// What draws of the posterior say at some rows.
    fn prediction(&self, features: &Features) -> Result<Prediction<'_>> {
        self.predicted_by(&self.draws, features)
    }

    /// What some draws say at some rows.
    fn predicted_by<'s>(&'s self, draws: &'s Draws, features: &Features) -> Result<Prediction<'s>> {
        self.predicted(features, |features| {
            let arguments = self.predictor.arguments(draws.positions(), features)?;
            Ok((arguments, draws.log_weights().into()))
        })
    }

    /// What the density behind the draws says at some rows.
    fn prediction_with(
        &self,
        features: &Features,
        way: &dyn WithoutDraws,
    ) -> Result<Prediction<'_>> {
        let Form::Density(density) = self.form() else {
            let of = &self.report.algorithm;
            return Err(Error::lacks(
                "predictions without draws",
                format!("`{of}` leaves no density"),
            ));
        };
        self.predicted(features, |features| {
            let said = way.said(&**density, &*self.predictor, features)?;
            Ok((said.arguments, said.log_weights.into()))
        })
    }

    /// `says` gives arguments with their log-weights at features on the network's scale.
    fn predicted<'s>(
        &'s self,
        features: &Features,
        says: impl FnOnce(&Features) -> Result<(Arguments, Cow<'s, [f64]>)>,
    ) -> Result<Prediction<'s>> {
        let LearnedFrom { scale, classes, .. } = &self.learned_from;
        let features = &*self.in_order(features)?;
        let scaled = scale.as_ref().map(|s| s.apply_features(features));
        let scaled = scaled.transpose()?;
        let (arguments, log_weights) = says(scaled.as_ref().unwrap_or(features))?;
        let prediction = Prediction::new(arguments, log_weights, self.predictor.predictive())
            .described(self.report.target_scale, classes);
        Ok(match scale {
            Some(scale) => prediction.standardised_by(scale),
            None => prediction,
        })
    }

    /// Whether the targets of `data` mean what those of the training rows mean.
    fn check_kind(&self, data: &Dataset) -> Result<()> {
        let (trained, found) = (self.report.target_scale, data.target_scale());
        if trained != found {
            return Err(Error::shape(
                "targets to predict",
                format!("the {trained} scale, as in training"),
                format!("the {found} scale"),
            ));
        }
        let known = [&self.learned_from.classes[..], data.classes()];
        if known[0] != known[1] && known.iter().all(|names| !names.is_empty()) {
            return Err(Error::shape(
                "classes to predict",
                format!("{:?}, as in training", known[0]),
                format!("{:?}", known[1]),
            ));
        }
        Ok(())
    }
}

/// What a posterior predicts at: [`Features`] alone, or a [`Dataset`], for scores.
pub trait Inputs: sealed::Sealed {
    /// What comes of it.
    type Predicted<'a>;

    #[doc(hidden)]
    fn predicted_by<'a, M: Model>(
        &self,
        posterior: &'a Posterior<M>,
        way: Option<&dyn WithoutDraws>,
    ) -> Result<Self::Predicted<'a>>;
}

impl Inputs for Features {
    type Predicted<'a> = Prediction<'a>;

    fn predicted_by<'a, M: Model>(
        &self,
        posterior: &'a Posterior<M>,
        way: Option<&dyn WithoutDraws>,
    ) -> Result<Prediction<'a>> {
        match way {
            None => posterior.prediction(self),
            Some(way) => posterior.prediction_with(self, way),
        }
    }
}

impl Inputs for Dataset {
    type Predicted<'a> = Scored<'a>;

    fn predicted_by<'a, M: Model>(
        &self,
        posterior: &'a Posterior<M>,
        way: Option<&dyn WithoutDraws>,
    ) -> Result<Scored<'a>> {
        posterior.predictor.check_targets(self)?;
        posterior.check_kind(self)?;
        let known = &posterior.learned_from;
        let data = self.aligned(&known.names, &known.shifts)?;
        let seen = known.seen.count(&data);
        let prediction = data.inputs().predicted_by(posterior, way)?;
        Ok(Scored::new(prediction, self.targets().to_vec(), seen))
    }
}

mod sealed {
    use crate::data::{Dataset, Features};

    pub trait Sealed {}
    impl Sealed for Features {}
    impl Sealed for Dataset {}
}
