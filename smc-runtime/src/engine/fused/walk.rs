//! A walk through the layers by the fused kernels: what is seen in panels is handed on row after row.

use std::ops::Range;

use super::Fused;
use super::chain::Hook;
use super::head::Back;
use super::kernels::{Kernels, total};
use super::panel::pieces;
use super::program::Program;
use super::scratch;
use crate::base::exec;
use crate::engine::common::{Share, check_visitors};
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
    fn walk(
        &self,
        thetas: &Population,
        segments: &[Segment],
        (back, wanted): (bool, bool),
        visitors: Vec<Box<dyn LayerVisitor>>,
    ) -> Vec<Share> {
        let each = visitors.len() / thetas.len().max(1);
        let dim = if wanted { thetas.dim() } else { 0 };
        let mut seen = Share::nothing(visitors, segments.len(), dim);
        let tile = self.program.chain.tile;
        let count = pieces(segments, tile).count();
        exec::for_chunks(&mut seen, 1, &mut [] as &mut [u8], 1, |number, seen, _| {
            let (i, c) = (number / each, number % each);
            let (from, to) = (count * c / each, count * (c + 1) / each);
            let pieces = pieces(segments, tile).skip(from).take(to - from);
            for piece in pieces {
                self.tile(thetas.row(i), i, &piece, back, &mut seen[0]);
            }
        });
        seen
    }

    fn tile(
        &self,
        theta: &[f32],
        particle: usize,
        piece: &super::panel::Piece,
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
        check_visitors(thetas, &visitors);
        let (back, gradient) = way.back();
        self.predictor
            .common
            .count_pass(thetas.len(), segments, back);
        let wanted = gradient.is_some();
        let seen = self
            .kernels
            .walk(thetas, segments, (back, wanted), visitors);
        Share::together(seen, thetas.len(), segments.len(), gradient)
    }
}
