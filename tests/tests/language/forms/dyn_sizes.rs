//! A size written `Dyn` comes with the data or with the model's value; its view carries it.
use smc_runtime::model::nn::Matrix;
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Table {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<Dyn, Dyn>,
    activation: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<Dyn, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

fn weights(posterior: &Posterior<Table>) -> Matrix<'_> {
    posterior.draw(0).hidden.weight
}

#[test]
fn it_builds_and_runs() {
    let table = Table {
        hidden: Linear::sized(11, 8),
        ..Table::default()
    };
    let data = Dataset::new(11, vec![0.5; 22], vec![0.0, 1.0]).unwrap();
    let _ = (weights, table.infer_with(&data).seed(1));
}
