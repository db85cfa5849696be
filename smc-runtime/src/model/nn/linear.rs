//! The dense layer, with and without a bias.

use std::sync::Arc;

#[cfg(feature = "autodiff")]
use dfdx::prelude::{BroadcastTo, Const, Dim, PermuteTo, RealizeTo, ReshapeTo, TryMatMul};

use super::view::{BlockSlices, Matrix, View};
use super::{Dyn, DynField, Field, Rule};
use crate::model::fused::{Dense, FusedLayer};
#[cfg(feature = "autodiff")]
use crate::model::layout::Role;
use crate::model::layout::{BlockSpec, Part};
use crate::model::nature::Nature;
#[cfg(feature = "autodiff")]
use crate::model::tensor::{Act, Device, FieldParams, Float, Tape, for_particles};
use crate::model::transform::Support;

macro_rules! dense {
    ($($(#[$about:meta])* $name:ident $parts:expr, $view:ident, $shaped:ident;)*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<const I: usize, const O: usize> {
            inputs: usize,
            outputs: usize,
        }

        impl<const I: usize, const O: usize> Default for $name<I, O> {
            fn default() -> Self {
                Self {
                    inputs: I,
                    outputs: O,
                }
            }
        }

        impl<const I: usize, const O: usize> $name<I, O> {
            /// A layer with these sizes. A size that the type fixes must be repeated; `bind` refuses another.
            pub fn sized(inputs: usize, outputs: usize) -> Self {
                Self { inputs, outputs }
            }
        }

        impl<const I: usize, const O: usize> Field for $name<I, O> {
            const RULE: Rule = Rule::Features {
                inputs: I,
                outputs: O,
            };
            const SUPPORT: Option<Support> = Some(Support::Real);
            const PARTS: &'static [Part] = $parts;
            const BUILT_IN: bool = true;

            type View<'a> = $view<'a, I, O>;

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
                let shapes = [vec![self.outputs, self.inputs], vec![self.outputs]];
                let parts = Self::PARTS.iter().zip(shapes);
                parts
                    .map(|(part, shape)| BlockSpec {
                        name: part.name,
                        role: part.role,
                        shape,
                        support: Support::Real,
                        fan_in: self.inputs,
                    })
                    .collect()
            }

            fn nature(&self) -> Nature {
                Nature::Affine
            }

            fn fused(&self) -> Option<Arc<dyn FusedLayer>> {
                Some(Arc::new(Dense))
            }

            #[cfg(feature = "autodiff")]
            fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
                &self,
                parameters: FieldParams<'_, E, D, T>,
                x: Act<E, D, T>,
            ) -> Act<E, D, T> {
                let biased = Self::PARTS.iter().any(|part| part.role == Role::Bias);
                // The sizes go into the tensor types where the layer's own type has them.
                if I == Dyn || O == Dyn {
                    affine(&parameters, x, self.inputs, self.outputs, biased)
                } else {
                    affine(&parameters, x, Const::<I>, Const::<O>, biased)
                }
            }

            #[cfg(feature = "autodiff")]
            fn of_features<E: Float, D: Device<E>, T: Tape<E, D>>(
                &self,
                parameters: FieldParams<'_, E, D, T>,
                features: &Act<E, D, dfdx::prelude::NoneTape>,
            ) -> Option<Act<E, D, T>> {
                let biased = Self::PARTS.iter().any(|part| part.role == Role::Bias);
                Some(super::shared::affine(&parameters, features, (self.inputs, self.outputs), biased))
            }
        }

        impl<const I: usize, const O: usize> DynField for $name<I, O> {
            type Shaped<'a> = $shaped<'a>;
        }
    )*};
}

dense! {
    /// y = W x + b with W of shape (O, I) and b of length O.
    ///
    /// Either size may be [`Dyn`]. A prior on the layer governs weight and bias alike, element by element, unless it is
    /// written for each: `#[prior(weight = Normal(0.0, 1.0), bias = Normal(0.0, 0.1))]`; in it `fan_in` is the number of
    /// inputs I. Without a prior, weights are normal with standard deviation 1/√I, biases with 1.
    ///
    /// ```
    /// use smc_runtime::model::nn::{Dyn, Linear};
    /// let fixed = Linear::<11, 32>::default();
    /// let by_value = Linear::<Dyn, Dyn>::sized(11, 32);
    /// ```
    Linear &[Part::weight("weight"), Part::bias("bias")], LinearView, LinearShaped;

    /// y = W x with W of shape (O, I): a [`Linear`] layer without a bias.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    ///
    /// #[bayes_model]
    /// #[likelihood(Normal(mean = output, sd = 0.5))]
    /// pub struct ThroughZero {
    ///     #[prior(Normal(0.0, 1.0))]
    ///     output: LinearNoBias<1, 1>,
    /// }
    /// ```
    LinearNoBias &[Part::weight("weight")], LinearNoBiasView, LinearNoBiasShaped;
}

#[cfg(feature = "autodiff")]
fn affine<E: Float, D: Device<E>, T: Tape<E, D>, I: Dim, O: Dim>(
    parameters: &FieldParams<'_, E, D, T>,
    x: Act<E, D, T>,
    inputs: I,
    outputs: O,
    biased: bool,
) -> Act<E, D, T> {
    use dfdx::prelude::{Axes3, Axis};
    let weight = parameters.block(0);
    let &(particles, _) = dfdx::prelude::HasShape::shape(&weight);
    let x = for_particles(x, particles);
    let &(_, rows, _) = dfdx::prelude::HasShape::shape(&x);
    let weight = weight
        .reshape_like(&(particles, outputs, inputs))
        .permute::<(usize, I, O), Axes3<0, 2, 1>>();
    let y = x.realize::<(usize, usize, I)>().matmul(weight);
    if !biased {
        return y.realize::<(usize, usize, usize)>();
    }
    let bias = parameters
        .block(1)
        .reshape_like(&(particles, outputs))
        .broadcast_like::<_, Axis<1>>(&(particles, rows, outputs));
    (y + bias).realize::<(usize, usize, usize)>()
}

/// A [`Linear`] layer's parameters in one draw, without a copy.
#[derive(Clone, Copy, Debug)]
pub struct LinearView<'a, const I: usize, const O: usize> {
    /// `weight[o][i]` multiplies input i in output o.
    pub weight: &'a [[f32; I]; O],
    /// `bias[o]` is added to output o.
    pub bias: &'a [f32; O],
}

/// A [`LinearNoBias`] layer's parameters in one draw, without a copy.
#[derive(Clone, Copy, Debug)]
pub struct LinearNoBiasView<'a, const I: usize, const O: usize> {
    /// `weight[o][i]` multiplies input i in output o.
    pub weight: &'a [[f32; I]; O],
}

// The layout gives these blocks O * I and O elements; `bind` has checked the sizes by value.
const SIZED: &str = "the layout gives a block as many elements as its type says";

fn weight<const I: usize, const O: usize>(blocks: BlockSlices<'_>) -> &[[f32; I]; O] {
    const {
        assert!(
            I != Dyn && O != Dyn,
            "a size that is Dyn must be written `Dyn` in the model's field type"
        );
    }
    let rows = blocks.slice(0).as_chunks::<I>().0;
    rows.first_chunk::<O>().expect(SIZED)
}

impl<'a, const I: usize, const O: usize> View<'a> for LinearView<'a, I, O> {
    fn view(blocks: BlockSlices<'a>) -> Self {
        Self {
            weight: weight(blocks),
            bias: blocks.slice(1).first_chunk::<O>().expect(SIZED),
        }
    }
}

impl<'a, const I: usize, const O: usize> View<'a> for LinearNoBiasView<'a, I, O> {
    fn view(blocks: BlockSlices<'a>) -> Self {
        Self {
            weight: weight(blocks),
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

/// A [`LinearNoBias`] layer's parameters in one draw where a size is [`Dyn`], without a copy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearNoBiasShaped<'a> {
    /// `weight[(o, i)]` multiplies input i in output o.
    pub weight: Matrix<'a>,
}

impl<'a> View<'a> for LinearShaped<'a> {
    fn view(blocks: BlockSlices<'a>) -> Self {
        Self {
            weight: blocks.matrix(0),
            bias: blocks.slice(1),
        }
    }
}

impl<'a> View<'a> for LinearNoBiasShaped<'a> {
    fn view(blocks: BlockSlices<'a>) -> Self {
        Self {
            weight: blocks.matrix(0),
        }
    }
}
