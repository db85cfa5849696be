//! What is exactly true of annealing policies: planned stages give E[Ẑ] = Z and cost what the plan says, stages that
//! follow the particles are off by O(1/J), random mini-batches have no evidence, and rows enter in the order asked for.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use laws::conjugate::{Line, data, known};
use laws::laws::{evidence_bias_falls_as_one_over_j, evidence_is_unbiased};
use laws::{infer, stepped};
use smc_runtime::base::rng::Streams;
use smc_runtime::engine::{Engine, bind, bind_in_order};
use smc_runtime::infer::observe::{Observer, StageDetail, Step};
use smc_runtime::infer::{Outcome, Smc, complete};
use smc_runtime::prelude::*;
use smc_runtime::problem::{Problem, Segment};
use smc_runtime::sampling::anneal::{Annealing, Plan};
use smc_runtime::testing::{Perfect, Regression};

const ROWS: usize = 40;

fn regression() -> Regression {
    Regression::simulated(ROWS, 3, 1.0, 1.0, 3).unwrap()
}

/// A kernel whose settings never change.
fn frozen() -> Smc {
    smc().particles(64).kernel(Hmc::leapfrogs(6)).frozen(0.12)
}

/// With as many particles as a whole row at once asks for.
fn unbiased(policy: impl Annealing + 'static) {
    let known = known();
    let settings = frozen().particles(224).moves(2).annealing(policy);
    evidence_is_unbiased(&settings, &*known.problem, known.log_evidence).unwrap();
}

#[test]
fn a_derived_ladder_has_an_unbiased_evidence() {
    unbiased(Tempering::stages(14));
}

#[test]
fn step_data_annealing_has_an_unbiased_evidence() {
    unbiased(StepDataAnnealing::linear(14).first(1));
    unbiased(StepDataAnnealing::geometric(10).first(1).hold(2));
    unbiased(StepDataAnnealing::front_loaded(14).first(1));
    unbiased(StepDataAnnealing::doubling().first(1));
    unbiased(StepDataAnnealing::table([1, 2, 4, 4, 9, 20, 30, ROWS]));
}

#[test]
fn smooth_stages_have_an_unbiased_evidence() {
    unbiased(SmoothDataAnnealing::stages(14).first(5));
    unbiased(SmoothDataAnnealing::stages(14).first(5).power(1.5).hold(1));
}

fn falls_as_one_over_j(policy: AutomaticAnnealing, runs: u64) {
    let known = known();
    let (problem, z) = (&*known.problem, known.log_evidence);
    let settings = smc().annealing(policy);
    let settings = settings.kernel(Perfect::of(&known.regression)).moves(1);
    evidence_bias_falls_as_one_over_j(&settings, problem, z, 64, runs).unwrap();
}

#[test]
fn the_bias_of_automatic_annealing_falls_as_one_over_j() {
    falls_as_one_over_j(AutomaticAnnealing::default(), 270);
    let coarse = AutomaticAnnealing::default().first(1).ratio(2.0);
    falls_as_one_over_j(coarse.cess(0.7), 620);
}

/// The steps of a run and what they leave.
fn steps(settings: &Smc, problem: &dyn Problem) -> (Vec<Step>, Outcome) {
    stepped(settings, problem, 1).unwrap()
}

fn stage(step: &Step) -> &StageDetail {
    step.stage().unwrap()
}

#[test]
fn a_stage_that_is_held_weighs_nothing() {
    let problem = regression();
    for policy in [3, 0] {
        let held = StepDataAnnealing::geometric(6).first(2).hold(policy);
        let (steps, left) = steps(&frozen().annealing(held), &problem);
        assert_eq!(steps.len(), 6 + policy);
        for step in &steps[6..] {
            assert_eq!(stage(step).log_evidence, stage(&steps[5]).log_evidence);
            assert!((stage(step).cess - 1.0).abs() < 1e-12 && step.moves > 0);
        }
        let evidence = left.draws.log_evidence();
        assert_eq!(evidence, Some(stage(&steps[5]).log_evidence));
    }
}

/// Every stage differentiates its rows equally often: the measured cost of a run is a whole multiple of the plan's.
#[test]
fn a_plan_is_what_the_run_costs() {
    let problem = regression();
    let policies: [Arc<dyn Fn() -> Smc>; 4] = [
        Arc::new(|| frozen().annealing(Tempering::stages(7))),
        Arc::new(|| frozen().annealing(StepDataAnnealing::front_loaded(7).hold(2))),
        Arc::new(|| frozen().annealing(SmoothDataAnnealing::stages(7).first(4))),
        Arc::new(|| frozen().annealing(SmoothDataAnnealing::geometric().first(3).ramps(2))),
    ];
    let mut gradients = Vec::new();
    for policy in policies {
        // Small steps are all accepted, so there are no moves beyond the two.
        let settings = policy().kernel(Hmc::leapfrogs(3)).frozen(1e-3).moves(2);
        let run = settings.begin(Arc::new(&problem), Streams::new(1));
        let plan = run.unwrap().plan().unwrap();
        let before = problem.counts().row_gradients;
        let (steps, _) = steps(&settings, &problem);
        let touched: Vec<usize> = steps.iter().map(|s| s.touched).collect();
        assert_eq!(touched, plan.rows());
        let spent = problem.counts().row_gradients - before;
        assert_eq!(spent % (64 * plan.cost()), 0, "{spent} for {plan}");
        gradients.push(spent / (64 * plan.cost()));
    }
    gradients.dedup();
    assert_eq!(gradients.len(), 1, "{gradients:?} gradients per stage");
}

/// What an observer was told before the first step, and the cost after the last.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Observer for Told {
    fn plan(&mut self, plan: &Plan) {
        self.0.lock().unwrap().push(plan.to_string());
    }
    fn step(&mut self, step: &Step) -> ControlFlow<()> {
        self.0.lock().unwrap().push(step.step.to_string());
        ControlFlow::Continue(())
    }
}

#[test]
fn a_known_cost_is_told_first_and_reported() {
    let table = data::<2>(640, 1);
    let run = |settings: Smc| {
        let told = Told::default();
        let posterior = Run::new(Line::<2>::default(), &table)
            .with(settings.particles(8))
            .observe(told.clone())
            .run()
            .unwrap();
        let told = told.0.lock().unwrap().clone();
        (told, posterior.report().clone())
    };
    let planned = StepDataAnnealing::table([10, 40, 160, 640, 640]);
    let (told, report) = run(smc().annealing(planned));
    let plan = "5 stages, 2 of them on all 640 rows; 0.466 of the cost of as many on all rows";
    assert_eq!(told, [plan, "1", "2", "3", "4", "5"]);
    let bands = report.bands();
    let rows: Vec<_> = bands.iter().map(|b| (b.rows, b.steps)).collect();
    assert_eq!(rows, [(10, 1), (40, 1), (160, 1), (640, 2)]);
    let total =
        |f: &dyn Fn(&smc_runtime::posterior::report::Band) -> f64| bands.iter().map(f).sum::<f64>();
    assert_eq!(
        total(&|b| b.row_gradients as f64),
        report.counts.row_gradients as f64
    );
    assert!(total(&|b| b.seconds) <= report.seconds);
    assert!(bands.iter().all(|b| b.seconds >= 0.0));
    let text = report.to_string();
    assert!(text.contains(plan), "{text}");
    assert!(text.contains("up to     160 rows:    1 steps"), "{text}");

    let (told, report) = run(smc().annealing(Tempering::adaptive()));
    assert_eq!(told[0], "1");
    assert!(report.plan.is_none() && !report.to_string().contains("up to"));
}

#[test]
fn random_mini_batches_have_no_evidence_and_say_why() {
    let problem = regression();
    let settings = frozen().annealing(RandomMiniBatch::rows(15).stages(12));
    let (steps, left) = steps(&settings, &problem);
    assert_eq!(steps.len(), 12);
    assert!(steps.iter().all(|s| s.touched == 15));
    assert_eq!(left.draws.log_evidence(), None);
    let said = left.cautions.join("\n");
    assert!(said.contains("random mini-batches never settle"), "{said}");
    assert!(said.contains("15 rows counted 2.7 times each"), "{said}");
    assert!(said.contains("there is no evidence"), "{said}");
    assert_eq!(said.matches("never settle").count(), 1, "{said}");
}

/// The rows of the batches: each equally often, no batch twice running, and all of them N/n times.
#[test]
fn random_mini_batches_are_random() {
    let problem = regression();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let watched = laws::altered::Altered::likelihood(&problem, |thetas, segments, gradient| {
        if gradient.is_some() {
            seen.lock().unwrap().push(segments.to_vec());
        }
        problem.log_likelihood(thetas, segments, gradient)
    });
    let settings = smc()
        .particles(1)
        .moves(1)
        .kernel(Hmc::leapfrogs(1))
        .frozen(1e-6)
        .annealing(RandomMiniBatch::rows(10).stages(1000));
    infer(&settings, &watched, 1).unwrap();
    let mut batches = seen.lock().unwrap().clone();
    batches.dedup();
    assert_eq!(batches.len(), 1000);
    let mut counts = [0usize; ROWS];
    for segment in batches.iter().flatten() {
        assert_eq!(segment.weight, 4.0);
        for row in segment.rows.clone() {
            counts[row] += 1;
        }
    }
    let rows = |batch: &Vec<Segment>| batch.iter().map(|s| s.rows.len()).sum::<usize>();
    assert!(batches.iter().all(|b| rows(b) == 10));
    // 250 expected of each, with a standard deviation below √(1000·¼·¾) = 13.7.
    assert!(
        counts.iter().all(|c| c.abs_diff(250) < 62),
        "{counts:?}: more than 4.5 standard deviations from 250"
    );
}

/// An engine that counts, data that need many stages, and no moves beyond the two.
fn automatic(policy: AutomaticAnnealing) -> Smc {
    smc()
        .particles(16)
        .annealing(policy)
        .kernel(Hmc::leapfrogs(2))
        .frozen(1e-3)
        .moves(2)
}

#[test]
fn a_budget_is_kept_and_ends_at_all_rows() {
    let problem = Regression::simulated(2000, 3, 1.0, 1.0, 3).unwrap();
    let run = |policy| {
        let before = problem.counts().row_gradients;
        let (steps, left) = steps(&automatic(policy), &problem);
        let spent = (problem.counts().row_gradients - before) as f64 / 16.0;
        assert_eq!(steps.last().unwrap().touched, 2000);
        assert!(left.draws.log_evidence().is_some());
        (spent, steps, left.cautions.join("\n"))
    };
    let (free, unlimited, said) = run(AutomaticAnnealing::default());
    assert!(!said.contains("budget"), "{said}");
    assert!(unlimited.iter().all(|s| stage(s).cess > 0.89));
    // A generous budget changes nothing.
    let (spent, steps, said) = run(AutomaticAnnealing::default().budget(2 * free as u64));
    assert_eq!((spent, steps.len()), (free, unlimited.len()));
    assert!(!said.contains("budget"), "{said}");
    let mut last = usize::MAX;
    for share in [0.8, 0.6, 0.4] {
        let budget = share * free;
        let (spent, steps, said) = run(AutomaticAnnealing::default().budget(budget as u64));
        println!(
            "budget {budget:.0} of {free:.0}: {spent:.0} in {} stages",
            steps.len()
        );
        assert!(spent <= budget, "{spent} of {budget}");
        assert!(spent > 0.5 * budget, "{spent} of {budget}");
        assert!(steps.len() < last, "{} stages", steps.len());
        last = steps.len();
        assert!(said.contains("ran low"), "{said}");
        assert_eq!(said.matches("ran low").count(), 1);
    }
    // One that is too small for anything: straight to all rows after the first stage.
    let (_, steps, said) = run(AutomaticAnnealing::default().budget(1));
    assert_eq!(steps.len(), 2);
    assert!(said.contains("ran low"), "{said}");
}

#[test]
fn blocks_are_large_where_they_are_easy() {
    // Features that are all but zero say nothing about the slope: all rows at once.
    let (x, y) = (vec![1e-4; 500], vec![0.5; 500]);
    let easy = Regression::new(Dataset::new(1, x, y).unwrap(), 1.0, 1.0);
    let (once, _) = steps(&automatic(AutomaticAnnealing::default()), &easy);
    assert_eq!(once.len(), 1);
    // Sixteen rows that say a lot ramp in.
    let hard = Regression::simulated(500, 3, 0.05, 1.0, 3).unwrap();
    let (many, _) = steps(&automatic(AutomaticAnnealing::default()), &hard);
    assert!(many[0].touched == 16 && many[0].rows < 1.0, "{:?}", many[0]);
    assert!(many.len() > 10);
}

fn bits(left: &Outcome) -> (Vec<u32>, Vec<u64>, Option<u64>, Vec<String>) {
    let draws = &left.draws;
    (
        draws
            .positions()
            .values()
            .iter()
            .map(|x| x.to_bits())
            .collect(),
        draws.log_weights().iter().map(|x| x.to_bits()).collect(),
        draws.log_evidence().map(f64::to_bits),
        left.cautions.clone(),
    )
}

/// Policies that look at the step, the stream or what was spent go on as if nothing had happened.
#[test]
fn every_policy_resumes() {
    let problem = Regression::simulated(300, 3, 1.0, 1.0, 3).unwrap();
    let policies = [
        frozen().annealing(StepDataAnnealing::front_loaded(8).hold(1)),
        frozen().annealing(SmoothDataAnnealing::stages(8)),
        frozen().annealing(RandomMiniBatch::rows(100).stages(6)),
        automatic(AutomaticAnnealing::default().budget(15_000)),
    ];
    for settings in policies {
        let (steps, straight) = steps(&settings, &problem);
        for interrupted in 0..=steps.len() {
            let shared: Arc<dyn Problem + '_> = Arc::new(&problem);
            let mut first = settings.begin(shared.clone(), Streams::new(1)).unwrap();
            for _ in 0..interrupted {
                first.step().unwrap();
            }
            let state = first.state().unwrap();
            let second = settings.resume(shared, Streams::new(1), &state).unwrap();
            let (rest, left) = complete(second).unwrap();
            assert_eq!(interrupted + rest.len(), steps.len());
            assert!(bits(&left) == bits(&straight));
        }
    }
}

/// Bound row i is row `order[i]`; what comes back by row does not know of it.
#[test]
fn rows_enter_in_the_order_asked_for() {
    let table = data::<2>(60, 1);
    let curriculum: Vec<usize> = (0..60).rev().collect();
    let (model, engine) = (Line::<2>::default, Engine::fused);
    let bound = bind_in_order(model(), &table, engine(), curriculum.clone()).unwrap();
    let shuffled = bind(model(), &table, engine(), 1).unwrap();
    assert_eq!(bound.problem.order(), curriculum);
    let thetas = {
        let mut thetas = smc_runtime::problem::population::Population::zeros(2, 3);
        bound
            .problem
            .prior()
            .sample(Streams::new(2), 0, &mut thetas);
        thetas
    };
    let (mine, theirs) = (
        bound.problem.row_log_likelihoods(&thetas),
        shuffled.problem.row_log_likelihoods(&thetas),
    );
    for (a, b) in mine.iter().zip(&theirs) {
        assert!((a - b).abs() < 1e-5 * (1.0 + a.abs()), "{a} against {b}");
    }
    // The first three rows to enter are the last three of the table.
    let first = Segment {
        rows: 0..3,
        weight: 1.0,
    };
    let sums = bound.problem.log_likelihood(&thetas, &[first], None);
    for (p, sum) in sums.totals().into_iter().enumerate() {
        let exact: f64 = (57..60).map(|row| mine[60 * p + row]).sum();
        assert!((sum - exact).abs() < 1e-5 * (1.0 + exact.abs()));
    }
}

#[test]
fn a_curriculum_is_reproducible_and_leaves_the_posterior_alone() {
    let table = data::<2>(60, 1);
    let truth = laws::conjugate::exact(&table);
    let run = |order: Vec<usize>, seed| {
        let settings = smc().particles(256).annealing(StepDataAnnealing::linear(6));
        Run::new(Line::<2>::default(), &table)
            .with(settings.kernel(Hmc::leapfrogs(8)))
            .order(order)
            .seed(seed)
            .run()
            .unwrap()
    };
    let forwards: Vec<usize> = (0..60).collect();
    let backwards: Vec<usize> = (0..60).rev().collect();
    let once = run(backwards.clone(), 1);
    let again = run(backwards.clone(), 1);
    assert_eq!(once.positions(), again.positions());
    assert_ne!(once.positions(), run(forwards, 1).positions());
    let evidences = (1..=12).map(|seed| run(backwards.clone(), seed).log_evidence().unwrap());
    let ratios: Vec<f64> = evidences.map(|z| (z - truth.log_evidence).exp()).collect();
    laws::near("mean(Ẑ/Z)", &ratios, 1.0, 4.4).unwrap();
}

#[test]
fn an_order_holds_each_row_once() {
    let table = data::<2>(4, 1);
    let refused = |order: &[usize]| {
        let run = Run::new(Line::<2>::default(), &table).order(order);
        run.run().map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&[0, 1, 4, 9]),
        "order[2] = 4: a row number below 4, the rows of the data"
    );
    assert_eq!(
        refused(&[0, 3, 1, 3]),
        "order[3] = 3: each row once, and this one is at place 1 already"
    );
    assert_eq!(
        refused(&[3, 0, 2]),
        "order = 3 row numbers: each of the 4 rows once, and row 1 is not there"
    );
}

#[test]
fn the_first_temperature_may_be_tiny() {
    // Noise of 10⁻⁴ around particles some units apart: log-likelihoods differ by 10⁹, and φ must begin below 10⁻⁸.
    let problem = Regression::simulated(20, 2, 1e-4, 1.0, 1).unwrap();
    let algorithm = smc()
        .particles(32)
        .moves(1)
        .annealing(Tempering::adaptive());
    let mut run = algorithm
        .begin(Arc::new(&problem), Streams::new(1))
        .unwrap();
    let first = run.step().unwrap().unwrap();
    assert!(
        stage(&first).cess > 0.899,
        "{} at {} rows' worth",
        stage(&first).cess,
        first.rows
    );
}
