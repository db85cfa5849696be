//! From a posterior to a file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use super::content::{ACCOUNT, Account, Content, DRAWS, FormOf, KIND, LOG_WEIGHTS, Parts, SEEN};
use super::described::Described;
use crate::base::archive::{Block, Values, archive};
use crate::base::error::{Error, Result};
use crate::base::saved::Saved;
use crate::data::Features;
use crate::family::rebuild;
use crate::infer::{Draws, Form};
use crate::model::Model;
use crate::posterior::Posterior;
use crate::posterior::predict::Prediction;
use crate::problem::density::{Density, Numbers};
use crate::problem::population::Population;

/// A posterior about to be written; see [`Posterior::saving`].
pub struct Saving<'p, M> {
    posterior: &'p Posterior<M>,
    notes: BTreeMap<String, String>,
    half: Option<&'p Features>,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Written {
    /// Bytes of the file.
    pub bytes: u64,
    /// Where half of every number was kept, what that changes in what is predicted at the rows given: of classes the mean total variation distance,
    /// of numbers the root mean square of the change of the mean, in standard deviations of the prediction.
    pub distance: Option<f64>,
}

impl<M: Model> Posterior<M> {
    /// Writes everything that the posterior is into the file `path`, whole or not at all: draws or the arrays of a density, the model in words, what
    /// is needed to read and scale new rows, the account of the run, and no training row. [`Load`](super::Load) reads it again.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    ///
    /// #[bayes_model]
    /// #[likelihood(Normal(mean = output, sd = 0.1))]
    /// #[infer(mcmc(chains = 2, warmup = 50, draws = 50))]
    /// struct Line {
    ///     #[prior(Normal(0.0, 1.0))]
    ///     output: Linear<1, 1>,
    /// }
    ///
    /// let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
    /// let posterior = Line::infer(&data).seed(1).run()?;
    /// let path = std::env::temp_dir().join(format!("smc-line-{}.smc", std::process::id()));
    /// posterior.save(&path)?;
    ///
    /// // In another program, without the data.
    /// let again = Line::load(&path)?;
    /// let new = Features::new(1, vec![0.5])?;
    /// assert_eq!(again.predict(&new)?.mean(), posterior.predict(&new)?.mean());
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Lacks`] for a density of a family of one's own.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<Written> {
        self.saving().write(path)
    }

    /// [`save`](Self::save), with more to say: notes, and half of every number.
    pub fn saving(&self) -> Saving<'_, M> {
        Saving {
            posterior: self,
            notes: BTreeMap::new(),
            half: None,
        }
    }
}

impl<'p, M: Model> Saving<'p, M> {
    /// A note of one's own under a name, for [`inspect`](super::inspect).
    pub fn note(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.notes.insert(name.into(), text.into());
        self
    }

    /// Keeps the upper half of every number of draws and densities, 8 bits of mantissa. What that costs in predictions is measured at `rows`.
    pub fn half(mut self, rows: &'p Features) -> Self {
        self.half = Some(rows);
        self
    }

    /// Writes the file `path`.
    ///
    /// # Errors
    /// Those of [`Posterior::save`], and of predictions at the rows that [`half`](Self::half) was given.
    pub fn write(self, path: impl AsRef<Path>) -> Result<Written> {
        let posterior = self.posterior;
        let draws = match self.half {
            None => Cow::Borrowed(&posterior.draws),
            Some(_) => Cow::Owned(halved(&posterior.draws)?),
        };
        let numbers = match draws.form() {
            Form::Density(density) => Some(numbers_of(&**density)?),
            _ => None,
        };
        let content = self.content(&draws, numbers.as_ref());
        let known = &posterior.learned_from;
        let account = Saved::of(&Account {
            report: posterior.report.clone(),
            form: form_of(&draws)?,
            drawn_from: draws.drawn_from(),
            scale: known.scale.clone(),
            shifts: known.shifts.clone(),
            schema: known.schema.clone(),
        })?;
        let positions = draws.positions();
        let (n, d) = (positions.len(), positions.dim());
        let halves = |values: &[f32]| -> Vec<u16> {
            values.iter().map(|x| (x.to_bits() >> 16) as u16).collect()
        };
        // What is kept of 32-bit numbers, one after the other in the order of the blocks.
        let mut floats: Vec<(String, Vec<usize>, &[f32])> = Vec::new();
        match &numbers {
            Some(numbers) => arrays("density", numbers, &mut floats),
            None => floats.push((DRAWS.to_owned(), vec![n, d], positions.values())),
        }
        let shorter: Vec<Vec<u16>> = match self.half {
            Some(_) => floats.iter().map(|(.., values)| halves(values)).collect(),
            None => Vec::new(),
        };
        let mut blocks = Vec::new();
        for (number, (name, shape, values)) in floats.iter().enumerate() {
            let values = match shorter.get(number) {
                Some(halves) => Values::Bf16(halves),
                None => Values::F32(values),
            };
            blocks.push(Block::new(name.clone(), shape, values));
        }
        if numbers.is_none() {
            let weights = Values::F64(draws.log_weights());
            blocks.push(Block::new(LOG_WEIGHTS, &[n], weights));
        }
        let seen = known.seen.numbers();
        blocks.push(Block::new(SEEN, &[seen.len()], Values::U64(seen)));
        let account = account.bytes();
        blocks.push(Block::new(ACCOUNT, &[account.len()], Values::U8(account)));
        let distance = match self.half {
            Some(rows) => {
                let there = posterior.prediction(rows)?;
                Some(distance(&there, &posterior.predicted_by(&draws, rows)?))
            }
            None => None,
        };
        let bytes = archive(path.as_ref(), KIND, &content, &blocks)?;
        Ok(Written { bytes, distance })
    }

    fn content(&self, draws: &Draws, numbers: Option<&Numbers>) -> Content {
        let posterior = self.posterior;
        let (report, known) = (&posterior.report, &posterior.learned_from);
        let form = match draws.form() {
            Form::Cloud { islands, .. } => format!("a weighted cloud of {} islands", islands.len()),
            Form::Chains(chains) => format!("{chains} chains"),
            Form::Points => "points".to_owned(),
            Form::Density(_) => "draws of a density".to_owned(),
        };
        let model = &posterior.model;
        Content {
            model: Described::of(model.name(), format!("{model:?}"), &*posterior.predictor),
            draws: draws.positions().len(),
            parameters: draws.positions().dim(),
            form,
            algorithm: report.algorithm.to_string(),
            settings: report.settings.clone(),
            seed: report.seed,
            engine: report.engine.to_string(),
            rows: report.rows,
            log_evidence: draws.log_evidence().filter(|z| z.is_finite()),
            target_scale: report.target_scale.to_string(),
            names: known.names.clone(),
            classes: known.classes.clone(),
            schema: known.schema.is_some(),
            half: self.half.is_some(),
            cautions: report.cautions.clone(),
            report: report.to_string(),
            notes: self.notes.clone(),
            density: numbers.map(|numbers| parts("density", numbers)),
        }
    }
}

fn form_of(draws: &Draws) -> Result<FormOf> {
    Ok(match draws.form() {
        Form::Cloud {
            log_evidence,
            islands,
        } => FormOf::Cloud {
            log_evidence: *log_evidence,
            islands: islands.clone(),
        },
        Form::Chains(chains) if draws.are_short_chains() => FormOf::ShortChains(*chains),
        Form::Chains(chains) => FormOf::Chains(*chains),
        Form::Points => FormOf::Points,
        Form::Density(_) => {
            let streams = draws.streams();
            FormOf::Density(
                streams
                    .ok_or_else(|| Error::lacks("draws to be drawn again", "they have no seed"))?,
            )
        }
    })
}

fn numbers_of(density: &dyn Density) -> Result<Numbers> {
    density.numbers().ok_or_else(|| {
        Error::lacks(
            "a density as numbers",
            format!("{density:?} does not give its own: `Density::numbers` of a family of one's own is for this crate's"),
        )
    })
}

/// The arrays of a density, each with a name of its own.
fn arrays<'n>(name: &str, numbers: &'n Numbers, all: &mut Vec<(String, Vec<usize>, &'n [f32])>) {
    for array in &numbers.arrays {
        let own = format!("{name}/{}", array.name);
        all.push((own, array.shape.clone(), &array.values));
    }
    for (k, part) in numbers.parts.iter().enumerate() {
        arrays(&format!("{name}/{k}"), part, all);
    }
}

fn parts(name: &str, numbers: &Numbers) -> Parts {
    let inner = numbers.parts.iter().enumerate();
    Parts {
        family: numbers.family.clone(),
        sizes: numbers.sizes.clone(),
        arrays: numbers.arrays.iter().map(|a| a.name.clone()).collect(),
        parts: inner
            .map(|(k, part)| parts(&format!("{name}/{k}"), part))
            .collect(),
    }
}

/// To the nearest number of 8 bits of mantissa; of two as near, the even one.
fn half(x: f32) -> f32 {
    let bits = x.to_bits();
    let up = 0x7fff + ((bits >> 16) & 1);
    f32::from_bits(bits.wrapping_add(up) & 0xffff_0000)
}

fn halve(numbers: &mut Numbers) {
    let values = numbers.arrays.iter_mut().flat_map(|a| &mut a.values);
    for x in values {
        *x = half(*x);
    }
    for part in &mut numbers.parts {
        halve(part);
    }
}

/// The same with half of every number.
fn halved(draws: &Draws) -> Result<Draws> {
    if let (Form::Density(density), Some(streams)) = (draws.form(), draws.streams()) {
        let mut numbers = numbers_of(&**density)?;
        halve(&mut numbers);
        let again = Draws::of(rebuild(&numbers)?, streams, draws.positions().len());
        return Ok(again.meant_for(draws.drawn_from()));
    }
    let values = draws.positions().values().iter().map(|x| half(*x));
    let positions = Population::from_values(draws.positions().dim(), values.collect());
    let positions = positions.ok_or(Error::NoRows)?;
    Ok(draws.clone().with_positions(positions))
}

/// How far apart two predictions of the same rows are.
fn distance(one: &Prediction<'_>, other: &Prediction<'_>) -> f64 {
    let rows = one.rows().max(1) as f64;
    let classes = |row| one.probabilities(row).zip(other.probabilities(row));
    let of_classes = |row: usize| {
        let (p, q) = classes(row)?;
        Some(0.5 * p.iter().zip(&q).map(|(p, q)| (p - q).abs()).sum::<f64>())
    };
    if let Some(all) = (0..one.rows()).map(of_classes).sum::<Option<f64>>() {
        return all / rows;
    }
    let means = one.mean().into_iter().zip(other.mean());
    let squares = means
        .zip(one.sd())
        .map(|((a, b), sd)| ((a - b) / sd.max(f64::MIN_POSITIVE)).powi(2));
    (squares.sum::<f64>() / rows).sqrt()
}
