//! A model without data, computed by its dfdx expression.

use std::marker::PhantomData;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use dfdx::prelude::{HasShape, NoneTape, PutTape, ReshapeTo};

use super::backend::{Backend, Place, Sizes};
use crate::base::error::Result;
use crate::data::{Dataset, Features};
use crate::engine::common::{Common, keyed};
use crate::model::Model;
use crate::model::architecture::Architecture;
use crate::model::check::Takes;
use crate::model::dist::Predictive;
use crate::model::layout::{Block, Layout};
use crate::model::symmetry::Symmetries;
use crate::model::tensor::{
    Act, Constant, Device, Float, Fuses, Fusing, Heads, Kept, Leaf, Params, Rows, Tape, Watch,
    for_particles, from_vec,
};
use crate::model::transform::Support;
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::problem::{Arguments, Choice, Hyperparameter, Predictor};

/// A model, differentiated by dfdx on device type `D`.
pub(crate) struct AutodiffPredictor<M, D> {
    pub(super) common: Common<M>,
    pub(super) choice: Choice,
    /// The fused form of layers that have one, unless the expression alone was asked for.
    pub(super) operations: Option<Arc<dyn Fuses>>,
    pub(super) place: Place,
    /// Rows per tile where a tile is to stay in a core's cache.
    pub(super) tile: usize,
    /// Numbers that a particle's pass makes of each row.
    pub(super) each: usize,
    pub(super) device: PhantomData<fn() -> D>,
}

/// What a tape is to do beside recording.
pub(super) struct Looks<'a, E: Float, D: Device<E>> {
    pub(super) operations: Option<&'a Arc<dyn Fuses>>,
    /// The tile of bound rows; `None` for features from elsewhere.
    pub(super) rows: Option<Range<usize>>,
    pub(super) watch: Option<Rc<Watch<E, D>>>,
}

impl<M: Model, D> AutodiffPredictor<M, D> {
    /// The parameters of `thetas` as leaves, constrained.
    pub(super) fn leaves<E: Float>(&self, device: &D, thetas: &[&[E]]) -> Vec<Leaf<E, D, NoneTape>>
    where
        D: Device<E>,
    {
        let leaf = |block: &Block| {
            let of = |theta: &&[E]| {
                let values = theta[block.range.clone()].iter();
                values
                    .map(|&u| constrain(block.support, u))
                    .collect::<Vec<_>>()
            };
            let values: Vec<E> = thetas.iter().flat_map(of).collect();
            from_vec(device, &values, (thetas.len(), block.range.len()))
        };
        self.common.layout.blocks().iter().map(leaf).collect()
    }

    /// The parameters on a tape.
    pub(super) fn params<E: Float, T: Tape<E, D>>(
        &self,
        leaves: &[Leaf<E, D, NoneTape>],
        tape: &T,
        looks: &Looks<'_, E, D>,
    ) -> Params<E, D, T>
    where
        D: Device<E>,
    {
        let mut start = 0;
        let fields = (0..self.common.parameters.len()).map(|f| {
            let end = start + self.common.layout.of_field(f).len();
            let range = start..end;
            start = end;
            range
        });
        Params {
            particles: dfdx::prelude::HasShape::shape(&leaves[0]).0,
            fields: fields.collect(),
            blocks: leaves
                .iter()
                .map(|l| l.clone().put_tape(tape.clone()))
                .collect(),
            parameters: self.common.parameters.clone(),
            fixed: (0..self.common.parameters.len())
                .map(|field| self.common.layout.fixed(field))
                .collect(),
            fusing: looks.operations.map(|operations| Fusing {
                operations: operations.clone(),
                rows: looks.rows.clone(),
            }),
            watch: looks.watch.clone(),
            trial: None,
        }
    }

    /// The network's outputs. One that is written by hand gets features for each particle.
    pub(super) fn output<E: Float, T: Tape<E, D>>(
        &self,
        params: &Params<E, D, T>,
        features: &Act<E, D, T>,
    ) -> Act<E, D, T>
    where
        D: Device<E>,
    {
        let (model, features) = (&self.common.model, features.clone());
        if model.is_chain() {
            return model.output(params, features);
        }
        model.output(params, for_particles(features, params.particles))
    }

    /// Some rows in tiles, for so many particles.
    pub(super) fn tiles<E: Float>(
        &self,
        rows: Range<usize>,
        particles: usize,
    ) -> impl Iterator<Item = Range<usize>> + use<E, M, D>
    where
        D: Backend<E>,
    {
        let (start, end) = (rows.start, rows.end);
        let tile = D::rows(self.tile, particles, self.each);
        (start..end)
            .step_by(tile)
            .map(move |a| a..(a + tile).min(end))
    }

    /// `f(device, kept, leaves)` for every group of particles, in order, at `rows` rows.
    pub(super) fn forward<R: Send>(
        &self,
        place: &Place,
        thetas: &Population,
        rows: usize,
        f: impl Fn(&D, Option<&Kept<f32, D>>, &[Leaf<f32, D, NoneTape>]) -> R + Sync,
    ) -> Vec<R>
    where
        D: Backend<f32>,
    {
        let group = D::group(thetas.len(), thetas.dim()).max(1);
        crate::base::exec::map(thetas.len().div_ceil(group), |g| {
            let end = ((g + 1) * group).min(thetas.len());
            let thetas: Vec<&[f32]> = (g * group..end).map(|i| thetas.row(i)).collect();
            let particles = thetas.len();
            let sizes = Sizes { particles, rows };
            D::with(place, sizes, |device, kept| {
                f(device, kept, &self.leaves(device, &thetas))
            })
        })
    }
}

/// The features of the tile's rows, of shape (1, rows, features).
pub(super) fn features<E: Float, D: Device<E>, T: Tape<E, D>>(
    rows: &Rows<'_, E, D>,
    data: &Features,
) -> Act<E, D, T> {
    let width = data.columns();
    let x = rows.table(Constant::Features, width, |rows| {
        let values = data.values()[rows.start * width..rows.end * width].iter();
        values.map(|&x| E::narrow(f64::from(x))).collect()
    });
    x.reshape_like(&(1, rows.tile.len(), width)).retaped::<T>()
}

fn constrain<E: Float>(support: Support, u: E) -> E {
    match support {
        Support::Real => u,
        _ => E::narrow(support.constrain(u.widen())),
    }
}

pub(super) fn slope<E: Float>(support: Support, u: E) -> E {
    match support {
        Support::Real => E::narrow(1.0),
        _ => E::narrow(support.slope(u.widen())),
    }
}

impl<M: Model, D: Backend<f32>> Predictor for AutodiffPredictor<M, D> {
    fn layout(&self) -> &Layout {
        &self.common.layout
    }

    fn architecture(&self) -> &Architecture {
        &self.common.architecture
    }

    fn engine(&self) -> &Choice {
        &self.choice
    }

    fn hyperparameters(&self) -> &[Hyperparameter] {
        &self.common.hyperparameters
    }

    fn prior(&self) -> &dyn Density {
        &self.common
    }

    fn arguments(&self, thetas: &Population, data: &Features) -> Result<Arguments> {
        self.common.check_inputs(data)?;
        let likelihood = self.common.model.likelihood();
        let terms = keyed(&likelihood);
        let outputs = self.common.architecture.outputs();
        let widths: Vec<usize> = terms
            .iter()
            .map(|((_, takes), _)| if *takes == Takes::Row { outputs } else { 1 })
            .collect();
        let (rows, width) = (data.rows(), widths.iter().sum::<usize>());
        let groups = self.forward(&self.place, thetas, rows, |device, kept, leaves| {
            let &(particles, _) = leaves[0].shape();
            let looks = Looks {
                operations: self.operations.as_ref(),
                rows: None,
                watch: None,
            };
            let params = &self.params(leaves, &NoneTape, &looks);
            let mut out = vec![0.0; particles * rows * width];
            for tile in self.tiles::<f32>(0..rows, particles) {
                let of_tile = Rows {
                    device: device.clone(),
                    tile: tile.clone(),
                    all: rows,
                    particles,
                    kept,
                };
                let features = features::<f32, D, NoneTape>(&of_tile, data);
                let output = self.output(params, &features);
                let heads = Heads {
                    params,
                    features: &features,
                    output: &output,
                    rows: &of_tile,
                    offset: data.offset(),
                };
                let mut first = 0;
                for (((_, takes), term), &w) in terms.iter().zip(&widths) {
                    let values = match takes {
                        Takes::Column => heads.column(term).into_tensor().as_vec(),
                        Takes::Row => heads.row(term).as_vec(),
                    };
                    for (at, numbers) in values.chunks(w).enumerate() {
                        let (p, row) = (at / tile.len(), tile.start + at % tile.len());
                        let slot = &mut out[(p * rows + row) * width + first..][..w];
                        for (slot, &x) in slot.iter_mut().zip(numbers) {
                            *slot = f64::from(x);
                        }
                    }
                    first += w;
                }
            }
            out
        });
        self.common.count(thetas.len(), rows, false);
        Ok(Arguments {
            rows,
            width,
            values: groups.concat(),
        })
    }

    fn symmetries(&self) -> Symmetries {
        self.common.symmetries()
    }

    fn predictive(&self) -> &dyn Predictive {
        &*self.common.predictive
    }

    fn check_targets(&self, data: &Dataset) -> Result<()> {
        self.common.check_targets(data)
    }
}
