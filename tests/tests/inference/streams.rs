//! Laws of draws that go to disk as they come: the posterior is the same to the bit where there is room, an even part of it where there is not, and what is on disk is all of it,
//! also after a run that went on from a checkpoint.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use laws::table;
use smc_runtime::infer::Mcmc;
use smc_runtime::posterior::kept::KeptDraws;
use smc_runtime::prelude::*;
use smc_runtime::run::{Checkpoint, Keep};

/// Wide enough for a thousand draws of eight chains to fill several files.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Net {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<3, 64>,
    bend: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<64, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

fn data() -> Dataset {
    table(20, 3, 3, |_, x| x[0] - x[1])
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("smc-streams-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn files(&self) -> usize {
        std::fs::read_dir(&self.0).unwrap().count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn chains() -> Mcmc {
    mcmc()
        .chains(8)
        .warmup(20)
        .draws(1000)
        .kernel(Hmc::leapfrogs(1))
}

fn algorithms() -> Vec<Box<dyn Inference>> {
    let walk = sghmc().chains(4).passes(12);
    vec![
        Box::new(chains()),
        Box::new(sghmc().chains(4).passes(20)),
        Box::new(smc().particles(8).islands(4).final_moves(20).recycle(true)),
        Box::new(
            smc()
                .particles(4)
                .islands(4)
                .warm(walk, 0.3)
                .keep_walk(true)
                .annealing(Tempering::stages(2))
                .final_moves(5)
                .recycle(true),
        ),
        Box::new(auto().gradients(200_000)),
    ]
}

#[test]
fn with_room_for_all_the_posterior_is_the_same_to_the_bit() {
    let data = data();
    for (plain, kept) in algorithms().into_iter().zip(algorithms()) {
        let folder = Folder::new();
        let said = format!("{plain:?}");
        let expected = Net::infer(&data).with_boxed(plain).seed(2).run().unwrap();
        let run = Net::infer(&data).with_boxed(kept).seed(2).keep(&folder.0);
        let found = run.run().unwrap();
        assert_eq!(found.positions(), expected.positions(), "{said}");
        assert_eq!(found.log_weights(), expected.log_weights(), "{said}");
        assert_eq!(found.log_evidence(), expected.log_evidence(), "{said}");
        let all = KeptDraws::open(&folder.0).unwrap();
        let vectors = all.parts().map(|part| {
            let part = part.unwrap();
            part.generations
                .iter()
                .map(|g| g.positions.len())
                .sum::<usize>()
        });
        assert_eq!(vectors.sum::<usize>(), expected.len(), "{said}");
    }
}

#[test]
fn with_less_room_it_has_an_even_part_and_the_folder_all() {
    let (data, folder) = (data(), Folder::new());
    let whole = Net::infer(&data).with(chains()).run().unwrap();
    let (bytes, each) = (4 * whole.positions().dim() * whole.len(), whole.len() / 8);
    let keep = Keep::at(&folder.0).room(bytes.div_ceil(3));
    let mut some = Net::infer(&data).with(chains()).keep(keep).run().unwrap();
    assert!(folder.files() >= 3, "{} files", folder.files());
    // Every third of each chain's draws.
    let thinned = each.div_ceil(3);
    assert_eq!(some.len(), 8 * thinned);
    for chain in 0..8 {
        for k in 0..thinned {
            let (found, expected) = (chain * thinned + k, chain * each + 3 * k);
            assert_eq!(some.positions().row(found), whole.positions().row(expected));
        }
    }
    let cautions = some.report().cautions.join("; ");
    assert!(cautions.contains("one of every 3 "), "{cautions}");
    // File by file they are all of them, and predict what all predict.
    let expected = whole.predict(&data).unwrap().mean();
    let mut mean = vec![0.0; expected.len()];
    let all = KeptDraws::open(&folder.0).unwrap();
    assert_eq!(all.generations(), each);
    for part in all.parts() {
        let part = part.unwrap();
        let share = part.generations.len() as f64 / each as f64;
        some = some.with_kept(part).unwrap();
        let of_part = some.predict(&data).unwrap().mean();
        for (mean, m) in mean.iter_mut().zip(of_part) {
            *mean += share * m;
        }
    }
    for (mean, expected) in mean.iter().zip(expected) {
        assert!((mean - expected).abs() < 1e-9, "{mean} and {expected}");
    }
}

#[test]
fn a_run_that_goes_on_ends_with_the_same_bits_and_the_same_folder() {
    let data = data();
    let expected = Net::infer(&data).with(chains()).run().unwrap();
    // Before the first file, after it and long after.
    for stop in [30, 500, 900] {
        let (folder, state) = (Folder::new(), Folder::new());
        std::fs::create_dir_all(&state.0).unwrap();
        let path = state.0.join("run.ckpt");
        let run = || {
            let often = Checkpoint::at(&path).every(7);
            let run = Net::infer(&data).with(chains());
            run.checkpoint(often).keep(&folder.0)
        };
        let mut begun = run().begin().unwrap();
        for _ in 0..stop {
            begun.step().unwrap();
        }
        drop(begun);
        // What is there is whole.
        let before = KeptDraws::open(&folder.0).unwrap().generations();
        assert!(before <= stop - 20, "{before}");
        let found = run().resume().run().unwrap();
        assert_eq!(found.positions(), expected.positions(), "stopped at {stop}");
        let all = KeptDraws::open(&folder.0).unwrap();
        assert_eq!(all.generations(), 1000);
        // A run that is over gives its posterior again.
        let again = run().resume().run().unwrap();
        assert_eq!(again.positions(), expected.positions());
    }
}

/// The last checkpoint comes before the last file, and one may be cut off between a file and a checkpoint.
#[test]
fn a_state_from_before_a_file_is_gone_on_from() {
    let (data, folder, state) = (data(), Folder::new(), Folder::new());
    std::fs::create_dir_all(&state.0).unwrap();
    let path = state.0.join("run.ckpt");
    let run = || {
        let few = mcmc().chains(4).warmup(5).draws(12);
        let often = Checkpoint::at(&path).every(1);
        Net::infer(&data)
            .with(few)
            .checkpoint(often)
            .keep(&folder.0)
    };
    let mut begun = run().begin().unwrap();
    for _ in 0..17 {
        begun.step().unwrap();
    }
    let before = std::fs::read(&path).unwrap();
    let expected = begun.finish().unwrap();
    let again = run().resume().run().unwrap();
    assert_eq!(again.positions(), expected.positions());
    // As if the process had ended after the file.
    std::fs::write(&path, before).unwrap();
    let again = run().resume().run().unwrap();
    assert_eq!(again.positions(), expected.positions());
    assert_eq!(KeptDraws::open(&folder.0).unwrap().generations(), 12);
    // A folder that lacks what the run had handed out is left as it is.
    let file = std::fs::read_dir(&folder.0).unwrap().next().unwrap();
    std::fs::remove_file(file.unwrap().path()).unwrap();
    let error = run().resume().run().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("had handed out"), "{error}");
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let (data, folder) = (data(), Folder::new());
    let refused = |algorithm: Box<dyn Inference>, seed: u64| {
        let run = Net::infer(&data).with_boxed(algorithm).seed(seed);
        let error = run.keep(&folder.0).run().map(|_| ()).unwrap_err();
        error.to_string()
    };
    let said = refused(Box::new(ensemble().members(2).epochs(1)), 1);
    assert!(said.contains("gathers draws on its way"), "{said}");
    let few = || mcmc().chains(2).warmup(5).draws(5);
    let run = Net::infer(&data).with(few()).seed(1).keep(&folder.0);
    run.run().unwrap();
    // Of the same run, and of another.
    for seed in [1, 2] {
        let said = refused(Box::new(few()), seed);
        assert!(said.contains("nothing is overwritten"), "{said}");
    }
    // A file that was cut short is no draws.
    let file = std::fs::read_dir(&folder.0).unwrap().next().unwrap();
    let path = file.unwrap().path();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let error = KeptDraws::open(&folder.0).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("bytes of arrays"), "{error}");
}

/// What it was told on one thread, as text. It is the subscriber of the whole process: one of a thread alone may miss what another thread calls first.
#[derive(Clone)]
struct Heard(Arc<Mutex<Vec<String>>>, ThreadId);

impl tracing::Subscriber for Heard {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "smc_runtime"
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        if std::thread::current().id() == self.1 {
            self.0.lock().unwrap().push(format!("{event:?}"));
        }
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn events_tell_who_collects_them_of_every_step() {
    let (data, here) = (data(), std::thread::current().id());
    let heard = Heard(Arc::default(), here);
    tracing::subscriber::set_global_default(heard.clone()).unwrap();
    let chains = mcmc().chains(2).warmup(5).draws(5);
    Net::infer(&data).with(chains).run().unwrap();
    let told = heard.0.lock().unwrap();
    assert_eq!(told.len(), 1 + 10);
    assert!(
        told[0].contains("Net") && told[0].contains("begin"),
        "{}",
        told[0]
    );
    let last = &told[10];
    for word in ["step: 10", "acceptance", "row_gradients"] {
        assert!(last.contains(word), "{last}");
    }
}
