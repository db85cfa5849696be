//! What the rows of a tile bring to an expression: features, targets and other constants.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use dfdx::prelude::{Axis, BroadcastTo, NoneTape, RealizeTo, ReshapeTo, Tensor, TensorFromVec};

use super::act::{Device, Float, from_vec};
use super::per_row::PerRow;
use super::tape::Tape;

/// Which constant of the rows. Each has one value per row (of features, several) that depends on nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Constant {
    Features,
    Targets,
    /// The targets as classes.
    Classes,
    /// What depends on the target alone in its log-density.
    Base,
    Weights,
    Offset,
    /// The same number for every row, by its bits.
    Number(u64),
}

/// A constant on the device.
enum Held<E: Float, D: Device<E>> {
    Numbers(Tensor<(usize, usize), E, D>),
    /// Of these rows: those that the last expression asked for.
    Classes(Range<usize>, Tensor<(usize,), usize, D>),
    /// 0 at every row, where that is nothing.
    Zero,
}

/// Constants of all rows that stay on a device from one pass to the next.
pub(crate) struct Kept<E: Float, D: Device<E>>(RefCell<BTreeMap<Constant, Held<E, D>>>);

impl<E: Float, D: Device<E>> Default for Kept<E, D> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

/// The rows of a tile, for each of some particles.
pub(crate) struct Rows<'a, E: Float, D: Device<E>> {
    pub(crate) device: D,
    pub(crate) tile: Range<usize>,
    /// How many rows there are.
    pub(crate) all: usize,
    pub(crate) particles: usize,
    /// What stays on the device; without it a tile's constants are brought for the tile.
    pub(crate) kept: Option<&'a Kept<E, D>>,
}

impl<E: Float, D: Device<E>> Rows<'_, E, D> {
    /// Numbers of shape (rows, width), from `of(rows)`, row by row.
    pub(crate) fn table(
        &self,
        name: Constant,
        width: usize,
        of: impl FnOnce(Range<usize>) -> Vec<E>,
    ) -> Tensor<(usize, usize), E, D> {
        let made = |rows: Range<usize>| {
            let shape = (rows.len(), width);
            from_vec(&self.device, &of(rows), shape)
        };
        let Some(kept) = self.kept else {
            return made(self.tile.clone());
        };
        let mut held = kept.0.borrow_mut();
        let held = held.entry(name);
        let held = held.or_insert_with(|| Held::Numbers(made(0..self.all)));
        let Held::Numbers(all) = held else {
            unreachable!("a constant that has numbers has no classes");
        };
        let all = all.clone();
        if self.tile == (0..self.all) {
            return all;
        }
        let tile = all.slice((self.tile.clone(), ..));
        tile.realize()
    }

    /// One number for each row, the same for every particle.
    pub(crate) fn column<T: Tape<E, D>>(
        &self,
        name: Constant,
        of: impl FnOnce(Range<usize>) -> Vec<E>,
    ) -> PerRow<E, D, T> {
        let (rows, particles) = (self.tile.len(), self.particles);
        let column = self.table(name, 1, of).retaped::<T>();
        if particles == 1 {
            return PerRow::new(column.reshape_like(&(1, rows)));
        }
        let column = column.reshape_like(&(rows,));
        PerRow::new(column.broadcast_like::<_, Axis<0>>(&(particles, rows)))
    }

    /// The same, if not all of them are 0.
    pub(crate) fn column_unless_zero<T: Tape<E, D>>(
        &self,
        name: Constant,
        of: impl Fn(Range<usize>) -> Vec<E>,
    ) -> Option<PerRow<E, D, T>> {
        let zero = E::narrow(0.0);
        let nothing = |rows| of(rows).iter().all(|x| *x == zero);
        let is_zero = match self.kept {
            None => nothing(self.tile.clone()),
            Some(kept) => {
                let known = kept.0.borrow().get(&name).map(|h| matches!(h, Held::Zero));
                known.unwrap_or_else(|| {
                    let is_zero = nothing(0..self.all);
                    if is_zero {
                        kept.0.borrow_mut().insert(name, Held::Zero);
                    }
                    is_zero
                })
            }
        };
        (!is_zero).then(|| self.column(name, of))
    }

    /// The same number for each row and particle.
    pub(crate) fn number<T: Tape<E, D>>(&self, value: f64) -> PerRow<E, D, T> {
        self.column(Constant::Number(value.to_bits()), |rows| {
            vec![E::narrow(value); rows.len()]
        })
    }

    /// An index for each row, the same for every particle.
    pub(crate) fn classes(
        &self,
        of: impl FnOnce(Range<usize>) -> Vec<usize>,
    ) -> Tensor<(usize, usize), usize, D, NoneTape> {
        let rows = self.tile.len();
        let each = |tile: Tensor<(usize,), usize, D>| {
            tile.broadcast_like::<_, Axis<0>>(&(self.particles, rows))
        };
        let held = self.kept.map(|kept| kept.0.borrow_mut());
        if let Some(held) = &held
            && let Some(Held::Classes(of, tile)) = held.get(&Constant::Classes)
            && *of == self.tile
        {
            return each(tile.clone());
        }
        // dfdx has no way to fill indices into cached memory, or to slice them; the CPU's cache is emptied now and then for them.
        let tile = of(self.tile.clone());
        let tile: Tensor<(usize,), usize, D> =
            TensorFromVec::<usize>::tensor_from_vec(&self.device, tile, (rows,));
        if let Some(mut held) = held {
            let here = Held::Classes(self.tile.clone(), tile.clone());
            held.insert(Constant::Classes, here);
        }
        each(tile)
    }
}
