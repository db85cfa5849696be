//! What the examples share: flags, algorithms by name, the wine data, readers of benchmark folders, and the line of JSON.

pub mod algorithm;
pub mod cases;
pub mod curve;
pub mod fit;
pub mod keep;
pub mod network;
pub mod picture;
pub mod uci;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use smc_runtime::prelude::*;

/// The flags that every example has.
#[derive(Clone, Debug, Parser)]
pub struct Flags {
    /// Seed of every random number.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Number of threads; all cores unless given.
    #[arg(long)]
    pub threads: Option<usize>,
    /// What computes densities and gradients: auto (the fastest that the model has), fused (also fused-avx512, fused-avx2 and
    /// fused-portable, for those instructions), mixed, autodiff, or cuda.
    #[arg(long, default_value = "auto")]
    pub engine: Engine,
    /// Print one JSON object as the last line of standard output.
    #[arg(long)]
    pub json: bool,
    /// A tiny run that only shows that everything works.
    #[arg(long)]
    pub smoke: bool,
}

impl Flags {
    /// `full`, or `small` in a smoke run.
    pub fn size<T>(&self, full: T, small: T) -> T {
        if self.smoke { small } else { full }
    }

    /// A run with the seed, threads and engine of these flags.
    pub fn apply<'a, M: Model>(&self, run: Run<'a, M>) -> Run<'a, M> {
        let run = run.seed(self.seed).engine(self.engine);
        match self.threads {
            Some(threads) => run.threads(threads),
            None => run,
        }
    }

    /// Prints `value` if JSON was asked for.
    pub fn print(&self, value: &serde_json::Value) {
        if self.json {
            println!("{value}");
        }
    }
}

/// The value that `word` names of the flag `flag`.
///
/// # Errors
/// If it names none; the message lists those there are.
pub fn choice<T: ValueEnum>(flag: &str, given: &str) -> Result<T> {
    T::from_str(given, false).map_err(|_| {
        let known: Vec<String> = T::value_variants().iter().map(word).collect();
        Error::config(flag, given, format!("one of {}", known.join(", ")))
    })
}

/// The word of a flag's value.
pub fn word(value: &impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map_or(String::new(), |v| v.get_name().to_owned())
}

/// Runs an example; an error goes to standard error in words.
pub fn exit(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Red-wine quality from eleven measurements (Cortez et al., 2009; 1599 rows), as it comes.
///
/// # Errors
/// Never, as long as the embedded table is intact.
pub fn wine() -> Result<Dataset> {
    let table = linfa_datasets::winequality();
    let features = table.records().iter().map(|&x| x as f32).collect();
    let targets = table.targets().iter().map(|&y| y as f32).collect();
    Dataset::new(table.records().ncols(), features, targets)?.with_names(table.feature_names())
}

/// A table split and standardised by its training rows.
pub struct Prepared {
    /// Training rows.
    pub train: Dataset,
    /// Held-out rows.
    pub test: Dataset,
    /// The scale, to take scores back.
    pub scale: Standardise,
}

/// A fifth of `data` held out; features and target standardised by the rest.
///
/// # Errors
/// If there are too few rows.
pub fn prepare(data: &Dataset, seed: u64) -> Result<Prepared> {
    let (train, test) = data.split(0.2, seed)?;
    let scale = Standardise::fit(&train);
    Ok(Prepared {
        train: scale.apply(&train)?,
        test: scale.apply(&test)?,
        scale,
    })
}

/// The examples of `docs/language.md`, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/language.md")]
pub struct Language;

/// The README's snippets, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The page on what is kept, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/keep.md")]
pub struct Keep;

/// The page on symmetry, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/symmetry.md")]
pub struct Symmetry;

/// The page on classes, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/classification.md")]
pub struct Classification;
