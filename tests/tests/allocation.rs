//! A pass of the fused engine allocates its results and no more: its working memory is kept from call to call.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::Range;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use smc_runtime::base::exec;
use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::engine::bind;
use smc_runtime::prelude::*;
use smc_runtime::problem::Segment;
use smc_runtime::problem::population::Population;

/// The system's allocator, which also adds up what is asked for.
struct Counting;

static BYTES: AtomicU64 = AtomicU64::new(0);

// SAFETY: every method does what the system's allocator does.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        BYTES.fetch_add(size as u64, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a call may allocate: 16 bytes of results for each particle, four times over, and what sharing out work takes.
/// It depends neither on the rows nor on the sizes of the network.
fn allowed(particles: usize) -> u64 {
    64 * particles as u64 + 2048
}

/// Images into classes.
#[bayes_model]
#[likelihood(Categorical(logits = output))]
struct Big {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<784, 100>,
    tanh: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<100, 10>,
}

/// A small regression.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Small {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<13, 50>,
    tanh: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<50, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// Counts, by a formula rather than a kernel of their own.
#[bayes_model]
#[likelihood(NegativeBinomial(log_mean = output * 0.5, dispersion = shape))]
struct Counts {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<13, 50>,
    tanh: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<50, 1>,
    #[prior(HalfNormal(1.0))]
    shape: Scale,
}

fn data(columns: usize, rows: usize) -> Dataset {
    let mut stream = Streams::new(1).stream(Purpose::Simulate, 0, 0, 0);
    let features = (0..rows * columns).map(|_| stream.normal() as f32);
    let targets = (0..rows).map(|i| (i % 10) as f32).collect();
    Dataset::new(columns, features.collect(), targets).unwrap()
}

fn segments(rows: Range<usize>) -> [Segment; 2] {
    let middle = rows.start + rows.len() * 2 / 3;
    [(rows.start..middle, 1.0), (middle..rows.end, 0.5)]
        .map(|(rows, weight)| Segment { rows, weight })
}

/// Bytes that each of 50 calls allocates, once every thread has made its working memory.
fn per_call<M: Model + Default>(
    columns: usize,
    rows: usize,
    particles: usize,
    threads: usize,
    with_gradient: bool,
) -> Vec<u64> {
    let data = data(columns, rows);
    exec::with_threads(Some(threads), || {
        let bound = bind(M::default(), &data, Engine::fused(), 1).unwrap();
        let problem = &*bound.problem;
        let mut thetas = Population::zeros(particles, problem.dim());
        problem.prior().sample(Streams::new(1), 0, &mut thetas);
        let mut gradient = thetas.clone();
        let segments = segments(0..rows);
        let mut call = || {
            let gradient = with_gradient.then_some(&mut gradient);
            let before = BYTES.load(Ordering::Relaxed);
            problem.log_likelihood(&thetas, &segments, gradient);
            BYTES.load(Ordering::Relaxed) - before
        };
        // Each thread starts a call of its own at the same time, and does at least the first piece of it.
        let together = Barrier::new(threads);
        for _ in 0..2 {
            exec::map(threads, |_| {
                together.wait();
                let mut own = thetas.clone();
                let gradient = with_gradient.then_some(&mut own);
                problem.log_likelihood(&thetas, &segments, gradient);
            });
        }
        for _ in 0..5 {
            call();
        }
        (0..50).map(|_| call()).collect()
    })
    .unwrap()
}

/// One test: what another allocates at the same time would be counted too.
#[test]
fn a_pass_allocates_its_results_and_no_more() {
    fn check<M: Model + Default>(columns: usize, rows: usize, particles: usize) {
        for threads in [1, 2] {
            for with_gradient in [false, true] {
                let bytes = per_call::<M>(columns, rows, particles, threads, with_gradient);
                let most = bytes.iter().max().copied().unwrap_or_default();
                let what = format!(
                    "{columns} columns, {rows} rows, {particles} particles, {threads} threads, gradient {with_gradient}"
                );
                println!(
                    "{what}: at most {most} bytes, allowed {}",
                    allowed(particles)
                );
                assert!(most <= allowed(particles), "{what}: {bytes:?}");
                // No call leaves something for later ones to take up.
                let [early, late] = [&bytes[..25], &bytes[25..]].map(|b| b.iter().sum::<u64>());
                assert!(late <= early + 2048, "{what}: {bytes:?}");
            }
        }
    }
    assert!(BYTES.load(Ordering::Relaxed) > 0, "allocations are counted");
    check::<Big>(784, 200, 8);
    check::<Big>(784, 1100, 1);
    check::<Small>(13, 500, 100);
    check::<Small>(13, 1500, 40);
    check::<Counts>(13, 1500, 40);
    // Few particles: the rows are shared out.
    check::<Small>(13, 5000, 1);
    check::<Small>(13, 5000, 3);
}
