//! What every engine shares: the resolved model, the permuted data, the prior and the counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::error::{Error, Result};
use crate::base::rng::{Purpose, Streams};
use crate::data::{Dataset, Features, TargetScale};
use crate::model::architecture::Architecture;
use crate::model::check::Takes;
use crate::model::dist::{Likelihood, Predictive, Response, Term};
use crate::model::layout::Layout;
use crate::model::nn::Rule;
use crate::model::prior;
use crate::model::{Model, settle};
use crate::problem::population::Population;
use crate::problem::{Counts, Segment};

pub(crate) struct Common<M> {
    pub(crate) model: M,
    pub(crate) layout: Layout,
    pub(crate) architecture: Architecture,
    /// Number of features.
    pub(crate) columns: usize,
    /// Bound row i is the user's row `order[i]`.
    pub(crate) order: Vec<usize>,
    /// For each field, whether it is a parameter beside the chain.
    pub(crate) parameters: Vec<bool>,
    pub(crate) predictive: Arc<dyn Predictive>,
    row_gradients: AtomicU64,
    row_values: AtomicU64,
}

impl<M: Model> Common<M> {
    /// The model, and the data in the bound order: the engine stores them as it reads them.
    pub(crate) fn new(model: M, data: &Dataset, seed: u64) -> Result<(Self, Dataset)> {
        let mut stream = Streams::new(seed).stream(Purpose::Rows, 0, 0, 0);
        Self::bound(model, data, seed, stream.permutation(data.rows()))
    }

    /// The same with a user's order of rows.
    pub(crate) fn in_order(model: M, data: &Dataset, order: Vec<usize>) -> Result<(Self, Dataset)> {
        check_order(&order, data.rows())?;
        Self::bound(model, data, 0, order)
    }

    fn bound(model: M, data: &Dataset, seed: u64, order: Vec<usize>) -> Result<(Self, Dataset)> {
        let (model, layout, architecture) = settle(model, data.columns())?;
        if layout.dim() == 0 {
            return Err(Error::config(
                "parameters of the model",
                0,
                "at least one parameter is needed",
            ));
        }
        let fields = model.fields();
        let streams = Streams::new(seed);
        let mut theta = vec![0.0; layout.dim()];
        prior::check_sizes(|p| model.priors(p), &layout, &fields)?;
        let mut stream = streams.stream(Purpose::Start, 0, 0, 0x00ff_ffff);
        prior::sample(|p| model.priors(p), &layout, &mut theta, &mut stream);
        prior::check(|p| model.priors(p), &layout, &fields, &theta)?;
        let common = Self {
            predictive: Arc::new(model.likelihood()),
            columns: data.columns(),
            order,
            parameters: fields
                .iter()
                .map(|f| f.shape.rule == Rule::Parameter)
                .collect(),
            model,
            layout,
            architecture,
            row_gradients: AtomicU64::new(0),
            row_values: AtomicU64::new(0),
        };
        common.check_likelihood()?;
        common.check_offset(data.inputs())?;
        common.check_targets(data)?;
        let permuted = data.select(&common.order)?;
        Ok((common, permuted))
    }

    /// The compile-time rules on the likelihood's terms, for models written by hand and sizes known only now.
    fn check_likelihood(&self) -> Result<()> {
        let likelihood = self.model.likelihood();
        for (key, term) in keyed(&likelihood) {
            let wrong = |expected: String, found: String| {
                Err(Error::Shape {
                    what: format!("`{}` in the likelihood of `{}`", key.0, self.model.name()),
                    expected,
                    found,
                })
            };
            self.check_term(&term, key.1)
                .or_else(|(e, f)| wrong(e, f))?;
        }
        Ok(())
    }

    fn check_term(&self, term: &Term, takes: Takes) -> Result<(), (String, String)> {
        let outputs = self.architecture.outputs();
        let needs = |e: &str, f: String| Err((e.to_owned(), f));
        match (term, takes) {
            (Term::Unset, _) => needs("a value", "none".to_owned()),
            (Term::Field(f) | Term::Column(f, _), _) if *f >= self.parameters.len() => {
                needs("a field of the model", format!("field number {f}"))
            }
            (Term::Field(f), Takes::Row) if self.parameters[*f] || outputs < 2 => {
                needs("at least two outputs", format!("{outputs}"))
            }
            (Term::Field(_), Takes::Row) => Ok(()),
            (_, Takes::Row) => needs("all outputs of the network", format!("{term:?}")),
            (Term::Field(f), Takes::Column) if !self.parameters[*f] && outputs != 1 => {
                needs("one number per row", format!("{outputs} outputs"))
            }
            (Term::Field(f) | Term::Column(f, _), Takes::Column) if self.parameters[*f] => {
                self.check_element(term, *f)
            }
            (Term::Column(_, c), Takes::Column) if *c >= outputs => needs(
                "an output of the network",
                format!("output {c} of {outputs}"),
            ),
            (Term::Feature(c), Takes::Column) if *c >= self.columns => needs(
                "a feature of the data",
                format!("feature {c} of {}", self.columns),
            ),
            (Term::Constant(c), Takes::Column) if !c.is_finite() => {
                needs("a finite number", c.to_string())
            }
            (Term::Apply(..) | Term::Combine(..), Takes::Column) => {
                let mut leaves = term.leaves().into_iter();
                leaves.try_for_each(|leaf| self.check_term(leaf, takes))
            }
            _ => Ok(()),
        }
    }

    /// Whether a term names one number of a parameter.
    fn check_element(&self, term: &Term, field: usize) -> Result<(), (String, String)> {
        let blocks = self.layout.of_field(field);
        let elements = blocks.first().map_or(1, |b| b.range.len());
        match term {
            Term::Column(_, element) if *element < elements => Ok(()),
            Term::Field(_) if elements == 1 => Ok(()),
            _ => Err((
                format!("an element of the {elements} of field number {field}"),
                format!("{term:?}"),
            )),
        }
    }

    pub(crate) fn check_targets(&self, data: &Dataset) -> Result<()> {
        let response = self.predictive.response();
        if response == Response::Real {
            return Ok(());
        }
        if data.target_scale() == TargetScale::Standardised {
            return Err(Error::shape(
                format!("targets of `{}`", self.model.name()),
                format!(
                    "{}; `Standardise::fit_features` leaves them alone",
                    if response == Response::Count {
                        "counts"
                    } else {
                        "classes"
                    }
                ),
                "standardised ones",
            ));
        }
        let classes = match response {
            Response::Real | Response::Count => None,
            Response::Binary => Some(2),
            Response::Class => Some(self.architecture.outputs()),
        };
        for (row, &y) in data.targets().iter().enumerate() {
            let whole = y >= 0.0 && y.fract() == 0.0;
            match classes {
                Some(classes) if !whole || y >= classes as f32 => {
                    return Err(Error::UnknownClass {
                        row,
                        value: f64::from(y),
                        classes,
                    });
                }
                None if !whole => {
                    return Err(Error::shape(
                        format!("target in row {row}"),
                        "a count, a whole number from 0",
                        y.to_string(),
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether `data` have the features that the model was bound to, and an offset if and only if the likelihood has.
    pub(crate) fn check_inputs(&self, data: &Features) -> Result<()> {
        if data.columns() != self.columns {
            return Err(Error::Shape {
                what: format!("data to predict with `{}`", self.model.name()),
                expected: format!("{} features", self.columns),
                found: format!("{} features", data.columns()),
            });
        }
        self.check_offset(data)
    }

    fn check_offset(&self, data: &Features) -> Result<()> {
        let terms = self.model.likelihood().terms();
        let named = terms.iter().any(|t| t.leaves().contains(&&Term::Offset));
        let what = format!("offset of the data of `{}`", self.model.name());
        match (named, data.offset()) {
            (true, None) => Err(Error::shape(
                what,
                "one number per row, as the likelihood names `offset`; `Dataset::with_offset` gives it",
                "none",
            )),
            (false, Some(_)) => Err(Error::shape(
                what,
                "none, or a likelihood that names it, as in `Poisson(log_rate = output + offset)`",
                "one that the likelihood does not name",
            )),
            _ => Ok(()),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            row_gradients: self.row_gradients.load(Ordering::Relaxed),
            row_values: self.row_values.load(Ordering::Relaxed),
        }
    }

    /// Counts `rows` rows for each of `particles`, with or without a gradient.
    pub(crate) fn count(&self, particles: usize, rows: usize, gradient: bool) {
        let counter = if gradient {
            &self.row_gradients
        } else {
            &self.row_values
        };
        counter.fetch_add((particles * rows) as u64, Ordering::Relaxed);
    }

    /// Counts a pass over `segments`: rows whose weight is zero have no gradient.
    pub(crate) fn count_pass(&self, particles: usize, segments: &[Segment], gradient: bool) {
        for segment in segments {
            let differentiated = gradient && segment.weight != 0.0;
            self.count(particles, segment.rows.len(), differentiated);
        }
    }

    pub(crate) fn sample_prior(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        thetas.map_rows(|i, theta| {
            let mut stream = streams.stream(Purpose::Start, 0, i, draw);
            prior::sample(|p| self.model.priors(p), &self.layout, theta, &mut stream);
        });
    }

    pub(crate) fn log_prior(
        &self,
        thetas: &Population,
        gradient: Option<&mut Population>,
    ) -> Vec<f64> {
        let at = |i: usize, gradient: Option<&mut [f32]>| {
            prior::log_density(
                |p| self.model.priors(p),
                &self.layout,
                thetas.row(i),
                gradient,
            )
        };
        match gradient {
            Some(gradient) => gradient.map_rows(|i, row| at(i, Some(row))),
            None => crate::base::exec::map(thetas.len(), |i| at(i, None)),
        }
    }
}

/// Whether `order` holds each of `rows` rows once.
fn check_order(order: &[usize], rows: usize) -> Result<()> {
    let mut place = vec![None; rows];
    for (i, &row) in order.iter().enumerate() {
        let expected = match place.get(row) {
            None => format!("a row number below {rows}, the rows of the data"),
            Some(Some(first)) => format!("each row once, and this one is at place {first} already"),
            Some(None) => {
                place[row] = Some(i);
                continue;
            }
        };
        return Err(Error::config(format!("order[{i}]"), row, expected));
    }
    match place.iter().position(Option::is_none) {
        None => Ok(()),
        Some(missing) => Err(Error::config(
            "order",
            format!("{} row numbers", order.len()),
            format!("each of the {rows} rows once, and row {missing} is not there"),
        )),
    }
}

/// The likelihood's keys with their terms.
pub(crate) fn keyed<L: Likelihood>(likelihood: &L) -> Vec<((&'static str, Takes), Term)> {
    let keys = L::KEYS.iter().map(|k| (k.name, k.takes));
    keys.zip(likelihood.terms()).collect()
}
