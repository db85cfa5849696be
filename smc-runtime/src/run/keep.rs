//! Draws that go to disk as they come, so that memory does not grow with their number.

use std::fs;
use std::path::{Path, PathBuf};

use super::fingerprint::Fingerprint;
use crate::base::error::{Error, Result};
use crate::infer::{Generation, Stepwise};
use crate::posterior::kept::{KeptDraws, write};
use crate::problem::Problem;

/// Where a run keeps its draws, and how much room those have that its posterior takes back: [`Run::keep`](super::Run::keep) takes one, or a path alone.
///
/// ```
/// use smc_runtime::run::Keep;
/// let small = Keep::at("draws").room(16 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    folder: PathBuf,
    room: usize,
}

impl Keep {
    /// In a folder, which is made; the posterior takes up to 64 MiB of them back.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            room: 64 << 20,
        }
    }

    /// The posterior takes up to so many bytes back, in generations that are evenly apart.
    pub fn room(mut self, bytes: usize) -> Self {
        self.room = bytes;
        self
    }
}

impl<P: Into<PathBuf>> From<P> for Keep {
    fn from(path: P) -> Self {
        Self::at(path)
    }
}

/// Bytes of draws that are written together.
const TOGETHER: usize = 4 << 20;

/// The folder of a run under way.
pub(super) struct Keeping {
    keep: Keep,
    run: String,
    model: String,
    /// Generations in the folder.
    handed: usize,
}

impl Keeping {
    /// The folder that a run asks for, if it does, where `handed` generations lie that it made before.
    pub(super) fn asked_for(
        keep: Option<&Keep>,
        (handed, resumed): (usize, bool),
        (fingerprint, model): (&Fingerprint, &str),
        inside: &dyn Stepwise,
    ) -> Result<Option<Self>> {
        let Some(keep) = keep else {
            return match handed {
                0 => Ok(None),
                many => Err(Error::config(
                    "resume",
                    format!("without the folder of the first {many} generations"),
                    "`.keep(folder)` says where they are",
                )),
            };
        };
        let folder = &keep.folder;
        if inside.gathered().is_none() {
            let expected = "an algorithm that gathers draws on its way: `mcmc`, `sghmc`, or `smc` with `recycle(true)`";
            return Err(Error::config("keep", folder.display(), expected));
        }
        let failed = |source| Error::Io {
            path: folder.clone(),
            source,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let run = serde_json::to_string(fingerprint)
            .map_err(|e| Error::shape("a fingerprint", "JSON", e.to_string()))?;
        let mut there = KeptDraws::open(folder)?;
        if there.generations() > 0 && (!resumed || there.run() != run) {
            let expected = "a folder without draws of another run: nothing is overwritten";
            return Err(Error::config("keep", folder.display(), expected));
        }
        // What was written since the state that the run goes on from will be written again.
        there.keep_to(handed)?;
        Ok(Some(Self {
            keep: keep.clone(),
            run,
            model: model.to_owned(),
            handed,
        }))
    }

    /// Generations in the folder.
    pub(super) fn handed(&self) -> usize {
        self.handed
    }

    /// Writes what the run has gathered, if that is enough for a file, or if it is `all` that there will be.
    pub(super) fn hand_out(
        &mut self,
        inside: &mut dyn Stepwise,
        problem: &dyn Problem,
        all: bool,
    ) -> Result<()> {
        let waiting = 4 * inside.gathered().unwrap_or(0) * problem.dim();
        if waiting == 0 || (!all && waiting < TOGETHER) {
            return Ok(());
        }
        let generations = inside.hand_out();
        let folder: &Path = &self.keep.folder;
        let of = (self.run.as_str(), self.model.as_str());
        let written = write(folder, of, problem.layout(), self.handed, &generations);
        match written {
            Ok(()) => self.handed += generations.len(),
            // Nothing is lost: what could not be written is the run's again.
            Err(_) => inside.take_back(generations, 1),
        }
        written
    }

    /// Gives as many generations back as there is room for; what is to be said if those are not all.
    pub(super) fn give_back(&self, inside: &mut dyn Stepwise) -> Result<Option<String>> {
        let kept = KeptDraws::open(&self.keep.folder)?;
        let all = kept.generations();
        let (mut back, mut every): (Vec<Generation>, usize) = (Vec::new(), 1);
        for part in kept.parts() {
            let part = part?;
            if part.first == 0 {
                let bytes = part.generations.first().map_or(0, bytes);
                every = all
                    .saturating_mul(bytes)
                    .div_ceil(self.keep.room.max(1))
                    .max(1);
            }
            let numbered = part.generations.into_iter().enumerate();
            let some = numbered.filter(|(k, _)| (part.first + k).is_multiple_of(every));
            back.extend(some.map(|(_, generation)| generation));
        }
        inside.take_back(back, every);
        Ok((every > 1).then(|| {
            format!(
                "of {all} generations of draws one of every {every} stands here; all are in {}",
                self.keep.folder.display()
            )
        }))
    }
}

/// Bytes of the vectors of a generation.
fn bytes(generation: &Generation) -> usize {
    4 * generation.positions.len() * generation.positions.dim()
}
