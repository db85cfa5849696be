//! A saved posterior of which bytes were changed, with checksums that fit again, is loaded or refused.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use smc_runtime::base::archive::{Archive, Block, Values, archive};
use smc_runtime::prelude::*;

/// A network of 13 weights and a scale.
#[bayes_model]
#[standardise]
#[likelihood(Normal(mean = output, sd = noise))]
pub struct Small {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<2, 3>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<3, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// What a file holds: its content as JSON, and its blocks as bytes.
struct Parts {
    content: Vec<u8>,
    blocks: Vec<(String, Vec<usize>, Kind, Vec<u8>)>,
}

#[derive(Clone, Copy)]
enum Kind {
    F32,
    F64,
    U64,
    U8,
}

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("smc-fuzz-{name}-{}", std::process::id()))
}

/// A cloud with an evidence, chains, points, a density and a mixture of two.
static FILES: LazyLock<Vec<Parts>> = LazyLock::new(|| {
    let x: Vec<f32> = (0..40).map(|i| (i as f32 / 7.0).sin()).collect();
    let y = x.chunks(2).map(|x| x[0] - x[1]).collect();
    let data = Dataset::new(2, x, y).unwrap();
    let file = path("whole");
    let mut parts = Vec::new();
    let mut keep = |posterior: Result<Posterior<Small>>| {
        posterior.unwrap().save(&file).unwrap();
        parts.push(read(&Archive::open(&file, "posterior").unwrap()));
        std::fs::remove_file(&file).unwrap();
    };
    keep(Small::infer(&data).with(smc().particles(4)).run());
    keep(
        Small::infer(&data)
            .with(mcmc().chains(2).warmup(4).draws(4))
            .run(),
    );
    keep(
        Small::infer(&data)
            .with(ensemble().members(2).epochs(2))
            .run(),
    );
    keep(
        Small::infer(&data)
            .with(score_vi().passes(2).draws(4))
            .run(),
    );
    keep(
        Small::infer(&data)
            .with(modes(mean_field().passes(2), 2).draws(4))
            .run(),
    );
    parts
});

fn read(file: &Archive) -> Parts {
    let bytes = |name: &str| {
        let f32s = file
            .f32s(name)
            .map(|x| (Kind::F32, x.iter().flat_map(|x| x.to_le_bytes()).collect()));
        let f64s = || {
            file.f64s(name)
                .map(|x| (Kind::F64, x.iter().flat_map(|x| x.to_le_bytes()).collect()))
        };
        let u64s = || {
            file.u64s(name)
                .map(|x| (Kind::U64, x.iter().flat_map(|x| x.to_le_bytes()).collect()))
        };
        let u8s = || file.u8s(name).map(|x| (Kind::U8, x));
        f32s.or_else(|_| f64s())
            .or_else(|_| u64s())
            .or_else(|_| u8s())
            .unwrap()
    };
    let blocks = file.blocks().into_iter().map(|(name, shape, _)| {
        let (kind, bytes) = bytes(&name);
        (name, shape, kind, bytes)
    });
    let content: Value = file.content().unwrap();
    Parts {
        content: content.to_string().into_bytes(),
        blocks: blocks.collect(),
    }
}

/// Four bytes of the input are one change: a place (two bytes), what is done there, and with which byte.
fn changed(parts: &Parts, changes: &[u8]) -> Parts {
    let mut content = parts.content.clone();
    let mut blocks = parts.blocks.clone();
    for change in changes.as_chunks::<4>().0 {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
        let (what, with) = (change[2], change[3]);
        let block = usize::from(what >> 3) % (blocks.len() + 1);
        if what & 7 == 7 && block < blocks.len() {
            let (_, shape, _, bytes) = &mut blocks[block];
            *shape = vec![usize::from(with), bytes.len() / usize::from(with).max(1)];
            continue;
        }
        let bytes = match blocks.get_mut(block) {
            Some((.., bytes)) => bytes,
            None => &mut content,
        };
        if bytes.is_empty() {
            continue;
        }
        let at = at % bytes.len();
        match what & 7 {
            0..=3 => bytes[at] = with,
            4 => bytes.insert(at, with),
            5 => drop(bytes.remove(at)),
            _ => bytes.truncate(at),
        }
    }
    Parts { content, blocks }
}

fn write(parts: &Parts, file: &std::path::Path) -> Option<()> {
    let content: Value = serde_json::from_slice(&parts.content).ok()?;
    enum Of {
        F32(Vec<f32>),
        F64(Vec<f64>),
        U64(Vec<u64>),
        U8(Vec<u8>),
    }
    let numbers = parts.blocks.iter().map(|(_, _, kind, bytes)| match kind {
        Kind::F32 => Of::F32(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|x| f32::from_le_bytes(*x))
                .collect(),
        ),
        Kind::F64 => Of::F64(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|x| f64::from_le_bytes(*x))
                .collect(),
        ),
        Kind::U64 => Of::U64(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|x| u64::from_le_bytes(*x))
                .collect(),
        ),
        Kind::U8 => Of::U8(bytes.clone()),
    });
    let numbers: Vec<Of> = numbers.collect();
    let blocks = parts
        .blocks
        .iter()
        .zip(&numbers)
        .map(|((name, shape, ..), numbers)| {
            let values = match numbers {
                Of::F32(x) => Values::F32(x),
                Of::F64(x) => Values::F64(x),
                Of::U64(x) => Values::U64(x),
                Of::U8(x) => Values::U8(x),
            };
            Block::new(name, shape, values)
        });
    archive(file, "posterior", &content, &blocks.collect::<Vec<_>>()).ok()?;
    Some(())
}

fuzz_target!(|bytes: &[u8]| {
    let Some((which, changes)) = bytes.split_first() else {
        return;
    };
    let file = path("changed");
    let parts = &FILES[usize::from(*which) % FILES.len()];
    if write(&changed(parts, changes), &file).is_none() {
        return;
    }
    if let Ok(posterior) = Small::load(&file) {
        let new = Features::from_rows(&[[0.5, -0.5]]).unwrap();
        let _ = posterior.predict(&new);
        let _ = posterior.summary();
    }
});
