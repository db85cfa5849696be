//! Likelihoods on panels: row log-likelihoods of a tile and their derivatives.

use std::ops::Range;

use super::isa::{Isa, kernels};
use super::math::{exp, fma, ln, sum_lanes};
use super::panel::PANEL;
use crate::dist::Term;

/// A likelihood that the fused engine knows, by its terms.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FusedHead {
    /// Normal with mean and standard deviation.
    Normal {
        /// The mean.
        mean: Term,
        /// The standard deviation.
        sd: Term,
    },
    /// Categorical; the logits are the network's outputs.
    Categorical,
}

/// What a term starts from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Base {
    Output(usize),
    Feature(usize),
    Constant(f32),
    /// Number of the block.
    Parameter(usize),
}

/// A term with its fields resolved: exp applied `exps` times to a base.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Source {
    base: Base,
    exps: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Head {
    Normal { mean: Source, sd: Source },
    Categorical,
}

impl Head {
    /// `parameter(field)` is the block of a field that is a parameter, `None` for the network's output.
    pub(super) fn resolve(
        head: FusedHead,
        parameter: &impl Fn(usize) -> Option<usize>,
    ) -> Option<Self> {
        Some(match head {
            FusedHead::Normal { mean, sd } => Self::Normal {
                mean: Source::new(&mean, parameter)?,
                sd: Source::new(&sd, parameter)?,
            },
            FusedHead::Categorical => Self::Categorical,
        })
    }
}

impl Source {
    fn new(term: &Term, parameter: &impl Fn(usize) -> Option<usize>) -> Option<Self> {
        let base = match term {
            Term::Unset => return None,
            Term::Field(f) => parameter(*f).map_or(Base::Output(0), Base::Parameter),
            Term::Column(_, c) => Base::Output(*c),
            Term::Feature(c) => Base::Feature(*c),
            Term::Constant(c) => Base::Constant(*c as f32),
            Term::Exp(inner) => {
                let inner = Self::new(inner, parameter)?;
                let exps = inner.exps + 1;
                return Some(Self { exps, ..inner });
            }
        };
        Some(Self { base, exps: 0 })
    }

    /// The term before its last exponential.
    fn inner(self) -> Option<Self> {
        let exps = self.exps.checked_sub(1)?;
        Some(Self { exps, ..self })
    }

    fn has_gradient(self) -> bool {
        matches!(self.base, Base::Output(_) | Base::Parameter(_))
    }
}

/// What a head reads at a tile.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    /// The rows that count, from the first of the tile.
    pub(super) live: &'a Range<usize>,
    pub(super) panels: usize,
    /// panels × outputs × 32.
    pub(super) output: &'a [f32],
    pub(super) outputs: usize,
    /// panels × columns × 32.
    pub(super) features: &'a [f32],
    pub(super) columns: usize,
    /// panels × 32.
    pub(super) targets: &'a [f32],
    /// Constrained value of every block that is a scalar.
    pub(super) scalars: &'a [f32],
}

/// Where a head writes derivatives, each times `weight`.
pub(super) struct Back<'a> {
    pub(super) weight: f32,
    /// panels × outputs × 32; zero before. Rows that do not count stay zero.
    pub(super) output: &'a mut [f32],
    /// By block, with respect to the constrained value; added to.
    pub(super) scalars: &'a mut [f64],
}

/// One number for each row of a panel.
type Lane = [f32; PANEL];

const HALF_LN_TAU: f32 = 0.918_938_5;

impl Head {
    /// log p(y | ..) of every row into `out` (panels × 32), and the derivatives if asked for. NaN comes out as −∞.
    pub(super) fn evaluate(
        self,
        isa: Isa,
        at: At<'_>,
        out: &mut [f32],
        mut back: Option<Back<'_>>,
    ) {
        match self {
            Self::Normal { mean, sd } => normal(isa, mean, sd, at, out, &mut back),
            Self::Categorical => categorical(isa, at, out, &mut back),
        }
    }

    /// Numbers per row that [`Head::arguments`] writes.
    pub(super) fn width(self, outputs: usize) -> usize {
        match self {
            Self::Normal { .. } => 2,
            Self::Categorical => outputs,
        }
    }

    /// `put(row, slot, x)` for the arguments of the likelihood at every row.
    pub(super) fn arguments(
        self,
        isa: Isa,
        at: At<'_>,
        out: &mut [f32],
        mut put: impl FnMut(usize, usize, f32),
    ) {
        match self {
            Self::Normal { mean, sd } => {
                for (slot, source) in [mean, sd].into_iter().enumerate() {
                    values(isa, source, at, out);
                    for row in at.live.clone() {
                        put(row, slot, out[row]);
                    }
                }
            }
            Self::Categorical => {
                for row in at.live.clone() {
                    let first = row / PANEL * at.outputs * PANEL + row % PANEL;
                    for k in 0..at.outputs {
                        put(row, k, at.output[first + k * PANEL]);
                    }
                }
            }
        }
    }
}

/// The value of a source in one panel.
#[inline(always)]
fn value<const FMA: bool>(source: Source, at: &At<'_>, panel: usize) -> Lane {
    let mut lane = match source.base {
        Base::Output(c) => at.output.as_chunks::<PANEL>().0[panel * at.outputs + c],
        Base::Feature(c) => at.features.as_chunks::<PANEL>().0[panel * at.columns + c],
        Base::Constant(c) => [c; PANEL],
        Base::Parameter(block) => [at.scalars[block]; PANEL],
    };
    for _ in 0..source.exps {
        for l in 0..PANEL {
            lane[l] = exp::<FMA>(lane[l]);
        }
    }
    lane
}

/// Adds ∂/∂source, one number per row, to where the source comes from.
#[inline(always)]
fn scatter<const FMA: bool>(
    source: Source,
    at: &At<'_>,
    panel: usize,
    mut d: Lane,
    back: &mut Back<'_>,
) {
    // Down through the exponentials: the derivative of exp is its value.
    let mut outer = source;
    while let Some(inner) = outer.inner() {
        let value = value::<FMA>(outer, at, panel);
        for l in 0..PANEL {
            d[l] = sane(d[l] * value[l]);
        }
        outer = inner;
    }
    match source.base {
        Base::Output(c) => {
            let into = &mut back.output.as_chunks_mut::<PANEL>().0[panel * at.outputs + c];
            for l in 0..PANEL {
                into[l] += d[l];
            }
        }
        Base::Parameter(block) => back.scalars[block] += f64::from(sum_lanes(&d)),
        Base::Feature(_) | Base::Constant(_) => {}
    }
}

/// A derivative at a row that has no density is of no use to anyone.
#[inline(always)]
fn sane(d: f32) -> f32 {
    if d.abs() < f32::INFINITY { d } else { 0.0 }
}

/// 1 for rows that count, else 0.
#[inline(always)]
fn mask(live: &Range<usize>, panel: usize) -> Lane {
    let (from, to) = (live.start as i32, live.end as i32);
    let mut mask = [0.0; PANEL];
    for l in 0..PANEL {
        let row = (panel * PANEL) as i32 + l as i32;
        mask[l] = if row >= from && row < to { 1.0 } else { 0.0 };
    }
    mask
}

/// log sd and 1/sd; from the logarithm where the term has one, so that neither overflow nor underflow makes a NaN.
#[inline(always)]
fn scales<const FMA: bool>(sd: Source, at: &At<'_>, panel: usize) -> (Lane, Lane) {
    if let Some(inner) = sd.inner() {
        let log_sd = value::<FMA>(inner, at, panel);
        let mut inverse = [0.0; PANEL];
        for l in 0..PANEL {
            inverse[l] = exp::<FMA>(-log_sd[l]);
        }
        return (log_sd, inverse);
    }
    let sd = value::<FMA>(sd, at, panel);
    let (mut log_sd, mut inverse) = ([0.0; PANEL], [0.0; PANEL]);
    for l in 0..PANEL {
        log_sd[l] = ln::<FMA>(sd[l]);
        inverse[l] = 1.0 / sd[l];
    }
    (log_sd, inverse)
}

kernels! {
    fn values(source: Source, at: At<'_>, out: &mut [f32]) {
        for (panel, out) in out.as_chunks_mut::<PANEL>().0[..at.panels].iter_mut().enumerate() {
            *out = value::<FMA>(source, &at, panel);
        }
    }

    fn normal(mean: Source, sd: Source, at: At<'_>, out: &mut [f32], back: &mut Option<Back<'_>>) {
        let (out, targets) = (out.as_chunks_mut::<PANEL>().0, at.targets.as_chunks::<PANEL>().0);
        let same = matches!(sd.base, Base::Constant(_) | Base::Parameter(_));
        let mut scale = scales::<FMA>(sd, &at, 0);
        for panel in 0..at.panels {
            if !same && panel > 0 {
                scale = scales::<FMA>(sd, &at, panel);
            }
            let (log_sd, inverse) = &scale;
            let mu = value::<FMA>(mean, &at, panel);
            let (y, mut z) = (&targets[panel], [0.0; PANEL]);
            for l in 0..PANEL {
                z[l] = (y[l] - mu[l]) * inverse[l];
                let log_p = fma::<FMA>(-0.5 * z[l], z[l], -log_sd[l] - HALF_LN_TAU);
                out[panel][l] = if log_p.is_nan() { f32::NEG_INFINITY } else { log_p };
            }
            let Some(back) = back else { continue };
            let live = mask(at.live, panel);
            let (mut by_mean, mut by_sd) = ([0.0; PANEL], [0.0; PANEL]);
            for l in 0..PANEL {
                let weight = back.weight * live[l];
                by_mean[l] = sane(weight * z[l] * inverse[l]);
                // ∂/∂ log sd.
                by_sd[l] = sane(weight * fma::<FMA>(z[l], z[l], -1.0));
            }
            scatter::<FMA>(mean, &at, panel, by_mean, back);
            if sd.has_gradient() {
                match sd.inner() {
                    Some(log_sd) => scatter::<FMA>(log_sd, &at, panel, by_sd, back),
                    None => {
                        for l in 0..PANEL {
                            by_sd[l] = sane(by_sd[l] * inverse[l]);
                        }
                        scatter::<FMA>(sd, &at, panel, by_sd, back);
                    }
                }
            }
        }
    }

    fn categorical(at: At<'_>, out: &mut [f32], back: &mut Option<Back<'_>>) {
        let (out, targets) = (out.as_chunks_mut::<PANEL>().0, at.targets.as_chunks::<PANEL>().0);
        for (panel, logits) in at.output.as_chunks::<PANEL>().0.chunks_exact(at.outputs).enumerate() {
            let (y, out) = (&targets[panel], &mut out[panel]);
            let (mut max, mut own) = (logits[0], [0.0; PANEL]);
            // Σ exp over all classes, and over those that are not the row's: near a sure class 1 − p cancels.
            let (mut total, mut others) = ([0.0; PANEL], [0.0; PANEL]);
            for (k, logits) in logits.iter().enumerate() {
                for l in 0..PANEL {
                    max[l] = if logits[l] > max[l] { logits[l] } else { max[l] };
                    own[l] = if y[l] == k as f32 { logits[l] } else { own[l] };
                }
            }
            for (k, logits) in logits.iter().enumerate() {
                let mut e = [0.0; PANEL];
                for l in 0..PANEL {
                    e[l] = exp::<FMA>(logits[l] - max[l]);
                    total[l] += e[l];
                    others[l] += if y[l] == k as f32 { 0.0 } else { e[l] };
                }
                if let Some(back) = back {
                    back.output.as_chunks_mut::<PANEL>().0[panel * at.outputs + k] = e;
                }
            }
            for l in 0..PANEL {
                let log_p = own[l] - max[l] - ln::<FMA>(total[l]);
                out[l] = if log_p.is_nan() { f32::NEG_INFINITY } else { log_p };
            }
            let Some(back) = back else { continue };
            let live = mask(at.live, panel);
            let (mut weight, mut share) = ([0.0; PANEL], [0.0; PANEL]);
            for l in 0..PANEL {
                let counts = if out[l] > f32::NEG_INFINITY { live[l] } else { 0.0 };
                weight[l] = back.weight * counts;
                share[l] = weight[l] / total[l];
            }
            let d = &mut back.output.as_chunks_mut::<PANEL>().0[panel * at.outputs..][..at.outputs];
            for (k, d) in d.iter_mut().enumerate() {
                for l in 0..PANEL {
                    let d_over_share = if y[l] == k as f32 { others[l] } else { -d[l] };
                    d[l] = sane(d_over_share * share[l]);
                }
            }
        }
    }
}
