//! The only room that knows threads. Work is cut into pieces whose number does not depend on how many threads there
//! are, and reductions run over them in order, so results do not either.

use rayon::prelude::*;

use crate::base::error::{Error, Result};

/// Runs `work` with `threads` threads (all cores if `None`).
///
/// # Errors
/// If `threads` is zero, or the operating system gives none.
pub fn with_threads<R: Send>(threads: Option<usize>, work: impl FnOnce() -> R + Send) -> Result<R> {
    Ok(Threads::new(threads)?.run(work))
}

/// Threads to work with, kept from one piece of work to the next.
#[derive(Debug)]
pub struct Threads(Option<rayon::ThreadPool>);

impl Threads {
    /// `threads` threads, or all cores if `None`.
    ///
    /// # Errors
    /// If `threads` is zero, or the operating system gives none.
    pub fn new(threads: Option<usize>) -> Result<Self> {
        let Some(threads) = threads else {
            return Ok(Self(None));
        };
        if threads == 0 {
            return Err(Error::config("threads", 0, "at least one thread is needed"));
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|e| Error::config("threads", threads, e.to_string()))?;
        Ok(Self(Some(pool)))
    }

    /// Runs `work` with them.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.0 {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

/// `f(i)` for every i below `n`, in parallel; the results come in order.
pub fn map<R: Send>(n: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    (0..n).into_par_iter().with_max_len(1).map(f).collect()
}

/// Numbers that a piece has at least where the work on each is a formula.
const FORMULAS: usize = 1 << 12;

/// `f(i, row)` for every row of `width` numbers, where `f` evaluates a formula or so per number; in parallel if there are
/// many. The results come in order.
pub fn map_rows<R: Send>(
    rows: &mut [f32],
    width: usize,
    f: impl Fn(usize, &mut [f32]) -> R + Sync + Send,
) -> Vec<R> {
    debug_assert!(width > 0);
    rows.par_chunks_mut(width)
        .with_min_len(FORMULAS.div_ceil(width))
        .enumerate()
        .map(|(i, row)| f(i, row))
        .collect()
}

/// `f(i, a_i, b_i)` for the consecutive pieces a_i of `a` and b_i of `b`, in parallel. Where `b` is empty, so is every b_i.
pub fn for_chunks<A: Send, B: Send>(
    a: &mut [A],
    a_size: usize,
    b: &mut [B],
    b_size: usize,
    f: impl Fn(usize, &mut [A], &mut [B]) + Sync + Send,
) {
    let a = a.par_chunks_mut(a_size).enumerate().with_max_len(1);
    if b.is_empty() {
        a.for_each(|(i, a)| f(i, a, &mut []));
    } else {
        a.zip(b.par_chunks_mut(b_size))
            .for_each(|((i, a), b)| f(i, a, b));
    }
}

/// Numbers that a piece of element-wise work has at least: fewer cost less than handing them to another thread.
const GRAIN: usize = 1 << 15;

/// `f(i, row)` for every row of `width` numbers, where `f` does a few operations per number; in parallel if there are
/// many.
pub fn update_rows(rows: &mut [f32], width: usize, f: impl Fn(usize, &mut [f32]) + Sync + Send) {
    debug_assert!(width > 0);
    rows.par_chunks_mut(width)
        .with_min_len(GRAIN.div_ceil(width))
        .enumerate()
        .for_each(|(i, row)| f(i, row));
}

/// [`update_rows`] on the rows of three arrays at once.
pub fn update_rows_of_three(
    [a, b, c]: [&mut [f32]; 3],
    width: usize,
    f: impl Fn(usize, [&mut [f32]; 3]) + Sync + Send,
) {
    debug_assert!(width > 0);
    a.par_chunks_mut(width)
        .zip(b.par_chunks_mut(width))
        .zip(c.par_chunks_mut(width))
        .with_min_len(GRAIN.div_ceil(width))
        .enumerate()
        .for_each(|(i, ((a, b), c))| f(i, [a, b, c]));
}

/// [`update_rows`] on the rows of four arrays at once.
pub fn update_rows_of_four(
    [a, b, c, d]: [&mut [f32]; 4],
    width: usize,
    f: impl Fn(usize, [&mut [f32]; 4]) + Sync + Send,
) {
    debug_assert!(width > 0);
    a.par_chunks_mut(width)
        .zip(b.par_chunks_mut(width))
        .zip(c.par_chunks_mut(width))
        .zip(d.par_chunks_mut(width))
        .with_min_len(GRAIN.div_ceil(width))
        .enumerate()
        .for_each(|(i, (((a, b), c), d))| f(i, [a, b, c, d]));
}

/// `f(i)` for every i below `n`, where `f` does a few operations on each of `width` numbers; the results come in order.
pub fn map_light<R: Send>(n: usize, width: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    (0..n)
        .into_par_iter()
        .with_min_len(GRAIN.div_ceil(width.max(1)))
        .map(f)
        .collect()
}

/// Number of threads that parallel work here runs on.
pub fn threads() -> usize {
    rayon::current_num_threads()
}
