//! Every likelihood: its density adds up to one, has the moments, the distribution function and the sampler that it says,
//! and is the same with its gradient on every engine; offsets and weights are what they stand for; predictions of counts
//! and of yes and no.

use laws::models::Softmax;
use laws::{near, normals};
use smc_runtime::base::rng::{Purpose, Stream, Streams};
use smc_runtime::engine::{Instructions, bind, bind_in_order};
use smc_runtime::layers::{Act, Device, Float, Network, Tape};
use smc_runtime::model::check::Key;
use smc_runtime::model::dist::FusedHead;
use smc_runtime::model::dist::{Predictive, Response};
use smc_runtime::model::prior::Priors;
use smc_runtime::model::tensor::{Heads, Params, PerRow, Targets};
use smc_runtime::model::{FieldSpec, Views};
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Problem, Segment};
use smc_runtime::testing::{Reference, check_fused, check_model};

// The distributions themselves.

/// A likelihood at some arguments, with a point and a width that its mass lies around.
struct Case {
    predictive: Box<dyn Predictive>,
    arguments: Vec<f64>,
    around: (f64, f64),
}

fn case(predictive: impl Predictive + 'static, arguments: &[f64], around: (f64, f64)) -> Case {
    Case {
        predictive: Box::new(predictive),
        arguments: arguments.to_vec(),
        around,
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (mean, scale) in [(0.3, 0.7), (-20.0, 1e-3), (5.0, 1e4)] {
        let (normal, laplace) = (Normal::<Term>::default(), Laplace::<Term>::default());
        let around = (mean, scale);
        cases.push(case(normal, &[mean, scale], around));
        cases.push(case(laplace, &[mean, scale], around));
        for df in [0.7, 1.0, 1.5, 4.5, 30.0, 9e3, 1.1e4, 1e12] {
            let student = StudentT::<Term>::default();
            cases.push(case(student, &[df, mean, scale], around));
        }
    }
    for logit in [-40.0, -3.0, 0.0, 0.4, 12.0] {
        cases.push(case(Bernoulli::default(), &[logit], (0.0, 1.0)));
    }
    for mean in [1e-4f64, 0.3, 1.0, 7.5, 400.0, 20_000.0] {
        let around = (mean, 1.0);
        cases.push(case(Poisson::default(), &[mean.ln()], around));
        for dispersion in [0.05, 1.0, 3.7, 1e4, 1e9] {
            // Counts far above their variance's root have more terms than a test has time.
            if mean < 100.0 || dispersion >= 1e4 {
                let arguments = [mean.ln(), dispersion];
                cases.push(case(NegativeBinomial::default(), &arguments, around));
            }
        }
    }
    cases
}

impl Case {
    fn name(&self) -> String {
        format!("{:?} at {:?}", self.predictive, self.arguments)
    }

    fn close(&self, what: &str, found: f64, expected: f64, tolerance: f64) {
        assert!(
            (found - expected).abs() <= tolerance,
            "{}: {what} is {found}, expected {expected}",
            self.name()
        );
    }

    fn mass(&self, y: f64) -> f64 {
        self.predictive.log_density(&self.arguments, y).exp()
    }

    /// Points, each with its mass and the probability of all up to it, so far as that is more than nothing.
    fn points(&self) -> Vec<(f64, f64, f64)> {
        let mut total = 0.0;
        match self.predictive.response() {
            // The trapezoidal rule, on a grid that is fine at the centre and reaches far enough for the heaviest tail.
            Response::Real => {
                let (half, reach) = (40_000, 4.5);
                let h = reach / f64::from(half);
                let point = |k: i32| {
                    let t = h * f64::from(k);
                    let y = self.around.0 + self.around.1 * t.sinh().sinh();
                    let slope = self.around.1 * t.sinh().cosh() * t.cosh();
                    let mass = self.mass(y) * slope * h;
                    total += mass;
                    (y, mass, total - 0.5 * mass)
                };
                (-half..=half).map(point).collect()
            }
            _ => {
                let (mean, variance) = (
                    self.predictive.mean(&self.arguments),
                    self.predictive.variance(&self.arguments),
                );
                // The tail of a negative binomial is exponential, of rate 1/(variance/mean).
                let most = mean + 40.0 * variance.sqrt() + 40.0 * variance / mean + 40.0;
                let point = |k: u32| {
                    let mass = self.mass(f64::from(k));
                    total += mass;
                    (f64::from(k), mass, total)
                };
                (0..most as u32).map(point).collect()
            }
        }
    }
}

#[test]
fn every_density_adds_up_to_one_and_has_its_moments_and_distribution_function() {
    for case in cases() {
        let (predictive, arguments) = (&case.predictive, &case.arguments[..]);
        if predictive.response() == Response::Binary {
            let p = predictive.probabilities(arguments).unwrap();
            case.close("P(0) + P(1)", p[0] + p[1], 1.0, 1e-15);
            for (y, p) in [0.0, 1.0].into_iter().zip(&p) {
                case.close("log P", predictive.log_density(arguments, y), p.ln(), 1e-13);
            }
            case.close("the mean", predictive.mean(arguments), p[1], 0.0);
            case.close(
                "the variance",
                predictive.variance(arguments),
                p[0] * p[1],
                1e-16,
            );
            assert_eq!(predictive.cdf(arguments, 0.0), None);
            continue;
        }
        let points = case.points();
        // Sums of numbers near log Γ, and the quadrature at the kink of a Laplace density.
        let size = case.arguments.iter().fold(1.0f64, |m, x| m.max(x.abs()));
        let tolerance = 1e-7 + 1e-13 * size.min(1e10);
        case.close("the total", points[points.len() - 1].2, 1.0, tolerance);
        for &(y, mass, below) in points.iter().step_by(points.len() / 500 + 1) {
            let cdf = |y: f64| predictive.cdf(arguments, y).unwrap();
            // A dispersion beyond 10⁸ has the limit's distribution function.
            let limit = if case.arguments.get(1) == Some(&1e9) {
                1e-4
            } else {
                0.0
            };
            case.close("P(Y <= y)", cdf(y), below, tolerance + limit);
            if predictive.response() == Response::Count {
                assert_eq!(cdf(y), cdf(y + 0.5), "{}", case.name());
                case.close("P(y)", cdf(y) - cdf(y - 1.0), mass, tolerance + limit);
            }
        }
        let (mean, variance) = (predictive.mean(arguments), predictive.variance(arguments));
        if !mean.is_finite() || case.arguments[0] == 1.5 {
            continue;
        }
        let sd = variance.sqrt();
        let first: f64 = points.iter().map(|(y, m, _)| (y - mean) / sd * m).sum();
        case.close("the mean", first, 0.0, 1e2 * tolerance);
        let second = points.iter().map(|(y, m, _)| ((y - mean) / sd).powi(2) * m);
        case.close("the variance", second.sum(), 1.0, 1e2 * tolerance);
    }
}

#[test]
fn what_has_no_moment_says_so() {
    let t = StudentT::default();
    assert!(Predictive::mean(&t, &[1.0, 0.0, 1.0]).is_nan());
    assert_eq!(Predictive::variance(&t, &[2.0, 0.0, 1.0]), f64::INFINITY);
}

#[test]
fn every_sampler_has_its_distribution() {
    const DRAWS: usize = 20_000;
    for case in cases() {
        let mut stream = Streams::new(61).stream(Purpose::Simulate, 0, 0, 0);
        let draws: Vec<f64> = (0..DRAWS)
            .map(|_| case.predictive.sample(&case.arguments, &mut stream))
            .collect();
        let check = |y: f64, p: f64| {
            let below = draws.iter().filter(|&&d| d <= y).count() as f64 / DRAWS as f64;
            let se = (p * (1.0 - p) / DRAWS as f64).sqrt();
            // The numbers that a uniform is made of are discrete, too.
            case.close(&format!("draws up to {y}"), below, p, 4.5 * se + 1e-9);
        };
        if let Some(p) = case.predictive.probabilities(&case.arguments) {
            check(0.0, p[0]);
            continue;
        }
        let points = case.points();
        for percent in [1, 5, 20, 50, 80, 95, 99] {
            let at = points.partition_point(|point| point.2 < f64::from(percent) / 100.0);
            let (y, _, p) = points[at.min(points.len() - 1)];
            check(y, p.min(1.0));
        }
    }
}

#[test]
fn arguments_out_of_range_end() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0, 1e300];
    let mut stream = Streams::new(62).stream(Purpose::Simulate, 0, 0, 0);
    for case in cases() {
        for i in 0..case.arguments.len() {
            for x in odd {
                let mut arguments = case.arguments.clone();
                arguments[i] = x;
                for y in odd {
                    let p = case.predictive.cdf(&arguments, y);
                    assert!(
                        p.is_none_or(|p| p.is_nan() || (0.0..=1.0).contains(&p)),
                        "{}: {p:?}",
                        case.name()
                    );
                }
                let _ = case.predictive.sample(&arguments, &mut stream);
            }
        }
    }
}

// On the engines.

/// Any likelihood, so that the engines are compiled for one model.
#[derive(Clone, Debug)]
enum Any {
    Normal(Normal<Term>),
    StudentT(StudentT<Term>),
    Laplace(Laplace<Term>),
    Bernoulli(Bernoulli),
    Poisson(Poisson),
    NegativeBinomial(NegativeBinomial),
}

macro_rules! of_any {
    ($any:expr, $inner:ident => $value:expr) => {
        match $any {
            Any::Normal($inner) => $value,
            Any::StudentT($inner) => $value,
            Any::Laplace($inner) => $value,
            Any::Bernoulli($inner) => $value,
            Any::Poisson($inner) => $value,
            Any::NegativeBinomial($inner) => $value,
        }
    };
}

impl Predictive for Any {
    fn response(&self) -> Response {
        of_any!(self, l => l.response())
    }
    fn log_density(&self, arguments: &[f64], y: f64) -> f64 {
        of_any!(self, l => Predictive::log_density(l, arguments, y))
    }
    fn mean(&self, arguments: &[f64]) -> f64 {
        of_any!(self, l => Predictive::mean(l, arguments))
    }
    fn variance(&self, arguments: &[f64]) -> f64 {
        of_any!(self, l => Predictive::variance(l, arguments))
    }
    fn cdf(&self, arguments: &[f64], y: f64) -> Option<f64> {
        of_any!(self, l => Predictive::cdf(l, arguments, y))
    }
    fn sample(&self, arguments: &[f64], stream: &mut Stream) -> f64 {
        of_any!(self, l => Predictive::sample(l, arguments, stream))
    }
    fn probabilities(&self, arguments: &[f64]) -> Option<Vec<f64>> {
        of_any!(self, l => Predictive::probabilities(l, arguments))
    }
}

impl Likelihood for Any {
    // As many as the likelihood with most has; they are paired with its terms, whatever these are.
    const KEYS: &'static [Key] = &[Key::column("df"), Key::column("mean"), Key::column("scale")];

    fn terms(&self) -> Vec<Term> {
        of_any!(self, l => Likelihood::terms(l))
    }
    fn fused(&self) -> Option<FusedHead> {
        of_any!(self, l => Likelihood::fused(l))
    }
    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        heads: &Heads<'_, E, D, T>,
        targets: &Targets<E, D>,
    ) -> PerRow<E, D, T> {
        of_any!(self, l => l.expr(heads, targets))
    }
}

/// A dense layer, a positive parameter beside it, and a likelihood.
#[derive(Clone, Debug)]
struct Net {
    layer: Linear<Dyn, Dyn>,
    likelihood: Any,
}

impl Model for Net {
    type Draw<'a> = Views<'a>;

    fn name(&self) -> &'static str {
        "Net"
    }

    fn fields(&self) -> Vec<FieldSpec> {
        vec![
            FieldSpec::of("layer", "Linear<Dyn, Dyn>", &self.layer),
            FieldSpec::of("noise", "Scale", &<Scale>::default()),
        ]
    }

    fn priors(&self, priors: &mut Priors<'_>) {
        priors.of("layer", &[], |_| Normal(0.0.into(), 0.5.into()));
        priors.of("noise", &[], |_| LogNormal(0.0.into(), 0.3.into()));
    }

    fn likelihood(&self) -> impl Likelihood + use<> {
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
        Network::new(p, x).then(0, &self.layer).output()
    }
}

const COLUMNS: usize = 2;

fn net(outputs: usize, likelihood: Any) -> Net {
    Net {
        layer: Linear::sized(COLUMNS, outputs),
        likelihood,
    }
}

/// Every likelihood, each with terms of many kinds, with as many outputs as they take.
fn every() -> Vec<(usize, Any)> {
    use Any::{
        Bernoulli as B, Laplace as L, NegativeBinomial as C, Normal as N, Poisson as P,
        StudentT as T,
    };
    let (out, noise) = (|| Term::Field(0), || Term::Field(1));
    let column = |c: usize| Term::Column(0, c);
    let (bernoulli, poisson) = (Bernoulli::default, Poisson::default);
    let negative = NegativeBinomial::default;
    vec![
        (1, N(Normal(out(), noise()))),
        (
            2,
            N(Normal(column(0) * 2.0, noise() * column(1).softplus())),
        ),
        (1, N(Normal(1.0 - out() / 3.0, (noise() + 1.0).ln() + 0.5))),
        (1, T(StudentT(4.0.into(), out(), noise()))),
        (1, T(StudentT(noise() + 1.0, out(), 0.7.into()))),
        (
            3,
            T(StudentT(
                column(2).exp(),
                column(0),
                noise() * column(1).exp(),
            )),
        ),
        (1, L(Laplace(out(), noise()))),
        (2, L(Laplace(-column(0), column(1).softplus()))),
        (1, B(bernoulli().logit(out()))),
        (2, B(bernoulli().logit((column(0) - column(1)) * noise()))),
        (1, P(poisson().log_rate(out()))),
        (1, P(poisson().log_rate(out() * noise() + Term::Feature(0)))),
        (1, C(negative().log_mean(out()).dispersion(noise()))),
        (
            2,
            C(negative().log_mean(column(0)).dispersion(column(1).exp())),
        ),
        (1, C(negative().log_mean(out()).dispersion(2.5))),
    ]
}

/// Rows with targets that the likelihood can give, zeros among them.
fn data(rows: usize, response: Response) -> Dataset {
    let y = normals(rows, 64).into_iter().map(|y| match response {
        Response::Real => y,
        Response::Count => (3.0 * y).max(0.0).floor(),
        Response::Class | Response::Binary => f32::from(u8::from(y > 0.0)),
    });
    Dataset::new(COLUMNS, normals(rows * COLUMNS, 63), y.collect()).unwrap()
}

fn thetas(problem: &dyn Problem, n: usize) -> Population {
    let mut thetas = Population::zeros(n, problem.dim());
    problem.prior().sample(Streams::new(65), 0, &mut thetas);
    thetas
}

fn segments(rows: usize) -> [Segment; 2] {
    let middle = rows * 2 / 3;
    [(0..middle, 1.0), (middle..rows, 0.75)].map(|(rows, weight)| Segment { rows, weight })
}

/// Every engine, the fused one with every instruction set that the machine has.
fn engines() -> Vec<Engine> {
    let fused = [
        Instructions::Portable,
        Instructions::Avx2,
        Instructions::Avx512,
    ];
    let fused = fused.map(|i| Engine::fused().instructions(i));
    [&fused[..], &[Engine::mixed(), Engine::autodiff()]].concat()
}

#[test]
fn every_likelihood_has_the_same_density_and_gradient_on_every_engine() {
    for (outputs, likelihood) in every() {
        for weighted in [false, true] {
            let mut data = data(71, likelihood.response());
            if weighted {
                let weights = normals(71, 66).iter().map(|w| w.max(0.0)).collect();
                data = data.with_weights(weights).unwrap();
            }
            let what = format!("{likelihood:?}, weighted: {weighted}");
            let model = net(outputs, likelihood.clone());
            // The expression's gradient against differences in f64, and the fused form against it.
            check_model(model.clone(), &data).unwrap_or_else(|e| panic!("{what}: {e}"));
            check_fused(model.clone(), &data).unwrap_or_else(|e| panic!("{what}: {e}"));
            let reference = Reference::new(model.clone(), &data, 1).unwrap();
            for engine in [Engine::mixed(), Engine::autodiff()] {
                let bound = bind(model.clone(), &data, engine, 1).unwrap();
                let thetas = thetas(&*bound.problem, 3);
                let found = reference.check(&*bound.problem, &thetas, &segments(71));
                found.unwrap_or_else(|e| panic!("{what}, {}: {e}", bound.problem.engine()));
            }
        }
    }
}

/// Weighted rows against the same rows as often as their weight says.
fn weights_count_rows<M: Model>(model: &M, response: Response) {
    const ROWS: usize = 50;
    let plain = data(ROWS, response);
    let counts: Vec<usize> = (0..ROWS).map(|i| (i * 7 + i / 3) % 4).collect();
    let weights = counts.iter().map(|&n| n as f32).collect();
    let weighted = plain.clone().with_weights(weights).unwrap();
    let repeated = (0..ROWS).flat_map(|i| std::iter::repeat_n(i, counts[i]));
    let repeated = plain.select(&repeated.collect::<Vec<_>>()).unwrap();
    let half: usize = counts[..30].iter().sum();
    for engine in engines() {
        let at = |data: &Dataset, half: usize| {
            let order: Vec<usize> = (0..data.rows()).collect();
            let bound = bind_in_order(model.clone(), data, engine, order).ok()?;
            let thetas = thetas(&*bound.problem, 3);
            let n = data.rows();
            let segments =
                [(0..half, 1.0), (half..n, 0.5)].map(|(rows, weight)| Segment { rows, weight });
            let mut gradient = Population::zeros(3, thetas.dim());
            let sums = bound
                .problem
                .log_likelihood(&thetas, &segments, Some(&mut gradient));
            let rows = bound.problem.row_log_likelihoods(&thetas);
            Some((sums, gradient, rows, bound.problem.engine().clone()))
        };
        let (Some(weighted), Some(repeated), Some(plain)) =
            (at(&weighted, 30), at(&repeated, half), at(&plain, 30))
        else {
            // An instruction set that the machine lacks.
            continue;
        };
        let close = |what: &str, found: f64, expected: f64, size: f64| {
            assert!(
                (found - expected).abs() <= 2e-6 * size,
                "{model:?}, {}: {what} is {found}, of repeated rows {expected}",
                plain.3
            );
        };
        for p in 0..3 {
            let rows = &plain.2[p * ROWS..][..ROWS];
            let size: f64 = 1.0 + rows.iter().map(|l| 3.0 * l.abs()).sum::<f64>();
            for (found, expected) in weighted.0.of(p).iter().zip(repeated.0.of(p)) {
                close("a sum", *found, *expected, size);
            }
            let g = weighted.1.row(p).iter().zip(repeated.1.row(p));
            let largest = repeated.1.row(p).iter().fold(1f32, |m, g| m.max(g.abs()));
            for (found, expected) in g {
                let size = 20.0 * f64::from(largest);
                close("a slope", f64::from(*found), f64::from(*expected), size);
            }
            for (i, l) in rows.iter().enumerate() {
                let found = weighted.2[p * ROWS + i];
                close("a row", found, counts[i] as f64 * l, 1.0 + 3.0 * l.abs());
            }
        }
    }
}

#[test]
fn a_whole_weight_is_a_row_so_many_times() {
    for (outputs, likelihood) in every() {
        let response = likelihood.response();
        weights_count_rows(&net(outputs, likelihood), response);
    }
    // The head that takes all outputs.
    weights_count_rows(&Softmax::<COLUMNS, 2>::default(), Response::Class);
}

#[test]
fn class_weights_are_weights() {
    let data = data(30, Response::Binary);
    let by_class = data.clone().with_class_weights(&[0.5, 2.0]).unwrap();
    let by_row = data.targets().iter().map(|&y| 0.5 + 1.5 * y).collect();
    assert_eq!(by_class, data.clone().with_weights(by_row).unwrap());
    let balanced = data.balanced_class_weights().unwrap();
    let ones = data.targets().iter().sum::<f32>();
    for (weight, n) in balanced.into_iter().zip([30.0 - ones, ones]) {
        assert!((weight * n - 15.0).abs() < 1e-5);
    }
}

#[test]
fn an_offset_is_a_feature_with_a_slope_of_one() {
    let plain = data(40, Response::Count);
    let feature: Vec<f32> = (0..40).map(|i| plain.row(i)[1]).collect();
    let offset = plain.clone().with_offset(feature).unwrap();
    let likelihood =
        |added: Term| Any::Poisson(Poisson::default().log_rate(Term::Field(0) + added));
    let (named, by_hand) = (
        net(1, likelihood(Term::Offset)),
        net(1, likelihood(Term::Feature(1))),
    );
    for engine in engines() {
        let Ok(first) = bind(named.clone(), &offset, engine, 3) else {
            continue;
        };
        let second = bind(by_hand.clone(), &plain, engine, 3).unwrap();
        let thetas = thetas(&*first.problem, 2);
        let mut gradients = [0, 1].map(|_| Population::zeros(2, thetas.dim()));
        let segments = segments(40);
        let [g, h] = &mut gradients;
        assert_eq!(
            first.problem.log_likelihood(&thetas, &segments, Some(g)),
            second.problem.log_likelihood(&thetas, &segments, Some(h))
        );
        assert_eq!(g.values(), h.values());
        assert_eq!(
            first
                .problem
                .model()
                .arguments(&thetas, offset.inputs())
                .unwrap(),
            second
                .problem
                .model()
                .arguments(&thetas, plain.inputs())
                .unwrap()
        );
        let missing = first
            .problem
            .model()
            .arguments(&thetas, plain.inputs())
            .unwrap_err();
        assert!(missing.to_string().contains("`Dataset::with_offset`"));
        let unused = second
            .problem
            .model()
            .arguments(&thetas, offset.inputs())
            .unwrap_err();
        assert!(unused.to_string().contains("does not name"), "{unused}");
    }
}

/// The model's only row and only particle, on every engine: log p(y) and its slope by the bias of a layer without features.
fn at_output(likelihood: &Any, output: f32, y: f32) -> Vec<(f64, f32)> {
    let model = Net {
        layer: Linear::sized(1, 1),
        likelihood: likelihood.clone(),
    };
    let data = Dataset::new(1, vec![0.0], vec![y]).unwrap();
    let rows = [Segment {
        rows: 0..1,
        weight: 1.0,
    }];
    let fused = engines().into_iter().take(3);
    fused
        .filter_map(|engine| bind(model.clone(), &data, engine, 0).ok())
        .map(|bound| {
            // Weight, bias and the logarithm of the parameter.
            let theta = Population::from_values(3, vec![0.0, output, 0.0]).unwrap();
            let mut gradient = Population::zeros(1, 3);
            let sums = bound
                .problem
                .log_likelihood(&theta, &rows, Some(&mut gradient));
            assert!(
                gradient.row(0).iter().all(|g| g.is_finite()),
                "{gradient:?}"
            );
            (sums.of(0)[0], gradient.row(0)[1])
        })
        .collect()
}

#[test]
fn extreme_outputs_have_the_right_density_and_slope_or_none() {
    let near = |found: Vec<(f64, f32)>, density: f64, slope: f64| {
        assert!(!found.is_empty());
        for (l, g) in found {
            assert!(
                (l - density).abs() <= 2e-7 * density.abs() + 1e-30,
                "{l}, expected {density}"
            );
            let error = (f64::from(g) - slope).abs();
            assert!(error <= 2e-7 * slope.abs() + 1e-30, "{g}, expected {slope}");
        }
    };
    let bernoulli = Any::Bernoulli(Bernoulli::default().logit(Term::Field(0)));
    near(at_output(&bernoulli, 60.0, 1.0), 0.0, (-60f64).exp());
    near(at_output(&bernoulli, 60.0, 0.0), -60.0, -1.0);
    near(at_output(&bernoulli, -1e30, 1.0), -f64::from(1e30f32), 1.0);
    let poisson = Any::Poisson(Poisson::default().log_rate(Term::Field(0)));
    near(at_output(&poisson, -1e4, 0.0), 0.0, 0.0);
    near(at_output(&poisson, -1e4, 2.0), -2e4 - 2f64.ln(), 2.0);
    // A count of a million, whose density is a small difference of large numbers.
    let (rate, y) = (f64::from(13.8f32), 1e6);
    let exact = y * rate - rate.exp() - libm::lgamma(y + 1.0);
    near(at_output(&poisson, 13.8, 1e6), exact, y - rate.exp());
    // exp(1000) is too large for anything: no density, and no slope.
    let none = |found: Vec<(f64, f32)>| {
        assert!(
            found.iter().all(|f| *f == (f64::NEG_INFINITY, 0.0)),
            "{found:?}"
        );
    };
    none(at_output(&poisson, 1000.0, 3.0));
    let student = Any::StudentT(StudentT(4.0.into(), 0.0.into(), Term::Field(0)));
    none(at_output(&student, -1.0, 0.5));
    none(at_output(&student, 0.0, 0.5));
}

// Refusals.

fn refused(likelihood: Any, outputs: usize, data: &Dataset) -> String {
    let bound = bind(net(outputs, likelihood), data, Engine::auto(), 0);
    bound.err().map_or_else(String::new, |e| e.to_string())
}

#[test]
fn targets_that_a_likelihood_cannot_give_are_named() {
    let with = |y: f32| Dataset::new(COLUMNS, vec![0.0; 4], vec![1.0, y]).unwrap();
    let out = || Term::Field(0);
    let (poisson, bernoulli) = (
        Any::Poisson(Poisson::default().log_rate(out())),
        Any::Bernoulli(Bernoulli::default().logit(out())),
    );
    for y in [-1.0, 0.5] {
        assert_eq!(
            refused(poisson.clone(), 1, &with(y)),
            format!("target in row 1: expected a count, a whole number from 0, found {y}")
        );
    }
    for y in [-1.0, 0.5, 2.0] {
        assert_eq!(
            refused(bernoulli.clone(), 1, &with(y)),
            format!(
                "target in row 1 is {y}, which is not a class; the likelihood has classes 0 to 1"
            )
        );
    }
    let scaled = |data: Dataset| Standardise::fit(&data).apply(&data).unwrap();
    assert_eq!(
        refused(poisson, 1, &scaled(with(0.0))),
        "targets of `Net`: expected counts; `Standardise::fit_features` leaves them alone, found standardised ones"
    );
    assert_eq!(
        refused(bernoulli, 1, &scaled(with(0.0))),
        "targets of `Net`: expected classes; `Standardise::fit_features` leaves them alone, found standardised ones"
    );
}

#[test]
fn terms_inside_expressions_are_checked() {
    let data = data(5, Response::Real);
    let (out, noise) = (|| Term::Field(0), || Term::Field(1));
    for (mean, sd, outputs, expected) in [
        (
            out() * 2.0,
            noise(),
            2,
            "takes one number per row, but `Net.layer: Linear<Dyn, Dyn>` gives 2 features; pick one as `layer[0]`",
        ),
        (
            out(),
            noise() + Term::Column(0, 3),
            1,
            "`layer[3]` does not exist: `Net.layer: Linear<Dyn, Dyn>` gives 1 feature, counted from 0",
        ),
        (
            out() + Term::Feature(2),
            noise(),
            1,
            "takes feature number 2, but the data have 2 features, counted from 0",
        ),
        (
            out() / f64::NAN,
            noise(),
            1,
            "takes a finite number, but is given NaN",
        ),
        (
            -Term::Unset,
            noise(),
            1,
            "the likelihood `Any` also needs `df = ..`",
        ),
    ] {
        let found = refused(Any::Normal(Normal(mean, sd)), outputs, &data);
        assert!(found.contains(expected), "{found}");
    }
    let column = |c: usize| Term::Column(0, c);
    let many = Normal(column(0) + column(1) + column(2), column(3).exp() * noise());
    let many = Any::Normal(many);
    let bound = bind(net(4, many.clone()), &data, Engine::fused(), 0);
    let text = bound.err().map_or_else(String::new, |e| e.to_string());
    assert!(text.contains("names 5 outputs and parameters"), "{text}");
    check_model(net(4, many), &data).unwrap();
}

// Predictions.

/// Counts with a learned dispersion.
#[bayes_model]
#[likelihood(NegativeBinomial(log_mean = output + offset, dispersion = shape))]
#[infer(smc(particles = 64))]
struct Counts {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<1, 1>,
    #[prior(LogNormal(1.0, 0.5))]
    shape: Scale,
}

fn counts(rows: usize, seed: u64) -> Dataset {
    let x = normals(rows, seed);
    let exposure: Vec<f32> = normals(rows, seed + 1).iter().map(|z| 0.5 * z).collect();
    let mut stream = Streams::new(seed).stream(Purpose::Simulate, 0, 0, 1);
    let y = x.iter().zip(&exposure).map(|(x, e)| {
        let arguments = [f64::from(1.0 + 0.7 * x + e), 3.0];
        Predictive::sample(&NegativeBinomial::default(), &arguments, &mut stream) as f32
    });
    let data = Dataset::new(1, x.clone(), y.collect()).unwrap();
    data.with_offset(exposure).unwrap()
}

#[test]
fn predictions_of_counts_are_counts() {
    let (train, test) = (counts(300, 71), counts(200, 81));
    let posterior = Counts::infer(&train).seed(1).run().unwrap();
    let prediction = posterior.predict(&test).unwrap();
    for p in [0.001, 0.05, 0.5, 0.95, 0.999] {
        for (row, q) in prediction.quantile(p).unwrap().into_iter().enumerate() {
            let cdf = |k: f64| prediction.cdf(row, k).unwrap();
            assert!(q >= 0.0 && q.fract() == 0.0, "{q}");
            assert!(cdf(q) >= p && (q == 0.0 || cdf(q - 1.0) < p), "{q} at {p}");
        }
    }
    let inside = prediction.interval(0.9).unwrap();
    let rows = test.targets().iter().zip(&inside);
    let hits = rows.filter(|(y, (low, high))| (*low..=*high).contains(&f64::from(**y)));
    let covered = hits.count() as f64 / 200.0;
    assert_eq!(prediction.coverage(0.9), Some(covered));
    // Closed intervals of counts cover at least what they say; 200 rows say it to within 0.064 (three standard errors).
    assert!(covered > 0.9 - 0.064, "{covered}");
    near(
        "the middle of the steps",
        &prediction.pit().unwrap(),
        0.5,
        4.0,
    )
    .unwrap();
    let crps = prediction.crps().unwrap();
    let mut exact = 0.0;
    for (row, &y) in test.targets().iter().enumerate() {
        for k in 0..2000 {
            let above = f64::from(u8::from(f64::from(k) >= f64::from(y)));
            exact += (prediction.cdf(row, f64::from(k)).unwrap() - above).powi(2);
        }
    }
    assert!(
        (crps - exact / 200.0).abs() < 1e-5 * crps,
        "{crps}, {exact}"
    );
    let mean = prediction.mean();
    let sums = prediction.log_densities().len();
    assert_eq!((mean.len(), sums, prediction.accuracy()), (200, 200, None));
    assert!(prediction.rmse().is_some() && prediction.epistemic_sd().is_some());
    assert_eq!(prediction.probabilities(0), None);
    // The offset counts where rows are predicted.
    let shifted = test.offset().unwrap().iter().map(|e| e + 1.0).collect();
    let shifted = test.clone().with_offset(shifted).unwrap();
    let more = posterior.predict(&shifted).unwrap().mean();
    for (more, mean) in more.iter().zip(&mean) {
        assert!((more / mean - 1f64.exp()).abs() < 1e-4, "{more} {mean}");
    }
    assert!(
        Counts::infer(&train)
            .standardise(Standardise::fit(&train))
            .run()
            .is_err()
    );
    let scale = Standardise::fit_features(&train);
    let carried = Counts::infer(&train).standardise(scale).run().unwrap();
    assert!(carried.predict(&test).unwrap().quantile(0.5).is_some());
}

/// Yes or no.
#[bayes_model]
#[likelihood(Bernoulli(logit = output))]
#[infer(mcmc(chains = 2, warmup = 100, draws = 100))]
struct YesNo {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<2, 1>,
}

#[test]
fn predictions_of_yes_and_no_are_those_of_two_classes() {
    let train = laws::table(200, 2, 91, |_, x| f32::from(u8::from(x[0] - x[1] > 0.0)));
    let named = train.clone().with_classes(["no", "yes"]).unwrap();
    let posterior = YesNo::infer(&named).run().unwrap();
    let prediction = posterior.predict(&train).unwrap();
    for row in 0..200 {
        let p = prediction.probabilities(row).unwrap();
        assert_eq!(p.len(), 2);
        assert!((p[0] + p[1] - 1.0).abs() < 1e-12);
        assert!((prediction.mean()[row] - p[1]).abs() < 1e-12);
    }
    assert!(prediction.accuracy().unwrap() > 0.95);
    assert!(prediction.auroc(1).unwrap() > 0.99);
    assert!(prediction.brier().unwrap() < 0.1);
    assert!(prediction.confusion().unwrap().to_string().contains("yes"));
    assert_eq!(
        (
            prediction.rmse(),
            prediction.quantile(0.5),
            prediction.pit()
        ),
        (None, None, None)
    );
}

/// The evidence of weighted rows on the original scale counts each row as often as its weight says.
#[test]
fn weights_count_in_the_evidence_of_a_carried_standardisation() {
    #[bayes_model]
    #[likelihood(StudentT(df = 4.0, mean = output, scale = 0.5))]
    #[infer(smc(particles = 512))]
    struct Line {
        #[prior(Normal(0.0, 1.0))]
        output: Linear<1, 1>,
    }
    let plain = laws::table(12, 1, 92, |_, x| 30.0 + 8.0 * x[0]);
    let scale = Standardise::fit(&plain);
    let weighted = plain.clone().with_weights(vec![2.0; 12]).unwrap();
    let twice = plain.select(&[(0..12).collect::<Vec<_>>(), (0..12).collect()].concat());
    let evidence = |data: &Dataset, seed: u64| {
        let run = Line::infer(data).standardise(scale.clone()).seed(seed);
        run.run().unwrap().log_evidence().unwrap()
    };
    let twice = twice.unwrap();
    let differences: Vec<f64> = (0..8)
        .map(|seed| evidence(&weighted, seed) - evidence(&twice, seed + 100))
        .collect();
    near("the difference of log-evidences", &differences, 0.0, 5.0).unwrap();
}
