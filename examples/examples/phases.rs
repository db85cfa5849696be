//! What does a move cost beside the gradient, and how much memory does it take?

use std::alloc::{GlobalAlloc, Layout as Block, System};
use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use clap::Parser;
use examples::cases::Case;
use examples::{Flags, exit};
use serde_json::json;
use smc_runtime::base::exec;
use smc_runtime::base::rng::Streams;
use smc_runtime::prelude::*;
use smc_runtime::problem::density::Density;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Counts, Predictor, Problem, RowSampled, Segment, Sums};
use smc_runtime::sampling::cloud::{Cloud, Target};
use smc_runtime::sampling::kernel::{At, Kernel};
use smc_runtime::sampling::stage::Stage;

/// What does a move cost beside the gradient, and how much memory does it take?
#[derive(Parser)]
struct Args {
    /// The shape.
    #[arg(long, value_enum, default_value = "big")]
    case: Case,
    /// Leapfrog steps per move.
    #[arg(long, default_value_t = 20)]
    leapfrogs: usize,
    /// Moves to measure.
    #[arg(long, default_value_t = 10)]
    moves: usize,
    #[command(flatten)]
    flags: Flags,
}

fn main() -> ExitCode {
    let args = Args::parse();
    exit(exec::with_threads(args.flags.threads, || run(&args)).and_then(|done| done))
}

fn run(args: &Args) -> Result<()> {
    let case = args.flags.size(args.case, Case::Tiny);
    let bound = case.bind(args.flags.engine)?;
    let problem = Timed::new(&*bound);
    let (particles, dim) = (case.particles(), problem.dim());
    let stage = Stage::of(0..problem.rows());
    let target = Target::new(&problem, &stage);
    // Small steps are accepted as in a run; what a move costs does not depend on them.
    let kernel = Hmc::leapfrogs(args.leapfrogs);
    let tuning = kernel.start(dim).at(1e-4);
    let move_once = |cloud: &mut Cloud, draw: usize| {
        let at = At {
            streams: Streams::new(args.flags.seed),
            stage: 1,
            draw,
        };
        kernel.step(&tuning, &target, cloud, at)
    };

    // What is live here is the model and its data; what the engine keeps after a first move is its own.
    let data = LIVE.load(Relaxed);
    PEAK.store(data, Relaxed);
    let start = || {
        let positions = case.thetas(&problem);
        Cloud::at(&target, positions)
    };
    move_once(&mut start(), 0);
    let kept = LIVE.load(Relaxed);
    let mut cloud = start();
    // The first move also computes the gradient that the others begin with.
    move_once(&mut cloud, 0);

    let (mut acceptance, mut times) = (0.0, [(); 4].map(|()| Vec::new()));
    let moves = args.flags.size(args.moves, 1).max(1);
    for draw in 1..=moves {
        problem.reset();
        let begin = Instant::now();
        acceptance += move_once(&mut cloud, draw).mean_acceptance() / moves as f64;
        let whole = 1e3 * begin.elapsed().as_secs_f64();
        let (likelihood, prior) = (problem.likelihood.ms(), problem.prior.clock.ms());
        let own = 1.0 - likelihood / whole;
        for (times, time) in times.iter_mut().zip([whole, likelihood, prior, own]) {
            times.push(time);
        }
    }
    let [move_ms, gradient_ms, prior_ms, own_share] = times.map(median);
    let in_vectors = |bytes: usize| bytes as f64 / (particles * 4 * dim) as f64;
    let vectors = in_vectors(PEAK.load(Relaxed) - data);
    let own_vectors = in_vectors(problem.held.load(Relaxed) - kept);
    let peak_rss_mb = peak_rss_mb();

    let (case, threads) = (case.name(), exec::threads());
    eprintln!(
        "{case}: {} with {threads} threads, {} leapfrog steps: {move_ms:.2} ms a move, {gradient_ms:.2} of it in the likelihood \
         and {prior_ms:.2} in the prior; own share {:.1} %, acceptance {acceptance:.2}, {vectors:.2} vectors per particle, {own_vectors:.2} without the engine's",
        problem.engine(),
        args.leapfrogs,
        100.0 * own_share,
    );
    args.flags.print(&json!({
        "case": case, "threads": threads, "leapfrogs": args.leapfrogs, "move_ms": move_ms, "gradient_ms": gradient_ms,
        "prior_ms": prior_ms, "own_share": own_share, "bytes_per_particle_over_4d": vectors, "own_bytes_per_particle_over_4d": own_vectors, "peak_rss_mb": peak_rss_mb,
    }));
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The most memory that was ever resident, in MB, where the system tells.
fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// Time added up, in nanoseconds.
#[derive(Default)]
struct Clock(AtomicU64);

impl Clock {
    fn time<R>(&self, work: impl FnOnce() -> R) -> R {
        let begin = Instant::now();
        let out = work();
        self.0.fetch_add(begin.elapsed().as_nanos() as u64, Relaxed);
        out
    }

    fn ms(&self) -> f64 {
        1e-6 * self.0.load(Relaxed) as f64
    }
}

/// A problem that notes how long its likelihood and its prior take, and the most that others held when it was called.
struct Timed<'a> {
    problem: &'a dyn Problem,
    likelihood: Clock,
    prior: TimedPrior<'a>,
    held: AtomicUsize,
}

/// A problem's prior that notes how long its density takes.
struct TimedPrior<'a> {
    inside: &'a dyn Density,
    clock: Clock,
}

impl fmt::Debug for TimedPrior<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, timed", self.inside)
    }
}

impl Density for TimedPrior<'_> {
    fn dim(&self) -> usize {
        self.inside.dim()
    }

    fn sample(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        self.inside.sample(streams, draw, thetas);
    }

    fn log_density(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        self.clock
            .time(|| self.inside.log_density(thetas, gradient))
    }
}

impl<'a> Timed<'a> {
    fn new(problem: &'a dyn Problem) -> Self {
        Self {
            problem,
            likelihood: Clock::default(),
            prior: TimedPrior {
                inside: problem.prior(),
                clock: Clock::default(),
            },
            held: AtomicUsize::new(0),
        }
    }

    fn reset(&self) {
        self.likelihood.0.store(0, Relaxed);
        self.prior.clock.0.store(0, Relaxed);
        self.held.store(0, Relaxed);
    }
}

impl Problem for Timed<'_> {
    fn predictor(&self) -> Arc<dyn Predictor> {
        self.problem.predictor()
    }

    fn model(&self) -> &dyn Predictor {
        self.problem.model()
    }

    fn order(&self) -> &[usize] {
        self.problem.order()
    }

    fn counts(&self) -> Counts {
        self.problem.counts()
    }

    fn prior(&self) -> &dyn Density {
        &self.prior
    }

    fn log_likelihood(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Sums {
        self.held.fetch_max(LIVE.load(Relaxed), Relaxed);
        self.likelihood
            .time(|| self.problem.log_likelihood(thetas, segments, gradient))
    }

    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64> {
        self.problem.row_log_likelihoods(thetas)
    }

    fn row_sampled(&self) -> Result<&dyn RowSampled> {
        self.problem.row_sampled()
    }
}

/// Bytes that are allocated now, and the most that ever were.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, which counts.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every request goes unchanged to the system's allocator.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, block: Block) -> *mut u8 {
        grown(block);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(block) }
    }

    unsafe fn alloc_zeroed(&self, block: Block) -> *mut u8 {
        grown(block);
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(block) }
    }

    unsafe fn dealloc(&self, start: *mut u8, block: Block) {
        LIVE.fetch_sub(block.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(start, block) }
    }
}

fn grown(block: Block) {
    let live = LIVE.fetch_add(block.size(), Relaxed) + block.size();
    PEAK.fetch_max(live, Relaxed);
}
