//! The likelihood of a program at its data: values and gradients of a population, a group of particles at a time.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::chain::{Unwatched, grow};
use super::head::{Back, Head};
use super::panel::{Panels, Piece, pieces};
use super::program::Program;
use super::scratch::{self, Scratch};
use crate::base::exec;
use crate::data::DataView;
use crate::numerics::{PANEL, math};
use crate::problem::population::Population;
use crate::problem::{Segment, Sums};

/// Particles that share the packed copy of a tile, and the tile in the cache.
const GROUP: usize = 8;

/// Sums over rows are added up in at most this many chunks of at least so many rows, whatever the number of threads.
const CHUNKS: usize = 8;
const CHUNK_ROWS: usize = 512;

/// Fewer rows are cut, too, into a few chunks, where each is so many products at least and has so many rows.
const FEW: usize = 4;
const WORK: usize = 1 << 21;
const LEAST_PANELS: usize = 2;
const LEAST_ROWS: usize = LEAST_PANELS * PANEL;

/// A program and its data.
pub(super) struct Kernels {
    pub(super) program: Arc<Program>,
    pub(super) data: Panels,
    /// Gradients of (particle, chunk), where particles are few; kept from call to call.
    partial: Mutex<Vec<f32>>,
}

impl Kernels {
    pub(super) fn new(program: Arc<Program>, view: &DataView<'_>) -> Self {
        let panels = Panels::new(view);
        let data = match &program.head {
            Head::Formula(formula) => panels.with_base(|y| formula.density.0.base(y)),
            Head::Normal { .. } | Head::Categorical => panels,
        };
        Self {
            data,
            program,
            partial: Mutex::default(),
        }
    }

    /// Σ log p of every particle over each segment, and its gradient, added to.
    pub(super) fn evaluate(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Sums {
        let (particles, dim) = (thetas.len(), thetas.dim());
        let each = segments.len();
        let mut sums = Sums::zeros(particles, each);
        if each == 0 {
            return sums;
        }
        let home = gradient.map_or(&mut [][..], |g| g.on_host().values_mut());
        let rows = segments.iter().map(|s| s.rows.len()).sum();
        let shares = shares(rows, dim);
        let tile = self.tile(rows, dim);
        let cut = || pieces(segments, tile);
        let count = cut().count();
        let chunks = shares.min(count.max(1));
        let chunk = |c: usize| {
            let (from, to) = (count * c / chunks, count * (c + 1) / chunks);
            cut().skip(from).take(to - from)
        };
        let used = if home.is_empty() {
            0
        } else {
            particles * chunks * dim
        };
        if chunks > 1 && share_rows(particles, exec::threads(), used) {
            let mut parts = Sums::zeros(particles * chunks, each);
            let mut partial = std::mem::take(&mut *self.lock());
            grow(&mut partial, used);
            let values = parts.values_mut();
            exec::for_chunks(values, each, &mut partial[..used], dim, |task, sums, g| {
                let (i, c) = (task / chunks, task % chunks);
                g.fill(0.0);
                scratch::with(|s| self.chunk(thetas, i..i + 1, chunk(c), sums, g, s));
            });
            for i in 0..particles {
                for c in 0..chunks {
                    add(sums.of_mut(i), parts.of(i * chunks + c));
                }
            }
            exec::for_chunks(sums.values_mut(), each, home, dim, |i, _, home| {
                for part in partial[..used].chunks(dim).skip(i * chunks).take(chunks) {
                    math::add_into(self.program.chain.isa, home, part);
                }
            });
            *self.lock() = partial;
            return sums;
        }
        let group = particles.div_ceil(exec::threads()).clamp(1, GROUP);
        let values = sums.values_mut();
        exec::for_chunks(values, group * each, home, group * dim, |g, sums, home| {
            let members = g * group..g * group + sums.len() / each;
            scratch::with(|scratch| {
                if chunks == 1 {
                    return self.chunk(thetas, members, chunk(0), sums, home, scratch);
                }
                let mut gradient = std::mem::take(&mut scratch.gradient);
                let mut own = std::mem::take(&mut scratch.sums);
                grow(&mut gradient, home.len());
                let part = &mut gradient[..home.len()];
                for c in 0..chunks {
                    part.fill(0.0);
                    own.clear();
                    own.resize(sums.len(), 0.0);
                    self.chunk(thetas, members.clone(), chunk(c), &mut own, part, scratch);
                    math::add_into(self.program.chain.isa, home, part);
                    add(sums, &own);
                }
                (scratch.gradient, scratch.sums) = (gradient, own);
            });
        });
        sums
    }

    /// Panels of a tile in a pass over so many rows: fewer than the chain's where rows are few and each is much work.
    pub(super) fn tile(&self, rows: usize, dim: usize) -> usize {
        let share = rows.div_ceil(shares(rows, dim)).div_ceil(PANEL);
        self.program.chain.tile.min(share.max(LEAST_PANELS))
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
        sums: &mut [f64],
        gradient: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let program = &*self.program;
        let Program { chain, scalars, .. } = program;
        let (named, each) = (scalars.len(), sums.len() / members.len());
        let (dim, wanted) = (thetas.dim(), !gradient.is_empty());
        program.prepare(wanted, scratch);
        scratch.scalar_gradient.clear();
        scratch.scalar_gradient.resize(members.len() * named, 0.0);
        for piece in pieces {
            let x = self.data.features(piece.panels());
            let backward = wanted && piece.weight != 0.0;
            scratch.chain.turn_to_next_tile();
            for (p, i) in members.clone().enumerate() {
                let theta = thetas.row(i);
                let live = piece.live();
                let buffers = &mut scratch.chain;
                program.read_scalars(theta, &mut scratch.scalars);
                chain.forward(theta, x, live.end, buffers, &mut Unwatched);
                let (at, delta) = program.at(&self.data, &piece, &live, buffers, &scratch.scalars);
                let back = backward.then_some(Back {
                    weight: piece.weight as f32,
                    output: delta,
                    scalars: &mut scratch.scalar_gradient[p * named..(p + 1) * named],
                });
                program.head.evaluate(chain.isa, at, &mut scratch.out, back);
                sums[p * each + piece.segment] += total(&scratch.out[live.clone()]);
                if backward {
                    let gradient = Some(&mut gradient[p * dim..(p + 1) * dim]);
                    let buffers = &mut scratch.chain;
                    chain.backward(theta, x, &live, false, buffers, gradient, &mut Unwatched);
                }
            }
        }
        if wanted {
            for (p, i) in members.enumerate() {
                let by_x = &scratch.scalar_gradient[p * named..(p + 1) * named];
                let gradient = &mut gradient[p * dim..(p + 1) * dim];
                program.add_scalars(thetas.row(i), by_x, gradient);
            }
        }
    }

    /// log p(y | x, θ) of every particle at every row, in the user's order.
    pub(super) fn row_log_likelihoods(&self, thetas: &Population, order: &[usize]) -> Vec<f64> {
        let Program { head, chain, .. } = &*self.program;
        let start = || vec![0.0; self.data.rows()];
        let all = self
            .program
            .visit(thetas, &self.data, start, |result, first, at, out| {
                head.evaluate(chain.isa, at, out, None);
                for (i, &l) in out[at.live.clone()].iter().enumerate() {
                    result[order[first + i]] = f64::from(l);
                }
            });
        all.concat()
    }
}

/// In how many shares a pass over so many rows is cut: by rows where they are many, by work where they are few and parameters
/// are many.
fn shares(rows: usize, dim: usize) -> usize {
    let by_work = (rows.saturating_mul(dim) / WORK).min(rows / LEAST_ROWS);
    (rows / CHUNK_ROWS).max(by_work.min(FEW)).clamp(1, CHUNKS)
}

/// Σ of row log-likelihoods.
pub(super) fn total(rows: &[f32]) -> f64 {
    rows.iter().map(|&l| f64::from(l)).sum()
}

fn add(sums: &mut [f64], parts: &[f64]) {
    for (sum, part) in sums.iter_mut().zip(parts) {
        *sum += part;
    }
}

/// Whether so few particles are shared out unevenly that rows had better be shared out too, at the price of so many
/// numbers of memory. The answer changes no bit of a result.
fn share_rows(particles: usize, threads: usize, numbers: usize) -> bool {
    const MOST: usize = 1 << 26;
    let few = particles < threads || (particles < 4 * threads && numbers <= MOST);
    few && !particles.is_multiple_of(threads)
}
