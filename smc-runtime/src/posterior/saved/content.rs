//! What a file says of a posterior: words for people in its header, and the account of the run to the bit behind it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::described::Described;
use crate::base::rng::Streams;
use crate::data::{Schema, Shift, Standardise};
use crate::infer::{DrawnFrom, Island};
use crate::posterior::report::Report;

/// What stands in the header: to be read by people and by other programs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// The model.
    pub model: Described,
    /// Number of draws.
    pub draws: usize,
    /// Numbers in each.
    pub parameters: usize,
    /// What they are: chains, a cloud, points, a density.
    pub form: String,
    /// The algorithm.
    pub algorithm: String,
    /// Its settings.
    pub settings: String,
    /// The run's seed.
    pub seed: u64,
    /// The engine of the run.
    pub engine: String,
    /// Rows that were learned from.
    pub rows: usize,
    /// log Z, if there is one.
    pub log_evidence: Option<f64>,
    /// The scale that predictions are stated on.
    pub target_scale: String,
    /// Names of the columns; none unless named.
    pub names: Vec<String>,
    /// Names of the classes; none unless named.
    pub classes: Vec<String>,
    /// Whether the columns of a table came along, so that files like the one learned from can be read.
    pub schema: bool,
    /// Whether half of every number was kept.
    pub half: bool,
    /// The report's words of caution.
    pub cautions: Vec<String>,
    /// The report.
    pub report: String,
    /// Notes of the user's own.
    pub notes: BTreeMap<String, String>,
    /// The density that was fitted, if it is one.
    pub density: Option<Parts>,
}

/// A density as names and sizes of arrays, which are blocks of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// The family.
    pub family: String,
    /// Whole numbers of its own.
    pub sizes: Vec<usize>,
    /// Names of its arrays.
    pub arrays: Vec<String>,
    /// Densities that it is made of.
    pub parts: Vec<Parts>,
}

/// What must come back to the bit.
#[derive(Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) report: Report,
    pub(super) form: FormOf,
    pub(super) drawn_from: DrawnFrom,
    pub(super) scale: Option<Standardise>,
    pub(super) shifts: Vec<Shift>,
    pub(super) schema: Option<Schema>,
}

/// What draws are, without them.
#[derive(Serialize, Deserialize)]
pub(super) enum FormOf {
    Cloud {
        log_evidence: Option<f64>,
        islands: Vec<Island>,
    },
    Chains(usize),
    /// Many chains of few draws, which are compared over time alone.
    ShortChains(usize),
    Points,
    /// Draws of a density, which are drawn again.
    Density(Streams),
}

/// The kind of file.
pub(super) const KIND: &str = "posterior";

/// Names of blocks.
pub(super) const DRAWS: &str = "draws";
pub(super) const LOG_WEIGHTS: &str = "log_weights";
pub(super) const SEEN: &str = "seen";
pub(super) const ACCOUNT: &str = "account";
