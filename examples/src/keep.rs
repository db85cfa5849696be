//! The flags of what outlives a program: a run's state, and its posterior.

use std::path::PathBuf;

use clap::Args;
use smc_runtime::prelude::*;

/// The flags of files that are kept.
#[derive(Clone, Debug, Default, Args)]
pub struct KeepFlags {
    /// Write the posterior into this file.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Keep the state of the run in this file while it goes; Ctrl-C then ends it so that it can go on.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Go on from the state in the file of `--checkpoint`.
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// Write the posterior into this new folder, for ArviZ.
    #[arg(long, value_name = "DIR")]
    pub zarr: Option<PathBuf>,
}

impl KeepFlags {
    /// A run that keeps its state if the flags say so.
    pub fn apply<'a, M: Model>(&self, run: Run<'a, M>) -> Run<'a, M> {
        let Some(path) = &self.checkpoint else {
            return run;
        };
        let run = run.checkpoint(path);
        if self.resume { run.resume() } else { run }
    }

    /// Writes the posterior if the flags say so, with notes of what a program must know to load it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn keep<M: Model>(&self, posterior: &Posterior<M>, notes: &[(&str, String)]) -> Result<()> {
        let Some(path) = &self.save else {
            return Ok(());
        };
        let mut saving = posterior.saving();
        for (name, text) in notes {
            saving = saving.note(*name, text);
        }
        let written = saving.write(path)?;
        eprintln!("{}: {} bytes", path.display(), written.bytes);
        Ok(())
    }
}
