//! How fast is the one operation that everything is made of: the log-likelihood of many parameter vectors with its
//! gradient?

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use examples::cases::Case;
use examples::exit;
use gemm::Parallelism;
use serde_json::json;
use smc_runtime::base::exec;
use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::prelude::*;
use smc_runtime::problem::Segment;
use smc_runtime::problem::population::Population;

/// How fast is the one operation that everything is made of: the log-likelihood of many parameter vectors with its
/// gradient?
#[derive(Parser)]
struct Args {
    /// The shape.
    #[arg(long, value_enum, default_value = "big")]
    case: Case,
    /// Engine: fused, fused-avx512, fused-avx2, fused-portable, mixed, autodiff or cuda.
    #[arg(long, default_value = "fused")]
    engine: String,
    /// Number of threads; all cores unless given.
    #[arg(long)]
    threads: Option<usize>,
    /// Seconds to measure for.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// So many passes after the first and nothing else, for a profiler.
    #[arg(long)]
    passes: Option<usize>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    exit(exec::with_threads(args.threads, || run(&args)).and_then(|done| done))
}

/// Passes between two measurements of the products alone, which leave nothing of a pass in the caches.
const BLOCK: usize = 8;

fn run(args: &Args) -> Result<()> {
    let case = args.case;
    let (particles, n, sizes) = (case.particles(), case.rows(), case.sizes());
    let problem = case.bind(args.engine.parse()?)?;
    let thetas = case.thetas(&*problem);
    // The gradient is added to what is there: a sampler's begins with the prior's.
    let mut gradient = Population::zeros(particles, problem.dim());
    let segments = [Segment {
        rows: 0..n,
        weight: 1.0,
    }];
    let mut pass = || {
        problem
            .log_likelihood(&thetas, &segments, Some(&mut gradient))
            .each()
            .len()
    };
    if let Some(passes) = args.passes {
        (0..=passes).for_each(|_| {
            pass();
        });
        return Ok(());
    }
    let mut floor = Floor::new(particles, n, sizes);
    let (mut passes, mut floors) = (Vec::new(), Vec::new());
    pass();
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < args.seconds || passes.len() < BLOCK {
        passes.extend((0..BLOCK).map(|_| time(&mut pass)));
        floor.pass();
        floors.push(time(|| floor.pass()));
    }
    let (ms, ms_min) = (median(&mut passes), passes[0]);
    let flops: usize = sizes
        .windows(2)
        .enumerate()
        .map(|(i, s)| (if i == 0 { 4 } else { 6 }) * s[0] * s[1])
        .sum();
    let gflops = (flops * particles * n) as f64 / ms / 1e6;
    let gemm_floor_ms = median(&mut floors);
    let case = case.name();
    let threads = exec::threads();
    eprintln!(
        "{case}: {} with {threads} threads, {ms:.2} ms (least {ms_min:.2}), {gflops:.0} GF/s, products alone {gemm_floor_ms:.2} ms",
        problem.engine().name
    );
    if args.json {
        println!(
            "{}",
            json!({ "case": case, "engine": args.engine, "threads": threads, "ms": ms, "ms_min": ms_min, "gflops": gflops, "gemm_floor_ms": gemm_floor_ms })
        );
    }
    Ok(())
}

fn time<R>(mut f: impl FnMut() -> R) -> f64 {
    let start = Instant::now();
    std::hint::black_box(f());
    1e3 * start.elapsed().as_secs_f64()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Every matrix product of a pass alone, per particle, without sharing the features.
struct Floor {
    n: usize,
    sizes: Vec<usize>,
    particles: usize,
    /// Activations and their derivatives; features are stored one after the other.
    activations: Vec<Vec<f32>>,
    weights: Vec<Vec<f32>>,
}

impl Floor {
    fn new(particles: usize, n: usize, sizes: &[usize]) -> Self {
        let mut stream = Streams::new(3).stream(Purpose::Simulate, 0, 0, 0);
        let mut fill = |len: usize| {
            let mut v = vec![0.0; len];
            stream.fill_normal(&mut v);
            v
        };
        Self {
            n,
            sizes: sizes.to_vec(),
            particles,
            activations: sizes.iter().map(|s| fill(s * n)).collect(),
            weights: sizes.windows(2).map(|s| fill(s[0] * s[1])).collect(),
        }
    }

    fn pass(&mut self) -> usize {
        // With one particle the rows are shared out instead, as an engine would.
        let parts = if self.particles == 1 { 8 } else { 1 };
        exec::map(self.particles * parts, |task| {
            let (from, to) = (
                self.n * (task % parts) / parts,
                self.n * (task % parts + 1) / parts,
            );
            let (n, rows) = (self.n, to - from);
            for (l, s) in self.sizes.windows(2).enumerate() {
                let (i, o) = (s[0], s[1]);
                let (x, d) = (
                    &self.activations[l][from..],
                    &self.activations[l + 1][from..],
                );
                let mut out = vec![0.0f32; o * rows];
                product([o, rows, i], &mut out, &self.weights[l], [i, 1], x, [n, 1]);
                let mut g = vec![0.0f32; o * i];
                product([o, i, rows], &mut g, d, [n, 1], x, [1, n]);
                if l > 0 {
                    let mut dx = vec![0.0f32; i * rows];
                    product([i, rows, o], &mut dx, &self.weights[l], [1, i], d, [n, 1]);
                }
            }
        })
        .len()
    }
}

/// c (m × n, row-major) = a (m × k) · b (k × n); strides are \[row, column\].
fn product(
    [m, n, k]: [usize; 3],
    c: &mut [f32],
    a: &[f32],
    [ar, ac]: [usize; 2],
    b: &[f32],
    [br, bc]: [usize; 2],
) {
    assert!(
        (m - 1) * ar + (k - 1) * ac < a.len()
            && (k - 1) * br + (n - 1) * bc < b.len()
            && m * n <= c.len()
    );
    // SAFETY: the assertion shows that every element of the three matrices lies inside its slice.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            false,
            a.as_ptr(),
            ac as isize,
            ar as isize,
            b.as_ptr(),
            bc as isize,
            br as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
