//! Kronecker factors of a network's layers, from mini-batches, and the bases that they give.

use serde::{Deserialize, Serialize};

use super::basis::Basis;
use super::shake::Shake;
use crate::base::exec;
use crate::model::dist::Response;
use crate::numerics::dense::{View, eigenvectors, orthonormal, product};
use crate::problem::output::{Told, of_output};
use crate::problem::population::Population;
use crate::problem::rows::RowSet;
use crate::problem::{
    Layer, LayerVisitor, Layered, Predictor, Problem, Segment, Sums, Tile, Way, visit,
};

/// Sides with more units have no factor: its basis would cost more than it brings.
const MOST: usize = 1024;

/// The share of the running means that an update brings.
const NEW: f32 = 0.05;

/// Pieces in which a walk is shared out, whatever the number of threads.
const PIECES: usize = 4;

/// Rows that tell the factor of the features.
const FEATURE_ROWS: usize = 8192;

/// Features up to which their weighted factor follows the mini-batches as the others do.
const FEW: usize = 256;

/// The two factors of every affine layer, A = E\[x xᵀ\] of its inputs, a 1 for the bias at their end, and H = E\[g gᵀ\] of
/// g = ∂ℓ/∂z, the derivatives of a row's log-likelihood by its outputs (J. Martens, R. Grosse, *Optimizing neural networks with
/// Kronecker-factored approximate curvature*, ICML 2015): running means over mini-batches, of the inputs of the first layer once. The
/// information of a layer's weights is about N·H ⊗ A.
///
/// [Weighted](Self::weighted) ones are E\[|g|² x xᵀ\] and E\[|x|² g gᵀ\], the means of GᵀG and G Gᵀ over the gradients G = g xᵀ of single rows:
/// what is told by rows with a large gradient counts more. Their eigenvectors are the better basis for a fit (SOAP's, N. Vyas et al., ICLR
/// 2025, with single rows for batches): on logistic regression, where H is one number, E\[g² x xᵀ\] is the information itself, and
/// E\[x xᵀ\] is not.
///
/// [By output](Self::by_output), for networks of one output f, H is E\[(∂ℓ/∂f)²\] E\[j jᵀ\] of j = ∂f/∂z: where the information of an output is the
/// same for all rows, as of a normal likelihood, that is the same in expectation, with less noise.
///
/// A side of more than 1024 units has no factor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Factors {
    layers: Vec<[Option<Factor>; 2]>,
    updates: usize,
    kind: Kind,
    new: f32,
    /// E\[(∂ℓ/∂f)²\].
    strength: f32,
    told: Option<f32>,
}

/// Which factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    Plain,
    Weighted,
    ByOutput,
    Classes,
}

/// One factor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Factor {
    size: usize,
    /// size × size; empty before the first update.
    mean: Vec<f32>,
    /// Whether it is known and updated no more.
    fixed: bool,
}

/// Adds up x xᵀ and g gᵀ over the tiles that it sees.
struct Watch {
    /// Of every layer: the sizes of its factors, 0 where there is none to update, and whether it has a bias.
    layers: Vec<([usize; 2], bool)>,
    sums: Vec<[Vec<f32>; 2]>,
    /// One over the weight of the segment that a row is in.
    scale: f32,
    kind: Kind,
    shake: Option<Shake>,
    /// Σ (∂ℓ/∂f)², and one over |∂ℓ/∂f| of the rows of the tile.
    strength: f64,
    by_output: Vec<f32>,
    /// The softmax of the network's outputs at the rows of the tile.
    softmax: Vec<f32>,
    buffer: Vec<f32>,
}

impl Watch {
    fn new(layers: Vec<([usize; 2], bool)>, scale: f32, kind: Kind, shake: Option<Shake>) -> Self {
        let sums = layers
            .iter()
            .map(|(sizes, _)| sizes.map(|n| vec![0.0; n * n]));
        Self {
            sums: sums.collect(),
            layers,
            scale,
            kind,
            shake,
            strength: 0.0,
            by_output: Vec::new(),
            softmax: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// Adds Σ x xᵀ of some rows, a 1 at the end of each where the factor has one more, times the squares of `each` if there are some.
    fn add(
        &mut self,
        layer: usize,
        side: usize,
        rows: &[f32],
        columns: usize,
        each: Option<&[f32]>,
    ) {
        let (sizes, _) = self.layers[layer];
        let n = sizes[side];
        if n == 0 || rows.is_empty() {
            return;
        }
        self.buffer.clear();
        for (i, row) in rows.chunks(columns.max(1)).enumerate() {
            let factor = each.map_or(1.0, |each| each[i]);
            self.buffer.extend(row.iter().map(|x| factor * x));
            self.buffer.resize(self.buffer.len() + n - columns, factor);
        }
        let x = View::new(&self.buffer, self.buffer.len() / n, n);
        product(x.t(), x, &mut self.sums[layer][side], true);
    }
}

impl Watch {
    /// Whether slopes are the class less the softmax: whether it is the probability of the classes.
    fn explains(&self, slopes: &[f32]) -> bool {
        let is_class = |x: f32| x.abs() < 1e-3 || (x - 1.0).abs() < 1e-3;
        let mut sums = slopes.iter().zip(&self.softmax).map(|(g, p)| g + p);
        slopes.len() == self.softmax.len() && sums.all(is_class)
    }

    /// Adds Σ diag p − p pᵀ, the information of logits.
    fn add_classes(&mut self, layer: usize, classes: usize) {
        let sums = &mut self.sums[layer][1];
        let p = View::new(&self.softmax, self.softmax.len() / classes, classes);
        let mut squares = vec![0.0; classes * classes];
        product(p.t(), p, &mut squares, false);
        for (sum, square) in sums.iter_mut().zip(squares) {
            *sum -= square;
        }
        for row in self.softmax.chunks(classes) {
            for (k, p) in row.iter().enumerate() {
                sums[k * classes + k] += p;
            }
        }
    }
}

/// |x| of every row, with `more` added to its square.
fn sizes(rows: &[f32], columns: usize, more: f32) -> Vec<f32> {
    let size = |row: &[f32]| (row.iter().map(|x| x * x).sum::<f32>() + more).sqrt();
    rows.chunks(columns.max(1)).map(size).collect()
}

impl LayerVisitor for Watch {
    fn forward(&mut self, at: &Tile, inputs: &[f32], z: &mut [f32]) {
        if let Some(shake) = &self.shake {
            shake.add(at, inputs, z);
        }
        if self.kind == Kind::Classes && at.layer + 1 == self.layers.len() {
            self.softmax.clear();
            self.softmax.extend_from_slice(z);
            let rows = at.rows.len().max(1);
            for row in self.softmax.chunks_mut((z.len() / rows).max(1)) {
                let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                for z in row.iter_mut() {
                    *z = (*z - most).exp();
                }
                let sum: f32 = row.iter().sum();
                for p in row {
                    *p /= sum;
                }
            }
        }
        let ([a, _], bias) = self.layers[at.layer];
        if a > 0 && self.kind != Kind::Weighted {
            self.add(at.layer, 0, inputs, a - usize::from(bias), None);
        }
    }

    fn backward(&mut self, at: &Tile, inputs: &[f32], dz: &[f32]) {
        let ([a, h], bias) = self.layers[at.layer];
        if a == 0 && h == 0 {
            return;
        }
        let own: Vec<f32> = dz.iter().map(|g| g * self.scale).collect();
        match self.kind {
            Kind::Classes if at.layer + 1 == self.layers.len() && self.explains(&own) => {
                return self.add_classes(at.layer, h);
            }
            Kind::Plain | Kind::Classes => return self.add(at.layer, 1, &own, h, None),
            Kind::ByOutput => {
                if at.layer + 1 == self.layers.len() {
                    // The last layer comes first on the way back.
                    self.strength += own.iter().map(|g| f64::from(g * g)).sum::<f64>();
                    let over = |g: &f32| if *g == 0.0 { 0.0 } else { 1.0 / g.abs() };
                    self.by_output = own.iter().map(over).collect();
                }
                let each = std::mem::take(&mut self.by_output);
                self.add(at.layer, 1, &own, h, Some(&each));
                self.by_output = each;
                return;
            }
            Kind::Weighted => {}
        }
        let rows = at.rows.len().max(1);
        let (columns, outputs) = (inputs.len() / rows, own.len() / rows);
        if a > 0 {
            let each = sizes(&own, outputs, 0.0);
            self.add(at.layer, 0, inputs, columns, Some(&each));
        }
        if h > 0 {
            let each = sizes(inputs, columns, f32::from(u8::from(bias)));
            self.add(at.layer, 1, &own, outputs, Some(&each));
        }
    }
}

impl Factors {
    /// No update yet, but for the factor of the features, from some of `rows` rows.
    pub fn new(layered: &dyn Layered, dim: usize, rows: usize) -> Self {
        Self::of(layered, dim, rows, Kind::Plain)
    }

    /// The weighted ones: the factor of the features is not weighted, and known from the beginning, where they are more than 256.
    pub fn weighted(layered: &dyn Layered, dim: usize, rows: usize) -> Self {
        Self::of(layered, dim, rows, Kind::Weighted)
    }

    /// Those by output, of a network that has one.
    pub fn by_output(layered: &dyn Layered, dim: usize, rows: usize) -> Self {
        Self::of(layered, dim, rows, Kind::ByOutput)
    }

    /// Plain ones, but for the output layer of a network whose outputs are the logits of classes: there H is E\[diag p − p pᵀ\], the
    /// information itself.
    pub fn of_classes(layered: &dyn Layered, dim: usize, rows: usize) -> Self {
        Self::of(layered, dim, rows, Kind::Classes)
    }

    /// As the likelihood of a network suggests: by output where there is one real one, of classes, or plain.
    pub fn suited(problem: &dyn Problem, layered: &dyn Layered) -> Self {
        let (dim, rows) = (problem.dim(), problem.rows());
        let one = problem.model().architecture().outputs() == 1;
        match problem.model().predictive().response() {
            Response::Real if one => Self::by_output(layered, dim, rows),
            Response::Class => Self::of_classes(layered, dim, rows),
            _ => Self::new(layered, dim, rows),
        }
    }

    /// With the share of the running means that an update brings; 0.05 unless set. It is more at the first updates, which count alike.
    pub fn following(mut self, share: f32) -> Self {
        self.new = share;
        self
    }

    fn of(layered: &dyn Layered, dim: usize, rows: usize, kind: Kind) -> Self {
        let factor = |size: usize| {
            (size <= MOST).then(|| Factor {
                size,
                mean: Vec::new(),
                fixed: false,
            })
        };
        let of = |l: &Layer| {
            [
                factor(l.inputs + usize::from(l.bias.is_some())),
                factor(l.outputs),
            ]
        };
        let mut factors = Self {
            layers: layered.layers().iter().map(of).collect(),
            updates: 0,
            kind,
            new: NEW,
            strength: 0.0,
            told: None,
        };
        let weighted = kind == Kind::Weighted;
        let first = match factors.layers.first_mut() {
            Some([Some(first), _]) if !weighted || first.size > FEW => first,
            _ => return factors,
        };
        let mut wanted: Vec<([usize; 2], bool)> = layered
            .layers()
            .iter()
            .map(|l| ([0, 0], l.bias.is_some()))
            .collect();
        wanted[0].0[0] = first.size;
        let some = rows.min(FEATURE_ROWS);
        let segments = RowSet::from(0..some).segments(1.0);
        let watches = (0..PIECES).map(|_| Watch::new(wanted.clone(), 1.0, Kind::Plain, None));
        let at = Population::zeros(1, dim);
        let (_, watches) = visit(layered, &at, &segments, Way::Forward, watches.collect());
        first.mean = mean_of(&watches, 0, 0, some);
        first.fixed = true;
        factors
    }

    /// Sides without a factor, because they have too many units.
    pub fn lacking(&self) -> usize {
        self.layers.iter().flatten().filter(|f| f.is_none()).count()
    }

    /// The number of the first layer with such a side, that of layers if there is none.
    pub(super) fn first_lacking(&self) -> usize {
        let lacks = |sides: &[Option<Factor>; 2]| sides.iter().any(Option::is_none);
        self.layers
            .iter()
            .position(lacks)
            .unwrap_or(self.layers.len())
    }

    /// Walks over a mini-batch at `theta`, one vector: adds the gradient of its weighted log-likelihood, and updates the running means.
    pub fn update(
        &mut self,
        layered: &dyn Layered,
        theta: &Population,
        segments: &[Segment],
        gradient: &mut Population,
    ) -> Sums {
        self.update_shaken(layered, theta, segments, gradient, None)
    }

    /// The same with noise at the outputs of layers.
    pub(super) fn update_shaken(
        &mut self,
        layered: &dyn Layered,
        theta: &Population,
        segments: &[Segment],
        gradient: &mut Population,
        shake: Option<&Shake>,
    ) -> Sums {
        let size = |f: &Option<Factor>| f.as_ref().filter(|f| !f.fixed).map_or(0, |f| f.size);
        let with_bias = layered.layers().iter().map(|l| l.bias.is_some());
        let wanted: Vec<([usize; 2], bool)> = self
            .layers
            .iter()
            .zip(with_bias)
            .map(|(f, bias)| (f.each_ref().map(size), bias))
            .collect();
        let rows: usize = segments.iter().map(|s| s.rows.len()).sum();
        let weight = segments.first().map_or(1.0, |s| s.weight);
        let scale = if weight > 0.0 {
            1.0 / weight as f32
        } else {
            0.0
        };
        let watches =
            (0..PIECES).map(|_| Watch::new(wanted.clone(), scale, self.kind, shake.cloned()));
        let way = Way::Gradient(gradient);
        let (sums, watches) = visit(layered, theta, segments, way, watches.collect());
        self.updates += 1;
        let share = self.new.max(1.0 / self.updates as f32);
        let strength: f64 = watches.iter().map(|w| w.strength).sum();
        let strength = strength as f32 / rows.max(1) as f32;
        if strength.is_finite() {
            self.strength += share * (strength - self.strength);
        }
        for (layer, sides) in self.layers.iter_mut().enumerate() {
            for (side, factor) in sides.iter_mut().enumerate() {
                let Some(factor) = factor.as_mut().filter(|f| !f.fixed) else {
                    continue;
                };
                let now = mean_of(&watches, layer, side, rows);
                if now.iter().any(|x| !x.is_finite()) {
                    continue;
                }
                if factor.mean.is_empty() {
                    factor.mean = now;
                    continue;
                }
                for (mean, now) in factor.mean.iter_mut().zip(now) {
                    *mean += share * (now - *mean);
                }
            }
        }
        sums
    }

    /// The eigenvectors of the features' factor, if it is known from the beginning.
    pub(super) fn of_features(&self, basis: &mut Basis) {
        if let Some([Some(first), _]) = self.layers.first()
            && first.fixed
        {
            let found = eigenvectors(&first.scaled(basis.scale(0).as_deref()), first.size);
            let [_, right] = basis.sides(0);
            *right = found;
        }
    }

    /// A factor, of the inputs (0) or the outputs (1) of a layer, size × size; none of a side that is too large, and before the first update.
    ///
    /// # Panics
    /// If there is no such layer or side.
    pub fn mean(&self, layer: usize, side: usize) -> Option<Vec<f32>> {
        let factor = self.layers[layer][side].as_ref();
        let factor = factor.filter(|f| !f.mean.is_empty())?;
        let strength = self.strength_of(side);
        Some(factor.mean.iter().map(|x| strength * x).collect())
    }

    /// What the running mean of a side is to be multiplied with.
    fn strength_of(&self, side: usize) -> f32 {
        match (self.kind, side) {
            (Kind::ByOutput, 1) => self.told.unwrap_or(self.strength),
            _ => 1.0,
        }
    }

    /// Whether they are by output.
    pub(super) fn are_by_output(&self) -> bool {
        self.kind == Kind::ByOutput
    }

    /// What the model says of its one output at `theta`, in the place of mini-batches, from the next time on that factors are asked for; and how that depends on some coordinates.
    pub(super) fn ask(
        &mut self,
        model: &dyn Predictor,
        layers: &[Layer],
        theta: &[f32],
        others: &[usize],
    ) -> Option<Told> {
        let typical = 1.0 / self.strength.max(1e-12).sqrt();
        let told = of_output(model, layers, theta, typical, others);
        self.told = told.as_ref().map(|told| told.information);
        told
    }

    /// Whether the factor of the features is known from the beginning.
    pub(super) fn know_features(&self) -> bool {
        matches!(self.layers.first(), Some([Some(first), _]) if first.fixed)
    }

    /// A layer's factor, of inputs (0) or outputs (1), along the coordinates of a basis: its diagonal there.
    pub(super) fn along(&self, layer: usize, side: usize, basis: &mut Basis) -> Option<Vec<f32>> {
        let factor = self.layers[layer][side].as_ref()?;
        let n = factor.size;
        if factor.mean.is_empty() {
            return None;
        }
        let scale = basis.scale(layer).clone().filter(|_| side == 0);
        let scaled = factor.scaled(scale.as_deref());
        let diagonal = match basis.sides(layer)[1 - side] {
            None => (0..n).map(|i| scaled[i * n + i]).collect(),
            Some(q) => {
                let mut along = vec![0.0; n * n];
                product(
                    View::new(&scaled, n, n),
                    View::new(q, n, n),
                    &mut along,
                    false,
                );
                let mut diagonal = vec![0.0; n];
                for (q, along) in q.chunks(n).zip(along.chunks(n)) {
                    for ((d, q), x) in diagonal.iter_mut().zip(q).zip(along) {
                        *d += q * x;
                    }
                }
                diagonal
            }
        };
        let strength = self.strength_of(side);
        let known = diagonal.into_iter().map(|x: f32| strength * x.max(0.0));
        Some(known.collect())
    }

    /// A step of orthogonal iteration from the bases of now towards the eigenvectors: Q of the decomposition F Q = Q' R. Each costs
    /// as much as a few products; sides are shared out among threads. Sides of at most `exactly` units get the eigenvectors themselves.
    pub(super) fn renew(&self, basis: &mut Basis, exactly: usize) {
        let mut sides = Vec::new();
        for (layer, factors) in self.layers.iter().enumerate() {
            for (side, factor) in factors.iter().enumerate() {
                if let Some(factor) = factor
                    && !factor.fixed
                    && !factor.mean.is_empty()
                {
                    // Of the two factors A has the inputs, which are on the right.
                    let scale = basis.scale(layer).clone().filter(|_| side == 0);
                    let before = basis.sides(layer)[1 - side].take();
                    sides.push((layer, 1 - side, factor.scaled(scale.as_deref()), before));
                }
            }
        }
        let renewed = exec::map(sides.len(), |k| {
            let (layer, side, factor, before) = &sides[k];
            let n = self.layers[*layer][1 - side].as_ref().map_or(0, |f| f.size);
            if n <= exactly {
                eigenvectors(factor, n)
            } else {
                iterate(factor, n, before.as_deref())
            }
        });
        for ((layer, side, _, before), now) in sides.into_iter().zip(renewed) {
            *basis.sides(layer)[side] = now.or(before);
        }
    }
}

impl Factor {
    /// D F D.
    fn scaled(&self, scale: Option<&[f32]>) -> Vec<f32> {
        let mut scaled = self.mean.clone();
        if let Some(d) = scale {
            for (row, own) in scaled.chunks_mut(self.size).zip(d) {
                row.iter_mut().zip(d).for_each(|(x, d)| *x *= own * d);
            }
        }
        scaled
    }
}

/// A step of orthogonal iteration.
fn iterate(factor: &[f32], n: usize, before: Option<&[f32]>) -> Option<Vec<f32>> {
    const RIDGE: f32 = 1e-6;
    let mut ridged = factor.to_vec();
    let trace: f32 = (0..n).map(|i| factor[i * n + i]).sum();
    if trace.is_nan() || trace <= 0.0 {
        return None;
    }
    for i in 0..n {
        ridged[i * n + i] += RIDGE * trace;
    }
    let Some(before) = before else {
        return orthonormal(&ridged, n);
    };
    let mut along = vec![0.0; n * n];
    product(
        View::new(&ridged, n, n),
        View::new(before, n, n),
        &mut along,
        false,
    );
    orthonormal(&along, n)
}

/// The mean over rows of what some watches added up.
fn mean_of(watches: &[Watch], layer: usize, side: usize, rows: usize) -> Vec<f32> {
    let share = 1.0 / rows.max(1) as f32;
    let mut mean = vec![0.0; watches.first().map_or(0, |w| w.sums[layer][side].len())];
    for watch in watches {
        for (m, s) in mean.iter_mut().zip(&watch.sums[layer][side]) {
            *m += share * s;
        }
    }
    mean
}
