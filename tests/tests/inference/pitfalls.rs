//! The pitfall of sequential weighting, shown with a perfectly mixing kernel on a conjugate Gaussian with known answers.

use laws::laws::weighting_is_exact;
use laws::mean_se;
use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::prelude::*;
use smc_runtime::problem::Problem;
use smc_runtime::problem::population::Population;
use smc_runtime::sampling::anneal::{Annealing, Lookahead};
use smc_runtime::sampling::cloud::{Cloud, Target};
use smc_runtime::sampling::kernel::{At, Kernel};
use smc_runtime::sampling::resample::Resample;
use smc_runtime::sampling::stage::Stage;
use smc_runtime::sampling::weights::{Ancestors, Weights};
use smc_runtime::testing::{Perfect, Regression};

/// y ~ N(θ, 1), θ ~ N(0, 1), eight rows. Exactly: mean 1.646, log Z −11.21.
fn gaussian() -> Regression {
    let z = [
        0.125_730, -0.132_105, 0.640_423, 0.104_900, -0.535_669, 0.361_595, 1.304, 0.947_081,
    ];
    let y = z.iter().map(|z| 1.5 + z).collect();
    Regression::new(Dataset::new(1, vec![1.0; 8], y).unwrap(), 1.0, 1.0)
}

/// Two rows at a time.
#[derive(Clone, Debug)]
struct Pairs;

impl Annealing for Pairs {
    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        let now = ahead.stage().full().len();
        Ok((now < ahead.rows()).then(|| Stage::of(0..now + 2)))
    }
}

#[test]
fn the_closed_form_is_the_published_one() {
    let exact = gaussian().posterior();
    assert!((exact.mean[0] - 1.646).abs() < 5e-4, "{exact:?}");
    assert!((exact.log_evidence - -11.21).abs() < 5e-3, "{exact:?}");
}

#[test]
fn smc_weighs_before_it_moves() {
    let problem = gaussian();
    let kernel = Perfect::of(&problem);
    weighting_is_exact(Pairs, kernel, &problem, &problem.posterior()).unwrap();
}

/// The other order, which another library documents: at every stage particles move under the new target first, and are then
/// weighted by new over old. The mean of the first coordinate and the log-evidence.
fn moving_before_weighing(problem: &Regression, particles: usize, seed: u64) -> (f64, f64) {
    let streams = Streams::new(seed);
    let kernel = Perfect::of(problem);
    let tuning = kernel.start(1);
    let mut positions = Population::zeros(particles, 1);
    problem.prior().sample(streams, 0, &mut positions);
    let mut now = Stage::prior();
    let mut cloud = Cloud::at(&Target::new(problem, &now), positions);
    let mut weights = Weights::uniform(particles);
    for number in 1..=4 {
        // The particles of the stage before, in proportion to their weights.
        let mut stream = streams.stream(Purpose::Resample, number, 0, 0);
        let ancestors = Systematic.ancestors(&weights.normalised(), &mut stream);
        cloud.resample(&Ancestors::new(ancestors, particles).unwrap());
        weights.resampled();
        let next = Stage::of(0..2 * number);
        let target = Target::new(problem, &next);
        let at = At {
            streams,
            stage: number,
            draw: 0,
        };
        kernel.step(&tuning, &target, &mut cloud, at);
        let old = Target::new(problem, &now).value(cloud.positions());
        let pairs = old.iter().zip(cloud.terms());
        let increment = |(old, new)| now.increment(old, &next, new);
        let increments: Vec<f64> = pairs.map(increment).collect();
        weights.reweight(&increments).unwrap();
        now = next;
    }
    let first = cloud.positions().coordinate(0);
    let terms = first.iter().zip(weights.normalised());
    (terms.map(|(x, w)| w * x).sum(), weights.log_evidence())
}

/// It counts the newest rows twice: mean 1.827, log Z −9.45.
#[test]
fn weighting_moved_particles_counts_the_newest_rows_twice() {
    let problem = gaussian();
    let runs = (0..100).map(|seed| moving_before_weighing(&problem, 1000, seed));
    let (means, evidences): (Vec<f64>, Vec<f64>) = runs.unzip();
    // Three standard errors, the half of the last digit of the published numbers, and, as these come from one run of 20000
    // particles, three standard deviations of one of those.
    for (found, published, digit) in [(means, 1.827, 5e-4), (evidences, -9.45, 5e-3)] {
        let (mean, se) = mean_se(&found);
        let theirs = se * (100.0f64 * 1000.0 / 20_000.0).sqrt();
        let allowed = 3.0 * se.hypot(theirs) + digit;
        assert!(
            (mean - published).abs() < allowed,
            "{mean} ± {se}, published {published}"
        );
        let exact = problem.posterior();
        let right = if published > 0.0 {
            exact.mean[0]
        } else {
            exact.log_evidence
        };
        assert!((mean - right).abs() > 20.0 * se, "{mean} ± {se}");
    }
}
