//! What a run has become so far, to be kept where a power cut does not reach it.

use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprint;
use crate::base::saved::Saved;
use crate::infer::observe::Step;
use crate::problem::Counts;

/// A run between two steps, in any format of `serde`. It knows which run it is of: [`Run::resume_from`](super::Run::resume_from) refuses it
/// where something else would go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub(super) fingerprint: Fingerprint,
    /// Steps made.
    pub(super) steps: usize,
    pub(super) told: Saved,
    pub(super) inside: Saved,
}

/// What was told of a run so far.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) steps: Vec<Step>,
    pub(super) counts: Counts,
    pub(super) seconds: f64,
    /// Generations of draws that lie in a folder.
    pub(super) handed: usize,
}
