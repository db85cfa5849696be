//! Laws of variational inference: a family that contains the posterior finds it, mini-batches and noise do not move what is found, stationary
//! points are those of the evidence bound, and a density is a start with a valid evidence.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use laws::altered::Altered;
use laws::conjugate::{Line, known};
use laws::{infer, normals, stepped, table};
use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::engine::{Engine, bind};
use smc_runtime::family::{
    Diagonal, DiagonalNormal, Family, Full, FullNormal, LowRank, LowRankNormal, Mixture, rebuild,
};
use smc_runtime::infer::{DrawnFrom, Draws, Fitted, Form, Modes, Variational};
use smc_runtime::prelude::*;
use smc_runtime::problem::density::{Density, Moments};
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Problem, Sums};
use smc_runtime::testing::Regression;

fn fitted(draws: &Draws) -> Fitted {
    match draws.drawn_from() {
        DrawnFrom::Fitted(fitted) => fitted,
        other => panic!("{other:?}"),
    }
}

fn density(draws: &Draws) -> &dyn Density {
    match draws.form() {
        Form::Density(density) => &**density,
        other => panic!("{other:?}"),
    }
}

/// log p − log q is nearly the same at all draws of q: means to 1e-3 standard deviations in every coordinate, and variances to 1e-3, make
/// it differ by about 2e-3 √d.
fn is_found(draws: &Draws, what: &str) {
    let found = fitted(draws);
    let spread = found.elbo_error * (found.draws as f64).sqrt();
    let allowed = 2e-3 * (draws.positions().dim() as f64).sqrt();
    assert!(
        spread < allowed,
        "{what}: log p/q spreads by {spread}, {allowed} at the most"
    );
}

/// The problem whose posterior is `target`; `inside` gives the shape of its parameters.
fn of_target<'a>(inside: &'a Regression, target: &'a dyn Density) -> Altered<'a> {
    Altered::likelihood(inside, move |thetas, segments, gradient| {
        let mut by_prior = thetas.zeros_like();
        let prior = inside.prior().log_density(thetas, Some(&mut by_prior));
        let logs = match gradient {
            Some(gradient) => {
                gradient.add_scaled(-1.0, &by_prior);
                target.log_density(thetas, Some(gradient))
            }
            None => target.log_density(thetas, None),
        };
        let mut sums = Sums::zeros(thetas.len(), segments.len());
        for (i, (log, prior)) in logs.iter().zip(prior).enumerate() {
            sums.of_mut(i)[0] = log - prior;
        }
        sums
    })
}

#[test]
fn a_family_that_contains_the_posterior_finds_it() {
    for dim in [1, 2, 5, 20] {
        let problem = Regression::simulated(3 * dim + 5, dim, 0.7, 1.0, 4).unwrap();
        let rows = problem.rows();
        let full = mean_field()
            .family(Full)
            .batch(rows)
            .passes(6000)
            .rate(0.01);
        is_found(&infer(&full, &problem, 1).unwrap(), &format!("full, {dim}"));
        is_found(
            &infer(&gsm().iterations(400), &problem, 1).unwrap(),
            &format!("gsm, {dim}"),
        );
        is_found(&infer(&bam(), &problem, 1).unwrap(), &format!("bam, {dim}"));
        // To the exact moments, too.
        let draws = infer(&bam(), &problem, 1).unwrap();
        let (found, exact) = (density(&draws).moments(), problem.posterior());
        for i in 0..dim {
            let sd = exact.covariance[i][i].sqrt();
            assert!(
                (found.mean[i] - exact.mean[i]).abs() < 1e-3 * sd,
                "{dim}: mean {i}"
            );
            assert!(
                (found.variance[i] / sd.powi(2) - 1.0).abs() < 1e-3,
                "{dim}: variance {i}"
            );
        }
    }
}

#[test]
fn every_family_finds_a_member_of_its_own() {
    let dim = 6;
    let inside = Regression::simulated(10, dim, 1.0, 1.0, 4).unwrap();
    let mean = normals(dim, 5);
    let sd: Vec<f32> = normals(dim, 6).iter().map(|x| 0.2 * x.exp()).collect();
    let apart = DiagonalNormal::new(mean.clone(), sd.clone()).unwrap();
    let problem = of_target(&inside, &apart);
    for (what, fit) in [
        (
            "score_vi",
            Box::new(score_vi().batch(10).passes(4000)) as Box<dyn Inference>,
        ),
        (
            "mean_field",
            Box::new(mean_field().batch(10).passes(4000).rate(0.01)),
        ),
    ] {
        let draws = infer(&*fit, &problem, 1).unwrap();
        is_found(&draws, what);
        let found = density(&draws).moments();
        for i in 0..dim {
            let s = f64::from(sd[i]);
            assert!(
                (found.mean[i] - f64::from(mean[i])).abs() < 1e-3 * s,
                "{what}: mean {i}"
            );
            assert!(
                (found.variance[i] / s.powi(2) - 1.0).abs() < 2e-3,
                "{what}: variance {i}"
            );
        }
    }
    let factor: Vec<f32> = normals(2 * dim, 7).iter().map(|x| 0.5 * x).collect();
    let sd = normals(dim, 8)
        .iter()
        .map(|x| 0.5 * (0.3 * x).exp())
        .collect();
    let together = LowRankNormal::new(mean, sd, factor, 2).unwrap();
    let problem = of_target(&inside, &together);
    let fit = mean_field()
        .family(LowRank { rank: 2 })
        .batch(10)
        .passes(30_000)
        .rate(0.01);
    is_found(&infer(&fit, &problem, 1).unwrap(), "low rank");
    // Planted: a family that does not contain it is told from one that does.
    let fit = mean_field().batch(10).passes(4000).rate(0.01);
    let off = fitted(&infer(&fit, &problem, 1).unwrap());
    assert!(off.elbo_error * (off.draws as f64).sqrt() > 0.1, "{off:?}");
}

/// One affine layer with one output and known noise: the eigenbasis of its inputs makes the posterior diagonal.
#[test]
fn kronecker_coordinates_find_the_posterior_of_a_linear_layer() {
    let data = table(120, 4, 3, |i, x| {
        x[0] + 0.8 * x[1] - x[3] + 0.3 * ((i % 7) as f32 - 3.0)
    });
    // Correlated features.
    let x: Vec<f32> = data
        .features()
        .chunks(4)
        .flat_map(|r| [r[0], 0.9 * r[0] + 0.3 * r[1], r[2], 0.5 * r[2] - r[3]])
        .collect();
    let data = Dataset::new(4, x, data.targets().to_vec()).unwrap();
    let bound = bind(Line::<4>::default(), &data, Engine::fused(), 1).unwrap();
    let turned = infer(
        &score_vi().kronecker().batch(120).passes(6000),
        &*bound.problem,
        1,
    )
    .unwrap();
    is_found(&turned, "kronecker");
    let apart = infer(
        &score_vi().diagonal().batch(120).passes(6000),
        &*bound.problem,
        1,
    )
    .unwrap();
    let (turned, apart) = (fitted(&turned), fitted(&apart));
    assert!(
        turned.elbo > apart.elbo + 0.5,
        "{} {}",
        turned.elbo,
        apart.elbo
    );
}

#[test]
fn the_bound_is_the_evidence_where_the_posterior_is_in_the_family() {
    let known = known();
    let draws = infer(&bam(), &*known.problem, 1).unwrap();
    let found = fitted(&draws);
    assert!(
        (found.elbo - known.log_evidence).abs() < 1e-3,
        "{found:?} {}",
        known.log_evidence
    );
    assert_eq!(draws.log_evidence(), None);
    // Weighted draws of a poor density have an evidence, too.
    let poor = infer(
        &score_vi().diagonal().passes(4000).weighted(),
        &*known.problem,
        1,
    )
    .unwrap();
    let off = poor.log_evidence().unwrap() - known.log_evidence;
    assert!(off.abs() < 0.1, "{off}");
}

/// Three sets for logistic regression: the log-odds are linear, with more or less curvature and correlation.
fn odds(number: usize) -> Arc<dyn Problem> {
    let (rows, slope, mixed) = [(200, 1.0, 0.0), (300, 3.0, 0.6), (150, 0.3, -0.8)][number];
    let noise = normals(rows, 11 + number as u64);
    let data = table(rows, 3, 5 + number as u64, |i, x| {
        let logit = slope * (x[0] + mixed * x[1]);
        f32::from(u8::from(logit + 1.5 * noise[i] > 0.0))
    });
    bind(ThreeOdds::default(), &data, Engine::fused(), 1)
        .unwrap()
        .problem
}

/// log-odds that are linear in three features.
#[bayes_model]
#[likelihood(Bernoulli(logit = layer))]
struct ThreeOdds {
    #[prior(Normal(0.0, 1.0))]
    layer: Linear<3, 1>,
}

#[test]
fn stationary_points_on_the_diagonal_family_are_those_of_the_bound() {
    for number in 0..3 {
        let problem = odds(number);
        let rows = problem.rows();
        let moments = |fit: &dyn Inference| density(&infer(fit, &*problem, 1).unwrap()).moments();
        let bound = moments(&mean_field().batch(rows).passes(30_000));
        let others: [(&str, Box<dyn Inference>); 2] = [
            (
                "score_vi",
                Box::new(
                    score_vi()
                        .diagonal()
                        .batch(rows)
                        .passes(30_000)
                        .trust(f64::INFINITY),
                ),
            ),
            (
                "ivon",
                Box::new(
                    ivon()
                        .batch(rows)
                        .passes(30_000)
                        .rates(0.01, 0.002)
                        .trust(f64::INFINITY),
                ),
            ),
        ];
        for (what, fit) in others {
            let Moments { mean, variance } = moments(&*fit);
            for i in 0..mean.len() {
                let sd = bound.variance[i].sqrt();
                let off = (mean[i] - bound.mean[i]) / sd;
                let ratio = variance[i].sqrt() / sd;
                assert!(
                    off.abs() < 0.1,
                    "{what}, set {number}: mean {i} is {off} sd away"
                );
                assert!(
                    (ratio - 1.0).abs() < 0.05,
                    "{what}, set {number}: sd {i} is {ratio} times"
                );
            }
        }
    }
}

/// The standard normal in one dimension, with noise of standard deviation 3 on every score.
fn noisy(inside: &Regression, target: &DiagonalNormal, fit: &dyn Inference) -> Moments {
    let calls = AtomicUsize::new(0);
    let exact = of_target(inside, target);
    let problem = Altered::likelihood(inside, |thetas, segments, gradient| {
        let Some(gradient) = gradient else {
            return exact.log_likelihood(thetas, segments, None);
        };
        let sums = exact.log_likelihood(thetas, segments, Some(gradient));
        let mut noise = thetas.zeros_like();
        let call = calls.fetch_add(1, Ordering::Relaxed);
        noise.fill_normal(Streams::new(77), Purpose::User, call, 0);
        gradient.add_scaled(3.0, &noise);
        sums
    });
    density(&infer(fit, &problem, 1).unwrap()).moments()
}

#[test]
fn noise_of_scores_moves_nothing_but_what_matches_covariances() {
    let inside = Regression::simulated(4, 1, 1.0, 1.0, 4).unwrap();
    let target = DiagonalNormal::new(vec![0.5], vec![1.0]).unwrap();
    let long = score_vi()
        .batch(4)
        .passes(60_000)
        .trust(f64::INFINITY)
        .rates(0.02, 0.004);
    let found = noisy(&inside, &target, &long);
    assert!((found.variance[0] - 1.0).abs() < 0.03, "{found:?}");
    assert!((found.mean[0] - 0.5).abs() < 0.05, "{found:?}");
    let found = noisy(
        &inside,
        &target,
        &ivon()
            .batch(4)
            .passes(60_000)
            .rates(0.02, 0.002)
            .trust(f64::INFINITY),
    );
    assert!((found.variance[0] - 1.0).abs() < 0.03, "{found:?}");
    // What batch and match does with it: the reason why it takes no mini-batches.
    let found = noisy(&inside, &target, &bam().iterations(2000));
    assert!(found.variance[0] < 0.7, "{found:?}");
}

/// How far the variances of a fit by mini-batches are from those of a fit by all rows, and the means in standard deviations.
fn apart(problem: &dyn Problem, exact: &Moments) -> f64 {
    let fit = score_vi().diagonal().batch(40).passes(4000);
    let found = density(&infer(&fit, problem, 2).unwrap()).moments();
    let off = |i: usize| {
        let sd = exact.variance[i].sqrt();
        let mean = (found.mean[i] - exact.mean[i]).abs() / sd;
        mean.max((found.variance[i] / exact.variance[i]).ln().abs())
    };
    (0..exact.mean.len()).map(off).fold(0.0, f64::max)
}

#[test]
fn mini_batches_change_nothing_and_faults_do() {
    let problem = Regression::simulated(400, 3, 1.0, 0.1, 4).unwrap();
    let all = score_vi().diagonal().batch(400).passes(8000);
    let exact = density(&infer(&all, &problem, 1).unwrap()).moments();
    let sound = apart(&problem, &exact);
    assert!(sound < 0.2, "{sound}");
    // N/B is forgotten.
    let forgotten = Altered::likelihood(&problem, |thetas, segments, gradient| {
        let mut segments = segments.to_vec();
        segments
            .iter_mut()
            .filter(|s| s.weight != 0.0)
            .for_each(|s| s.weight = 1.0);
        problem.log_likelihood(thetas, &segments, gradient)
    });
    assert!(apart(&forgotten, &exact) > 1.0);
    // The prior counts at every batch as much as at all rows: ten times.
    let counted = Altered::log_prior(&problem, |thetas, gradient| {
        let prior = problem.prior();
        let Some(gradient) = gradient else {
            return prior.log_density(thetas, None);
        };
        let mut own = thetas.zeros_like();
        let logs = prior.log_density(thetas, Some(&mut own));
        gradient.add_scaled(10.0, &own);
        logs
    });
    assert!(apart(&counted, &exact) > 1.0);
}

#[test]
fn evon_is_near_the_covariance_of_logistic_regression() {
    let noise = normals(20_000, 3);
    let data = table(20_000, 6, 8, |i, x| {
        // A logistic draw by its quantile.
        let u = 0.5
            * (1.0
                + f64::from(noise[i]).signum()
                    * (1.0 - (-2.0 * f64::from(noise[i]).powi(2) / std::f64::consts::PI).exp())
                        .sqrt());
        let logit = x[0] - 0.5 * x[1] + 0.8 * x[2];
        f32::from(u8::from(f64::from(logit) + (u / (1.0 - u)).ln() > 0.0))
    });
    let x: Vec<f32> = data
        .features()
        .chunks(6)
        .flat_map(|r| {
            [
                r[0],
                0.8 * r[0] + 0.6 * r[1],
                r[2],
                r[3],
                0.9 * r[3] + 0.4 * r[4],
                r[5],
            ]
        })
        .collect();
    let data = Dataset::new(6, x, data.targets().to_vec()).unwrap();
    let bound = bind(Odds::default(), &data, Engine::fused(), 1).unwrap();
    let problem = &*bound.problem;
    // N is large: the posterior is normal around its mode, with the curvature there.
    let exact = curvature(&data);
    let off = |fit: &dyn Inference| {
        let draws = infer(fit, problem, 1).unwrap();
        let a = covariance(density(&draws));
        let b = &exact;
        let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
        norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
    };
    // Of 40000 draws a covariance is known to less than a hundredth.
    let (evon, ivon) = (
        off(&evon().passes(400).trust(f64::INFINITY)),
        off(&ivon().passes(400)),
    );
    // The bases themselves leave .03 of it, those of unweighted factors .08.
    assert!(evon < 0.05, "{evon}");
    assert!(ivon > 0.2, "{ivon}");
}

/// log-odds that are linear in six features.
#[bayes_model]
#[likelihood(Bernoulli(logit = layer))]
struct Odds {
    #[prior(Normal(0.0, 1.0))]
    layer: Linear<6, 1>,
}

/// The inverse of the log-posterior's negative curvature at its mode, by Newton's method.
fn curvature(data: &Dataset) -> Vec<f64> {
    const D: usize = 7;
    let mut theta = [0.0; D];
    let mut inverse = vec![0.0; D * D];
    for _ in 0..12 {
        let mut gradient: Vec<f64> = theta.iter().map(|t| -t).collect();
        let mut rows = vec![vec![0.0; 2 * D]; D];
        for (i, row) in rows.iter_mut().enumerate() {
            (row[i], row[D + i]) = (1.0, 1.0);
        }
        for (x, &y) in data.features().chunks(D - 1).zip(data.targets()) {
            let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).chain([1.0]).collect();
            let logit: f64 = x.iter().zip(theta).map(|(x, t)| x * t).sum();
            let p = 1.0 / (1.0 + (-logit).exp());
            for a in 0..D {
                gradient[a] += (f64::from(y) - p) * x[a];
                for b in 0..D {
                    rows[a][b] += p * (1.0 - p) * x[a] * x[b];
                }
            }
        }
        // Gauss and Jordan; the matrix is positive definite.
        for k in 0..D {
            let pivot = rows[k][k];
            rows[k].iter_mut().for_each(|x| *x /= pivot);
            let own = rows[k].clone();
            for (i, row) in rows.iter_mut().enumerate().filter(|(i, _)| *i != k) {
                let _ = i;
                let factor = row[k];
                row.iter_mut().zip(&own).for_each(|(x, o)| *x -= factor * o);
            }
        }
        for (a, row) in rows.iter().enumerate() {
            inverse[a * D..(a + 1) * D].copy_from_slice(&row[D..]);
            theta[a] += row[D..]
                .iter()
                .zip(&gradient)
                .map(|(i, g)| i * g)
                .sum::<f64>();
        }
    }
    inverse
}

/// The covariance of 40000 draws.
fn covariance(density: &dyn Density) -> Vec<f64> {
    const DRAWS: usize = 40_000;
    let dim = density.dim();
    let mut draws = Population::zeros(DRAWS, dim);
    density.sample(Streams::new(3), 0, &mut draws);
    let equal = vec![1.0 / DRAWS as f64; DRAWS];
    let mean = draws.means(&equal);
    let mut sums = vec![0.0; dim * dim];
    for i in 0..DRAWS {
        let row = draws.row(i);
        for a in 0..dim {
            for b in 0..dim {
                sums[a * dim + b] +=
                    (f64::from(row[a]) - mean[a]) * (f64::from(row[b]) - mean[b]) / DRAWS as f64;
            }
        }
    }
    sums
}

#[test]
fn a_density_is_a_start_with_the_same_evidence() {
    let known = known();
    let from_density = |vi: Box<dyn Inference>, spread: f64| {
        let smc = smc().particles(64).annealing(Tempering::stages(6)).moves(3);
        let smc = smc.warm(Boxed(vi), spread);
        let runs = (0..12).map(|seed| {
            infer(&smc, &*known.problem, seed)
                .unwrap()
                .log_evidence()
                .unwrap()
        });
        let runs: Vec<f64> = runs.collect();
        laws::mean_se(&runs)
    };
    for (what, vi, spread) in [
        (
            "score_vi",
            Box::new(score_vi().passes(300)) as Box<dyn Inference>,
            1.0,
        ),
        ("wide", Box::new(score_vi().diagonal().passes(300)), 1.5),
        ("modes", Box::new(modes(ivon().passes(300), 2)), 1.0),
    ] {
        let (mean, error) = from_density(vi, spread);
        // E[log Ẑ] is a little below log Z.
        let off = mean - known.log_evidence;
        assert!(off.abs() < 5.0 * error + 0.02, "{what}: {off} ± {error}");
    }
}

/// A network without a symmetry that would make copies of its posterior: a density finds one of them.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.3))]
struct Hinge {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<1, 1>,
    activation: Relu,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<1, 1>,
}

/// The same of a network, from its prior and from a density.
#[test]
fn the_evidence_of_a_network_is_the_same_from_a_density() {
    let data = table(30, 1, 9, |i, x| {
        (x[0] + 0.5).max(0.0) - 0.3 + 0.2 * ((i % 5) as f32 - 2.0)
    });
    let bound = bind(Hinge::default(), &data, Engine::fused(), 1).unwrap();
    let run = |smc: &dyn Inference| {
        let runs = (0..8).map(|seed| {
            infer(smc, &*bound.problem, seed)
                .unwrap()
                .log_evidence()
                .unwrap()
        });
        let runs: Vec<f64> = runs.collect();
        laws::mean_se(&runs)
    };
    let many = smc()
        .particles(256)
        .islands(1)
        .moves(8)
        .annealing(Tempering::stages(24));
    let (prior, prior_error) = run(&many);
    let warm = [
        many.clone().warm(score_vi().passes(4000), 1.0),
        many.clone().warm(bali().temperature(1.0).passes(400), 1.0),
    ];
    for warm in warm {
        let (fit, fit_error) = run(&warm);
        let error = prior_error.hypot(fit_error);
        assert!(
            (prior - fit).abs() < 5.0 * error + 0.1,
            "{prior} ± {prior_error}, {fit} ± {fit_error}: {warm:?}"
        );
    }
}

/// A boxed algorithm as one.
#[derive(Debug)]
struct Boxed(Box<dyn Inference>);

impl Inference for Boxed {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn smc_runtime::infer::Stepwise + 'a>> {
        self.0.begin(problem, streams)
    }
}

#[test]
fn densities_are_made_again_of_their_numbers_and_their_gradients_are_those_of_their_values() {
    let (mean, sd) = (normals(4, 1), vec![0.5, 1.0, 2.0, 0.1]);
    let data = table(50, 3, 2, |_, x| x[0]);
    let bound = bind(Line::<3>::default(), &data, Engine::fused(), 1).unwrap();
    let kronecker = infer(&score_vi().passes(40), &*bound.problem, 1).unwrap();
    let Form::Density(kronecker) = kronecker.form() else {
        panic!()
    };
    let covariance = |i: usize, j: usize| if i == j { 1.0 + i as f64 } else { 0.3 };
    let covariance: Vec<f64> = (0..16).map(|at| covariance(at / 4, at % 4)).collect();
    let diagonal: Arc<dyn Density> =
        Arc::new(DiagonalNormal::new(mean.clone(), sd.clone()).unwrap());
    let full: Arc<dyn Density> = Arc::new(FullNormal::new(mean.clone(), &covariance).unwrap());
    let low = LowRankNormal::new(mean, sd, normals(8, 3), 2).unwrap();
    let mixture = Mixture::new(vec![diagonal.clone(), full.clone()], &[1.0, 2.0]).unwrap();
    let scaled = infer(&bali().passes(40), &*bound.problem, 1).unwrap();
    let Form::Density(scaled) = scaled.form() else {
        panic!()
    };
    let all: [Arc<dyn Density>; 6] = [
        scaled.clone(),
        diagonal,
        full,
        Arc::new(low),
        Arc::new(mixture),
        kronecker.clone(),
    ];
    for density in all {
        let mut thetas = Population::zeros(5, 4);
        density.sample(Streams::new(2), 0, &mut thetas);
        let mut gradient = thetas.zeros_like();
        let logs = density.log_density(&thetas, Some(&mut gradient));
        assert_eq!(logs, density.log_density(&thetas, None), "{density:?}");
        let again = rebuild(&density.numbers().unwrap()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{density:?}"));
        assert_eq!(again.log_density(&thetas, None), logs, "{density:?}");
        for c in 0..4 {
            const H: f32 = 1.0 / 512.0;
            let at = |h: f32| {
                let mut moved = thetas.clone();
                for i in 0..5 {
                    moved.on_host().row_mut(i)[c] += h;
                }
                density.log_density(&moved, None)
            };
            for (i, (up, down)) in at(H).iter().zip(at(-H)).enumerate() {
                let slope = (up - down) / (2.0 * f64::from(H));
                let found = f64::from(gradient.row(i)[c]);
                assert!(
                    (slope - found).abs() < 0.01 * (1.0 + slope.abs()),
                    "{density:?} {c}: {found}, not {slope}"
                );
            }
        }
        let wide = density.widened(2.0).unwrap();
        let (a, b) = (density.local_variance(), wide.local_variance());
        assert!(
            a.iter().zip(b).all(|(a, b)| (b / a - 4.0).abs() < 1e-3),
            "{density:?}"
        );
        // It integrates to one: E_q[N(θ | 0, 0.05² I)/q(θ)] = 1 is hard; E of importance weights of a wider self is not.
        let mut many = Population::zeros(20_000, 4);
        wide.sample(Streams::new(5), 0, &mut many);
        let (p, q) = (
            density.log_density(&many, None),
            wide.log_density(&many, None),
        );
        let ratios: Vec<f64> = p.iter().zip(q).map(|(p, q)| (p - q).exp()).collect();
        let (mean, error) = laws::mean_se(&ratios);
        assert!(
            (mean - 1.0).abs() < 5.0 * error,
            "{density:?}: {mean} ± {error}"
        );
    }
}

#[test]
fn families_pull_slopes_back_along_their_draws() {
    let families: [Box<dyn Family>; 3] = [
        Box::new(Diagonal),
        Box::new(LowRank { rank: 2 }),
        Box::new(Full),
    ];
    for family in families {
        let mut numbers = family.begin(&normals(4, 1), &[0.5, 1.0, 2.0, 0.3]).unwrap();
        for (x, z) in numbers.iter_mut().zip(normals(40, 2)) {
            *x += 0.2 * z;
        }
        let noise = normals(family.noise(4), 3);
        let slope = normals(4, 4);
        let along = |numbers: &[f32]| {
            let mut theta = vec![0.0; 4];
            family.draw(numbers, &noise, &mut theta);
            theta
                .iter()
                .zip(&slope)
                .map(|(x, s)| f64::from(*x) * f64::from(*s))
                .sum::<f64>()
        };
        let mut gradient = vec![0.0; numbers.len()];
        family.pull(&numbers, &noise, &slope, &mut gradient);
        for k in 0..numbers.len() {
            const H: f32 = 1.0 / 256.0;
            let (mut up, mut down) = (numbers.clone(), numbers.clone());
            up[k] += H;
            down[k] -= H;
            let exact = (along(&up) - along(&down)) / (2.0 * f64::from(H));
            assert!(
                (exact - f64::from(gradient[k])).abs() < 2e-3,
                "{family:?} {k}: {} not {exact}",
                gradient[k]
            );
        }
        // Its score is that of its density.
        let mut score = vec![0.0; 4];
        family.score(&numbers, &noise, &mut score);
        let mut theta = vec![0.0; 4];
        family.draw(&numbers, &noise, &mut theta);
        let thetas = Population::from_values(4, theta).unwrap();
        let mut by_density = thetas.zeros_like();
        family
            .density(&numbers, 4)
            .unwrap()
            .log_density(&thetas, Some(&mut by_density));
        for (a, b) in score.iter().zip(by_density.row(0)) {
            assert!(
                (a - b).abs() < 1e-3 * (1.0 + b.abs()),
                "{family:?}: {a} {b}"
            );
        }
    }
}

#[test]
fn rows_held_out_stop_a_fit_and_are_seen_by_no_gradient() {
    let data = table(200, 2, 6, |i, x| x[0] + 0.5 * ((i % 3) as f32));
    let bound = bind(Line::<2>::default(), &data, Engine::fused(), 1).unwrap();
    let inside = &*bound.problem;
    let seen = AtomicUsize::new(0);
    let watched = Altered::likelihood(inside, |thetas, segments, gradient| {
        if gradient.is_some() {
            let last = segments.iter().map(|s| s.rows.end).max().unwrap();
            seen.fetch_max(last, Ordering::Relaxed);
        }
        inside.log_likelihood(thetas, segments, gradient)
    });
    let fit = score_vi()
        .diagonal()
        .validation(0.25)
        .passes(3000)
        .patience(10);
    let (steps, _) = stepped(&fit, &watched, 1).unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 150);
    assert!(steps.len() < 3000, "nothing was stopped early");
    assert_eq!(steps.last().unwrap().done, 1.0);
}

fn refusal(fit: &dyn Inference, problem: &dyn Problem) -> String {
    infer(fit, problem, 1).unwrap_err().to_string()
}

#[test]
fn impossible_settings_are_named() {
    let problem = Regression::simulated(50, 2, 1.0, 1.0, 4).unwrap();
    let cases: [(Box<dyn Inference>, &str); 10] = [
        (
            Box::new(gsm().batch(10)),
            "batch = 10: all 50 rows are needed",
        ),
        (
            Box::new(bam().batch(49)),
            "batch = 49: all 50 rows are needed",
        ),
        (Box::new(gsm().iterations(0)), "iterations = 0"),
        (Box::new(score_vi().passes(0)), "passes = 0"),
        (Box::new(score_vi().seconds(-1.0)), "seconds = -1"),
        (Box::new(score_vi().validation(1.0)), "validation = 1"),
        (Box::new(score_vi().rates(0.0, 0.1)), "rates, of means = 0"),
        (
            Box::new(evon()),
            "a walk through affine layers is asked for",
        ),
        (
            Box::new(mean_field().family(LowRank { rank: 3 })),
            "rank = 3: between 1 and the 2 parameters",
        ),
        (Box::new(modes(score_vi(), 0)), "k, the number of fits = 0"),
    ];
    for (fit, expected) in cases {
        let text = refusal(&*fit, &problem);
        assert!(text.starts_with(expected), "{text}");
    }
    let large = Regression::simulated(10, 1100, 1.0, 1.0, 4).unwrap();
    assert!(refusal(&bam(), &large).contains("at most 1024 are possible"));
}

/// A density that the posterior is far from says so.
#[test]
fn importance_weights_tell_a_poor_density() {
    // Two features that are nearly one: independent coordinates are far too narrow.
    let data = table(200, 2, 6, |_, x| x[0]);
    let x: Vec<f32> = data
        .features()
        .chunks(2)
        .flat_map(|r| [r[0], r[0] + 0.02 * r[1]])
        .collect();
    let data = Dataset::new(2, x, data.targets().to_vec()).unwrap();
    let run = |fit: Box<dyn Inference>| {
        Run::new(Line::<2>::default(), &data)
            .with_boxed(fit)
            .run()
            .unwrap()
    };
    let (poor, good) = (run(Box::new(score_vi().diagonal())), run(Box::new(bam())));
    let k = |posterior: &Posterior<Line<2>>| match posterior.drawn_from() {
        DrawnFrom::Fitted(fitted) => fitted.pareto_k.unwrap(),
        other => panic!("{other:?}"),
    };
    assert!(k(&poor) > 0.7, "{}", k(&poor));
    assert!(!poor.report().verdict().is_usable());
    assert!(
        poor.report()
            .to_string()
            .contains("do not bear the density out")
    );
    assert!(k(&good) < 0.7, "{}", k(&good));
    assert!(good.report().verdict().is_usable(), "{}", good.report());
    assert!(
        good.report()
            .to_string()
            .contains("a lower bound and no evidence")
    );
}

/// Scales that priors name, and positive parameters: all in unconstrained coordinates.
#[test]
fn hierarchies_are_fitted_without_a_number_that_is_not_finite() {
    let data = table(60, 2, 6, |i, x| {
        (x[0] - x[1]).tanh() + 0.1 * ((i % 3) as f32)
    });
    let bound = bind(
        laws::models::Hierarchical::default(),
        &data,
        Engine::auto(),
        1,
    )
    .unwrap();
    for seed in 0..5 {
        for fit in [
            Box::new(score_vi()) as Box<dyn Inference>,
            Box::new(mean_field()),
            Box::new(modes(score_vi().passes(6000), 2)),
        ] {
            let draws = infer(&*fit, &*bound.problem, seed).unwrap();
            let found = fitted(&draws);
            assert!(
                found.elbo.is_finite() && found.elbo > -200.0,
                "{fit:?}: {found:?}"
            );
            assert_eq!(draws.positions().first_not_finite(), None);
        }
    }
}

/// Two modes far apart: a grown mixture finds both, one component cannot.
#[test]
fn a_grown_mixture_covers_what_one_density_cannot() {
    let inside = Regression::simulated(6, 1, 1.0, 3.0, 4).unwrap();
    let at = |mean: f32| {
        Arc::new(DiagonalNormal::new(vec![mean], vec![0.5]).unwrap()) as Arc<dyn Density>
    };
    let two = Mixture::new(vec![at(-1.2), at(1.2)], &[0.5, 0.5]).unwrap();
    let problem = of_target(&inside, &two);
    let one = mean_field().batch(6).passes(4000);
    let bound = |fit: &dyn Inference, seed| fitted(&infer(fit, &problem, seed).unwrap()).elbo;
    // Some begin at both modes; none has a bound above the evidence, which is 1.
    let grown: Vec<f64> = (0..6)
        .map(|seed| bound(&boosted(one.clone(), 3), seed))
        .collect();
    let (alone, best) = (
        bound(&one, 3),
        grown.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    );
    assert!(
        best > alone + 0.4 && grown.iter().all(|g| *g < 0.01),
        "{alone} {grown:?}"
    );
    let vi: Box<dyn Variational> = Box::new(one);
    assert_eq!(vi.name(), "mean_field");
}

/// A budget is shared by the root of the thousands of updates that it buys: 300 rows have 19 batches of 15 rows or so.
#[test]
fn a_budget_of_a_mixture_is_shared_by_as_many_fits_as_can_be_trained() {
    let data = table(300, 2, 5, |_, x| x[0] - x[1]);
    let bound = bind(Line::<2>::default(), &data, Engine::fused(), 1).unwrap();
    let infer = |algorithm: &dyn Inference| infer(algorithm, &*bound.problem, 1);
    for (passes, k) in [(10, 1), (240, 2), (1000, 4)] {
        let shared = infer(&modes(bali(), 16).gradients(passes * 300)).unwrap();
        let same = modes(bali().passes(passes as usize / k), k);
        assert_eq!(
            shared.positions().values(),
            infer(&same).unwrap().positions().values(),
            "{passes} passes"
        );
    }
    // Seconds are timed, and the report says what repeats the run.
    let run = |algorithm: Modes| {
        let run = Line::<2>::infer(&data).with(algorithm).seed(3);
        run.run().unwrap()
    };
    let timed = run(modes(bali(), 4).seconds(0.05));
    let said = timed.report().chosen.join(" ");
    let numbers = said.split(|c: char| !c.is_ascii_digit());
    let numbers: Vec<usize> = numbers.filter_map(|n| n.parse().ok()).collect();
    let &[k, passes, again] = &numbers[..] else {
        panic!("{said}")
    };
    assert_eq!(k, again);
    let repeated = run(modes(bali().passes(passes), k));
    assert_eq!(repeated.positions().values(), timed.positions().values());
    // No more than asked for.
    let two = infer(&modes(bali(), 2).gradients(300_000)).unwrap();
    let same = infer(&modes(bali().passes(500), 2)).unwrap();
    assert_eq!(two.positions().values(), same.positions().values());
    let text = |algorithm: Modes| infer(&algorithm).unwrap_err().to_string();
    assert_eq!(
        text(modes(gsm(), 2).seconds(1)),
        "modes = gsm: a budget needs a fit that is planned in passes, such as bali()"
    );
    assert_eq!(
        text(modes(bali(), 2).seconds(f64::NAN)),
        "seconds = NaN: a positive, finite number is needed"
    );
    assert_eq!(
        text(modes(bali(), 2).gradients(0)),
        "gradients = 0: at least 1 is needed"
    );
}
