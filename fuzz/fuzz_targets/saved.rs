//! Any file is read as a posterior's or refused, and no block is longer than the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smc_runtime::base::archive::Archive;
use smc_runtime::posterior::saved::inspect;

fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("smc-fuzz-{}", std::process::id()));
    if std::fs::write(&path, bytes).is_err() {
        return;
    }
    if let Ok(content) = inspect(&path) {
        let _ = content.to_string();
    }
    if let Ok(file) = Archive::open(&path, "posterior") {
        for (name, _, length) in file.blocks() {
            assert!(length < bytes.len());
            let numbers = [
                file.f32s(&name).map(|x| 2 * x.len()),
                file.f64s(&name).map(|x| 8 * x.len()),
                file.u64s(&name).map(|x| 8 * x.len()),
                file.u8s(&name).map(|x| x.len()),
            ];
            assert!(numbers.into_iter().flatten().all(|n| n <= length));
        }
    }
});
