//! The settings of sequential Monte Carlo.

use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::infer::{Inference, sghmc};
use crate::problem::Problem;
use crate::problem::density::Density;
use crate::sampling::adapt::{Adaptation, Follow, Metric, Scales, StepSize};
use crate::sampling::anneal::{Annealing, SmoothDataAnnealing, Tempering};
use crate::sampling::kernel::{Exactness, Hmc, Kernel};
use crate::sampling::moves::Moves;
use crate::sampling::resample::{Resample, Systematic};
use crate::sampling::weights::Combine;

/// The settings of sequential Monte Carlo; see [`smc`](super::smc()).
#[derive(Clone, Debug)]
pub struct Smc {
    pub(super) particles: usize,
    islands: Option<usize>,
    pub(super) combine: Combine,
    annealing: Option<Arc<dyn Annealing>>,
    pub(super) kernel: Arc<dyn Kernel>,
    pub(super) adaptation: Adaptation,
    pub(super) resample: Arc<dyn Resample>,
    pub(super) moves: Arc<dyn Moves>,
    pub(super) final_moves: usize,
    pub(super) spend: Option<u64>,
    pub(super) recycle: bool,
    pub(super) keep_walk: bool,
    pub(super) thin: usize,
    pub(super) ess: f64,
    pub(super) start: Option<Arc<dyn Density>>,
    pub(super) warm: Option<Warm>,
}

/// The algorithm that finds where to begin.
#[derive(Clone, Debug)]
pub(super) struct Warm {
    pub(super) algorithm: Arc<dyn Inference>,
    /// Factor of the standard deviations around what it finds.
    pub(super) spread: f64,
}

impl Default for Smc {
    fn default() -> Self {
        Self {
            particles: 64,
            islands: None,
            combine: Combine::default(),
            annealing: None,
            kernel: Arc::new(Hmc::default()),
            adaptation: Adaptation::new(Follow::aim(), Metric::Scores),
            resample: Arc::new(Systematic),
            moves: Arc::new(3),
            final_moves: 0,
            spend: None,
            recycle: false,
            keep_walk: false,
            thin: 1,
            ess: 0.5,
            start: None,
            warm: None,
        }
    }
}

impl Smc {
    /// Number of particles J, of all islands together; 64 unless set.
    pub fn particles(mut self, particles: usize) -> Self {
        self.particles = particles;
        self
    }

    /// K islands that share the particles evenly: populations that never exchange any, each with weights and an evidence of
    /// its own. How far these are apart, and the functions that they predict, says how far a run can be trusted. Four unless
    /// set, where each then has at least eight particles; otherwise two or one.
    ///
    /// Islands share the schedule and the settings of the kernel, so that they move as one population, at the cost of one. They
    /// are independent where neither adapts; where both do, an adaptive schedule looks at the mean of the islands.
    pub fn islands(mut self, islands: usize) -> Self {
        self.islands = Some(islands);
        self
    }

    /// How islands count in the end: equally, unless set.
    pub fn combine(mut self, combine: Combine) -> Self {
        self.combine = combine;
        self
    }

    /// Which stages lead to the posterior: those of [`SmoothDataAnnealing::geometric`], unless set. Where there are more than twenty million
    /// rows × parameters and nothing is set, or [`AutomaticAnnealing`](crate::sampling::anneal::AutomaticAnnealing), a run begins with
    /// [`sghmc`](crate::infer::sghmc()), as many chains as particles, and goes on around their ends: `warm(sghmc(), 0.3)` with
    /// `Tempering::stages(4)`.
    pub fn annealing(mut self, policy: impl Annealing + 'static) -> Self {
        self.annealing = Some(Arc::new(policy));
        self
    }

    /// How particles move at a stage.
    pub fn kernel(mut self, kernel: impl Kernel + 'static) -> Self {
        self.kernel = Arc::new(kernel);
        self
    }

    /// How the kernel's step size is set: by [`Follow`](crate::sampling::adapt::Follow) at what the kernel aims at, unless set.
    pub fn step_size(mut self, policy: impl StepSize + 'static) -> Self {
        self.adaptation.step = Arc::new(policy);
        self
    }

    /// Where the scales come from that the step is in units of: by
    /// [`Metric::Scores`](crate::sampling::adapt::Metric::Scores), unless set. Variances of a cloud that lags behind a posterior which
    /// grows narrow, as where data are almost free of noise, make it lag more: simulation-based calibration fails there with
    /// [`Metric::Diagonal`](crate::sampling::adapt::Metric::Diagonal).
    pub fn metric(mut self, scales: impl Scales + 'static) -> Self {
        self.adaptation.scales = Arc::new(scales);
        self
    }

    /// `step_size(Frozen::at(step))` and `metric(Metric::Unit)`: the kernel does not depend on the cloud. Under a fixed
    /// schedule E\[Ẑ\] = Z exactly.
    pub fn frozen(mut self, step: f64) -> Self {
        self.adaptation = Adaptation::frozen(step);
        self
    }

    /// How ancestors are chosen.
    pub fn resample(mut self, scheme: impl Resample + 'static) -> Self {
        self.resample = Arc::new(scheme);
        self
    }

    /// Moves per stage: a number, 3 unless set (and up to eight more while hardly anything is accepted), or a policy such as [`AdaptiveMoves`](crate::sampling::moves::AdaptiveMoves). More
    /// moves where the posterior is stiff: too few leave particles behind the target, and the evidence too low.
    pub fn moves(mut self, moves: impl Moves + 'static) -> Self {
        self.moves = Arc::new(moves);
        self
    }

    /// Further moves on the posterior, after the last stage: 0 unless set. They are reported, and can be saved, as up to 20
    /// steps of their own.
    pub fn final_moves(mut self, moves: usize) -> Self {
        self.final_moves = moves;
        self
    }

    /// Makes moves on the posterior, in place of [`final_moves`](Self::final_moves), until `row_gradients` row-gradients of all
    /// particles are spent in all, those of a warm start included; with [`recycle`](Self::recycle) up to 50 generations of
    /// them are kept.
    pub fn spend(mut self, row_gradients: u64) -> Self {
        self.spend = Some(row_gradients);
        self
    }

    /// Resample when the effective sample size falls below this fraction of J; ½ unless set.
    pub fn ess(mut self, fraction: f64) -> Self {
        self.ess = fraction;
        self
    }

    /// Keeps the particles after every move whose target is the posterior, not only those of the last: iteration k counts
    /// by c_k ∝ 1/Σ_i W²_{k,i}, its effective sample size. Draws of one particle follow one another.
    pub fn recycle(mut self, recycle: bool) -> Self {
        self.recycle = recycle;
        self
    }

    /// Keeps the draws that a warm start by chains made on its way, such as those of [`sghmc`](crate::infer::sghmc()), beside the
    /// particles: an ensemble over passes. Draws that mini-batches made are not exact, and all of them together then say so
    /// ([`DrawnFrom::Nearly`](crate::infer::DrawnFrom::Nearly)); the evidence is that of the particles alone. It takes as many chains as
    /// particles.
    pub fn keep_walk(mut self, keep: bool) -> Self {
        self.keep_walk = keep;
        self
    }

    /// Moves per recycled generation: of the moves on the posterior only every `moves`-th is kept, as a prediction costs as
    /// much as there are draws. 1 unless set.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    /// let algorithm = smc().particles(16).islands(8).final_moves(1000).recycle(true).thin(20);
    /// ```
    pub fn thin(mut self, moves: usize) -> Self {
        self.thin = moves;
        self
    }

    /// Begins at this density, such as [Gaussians](crate::sampling::start::Gaussians), in place of the prior; every stage of the policy is then
    /// [bridged](crate::sampling::stage::Stage::bridged).
    pub fn start(self, start: impl Density + 'static) -> Self {
        self.start_at(Arc::new(start))
    }

    pub(super) fn start_at(mut self, start: Arc<dyn Density>) -> Self {
        self.start = Some(start);
        self
    }

    /// Begins at [Gaussians around](crate::sampling::start::around) what another algorithm found, with standard deviations times
    /// `spread`: the members of an ensemble, or the ends of chains, as those by mini-batches ([`sghmc`](crate::infer::sghmc())). Where
    /// it fitted a density ([`score_vi`](crate::infer::score_vi())), a run begins at that, its standard deviations times `spread`.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    /// let around_chains = smc().particles(16).warm(sghmc().chains(16), 0.3).keep_walk(true);
    /// let around_members = smc().warm(ensemble().members(8), 0.3);
    /// let at_a_density = smc().warm(score_vi(), 1.0);
    /// ```
    pub fn warm(mut self, algorithm: impl Inference + 'static, spread: f64) -> Self {
        self.warm = Some(Warm {
            algorithm: Arc::new(algorithm),
            spread,
        });
        self
    }

    /// Number of islands K.
    pub(super) fn number_of_islands(&self) -> usize {
        const LEAST: usize = 8;
        let fit = |islands: &usize| {
            self.particles.is_multiple_of(*islands) && self.particles / islands >= LEAST
        };
        let unless_set = || [4, 2].into_iter().find(fit).unwrap_or(1);
        self.islands.unwrap_or_else(unless_set)
    }

    /// Number of particles of each.
    pub(super) fn particles_of_an_island(&self) -> usize {
        self.particles / self.number_of_islands()
    }

    /// The annealing policy.
    pub(super) fn policy(&self) -> Arc<dyn Annealing> {
        let policy = self.annealing.clone();
        policy.unwrap_or_else(|| Arc::new(SmoothDataAnnealing::geometric()))
    }

    /// With what is not set decided by the size of the problem.
    pub(super) fn settled(&self, problem: &dyn Problem) -> Self {
        const LARGE: usize = 20_000_000;
        const STAGES: usize = 4;
        let large = problem.rows().saturating_mul(problem.dim()) > LARGE;
        let may_walk = self
            .annealing
            .as_ref()
            .is_none_or(|policy| policy.may_walk());
        let from_prior = self.start.is_none() && self.warm.is_none();
        if !(large && may_walk && from_prior && problem.row_sampled().is_ok()) {
            return self.clone();
        }
        self.clone()
            .annealing(Tempering::stages(STAGES))
            .warm(sghmc().chains(self.particles), 0.3)
    }

    /// The same without the algorithm that finds where to begin.
    pub(super) fn cold(&self) -> Self {
        Self {
            warm: None,
            ..self.clone()
        }
    }

    pub(super) fn check(&self, problem: &dyn Problem) -> Result<()> {
        let dim = problem.layout().dim();
        if let Some(start) = &self.start
            && start.dim() != dim
        {
            return Err(Error::shape(
                "a warm start",
                format!("{dim} parameters"),
                format!("{} parameters", start.dim()),
            ));
        }
        for (what, value, expected) in [
            (
                "particles",
                self.particles,
                "at least one particle is needed",
            ),
            (
                "islands",
                self.number_of_islands(),
                "at least one island is needed",
            ),
            ("thin", self.thin, "at least 1 is needed"),
        ] {
            if value == 0 {
                return Err(Error::config(what, 0, expected));
            }
        }
        let islands = self.number_of_islands();
        if !self.particles.is_multiple_of(islands) {
            let expected = format!("a multiple of the {islands} islands, which share them evenly");
            return Err(Error::config("particles", self.particles, expected));
        }
        if !(0.0..=1.0).contains(&self.ess) {
            return Err(Error::config(
                "ess",
                self.ess,
                "a fraction between 0 and 1 is needed",
            ));
        }
        if islands > 1
            && self.particles == islands
            && self.combine == Combine::Equally
            && self.kernel.exactness() == Exactness::Corrected
        {
            return Err(Error::config(
                "kernel",
                format!("{:?}", self.kernel),
                "it corrects weights, and islands of one particle that count equally have none: take more particles, an \
                 adjusted kernel, or islands that count by their evidence",
            ));
        }
        self.moves.check()?;
        self.kernel.check()?;
        self.adaptation.check(&*self.kernel)
    }
}
