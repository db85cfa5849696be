//! A run of layers as one operation that keeps what its backward pass needs: what the dfdx engine puts on its tape.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use super::chain::{Buffers, Chain, grow};
use super::isa::Isa;
use super::panel::{PANEL, Panels, into_panels};
use crate::architecture::Node;
use crate::data::Dataset;
use crate::layout::Layout;
use crate::model::FieldSpec;

/// The data as the operation reads them.
#[derive(Clone)]
pub(in crate::engine) struct Rows(Arc<Panels>);

impl Rows {
    pub(in crate::engine) fn new(data: &Dataset) -> Self {
        Self(Arc::new(Panels::new(data)))
    }
}

/// What an operation is applied to.
pub(in crate::engine) enum Input<'a> {
    /// These rows of the data, with respect to which nobody asks for derivatives.
    Data(Rows, Range<usize>),
    /// So many values, row by row.
    Values(&'a [f32]),
}

/// Layers that all have a fused form, with parameters of their own.
pub(in crate::engine) struct Operation {
    chain: Chain,
    inputs: usize,
    /// Length of the parameter vector.
    pub(in crate::engine) dim: usize,
}

/// One forward pass, for one particle.
pub(in crate::engine) struct Pass {
    buffers: Buffers,
    x: X,
    panels: usize,
    live: Range<usize>,
}

enum X {
    Data(Rows, Range<usize>),
    Own(Vec<f32>),
}

impl X {
    fn values(&self) -> &[f32] {
        match self {
            Self::Data(rows, panels) => rows.0.features(panels.clone()),
            Self::Own(values) => values,
        }
    }
}

thread_local! {
    static SPARE: RefCell<Vec<Buffers>> = const { RefCell::new(Vec::new()) };
}

impl Operation {
    /// The operation of some nodes, whose blocks are those of `layout`; or the name of a node that has no fused form.
    pub(in crate::engine) fn new(
        nodes: &[(&Node, &FieldSpec)],
        layout: &Layout,
    ) -> Result<Self, &'static str> {
        Ok(Self {
            chain: Chain::new(nodes, layout, Isa::best())?,
            inputs: nodes.first().map_or(0, |(node, _)| node.inputs),
            dim: layout.dim(),
        })
    }

    /// The outputs, row by row, and what [`Operation::backward`] needs.
    pub(in crate::engine) fn forward(
        &self,
        theta: &[f32],
        input: Input<'_>,
        backward: bool,
    ) -> (Vec<f32>, Pass) {
        let (x, panels, live) = match input {
            Input::Data(data, rows) => {
                let panels = rows.start / PANEL..rows.end.div_ceil(PANEL);
                let first = panels.start * PANEL;
                let live = rows.start - first..rows.end - first;
                (X::Data(data, panels.clone()), panels.len(), live)
            }
            Input::Values(values) => {
                let rows = values.len() / self.inputs;
                let panels = rows.div_ceil(PANEL);
                let mut own = vec![0.0; panels * self.inputs * PANEL];
                for (row, values) in values.chunks(self.inputs).enumerate() {
                    into_panels(&mut own, self.inputs, row, values);
                }
                (X::Own(own), panels, 0..rows)
            }
        };
        let mut buffers = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        self.chain.prepare(&mut buffers, panels, backward);
        buffers.turn_to_next_tile();
        self.chain
            .forward(theta, x.values(), live.end, &mut buffers);
        let outputs = self.chain.outputs();
        let (output, _) = buffers.output_and_delta(&self.chain, panels);
        let rows = out_of_panels(output, outputs, &live);
        let pass = Pass {
            buffers,
            x,
            panels,
            live,
        };
        (rows, pass)
    }

    /// Adds to `gradient` from the derivatives with respect to the outputs, and to `dx` if there is one; both row by row.
    pub(in crate::engine) fn backward(
        &self,
        theta: &[f32],
        mut pass: Pass,
        dy: &[f32],
        gradient: &mut [f32],
        dx: Option<&mut [f32]>,
    ) {
        let outputs = self.chain.outputs();
        let (_, delta) = pass.buffers.output_and_delta(&self.chain, pass.panels);
        for (row, dy) in pass.live.clone().zip(dy.chunks(outputs)) {
            into_panels(delta, outputs, row, dy);
        }
        let (x, live, buffers) = (pass.x.values(), &pass.live, &mut pass.buffers);
        let wanted = dx.is_some();
        let by_x = self
            .chain
            .backward(theta, x, live, wanted, buffers, gradient);
        if let Some(dx) = dx {
            let by_x = out_of_panels(by_x, self.inputs, live);
            for (d, by_x) in dx.iter_mut().zip(by_x) {
                *d += by_x;
            }
        }
        pass.recycle();
    }
}

impl Pass {
    /// Gives the working memory to the next pass of this thread.
    pub(in crate::engine) fn recycle(self) {
        SPARE.with_borrow_mut(|spare| spare.push(self.buffers));
    }
}

/// The live rows, one after the other.
fn out_of_panels(panels: &[f32], features: usize, live: &Range<usize>) -> Vec<f32> {
    let mut rows = Vec::new();
    grow(&mut rows, live.len() * features);
    for (values, row) in rows.chunks_mut(features).zip(live.clone()) {
        let first = row / PANEL * features * PANEL + row % PANEL;
        for (i, x) in values.iter_mut().enumerate() {
            *x = panels[first + i * PANEL];
        }
    }
    rows
}
