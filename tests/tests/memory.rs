//! Memory does not grow from call to call, and an engine's working memory does not depend on the number of rows.

use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::engine::bind;
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{Problem, Segment};

/// Classes, so that every kind of tensor that a tile needs is made.
#[bayes_model]
#[likelihood(Categorical(logits = output))]
struct Classes {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<20, 16>,
    tanh: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<16, 3>,
}

fn data(rows: usize) -> Dataset {
    let mut stream = Streams::new(1).stream(Purpose::Simulate, 0, 0, 0);
    let features = (0..rows * 20).map(|_| stream.normal() as f32).collect();
    let targets = (0..rows).map(|i| (i % 3) as f32).collect();
    Dataset::new(20, features, targets).unwrap()
}

/// Resident memory in MiB, where the system tells.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

fn passes(problem: &dyn Problem, count: usize) {
    let mut thetas = Population::zeros(2, problem.dim());
    problem.prior().sample(Streams::new(1), 0, &mut thetas);
    let mut gradient = Population::zeros(2, problem.dim());
    let segments = [Segment {
        rows: 0..problem.rows(),
        weight: 1.0,
    }];
    for _ in 0..count {
        problem.log_likelihood(&thetas, &segments, Some(&mut gradient));
    }
}

#[test]
fn passes_leave_no_memory_behind() {
    if resident().is_none() {
        eprintln!("skipped: this system does not tell a process its resident memory");
        return;
    }
    for engine in [Engine::autodiff(), Engine::fused()] {
        let few = bind(Classes::default(), &data(3_000), engine, 1).unwrap();
        passes(&*few.problem, 100);
        let before = resident().unwrap();
        // One pass makes tensors of 3000 · 23 numbers: 0.26 MiB. Were they kept, 400 passes of 2 particles would keep 200.
        passes(&*few.problem, 400);
        let grown = resident().unwrap() - before;
        assert!(
            grown < 30.0,
            "{engine:?}: {grown:.0} MiB more after 400 passes"
        );

        // Ten times the rows: 2.6 MiB more data (twice, as given and as bound), and no more working memory.
        let many = bind(Classes::default(), &data(30_000), engine, 1).unwrap();
        let before = resident().unwrap();
        passes(&*many.problem, 20);
        let grown = resident().unwrap() - before;
        assert!(
            grown < 30.0,
            "{engine:?}: {grown:.0} MiB for one pass over 30000 rows"
        );
    }
}

/// The most memory that was ever resident, in MiB, where the system tells.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Wide {
    #[prior(Normal(0.0, 0.2))]
    output: Linear<50, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// The user's table and what the engine packs, and no third copy, also where they are standardised: half of that again is
/// allowed. Alone in its process, as the peak is the process's.
#[test]
#[ignore = "200 MB of data, and a process of its own: a slow law"]
fn a_run_holds_the_data_once_beside_what_the_engine_packs() {
    const ROWS: usize = 1_000_000;
    if peak().is_none() {
        eprintln!("skipped: this system does not tell a process its peak memory");
        return;
    }
    let mut features = Vec::with_capacity(ROWS * 50);
    let mut stream = Streams::new(1).stream(Purpose::Simulate, 0, 0, 0);
    features.extend((0..ROWS * 50).map(|_| stream.uniform() as f32));
    let targets = (0..ROWS).map(|i| features[i * 50] + (i % 7) as f32);
    let targets = targets.collect();
    let data = Dataset::new(50, features, targets).unwrap();
    let table = (ROWS * 50 * 4) as f64 / 1024.0 / 1024.0;
    let algorithm = smc().particles(4).moves(1).kernel(Hmc::leapfrogs(2));
    let run = Wide::infer(&data).with(algorithm.annealing(StepDataAnnealing::doubling()));
    let posterior = run
        .standardise(Standardise::fit(&data))
        .seed(1)
        .run()
        .unwrap();
    let most = peak().unwrap() / table;
    println!("peak memory {most:.2} times the table's {table:.0} MiB");
    assert!(most < 2.5, "{most:.2} times the table");

    // The posterior keeps none of it.
    let few = data.select(&[0, 1, 2]).unwrap();
    let before = resident().unwrap();
    drop(data);
    let freed = (before - resident().unwrap()) / table;
    assert!(freed > 0.9, "only {freed:.2} of the table is given back");
    assert!(resident().unwrap() < 0.5 * table, "{:?}", resident());
    assert!(posterior.predict(&few).unwrap().lppd().is_finite());
}
