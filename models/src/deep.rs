//! Networks with as many hidden layers as asked for, when the program runs.

use std::marker::PhantomData;
use std::sync::Arc;

use smc_runtime::layers::{
    Act, Device, FieldParams, Float, FusedLayer, Interval, Nature, Network, Params, Tape,
};
use smc_runtime::model::nn::Field;
use smc_runtime::model::prior::Priors;
use smc_runtime::model::{FieldSpec, Views, resolve};
use smc_runtime::prelude::*;

/// A network whose hidden layers are given by value: how many, and how wide.
///
/// Every layer's weights and biases are normal with a learned scale over √fan_in, times two but for the last; what the network says
/// of a target is its [head](Head). Use [`DeepRegressor`], [`DeepHeteroscedastic`] or [`DeepClassifier`].
///
/// ```
/// use models::{DeepRegressor, Nonlinearity};
/// use smc_runtime::prelude::*;
///
/// let x: Vec<f32> = (0..60).map(|i| i as f32 / 10.0 - 3.0).collect();
/// let y = x.iter().map(|x| x.sin()).collect();
/// let data = Dataset::new(1, x, y)?;
/// let model = DeepRegressor::sized(&[8, 8])?.activation(Nonlinearity::Relu);
/// let members = model.infer_with(&data).with(ensemble().members(4)).run()?;
/// assert!(members.predict(&data)?.summary().rmse < Some(0.3));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Deep<H> {
    hidden: Vec<Linear<Dyn, Dyn>>,
    activation: Nonlinearity,
    output: Linear<Dyn, Dyn>,
    /// Scales of the hidden layers and of the output, where they are given.
    given: Option<[f64; 2]>,
    head: PhantomData<H>,
}

/// Numbers with Student's t noise, whose scale and degrees of freedom are learned, as [`MlpRegressor`](crate::MlpRegressor) has.
pub type DeepRegressor = Deep<SharedNoise>;

/// Numbers with normal noise whose standard deviation is a second output, as
/// [`HeteroscedasticRegressor`](crate::HeteroscedasticRegressor) has.
pub type DeepHeteroscedastic = Deep<NoisePerRow>;

/// Classes, as [`MlpClassifier`](crate::MlpClassifier) has.
pub type DeepClassifier = Deep<Classes>;

/// The function between two layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nonlinearity {
    /// tanh(x).
    #[default]
    Tanh,
    /// max(x, 0).
    Relu,
}

impl std::fmt::Display for Nonlinearity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tanh => "tanh",
            Self::Relu => "relu",
        })
    }
}

impl Field for Nonlinearity {
    const GIVES: Interval = Interval::REAL;

    type View<'a> = ();

    fn label(&self) -> String {
        match self {
            Self::Tanh => Tanh.label(),
            Self::Relu => Relu.label(),
        }
    }

    fn nature(&self) -> Nature {
        match self {
            Self::Tanh => Tanh.nature(),
            Self::Relu => Relu.nature(),
        }
    }

    fn fused(&self) -> Option<Arc<dyn FusedLayer>> {
        match self {
            Self::Tanh => Tanh.fused(),
            Self::Relu => Relu.fused(),
        }
    }

    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        parameters: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        match self {
            Self::Tanh => Tanh.expr(parameters, x),
            Self::Relu => Relu.expr(parameters, x),
        }
    }
}

/// What the outputs of a [`Deep`] network say of a target.
pub trait Head: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// Its name in messages and reports.
    const NAME: &'static str;
    /// Positive parameters beside the network.
    const SCALES: &'static [&'static str];

    /// The prior of each layer's scale.
    fn scale(priors: &mut Priors<'_>, name: &'static str);

    /// The priors of the output layer, given `output_scale`, and of what the head adds.
    fn priors(priors: &mut Priors<'_>);

    /// The distribution of a target.
    fn likelihood(model: &Deep<Self>) -> impl Likelihood + use<Self>;
}

/// The head of [`DeepRegressor`].
#[derive(Clone, Debug)]
pub enum SharedNoise {}

/// The head of [`DeepHeteroscedastic`].
#[derive(Clone, Debug)]
pub enum NoisePerRow {}

/// The head of [`DeepClassifier`].
#[derive(Clone, Debug)]
pub enum Classes {}

impl Head for SharedNoise {
    const NAME: &'static str = "DeepRegressor";
    const SCALES: &'static [&'static str] = &["noise", "tails"];

    fn scale(priors: &mut Priors<'_>, name: &'static str) {
        priors.of(name, &[], |_| HalfNormal(1.0.into()));
    }

    fn priors(priors: &mut Priors<'_>) {
        priors.of("output", &["output_scale"], |s| {
            Normal(0.0.into(), s.named(0) / s.fan_in().sqrt())
        });
        priors.of("noise", &[], |_| HalfNormal(1.0.into()));
        priors.of("tails", &[], |_| Gamma(2.0.into(), 0.1.into()));
    }

    fn likelihood(model: &Deep<Self>) -> impl Likelihood + use<> {
        StudentT::default()
            .df(model.term("tails") + 2.0)
            .mean(model.term("output"))
            .scale(model.term("noise"))
    }
}

impl Head for NoisePerRow {
    const NAME: &'static str = "DeepHeteroscedastic";
    const SCALES: &'static [&'static str] = &[];

    fn scale(priors: &mut Priors<'_>, name: &'static str) {
        priors.of(name, &[], |_| HalfNormal(1.0.into()));
    }

    fn priors(priors: &mut Priors<'_>) {
        priors.of_block("output", "weight", &["output_scale"], |s| {
            Normal(0.0.into(), s.named(0) / s.fan_in().sqrt())
        });
        priors.of_block("output", "bias", &[], |_| Normal(0.0.into(), 1.0.into()));
    }

    fn likelihood(model: &Deep<Self>) -> impl Likelihood + use<> {
        let output = model.term("output");
        Normal::default()
            .mean(output.column(0))
            .sd(output.column(1).exp())
    }
}

impl Head for Classes {
    const NAME: &'static str = "DeepClassifier";
    const SCALES: &'static [&'static str] = &[];

    fn scale(priors: &mut Priors<'_>, name: &'static str) {
        priors.of(name, &[], |_| LogNormal(0.0.into(), 0.5.into()));
    }

    fn priors(priors: &mut Priors<'_>) {
        priors.of("output", &["output_scale"], |s| {
            Normal(0.0.into(), s.named(0) * 3.0 / s.fan_in().sqrt())
        });
    }

    fn likelihood(model: &Deep<Self>) -> impl Likelihood + use<> {
        Categorical::default().logits(model.term("output"))
    }
}

/// Names of the hidden layers, of what follows each, and of its scale.
const HIDDEN: [[&str; 3]; 8] = [
    ["hidden_1", "activation_1", "scale_1"],
    ["hidden_2", "activation_2", "scale_2"],
    ["hidden_3", "activation_3", "scale_3"],
    ["hidden_4", "activation_4", "scale_4"],
    ["hidden_5", "activation_5", "scale_5"],
    ["hidden_6", "activation_6", "scale_6"],
    ["hidden_7", "activation_7", "scale_7"],
    ["hidden_8", "activation_8", "scale_8"],
];

/// The scale of the output layer.
const OUTPUT_SCALE: &str = "output_scale";

/// A positive parameter, or a number that is given.
fn scale(name: &'static str, given: Option<Fixed>) -> FieldSpec {
    match given {
        Some(value) => FieldSpec::of(name, "Fixed", &value),
        None => FieldSpec::of(name, "Scale", &<Scale>::default()),
    }
}

impl<H: Head> Deep<H> {
    fn new(hidden: &[usize], outputs: usize) -> Result<Self> {
        if hidden.is_empty() || hidden.len() > HIDDEN.len() || hidden.contains(&0) {
            let expected = format!("between 1 and {} widths of at least 1", HIDDEN.len());
            return Err(Error::config("layers", format!("{hidden:?}"), expected));
        }
        let inputs = std::iter::once(&Dyn).chain(hidden);
        let layers = inputs.zip(hidden);
        Ok(Self {
            hidden: layers.map(|(&i, &o)| Linear::sized(i, o)).collect(),
            activation: Nonlinearity::default(),
            output: Linear::sized(Dyn, outputs),
            given: None,
            head: PhantomData,
        })
    }

    /// With another function between layers than tanh.
    pub fn activation(self, activation: Nonlinearity) -> Self {
        Self { activation, ..self }
    }

    /// With scales of the hidden layers and of the output layer that are given, and not learned.
    pub fn scales(self, hidden: f64, output: f64) -> Self {
        Self {
            given: Some([hidden, output]),
            ..self
        }
    }

    /// A run on `data`.
    pub fn infer_with(self, data: &Dataset) -> Run<'_, Self> {
        Run::new(self, data)
    }
}

impl DeepRegressor {
    /// With hidden layers of these widths; the number of features is that of the data.
    ///
    /// # Errors
    /// If there is no layer or more than eight, or one without units.
    pub fn sized(hidden: &[usize]) -> Result<Self> {
        Self::new(hidden, 1)
    }
}

impl DeepHeteroscedastic {
    /// With hidden layers of these widths; the number of features is that of the data.
    ///
    /// # Errors
    /// If there is no layer or more than eight, or one without units.
    pub fn sized(hidden: &[usize]) -> Result<Self> {
        Self::new(hidden, 2)
    }
}

impl DeepClassifier {
    /// With hidden layers of these widths for `classes` classes; the number of features is that of the data.
    ///
    /// # Errors
    /// If there is no layer or more than eight, or one without units.
    pub fn sized(hidden: &[usize], classes: usize) -> Result<Self> {
        Self::new(hidden, classes)
    }
}

impl<H: Head> Model for Deep<H> {
    type Draw<'a> = Views<'a>;

    fn name(&self) -> &'static str {
        H::NAME
    }

    fn fields(&self) -> Vec<FieldSpec> {
        let mut fields = Vec::new();
        for (layer, [name, activation, _]) in self.hidden.iter().zip(HIDDEN) {
            fields.push(FieldSpec::of(name, "Linear<Dyn, Dyn>", layer));
            fields.push(FieldSpec::of(activation, "Nonlinearity", &self.activation));
        }
        fields.push(FieldSpec::of("output", "Linear<Dyn, Dyn>", &self.output));
        let scales = HIDDEN.iter().take(self.hidden.len()).map(|names| names[2]);
        let given = self
            .given
            .map(|[hidden, output]| (Fixed(hidden), Fixed(output)));
        for name in scales {
            fields.push(scale(name, given.map(|g| g.0)));
        }
        fields.push(scale(OUTPUT_SCALE, given.map(|g| g.1)));
        fields.extend(H::SCALES.iter().map(|name| scale(name, None)));
        fields
    }

    fn resolve(&mut self, features: usize) {
        let mut width = features;
        for layer in &mut self.hidden {
            width = resolve(layer, width);
        }
        resolve(&mut self.output, width);
    }

    fn priors(&self, priors: &mut Priors<'_>) {
        for &[layer, _, scale] in HIDDEN.iter().take(self.hidden.len()) {
            if self.given.is_none() {
                H::scale(priors, scale);
            }
            priors.of(layer, &[scale], |s| {
                Normal(0.0.into(), s.named(0) * 2.0 / s.fan_in().sqrt())
            });
        }
        if self.given.is_none() {
            H::scale(priors, OUTPUT_SCALE);
        }
        H::priors(priors);
    }

    fn likelihood(&self) -> impl Likelihood + use<H> {
        H::likelihood(self)
    }

    fn is_chain(&self) -> bool {
        true
    }

    fn draw<'a>(&self, blocks: Views<'a>) -> Views<'a> {
        blocks
    }

    fn output<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        parameters: &Params<E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let mut network = Network::new(parameters, x);
        for (k, layer) in self.hidden.iter().enumerate() {
            network = network.then(2 * k, layer).then(2 * k + 1, &self.activation);
        }
        network.then(2 * self.hidden.len(), &self.output).output()
    }
}

impl<H: Head> Infers for Deep<H> {
    const STANDARDISED: bool = true;
}
