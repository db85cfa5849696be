//! A model without data, computed by its dfdx expression.

use std::marker::PhantomData;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use dfdx::prelude::{Axis, BroadcastTo, NoneTape, PutTape};

use super::backend::Backend;
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
    Act, Device, Float, Fuses, Fusing, Heads, Leaf, Params, Tape, Watch, from_vec,
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
    pub(super) ordinal: usize,
    /// Rows per tile.
    pub(super) tile: usize,
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

    pub(super) fn tiles(
        &self,
        rows: Range<usize>,
    ) -> impl Iterator<Item = Range<usize>> + use<M, D> {
        let (start, end, tile) = (rows.start, rows.end, self.tile);
        (start..end)
            .step_by(tile)
            .map(move |a| a..(a + tile).min(end))
    }

    /// `f(device, particles, leaves)` for every group of particles, in order.
    pub(super) fn forward<R: Send>(
        &self,
        thetas: &Population,
        f: impl Fn(&D, usize, &[Leaf<f32, D, NoneTape>]) -> R + Sync,
    ) -> Vec<R>
    where
        D: Backend<f32>,
    {
        let group = D::group(thetas.len()).max(1);
        crate::base::exec::map(thetas.len().div_ceil(group), |g| {
            let end = ((g + 1) * group).min(thetas.len());
            let thetas: Vec<&[f32]> = (g * group..end).map(|i| thetas.row(i)).collect();
            D::with(self.ordinal, |device| {
                f(device, thetas.len(), &self.leaves(device, &thetas))
            })
        })
    }
}

/// The features of some rows, the same for every particle.
pub(super) fn features<E: Float, D: Device<E>, T: Tape<E, D>>(
    device: &D,
    data: &Features,
    rows: Range<usize>,
    particles: usize,
) -> Act<E, D, T> {
    let shape = (rows.len(), data.columns());
    let values = data.values()[rows.start * shape.1..rows.end * shape.1].iter();
    let values: Vec<E> = values.map(|&x| E::narrow(f64::from(x))).collect();
    let x = from_vec(device, &values, shape);
    x.broadcast_like::<_, Axis<0>>(&(particles, shape.0, shape.1))
        .retaped::<T>()
}

/// The offset of some rows, if the data have one.
pub(super) fn offset(data: &Features, rows: &Range<usize>) -> Vec<f64> {
    let offset = data.offset().map(|offset| &offset[rows.clone()]);
    let offset = offset.unwrap_or_default().iter();
    offset.map(|&x| f64::from(x)).collect()
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
        let groups = self.forward(thetas, |device, particles, leaves| {
            let looks = Looks {
                operations: self.operations.as_ref(),
                rows: None,
                watch: None,
            };
            let params = &self.params(leaves, &NoneTape, &looks);
            let mut out = vec![0.0; particles * rows * width];
            for tile in self.tiles(0..rows) {
                let features = features::<f32, D, NoneTape>(device, data, tile.clone(), particles);
                let output = self.common.model.output(params, features.clone());
                let heads = Heads {
                    params,
                    features: &features,
                    output: &output,
                    offset: &offset(data, &tile),
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
