//! The whole engine on a case small enough for Miri: values and gradients on every instruction set against the same
//! network written out in f64, and its finite differences. It needs no other engine.

use super::{Fused, program_of};
use crate::base::exec;
use crate::base::rng::{Purpose, Streams};
use crate::data::Dataset;
use crate::engine::common::Given;
use crate::model::dist::{Categorical, HalfNormal, Likelihood, NegativeBinomial, Normal, Term};
#[cfg(feature = "autodiff")]
use crate::model::nn::Field;
use crate::model::nn::{Linear, Scale, Tanh};
use crate::model::prior::Priors;
#[cfg(feature = "autodiff")]
use crate::model::tensor::{Act, Device, Float, Params, Tape};
use crate::model::{FieldSpec, Model, Views};
use crate::numerics::isa::{Instructions, Isa};
use crate::problem::population::Population;
use crate::problem::{Problem, Segment};

const INPUTS: usize = 13;
const HIDDEN: usize = 7;
const ROWS: usize = 40;

/// One hidden layer, whose sizes are such that its products are packed, with remainders; and a positive parameter.
#[derive(Clone, Debug)]
struct Tiny<L, const O: usize> {
    hidden: Linear<INPUTS, HIDDEN>,
    output: Linear<HIDDEN, O>,
    likelihood: L,
}

impl<L: Likelihood, const O: usize> Model for Tiny<L, O> {
    type Draw<'a> = Views<'a>;

    fn name(&self) -> &'static str {
        "Tiny"
    }

    fn fields(&self) -> Vec<FieldSpec> {
        vec![
            FieldSpec::of("hidden", "Linear", &self.hidden),
            FieldSpec::of("tanh", "Tanh", &Tanh),
            FieldSpec::of("output", "Linear", &self.output),
            FieldSpec::of("noise", "Scale", &<Scale>::default()),
        ]
    }

    fn priors(&self, priors: &mut Priors<'_>) {
        priors.of("hidden", &[], |_| Normal(0.0.into(), 1.0.into()));
        priors.of("output", &[], |_| Normal(0.0.into(), 1.0.into()));
        priors.of("noise", &[], |_| HalfNormal(1.0.into()));
    }

    fn likelihood(&self) -> impl Likelihood + use<L, O> {
        self.likelihood.clone()
    }

    fn is_chain(&self) -> bool {
        true
    }

    fn draw<'a>(&self, blocks: Views<'a>) -> Self::Draw<'a> {
        blocks
    }

    #[cfg(feature = "autodiff")]
    fn output<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        p: &Params<E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let x = Tanh.expr(p.field(1), self.hidden.expr(p.field(0), x));
        self.output.expr(p.field(2), x)
    }
}

/// W x + b with W and b taken from the front of `theta`.
fn affine<'a>(theta: &'a [f64], x: &[f64], outputs: usize) -> (Vec<f64>, &'a [f64]) {
    let (w, rest) = theta.split_at(outputs * x.len());
    let (b, rest) = rest.split_at(outputs);
    let dot = |w: &[f64]| w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
    let y = w.chunks(x.len()).zip(b).map(|(w, b)| dot(w) + b);
    (y.collect(), rest)
}

/// Σ of a segment's rows at θ, where `log_p` takes the outputs, the positive parameter and the target.
fn sum<const O: usize>(
    log_p: fn(&[f64], f64, f64) -> f64,
    theta: &[f64],
    data: &Dataset,
    rows: &[usize],
) -> f64 {
    let row = |&row: &usize| {
        let x: Vec<f64> = data.row(row).iter().map(|&x| f64::from(x)).collect();
        let (h, rest) = affine(theta, &x, HIDDEN);
        let h: Vec<f64> = h.into_iter().map(f64::tanh).collect();
        let (output, rest) = affine(rest, &h, O);
        log_p(&output, rest[0].exp(), f64::from(data.target(row)))
    };
    rows.iter().map(row).sum()
}

fn normals(len: usize, draw: usize) -> Vec<f32> {
    let mut numbers = vec![0.0; len];
    Streams::new(3)
        .stream(Purpose::Simulate, 0, 0, draw)
        .fill_normal(&mut numbers);
    numbers
}

/// Holds every instruction set to the same sums in f64, and to the slopes of these along a direction in each block.
fn check<L: Likelihood, const O: usize>(likelihood: &L, log_p: fn(&[f64], f64, f64) -> f64) {
    const PARTICLES: usize = 3;
    let targets = (0..ROWS).map(|i| (i % 2) as f32).collect();
    let data = Dataset::new(INPUTS, normals(ROWS * INPUTS, 0), targets).expect("finite");
    let segments = [(0..33, 1.0), (33..ROWS, 0.5)].map(|(rows, weight)| Segment { rows, weight });
    for instructions in [
        Instructions::Portable,
        Instructions::Avx2,
        Instructions::Avx512,
    ] {
        let Some(isa) = Isa::new(instructions) else {
            continue;
        };
        println!("{}", isa.name());
        let model = Tiny::<L, O> {
            hidden: Linear::default(),
            output: Linear::default(),
            likelihood: likelihood.clone(),
        };
        let given = Given::new(model, &data, None, None, 1).expect("the sizes fit");
        let program = program_of(&given.common, instructions).expect("all has a fused form");
        let problem = Fused::new(given, program);
        let dim = problem.dim();
        let values = normals(PARTICLES * dim, 1)
            .iter()
            .map(|x| 0.3 * x)
            .collect();
        let thetas = Population::from_values(dim, values).expect("whole vectors");
        let mut gradient = Population::zeros(PARTICLES, dim);
        let sums = exec::with_threads(Some(2), || {
            let sums = problem.log_likelihood(&thetas, &segments, Some(&mut gradient));
            let alone = problem.log_likelihood(&thetas.gather(&[1]), &segments, None);
            assert_eq!(alone.of(0), sums.of(1));
            sums
        });
        let sums = sums.expect("two threads");
        let (full, ramp) = problem.order().split_at(33);
        for p in 0..PARTICLES {
            let theta: Vec<f64> = thetas.row(p).iter().map(|&x| f64::from(x)).collect();
            for (found, rows) in sums.of(p).iter().zip([full, ramp]) {
                let exact = sum::<O>(log_p, &theta, &data, rows);
                assert!((found - exact).abs() <= 1e-4, "{found}, in f64 {exact}");
            }
            let blocks = problem.layout().blocks().iter().map(|b| b.range.clone());
            // Miri has time for one direction in all blocks at once, of one particle.
            let one = (cfg!(miri) && p == 0).then_some(0..dim);
            let each = blocks.filter(|_| !cfg!(miri));
            for range in one.into_iter().chain(each) {
                let direction = normals(range.len(), 2);
                let at = |h: f64| {
                    let mut theta = theta.clone();
                    for (x, &d) in theta[range.clone()].iter_mut().zip(&direction) {
                        *x += h * f64::from(d);
                    }
                    sum::<O>(log_p, &theta, &data, full)
                        + 0.5 * sum::<O>(log_p, &theta, &data, ramp)
                };
                let slope = (at(1e-4) - at(-1e-4)) / 2e-4;
                let along = gradient.row(p)[range.clone()].iter().zip(&direction);
                let found: f64 = along.map(|(&g, &d)| f64::from(g) * f64::from(d)).sum();
                assert!(
                    (found - slope).abs() <= 1e-4 * (1.0 + slope.abs()),
                    "{}: {found} along a direction in {range:?}, differences give {slope}",
                    isa.name(),
                );
            }
        }
    }
}

fn normal(mean: f64, sd: f64, y: f64) -> f64 {
    Normal(mean, sd).log_density(y)
}

#[test]
fn an_output_as_standard_deviation() {
    let output = Term::Field(2);
    let likelihood = Normal(output.column(0), output.column(1).exp());
    check::<_, 2>(&likelihood, |o, _, y| normal(o[0], o[1].exp(), y));
}

// For Miri one likelihood is enough: what is unsafe is the same for all.
#[cfg_attr(miri, ignore)]
#[test]
fn a_learned_standard_deviation() {
    let likelihood = Normal(Term::Field(2).column(0), Term::Field(3));
    check::<_, 1>(&likelihood, |o, noise, y| normal(o[0], noise, y));
}

#[cfg_attr(miri, ignore)]
#[test]
fn classes() {
    let likelihood = Categorical::default().logits(Term::Field(2));
    check::<_, 2>(&likelihood, |o, _, y| {
        o[y as usize] - (o[0].exp() + o[1].exp()).ln()
    });
}

#[cfg_attr(miri, ignore)]
#[test]
fn a_formula_of_expressions() {
    let output = Term::Field(2);
    let likelihood = NegativeBinomial::default()
        .log_mean(output.column(0) * 0.5 - output.column(1))
        .dispersion(Term::Field(3) + 0.25);
    check::<_, 2>(&likelihood, |o, noise, y| {
        let (mean, r) = ((0.5 * o[0] - o[1]).exp(), noise + 0.25);
        let choose = libm::lgamma(y + r) - libm::lgamma(r) - libm::lgamma(y + 1.0);
        choose + r * (r / (r + mean)).ln() + y * (mean / (r + mean)).ln()
    });
}
