//! From a file to a posterior.

use std::path::Path;

use super::content::{ACCOUNT, Account, Content, DRAWS, FormOf, KIND, LOG_WEIGHTS, Parts, SEEN};
use super::described::Described;
use crate::base::archive::Archive;
use crate::base::error::{Error, Result};
use crate::base::saved::Saved;
use crate::base::sums::log_sum_exp;
use crate::data::Seen;
use crate::engine::{Engine, unbound};
use crate::family::rebuild;
use crate::infer::{Draws, Form};
use crate::model::Model;
use crate::posterior::{LearnedFrom, Posterior};
use crate::problem::density::{Array, Numbers};
use crate::problem::population::Population;

/// Models that can read a posterior of theirs from a file: all of them.
pub trait Load: Model {
    /// The posterior in the file `path`, which [`Posterior::save`] wrote: it predicts as the one that was saved, to the bit on the same engine.
    /// The header is checked first, and every block when it is read.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Content`], naming the place, if the file is damaged or of another version, or [`Error::OtherModel`] if it is of another model.
    fn load(path: impl AsRef<Path>) -> Result<Posterior<Self>>
    where
        Self: Default,
    {
        Self::default().load_with(path)
    }

    /// The same of a model whose sizes are values.
    ///
    /// # Errors
    /// Those of [`Load::load`].
    fn load_with(self, path: impl AsRef<Path>) -> Result<Posterior<Self>> {
        self.load_on(path, Engine::auto())
    }

    /// The same on an engine of one's choice.
    ///
    /// # Errors
    /// Those of [`Load::load`], and if the engine is not available.
    fn load_on(self, path: impl AsRef<Path>, engine: Engine) -> Result<Posterior<Self>> {
        let file = Archive::open(path, KIND)?;
        let content: Content = file.content()?;
        let (model, predictor) = unbound(self, content.model.features, engine)?;
        let own = Described::of(model.name(), format!("{model:?}"), &*predictor);
        if let Some((what, there, here)) = own.differs(&content.model) {
            return Err(Error::OtherModel {
                path: file.path().to_owned(),
                what,
                saved: there,
                found: here,
            });
        }
        let account: Account = Saved::from_bytes(file.u8s(ACCOUNT)?)
            .read()
            .map_err(|e| file.wrong(ACCOUNT, "the account of a run", e.to_string()))?;
        let draws = draws(&file, &content, &account, predictor.layout().dim())?;
        let seen = Seen::of_numbers(file.u64s(SEEN)?);
        let learned_from = LearnedFrom {
            scale: account.scale,
            classes: content.classes,
            names: content.names,
            shifts: account.shifts,
            schema: account.schema,
            seen,
        };
        if let Some(scale) = &learned_from.scale
            && scale.columns() != content.model.features
        {
            let expected = format!("{} columns", content.model.features);
            let found = format!("{}", scale.columns());
            return Err(file.wrong("standardisation", expected, found));
        }
        Ok(Posterior::new(
            model,
            predictor,
            draws,
            account.report,
            learned_from,
        ))
    }
}

impl<M: Model> Load for M {}

/// What is in the file `path`, without knowing its model.
///
/// ```no_run
/// let content = smc_runtime::posterior::saved::inspect("wine.smc")?;
/// println!("{content}");
/// println!("{} draws of {}", content.draws, content.model.name);
/// # Ok::<(), smc_runtime::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`]; [`Error::Content`] if the file is no posterior of this version, or damaged.
pub fn inspect(path: impl AsRef<Path>) -> Result<Content> {
    Archive::open(path, KIND)?.content()
}

fn draws(file: &Archive, content: &Content, account: &Account, dim: usize) -> Result<Draws> {
    let sizes = |name: &str, expected: &[usize]| {
        let found = file.shape(name)?;
        if found == expected {
            return Ok(());
        }
        Err(file.wrong(name, format!("sizes {expected:?}"), format!("{found:?}")))
    };
    let n = content.draws;
    let draws = match (&account.form, &content.density) {
        (FormOf::Density(streams), Some(parts)) => {
            let density = rebuild(&numbers(file, "density", parts)?)
                .map_err(|e| file.wrong("density", "the numbers of a density", e.to_string()))?;
            if density.dim() != dim || n.saturating_mul(dim) > MOST {
                let expected =
                    format!("a density of {dim} parameters, of which draws fit into memory");
                let found = format!("one of {}, and {n} draws", density.dim());
                return Err(file.wrong("density", expected, found));
            }
            Draws::of(density, *streams, n)
        }
        (FormOf::Density(_), None) => {
            return Err(file.wrong("content", "a density", "none"));
        }
        (form, _) => {
            sizes(DRAWS, &[n, dim])?;
            sizes(LOG_WEIGHTS, &[n])?;
            let (values, log_weights) = (file.f32s(DRAWS)?, file.f64s(LOG_WEIGHTS)?);
            if let Some(at) = values.iter().position(|x| !x.is_finite()) {
                let place = format!("draw {}, number {}", at / dim.max(1), at % dim.max(1));
                return Err(file.wrong(place, "a finite number", values[at].to_string()));
            }
            let sum = log_sum_exp(&log_weights);
            if sum.abs() > 1e-6 || sum.is_nan() || log_weights.iter().any(|w| w.is_nan()) {
                let found = format!("a sum of {}", sum.exp());
                return Err(file.wrong(LOG_WEIGHTS, "weights that sum to 1", found));
            }
            let positions = Population::from_values(dim, values)
                .ok_or_else(|| file.wrong(DRAWS, "at least one draw", "none"))?;
            let form = match form {
                FormOf::Cloud {
                    log_evidence,
                    islands,
                } => Form::Cloud {
                    log_evidence: *log_evidence,
                    islands: islands.clone(),
                },
                FormOf::Chains(chains) | FormOf::ShortChains(chains) => Form::Chains(*chains),
                _ => Form::Points,
            };
            Draws::again(positions, log_weights, form)
                .map_err(|e| file.wrong(DRAWS, "draws of their form", e.to_string()))?
        }
    };
    let short = matches!(account.form, FormOf::ShortChains(_));
    let draws = draws.of_short_chains(short);
    Ok(draws.meant_for(account.drawn_from))
}

/// Numbers that draws of a density may be.
const MOST: usize = 1 << 28;

fn numbers(file: &Archive, name: &str, parts: &Parts) -> Result<Numbers> {
    let arrays = parts.arrays.iter().map(|array| {
        let block = format!("{name}/{array}");
        let values = file.f32s(&block)?;
        Ok(Array::new(array.clone(), file.shape(&block)?, &values))
    });
    let inner = parts.parts.iter().enumerate();
    Ok(Numbers {
        family: parts.family.clone(),
        sizes: parts.sizes.clone(),
        arrays: arrays.collect::<Result<_>>()?,
        parts: inner
            .map(|(k, part)| numbers(file, &format!("{name}/{k}"), part))
            .collect::<Result<_>>()?,
    })
}
