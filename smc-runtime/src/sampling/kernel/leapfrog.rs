//! The leapfrog trajectory, for every kernel that has one.

use super::{At, Proposal};
use crate::base::error::{Error, Result};
use crate::base::rng::Purpose;
use crate::problem::population::Population;
use crate::sampling::cloud::{Cloud, Target};

/// How a trajectory is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory<'a> {
    /// Number of leapfrog steps, at least 1.
    pub leapfrogs: usize,
    /// The step ε of each particle.
    pub steps: Vec<f32>,
    /// The scale s of each coordinate.
    pub scale: &'a [f32],
    /// Number of rows whose scaled gradient stands for that of all; `None` for the exact gradient.
    pub gradient_rows: Option<usize>,
}

/// Where trajectories end.
#[derive(Clone, Debug)]
pub struct Ends {
    /// The ends, to be accepted, rejected or weighted.
    pub proposal: Proposal,
    /// Momenta at the ends.
    pub momenta: Population,
    /// Minus the energy errors, −ΔH = log π(θ') − log π(θ) − ½|v'|² + ½|v|², of the exact target.
    pub minus_errors: Vec<f64>,
}

/// One trajectory from every particle: v ~ N(0, I), then L steps of v ← v + (ε/2)·s∘g(θ); θ ← θ + ε·s∘v;
/// v ← v + (ε/2)·s∘g(θ).
///
/// With `gradient_rows` g is the gradient of a target in which some of the stage's rows, chosen once for the whole move
/// and scaled up, stand for all of them. Any g that is one function of θ throughout a move leaves the map reversible and
/// volume preserving, and −ΔH is that of the exact target, so the move stays valid and is only less efficient.
///
/// The cloud loses its gradient.
pub fn leapfrog(
    target: &Target<'_>,
    cloud: &mut Cloud,
    at: At,
    trajectory: &Trajectory<'_>,
) -> Ends {
    let particles = cloud.positions().len();
    let (steps, scale) = (&trajectory.steps, trajectory.scale);
    let rough = trajectory
        .gradient_rows
        .filter(|&rows| rows < target.stage.cost())
        .map(|rows| {
            let mut stream = at.streams.stream(Purpose::Surrogate, at.stage, 0, at.draw);
            target.stage.sampled(rows, &mut stream)
        });
    let inner = Target {
        stage: rough.as_ref().unwrap_or(target.stage),
        ..*target
    };
    let mut gradient = cloud
        .take_gradient()
        .filter(|_| rough.is_none())
        .unwrap_or_else(|| {
            let mut gradient = cloud.positions().zeros_like();
            inner.add_gradient(cloud.positions(), &mut gradient);
            gradient
        });
    let mut momenta = cloud.positions().zeros_like();
    momenta.fill_normal(at.streams, Purpose::Propose, at.stage, at.draw);
    let kinetic_before = momenta.squared_norms();

    let mut positions = cloud.positions().clone();
    let mut terms = Vec::new();
    for leapfrog in 0..trajectory.leapfrogs {
        let kick = if leapfrog == 0 { 0.5 } else { 1.0 };
        positions.kick_and_drift(kick, steps, scale, &mut momenta, &mut gradient);
        terms = inner.add_gradient(&positions, &mut gradient);
    }
    momenta.axpy_each(0.5, steps, scale, &gradient);
    let kinetic_after = momenta.squared_norms();
    if rough.is_some() {
        terms = target.value(&positions);
    }

    let before = target.log_density(cloud.terms());
    let after = target.log_density(&terms);
    let minus_errors = (0..particles)
        .map(|i| after[i] - before[i] - 0.5 * (kinetic_after[i] - kinetic_before[i]))
        .collect();
    Ends {
        proposal: Proposal {
            positions,
            terms,
            gradient: rough.is_none().then_some(gradient),
        },
        momenta,
        minus_errors,
    }
}

/// Whether the steps of a trajectory, by the setting `what`, are some.
pub(super) fn check_leapfrogs(what: &str, leapfrogs: usize) -> Result<()> {
    if leapfrogs > 0 {
        return Ok(());
    }
    let expected = "at least one leapfrog step is needed";
    Err(Error::config(what, leapfrogs, expected))
}

/// Whether a length that is changed by this fraction stays above 0.
pub(super) fn check_jitter(fraction: f64) -> Result<()> {
    if (0.0..1.0).contains(&fraction) {
        return Ok(());
    }
    let expected = "a fraction of at least 0 and below 1 is needed";
    Err(Error::config("jitter", fraction, expected))
}
