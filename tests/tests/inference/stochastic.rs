//! Moves by mini-batches: what they sample where it is known, what is not said of them, and how exact moves go on from them.

use laws::altered::Altered;
use laws::models::Softmax;
use laws::{expectation, infer, near, stepped, table};
use models::{DeepClassifier, DeepRegressor, Layers, Nonlinearity};
use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::engine::{Engine, bind};
use smc_runtime::infer::observe::Detail;
use smc_runtime::infer::{DrawnFrom, Form};
use smc_runtime::prelude::*;
use smc_runtime::problem::Problem;
use smc_runtime::problem::population::Population;
use smc_runtime::sampling::adapt::{Metric, Scales};
use smc_runtime::sampling::cloud::{Cloud, Target};
use smc_runtime::sampling::kernel::MiniBatches;
use smc_runtime::sampling::stage::Stage;
use smc_runtime::sampling::stochastic::{
    GrowingBatch, Psmile, Sghmc, Sgld, StochasticGradient, Stroke, Walkers, pass, probe,
};
use smc_runtime::testing::Regression;

const ROWS: usize = 64;

/// One parameter, whose posterior is narrower than its prior by three.
fn line() -> Regression {
    Regression::simulated(ROWS, 1, 2.0, 1.0, 5).unwrap()
}

fn stroke(pass: usize) -> Stroke {
    Stroke {
        streams: Streams::new(11),
        pass,
        step: 0,
        temperature: 1.0,
        factor: 1.0,
    }
}

/// The mean square distance from the posterior's mean, in units of its variance, of walkers that began at exact draws and have moved
/// for so many passes, over the second half of them.
fn spread(
    kernel: &dyn StochasticGradient,
    problem: &dyn Problem,
    exact: &Regression,
    (batch, step, passes): (usize, f64, usize),
) -> f64 {
    const WALKERS: usize = 1000;
    let stage = Stage::of(0..problem.rows());
    let target = Target::new(problem, &stage);
    let draws = exact.draws(&stage, WALKERS, Streams::new(1));
    let (mean, sd) = (exact.posterior().mean[0], exact.posterior().sd()[0]);
    let mut tuning = kernel.start(1).at(step);
    tuning.scale = vec![sd as f32];
    let mut walkers = Walkers::new(draws, tuning);
    walkers
        .momenta
        .fill_normal(Streams::new(2), Purpose::User, 0, 0);
    let none = walkers.momenta.zeros_like();
    walkers
        .momenta
        .blend(&[step as f32; WALKERS], &[0.0; WALKERS], &none);
    let (mut sum, mut times) = (0.0, 0.0);
    for number in 1..=passes {
        pass(kernel, &mut walkers, &target, batch, stroke(number)).unwrap();
        if number > passes / 2 {
            let squares = walkers.positions.coordinate(0).into_iter();
            sum += squares.map(|x| ((x - mean) / sd).powi(2)).sum::<f64>() / WALKERS as f64;
            times += 1.0;
        }
    }
    sum / times
}

/// The same where the recursion v ← k·v − e·x + n·ξ, x ← x + v ends, e = kick: by its own fixed point.
fn stationary(keep: f64, kick: f64, noise: f64) -> f64 {
    let (mut xx, mut xv, mut vv) = (1.0, 0.0, 0.1);
    for _ in 0..200_000 {
        // x' = (1 − e)x + kv + nξ, v' = −e·x + kv + nξ.
        let (a, e, k, n) = (1.0 - kick, kick, keep, noise * noise);
        let next_xx = a * a * xx + 2.0 * a * k * xv + k * k * vv + n;
        let next_xv = -a * e * xx + (a - e) * k * xv + k * k * vv + n;
        let next_vv = e * e * xx - 2.0 * e * k * xv + k * k * vv + n;
        (xx, xv, vv) = (next_xx, next_xv, next_vv);
    }
    xx
}

/// Whether full batches end at the variance that the step's own error makes of the posterior's.
fn samples_a_gaussian(
    kernel: &dyn StochasticGradient,
    problem: &dyn Problem,
    expected: f64,
) -> Result<(), String> {
    let found = spread(kernel, problem, &line(), (ROWS, 0.5, 400));
    if (found / expected - 1.0).abs() < 0.04 {
        return Ok(());
    }
    Err(format!(
        "{found:.4} times the variance, and not {expected:.4}"
    ))
}

/// What v ← keep·v + ε²g + noise·ξ must end at with a step of a half.
fn of_sghmc(friction: f64) -> f64 {
    let keep = 1.0 - friction;
    stationary(keep, 0.25, 0.5 * (1.0 - keep * keep).sqrt())
}

#[test]
fn full_batches_sample_a_gaussian_with_the_known_error_of_the_step() {
    let problem = line();
    let friction = 0.2;
    samples_a_gaussian(
        &Sghmc::default().friction(friction),
        &problem,
        of_sghmc(friction),
    )
    .unwrap();
    samples_a_gaussian(&Sgld, &problem, stationary(0.0, 0.125, 0.5)).unwrap();
}

/// SGHMC with a fault.
#[derive(Debug)]
struct Faulty {
    noise: f64,
    priors: f64,
}

impl StochasticGradient for Faulty {
    fn friction(&self) -> f64 {
        0.2
    }
    fn step(&self, walkers: &mut Walkers, target: &Target<'_>, stroke: &Stroke) -> Vec<f64> {
        let step = walkers.tuning.step;
        let mut gradient = walkers.positions.zeros_like();
        let terms = target.add_gradient(&walkers.positions, &mut gradient);
        let mut prior = gradient.zeros_like();
        target
            .problem
            .prior()
            .log_density(&walkers.positions, Some(&mut prior));
        gradient.add_scaled((self.priors - 1.0) as f32, &prior);
        let each = smc_runtime::problem::population::LangevinStep {
            keep: 0.8,
            kick: (step * step) as f32,
            noise: (self.noise * 0.36f64.sqrt()) as f32,
        };
        let each = vec![each; walkers.positions.len()];
        let at = (stroke.streams, stroke.pass, stroke.step);
        let scale = walkers.tuning.scale.clone();
        let momenta = &mut walkers.momenta;
        walkers
            .positions
            .langevin(momenta, &mut gradient, &scale, &each, at);
        target.log_density(&terms)
    }
}

#[test]
fn planted_faults_are_found() {
    let (inside, expected) = (line(), of_sghmc(0.2));
    let right = Faulty {
        noise: 0.5,
        priors: 1.0,
    };
    samples_a_gaussian(&right, &inside, expected).unwrap();
    // Noise scaled by ε² instead of ε.
    samples_a_gaussian(
        &Faulty {
            noise: 0.25,
            ..right
        },
        &inside,
        expected,
    )
    .unwrap_err();
    // The prior counted once for every row: here a fault of its own, as one batch has all rows.
    let per_row = Faulty {
        noise: 0.5,
        priors: ROWS as f64,
    };
    samples_a_gaussian(&per_row, &inside, expected).unwrap_err();
    // N/n forgotten.
    let unscaled = Altered::likelihood(&inside, |thetas, segments, gradient| {
        let mut segments = segments.to_vec();
        for segment in &mut segments {
            segment.weight = 1.0;
        }
        inside.log_likelihood(thetas, &segments, gradient)
    });
    let kernel = Sghmc::default().friction(0.2);
    let batches = (8, 0.1, 200);
    let scaled = spread(&kernel, &inside, &inside, batches);
    let forgotten = spread(&kernel, &unscaled, &inside, batches);
    assert!(scaled < 2.0 && forgotten > 3.0, "{scaled} and {forgotten}");
}

/// In batches of n rows the temperature rises by what a probe says, or by less: those of one pass are without replacement, so that their
/// noise cancels in part over times as long as a pass.
#[test]
fn the_noise_of_batches_heats_as_a_probe_says() {
    let problem = Regression::simulated(1024, 1, 2.0, 1.0, 5).unwrap();
    let (kernel, step) = (Sghmc::default().friction(0.2), 0.2);
    let stage = Stage::of(0..1024);
    let target = Target::new(&problem, &stage);
    let sd = problem.posterior().sd()[0];
    let mut tuning = kernel.start(1).at(step);
    tuning.scale = vec![sd as f32];
    let walkers = Walkers::new(problem.draws(&stage, 200, Streams::new(3)), tuning);
    let found = probe(&kernel, &walkers, &target, (Streams::new(4), 1));
    let full = spread(&kernel, &problem, &problem, (1024, step, 200));
    let heated = |batch| spread(&kernel, &problem, &problem, (batch, step, 30)) / full - 1.0;
    let ratio = |batch| heated(batch) / found.heat(batch, 1024);
    // Where a pass ends its noise has summed to zero: a hundred and more steps have forgotten most of it, sixteen have not.
    let (small, large) = (ratio(8), ratio(64));
    assert!(
        (0.75..1.3).contains(&small),
        "{small:.2} times what the probe says"
    );
    assert!(
        (0.0..0.75).contains(&large),
        "{large:.2} times what the probe says"
    );
}

/// Draws by chains, each with a posterior mean and variance per coordinate that are near the exact ones.
fn finds_the_posterior(algorithm: &dyn Inference, most_off: f64, tolerance: f64) {
    let problem = Regression::simulated(200, 12, 1.0, 1.0, 7).unwrap();
    let exact = problem.posterior();
    let draws = infer(algorithm, &problem, 3).unwrap();
    assert_eq!(draws.log_evidence(), None);
    assert!(matches!(draws.drawn_from(), DrawnFrom::Nearly(_)));
    let sds = exact.sd();
    let (mut off, mut ratio) = (0.0f64, 0.0);
    for (c, (mean, sd)) in exact.mean.iter().zip(&sds).enumerate() {
        let found = expectation(&draws, |row| f64::from(row[c]));
        off = off.max((found - mean).abs() / sd);
        let square = expectation(&draws, |row| (f64::from(row[c]) - mean).powi(2));
        ratio += square / (sd * sd) / sds.len() as f64;
    }
    assert!(off < most_off, "{algorithm:?}: a mean is {off:.2} sds off");
    assert!(
        (ratio - 1.0).abs() < tolerance,
        "{algorithm:?}: variances are {ratio:.3} times the exact ones"
    );
}

#[test]
fn chains_by_mini_batches_find_a_posterior_that_is_known() {
    finds_the_posterior(&sghmc().passes(2000), 0.25, 0.12);
    finds_the_posterior(&sgld().passes(4000), 0.4, 0.2);
    finds_the_posterior(&psmile().passes(4000).batch(50), 0.6, 0.5);
    finds_the_posterior(
        &sghmc()
            .passes(3000)
            .cycles(3)
            .batch(GrowingBatch::between(50, 200)),
        0.3,
        0.15,
    );
}

#[test]
fn a_colder_temperature_is_narrower_and_called_cold() {
    let problem = Regression::simulated(200, 4, 1.0, 1.0, 7).unwrap();
    let at = |t: f64| {
        stepped(&sghmc().passes(1500).temperature(t), &problem, 3)
            .unwrap()
            .1
    };
    let spread = |t: f64| {
        let draws = at(t).draws;
        let mean = expectation(&draws, |row| f64::from(row[0]));
        expectation(&draws, |row| (f64::from(row[0]) - mean).powi(2))
    };
    let ratio = spread(0.1) / spread(1.0);
    assert!((0.05..0.2).contains(&ratio), "{ratio}");
    let told = at(0.1).cautions.join("\n");
    assert!(
        told.contains("temperature 0.1: the draws are colder"),
        "{told}"
    );
}

#[test]
fn kernels_by_mini_batches_move_on_any_stage_without_an_evidence() {
    let problem = Regression::simulated(120, 2, 0.8, 1.0, 4).unwrap();
    let exact = problem.posterior();
    let kernel = || MiniBatches::of(Sghmc::default()).passes(20);
    let annealed = smc().particles(64).islands(4).kernel(kernel()).moves(2);
    let chains = mcmc().chains(16).warmup(40).draws(20).kernel(kernel());
    let all: [&dyn Inference; 2] = [&annealed, &chains];
    for algorithm in all {
        let (_, left) = stepped(algorithm, &problem, 5).unwrap();
        let draws = left.draws;
        assert_eq!(draws.log_evidence(), None, "{algorithm:?}");
        assert!(matches!(draws.drawn_from(), DrawnFrom::Nearly(_)));
        for c in 0..2 {
            let mean = expectation(&draws, |row| f64::from(row[c]));
            assert!(
                (mean - exact.mean[c]).abs() < 0.6 * exact.sd()[c],
                "{algorithm:?}"
            );
        }
        assert!(left.cautions.iter().any(|c| c.contains("no evidence")));
    }
    let own = mcmc().kernel(MiniBatches::of(Psmile::default()));
    let refused = stepped(&own, &problem, 1).unwrap_err().to_string();
    assert!(refused.contains("psmile()"), "{refused}");
}

/// Ẑ from a start by mini-batches is unbiased, whatever the start, where schedule and kernel do not depend on the particles.
#[test]
fn the_evidence_is_the_same_from_the_prior_an_ensemble_and_chains_by_mini_batches() {
    let problem = Regression::simulated(40, 2, 0.8, 1.0, 5).unwrap();
    let exact = problem.posterior().log_evidence;
    let cold = || {
        smc()
            .particles(64)
            .islands(1)
            .frozen(0.15)
            .kernel(Hmc::leapfrogs(6))
            .moves(3)
    };
    let tempered = cold().annealing(Tempering::stages(12));
    let starts = [
        ("the prior", tempered.clone()),
        (
            "an ensemble",
            tempered.clone().warm(ensemble().members(8).epochs(60), 2.0),
        ),
        ("chains", tempered.warm(sghmc().chains(8).passes(120), 1.0)),
    ];
    for (name, settings) in starts {
        let ratio = |seed| {
            let draws = infer(&settings, &problem, seed).unwrap();
            (draws.log_evidence().unwrap() - exact).exp()
        };
        let ratios: Vec<f64> = (0..150).map(ratio).collect();
        near(&format!("Ẑ/Z from {name}"), &ratios, 1.0, 4.0).unwrap();
    }
}

#[test]
fn what_chains_drew_on_their_way_is_kept_beside_the_particles_and_changes_no_evidence() {
    let problem = Regression::simulated(40, 2, 0.8, 1.0, 5).unwrap();
    let walk = sghmc().chains(8).passes(100).draws(5);
    let settings = |keep: bool| {
        let smc = smc()
            .particles(8)
            .islands(2)
            .annealing(Tempering::stages(4));
        smc.warm(walk.clone(), 1.0).keep_walk(keep)
    };
    let (alone, beside) = (
        stepped(&settings(false), &problem, 1).unwrap().1.draws,
        stepped(&settings(true), &problem, 1).unwrap().1.draws,
    );
    assert_eq!((alone.positions().len(), beside.positions().len()), (8, 48));
    assert_eq!(alone.log_evidence(), beside.log_evidence());
    assert_eq!(alone.drawn_from(), DrawnFrom::Posterior);
    assert!(matches!(beside.drawn_from(), DrawnFrom::Nearly(near) if near.by_exact_moves));
    let Form::Cloud { islands, .. } = beside.form() else {
        panic!("a cloud");
    };
    assert_eq!(islands.len(), 2);
    // The last of a particle's generations is its own.
    for i in 0..8 {
        assert_eq!(beside.positions().row(6 * i + 5), alone.positions().row(i));
    }
    let too_few = smc()
        .particles(8)
        .warm(sghmc().chains(4), 1.0)
        .keep_walk(true);
    let refused = stepped(&too_few, &problem, 1).unwrap_err().to_string();
    assert!(refused.contains("a warm start by 8 chains"), "{refused}");
}

/// No mini-batch has other rows than those of its problem, every pass has each once, and batches grow.
#[test]
fn batches_grow_and_every_pass_has_each_row_once() {
    let problem = Regression::simulated(600, 3, 1.0, 1.0, 5).unwrap();
    let (steps, _) = stepped(&sghmc().passes(80), &problem, 1).unwrap();
    let batches = steps.iter().filter_map(|s| match &s.detail {
        Detail::Pass(pass) => Some((pass.noise, pass.batch)),
        _ => None,
    });
    let (noise, approach): (Vec<_>, Vec<_>) = batches.partition(|(noise, _)| *noise);
    assert!(
        approach.is_sorted() && approach.last() > approach.first(),
        "{approach:?}"
    );
    assert!(
        noise.iter().all(|(_, batch)| (32..=600).contains(batch)),
        "{noise:?}"
    );
    let rows: u64 = 80 * 600 * 16;
    let probes = problem.counts().row_gradients - rows;
    assert!(probes < rows, "{probes} row-gradients beside {rows}");
}

#[test]
fn impossible_settings_of_chains_are_named() {
    let problem = line();
    let text = |algorithm: &dyn Inference| infer(algorithm, &problem, 1).unwrap_err().to_string();
    assert_eq!(text(&sghmc().chains(0)), "chains = 0: at least 1 is needed");
    assert_eq!(
        text(&sghmc().temperature(-1.0)),
        "temperature = -1: a positive, finite number is needed"
    );
    assert_eq!(
        text(&sghmc().approach(1.0)),
        "approach = 1: a share of the passes, at least 0 and below 1, is needed"
    );
    assert_eq!(
        text(&sghmc().batch(0)),
        "batch = 0: at least one row is needed"
    );
    assert_eq!(
        text(&auto().gradients(0)),
        "gradients = 0: at least 1 is needed"
    );
    assert_eq!(
        text(&auto().seconds(f64::NAN)),
        "seconds = NaN: a positive, finite number is needed"
    );
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Small {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<2, 6>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<6, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// The budget is spent, the report says what was chosen, and a budget of seconds is one of gradients.
#[test]
fn auto_says_what_it_chose_and_spends_what_it_may() {
    let data = table(300, 2, 3, |i, x| {
        (x[0] + 0.5 * x[1]).sin() + 0.1 * (i % 7) as f32 - 0.3
    });
    let on = |data: &Dataset, algorithm| {
        let run = Run::new(Small::default(), data).with(algorithm);
        run.seed(2).run().unwrap()
    };
    let run = |algorithm| on(&data, algorithm);
    for budget in [15_000_000, 30_000_000] {
        let posterior = run(auto().gradients(budget));
        let spent = posterior.report().counts.row_gradients as f64 / budget as f64;
        assert!((0.75..1.2).contains(&spent), "{spent} of {budget}");
        let chosen = &posterior.report().chosen;
        assert!(chosen.len() > 1);
        assert!(
            chosen[1].contains(&format!("auto().gradients({budget})")),
            "{chosen:?}"
        );
    }
    let few = data.select(&(0..40).collect::<Vec<_>>()).unwrap();
    let by_time = on(&few, auto().seconds(1));
    let chosen = by_time.report().chosen.join("\n");
    let call = chosen.split("auto().gradients(").nth(1).unwrap();
    let gradients = call.split(')').next().unwrap().parse().unwrap();
    let again = on(&few, auto().gradients(gradients));
    assert_eq!(again.positions().values(), by_time.positions().values());
    assert_eq!(
        Small::infer(&data)
            .seed(2)
            .begin()
            .map(|r| r.steps().len())
            .unwrap(),
        0
    );
}

#[bayes_model]
#[likelihood(Categorical(logits = output))]
struct Kinds {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<2, 6>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<6, 2>,
}

/// Where exact moves from the prior are too dear a network goes to what predicts rows held out best, or to an ensemble where there is too little
/// for a comparison, and what is no network to chains.
#[test]
fn auto_compares_where_exact_moves_are_too_dear() {
    let real = table(300, 2, 3, |i, x| {
        (x[0] + 0.5 * x[1]).sin() + 0.1 * (i % 7) as f32 - 0.3
    });
    let classes = table(300, 2, 3, |_, x| f32::from(u8::from(x[0] > 0.0)));
    let said = |report: &smc_runtime::posterior::report::Report| report.chosen.join("\n");
    let fit = Small::infer(&real)
        .seed(2)
        .with(auto().gradients(1_000_000))
        .run()
        .unwrap();
    let text = said(fit.report());
    assert!(text.contains("by 30 rows held out"), "{text}");
    let scores: Vec<f64> = ["an ensemble ", "layerwise fits ", "chains by mini-batches "]
        .iter()
        .map(|name| {
            let after = text.split(name).nth(1).unwrap();
            let number = after.split([',', '\n']).next().unwrap();
            number.parse().unwrap()
        })
        .collect();
    assert!(scores.iter().all(|s| *s > -2.0 && *s < 0.5), "{scores:?}");
    let spent = fit.report().counts.row_gradients as f64 / 1e6;
    assert!((0.6..1.2).contains(&spent), "{spent}");
    // Too little for a comparison.
    let few = auto().gradients(60_000);
    let of_real = Small::infer(&real).with(few).run().unwrap();
    let of_classes = Kinds::infer(&classes).with(few).run().unwrap();
    for text in [said(of_real.report()), said(of_classes.report())] {
        assert!(text.contains("no posterior"), "{text}");
    }
    let chains = Softmax::<2, 2>::infer(&classes).with(few).run().unwrap();
    let text = said(chains.report());
    assert!(
        text.contains("chains from the prior") && !text.contains("held out"),
        "{text}"
    );
}

/// What layerwise inference is not for is compared without it, and the report says why.
#[test]
fn what_cannot_be_compared_is_left_out() {
    let data = table(300, 2, 3, |_, x| (x[0] + 0.5 * x[1]).sin());
    let run = Pointed::infer(&data).with(auto().gradients(1_000_000));
    let text = run.run().unwrap().report().chosen.join("\n");
    assert!(text.contains("by 30 rows held out"), "{text}");
    assert!(
        text.contains("left out") && text.contains("`hidden` is not normal"),
        "{text}"
    );
    assert!(!text.contains("layerwise fits -"), "{text}");
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.3))]
struct Pointed {
    #[prior(Laplace(0.0, 1.0))]
    hidden: Linear<2, 6>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<6, 1>,
}

/// A folder for draws changes nothing, whatever wins.
#[test]
fn draws_of_what_is_chosen_can_be_kept() {
    let data = table(300, 2, 3, |_, x| (x[0] + 0.5 * x[1]).sin());
    let run = || {
        Small::infer(&data)
            .with(auto().gradients(1_000_000))
            .seed(2)
    };
    let folder = std::env::temp_dir().join(format!("smc-auto-{}", std::process::id()));
    let kept = run().keep(&folder).run().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(
        kept.positions().values(),
        run().run().unwrap().positions().values()
    );
}

/// A run of `auto()` goes on to the bit from within the comparison and after it.
#[test]
fn a_comparison_is_resumed_to_the_bit() {
    let real = table(300, 2, 3, |_, x| (x[0] + 0.5 * x[1]).sin());
    let begin = || {
        Run::new(Small::default(), &real)
            .with(auto().gradients(400_000))
            .seed(4)
    };
    let whole = begin().run().unwrap();
    let all = whole.report().steps.len();
    for stop in [1, all / 5, all / 3, all / 2, all - 1] {
        let mut run = begin().begin().unwrap();
        for _ in 0..stop {
            run.step().unwrap();
        }
        let state = run.state().unwrap();
        let again = begin().resume_from(&state).unwrap().finish().unwrap();
        assert_eq!(
            again.positions().values(),
            whole.positions().values(),
            "{stop}"
        );
        assert_eq!(again.report().chosen, whole.report().chosen);
    }
}

/// Where rows × parameters are many, `smc()` without settings begins with chains by mini-batches, and its evidence is one.
#[test]
fn large_data_are_begun_by_mini_batches() {
    let data = table(100_000, 100, 3, |_, x| f32::from(u8::from(x[0] > 0.0)));
    let bound = bind(Softmax::<100, 2>::default(), &data, Engine::auto(), 1).unwrap();
    let quick = smc()
        .particles(4)
        .islands(1)
        .moves(1)
        .kernel(Hmc::leapfrogs(4));
    let (steps, left) = stepped(&quick, &*bound.problem, 1).unwrap();
    assert!(matches!(&steps[0].detail, Detail::Pass(_)));
    assert!(matches!(&steps.last().unwrap().detail, Detail::Stage(_)));
    assert_eq!(left.draws.drawn_from(), DrawnFrom::Posterior);
    assert!(left.draws.log_evidence().is_some());
}

#[test]
fn scales_of_ones_own_serve_chains_too() {
    #[derive(Debug)]
    struct Halves;
    impl Scales for Halves {
        fn learn(
            &self,
            tuning: &mut smc_runtime::sampling::kernel::Tuning,
            _: &Target<'_>,
            _: &mut smc_runtime::sampling::cloud::Cloud,
            _: &smc_runtime::sampling::weights::Weights,
        ) {
            tuning.scale.fill(0.5);
        }
    }
    let problem = Regression::simulated(100, 3, 1.0, 1.0, 5).unwrap();
    let draws = infer(&sghmc().passes(200).metric(Halves), &problem, 1).unwrap();
    assert_eq!(draws.number_of_chains(), Some(16));
    let data = table(60, 1, 3, |_, x| x[0]);
    let bound = bind(laws::models::Net::default(), &data, Engine::autodiff(), 1).unwrap();
    let thetas: Population = infer(&sghmc().chains(2).passes(6), &*bound.problem, 1)
        .unwrap()
        .into_positions();
    assert_eq!(thetas.first_not_finite(), None);
}

#[test]
fn a_walker_that_fell_too_low_goes_back_with_half_of_its_step() {
    let problem = line();
    let stage = Stage::of(0..ROWS);
    let target = Target::new(&problem, &stage);
    let draws = problem.draws(&stage, 3, Streams::new(1));
    let mut walkers = Walkers::new(draws.clone(), Sghmc::default().start(1).at(1e-3));
    let logs = target.log_density(&target.value(&draws));
    // The second one alone is asked for more than it has.
    walkers.lost_below(&[logs[0], logs[1] + 200.0, logs[2]], 100.0);
    let passed = pass(
        &Sghmc::default(),
        &mut walkers,
        &target,
        ROWS / 4,
        stroke(1),
    )
    .unwrap();
    assert_eq!(passed.undone, 1);
    assert_eq!(walkers.tuning.factors(), [1.0, 0.5, 1.0]);
    let moved = |i: usize| walkers.positions.coordinate(0)[i] != draws.coordinate(0)[i];
    assert_eq!([0, 1, 2].map(moved), [true, false, true]);
}

#[test]
fn a_walker_whose_steps_are_too_long_does_not_slow_the_others_down() {
    let problem = line();
    let stage = Stage::of(0..ROWS);
    let target = Target::new(&problem, &stage);
    let draws = problem.draws(&stage, 9, Streams::new(1));
    let mut tuning = Sghmc::default().start(1).at(0.1);
    let found = |tuning: &_| {
        let walkers = Walkers::new(draws.clone(), Clone::clone(tuning));
        probe(&Sghmc::default(), &walkers, &target, (Streams::new(2), 0))
    };
    let together = found(&tuning);
    assert!(together.apart.is_empty(), "{together:?}");
    tuning.set_factors([vec![1.0; 8], vec![1e4]].concat());
    let one_wild = found(&tuning);
    assert_eq!(one_wild.apart, [8]);
    assert!(
        (0.3..3.0).contains(&(one_wild.energy_error / together.energy_error)),
        "{one_wild:?} beside {together:?}"
    );
}

#[test]
fn the_scale_of_a_scale_counts_the_weights_under_it() {
    let data = table(50, 4, 3, |_, x| x[0]);
    let model = DeepRegressor::sized(&[20]).unwrap();
    let bound = bind(model, &data, Engine::auto(), 1).unwrap().problem;
    let stage = Stage::of(0..data.rows());
    let target = Target::new(&*bound, &stage);
    let mut thetas = Population::zeros(8, bound.dim());
    bound.prior().sample(Streams::new(1), 0, &mut thetas);
    let mut cloud = Cloud::at(&target, thetas);
    let mut tuning = Sghmc::default().start(bound.dim());
    tuning.refer_to(vec![1.0; bound.layout().blocks().len()]);
    let equal = smc_runtime::sampling::weights::Weights::uniform(8);
    Metric::Information.learn(&mut tuning, &target, &mut cloud, &equal);
    // All weights and biases of a layer are under one scale: its logarithm has twice as many from them, about, and a scale of its own
    // prior's width, one, where they are not counted.
    let hyperparameters = bound.model().hyperparameters();
    let found = hyperparameters.iter().map(|h| {
        let blocks = bound.layout().blocks();
        let under: usize = h.governs.iter().map(|&g| blocks[g].range.len()).sum();
        let scale = f64::from(tuning.scale[blocks[h.block].range.start]);
        (under, scale * (2.0 * under as f64).sqrt())
    });
    let found: Vec<(usize, f64)> = found.collect();
    assert!(
        found.iter().all(|(_, ratio)| (0.6..1.4).contains(ratio)),
        "{found:?}"
    );
    assert_eq!(found.len(), 2);
}

#[test]
fn noise_that_begins_carefully_keeps_what_the_approach_has_found() {
    // Where a network fits all rows they tell nothing of its weights, and scales from there alone are those of the prior: with them the
    // chains leave for where rows are hardly fitted, and NLL is 0.10.
    let n = 600;
    let x: Vec<f32> = (0..n * 8)
        .map(|i| {
            let class = (i / 8) % 3;
            let noise = ((i * 7919) % 1009) as f32 / 1009.0 - 0.5;
            noise + if i % 8 % 3 == class { 0.8 } else { 0.0 }
        })
        .collect();
    let y: Vec<f32> = (0..n).map(|i| (i % 3) as f32).collect();
    let data = Dataset::new(8, x, y).unwrap();
    let data = data.with_classes(["a", "b", "c"]).unwrap();
    let model = DeepClassifier::sized(&[32, 32], 3).unwrap();
    let model = model.activation(Nonlinearity::Relu).scales(1.0, 1.0);
    let run = Run::new(model, &data).seed(1).with(sghmc().passes(400));
    let nll = run.run().unwrap().predict(&data).unwrap().summary().nll;
    assert!(nll < Some(0.06), "{nll:?}");
}

#[test]
fn layers_are_chosen_by_rows_held_out() {
    // |x| on a wide range: kinks win over waves of 50 units only where there are enough rows, so only what was compared is asked.
    let x: Vec<f32> = (0..200).map(|i| i as f32 / 20.0 - 5.0).collect();
    let y = x.iter().map(|x| x.abs() + (9.0 * x).sin() / 20.0).collect();
    let data = Dataset::new(1, x, y).unwrap();
    let budget = auto().gradients(2_000_000);
    let chosen = Layers::chosen(&data, budget, 1).unwrap();
    let best = chosen.candidates.iter();
    let best = best.max_by(|a, b| a.score.total_cmp(&b.score)).unwrap();
    assert_eq!(chosen.layers, best.layers);
    assert_eq!(chosen.candidates.len(), Layers::for_rows(200).len());
    assert_eq!(chosen, Layers::chosen(&data, budget, 1).unwrap());
    let text = chosen.to_string();
    assert!(
        text.contains("50 tanh") && text.contains("32,32 relu"),
        "{text}"
    );
    // What cannot be learned at all says why.
    let one = data.select(&[0]).unwrap();
    assert!(Layers::chosen(&one, budget, 1).is_err());
}
