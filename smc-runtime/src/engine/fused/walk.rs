//! A walk through the layers by the fused kernels: what is seen in panels is handed on row after row.

use std::ops::Range;

use super::chain::Hook;
use super::head::Back;
use super::kernels::{Kernels, total};
use super::panel::{Panels, Piece, pieces};
use super::program::Program;
use super::scratch;
use super::{Fused, FusedPredictor};
use crate::data::Features;
use crate::engine::common::Share;
use crate::model::Model;
use crate::numerics::panel::{PANEL, into_panels, out_of_panels};
use crate::problem::population::Population;
use crate::problem::rows::RowSet;
use crate::problem::{
    Arguments, Layer, LayerVisitor, Layered, OwnVisitor, Segment, Sums, Tile, Transparent, Way,
};

/// Hands on what a pass over one tile shows.
struct RowByRow<'a> {
    visitor: &'a mut dyn LayerVisitor,
    at: Tile,
    live: Range<usize>,
}

impl Hook for RowByRow<'_> {
    fn forward(&mut self, layer: usize, x: (usize, &[f32]), (outputs, z): (usize, &mut [f32])) {
        self.at.layer = layer;
        let inputs = out_of_panels(x.1, x.0, &self.live);
        let mut rows = out_of_panels(z, outputs, &self.live);
        self.visitor.forward(&self.at, &inputs, &mut rows);
        for (row, values) in self.live.clone().zip(rows.chunks(outputs)) {
            into_panels(z, outputs, row, values);
        }
    }

    fn backward(&mut self, layer: usize, x: (usize, &[f32]), (outputs, dz): (usize, &[f32])) {
        self.at.layer = layer;
        let inputs = out_of_panels(x.1, x.0, &self.live);
        let rows = out_of_panels(dz, outputs, &self.live);
        self.visitor.backward(&self.at, &inputs, &rows);
    }
}

impl Kernels {
    fn visit_tile(
        &self,
        theta: &[f32],
        particle: usize,
        piece: &Piece,
        back: bool,
        seen: &mut Share,
    ) {
        let program = &*self.program;
        let Program { chain, scalars, .. } = program;
        let (live, x) = (piece.live(), self.data.features(piece.panels()));
        scratch::with(|scratch| {
            program.prepare(back, scratch);
            program.read_scalars(theta, &mut scratch.scalars);
            scratch.chain.turn_to_next_tile();
            let mut hook = RowByRow {
                visitor: &mut *seen.visitor,
                at: Tile {
                    layer: 0,
                    particle,
                    rows: piece.rows.clone(),
                    segment: piece.segment,
                },
                live: live.clone(),
            };
            let buffers = &mut scratch.chain;
            chain.forward(theta, x, live.end, buffers, &mut hook);
            let (at, delta) = program.at(&self.data, piece, &live, buffers, &scratch.scalars);
            let mut by_x = vec![0.0; scalars.len()];
            let own = back.then_some(Back {
                weight: piece.weight as f32,
                output: delta,
                scalars: &mut by_x,
            });
            program.head.evaluate(chain.isa, at, &mut scratch.out, own);
            seen.sums[piece.segment] += total(&scratch.out[live.clone()]);
            if back {
                let mut gradient = (!seen.gradient.is_empty()).then_some(&mut *seen.gradient);
                let buffers = &mut scratch.chain;
                let own = gradient.as_deref_mut();
                chain.backward(theta, x, &live, false, buffers, own, &mut hook);
                if let Some(gradient) = gradient {
                    program.add_scalars(theta, &by_x, gradient);
                }
            }
        });
    }
}

impl<M: Model> Layered for Fused<M> {
    fn layers(&self) -> &[Layer] {
        self.predictor.layers.as_deref().unwrap_or_default()
    }

    fn walk(
        &self,
        thetas: &Population,
        segments: &[Segment],
        way: Way<'_>,
        visitors: Vec<Box<dyn OwnVisitor>>,
    ) -> (Sums, Vec<Box<dyn OwnVisitor>>) {
        let rows = segments.iter().map(|s| s.rows.len()).sum();
        let tile = self.kernels.tile(rows, thetas.dim());
        let tiles: Vec<Piece> = pieces(segments, tile).collect();
        let common = &self.predictor.common;
        common.walk(
            thetas,
            segments,
            way,
            visitors,
            &tiles,
            |particle, tiles, back, seen| {
                for piece in tiles {
                    let theta = thetas.row(particle);
                    self.kernels.visit_tile(theta, particle, piece, back, seen);
                }
            },
        )
    }
}

impl<M: Model> Transparent for FusedPredictor<M> {
    fn layers(&self) -> &[Layer] {
        self.layers.as_deref().unwrap_or_default()
    }

    fn look(
        &self,
        theta: &[f32],
        data: &Features,
        back: bool,
        visitor: &mut dyn LayerVisitor,
    ) -> Vec<f32> {
        self.common.count(1, data.rows(), back);
        self.program.look(theta, data, back, visitor)
    }

    fn read(&self, theta: &[f32], data: &Features, outputs: &[f32]) -> Arguments {
        self.program.read(theta, data, outputs)
    }
}

impl Program {
    /// See [`Transparent::look`].
    fn look(
        &self,
        theta: &[f32],
        data: &Features,
        back: bool,
        visitor: &mut dyn LayerVisitor,
    ) -> Vec<f32> {
        let data = Panels::of_features(data);
        let (chain, outputs) = (&self.chain, self.chain.outputs());
        let mut all = Vec::with_capacity(data.rows() * outputs);
        let rows = RowSet::from(0..data.rows()).segments(0.0);
        scratch::with(|scratch| {
            self.prepare(back, scratch);
            for piece in pieces(&rows, chain.tile) {
                let (live, x) = (piece.live(), data.features(piece.panels()));
                let buffers = &mut scratch.chain;
                buffers.turn_to_next_tile();
                let at = Tile {
                    layer: 0,
                    particle: 0,
                    rows: piece.rows.clone(),
                    segment: 0,
                };
                let live_rows = live.clone();
                let mut hook = RowByRow {
                    visitor: &mut *visitor,
                    at,
                    live: live_rows,
                };
                chain.forward(theta, x, live.end, buffers, &mut hook);
                let panels = piece.panels().len();
                let (made, _) = buffers.output_and_delta(chain, panels);
                all.extend(out_of_panels(made, outputs, &live));
                for output in 0..if back { outputs } else { 0 } {
                    let (_, delta) = buffers.output_and_delta(chain, panels);
                    for row in live.clone() {
                        delta[row / PANEL * outputs * PANEL + output * PANEL + row % PANEL] = 1.0;
                    }
                    hook.at.segment = output;
                    chain.backward(theta, x, &live, false, buffers, None, &mut hook);
                }
            }
        });
        all
    }

    /// See [`Transparent::read`].
    fn read(&self, theta: &[f32], data: &Features, outputs: &[f32]) -> Arguments {
        let (own, rows) = (self.chain.outputs(), data.rows());
        let width = self.head.width(own);
        let data = Panels::of_features(data);
        let mut scalars = vec![0.0; self.scalars.len()];
        self.read_scalars(theta, &mut scalars);
        let mut values = Vec::with_capacity(outputs.len() / own * width);
        let mut out = vec![0.0; self.chain.tile * PANEL];
        let all = RowSet::from(0..rows).segments(0.0);
        for outputs in outputs.chunks(rows * own) {
            for piece in pieces(&all, self.chain.tile) {
                let (panels, live) = (piece.panels(), piece.live());
                let mut lanes = vec![0.0; panels.len() * own * PANEL];
                for row in live.clone() {
                    let from = (piece.rows.start + row - live.start) * own;
                    into_panels(&mut lanes, own, row, &outputs[from..from + own]);
                }
                let at = self.reading(&data, panels, &live, &lanes, &scalars);
                let first = values.len();
                values.resize(first + live.len() * width, 0.0);
                self.head
                    .arguments(self.chain.isa, at, &mut out, |row, slot, x| {
                        values[first + (row - live.start) * width + slot] = x;
                    });
            }
        }
        Arguments {
            rows,
            width,
            values,
        }
    }
}
