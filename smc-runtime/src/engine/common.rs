//! What every engine shares: the resolved model, the permuted data, the prior and the counters.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::error::{Error, Result};
use crate::base::exec;
use crate::base::rng::{Purpose, Streams};
use crate::data::{DataView, Dataset, Features, Standardise, TargetScale};
use crate::model::architecture::Architecture;
use crate::model::check::GivenPrior;
#[cfg(feature = "autodiff")]
use crate::model::check::Takes;
use crate::model::dist::{Likelihood, Predictive, Response, Term};
use crate::model::layout::{Block, Layout};
use crate::model::nn::Rule;
use crate::model::prior;
use crate::model::symmetry::Symmetries;
#[cfg(feature = "autodiff")]
use crate::model::trial;
use crate::model::{Model, settle};
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::problem::{Counts, Hyperparameter, OwnVisitor, Segment, Sums, Way};

pub(crate) struct Common<M> {
    pub(crate) model: M,
    pub(crate) layout: Layout,
    pub(crate) architecture: Architecture,
    /// Number of features.
    pub(crate) columns: usize,
    /// For each field, whether it is a parameter beside the chain.
    pub(crate) parameters: Vec<bool>,
    pub(crate) predictive: Arc<dyn Predictive>,
    /// Parameters that stand nowhere but in the priors of others.
    pub(crate) hyperparameters: Vec<Hyperparameter>,
    row_gradients: AtomicU64,
    row_values: AtomicU64,
}

/// What an engine is made of: a model that fits its data, and the order of the rows. Bound row i is the user's row `order[i]`.
pub(crate) struct Given<'a, M> {
    pub(crate) common: Common<M>,
    data: &'a Dataset,
    scale: Option<&'a Standardise>,
    pub(crate) order: Vec<usize>,
}

impl<'a, M: Model> Given<'a, M> {
    /// The rows in an order that `seed` decides unless there is one, on the standardised scale if there is one.
    pub(crate) fn new(
        model: M,
        data: &'a Dataset,
        scale: Option<&'a Standardise>,
        order: Option<Vec<usize>>,
        seed: u64,
    ) -> Result<Self> {
        let order = match order {
            Some(order) => {
                check_order(&order, data.rows())?;
                order
            }
            None => {
                let mut stream = Streams::new(seed).stream(Purpose::Rows, 0, 0, 0);
                stream.permutation(data.rows())
            }
        };
        let view = DataView::new(data, &order, scale)?;
        let mut row = vec![0.0; view.columns()];
        view.row_into(0, &mut row);
        let common = Common::new(model, &row, seed)?;
        common.check_offset(data.inputs())?;
        let targets = (0..view.rows()).map(|i| (order[i], view.target(i)));
        common.check_target_values(view.target_scale(), targets)?;
        Ok(Self {
            common,
            data,
            scale,
            order,
        })
    }

    /// The data as an engine reads them.
    pub(crate) fn view(&self) -> DataView<'_> {
        DataView::again(self.data, &self.order, self.scale)
    }
}

impl<M: Model> Common<M> {
    /// `row` is one of the data's, by which layers of the user's own are tried.
    pub(super) fn new(model: M, row: &[f32], seed: u64) -> Result<Self> {
        let columns = row.len();
        let (model, layout, architecture) = settle(model, columns)?;
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
        let mut stream = streams.stream(Purpose::Check, 0, 0, 0);
        prior::sample(|p| model.priors(p), &layout, &mut theta, &mut stream);
        prior::check(|p| model.priors(p), &layout, &fields, &theta)?;
        #[cfg(feature = "autodiff")]
        trial::on_one_row(&model, &fields, &layout, &theta, row)?;
        let hyperparameters = hyperparameters(&model, &layout)?;
        let common = Self {
            hyperparameters,
            predictive: Arc::new(model.likelihood()),
            columns,
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
        Ok(common)
    }

    /// Why there is no walk through the layers of a model whose output is written by hand.
    #[cfg(feature = "autodiff")]
    pub(crate) fn not_layered_by_hand(&self) -> Error {
        Error::lacks(
            "a walk through affine layers",
            format!("`{}` writes its output by hand", self.model.name()),
        )
    }

    /// Why there is no walk through the layers: field `field` has parameters and is no affine layer.
    pub(crate) fn not_layered(&self, field: &str) -> Error {
        Error::lacks(
            "a walk through affine layers",
            format!(
                "`{}.{field}` has parameters and is no affine layer such as `Linear`",
                self.model.name()
            ),
        )
    }

    /// Whether every target of `data` is one that the likelihood can give.
    pub(crate) fn check_targets(&self, data: &Dataset) -> Result<()> {
        let targets = data.targets().iter().copied().enumerate();
        self.check_target_values(data.target_scale(), targets)
    }

    /// The same of rows with their targets, in any order; the first of those that are wrong is named.
    fn check_target_values(
        &self,
        scale: TargetScale,
        targets: impl Iterator<Item = (usize, f32)>,
    ) -> Result<()> {
        let response = self.predictive.response();
        let (classes, kind) = match response {
            Response::Real => return Ok(()),
            Response::Count => (None, "counts"),
            Response::Binary => (Some(2), "classes"),
            Response::Class => (Some(self.architecture.outputs()), "classes"),
        };
        if scale == TargetScale::Standardised {
            return Err(Error::shape(
                format!("targets of `{}`", self.model.name()),
                format!("{kind}; `Standardise::fit_features` leaves them alone"),
                "standardised ones",
            ));
        }
        let is_wrong = |y: f32| {
            let whole = y >= 0.0 && y.fract() == 0.0;
            !whole || classes.is_some_and(|classes| y >= classes as f32)
        };
        let wrong = targets.filter(|&(_, y)| is_wrong(y));
        let Some((row, y)) = wrong.min_by_key(|&(row, _)| row) else {
            return Ok(());
        };
        Err(match classes {
            Some(classes) => Error::UnknownClass {
                row,
                value: f64::from(y),
                classes,
            },
            None => Error::shape(
                format!("target in row {row}"),
                "a count, a whole number from 0",
                y.to_string(),
            ),
        })
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

    /// See [`Predictor::symmetries`](crate::problem::Predictor::symmetries).
    pub(crate) fn symmetries(&self) -> Symmetries {
        if !self.model.is_chain() {
            let name = self.model.name();
            return Symmetries::none(format!("`{name}` writes its output by hand"));
        }
        let mut theta = vec![0.0; self.layout.dim()];
        let mut stream = Streams::new(0).stream(Purpose::Check, 0, 0, 0);
        prior::sample(
            |p| self.model.priors(p),
            &self.layout,
            &mut theta,
            &mut stream,
        );
        let priors = prior::symmetries(|p| self.model.priors(p), &self.layout, &theta);
        Symmetries::of(&self.architecture, &self.layout, &priors)
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

    /// A walk through the layers. The visitors of a vector share `tiles`, which cut the segments up; `see(i, tiles, back, seen)`
    /// goes over those of one visitor at vector i, and back too where `back` is set.
    pub(crate) fn walk<T: Sync>(
        &self,
        thetas: &Population,
        segments: &[Segment],
        way: Way<'_>,
        visitors: Vec<Box<dyn OwnVisitor>>,
        tiles: &[T],
        see: impl Fn(usize, &[T], bool, &mut Share) + Sync,
    ) -> (Sums, Vec<Box<dyn OwnVisitor>>) {
        assert!(
            !thetas.is_empty()
                && !visitors.is_empty()
                && visitors.len().is_multiple_of(thetas.len()),
            "{} visitors for {} vectors: as many are needed for every vector",
            visitors.len(),
            thetas.len()
        );
        let (back, gradient) = way.back();
        self.count_pass(thetas.len(), segments, back);
        let each = visitors.len() / thetas.len();
        let dim = if gradient.is_some() { thetas.dim() } else { 0 };
        let mut seen = Share::nothing(visitors, segments.len(), dim);
        exec::for_chunks(&mut seen, 1, &mut [] as &mut [u8], 1, |number, seen, _| {
            let (i, c) = (number / each, number % each);
            let (from, to) = (tiles.len() * c / each, tiles.len() * (c + 1) / each);
            see(i, &tiles[from..to], back, &mut seen[0]);
        });
        Share::together(seen, thetas.len(), segments.len(), gradient)
    }
}

impl<M: Model> fmt::Debug for Common<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the prior of `{}`", self.model.name())
    }
}

/// The prior.
impl<M: Model> Density for Common<M> {
    fn dim(&self) -> usize {
        self.layout.dim()
    }

    fn sample(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        let first = thetas.first();
        thetas.on_host().map_rows(|i, theta| {
            let mut stream = streams.stream(Purpose::Start, 0, first + i, draw);
            prior::sample(|p| self.model.priors(p), &self.layout, theta, &mut stream);
        });
    }

    fn log_density(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        let at = |i: usize, gradient: Option<&mut [f32]>| {
            prior::log_density(
                |p| self.model.priors(p),
                &self.layout,
                thetas.row(i),
                gradient,
            )
        };
        match gradient {
            Some(gradient) => gradient.on_host().map_rows(|i, row| at(i, Some(row))),
            None => exec::map(thetas.len(), |i| at(i, None)),
        }
    }
}

/// What one visitor of a walk saw: itself, with the sums and the gradient of its tiles.
pub(crate) struct Share {
    pub(crate) visitor: Box<dyn OwnVisitor>,
    pub(crate) sums: Vec<f64>,
    pub(crate) gradient: Vec<f32>,
}

impl Share {
    /// All visitors, before the walk. There is no gradient where `dim` is 0.
    fn nothing(visitors: Vec<Box<dyn OwnVisitor>>, segments: usize, dim: usize) -> Vec<Self> {
        let before = |visitor| Self {
            visitor,
            sums: vec![0.0; segments],
            gradient: vec![0.0; dim],
        };
        visitors.into_iter().map(before).collect()
    }

    /// The visitors again and the sums over theirs of every vector; gradients are added, in order.
    fn together(
        seen: Vec<Self>,
        particles: usize,
        segments: usize,
        gradient: Option<&mut Population>,
    ) -> (Sums, Vec<Box<dyn OwnVisitor>>) {
        let each = seen.len() / particles;
        let mut sums = Sums::zeros(particles, segments);
        for (number, seen) in seen.iter().enumerate() {
            for (sum, own) in sums.of_mut(number / each).iter_mut().zip(&seen.sums) {
                *sum += own;
            }
        }
        if let Some(gradient) = gradient {
            let parts: Vec<&[f32]> = seen.iter().map(|s| s.gradient.as_slice()).collect();
            gradient.on_host().map_rows(|i, row| {
                for part in &parts[i * each..(i + 1) * each] {
                    for (g, own) in row.iter_mut().zip(*part) {
                        *g += own;
                    }
                }
            });
        }
        (sums, seen.into_iter().map(|s| s.visitor).collect())
    }
}

/// Parameters that priors of others name and the likelihood does not.
fn hyperparameters<M: Model>(model: &M, layout: &Layout) -> Result<Vec<Hyperparameter>> {
    let given = prior::given(|p| model.priors(p), layout)?;
    let terms = model.likelihood().terms();
    let in_likelihood = |field: usize| {
        let mut leaves = terms.iter().flat_map(Term::leaves);
        leaves.any(|leaf| *leaf == Term::Field(field))
    };
    let blocks = || layout.blocks().iter().enumerate();
    let governed_by = |field: usize| {
        let naming = given
            .iter()
            .filter(move |prior| prior.named.contains(&field));
        let of = |prior: &GivenPrior| {
            let (field, part) = (prior.field, prior.block.clone());
            let is =
                move |b: &Block| b.field == field && part.as_deref().is_none_or(|p| p == b.part());
            blocks()
                .filter(move |(_, b)| is(b))
                .map(|(number, _)| number)
                .collect::<Vec<_>>()
        };
        naming.flat_map(of).collect::<Vec<usize>>()
    };
    let all = blocks().filter(|(_, b)| !in_likelihood(b.field));
    let all = all.map(|(block, b)| Hyperparameter {
        block,
        governs: governed_by(b.field),
    });
    Ok(all.filter(|h| !h.governs.is_empty()).collect())
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
#[cfg(feature = "autodiff")]
pub(crate) fn keyed<L: Likelihood>(likelihood: &L) -> Vec<((&'static str, Takes), Term)> {
    let keys = L::KEYS.iter().map(|k| (k.name, k.takes));
    keys.zip(likelihood.terms()).collect()
}
