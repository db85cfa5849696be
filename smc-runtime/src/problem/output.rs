//! What a likelihood tells about the one output of a network.

use super::population::Population;
use super::{Layer, Predictor};
use crate::base::rng::{Purpose, Streams};
use crate::data::Features;

/// The information of an output f, −E ∂² log p(y)/∂f², and ∂ log of it by some parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The information.
    pub information: f32,
    /// Its relative slopes, one for each parameter that was asked for.
    pub slopes: Vec<f32>,
}

/// How far a parameter is moved to see what it tells.
const STEP: f32 = 0.1;

/// The information of the output of a network with these `layers` at `theta`, and how it depends on the coordinates `others`: by differences, at
/// some draws of y, the same ones for all. The output is moved by the last layer's bias, by parts of `typical`, about the standard deviation of a
/// target. `None` without a bias, for several outputs, and where the information depends on the output itself.
pub fn of_output(
    model: &dyn Predictor,
    layers: &[Layer],
    theta: &[f32],
    typical: f32,
    others: &[usize],
) -> Option<Told> {
    const DRAWS: usize = 128;
    let (first, last) = layers.first().zip(layers.last())?;
    let bias = last.bias.as_ref().filter(|_| last.outputs == 1)?;
    let row = Features::new(first.inputs, vec![0.0; first.inputs]).ok()?;
    let small = 0.03 * typical;
    let variants = 2 + others.len();
    let mut thetas = Population::zeros(3 * variants, theta.len());
    for k in 0..thetas.len() {
        let own = thetas.on_host().row_mut(k);
        own.copy_from_slice(theta);
        own[bias.start] += [-small, 0.0, small][k % 3];
        match k / 3 {
            0 => {}
            1 => own[bias.start] += typical,
            other => own[others[other - 2]] += STEP,
        }
    }
    let arguments = model.arguments(&thetas, &row).ok()?;
    let predictive = model.predictive();
    let information = |variant: usize| {
        let at = [0, 1, 2].map(|k| arguments.at(3 * variant + k, 0));
        let bend = |draw| {
            let mut stream = Streams::new(0).stream(Purpose::Check, 1, draw, 0);
            let y = predictive.sample(at[1], &mut stream);
            let [below, here, above] = at.map(|at| predictive.log_density(at, y));
            2.0 * here - below - above
        };
        let square = DRAWS as f64 * f64::from(small).powi(2);
        ((0..DRAWS).map(bend).sum::<f64>() / square) as f32
    };
    let told: Vec<f32> = (0..variants).map(information).collect();
    let known = told.iter().all(|i| *i > 0.0 && i.is_finite());
    let same = (told[1] / told[0] - 1.0).abs() < 0.05;
    let slopes = told[2..].iter().map(|i| (i / told[0]).ln() / STEP);
    (known && same).then(|| Told {
        information: told[0],
        slopes: slopes.collect(),
    })
}
