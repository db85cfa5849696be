//! Layers that a third party gives a fused form: they are those of their expression wherever they stand, and what they
//! are asked to do says what a pass costs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::engine::bind;
use smc_runtime::layers::PANEL;
use smc_runtime::layers::*;
use smc_runtime::prelude::{
    Categorical, Dataset, Engine, HalfNormal, Linear, Normal, Relu, Scale, bayes_model,
};
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Segment, Sums};
use smc_runtime::testing::{check_fused, check_model};

/// yᵢ = gainᵢ·xᵢ + shiftᵢ for each of N features.
#[derive(Clone, Copy, Debug, Default)]
struct Gain<const N: usize>;

impl<const N: usize> Field for Gain<N> {
    const RULE: Rule = Rule::Features {
        inputs: N,
        outputs: N,
    };
    const SUPPORT: Option<Support> = Some(Support::Real);

    type View<'a> = BlockSlices<'a>;

    fn blocks(&self) -> Vec<BlockSpec> {
        let block = |name, role| BlockSpec {
            name,
            role,
            shape: vec![N],
            support: Support::Real,
            fan_in: 1,
        };
        vec![block("gain", Role::Scale), block("shift", Role::Bias)]
    }

    fn fused(&self) -> Option<Arc<dyn FusedLayer>> {
        Some(Arc::new(FusedGain))
    }

    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        parameters: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let &shape = x.shape();
        let gain = parameters.block(0).broadcast_like::<_, Axis<1>>(&shape);
        let shift = parameters.block(1).broadcast_like::<_, Axis<1>>(&shape);
        x * gain + shift
    }
}

#[derive(Debug)]
struct FusedGain;

impl FusedLayer for FusedGain {
    fn forward(&self, size: LayerSize, parameters: &[f32], x: &[f32], y: &mut [f32]) {
        let (gain, shift) = parameters.split_at(size.inputs);
        let lanes = y.chunks_mut(PANEL).zip(x.chunks(PANEL));
        for (k, (y, x)) in lanes.enumerate() {
            let i = k % size.inputs;
            for (y, x) in y.iter_mut().zip(x) {
                *y = gain[i] * x + shift[i];
            }
        }
    }

    fn backward(&self, size: LayerSize, back: Return<'_>) {
        let n = size.inputs;
        if let Some(gradient) = back.gradient {
            let lanes = back.dy.chunks(PANEL).zip(back.x.chunks(PANEL));
            for (k, (dy, x)) in lanes.enumerate() {
                gradient[k % n] += dy.iter().zip(x).map(|(d, x)| d * x).sum::<f32>();
                gradient[n + k % n] += dy.iter().sum::<f32>();
            }
        }
        let Some(dx) = back.dx else { return };
        let lanes = dx.chunks_mut(PANEL).zip(back.dy.chunks(PANEL));
        for (k, (dx, dy)) in lanes.enumerate() {
            for (dx, dy) in dx.iter_mut().zip(dy) {
                *dx = back.parameters[k % n] * dy;
            }
        }
    }
}

/// cos(x), element by element: not zero in rows that are padding.
#[derive(Clone, Copy, Debug, Default)]
struct Cosine;

impl Field for Cosine {
    type View<'a> = ();

    fn fused(&self) -> Option<Arc<dyn FusedLayer>> {
        Some(Arc::new(FusedCosine))
    }

    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        _: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        x.cos()
    }
}

#[derive(Debug)]
struct FusedCosine;

impl FusedLayer for FusedCosine {
    fn forward(&self, _: LayerSize, _: &[f32], x: &[f32], y: &mut [f32]) {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = x.cos());
    }

    fn backward(&self, _: LayerSize, back: Return<'_>) {
        let Some(dx) = back.dx else { return };
        for ((dx, x), dy) in dx.iter_mut().zip(back.x).zip(back.dy) {
            *dx = -x.sin() * *dy;
        }
    }
}

/// A layer with parameters first, another between, an activation that the engine does not know.
#[bayes_model]
#[likelihood(Categorical(logits = output))]
struct Standardised {
    #[prior(Normal(0.5, 0.5))]
    standard: Gain<5>,
    #[prior(Normal(0.0, 0.5))]
    hidden: Linear<5, 20>,
    cosine: Cosine,
    #[prior(Normal(0.5, 0.5))]
    between: Gain<20>,
    #[prior(Normal(0.0, 0.5))]
    output: Linear<20, 3>,
}

/// Activations first: nothing before them has parameters.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Waves {
    first: Cosine,
    second: Relu,
    #[prior(Normal(0.0, 0.5))]
    hidden: Linear<5, 7>,
    third: Cosine,
    #[prior(Normal(0.0, 0.5))]
    output: Linear<7, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// Nothing but layers of one's own, the last of which gives the output.
#[bayes_model]
#[likelihood(Normal(mean = last[0], sd = last[1].exp()))]
struct Own {
    wave: Cosine,
    #[prior(Normal(0.0, 0.5))]
    last: Gain<2>,
}

fn data(columns: usize, rows: usize) -> Dataset {
    let mut stream = Streams::new(2).stream(Purpose::Simulate, 0, 0, 0);
    let features = (0..rows * columns).map(|_| stream.normal() as f32);
    let targets = (0..rows).map(|i| (i % 3) as f32).collect();
    Dataset::new(columns, features.collect(), targets).unwrap()
}

#[test]
fn layers_of_ones_own_are_those_of_their_expression() {
    for rows in [1, 31, 77, 1100] {
        check_fused(Standardised::default(), &data(5, rows)).unwrap();
        check_fused(Waves::default(), &data(5, rows)).unwrap();
        check_fused(Own::default(), &data(2, rows)).unwrap();
    }
    check_model(Standardised::default(), &data(5, 13)).unwrap();
}

/// The identity, which writes down what it is asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Watched;

static FORWARD: AtomicUsize = AtomicUsize::new(0);
static BACKWARD: AtomicUsize = AtomicUsize::new(0);
/// Counts are of one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

impl Field for Watched {
    type View<'a> = ();

    fn fused(&self) -> Option<Arc<dyn FusedLayer>> {
        Some(Arc::new(Watched))
    }
}

impl FusedLayer for Watched {
    fn forward(&self, size: LayerSize, _: &[f32], x: &[f32], y: &mut [f32]) {
        FORWARD.fetch_add(size.panels, Ordering::Relaxed);
        y.copy_from_slice(x);
    }

    fn backward(&self, size: LayerSize, back: Return<'_>) {
        BACKWARD.fetch_add(size.panels, Ordering::Relaxed);
        if let Some(dx) = back.dx {
            dx.copy_from_slice(back.dy);
        }
    }
}

/// A network that is watched in the middle.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Counted {
    #[prior(Normal(0.0, 0.5))]
    hidden: Linear<5, 7>,
    watched: Watched,
    #[prior(Normal(0.0, 0.5))]
    output: Linear<7, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// Panels that pass forwards and backwards while `f` runs.
fn panels(f: impl FnOnce()) -> (usize, usize) {
    let now = || [&FORWARD, &BACKWARD].map(|n| n.load(Ordering::Relaxed));
    let before = now();
    f();
    let after = now();
    (after[0] - before[0], after[1] - before[1])
}

fn of(rows: std::ops::Range<usize>, weight: f64) -> Segment {
    Segment { rows, weight }
}

#[test]
fn a_value_costs_no_gradient_and_both_sums_come_from_one_pass() {
    let _alone = ALONE.lock();
    let data = data(5, 1100);
    let bound = bind(Counted::default(), &data, Engine::fused(), 1).unwrap();
    let problem = &*bound.problem;
    for particles in [1, 3, 9] {
        let mut thetas = Population::zeros(particles, problem.dim());
        problem.prior().sample(Streams::new(1), 0, &mut thetas);
        let mut gradient = thetas.clone();
        // 20 panels of full rows, one of them shared with the 10 of the ramp.
        let both = [of(0..620, 1.0), of(620..930, 0.3)];
        let value = panels(|| drop(problem.log_likelihood(&thetas, &both, None)));
        assert_eq!(value, (particles * 31, 0));
        let all = panels(|| drop(problem.log_likelihood(&thetas, &both, Some(&mut gradient))));
        assert_eq!(all, (particles * 31, particles * 31));
        // A weight of zero is a value.
        let half = [of(0..620, 0.0), of(620..930, 0.3)];
        let some = panels(|| drop(problem.log_likelihood(&thetas, &half, Some(&mut gradient))));
        assert_eq!(some, (particles * 31, particles * 11));
        // The cost is that of the rows asked for.
        let few = [of(0..0, 1.0), of(40..60, 1.0)];
        let one = panels(|| drop(problem.log_likelihood(&thetas, &few, Some(&mut gradient))));
        assert_eq!(one, (particles, particles));
        let rows = panels(|| drop(problem.row_log_likelihoods(&thetas)));
        assert_eq!(rows, (particles * 35, 0));
    }
}

#[test]
fn no_rows_give_nothing() {
    let _alone = ALONE.lock();
    let bound = bind(Counted::default(), &data(5, 40), Engine::fused(), 1).unwrap();
    let problem = &*bound.problem;
    let mut thetas = Population::zeros(3, problem.dim());
    problem.prior().sample(Streams::new(1), 0, &mut thetas);
    for segments in [&[][..], &[of(0..0, 1.0)], &[of(7..7, 1.0), of(40..40, 0.5)]] {
        let mut gradient = Population::zeros(3, thetas.dim());
        let sums = problem.log_likelihood(&thetas, segments, Some(&mut gradient));
        assert_eq!(sums, Sums::zeros(3, segments.len()));
        assert!(gradient.values().iter().all(|&g| g == 0.0));
    }
    let none = Population::zeros(0, thetas.dim());
    let mut gradient = none.clone();
    let all = [of(0..40, 1.0)];
    assert_eq!(
        problem.log_likelihood(&none, &all, Some(&mut gradient)),
        Sums::zeros(0, 1)
    );
}
