//! The tensors of a model expression: activations, one number per row, parameters, heads and targets.

mod act;
mod operation;
mod per_row;
mod rows;
mod tape;
mod trial;
mod watch;

pub use act::{Act, Device, Float, Leaf, columns};
pub(crate) use act::{for_particles, from_vec};
pub(crate) use operation::{Fuses, Fusing, Input, Operation, Pass};
pub use per_row::PerRow;
pub(crate) use per_row::tangent;
pub(crate) use rows::{Constant, Kept, Rows};
pub use tape::{SharedTape, Tape};
pub(crate) use trial::{Fault, Trial};
pub(crate) use watch::{Watch, narrowed};

use std::ops::Range;
use std::rc::Rc;

use dfdx::prelude::{Axis, BroadcastTo, HasShape, NoneTape, RealizeTo, ReshapeTo, Tensor};

use crate::model::term::Term;

/// The parameters of a group of particles, in constrained coordinates.
pub struct Params<E: Float, D: Device<E>, T: Tape<E, D>> {
    pub(crate) particles: usize,
    pub(crate) blocks: Vec<Leaf<E, D, T>>,
    pub(crate) fields: Vec<std::ops::Range<usize>>,
    pub(crate) parameters: Vec<bool>,
    /// For each field, the value of a parameter that is given and not learned.
    pub(crate) fixed: Vec<Option<f64>>,
    /// Where runs of layers may be fused.
    pub(crate) fusing: Option<Fusing>,
    /// Who looks on, if anybody does; then nothing is fused.
    pub(crate) watch: Option<Rc<Watch<E, D>>>,
    /// Where each field is tried; then nothing is fused.
    pub(crate) trial: Option<Rc<Trial>>,
}

impl<E: Float, D: Device<E>, T: Tape<E, D>> Params<E, D, T> {
    /// Number of particles in the group.
    pub fn particles(&self) -> usize {
        self.particles
    }

    /// The parameters of field number `field`.
    pub fn field(&self, field: usize) -> FieldParams<'_, E, D, T> {
        FieldParams {
            blocks: &self.blocks[self.fields[field].clone()],
        }
    }
}

/// The parameter blocks of one field.
#[derive(Clone, Copy)]
pub struct FieldParams<'a, E: Float, D: Device<E>, T: Tape<E, D>> {
    blocks: &'a [Leaf<E, D, T>],
}

impl<E: Float, D: Device<E>, T: Tape<E, D>> FieldParams<'_, E, D, T> {
    /// Block number `i` of the field, of shape (particles, elements).
    ///
    /// # Panics
    /// If [`Field::blocks`](crate::model::nn::Field::blocks) declares no such block. `bind` tries each layer of one's own on
    /// one row and turns this into an error.
    pub fn block(&self, i: usize) -> Leaf<E, D, T> {
        let declared = self.blocks.len();
        assert!(
            i < declared,
            "it reads parameter tensor number {i}, counted from 0, but `Field::blocks` declares {declared}"
        );
        self.blocks[i].clone()
    }
}

/// What a likelihood can refer to at a tile of rows.
pub struct Heads<'a, E: Float, D: Device<E>, T: Tape<E, D>> {
    pub(crate) params: &'a Params<E, D, T>,
    /// Of shape (1, rows, features): every particle's.
    pub(crate) features: &'a Act<E, D, T>,
    pub(crate) output: &'a Act<E, D, T>,
    pub(crate) rows: &'a Rows<'a, E, D>,
    /// One number for each row there is, if the data have an offset.
    pub(crate) offset: Option<&'a [f32]>,
}

impl<E: Float, D: Device<E>, T: Tape<E, D>> Heads<'_, E, D, T> {
    /// The term as one number per (particle, row).
    pub fn column(&self, term: &Term) -> PerRow<E, D, T> {
        term.evaluate(&mut |leaf| match leaf {
            Term::Field(field) if self.params.parameters[*field] => self.parameter(*field, 0),
            Term::Column(field, i) if self.params.parameters[*field] => self.parameter(*field, *i),
            Term::Column(_, c) => column(self.output, *c),
            Term::Feature(c) => self.shared(column(self.features, *c)),
            Term::Constant(c) => self.rows.number(*c),
            Term::Offset => self.rows.column(Constant::Offset, |rows| {
                let offset = self.offset.map(|offset| &offset[rows]);
                let offset = offset.unwrap_or_default().iter();
                offset.map(|&x| E::narrow(f64::from(x))).collect()
            }),
            _ => column(self.output, 0),
        })
    }

    /// All outputs of each (particle, row), for a term that is the network's output.
    pub fn row(&self, term: &Term) -> Act<E, D, T> {
        let _ = term;
        self.output.clone()
    }

    fn shape(&self) -> (usize, usize) {
        let &(particles, rows, _) = self.output.shape();
        (particles, rows)
    }

    fn parameter(&self, field: usize, element: usize) -> PerRow<E, D, T> {
        let (particles, rows) = self.shape();
        if let Some(value) = self.params.fixed[field] {
            return self.rows.number(value);
        }
        let mut value = self.params.field(field).block(0);
        if value.shape().1 > 1 {
            value = value.slice((.., element..=element)).realize();
        }
        let value = value.reshape_like(&(particles,));
        PerRow::new(value.broadcast_like::<_, Axis<1>>(&(particles, rows)))
    }

    /// What every particle shares, for each.
    fn shared(&self, one: PerRow<E, D, T>) -> PerRow<E, D, T> {
        let (particles, rows) = self.shape();
        if particles == 1 {
            return one;
        }
        let one = one.into_tensor().reshape_like(&(rows,));
        PerRow::new(one.broadcast_like::<_, Axis<0>>(&(particles, rows)))
    }
}

fn column<E: Float, D: Device<E>, T: Tape<E, D>>(x: &Act<E, D, T>, c: usize) -> PerRow<E, D, T> {
    let &(particles, rows, width) = x.shape();
    let x = x.clone();
    if width == 1 {
        return PerRow::new(x.reshape_like(&(particles, rows)));
    }
    let one = x.slice((.., .., c..=c)).realize::<(usize, usize, usize)>();
    PerRow::new(one.reshape_like(&(particles, rows)))
}

/// The targets of a tile of rows.
pub struct Targets<'a, E: Float, D: Device<E>> {
    pub(crate) rows: &'a Rows<'a, E, D>,
    /// Of all rows.
    pub(crate) values: &'a [f32],
}

impl<E: Float, D: Device<E>> Targets<'_, E, D> {
    /// The targets as numbers, for each (particle, row).
    pub fn values<T: Tape<E, D>>(&self) -> PerRow<E, D, T> {
        let of = |rows| self.each(rows, |y| y);
        self.rows.column(Constant::Targets, of)
    }

    /// What depends on the target alone in the log-density, for each (particle, row); `None` if it is 0 at all of them.
    pub(crate) fn base<T: Tape<E, D>>(&self, f: impl Fn(f64) -> f64) -> Option<PerRow<E, D, T>> {
        let of = |rows| self.each(rows, &f);
        self.rows.column_unless_zero(Constant::Base, of)
    }

    fn each(&self, rows: Range<usize>, f: impl Fn(f64) -> f64) -> Vec<E> {
        let targets = self.values[rows].iter();
        targets.map(|&y| E::narrow(f(f64::from(y)))).collect()
    }

    /// The targets as classes, for each (particle, row).
    pub fn classes(&self) -> Tensor<(usize, usize), usize, D, NoneTape> {
        let of = |rows: Range<usize>| self.values[rows].iter().map(|&y| y as usize).collect();
        self.rows.classes(of)
    }
}
