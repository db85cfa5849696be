//! What the outputs of a network have to do with its layers.

use super::layered::{Layer, LayerVisitor, Tile};

/// What the outputs of a network have to do with its layers at some rows: a [`LayerVisitor`] that keeps everything.
///
/// The derivative of output c at row r by the weights of a layer is g aᵀ, with a the layer's inputs at the row, 1 for the bias, and g the
/// derivatives by its pre-activations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slopes {
    /// Number of rows.
    pub rows: usize,
    /// Number of outputs.
    pub outputs: usize,
    /// Each layer's.
    pub layers: Vec<LayerSlopes>,
}

/// The [slopes](Slopes) by one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSlopes {
    /// The layer.
    pub layer: Layer,
    /// Rows × inputs, with a last column of ones where there is a bias.
    pub inputs: Vec<f32>,
    /// For every output of the network: rows × outputs of the layer.
    pub dz: Vec<Vec<f32>>,
}

impl LayerSlopes {
    /// Inputs, with the bias as one.
    pub fn columns(&self) -> usize {
        self.layer.inputs + usize::from(self.layer.bias.is_some())
    }
}

impl Slopes {
    /// Before any row is seen.
    pub fn new(layers: &[Layer]) -> Self {
        let outputs = layers.last().map_or(0, |l| l.outputs);
        let of = |layer: &Layer| LayerSlopes {
            layer: layer.clone(),
            inputs: Vec::new(),
            dz: vec![Vec::new(); outputs],
        };
        Self {
            rows: 0,
            outputs,
            layers: layers.iter().map(of).collect(),
        }
    }

    /// The derivatives of one output at one row by all parameters, those that are no layer's being 0.
    pub fn at(&self, row: usize, output: usize, dim: usize) -> Vec<f32> {
        let mut slopes = vec![0.0; dim];
        for seen in &self.layers {
            let (layer, columns) = (&seen.layer, seen.columns());
            let inputs = &seen.inputs[row * columns..][..columns];
            let dz = &seen.dz[output][row * layer.outputs..][..layer.outputs];
            for (o, g) in dz.iter().enumerate() {
                let own = &mut slopes[layer.weight.start + o * layer.inputs..][..layer.inputs];
                for (s, a) in own.iter_mut().zip(inputs) {
                    *s = g * a;
                }
                if let Some(bias) = &layer.bias {
                    slopes[bias.start + o] = *g;
                }
            }
        }
        slopes
    }
}

impl LayerVisitor for Slopes {
    fn forward(&mut self, at: &Tile, inputs: &[f32], _: &mut [f32]) {
        let seen = &mut self.layers[at.layer];
        if at.layer == 0 {
            self.rows += at.rows.len();
        }
        let one = seen.layer.bias.is_some();
        for row in inputs.chunks(seen.layer.inputs.max(1)) {
            seen.inputs.extend_from_slice(row);
            seen.inputs.extend(one.then_some(1.0));
        }
    }

    fn backward(&mut self, at: &Tile, _: &[f32], dz: &[f32]) {
        self.layers[at.layer].dz[at.segment].extend_from_slice(dz);
    }
}
