//! Laws of a network's symmetries: every map that is named changes neither likelihood, prior nor prediction, and no other one is named; aligned draws are the
//! same functions, and a network that was hidden behind its copies is found.

use std::sync::Arc;

use laws::{normals, table};
use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::engine::{Engine, bind};
use smc_runtime::infer::{Draws, Stepwise, at_once};
use smc_runtime::posterior::symmetry::{Relabelling, Signs, Symmetries, chains_for};
use smc_runtime::prelude::*;
use smc_runtime::problem::Problem;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::rows::RowSet;
use smc_runtime::sampling::cloud::{Cloud, Target};
use smc_runtime::sampling::kernel::{At, EquioutputJump, Kernel, Moved, Tuning};
use smc_runtime::sampling::stage::Stage;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Deep {
    #[prior(Normal(0.0, 1.0))]
    first: Linear<2, 4>,
    bend: Tanh,
    #[prior(Normal(0.0, spread))]
    second: LinearNoBias<4, 3>,
    knee: Tanh,
    #[prior(StudentT(4.0, 0.0, 1.0))]
    output: Linear<3, 1>,
    #[prior(HalfNormal(1.0))]
    spread: Scale,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// A scale for each feature, a function without parity, a layer whose prior has a centre.
#[bayes_model]
#[likelihood(Categorical(logits = output))]
struct Uneven {
    #[prior(weight = Normal(0.0, relevance), bias = Normal(0.0, 1.0))]
    first: Linear<2, 5>,
    knee: Softplus,
    #[prior(Normal(0.5, 1.0))]
    second: Linear<5, 4>,
    bend: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 3>,
    #[prior(HalfNormal(1.0))]
    relevance: Scale<2>,
}

/// A scale for each neuron of the hidden layer.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 1.0))]
struct Fixed4 {
    #[prior(Normal(0.0, 1.0))]
    first: Linear<2, 4>,
    knee: Relu,
    #[prior(weight = Normal(0.0, each), bias = Normal(0.0, 1.0))]
    output: Linear<4, 1>,
    #[prior(HalfNormal(1.0))]
    each: Scale<4>,
}

fn data(classes: bool) -> Dataset {
    table(
        30,
        2,
        3,
        |i, x| if classes { (i % 3) as f32 } else { x[0] - x[1] },
    )
}

/// log p(θ), Σ ℓ_i and the arguments of the likelihood at a vector.
fn said(problem: &dyn Problem, theta: &[f32], data: &Dataset) -> Vec<f64> {
    let thetas = Population::from_values(theta.len(), theta.to_vec()).unwrap();
    let mut all = problem.prior().log_density(&thetas, None);
    let rows = RowSet::from(0..problem.rows()).segments(1.0);
    all.extend(problem.log_likelihood(&thetas, &rows, None).totals());
    all.extend(
        problem
            .model()
            .arguments(&thetas, data.inputs())
            .unwrap()
            .values,
    );
    all
}

fn near(one: &[f64], other: &[f64]) -> bool {
    let far = |(a, b): (&f64, &f64)| (a - b).abs() > 2e-4 * a.abs().max(1.0);
    !one.iter().zip(other).any(far)
}

fn holds(problem: &dyn Problem, data: &Dataset) -> Symmetries {
    let found = problem.model().symmetries();
    let mut stream = Streams::new(4).stream(Purpose::User, 0, 0, 0);
    for seed in 0..20 {
        let theta: Vec<f32> = normals(problem.dim(), seed)
            .iter()
            .map(|x| 0.7 * x)
            .collect();
        let mut copy = theta.clone();
        let element = found.random(&mut stream);
        found.apply(&element, &mut copy);
        let (one, other) = (said(problem, &theta, data), said(problem, &copy, data));
        assert!(near(&one, &other), "{found}\n{element:?}");
        // A weight that does not follow is noticed.
        if let Some(layer) = element.iter().position(|made| !made.is_nothing()) {
            let moved = theta.iter().zip(&copy).filter(|(a, b)| a != b).count();
            assert!(moved > 1, "{layer}");
            let at = theta
                .iter()
                .zip(&copy)
                .position(|(a, b)| (a - b).abs() > 0.3);
            let Some(at) = at else { continue };
            copy[at] = theta[at];
            let wrong = said(problem, &copy, data);
            assert!(!near(&one, &wrong), "{found}");
        }
    }
    found
}

#[test]
fn maps_change_nothing_and_are_all_there() {
    let real = data(false);
    let bound = bind(Deep::default(), &real, Engine::fused(), 1).unwrap();
    let found = holds(&*bound.problem, &real);
    // 4! 2⁴ · 3! 2³.
    assert!(
        (found.log10() - (24.0 * 16.0 * 6.0 * 8.0f64).log10()).abs() < 1e-9,
        "{found}"
    );
    let same = bind(Deep::default(), &real, Engine::autodiff(), 1).unwrap();
    assert_eq!(same.problem.model().symmetries(), found);
    assert_eq!(Deep::default().symmetries(&real).unwrap(), found);

    let classes = data(true);
    let bound = bind(Uneven::default(), &classes, Engine::fused(), 1).unwrap();
    let found = holds(&*bound.problem, &classes);
    let [first, second] = &found.layers[..] else {
        panic!("{found}")
    };
    assert!(
        first.permutations && first.signs.is_none() && first.broken.is_empty(),
        "{found}"
    );
    assert!(second.permutations && second.signs.is_none());
    assert!(
        found
            .to_string()
            .contains("the prior of `second` is not the same for a number"),
        "{found}"
    );

    let bound = bind(Fixed4::default(), &real, Engine::fused(), 1).unwrap();
    let found = holds(&*bound.problem, &real);
    let [only] = &found.layers[..] else {
        panic!("{found}")
    };
    assert!(!only.permutations && only.signs.is_none() && only.rescalings);
    assert!(
        found
            .to_string()
            .contains("`output` has a scale for each of its inputs"),
        "{found}"
    );
    assert_eq!(found.log10(), 0.0);
}

#[test]
fn an_even_function_forgets_the_sign_of_its_neuron_alone() {
    let found = Deep::default().symmetries(&data(false)).unwrap();
    assert!(
        found
            .layers
            .iter()
            .all(|l| l.signs == Some(Signs::WithWhatFollows))
    );
}

/// Draws that are given.
#[derive(Debug)]
struct These(Population);

impl Inference for These {
    fn name(&self) -> &'static str {
        "these"
    }

    fn begin<'a>(&self, _: Arc<dyn Problem + 'a>, _: Streams) -> Result<Box<dyn Stepwise + 'a>> {
        Ok(at_once(Draws::chains(self.0.clone(), 1)?))
    }
}

/// One network behind 300 of its copies, each a little off: aligned, the draws vary by what they are off, and say what they said.
#[test]
fn a_network_behind_its_copies_is_found() {
    let data = data(false);
    let bound = bind(Deep::default(), &data, Engine::fused(), 1).unwrap();
    let dim = bound.problem.dim();
    let found = bound.problem.model().symmetries();
    let mut stream = Streams::new(2).stream(Purpose::User, 0, 0, 0);
    let truth = normals(dim, 9);
    let mut thetas = Population::zeros(300, dim);
    for k in 0..300 {
        let off = normals(dim, 100 + k as u64);
        let theta = thetas.on_host().row_mut(k);
        for ((x, t), o) in theta.iter_mut().zip(&truth).zip(off) {
            *x = t + 0.05 * o;
        }
        let element = found.random(&mut stream);
        found.apply(&element, theta);
    }
    let posterior = || {
        let these = These(thetas.clone());
        Deep::infer(&data).with(these).run().unwrap()
    };
    let before = posterior().predict(&data).unwrap().mean();
    let same = |after: Vec<f64>| {
        let pairs = before.iter().zip(after);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) < 1e-5
    };
    for (aligned, most) in [
        (posterior().aligned(), 0.0525),
        // Signs by a hyperplane are wrong for a neuron that lies in it.
        (posterior().aligned_by_clusters(), 0.5),
    ] {
        let aligned = aligned.unwrap();
        assert!(same(aligned.posterior.predict(&data).unwrap().mean()));
        for (name, sides) in &aligned.spread {
            assert!(sides.before > 0.5, "{name}: {sides:?}");
            assert!(sides.after < most, "{name}: {sides:?}");
        }
        assert!(aligned.to_string().contains("aligned in"), "{aligned}");
    }
    // Aligned, one network is nearly what all are; it can be kept as a density, too.
    let near = |posterior: Posterior<Deep>, by: f64| {
        let said = posterior.predict(&data).unwrap().mean();
        let pairs = before.iter().zip(said);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) < by
    };
    assert!(near(posterior().aligned().unwrap().into_mean(), 0.05));
    let normals = posterior().aligned().unwrap().into_normals(1).unwrap();
    assert!(matches!(
        normals.form(),
        smc_runtime::infer::Form::Density(_)
    ));
    assert!(near(normals, 0.05));
    let none = posterior()
        .aligned()
        .unwrap()
        .into_normals(0)
        .err()
        .unwrap();
    assert!(none.to_string().contains("components"), "{none}");
}

#[test]
fn what_has_no_copies_is_not_aligned() {
    let data = data(false);
    let posterior = Fixed4::infer(&data).with(map().epochs(2)).run().unwrap();
    let said = posterior.aligned().err().unwrap().to_string();
    assert!(said.contains("scale for each of its inputs"), "{said}");
    assert!(Relabelling::nothing(3).is_nothing());
}

#[test]
fn chains_are_counted_for_any_probabilities() {
    // By simulation of the collector: E[G] of ½, ⅓, ⅙.
    let mut stream = Streams::new(3).stream(Purpose::User, 0, 0, 0);
    let mut total = 0;
    for _ in 0..20_000 {
        let mut seen = [false; 3];
        while seen.contains(&false) {
            let u = stream.uniform();
            seen[if u < 0.5 {
                0
            } else if u < 0.5 + 1.0 / 3.0 {
                1
            } else {
                2
            }] = true;
            total += 1;
        }
    }
    let expected = f64::from(total) / 20_000.0;
    let found = chains_for(&[0.5, 1.0 / 3.0, 1.0 / 6.0], 0.99).unwrap() as f64 / 100.0;
    assert!((found / expected - 1.0).abs() < 0.02, "{found} {expected}");
    let refused = |p: &[f64], at: f64| chains_for(p, at).err().unwrap().to_string();
    assert!(refused(&[], 0.9).contains("modes"));
    assert!(refused(&[0.5, 0.6], 0.9).contains("sum"));
    assert!(refused(&[0.0, 1.0], 0.9).contains("above 0"));
    assert!(refused(&[1.0], 1.0).contains("below 1"));
}

/// y ~ N(W x + b, .5), whose posterior is one mode and known.
#[bayes_model]
#[likelihood(Normal(mean = layer, sd = 0.5))]
struct Line {
    #[prior(Normal(0.0, 1.0))]
    layer: Linear<2, 1>,
}

/// Many short chains have the posterior's mean and spread; where there is one function, a hundred of them are what the bound asks for.
#[test]
fn short_chains_have_the_posterior() {
    let data = laws::conjugate::data::<2>(60, 3);
    let exact = laws::conjugate::exact(&data);
    let posterior = Line::infer(&data)
        .with(symmetric().pilots(20))
        .seed(2)
        .run()
        .unwrap();
    assert_eq!(posterior.chains(), Some(100));
    assert_eq!(posterior.len(), 400);
    let said = posterior.report().to_string();
    assert!(
        said.contains("20 pilot chains found 1 functional mode; 100 chains"),
        "{said}"
    );
    let draws = posterior.positions();
    for (d, (mean, sd)) in exact.mean.iter().zip(exact.sd()).enumerate() {
        let values = draws.coordinate(d);
        let n = values.len() as f64;
        let found = values.iter().sum::<f64>() / n;
        let spread = (values.iter().map(|x| (x - found).powi(2)).sum::<f64>() / n).sqrt();
        // A hundred independent chains at least: four standard errors.
        assert!((found - mean).abs() < 0.4 * sd, "{found}, exactly {mean}");
        assert!((spread / sd - 1.0).abs() < 0.3, "{spread}, exactly {sd}");
    }
    let found = posterior.functional_modes(&data).unwrap();
    assert_eq!(found.modes.len(), 1, "{found}");
    let quantity = &posterior.summary().quantities[0];
    assert!(
        quantity.r_hat.unwrap() < 1.05 && quantity.ess.unwrap() > 90.0,
        "{quantity:?}"
    );
}

/// Chains that have not come to rest are told by what their draws do over time, few as they are.
#[test]
fn short_chains_that_still_go_somewhere_are_told() {
    let data = laws::conjugate::data::<2>(60, 3);
    let of = |speed: f32| {
        let mut draws = Population::zeros(20 * 4, 3);
        for k in 0..80 {
            let noise = normals(3, 500 + k as u64);
            let row = draws.on_host().row_mut(k);
            for (x, e) in row.iter_mut().zip(noise) {
                *x = e + speed * (k % 4) as f32;
            }
        }
        let draws = Draws::chains(draws, 20).unwrap().of_short_chains(true);
        Line::infer(&data).with(Found(draws)).run().unwrap()
    };
    let r_hat = |posterior: &Posterior<Line>| posterior.summary().quantities[0].r_hat.unwrap();
    assert!(r_hat(&of(0.0)) < 1.1);
    assert!(r_hat(&of(1.0)) > 1.3);
    let ess = of(0.0).summary().quantities[0].ess.unwrap();
    assert!(ess > 40.0 && ess <= 80.0, "{ess}");
    // Chains of another algorithm are compared with each other, few as their draws are.
    let mut apart = Population::zeros(80, 3);
    for k in 0..80 {
        let row = apart.on_host().row_mut(k);
        row.fill((k / 4) as f32 + 0.1 * (k % 4) as f32);
    }
    let chains = Draws::chains(apart, 20).unwrap();
    let stuck = Line::infer(&data).with(Found(chains)).run().unwrap();
    assert!(r_hat(&stuck) > 1.5);
}

/// A run whose pilots were enough goes on from its end, and one that is ended while other chains warm up leaves the pilots.
#[test]
fn pilots_are_not_lost() {
    let data = laws::conjugate::data::<2>(20, 3);
    let path = std::env::temp_dir().join(format!("pilots-{}.ckpt", std::process::id()));
    let enough = || {
        Line::infer(&data)
            .with(symmetric().pilots(104).warmup(200))
            .seed(3)
            .checkpoint(&path)
    };
    let first = enough().run().unwrap();
    let again = enough().resume().run().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(first.chains(), Some(104));
    assert_eq!(first.positions().values(), again.positions().values());
    let few = symmetric().pilots(8).warmup(10);
    let pilots = 10 + 16 * 16;
    let run = Line::infer(&data).with(few).observe(After(pilots + 3));
    let ended = run.run().unwrap();
    assert_eq!((ended.chains(), ended.len()), (Some(8), 32));
    let said = ended.report().to_string();
    assert!(said.contains("ended among the pilots"), "{said}");
}

/// Ends a run after so many steps.
struct After(usize);

impl smc_runtime::infer::observe::Observer for After {
    fn step(&mut self, step: &smc_runtime::infer::observe::Step) -> std::ops::ControlFlow<()> {
        if step.step >= self.0 {
            return std::ops::ControlFlow::Break(());
        }
        std::ops::ControlFlow::Continue(())
    }
}

/// Draws that are there.
#[derive(Clone, Debug)]
struct Found(Draws);

impl Inference for Found {
    fn name(&self) -> &'static str {
        "found"
    }

    fn begin<'a>(&self, _: Arc<dyn Problem + 'a>, _: Streams) -> Result<Box<dyn Stepwise + 'a>> {
        Ok(at_once(self.0.clone()))
    }
}

#[test]
fn settings_of_short_chains_are_checked() {
    let data = laws::conjugate::data::<2>(20, 3);
    let refused = |algorithm: smc_runtime::infer::Symmetric| {
        let run = Line::infer(&data).with(algorithm).run();
        run.err().unwrap().to_string()
    };
    assert!(refused(symmetric().pilots(1)).contains("pilots"));
    assert!(refused(symmetric().most(5)).contains("32 pilots"));
    assert!(refused(symmetric().probability(1.0)).contains("probability"));
    assert!(refused(symmetric().chains(0)).contains("chains"));
    assert!(refused(symmetric().draws(0)).contains("draws"));
    let few = Line::infer(&data)
        .with(symmetric().chains(4).warmup(10).draws(2))
        .run()
        .unwrap();
    let said = few.functional_modes(&data).err().unwrap().to_string();
    assert!(said.contains("4 chains of 2 draws"), "{said}");
}

/// A kernel that leaves everything where it is.
#[derive(Clone, Debug)]
struct Still;

impl Kernel for Still {
    fn step(&self, _: &Tuning, _: &Target<'_>, cloud: &mut Cloud, _: At) -> Moved {
        Moved {
            acceptance: vec![1.0; cloud.len()],
            ..Moved::default()
        }
    }
}

/// Jumps go to every copy alike, keep what is known of a particle, and are undone by alignment.
#[test]
fn jumps_visit_every_copy_and_change_nothing_else() {
    let data = data(false);
    let problem = bind(Deep::default(), &data, Engine::fused(), 1)
        .unwrap()
        .problem;
    let mut thetas = Population::zeros(400, problem.dim());
    let one = normals(problem.dim(), 7);
    for k in 0..400 {
        thetas.on_host().row_mut(k).copy_from_slice(&one);
    }
    let stage = Stage::of(0..problem.rows());
    let target = Target::new(&*problem, &stage);
    let mut cloud = Cloud::at(&target, thetas);
    let before = cloud.terms()[0];
    let kernel = EquioutputJump::around(Still);
    let at = At {
        streams: Streams::new(3),
        stage: 1,
        draw: 0,
    };
    kernel.step(&kernel.start(problem.dim()), &target, &mut cloud, at);
    assert!(cloud.terms().iter().all(|terms| *terms == before));
    let known = target.log_density(&target.value(cloud.positions()));
    let kept = target.log_density(cloud.terms());
    assert!(
        known
            .iter()
            .zip(&kept)
            .all(|(a, b)| (a - b).abs() < 1e-3 * (1.0 + b.abs()))
    );
    // The weight from the first feature to the first neuron is one of four, with either sign: each in an eighth of the copies.
    let first: Vec<f32> = (0..400).map(|k| cloud.positions().row(k)[0]).collect();
    let rows: Vec<f32> = (0..4).map(|k| one[2 * k]).collect();
    for value in rows.iter().flat_map(|x| [*x, -*x]) {
        let share = first.iter().filter(|x| **x == value).count() as f64 / 400.0;
        assert!((share - 0.125).abs() < 0.07, "{share}");
    }
}

/// A network of known noise.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Bent {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<2, 3>,
    bend: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<3, 1>,
}

/// With jumps the evidence is what it is without, also from a start that is not symmetric.
#[test]
fn jumps_leave_the_target_invariant() {
    let data = data(false);
    let problem = bind(Bent::default(), &data, Engine::fused(), 1)
        .unwrap()
        .problem;
    let plain = || smc().islands(16).particles(16 * 64).moves(4);
    let jumping = || plain().kernel(EquioutputJump::around(Hmc::default()));
    let warm = jumping().warm(ensemble().members(8).epochs(60), 1.0);
    let without = laws::evidence(&plain(), &*problem, 5).unwrap();
    for (what, algorithm) in [("prior", jumping()), ("ensemble", warm)] {
        let with = laws::evidence(&algorithm, &*problem, 5).unwrap();
        laws::agree(what, with, without);
    }
}

/// Neurons that can be scaled, more of whose numbers come in than go out.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Kneed {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<2, 3>,
    bend: Relu,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<3, 1>,
}

/// Draws of the prior are draws of the prior after rescalings, though most were scaled by much: weights that come into a neuron have the
/// variance 1 as before, and so has the one that goes out. Without the factor of the volume it would be another (a third of the particles' |w| would shrink).
#[test]
fn rescalings_leave_the_prior_and_the_likelihood_as_they_are() {
    const N: usize = 4000;
    let data = data(false);
    let problem = bind(Kneed::default(), &data, Engine::fused(), 1)
        .unwrap()
        .problem;
    let at = |draw| At {
        streams: Streams::new(3),
        stage: 1,
        draw,
    };
    let kernel = EquioutputJump::around(Still);
    let (prior, posterior) = (Stage::prior(), Stage::of(0..problem.rows()));
    let target = Target::new(&*problem, &prior);
    let mut thetas = Population::zeros(N, problem.dim());
    problem.prior().sample(Streams::new(4), 0, &mut thetas);
    let mut cloud = Cloud::at(&target, thetas);
    let size = |cloud: &Cloud, of: std::ops::Range<usize>| -> Vec<f64> {
        let row = |k| cloud.positions().row(k)[of.clone()].to_vec();
        (0..N)
            .map(|k| row(k).iter().map(|x| f64::from(*x).powi(2)).sum())
            .collect()
    };
    let before = size(&cloud, 0..6);
    for draw in 0..10 {
        kernel.step(&kernel.start(problem.dim()), &target, &mut cloud, at(draw));
    }
    let after = size(&cloud, 0..6);
    let moved = before
        .iter()
        .zip(&after)
        .filter(|(b, a)| (*b - *a).abs() > 0.5);
    assert!(moved.count() > N / 2);
    // χ² with as many degrees of freedom as there are numbers: mean n, variance 2n. Six weights and three biases come in, three weights go out.
    for (what, range) in [("weights", 0..6), ("biases", 6..9), ("outgoing", 9..12)] {
        let n = range.len() as f64;
        let mean = size(&cloud, range).iter().sum::<f64>() / N as f64;
        let error = (2.0 * n / N as f64).sqrt();
        assert!(
            (mean - n).abs() < 4.5 * error,
            "{what}: {mean}, not {n} ± {error}"
        );
    }
    let target = Target::new(&*problem, &posterior);
    let mut cloud = Cloud::at(&target, cloud.positions().clone());
    kernel.step(&kernel.start(problem.dim()), &target, &mut cloud, at(11));
    let known = target.log_density(&target.value(cloud.positions()));
    let kept = target.log_density(cloud.terms());
    let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-3 * (1.0 + b.abs());
    assert!(known.iter().zip(&kept).all(close));
}

/// The evidence of a relu network is the same with jumps and rescalings, also from a start where neither leaves the density.
#[test]
fn rescalings_leave_the_target_invariant() {
    let data = data(false);
    let problem = bind(Kneed::default(), &data, Engine::fused(), 1)
        .unwrap()
        .problem;
    let plain = || smc().islands(16).particles(16 * 64).moves(4);
    let jumping = || plain().kernel(EquioutputJump::around(Hmc::default()));
    let warm = jumping().warm(ensemble().members(8).epochs(60), 1.0);
    let without = laws::evidence(&plain(), &*problem, 6).unwrap();
    for (what, algorithm) in [("prior", jumping()), ("ensemble", warm)] {
        let with = laws::evidence(&algorithm, &*problem, 6).unwrap();
        laws::agree(what, with, without);
    }
}
