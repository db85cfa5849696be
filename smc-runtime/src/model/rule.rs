//! How a field acts on what flows through the chain, as plain data that const evaluation can read.

/// A size that is known only at run time: `Linear<Dyn, 32>`.
///
/// An input width left `Dyn` is the width of what comes before it (the number of features for the first layer); an
/// output width is given by value, as in `Linear::sized(11, 32)`.
#[allow(non_upper_case_globals)]
pub const Dyn: usize = usize::MAX;

/// How a field acts on the width of what flows through the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// An activation: as many features out as in.
    Same,
    /// A parameter: stands beside the chain.
    Parameter,
    /// A layer that takes `inputs` features and gives `outputs`; either may be [`Dyn`].
    Features {
        /// Features taken.
        inputs: usize,
        /// Features given.
        outputs: usize,
    },
}
