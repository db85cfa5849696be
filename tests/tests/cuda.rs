//! The same expression on a CUDA device as on the CPU; skipped aloud where there is no device.
#![cfg(feature = "cuda")]

use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::engine::{Bound, bind};
use smc_runtime::prelude::*;
use smc_runtime::problem::Segment;
use smc_runtime::problem::population::Population;

/// Both activations, classes, a hierarchy.
#[bayes_model]
#[likelihood(Categorical(logits = output))]
struct Classes {
    #[prior(Normal(0.0, tau))]
    hidden: Linear<7, 13>,
    tanh: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<13, 4>,
    #[prior(HalfNormal(1.0))]
    tau: Scale,
}

#[test]
fn cuda_agrees_with_the_cpu() {
    let mut stream = Streams::new(1).stream(Purpose::Simulate, 0, 0, 0);
    let features = (0..3000 * 7).map(|_| stream.normal() as f32).collect();
    let targets = (0..3000).map(|i| (i % 4) as f32).collect();
    let data = Dataset::new(7, features, targets).unwrap();
    let cuda = match bind(Classes::default(), &data, Engine::cuda(0), 1) {
        Ok(bound) => bound,
        Err(error) => {
            eprintln!("skipped: {error}");
            return;
        }
    };
    let cpu = bind(Classes::default(), &data, Engine::autodiff(), 1).unwrap();
    let mut thetas = Population::zeros(5, cpu.problem.dim());
    cpu.problem.prior().sample(Streams::new(2), 0, &mut thetas);
    let pass = |bound: &Bound<Classes>| {
        let segments = [Segment {
            rows: 0..3000,
            weight: 1.0,
        }];
        let mut gradient = Population::zeros(5, thetas.dim());
        let sums = bound
            .problem
            .log_likelihood(&thetas, &segments, Some(&mut gradient));
        (sums, gradient)
    };
    let ((on_cuda, gradient), (on_cpu, expected)) = (pass(&cuda), pass(&cpu));
    for p in 0..5 {
        let (a, b) = (on_cuda.of(p)[0], on_cpu.of(p)[0]);
        assert!((a - b).abs() <= 1e-4 * (1.0 + b.abs()), "{a} against {b}");
        let norm = |x: f64, y: f32| x + f64::from(y) * f64::from(y);
        let size = expected.row(p).iter().copied().fold(0.0, norm).sqrt();
        let apart = gradient
            .row(p)
            .iter()
            .zip(expected.row(p))
            .map(|(a, b)| a - b);
        assert!(apart.fold(0.0, norm).sqrt() <= 1e-3 * size);
    }
}
