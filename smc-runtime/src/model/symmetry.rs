//! The maps of a network's parameters that change neither its outputs nor its prior: permuted neurons and flipped signs.

use std::fmt;
use std::ops::Range;

use super::architecture::{Architecture, Nature, Node, Parity};
use super::layout::{Block, Layout, Role};
use super::prior::PriorSymmetry;
use crate::base::rng::Stream;

/// The group of a model: for every hidden layer the permutations of its neurons and the flips of their signs, as far as outputs, likelihood and
/// prior stay what they are (S. Wiese et al., *Towards Efficient MCMC Sampling in Bayesian Neural Networks by Exploiting Symmetry*, ECML PKDD 2023).
/// Derived from the network and its priors. Prints as a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Symmetries {
    /// The hidden layers, from the first to the last.
    pub layers: Vec<HiddenLayer>,
    /// Why the network has none at all, if that is so.
    pub none: Option<String>,
}

/// What can be done to the neurons of a hidden layer.
#[derive(Clone, Debug, PartialEq)]
pub struct HiddenLayer {
    /// The field whose outputs the neurons are.
    pub name: String,
    /// Number of neurons M.
    pub units: usize,
    /// Whether neurons can change places.
    pub permutations: bool,
    /// Whether the sign of a neuron can be flipped, and with it that of what follows.
    pub signs: Option<Signs>,
    /// Whether a neuron can be scaled by a positive number, and what follows scaled back: the outputs are the same, prior and volume are not.
    pub rescalings: bool,
    /// What breaks the maps that there are not, each with the field that does.
    pub broken: Vec<String>,
    /// Where the neurons are.
    place: Place,
}

/// What a flipped sign takes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    /// The weights that read the neuron, after an odd function.
    WithWhatFollows,
    /// Nothing, after an even one.
    Alone,
}

/// Ranges in the parameter vector.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    /// units × inputs.
    incoming: Range<usize>,
    inputs: usize,
    bias: Option<Range<usize>>,
    /// outputs × units.
    outgoing: Range<usize>,
    outputs: usize,
}

/// What becomes of the neurons of one layer: neuron k is then what neuron `places[k]` was, with its sign flipped if `flipped[k]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relabelling {
    /// A permutation of 0, 1, ..
    pub places: Vec<usize>,
    /// One for each neuron.
    pub flipped: Vec<bool>,
}

impl Relabelling {
    /// The one that changes nothing.
    pub fn nothing(units: usize) -> Self {
        Self {
            places: (0..units).collect(),
            flipped: vec![false; units],
        }
    }

    /// Whether it changes nothing.
    pub fn is_nothing(&self) -> bool {
        let in_place = self.places.iter().enumerate().all(|(k, p)| k == *p);
        in_place && !self.flipped.contains(&true)
    }
}

fn find(blocks: &[Block], role: Role) -> Option<(usize, &Block)> {
    blocks.iter().enumerate().find(|(_, b)| b.role == role)
}

impl Symmetries {
    /// A network of which nothing is known.
    pub fn none(why: impl Into<String>) -> Self {
        Self {
            layers: Vec::new(),
            none: Some(why.into()),
        }
    }

    /// Of a chain of layers, with what the priors leave as it is for each block of the layout.
    pub fn of(architecture: &Architecture, layout: &Layout, priors: &[PriorSymmetry]) -> Self {
        let nodes = &architecture.nodes;
        let affine = |node: &Node| node.nature == Nature::Affine;
        let places: Vec<usize> = (0..nodes.len()).filter(|&n| affine(&nodes[n])).collect();
        let pairs = places.windows(2);
        let layers: Vec<HiddenLayer> = pairs
            .filter_map(|pair| hidden(nodes, layout, priors, pair[0], pair[1]))
            .collect();
        let none = layers
            .is_empty()
            .then(|| "there is no hidden layer between two affine ones".to_owned());
        Self { layers, none }
    }

    /// log₁₀ of the number of maps: permutations and signs.
    pub fn log10(&self) -> f64 {
        self.layers.iter().map(HiddenLayer::log10).sum()
    }

    /// A random element, layer by layer.
    pub fn random(&self, stream: &mut Stream) -> Vec<Relabelling> {
        let of = |layer: &HiddenLayer| {
            let mut made = Relabelling::nothing(layer.units);
            if layer.permutations {
                made.places = stream.permutation(layer.units);
            }
            if layer.signs.is_some() {
                let flip = |_| stream.uniform() < 0.5;
                made.flipped = (0..layer.units).map(flip).collect();
            }
            made
        };
        self.layers.iter().map(of).collect()
    }

    /// Applies an element to a parameter vector, in place.
    ///
    /// # Panics
    /// If there is not one relabelling for each layer, of as many neurons.
    pub fn apply(&self, element: &[Relabelling], theta: &mut [f32]) {
        assert_eq!(
            element.len(),
            self.layers.len(),
            "one for each hidden layer"
        );
        for (layer, made) in self.layers.iter().zip(element) {
            layer.apply(made, theta);
        }
    }
}

impl HiddenLayer {
    /// log₁₀ of the number of its maps: M! · 2^M, or what of it there is.
    pub fn log10(&self) -> f64 {
        let permutations = libm::lgamma(self.units as f64 + 1.0) / std::f64::consts::LN_10;
        let signs = self.units as f64 * std::f64::consts::LOG10_2;
        let of = |there: bool, log: f64| if there { log } else { 0.0 };
        of(self.permutations, permutations) + of(self.signs.is_some(), signs)
    }

    /// Applies a relabelling, in place.
    pub fn apply(&self, made: &Relabelling, theta: &mut [f32]) {
        if made.is_nothing() {
            return;
        }
        let Place {
            incoming,
            inputs,
            bias,
            outgoing,
            outputs,
        } = &self.place;
        let sign = |k: usize| if made.flipped[k] { -1.0 } else { 1.0 };
        let old = theta[incoming.clone()].to_vec();
        let new = theta[incoming.clone()].chunks_mut((*inputs).max(1));
        for (k, row) in new.enumerate().take(self.units) {
            let from = &old[made.places[k] * inputs..][..*inputs];
            for (x, from) in row.iter_mut().zip(from) {
                *x = sign(k) * from;
            }
        }
        if let Some(bias) = bias {
            let old = theta[bias.clone()].to_vec();
            for (k, x) in theta[bias.clone()].iter_mut().enumerate() {
                *x = sign(k) * old[made.places[k]];
            }
        }
        let follows = self.signs == Some(Signs::WithWhatFollows);
        let old = theta[outgoing.clone()].to_vec();
        let rows = theta[outgoing.clone()].chunks_mut(self.units.max(1));
        for (row, old) in rows.zip(old.chunks(self.units.max(1))).take(*outputs) {
            for (k, x) in row.iter_mut().enumerate() {
                let sign = if follows { sign(k) } else { 1.0 };
                *x = sign * old[made.places[k]];
            }
        }
    }

    /// Multiplies what comes into neuron k by exp(`log`) and what goes out by its reciprocal, in place: the outputs are the same where
    /// [`rescalings`](Self::rescalings) says so.
    pub fn rescale(&self, k: usize, log: f64, theta: &mut [f32]) {
        let (up, down) = (log.exp() as f32, (-log).exp() as f32);
        let place = &self.place;
        let incoming = place.incoming.start + k * place.inputs;
        for x in &mut theta[incoming..incoming + place.inputs] {
            *x *= up;
        }
        if let Some(bias) = &place.bias {
            theta[bias.start + k] *= up;
        }
        for o in 0..place.outputs {
            theta[place.outgoing.start + o * self.units + k] *= down;
        }
    }

    /// By how much the logarithm of the volume grows when a neuron is [rescaled](Self::rescale), for each unit of the logarithm: numbers that
    /// come in less those that go out.
    pub fn volume(&self) -> f64 {
        self.incoming() as f64 - self.place.outputs as f64
    }

    /// The numbers of neuron k: weights that come in, its bias, and weights that go out.
    pub fn neuron(&self, theta: &[f32], k: usize) -> Vec<f32> {
        let place = &self.place;
        let mut numbers = theta[place.incoming.start + k * place.inputs..][..place.inputs].to_vec();
        numbers.extend(place.bias.iter().map(|b| theta[b.start + k]));
        let out = (0..place.outputs).map(|o| theta[place.outgoing.start + o * self.units + k]);
        numbers.extend(out);
        numbers
    }

    /// How many of the numbers of a [neuron](Self::neuron) come in, the bias among them: the first of them.
    pub fn incoming(&self) -> usize {
        self.place.inputs + usize::from(self.place.bias.is_some())
    }

    /// How many of them change their sign when it is flipped: the first of them.
    pub fn signed(&self) -> usize {
        match self.signs {
            Some(Signs::Alone) => self.incoming(),
            _ => self.incoming() + self.place.outputs,
        }
    }
}

/// The hidden layer between the affine nodes `from` and `to`.
fn hidden(
    nodes: &[Node],
    layout: &Layout,
    priors: &[PriorSymmetry],
    from: usize,
    to: usize,
) -> Option<HiddenLayer> {
    let of = |node: &Node| &layout.blocks()[node.blocks.clone()];
    let (first, next) = (&nodes[from], &nodes[to]);
    let (w, weight) = find(of(first), Role::Weight)?;
    let bias = find(of(first), Role::Bias);
    let (v, outgoing) = find(of(next), Role::Weight)?;
    let units = first.gives.len();
    let prior = |node: &Node, at: usize| priors[node.blocks.start + at];
    let (own, after) = (prior(first, w), prior(next, v));
    let of_bias = bias.map(|(b, _)| prior(first, b));
    let mut broken = Vec::new();
    let between = &nodes[from + 1..to];
    let other = between.iter().find(|n| n.nature == Nature::Other);
    let inside = other.is_none() && next.takes.len() == units;
    if let Some(other) = other {
        broken.push(format!("`{}` is no function of single numbers", other.name));
    }
    let mut missing = |there: bool, why: String| {
        if !there {
            broken.push(why);
        }
        there
    };
    let (name, follows) = (first.name, next.name);
    let permutations = inside
        & missing(
            after.exchangeable,
            format!("no permutations: the prior of `{follows}` has a scale for each of its inputs"),
        )
        & missing(
            of_bias.is_none_or(|b| b.exchangeable),
            format!("no permutations: the prior of the biases of `{name}` is not the same for all"),
        );
    let parity = between.iter().try_fold(Parity::Odd, |so_far, node| {
        let Nature::Elementwise { parity, .. } = node.nature else {
            return None;
        };
        // Whatever follows an even function sees no sign.
        Some(if so_far == Parity::Odd {
            parity
        } else {
            so_far
        })
    });
    let even = own.even && of_bias.is_none_or(|b| b.even);
    let signs = match parity.filter(|_| inside) {
        Some(Parity::Odd) => (missing(
            even,
            format!(
                "no signs: the prior of `{name}` is not the same for a number and its negative"
            ),
        ) & missing(
            after.even,
            format!(
                "no signs: the prior of `{follows}` is not the same for a number and its negative"
            ),
        ))
        .then_some(Signs::WithWhatFollows),
        Some(Parity::Even) => missing(
            even,
            format!(
                "no signs: the prior of `{name}` is not the same for a number and its negative"
            ),
        )
        .then_some(Signs::Alone),
        _ => None,
    };
    let homogeneous = |n: &Node| {
        matches!(
            n.nature,
            Nature::Elementwise {
                homogeneous: true,
                ..
            }
        )
    };
    Some(HiddenLayer {
        name: name.to_owned(),
        units,
        permutations,
        signs,
        rescalings: inside && !between.is_empty() && between.iter().all(homogeneous),
        broken,
        place: Place {
            incoming: weight.range.clone(),
            inputs: first.takes.len(),
            bias: bias.map(|(_, b)| b.range.clone()),
            outgoing: outgoing.range.clone(),
            outputs: next.gives.len(),
        },
    })
}

impl fmt::Display for Symmetries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.none {
            return write!(f, "no symmetries: {why}");
        }
        for layer in &self.layers {
            let mut maps = Vec::new();
            if layer.permutations {
                maps.push(format!("{}! permutations", layer.units));
            }
            match layer.signs {
                Some(Signs::WithWhatFollows) => maps.push(format!("2^{} signs", layer.units)),
                Some(Signs::Alone) => {
                    maps.push(format!("2^{} signs, of the neurons alone", layer.units));
                }
                None => {}
            }
            if layer.rescalings {
                maps.push("rescalings, which change prior and volume".to_owned());
            }
            let maps = if maps.is_empty() {
                "none".to_owned()
            } else {
                maps.join(", ")
            };
            writeln!(f, "`{}`: {maps}", layer.name)?;
            for why in &layer.broken {
                writeln!(f, "    {why}")?;
            }
        }
        write!(
            f,
            "10^{:.1} parameter vectors are the same function",
            self.log10()
        )
    }
}
