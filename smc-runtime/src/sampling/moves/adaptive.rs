//! As many moves as it takes to get away from where a stage began.

use super::{Moves, Tally, positive};
use crate::base::error::{Error, Result};

/// Moves until the expected squared jumps of a stage add up to `fraction` of 2d, the squared distance of two independent
/// draws in units of their standard deviations; at least one move, at most 50 unless set.
///
/// Jumps add up like this where moves forget each other's direction, as trajectories with fresh momenta do. The number of
/// moves then depends on the cloud, which biases an evidence by O(1/J), like every adaptation.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().moves(AdaptiveMoves::until(1.0).at_most(20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptiveMoves {
    fraction: f64,
    most: usize,
}

impl AdaptiveMoves {
    /// Moves until jumps add up to this fraction of the squared distance of independent draws; 1 is a good start.
    pub fn until(fraction: f64) -> Self {
        Self { fraction, most: 50 }
    }

    /// The largest number of moves of a stage.
    pub fn at_most(mut self, moves: usize) -> Self {
        self.most = moves;
        self
    }
}

impl Moves for AdaptiveMoves {
    fn more(&self, tally: &Tally) -> bool {
        let far = tally.jumps >= self.fraction * 2.0 * tally.dim as f64;
        tally.moves == 0 || (tally.moves < self.most && !far)
    }

    fn check(&self) -> Result<()> {
        if self.most == 0 {
            return Err(Error::config("at_most", 0, "at least one move is needed"));
        }
        positive("until", self.fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stops_when_jumps_add_up_or_at_the_most() {
        let moves = AdaptiveMoves::until(0.5).at_most(3);
        let made = |moves, jumps| Tally {
            moves,
            jumps,
            ..Tally::new(10, None)
        };
        assert!(moves.more(&made(0, 0.0)));
        assert!(moves.more(&made(2, 9.9)));
        assert!(!moves.more(&made(1, 10.0)));
        assert!(!moves.more(&made(3, 0.0)));
        assert!(AdaptiveMoves::until(0.0).check().is_err());
        assert!(AdaptiveMoves::until(1.0).at_most(0).check().is_err());
    }
}
