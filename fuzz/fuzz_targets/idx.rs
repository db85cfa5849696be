//! Any two files are read as images and labels or refused; pixels are between 0 and 1.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smc_runtime::data::read_idx_bytes;

fuzz_target!(|files: (&[u8], &[u8])| {
    if let Ok(data) = read_idx_bytes(files.0, files.1) {
        assert!(data.features().iter().all(|x| (0.0..=1.0).contains(x)));
        assert!(data.features().len() < files.0.len() || files.0.starts_with(&[0x1f, 0x8b]));
    }
});
