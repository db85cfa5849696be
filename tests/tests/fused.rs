//! The fused engine against automatic differentiation: sums, gradients, rows and arguments, on every kind of remainder;
//! a particle's bits in any company; extreme parameters.

use proptest::prelude::*;
use smc_runtime::engine::{Bound, bind};
use smc_runtime::population::Population;
use smc_runtime::prelude::*;
use smc_runtime::problem::{Part, Problem, RowSums, Segment};
use smc_runtime::rng::{Purpose, Streams};

/// Three dense layers, both activations, a hierarchy, classes.
#[bayes_model]
#[likelihood(Categorical(logits = output))]
struct Classes<const I: usize, const H: usize> {
    #[prior(Normal(0.0, tau))]
    hidden: Linear<I, H>,
    tanh: Tanh,
    #[prior(Normal(0.0, 1.0))]
    middle: Linear<H, 40>,
    relu: Relu,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<40, 10>,
    #[prior(HalfNormal(1.0))]
    tau: Scale,
}

/// A standard deviation that the network gives.
#[bayes_model]
#[likelihood(Normal(mean = output[0], sd = output[1].exp()))]
struct Spread<const I: usize> {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<I, 50>,
    tanh: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<50, 2>,
}

/// One output, a learned standard deviation.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Line {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<3, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// A case: rows, particles, where the full rows end, the weight of the ramp.
#[derive(Clone, Debug)]
struct Case {
    rows: usize,
    particles: usize,
    cut: f64,
    phi: f64,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let rows = prop_oneof![
        1usize..40,
        60usize..70,
        120usize..140,
        250usize..270,
        505usize..520,
        1000usize..1100
    ];
    (
        rows,
        1usize..7,
        0.0..1.0,
        prop_oneof![Just(1.0), 0.01..1.0],
        0u64..1000,
    )
        .prop_map(|(rows, particles, cut, phi, seed)| Case {
            rows,
            particles,
            cut,
            phi,
            seed,
        })
}

fn data(columns: usize, rows: usize, seed: u64) -> Dataset {
    let mut stream = Streams::new(seed).stream(Purpose::Simulate, 0, 0, 0);
    let features = (0..rows * columns)
        .map(|_| stream.normal() as f32)
        .collect();
    let targets = (0..rows)
        .map(|_| (10.0 * stream.uniform()).floor() as f32)
        .collect();
    Dataset::new(columns, features, targets).unwrap()
}

fn particles<M: Model>(bound: &Bound<M>, case: &Case, size: f32) -> Population {
    let mut thetas = Population::zeros(case.particles, bound.problem.layout().dim());
    thetas.fill_normal(Streams::new(case.seed + 1), Purpose::Simulate, 1, 0);
    thetas.map_rows(|_, row| row.iter_mut().for_each(|x| *x *= size));
    thetas
}

fn pass(
    problem: &dyn Problem,
    thetas: &Population,
    segments: &[Segment],
) -> (Vec<RowSums>, Population) {
    let mut gradient = Population::zeros(thetas.len(), thetas.dim());
    let sums = problem.log_likelihood(thetas, segments, Some(&mut gradient));
    (sums, gradient)
}

fn norm(x: impl Iterator<Item = f64>) -> f64 {
    x.map(|x| x * x).sum::<f64>().sqrt()
}

fn engines_agree<M: Model + Default>(columns: usize, case: &Case) -> Result<(), TestCaseError> {
    let data = data(columns, case.rows, case.seed);
    let fused = bind(M::default(), &data, Engine::fused(), case.seed).unwrap();
    let autodiff = bind(M::default(), &data, Engine::autodiff(), case.seed).unwrap();
    let thetas = particles(&fused, case, 0.2);
    let cut = (case.rows as f64 * case.cut) as usize;
    let segments = [
        Segment {
            rows: 0..cut,
            weight: 1.0,
            part: Part::Full,
        },
        Segment {
            rows: cut..case.rows,
            weight: case.phi,
            part: Part::Ramp,
        },
    ];
    let (sums, gradient) = pass(&*fused.problem, &thetas, &segments);
    let (sums_a, gradient_a) = pass(&*autodiff.problem, &thetas, &segments);
    let rows = fused.problem.row_log_likelihoods(&thetas);
    let rows_a = autodiff.problem.row_log_likelihoods(&thetas);
    for (l, a) in rows.iter().zip(&rows_a) {
        prop_assert!(
            (l - a).abs() <= 1e-4 * (1.0 + a.abs()),
            "row {l} against {a}"
        );
    }
    for p in 0..case.particles {
        let own = &rows_a[p * case.rows..(p + 1) * case.rows];
        let bound = 1e-4 * norm(own.iter().map(|l| 1.0 + l.abs()))
            + 1e-6 * own.iter().map(|l| 1.0 + l.abs()).sum::<f64>();
        prop_assert!(
            (sums[p].full - sums_a[p].full).abs() <= bound,
            "full {:?} against {:?}",
            sums[p],
            sums_a[p]
        );
        prop_assert!(
            (sums[p].ramp - sums_a[p].ramp).abs() <= bound,
            "ramp {:?} against {:?}",
            sums[p],
            sums_a[p]
        );
        let pairs = || {
            gradient
                .row(p)
                .iter()
                .zip(gradient_a.row(p))
                .map(|(&g, &a)| (f64::from(g), f64::from(a)))
        };
        // Rounding grows with the rows' own gradients, whose norms add up to more than that of their sum.
        let scale = norm(pairs().map(|(_, a)| a)) + (case.rows as f64).sqrt();
        prop_assert!(
            norm(pairs().map(|(g, a)| g - a)) <= 1e-5 * scale,
            "gradient of particle {p}"
        );
    }
    let (mine, theirs) = (
        fused.problem.arguments(&thetas, &data).unwrap(),
        autodiff.problem.arguments(&thetas, &data).unwrap(),
    );
    for (m, t) in mine.values.iter().zip(&theirs.values) {
        prop_assert!(
            (m - t).abs() <= 1e-4 * (1.0 + t.abs()),
            "argument {m} against {t}"
        );
    }
    prop_assert_eq!(
        fused.problem.counts().row_gradients,
        autodiff.problem.counts().row_gradients
    );
    prop_assert_eq!(
        fused.problem.counts().row_values,
        autodiff.problem.counts().row_values
    );
    alone_as_in_company(&*fused.problem, &thetas, &segments, &sums, &gradient)
}

fn alone_as_in_company(
    problem: &dyn Problem,
    thetas: &Population,
    segments: &[Segment],
    sums: &[RowSums],
    gradient: &Population,
) -> Result<(), TestCaseError> {
    for (p, together) in sums.iter().enumerate() {
        let (alone, g) = pass(problem, &thetas.gather(&[p]), segments);
        prop_assert_eq!(&alone[0], together);
        prop_assert_eq!(g.row(0), gradient.row(p));
    }
    let reversed: Vec<usize> = (0..thetas.len()).rev().collect();
    let (again, g) = pass(problem, &thetas.gather(&reversed), segments);
    for (i, &p) in reversed.iter().enumerate() {
        prop_assert_eq!(&again[i], &sums[p]);
        prop_assert_eq!(g.row(i), gradient.row(p));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, rng_seed: proptest::test_runner::RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn narrow_networks_agree(case in cases()) {
        engines_agree::<Classes<7, 13>>(7, &case)?;
        engines_agree::<Spread<13>>(13, &case)?;
        engines_agree::<Line>(3, &case)?;
    }

    #[test]
    fn wide_networks_agree(case in cases()) {
        engines_agree::<Classes<120, 90>>(120, &case)?;
        engines_agree::<Classes<784, 33>>(784, &case)?;
        engines_agree::<Spread<40>>(40, &case)?;
    }
}

#[test]
fn extreme_parameters_give_a_number_or_minus_infinity() {
    fn check<M: Model + Default>(columns: usize) {
        let data = data(columns, 70, 1);
        let bound = bind(M::default(), &data, Engine::fused(), 1).unwrap();
        for size in [1e3, 1e10, 1e20, 1e30, 1e38] {
            let case = Case {
                rows: 70,
                particles: 3,
                cut: 0.5,
                phi: 1.0,
                seed: 4,
            };
            let thetas = particles(&bound, &case, size);
            let segments = [Segment {
                rows: 0..70,
                weight: 1.0,
                part: Part::Full,
            }];
            let (sums, _) = pass(&*bound.problem, &thetas, &segments);
            for s in sums {
                assert!(
                    !s.full.is_nan() && s.full < f64::INFINITY,
                    "size {size}: {s:?}"
                );
            }
            assert!(
                bound
                    .problem
                    .row_log_likelihoods(&thetas)
                    .iter()
                    .all(|l| !l.is_nan() && *l < f64::INFINITY)
            );
        }
    }
    check::<Classes<7, 13>>(7);
    check::<Classes<120, 90>>(120);
    check::<Spread<13>>(13);
    check::<Line>(3);
}

#[test]
fn the_engine_is_chosen_and_named() {
    let data = data(3, 10, 1);
    let auto = bind(Line::default(), &data, Engine::auto(), 1).unwrap();
    assert!(auto.problem.engine().name.starts_with("fused"));
    let forced = bind(Line::default(), &data, Engine::autodiff(), 1).unwrap();
    assert!(forced.problem.engine().name.starts_with("autodiff"));
}

/// Whole posteriors and single passes on 1, 2 and 4 threads, with few and with many groups of particles.
#[test]
fn threads_change_no_bit() {
    fn check<M: Model + Default>(columns: usize, count: usize) {
        let data = data(columns, 1300, 3);
        let case = Case {
            rows: 1300,
            particles: count,
            cut: 0.7,
            phi: 0.3,
            seed: 5,
        };
        let on = |threads: usize| {
            smc_runtime::exec::with_threads(Some(threads), || {
                let bound = bind(M::default(), &data, Engine::fused(), 1).unwrap();
                let thetas = particles(&bound, &case, 0.2);
                let segments = [
                    Segment {
                        rows: 0..910,
                        weight: 1.0,
                        part: Part::Full,
                    },
                    Segment {
                        rows: 910..1300,
                        weight: 0.3,
                        part: Part::Ramp,
                    },
                ];
                let (sums, gradient) = pass(&*bound.problem, &thetas, &segments);
                alone_as_in_company(&*bound.problem, &thetas, &segments, &sums, &gradient).unwrap();
                (sums, gradient)
            })
            .unwrap()
        };
        let one = on(1);
        for threads in [2, 4] {
            assert_eq!(on(threads), one, "{count} particles on {threads} threads");
        }
    }
    for count in [3, 40] {
        check::<Line>(3, count);
        check::<Spread<40>>(40, count);
    }
    check::<Classes<120, 90>>(120, 5);
    check::<Classes<120, 90>>(120, 70);
}

#[test]
fn a_posterior_has_the_same_bits_on_any_number_of_threads() {
    let data = data(3, 700, 2);
    let on = |threads: usize| {
        let run = Line::infer(&data)
            .with(smc().particles(24))
            .seed(3)
            .threads(threads);
        let posterior = run.run().unwrap();
        (posterior.positions().clone(), posterior.log_evidence())
    };
    let one = on(1);
    assert_eq!(on(2), one);
    assert_eq!(on(4), one);
}
