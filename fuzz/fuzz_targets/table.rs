//! Any bytes are read as a table or refused; what is read is finite, and what was learned from it reads it again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smc_runtime::data::{Column, Separator, Table};

fuzz_target!(|input: (u8, &[u8])| {
    let (declared, bytes) = input;
    let mut table = Table::new();
    if declared & 1 != 0 {
        table = table.classes();
    }
    if declared & 2 != 0 {
        table = table.categorical([0]);
    }
    if declared & 4 != 0 {
        table = table.ignore([1]);
    }
    if declared & 8 != 0 {
        table = table.header(declared & 16 != 0);
    }
    if declared & 32 != 0 {
        table = table.target(Column::Number(usize::from(declared >> 6)));
    } else if declared & 64 != 0 {
        table = table.separator(Separator::WhiteSpace);
    }
    let Ok(data) = table.read_bytes("fuzz", bytes) else {
        return;
    };
    assert!(data.rows() > 0 && data.names().len() == data.columns());
    assert!(
        data.features()
            .iter()
            .chain(data.targets())
            .all(|x| x.is_finite())
    );
    let classes = data.classes().len();
    assert!(classes == 0 || data.targets().iter().all(|&y| (y as usize) < classes));
    // What was learned from it reads it again, and its features alone.
    let schema = table.learn_bytes("fuzz", bytes).expect("it was read");
    assert_eq!(schema.read_bytes("fuzz", bytes).expect("its own"), data);
    let features = schema.read_features_bytes("fuzz", bytes);
    assert_eq!(&features.expect("its own"), data.inputs());
    // Whatever can be read can be looked at and cut.
    let _ = data.check().to_string();
    let _ = data.split(0.5, 1);
    let _ = data.split_stratified(0.5, 1);
});
