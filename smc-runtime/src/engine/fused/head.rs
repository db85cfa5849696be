//! Likelihoods on panels: row log-likelihoods of a tile and their derivatives.

use std::ops::Range;

use crate::model::dist::{Function, FusedHead, Term};
use crate::model::fused::RowDensity;
use crate::model::fused::lanes::{Formula, Formulas, Lanes, MOST_VARIABLES, Wide};
use crate::numerics::isa::{Isa, kernels};
use crate::numerics::lane::{fma, sum_lanes};
use crate::numerics::math::{exp, ln};
use crate::numerics::panel::PANEL;

/// What a term starts from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Base {
    Output(usize),
    Feature(usize),
    Offset,
    Constant(f64),
    /// Number of the parameter among those that the likelihood names.
    Parameter(usize),
}

/// What a field is whose element a likelihood names.
#[derive(Clone, Copy)]
pub(super) enum FieldValue {
    /// The network's output.
    Output,
    /// A number that is given with the model.
    Given(f64),
    /// A parameter, by its number among those that the likelihood names.
    Parameter(usize),
}

impl Base {
    /// `parameter(field, element)` says what a field is. `None` for a term that is not given, or holds others.
    fn new(term: &Term, parameter: &impl Fn(usize, usize) -> FieldValue) -> Option<Self> {
        Some(match term {
            Term::Field(f) => Self::named(parameter(*f, 0), 0),
            Term::Column(f, c) => Self::named(parameter(*f, *c), *c),
            Term::Feature(c) => Self::Feature(*c),
            Term::Offset => Self::Offset,
            Term::Constant(c) => Self::Constant(*c),
            Term::Unset | Term::Unknown(_) | Term::Apply(..) | Term::Combine(..) => return None,
        })
    }

    fn named(named: FieldValue, column: usize) -> Self {
        match named {
            FieldValue::Output => Self::Output(column),
            FieldValue::Given(value) => Self::Constant(value),
            FieldValue::Parameter(slot) => Self::Parameter(slot),
        }
    }

    fn has_gradient(self) -> bool {
        matches!(self, Self::Output(_) | Self::Parameter(_))
    }

    /// The value in one panel.
    #[inline(always)]
    fn value(self, at: &Reading<'_>, panel: usize) -> Lane {
        match self {
            Self::Output(c) => at.output.as_chunks::<PANEL>().0[panel * at.outputs + c],
            Self::Feature(c) => at.features.as_chunks::<PANEL>().0[panel * at.columns + c],
            Self::Offset => at.offset.as_chunks::<PANEL>().0[panel],
            Self::Constant(c) => [c as f32; PANEL],
            Self::Parameter(slot) => [at.scalars[slot]; PANEL],
        }
    }
}

/// A term with its fields resolved: exp applied `exps` times to a base.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Origin {
    base: Base,
    exps: usize,
}

/// A term with what its leaves are, from left to right, each with the number of its variable if it is one.
#[derive(Clone, Debug)]
struct Expression {
    term: Term,
    leaves: Vec<(Base, Option<usize>)>,
}

/// Terms that a formula can have.
const MOST_TERMS: usize = 4;

/// A formula with its terms resolved.
#[derive(Clone, Debug)]
pub(super) struct ByRow {
    expressions: Vec<Expression>,
    pub(super) density: RowDensity,
    /// Distinct outputs and parameters among the leaves.
    variables: Vec<Base>,
}

#[derive(Clone, Debug)]
pub(super) enum Head {
    Normal { mean: Origin, sd: Origin },
    Categorical,
    Formula(ByRow),
}

impl Head {
    /// `parameter(field, element)` says what a field is.
    ///
    /// # Errors
    /// Why the likelihood cannot be fused.
    pub(super) fn resolve(
        head: FusedHead,
        parameter: &impl Fn(usize, usize) -> FieldValue,
    ) -> Result<Self, String> {
        let unset = "a key of the likelihood is not given";
        Ok(match head {
            FusedHead::Normal { mean, sd } => Self::Normal {
                mean: Origin::new(&mean, parameter).ok_or(unset)?,
                sd: Origin::new(&sd, parameter).ok_or(unset)?,
            },
            FusedHead::Categorical => Self::Categorical,
            FusedHead::Formula { terms, density } => {
                Self::Formula(ByRow::new(terms, density, parameter)?)
            }
        })
    }
}

impl ByRow {
    fn new(
        terms: Vec<Term>,
        density: RowDensity,
        parameter: &impl Fn(usize, usize) -> FieldValue,
    ) -> Result<Self, String> {
        if terms.len() > MOST_TERMS {
            return Err(format!(
                "the likelihood has {} keys, and fused forms have at most {MOST_TERMS}",
                terms.len()
            ));
        }
        let mut variables: Vec<Base> = Vec::new();
        let mut variable = |base: Base| {
            base.has_gradient().then(|| {
                let known = variables.iter().position(|&v| v == base);
                known.unwrap_or_else(|| {
                    variables.push(base);
                    variables.len() - 1
                })
            })
        };
        let mut expressions = Vec::new();
        for term in terms {
            let leaves = term.leaves().into_iter();
            let leaves: Option<Vec<_>> = leaves
                .map(|leaf| Base::new(leaf, parameter).map(|base| (base, variable(base))))
                .collect();
            expressions.push(Expression {
                leaves: leaves.ok_or("a key of the likelihood is not given")?,
                term,
            });
        }
        if variables.len() > MOST_VARIABLES {
            return Err(format!(
                "the likelihood names {} outputs and parameters, and fused forms name at most {MOST_VARIABLES}",
                variables.len()
            ));
        }
        Ok(Self {
            expressions,
            density,
            variables,
        })
    }

    /// The arguments of the formula in one panel; what lies behind the last is of no use.
    fn arguments<const K: usize>(
        &self,
        isa: Isa,
        at: &Reading<'_>,
        panel: usize,
    ) -> [Lanes<K>; MOST_TERMS] {
        std::array::from_fn(|i| match self.expressions.get(i) {
            None => Lanes::same(isa, 0.0, None),
            Some(expression) => {
                let mut leaves = expression.leaves.iter();
                expression.term.evaluate(&mut |_| {
                    let &(base, variable) = leaves.next().unwrap_or(&(Base::Constant(0.0), None));
                    match base {
                        Base::Constant(c) => Lanes::same(isa, c, None),
                        Base::Parameter(slot) => {
                            Lanes::same(isa, f64::from(at.scalars[slot]), variable)
                        }
                        of_rows => {
                            let value = of_rows.value(at, panel).map(f64::from);
                            Lanes::rows(isa, value, variable)
                        }
                    }
                })
            }
        })
    }

    /// With K the number of variables where derivatives are asked for, and 0 elsewhere.
    fn evaluate<const K: usize>(
        &self,
        isa: Isa,
        at: &Reading<'_>,
        out: &mut [f32],
        back: &mut Option<Back<'_>>,
    ) where
        dyn Formulas: Formula<K>,
    {
        let targets = at.targets.as_chunks::<PANEL>().0;
        let out = &mut out.as_chunks_mut::<PANEL>().0[..at.panels];
        for (panel, out) in out.iter_mut().enumerate() {
            let arguments = self.arguments::<K>(isa, at, panel);
            let y = Lanes::rows(isa, targets[panel].map(f64::from), None);
            let arguments = &arguments[..self.expressions.len()];
            let mut density = Formula::<K>::log_density(&*self.density.0, arguments, y);
            let (value, partials) = density.spread();
            let base = at.base.as_chunks::<PANEL>().0.get(panel);
            densities(isa, value, base, out);
            let Some(back) = back else { continue };
            let mut counts = [0.0; PANEL];
            weights(isa, at, panel, back.weight, out, &mut counts);
            for (variable, partial) in self.variables.iter().zip(partials) {
                match *variable {
                    Base::Output(c) => {
                        let into = &mut back.output.as_chunks_mut::<PANEL>().0;
                        add_weighted(isa, partial, &counts, &mut into[panel * at.outputs + c]);
                    }
                    Base::Parameter(slot) => {
                        back.scalars[slot] += weighted_sum(isa, partial, &counts);
                    }
                    Base::Feature(_) | Base::Offset | Base::Constant(_) => {}
                }
            }
        }
    }
}

impl Origin {
    fn new(term: &Term, parameter: &impl Fn(usize, usize) -> FieldValue) -> Option<Self> {
        if let Term::Apply(Function::Exp, inner) = term {
            let inner = Self::new(inner, parameter)?;
            let exps = inner.exps + 1;
            return Some(Self { exps, ..inner });
        }
        let base = Base::new(term, parameter)?;
        Some(Self { base, exps: 0 })
    }

    /// The term before its last exponential.
    fn inner(self) -> Option<Self> {
        let exps = self.exps.checked_sub(1)?;
        Some(Self { exps, ..self })
    }
}

/// What a head reads at a tile.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
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
    /// panels × 32; empty if the data have none.
    pub(super) offset: &'a [f32],
    /// panels × 32; empty if all rows count once.
    pub(super) weights: &'a [f32],
    /// panels × 32; empty if the formula leaves nothing out.
    pub(super) base: &'a [f64],
    /// Constrained value of every parameter that the likelihood names.
    pub(super) scalars: &'a [f32],
}

/// Where a head writes derivatives, each times `weight`.
pub(super) struct Back<'a> {
    pub(super) weight: f32,
    /// panels × outputs × 32; zero before. Rows that do not count stay zero.
    pub(super) output: &'a mut [f32],
    /// By parameter, with respect to the constrained value; added to.
    pub(super) scalars: &'a mut [f64],
}

/// One number for each row of a panel.
type Lane = [f32; PANEL];

const HALF_LN_TAU: f32 = 0.918_938_5;

impl Head {
    /// log p(y | ..) of every row, times its weight, into `out` (panels × 32), and the derivatives if asked for. NaN comes
    /// out as −∞.
    pub(super) fn evaluate(
        &self,
        isa: Isa,
        at: Reading<'_>,
        out: &mut [f32],
        mut back: Option<Back<'_>>,
    ) {
        match self {
            Self::Normal { mean, sd } => normal(isa, *mean, *sd, at, out, &mut back),
            Self::Categorical => categorical(isa, at, out, &mut back),
            Self::Formula(rows) => match back.as_ref().map_or(0, |_| rows.variables.len()) {
                0 => rows.evaluate::<0>(isa, &at, out, &mut back),
                1 => rows.evaluate::<1>(isa, &at, out, &mut back),
                2 => rows.evaluate::<2>(isa, &at, out, &mut back),
                3 => rows.evaluate::<3>(isa, &at, out, &mut back),
                _ => rows.evaluate::<MOST_VARIABLES>(isa, &at, out, &mut back),
            },
        }
        if !at.weights.is_empty() {
            weigh(isa, at.weights, &mut out[..at.panels * PANEL]);
        }
    }

    /// Numbers per row that [`Head::arguments`] writes.
    pub(super) fn width(&self, outputs: usize) -> usize {
        match self {
            Self::Normal { .. } => 2,
            Self::Categorical => outputs,
            Self::Formula(rows) => rows.expressions.len(),
        }
    }

    /// `put(row, slot, x)` for the arguments of the likelihood at every row.
    pub(super) fn arguments(
        &self,
        isa: Isa,
        at: Reading<'_>,
        out: &mut [f32],
        mut put: impl FnMut(usize, usize, f64),
    ) {
        match self {
            Self::Normal { mean, sd } => {
                for (slot, source) in [mean, sd].into_iter().enumerate() {
                    values(isa, *source, at, out);
                    for row in at.live.clone() {
                        put(row, slot, f64::from(out[row]));
                    }
                }
            }
            Self::Categorical => {
                for row in at.live.clone() {
                    let first = row / PANEL * at.outputs * PANEL + row % PANEL;
                    for k in 0..at.outputs {
                        put(row, k, f64::from(at.output[first + k * PANEL]));
                    }
                }
            }
            Self::Formula(rows) => {
                for panel in 0..at.panels {
                    let arguments = rows.arguments::<0>(isa, &at, panel);
                    for row in panel * PANEL..(panel + 1) * PANEL {
                        for (slot, lanes) in arguments[..rows.expressions.len()].iter().enumerate()
                        {
                            if at.live.contains(&row) {
                                put(row, slot, lanes.at(row % PANEL));
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The value of a source in one panel.
#[inline(always)]
fn value<const FMA: bool>(source: Origin, at: &Reading<'_>, panel: usize) -> Lane {
    let mut lane = source.base.value(at, panel);
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
    source: Origin,
    at: &Reading<'_>,
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
        Base::Parameter(slot) => back.scalars[slot] += f64::from(sum_lanes(&d)),
        Base::Feature(_) | Base::Offset | Base::Constant(_) => {}
    }
}

/// A derivative at a row that has no density is of no use to anyone.
#[inline(always)]
fn sane(d: f32) -> f32 {
    if d.abs() < f32::INFINITY { d } else { 0.0 }
}

/// The weight of rows that count, else 0.
#[inline(always)]
fn mask(at: &Reading<'_>, panel: usize) -> Lane {
    let (from, to) = (at.live.start as i32, at.live.end as i32);
    let mut mask = [0.0; PANEL];
    for l in 0..PANEL {
        let row = (panel * PANEL) as i32 + l as i32;
        mask[l] = if row >= from && row < to { 1.0 } else { 0.0 };
    }
    if let Some(weights) = at.weights.as_chunks::<PANEL>().0.get(panel) {
        for l in 0..PANEL {
            mask[l] *= weights[l];
        }
    }
    mask
}

/// log sd and 1/sd; from the logarithm where the term has one, so that neither overflow nor underflow makes a NaN.
#[inline(always)]
fn scales<const FMA: bool>(sd: Origin, at: &Reading<'_>, panel: usize) -> (Lane, Lane) {
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
    /// What the formula gives and what it leaves out, in f32.
    fn densities(value: &Wide, base: Option<&Wide>, out: &mut Lane) {
        let base = base.unwrap_or(&[0.0; PANEL]);
        for l in 0..PANEL {
            let log_p = (value[l] + base[l]) as f32;
            out[l] = if log_p.is_nan() { f32::NEG_INFINITY } else { log_p };
        }
    }

    /// The weight of every row of a panel in a gradient; 0 where there is no density.
    fn weights(at: &Reading<'_>, panel: usize, weight: f32, out: &Lane, counts: &mut Wide) {
        let mask = mask(at, panel);
        for l in 0..PANEL {
            let count = if out[l] > f32::NEG_INFINITY { weight * mask[l] } else { 0.0 };
            counts[l] = f64::from(count);
        }
    }

    /// into ← into + partial·counts.
    fn add_weighted(partial: &Wide, counts: &Wide, into: &mut Lane) {
        for l in 0..PANEL {
            into[l] += sane((partial[l] * counts[l]) as f32);
        }
    }

    /// Σ partial·counts.
    fn weighted_sum(partial: &Wide, counts: &Wide) -> f64 {
        let mut d = [0.0; PANEL];
        for l in 0..PANEL {
            let product = partial[l] * counts[l];
            d[l] = if product.abs() < f64::INFINITY { product } else { 0.0 };
        }
        sum_lanes(&d)
    }

    /// Each log-density times its row's weight; a row of weight 0 does not count, whatever its density.
    fn weigh(weights: &[f32], out: &mut [f32]) {
        for (out, &weight) in out.iter_mut().zip(weights) {
            *out = if weight == 0.0 { 0.0 } else { weight * *out };
        }
    }

    fn values(source: Origin, at: Reading<'_>, out: &mut [f32]) {
        for (panel, out) in out.as_chunks_mut::<PANEL>().0[..at.panels].iter_mut().enumerate() {
            *out = value::<FMA>(source, &at, panel);
        }
    }

    fn normal(mean: Origin, sd: Origin, at: Reading<'_>, out: &mut [f32], back: &mut Option<Back<'_>>) {
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
            let live = mask(&at, panel);
            let (mut by_mean, mut by_sd) = ([0.0; PANEL], [0.0; PANEL]);
            for l in 0..PANEL {
                let weight = back.weight * live[l];
                by_mean[l] = sane(weight * z[l] * inverse[l]);
                // ∂/∂ log sd.
                by_sd[l] = sane(weight * fma::<FMA>(z[l], z[l], -1.0));
            }
            scatter::<FMA>(mean, &at, panel, by_mean, back);
            if sd.base.has_gradient() {
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

    fn categorical(at: Reading<'_>, out: &mut [f32], back: &mut Option<Back<'_>>) {
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
            let live = mask(&at, panel);
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
