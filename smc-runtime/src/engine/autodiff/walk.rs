//! A walk through the layers by the dfdx expression, one particle and one tile at a time.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use dfdx::prelude::{Merge, SplitTape};

use super::backend::{Backend, Sizes};
use super::predictor::Looks;
use super::problem::{Autodiff, backward};
use crate::engine::common::Share;
use crate::model::Model;
use crate::model::tensor::{Kept, SharedTape, Watch};
use crate::problem::population::Population;
use crate::problem::{Layer, LayerVisitor, Layered, OwnVisitor, Segment, Sums, Tile, Way};

/// In the place of a visitor while it looks on: a tape lends nothing for less than its own life.
struct Away;

impl LayerVisitor for Away {}

impl<M: Model, D: Backend<f32>> Autodiff<M, D> {
    /// The layer that field number `field` is.
    fn layer_of(&self, field: usize) -> usize {
        let nodes = &self.predictor.common.architecture.nodes;
        let of = |layer: &Layer| nodes[layer.node].field == field;
        self.layers().iter().position(of).unwrap_or_default()
    }

    /// One tile of one particle; `weight` is that of its segment, where the walk goes back.
    fn visit_tile(
        &self,
        (device, kept): (&D, Option<&Kept<f32, D>>),
        theta: &[f32],
        tile: &Tile,
        weight: Option<f64>,
        seen: &mut Share,
    ) {
        let numbers: Vec<usize> = (0..self.predictor.common.parameters.len())
            .map(|field| self.layer_of(field))
            .collect();
        let (own, rows) = (tile.clone(), tile.rows.clone());
        let at = move |field: usize| Tile {
            layer: numbers[field],
            ..own.clone()
        };
        let lent = std::mem::replace(&mut seen.visitor, Box::new(Away));
        let visitor = Rc::new(RefCell::new(lent));
        let (looking, place) = (visitor.clone(), at.clone());
        let watch = Rc::new(Watch::new(Box::new(move |field, inputs, z| {
            looking.borrow_mut().forward(&place(field), inputs, z);
        })));
        let looks = Looks {
            operations: None,
            rows: None,
            watch: Some(watch.clone()),
        };
        let leaves = self.predictor.leaves(device, &[theta]);
        let tape = SharedTape::recording();
        let params = self.predictor.params(&leaves, &tape, &looks);
        let value = self.tile((device, kept), &params, rows.clone());
        let (value, tape_out) = value.split_tape();
        drop(params);
        let values = self.numbers(&value, &rows);
        seen.sums[tile.segment] += values.iter().map(|&l| f64::from(l)).sum::<f64>();
        if let Some(weight) = weight {
            let gradients = backward(&leaves, &value, tape.merge(tape_out));
            watch.back(&gradients, |field, inputs, mut dz| {
                for g in &mut dz {
                    *g *= weight as f32;
                }
                visitor.borrow_mut().backward(&at(field), inputs, &dz);
            });
            if !seen.gradient.is_empty() {
                self.add_gradient(&leaves, &gradients, &[theta], weight, &mut seen.gradient);
            }
        }
        seen.visitor = visitor.replace(Box::new(Away));
    }
}

impl<M: Model, D: Backend<f32>> Layered for Autodiff<M, D> {
    fn layers(&self) -> &[Layer] {
        self.layers.as_deref().unwrap_or_default()
    }

    fn walk(
        &self,
        thetas: &Population,
        segments: &[Segment],
        way: Way<'_>,
        visitors: Vec<Box<dyn OwnVisitor>>,
    ) -> (Sums, Vec<Box<dyn OwnVisitor>>) {
        let tiles: Vec<(usize, Range<usize>)> = segments
            .iter()
            .enumerate()
            .flat_map(|(n, s)| {
                self.predictor
                    .tiles::<f32>(s.rows.clone(), 1)
                    .map(move |t| (n, t))
            })
            .collect();
        let common = &self.predictor.common;
        common.walk(
            thetas,
            segments,
            way,
            visitors,
            &tiles,
            |particle, tiles, back, seen| {
                let sizes = Sizes {
                    particles: 1,
                    rows: self.data.rows(),
                };
                D::with(&self.place, sizes, |device, kept| {
                    for (segment, rows) in tiles {
                        let tile = Tile {
                            layer: 0,
                            particle,
                            rows: rows.clone(),
                            segment: *segment,
                        };
                        let weight = back.then_some(segments[*segment].weight);
                        let theta = thetas.row(particle);
                        self.visit_tile((device, kept), theta, &tile, weight, seen);
                    }
                });
            },
        )
    }
}
