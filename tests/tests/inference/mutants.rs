//! Planted faults: each law holds for the right part and catches the faulty one. The faults are in parts that are given to the
//! product, as a user gives them; faults of the product itself are `.ci/mutants`.

use laws::altered::Altered;
use laws::laws::{
    evidence_is_exact, gradient_is_that_of_the_value, policy_conforms, prior_integrates_to_one,
    rows_add_up, small_steps_are_accepted, weighting_is_exact,
};
use laws::models::Noise;
use laws::table;
use smc_runtime::base::rng::{Purpose, Stream};
use smc_runtime::engine::{Engine, bind};
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Problem, Segment};
use smc_runtime::sampling::adapt::Adaptation;
use smc_runtime::sampling::anneal::{Annealing, Lookahead};
use smc_runtime::sampling::cloud::{Cloud, Target};
use smc_runtime::sampling::kernel::{At, Exactness, Kernel, Moved, Proposal, Tuning};
use smc_runtime::sampling::resample::{Resample, Systematic};
use smc_runtime::sampling::stage::Stage;
use smc_runtime::testing::{Perfect, Regression, check_kernel, check_resampler};

/// The law holds for the right part and fails for the faulty one, for the reason given.
fn caught(right: Result<(), String>, faulty: Result<(), String>, reason: &str) {
    right.unwrap();
    let found = faulty.unwrap_err();
    println!("caught: {found}");
    assert!(found.contains(reason), "caught for another reason: {found}");
}

fn regression() -> Regression {
    Regression::simulated(24, 2, 0.8, 1.0, 9).unwrap()
}

/// The rows in a few steps, the first of them ramping.
#[derive(Clone, Debug)]
struct Stages;

impl Annealing for Stages {
    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        let first = [0.02, 0.1, 0.4].map(|phi| Stage::ramping(0..0, 0..6, phi));
        let rest = [6, 9, 13, 18, 24].map(|n| Stage::of(0..n));
        Ok(first.into_iter().chain(rest).nth(ahead.step()))
    }
}

// Faulty problems.

/// The rows of every block but the first are paired with the features of their neighbours.
fn batch_mix_up(problem: &Regression) -> Regression {
    let data = problem.data();
    let mut order: Vec<usize> = (0..data.rows()).collect();
    order[8..].rotate_left(1);
    let features = order.iter().flat_map(|&i| data.row(i)).copied().collect();
    Regression::new(
        Dataset::new(data.columns(), features, data.targets().to_vec()).unwrap(),
        0.8,
        1.0,
    )
}

#[test]
fn batch_mix_up_is_caught_by_rows_add_up() {
    let right = regression();
    let mixed = batch_mix_up(&right);
    let faulty = Altered::likelihood(&right, |thetas, segments, gradient| {
        let first = segments.iter().all(|s| s.rows.start < 8 && s.rows.end <= 8);
        let problem = if first { &right } else { &mixed };
        problem.log_likelihood(thetas, segments, gradient)
    });
    caught(rows_add_up(&right), rows_add_up(&faulty), "add up to");
}

#[test]
fn dropped_jacobian_is_caught_by_prior_integrates_to_one() {
    let data = table(3, 1, 6, |_, row| row[0]);
    let bound = bind(Noise { scale: 0.8 }, &data, Engine::autodiff(), 1).unwrap();
    let right = &*bound.problem;
    let faulty = Altered::log_prior(right, |thetas, gradient| {
        let mut values = right.prior().log_density(thetas, gradient);
        for (i, value) in values.iter_mut().enumerate() {
            *value -= f64::from(thetas.row(i)[0]);
        }
        values
    });
    caught(
        prior_integrates_to_one(right),
        prior_integrates_to_one(&faulty),
        "the prior integrates to",
    );
}

#[test]
fn missing_normaliser_is_caught_by_evidence_is_exact() {
    let right = regression();
    let faulty = Altered::likelihood(&right, |thetas, segments, gradient| {
        let mut sums = right.log_likelihood(thetas, segments, gradient);
        let missing = 0.5 * std::f64::consts::TAU.ln();
        for p in 0..thetas.len() {
            for (sum, segment) in sums.of_mut(p).iter_mut().zip(segments) {
                *sum += missing * segment.rows.len() as f64;
            }
        }
        sums
    });
    caught(
        evidence_is_exact(&right, &right),
        evidence_is_exact(&faulty, &right),
        "mean(Ẑ/Z)",
    );
}

#[test]
fn ignored_ramp_is_caught_by_gradient_is_that_of_the_value() {
    let right = regression();
    let faulty = Altered::likelihood(&right, |thetas, segments, gradient| {
        let full = |s: &Segment| Segment {
            weight: 1.0,
            ..s.clone()
        };
        right.log_likelihood(
            thetas,
            &segments.iter().map(full).collect::<Vec<_>>(),
            gradient,
        )
    });
    caught(
        gradient_is_that_of_the_value(&right),
        gradient_is_that_of_the_value(&faulty),
        "the slope by coordinate",
    );
}

// Kernels that spoil the weights.

/// Moves under the stage of another.
#[derive(Clone, Debug)]
struct Under<K>(K, Stage);

impl<K: Kernel> Kernel for Under<K> {
    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let stage = &self.1;
        let moved = self.0.step(tuning, &Target { stage, ..*target }, cloud, at);
        // Their terms are those of the stage that the run is at.
        *cloud = Cloud::at(target, cloud.positions().clone());
        moved
    }
}

/// Corrects weights by the prior, as if it were new at every stage.
#[derive(Clone, Debug)]
struct PriorAgain<K>(K);

impl<K: Kernel> Kernel for PriorAgain<K> {
    fn exactness(&self) -> Exactness {
        Exactness::Corrected
    }
    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let corrections = cloud.terms().iter().map(|t| t.prior).collect();
        Moved {
            corrections: Some(corrections),
            ..self.0.step(tuning, target, cloud, at)
        }
    }
}

#[test]
fn moves_under_another_stage_are_caught_by_weighting_is_exact() {
    let problem = regression();
    let (right, exact) = (Perfect::of(&problem), problem.posterior());
    let faulty = Under(right.clone(), Stage::of(0..18));
    caught(
        weighting_is_exact(Stages, right, &problem, &exact),
        weighting_is_exact(Stages, faulty, &problem, &exact),
        "the posterior mean",
    );
}

#[test]
fn prior_counted_at_every_move_is_caught_by_weighting_is_exact() {
    let problem = regression();
    let (right, exact) = (Perfect::of(&problem), problem.posterior());
    let faulty = PriorAgain(right.clone());
    caught(
        weighting_is_exact(Stages, right, &problem, &exact),
        weighting_is_exact(Stages, faulty, &problem, &exact),
        "mean(Ẑ/Z)",
    );
}

// Faulty kernels.

/// One trajectory of the leapfrog method, Metropolised or weighted.
#[derive(Clone, Debug)]
struct Leapfrog {
    step: f32,
    /// The sign with which the gradient enters the momentum: 1.
    kick: f32,
    /// The sign with which the kinetic energy enters the energy error: 1.
    kinetic: f64,
    /// How often the correction −ΔH is applied (once), or `None` to accept or reject by it.
    correction: Option<f64>,
}

impl Default for Leapfrog {
    fn default() -> Self {
        Self {
            step: 0.25,
            kick: 1.0,
            kinetic: 1.0,
            correction: None,
        }
    }
}

impl Kernel for Leapfrog {
    fn exactness(&self) -> Exactness {
        match self.correction {
            Some(_) => Exactness::Corrected,
            None => Exactness::Invariant,
        }
    }

    fn step(&self, _: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let (particles, dim) = (cloud.positions().len(), cloud.positions().dim());
        let ones = vec![1.0; dim];
        let mut v = Population::zeros(particles, dim);
        v.fill_normal(at.streams, Purpose::User, at.stage, at.draw);
        let before = v.squared_norms();
        let mut positions = cloud.positions().clone();
        let mut gradient = Population::zeros(particles, dim);
        let mut terms = target.gradient(&positions, &mut gradient);
        for _ in 0..4 {
            v.axpy(0.5 * self.step * self.kick, &ones, &gradient);
            positions.axpy(self.step, &ones, &v);
            terms = target.gradient(&positions, &mut gradient);
            v.axpy(0.5 * self.step * self.kick, &ones, &gradient);
        }
        let after = v.squared_norms();
        let (old, new) = (
            target.log_density(cloud.terms()),
            target.log_density(&terms),
        );
        let minus_error: Vec<f64> = (0..particles)
            .map(|i| new[i] - old[i] - 0.5 * self.kinetic * (after[i] - before[i]))
            .collect();
        let proposal = Proposal {
            positions,
            terms,
            gradient: None,
        };
        if let Some(times) = self.correction {
            cloud.accept(target, proposal, &vec![false; particles]);
            return Moved {
                corrections: Some(minus_error.into_iter().map(|c| times * c).collect()),
                acceptance: vec![1.0; particles],
                ..Moved::default()
            };
        }
        let probability: Vec<f64> = minus_error.iter().map(|e| e.min(0.0).exp()).collect();
        let reject = |i: usize| {
            at.streams
                .stream(Purpose::Accept, at.stage, i, at.draw)
                .uniform()
                >= probability[i]
        };
        let rejected: Vec<bool> = (0..particles).map(reject).collect();
        cloud.accept(target, proposal, &rejected);
        Moved {
            acceptance: probability,
            ..Moved::default()
        }
    }
}

#[test]
fn momentum_sign_is_caught_by_small_steps_are_accepted() {
    let right = Leapfrog {
        step: 0.05,
        ..Leapfrog::default()
    };
    let faulty = Leapfrog {
        kick: -1.0,
        ..right.clone()
    };
    caught(
        small_steps_are_accepted(&right),
        small_steps_are_accepted(&faulty),
        "are accepted with probability",
    );
}

#[test]
fn kinetic_energy_sign_is_caught_by_check_kernel() {
    let faulty = Leapfrog {
        kinetic: -1.0,
        ..Leapfrog::default()
    };
    caught(
        check_kernel(&Leapfrog::default(), &Adaptation::default()),
        check_kernel(&faulty, &Adaptation::default()),
        "after ten moves of exact draws",
    );
}

#[test]
fn correction_applied_twice_is_caught_by_check_kernel() {
    let right = Leapfrog {
        correction: Some(1.0),
        ..Leapfrog::default()
    };
    let faulty = Leapfrog {
        correction: Some(2.0),
        ..Leapfrog::default()
    };
    caught(
        check_kernel(&right, &Adaptation::default()),
        check_kernel(&faulty, &Adaptation::default()),
        "exp(correction)",
    );
}

#[test]
fn forgotten_correction_is_caught_by_check_kernel() {
    let right = Leapfrog {
        correction: Some(1.0),
        ..Leapfrog::default()
    };
    let faulty = Leapfrog {
        correction: Some(0.0),
        step: 0.5,
        ..Leapfrog::default()
    };
    caught(
        check_kernel(&right, &Adaptation::default()),
        check_kernel(&faulty, &Adaptation::default()),
        "after ten moves of exact draws",
    );
}

// Faulty policies and schemes.

/// Blocks of ten rows, each in two steps, the next beginning `late` rows after the last.
#[derive(Clone, Debug)]
struct Blocks {
    late: usize,
}

impl Annealing for Blocks {
    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        let (stage, all) = (ahead.stage(), ahead.rows());
        if !stage.ramp().is_empty() {
            return Ok(Some(Stage::ramping(
                stage.full().clone(),
                stage.ramp().clone(),
                1.0,
            )));
        }
        let now = stage.full().end();
        let first = if now == 0 { 0 } else { now + self.late };
        let next = Stage::ramping(stage.full().clone(), first..(now + 10).min(all), 0.3);
        Ok((now < all).then_some(next))
    }
}

#[test]
fn ramp_off_by_one_is_caught_by_policy_conforms() {
    caught(
        policy_conforms(&Blocks { late: 0 }),
        policy_conforms(&Blocks { late: 1 }),
        "not the posterior given all rows",
    );
}

/// Growing data with a plan.
#[derive(Clone, Debug)]
struct Planned {
    plan: Vec<usize>,
    /// Stages by which a run is ahead of the plan: 0.
    ahead: usize,
}

impl Annealing for Planned {
    fn plan(&self, _: usize) -> Result<Option<Vec<Stage>>> {
        Ok(Some(self.plan.iter().map(|&n| Stage::of(0..n)).collect()))
    }

    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        let rows = self.plan.get(ahead.step() + self.ahead);
        Ok(rows.map(|&n| Stage::of(0..n)))
    }
}

#[test]
fn another_path_than_the_plan_is_caught_by_policy_conforms() {
    let right = Planned {
        plan: vec![1, 2, 5, 12, 30, 60],
        ahead: 0,
    };
    let faulty = Planned {
        ahead: 1,
        ..right.clone()
    };
    caught(
        policy_conforms(&right),
        policy_conforms(&faulty),
        "by the plan, but",
    );
    let short = Planned {
        plan: vec![1, 2, 5, 12, 30, 59],
        ..right.clone()
    };
    caught(
        policy_conforms(&right),
        policy_conforms(&short),
        "not the posterior given all rows",
    );
}

/// Systematic resampling whose uniform number is always one half.
#[derive(Debug)]
struct Frozen;

impl Resample for Frozen {
    fn ancestors(&self, weights: &[f64], _: &mut Stream) -> Vec<usize> {
        let n = weights.len();
        let at = |k: usize| {
            let point = (k as f64 + 0.5) / n as f64;
            let cumulative = weights.iter().scan(0.0, |sum, w| {
                *sum += w;
                Some(*sum)
            });
            cumulative.take_while(|c| *c <= point).count().min(n - 1)
        };
        (0..n).map(at).collect()
    }
}

#[test]
fn frozen_offset_is_caught_by_check_resampler() {
    caught(
        check_resampler(&Systematic),
        check_resampler(&Frozen),
        "the mean number of offspring",
    );
}
