//! Annealing × resampling × kernel × step size × metric: every combination of four of them that makes sense runs, a design
//! that covers all pairs finds the exact evidence, and what makes no sense is refused with the reason.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use laws::laws::ratios;
use laws::{infer, mean_se};
use smc_runtime::infer::Smc;
use smc_runtime::prelude::*;
use smc_runtime::sampling::kernel::EquioutputJump;
use smc_runtime::testing::Regression;

/// One choice: its name and how it is set. A new one is a line in its list.
struct Choice {
    name: &'static str,
    set: fn(Smc) -> Smc,
}

const fn choice(name: &'static str, set: fn(Smc) -> Smc) -> Choice {
    Choice { name, set }
}

const ANNEALING: [Choice; 9] = [
    choice("ladder", |s| {
        s.annealing(Tempering::ladder(
            (1..=12).map(|k| (f64::from(k) / 12.0).powi(3)),
        ))
    }),
    choice("tempering", |s| s.annealing(Tempering::adaptive())),
    choice("ramps", |s| {
        s.annealing(SmoothDataAnnealing::geometric().first(5).ramps(4))
    }),
    choice("smooth", |s| {
        s.annealing(SmoothDataAnnealing::geometric().first(5))
    }),
    choice("stages", |s| s.annealing(Tempering::stages(12))),
    choice("steps", |s| s.annealing(StepDataAnnealing::linear(12))),
    choice("front-loaded", |s| {
        s.annealing(StepDataAnnealing::front_loaded(14).first(2).hold(1))
    }),
    choice("smooth stages", |s| {
        s.annealing(SmoothDataAnnealing::stages(14).first(5))
    }),
    choice("automatic", |s| {
        s.annealing(AutomaticAnnealing::default().first(4))
    }),
];

/// The schedules that depend on the particles.
const ADAPTIVE: [&str; 3] = ["tempering", "smooth", "automatic"];

const RESAMPLE: [Choice; 5] = [
    choice("systematic", |s| s.resample(Systematic)),
    choice("stratified", |s| s.resample(Stratified)),
    choice("residual", |s| s.resample(Residual)),
    choice("multinomial", |s| s.resample(Multinomial)),
    choice("ssp", |s| s.resample(Ssp)),
];

/// What decides which step sizes make sense with a kernel.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    Rejects,
    /// Rejects, and wants one step for all.
    InStep,
    Corrects,
}
use Class::{Corrects, InStep, Rejects};

struct Kernels {
    name: &'static str,
    class: Class,
    /// A step to freeze, in units of the prior's widths.
    step: f64,
    set: fn(Smc) -> Smc,
}

const fn kernel(name: &'static str, class: Class, step: f64, set: fn(Smc) -> Smc) -> Kernels {
    Kernels {
        name,
        class,
        step,
        set,
    }
}

const KERNEL: [Kernels; 10] = [
    kernel("random walk", Rejects, 0.3, |s| {
        s.kernel(RandomWalk).moves(6)
    }),
    kernel("mala", Rejects, 0.25, |s| s.kernel(Mala).moves(4)),
    kernel("langevin", Corrects, 0.15, |s| {
        s.kernel(UnadjustedLangevin).moves(6)
    }),
    kernel("hmc", Rejects, 0.15, |s| s.kernel(Hmc::leapfrogs(4))),
    kernel("jittered hmc", Rejects, 0.15, |s| {
        s.kernel(Hmc::leapfrogs(4).jitter(0.4))
    }),
    kernel("unadjusted hmc", Corrects, 0.1, |s| {
        s.kernel(Hmc::leapfrogs(4).unadjusted())
    }),
    kernel("hmc of some rows", Rejects, 0.1, |s| {
        s.kernel(Hmc::leapfrogs(4).gradient_rows(20))
    }),
    kernel("unadjusted hmc of some rows", Corrects, 0.08, |s| {
        s.kernel(Hmc::leapfrogs(2).gradient_rows(36).unadjusted())
    }),
    kernel("chees", InStep, 0.15, |s| {
        s.kernel(Chees::default().at_most(12))
    }),
    kernel("hmc with jumps", Rejects, 0.15, |s| {
        s.kernel(EquioutputJump::around(Hmc::leapfrogs(4)))
    }),
];

struct StepSizes {
    name: &'static str,
    set: fn(Smc, f64) -> Smc,
    /// Why it is refused, if so: how the error ends.
    refused: fn(Class) -> Option<&'static str>,
}

const fn step_size(
    name: &'static str,
    set: fn(Smc, f64) -> Smc,
    refused: fn(Class) -> Option<&'static str>,
) -> StepSizes {
    StepSizes { name, set, refused }
}

const STEP_SIZE: [StepSizes; 5] = [
    step_size("frozen", |s, step| s.step_size(Frozen::at(step)), |_| None),
    step_size("follow", |s, _| s.step_size(Follow::aim()), |_| None),
    step_size(
        "dual averaging",
        |s, _| s.step_size(DualAveraging::aim()),
        |class| {
            (class == Corrects).then_some(
                "accepts every proposal and corrects weights, so there is no acceptance to average; use `Follow` or `LargestStep`",
            )
        },
    ),
    step_size(
        "largest step",
        |s, _| s.step_size(LargestStep::aim()),
        |class| {
            (class != Corrects).then_some(
                "makes no corrections of weights that would bound its step; use `Follow` or `DualAveraging`",
            )
        },
    ),
    step_size(
        "largest jump",
        |s, _| s.step_size(Esjd::default()),
        |class| match class {
            Rejects => None,
            InStep => Some(
                "learns the length of trajectories from steps that all particles share; use `Follow` or `DualAveraging`",
            ),
            Corrects => Some(
                "accepts every proposal, so the longest step jumps farthest; use `LargestStep` or `Follow`",
            ),
        },
    ),
];

struct Metrics {
    name: &'static str,
    metric: Metric,
    /// A frozen step in its scales, for one in the prior's: where scales narrow with the cloud there are more of them.
    factor: f64,
}

const fn metric(name: &'static str, metric: Metric, factor: f64) -> Metrics {
    Metrics {
        name,
        metric,
        factor,
    }
}

const METRIC: [Metrics; 6] = [
    metric("unit", Metric::Unit, 1.0),
    metric("prior", Metric::Prior, 1.0),
    metric("blocks", Metric::Blocks, 3.0),
    metric("diagonal", Metric::Diagonal, 3.0),
    metric("scores", Metric::Scores, 3.0),
    metric("information", Metric::Information, 3.0),
];

/// The scales that depend on the particles.
const LEARNED: [&str; 4] = ["blocks", "diagonal", "scores", "information"];

/// A place in every list.
type Row = [usize; 5];

fn name(row: Row) -> String {
    let [a, r, k, s, m] = row;
    let names = [
        ANNEALING[a].name,
        RESAMPLE[r].name,
        KERNEL[k].name,
        STEP_SIZE[s].name,
        METRIC[m].name,
    ];
    names.join(" × ")
}

fn settings(row: Row) -> Smc {
    let [a, r, k, s, m] = row;
    let chosen = (KERNEL[k].set)((RESAMPLE[r].set)((ANNEALING[a].set)(smc())));
    let step = KERNEL[k].step * METRIC[m].factor;
    (STEP_SIZE[s].set)(chosen, step).metric(METRIC[m].metric)
}

fn refused([_, _, k, s, _]: Row) -> Option<&'static str> {
    (STEP_SIZE[s].refused)(KERNEL[k].class)
}

/// A third of all rows, in which any four choices meet: lists have at least three choices, so one of the fifth list makes
/// the sum of the places a multiple of three.
fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for a in 0..ANNEALING.len() {
        for r in 0..RESAMPLE.len() {
            for k in 0..KERNEL.len() {
                for s in 0..STEP_SIZE.len() {
                    let fits = |m: &usize| (a + r + k + s + m).is_multiple_of(3);
                    let metrics = (0..METRIC.len()).filter(fits);
                    rows.extend(metrics.map(|m| [a, r, k, s, m]));
                }
            }
        }
    }
    rows
}

/// The pairs of choices in a row.
fn pairs(row: Row) -> Vec<(usize, usize, usize, usize)> {
    let places = (0..5).flat_map(|i| (0..i).map(move |j| (i, j)));
    places.map(|(i, j)| (i, row[i], j, row[j])).collect()
}

/// Rows in which every pair of choices that makes sense meets at least once: greedily the row with most pairs that are
/// new, and among those one whose choices have been used least.
fn covering() -> Vec<Row> {
    let mut all = rows();
    all.retain(|row| refused(*row).is_none());
    let mut left: BTreeSet<_> = all.iter().flat_map(|&row| pairs(row)).collect();
    let mut chosen: Vec<Row> = Vec::new();
    while !left.is_empty() {
        let used = |row: &Row| -> usize {
            let same = |other: &Row| (0..5).filter(|&i| row[i] == other[i]).count();
            chosen.iter().map(same).sum()
        };
        let gain = |row: &Row| pairs(*row).iter().filter(|p| left.contains(p)).count();
        let best = all.iter().max_by_key(|row| (gain(row), Reverse(used(row))));
        let best = *best.expect("every pair is in some row");
        for pair in pairs(best) {
            left.remove(&pair);
        }
        chosen.push(best);
    }
    chosen
}

/// What `f` says of every row that is wrong; rows are shared out to as many threads as there are cores.
fn wrong(rows: &[Row], f: impl Fn(Row) -> Option<String> + Sync) -> Vec<String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = |k: usize| -> Vec<String> {
        let mine = rows.iter().skip(k).step_by(threads);
        mine.filter_map(|&row| f(row)).collect()
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|k| scope.spawn(move || share(k)))
            .collect();
        let found = workers.into_iter().map(|w| w.join().unwrap());
        found.flatten().collect()
    })
}

fn problem() -> Regression {
    Regression::simulated(40, 2, 1.0, 1.0, 3).unwrap()
}

#[test]
fn every_combination_runs_or_says_why_not() {
    let (problem, rows) = (problem(), rows());
    let wrong = wrong(&rows, |row| {
        match (
            infer(&settings(row).particles(12), &problem, 1),
            refused(row),
        ) {
            (Ok(draws), None) => {
                let finite = draws.log_evidence().is_some_and(f64::is_finite)
                    && draws.positions().values().iter().all(|x| x.is_finite());
                (!finite).then(|| format!("{}: {:?}", name(row), draws.log_evidence()))
            }
            (Err(error), Some(why)) => {
                let text = error.to_string();
                let right = matches!(error, Error::Config { .. })
                    && text.starts_with("step_size = ")
                    && text.ends_with(why);
                (!right).then(|| format!("{}: {text}", name(row)))
            }
            (Ok(_), Some(why)) => Some(format!("{} ran; but the kernel {why}", name(row))),
            (Err(error), None) => Some(format!("{}: {error}", name(row))),
        }
    });
    assert_eq!(
        wrong,
        Vec::<String>::new(),
        "of {} combinations",
        rows.len()
    );
}

/// Whether nothing depends on the particles, so that there is no bias at all.
fn is_fixed([a, _, k, s, m]: Row) -> bool {
    !ADAPTIVE.contains(&ANNEALING[a].name)
        && STEP_SIZE[s].name == "frozen"
        && !LEARNED.contains(&METRIC[m].name)
        && KERNEL[k].class != InStep
}

/// mean(Ẑ/Z) without the part that falls as 1/J, and its standard error. Where there is such a part, means of
/// 64 runs at 4J and at J, which cost as much as 80 at 4J, make one in which it cancels: (4·m(4J) − m(J))/3.
fn without_bias(row: Row, problem: &Regression, exact: f64) -> Result<(f64, f64), String> {
    const PARTICLES: usize = 128;
    let mean = |particles: usize, runs: u64| {
        let settings = settings(row).particles(particles);
        Ok::<_, String>(mean_se(&ratios(&settings, problem, exact, runs)?))
    };
    if is_fixed(row) {
        return mean(PARTICLES, 80);
    }
    let (many, few) = (mean(PARTICLES, 64)?, mean(PARTICLES / 4, 64)?);
    let se = (4.0 * many.1).hypot(few.1) / 3.0;
    Ok(((4.0 * many.0 - few.0) / 3.0, se))
}

/// Where settings follow the particles the evidence is biased by O(1/J), and nothing else: what is left is 1 within 4.5 standard
/// errors, which one in a thousand of such designs exceeds by chance.
#[test]
fn a_design_that_covers_all_pairs_finds_the_exact_evidence() {
    let (problem, rows) = (problem(), covering());
    let exact = problem.posterior().log_evidence;
    let wrong = wrong(&rows, |row| {
        let (mean, se) = match without_bias(row, &problem, exact) {
            Ok(found) => found,
            Err(error) => return Some(format!("{}: {error}", name(row))),
        };
        let found = format!("{}: {mean:.3} ± {se:.3}", name(row));
        println!("{found}");
        ((mean - 1.0).abs() > 4.5 * se).then_some(found)
    });
    assert_eq!(
        wrong,
        Vec::<String>::new(),
        "of {} combinations",
        rows.len()
    );
}
