//! The only room that knows threads. Work is cut into pieces whose number does not depend on how many threads there
//! are, and reductions run over them in order, so results do not either.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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
        let Some(pool) = &self.0 else {
            return work();
        };
        let (mut work, mut result) = (Some(work), None);
        install(pool, &mut || result = work.take().map(|work| work()));
        match result {
            Some(result) => result,
            // A pool either runs what it is given, once, or panics with it.
            None => unreachable!("work given to a pool of threads was not run"),
        }
    }
}

// Everything generic ends at the functions below, which take closures as trait objects: the machinery of a parallel loop is
// compiled once, and not again for every closure of every model.

fn install(pool: &rayon::ThreadPool, work: &mut (dyn FnMut() + Send)) {
    pool.install(work);
}

/// `work(i)` for every i below `n`, each a piece of its own, in parallel.
fn each(n: usize, work: &(dyn Fn(usize) + Sync)) {
    match n {
        0 => {}
        1 => work(0),
        _ => (0..n).into_par_iter().with_max_len(1).for_each(work),
    }
}

/// A place for one thing that one piece of work takes, or leaves.
struct Slot<T>(Mutex<Option<T>>);

impl<T> Slot<T> {
    fn empty() -> Self {
        Self(Mutex::new(None))
    }

    fn of(thing: T) -> Self {
        Self(Mutex::new(Some(thing)))
    }

    fn put(&self, thing: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(thing);
    }

    fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// `work(thing)` for each of `things`, in parallel.
fn for_each<T: Send>(things: impl Iterator<Item = T>, work: impl Fn(T) + Sync) {
    let slots: Vec<Slot<T>> = things.map(Slot::of).collect();
    each(slots.len(), &|i| {
        if let Some(thing) = slots[i].take() {
            work(thing);
        }
    });
}

/// `f(i)` for every i below `n`, in parallel; the results come in order.
pub fn map<R: Send>(n: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    map_pieces(n, 1, f)
}

/// The same in pieces of `size` successive numbers.
fn map_pieces<R: Send>(n: usize, size: usize, f: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let pieces = n.div_ceil(size);
    if pieces < 2 {
        return (0..n).map(f).collect();
    }
    let slots: Vec<Slot<Vec<R>>> = (0..pieces).map(|_| Slot::empty()).collect();
    each(pieces, &|piece| {
        let numbers = piece * size..n.min((piece + 1) * size);
        slots[piece].put(numbers.map(&f).collect());
    });
    slots.iter().filter_map(Slot::take).flatten().collect()
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
    let together = FORMULAS.div_ceil(width);
    let pieces = rows.chunks_mut(together * width);
    let slots: Vec<Slot<Vec<R>>> = (0..pieces.len()).map(|_| Slot::empty()).collect();
    for_each(pieces.enumerate(), |(piece, rows)| {
        let rows = rows.chunks_mut(width).enumerate();
        let results = rows.map(|(i, row)| f(piece * together + i, row));
        slots[piece].put(results.collect());
    });
    slots.iter().filter_map(Slot::take).flatten().collect()
}

/// `f(i, a_i, b_i)` for the consecutive pieces a_i of `a` and b_i of `b`, in parallel. Where `b` is empty, so is every b_i.
pub fn for_chunks<A: Send, B: Send>(
    a: &mut [A],
    a_size: usize,
    b: &mut [B],
    b_size: usize,
    f: impl Fn(usize, &mut [A], &mut [B]) + Sync + Send,
) {
    let mut rest = b.chunks_mut(b_size);
    let pieces = a.chunks_mut(a_size).enumerate();
    let pieces = pieces.map(|(i, a)| (i, a, rest.next().unwrap_or_default()));
    for_each(pieces, |(i, a, b)| f(i, a, b));
}

/// Numbers that a piece of element-wise work has at least: fewer cost less than handing them to another thread.
const GRAIN: usize = 1 << 15;

/// `f(i, row)` for every row of `width` numbers, where `f` does a few operations per number; in parallel if there are
/// many.
pub fn update_rows(rows: &mut [f32], width: usize, f: impl Fn(usize, &mut [f32]) + Sync + Send) {
    update_rows_of([rows], width, |i, [row]| f(i, row));
}

/// [`update_rows`] on the rows of several arrays of one size at once.
pub fn update_rows_of<const K: usize>(
    arrays: [&mut [f32]; K],
    width: usize,
    f: impl Fn(usize, [&mut [f32]; K]) + Sync + Send,
) {
    debug_assert!(width > 0);
    let together = GRAIN.div_ceil(width);
    let of_piece = |piece: usize, arrays: [&mut [f32]; K]| {
        let mut rows = arrays.map(|a| a.chunks_mut(width));
        let many = rows.first().map_or(0, ExactSizeIterator::len);
        for i in 0..many {
            f(
                piece * together + i,
                rows.each_mut().map(|r| r.next().unwrap_or_default()),
            );
        }
    };
    let numbers = arrays.first().map_or(0, |a| a.len());
    if numbers <= together * width {
        return of_piece(0, arrays);
    }
    let mut pieces = arrays.map(|a| a.chunks_mut(together * width));
    let many = numbers.div_ceil(together * width);
    let pieces = (0..many).map(|piece| {
        let arrays = pieces.each_mut().map(|p| p.next().unwrap_or_default());
        (piece, arrays)
    });
    for_each(pieces, |(piece, arrays)| of_piece(piece, arrays));
}

/// `f(i)` for every i below `n`, where `f` does a few operations on each of `width` numbers; the results come in order.
pub fn map_light<R: Send>(n: usize, width: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    map_pieces(n, GRAIN.div_ceil(width.max(1)), f)
}

/// Number of threads that parallel work here runs on.
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// Calls something again and again, on a thread of its own, until it is dropped.
pub(crate) struct Every {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Every {
    /// Calls `tick` after every `interval`; never on a machine that has no thread left.
    pub(crate) fn new(interval: Duration, mut tick: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let told = stop.clone();
        let run = move || {
            let (stopped, changed) = &*told;
            let mut next = Instant::now() + interval;
            let mut stopped = stopped.lock().unwrap_or_else(PoisonError::into_inner);
            while !*stopped {
                let left = next.saturating_duration_since(Instant::now());
                let waited = changed.wait_timeout(stopped, left);
                stopped = waited.unwrap_or_else(PoisonError::into_inner).0;
                if !*stopped && Instant::now() >= next {
                    tick();
                    next += interval;
                }
            }
        };
        let thread = std::thread::Builder::new().name("every".to_owned());
        Self {
            stop,
            thread: thread.spawn(run).ok(),
        }
    }
}

impl Drop for Every {
    fn drop(&mut self) {
        let (stopped, changed) = &*self.stop;
        *stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
