//! The same expression on a CUDA device as on the CPU; skipped aloud where there is no device.
//!
//! With `SMC_CUDA_FAKE=1` numbers are not compared: for a device that computes nothing, which shows that everything gets to
//! its end (docs/cuda.md).
#![cfg(feature = "cuda")]

use std::sync::Arc;

use cudarc::driver::result::mem_get_info;
use laws::conjugate::{NOISE, data as line_data, exact};
use laws::{normals, table};
use smc_runtime::base::rng::Streams;
use smc_runtime::engine::bind;
use smc_runtime::layers::*;
use smc_runtime::model::dist::Likelihood;
use smc_runtime::model::prior::Priors;
use smc_runtime::model::{FieldSpec, Views, nn};
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Problem, Segment, Sums};

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

/// A layer without a bias, a noise of its own, an offset.
#[bayes_model]
#[likelihood(Normal(mean = output + offset, sd = noise))]
struct Numbers {
    hidden: LinearNoBias<7, 20>,
    relu: Relu,
    middle: Linear<20, 12>,
    silu: Silu,
    output: Linear<12, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// A normalising constant of the target, and one that dfdx has no operation for.
#[bayes_model]
#[likelihood(NegativeBinomial(log_mean = output * 0.1, dispersion = spread))]
struct Counts {
    output: Linear<7, 1>,
    #[prior(HalfNormal(1.0))]
    spread: Scale,
}

/// By hand: features that go into two terms.
#[derive(Clone, Debug, Default)]
struct Residual {
    hidden: nn::Linear<7, 7>,
    tanh: nn::Tanh,
    output: nn::Linear<7, 1>,
}

impl Model for Residual {
    type Draw<'a> = Views<'a>;

    fn name(&self) -> &'static str {
        "Residual"
    }

    fn fields(&self) -> Vec<FieldSpec> {
        vec![
            FieldSpec::of("hidden", "Linear", &self.hidden),
            FieldSpec::of("tanh", "Tanh", &self.tanh),
            FieldSpec::of("output", "Linear", &self.output),
        ]
    }

    fn priors(&self, priors: &mut Priors<'_>) {
        for layer in ["hidden", "output"] {
            priors.of(layer, &[], |_| Normal(0.0.into(), 1.0.into()));
        }
    }

    fn likelihood(&self) -> impl Likelihood + use<> {
        StudentT::default()
            .df(4.0)
            .mean(self.term("output"))
            .scale(0.5)
    }

    fn draw<'a>(&self, blocks: Views<'a>) -> Self::Draw<'a> {
        blocks
    }

    fn output<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        p: &Params<E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let inner = Network::new(p, x.clone())
            .then(0, &self.hidden)
            .then(1, &self.tanh);
        let sum = inner.output() + x;
        Network::new(p, sum).then(2, &self.output).output()
    }
}

/// Whether the device computes.
fn computes() -> bool {
    let fake = std::env::var_os("SMC_CUDA_FAKE").is_some();
    if fake {
        eprintln!("the device computes nothing: numbers are not compared");
    }
    !fake
}

/// The model on the device, unless there is none.
fn on_cuda<M: Model>(model: M, data: &Dataset) -> Option<Arc<dyn Problem>> {
    match bind(model, data, Engine::cuda(0), 1) {
        Ok(bound) => Some(bound.problem),
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

fn rows(n: usize, targets: impl Fn(usize) -> f32) -> Dataset {
    let data = table(n, 7, 1, |i, _| targets(i));
    let weights = (0..n).map(|i| (i % 4) as f32 / 2.0).collect();
    data.with_weights(weights).unwrap()
}

/// Holds the device to the CPU's automatic differentiation: sums, gradients, densities of rows, arguments of predictions, for one
/// particle and for several, at all rows and at some.
fn agrees<M: Model>(model: &M, data: &Dataset) {
    let Some(cuda) = on_cuda(model.clone(), data) else {
        return;
    };
    let cpu = bind(model.clone(), data, Engine::autodiff(), 1).unwrap();
    let cpu = cpu.problem;
    let (n, compare) = (data.rows(), computes());
    let whole = [Segment {
        rows: 0..n,
        weight: 1.0,
    }];
    let parts = [(3..n / 2, 1.0), (n / 2..n, 0.25), (0..3, 0.0)]
        .map(|(rows, weight)| Segment { rows, weight });
    for particles in [1, 5] {
        let mut thetas = Population::zeros(particles, cpu.dim());
        cpu.prior().sample(Streams::new(2), 0, &mut thetas);
        for segments in [&whole[..], &parts[..], &whole[..]] {
            let (on_cuda, on_cpu) = (
                pass(&*cuda, &thetas, segments),
                pass(&*cpu, &thetas, segments),
            );
            if compare {
                sums_and_gradients(&on_cuda, &on_cpu, particles);
            }
        }
        let (on_cuda, on_cpu) = (
            cuda.row_log_likelihoods(&thetas),
            cpu.row_log_likelihoods(&thetas),
        );
        assert_eq!(on_cuda.len(), on_cpu.len());
        if compare {
            all_close(&on_cuda, &on_cpu);
        }
        let features = data.inputs();
        let on_cuda = cuda.predictor().arguments(&thetas, features).unwrap();
        let on_cpu = cpu.predictor().arguments(&thetas, features).unwrap();
        if compare {
            all_close(&on_cuda.values, &on_cpu.values);
        }
        let priors = [&cuda, &cpu].map(|on| on.prior().log_density(&thetas, None));
        assert_eq!(priors[0], priors[1]);
    }
}

fn pass(problem: &dyn Problem, thetas: &Population, segments: &[Segment]) -> (Sums, Population) {
    let mut gradient = Population::zeros(thetas.len(), thetas.dim());
    let sums = problem.log_likelihood(thetas, segments, Some(&mut gradient));
    (sums, gradient)
}

fn all_close(a: &[f64], b: &[f64]) {
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= 1e-4 * (1.0 + b.abs()), "{a} against {b}");
    }
}

fn sums_and_gradients(on_cuda: &(Sums, Population), on_cpu: &(Sums, Population), particles: usize) {
    for p in 0..particles {
        all_close(on_cuda.0.of(p), on_cpu.0.of(p));
        let norm = |x: f64, y: f32| x + f64::from(y) * f64::from(y);
        let (found, expected) = (on_cuda.1.row(p), on_cpu.1.row(p));
        let size = expected.iter().copied().fold(0.0, norm).sqrt();
        let apart = found.iter().zip(expected).map(|(a, b)| a - b);
        assert!(apart.fold(0.0, norm).sqrt() <= 1e-3 * size);
    }
}

#[test]
fn classes_agree_with_the_cpu() {
    agrees(&Classes::default(), &rows(3000, |i| (i % 4) as f32));
}

#[test]
fn numbers_agree_with_the_cpu() {
    let data = rows(3000, |i| (i % 7) as f32 / 3.0);
    let data = data.with_offset(normals(3000, 4)).unwrap();
    agrees(&Numbers::default(), &data);
}

#[test]
fn counts_agree_with_the_cpu() {
    agrees(&Counts::default(), &rows(700, |i| (i % 5) as f32));
}

#[test]
fn a_network_by_hand_agrees_with_the_cpu() {
    agrees(&Residual::default(), &rows(700, |i| (i % 5) as f32));
}

/// y ~ N(W x + b, [`NOISE`]).
#[bayes_model]
#[likelihood(Normal(mean = layer, sd = self::NOISE))]
struct Line {
    #[prior(Normal(0.0, 1.0))]
    layer: Linear<2, 1>,
}

#[test]
fn samplers_find_the_exact_posterior() {
    let data = line_data::<2>(60, 3);
    if on_cuda(Line::default(), &data).is_none() {
        return;
    }
    let compare = computes();
    let exact = exact(&data);
    let run = |run: Run<'_, Line>| run.engine(Engine::cuda(0)).seed(5).run().unwrap();
    let smc = smc().particles(256).annealing(Tempering::default());
    let by_smc = run(Line::infer(&data).with(smc));
    let by_mcmc = run(Line::infer(&data).with(mcmc().chains(8).warmup(100).draws(200)));
    for posterior in [&by_smc, &by_mcmc] {
        let prediction = posterior.predict(data.inputs()).unwrap();
        assert_eq!(prediction.mean().len(), 60);
        for (d, (mean, sd)) in exact.mean.iter().zip(exact.sd()).enumerate() {
            let draws = posterior.weights().into_iter().enumerate();
            let found: f64 = draws
                .map(|(i, w)| w * f64::from(posterior.positions().row(i)[d]))
                .sum();
            // 256 particles, or 1600 draws that depend on each other: four standard errors of a hundred.
            if compare {
                assert!((found - mean).abs() <= 0.4 * sd, "{found}, exactly {mean}");
            }
        }
    }
    let evidence = by_smc.log_evidence().unwrap();
    if compare {
        assert!((evidence - exact.log_evidence).abs() <= 0.5, "{evidence}");
    }
}

#[test]
fn memory_does_not_grow_over_a_thousand_calls() {
    let data = rows(512, |i| (i % 4) as f32);
    let Some(problem) = on_cuda(Classes::default(), &data) else {
        return;
    };
    let thetas = Population::zeros(8, problem.dim());
    let free = || mem_get_info().unwrap().0;
    let call = |n: usize| {
        // Sizes change all the time, as with data annealing.
        let rows = 64 + (n * 37) % 448;
        let segments = [Segment {
            rows: 0..rows,
            weight: 1.0,
        }];
        pass(&*problem, &thetas, &segments);
    };
    (0..100).for_each(call);
    let before = free();
    (0..1000).for_each(call);
    let after = free();
    assert!(
        before.saturating_sub(after) <= 4 << 20,
        "{before} bytes were free before a thousand calls, {after} after"
    );
}

#[test]
fn a_device_that_is_not_there_is_an_error() {
    let data = rows(20, |i| (i % 4) as f32);
    let error = bind(Classes::default(), &data, Engine::cuda(77), 1).err();
    let error = error.expect("nobody has 78 devices").to_string();
    let named = ["`cuda`", "device 77", "CUDA_ERROR"].map(|part| error.contains(part));
    assert_eq!(named, [true; 3], "{error}");
}
