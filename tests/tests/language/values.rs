//! What a key's value can be: `bind` refuses an expression that can be a number which the key does not take, in the words of
//! const evaluation, and takes every other.

// The text of a message is an array: it is built in const evaluation.
#![allow(clippy::result_large_err)]

use smc_runtime::engine::bind;
use smc_runtime::layers::{Act, Device, Float, Interval, Tape};
use smc_runtime::model::check::{Does, Function, ModelShape, Operator, Token, key};
use smc_runtime::model::dist::Likelihood;
use smc_runtime::model::nn::Field;
use smc_runtime::model::prior::Priors;
use smc_runtime::model::tensor::Params;
use smc_runtime::model::{FieldSpec, Views};
use smc_runtime::prelude::*;

const NOISE: usize = 0;
const BIAS: usize = 1;
const SHARE: usize = 2;
const SCALES: usize = 3;
const KNOWN: usize = 4;
const OUTPUT: usize = 5;

/// `noise: Scale`, `bias: Real`, `share: UnitInterval`, `scales: Scale<2>`, `known: Fixed` and `output: Linear<1, 2>`, behind
/// which stands an activation if there is one.
#[derive(Clone, Debug)]
struct Any<L> {
    activation: Option<FieldSpec>,
    known: f64,
    is_chain: bool,
    likelihood: L,
}

impl<L: Likelihood> Model for Any<L> {
    type Draw<'a> = Views<'a>;

    fn name(&self) -> &'static str {
        "M"
    }

    fn fields(&self) -> Vec<FieldSpec> {
        let mut fields = vec![
            FieldSpec::of("noise", "Scale", &<Scale>::default()),
            FieldSpec::of("bias", "Real", &<Real>::default()),
            FieldSpec::of("share", "UnitInterval", &<UnitInterval>::default()),
            FieldSpec::of("scales", "Scale<2>", &Scale::<2>::default()),
            FieldSpec::of("known", "Fixed", &Fixed(self.known)),
            FieldSpec::of("output", "Linear<1, 2>", &Linear::<1, 2>::default()),
        ];
        fields.extend(self.activation.clone());
        fields
    }

    fn priors(&self, priors: &mut Priors<'_>) {
        priors.of("noise", &[], |_| HalfNormal(1.0.into()));
        priors.of("bias", &[], |_| Normal(0.0.into(), 1.0.into()));
        priors.of("share", &[], |_| Beta(1.0.into(), 1.0.into()));
        priors.of("scales", &[], |_| HalfNormal(1.0.into()));
        priors.of_layer("output");
    }

    fn likelihood(&self) -> impl Likelihood + use<L> {
        self.likelihood.clone()
    }

    fn is_chain(&self) -> bool {
        self.is_chain
    }

    fn draw<'a>(&self, blocks: Views<'a>) -> Self::Draw<'a> {
        blocks
    }

    fn output<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        _: &Params<E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        x
    }
}

fn model<L: Likelihood>(likelihood: L) -> Any<L> {
    Any {
        activation: None,
        known: 0.3,
        is_chain: true,
        likelihood,
    }
}

fn said<L: Likelihood>(model: Any<L>) -> String {
    let data = Dataset::new(1, vec![0.5, 1.0], vec![1.0, 0.0])
        .and_then(|data| match model.likelihood.terms().last() {
            Some(term) if term.leaves().contains(&&Term::Offset) => data.with_offset(vec![1.0; 2]),
            _ => Ok(data),
        })
        .unwrap();
    match bind(model, &data, Engine::auto(), 1) {
        Ok(_) => "nothing".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn normal(sd: Term) -> Normal<Term> {
    let both = Term::Column(OUTPUT, 0) + Term::Column(OUTPUT, 1);
    Normal::default().mean(both).sd(sd)
}

fn field(field: usize) -> Term {
    Term::Field(field)
}

fn output(column: usize) -> Term {
    Term::Column(OUTPUT, column)
}

#[test]
fn a_value_that_is_positive_is_taken() {
    for sd in [
        0.5.into(),
        field(NOISE),
        field(NOISE) * output(1).exp(),
        output(1).softplus() + 0.01,
        output(1).exp(),
        output(0).exp() + output(1).exp(),
        output(1) * output(1) + 0.1,
        field(SHARE),
        1.0 - field(SHARE),
        field(SHARE) / (1.0 - field(SHARE)),
        1.0 / (1.0 + (-output(1)).exp()),
        Term::Field(SCALES).column(1),
        field(NOISE) / field(SHARE),
        -field(SHARE).ln(),
        (field(NOISE).ln() + output(1)).exp(),
        field(KNOWN),
        field(KNOWN) * field(NOISE),
        Term::Feature(0),
        Term::Feature(0) * field(NOISE),
        Term::Offset,
        Term::Offset.ln().exp(),
        (2.0 - 1.5 * field(SHARE)).ln() + 1.5,
    ] {
        let text = format!("{sd:?}");
        assert_eq!(said(model(normal(sd))), "nothing", "{text}");
    }
}

#[test]
fn a_value_that_need_not_be_positive_is_refused() {
    let cases = [
        (
            output(1),
            "`output[1]` can be any real number: write `output[1].exp()` or `output[1].softplus()`",
        ),
        (
            output(1) + field(NOISE),
            "`output[1] + noise` can be any real number: write `output[1].exp()` or `output[1].softplus()` in place of `output[1]`",
        ),
        (
            field(NOISE) * (output(1) - 2.0),
            "`noise * (output[1] - 2.0)` can be any real number: write `(output[1] - 2.0).exp()` or `(output[1] - 2.0).softplus()` in place of `output[1] - 2.0`",
        ),
        (
            output(0) + output(1),
            "`output[0] + output[1]` can be any real number: write `(output[0] + output[1]).exp()` or `(output[0] + output[1]).softplus()`",
        ),
        (
            output(1) / field(NOISE),
            "`output[1] / noise` can be any real number: write `output[1].exp()` or `output[1].softplus()` in place of `output[1]`",
        ),
        (
            field(NOISE) - 0.1,
            "`noise - 0.1` can be negative: write `(noise - 0.1).exp()` or `(noise - 0.1).softplus()`",
        ),
        (
            output(1) * output(1),
            "`output[1] * output[1]` can be 0: add a small number, as in `output[1] * output[1] + 0.01`",
        ),
        (
            field(BIAS),
            "`M.bias: Real` can be any real number: declare it as `Scale`",
        ),
        (
            field(NOISE) * field(BIAS),
            "`noise * bias` can be any real number: declare `bias` as `Scale`",
        ),
        (-field(NOISE), "`-noise` is never positive"),
        (0.0.into(), "`0.0` is never positive"),
        (field(SHARE).ln(), "`share.ln()` is never positive"),
    ];
    for (sd, text) in cases {
        let expected = format!("`sd` of `Normal` takes positive numbers, but {text}");
        assert_eq!(said(model(normal(sd))), expected);
    }
    let given = |known| {
        said(Any {
            known,
            ..model(normal(field(KNOWN)))
        })
    };
    assert_eq!(
        given(-0.3),
        "`sd` of `Normal` takes positive numbers, but `M.known: Fixed` is never positive"
    );
}

#[test]
fn a_logarithm_is_one_of_a_positive_number() {
    let of = |mean: Term| said(model(Normal::default().mean(mean + output(1)).sd(0.5)));
    for (mean, text) in [
        (
            output(0).ln(),
            "`output[0]` can be any real number: leave `.ln()` out, so that `output[0]` is the logarithm",
        ),
        (
            (field(NOISE) - 1.0).ln() + output(0),
            "`noise - 1.0` can be negative: write `(noise - 1.0).exp()` or `(noise - 1.0).softplus()`",
        ),
        (
            field(BIAS).ln() * output(0),
            "`M.bias: Real` can be any real number: declare it as `Scale`",
        ),
    ] {
        let expected = format!("`ln` in `mean` of `Normal` takes positive numbers, but {text}");
        assert_eq!(of(mean), expected);
    }
    assert_eq!(of(field(NOISE).ln() * output(0)), "nothing");
}

fn last<F: Field>(field: &F) -> FieldSpec {
    FieldSpec::of("last", "", field)
}

/// The last activation says what the network gives; a network written by hand says nothing.
#[test]
fn the_last_layer_says_what_the_network_gives() {
    let behind = |name: &'static str, activation: FieldSpec| {
        let end = |column| Term::Column(OUTPUT + 1, column);
        let likelihood = Normal::default().mean(end(0)).sd(end(1));
        let text = said(Any {
            activation: Some(FieldSpec {
                shape: smc_runtime::model::check::FieldShape {
                    ty: name,
                    ..activation.shape
                },
                ..activation
            }),
            ..model(likelihood)
        });
        let can = text.split(" `last[1]` ").nth(1);
        can.and_then(|t| t.split(':').next())
            .map_or(text.clone(), str::to_owned)
    };
    assert_eq!(behind("Softplus", last(&Softplus)), "nothing");
    assert_eq!(behind("Sigmoid", last(&Sigmoid)), "nothing");
    assert_eq!(behind("Relu", last(&Relu)), "can be 0");
    for activation in [last(&Tanh), last(&Silu), last(&Gelu)] {
        assert_eq!(behind("A", activation), "can be negative");
    }
    assert_eq!(
        behind("LeakyRelu", last(&LeakyRelu)),
        "can be any real number"
    );
    let by_hand = Any {
        is_chain: false,
        ..model(normal(output(1)))
    };
    assert_eq!(said(by_hand), "nothing");
}

/// Activations give what they say.
#[test]
fn activations_give_what_they_say() {
    fn law<F: Field>(f: impl Fn(f64) -> f64) {
        let x = (-400..=400).map(|i| f64::from(i) / 20.0);
        for y in x.map(f) {
            assert!(F::GIVES.holds(y), "{} {y}", std::any::type_name::<F>());
        }
    }
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let normal = |x: f64| 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
    // Beyond 18 tanh is 1 in f64.
    law::<Tanh>(|x| (0.9 * x).tanh());
    law::<Relu>(|x| x.max(0.0));
    law::<LeakyRelu>(|x| x.max(0.01 * x));
    law::<Sigmoid>(sigmoid);
    law::<Softplus>(|x| x.exp().ln_1p());
    law::<Silu>(|x| x * sigmoid(x));
    law::<Gelu>(|x| x * normal(x));
    assert!(<Linear<1, 1> as Field>::GIVES == Interval::REAL);
}

#[test]
fn bind_and_const_evaluation_say_the_same() {
    let step = |does, text| Token { does, text };
    let noise = step(Does::Field(NOISE), "noise");
    let second = step(Does::Column(OUTPUT, 1), "output[1]");
    let cases = [
        (output(1), vec![second]),
        (field(BIAS), vec![step(Does::Field(BIAS), "bias")]),
        (
            field(NOISE) * output(1),
            vec![
                noise,
                second,
                step(Does::Combine(Operator::Mul), "noise * output[1]"),
            ],
        ),
        (
            -(output(1).exp() + 0.5).ln(),
            vec![
                second,
                step(Does::Apply(Function::Exp), "output[1].exp()"),
                step(Does::Constant(0.5), "0.5"),
                step(Does::Combine(Operator::Add), "output[1].exp() + 0.5"),
                step(Does::Apply(Function::Ln), "(output[1].exp() + 0.5).ln()"),
                step(Does::Apply(Function::Neg), "-(output[1].exp() + 0.5).ln()"),
            ],
        ),
    ];
    let fields = model(normal(1.0.into())).fields();
    let shapes: Vec<_> = fields.iter().map(|field| field.shape).collect();
    let judge = ModelShape {
        name: "M",
        fields: &shapes,
        features: 1,
        generics: &[],
    };
    for (term, steps) in cases {
        let sd = key(Normal::<Term>::KEYS, "sd");
        let at_compile_time = judge.value("Normal", &sd, &steps);
        let at_compile_time = at_compile_time.expect_err("not positive");
        assert_eq!(said(model(normal(term))), at_compile_time.as_str());
    }
}
