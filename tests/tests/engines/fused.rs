//! The fused engine on every instruction set against the model's own expression in f64, on random networks, likelihoods,
//! rows and segments; a particle's bits in any company and on any number of threads; extreme parameters.

use proptest::prelude::*;
use smc_runtime::base::rng::{Purpose, Stream, Streams};
use smc_runtime::engine::{Bound, Instructions, bind};
use smc_runtime::layers::{Act, Device, Field, Float, Tape};
use smc_runtime::model::algebra::LnGamma;
use smc_runtime::model::check::Key;
use smc_runtime::model::dist::{FusedHead, Likelihood, Response, Univariate};
use smc_runtime::model::prior::Priors;
use smc_runtime::model::tensor::Params;
use smc_runtime::model::{FieldSpec, Views};
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Problem, Segment, Sums};
use smc_runtime::testing::{Errors, Reference};

const EVERY: [Instructions; 3] = [
    Instructions::Portable,
    Instructions::Avx2,
    Instructions::Avx512,
];

/// The model bound on every instruction set that the machine has.
fn bind_each<M: Model>(model: &M, data: &Dataset, seed: u64) -> Vec<Bound<M>> {
    let bound = EVERY.map(|i| bind(model.clone(), data, Engine::fused().instructions(i), seed));
    assert!(bound[0].is_ok(), "{:?}", bound[0].as_ref().err());
    bound.into_iter().flatten().collect()
}

#[cfg(target_arch = "x86_64")]
#[test]
fn every_instruction_set_of_the_machine_is_tried() {
    use std::arch::is_x86_feature_detected as has;
    let names: Vec<String> = bind_each(&Line::default(), &normal_data(3, 10, 1), 1)
        .iter()
        .map(|b| b.problem.model().engine().reason.to_string())
        .collect();
    for (there, name) in [
        (true, "portable"),
        (has!("avx2") && has!("fma"), "AVX2"),
        (has!("avx512dq") && has!("avx512vl"), "AVX-512"),
    ] {
        let tried = names.iter().filter(|n| n.contains(name)).count();
        assert_eq!(tried, usize::from(there), "{name} among {names:?}");
    }
}

// Networks as proptest draws them.

/// A field of the chain.
#[derive(Clone, Copy, Debug)]
enum Step {
    Dense(Linear<Dyn, Dyn>),
    Tanh,
    Relu,
    LeakyRelu,
    Sigmoid,
    Softplus,
    Silu,
    Gelu,
}

const ACTIVATIONS: [Step; 7] = [
    Step::Tanh,
    Step::Relu,
    Step::LeakyRelu,
    Step::Sigmoid,
    Step::Softplus,
    Step::Silu,
    Step::Gelu,
];

/// An activation in f64.
fn activated(step: &Step, z: f64) -> f64 {
    match step {
        Step::Dense(_) => z,
        Step::Tanh => z.tanh(),
        Step::Relu => z.max(0.0),
        Step::LeakyRelu => z.max(0.01 * z),
        Step::Sigmoid => 1.0 / (1.0 + (-z).exp()),
        Step::Softplus => z.max(0.0) + (-z.abs()).exp().ln_1p(),
        Step::Silu => z / (1.0 + (-z).exp()),
        Step::Gelu => z * 0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2),
    }
}

/// Names for the fields of a chain, in order.
const NAMES: [&str; 12] = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth",
];

/// A chain of fields, a positive parameter behind them, and a likelihood.
#[derive(Clone, Debug)]
struct Net<L> {
    chain: Vec<Step>,
    likelihood: L,
}

impl<L: Likelihood> Model for Net<L> {
    type Draw<'a> = Views<'a>;

    fn name(&self) -> &'static str {
        "Net"
    }

    fn fields(&self) -> Vec<FieldSpec> {
        let field = |(i, step): (usize, &Step)| {
            let name = NAMES[i];
            match step {
                Step::Dense(layer) => FieldSpec::of(name, "Linear<Dyn, Dyn>", layer),
                Step::Tanh => FieldSpec::of(name, "Tanh", &Tanh),
                Step::Relu => FieldSpec::of(name, "Relu", &Relu),
                Step::LeakyRelu => FieldSpec::of(name, "LeakyRelu", &LeakyRelu),
                Step::Sigmoid => FieldSpec::of(name, "Sigmoid", &Sigmoid),
                Step::Softplus => FieldSpec::of(name, "Softplus", &Softplus),
                Step::Silu => FieldSpec::of(name, "Silu", &Silu),
                Step::Gelu => FieldSpec::of(name, "Gelu", &Gelu),
            }
        };
        let noise = FieldSpec::of("noise", "Scale", &<Scale>::default());
        let chain = self.chain.iter().enumerate().map(field);
        chain.chain([noise]).collect()
    }

    fn priors(&self, priors: &mut Priors<'_>) {
        for (name, step) in NAMES.into_iter().zip(&self.chain) {
            if matches!(step, Step::Dense(_)) {
                priors.of(name, &[], |_| Normal(0.0.into(), 1.0.into()));
            }
        }
        priors.of("noise", &[], |_| HalfNormal(1.0.into()));
    }

    fn likelihood(&self) -> impl Likelihood + use<L> {
        self.likelihood.clone()
    }

    fn is_chain(&self) -> bool {
        true
    }

    fn draw<'a>(&self, blocks: Views<'a>) -> Self::Draw<'a> {
        blocks
    }

    fn output<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        p: &Params<E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let chain = self.chain.iter().enumerate();
        chain.fold(x, |x, (i, step)| match step {
            Step::Dense(layer) => layer.expr(p.field(i), x),
            Step::Tanh => Tanh.expr(p.field(i), x),
            Step::Relu => Relu.expr(p.field(i), x),
            Step::LeakyRelu => LeakyRelu.expr(p.field(i), x),
            Step::Sigmoid => Sigmoid.expr(p.field(i), x),
            Step::Softplus => Softplus.expr(p.field(i), x),
            Step::Silu => Silu.expr(p.field(i), x),
            Step::Gelu => Gelu.expr(p.field(i), x),
        })
    }
}

/// A normal likelihood whose standard deviation may be an output itself, which the parameters of a case keep positive.
#[derive(Clone, Debug)]
struct AnySd(Normal<Term>);

impl Univariate for AnySd {
    const KEYS: &'static [Key] = &[Key::column("mean"), Key::column("sd")];
    const RESPONSE: Response = Response::Real;

    fn terms(&self) -> Vec<Term> {
        Univariate::terms(&self.0)
    }
    fn log_density<A: LnGamma>(&self, arguments: &[A], y: A) -> A {
        Univariate::log_density(&self.0, arguments, y)
    }
    fn mean(&self, arguments: &[f64]) -> f64 {
        Univariate::mean(&self.0, arguments)
    }
    fn variance(&self, arguments: &[f64]) -> f64 {
        Univariate::variance(&self.0, arguments)
    }
    fn cdf(&self, arguments: &[f64], y: f64) -> Option<f64> {
        Univariate::cdf(&self.0, arguments, y)
    }
    fn sample(&self, arguments: &[f64], stream: &mut Stream) -> f64 {
        Univariate::sample(&self.0, arguments, stream)
    }
    fn by_hand(&self) -> Option<FusedHead> {
        self.0.by_hand()
    }
}

/// What the targets are.
#[derive(Clone, Debug)]
enum Head {
    Normal { mean: Term, sd: Term },
    Classes,
}

/// Everything about a case but its numbers, which follow from the seed.
#[derive(Clone, Debug)]
struct Case {
    columns: usize,
    outputs: usize,
    chain: Vec<Step>,
    head: Head,
    rows: usize,
    particles: usize,
    segments: Vec<Segment>,
    seed: u64,
}

/// The likelihoods, with as many outputs as they need, on a network whose last field has number `output`.
fn heads(output: usize, classes: usize) -> Vec<(usize, Head)> {
    let (out, noise) = (Term::Field(output), Term::Field(output + 1));
    let column = |c: usize| Term::Field(output).column(c);
    let normal = |outputs: usize, mean: Term, sd: Term| (outputs, Head::Normal { mean, sd });
    vec![
        normal(1, out.clone(), 0.5.into()),
        normal(1, out.clone(), noise.clone()),
        normal(1, out.clone(), noise.clone().exp()),
        normal(1, out.clone().exp(), noise.clone()),
        normal(2, column(0), column(1)),
        normal(2, column(0), column(1).exp()),
        normal(1, 0.25.into(), out.clone().exp().exp()),
        normal(1, Term::Feature(0), out.exp()),
        normal(3, column(2) + column(0) - column(1), Term::Feature(0)),
        normal(
            2,
            column(0) * 2.0 - Term::Feature(0),
            noise.clone() * column(1).softplus(),
        ),
        normal(3, column(0) / 2.0 + column(2), (-column(1)).exp() + 0.5),
        (classes, Head::Classes),
        (classes, Head::Classes),
        (classes, Head::Classes),
    ]
}

/// Numbers of rows around those where a panel, a tile or a share of rows ends.
fn rows() -> impl Strategy<Value = usize> {
    let around = |n: usize| n - 1..n + 2;
    prop_oneof![
        2 => Just(1usize),
        2 => 2usize..32,
        2 => (1usize..9).prop_flat_map(move |k| around(32 * k)),
        1 => prop_oneof![around(128), around(256), around(416), around(512)],
        1 => prop_oneof![around(1024), 1025usize..1400],
    ]
}

/// Widths of a network of up to three dense layers: the columns of the data, then that of every layer but the last.
fn widths() -> impl Strategy<Value = Vec<usize>> {
    let narrow = || 1usize..=70;
    let any = || prop_oneof![5 => narrow(), 1 => Just(120), 1 => Just(200)];
    prop_oneof![
        6 => prop::collection::vec(any(), 1..=3),
        1 => Just(vec![784]),
        1 => (1usize..6, prop_oneof![Just(600usize), Just(1100), Just(2100)]).prop_map(|(i, h)| vec![i, h]),
    ]
}

/// Runs of rows in order, some of them empty, with gaps between them.
fn segments() -> impl Strategy<Value = Vec<(f64, f64, bool)>> {
    let cut = prop_oneof![1 => Just(0.0), 3 => 0.0..1.0, 1 => Just(1.0)];
    let weight = prop_oneof![3 => Just(1.0), 1 => Just(0.0), 1 => Just(1e-3), 2 => 0.01..3.0];
    let part = prop_oneof![6 => Just(true), 1 => Just(false)];
    prop::collection::vec((cut, weight, part), 1..5)
}

fn cut_up(rows: usize, mut cuts: Vec<(f64, f64, bool)>) -> Vec<Segment> {
    cuts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ends: Vec<usize> = cuts.iter().map(|c| (c.0 * rows as f64) as usize).collect();
    let starts = [0].into_iter().chain(ends.clone());
    // What comes last reaches to the last row.
    let ends = ends[1..].iter().copied().chain([rows]);
    // Where a run is left out there is a gap.
    let segment = |((start, end), &(_, weight, there)): ((usize, usize), &(f64, f64, bool))| {
        there.then_some(Segment {
            rows: start..end,
            weight,
        })
    };
    let runs = starts.skip(1).zip(ends).zip(&cuts);
    runs.filter_map(segment).collect()
}

fn cases() -> impl Strategy<Value = Case> {
    let activations = || {
        let one = prop::sample::select(&ACTIVATIONS[..]);
        prop_oneof![
            1 => Just(Vec::new()),
            5 => one.clone().prop_map(|a| vec![a]),
            1 => (one.clone(), one).prop_map(|(a, b)| vec![a, b]),
        ]
    };
    let ends = || prop_oneof![5 => Just(Vec::new()), 1 => activations()];
    (
        widths(),
        (ends(), activations(), activations(), ends()),
        (0usize..12, 2usize..=12),
        (rows(), 1usize..=9),
        segments(),
        any::<u64>(),
    )
        .prop_map(
            |(widths, (first, a, b, last), (head, classes), (rows, particles), cuts, seed)| {
                let fields = first.len() + last.len() + widths.len();
                let fields = fields
                    + [&a, &b].map(Vec::len)[..widths.len() - 1]
                        .iter()
                        .sum::<usize>();
                let (outputs, head) = heads(fields - 1, classes).swap_remove(head);
                let to = widths[1..].iter().chain([&outputs]);
                let dense = widths.iter().zip(to);
                let dense = dense.map(|(&i, &o)| Step::Dense(Linear::sized(i, o)));
                let mut chain = first;
                for (layer, after) in dense.zip([a, b, Vec::new()]) {
                    chain.push(layer);
                    if chain.len() < fields - last.len() {
                        chain.extend(after);
                    }
                }
                chain.extend(last);
                assert_eq!(chain.len(), fields);
                // As many particles as a case can have without taking seconds in f64, row by row.
                let size = |(i, o): (&usize, &usize)| i * o;
                let dim: usize = widths.iter().zip(&widths[1..]).map(size).sum();
                let most = 20_000_000 / (rows * (dim + widths[widths.len() - 1] * outputs + 1000));
                Case {
                    columns: widths[0],
                    outputs,
                    chain,
                    head,
                    rows,
                    particles: particles.min(most.max(1)),
                    segments: cut_up(rows, cuts),
                    seed,
                }
            },
        )
}

impl Case {
    /// Parameters of moderate size, for each particle.
    fn thetas(&self, stream: &mut Stream) -> Vec<Vec<f32>> {
        let raw_sd = matches!(
            &self.head,
            Head::Normal {
                sd: Term::Column(..),
                ..
            }
        );
        let one = |_| {
            let mut theta = Vec::new();
            let mut last_bias = 0;
            for step in &self.chain {
                let Step::Dense(layer) = step else { continue };
                let blocks = layer.blocks();
                let (weights, inputs) = (blocks[0].shape.iter().product(), blocks[0].fan_in);
                let gain = 1.5 / (inputs as f64).sqrt();
                theta.extend((0..weights).map(|_| (gain * stream.normal()) as f32));
                last_bias = theta.len();
                theta.extend(
                    blocks[1]
                        .shape
                        .iter()
                        .flat_map(|&n| 0..n)
                        .map(|_| 0.5 * stream.normal() as f32),
                );
            }
            if raw_sd {
                // An output that is a standard deviation itself must be positive.
                theta[last_bias + 1] += 4.0;
            }
            theta.push((0.5 * stream.normal()).max(-2.0) as f32);
            theta
        };
        (0..self.particles).map(one).collect()
    }

    /// Rows that are moderate for every particle, or none if they are too hard to find.
    fn data(&self, thetas: &[Vec<f32>], stream: &mut Stream) -> Option<Dataset> {
        let (mut features, mut targets) = (Vec::new(), Vec::new());
        for _ in 0..self.rows {
            let row = (0..200).find_map(|_| {
                let x: Vec<f32> = (0..self.columns).map(|_| stream.normal() as f32).collect();
                let y = match self.head {
                    Head::Classes => (self.outputs as f64 * stream.uniform()).floor(),
                    Head::Normal { .. } => 2.0 * stream.normal(),
                } as f32;
                let moderate = |theta: &Vec<f32>| self.is_moderate(theta, &x, y).unwrap_or(false);
                thetas.iter().all(moderate).then_some((x, y))
            });
            let (x, y) = row?;
            features.extend(x);
            targets.push(y);
        }
        Dataset::new(self.columns, features, targets).ok()
    }

    /// Whether the numbers of a row are moderate: what enters an activation and the mean within ±10, the standard
    /// deviation at least 0.1, and nothing so near a kink, or a zero of the row's gradient, that rounding decides the
    /// relative size of the latter. `None` is no.
    fn is_moderate(&self, theta: &[f32], x: &[f32], y: f32) -> Option<bool> {
        let wide = |x: &f32| f64::from(*x);
        let mut z: Vec<f64> = x.iter().map(wide).collect();
        // How far rounding may carry each number.
        let mut rounding = vec![0.0; z.len()];
        let mut rest = theta;
        let last = self
            .chain
            .iter()
            .rposition(|s| matches!(s, Step::Dense(_)))?;
        for (i, step) in self.chain.iter().enumerate() {
            match step {
                Step::Dense(layer) => {
                    let outputs = layer.blocks()[1].shape[0];
                    let (w, after) = rest.split_at(outputs * z.len());
                    let (b, after) = after.split_at(outputs);
                    rest = after;
                    let unit = |(w, b): (&[f32], &f32)| {
                        let products = w.iter().zip(&z).map(|(w, z)| wide(w) * z);
                        products.fold((wide(b), wide(b).abs()), |(sum, size), t| {
                            (sum + t, size + t.abs())
                        })
                    };
                    let units: Vec<_> = w.chunks(z.len()).zip(b).map(unit).collect();
                    (z, rounding) = units
                        .into_iter()
                        .map(|(sum, size)| (sum, 1e-5 * size))
                        .unzip();
                    if z.iter().any(|z| z.abs() > 10.0) {
                        return None;
                    }
                }
                Step::Relu | Step::LeakyRelu => {
                    let mut both = z.iter().zip(&rounding);
                    if both.any(|(z, r)| *z != 0.0 && z.abs() <= *r) {
                        return None;
                    }
                    z = z.into_iter().map(|z| activated(step, z)).collect();
                }
                smooth => {
                    // Behind the last layer all gradients pass through the derivative.
                    if i > last && z.iter().any(|z| z.abs() > 3.0) {
                        return None;
                    }
                    z = z.into_iter().map(|z| activated(smooth, z)).collect();
                }
            }
        }
        let Head::Normal { mean, sd } = &self.head else {
            return Some(true);
        };
        let noise = wide(&theta[theta.len() - 1]).exp();
        let (mean, sd) = (self.value(mean, &z, x, noise), self.value(sd, &z, x, noise));
        let z = (f64::from(y) - mean) / sd;
        Some(
            mean.abs() <= 10.0
                && (0.1..1e5).contains(&sd)
                && (f64::from(y) - mean).abs() > 0.05 * (1.0 + mean.abs())
                && (z * z - 1.0).abs() > 0.05,
        )
    }

    fn value(&self, term: &Term, output: &[f64], x: &[f32], noise: f64) -> f64 {
        term.evaluate(&mut |leaf| match leaf {
            Term::Field(f) if *f == self.chain.len() => noise,
            Term::Column(_, c) => output[*c],
            Term::Feature(c) => f64::from(x[*c]),
            Term::Constant(c) => *c,
            _ => output[0],
        })
    }

    fn check(&self) -> Result<Errors, TestCaseError> {
        let mut stream = Streams::new(self.seed).stream(Purpose::Simulate, 0, 0, 0);
        let thetas = self.thetas(&mut stream);
        let data = self.data(&thetas, &mut stream);
        let data = data.ok_or_else(|| TestCaseError::reject("no moderate rows"))?;
        let thetas = Population::from_values(thetas[0].len(), thetas.concat()).unwrap();
        match self.head.clone() {
            Head::Normal { mean, sd } => self.check_with(AnySd(Normal(mean, sd)), &data, &thetas),
            Head::Classes => {
                let logits = Term::Field(self.chain.len() - 1);
                self.check_with(Categorical::default().logits(logits), &data, &thetas)
            }
        }
    }

    fn check_with<L: Likelihood>(
        &self,
        likelihood: L,
        data: &Dataset,
        thetas: &Population,
    ) -> Result<Errors, TestCaseError> {
        let model = Net {
            chain: self.chain.clone(),
            likelihood,
        };
        let reference = Reference::new(model.clone(), data, self.seed).unwrap();
        let mut worst = Errors::default();
        for bound in bind_each(&model, data, self.seed) {
            let problem = &*bound.problem;
            let found = reference.check(problem, thetas, &self.segments);
            let found = found
                .map_err(|e| TestCaseError::fail(format!("{}: {e}", problem.model().engine())))?;
            worst.rows = worst.rows.max(found.rows);
            worst.sums = worst.sums.max(found.sums);
            worst.gradient = worst.gradient.max(found.gradient);
            bits_are_those_of_the_particle(problem, thetas, &self.segments)?;
        }
        let engines = [Engine::fused(), Engine::autodiff()];
        let [fused, autodiff] =
            engines.map(|e| bind(model.clone(), data, e, self.seed).unwrap().problem);
        arguments_agree(&*fused, &*autodiff, thetas, data)?;
        counts_agree(&*fused, &*autodiff, thetas, &self.segments)?;
        Ok(worst)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 50, rng_seed: proptest::test_runner::RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_models_are_those_of_their_expression(case in cases()) {
        case.check()?;
    }
}

// What holds of every pass.

fn pass(problem: &dyn Problem, thetas: &Population, segments: &[Segment]) -> (Sums, Population) {
    let mut gradient = Population::zeros(thetas.len(), thetas.dim());
    let sums = problem.log_likelihood(thetas, segments, Some(&mut gradient));
    (sums, gradient)
}

/// The same bits with and without the gradient, alone, and in another order.
fn bits_are_those_of_the_particle(
    problem: &dyn Problem,
    thetas: &Population,
    segments: &[Segment],
) -> Result<(), TestCaseError> {
    let (sums, gradient) = pass(problem, thetas, segments);
    prop_assert_eq!(&problem.log_likelihood(thetas, segments, None), &sums);
    for (p, together) in sums.each().enumerate() {
        let (alone, g) = pass(problem, &thetas.gather(&[p]), segments);
        prop_assert_eq!(alone.of(0), together);
        prop_assert_eq!(g.row(0), gradient.row(p));
    }
    let reversed: Vec<usize> = (0..thetas.len()).rev().collect();
    let (again, g) = pass(problem, &thetas.gather(&reversed), segments);
    for (i, &p) in reversed.iter().enumerate() {
        prop_assert_eq!(again.of(i), sums.of(p));
        prop_assert_eq!(g.row(i), gradient.row(p));
    }
    Ok(())
}

fn arguments_agree(
    fused: &dyn Problem,
    autodiff: &dyn Problem,
    thetas: &Population,
    data: &Dataset,
) -> Result<(), TestCaseError> {
    let [mine, theirs] =
        [fused, autodiff].map(|p| p.model().arguments(thetas, data.inputs()).unwrap());
    prop_assert_eq!(mine.width, theirs.width);
    for (m, t) in mine.values.iter().zip(&theirs.values) {
        prop_assert!(
            (m - t).abs() <= 1e-4 * (1.0 + t.abs()),
            "argument {m} against {t}"
        );
    }
    Ok(())
}

/// The engines count alike: a pass without a gradient, and a row whose weight is zero, cost no gradient.
fn counts_agree(
    fused: &dyn Problem,
    autodiff: &dyn Problem,
    thetas: &Population,
    segments: &[Segment],
) -> Result<(), TestCaseError> {
    let rows = |of: &dyn Fn(&Segment) -> bool| -> u64 {
        let rows = segments.iter().filter(|s| of(s)).map(|s| s.rows.len());
        (thetas.len() * rows.sum::<usize>()) as u64
    };
    for problem in [fused, autodiff] {
        let before = problem.counts();
        problem.log_likelihood(thetas, segments, None);
        let value = problem.counts() - before;
        prop_assert_eq!(
            (value.row_gradients, value.row_values),
            (0, rows(&|_| true))
        );
        let before = problem.counts();
        pass(problem, thetas, segments);
        let both = problem.counts() - before;
        let (with, without) = (rows(&|s| s.weight != 0.0), rows(&|s| s.weight == 0.0));
        prop_assert_eq!((both.row_gradients, both.row_values), (with, without));
        let before = problem.counts();
        problem.row_log_likelihoods(thetas);
        let row = problem.counts() - before;
        let all = (thetas.len() * problem.rows()) as u64;
        prop_assert_eq!((row.row_gradients, row.row_values), (0, all));
    }
    Ok(())
}

// Models as users write them.

/// Three dense layers, both activations, a hierarchy, classes.
#[bayes_model]
#[likelihood(Categorical(logits = output))]
struct Classes<const I: usize, const H: usize> {
    #[prior(Normal(0.0, tau))]
    hidden: Linear<I, H>,
    tanh: Tanh,
    #[prior(Normal(0.0, 1.0))]
    middle: Linear<H, 40>,
    relu: Relu,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<40, 10>,
    #[prior(HalfNormal(1.0))]
    tau: Scale,
}

/// A standard deviation that the network gives.
#[bayes_model]
#[likelihood(Normal(mean = output[0], sd = output[1].exp()))]
struct Spread<const I: usize> {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<I, 50>,
    tanh: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<50, 2>,
}

/// One output, a learned standard deviation.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Line {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<3, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// Standard normal features, and targets that are numbers as well as classes.
fn normal_data(columns: usize, rows: usize, seed: u64) -> Dataset {
    let mut stream = Streams::new(seed).stream(Purpose::Simulate, 0, 0, 0);
    let features = (0..rows * columns)
        .map(|_| stream.normal() as f32)
        .collect();
    let targets = (0..rows)
        .map(|_| (10.0 * stream.uniform()).floor() as f32)
        .collect();
    Dataset::new(columns, features, targets).unwrap()
}

fn normal_thetas(problem: &dyn Problem, particles: usize, size: f32) -> Population {
    let mut thetas = Population::zeros(particles, problem.dim());
    thetas.fill_normal(Streams::new(6), Purpose::Simulate, 1, 0);
    thetas
        .on_host()
        .map_rows(|_, row| row.iter_mut().for_each(|x| *x *= size));
    thetas
}

fn segment(rows: std::ops::Range<usize>, weight: f64) -> Segment {
    Segment { rows, weight }
}

#[test]
fn models_that_the_macro_writes_are_those_of_their_expression() {
    fn check<M: Model + Default>(columns: usize, rows: usize) {
        let data = normal_data(columns, rows, 3);
        let reference = Reference::new(M::default(), &data, 1).unwrap();
        let segments = [segment(0..rows / 3, 1.0), segment(rows / 3..rows, 0.3)];
        for bound in bind_each(&M::default(), &data, 1) {
            let thetas = normal_thetas(&*bound.problem, 3, 0.2);
            let found = reference.check(&*bound.problem, &thetas, &segments);
            found.unwrap_or_else(|e| panic!("{}: {e}", bound.problem.model().engine()));
        }
    }
    check::<Line>(3, 77);
    check::<Spread<40>>(40, 131);
    check::<Classes<7, 13>>(7, 300);
    check::<Classes<120, 90>>(120, 65);
}

#[test]
fn a_gradient_is_added_to_what_is_there() {
    let data = normal_data(3, 1300, 3);
    for bound in bind_each(&Line::default(), &data, 1) {
        for particles in [1, 9] {
            let thetas = normal_thetas(&*bound.problem, particles, 0.2);
            let all = [segment(0..1300, 1.0)];
            let (sums, gradient) = pass(&*bound.problem, &thetas, &all);
            let mut twice = gradient.clone();
            let again = bound
                .problem
                .log_likelihood(&thetas, &all, Some(&mut twice));
            assert_eq!(again, sums);
            for (t, g) in twice.values().iter().zip(gradient.values()) {
                assert!(
                    (t - 2.0 * g).abs() <= 1e-5 * g.abs(),
                    "{t} is not twice {g}"
                );
            }
        }
    }
}

#[test]
fn the_engine_is_chosen_and_named() {
    let data = normal_data(3, 10, 1);
    let auto = bind(Line::default(), &data, Engine::auto(), 1).unwrap();
    assert!(auto.problem.model().engine().name.starts_with("fused"));
    let forced = bind(Line::default(), &data, Engine::autodiff(), 1).unwrap();
    assert!(forced.problem.model().engine().name.starts_with("autodiff"));
}

/// Single passes on 1, 2 and 4 threads, with few and with many groups of particles.
#[test]
fn threads_change_no_bit() {
    fn check<M: Model + Default>(columns: usize, count: usize) {
        let data = normal_data(columns, 1300, 3);
        let on = |threads: usize| {
            smc_runtime::base::exec::with_threads(Some(threads), || {
                let bound = bind(M::default(), &data, Engine::fused(), 1).unwrap();
                let thetas = normal_thetas(&*bound.problem, count, 0.2);
                let segments = [segment(0..910, 1.0), segment(910..1300, 0.3)];
                bits_are_those_of_the_particle(&*bound.problem, &thetas, &segments).unwrap();
                pass(&*bound.problem, &thetas, &segments)
            })
            .unwrap()
        };
        let one = on(1);
        for threads in [2, 4] {
            assert_eq!(on(threads), one, "{count} particles on {threads} threads");
        }
    }
    for count in [3, 40] {
        check::<Line>(3, count);
        check::<Spread<40>>(40, count);
    }
    check::<Classes<120, 90>>(120, 5);
    check::<Classes<120, 90>>(120, 70);
}

#[test]
fn a_posterior_has_the_same_bits_on_any_number_of_threads() {
    let data = normal_data(3, 700, 2);
    let on = |threads: usize| {
        let run = Line::infer(&data)
            .with(smc().particles(24))
            .seed(3)
            .threads(threads);
        let posterior = run.run().unwrap();
        (posterior.positions().clone(), posterior.log_evidence())
    };
    let one = on(1);
    assert_eq!(on(2), one);
    assert_eq!(on(4), one);
}

// Extreme numbers.

#[test]
fn extreme_parameters_give_a_number_or_minus_infinity() {
    fn check<M: Model + Default>(columns: usize) {
        let data = normal_data(columns, 70, 1);
        let all = [segment(0..70, 1.0)];
        for bound in bind_each(&M::default(), &data, 1) {
            for size in [1e3, 1e10, 1e20, 1e30, 1e38] {
                let thetas = normal_thetas(&*bound.problem, 3, size);
                let (sums, gradient) = pass(&*bound.problem, &thetas, &all);
                for (p, s) in sums.totals().into_iter().enumerate() {
                    assert!(!s.is_nan() && s < f64::INFINITY, "size {size}: {s:?}");
                    let finite = gradient.row(p).iter().all(|g| g.is_finite());
                    // Where the sum is too large for an f32, so may be the gradient.
                    let beyond = s < f64::from(f32::MIN);
                    assert!(finite || beyond, "size {size}: {s:?} has no gradient");
                }
                let rows = bound.problem.row_log_likelihoods(&thetas);
                assert!(rows.iter().all(|l| !l.is_nan() && *l < f64::INFINITY));
            }
        }
    }
    check::<Classes<7, 13>>(7);
    check::<Classes<120, 90>>(120);
    check::<Spread<13>>(13);
    check::<Line>(3);
}

/// Logits from one feature: nothing cancels, so that rounding is small whatever the size.
#[bayes_model]
#[likelihood(Categorical(logits = output))]
struct Logits {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<1, 3>,
}

/// A unit that saturates.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Saturated {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<1, 2>,
    tanh: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<2, 1>,
}

/// A mean and the logarithm of a standard deviation.
#[bayes_model]
#[likelihood(Normal(mean = output[0], sd = output[1].exp()))]
struct LogSpread {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<1, 2>,
}

/// Every row is that of the f64 reference where an f32 can hold it, else −∞, and the gradient is finite and right. Where
/// `or_impossible`, −∞ is right too.
fn extremes_are_right<M: Model + Default>(targets: &[f32], theta: &[f32], or_impossible: bool) {
    let features = [1.0, -1.0, 0.5].into_iter().cycle().take(targets.len());
    let data = Dataset::new(1, features.collect(), targets.to_vec()).unwrap();
    let reference = Reference::new(M::default(), &data, 1).unwrap();
    let one = Population::from_values(theta.len(), theta.to_vec()).unwrap();
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    for bound in bind_each(&M::default(), &data, 1) {
        let problem = &*bound.problem;
        let what = format!("{:?} at {theta:?}", problem.model().engine().reason);
        let rows = problem.row_log_likelihoods(&one);
        for (i, exact) in reference.rows(theta).into_iter().enumerate() {
            let found = rows[problem.order()[i]];
            let alone = [segment(i..i + 1, 1.0)];
            let (sums, gradient) = pass(problem, &one, &alone);
            assert_eq!(sums.of(0)[0], found, "{what}");
            let finite = gradient.values().iter().all(|g| g.is_finite());
            assert!(finite, "{what}: {gradient:?}");
            let beyond = exact.value.abs() > f64::from(f32::MAX);
            if found == f64::NEG_INFINITY && (beyond || or_impossible) {
                continue;
            }
            let off = (found - exact.value).abs();
            assert!(
                off <= 1e-4 * (1.0 + exact.value.abs()),
                "{what}: {found}, in f64 {exact:?}"
            );
            let (_, slopes) = reference.sums(theta, &alone);
            let pairs = gradient.values().iter().zip(&slopes);
            let off = norm(&mut pairs.map(|(&g, s)| f64::from(g) - s));
            // The last term is for f64 itself, in which 1 − p cancels.
            assert!(
                off <= 1e-4 * exact.slope + 1e-15,
                "{what}: {gradient:?}, in f64 {slopes:?}"
            );
        }
    }
}

#[test]
fn extreme_logits_are_right() {
    let targets: Vec<f32> = (0..18).map(|i| (i / 3 % 3) as f32).collect();
    for size in [10.0, 80.0, 1e4, 1e30, 1e38, 3e38] {
        for theta in [
            [size, -size, 0.0, 0.0, 0.0, 0.0],
            [size, size, -size, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, -size, 1.0, size],
        ] {
            extremes_are_right::<Logits>(&targets, &theta, false);
        }
    }
}

#[test]
fn saturated_activations_are_right() {
    for size in [9.0, 20.0, 1e4, 1e30, 3e38] {
        let theta = [size, -size, 0.0, 0.0, 0.75, 0.5, 0.25];
        extremes_are_right::<Saturated>(&[0.75, -1.0, 2.0], &theta, false);
    }
}

#[test]
fn extreme_standard_deviations_are_right() {
    // The fourth and the fifth are the mean itself.
    let targets = [0.5, -1.0, 2.0, 0.75, -0.25, 1e6];
    for log_sd in [-200.0, -95.0, -85.0, -40.0, 40.0, 85.0, 95.0, 200.0] {
        // Where 1/sd is too large for an f32, a row is impossible even if its residual is zero.
        let or_impossible = log_sd < -88.0;
        extremes_are_right::<LogSpread>(&targets, &[0.5, 0.0, 0.25, log_sd], or_impossible);
        // The sign of the feature is that of log sd.
        extremes_are_right::<LogSpread>(&targets, &[0.5, log_sd, 0.25, 0.0], log_sd.abs() > 88.0);
    }
}
