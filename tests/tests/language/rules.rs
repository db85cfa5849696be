//! One judge for the language: what `bind` says of a wrong model whose sizes come by value is, word for word, what const
//! evaluation says of the same sizes in types.

// The text of a message is an array: it is built in const evaluation.
#![allow(clippy::result_large_err)]

use smc_runtime::engine::bind;
use smc_runtime::layers::{Act, Device, Float, Tape};
use smc_runtime::model::check::{Key, ModelShape, Text, Use, key, keys_given};
use smc_runtime::model::dist::Likelihood;
use smc_runtime::model::nn::{Dyn, Field};
use smc_runtime::model::prior::Priors;
use smc_runtime::model::tensor::Params;
use smc_runtime::model::transform::Support;
use smc_runtime::model::{FieldSpec, Views};
use smc_runtime::prelude::*;

type Walk = fn(&mut Priors<'_>);
type Judge = fn(&ModelShape<'_>) -> Result<(), Text>;

/// A model that is wrong somewhere: `bind` refuses it, and its network is never asked.
#[derive(Clone, Debug)]
struct Wrong<L> {
    fields: Vec<FieldSpec>,
    priors: Walk,
    likelihood: L,
}

impl<L: Likelihood> Model for Wrong<L> {
    type Draw<'a> = Views<'a>;

    fn name(&self) -> &'static str {
        "M"
    }

    fn fields(&self) -> Vec<FieldSpec> {
        self.fields.clone()
    }

    fn priors(&self, priors: &mut Priors<'_>) {
        (self.priors)(priors);
    }

    fn likelihood(&self) -> impl Likelihood + use<L> {
        self.likelihood.clone()
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

fn field<F: Field>(name: &'static str, ty: &'static str, field: &F) -> FieldSpec {
    FieldSpec::of(name, ty, field)
}

/// `scales: Scale<3>`, `hidden: Linear<4, 2>` and `output: Linear<2, outputs>`, once in types and once by value.
struct Both {
    typed: Vec<FieldSpec>,
    by_value: Vec<FieldSpec>,
}

fn both<const O: usize, const S: usize>() -> Both {
    let (scales, activation) = ("Scale<3>", field("activation", "Tanh", &Tanh));
    let (hidden, output) = ("Linear<4, 2>", "Linear<2, O>");
    Both {
        typed: vec![
            field("scales", scales, &Scale::<S>::default()),
            field("hidden", hidden, &Linear::<4, 2>::default()),
            activation.clone(),
            field("output", output, &Linear::<2, O>::default()),
        ],
        by_value: vec![
            field("scales", scales, &Scale::<S>::default()),
            field("hidden", hidden, &Linear::<Dyn, Dyn>::sized(4, 2)),
            activation,
            field("output", output, &Linear::<Dyn, Dyn>::sized(2, O)),
        ],
    }
}

fn at_bind<L: Likelihood>(
    fields: &[FieldSpec],
    priors: Walk,
    likelihood: L,
    columns: usize,
) -> String {
    let data = Dataset::new(columns, vec![0.5; 2 * columns], vec![1.0, 0.0]).unwrap();
    let model = Wrong {
        fields: fields.to_vec(),
        priors,
        likelihood,
    };
    match bind(model, &data, Engine::auto(), 1) {
        Ok(_) => "nothing".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// What const evaluation says of the fields.
fn at_compile_time(
    fields: &[FieldSpec],
    features: usize,
    judge: impl Fn(&ModelShape<'_>) -> Result<(), Text>,
) -> String {
    let fields: Vec<_> = fields.iter().map(|field| field.shape).collect();
    let judged = judge(&ModelShape {
        name: "M",
        fields: &fields,
        features,
        generics: &[],
    });
    judged.expect_err("a wrong model").as_str().to_owned()
}

fn right(priors: &mut Priors<'_>) {
    priors.of("scales", &[], |_| HalfNormal(1.0.into()));
    priors.of_layer("hidden");
    priors.of_layer("output");
}

fn normal(mean: Term, sd: Term) -> Normal<Term> {
    Normal::default().mean(mean).sd(sd)
}

const OUTPUT: usize = 3;

#[test]
fn the_chain_is_judged_alike() {
    let fields = both::<1, 1>();
    let likelihood = normal(Term::Field(OUTPUT), 0.5.into());
    assert_eq!(
        at_bind(&fields.by_value, right, likelihood.clone(), 5),
        at_compile_time(&fields.typed, 5, |model| model.chain(1)),
    );
    let swapped = |fields: &[FieldSpec]| [&fields[..1], &fields[3..], &fields[1..2]].concat();
    let (typed, by_value) = (swapped(&fields.typed), swapped(&fields.by_value));
    assert_eq!(
        at_bind(&by_value, right, likelihood, 2),
        at_compile_time(&typed, 2, |model| model.chain(2)),
    );
}

#[test]
fn priors_are_judged_alike() {
    let fields = both::<1, 3>();
    let cases: [(Walk, Judge); 9] = [
        (
            |priors| {
                priors.of("scales", &[], |_| HalfNormal(1.0.into()));
                priors.of_block("hidden", "weight", &["scales"], |p| {
                    Normal(0.0.into(), p.named(0))
                });
            },
            |model| model.named(1, Some("weight"), 0),
        ),
        (
            |priors| {
                priors.of("scales", &[], |_| HalfNormal(1.0.into()));
                priors.of("hidden", &["scales"], |p| Normal(0.0.into(), p.named(0)));
            },
            |model| model.named(1, None, 0),
        ),
        (
            |priors| {
                priors.of("scales", &[], |_| HalfNormal(1.0.into()));
                priors.of_layer("hidden");
                priors.of_block("output", "bias", &["scales"], |p| {
                    Normal(0.0.into(), p.named(0))
                });
            },
            |model| model.named(3, Some("bias"), 0),
        ),
        (
            |priors| {
                priors.of("scales", &["hidden"], |p| HalfNormal(p.named(0)));
            },
            |model| model.named(0, None, 1),
        ),
        (
            |priors| priors.of("scales", &[], |_| Normal(0.0.into(), 1.0.into())),
            |model| model.prior(0, None, "Normal", Some(Support::Real)),
        ),
        (
            |priors| {
                priors.of("scales", &[], |_| HalfNormal(1.0.into()));
                priors.of_block("hidden", "weigth", &[], |_| Normal(0.0.into(), 1.0.into()));
            },
            |model| model.prior(1, Some("weigth"), "Normal", Some(Support::Real)),
        ),
        (
            |priors| {
                priors.of("scales", &[], |_| HalfNormal(1.0.into()));
                priors.of_layer("hidden");
                priors.of("activation", &[], |_| Normal(0.0.into(), 1.0.into()));
            },
            |model| model.prior(2, None, "Normal", Some(Support::Real)),
        ),
        (
            |priors| {
                priors.of("scales", &[], |_| HalfNormal(1.0.into()));
                priors.of_block("hidden", "weight", &[], |_| Normal(0.0.into(), 1.0.into()));
            },
            |model| model.priors_given(1, &["weight"]),
        ),
        (
            |priors| {
                priors.of_layer("hidden");
                priors.of_layer("output");
            },
            |model| model.no_prior(0),
        ),
    ];
    for (i, (priors, judge)) in cases.into_iter().enumerate() {
        let likelihood = normal(Term::Field(OUTPUT), 0.5.into());
        assert_eq!(
            at_bind(&fields.by_value, priors, likelihood, 4),
            at_compile_time(&fields.typed, 4, judge),
            "case {i}"
        );
    }
}

#[test]
fn the_likelihood_is_judged_alike() {
    const NORMAL: &[Key] = Normal::<Term>::KEYS;
    const CLASSES: &[Key] = Categorical::KEYS;
    let (one, two) = (both::<1, 3>(), both::<2, 3>());
    let output = || Term::Field(OUTPUT);
    let head = |at: usize, used: Use, name: &'static str| {
        move |model: &ModelShape<'_>| model.head(at, used, "Normal", &key(NORMAL, name))
    };
    let normals = [
        (
            &two,
            normal(output(), 0.5.into()),
            head(3, Use::Whole, "mean"),
        ),
        (
            &two,
            normal(output().exp(), 0.5.into()),
            head(3, Use::Exponential, "mean"),
        ),
        (
            &one,
            normal(output().column(1), 0.5.into()),
            head(3, Use::Column(1), "mean"),
        ),
        (
            &one,
            normal(Term::Field(1), 0.5.into()),
            head(1, Use::Whole, "mean"),
        ),
        (
            &one,
            normal(output(), Term::Field(0)),
            head(0, Use::Whole, "sd"),
        ),
        (
            &one,
            normal(output(), Term::Field(0) * 2.0),
            head(0, Use::Inside, "sd"),
        ),
        (
            &one,
            normal(output(), Term::Field(0).column(3)),
            head(0, Use::Column(3), "sd"),
        ),
    ];
    for (fields, likelihood, judge) in normals {
        let text = format!("{likelihood:?}");
        assert_eq!(
            at_bind(&fields.by_value, right, likelihood, 4),
            at_compile_time(&fields.typed, 4, judge),
            "{text}"
        );
    }
    let unused = [
        (
            normal(output().column(0), 0.5.into()),
            vec![(3, Use::Column(0))],
        ),
        (normal(0.0.into(), 0.5.into()), vec![]),
    ];
    for (likelihood, uses) in unused {
        assert_eq!(
            at_bind(&two.by_value, right, likelihood, 4),
            at_compile_time(&two.typed, 4, |model| model.unused(&uses, NORMAL)),
        );
    }
    assert_eq!(
        at_bind(&one.by_value, right, Normal::default().mean(output()), 4),
        keys_given("Normal", NORMAL, &["mean"])
            .expect_err("a key is missing")
            .as_str(),
    );
    let classes = [
        (&one, output(), 3, Use::Whole),
        (&two, output().column(1), 3, Use::Column(1)),
        (&two, output().exp(), 3, Use::Exponential),
        (&two, output() * 2.0, 3, Use::Inside),
        (&two, Term::Field(0), 0, Use::Whole),
    ];
    for (fields, logits, at, used) in classes {
        let likelihood = Categorical::default().logits(logits);
        assert_eq!(
            at_bind(&fields.by_value, right, likelihood, 4),
            at_compile_time(&fields.typed, 4, |model| {
                model.head(at, used, "Categorical", &key(CLASSES, "logits"))
            }),
        );
    }
}

/// What const evaluation cannot see.
#[test]
fn what_only_bind_knows_is_said_in_the_same_style() {
    let fields = both::<1, 1>().by_value;
    let output = || Term::Field(OUTPUT);
    for (likelihood, text) in [
        (
            normal(Term::Field(9), 0.5.into()),
            "`mean` of `Normal` names field number 9, but `M` has 4 fields, counted from 0",
        ),
        (
            normal(output(), Term::Feature(4)),
            "`sd` of `Normal` takes feature number 4, but the data have 4 features, counted from 0",
        ),
        (
            normal(output(), f64::NAN.into()),
            "`sd` of `Normal` takes a finite number, but is given NaN",
        ),
        (
            normal(output(), Term::Unknown("niose")),
            "no field `niose` in this model; its fields are `scales`, `hidden`, `activation`, `output`",
        ),
    ] {
        assert_eq!(at_bind(&fields, right, likelihood, 4), text);
    }
    let right_terms = normal(output(), 0.5.into());
    let cases: [(Walk, &str); 7] = [
        (
            |priors| priors.of("hiden", &[], |_| Normal(0.0.into(), 1.0.into())),
            "no field `hiden` in this model; its fields are `scales`, `hidden`, `activation`, `output`",
        ),
        (
            |priors| priors.of("hidden", &["tau"], |p| Normal(0.0.into(), p.named(0))),
            "no field `tau` in this model; its fields are `scales`, `hidden`, `activation`, `output`",
        ),
        (
            |priors| priors.of("hidden", &["scales"; 8], |p| Normal(0.0.into(), p.named(7))),
            "a prior can name at most 7 parameters; this one names 8",
        ),
        (
            |priors| {
                priors.of("scales", &[], |_| HalfNormal(1.0.into()));
                priors.of_layer("hidden");
            },
            "`M.output: Linear<2, O>` has no prior for its `weight`",
        ),
        (
            |priors| {
                right(priors);
                priors.of_block("output", "bias", &[], |_| Normal(0.0.into(), 1.0.into()));
            },
            "`M.output: Linear<2, O>` has 2 priors for its `bias`; remove all but one",
        ),
        (
            |priors| {
                right(priors);
                priors.of_layer("scales");
            },
            "`M.scales: Scale<3>` has no prior; write `#[prior(HalfNormal(1.0))]` above it",
        ),
        (
            |priors| {
                priors.of("hidden", &["scales"], |p| Normal(0.0.into(), p.named(0)));
                priors.of("scales", &[], |_| HalfNormal(1.0.into()));
                priors.of_layer("output");
            },
            "`M.hidden: Linear<4, 2>` has a prior that names `scales`, whose own prior comes later; hand that over first",
        ),
    ];
    for (priors, text) in cases {
        assert_eq!(at_bind(&fields, priors, right_terms.clone(), 4), text);
    }
    let twice = [&fields[..], &fields[..1]].concat();
    assert_eq!(
        at_bind(&twice, right, right_terms.clone(), 4),
        "`M.scales: Scale<3>` has the name of another field; every field has one of its own"
    );
    assert_eq!(at_bind(&fields, right, right_terms, 4), "nothing");
}
