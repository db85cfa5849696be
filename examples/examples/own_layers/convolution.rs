//! A convolution over a sequence, as a formula.

use smc_runtime::layers::{
    Act, Axes3, Axis, BlockSlices, BlockSpec, BroadcastTo, Device, Field, FieldParams, Float,
    HasShape, Part, PermuteTo, ReshapeTo, Rule, Shape, Support, Tape, TryMatMul, columns,
};

/// A convolution over S steps of C features with a kernel of K steps: S − K + 1 steps of O features,
/// y\[t\] = b + Σ_k W\[k\] x\[t + k\].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Convolution<const S: usize, const C: usize, const K: usize, const O: usize>;

impl<const S: usize, const C: usize, const K: usize, const O: usize> Convolution<S, C, K, O> {
    /// Steps given.
    const GIVEN: usize = S - K + 1;
}

impl<const S: usize, const C: usize, const K: usize, const O: usize> Field
    for Convolution<S, C, K, O>
{
    const RULE: Rule = Rule::Shaped {
        takes: Shape::Sequence {
            steps: S,
            features: C,
        },
        gives: Shape::Sequence {
            steps: Self::GIVEN,
            features: O,
        },
    };
    const SUPPORT: Option<Support> = Some(Support::Real);
    const PARTS: &'static [Part] = &[Part::weight("kernel"), Part::bias("bias")];

    type View<'a> = BlockSlices<'a>;

    fn blocks(&self) -> Vec<BlockSpec> {
        let block = |part: &Part, shape| BlockSpec {
            name: part.name,
            role: part.role,
            shape,
            support: Support::Real,
            fan_in: K * C,
        };
        let shapes = [vec![K, O, C], vec![O]];
        let parts = Self::PARTS.iter().zip(shapes);
        parts.map(|(part, shape)| block(part, shape)).collect()
    }

    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        parameters: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let &(particles, rows, _) = x.shape();
        let all = (particles, rows * Self::GIVEN, O);
        let kernel = parameters.block(0).reshape_like(&(particles, 1, K * O * C));
        let mut y = parameters.block(1).broadcast_like::<_, Axis<1>>(&all);
        for k in 0..K {
            // What step k of the kernel meets, every place a row of its own.
            let met = columns(&x, k * C..(k + Self::GIVEN) * C).reshape_like(&(all.0, all.1, C));
            let weight = columns(&kernel, k * O * C..(k + 1) * O * C);
            let weight = weight.reshape_like(&(particles, O, C));
            y = y + met.matmul(weight.permute::<_, Axes3<0, 2, 1>>());
        }
        y.reshape_like(&(particles, rows, Self::GIVEN * O))
    }
}
