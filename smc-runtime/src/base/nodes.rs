//! Points that stand for a standard normal variable.

use std::f64::consts::{FRAC_1_SQRT_2, PI, TAU};

/// `n` points that count alike: the middles of as many parts of equal probability, as far apart as makes their variance 1.
///
/// ```
/// let points = smc_runtime::base::nodes::even(5);
/// let variance: f64 = points.iter().map(|x| x * x).sum::<f64>() / 5.0;
/// assert!((variance - 1.0).abs() < 1e-12 && points[2].abs() < 1e-12);
/// ```
pub fn even(n: usize) -> Vec<f64> {
    let mut points: Vec<f64> = (0..n)
        .map(|i| quantile((i as f64 + 0.5) / n as f64))
        .collect();
    let square: f64 = points.iter().map(|x| x * x).sum::<f64>() / n.max(1) as f64;
    // One point alone is the middle.
    if n > 1 {
        for x in &mut points {
            *x /= square.sqrt();
        }
    }
    points
}

/// x with Φ(x) = p, by bisection until one step of Newton's is exact.
pub(crate) fn quantile(p: f64) -> f64 {
    let probability = |x: f64| 0.5 * libm::erfc(-x * FRAC_1_SQRT_2);
    let (mut below, mut above) = (-40.0, 40.0);
    for _ in 0..34 {
        let middle = 0.5 * (below + above);
        if probability(middle) < p {
            below = middle;
        } else {
            above = middle;
        }
    }
    let x: f64 = 0.5 * (below + above);
    let density = (-0.5 * x * x).exp() / TAU.sqrt();
    // Far out in a tail the density is nothing, and the bisection has found the end.
    if density == 0.0 {
        return x;
    }
    let next = x + (p - probability(x)) / density;
    next.clamp(below, above)
}

/// The points and weights of Gauss and Hermite: Σ w f(x) = E f(X) for every polynomial f of degree below 2n. The points are the zeros of the
/// Hermite polynomial of that degree (Abramowitz and Stegun, 25.4.46), by bisection.
///
/// ```
/// let nodes = smc_runtime::base::nodes::hermite(8);
/// let fourth: f64 = nodes.iter().map(|(x, w)| w * x.powi(4)).sum();
/// assert!((fourth - 3.0).abs() < 1e-10);
/// ```
pub fn hermite(n: usize) -> Vec<(f64, f64)> {
    // Orthonormal with respect to exp(−x²): h_n(x) and its derivative √(2n) h_{n−1}(x).
    let at = |x: f64| {
        let (mut before, mut now) = (0.0, PI.powf(-0.25));
        for k in 1..=n {
            let k = k as f64;
            let next = x * (2.0 / k).sqrt() * now - ((k - 1.0) / k).sqrt() * before;
            (before, now) = (now, next);
        }
        (now, (2.0 * n as f64).sqrt() * before)
    };
    // Zeros lie apart: between the changes of sign on a grid that is finer than their distance.
    let reach = (2.0 * n as f64 + 1.0).sqrt();
    let steps = 40 * n.max(1);
    let grid = |i: usize| reach * (2.0 * i as f64 / steps as f64 - 1.0);
    let mut nodes = Vec::with_capacity(n);
    for i in 0..steps {
        let (mut below, mut above) = (grid(i), grid(i + 1));
        let sign = at(below).0;
        if sign * at(above).0 > 0.0 || sign == 0.0 {
            continue;
        }
        for _ in 0..100 {
            let middle = 0.5 * (below + above);
            if at(middle).0 * sign > 0.0 {
                below = middle;
            } else {
                above = middle;
            }
        }
        let x = 0.5 * (below + above);
        let slope = at(x).1;
        // E over exp(−x²)/√π at √2 x.
        nodes.push((x * 2f64.sqrt(), 2.0 / (slope * slope) / (TAU / 2.0).sqrt()));
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_a_normal() {
        for n in [1, 2, 5, 16, 32] {
            let nodes = hermite(n);
            assert_eq!(nodes.len(), n);
            let moment = |k: i32| nodes.iter().map(|(x, w)| w * x.powi(k)).sum::<f64>();
            let mut exact = 1.0;
            for k in 0..n as i32 {
                assert!((moment(2 * k) / exact - 1.0).abs() < 1e-9, "{n}: {k}");
                assert!(moment(2 * k + 1).abs() < 1e-6 * exact);
                exact *= f64::from(2 * k + 1);
            }
            let points = even(n);
            assert!(points.iter().sum::<f64>().abs() < 1e-9);
            assert!(points.is_sorted());
        }
        // A kink in the middle costs about a third of a part.
        for n in [32, 64, 256] {
            let mean = even(n).iter().map(|x| x.max(0.0)).sum::<f64>() / n as f64;
            assert!((mean * TAU.sqrt() - 1.0).abs() < 0.45 / n as f64);
        }
    }
}
