//! Layers of the user's own: `bind` tries each on one row and names the one that does not do what it declares, and those of the
//! example are what their formulas say.

use smc_runtime::engine::bind;
use smc_runtime::layers::*;
use smc_runtime::prelude::*;
use smc_runtime::testing::check_model;

use laws::{normals, table};

#[path = "../../../examples/examples/own_layers/convolution.rs"]
mod convolution;
#[path = "../../../examples/examples/own_layers/recurrent.rs"]
mod recurrent;

use convolution::Convolution;
use recurrent::Recurrent;

const RIGHT: usize = 0;
const TOO_WIDE: usize = 1;
const TOO_NARROW: usize = 2;
const ANOTHER_SHAPE: usize = 3;
const NO_SUCH_BLOCK: usize = 4;
const PANICS: usize = 5;
const NO_SUPPORT: usize = 6;
const MORE_ROWS: usize = 7;

/// y = W x with W of 5 x 4, with something wrong.
#[derive(Clone, Copy, Debug, Default)]
struct Mine<const WRONG: usize>;

impl<const WRONG: usize> Field for Mine<WRONG> {
    const RULE: Rule = Rule::Features {
        inputs: 4,
        outputs: 5,
    };
    const SUPPORT: Option<Support> = if WRONG == NO_SUPPORT {
        None
    } else {
        Some(Support::Real)
    };
    type View<'a> = BlockSlices<'a>;

    fn blocks(&self) -> Vec<BlockSpec> {
        vec![BlockSpec {
            name: "weight",
            role: Role::Weight,
            shape: vec![if WRONG == ANOTHER_SHAPE { 6 } else { 5 }, 4],
            support: Support::Real,
            fan_in: 4,
        }]
    }

    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        parameters: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let &(particles, rows, _) = x.shape();
        let wide = |rows, width: usize| {
            let block = parameters.block(0).reshape_like(&(particles, 20));
            let block = block.broadcast_like::<_, Axis<1>>(&(particles, rows, 20));
            block.reshape_like(&(particles, rows * 20 / width, width))
        };
        match WRONG {
            TOO_WIDE => wide(rows, 20),
            TOO_NARROW => x,
            MORE_ROWS => wide(rows, 5),
            NO_SUCH_BLOCK => parameters.block(1).reshape_like(&(particles, rows, 5)),
            PANICS => panic!("no row\n  like this"),
            _ => {
                let weight = parameters.block(0).reshape_like(&(particles, 5, 4));
                x.matmul(weight.permute::<_, Axes3<0, 2, 1>>())
            }
        }
    }
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.5))]
struct Net<const WRONG: usize> {
    before: Linear<3, 4>,
    mine: Mine<WRONG>,
    output: Linear<5, 1>,
}

fn data() -> Dataset {
    Dataset::new(3, vec![0.5; 9], vec![0.0, 1.0, 2.0]).unwrap()
}

fn said<const WRONG: usize>() -> String {
    [Engine::auto(), Engine::autodiff(), Engine::mixed()]
        .map(
            |engine| match bind(Net::<WRONG>::default(), &data(), engine, 1) {
                Ok(_) => "nothing".to_owned(),
                Err(error) => error.to_string(),
            },
        )
        .into_iter()
        .reduce(|first, other| {
            assert_eq!(first, other);
            first
        })
        .unwrap()
}

#[test]
fn a_layer_that_does_not_do_what_it_declares_is_named() {
    assert_eq!(said::<RIGHT>(), "nothing");
    for (said, problem) in [
        (
            said::<TOO_WIDE>(),
            "says that it gives 5 features, but gave 20 on one row of 4 features",
        ),
        (
            said::<TOO_NARROW>(),
            "says that it gives 5 features, but gave 4 on one row of 4 features",
        ),
        (
            said::<MORE_ROWS>(),
            "gave a tensor of shape (1, 4, 5) on one row of 4 features for one particle; the shape is (particles, rows, features), here (1, 1, 5)",
        ),
        (
            said::<NO_SUCH_BLOCK>(),
            "failed on one row of 4 features: it reads parameter tensor number 1, counted from 0, but `Field::blocks` declares 1; its parameter tensors are `weight` of 5 x 4",
        ),
        (
            said::<PANICS>(),
            "failed on one row of 4 features: no row, like this; its parameter tensors are `weight` of 5 x 4",
        ),
        (
            said::<NO_SUPPORT>(),
            "has parameters, `weight`, but does not say where they live: write `const SUPPORT: Option<Support> = Some(Support::Real);` in its `impl Field`",
        ),
    ] {
        assert_eq!(said, format!("`Net.mine: Mine<WRONG>` {problem}"));
    }
    // The words inside are dfdx's own.
    let shape = said::<ANOTHER_SHAPE>();
    assert!(
        shape.starts_with("`Net.mine: Mine<WRONG>` failed on one row of 4 features: ")
            && shape.ends_with("; its parameter tensors are `weight` of 6 x 4"),
        "{shape}"
    );
    assert!(
        shape.contains("left: 24") || shape.contains("right: 24"),
        "{shape}"
    );
}

/// A network that is written by hand is tried too, whatever it does between its layers.
#[derive(Clone, Debug, Default)]
struct ByHand {
    mine: Mine<TOO_NARROW>,
    fails: bool,
}

impl Model for ByHand {
    type Draw<'a> = ();

    fn name(&self) -> &'static str {
        "ByHand"
    }

    fn fields(&self) -> Vec<smc_runtime::model::FieldSpec> {
        vec![smc_runtime::model::FieldSpec::of(
            "mine", "Mine", &self.mine,
        )]
    }

    fn priors(&self, priors: &mut smc_runtime::model::prior::Priors<'_>) {
        priors.of_layer("mine");
    }

    fn likelihood(&self) -> impl Likelihood + use<> {
        let all = (1..5).map(|column| Term::Column(0, column));
        let sum = all.fold(Term::Column(0, 0), |sum, output| sum + output);
        Normal::default().mean(sum).sd(0.5)
    }

    fn draw<'a>(&self, _: smc_runtime::model::Views<'a>) -> Self::Draw<'a> {}

    fn output<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        parameters: &Params<E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        assert!(!self.fails, "on purpose");
        Network::new(parameters, x).then(0, &self.mine).output()
    }
}

#[test]
fn a_network_by_hand_is_tried() {
    let data = Dataset::new(4, vec![0.5; 8], vec![0.0, 1.0]).unwrap();
    let said = |fails| {
        let model = ByHand {
            fails,
            ..ByHand::default()
        };
        bind(model, &data, Engine::auto(), 1)
            .err()
            .unwrap()
            .to_string()
    };
    assert_eq!(
        said(false),
        "`ByHand.mine: Mine` says that it gives 5 features, but gave 4 on one row of 4 features"
    );
    assert_eq!(
        said(true),
        "`ByHand::output` failed on one row of 4 features: on purpose"
    );
}

/// Five steps of two features, a kernel of three, four outputs of each place.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Places {
    #[prior(Normal(0.0, 0.6))]
    kernel: Convolution<5, 2, 3, 4>,
    activation: Tanh,
    #[prior(Normal(0.0, 0.3))]
    output: Linear<12, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// Five steps of two features and a state of three.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Cell {
    #[prior(Normal(0.0, 0.6))]
    hidden: Recurrent<5, 2, 3>,
    #[prior(Normal(0.0, 0.6))]
    output: Linear<3, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

fn sequences() -> Dataset {
    let noise = normals(40, 3);
    table(40, 10, 2, |i, row| {
        row[0] - row[3] * row[7] + 0.3 * noise[i]
    })
}

#[test]
fn the_layers_of_the_example_conform() {
    check_model(Places::default(), &sequences()).unwrap();
    check_model(Cell::default(), &sequences()).unwrap();
}

/// What the network of `model` gives, and the parameters that it has, at one draw of the prior.
fn outputs<M: Model>(model: M) -> (Vec<f64>, Vec<f32>) {
    let bound = bind(model, &sequences(), Engine::autodiff(), 1).unwrap();
    let predictor = bound.problem.predictor();
    let mut theta =
        smc_runtime::problem::population::Population::zeros(1, predictor.layout().dim());
    let streams = smc_runtime::base::rng::Streams::new(5);
    bound.problem.prior().sample(streams, 0, &mut theta);
    let arguments = predictor.arguments(&theta, sequences().inputs()).unwrap();
    let means = (0..sequences().rows()).map(|row| arguments.at(0, row)[0]);
    (means.collect(), theta.row(0).to_vec())
}

/// The formulas, number by number.
#[test]
fn the_layers_of_the_example_are_their_formulas() {
    let data = sequences();
    let (found, theta) = outputs(Places::default());
    let (kernel, rest) = theta.split_at(3 * 4 * 2);
    let (bias, rest) = rest.split_at(4);
    let (weight, rest) = rest.split_at(12);
    for (row, found) in found.iter().enumerate() {
        let x = data.row(row);
        let mut y = f64::from(rest[0]);
        for place in 0..3 {
            for out in 0..4 {
                let met = (0..3).flat_map(|k| (0..2).map(move |c| (k, c)));
                let sum: f32 = met
                    .map(|(k, c)| kernel[(k * 4 + out) * 2 + c] * x[(place + k) * 2 + c])
                    .sum();
                y += f64::from((sum + bias[out]).tanh() * weight[place * 4 + out]);
            }
        }
        assert!((y - found).abs() < 1e-5, "{y} {found}");
    }
    let (found, theta) = outputs(Cell::default());
    let (input, rest) = theta.split_at(3 * 2);
    let (memory, rest) = rest.split_at(3 * 3);
    let (bias, rest) = rest.split_at(3);
    let (weight, rest) = rest.split_at(3);
    for (row, found) in found.iter().enumerate() {
        let x = data.row(row);
        let mut state = [0.0f32; 3];
        for step in 0..5 {
            state = std::array::from_fn(|h| {
                let of_x: f32 = (0..2).map(|c| input[h * 2 + c] * x[step * 2 + c]).sum();
                let of_state: f32 = (0..3).map(|g| memory[h * 3 + g] * state[g]).sum();
                (of_x + of_state + bias[h]).tanh()
            });
        }
        let y: f32 = state.iter().zip(weight).map(|(h, w)| h * w).sum();
        let y = f64::from(y + rest[0]);
        assert!((y - found).abs() < 1e-5, "{y} {found}");
    }
}
