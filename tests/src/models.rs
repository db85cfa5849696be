//! Models on which the laws are tried: as users write them, and two by hand, because that must work too.

use smc_runtime::layers::{Act, Device, Float, Tape};
use smc_runtime::model::dist::Likelihood;
use smc_runtime::model::nn::Field;
use smc_runtime::model::prior::Priors;
use smc_runtime::model::tensor::Params;
use smc_runtime::model::{FieldSpec, Model, Views};
use smc_runtime::prelude::*;

/// A regression network with one hidden layer of three and its noise: 11 parameters.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
pub struct Net {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<1, 3>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<3, 1>,
    // No mass near zero: data almost without noise make posteriors that few particles cannot follow.
    #[prior(LogNormal(-0.7, 0.4))]
    noise: Scale,
}

/// By hand: a network whose weights have a learned scale, and whose second output is the logarithm of the noise.
#[derive(Clone, Debug, Default)]
pub struct Hierarchical {
    hidden: Linear<2, 3>,
    output: Linear<3, 2>,
}

impl Model for Hierarchical {
    type Draw<'a> = Views<'a>;

    fn name(&self) -> &'static str {
        "Hierarchical"
    }

    fn fields(&self) -> Vec<FieldSpec> {
        vec![
            FieldSpec::of("tau", "Scale", &<Scale>::default()),
            FieldSpec::of("lambda", "Scale", &<Scale>::default()),
            FieldSpec::of("hidden", "Linear<2, 3>", &self.hidden),
            FieldSpec::of("activation", "Relu", &Relu),
            FieldSpec::of("output", "Linear<3, 2>", &self.output),
        ]
    }

    fn priors(&self, priors: &mut Priors<'_>) {
        priors.of("tau", &[], |_| HalfNormal(1.0.into()));
        priors.of("lambda", &["tau"], |s| HalfNormal(s.named(0)));
        priors.of("hidden", &["tau"], |s| {
            Normal(0.0.into(), s.named(0) / s.fan_in().sqrt())
        });
        priors.of("output", &["lambda", "tau"], |s| {
            Normal(s.named(1) * 0.25, s.named(0) + 0.5)
        });
    }

    fn likelihood(&self) -> impl Likelihood + use<> {
        let output = self.term("output");
        Normal::default()
            .mean(output.column(0))
            .sd(output.column(1).exp())
    }

    fn draw<'a>(&self, blocks: Views<'a>) -> Self::Draw<'a> {
        blocks
    }

    fn output<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        p: &Params<E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let x = Relu.expr(p.field(3), self.hidden.expr(p.field(2), x));
        self.output.expr(p.field(4), x)
    }
}

/// Softmax regression of `K` classes on `D` features, every parameter ~ N(0, 1).
#[bayes_model]
#[likelihood(Categorical(logits = layer))]
pub struct Softmax<const D: usize, const K: usize> {
    #[prior(Normal(0.0, 1.0))]
    layer: Linear<D, K>,
}

/// By hand: y ~ N(x, `noise`) with x the one feature: nothing but a positive parameter.
#[derive(Clone, Debug, Default)]
pub struct Noise {
    /// Scale of the half-normal prior of the noise.
    pub scale: f64,
}

impl Model for Noise {
    type Draw<'a> = f32;

    fn name(&self) -> &'static str {
        "Noise"
    }

    fn fields(&self) -> Vec<FieldSpec> {
        vec![FieldSpec::of("noise", "Scale", &<Scale>::default())]
    }

    fn priors(&self, priors: &mut Priors<'_>) {
        priors.of("noise", &[], |_| HalfNormal(self.scale.into()));
    }

    fn likelihood(&self) -> impl Likelihood + use<> {
        Normal::default()
            .mean(Term::Feature(0))
            .sd(self.term("noise"))
    }

    fn draw(&self, blocks: Views<'_>) -> f32 {
        blocks.field(0)
    }

    fn output<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        _: &Params<E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        x
    }
}

impl Infers for Hierarchical {}

impl Infers for Noise {}
