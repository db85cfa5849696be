//! A model as the kernels walk it: the chain of its layers and its likelihood. It knows nothing of the model's type, so that it is
//! compiled once and not for every model, and nothing of data.

use std::ops::Range;

use super::chain::{Buffers, Chain, Unwatched, grow};
use super::head::{FieldValue, Head, Reading};
use super::panel::{Panels, Piece, pieces};
use super::scratch::{self, Scratch};
use crate::base::exec;
use crate::data::Features;
use crate::engine::common::Common;
use crate::model::Model;
use crate::model::dist::{Likelihood, Term};
use crate::model::transform::Support;
use crate::numerics::isa::Isa;
use crate::numerics::panel::PANEL;
use crate::problem::Arguments;
use crate::problem::population::Population;
use crate::problem::rows::RowSet;

/// A parameter that the likelihood names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scalar {
    /// In the parameter vector.
    pub(super) place: usize,
    pub(super) support: Support,
}

/// The chain and the likelihood.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(super) chain: Chain,
    pub(super) head: Head,
    pub(super) scalars: Vec<Scalar>,
}

impl Program {
    /// The program of a model, or why a part of it has no fused form.
    pub(super) fn new<M: Model>(common: &Common<M>, isa: Isa) -> Result<Self, String> {
        if !common.model.is_chain() {
            return Err("the model writes its output by hand".to_owned());
        }
        let layout = &common.layout;
        let chain = Chain::new(&common.architecture.nodes, layout, isa)
            .map_err(|field| format!("the field `{field}` has no fused form"))?;
        if chain.is_empty() {
            return Err("the model has no layers".to_owned());
        }
        let scalar = |field: usize, element: usize| {
            let block = layout.of_field(field).first()?;
            common.parameters[field].then(|| Scalar {
                place: block.range.start + element,
                support: block.support,
            })
        };
        let mut scalars = Vec::new();
        for term in common.model.likelihood().terms() {
            for leaf in term.leaves() {
                let (field, element) = match *leaf {
                    Term::Field(field) => (field, 0),
                    Term::Column(field, column) => (field, column),
                    _ => continue,
                };
                scalars.extend(scalar(field, element).filter(|s| !scalars.contains(s)));
            }
        }
        let named = |field: usize, element: usize| {
            let given = layout.fixed(field).map(FieldValue::Given);
            let slot = || {
                let scalar = scalar(field, element)?;
                scalars.iter().position(|&s| s == scalar)
            };
            given.unwrap_or_else(|| slot().map_or(FieldValue::Output, FieldValue::Parameter))
        };
        let head = common.model.likelihood().fused();
        let head = Head::resolve(head.ok_or("the likelihood has no fused form")?, &named)?;
        Ok(Self {
            chain,
            head,
            scalars,
        })
    }

    /// Makes room for a tile.
    pub(super) fn prepare(&self, backward: bool, scratch: &mut Scratch) {
        let chain = &self.chain;
        chain.prepare(&mut scratch.chain, chain.tile, backward);
        grow(&mut scratch.out, chain.tile * PANEL);
        grow(&mut scratch.scalars, self.scalars.len());
    }

    /// The parameters that the likelihood names, for one particle.
    pub(super) fn read_scalars(&self, theta: &[f32], scalars: &mut [f32]) {
        for (scalar, s) in scalars.iter_mut().zip(&self.scalars) {
            *scalar = s.support.constrain(f64::from(theta[s.place])) as f32;
        }
    }

    /// Adds to a particle's gradient from the derivatives by what the likelihood's parameters are constrained to.
    pub(super) fn add_scalars(&self, theta: &[f32], by_x: &[f64], gradient: &mut [f32]) {
        for (&by_x, scalar) in by_x.iter().zip(&self.scalars) {
            let slope = scalar.support.slope(f64::from(theta[scalar.place]));
            // A parameter that the likelihood does not name may be so large that its slope is infinite.
            if by_x != 0.0 {
                gradient[scalar.place] += (by_x * slope) as f32;
            }
        }
    }

    /// What the likelihood reads at a piece after a forward pass, and room for the derivatives by the chain's output.
    pub(super) fn at<'a>(
        &'a self,
        data: &'a Panels,
        piece: &Piece,
        live: &'a Range<usize>,
        buffers: &'a mut Buffers,
        scalars: &'a [f32],
    ) -> (Reading<'a>, &'a mut [f32]) {
        let panels = piece.panels();
        let (output, delta) = buffers.output_and_delta(&self.chain, panels.len());
        (self.reading(data, panels, live, output, scalars), delta)
    }

    /// What the likelihood reads at some panels where the chain gives `output`.
    pub(super) fn reading<'a>(
        &self,
        data: &'a Panels,
        panels: Range<usize>,
        live: &'a Range<usize>,
        output: &'a [f32],
        scalars: &'a [f32],
    ) -> Reading<'a> {
        Reading {
            live,
            panels: panels.len(),
            output,
            outputs: self.chain.outputs(),
            features: data.features(panels.clone()),
            columns: data.columns(),
            targets: data.targets(panels.clone()),
            offset: data.offset(panels.clone()),
            weights: data.weights(panels.clone()),
            base: data.base(panels),
            scalars,
        }
    }

    /// `visit(start, first row, at, out)` for every particle at every tile of `data`, forwards only.
    pub(super) fn visit<R: Send>(
        &self,
        thetas: &Population,
        data: &Panels,
        start: impl Fn() -> R + Sync + Send,
        visit: impl Fn(&mut R, usize, Reading<'_>, &mut [f32]) + Sync + Send,
    ) -> Vec<R> {
        let all = RowSet::from(0..data.rows()).segments(0.0);
        exec::map(thetas.len(), |i| {
            scratch::with(|scratch| {
                self.prepare(false, scratch);
                let (theta, mut result) = (thetas.row(i), start());
                self.read_scalars(theta, &mut scratch.scalars);
                for piece in pieces(&all, self.chain.tile) {
                    let (live, buffers) = (piece.live(), &mut scratch.chain);
                    let x = data.features(piece.panels());
                    self.chain
                        .forward(theta, x, live.end, buffers, &mut Unwatched);
                    let (at, _) = self.at(data, &piece, &live, buffers, &scratch.scalars);
                    visit(&mut result, piece.rows.start, at, &mut scratch.out);
                }
                result
            })
        })
    }

    /// The likelihood's arguments of every particle at every row of `data`.
    pub(super) fn arguments(&self, thetas: &Population, data: &Features) -> Arguments {
        let Self { head, chain, .. } = self;
        let (rows, width) = (data.rows(), head.width(chain.outputs()));
        let start = || vec![0.0; rows * width];
        let data = Panels::of_features(data);
        let all = self.visit(thetas, &data, start, |result, first, at, out| {
            let from = at.live.start;
            head.arguments(chain.isa, at, out, |row, slot, x| {
                result[(first + row - from) * width + slot] = x;
            });
        });
        Arguments {
            rows,
            width,
            values: all.concat(),
        }
    }
}
