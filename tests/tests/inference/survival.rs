//! Laws of a run whose state is kept: however often its process is killed, it ends with the bits of one that never was; a state is overwritten by no accident, and
//! goes on with nothing else.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use laws::table;
use smc_runtime::base::rng::{Purpose, Streams};
use smc_runtime::infer::Form;
use smc_runtime::prelude::*;
use smc_runtime::run::Checkpoint;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Net {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<3, 8>,
    bend: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<8, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

fn data() -> Dataset {
    table(400, 3, 3, |i, x| x[0] * x[1] + 0.1 * ((i % 5) as f32))
}

/// Runs of a second or more, of every kind that goes step by step.
fn algorithms() -> Vec<Box<dyn Inference>> {
    vec![
        Box::new(smc().particles(32).moves(8)),
        Box::new(
            smc()
                .particles(32)
                .warm(ensemble().members(8).epochs(100), 0.5)
                .final_moves(200)
                .recycle(true),
        ),
        Box::new(mcmc().chains(8).warmup(500).draws(500)),
        Box::new(sghmc().chains(8).passes(900)),
        Box::new(ensemble().members(16).epochs(900)),
        Box::new(score_vi().passes(4000)),
        Box::new(bali().passes(1200)),
        Box::new(swag().passes(6000)),
    ]
}

/// All bits of what a run leaves, where a file keeps them.
fn bits(posterior: &Posterior<Net>) -> Vec<u8> {
    let positions = posterior.positions().values().iter();
    let mut bits: Vec<u8> = positions.flat_map(|x| x.to_le_bytes()).collect();
    bits.extend(posterior.log_weights().iter().flat_map(|w| w.to_le_bytes()));
    let evidence = posterior.log_evidence().unwrap_or(0.0);
    bits.extend(evidence.to_le_bytes());
    if let Form::Density(density) = posterior.form() {
        bits.extend(format!("{density:?}").bytes());
    }
    bits
}

fn run(number: usize, data: &Dataset) -> smc_runtime::run::Run<'_, Net> {
    let algorithm = algorithms().swap_remove(number);
    Net::infer(data).with_boxed(algorithm).seed(7)
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("smc-survival-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What the killed process does: it is this program, called with a number and a folder.
#[test]
#[ignore = "a part of the laws below"]
fn child() {
    let (Ok(number), Ok(folder)) = (std::env::var("SMC_CHILD"), std::env::var("SMC_FOLDER")) else {
        return;
    };
    let (number, folder): (usize, PathBuf) = (number.parse().unwrap(), folder.into());
    let data = data();
    let checkpoint = Checkpoint::at(folder.join("run.ckpt"));
    // Every second one is written as often as it says itself.
    let checkpoint = if number.is_multiple_of(2) {
        checkpoint.every(1)
    } else {
        checkpoint
    };
    let threads = 1 + number % 2;
    let run = run(number, &data).threads(threads).checkpoint(checkpoint);
    let posterior = run.resume_if_there().run().unwrap();
    std::fs::write(folder.join("part"), bits(&posterior)).unwrap();
    std::fs::rename(folder.join("part"), folder.join("bits")).unwrap();
}

/// Kills a run so often at random moments, and lets it end.
fn killed(number: usize, kills: usize, folder: &Path) -> Vec<u8> {
    let mut stream = Streams::new(number as u64).stream(Purpose::User, 0, 0, 0);
    let mut done = 0;
    loop {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "survival::child", "--ignored", "--nocapture"])
            .env("SMC_CHILD", number.to_string())
            .env("SMC_FOLDER", folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        if done < kills {
            std::thread::sleep(Duration::from_secs_f64(0.02 + 0.25 * stream.uniform()));
            child.kill().unwrap();
            done += 1;
        }
        let status = child.wait().unwrap();
        assert!(
            done <= kills && (status.success() || status.code().is_none()),
            "{status}"
        );
        if let Ok(bits) = std::fs::read(folder.join("bits")) {
            return bits;
        }
        // Nothing half written is ever under the name.
        let left = std::fs::read_dir(folder).unwrap().count();
        assert!(left <= 1 + done, "{left} files after {done} kills");
    }
}

fn survives(number: usize, kills: usize) {
    let (data, folder) = (data(), folder(&number.to_string()));
    let whole = bits(&run(number, &data).run().unwrap());
    let found = killed(number, kills, &folder);
    assert!(found == whole, "{:?}", algorithms()[number]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_run_that_is_killed_twice_ends_with_the_same_bits() {
    survives(0, 2);
}

/// Ten kills of each algorithm; as many as `SMC_KILLS` says.
#[test]
#[ignore = "half a minute"]
fn runs_that_are_killed_again_and_again_end_with_the_same_bits() {
    let kills = std::env::var("SMC_KILLS").ok().and_then(|k| k.parse().ok());
    for number in 0..algorithms().len() {
        survives(number, kills.unwrap_or(10));
    }
}

fn said(result: Result<Posterior<Net>>) -> String {
    result.err().map(|e| e.to_string()).unwrap_or_default()
}

#[test]
fn a_state_goes_on_with_its_own_run_alone() {
    let (data, folder) = (data(), folder("own"));
    let path = folder.join("run.ckpt");
    let short = || Net::infer(&data).with(map().epochs(5)).seed(1);
    let missing = said(short().checkpoint(&path).resume().run());
    assert!(
        missing.contains("run.ckpt") && missing.contains("No such file"),
        "{missing}"
    );
    let alone = said(short().resume().run());
    assert!(alone.contains("`.checkpoint(path)` says which"), "{alone}");
    assert!(said(short().checkpoint(Checkpoint::at(&path).every(0)).run()).contains("every = 0"));
    assert!(!path.exists());
    let posterior = short().checkpoint(&path).run().unwrap();
    // It is over: what comes back is the posterior.
    let again = short().checkpoint(&path).resume().run().unwrap();
    assert_eq!(bits(&again), bits(&posterior));
    assert_eq!(again.report().steps, posterior.report().steps);
    let there = said(short().checkpoint(&path).run());
    assert!(there.contains("there is such a file"), "{there}");
    let other = said(short().seed(2).checkpoint(&path).resume().run());
    assert!(other.contains("its seed is 1, and here it is 2"), "{other}");
    let other = Net::infer(&data).with(map().epochs(6)).seed(1);
    let other = said(other.checkpoint(&path).resume_if_there().run());
    assert!(other.contains("its algorithm is"), "{other}");
    let fewer = data.select(&(0..300).collect::<Vec<_>>()).unwrap();
    let other = Net::infer(&fewer).with(map().epochs(5)).seed(1);
    let other = said(other.checkpoint(&path).resume().run());
    assert!(other.contains("its data is"), "{other}");
    // A posterior is no state, and damage none.
    posterior.save(&path).unwrap();
    let kind = said(short().checkpoint(&path).resume_if_there().run());
    assert!(
        kind.contains("expected checkpoint, found posterior"),
        "{kind}"
    );
    std::fs::write(&path, b"12345678901234567890").unwrap();
    assert!(said(short().checkpoint(&path).resume_if_there().run()).contains("beginning"));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A folder that vanishes under a run ends nothing; one that is not there is known before the first step.
#[test]
fn what_cannot_be_written_is_said() {
    let (data, folder) = (data(), folder("gone"));
    let nowhere = folder.join("none").join("run.ckpt");
    let short = || Net::infer(&data).with(map().epochs(5)).seed(1);
    assert!(said(short().checkpoint(&nowhere).run()).contains("none"));
    let path = folder.join("run.ckpt");
    let mut running = short()
        .checkpoint(Checkpoint::at(&path).every(1))
        .begin()
        .unwrap();
    running.step().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let posterior = running.finish().unwrap();
    let cautions = posterior.report().cautions.join("; ");
    assert!(
        cautions.contains("could not be kept") && cautions.contains("run.ckpt"),
        "{cautions}"
    );
    let whole = short().run().unwrap();
    assert_eq!(bits(&posterior), bits(&whole));
}
