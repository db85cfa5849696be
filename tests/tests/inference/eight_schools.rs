//! Eight schools, non-centred, as a model written by hand, against posteriordb's reference posterior.

use laws::{expectation, infer};
use smc_runtime::engine::{Engine, bind};
use smc_runtime::infer::Draws;
use smc_runtime::layers::{
    Act, Axes2, BroadcastTo, Device, Float, HasShape, Leaf, RealizeTo, ReshapeTo, Rule, Tape,
    TryMatMul,
};
use smc_runtime::model::dist::Likelihood;
use smc_runtime::model::nn::Field;
use smc_runtime::model::prior::Priors;
use smc_runtime::model::tensor::Params;
use smc_runtime::model::transform::Support;
use smc_runtime::model::{FieldSpec, Views};
use smc_runtime::prelude::*;
use smc_runtime::testing::check_model;

/// Turns the features of a row (which school it is, and its standard error) into one number.
#[derive(Clone, Debug, Default)]
struct Effect;

impl Field for Effect {
    const RULE: Rule = Rule::Features {
        inputs: 9,
        outputs: 1,
    };
    type View<'a> = ();
}

/// y ~ N(mu + tau · raw[school], its own standard error), mu ~ N(0, 5), tau ~ half-Cauchy(5), raw ~ N(0, 1).
#[derive(Clone, Debug, Default)]
struct EightSchools;

impl Model for EightSchools {
    type Draw<'a> = Views<'a>;

    fn name(&self) -> &'static str {
        "EightSchools"
    }

    fn fields(&self) -> Vec<FieldSpec> {
        vec![
            FieldSpec::parameter("mu", vec![], Support::Real),
            FieldSpec::parameter("tau", vec![], Support::Positive),
            FieldSpec::parameter("theta_raw", vec![8], Support::Real),
            FieldSpec::of("effect", "Effect", &Effect),
        ]
    }

    fn priors(&self, priors: &mut Priors<'_>) {
        priors.of("mu", &[], |_| Normal(0.0.into(), 5.0.into()));
        priors.of("tau", &[], |_| HalfCauchy(5.0.into()));
        priors.of("theta_raw", &[], |_| Normal(0.0.into(), 1.0.into()));
    }

    fn likelihood(&self) -> impl Likelihood + use<> {
        Normal::default()
            .mean(self.term("effect"))
            .sd(Term::Feature(8))
    }

    fn draw<'a>(&self, blocks: Views<'a>) -> Self::Draw<'a> {
        blocks
    }

    fn output<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        p: &Params<E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let &(particles, rows, _) = x.shape();
        let each = |scalar: Leaf<E, D, T>| {
            scalar
                .reshape_like(&(particles,))
                .broadcast_like::<_, Axes2<1, 2>>(&(particles, rows, 1))
        };
        let schools = x.slice((.., .., 0..8)).realize::<(usize, usize, usize)>();
        let raw = p.field(2).block(0).reshape_like(&(particles, 8, 1));
        schools.matmul(raw) * each(p.field(1).block(0)) + each(p.field(0).block(0))
    }
}

fn data() -> Dataset {
    let effects = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
    let errors = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];
    let row = |i: usize| {
        (0..8)
            .map(move |j| f32::from(u8::from(i == j)))
            .chain([errors[i]])
    };
    Dataset::new(9, (0..8).flat_map(row).collect(), effects.to_vec()).unwrap()
}

/// Mean, standard deviation and Monte Carlo standard error of the mean in posteriordb's reference posterior
/// `eight_schools-eight_schools_noncentered` (10000 draws): theta[1] to theta[8], mu, tau.
const REFERENCE: [(f64, f64, f64); 10] = [
    (6.150_502_293, 5.615_863_419, 0.055_737_528),
    (4.939_581_141, 4.645_578_114, 0.046_229_379),
    (3.905_906_090, 5.280_711_952, 0.054_231_371),
    (4.796_016_751, 4.770_938_024, 0.047_493_582),
    (3.614_436_325, 4.614_720_692, 0.046_145_061),
    (4.051_147_579, 4.796_248_401, 0.048_519_539),
    (6.317_169_759, 5.002_855_395, 0.049_876_679),
    (4.883_996_944, 5.317_692_056, 0.054_251_161),
    (4.410_518_337, 3.309_296_477, 0.033_037_471),
    (3.602_059_524, 3.198_477_671, 0.031_861_514),
];

/// Number `k` of [`REFERENCE`] in a draw (mu, log tau, `theta_raw`).
fn quantity(draw: &[f32], k: usize) -> f64 {
    let (mu, tau) = (f64::from(draw[0]), f64::from(draw[1]).exp());
    match k {
        8 => mu,
        9 => tau,
        school => mu + tau * f64::from(draw[2 + school]),
    }
}

fn agrees(algorithm: &dyn Inference) {
    const RUNS: u64 = 16;
    let data = data();
    let bound = bind(EightSchools, &data, Engine::autodiff(), 1).unwrap();
    let runs: Vec<Draws> = (0..RUNS)
        .map(|seed| infer(algorithm, &*bound.problem, seed).unwrap())
        .collect();
    for (k, (mean, sd, mcse)) in REFERENCE.into_iter().enumerate() {
        let over_runs = |f: &dyn Fn(f64) -> f64| -> (f64, f64) {
            laws::mean_se(
                &runs
                    .iter()
                    .map(|d| expectation(d, |x| f(quantity(x, k) - mean)))
                    .collect::<Vec<_>>(),
            )
        };
        // Both sides have Monte Carlo errors. That of a variance over 10000 draws follows from the fourth moment; the
        // between-run error has 15 degrees of freedom, so 4.1 is one chance in a thousand.
        let (error, se) = over_runs(&|e| e);
        assert!(
            error.abs() <= 4.1 * se.hypot(mcse),
            "mean of quantity {k} is off by {error:.3} (se {se:.3})"
        );
        let (square, se) = over_runs(&|e| e * e);
        let fourth = over_runs(&|e| e.powi(4)).0;
        let reference = ((fourth - square * square).max(0.0) / 10_000.0).sqrt();
        let error = square - sd * sd;
        assert!(
            error.abs() <= 4.1 * se.hypot(reference),
            "variance of quantity {k} is off by {error:.3} (se {se:.3})"
        );
        assert!(
            se < 0.2 * sd * sd,
            "quantity {k} says little: its variance has a standard error of {se:.3}"
        );
    }
}

#[test]
fn the_model_conforms() {
    check_model(EightSchools, &data()).unwrap();
}

#[test]
fn smc_agrees_with_the_reference() {
    agrees(
        &smc()
            .particles(512)
            .moves(3)
            .final_moves(5)
            .kernel(Hmc::leapfrogs(8)),
    );
}

#[test]
fn mcmc_agrees_with_the_reference() {
    agrees(
        &mcmc()
            .chains(4)
            .warmup(300)
            .draws(600)
            .kernel(Hmc::leapfrogs(8)),
    );
}
