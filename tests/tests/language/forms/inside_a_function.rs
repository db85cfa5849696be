//! A model may stand where its constants and types are local, and come out of a `macro_rules!`.
use smc_runtime::prelude::*;

macro_rules! model {
    ($name:ident, $field:ident: $layer:ty, $prior:expr) => {
        #[bayes_model]
        #[likelihood(Normal(mean = $field, sd = 0.5))]
        struct $name {
            #[prior($prior)]
            $field: $layer,
        }
    };
}

#[test]
fn it_builds_and_runs() {
    const WIDTH: usize = 4;
    const SCALE: f64 = 0.5;
    model!(Model, output: Linear<WIDTH, 1>, Normal(0.0, SCALE));
    let _ = Model::infer;
    assert_eq!(Model::default().fields()[0].shape.ty, "Linear<WIDTH, 1>");
}
