//! A posterior for the tools that Bayesians use: a Zarr store of the groups that ArviZ reads.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::Posterior;
use crate::base::error::Result;
use crate::base::exec;
use crate::base::rng::{Purpose, Streams};
use crate::base::zarr::{Cells, Store};
use crate::data::Dataset;
use crate::infer::Form;
use crate::model::Model;
use crate::model::layout::{Block, Role};
use crate::problem::population::Population;
use crate::sampling::resample::{Resample as _, Systematic};

/// Which vectors stand in a group: so many chains of so many draws, by their numbers among those of the posterior.
struct Chosen {
    chains: usize,
    draws: Vec<usize>,
}

impl Chosen {
    fn dimensions(&self) -> Vec<(String, usize)> {
        let each = self.draws.len() / self.chains.max(1);
        vec![("chain".to_owned(), self.chains), ("draw".to_owned(), each)]
    }
}

impl<M: Model> Posterior<M> {
    /// Writes the posterior into the new folder `dir`, a Zarr store that `xarray.open_datatree` and ArviZ read: the groups `posterior` (parameters on their natural
    /// scale, chain by chain), `prior` (500 draws of it), `posterior_predictive`, `log_likelihood`, `observed_data`, `constant_data` and `sample_stats`; algorithm, settings, seed
    /// and log-evidence are attributes. Islands are chains. Of a weighted cloud `posterior` has draws of equal weight, resampled island by island, and
    /// `weighted_posterior` those that there are, with `log_weight`.
    ///
    /// ```no_run
    /// # use smc_runtime::prelude::*;
    /// # fn export<M: Model>(posterior: &Posterior<M>, train: &Dataset) -> Result<()> {
    /// posterior.to_zarr("wine.zarr", train)?; // az.summary(xarray.open_datatree("wine.zarr"))
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Posterior::predict`], if there is such a folder, and if it cannot be written.
    pub fn to_zarr(&self, dir: impl AsRef<Path>, train: &Dataset) -> Result<()> {
        let scored = self.predict(train)?;
        let store = Store::new(dir.as_ref())?;
        store.group("", &self.attributes())?;
        let all = self.chosen();
        let even = self.evenly_chosen();
        let group = |name: &str| store.group(name, &self.attributes());
        group("posterior")?;
        self.write_draws(&store, "posterior", &even, self.positions())?;
        if matches!(self.form(), Form::Cloud { .. }) {
            group("weighted_posterior")?;
            self.write_draws(&store, "weighted_posterior", &all, self.positions())?;
            let weights = Cells::F64(self.log_weights());
            store.array(
                "weighted_posterior",
                "log_weight",
                &all.dimensions(),
                &weights,
            )?;
        }
        group("prior")?;
        self.write_prior(&store)?;
        let rows = scored.rows();
        let row = || ("row".to_owned(), rows);
        let of_rows = |group: &str, name: &str, chosen: &Chosen, values: &[f64]| {
            let mut dimensions = chosen.dimensions();
            dimensions.push(row());
            coordinates(&store, group, chosen)?;
            store.array(group, name, &dimensions, &Cells::F64(values))
        };
        group("log_likelihood")?;
        let by_row = exec::map(rows, |row| scored.log_densities_of(row));
        let logs: Vec<f64> = (even.draws.iter())
            .flat_map(|&k| by_row.iter().map(move |logs| logs[k]))
            .collect();
        of_rows("log_likelihood", "y", &even, &logs)?;
        group("posterior_predictive")?;
        let drawn = scored.sample_of(&even.draws, self.report().seed).concat();
        of_rows("posterior_predictive", "y", &even, &drawn)?;
        group("sample_stats")?;
        coordinates(&store, "sample_stats", &even)?;
        let prior = self.predictor().prior().log_density(self.positions(), None);
        let total = |k: usize| prior[k] + by_row.iter().map(|logs| logs[k]).sum::<f64>();
        let total: Vec<f64> = even.draws.iter().map(|&k| total(k)).collect();
        store.array(
            "sample_stats",
            "lp",
            &even.dimensions(),
            &Cells::F64(&total),
        )?;
        group("observed_data")?;
        let targets: Vec<f64> = train.targets().iter().map(|&y| f64::from(y)).collect();
        store.array("observed_data", "y", &[row()], &Cells::F64(&targets))?;
        group("constant_data")?;
        let columns = ("feature".to_owned(), train.columns());
        let features: Vec<f64> = train.features().iter().map(|&x| f64::from(x)).collect();
        store.array(
            "constant_data",
            "x",
            &[row(), columns.clone()],
            &Cells::F64(&features),
        )?;
        let names = train.names().to_vec();
        store.array("constant_data", "feature", &[columns], &Cells::Text(&names))?;
        if !train.classes().is_empty() {
            let classes = [("class".to_owned(), train.classes().len())];
            let names = Cells::Text(train.classes());
            store.array("constant_data", "class", &classes, &names)?;
        }
        store.finish()
    }

    fn attributes(&self) -> Map<String, Value> {
        let report = self.report();
        let evidence = self.log_evidence().filter(|z| z.is_finite());
        let all = json!({
            "inference_library": "smc-runtime",
            "inference_library_version": env!("CARGO_PKG_VERSION"),
            "model": self.model().name(),
            "algorithm": report.algorithm,
            "settings": report.settings,
            "seed": report.seed,
            "log_evidence": evidence,
            "cautions": report.cautions.join("; "),
            "drawn_from": format!("{:?}", self.drawn_from()),
        });
        match all {
            Value::Object(all) => all,
            _ => Map::new(),
        }
    }

    /// All vectors: chains and islands are chains, anything else is one.
    fn chosen(&self) -> Chosen {
        Chosen {
            chains: self.draws.groups().max(1),
            draws: (0..self.len()).collect(),
        }
    }

    /// Vectors that count alike: of every island as many as it has, chosen by their weights.
    fn evenly_chosen(&self) -> Chosen {
        let all = self.chosen();
        if !matches!(self.form(), Form::Cloud { .. }) {
            return all;
        }
        let (weights, each) = (self.weights(), self.len() / all.chains);
        let mut stream = Streams::new(self.report().seed).stream(Purpose::Resample, 0, 0, 1);
        let mut draws = Vec::with_capacity(self.len());
        for island in 0..all.chains {
            let own = &weights[island * each..(island + 1) * each];
            let total = own.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            let shares: Vec<f64> = own.iter().map(|w| w / total).collect();
            let chosen = Systematic.ancestors(&shares, &mut stream).into_iter();
            draws.extend(chosen.map(|k| island * each + k));
        }
        Chosen { draws, ..all }
    }

    /// Independent draws of the prior, one chain of them.
    fn write_prior(&self, store: &Store) -> Result<()> {
        const DRAWS: usize = 500;
        let mut draws = Population::zeros(DRAWS, self.positions().dim());
        let streams = Streams::new(self.report().seed).branch(Purpose::Reference);
        self.predictor().prior().sample(streams, 0, &mut draws);
        let all = Chosen {
            chains: 1,
            draws: (0..DRAWS).collect(),
        };
        self.write_draws(store, "prior", &all, &draws)
    }

    fn write_draws(
        &self,
        store: &Store,
        group: &str,
        chosen: &Chosen,
        positions: &Population,
    ) -> Result<()> {
        coordinates(store, group, chosen)?;
        let inputs = self.predictor().architecture().inputs;
        let names = &self.learned_from.names;
        let mut of_features = false;
        for block in self.layout().blocks() {
            let first = is_first(block, inputs) && !of_features && names.len() == inputs;
            let mut dimensions = chosen.dimensions();
            for (number, size) in block.shape.iter().enumerate() {
                let last = number + 1 == block.shape.len();
                let name = if first && last {
                    "feature".to_owned()
                } else {
                    format!("{}_dim_{number}", block.name)
                };
                dimensions.push((name, *size));
            }
            if first {
                of_features = true;
                let columns = [("feature".to_owned(), inputs)];
                store.array(group, "feature", &columns, &Cells::Text(names))?;
            }
            let natural = |u: &f32| block.support.constrain(f64::from(*u));
            let values = chosen.draws.iter().flat_map(|&k| {
                let own = &positions.row(k)[block.range.clone()];
                own.iter().map(natural)
            });
            let values: Vec<f64> = values.collect();
            store.array(group, &block.name, &dimensions, &Cells::F64(&values))?;
        }
        Ok(())
    }
}

/// Whether the last dimension of a block is the features of the data.
fn is_first(block: &Block, inputs: usize) -> bool {
    block.role == Role::Weight && block.shape.last() == Some(&inputs)
}

/// Numbers of chains and draws.
fn coordinates(store: &Store, group: &str, chosen: &Chosen) -> Result<()> {
    for dimension in chosen.dimensions() {
        let numbers: Vec<i64> = (0..dimension.1 as i64).collect();
        let name = dimension.0.clone();
        store.array(group, &name, &[dimension], &Cells::I64(&numbers))?;
    }
    Ok(())
}
