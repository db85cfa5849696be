//! Runs of layers as one operation that keeps what its backward pass needs: what the dfdx engine puts on its tape.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::chain::{Buffers, Chain, Unwatched};
use super::panel::Panels;
use crate::data::DataView;
use crate::model::FieldSpec;
use crate::model::architecture::{Architecture, Node};
use crate::model::layout::Layout;
use crate::model::nn::Rule;
use crate::model::tensor::{Fuses, Input, Operation, Pass};
use crate::model::transform::Support;
use crate::numerics::isa::Isa;
use crate::numerics::panel::{PANEL, into_panels, out_of_panels};

/// The fused operations of a bound model, made when they are first used.
pub(crate) struct Operations {
    fields: Vec<FieldSpec>,
    architecture: Architecture,
    data: Option<Arc<Panels>>,
    made: Mutex<HashMap<Range<usize>, Option<Arc<LayerRun>>>>,
}

impl Operations {
    /// `None` if no layer of the model has a fused form.
    pub(crate) fn new(
        fields: Vec<FieldSpec>,
        architecture: &Architecture,
        data: Option<&DataView<'_>>,
    ) -> Option<Self> {
        let any = fields.iter().any(has_form);
        any.then(|| Self {
            architecture: architecture.clone(),
            data: data.map(|data| Arc::new(Panels::new(data))),
            made: Mutex::default(),
            fields,
        })
    }

    fn make(&self, fields: &Range<usize>) -> Option<LayerRun> {
        let skipped = self.fields[..fields.start]
            .iter()
            .filter(|f| is_layer(f))
            .count();
        let layers: Vec<&FieldSpec> = self.fields[fields.clone()]
            .iter()
            .filter(|f| is_layer(f))
            .collect();
        let mut nodes = self.architecture.nodes[skipped..][..layers.len()].to_vec();
        let mut block = 0;
        for (node, field) in nodes.iter_mut().zip(&layers) {
            node.blocks = block..block + field.blocks.len();
            block = node.blocks.end;
        }
        let layout = Layout::new(
            layers
                .iter()
                .map(|f| (f.shape.name, f.blocks.clone(), None)),
        );
        LayerRun::new(&nodes, &layout, self.data.clone()).ok()
    }
}

impl Fuses for Operations {
    fn begins(&self, number: usize, width: usize) -> bool {
        let fields = self.fields.get(..=number).unwrap_or_default();
        let Some((field, before)) = fields.split_last() else {
            return false;
        };
        let node = &self
            .architecture
            .nodes
            .get(before.iter().filter(|f| is_layer(f)).count());
        is_layer(field) && has_form(field) && node.is_some_and(|n| n.takes.len() == width)
    }

    fn follows(&self, number: usize, end: usize) -> bool {
        number >= end
            && number < self.fields.len()
            && !self.fields[end..number].iter().any(is_layer)
            && is_layer(&self.fields[number])
            && has_form(&self.fields[number])
    }

    fn operation(&self, fields: &Range<usize>) -> Option<Arc<dyn Operation>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(fields.clone())
            .or_insert_with(|| self.make(fields).map(Arc::new))
            .clone()
            .map(|run| run as Arc<dyn Operation>)
    }
}

fn is_layer(field: &FieldSpec) -> bool {
    field.shape.rule != Rule::Parameter
}

/// Whether a layer has a fused form, on parameters as they are.
fn has_form(field: &FieldSpec) -> bool {
    let real = field.blocks.iter().all(|b| b.support == Support::Real);
    real && field.fused.is_some()
}

/// Layers that all have a fused form, with parameters of their own.
struct LayerRun {
    chain: Arc<Chain>,
    /// The bound rows, for a problem; none for a predictor.
    data: Option<Arc<Panels>>,
    inputs: usize,
    dim: usize,
}

/// One forward pass, for one particle. Its working memory goes to the next pass of the thread.
struct Passed {
    chain: Arc<Chain>,
    inputs: usize,
    buffers: Buffers,
    x: X,
    panels: usize,
    live: Range<usize>,
}

enum X {
    Data(Arc<Panels>, Range<usize>),
    Own(Vec<f32>),
}

impl X {
    fn values(&self) -> &[f32] {
        match self {
            Self::Data(data, panels) => data.features(panels.clone()),
            Self::Own(values) => values,
        }
    }
}

/// Rows are named by number only where there are bound ones: see `Fusing::rows`.
const BOUND: &str = "the operation of a problem has its rows";

thread_local! {
    static SPARE: RefCell<Vec<Buffers>> = const { RefCell::new(Vec::new()) };
}

impl Drop for Passed {
    fn drop(&mut self) {
        let buffers = std::mem::take(&mut self.buffers);
        SPARE.with_borrow_mut(|spare| spare.push(buffers));
    }
}

impl LayerRun {
    /// The run of some nodes, whose blocks are those of `layout`; or the name of a node that has no fused form.
    fn new(
        nodes: &[Node],
        layout: &Layout,
        data: Option<Arc<Panels>>,
    ) -> Result<Self, &'static str> {
        Ok(Self {
            chain: Arc::new(Chain::new(nodes, layout, Isa::best())?),
            data,
            inputs: nodes.first().map_or(0, |node| node.takes.len()),
            dim: layout.dim(),
        })
    }
}

impl Operation for LayerRun {
    fn dim(&self) -> usize {
        self.dim
    }

    fn forward(
        &self,
        theta: &[f32],
        input: Input<'_>,
        backward: bool,
    ) -> (Vec<f32>, Box<dyn Pass>) {
        let (x, panels, live) = match input {
            Input::Data(rows) => {
                let panels = rows.start / PANEL..rows.end.div_ceil(PANEL);
                let first = panels.start * PANEL;
                let live = rows.start - first..rows.end - first;
                (
                    X::Data(self.data.clone().expect(BOUND), panels.clone()),
                    panels.len(),
                    live,
                )
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
        let chain = &self.chain;
        let mut buffers = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        chain.prepare(&mut buffers, panels, backward);
        buffers.turn_to_next_tile();
        chain.forward(theta, x.values(), live.end, &mut buffers, &mut Unwatched);
        let (output, _) = buffers.output_and_delta(chain, panels);
        let rows = out_of_panels(output, chain.outputs(), &live);
        let pass = Passed {
            chain: chain.clone(),
            inputs: self.inputs,
            buffers,
            x,
            panels,
            live,
        };
        (rows, Box::new(pass))
    }
}

impl Pass for Passed {
    fn backward(
        mut self: Box<Self>,
        theta: &[f32],
        dy: &[f32],
        gradient: &mut [f32],
        dx: Option<&mut [f32]>,
    ) {
        let Self {
            chain,
            inputs,
            buffers,
            x,
            panels,
            live,
        } = &mut *self;
        let outputs = chain.outputs();
        let (_, delta) = buffers.output_and_delta(chain, *panels);
        for (row, dy) in live.clone().zip(dy.chunks(outputs)) {
            into_panels(delta, outputs, row, dy);
        }
        let by_x = chain.backward(
            theta,
            x.values(),
            live,
            dx.is_some(),
            buffers,
            Some(gradient),
            &mut Unwatched,
        );
        if let Some(dx) = dx {
            let by_x = out_of_panels(by_x, *inputs, live);
            for (d, by_x) in dx.iter_mut().zip(by_x) {
                *d += by_x;
            }
        }
    }
}
