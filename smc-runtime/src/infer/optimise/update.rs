//! The numbers of Adam's updates, and what they are unless set.

use crate::problem::population::AdamStep;

/// Exponential decay of the two moments, and what keeps a division from one by zero.
const BETA: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

/// Update number `updates` since the moments were zero, uphill on the log-density of `rows` rows.
pub(crate) fn adam_step(rate: f64, updates: i32, rows: usize) -> AdamStep {
    let [first, second] = BETA.map(|beta| 1.0 - beta.powi(updates));
    AdamStep {
        decay: BETA.map(|beta| beta as f32),
        // ε is meant for a mean over rows, whose size does not grow with their number.
        scale: 1.0 / rows as f32,
        rate: (rate * second.sqrt() / first) as f32,
        epsilon: (EPSILON * second.sqrt()) as f32,
    }
}

/// The learning rate at the start unless it is set: the more parameters move together, the less each may.
pub(crate) fn usual_rate(dim: usize) -> f64 {
    (2.0 / (dim as f64).sqrt()).clamp(1e-3, 1e-2)
}

/// Rows of a mini-batch unless they are set.
pub(crate) fn usual_batch(rows: usize) -> usize {
    (rows / 32).clamp(32, 128)
}

/// The rate after the share `done` of a plan that it begins at `first`: half a cosine to zero.
pub(crate) fn cosine(first: f64, done: f64) -> f64 {
    0.5 * first * (1.0 + (std::f64::consts::PI * done).cos())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::population::Population;

    /// Both moments, their bias corrected, are then those of the gradient itself.
    #[test]
    fn under_a_constant_gradient_every_update_has_the_length_of_the_rate() {
        let (rows, rate, slopes) = (100, 0.01, [3.0f32, -50.0, 1e-3]);
        let zeros = Population::zeros(2, 3);
        let (mut thetas, mut gradient) = (zeros.clone(), zeros.clone());
        let mut moments = [zeros.clone(), zeros.clone()];
        for updates in 1..=40 {
            for i in 0..2 {
                gradient.on_host().row_mut(i).copy_from_slice(&slopes);
            }
            let steps = [rate, 2.0 * rate].map(|rate| adam_step(rate, updates, rows));
            thetas.adam(&mut moments, &mut gradient, &steps);
            assert_eq!(gradient, zeros);
            for (i, rate) in [rate, 2.0 * rate].into_iter().enumerate() {
                for (&x, slope) in thetas.row(i).iter().zip(slopes) {
                    let slope = f64::from(slope) / rows as f64;
                    let exact = f64::from(updates) * rate * slope / (slope.abs() + EPSILON);
                    assert!(
                        (f64::from(x) - exact).abs() < 1e-5 * exact.abs(),
                        "{x} after {updates} updates, not {exact}"
                    );
                }
            }
        }
    }
}
