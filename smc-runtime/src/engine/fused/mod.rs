//! Gradients by kernels that walk the [`Architecture`] tile by tile, forwards and backwards on slices.
//!
//! Rows lie in panels of 32, feature by feature ([`PANEL`]), so that products and elementwise loops read contiguous
//! memory. Work is cut into groups of particles, which share what is prepared for a tile, or, where particles are few,
//! into particles × chunks of rows. How rows are cut and in which order a sum is added up follow from the data and the
//! model alone: a particle has the same bits alone, in any group, on any number of threads.

// Loops over lanes by index are what the compiler turns into vector instructions, and functions that a kernel calls must
// be compiled with it.
#![allow(clippy::needless_range_loop, clippy::inline_always)]

mod chain;
mod head;
#[cfg(feature = "autodiff")]
pub(super) mod operation;
mod panel;
mod scratch;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use self::chain::{Buffers, Chain, grow};
use self::head::{At, Back, Head, Named};
use self::panel::{Panels, Piece, pieces};
use self::scratch::Scratch;
use super::common::Common;
use crate::base::error::Result;
use crate::base::exec;
use crate::base::rng::Streams;
use crate::data::{Dataset, Features};
use crate::model::Model;
use crate::model::architecture::Architecture;
use crate::model::dist::{Likelihood, Predictive, Term};
use crate::model::layout::Layout;
use crate::model::nn::Rule;
use crate::model::transform::Support;
use crate::numerics::isa::{Instructions, Isa};
use crate::numerics::math;
use crate::numerics::panel::PANEL;
use crate::problem::Choice;
use crate::problem::population::Population;
use crate::problem::{Arguments, Counts, Part, Problem, RowSums, Segment};

/// Particles that share the packed copy of a tile, and the tile in the cache.
const GROUP: usize = 8;

/// Sums over rows are added up in at most this many chunks of at least so many rows, whatever the number of threads.
const CHUNKS: usize = 8;
const CHUNK_ROWS: usize = 512;

/// A parameter that the likelihood names.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scalar {
    /// In the parameter vector.
    place: usize,
    support: Support,
}

/// The chain and the likelihood as the kernels walk them.
#[derive(Clone, Debug)]
struct Plan {
    chain: Chain,
    head: Head,
    scalars: Vec<Scalar>,
}

impl Plan {
    /// The plan of a model, or why a part of it has no fused form.
    fn new<M: Model>(common: &Common<M>, isa: Isa) -> std::result::Result<Self, String> {
        if !common.model.is_chain() {
            return Err("the model writes its output by hand".to_owned());
        }
        let layout = &common.layout;
        let fields = common.model.fields();
        let fields = fields.iter().filter(|f| f.shape.rule != Rule::Parameter);
        let nodes: Vec<_> = common.architecture.nodes.iter().zip(fields).collect();
        let chain = Chain::new(&nodes, layout, isa)
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
            let given = layout.fixed(field).map(Named::Given);
            let slot = || {
                let scalar = scalar(field, element)?;
                scalars.iter().position(|&s| s == scalar)
            };
            given.unwrap_or_else(|| slot().map_or(Named::Output, Named::Parameter))
        };
        let head = common.model.likelihood().fused();
        let head = Head::resolve(head.ok_or("the likelihood has no fused form")?, &named)?;
        Ok(Self {
            chain,
            head,
            scalars,
        })
    }

    /// The data as the head reads them.
    fn panels(&self, data: &Dataset) -> Panels {
        let panels = Panels::new(data);
        match &self.head {
            Head::Rows(rows) => panels.with_base(|y| rows.density.0.base(y)),
            Head::Normal { .. } | Head::Categorical => panels,
        }
    }
}

/// A model bound to data, computed by fused kernels.
pub(crate) struct Fused<M> {
    common: Common<M>,
    kernels: Kernels,
    choice: Choice,
}

impl<M: Model> Fused<M> {
    /// The model on this engine.
    ///
    /// # Errors
    /// What was given, and why the model has no fused form or cannot run.
    #[allow(clippy::type_complexity)]
    pub(crate) fn new(
        common: Common<M>,
        data: Dataset,
        instructions: Instructions,
    ) -> std::result::Result<Self, (Box<(Common<M>, Dataset)>, String)> {
        let plan = Isa::new(instructions)
            .ok_or_else(|| format!("this machine has no {instructions:?} instructions"))
            .and_then(|isa| Plan::new(&common, isa));
        match plan {
            Ok(plan) => Ok(Self {
                choice: Choice {
                    name: "fused (CPU)",
                    reason: format!(
                        "every layer and the likelihood have a fused form; {} kernels",
                        plan.chain.isa.name()
                    )
                    .into(),
                },
                kernels: Kernels::new(plan, &data),
                common,
            }),
            Err(reason) => Err((Box::new((common, data)), reason)),
        }
    }
}

/// The likelihood of a plan at its data. It knows nothing of the model's type, so that it is compiled once and not for
/// every model.
struct Kernels {
    plan: Plan,
    data: Panels,
    /// Gradients of (particle, chunk), where particles are few; kept from call to call.
    partial: Mutex<Vec<f32>>,
}

impl Kernels {
    fn new(plan: Plan, data: &Dataset) -> Self {
        Self {
            data: plan.panels(data),
            plan,
            partial: Mutex::default(),
        }
    }

    /// Σ log p of every particle over the segments, and its gradient, added to.
    fn evaluate(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Vec<RowSums> {
        let (particles, dim) = (thetas.len(), thetas.dim());
        let home = gradient.map_or(&mut [][..], Population::values_mut);
        let cut = || pieces(segments, self.plan.chain.tile);
        let (count, rows) = cut().fold((0, 0), |(n, rows), p| (n + 1, rows + p.rows.len()));
        let chunks = (rows / CHUNK_ROWS).clamp(1, CHUNKS).min(count.max(1));
        let chunk = |c: usize| {
            let (from, to) = (count * c / chunks, count * (c + 1) / chunks);
            cut().skip(from).take(to - from)
        };
        let mut sums = vec![RowSums::default(); particles];
        let used = if home.is_empty() {
            0
        } else {
            particles * chunks * dim
        };
        if chunks > 1 && share_rows(particles, exec::threads(), used) {
            let mut parts = vec![RowSums::default(); particles * chunks];
            let mut partial = std::mem::take(&mut *self.lock());
            grow(&mut partial, used);
            exec::for_chunks(&mut parts, 1, &mut partial[..used], dim, |task, sums, g| {
                let (i, c) = (task / chunks, task % chunks);
                g.fill(0.0);
                scratch::with(|s| self.chunk(thetas, i..i + 1, chunk(c), sums, g, s));
            });
            for (sum, parts) in sums.iter_mut().zip(parts.chunks(chunks)) {
                for &part in parts {
                    *sum += part;
                }
            }
            exec::for_chunks(&mut sums, 1, home, dim, |i, _, home| {
                for part in partial[..used].chunks(dim).skip(i * chunks).take(chunks) {
                    math::add_into(self.plan.chain.isa, home, part);
                }
            });
            *self.lock() = partial;
            return sums;
        }
        let group = particles.div_ceil(exec::threads()).clamp(1, GROUP);
        exec::for_chunks(&mut sums, group, home, group * dim, |g, sums, home| {
            let members = g * group..g * group + sums.len();
            scratch::with(|scratch| {
                if chunks == 1 {
                    return self.chunk(thetas, members, chunk(0), sums, home, scratch);
                }
                let mut gradient = std::mem::take(&mut scratch.gradient);
                grow(&mut gradient, home.len());
                let part = &mut gradient[..home.len()];
                for c in 0..chunks {
                    part.fill(0.0);
                    // Sums are f64: adding to them chunk by chunk is adding the chunks' sums.
                    let mut own = [RowSums::default(); GROUP];
                    let own = &mut own[..sums.len()];
                    self.chunk(thetas, members.clone(), chunk(c), own, part, scratch);
                    math::add_into(self.plan.chain.isa, home, part);
                    sums.iter_mut()
                        .zip(own)
                        .for_each(|(sum, &mut own)| *sum += own);
                }
                scratch.gradient = gradient;
            });
        });
        sums
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<f32>> {
        self.partial.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to the sums of a group of particles over some pieces, and to their gradients unless `gradient` is empty.
    fn chunk(
        &self,
        thetas: &Population,
        members: Range<usize>,
        pieces: impl Iterator<Item = Piece>,
        sums: &mut [RowSums],
        gradient: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let Plan { chain, scalars, .. } = &self.plan;
        let named = scalars.len();
        let (dim, wanted) = (thetas.dim(), !gradient.is_empty());
        self.prepare(wanted, scratch);
        scratch.scalar_gradient.clear();
        scratch.scalar_gradient.resize(members.len() * named, 0.0);
        for piece in pieces {
            let panels = piece.panels();
            let x = self.data.features(panels.clone());
            let backward = wanted && piece.weight != 0.0;
            scratch.chain.turn_to_next_tile();
            for (p, i) in members.clone().enumerate() {
                let theta = thetas.row(i);
                let live = piece.live();
                let (buffers, scalars) = (&mut scratch.chain, &mut scratch.scalars);
                let (at, delta) = self.forward(theta, &self.data, &piece, &live, buffers, scalars);
                let back = backward.then_some(Back {
                    weight: piece.weight as f32,
                    output: delta,
                    scalars: &mut scratch.scalar_gradient[p * named..(p + 1) * named],
                });
                self.plan
                    .head
                    .evaluate(chain.isa, at, &mut scratch.out, back);
                let own: f64 = scratch.out[live.clone()]
                    .iter()
                    .map(|&l| f64::from(l))
                    .sum();
                match piece.part {
                    Part::Full => sums[p].full += own,
                    Part::Ramp => sums[p].ramp += own,
                }
                if backward {
                    let gradient = &mut gradient[p * dim..(p + 1) * dim];
                    let buffers = &mut scratch.chain;
                    chain.backward(theta, x, &live, false, buffers, gradient);
                }
            }
        }
        if wanted {
            for (p, i) in members.enumerate() {
                for (slot, scalar) in self.plan.scalars.iter().enumerate() {
                    let u = f64::from(thetas.row(i)[scalar.place]);
                    let slope = scalar.support.slope(u);
                    let by_x = scratch.scalar_gradient[p * named + slot];
                    // A parameter that the likelihood does not name may be so large that its slope is infinite.
                    if by_x != 0.0 {
                        gradient[p * dim + scalar.place] += (by_x * slope) as f32;
                    }
                }
            }
        }
    }

    /// Makes room for a tile.
    fn prepare(&self, backward: bool, scratch: &mut Scratch) {
        let chain = &self.plan.chain;
        chain.prepare(&mut scratch.chain, chain.tile, backward);
        grow(&mut scratch.out, self.plan.chain.tile * PANEL);
        grow(&mut scratch.scalars, self.plan.scalars.len());
    }

    /// The chain's output for one particle at a piece, and room for the derivatives with respect to it.
    fn forward<'a>(
        &'a self,
        theta: &[f32],
        data: &'a Panels,
        piece: &Piece,
        live: &'a Range<usize>,
        buffers: &'a mut Buffers,
        scalars: &'a mut [f32],
    ) -> (At<'a>, &'a mut [f32]) {
        let Plan { chain, .. } = &self.plan;
        for (scalar, s) in scalars.iter_mut().zip(&self.plan.scalars) {
            *scalar = s.support.constrain(f64::from(theta[s.place])) as f32;
        }
        let panels = piece.panels();
        let features = data.features(panels.clone());
        chain.forward(theta, features, live.end, buffers);
        let (output, delta) = buffers.output_and_delta(chain, panels.len());
        let at = At {
            live,
            panels: panels.len(),
            output,
            outputs: chain.outputs(),
            features,
            columns: data.columns(),
            targets: data.targets(panels.clone()),
            offset: data.offset(panels.clone()),
            weights: data.weights(panels.clone()),
            base: data.base(panels),
            scalars,
        };
        (at, delta)
    }

    /// `visit(start, at, out)` for every particle at every tile of `data`, forwards only.
    fn visit<R: Send>(
        &self,
        thetas: &Population,
        data: &Panels,
        start: impl Fn() -> R + Sync + Send,
        visit: impl Fn(&mut R, usize, At<'_>, &mut [f32]) + Sync + Send,
    ) -> Vec<R> {
        let all = [Segment {
            rows: 0..data.rows(),
            weight: 0.0,
            part: Part::Full,
        }];
        exec::map(thetas.len(), |i| {
            scratch::with(|scratch| {
                self.prepare(false, scratch);
                let mut result = start();
                for piece in pieces(&all, self.plan.chain.tile) {
                    let live = piece.live();
                    let (buffers, scalars) = (&mut scratch.chain, &mut scratch.scalars);
                    let (at, _) =
                        self.forward(thetas.row(i), data, &piece, &live, buffers, scalars);
                    visit(&mut result, piece.rows.start, at, &mut scratch.out);
                }
                result
            })
        })
    }

    /// log p(y | x, θ) of every particle at every row, in the user's order.
    fn row_log_likelihoods(&self, thetas: &Population, order: &[usize]) -> Vec<f64> {
        let Plan { head, chain, .. } = &self.plan;
        let start = || vec![0.0; self.data.rows()];
        let all = self.visit(thetas, &self.data, start, |result, first, at, out| {
            head.evaluate(chain.isa, at, out, None);
            for (i, &l) in out[at.live.clone()].iter().enumerate() {
                result[order[first + i]] = f64::from(l);
            }
        });
        all.concat()
    }

    /// The likelihood's arguments of every particle at every row of other data.
    fn arguments(&self, thetas: &Population, data: &Features) -> Arguments {
        let Plan { head, chain, .. } = &self.plan;
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

/// Whether so few particles are shared out unevenly that rows had better be shared out too, at the price of so many
/// numbers of memory. The answer changes no bit of a result.
fn share_rows(particles: usize, threads: usize, numbers: usize) -> bool {
    const MOST: usize = 1 << 26;
    let few = particles < threads || (particles < 4 * threads && numbers <= MOST);
    few && !particles.is_multiple_of(threads)
}

impl<M: Model> Problem for Fused<M> {
    fn layout(&self) -> &Layout {
        &self.common.layout
    }

    fn architecture(&self) -> &Architecture {
        &self.common.architecture
    }

    fn rows(&self) -> usize {
        self.kernels.data.rows()
    }

    fn order(&self) -> &[usize] {
        &self.common.order
    }

    fn engine(&self) -> &Choice {
        &self.choice
    }

    fn counts(&self) -> Counts {
        self.common.counts()
    }

    fn sample_prior(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        self.common.sample_prior(streams, draw, thetas);
    }

    fn log_prior(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        self.common.log_prior(thetas, gradient)
    }

    fn log_likelihood(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Vec<RowSums> {
        self.common
            .count_pass(thetas.len(), segments, gradient.is_some());
        self.kernels.evaluate(thetas, segments, gradient)
    }

    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64> {
        self.common.count(thetas.len(), self.rows(), false);
        self.kernels.row_log_likelihoods(thetas, &self.common.order)
    }

    fn arguments(&self, thetas: &Population, data: &Features) -> Result<Arguments> {
        self.common.check_inputs(data)?;
        self.common.count(thetas.len(), data.rows(), false);
        Ok(self.kernels.arguments(thetas, data))
    }

    fn predictive(&self) -> &dyn Predictive {
        &*self.common.predictive
    }

    fn check_targets(&self, data: &Dataset) -> Result<()> {
        self.common.check_targets(data)
    }
}
