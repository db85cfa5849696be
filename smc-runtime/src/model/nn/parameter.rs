//! Parameters that stand beside the chain of layers: real, positive, or between 0 and 1; one number or a vector.

use std::fmt;
use std::ops::{Deref, Index};

use super::view::{BlockSlices, View};
use super::{Dyn, DynField, Field, Rule};
use crate::model::layout::{BlockSpec, Part, Role};
use crate::model::transform::Support;

macro_rules! parameters {
    ($($(#[$about:meta])* $name:ident $support:ident;)*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<const D: usize = 1> {
            elements: usize,
        }

        impl<const D: usize> Default for $name<D> {
            fn default() -> Self {
                Self { elements: D }
            }
        }

        impl<const D: usize> $name<D> {
            /// A vector of so many numbers. A length that the type fixes must be repeated; `bind` refuses another.
            pub fn sized(elements: usize) -> Self {
                Self { elements }
            }
        }

        impl<const D: usize> Field for $name<D> {
            const RULE: Rule = Rule::Parameter;
            const SUPPORT: Option<Support> = Some(Support::$support);
            const ELEMENTS: usize = D;
            const BUILT_IN: bool = true;
            const PARTS: &'static [Part] = &[Part::alone(Role::Parameter)];

            type View<'a> = Values<D>;

            fn resolve(&mut self, inputs: usize) {
                if self.elements == Dyn {
                    self.elements = inputs;
                }
            }

            fn blocks(&self) -> Vec<BlockSpec> {
                let shape = if D == 1 { Vec::new() } else { vec![self.elements] };
                vec![BlockSpec { name: "", role: Role::Parameter, shape, support: Support::$support, fan_in: 1 }]
            }
        }

        impl<const D: usize> DynField for $name<D> {
            type Shaped<'a> = Vec<f32>;
        }
    )*};
}

parameters! {
    /// Any number, with a prior of its own: a common mean, say. `Real<8>` is a vector of eight.
    ///
    /// Priors and the likelihood name it; an element of a vector is `effect[3]` in the likelihood. A vector of length
    /// [`Dyn`] has as many elements as features arrive where it stands in the struct.
    Real Real;

    /// A positive number with a prior of its own: a noise level, or the scale of a layer's weights.
    ///
    /// `Scale<11>` is a vector of eleven. A layer whose prior names it then has a scale for each of its inputs (automatic
    /// relevance determination); the bias, which has no inputs, needs a prior of its own:
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    ///
    /// #[bayes_model]
    /// #[likelihood(Normal(mean = output, sd = noise))]
    /// pub struct Relevance {
    ///     #[prior(HalfCauchy(1.0))]
    ///     relevance: Scale<11>,
    ///     #[prior(weight = Normal(0.0, relevance), bias = Normal(0.0, 1.0))]
    ///     output: Linear<11, 1>,
    ///     #[prior(HalfNormal(1.0))]
    ///     noise: Scale,
    /// }
    /// ```
    ///
    /// A vector of length [`Dyn`] has as many elements as features arrive where it stands in the struct.
    Scale Positive;

    /// A number between 0 and 1 with a prior of its own: a probability or a share. `UnitInterval<4>` is a vector of four.
    UnitInterval UnitInterval;
}

/// The value of a parameter in one draw: `D` numbers, by index; a single one also as `*draw.noise`.
///
/// ```
/// use smc_runtime::model::nn::Values;
/// let (noise, scales) = (Values::from([0.5]), Values::from([1.0, 2.0]));
/// assert_eq!(*noise * scales[1], 1.0);
/// assert_eq!(format!("{noise:.2} {scales:.1}"), "0.50 [1.0, 2.0]");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Values<const D: usize>([f32; D]);

impl<const D: usize> Values<D> {
    /// All of them.
    pub fn as_array(&self) -> &[f32; D] {
        &self.0
    }
}

impl<const D: usize> From<[f32; D]> for Values<D> {
    fn from(values: [f32; D]) -> Self {
        Self(values)
    }
}

impl<const D: usize> Index<usize> for Values<D> {
    type Output = f32;
    fn index(&self, i: usize) -> &f32 {
        &self.0[i]
    }
}

impl Deref for Values<1> {
    type Target = f32;
    fn deref(&self) -> &f32 {
        &self.0[0]
    }
}

impl<const D: usize> fmt::Display for Values<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if D == 1 {
            return self.0[0].fmt(f);
        }
        f.write_str("[")?;
        for (i, value) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            value.fmt(f)?;
        }
        f.write_str("]")
    }
}

impl<'a, const D: usize> View<'a> for Values<D> {
    fn view(blocks: BlockSlices<'a>) -> Self {
        const {
            assert!(
                D != Dyn,
                "a length that is Dyn must be written `Dyn` in the model's field type"
            );
        }
        Self(std::array::from_fn(|i| value(blocks, i)))
    }
}

/// The first number, for a model written by hand.
impl<'a> View<'a> for f32 {
    fn view(blocks: BlockSlices<'a>) -> Self {
        value(blocks, 0)
    }
}

/// A vector whose length is known at run time.
impl<'a> View<'a> for Vec<f32> {
    fn view(blocks: BlockSlices<'a>) -> Self {
        (0..blocks.slice(0).len())
            .map(|i| value(blocks, i))
            .collect()
    }
}

fn value(blocks: BlockSlices<'_>, i: usize) -> f32 {
    let u = f64::from(blocks.slice(0)[i]);
    blocks.block(0).support.constrain(u) as f32
}
