//! Fused layers as operations of the dfdx tape: a model with parts of the user's own still has the gradients of its
//! expression, and says which engine it runs on and why.

use smc_runtime::base::rng::{Purpose, Stream, Streams};
use smc_runtime::engine::{Bound, bind};
use smc_runtime::layers::*;
use smc_runtime::model::dist::{Likelihood, Predictive, Response};
use smc_runtime::model::prior::Priors;
use smc_runtime::model::tensor::{Heads, PerRow, Targets};
use smc_runtime::model::{FieldSpec, Views};
use smc_runtime::prelude::*;
use smc_runtime::problem::Segment;
use smc_runtime::problem::population::Population;
use smc_runtime::testing::check_model;

/// sin(x): a layer that only its expression knows.
#[derive(Clone, Copy, Debug, Default)]
struct Sine;

impl Field for Sine {
    type View<'a> = ();
    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        _: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        x.sin()
    }
}

/// Built-in layers around it: two runs, the second of which passes derivatives on to its input.
#[bayes_model]
#[likelihood(Normal(mean = output[0], sd = output[1].exp()))]
struct Middle {
    #[prior(Normal(0.0, tau))]
    first: Linear<7, 13>,
    tanh: Tanh,
    sine: Sine,
    #[prior(Normal(0.0, 1.0))]
    second: Linear<13, 9>,
    #[prior(HalfNormal(1.0))]
    tau: Scale,
    relu: Relu,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<9, 2>,
}

/// Normal without its fused form: a likelihood of the user's own.
#[derive(Clone, Debug, Default)]
struct Own(Normal<Term>);

impl Own {
    fn mean(self, mean: impl Into<Term>) -> Self {
        Self(self.0.mean(mean))
    }

    fn sd(self, sd: impl Into<Term>) -> Self {
        Self(self.0.sd(sd))
    }
}

impl Predictive for Own {
    fn response(&self) -> Response {
        self.0.response()
    }
    fn log_density(&self, arguments: &[f64], y: f64) -> f64 {
        Predictive::log_density(&self.0, arguments, y)
    }
    fn mean(&self, arguments: &[f64]) -> f64 {
        Predictive::mean(&self.0, arguments)
    }
    fn variance(&self, arguments: &[f64]) -> f64 {
        self.0.variance(arguments)
    }
    fn cdf(&self, arguments: &[f64], y: f64) -> Option<f64> {
        self.0.cdf(arguments, y)
    }
    fn sample(&self, arguments: &[f64], stream: &mut Stream) -> f64 {
        Predictive::sample(&self.0, arguments, stream)
    }
    fn probabilities(&self, _: &[f64]) -> Option<Vec<f64>> {
        None
    }
}

impl Likelihood for Own {
    const KEYS: &'static [smc_runtime::model::check::Key] = Normal::<Term>::KEYS;

    fn terms(&self) -> Vec<Term> {
        self.0.terms()
    }

    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        heads: &Heads<'_, E, D, T>,
        targets: &Targets<E, D>,
    ) -> PerRow<E, D, T> {
        self.0.expr(heads, targets)
    }
}

/// Built-in layers under a likelihood of the user's own.
#[bayes_model]
#[likelihood(Own(mean = output, sd = noise))]
struct OwnLikelihood {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<7, 33>,
    tanh: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<33, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// By hand: a network, plus a linear term in dfdx, plus the network's first weights once more, so that a block has
/// gradients from both.
#[derive(Clone, Debug, Default)]
struct Sum {
    hidden: Linear<7, 20>,
    tanh: Tanh,
    output: Linear<20, 1>,
}

impl Model for Sum {
    type Draw<'a> = Views<'a>;

    fn name(&self) -> &'static str {
        "Sum"
    }

    fn fields(&self) -> Vec<FieldSpec> {
        vec![
            FieldSpec::of("hidden", "Linear<7, 20>", &self.hidden),
            FieldSpec::of("tanh", "Tanh", &self.tanh),
            FieldSpec::of("output", "Linear<20, 1>", &self.output),
            FieldSpec::parameter("slope", vec![7], Support::Real),
        ]
    }

    fn priors(&self, priors: &mut Priors<'_>) {
        for field in ["hidden", "output", "slope"] {
            priors.of(field, &[], |_| Normal(0.0.into(), 1.0.into()));
        }
    }

    fn likelihood(&self) -> impl Likelihood + use<> {
        Normal::default().mean(self.term("output")).sd(0.5)
    }

    fn draw<'a>(&self, blocks: Views<'a>) -> Self::Draw<'a> {
        blocks
    }

    fn output<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        p: &Params<E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let &(particles, rows, _) = x.shape();
        let network = Network::new(p, x.clone())
            .then(0, &self.hidden)
            .then(1, &self.tanh)
            .then(2, &self.output)
            .output();
        let slope = p.field(3).block(0).reshape_like(&(particles, 7, 1));
        let weights = p.field(0).block(0).reshape_like(&(particles, 140));
        let energy = weights.square().mean::<(usize,), Axis<1>>();
        network + x.matmul(slope) + energy.broadcast_like::<_, Axes2<1, 2>>(&(particles, rows, 1))
    }
}

fn data(rows: usize) -> Dataset {
    let mut stream = Streams::new(3).stream(Purpose::Simulate, 0, 0, 0);
    let features = (0..rows * 7).map(|_| stream.normal() as f32).collect();
    let targets = (0..rows).map(|_| stream.normal() as f32).collect();
    Dataset::new(7, features, targets).unwrap()
}

type Answers = (Vec<f64>, Vec<f64>, Population, Vec<f64>, Vec<f64>);

/// Sums, gradients, rows and arguments, on segments that begin and end inside panels.
fn answers<M: Model>(bound: &Bound<M>, data: &Dataset) -> Answers {
    let problem = &*bound.problem;
    let mut thetas = Population::zeros(3, problem.dim());
    thetas.fill_normal(Streams::new(1), Purpose::Simulate, 0, 0);
    thetas
        .on_host()
        .map_rows(|_, row| row.iter_mut().for_each(|x| *x *= 0.4));
    let segment = |rows, weight| Segment { rows, weight };
    let segments = [segment(3..300, 1.0), segment(300..571, 0.3)];
    let mut gradient = Population::zeros(3, thetas.dim());
    let sums = problem.log_likelihood(&thetas, &segments, Some(&mut gradient));
    let value_only = problem.log_likelihood(&thetas, &segments, None);
    assert_eq!(sums, value_only, "a value does not depend on the gradient");
    (
        sums.each().map(|s| s[0]).collect(),
        sums.each().map(|s| s[1]).collect(),
        gradient,
        problem.row_log_likelihoods(&thetas),
        problem
            .model()
            .arguments(&thetas, data.inputs())
            .unwrap()
            .values,
    )
}

fn close(what: &str, a: impl IntoIterator<Item = f64>, b: impl IntoIterator<Item = f64>) {
    let pairs: Vec<(f64, f64)> = a.into_iter().zip(b).collect();
    let error: f64 = pairs.iter().map(|(a, b)| (a - b).powi(2)).sum();
    let size: f64 = pairs.iter().map(|(_, b)| b * b).sum();
    assert!(
        error.sqrt() <= 1e-5 * size.sqrt(),
        "{what}: {} of {}",
        error.sqrt(),
        size.sqrt()
    );
}

fn agrees<M: Model + Default>(reason: &str) {
    let data = data(600);
    let auto = bind(M::default(), &data, Engine::auto(), 5).unwrap();
    let engine = auto.problem.engine();
    assert_eq!(engine.name, "autodiff with fused layers (dfdx, CPU)");
    assert!(engine.reason.contains(reason), "{engine}");
    let truth = bind(M::default(), &data, Engine::autodiff(), 5).unwrap();
    assert_eq!(truth.problem.engine().name, "autodiff (dfdx, CPU)");
    // New rows, so that arguments are not those of the bound data.
    let elsewhere = self::data(77);
    let (a, t) = (answers(&auto, &elsewhere), answers(&truth, &elsewhere));
    close("full", a.0, t.0);
    close("ramp", a.1, t.1);
    for p in 0..3 {
        let of = |g: &Population| g.row(p).iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        close("gradient", of(&a.2), of(&t.2));
    }
    close("rows", a.3, t.3);
    close("arguments", a.4, t.4);
    check_model(M::default(), &data).unwrap();
}

#[test]
fn a_layer_of_ones_own_between_fused_runs() {
    agrees::<Middle>("the field `sine` has no fused form");
}

#[test]
fn a_likelihood_of_ones_own_on_a_fused_network() {
    agrees::<OwnLikelihood>("the likelihood has no fused form");
}

#[test]
fn terms_of_ones_own_add_and_so_do_their_gradients() {
    agrees::<Sum>("the model writes its output by hand");
}

#[test]
fn the_report_says_which_engine_and_why() {
    let data = data(40);
    let report = |engine: Engine| {
        let run = OwnLikelihood::infer(&data)
            .with(smc().particles(8))
            .engine(engine);
        run.run().unwrap().report().to_string()
    };
    let fused = report(Engine::auto());
    assert!(fused.contains("autodiff with fused layers"), "{fused}");
    assert!(
        fused.contains("the likelihood has no fused form"),
        "{fused}"
    );
    assert!(report(Engine::autodiff()).contains("autodiff (dfdx, CPU): asked for"));
    let refused = bind(Middle::default(), &data, Engine::fused(), 1);
    let refusal = refused.err().unwrap().to_string();
    assert!(
        refusal.contains("the field `sine` has no fused form"),
        "{refusal}"
    );
}
