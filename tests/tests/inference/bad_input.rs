//! Bad input ends in an error that names what was wrong, where, and what was expected.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use laws::altered::Altered;
use laws::conjugate::{Line, data};
use laws::models::{Noise, Softmax};
use laws::{EndAt, infer};
use smc_runtime::data::Findings;
use smc_runtime::infer::observe::{Observer, Step};
use smc_runtime::prelude::*;
use smc_runtime::problem::Problem;
use smc_runtime::sampling::anneal::{Annealing, Lookahead};
use smc_runtime::sampling::stage::Stage;
use smc_runtime::testing::Regression;

/// The text of an error.
fn text<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => "no error".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn run(algorithm: impl Inference + 'static) -> String {
    text(
        Run::new(Line::<2>::default(), &data::<2>(20, 1))
            .with(algorithm)
            .run(),
    )
}

#[test]
fn features_and_targets_must_be_finite() {
    let x = |bad: f32| vec![1.0, 2.0, 3.0, bad, 5.0, 6.0];
    assert_eq!(
        text(Dataset::new(2, x(f32::NAN), vec![0.0; 3])),
        "feature in row 1, column 1 is NaN; every value must be finite"
    );
    assert_eq!(
        text(Dataset::new(2, x(f32::NEG_INFINITY), vec![0.0; 3])),
        "feature in row 1, column 1 is -inf; every value must be finite"
    );
    assert_eq!(
        text(Dataset::new(2, x(4.0), vec![0.0, 0.0, f32::INFINITY])),
        "target in row 2, column target is inf; every value must be finite"
    );
    assert_eq!(
        text(Dataset::from_rows(
            &[[1.0, 2.0], [f32::NAN, 4.0]],
            &[0.0, 1.0]
        )),
        "feature in row 1, column 0 is NaN; every value must be finite"
    );
}

#[test]
fn a_table_needs_rows_of_one_length() {
    assert_eq!(
        text(Dataset::new(2, vec![], vec![])),
        "the data have no rows; at least one is needed"
    );
    assert_eq!(
        text(Dataset::new(2, vec![1.0; 5], vec![0.0; 3])),
        "features of a data set: expected 3 rows of 2 features, found 5 numbers"
    );
    assert_eq!(
        text(Dataset::from_rows(
            &[vec![1.0, 2.0], vec![3.0]],
            &[0.0, 1.0]
        )),
        "row 1 of a data set: expected 2 features, as in row 0, found 1 features"
    );
    let table = data::<2>(3, 1);
    assert_eq!(
        text(table.select(&[])),
        "the data have no rows; at least one is needed"
    );
    assert_eq!(
        text(table.select(&[0, 3])),
        "rows of a data set: expected row numbers below 3, found row 3"
    );
}

#[test]
fn the_features_must_be_those_of_the_model() {
    let found = text(Run::new(Line::<3>::default(), &data::<2>(20, 1)).run());
    assert!(
        found.contains("takes 3 features") && found.contains('2'),
        "{found}"
    );
    let posterior = Run::new(Line::<2>::default(), &data::<2>(20, 1))
        .with(smc().particles(4))
        .run()
        .unwrap();
    assert_eq!(
        text(posterior.predict(&data::<3>(5, 1))),
        "data to predict with `Line`: expected 2 features, found 3 features"
    );
}

#[test]
fn a_class_must_exist() {
    let classes = |bad: f32| Dataset::new(1, vec![1.0; 4], vec![0.0, 2.0, bad, 1.0]).unwrap();
    for (bad, shown) in [(3.0, "3"), (-1.0, "-1"), (0.5, "0.5")] {
        assert_eq!(
            text(Run::new(Softmax::<1, 3>::default(), &classes(bad)).run()),
            format!(
                "target in row 2 is {shown}, which is not a class; the likelihood has classes 0 to 2"
            )
        );
    }
    let posterior = Run::new(Softmax::<1, 3>::default(), &classes(1.0))
        .with(smc().particles(4))
        .run()
        .unwrap();
    assert_eq!(
        text(posterior.predict(&classes(7.0))),
        "target in row 2 is 7, which is not a class; the likelihood has classes 0 to 2"
    );
}

#[test]
fn rates_and_fractions_of_training_must_be_possible() {
    for rate in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        assert_eq!(
            run(map().rate(rate)),
            format!("rate = {rate}: a positive, finite learning rate is needed")
        );
    }
    for fraction in [1.0, -0.1, f64::NAN] {
        assert_eq!(
            run(ensemble().validation(fraction)),
            format!(
                "validation = {fraction}: a fraction of the rows, at least 0 and below 1, is needed"
            )
        );
    }
}

#[test]
fn counts_must_be_positive() {
    assert_eq!(
        run(smc().particles(0)),
        "particles = 0: at least one particle is needed"
    );
    assert_eq!(
        run(smc().kernel(Hmc::leapfrogs(0))),
        "leapfrogs = 0: at least one leapfrog step is needed"
    );
    assert_eq!(
        run(mcmc().kernel(Hmc::leapfrogs(0))),
        "leapfrogs = 0: at least one leapfrog step is needed"
    );
    assert_eq!(run(mcmc().chains(0)), "chains = 0: at least 1 is needed");
    assert_eq!(run(mcmc().draws(0)), "draws = 0: at least 1 is needed");
    assert_eq!(run(mcmc().thin(0)), "thin = 0: at least 1 is needed");
    assert_eq!(
        run(ensemble().members(0)),
        "members = 0: at least 1 is needed"
    );
    assert_eq!(run(map().batch(0)), "batch = 0: at least 1 is needed");
    assert_eq!(
        run(ensemble().epochs(0)),
        "epochs = 0: at least 1 is needed"
    );
    assert_eq!(run(map().patience(0)), "patience = 0: at least 1 is needed");
    let threads = Run::new(Line::<2>::default(), &data::<2>(20, 1))
        .threads(0)
        .run();
    assert_eq!(text(threads), "threads = 0: at least one thread is needed");
}

#[test]
fn settings_of_a_kernel_must_be_possible() {
    for (step, shown) in [(0.0, "0"), (-1.0, "-1"), (f64::NAN, "NaN")] {
        assert_eq!(
            run(smc().frozen(step)),
            format!("step size = {shown}: a positive, finite number is needed")
        );
    }
    assert_eq!(
        run(smc().step_size(Follow::to(1.0))),
        "aim = 1: a fraction between 0 and 1, both excluded"
    );
    assert_eq!(
        run(smc().islands(0)),
        "islands = 0: at least one island is needed"
    );
    assert_eq!(
        run(smc().particles(10).islands(4)),
        "particles = 10: a multiple of the 4 islands, which share them evenly"
    );
    let alone = smc().particles(4).islands(4).kernel(UnadjustedLangevin);
    assert_eq!(
        run(alone.combine(Combine::Equally)),
        "kernel = UnadjustedLangevin: it corrects weights, and islands of one particle that count equally have none: take \
         more particles, an adjusted kernel, or islands that count by their evidence"
    );
    assert_eq!(
        run(smc().ess(1.5)),
        "ess = 1.5: a fraction between 0 and 1 is needed"
    );
}

#[test]
fn a_schedule_must_be_possible() {
    for (ladder, shown) in [
        (vec![0.5, 0.2, 1.0], "[0.5, 0.2, 1.0]"),
        (vec![0.5, 0.5, 1.0], "[0.5, 0.5, 1.0]"),
        (vec![0.0, 1.0], "[0.0, 1.0]"),
        (vec![0.1, 0.9], "[0.1, 0.9]"),
        (vec![], "[]"),
        (vec![0.1, f64::NAN, 1.0], "[0.1, NaN, 1.0]"),
    ] {
        assert_eq!(
            run(smc().annealing(Tempering::ladder(ladder))),
            format!("ladder = {shown}: temperatures must rise strictly from above 0 to exactly 1")
        );
    }
    let smooth = SmoothDataAnnealing::geometric;
    assert_eq!(
        run(smc().annealing(smooth().ratio(1.0))),
        "ratio = 1: a number above 1 is needed"
    );
    assert_eq!(
        run(smc().annealing(smooth().first(21))),
        "first = 21: between 1 and the 20 rows of the data"
    );
    assert_eq!(
        run(smc().annealing(smooth().first(0))),
        "first = 0: between 1 and the 20 rows of the data"
    );
    assert_eq!(
        run(smc().annealing(smooth().ramps(0))),
        "ramps = 0: between 1 and 1000000"
    );
    for cess in [0.0, 1.0] {
        let expected = format!("cess = {cess}: a fraction between 0 and 1, both excluded");
        assert_eq!(run(smc().annealing(smooth().cess(cess))), expected);
        assert_eq!(
            run(smc().annealing(Tempering::adaptive().cess(cess))),
            expected
        );
    }
}

#[test]
fn a_plan_must_be_possible_before_anything_is_computed() {
    assert_eq!(
        run(smc().annealing(StepDataAnnealing::table([5, 4, 20]))),
        "table = [5, 4, 20]: numbers of rows must not fall, from at least 1 to all 20"
    );
    assert_eq!(
        run(smc().annealing(StepDataAnnealing::linear(0))),
        "stages = 0: between 1 and 1000000"
    );
    assert_eq!(
        run(smc().annealing(RandomMiniBatch::rows(20))),
        "rows = 20: at least 1, and fewer than the 20 rows of the data"
    );
    assert_eq!(
        run(smc().annealing(AutomaticAnnealing::default().budget(0))),
        "budget = 0: at least one row-gradient per particle is needed"
    );
    let inside = Regression::simulated(20, 2, 1.0, 1.0, 3).unwrap();
    let found = text(infer(&smc().annealing(Beyond), &inside, 1));
    assert_eq!(
        found,
        "the annealing policy proposed an impossible stage after stage 2: it uses row 21 of 20"
    );
    assert_eq!(inside.counts().row_values, 0);
}

/// A user's plan whose third stage is beyond the data.
#[derive(Clone, Debug)]
struct Beyond;

impl Annealing for Beyond {
    fn plan(&self, rows: usize) -> Result<Option<Vec<Stage>>> {
        let stages = [1, rows, rows + 1].map(|n| Stage::of(0..n));
        Ok(Some(stages.to_vec()))
    }
    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        Ok(ahead.planned())
    }
}

/// A user's policy that goes straight to one stage.
#[derive(Clone, Debug)]
struct Straight(Stage);

impl Annealing for Straight {
    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        // A policy may ask about a stage before it is known to be possible.
        let _ = ahead.cess(&self.0);
        Ok(Some(self.0.clone()))
    }
}

#[test]
fn a_policy_must_propose_possible_stages() {
    let after = |stage: usize| {
        format!("the annealing policy proposed an impossible stage after stage {stage}: ")
    };
    for (stage, problem) in [
        (Stage::of(0..21), "it uses row 21 of 20"),
        (
            Stage::ramping(0..10, 5..20, 0.5),
            "a row is both full and ramping",
        ),
        (
            Stage::ramping(0..0, 0..20, 1.5),
            "its ramp is at 1.5; it must be between 0 and 1",
        ),
        (
            Stage::of(0..20).scaled(f64::NAN),
            "its scale is NaN; it must be positive and finite",
        ),
    ] {
        assert_eq!(run(smc().annealing(Straight(stage))), after(0) + problem);
    }
    assert_eq!(
        run(smc().annealing(Straight(Stage::of(0..5)))),
        after(1) + "it is the current stage again"
    );
}

#[test]
fn a_prior_scale_must_be_positive() {
    let table = data::<1>(5, 1);
    for (scale, shown) in [(0.0, "0"), (-1.0, "-1"), (f64::NAN, "NaN")] {
        assert_eq!(
            text(Run::new(Noise { scale }, &table).run()),
            format!(
                "the prior of `noise`: the scale of `HalfNormal` is {shown}; it must be positive and finite"
            )
        );
    }
}

#[test]
fn collapse_says_at_which_stage_and_what_to_try() {
    let inside = Regression::simulated(40, 2, 1.0, 1.0, 3).unwrap();
    let impossible = Altered::likelihood(&inside, |thetas, segments, gradient| {
        let mut sums = inside.log_likelihood(thetas, segments, gradient);
        if segments.iter().any(|s| s.rows.end > 20) {
            sums.values_mut().fill(f64::NEG_INFINITY);
        }
        sums
    });
    let advice = "every log-density is -inf or NaN there; try smaller prior scales, standardised data or a smaller first block";
    let settings = smc()
        .particles(16)
        .annealing(SmoothDataAnnealing::geometric().first(10).ramps(1));
    assert_eq!(
        text(infer(&settings, &impossible, 1)),
        format!(
            "all 16 particles have weight zero at stage 3 (20 rows in, ramp at 1.000): {advice}"
        )
    );
    assert_eq!(
        text(infer(&mcmc().chains(3), &impossible, 1)),
        "none of 3 chains starts at a finite log-density: try smaller prior scales or standardised data"
    );
    assert_eq!(impossible.rows(), 40);
}

#[test]
fn an_observer_can_stop_a_run() {
    let table = data::<2>(20, 1);
    let stopped = Run::new(Line::<2>::default(), &table).observe(EndAt(1));
    let stopped = stopped.run().unwrap();
    let report = stopped.report();
    assert_eq!((report.steps.len(), stopped.log_evidence()), (1, None));
    assert!(report.verdict().to_string().starts_with("not a posterior"));
}

/// Keeps what it is told of the data, and how many steps had been made by then.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<(Vec<Findings>, usize)>>);

impl Observer for Listener {
    fn data(&mut self, findings: &Findings) {
        let mut heard = self.0.lock().unwrap();
        assert_eq!(heard.1, 0, "before the first step");
        heard.0.push(findings.clone());
    }
    fn step(&mut self, _: &Step) -> ControlFlow<()> {
        self.0.lock().unwrap().1 += 1;
        ControlFlow::Continue(())
    }
}

#[test]
fn what_is_odd_in_the_data_is_said_once_and_not_refused() {
    let clean = data::<2>(20, 1);
    let mut x: Vec<f32> = clean.features().to_vec();
    let mut y = clean.targets().to_vec();
    x.iter_mut().skip(1).step_by(2).for_each(|x| *x = 7.0);
    // Row 3 repeats row 2, row 5 contradicts row 4, row 9 is far out.
    (x[6], y[3]) = (x[4], y[2]);
    x[10] = x[8];
    x[18] = -1e4;
    let odd = Dataset::new(2, x, y).unwrap().with_names(["age", "site"]);
    let listener = Listener::default();
    let posterior = |data: &Dataset| {
        Run::new(Line::<2>::default(), data)
            .with(smc().particles(8))
            .observe(listener.clone())
            .run()
            .unwrap()
    };
    let report = posterior(&odd.unwrap()).report().to_string();
    let notes: Vec<&str> = report
        .lines()
        .filter(|l| l.starts_with("  data "))
        .collect();
    assert_eq!(
        notes,
        [
            "  data        constant    `site` = 7",
            "  data        repeated    1 rows are the same as an earlier one",
            "  data        conflict    1 rows have the features of an earlier one and another target",
            "  data        extreme     `age` 1 (farthest: -10000 in row 9)",
        ]
    );
    let heard = listener.0.lock().unwrap().clone();
    assert_eq!(heard.0.len(), 1);
    assert!(heard.1 > 0);
    *listener.0.lock().unwrap() = Default::default();
    let report = posterior(&clean).report().to_string();
    assert!(!report.contains("  data "), "{report}");
    assert!(listener.0.lock().unwrap().0.is_empty());
}

#[test]
fn mcmc_refuses_a_kernel_that_needs_weights() {
    assert_eq!(
        run(mcmc().kernel(UnadjustedLangevin)),
        "kernel = UnadjustedLangevin: mcmc has no weights; it needs a kernel that leaves the posterior invariant"
    );
}
