//! A recurrent cell, as a formula.

use smc_runtime::layers::{
    Act, Axes3, Axis, BlockSlices, BlockSpec, BroadcastTo, Device, Field, FieldParams, Float,
    HasShape, Part, PermuteTo, ReshapeTo, Rule, Shape, Support, Tape, TryMatMul, columns,
};

/// A recurrent cell over S steps of C features: h\[t\] = tanh(W x\[t\] + U h\[t − 1\] + b) with h\[−1\] = 0, of which the last is given
/// (Elman, 1990).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recurrent<const S: usize, const C: usize, const H: usize>;

impl<const S: usize, const C: usize, const H: usize> Field for Recurrent<S, C, H> {
    const RULE: Rule = Rule::Shaped {
        takes: Shape::Sequence {
            steps: S,
            features: C,
        },
        gives: Shape::Features(H),
    };
    const SUPPORT: Option<Support> = Some(Support::Real);
    const PARTS: &'static [Part] = &[
        Part::weight("input"),
        Part::weight("memory"),
        Part::bias("bias"),
    ];

    type View<'a> = BlockSlices<'a>;

    fn blocks(&self) -> Vec<BlockSpec> {
        let shapes = [(vec![H, C], C), (vec![H, H], H), (vec![H], C)];
        let parts = Self::PARTS.iter().zip(shapes);
        parts
            .map(|(part, (shape, fan_in))| BlockSpec {
                name: part.name,
                role: part.role,
                shape,
                support: Support::Real,
                fan_in,
            })
            .collect()
    }

    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        parameters: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let &(particles, rows, _) = x.shape();
        let matrix = |block: usize, inputs: usize| {
            let weight = parameters.block(block);
            let weight = weight.reshape_like(&(particles, H, inputs));
            weight.permute::<(usize, usize, usize), Axes3<0, 2, 1>>()
        };
        let (input, memory) = (matrix(0, C), matrix(1, H));
        let bias = parameters.block(2);
        let mut state: Option<Act<E, D, T>> = None;
        for step in 0..S {
            let now = columns(&x, step * C..(step + 1) * C).matmul(input.clone());
            let bias = bias.clone();
            let mut next = now + bias.broadcast_like::<_, Axis<1>>(&(particles, rows, H));
            if let Some(state) = state {
                next = next + state.matmul(memory.clone());
            }
            state = Some(next.tanh());
        }
        state.unwrap_or(x)
    }
}
