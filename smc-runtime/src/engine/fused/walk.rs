//! A walk through the layers by the fused kernels: what is seen in panels is handed on row after row.

use std::ops::Range;

use super::Fused;
use super::chain::Hook;
use super::head::Back;
use super::kernels::{Kernels, total};
use super::panel::{Piece, pieces};
use super::program::Program;
use super::scratch;
use crate::engine::common::Share;
use crate::model::Model;
use crate::numerics::panel::{into_panels, out_of_panels};
use crate::problem::population::Population;
use crate::problem::{Layer, LayerVisitor, Layered, Segment, Sums, Tile, Way};

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
        self.layers.as_deref().unwrap_or_default()
    }

    fn walk(
        &self,
        thetas: &Population,
        segments: &[Segment],
        way: Way<'_>,
        visitors: Vec<Box<dyn LayerVisitor>>,
    ) -> (Sums, Vec<Box<dyn LayerVisitor>>) {
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
