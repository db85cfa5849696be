//! Draws that a run kept in a folder as they came: files of some generations each, whole every one of them.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Posterior;
use crate::base::archive::{Archive, Block, Values, archive};
use crate::base::error::{Error, Result};
use crate::base::saved::Saved;
use crate::infer::{Draws, Form, Generation};
use crate::model::Model;
use crate::model::layout::Layout;
use crate::problem::population::Population;
use crate::sampling::weights::{Islands, Weights};

const KIND: &str = "draws";
const DRAWS: &str = "draws";
const LOG_WEIGHTS: &str = "log_weights";
const ISLANDS: &str = "islands";
const ENDING: &str = "safetensors";

/// What the header of a file says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Content {
    /// The run that it is of.
    run: String,
    model: String,
    /// Number of the first generation in it, of all.
    first: usize,
    /// Name, sizes, first element in a vector, and where it lives, of every block of parameters: vectors are unconstrained.
    parameters: Vec<(String, Vec<usize>, usize, String)>,
}

/// The draws in a folder that [`Run::keep`](crate::run::Run::keep) names: of a run that is over, that is under way, or that was killed. Files are read one at a time.
///
/// Each is a `safetensors` file with `draws`, generations × chains (or particles) × parameters on the unconstrained scale, and `log_weights` where they have weights;
/// the header says which elements are which parameter.
///
/// ```
/// use smc_runtime::posterior::kept::KeptDraws;
/// use smc_runtime::prelude::*;
/// # #[bayes_model]
/// # #[likelihood(Normal(mean = output, sd = 0.5))]
/// # struct Line {
/// #     #[prior(Normal(0.0, 1.0))]
/// #     output: Linear<1, 1>,
/// # }
/// # fn main() -> Result<()> {
/// # let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
/// # let folder = std::env::temp_dir().join(format!("kept-{}", std::process::id()));
/// let chains = mcmc().chains(2).warmup(20).draws(30);
/// let mut posterior = Line::infer(&data).with(chains).keep(&folder).run()?;
/// let kept = KeptDraws::open(&folder)?;
/// assert_eq!(kept.generations(), 30);
/// let mut means = Vec::new();
/// for part in kept.parts() {
///     // The same posterior, with the draws of one file.
///     posterior = posterior.with_kept(part?)?;
///     means.push(posterior.predict(&data)?.mean());
/// }
/// # std::fs::remove_dir_all(folder).unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct KeptDraws {
    files: Vec<PathBuf>,
    run: String,
    generations: usize,
}

/// The generations of one file.
#[derive(Clone, Debug)]
pub struct Part {
    /// Number of the first of them, of all.
    pub first: usize,
    /// They, one after the other.
    pub generations: Vec<Generation>,
}

impl KeptDraws {
    /// What is in `folder`; headers are read, draws are not.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Content`] if a file is damaged, of another run than the others, or if generations are missing between two.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let mut found = Self {
            files: files(folder)?,
            run: String::new(),
            generations: 0,
        };
        for (number, path) in found.files.iter().enumerate() {
            let file = Archive::open(path, KIND)?;
            let content: Content = file.content()?;
            if number == 0 {
                found.run.clone_from(&content.run);
            }
            if content.run != found.run {
                return Err(file.wrong("run", "that of the files before it", "another"));
            }
            if content.first != found.generations {
                let expected = format!("generation {} as the first", found.generations);
                return Err(file.wrong("first", expected, content.first.to_string()));
            }
            let many = sizes(&file)?[0];
            let sum = found.generations.checked_add(many);
            found.generations =
                sum.ok_or_else(|| file.wrong(DRAWS, "fewer generations", many.to_string()))?;
        }
        Ok(found)
    }

    /// Generations in all files.
    pub fn generations(&self) -> usize {
        self.generations
    }

    /// File by file, from the first to the last.
    pub fn parts(&self) -> impl Iterator<Item = Result<Part>> + '_ {
        self.files.iter().map(|path| read(path))
    }

    /// The run that they are of.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// Deletes the files from generation `first` on, which the run is going to make again, the last one first. Nothing is deleted where none begins there.
    pub(crate) fn keep_to(&mut self, first: usize) -> Result<()> {
        let (mut at, mut kept) = (0, 0);
        for path in &self.files {
            if at == first {
                break;
            }
            at += sizes(&Archive::open(path, KIND)?)?[0];
            kept += 1;
        }
        if at != first {
            let expected =
                format!("files of the first {first} generations, which the run had handed out");
            let found = format!("{at} in {kept} files");
            return Err(Error::shape("kept draws", expected, found));
        }
        for path in self.files.drain(kept..).rev() {
            fs::remove_file(&path).map_err(|source| Error::Io { path, source })?;
        }
        self.generations = first;
        Ok(())
    }
}

/// The files of kept draws in a folder, in their order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::Io {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path
            .file_name()
            .is_none_or(|n| n.to_string_lossy().starts_with('.'));
        if path.extension().is_some_and(|e| e == ENDING) && !hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Generations, vectors of each, and parameters.
fn sizes(file: &Archive) -> Result<[usize; 3]> {
    let shape = file.shape(DRAWS)?;
    let wrong = || {
        file.wrong(
            DRAWS,
            "generations × chains × parameters",
            format!("{shape:?}"),
        )
    };
    let sizes = <[usize; 3]>::try_from(shape).map_err(|_| wrong())?;
    if sizes.contains(&0) {
        return Err(wrong());
    }
    Ok(sizes)
}

/// Writes `generations`, the first of which has the number `first`, into a file of their own.
pub(crate) fn write(
    folder: &Path,
    (run, model): (&str, &str),
    layout: &Layout,
    first: usize,
    generations: &[Generation],
) -> Result<()> {
    let Some(shape) = generations
        .first()
        .map(|g| (g.positions.len(), g.positions.dim()))
    else {
        return Ok(());
    };
    let of = |b: &crate::model::layout::Block| {
        let support = format!("{:?}", b.support);
        (b.name.clone(), b.shape.clone(), b.range.start, support)
    };
    let content = Content {
        run: run.to_owned(),
        model: model.to_owned(),
        first,
        parameters: layout.blocks().iter().map(of).collect(),
    };
    let values: Vec<f32> = generations
        .iter()
        .flat_map(|g| g.positions.values().iter().copied())
        .collect();
    let shape = [generations.len(), shape.0, shape.1];
    let mut blocks = vec![Block::new(DRAWS, &shape, Values::F32(&values))];
    let weights: Option<Vec<_>> = generations.iter().map(|g| g.weights.as_ref()).collect();
    let (mut logs, mut islands) = (Vec::new(), Vec::new());
    for (of_islands, together) in weights.iter().flatten() {
        logs.extend_from_slice(together.log());
        islands.push((of_islands.clone(), (*together).clone()));
    }
    let islands = Saved::of(&islands)?;
    if weights.is_some() {
        let bytes = islands.bytes();
        blocks.push(Block::new(LOG_WEIGHTS, &shape[..2], Values::F64(&logs)));
        blocks.push(Block::new(ISLANDS, &[bytes.len()], Values::U8(bytes)));
    }
    let path = folder.join(format!("{first:010}.{ENDING}"));
    archive(&path, KIND, &content, &blocks)?;
    Ok(())
}

/// The generations in a file.
fn read(path: &Path) -> Result<Part> {
    let file = Archive::open(path, KIND)?;
    let content: Content = file.content()?;
    let [many, each, dim] = sizes(&file)?;
    let values = file.f32s(DRAWS)?;
    let weights: Vec<(Islands, Weights)> = if file.has(ISLANDS) {
        Saved::from_bytes(file.u8s(ISLANDS)?).read()?
    } else {
        Vec::new()
    };
    let wrong = || file.wrong(DRAWS, format!("{many} × {each} × {dim} numbers"), "others");
    let size = each
        .checked_mul(dim)
        .filter(|size| *size > 0)
        .ok_or_else(wrong)?;
    if values.len() != many.saturating_mul(size) || !(weights.is_empty() || weights.len() == many) {
        return Err(wrong());
    }
    let mut weights = weights.into_iter();
    let mut generations = Vec::with_capacity(many);
    for values in values.chunks_exact(size) {
        generations.push(Generation {
            positions: Population::from_values(dim, values.to_vec()).ok_or_else(wrong)?,
            weights: weights.next(),
        });
    }
    Ok(Part {
        first: content.first,
        generations,
    })
}

impl<M: Model> Posterior<M> {
    /// The same with the draws of a file in place of its own, for predictions of more draws than memory holds: part by part. The evidence stays with the posterior that the run left.
    ///
    /// # Errors
    /// If they are not of as many chains, or particles, and parameters.
    pub fn with_kept(self, part: Part) -> Result<Self> {
        let chains = match self.form() {
            Form::Chains(chains) => Some(*chains),
            _ => None,
        };
        let many = part.generations.len();
        let (mut weights, mut positions) = (Vec::new(), Vec::new());
        for generation in part.generations {
            if let Some((_, together)) = generation.weights {
                weights.push(together);
            }
            positions.push(generation.positions);
        }
        let dim = self.positions().dim();
        let unfit = |found: String| {
            Error::shape("kept draws", format!("vectors of {dim} parameters"), found)
        };
        let positions = Population::interleave(&positions)
            .filter(|p| p.dim() == dim)
            .ok_or_else(|| unfit("others, or none".to_owned()))?;
        let draws = match (chains, weights.is_empty()) {
            (Some(chains), true) if positions.len() == chains * many => {
                Draws::chains(positions, chains)?
            }
            (Some(chains), _) => return Err(unfit(format!("others than of {chains} chains"))),
            (None, true) => return Err(unfit("chains without weights".to_owned())),
            (None, false) => {
                let weights = Weights::recycled(&weights).map_err(|refusal| {
                    Error::shape("kept draws", "generations alike", format!("{refusal:?}"))
                })?;
                Draws::cloud(positions, &weights)?
            }
        };
        let draws = draws.meant_for(self.drawn_from());
        Ok(self.with_draws(draws, INSTEAD))
    }
}

const INSTEAD: &str = "draws of a file that the run kept stand in place of its own";
