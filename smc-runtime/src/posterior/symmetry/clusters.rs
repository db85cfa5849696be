//! The neurons of all draws put into clusters, one of each draw in each: the paper's way to draws whose neurons mean the same.

use crate::base::exec;
use crate::base::rng::{Purpose, Stream, Streams};
use crate::model::symmetry::{HiddenLayer, Relabelling};
use crate::problem::population::Population;

/// Neighbours of a neuron in the graph: as many as there are draws, since a cluster has one neuron of each; and so many at the most.
const NEIGHBOURS: usize = 400;

/// Rounds of assignment at the most.
const ROUNDS: usize = 50;

/// The relabelling of every draw by which neurons of one cluster have one number (Wiese et al., arXiv 2304.02902, reconstructed from what they say of it). Signs by a hyperplane through the origin that keeps away
/// from neurons; then neurons are neighbours by their standardised numbers, begin with the number that they have, and in each round get, draw by draw, the number to which
/// most similarity goes from their neighbours, the most similar first and each number once.
pub(super) fn relabelled(
    layer: &HiddenLayer,
    draws: &Population,
    streams: Streams,
) -> Vec<Relabelling> {
    let units = layer.units;
    let mut points: Vec<Vec<f32>> = (0..draws.len())
        .flat_map(|draw| (0..units).map(move |k| (draw, k)))
        .map(|(draw, k)| layer.neuron(draws.row(draw), k))
        .collect();
    let mut made = vec![Relabelling::nothing(units); draws.len()];
    if layer.signs.is_some() {
        let signed = layer.signed();
        let normal = hyperplane(&points, signed, streams);
        for (at, point) in points.iter_mut().enumerate() {
            if product(&normal, point) < 0.0 {
                for x in &mut point[..signed] {
                    *x = -*x;
                }
                made[at / units].flipped[at % units] = true;
            }
        }
    }
    if layer.permutations {
        standardise(&mut points);
        let graph = graph(&points, draws.len());
        let labels = labels(&graph, units);
        for (made, labels) in made.iter_mut().zip(labels.chunks(units)) {
            let flipped = made.flipped.clone();
            for (k, &label) in labels.iter().enumerate() {
                made.places[label] = k;
                made.flipped[label] = flipped[k];
            }
        }
    }
    made
}

fn product(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// β of least ½|β|² + Σ max(0, 1 − |β·φ|) over the first `signed` numbers of all points, by stochastic gradients: batches of 16, 32 passes, a rate of .1 that falls to
/// .8 of itself at each, the better of two starts.
fn hyperplane(points: &[Vec<f32>], signed: usize, streams: Streams) -> Vec<f32> {
    const STARTS: usize = 2;
    const PASSES: usize = 32;
    const BATCH: usize = 16;
    let search = |start: usize| {
        let mut stream: Stream = streams.stream(Purpose::Start, 0, start, 0);
        let mut beta = stream.normals(signed);
        let mut rate = 0.1;
        for _ in 0..PASSES {
            for batch in stream.permutation(points.len()).chunks(BATCH) {
                let mut slope = vec![0.0; signed];
                for &at in batch {
                    let along = product(&beta, &points[at]);
                    if along.abs() < 1.0 {
                        let sign = if along < 0.0 { -1.0 } else { 1.0 };
                        for (s, x) in slope.iter_mut().zip(&points[at]) {
                            *s -= sign * x / batch.len() as f32;
                        }
                    }
                }
                for (b, s) in beta.iter_mut().zip(slope) {
                    *b -= rate * (s + *b / points.len() as f32);
                }
            }
            rate *= 0.8;
        }
        let hinge = |point: &Vec<f32>| f64::from((1.0 - product(&beta, point).abs()).max(0.0));
        let loss = 0.5 * f64::from(product(&beta, &beta)) + points.iter().map(hinge).sum::<f64>();
        (loss, beta)
    };
    let found = exec::map(STARTS, search);
    let best = found.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or_else(|| vec![1.0; signed], |(_, beta)| beta)
}

/// Every number with mean 0 and standard deviation 1 over all points.
fn standardise(points: &mut [Vec<f32>]) {
    let n = points.len() as f32;
    for c in 0..points.first().map_or(0, Vec::len) {
        let mean = points.iter().map(|p| p[c]).sum::<f32>() / n;
        let square = points.iter().map(|p| (p[c] - mean).powi(2)).sum::<f32>() / n;
        let sd = square.sqrt().max(f32::MIN_POSITIVE);
        for p in points.iter_mut() {
            p[c] = (p[c] - mean) / sd;
        }
    }
}

/// The nearest neighbours of every point, each with its similarity exp(−d²/2s²), s² the mean of the squared distances to neighbours.
fn graph(points: &[Vec<f32>], draws: usize) -> Vec<Vec<(usize, f32)>> {
    let k = NEIGHBOURS.min(draws.saturating_sub(1));
    let mut near = exec::map(points.len(), |i| {
        let distance = |j: usize| {
            let pairs = points[i].iter().zip(&points[j]);
            (j, pairs.map(|(a, b)| (a - b).powi(2)).sum::<f32>())
        };
        let mut all: Vec<(usize, f32)> = (0..points.len())
            .filter(|j| *j != i)
            .map(distance)
            .collect();
        if k < all.len() {
            all.select_nth_unstable_by(k, |a, b| a.1.total_cmp(&b.1));
            all.truncate(k);
        }
        all
    });
    let all: f64 = near.iter().flatten().map(|(_, d)| f64::from(*d)).sum();
    let scale = (all / (points.len() * k).max(1) as f64).max(1e-12) as f32;
    for edge in near.iter_mut().flatten() {
        edge.1 = (-0.5 * edge.1 / scale).exp();
    }
    near
}

/// The number of every neuron, `units` of one draw after the other.
fn labels(graph: &[Vec<(usize, f32)>], units: usize) -> Vec<usize> {
    let mut labels: Vec<usize> = (0..graph.len()).map(|at| at % units).collect();
    for _ in 0..ROUNDS {
        let each = exec::map(graph.len() / units, |draw| {
            let mut masses: Vec<(f32, usize, usize)> = Vec::with_capacity(units * units);
            for k in 0..units {
                let mut mass = vec![0.0; units];
                for (other, similarity) in &graph[draw * units + k] {
                    mass[labels[*other]] += similarity;
                }
                // What has no neighbour of a number goes there last.
                masses.extend(mass.into_iter().enumerate().map(|(label, m)| (m, k, label)));
            }
            masses.sort_by(|a, b| b.0.total_cmp(&a.0));
            let (mut own, mut taken) = (vec![usize::MAX; units], vec![false; units]);
            for (_, k, label) in masses {
                if own[k] == usize::MAX && !taken[label] {
                    (own[k], taken[label]) = (label, true);
                }
            }
            own
        });
        let now = each.concat();
        if now == labels {
            break;
        }
        labels = now;
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neurons_of_one_cluster_get_one_number() {
        // Two neurons near 1 and 5, in any order, of thirty draws.
        let points: Vec<Vec<f32>> = (0..30)
            .flat_map(|draw| {
                let off = 0.01 * (draw % 5) as f32;
                let (a, b) = (vec![1.0 + off], vec![5.0 - off]);
                if draw % 3 == 0 { [b, a] } else { [a, b] }
            })
            .collect();
        let labels = labels(&graph(&points, 30), 2);
        for draw in 0..30 {
            let [near, far] = if draw % 3 == 0 { [1, 0] } else { [0, 1] };
            // Draw 1 has them in order.
            assert_eq!(labels[2 * draw + near], labels[2]);
            assert_ne!(labels[2 * draw + near], labels[2 * draw + far]);
        }
    }

    #[test]
    fn a_hyperplane_keeps_away_from_points_and_their_negatives() {
        let points: Vec<Vec<f32>> = (0..200)
            .map(|i| {
                let sign = if i % 2 == 0 { 1.0 } else { -1.0 };
                vec![
                    sign * (2.0 + 0.01 * (i % 7) as f32),
                    0.3 * ((i % 11) as f32 - 5.0),
                ]
            })
            .collect();
        let normal = hyperplane(&points, 2, Streams::new(1));
        let side = |p: &Vec<f32>| product(&normal, p) > 0.0;
        let same = side(&points[0]);
        assert!(
            points
                .iter()
                .enumerate()
                .all(|(i, p)| side(p) == (same == (i % 2 == 0)))
        );
    }
}
