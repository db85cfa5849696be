//! Many particles in one expression, with the constants of the rows kept, as on a card: the same numbers as one particle at
//! a time without either. On the CPU, so that it needs no card.

use dfdx::prelude::Cpu;

use super::{Autodiff, on_cpu};
use crate::base::rng::{Purpose, Streams};
use crate::data::Dataset;
use crate::engine::common::Given;
use crate::model::dist::{Categorical, HalfNormal, Likelihood, Normal, Poisson, StudentT, Term};
use crate::model::nn::{Linear, LinearNoBias, Relu, Scale, Tanh};
use crate::model::prior::Priors;
use crate::model::tensor::{Act, Device, Float, Kept, Params, Tape, columns};
use crate::model::{FieldSpec, Model, Network, Views};
use crate::problem::{Problem, Segment};

const INPUTS: usize = 5;

/// What a network does with its features.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// A chain that begins with an affine layer.
    Chain,
    /// A chain that begins with an activation.
    Activation,
    /// By hand: the features are added to the outputs.
    Sum,
}

#[derive(Clone, Debug)]
struct Net<L, const O: usize> {
    form: Form,
    hidden: LinearNoBias<INPUTS, 9>,
    middle: Linear<9, 6>,
    output: Linear<6, O>,
    likelihood: L,
}

impl<L: Likelihood, const O: usize> Model for Net<L, O> {
    type Draw<'a> = Views<'a>;

    fn name(&self) -> &'static str {
        "Net"
    }

    fn fields(&self) -> Vec<FieldSpec> {
        vec![
            FieldSpec::of("relu", "Relu", &Relu),
            FieldSpec::of("hidden", "LinearNoBias", &self.hidden),
            FieldSpec::of("tanh", "Tanh", &Tanh),
            FieldSpec::of("middle", "Linear", &self.middle),
            FieldSpec::of("other", "Tanh", &Tanh),
            FieldSpec::of("output", "Linear", &self.output),
            FieldSpec::of("noise", "Scale", &<Scale>::default()),
        ]
    }

    fn priors(&self, priors: &mut Priors<'_>) {
        for layer in ["hidden", "middle", "output"] {
            priors.of(layer, &[], |_| Normal(0.0.into(), 1.0.into()));
        }
        priors.of("noise", &[], |_| HalfNormal(1.0.into()));
    }

    fn likelihood(&self) -> impl Likelihood + use<L, O> {
        self.likelihood.clone()
    }

    fn is_chain(&self) -> bool {
        self.form != Form::Sum
    }

    fn draw<'a>(&self, blocks: Views<'a>) -> Self::Draw<'a> {
        blocks
    }

    fn output<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        p: &Params<E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let network = match self.form {
            Form::Activation => Network::from_data(p, x.clone()).then(0, &Relu),
            Form::Chain => Network::from_data(p, x.clone()),
            Form::Sum => Network::new(p, x.clone()),
        };
        let inner = network
            .then(1, &self.hidden)
            .then(2, &Tanh)
            .then(3, &self.middle)
            .then(4, &Tanh)
            .then(5, &self.output)
            .output();
        if self.form == Form::Sum {
            return inner + columns(&x, 0..O) * E::narrow(0.5);
        }
        inner
    }
}

fn normals(len: usize, draw: usize) -> Vec<f32> {
    let mut numbers = vec![0.0; len];
    Streams::new(5)
        .stream(Purpose::Simulate, 0, 0, draw)
        .fill_normal(&mut numbers);
    numbers
}

/// A row more than two tiles, with weights, of which some are 0, and an offset if it is asked for.
fn data(has_offset: bool) -> Dataset {
    let rows = 2 * 1024 + 1;
    let targets = (0..rows).map(|i| (i % 3) as f32).collect();
    let data = Dataset::new(INPUTS, normals(rows * INPUTS, 0), targets).expect("finite");
    let weights = (0..rows).map(|i| (i % 4) as f32 / 2.0).collect();
    let data = data.with_weights(weights).expect("one per row");
    if !has_offset {
        return data;
    }
    data.with_offset(normals(rows, 1)).expect("one per row")
}

fn close(a: f64, b: f64, what: &str) {
    assert!((a - b).abs() <= 2e-5 * (1.0 + b.abs()), "{what}: {a}, {b}");
}

fn check<L: Likelihood, const O: usize>(likelihood: &L, form: Form, has_offset: bool) {
    const PARTICLES: usize = 5;
    let model = Net::<L, O> {
        form,
        hidden: LinearNoBias::default(),
        middle: Linear::default(),
        output: Linear::default(),
        likelihood: likelihood.clone(),
    };
    let data = data(has_offset);
    let given = Given::new(model, &data, None, None, 1).expect("the sizes fit");
    let problem: Autodiff<_, Cpu> = on_cpu(given, "asked for").expect("it is there");
    let dim = problem.dim();
    let thetas: Vec<f64> = normals(PARTICLES * dim, 2)
        .iter()
        .map(|&x| 0.5 * f64::from(x))
        .collect();
    let segments = [(7..1500, 1.0), (1500..2049, 0.25), (0..7, 0.0)]
        .map(|(rows, weight)| Segment { rows, weight });
    let mut one = vec![0.0; PARTICLES * dim];
    let expected = problem.evaluate::<f64>(dim, &thetas, &segments, &mut one);
    let (cpu, kept) = (Cpu::default(), Kept::<f64, Cpu>::default());
    let members: Vec<&[f64]> = thetas.chunks(dim).collect();
    for round in ["first", "again", "other rows", "back"] {
        let mut sums = vec![0.0; PARTICLES * 3];
        let mut gradient = vec![0.0; PARTICLES * dim];
        let some = [Segment {
            rows: 3..40,
            weight: 1.0,
        }];
        let other = round == "other rows";
        let segments = if other { &some[..] } else { &segments[..] };
        problem.group(
            (&cpu, Some(&kept)),
            &members,
            segments,
            &mut sums,
            &mut gradient,
        );
        if other {
            continue;
        }
        for (p, sums) in sums.chunks(3).enumerate() {
            for (&a, &b) in sums.iter().zip(expected.of(p)) {
                close(a, b, round);
            }
        }
        for (&a, &b) in gradient.iter().zip(&one) {
            close(a, b, "gradient");
        }
    }
}

fn in_every_form<L: Likelihood, const O: usize>(likelihood: &L, has_offset: bool) {
    for form in [Form::Chain, Form::Activation, Form::Sum] {
        check::<L, O>(likelihood, form, has_offset);
    }
}

#[test]
fn a_group_with_classes_is_its_members() {
    let likelihood = Categorical::default().logits(Term::Field(5));
    in_every_form::<_, 3>(&likelihood, false);
}

#[test]
fn a_group_with_numbers_of_the_rows_is_its_members() {
    let output = Term::Field(5);
    let mean = output.column(0) + Term::Feature(2) * 0.5 + Term::Offset;
    in_every_form::<_, 1>(&Normal(mean, Term::Field(6)), true);
    let rate = output.column(0) + Term::Offset;
    in_every_form::<_, 1>(&Poisson::default().log_rate(rate), true);
    let tails = StudentT::default()
        .df(4.0)
        .mean(output.column(0))
        .scale(output.column(1).exp());
    in_every_form::<_, 2>(&tails, false);
}
