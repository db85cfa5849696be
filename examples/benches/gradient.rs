//! The log-likelihood of every particle with its gradient, case by case: what almost all of a run is spent on.

use divan::Bencher;
use examples::cases::Case;
use smc_runtime::engine::Engine;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Problem, Segment};

fn main() {
    divan::main();
}

#[divan::bench(args = Case::ALL, sample_count = 20, sample_size = 1, max_time = 5)]
fn fused(bencher: Bencher, case: Case) {
    let problem = case.bind(Engine::fused()).expect("a fused form");
    pass(bencher, case, &*problem);
}

#[divan::bench(args = [Case::Small, Case::Tiny], sample_count = 20, sample_size = 1, max_time = 5)]
fn autodiff(bencher: Bencher, case: Case) {
    let problem = case.bind(Engine::autodiff()).expect("an expression");
    pass(bencher, case, &*problem);
}

fn pass(bencher: Bencher, case: Case, problem: &dyn Problem) {
    let thetas = case.thetas(problem);
    let mut gradient = Population::zeros(thetas.len(), thetas.dim());
    let segments = [Segment {
        rows: 0..problem.rows(),
        weight: 1.0,
    }];
    bencher.bench_local(|| problem.log_likelihood(&thetas, &segments, Some(&mut gradient)));
}
