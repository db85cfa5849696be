//! A model is a struct.
use smc_runtime::prelude::*;

#[bayes_model]
fn model() {}

fn main() {
    model();
}
