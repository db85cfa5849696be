//! What a likelihood tells about the one output of a network.

use super::population::Population;
use super::{Arguments, Layer, Predictor};
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
/// some draws of y, the same ones for all. The output is moved by the last layer's bias, or where it has none on an engine that lets outputs be [read](
/// super::Transparent::read), by parts of `typical`, about the standard deviation of a target. `None` where neither can be, for several
/// outputs, and where the information depends on the output itself.
pub fn of_output(
    model: &dyn Predictor,
    layers: &[Layer],
    theta: &[f32],
    typical: f32,
    others: &[usize],
) -> Option<Told> {
    const DRAWS: usize = 128;
    let (first, last) = layers.first().zip(layers.last())?;
    if last.outputs != 1 {
        return None;
    }
    let row = Features::new(first.inputs, vec![0.0; first.inputs]).ok()?;
    let small = 0.03 * typical;
    let variants = 2 + others.len();
    let steps = [-small, 0.0, small];
    // The first as it is, the second with another output, the others with one parameter moved each.
    let mut thetas = Population::zeros(variants, theta.len());
    for k in 0..variants {
        let own = thetas.on_host().row_mut(k);
        own.copy_from_slice(theta);
        if k > 1 {
            own[others[k - 2]] += STEP;
        }
    }
    let moved = |variant: usize| if variant == 1 { typical } else { 0.0 };
    let arguments: Vec<Arguments> = if let Some(bias) = &last.bias {
        let each = (0..variants).map(|variant| {
            let mut three = thetas.gather(&[variant; 3]);
            for (k, step) in steps.iter().enumerate() {
                three.on_host().row_mut(k)[bias.start] += step + moved(variant);
            }
            model.arguments(&three, &row).ok()
        });
        each.collect::<Option<_>>()?
    } else {
        let seen = model.transparent().ok()?;
        let each = (0..variants).map(|variant| {
            let outputs = steps.map(|step| step + moved(variant));
            seen.read(thetas.row(variant), &row, &outputs)
        });
        each.collect()
    };
    let predictive = model.predictive();
    let information = |variant: usize| {
        let at = [0, 1, 2].map(|k| arguments[variant].at(k, 0));
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
