//! How do I write a layer with parameters? A convolution over a sequence and a recurrent cell, each a formula without gradient
//! code, in a network that learns from sequences what a row's numbers apart do not tell.

use std::process::ExitCode;

use clap::Parser;
use examples::{Flags, exit};
use serde_json::json;
use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::layers::*;
use smc_runtime::prelude::*;

/// Steps of a sequence, each one number.
const STEPS: usize = 12;

/// A convolution over T steps of C features with a kernel of K steps: T − K + 1 steps of O features,
/// y\[t\] = b + Σ_k W\[k\] x\[t + k\].
#[derive(Clone, Copy, Debug, Default)]
pub struct Convolution<const T: usize, const C: usize, const K: usize, const O: usize>;

impl<const T: usize, const C: usize, const K: usize, const O: usize> Convolution<T, C, K, O> {
    const GIVEN: usize = T - K + 1;
}

impl<const S: usize, const C: usize, const K: usize, const O: usize> Field
    for Convolution<S, C, K, O>
{
    const RULE: Rule = Rule::Shaped {
        takes: Shape::Sequence {
            steps: S,
            features: C,
        },
        gives: Shape::Sequence {
            steps: Self::GIVEN,
            features: O,
        },
    };
    const SUPPORT: Option<Support> = Some(Support::Real);
    const PARTS: &'static [Part] = &[Part::weight("kernel"), Part::bias("bias")];

    type View<'a> = BlockSlices<'a>;

    fn blocks(&self) -> Vec<BlockSpec> {
        let block = |part: &Part, shape| BlockSpec {
            name: part.name,
            role: part.role,
            shape,
            support: Support::Real,
            fan_in: K * C,
        };
        let shapes = [vec![K, O, C], vec![O]];
        let parts = Self::PARTS.iter().zip(shapes);
        parts.map(|(part, shape)| block(part, shape)).collect()
    }

    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        parameters: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let &(particles, rows, _) = x.shape();
        let all = (particles, rows * Self::GIVEN, O);
        let kernel = parameters.block(0).reshape_like(&(particles, 1, K * O * C));
        let mut y = parameters.block(1).broadcast_like::<_, Axis<1>>(&all);
        for k in 0..K {
            // What step k of the kernel meets, every place a row of its own.
            let met = columns(&x, k * C..(k + Self::GIVEN) * C).reshape_like(&(all.0, all.1, C));
            let weight = columns(&kernel, k * O * C..(k + 1) * O * C);
            let weight = weight.reshape_like(&(particles, O, C));
            y = y + met.matmul(weight.permute::<_, Axes3<0, 2, 1>>());
        }
        y.reshape_like(&(particles, rows, Self::GIVEN * O))
    }
}

/// A recurrent cell over T steps of C features: h\[t\] = tanh(W x\[t\] + U h\[t − 1\] + b) with h\[−1\] = 0, of which the last is given
/// (Elman, 1990).
#[derive(Clone, Copy, Debug, Default)]
pub struct Recurrent<const T: usize, const C: usize, const H: usize>;

impl<const S: usize, const C: usize, const H: usize> Field for Recurrent<S, C, H> {
    const RULE: Rule = Rule::Shaped {
        takes: Shape::Sequence {
            steps: S,
            features: C,
        },
        gives: Shape::Features(H),
    };
    const SUPPORT: Option<Support> = Some(Support::Real);
    const PARTS: &'static [Part] = &[
        Part::weight("input"),
        Part::weight("memory"),
        Part::bias("bias"),
    ];

    type View<'a> = BlockSlices<'a>;

    fn blocks(&self) -> Vec<BlockSpec> {
        let shapes = [(vec![H, C], C), (vec![H, H], H), (vec![H], C)];
        let parts = Self::PARTS.iter().zip(shapes);
        parts
            .map(|(part, (shape, fan_in))| BlockSpec {
                name: part.name,
                role: part.role,
                shape,
                support: Support::Real,
                fan_in,
            })
            .collect()
    }

    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        parameters: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let &(particles, rows, _) = x.shape();
        let matrix = |block: usize, inputs: usize| {
            let weight = parameters.block(block);
            let weight = weight.reshape_like(&(particles, H, inputs));
            weight.permute::<(usize, usize, usize), Axes3<0, 2, 1>>()
        };
        let (input, memory) = (matrix(0, C), matrix(1, H));
        let bias = parameters.block(2);
        let mut state: Option<Act<E, D, T>> = None;
        for step in 0..S {
            let now = columns(&x, step * C..(step + 1) * C).matmul(input.clone());
            let bias = bias.clone();
            let mut next = now + bias.broadcast_like::<_, Axis<1>>(&(particles, rows, H));
            if let Some(state) = state {
                next = next + state.matmul(memory.clone());
            }
            state = Some(next.tanh());
        }
        state.unwrap_or(x)
    }
}

/// How rough a sequence is: a sum over places of what two neighbours make together.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(smc(particles = 64))]
pub struct Roughness {
    #[prior(Normal(0.0, 1.0))]
    neighbours: Convolution<STEPS, 1, 2, 3>,
    activation: Softplus,
    #[prior(Normal(0.0, 0.2))]
    output: Linear<33, 1>,
    #[prior(HalfNormal(0.5))]
    noise: Scale,
}

/// What a leaky memory holds in the end.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(smc(particles = 64))]
pub struct Memory {
    #[prior(Normal(0.0, 0.7))]
    cell: Recurrent<STEPS, 1, 3>,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<3, 1>,
    #[prior(HalfNormal(0.5))]
    noise: Scale,
}

fn main() -> ExitCode {
    exit(run(&Flags::parse()))
}

/// Sequences of standard normal numbers with what `of` makes of each, and a little noise.
fn sequences(n: usize, seed: u64, of: impl Fn(&[f32]) -> f32) -> Result<Dataset> {
    let mut stream = Streams::new(seed).stream(Purpose::Simulate, 0, 0, 0);
    let x = stream.normals(n * STEPS);
    let y = x
        .chunks(STEPS)
        .map(|x| of(x) + 0.1 * stream.normal() as f32)
        .collect();
    Dataset::new(STEPS, x, y)
}

fn roughness(x: &[f32]) -> f32 {
    x.windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .sum::<f32>()
        / (STEPS - 1) as f32
}

fn memory(x: &[f32]) -> f32 {
    x.iter()
        .fold(0.0, |held: f32, x| (0.8 * held + 0.5 * x).tanh())
}

/// Root-mean-square error on new sequences, and that of the training targets' mean.
fn errors(
    posterior: &Posterior<impl Model>,
    train: &Dataset,
    test: &Dataset,
) -> Result<(f64, f64)> {
    let mean = |y: &[f32]| y.iter().map(|&y| f64::from(y)).sum::<f64>() / y.len() as f64;
    let constant = mean(train.targets());
    let squares = test
        .targets()
        .iter()
        .map(|&y| (f64::from(y) - constant).powi(2));
    let baseline = (squares.sum::<f64>() / test.rows() as f64).sqrt();
    let rmse = posterior.predict(test)?.summary().rmse;
    Ok((rmse.unwrap_or(f64::NAN), baseline))
}

fn learn<M: Model>(
    flags: &Flags,
    name: &str,
    run: impl for<'a> Fn(&'a Dataset) -> Run<'a, M>,
    of: fn(&[f32]) -> f32,
) -> Result<serde_json::Value> {
    let train = sequences(flags.size(200, 30), flags.seed, of)?;
    let test = sequences(200, flags.seed + 1, of)?;
    let run = flags.apply(run(&train)).observe(Progress::bar(name));
    let run = if flags.smoke {
        run.with(smc().particles(8).kernel(Hmc::leapfrogs(2)))
    } else {
        run
    };
    let posterior = run.run()?;
    let (rmse, baseline) = errors(&posterior, &train, &test)?;
    eprintln!("{name:10} rmse {rmse:.3}, of a constant {baseline:.3}");
    Ok(json!({ "rmse": rmse, "constant": baseline, "log_evidence": posterior.log_evidence() }))
}

fn run(flags: &Flags) -> Result<()> {
    let convolution = learn(flags, "roughness", Roughness::infer, roughness)?;
    let recurrent = learn(flags, "memory", Memory::infer, memory)?;
    flags.print(&json!({
        "example": "own_layers", "seed": flags.seed,
        "convolution": convolution, "recurrent": recurrent,
    }));
    Ok(())
}
