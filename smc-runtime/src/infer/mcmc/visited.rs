//! Where chains have been since their scales were last renewed.

use serde::{Deserialize, Serialize};

use crate::problem::population::Population;
use crate::sampling::cloud::Cloud;

/// Up to a thousand positions that chains have visited, evenly thinned.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Visited {
    kept: Vec<Population>,
    every: usize,
    seen: usize,
}

impl Visited {
    const MOST: usize = 1024;

    pub(super) fn see(&mut self, positions: &Population) {
        self.every = self.every.max(1);
        if self.seen.is_multiple_of(self.every) {
            self.kept.push(positions.clone());
        }
        self.seen += 1;
        if self.kept.len() * positions.len() > Self::MOST && self.kept.len() > 1 {
            // Keep every other visit from now on, and of those already kept.
            let mut number = 0..;
            self.kept
                .retain(|_| number.next().is_some_and(|k: usize| k.is_multiple_of(2)));
            self.every *= 2;
        }
    }

    /// The positions as one cloud; `None` with fewer than two.
    pub(super) fn into_cloud(self) -> Option<Cloud> {
        let positions = Population::concat(&self.kept)?;
        (positions.len() > 1).then(|| Cloud::without_terms(positions))
    }
}
