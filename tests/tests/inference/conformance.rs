//! The workspace's own kernels, policies and schemes pass the conformance kit that third parties run on theirs.

use laws::stepped;
use serde::{Deserialize, Serialize};
use smc_runtime::base::rng::Streams;
use smc_runtime::infer::observe::Step;
use smc_runtime::prelude::*;
use smc_runtime::sampling::adapt::{Adaptation, Scales, StepSize};
use smc_runtime::sampling::cloud::{Cloud, Target};
use smc_runtime::sampling::kernel::{At, Kernel, Tuning};
use smc_runtime::sampling::resample::Resample;
use smc_runtime::sampling::stage::Stage;
use smc_runtime::sampling::weights::{Weights, cess};
use smc_runtime::testing::{
    Perfect, Regression, check_adaptation, check_annealing, check_kernel, check_resampler,
    check_scales,
};

#[test]
fn resampling_schemes_conform() {
    let schemes: [&dyn Resample; 5] = [&Systematic, &Stratified, &Residual, &Multinomial, &Ssp];
    for scheme in schemes {
        check_resampler(scheme).unwrap();
    }
}

#[test]
fn hmc_conforms() {
    for leapfrogs in [1, 4] {
        check_kernel(&Hmc::leapfrogs(leapfrogs), &Adaptation::default()).unwrap();
    }
    check_kernel(&Hmc::leapfrogs(3), &Adaptation::frozen(0.3)).unwrap();
}

#[test]
fn jittered_hmc_conforms() {
    check_kernel(&Hmc::leapfrogs(4).jitter(0.4), &Adaptation::default()).unwrap();
    check_kernel(&Hmc::leapfrogs(3).jitter(0.9), &Adaptation::frozen(0.3)).unwrap();
}

#[test]
fn the_random_walk_conforms() {
    check_kernel(&RandomWalk, &stepping(Follow::to(0.44))).unwrap();
    check_kernel(&RandomWalk, &Adaptation::frozen(0.5)).unwrap();
}

#[test]
fn mala_conforms() {
    check_kernel(&Mala, &Adaptation::default()).unwrap();
    check_kernel(&Mala, &Adaptation::frozen(0.4)).unwrap();
}

#[test]
fn unadjusted_langevin_conforms() {
    check_kernel(&UnadjustedLangevin, &Adaptation::default()).unwrap();
    check_kernel(&UnadjustedLangevin, &Adaptation::frozen(0.2)).unwrap();
}

#[test]
fn unadjusted_hmc_conforms() {
    check_kernel(&Hmc::leapfrogs(4).unadjusted(), &Adaptation::default()).unwrap();
}

#[test]
fn hmc_on_the_gradient_of_some_rows_conforms() {
    check_kernel(&Hmc::leapfrogs(4).gradient_rows(7), &Adaptation::default()).unwrap();
    let weighted = Hmc::leapfrogs(2).gradient_rows(9).unadjusted();
    check_kernel(&weighted, &Adaptation::frozen(0.1)).unwrap();
}

#[test]
fn every_metric_conforms() {
    for metric in [
        Metric::Unit,
        Metric::Prior,
        Metric::Blocks,
        Metric::Diagonal,
        Metric::Scores,
        Metric::Information,
    ] {
        assert_eq!(check_scales(&metric), Ok(()), "{metric:?}");
        let kernel = Hmc::leapfrogs(6).jitter(0.5);
        let conforms = check_kernel(&kernel, &Adaptation::new(Follow::aim(), metric));
        assert_eq!(conforms, Ok(()), "{metric:?}");
    }
}

/// Scales that break a law each.
#[derive(Debug)]
enum Faulty {
    Logarithm,
    Forget,
    Step,
}

impl Scales for Faulty {
    fn learn(&self, tuning: &mut Tuning, _: &Target<'_>, cloud: &mut Cloud, weights: &Weights) {
        match self {
            Self::Logarithm => {
                let variances = cloud.positions().variances(&weights.normalised());
                tuning.scale = variances.iter().map(|v| v.ln() as f32).collect();
            }
            Self::Forget => {
                let Unsaved { stages } = tuning.scale_memory.of();
                *stages += 1.0;
                tuning.scale.fill(*stages);
            }
            Self::Step => tuning.step *= 0.5,
        }
    }
}

/// What saving loses.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Unsaved {
    #[serde(skip)]
    stages: f32,
}

#[test]
fn faulty_scales_do_not_conform() {
    for (faulty, expected) in [
        (
            Faulty::Logarithm,
            "a step or a scale is not a positive, finite number",
        ),
        (
            Faulty::Forget,
            "settings that were saved and read at every stage ended elsewhere",
        ),
        (Faulty::Step, "the step changed when scales were learned"),
    ] {
        assert_eq!(check_scales(&faulty).unwrap_err(), expected);
    }
}

#[test]
fn the_perfect_kernel_conforms() {
    let problem = Regression::simulated(12, 2, 0.8, 1.0, 5).unwrap();
    check_kernel(&Perfect::of(&problem), &Adaptation::default()).unwrap();
}

#[test]
fn annealing_policies_conform() {
    check_annealing(&Tempering::adaptive()).unwrap();
    check_annealing(&Tempering::ladder([0.01, 0.05, 0.2, 0.5, 1.0])).unwrap();
    check_annealing(&SmoothDataAnnealing::geometric()).unwrap();
    check_annealing(&Tempering::stages(8)).unwrap();
    check_annealing(&AutomaticAnnealing::default().first(2)).unwrap();
}

#[test]
fn step_data_annealing_conforms() {
    check_annealing(&StepDataAnnealing::linear(12).first(1)).unwrap();
    check_annealing(&StepDataAnnealing::geometric(8).first(1)).unwrap();
    check_annealing(&StepDataAnnealing::front_loaded(10).first(1).hold(1)).unwrap();
    check_annealing(&StepDataAnnealing::doubling().first(1)).unwrap();
    check_annealing(&StepDataAnnealing::table([1, 3, 3, 10, 30, 60])).unwrap();
}

#[test]
fn smooth_data_annealing_with_a_plan_conforms() {
    let blocks = SmoothDataAnnealing::geometric().first(3).ratio(1.5);
    check_annealing(&blocks.ramps(3)).unwrap();
    check_annealing(&SmoothDataAnnealing::stages(12).first(4)).unwrap();
    let early = SmoothDataAnnealing::stages(12).first(4).power(1.5);
    check_annealing(&early.hold(2)).unwrap();
}

#[test]
fn random_mini_batches_do_not_conform() {
    let found = check_annealing(&RandomMiniBatch::rows(20)).unwrap_err();
    assert_eq!(found, "the last stage is not the posterior given all rows");
}

/// The kernels that reject, and so have an acceptance, each on its own or with all particles in step.
fn with_rejection() -> Vec<Box<dyn Kernel>> {
    vec![
        Box::new(RandomWalk),
        Box::new(Mala),
        Box::new(Hmc::leapfrogs(4)),
        Box::new(Hmc::leapfrogs(4).jitter(0.4)),
        Box::new(Hmc::leapfrogs(4).gradient_rows(7)),
        Box::new(Chees::default().at_most(30)),
    ]
}

/// The kernels that correct weights.
fn with_corrections() -> Vec<Box<dyn Kernel>> {
    vec![
        Box::new(UnadjustedLangevin),
        Box::new(Hmc::leapfrogs(4).unadjusted()),
        Box::new(Hmc::leapfrogs(2).gradient_rows(9).unadjusted()),
    ]
}

fn stepping(step: impl StepSize + 'static) -> Adaptation {
    Adaptation::new(step, Metric::Diagonal)
}

/// Every pair passes the check of adaptations.
fn pairs_conform(adaptations: &[Adaptation], kernels: &[Box<dyn Kernel>]) {
    for adaptation in adaptations {
        for kernel in kernels {
            let conforms = check_adaptation(adaptation, &**kernel);
            assert_eq!(conforms, Ok(()), "{adaptation:?} with {kernel:?}");
        }
    }
}

#[test]
fn following_conforms_with_every_kernel() {
    let following = [Adaptation::default()];
    pairs_conform(&following, &with_rejection());
    pairs_conform(&following, &with_corrections());
}

#[test]
fn a_frozen_step_conforms_with_every_kernel() {
    let scaled = stepping(Frozen::at(0.3));
    pairs_conform(&[Adaptation::frozen(0.3), scaled], &with_rejection());
    pairs_conform(&[Adaptation::frozen(0.1)], &with_corrections());
}

#[test]
fn dual_averaging_conforms_with_every_kernel_that_rejects() {
    let (aim, to) = (DualAveraging::aim(), DualAveraging::to(0.9));
    let (aim, to) = (stepping(aim), Adaptation::new(to, Metric::Blocks));
    check_kernel(&Hmc::leapfrogs(4).jitter(0.4), &to).unwrap();
    check_kernel(&Mala, &aim).unwrap();
    pairs_conform(&[aim, to], &with_rejection());
}

#[test]
fn the_largest_step_conforms_with_every_kernel_that_corrects() {
    let keeping = LargestStep::keeping(0.8).trials(3);
    let (aim, keeping) = (
        stepping(LargestStep::aim()),
        Adaptation::new(keeping, Metric::Unit),
    );
    for kernel in with_corrections() {
        check_kernel(&*kernel, &aim).unwrap();
    }
    pairs_conform(&[aim, keeping], &with_corrections());
}

#[test]
fn the_largest_jump_conforms_with_every_kernel_that_rejects_but_not_in_step() {
    let mut kernels = with_rejection();
    kernels.retain(|kernel| !kernel.in_step());
    let wide = stepping(Esjd::default());
    let narrow = Adaptation::new(Esjd::spread(1.5), Metric::Unit);
    check_kernel(&RandomWalk, &wide).unwrap();
    check_kernel(&Hmc::leapfrogs(4).jitter(0.4), &wide).unwrap();
    pairs_conform(&[wide, narrow], &kernels);
}

#[test]
fn chees_conforms() {
    check_kernel(&Chees::default(), &Adaptation::default()).unwrap();
    check_kernel(
        &Chees::default().jitter(0.9),
        &stepping(DualAveraging::aim()),
    )
    .unwrap();
    check_kernel(&Chees::default().at_most(3), &Adaptation::frozen(0.3)).unwrap();
}

#[test]
fn what_makes_no_sense_is_refused_and_says_what_does() {
    let text = |adaptation: &Adaptation, kernel: &dyn Kernel| {
        let found = adaptation.check(kernel).unwrap_err().to_string();
        let checked = check_adaptation(adaptation, kernel).unwrap_err();
        assert_eq!(found, checked);
        let (_, why) = found.split_once(": ").unwrap();
        assert!(found.starts_with("step_size = "), "{found}");
        let (_, why) = why.split_once(&format!("{kernel:?} ")).unwrap();
        why.to_owned()
    };
    let problem = Regression::simulated(12, 2, 0.8, 1.0, 5).unwrap();
    let perfect = Perfect::of(&problem);
    let (averaging, jumping) = (stepping(DualAveraging::aim()), stepping(Esjd::default()));
    for kernel in with_corrections() {
        assert_eq!(
            text(&averaging, &*kernel),
            "accepts every proposal and corrects weights, so there is no acceptance to average; use `Follow` or `LargestStep`"
        );
        assert_eq!(
            text(&jumping, &*kernel),
            "accepts every proposal, so the longest step jumps farthest; use `LargestStep` or `Follow`"
        );
    }
    for kernel in with_rejection() {
        assert_eq!(
            text(&stepping(LargestStep::aim()), &*kernel),
            "makes no corrections of weights that would bound its step; use `Follow` or `DualAveraging`"
        );
    }
    assert_eq!(
        text(&jumping, &Chees::default()),
        "learns the length of trajectories from steps that all particles share; use `Follow` or `DualAveraging`"
    );
    for adaptation in [averaging, jumping] {
        assert_eq!(
            text(&adaptation, &perfect),
            "has no step size; use `Follow`"
        );
    }
}

#[test]
fn impossible_settings_of_step_sizes_are_named() {
    let text =
        |step: &dyn StepSize, kernel: &dyn Kernel| step.check(kernel).unwrap_err().to_string();
    let fraction = "a fraction between 0 and 1, both excluded";
    for (step, kernel, expected) in [
        (
            &DualAveraging::to(1.0) as &dyn StepSize,
            &Mala as &dyn Kernel,
            format!("aim = 1: {fraction}"),
        ),
        (
            &LargestStep::keeping(0.0),
            &UnadjustedLangevin,
            format!("keeping = 0: {fraction}"),
        ),
        (
            &LargestStep::aim().trials(0),
            &UnadjustedLangevin,
            "trials = 0: at least one trial is needed".to_owned(),
        ),
        (
            &Esjd::spread(1.0),
            &Mala,
            "spread = 1: a finite factor above 1 is needed".to_owned(),
        ),
    ] {
        assert_eq!(text(step, kernel), expected);
    }
    let text = |kernel: Chees| kernel.check().unwrap_err().to_string();
    assert_eq!(
        text(Chees::default().at_most(0)),
        "at_most = 0: at least one leapfrog step is needed"
    );
    assert_eq!(
        text(Chees::default().jitter(1.0)),
        "jitter = 1: a fraction of at least 0 and below 1 is needed"
    );
}

/// A correction-bearing move at the step that was found keeps what it should, and twice the step does not.
#[test]
fn the_largest_step_is_the_largest() {
    let problem = Regression::simulated(12, 2, 0.8, 1.0, 5).unwrap();
    let stage = Stage::ramping(0..6, 6..12, 0.5);
    let target = Target::new(&problem, &stage);
    let cloud = Cloud::at(&target, problem.draws(&stage, 6000, Streams::new(1)));
    let weights = Weights::uniform(6000);
    let at = |draw| At {
        streams: Streams::new(2),
        stage: 1,
        draw,
    };
    // Where a trial sees the gradient of some rows only, it says little of the next.
    for kernel in with_corrections().into_iter().take(2) {
        let mut tuning = kernel.start(2);
        let aim = LargestStep::aim();
        aim.try_out(
            &*kernel,
            &mut tuning,
            &target,
            &cloud,
            &weights,
            at(1 << 20),
        );
        let kept = |factor: f64| {
            let tuning = tuning.clone().at(factor * tuning.step);
            let moved = kernel.step(&tuning, &target, &mut cloud.clone(), at(0));
            cess(weights.log(), &moved.corrections.unwrap())
        };
        let (here, beyond) = (kept(1.0), kept(2.0));
        assert!(here > 0.88 && beyond < 0.7, "{kernel:?}: {here} {beyond}");
    }
}

/// Draws of mcmc have the acceptance that its warm-up aimed at, one step for each chain or one for all.
#[test]
fn the_warm_up_of_mcmc_settles_at_the_aim() {
    let problem = Regression::simulated(40, 10, 0.8, 1.0, 5).unwrap();
    let settings = || mcmc().chains(4).warmup(400).draws(200);
    let hmc = || settings().kernel(Hmc::leapfrogs(6).jitter(0.3));
    let chees = || settings().kernel(Chees::default());
    for (algorithm, aim) in [
        (hmc(), 0.8),
        (hmc().step_size(DualAveraging::aim()), 0.8),
        (hmc().step_size(DualAveraging::to(0.6)), 0.6),
        (chees(), 0.651),
        (chees().step_size(DualAveraging::to(0.8)), 0.8),
    ] {
        let (steps, _) = stepped(&algorithm, &problem, 1).unwrap();
        let found = steps[400..]
            .iter()
            .filter_map(Step::acceptance)
            .sum::<f64>()
            / 200.0;
        // The average of a step that swings is on the safe side of it.
        assert!(
            (aim - 0.05..aim + 0.15).contains(&found),
            "{algorithm:?}: {found}"
        );
        let bits = |s: &Step| s.step_size().map(f64::to_bits);
        let settled = |s: &Step| bits(s) == bits(&steps[400]);
        assert!(steps[400..].iter().all(settled), "{algorithm:?}");
    }
}

#[test]
fn the_warm_up_of_mcmc_ends_where_its_adaptation_settles() {
    /// Ends at one step of 1/8 for all.
    #[derive(Debug)]
    struct Eighth;

    impl StepSize for Eighth {
        fn settle(&self, tuning: &mut Tuning) {
            tuning.step = 0.125;
            tuning.set_factors(Vec::new());
        }
    }

    let problem = Regression::simulated(40, 10, 0.8, 1.0, 5).unwrap();
    let algorithm = mcmc().warmup(16).draws(4).step_size(Eighth);
    let (steps, _) = stepped(&algorithm, &problem, 1).unwrap();
    let eighths = steps
        .iter()
        .map(|s| (s.step_size().unwrap() - 0.125).abs() < 1e-9);
    assert_eq!(
        eighths.collect::<Vec<_>>(),
        [[false; 16].as_slice(), &[true; 4]].concat()
    );
}

/// With many particles or few, over the last of 100 moves the common step jumps at least 0.85 times as far as the best.
#[test]
fn the_largest_jump_is_found_by_many_particles_and_by_few() {
    const MOVES: usize = 100;
    let problem = Regression::simulated(40, 10, 0.8, 1.0, 5).unwrap();
    let stage = Stage::of(0..40);
    let target = Target::new(&problem, &stage);
    let draws = |particles| Cloud::at(&target, problem.draws(&stage, particles, Streams::new(1)));
    let at = |draw| At {
        streams: Streams::new(2),
        stage: 1,
        draw,
    };
    let many = draws(2000);
    for kernel in with_rejection().iter().take(4) {
        let jump = |tuning: &Tuning, step: f64| {
            let mut tuning = tuning.clone().at(step);
            tuning.set_factors(Vec::new());
            kernel
                .step(&tuning, &target, &mut many.clone(), at(MOVES))
                .mean_jump()
        };
        for particles in [16, 1000] {
            let (mut cloud, esjd) = (draws(particles), Esjd::default());
            let weights = Weights::uniform(particles);
            let mut tuning = kernel.start(10);
            tuning.refer_to(vec![1.0]);
            Metric::Diagonal.learn(&mut tuning, &target, &mut cloud, &weights);
            esjd.try_out(
                &**kernel,
                &mut tuning,
                &target,
                &cloud,
                &weights,
                at(1 << 20),
            );
            let mut found = Vec::new();
            for draw in 0..MOVES {
                let moved = kernel.step(&tuning, &target, &mut cloud, at(draw));
                esjd.learn(&**kernel, &mut tuning, &moved, 1.0);
                if draw % 5 == 0 && draw > 20 {
                    found.push(jump(&tuning, tuning.step));
                }
            }
            let found = found.iter().sum::<f64>() / found.len() as f64;
            let step = |k: i32| tuning.step * (f64::from(k) / 8.0).exp();
            let best = (-12..=12)
                .map(|k| jump(&tuning, step(k)))
                .fold(0.0, f64::max);
            println!("{kernel:?}, {particles} particles: {:.3}", found / best);
            assert!(
                found > 0.85 * best,
                "{kernel:?} {particles}: {found} of {best}"
            );
        }
    }
}

#[test]
fn the_scales_of_every_metric_are_those_of_the_exact_posterior() {
    let problem = Regression::simulated(12, 2, 0.8, 1.5, 5).unwrap();
    let stage = Stage::ramping(0..6, 6..12, 0.5);
    let target = Target::new(&problem, &stage);
    let exact = problem.exact(&stage);
    let variance = |k: usize| exact.covariance[k][k];
    let det = variance(0) * variance(1) - exact.covariance[0][1].powi(2);
    let mean = 0.5 * (variance(0) + variance(1));
    for (metric, squares) in [
        (Metric::Unit, [1.0, 1.0]),
        (Metric::Prior, [1.5f64.powi(2); 2]),
        (Metric::Blocks, [mean; 2]),
        (Metric::Diagonal, [variance(0), variance(1)]),
        // The precision given the other coordinate is a diagonal element of the inverse covariance.
        (Metric::Scores, [det / variance(1), det / variance(0)]),
    ] {
        let mut cloud = Cloud::at(&target, problem.draws(&stage, 6000, Streams::new(1)));
        let mut tuning = Tuning::new(2);
        tuning.refer_to(vec![1.5f64.powi(2)]);
        let weights = Weights::uniform(6000);
        metric.learn(&mut tuning, &target, &mut cloud, &weights);
        for (scale, square) in tuning.scale.iter().zip(squares) {
            // A variance of 6000 draws has a relative standard error of 0.018.
            let off = f64::from(*scale).powi(2) / square - 1.0;
            assert!(off.abs() < 0.08, "{metric:?}: off by {off}");
        }
    }
}

#[test]
fn the_scales_by_information_are_the_widths_given_all_other_coordinates() {
    // With rows that follow the model the empirical information is on average that of the Gaussian posterior; with
    // particles that are few, and rows that count by half.
    const DATA: u64 = 60;
    let (prior, rows) = (1.5f64.powi(-2), 400);
    for stage in [
        Stage::of(0..rows),
        Stage::ramping(0..rows / 2, rows / 2..rows, 0.5),
    ] {
        let mut ratios = [0.0; 2];
        for seed in 0..DATA {
            let problem = Regression::simulated(rows, 2, 0.8, 1.5, seed).unwrap();
            let target = Target::new(&problem, &stage);
            let covariance = problem.exact(&stage).covariance;
            let det = covariance[0][0] * covariance[1][1] - covariance[0][1].powi(2);
            let mut cloud = Cloud::at(&target, problem.draws(&stage, 8, Streams::new(seed)));
            let mut tuning = Tuning::new(2);
            tuning.refer_to(vec![1.0 / prior]);
            let weights = Weights::uniform(8);
            Metric::Information.learn(&mut tuning, &target, &mut cloud, &weights);
            for k in 0..2 {
                let information = covariance[1 - k][1 - k] / det - prior;
                let found = f64::from(tuning.scale[k]).powi(-2) - prior;
                ratios[k] += found / information / DATA as f64;
            }
        }
        // 64 blocks make a relative error of 0.18, and 60 sets of data 0.023.
        for ratio in ratios {
            assert!((ratio - 1.0).abs() < 0.08, "{stage:?}: {ratios:?}");
        }
    }
}
