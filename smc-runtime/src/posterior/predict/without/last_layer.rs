//! The last layer's weights integrated out.

use super::{Integral, Outputs, Said, WithoutDraws, by_chunks, each, independent, mixed, normal};
use crate::base::error::{Error, Result};
use crate::base::rng::{Purpose, Streams};
use crate::data::Features;
use crate::problem::density::{Density, Normal};
use crate::problem::population::Population;
use crate::problem::{Layer, LayerSlopes, Predictor, Slopes};

/// Draws of all layers but the last, whose weights are integrated out: given what they make of a row, the outputs are linear in the last layer's
/// weights and so exactly normal. A closed form for a network of one layer; for others it spares the noise of the weights that there are most draws
/// of, one set for each of the draws of the layers before.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 1.0))]
/// #[infer(laplace())]
/// struct Line {
///     #[prior(Normal(0.0, 1.0))]
///     output: LinearNoBias<1, 1>,
/// }
///
/// let data = Dataset::new(1, vec![-1.0, 1.0], vec![-3.0, 3.0])?;
/// let fit = Line::infer(&data).seed(1).run()?;
/// let found = fit.predict_with(&Features::new(1, vec![3.0])?, &last_layer())?;
/// // w ~ N(2, 1/3): 3 w has the variance 3, and the noise 1.
/// assert!((found.mean()[0] - 6.0).abs() < 0.01 && (found.sd()[0] - 2.0).abs() < 0.01);
/// # Ok::<(), Error>(())
/// ```
pub fn last_layer() -> LastLayer {
    LastLayer { draws: 32 }
}

/// The settings of predictions with the last layer integrated out; see [`last_layer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastLayer {
    draws: usize,
}

/// Draws of the outputs for every draw of the layers before, where there are several outputs.
const EACH: usize = 8;

impl LastLayer {
    /// Draws of the layers before the last; 32 unless set.
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = draws;
        self
    }
}

/// The outputs where the layers before the last are those of `theta`, and the last is that of the density.
fn outputs(
    normal: &dyn Normal,
    last: &Layer,
    theta: &[f32],
    predictor: &dyn Predictor,
    data: &Features,
) -> Result<Outputs> {
    let seen = predictor.transparent()?;
    let mut slopes = Slopes::new(seen.layers());
    let mean = seen.look(theta, data, false, &mut slopes);
    let (rows, n) = (slopes.rows, last.outputs);
    let one = |c: usize| (0..rows * n).map(move |at| f32::from(u8::from(at % n == c)));
    let alone = slopes.layers.pop().map(|seen| LayerSlopes {
        dz: (0..n).map(|c| one(c).collect()).collect(),
        ..seen
    });
    slopes.layers = alone.into_iter().collect();
    let mut covariance = vec![0.0; rows * n * n];
    normal.spread(&slopes, &mut covariance);
    Ok(Outputs {
        mean,
        covariance,
        outputs: n,
    })
}

impl WithoutDraws for LastLayer {
    fn said(
        &self,
        density: &dyn Density,
        predictor: &dyn Predictor,
        data: &Features,
    ) -> Result<Said> {
        const WHAT: &str = "predictions with the last layer integrated out";
        if self.draws == 0 {
            return Err(Error::config("draws", 0, "at least 1 is needed"));
        }
        let layers = predictor.transparent()?.layers();
        let last = layers
            .last()
            .ok_or_else(|| Error::lacks(WHAT, "there is no layer"))?;
        // One layer alone needs no draw of others.
        let draws = if layers.len() == 1 { 1 } else { self.draws };
        let integral = match last.outputs {
            1 => Integral::Usual,
            _ if layers.len() == 1 => Integral::Usual,
            _ => Integral::Draws(EACH),
        };
        each(density, &|density| {
            let own = normal(density, WHAT)?;
            let mean = own.mean();
            if layers.len() > 1 {
                independent(own, density, last, WHAT)?;
            }
            let mut thetas = Population::zeros(draws, density.dim());
            density.sample(Streams::new(0).branch(Purpose::Predict), 0, &mut thetas);
            for k in 0..draws {
                let theta = thetas.on_host().row_mut(k);
                let bias = last.bias.clone().into_iter();
                for own in std::iter::once(last.weight.clone()).chain(bias) {
                    theta[own.clone()].copy_from_slice(&mean[own]);
                }
            }
            by_chunks(data, |data| {
                let of = |k| {
                    let theta = thetas.row(k);
                    outputs(own, last, theta, predictor, data)?
                        .said(integral, predictor, theta, data)
                };
                mixed((0..draws).map(|k| (1.0 / draws as f64, of(k))))
            })
        })
    }
}
