//! A network as data: what summaries, fused kernels, layerwise inference and symmetries read instead of the type.

use std::ops::Range;

/// One step of the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The field's name.
    pub name: &'static str,
    /// What it does.
    pub op: Op,
    /// Features taken.
    pub inputs: usize,
    /// Features given.
    pub outputs: usize,
    /// Its parameters: numbers of the layout's blocks.
    pub blocks: Range<usize>,
}

/// What a step of the chain does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Op {
    /// y = W x + b.
    Linear,
    /// tanh(x).
    Tanh,
    /// max(x, 0).
    Relu,
    /// max(x, 0.01·x).
    LeakyRelu,
    /// 1/(1 + exp(−x)).
    Sigmoid,
    /// log(1 + exp(x)).
    Softplus,
    /// x/(1 + exp(−x)).
    Silu,
    /// x·Φ(x).
    Gelu,
    /// A layer that only its own expression knows; the type's name.
    Other(&'static str),
}

impl Op {
    /// Whether f(-x) = -f(x): neurons before such an activation have a sign symmetry.
    pub fn is_odd(self) -> bool {
        matches!(self, Self::Tanh)
    }
}

/// The chain of layers from features to outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// Number of features.
    pub inputs: usize,
    /// The steps, in order.
    pub nodes: Vec<Node>,
}

impl Architecture {
    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.nodes.last().map_or(self.inputs, |n| n.outputs)
    }

    /// Multiplications and additions of one forward and backward pass over one row, matrix products only.
    pub fn flops_per_row(&self) -> usize {
        self.nodes
            .iter()
            .filter(|n| n.op == Op::Linear)
            .enumerate()
            .map(|(i, n)| (if i == 0 { 4 } else { 6 }) * n.inputs * n.outputs)
            .sum()
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.inputs)?;
        for node in &self.nodes {
            match node.op {
                Op::Linear => write!(f, " -> {}", node.outputs)?,
                Op::Tanh => write!(f, " tanh")?,
                Op::Relu => write!(f, " relu")?,
                Op::LeakyRelu => write!(f, " leaky_relu")?,
                Op::Sigmoid => write!(f, " sigmoid")?,
                Op::Softplus => write!(f, " softplus")?,
                Op::Silu => write!(f, " silu")?,
                Op::Gelu => write!(f, " gelu")?,
                Op::Other(name) => {
                    let short = name.rsplit("::").next().unwrap_or(name);
                    write!(f, " -> {short}")?;
                    if node.inputs != node.outputs {
                        write!(f, " {}", node.outputs)?;
                    }
                }
            }
        }
        Ok(())
    }
}
