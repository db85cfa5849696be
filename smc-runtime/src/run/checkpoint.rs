//! A run that survives: its state in a file, written whole as often as costs little.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprint;
use super::state::State;
use crate::base::archive::{Archive, Block, Values, archive};
use crate::base::error::{Error, Result};
use crate::base::saved::Saved;

/// Where a run keeps its state, and how often: [`Run::checkpoint`](super::Run::checkpoint) takes one, or a path alone.
///
/// ```
/// use smc_runtime::run::Checkpoint;
/// let often = Checkpoint::at("run.ckpt").every(1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    path: PathBuf,
    every: Option<usize>,
}

impl Checkpoint {
    /// In the file `path`, as often as takes less than a fiftieth of the time, and at least every ten seconds, between two steps.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            every: None,
        }
    }

    /// After so many steps, whatever that costs.
    pub fn every(mut self, steps: usize) -> Self {
        self.every = Some(steps);
        self
    }
}

impl<P: Into<PathBuf>> From<P> for Checkpoint {
    fn from(path: P) -> Self {
        Self::at(path)
    }
}

/// What is done with a state that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Going {
    /// It is an error: nothing is overwritten.
    #[default]
    Anew,
    /// The run goes on from it, and it is an error if there is none.
    On,
    /// The run goes on from it if there is one.
    OnIfThere,
}

const KIND: &str = "checkpoint";
const TOLD: &str = "told";
const INSIDE: &str = "inside";

/// What the header says.
#[derive(Serialize, Deserialize)]
struct Content {
    steps: usize,
    done: f64,
    fingerprint: Fingerprint,
}

/// Seconds between two states at the most, and how many times as long as writing one takes.
const OFTEN: Duration = Duration::from_secs(10);
const TIMES: u32 = 50;

/// The file of a run under way.
pub(super) struct Kept {
    checkpoint: Checkpoint,
    /// When the last state was written, and how long that took.
    since: Instant,
    took: Duration,
    /// Steps made since.
    steps: usize,
    /// Why the last one could not be written.
    failed: Option<String>,
}

impl Kept {
    /// The file that a run asks for, if it does.
    pub(super) fn asked_for(
        checkpoint: Option<&Checkpoint>,
        going: Going,
    ) -> Result<(Option<Self>, Option<State>)> {
        match (checkpoint, going) {
            (Some(at), _) => {
                let (kept, state) = Self::open(at.clone(), going)?;
                Ok((Some(kept), state))
            }
            (None, Going::Anew) => Ok((None, None)),
            (None, _) => {
                let expected = "`.checkpoint(path)` says which state";
                Err(Error::config("resume", "without a checkpoint", expected))
            }
        }
    }

    /// The file, with the state in it if the run is to go on from one.
    fn open(checkpoint: Checkpoint, going: Going) -> Result<(Self, Option<State>)> {
        if checkpoint.every == Some(0) {
            return Err(Error::config("every", 0, "at least 1 step is needed"));
        }
        let path = &checkpoint.path;
        let there = path.exists();
        let state = match (going, there) {
            (Going::Anew, true) => {
                let expected = "there is such a file: `.resume()` goes on from it, `.resume_if_there()` whether there is one or not";
                return Err(Error::config("checkpoint", path.display(), expected));
            }
            (Going::Anew | Going::OnIfThere, false) => None,
            // An error says what is missing.
            (Going::On | Going::OnIfThere, _) => Some(read(path)?),
        };
        let kept = Self {
            checkpoint,
            since: Instant::now(),
            took: Duration::ZERO,
            steps: 0,
            failed: None,
        };
        Ok((kept, state))
    }

    pub(super) fn path(&self) -> &Path {
        &self.checkpoint.path
    }

    /// Counts a step; whether the state is to be written after it.
    pub(super) fn is_due(&mut self) -> bool {
        self.steps += 1;
        match self.checkpoint.every {
            Some(every) => self.steps >= every,
            None => self.since.elapsed() >= (self.took * TIMES).min(OFTEN),
        }
    }

    /// Whether steps were made that are not in the file.
    pub(super) fn is_behind(&self) -> bool {
        self.steps > 0
    }

    /// Writes the state. Where that fails the run goes on, and what was there stays.
    pub(super) fn write(&mut self, state: impl FnOnce() -> Result<State>, done: f64) {
        let begun = Instant::now();
        let written = state().and_then(|state| write(self.path(), &state, done));
        self.failed = written.err().map(|e| e.to_string());
        (self.since, self.took) = (Instant::now(), begun.elapsed());
        // Of a failure the next try is not far.
        if self.failed.is_none() {
            self.steps = 0;
        }
    }

    /// Writes the state before the first step, so that a file that cannot be written is known then.
    pub(super) fn begin(&mut self, state: &State) -> Result<()> {
        let begun = Instant::now();
        write(self.path(), state, 0.0)?;
        (self.since, self.took) = (Instant::now(), begun.elapsed());
        Ok(())
    }

    /// A caution, where the last state could not be written.
    pub(super) fn caution(&self) -> Option<String> {
        let why = self.failed.as_ref()?;
        Some(format!(
            "the last state of the run could not be kept ({why}); what was kept before is whole"
        ))
    }
}

fn write(path: &Path, state: &State, done: f64) -> Result<()> {
    let content = Content {
        steps: state.steps,
        done,
        fingerprint: state.fingerprint.clone(),
    };
    let blocks = [(TOLD, &state.told), (INSIDE, &state.inside)].map(|(name, saved)| {
        let bytes = saved.bytes();
        Block::new(name, &[bytes.len()], Values::U8(bytes))
    });
    archive(path, KIND, &content, &blocks)?;
    Ok(())
}

fn read(path: &Path) -> Result<State> {
    let file = Archive::open(path, KIND)?;
    let content: Content = file.content()?;
    Ok(State {
        fingerprint: content.fingerprint,
        steps: content.steps,
        told: Saved::from_bytes(file.u8s(TOLD)?),
        inside: Saved::from_bytes(file.u8s(INSIDE)?),
    })
}
