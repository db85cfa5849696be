//! The schedules as numbers of rows, and what a bad setting says.

use super::*;
use crate::sampling::stage::Stage;

const N: usize = 60_000;

fn plan(policy: &dyn Annealing, rows: usize) -> Plan {
    Plan::of(policy, rows).unwrap().unwrap()
}

fn refused(policy: &dyn Annealing, rows: usize) -> String {
    policy.plan(rows).unwrap_err().to_string()
}

/// Σ n_k/(K·N) of the formula in a policy's documentation, against that of the plan.
fn costs(policy: &dyn Annealing, share: f64, tolerance: f64) {
    let found = plan(policy, N).share();
    assert!(
        (found - share).abs() < tolerance,
        "{policy:?} costs {found:.4}; its formula says {share:.4}"
    );
}

#[test]
fn tempering_grows_by_one_factor() {
    let stages = Tempering::stages(5).plan(32).unwrap().unwrap();
    let worth: Vec<f64> = stages.iter().map(|s| 32.0 * s.phi()).collect();
    for (found, exact) in worth.iter().zip([2.0, 4.0, 8.0, 16.0, 32.0]) {
        assert!((found - exact).abs() < 1e-12, "{worth:?}");
    }
    assert!(stages[4].is_posterior(32));
    assert_eq!(plan(&Tempering::stages(5), 32).share(), 1.0);
}

#[test]
fn step_schedules_are_those_of_the_formulas() {
    let step = StepDataAnnealing::linear;
    assert_eq!(plan(&step(4), 40).rows(), [10, 20, 30, 40]);
    assert_eq!(plan(&step(4).first(1), 40).rows(), [1, 14, 27, 40]);
    assert_eq!(plan(&step(1), 40).rows(), [40]);
    assert_eq!(plan(&step(60), 3).stages(), 60);
    let geometric = StepDataAnnealing::geometric(4).first(5);
    assert_eq!(plan(&geometric, 40).rows(), [5, 10, 20, 40]);
    assert_eq!(plan(&geometric.hold(2), 40).rows(), [5, 10, 20, 40, 40, 40]);
    let doubling = StepDataAnnealing::doubling;
    assert_eq!(plan(&doubling().first(3), 40).rows(), [3, 6, 12, 24, 40]);
    assert_eq!(plan(&doubling(), 7).rows(), [7]);
    assert_eq!(plan(&doubling(), 2048).rows()[..2], [32, 64]);
    // (1/4)² = 1/16 and so on of the way from 5 to 80 in the logarithm.
    let front = StepDataAnnealing::front_loaded(5).first(5);
    assert_eq!(plan(&front, 80).rows(), [5, 6, 10, 24, 80]);
    let table = StepDataAnnealing::table([1, 1, 9, 40]);
    assert_eq!(plan(&table, 40).rows(), [1, 1, 9, 40]);
    assert_eq!(plan(&table.hold(1), 40).rows(), [1, 1, 9, 40, 40]);
}

#[test]
fn step_schedules_cost_what_their_formulas_say() {
    let l = 64f64.ln();
    costs(&StepDataAnnealing::linear(1000), 0.5, 1e-3);
    // The integral of exp(−L(1 − t)) is (1 − exp(−L))/L.
    let first = N.div_ceil(64);
    let geometric = StepDataAnnealing::geometric(1000).first(first);
    costs(&geometric, (1.0 - 1.0 / 64.0) / l, 1e-3);
    let front = |p| StepDataAnnealing::front_loaded(1000).power(p).first(first);
    for p in [2.0, 3.0] {
        let at = |k: i32| (-l * (1.0 - (f64::from(k) / 1e5).powf(p))).exp() / 1e5;
        costs(&front(p), (0..100_000).map(at).sum(), 1e-3);
    }
    assert!((plan(&front(2.0), N).share() - 1.0 / 7.0).abs() < 5e-3);
    let more = |n: &&usize| **n > N / 2;
    let late = plan(&front(2.0), N).rows().iter().filter(more).count();
    assert!((80..=90).contains(&late), "{late} of 1000, a twelfth");
    let doubling = plan(&StepDataAnnealing::doubling().first(1), 1 << 16);
    assert_eq!(doubling.cost(), (1 << 17) - 1);
}

#[test]
fn smooth_stages_follow_tempering_at_the_cost_of_their_blocks() {
    for (power, first) in [(1.0, 10), (2.5, 937)] {
        let policy = SmoothDataAnnealing::stages(200).power(power).first(first);
        let smooth = policy.plan(N).unwrap().unwrap();
        for (k, stage) in smooth.iter().enumerate() {
            let worth = stage.full().len() as f64 + stage.phi() * stage.ramp().len() as f64;
            let exact = (N as f64).powf(((k + 1) as f64 / 200.0).powf(power));
            assert!((worth / exact - 1.0).abs() < 1e-9, "{worth} for {exact}");
            assert!(stage.cost() as f64 <= (2.0 * exact).max(first as f64) + 1.0);
        }
        assert!(smooth[199].is_posterior(N));
    }
    let ends = [
        937.0, 1874.0, 3748.0, 7496.0, 14992.0, 29984.0, 59968.0, N as f64,
    ];
    let mut before = 1.0f64;
    let formula = |end: &f64| {
        let cost = end * (end / before).ln();
        before = *end;
        cost
    };
    let sum: f64 = ends.iter().map(formula).sum();
    let share = sum / (N as f64 * (N as f64).ln());
    costs(&SmoothDataAnnealing::stages(5000), share, 1e-3);
    // A sixth and a tenth, at the number of stages that runs have.
    assert!(plan(&SmoothDataAnnealing::stages(30), N).share() < 1.0 / 6.0);
    assert!(plan(&SmoothDataAnnealing::stages(30).power(2.0), N).share() < 0.1);
}

#[test]
fn ramps_cost_their_blocks() {
    let policy = SmoothDataAnnealing::geometric().first(10).ramps(3).hold(2);
    let rows = [10, 10, 10, 20, 20, 20, 40, 40, 40, 50, 50, 50, 50, 50];
    assert_eq!(plan(&policy, 50).rows(), rows);
    let last = policy.plan(50).unwrap().unwrap().pop();
    assert_eq!(last, Some(Stage::of(0..50)));
}

type Policies = Vec<Box<dyn Annealing>>;

/// Every policy is refused for 40 rows, in these words.
fn all_refused(policies: Policies, expected: &str) {
    for policy in policies {
        assert_eq!(refused(&*policy, 40), expected, "{policy:?}");
    }
}

#[test]
fn a_plan_holds_a_number_of_stages() {
    for k in [0, usize::MAX] {
        let policies: Policies = vec![
            Box::new(Tempering::stages(k)),
            Box::new(StepDataAnnealing::linear(k)),
            Box::new(StepDataAnnealing::front_loaded(k)),
            Box::new(SmoothDataAnnealing::stages(k)),
            Box::new(RandomMiniBatch::rows(5).stages(k)),
        ];
        let between = "between 1 and 1000000";
        all_refused(policies, &format!("stages = {k}: {between}"));
        let ramps = SmoothDataAnnealing::geometric().ramps(k);
        assert_eq!(refused(&ramps, 40), format!("ramps = {k}: {between}"));
    }
    let most = usize::MAX;
    let held: Policies = vec![
        Box::new(StepDataAnnealing::geometric(4).hold(most)),
        Box::new(SmoothDataAnnealing::stages(4).hold(most)),
    ];
    all_refused(held, &format!("hold = {most}: between 0 and 1000000"));
    assert_eq!(
        refused(&SmoothDataAnnealing::geometric().hold(1), 40),
        "hold = 1: only a fixed number of `stages` or `ramps` can be held"
    );
    let many = SmoothDataAnnealing::geometric().first(1).ratio(1.01);
    assert_eq!(
        refused(&many.ramps(100_000), 40),
        "ramps = 100000: at most 1000000 steps in all blocks"
    );
}

#[test]
fn rows_must_be_rows_of_the_data() {
    for first in [0, 41] {
        let policies: Policies = vec![
            Box::new(StepDataAnnealing::geometric(4).first(first)),
            Box::new(StepDataAnnealing::linear(4).first(first)),
            Box::new(StepDataAnnealing::doubling().first(first)),
            Box::new(SmoothDataAnnealing::stages(4).first(first)),
            Box::new(SmoothDataAnnealing::geometric().first(first)),
            Box::new(AutomaticAnnealing::default().first(first)),
        ];
        let expected = format!("first = {first}: between 1 and the 40 rows of the data");
        all_refused(policies, &expected);
    }
    for (table, shown) in [
        (vec![10, 5, 40], "[10, 5, 40]"),
        (vec![0, 40], "[0, 40]"),
        (vec![10, 39], "[10, 39]"),
        (vec![10, 41], "[10, 41]"),
        (vec![], "[]"),
    ] {
        assert_eq!(
            refused(&StepDataAnnealing::table(table), 40),
            format!("table = {shown}: numbers of rows must not fall, from at least 1 to all 40")
        );
    }
    assert_eq!(
        refused(&StepDataAnnealing::table([40]).first(3), 40),
        "first = 3: a table begins with its own first number"
    );
    for rows in [0, 40, 41] {
        assert_eq!(
            refused(&RandomMiniBatch::rows(rows), 40),
            format!("rows = {rows}: at least 1, and fewer than the 40 rows of the data")
        );
    }
}

#[test]
fn numbers_must_be_in_range() {
    for (power, shown) in [
        (0.0, "0"),
        (-1.0, "-1"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "inf"),
    ] {
        let policies: Policies = vec![
            Box::new(StepDataAnnealing::geometric(4).power(power)),
            Box::new(SmoothDataAnnealing::stages(4).power(power)),
        ];
        let expected = format!("power = {shown}: a positive, finite number is needed");
        all_refused(policies, &expected);
    }
    let policies: Policies = vec![
        Box::new(StepDataAnnealing::doubling().power(2.0)),
        Box::new(StepDataAnnealing::table([40]).power(2.0)),
    ];
    let only = "power = 2: only a linear, geometric or front-loaded path has a power";
    all_refused(policies, only);
    assert_eq!(
        refused(&SmoothDataAnnealing::geometric().power(2.0), 40),
        "power = 2: only `SmoothDataAnnealing::stages` has a power"
    );
    let automatic = AutomaticAnnealing::default;
    assert_eq!(
        refused(&automatic().budget(0), 40),
        "budget = 0: at least one row-gradient per particle is needed"
    );
    for ratio in [1.0, f64::INFINITY] {
        let policies: Policies = vec![
            Box::new(automatic().ratio(ratio)),
            Box::new(SmoothDataAnnealing::stages(3).ratio(ratio)),
        ];
        let expected = format!("ratio = {ratio}: a number above 1 is needed");
        all_refused(policies, &expected);
    }
    for cess in [0.0, 1.0] {
        let policies: Policies = vec![
            Box::new(automatic().cess(cess)),
            Box::new(Tempering::adaptive().cess(cess)),
            Box::new(SmoothDataAnnealing::geometric().cess(cess)),
        ];
        let expected = format!("cess = {cess}: a fraction between 0 and 1, both excluded");
        all_refused(policies, &expected);
    }
}

/// Every plan is possible, its rows do not fall, and it ends at all rows, however few these are.
#[test]
fn plans_are_possible_for_any_number_of_rows() {
    for rows in (1..70).chain([1000, 1_000_003]) {
        let policies: Policies = vec![
            Box::new(Tempering::stages(7)),
            Box::new(StepDataAnnealing::linear(7)),
            Box::new(StepDataAnnealing::geometric(7)),
            Box::new(StepDataAnnealing::front_loaded(7)),
            Box::new(StepDataAnnealing::doubling().hold(2)),
            Box::new(SmoothDataAnnealing::stages(7)),
            Box::new(SmoothDataAnnealing::stages(7).first(1).ratio(1.3)),
            Box::new(SmoothDataAnnealing::stages(1).hold(1)),
            Box::new(SmoothDataAnnealing::geometric().ramps(2)),
        ];
        for policy in policies {
            let stages = policy.plan(rows).unwrap().unwrap();
            assert!(stages.iter().all(|s| s.problem(rows).is_none()));
            assert!(stages.is_sorted_by_key(Stage::cost), "{policy:?}, {rows}");
            assert!(stages.last().is_some_and(|s| s.is_posterior(rows)));
        }
    }
}
