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
    /// Add each step of the run to this file as it comes, a line of JSON each.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Keep the draws in this folder as they come, so that memory does not grow with their number.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Write the draws into this file as comma-separated values.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write the posterior into this new folder, for ArviZ.
    #[arg(long, value_name = "DIR")]
    pub zarr: Option<PathBuf>,
}

impl KeepFlags {
    /// A run that keeps its state, its draws and its steps if the flags say so.
    ///
    /// # Errors
    /// If the file of its steps cannot be opened.
    pub fn apply<'a, M: Model>(&self, mut run: Run<'a, M>) -> Result<Run<'a, M>> {
        if let Some(path) = &self.trace {
            run = run.observe(Trace::file(path)?);
        }
        if let Some(folder) = &self.keep {
            run = run.keep(folder);
        }
        let Some(path) = &self.checkpoint else {
            return Ok(run);
        };
        let run = run.checkpoint(path);
        Ok(if self.resume { run.resume() } else { run })
    }

    /// Writes the posterior and its draws if the flags say so, with notes of what a program must know to load it.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn keep<M: Model>(&self, posterior: &Posterior<M>, notes: &[(&str, String)]) -> Result<()> {
        if let Some(path) = &self.csv {
            posterior.to_csv(path)?;
        }
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
