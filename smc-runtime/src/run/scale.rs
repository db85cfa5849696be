//! Whether the data lie on the scale that a model's priors are meant for, seen before the run: what the priors say of
//! pre-activations and targets is held against the features and targets that came.

use crate::base::error::Result;
use crate::base::rng::{Purpose, Streams};
use crate::data::{Dataset, Features, Standardise, TargetScale};
use crate::model::architecture::Nature;
use crate::model::dist::Response;
use crate::model::layout::Role;
use crate::problem::Problem;
use crate::problem::population::Population;

/// Draws of the prior that are looked at.
const DRAWS: usize = 64;

/// Targets at the most that are looked at.
const TARGETS: usize = 4096;

/// How many times what is usual is far. Priors that leave room are tens of times wider than they need be.
const FAR: f64 = 30.0;

/// A line that says what is far, with the call that mends it; `some` are a few rows of `data`.
pub(super) fn far(
    problem: &dyn Problem,
    data: &Dataset,
    some: &Features,
    scale: Option<&Standardise>,
    seed: u64,
) -> Result<Option<String>> {
    let streams = Streams::new(seed).branch(Purpose::Check);
    let mut draws = Population::zeros(DRAWS, problem.dim());
    problem.prior().sample(streams, 0, &mut draws);
    let scaled = scale.map(|s| s.apply_features(some)).transpose()?;
    let inputs = scaled.as_ref().unwrap_or(some);
    let features = far_features(problem, &draws, inputs);
    let target = far_target(problem, &draws, data, inputs, scale)?;
    let found: Vec<String> = features.into_iter().chain(target).collect();
    if found.is_empty() {
        return Ok(None);
    }
    let real = problem.model().predictive().response() == Response::Real;
    let advice = match (scale, data.target_scale()) {
        (Some(_), _) => "the priors expect another scale than the standardised one",
        (None, TargetScale::Original) if real => {
            "add `.standardise(Standardise::fit(&train))` to the run, or widen the priors"
        }
        (None, _) => {
            "add `.standardise(Standardise::fit_features(&train))` to the run, or narrow the priors"
        }
    };
    Ok(Some(format!("{}: {advice}", found.join("; "))))
}

/// Features that the first layer multiplies by its weights, where an activation follows that they would saturate.
fn far_features(problem: &dyn Problem, draws: &Population, inputs: &Features) -> Option<String> {
    let architecture = problem.architecture();
    let [first, _, ..] = architecture.nodes.as_slice() else {
        return None;
    };
    let blocks = problem.layout().blocks();
    let weight = blocks[first.blocks.clone()]
        .iter()
        .find(|b| b.role == Role::Weight)?;
    let columns = inputs.columns();
    if first.nature != Nature::Affine || columns == 0 || weight.shape.last() != Some(&columns) {
        return None;
    }
    let column = |c: usize| (0..inputs.rows()).map(move |i| f64::from(inputs.row(i)[c]));
    let sizes: Vec<f64> = (0..columns).map(|c| typical(column(c))).collect();
    // What each feature brings to a pre-activation: the middle over draws of the size of its weights, times its own.
    let brings = |size: f64, c: usize| {
        let of_draw = |k: usize| {
            let weights = &draws.row(k)[weight.range.clone()];
            rms(weights[c..].iter().step_by(columns).map(|&w| f64::from(w)))
        };
        size * middle((0..draws.len()).map(of_draw).collect())
    };
    let brought: Vec<f64> = (0..columns).map(|c| brings(sizes[c], c)).collect();
    let all = brought.iter().map(|b| b * b).sum::<f64>().sqrt();
    let mut large: Vec<usize> = (0..columns).filter(|&c| brought[c] > FAR).collect();
    large.sort_by(|&a, &b| brought[b].total_cmp(&brought[a]));
    let name = |c: usize| format!("`{}` (about {})", inputs.names()[c], short(sizes[c]));
    let names = match large.as_slice() {
        [] if all > FAR && rms(sizes.iter().copied()) > FAR / 3.0 => {
            format!("the features (about {})", short(rms(sizes.iter().copied())))
        }
        // Features that are mostly 0 have no typical size, and reach the network all the same.
        [] if all < 1.0 / FAR && (0..columns).all(|c| brings(rms(column(c)), c) < 1.0 / FAR) => {
            let sizes = short(rms(sizes.iter().copied()));
            return Some(format!(
                "the features (about {sizes}) hardly reach the network: under its priors they bring {} to a pre-activation, and about 1 is usual",
                short(all)
            ));
        }
        [] => return None,
        [one] => name(*one),
        [one, _] => format!("{} and another feature", name(*one)),
        [one, rest @ ..] => format!("{} and {} more features", name(*one), rest.len()),
    };
    Some(format!(
        "{names} saturate the network: under its priors they bring {} to a pre-activation, and about 1 is usual",
        short(all)
    ))
}

/// Real targets that are far from everything that the priors expect at these features.
fn far_target(
    problem: &dyn Problem,
    draws: &Population,
    data: &Dataset,
    inputs: &Features,
    scale: Option<&Standardise>,
) -> Result<Option<String>> {
    let model = problem.model();
    if model.predictive().response() != Response::Real {
        return Ok(None);
    }
    let arguments = model.arguments(draws, inputs)?;
    let expected = |k: usize| {
        let rows = (0..arguments.rows).map(|i| {
            let a = arguments.at(k, i);
            let variance = model.predictive().variance(a);
            let spread = if variance.is_finite() { variance } else { 0.0 };
            (model.predictive().mean(a).powi(2) + spread).sqrt()
        });
        typical(rows)
    };
    let mut expected: Vec<f64> = (0..draws.len())
        .map(expected)
        .filter(|s| s.is_finite())
        .collect();
    expected.sort_by(f64::total_cmp);
    let (Some(&low), Some(&high)) = (
        expected.get(expected.len() / 10),
        expected.get(expected.len().saturating_sub(1 + expected.len() / 10)),
    ) else {
        return Ok(None);
    };
    let target = |y: f32| f64::from(scale.map_or(y, |s| s.scale_target(y)));
    // Of many rows some, evenly spread, tell as much.
    let apart = data.rows().div_ceil(TARGETS).max(1);
    let found = typical(data.targets().iter().step_by(apart).map(|&y| target(y)));
    if found <= FAR * high && (found >= low / FAR || found == 0.0) {
        return Ok(None);
    }
    Ok(Some(format!(
        "the target (about {}) is far from what the priors expect, {} to {}",
        short(found),
        short(low),
        short(high)
    )))
}

/// Root mean square without the twentieth of the values that are largest: a few that are far out are another matter.
fn typical(values: impl Iterator<Item = f64>) -> f64 {
    let mut sizes: Vec<f64> = values.map(f64::abs).collect();
    sizes.sort_by(f64::total_cmp);
    let kept = sizes.len() - sizes.len() / 20;
    rms(sizes[..kept].iter().copied())
}

/// Root mean square.
fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0usize), |(s, n), x| (s + x * x, n + 1));
    (sum / n.max(1) as f64).sqrt()
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// A size in two digits.
fn short(x: f64) -> String {
    if (0.1..1000.0).contains(&x) {
        format!("{x:.1}")
    } else {
        format!("{x:.1e}")
    }
}
