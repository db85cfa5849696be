//! Names that other libraries have for fields of a network and this language does not: each is a field by name alone, so that
//! the one thing that is said of it is what to write instead.
//!
//! The prelude brings the layers among them into scope, where a type of that name of the user's own comes first.

use std::fmt::Debug;

use super::{Dyn, DynField, Field, Rule};

/// Layers that take and give what nobody knows.
macro_rules! layers {
    ($($name:ident $instead:expr;)*) => {$(
        #[doc(hidden)]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name<
            const A: usize = 0,
            const B: usize = 0,
            const C: usize = 0,
            const D: usize = 0,
            const E: usize = 0,
        >;

        #[diagnostic::do_not_recommend]
        impl<const A: usize, const B: usize, const C: usize, const D: usize, const E: usize> Field
            for $name<A, B, C, D, E>
        {
            const RULE: Rule = Rule::Features { inputs: Dyn, outputs: Dyn };
            const INSTEAD: Option<&'static str> = Some($instead);
            type View<'a> = ();
        }

        impl<const A: usize, const B: usize, const C: usize, const D: usize, const E: usize> DynField
            for $name<A, B, C, D, E>
        {
            type Shaped<'a> = ();
        }
    )*};
}

const CELL: &str = "the language has no recurrent layer yet; write it as a layer of your own, as `Recurrent` in examples/examples/own_layers.rs is";
const CONVOLUTION: &str = "the language has no convolution yet; write it as a layer of your own, as `Convolution` in examples/examples/own_layers.rs is";
const SOFTMAX: &str = "leave it out: `Categorical(logits = ..)` includes it";
const BATCHES: &str = "leave it out and standardise the data, as in `Model::infer(&data).standardise(Standardise::fit(&data))`";

layers! {
    Softmax SOFTMAX;
    LogSoftmax SOFTMAX;
    Dropout "leave it out: it imitates a posterior, which is what is sampled here";
    BatchNorm BATCHES;
    BatchNorm1d BATCHES;
    BatchNorm2d BATCHES;
    LayerNorm "the language has no normalisation yet; write it as a layer of your own, as in examples/examples/own_layers.rs";
    LSTM CELL;
    GRU CELL;
    RNN CELL;
    Conv1d CONVOLUTION;
    Conv2d CONVOLUTION;
    Embedding "give each category a column of 0 and 1 in the data, for which `Linear` has a weight each";
    Flatten "leave it out: an image or a sequence is flat features to the layer behind it";
}

#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequential<T = ()>(T);

#[diagnostic::do_not_recommend]
impl<T: Clone + Debug + Default + Send + Sync + 'static> Field for Sequential<T> {
    const RULE: Rule = Rule::Features {
        inputs: Dyn,
        outputs: Dyn,
    };
    const INSTEAD: Option<&'static str> = Some(
        "write its layers as fields of the struct: they chain in the order in which they are declared",
    );
    type View<'a> = ();
}

impl<T: Clone + Debug + Default + Send + Sync + 'static> DynField for Sequential<T> {
    type Shaped<'a> = ();
}

/// Plain numbers, which are no parameters.
macro_rules! numbers {
    ($($name:ident)*) => {$(
        #[diagnostic::do_not_recommend]
        impl Field for $name {
            const RULE: Rule = Rule::Parameter;
            const INSTEAD: Option<&'static str> = Some(
                "write `Scale` for a positive parameter, `Real` for any, `UnitInterval` for one between 0 and 1, or `Fixed` for a number that is given",
            );
            type View<'a> = ();
        }
    )*};
}

numbers!(f32 f64 u8 u32 u64 usize i32 i64 isize);
