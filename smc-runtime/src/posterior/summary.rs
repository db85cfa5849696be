//! A posterior's parameters as a table: mean, standard deviation, quantiles, effective sample size, R-hat.

use std::fmt;

use crate::infer::Draws;
use crate::model::architecture::{Architecture, Nature, Node};
use crate::model::layout::{Block, Layout, Role};

/// The longest block whose elements have a line each.
const ELEMENTS: usize = 16;

/// One scalar of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// `noise`, `output.weight[0][3]`, or `rms hidden.weight`.
    pub name: String,
    /// Posterior mean.
    pub mean: f64,
    /// Posterior standard deviation.
    pub sd: f64,
    /// The quantiles at 5, 50 and 95 %: the smallest draw that reaches the probability.
    pub quantiles: [f64; 3],
    /// Effective sample size. Of chains, by ranks ([`bulk_sample_size`](crate::base::ranks::bulk_sample_size)); of a weighted cloud, 1/ΣW²,
    /// which knows nothing of ancestors in common. `None` of points, with too few draws, or if nothing varies.
    pub ess: Option<f64>,
    /// Of chains, the effective sample size for the quantiles at 5 and 95 % ([`tail_sample_size`](crate::base::ranks::tail_sample_size)).
    pub tail_ess: Option<f64>,
    /// R-hat across chains, by ranks ([`ranks::r_hat`](crate::base::ranks::r_hat)), or across islands; `None` without two of them.
    /// Of the chains of [`symmetric`](crate::infer::symmetric()) it is that across the times of their draws.
    pub r_hat: Option<f64>,
}

/// The parameters of a posterior; its `Display` is the table.
///
/// A parameter that every draw means the same by has a line. The weights of hidden layers have no meaning one by one: hidden
/// units can change places, and with an odd activation their signs, without changing the function, so that their means and
/// R-hats would compare unlike things. Such a block has one line, for the root mean square of its elements, which those
/// symmetries leave alone; so has any block of more than 16 elements. Of a network, look at
/// [`Posterior::function_r_hat`](crate::posterior::Posterior::function_r_hat) first.
///
/// Parameters are on their own (constrained) scale, and on the network's where a standardisation is carried.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = noise))]
/// #[infer(smc(particles = 64))]
/// pub struct Line {
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<1, 1>,
///     #[prior(HalfNormal(1.0))]
///     noise: Scale,
/// }
///
/// # fn main() -> Result<()> {
/// let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
/// let summary = Line::infer(&data).seed(1).run()?.summary();
/// let names: Vec<&str> = summary.quantities.iter().map(|q| q.name.as_str()).collect();
/// assert_eq!(names, ["output.weight[0][0]", "output.bias[0]", "noise"]);
/// println!("{summary}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The lines, in the order of the layout.
    pub quantities: Vec<Quantity>,
}

impl Summary {
    pub(crate) fn of(architecture: &Architecture, layout: &Layout, draws: &Draws) -> Self {
        let weights = draws.weights();
        let mut quantities = Vec::new();
        for (number, block) in layout.blocks().iter().enumerate() {
            let value = |draw: usize, element: usize| {
                let u = draws.positions().row(draw)[element];
                block.support.constrain(f64::from(u))
            };
            let numbers = 0..draws.positions().len();
            let mut add = |name: String, values: Vec<f64>| {
                quantities.push(Quantity::of(draws, name, &values, &weights));
            };
            if has_meaning(architecture, number, block.role) && block.range.len() <= ELEMENTS {
                for element in block.range.clone() {
                    let values = numbers.clone().map(|draw| value(draw, element)).collect();
                    add(element_name(block, element), values);
                }
            } else {
                let size = block.range.len() as f64;
                let rms = |draw| {
                    let squares = block.range.clone().map(|e| value(draw, e).powi(2));
                    (squares.sum::<f64>() / size).sqrt()
                };
                add(format!("rms {}", block.name), numbers.map(rms).collect());
            }
        }
        Self { quantities }
    }
}

impl Quantity {
    fn of(draws: &Draws, name: String, values: &[f64], weights: &[f64]) -> Self {
        let expect = |f: &dyn Fn(f64) -> f64| {
            let terms = values.iter().zip(weights);
            terms.map(|(&x, w)| w * f(x)).sum::<f64>()
        };
        let mean = expect(&|x| x);
        let [ess, tail_ess] = draws.rank_ess(values);
        Self {
            name,
            mean,
            sd: expect(&|x| (x - mean).powi(2)).sqrt(),
            quantiles: quantiles(values, weights, [0.05, 0.5, 0.95]),
            ess,
            tail_ess,
            r_hat: draws.rank_r_hat(values),
        }
    }
}

/// Whether the elements of block `number`, which does what `role` says, mean the same in every draw: those outside the network do, those of its only layer,
/// and the bias of a last layer, whose units cannot change places.
fn has_meaning(architecture: &Architecture, number: usize, role: Role) -> bool {
    let layers = architecture.nodes.iter().filter(|n| !n.blocks.is_empty());
    let layers: Vec<&Node> = layers.collect();
    let Some(at) = layers.iter().position(|n| n.blocks.contains(&number)) else {
        return true;
    };
    let (only, last) = (layers.len() == 1, at + 1 == layers.len());
    layers[at].nature == Nature::Affine && (only || last && role == Role::Bias)
}

/// `output.weight[0][3]`, or the block's name where it is one number.
pub(super) fn element_name(block: &Block, element: usize) -> String {
    let mut left = element - block.range.start;
    let mut places: Vec<String> = Vec::new();
    for &size in block.shape.iter().rev() {
        places.push(format!("[{}]", left % size));
        left /= size;
    }
    places.reverse();
    block.name.clone() + &places.concat()
}

/// The smallest values at which the cumulative weight reaches each probability.
pub(crate) fn quantiles<const K: usize>(
    values: &[f64],
    weights: &[f64],
    probabilities: [f64; K],
) -> [f64; K] {
    let mut sorted: Vec<(f64, f64)> = values
        .iter()
        .copied()
        .zip(weights.iter().copied())
        .collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    probabilities.map(|p| {
        let mut below = 0.0;
        let reached = sorted.iter().find(|(_, w)| {
            below += w;
            below >= p
        });
        reached.or(sorted.last()).map_or(f64::NAN, |(x, _)| *x)
    })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.quantities.iter().map(|q| q.name.chars().count());
        let width = names.max().unwrap_or(0).max(9);
        write!(f, "{:width$}", "parameter")?;
        for title in [
            "mean", "sd", "5 %", "50 %", "95 %", "ESS", "tail ESS", "R-hat",
        ] {
            write!(f, "  {title:>9}")?;
        }
        for q in &self.quantities {
            write!(f, "\n{:width$}", q.name)?;
            for x in [q.mean, q.sd].iter().chain(&q.quantiles) {
                write!(f, "  {x:>9.3}")?;
            }
            let size = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.0}"));
            let (ess, tail) = (size(q.ess), size(q.tail_ess));
            let r_hat = q
                .r_hat
                .map_or_else(|| "-".to_owned(), |x| format!("{x:.3}"));
            write!(f, "  {ess:>9}  {tail:>9}  {r_hat:>9}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::architecture::{Parity, Shape};

    #[test]
    fn quantiles_go_by_weight() {
        let found = quantiles(&[3.0, 1.0, 2.0], &[0.2, 0.1, 0.7], [0.05, 0.5, 0.95]);
        assert_eq!(found, [1.0, 2.0, 3.0]);
        let even = quantiles(&[4.0, 2.0, 1.0, 3.0], &[0.25; 4], [0.25, 0.5, 0.75]);
        assert_eq!(even, [1.0, 2.0, 3.0]);
        assert!(quantiles(&[], &[], [0.5])[0].is_nan());
    }

    #[test]
    fn weights_of_hidden_layers_have_no_meaning_one_by_one() {
        let node = |name: &'static str, nature, blocks| Node {
            name,
            field: 0,
            label: name.to_owned(),
            nature,
            takes: Shape::Features(2),
            gives: Shape::Features(2),
            blocks,
            fused: None,
        };
        let (first, last) = (
            node("hidden", Nature::Affine, 0..2),
            node("output", Nature::Affine, 2..4),
        );
        let deep = Architecture {
            inputs: 2,
            nodes: vec![
                first.clone(),
                node("tanh", Nature::elementwise(Parity::Odd), 2..2),
                last,
            ],
        };
        let roles = [
            Role::Weight,
            Role::Bias,
            Role::Weight,
            Role::Bias,
            Role::Parameter,
        ];
        let meant = roles.iter().enumerate();
        let meant: Vec<bool> = meant
            .map(|(number, &role)| has_meaning(&deep, number, role))
            .collect();
        assert_eq!(meant, [false, false, false, true, true]);
        let shallow = Architecture {
            inputs: 2,
            nodes: vec![first],
        };
        assert!(has_meaning(&shallow, 0, Role::Weight) && has_meaning(&shallow, 1, Role::Bias));
    }
}
