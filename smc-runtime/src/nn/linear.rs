//! The dense layer.

#[cfg(feature = "autodiff")]
use dfdx::prelude::{BroadcastTo, Const, Dim, PermuteTo, RealizeTo, ReshapeTo, TryMatMul};

use super::view::{BlockSlices, Matrix, View};
use super::{Dyn, DynField, Field, Rule};
use crate::architecture::Op;
#[cfg(feature = "autodiff")]
use crate::engine::autodiff::{Act, Device, FieldParams, Real, Tape};
use crate::layout::BlockSpec;
use crate::transform::Support;

/// y = W x + b with W of shape (O, I) and b of length O.
///
/// Either size may be [`Dyn`]. A prior on the layer governs weight and bias alike, element by element; in it `fan_in`
/// is the number of inputs I.
///
/// ```
/// use smc_runtime::nn::{Dyn, Linear};
/// let fixed = Linear::<11, 32>::default();
/// let by_value = Linear::<Dyn, Dyn>::sized(11, 32);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear<const I: usize, const O: usize> {
    inputs: usize,
    outputs: usize,
}

impl<const I: usize, const O: usize> Default for Linear<I, O> {
    fn default() -> Self {
        Self {
            inputs: I,
            outputs: O,
        }
    }
}

impl<const I: usize, const O: usize> Linear<I, O> {
    /// A layer with these sizes. A size that the type fixes must be repeated; `bind` refuses another.
    pub fn sized(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs }
    }
}

impl<const I: usize, const O: usize> Field for Linear<I, O> {
    const RULE: Rule = Rule::Features {
        inputs: I,
        outputs: O,
    };
    const SUPPORT: Option<Support> = Some(Support::Real);

    type View<'a> = LinearView<'a, I, O>;

    fn rule(&self) -> Rule {
        Rule::Features {
            inputs: self.inputs,
            outputs: self.outputs,
        }
    }

    fn resolve(&mut self, inputs: usize) {
        if self.inputs == Dyn {
            self.inputs = inputs;
        }
    }

    fn blocks(&self) -> Vec<BlockSpec> {
        let block = |name, shape| BlockSpec {
            name,
            shape,
            support: Support::Real,
            fan_in: self.inputs,
        };
        vec![
            block("weight", vec![self.outputs, self.inputs]),
            block("bias", vec![self.outputs]),
        ]
    }

    fn op(&self) -> Op {
        Op::Linear
    }

    #[cfg(feature = "autodiff")]
    fn expr<E: Real, D: Device<E>, T: Tape<E, D>>(
        &self,
        parameters: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        // The sizes go into the tensor types where the layer's own type has them.
        if I == Dyn || O == Dyn {
            affine(&parameters, x, self.inputs, self.outputs)
        } else {
            affine(&parameters, x, Const::<I>, Const::<O>)
        }
    }
}

#[cfg(feature = "autodiff")]
fn affine<E: Real, D: Device<E>, T: Tape<E, D>, I: Dim, O: Dim>(
    parameters: &FieldParams<'_, E, D, T>,
    x: Act<E, D, T>,
    inputs: I,
    outputs: O,
) -> Act<E, D, T> {
    use dfdx::prelude::{Axes3, Axis};
    let &(particles, rows, _) = dfdx::prelude::HasShape::shape(&x);
    let weight = parameters
        .block(0)
        .reshape_like(&(particles, outputs, inputs))
        .permute::<(usize, I, O), Axes3<0, 2, 1>>();
    let bias = parameters
        .block(1)
        .reshape_like(&(particles, outputs))
        .broadcast_like::<_, Axis<1>>(&(particles, rows, outputs));
    let x = x.realize::<(usize, usize, I)>();
    (x.matmul(weight) + bias).realize::<(usize, usize, usize)>()
}

impl<const I: usize, const O: usize> DynField for Linear<I, O> {
    type Shaped<'a> = LinearShaped<'a>;
}

/// A [`Linear`] layer's parameters in one draw, without a copy.
#[derive(Clone, Copy, Debug)]
pub struct LinearView<'a, const I: usize, const O: usize> {
    /// `weight[o][i]` multiplies input i in output o.
    pub weight: &'a [[f32; I]; O],
    /// `bias[o]` is added to output o.
    pub bias: &'a [f32; O],
}

impl<'a, const I: usize, const O: usize> View<'a> for LinearView<'a, I, O> {
    fn view(blocks: BlockSlices<'a>) -> Self {
        const {
            assert!(
                I != Dyn && O != Dyn,
                "a size that is Dyn must be written `Dyn` in the model's field type"
            );
        }
        // The layout gives these blocks O * I and O elements; `bind` has checked the sizes by value.
        let sized = "the layout gives a block as many elements as its type says";
        Self {
            weight: blocks
                .slice(0)
                .as_chunks::<I>()
                .0
                .first_chunk::<O>()
                .expect(sized),
            bias: blocks.slice(1).first_chunk::<O>().expect(sized),
        }
    }
}

/// A [`Linear`] layer's parameters in one draw where a size is [`Dyn`], without a copy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearShaped<'a> {
    /// `weight[(o, i)]` multiplies input i in output o.
    pub weight: Matrix<'a>,
    /// `bias[o]` is added to output o.
    pub bias: &'a [f32],
}

impl<'a> View<'a> for LinearShaped<'a> {
    fn view(blocks: BlockSlices<'a>) -> Self {
        Self {
            weight: blocks.matrix(0),
            bias: blocks.slice(1),
        }
    }
}
