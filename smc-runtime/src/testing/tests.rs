//! Laws of sampling that take a second or two in all, to be run on every mutant of the parts that they are about (`.ci/mutants`).

use std::sync::Arc;

use super::{
    Exact, Perfect, Regression, check_kernel, check_resampler, check_scales, mean_se, near,
};
use crate::base::rng::{Stream, Streams};
use crate::infer::observe::{StageDetail, Step};
use crate::infer::{Draws, Inference, Outcome, Smc, complete, smc};
use crate::problem::Problem;
use crate::problem::population::Population;
use crate::sampling::adapt::Adaptation;
use crate::sampling::adapt::{Follow, Metric};
use crate::sampling::anneal::{
    AutomaticAnnealing, SmoothDataAnnealing, StepDataAnnealing, Tempering,
};
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{At, Kernel, Moved, Tuning};
use crate::sampling::kernel::{Chees, Hmc, Mala, RandomWalk, UnadjustedLangevin};
use crate::sampling::resample::Resample;
use crate::sampling::resample::{Multinomial, Residual, Ssp, Stratified, Systematic};
use crate::sampling::start::Gaussians;

fn regression() -> Regression {
    Regression::simulated(24, 2, 0.8, 1.0, 9).unwrap()
}

fn run(settings: &Smc, problem: &dyn Problem, seed: u64) -> (Vec<Step>, Outcome) {
    let run = settings.begin(Arc::new(problem), Streams::new(seed));
    complete(run.unwrap()).unwrap()
}

fn stage(step: &Step) -> &StageDetail {
    step.stage().unwrap()
}

/// The weighted mean of the first coordinate.
fn mean(draws: &Draws) -> f64 {
    let first = draws.positions().coordinate(0);
    first.iter().zip(draws.weights()).map(|(x, w)| w * x).sum()
}

/// Over 200 runs of 64 particles the evidence and the posterior mean are exact within 4 standard errors.
fn exact(settings: &Smc, problem: &dyn Problem, exact: &Exact) -> Vec<f64> {
    let settings = settings.clone().particles(64);
    let (mut ratios, mut means) = (Vec::new(), Vec::new());
    for seed in 0..200 {
        let draws = run(&settings, problem, seed).1.draws;
        ratios.push((draws.log_evidence().unwrap() - exact.log_evidence).exp());
        means.push(mean(&draws));
    }
    near("mean(Ẑ/Z)", &ratios, 1.0, 4.0).unwrap();
    near("the posterior mean", &means, exact.mean[0], 4.0).unwrap();
    ratios
}

fn ladder() -> Tempering {
    Tempering::ladder([0.02, 0.06, 0.15, 0.4, 1.0])
}

#[test]
fn schemes_conform() {
    let schemes: [&dyn Resample; 5] = [&Systematic, &Stratified, &Residual, &Multinomial, &Ssp];
    for scheme in schemes {
        check_resampler(scheme).unwrap();
    }
}

#[test]
fn kernels_conform() {
    let kernels: [&dyn Kernel; 6] = [
        &Hmc::leapfrogs(3).jitter(0.4),
        &Hmc::leapfrogs(2).unadjusted(),
        &Hmc::leapfrogs(2).gradient_rows(7),
        &Mala,
        &UnadjustedLangevin,
        &Chees::default().at_most(4),
    ];
    for kernel in kernels {
        check_kernel(kernel, &Adaptation::default()).unwrap();
    }
    check_kernel(
        &RandomWalk,
        &Adaptation::new(Follow::to(0.44), Metric::Diagonal),
    )
    .unwrap();
    check_scales(&Metric::Diagonal).unwrap();
}

#[test]
fn a_perfect_kernel_makes_evidence_and_mean_exact() {
    let problem = regression();
    let truth = problem.posterior();
    let settings = smc().kernel(Perfect::of(&problem)).moves(1);
    let resampled = exact(
        &settings.clone().annealing(ladder()).ess(1.0),
        &problem,
        &truth,
    );
    let spread = |ratios: &[f64]| mean_se(ratios).1;
    // Weights that are not even again after resampling are noise, as much as without any.
    let weighted = settings.clone().annealing(ladder()).ess(0.0);
    let weighted = exact(&weighted, &problem, &truth);
    assert!(spread(&resampled) < 0.6 * spread(&weighted));
    let steps = StepDataAnnealing::table([1, 2, 4, 8, 15, 24]);
    exact(&settings.clone().annealing(steps), &problem, &truth);
    let ramps = SmoothDataAnnealing::geometric().first(4).ramps(3);
    exact(&settings.annealing(ramps).islands(2), &problem, &truth);
}

#[test]
fn kernels_that_do_not_adapt_make_evidence_and_mean_exact() {
    let problem = regression();
    let truth = problem.posterior();
    let settings = smc().annealing(ladder()).moves(2);
    let multinomial = settings.clone().resample(Multinomial).ess(1.0);
    exact(
        &multinomial.kernel(Hmc::leapfrogs(4)).frozen(0.2),
        &problem,
        &truth,
    );
    let weighted = settings.kernel(Hmc::leapfrogs(4).unadjusted());
    exact(&weighted.frozen(0.1), &problem, &truth);
}

#[test]
fn a_warm_start_makes_evidence_and_mean_exact() {
    let problem = regression();
    let centres = Population::from_values(2, vec![-0.3, -0.3, 0.6, 0.6]).unwrap();
    let settings = smc()
        .start(Gaussians::new(centres, vec![0.7; 2]).unwrap())
        .annealing(ladder())
        .kernel(Hmc::leapfrogs(4))
        .frozen(0.2);
    exact(&settings, &problem, &problem.posterior());
}

/// A run in which little is left to chance.
fn stepping() -> Smc {
    smc()
        .particles(16)
        .islands(1)
        .annealing(StepDataAnnealing::table([3, 12, 24]))
        .kernel(Hmc::leapfrogs(2))
        .frozen(1e-3)
        .moves(2)
        .ess(1.0)
}

#[test]
fn steps_say_what_was_done() {
    let problem = regression();
    let settings = stepping().final_moves(45);
    let (steps, left) = run(&settings, &problem, 1);
    let numbers: Vec<_> = steps.iter().map(|s| (s.step, s.touched, s.moves)).collect();
    let finals = (4..=18).map(|step| (step, 24, 3));
    let expected: Vec<_> = [(1, 3, 2), (2, 12, 2), (3, 24, 2)]
        .into_iter()
        .chain(finals)
        .collect();
    assert_eq!(numbers, expected);
    for (step, rows) in steps.iter().zip([3.0f64, 12.0, 24.0]) {
        assert_eq!((step.rows, step.all_rows, step.non_finite), (rows, 24, 0));
        let done = 0.5 * (rows.ln_1p() / 24f64.ln_1p());
        assert!((step.done - done).abs() < 1e-12, "{}", step.done);
        let detail = stage(step);
        assert!(detail.resampled && detail.ess < 1.0 && detail.cess < 1.0);
        assert!(detail.acceptance > 0.99 && detail.step_size == 1e-3);
    }
    for (k, step) in steps[3..].iter().enumerate() {
        assert!((step.done - 0.5 * (1.0 + (k + 1) as f64 / 15.0)).abs() < 1e-12);
        let detail = stage(step);
        assert!(!detail.resampled && detail.cess == 1.0);
        assert!((detail.ess - 1.0).abs() < 1e-12, "{}", detail.ess);
    }
    let ancestors: Vec<usize> = steps.iter().map(|s| stage(s).ancestors).collect();
    assert!(ancestors[0] < 16 && ancestors[2] < ancestors[0] && ancestors[2] > 0);
    assert!(ancestors.windows(2).all(|a| a[1] <= a[0]));
    let expected: Vec<f64> = steps
        .iter()
        .map(|s| stage(s).ancestors_by_resampling)
        .collect();
    assert!(expected[0] > expected[1] && expected[1] > expected[2]);
    assert_eq!(expected[2], expected[17]);
    assert_eq!(
        left.draws.log_evidence(),
        Some(stage(&steps[17]).log_evidence)
    );
    assert_eq!(run(&stepping(), &problem, 1).0.last().unwrap().done, 1.0);
}

#[test]
fn weights_that_are_even_enough_are_kept() {
    let problem = regression();
    for (fraction, resampled) in [(0.0, false), (1.0, true)] {
        let (steps, _) = run(&stepping().ess(fraction), &problem, 1);
        assert!(steps.iter().all(|s| stage(s).resampled == resampled));
        let all = steps.iter().all(|s| stage(s).ancestors == 16);
        assert_eq!(all, !resampled);
    }
}

#[test]
fn generations_on_the_posterior_are_kept_as_often_as_asked() {
    let problem = regression();
    let kept = |settings: Smc| run(&settings, &problem, 1).1.draws.positions().len() / 16;
    // Two moves at the last stage, and the final ones.
    let settings = stepping().final_moves(10).recycle(true);
    assert_eq!(kept(settings.clone()), 12);
    assert_eq!(kept(settings.clone().thin(3)), 4);
    assert_eq!(kept(settings.thin(5)), 2);
    assert_eq!(kept(stepping().final_moves(10)), 1);
}

#[test]
fn rows_are_evaluated_once() {
    let problem = regression();
    let settings = smc()
        .particles(16)
        .annealing(StepDataAnnealing::table([3, 12, 24]))
        .kernel(Hmc::leapfrogs(2).gradient_rows(100))
        .frozen(1e-3)
        .moves(2);
    let before = problem.counts();
    run(&settings, &problem, 1);
    let spent = problem.counts() - before;
    // Each row when it enters; and at every stage the gradient at the start of the first move and two for each move.
    assert_eq!(spent.row_values, 16 * 24);
    assert_eq!(spent.row_gradients, 16 * 5 * (3 + 12 + 24));
}

#[test]
fn what_a_problem_has_computed_before_does_not_count() {
    let (problem, budget) = (
        regression(),
        AutomaticAnnealing::default().first(2).budget(60_000),
    );
    let settings = smc().particles(16).annealing(budget).moves(2);
    let steps = || run(&settings, &problem, 1).0;
    let (first, again) = (steps(), steps());
    assert!(problem.counts().row_gradients > 0);
    assert_eq!(first, again);
}

#[test]
fn a_saved_run_goes_on_as_if_nothing_had_happened() {
    let problem = regression();
    let budget = AutomaticAnnealing::default().first(2).budget(3_000);
    let settings = [
        stepping().final_moves(5).recycle(true).islands(2),
        smc()
            .particles(16)
            .kernel(Chees::default().at_most(6))
            .moves(2),
        smc()
            .particles(16)
            .kernel(Hmc::leapfrogs(2))
            .annealing(budget),
    ];
    for settings in settings {
        let (steps, straight) = run(&settings, &problem, 1);
        for interrupted in 0..=steps.len() {
            let shared: Arc<dyn Problem + '_> = Arc::new(&problem);
            let mut first = settings.begin(shared.clone(), Streams::new(1)).unwrap();
            for _ in 0..interrupted {
                first.step().unwrap();
            }
            // Once more, so that what was spent before the first state counts too.
            let state = first.state().unwrap();
            let second = settings
                .resume(shared.clone(), Streams::new(1), &state)
                .unwrap();
            let state = second.state().unwrap();
            let third = settings.resume(shared, Streams::new(1), &state).unwrap();
            let (rest, left) = complete(third).unwrap();
            assert_eq!(rest.len() + interrupted, steps.len());
            assert!(left.draws.positions() == straight.draws.positions());
            assert_eq!(left.draws.log_evidence(), straight.draws.log_evidence());
            assert_eq!(left.cautions, straight.cautions);
        }
    }
    let shared: Arc<dyn Problem + '_> = Arc::new(&problem);
    let begun = stepping().begin(shared.clone(), Streams::new(1)).unwrap();
    let state = begun.state().unwrap();
    let other = stepping()
        .particles(17)
        .resume(shared, Streams::new(1), &state);
    let error = other.map(|_| ()).unwrap_err().to_string();
    assert!(
        error.contains("1 islands of 17 particles of 2 parameters"),
        "{error}"
    );
}

/// A kernel that says of its moves what it was told to say.
#[derive(Clone, Debug)]
struct Says(Vec<f64>);

impl Kernel for Says {
    fn exactness(&self) -> crate::sampling::kernel::Exactness {
        crate::sampling::kernel::Exactness::Corrected
    }
    fn step(&self, _: &Tuning, _: &Target<'_>, cloud: &mut Cloud, _: At) -> Moved {
        Moved {
            corrections: Some(self.0.clone()),
            acceptance: vec![1.0; cloud.len()],
            ..Moved::default()
        }
    }
}

/// The ancestors that it was given.
#[derive(Clone, Debug)]
struct Given(Vec<usize>);

impl Resample for Given {
    fn ancestors(&self, _: &[f64], _: &mut Stream) -> Vec<usize> {
        self.0.clone()
    }
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    let problem = regression();
    let refused = |settings: Smc| {
        let mut run = settings.begin(Arc::new(&problem), Streams::new(1)).unwrap();
        run.step().map(|_| ()).unwrap_err().to_string()
    };
    let says = |corrections| refused(stepping().kernel(Says(corrections)));
    assert_eq!(
        says(vec![0.0; 3]),
        "corrections of a kernel: expected 16, one for each particle, found 3"
    );
    let collapsed = says(vec![f64::NAN; 16]);
    assert!(
        collapsed.contains("stage 1") && collapsed.contains("16 particles"),
        "{collapsed}"
    );
    let given = |ancestors| refused(stepping().resample(Given(ancestors)));
    assert_eq!(
        given(vec![0; 3]),
        "ancestors: expected 16, one for each particle, found 3"
    );
    assert_eq!(
        given(vec![16; 16]),
        "ancestors: expected particles 0 to 15, found particle 16"
    );
}
