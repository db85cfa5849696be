//! A network as data: what summaries, engines, layerwise inference and symmetries read instead of the type.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::fused::FusedLayer;
pub use super::nature::{Nature, Parity};
pub use super::rule::Shape;

/// One step of the chain.
#[derive(Clone, Debug)]
pub struct Node {
    /// The field's name.
    pub name: &'static str,
    /// The field's number among all fields of the model.
    pub field: usize,
    /// What it is called where a network is written in a line: `tanh`.
    pub label: String,
    /// What is known of its mathematics.
    pub nature: Nature,
    /// What it takes.
    pub takes: Shape,
    /// What it gives.
    pub gives: Shape,
    /// Its parameters: numbers of the layout's blocks, whose roles are there.
    pub blocks: Range<usize>,
    /// Its form for the fused engine, geometry included, if it has one.
    pub fused: Option<Arc<dyn FusedLayer>>,
}

/// The chain of layers from features to outputs.
#[derive(Clone, Debug)]
pub struct Architecture {
    /// Number of features.
    pub inputs: usize,
    /// The steps, in order.
    pub nodes: Vec<Node>,
}

impl Architecture {
    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.nodes.last().map_or(self.inputs, |n| n.gives.len())
    }

    /// Multiplications and additions of one forward and backward pass over one row, matrix products only.
    pub fn flops_per_row(&self) -> usize {
        self.nodes
            .iter()
            .filter(|n| n.nature == Nature::Affine)
            .enumerate()
            .map(|(i, n)| (if i == 0 { 4 } else { 6 }) * n.takes.len() * n.gives.len())
            .sum()
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inputs)?;
        for node in &self.nodes {
            match node.nature {
                Nature::Affine => write!(f, " -> {}", node.gives)?,
                Nature::Elementwise { .. } => write!(f, " {}", node.label)?,
                Nature::Other => {
                    write!(f, " -> {}", node.label)?;
                    if node.takes != node.gives {
                        write!(f, " {}", node.gives)?;
                    }
                }
            }
        }
        Ok(())
    }
}
