//! Every prior: it integrates to one, its sampler has its distribution function, its gradient is that of its density, its
//! form over a block is the sum, and it says which argument is out of range.

use laws::normals;
use smc_runtime::base::rng::{Purpose, Stream, Streams};
use smc_runtime::model::algebra::Num;
use smc_runtime::model::transform::Support;
use smc_runtime::prelude::*;
use smc_runtime::testing::check_model;

/// What an argument may be.
#[derive(Clone, Copy, PartialEq)]
enum Takes {
    Finite,
    Positive,
}
use Takes::{Finite, Positive};

/// A prior under the laws: `name`, the values of its arguments, what each may be, and how it is made of them.
struct Case<P> {
    name: &'static str,
    arguments: &'static [&'static [f64]],
    takes: &'static [Takes],
    make: fn(&[Num]) -> P,
}

/// One law for any prior.
trait Law {
    fn holds<P: Prior>(case: &Case<P>);
}

/// Every prior that there is.
fn every<L: Law>() {
    let scales: &[&[f64]] = &[&[0.7], &[3.0]];
    let locations: &[&[f64]] = &[&[0.3, 0.7], &[-1.0, 1.6]];
    let shapes: &[&[f64]] = &[&[0.5, 2.0], &[3.0, 0.4]];
    L::holds(&Case {
        name: "Normal",
        arguments: locations,
        takes: &[Finite, Positive],
        make: |a| Normal(a[0], a[1]),
    });
    L::holds(&Case {
        name: "Laplace",
        arguments: locations,
        takes: &[Finite, Positive],
        make: |a| Laplace(a[0], a[1]),
    });
    L::holds(&Case {
        name: "StudentT",
        arguments: &[&[1.0, 0.3, 0.7], &[4.5, -1.0, 1.6], &[300.0, 0.0, 1.0]],
        takes: &[Positive, Finite, Positive],
        make: |a| StudentT(a[0], a[1], a[2]),
    });
    L::holds(&Case {
        name: "Cauchy",
        arguments: locations,
        takes: &[Finite, Positive],
        make: |a| Cauchy(a[0], a[1]),
    });
    L::holds(&Case {
        name: "HalfNormal",
        arguments: scales,
        takes: &[Positive],
        make: |a| HalfNormal(a[0]),
    });
    L::holds(&Case {
        name: "HalfCauchy",
        arguments: scales,
        takes: &[Positive],
        make: |a| HalfCauchy(a[0]),
    });
    L::holds(&Case {
        name: "LogNormal",
        arguments: locations,
        takes: &[Finite, Positive],
        make: |a| LogNormal(a[0], a[1]),
    });
    L::holds(&Case {
        name: "Exponential",
        arguments: scales,
        takes: &[Positive],
        make: |a| Exponential(a[0]),
    });
    L::holds(&Case {
        name: "Gamma",
        arguments: shapes,
        takes: &[Positive, Positive],
        make: |a| Gamma(a[0], a[1]),
    });
    L::holds(&Case {
        name: "InverseGamma",
        arguments: shapes,
        takes: &[Positive, Positive],
        make: |a| InverseGamma(a[0], a[1]),
    });
    L::holds(&Case {
        name: "Beta",
        arguments: &[&[1.0, 1.0], &[0.6, 2.0], &[5.0, 0.8]],
        takes: &[Positive, Positive],
        make: |a| Beta(a[0], a[1]),
    });
}

impl<P: Prior> Case<P> {
    /// The prior, its arguments the variables of lanes 1, 2, ... as where it names fields.
    fn at(&self, arguments: &[f64]) -> P {
        let named = arguments.iter().enumerate();
        let named: Vec<Num> = named.map(|(i, &a)| Num::variable(a, i + 1)).collect();
        (self.make)(&named)
    }

    fn priors(&self) -> impl Iterator<Item = P> + '_ {
        self.arguments.iter().map(|arguments| self.at(arguments))
    }
}

fn draws<P: Prior>(prior: &P, n: usize) -> Vec<f64> {
    let mut stream = Streams::new(51).stream(Purpose::Simulate, 0, 0, 0);
    (0..n).map(|_| prior.sample(&mut stream)).collect()
}

/// P(u at most the grid's point) by the trapezoidal rule in unconstrained coordinates u, on a grid that is fine near 0 and
/// reaches far enough for the heaviest tail: u = sinh(t) where tails are exponential in u, sinh(sinh(t)) elsewhere.
fn distribution_function<P: Prior>(prior: &P) -> Vec<(f64, f64)> {
    let half = 40_000;
    let (reach, twice) = match P::SUPPORT {
        Support::Positive => (6.5, false),
        Support::Real => (4.5, true),
        // Beyond 35 the parameter is 0 or 1 in f64.
        Support::UnitInterval => (4.25, false),
    };
    let h = reach / f64::from(half);
    let mut total = 0.0;
    let points = (-half..=half).map(|k| {
        let t = h * f64::from(k);
        let (u, slope) = if twice {
            (t.sinh().sinh(), t.sinh().cosh() * t.cosh())
        } else {
            (t.sinh(), t.cosh())
        };
        let x = P::SUPPORT.constrain(u);
        let log = prior.log_density(Num::from(x)).value() + P::SUPPORT.log_jacobian(u);
        let mass = log.exp() * slope * h;
        total += mass;
        (u, total - 0.5 * mass)
    });
    points.collect()
}

struct IntegratesToOne;

impl Law for IntegratesToOne {
    fn holds<P: Prior>(case: &Case<P>) {
        for prior in case.priors() {
            let total = distribution_function(&prior).last().map_or(0.0, |p| p.1);
            // A kink, as the Laplace density has, costs the rule two orders of the step, 1e-4.
            assert!(
                (total - 1.0).abs() < 1e-7,
                "{prior:?} integrates to {total}"
            );
        }
    }
}

#[test]
fn every_prior_integrates_to_one_in_unconstrained_coordinates() {
    every::<IntegratesToOne>();
}

struct SamplerHasItsDistribution;

impl Law for SamplerHasItsDistribution {
    fn holds<P: Prior>(case: &Case<P>) {
        let n = 20_000;
        for prior in case.priors() {
            let exact = distribution_function(&prior);
            let draws: Vec<f64> = draws(&prior, n)
                .into_iter()
                .map(|x| P::SUPPORT.unconstrain(x))
                .collect();
            for percent in [1, 5, 20, 50, 80, 95, 99] {
                let p = f64::from(percent) / 100.0;
                let at = exact.partition_point(|point| point.1 < p);
                let (u, p) = exact[at];
                let below = draws.iter().filter(|&&d| d <= u).count() as f64 / n as f64;
                let se = (p * (1.0 - p) / n as f64).sqrt();
                assert!(
                    (below - p).abs() < 4.0 * se,
                    "{prior:?}: {below} of the draws are below its quantile {p}"
                );
            }
        }
    }
}

#[test]
fn every_sampler_has_its_distribution_function() {
    every::<SamplerHasItsDistribution>();
}

struct GradientIsExact;

impl Law for GradientIsExact {
    fn holds<P: Prior>(case: &Case<P>) {
        for arguments in case.arguments {
            let value =
                |x: f64, arguments: &[f64]| case.at(arguments).log_density(Num::from(x)).value();
            for x in draws(&case.at(arguments), 20) {
                let exact = case.at(arguments).log_density(Num::variable(x, 0));
                let (least, most) = P::SUPPORT.bounds();
                let h = 1e-5 * x.abs().min(most - x).min(x - least);
                let by_x = (value(x + h, arguments) - value(x - h, arguments)) / (2.0 * h);
                close(case.name, 0, exact.partial(0) * x, by_x * x, 1e-6);
                for i in 0..arguments.len() {
                    let h = 1e-5;
                    let at = |h: f64| {
                        let mut moved = arguments.to_vec();
                        moved[i] += h;
                        value(x, &moved)
                    };
                    let numeric = (at(h) - at(-h)) / (2.0 * h);
                    close(case.name, i + 1, exact.partial(i + 1), numeric, 1e-6);
                }
            }
        }
    }
}

fn close(name: &str, lane: usize, a: f64, b: f64, tolerance: f64) {
    assert!(
        (a - b).abs() <= tolerance * (1.0 + b.abs()),
        "{name}, derivative {lane}: {a} against {b}"
    );
}

#[test]
fn every_gradient_is_that_of_the_density() {
    every::<GradientIsExact>();
}

/// The same density without its fast path.
#[derive(Clone, Debug)]
struct Slow<P>(P);

impl<P: Prior> Prior for Slow<P> {
    const SUPPORT: Support = P::SUPPORT;
    fn log_density(&self, x: Num) -> Num {
        self.0.log_density(x)
    }
    fn sample(&self, stream: &mut Stream) -> f64 {
        self.0.sample(stream)
    }
}

struct BlockIsTheSum;

impl Law for BlockIsTheSum {
    fn holds<P: Prior>(case: &Case<P>) {
        for prior in case.priors() {
            fast_path_agrees(&prior);
        }
    }
}

fn fast_path_agrees<P: Prior>(prior: &P) {
    for n in [0, 1, 7, 8, 9, 100] {
        let x: Vec<f32> = normals(n, 52)
            .iter()
            .map(|&u| match P::SUPPORT {
                Support::Real => u,
                other => other.constrain(f64::from(u)) as f32,
            })
            .collect();
        let (mut fast_gradient, mut slow_gradient) = (vec![0.5; n], vec![0.5; n]);
        let fast = prior.log_density_of(&x, Some(&mut fast_gradient));
        let slow = Slow(prior.clone()).log_density_of(&x, Some(&mut slow_gradient));
        let what = format!("{prior:?} over {n}");
        close(&what, 0, fast.value(), slow.value(), 1e-12);
        for lane in 1..4 {
            close(&what, lane, fast.partial(lane), slow.partial(lane), 1e-12);
        }
        for (f, s) in fast_gradient.iter().zip(&slow_gradient) {
            close(&what, 0, f64::from(*f), f64::from(*s), 1e-6);
        }
        assert_eq!(
            prior.log_density_of(&x, None).value().to_bits(),
            fast.value().to_bits()
        );
    }
}

#[test]
fn the_form_over_a_block_is_the_sum() {
    every::<BlockIsTheSum>();
    // An argument that is an expression of fields.
    fast_path_agrees(&Normal(
        Num::variable(-1.0, 2) * 2.0,
        Num::variable(0.4, 1).exp(),
    ));
}

struct BadArgumentsAreNamed;

impl Law for BadArgumentsAreNamed {
    fn holds<P: Prior>(case: &Case<P>) {
        for arguments in case.arguments {
            assert_eq!(case.at(arguments).check(), Ok(()), "{}", case.name);
            for (i, takes) in case.takes.iter().enumerate() {
                let (bad, expected) = match takes {
                    Finite => (&[f64::NAN, f64::INFINITY][..], "must be finite"),
                    Positive => (
                        &[f64::NAN, f64::INFINITY, 0.0, -1.0][..],
                        "must be positive and finite",
                    ),
                };
                for &bad in bad {
                    let mut arguments = arguments.to_vec();
                    arguments[i] = bad;
                    let message = case.at(&arguments).check().unwrap_err();
                    for part in [case.name, expected, &format!(" is {bad}")] {
                        assert!(message.contains(part), "{message}: no {part}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_argument_out_of_range_is_named() {
    every::<BadArgumentsAreNamed>();
}

/// What the attribute takes: a prior of each kind, arguments that name fields among them.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
#[infer(mcmc())]
struct Hierarchy {
    #[prior(StudentT(shape + 1.0, 0.0, tau))]
    hidden: Linear<2, 3>,
    activation: Tanh,
    #[prior(Laplace(0.0, tau))]
    output: Linear<3, 1>,
    #[prior(HalfCauchy(1.0))]
    tau: Scale,
    #[prior(Gamma(2.0, rate))]
    shape: Scale,
    #[prior(LogNormal(0.0, 0.3))]
    rate: Scale,
    #[prior(InverseGamma(3.0, rate))]
    noise: Scale,
}

#[test]
fn priors_that_name_fields_conform() {
    let data = laws::table(3, 2, 6, |_, row| row[0]);
    check_model(Hierarchy::default(), &data).unwrap();
}
