//! The neurons of a draw matched to those of a consensus.

use crate::model::symmetry::{HiddenLayer, Relabelling};

/// The relabelling by which the neurons of `theta` are nearest to `consensus`, neuron after neuron, in the first `numbers` of theirs: the largest sum of products, by
/// linear assignment.
pub(super) fn matched(
    layer: &HiddenLayer,
    theta: &[f32],
    consensus: &[Vec<f32>],
    numbers: usize,
) -> Relabelling {
    let units = layer.units;
    let own: Vec<Vec<f32>> = (0..units).map(|k| layer.neuron(theta, k)).collect();
    let signed = layer.signed().min(numbers);
    // What a neuron agrees with a place in: the part that a flip changes, and the rest.
    let agreed = |neuron: &[f32], place: &[f32]| {
        let product = |from: usize, to: usize| {
            let pairs = neuron[from..to].iter().zip(&place[from..to]);
            pairs.map(|(a, b)| f64::from(a * b)).sum::<f64>()
        };
        (
            product(0, signed),
            product(signed, numbers.min(neuron.len())),
        )
    };
    let with_signs = layer.signs.is_some();
    let mut costs = Vec::with_capacity(units * units);
    let mut flips = Vec::with_capacity(units * units);
    for place in consensus {
        for neuron in &own {
            let (turns, stays) = agreed(neuron, place);
            let flipped = with_signs && turns < 0.0;
            flips.push(flipped);
            costs.push(-(if flipped { -turns } else { turns } + stays));
        }
    }
    let mut made = Relabelling::nothing(units);
    if layer.permutations
        && let Ok((rows, columns)) = lsap::solve(units, units, &costs, false)
    {
        for (place, from) in rows.into_iter().zip(columns) {
            made.places[place] = from;
        }
    }
    for (place, flipped) in made.flipped.iter_mut().enumerate() {
        *flipped = flips[place * units + made.places[place]];
    }
    made
}
