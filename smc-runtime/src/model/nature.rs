//! What is known of a layer's mathematics: what symmetries and layerwise inference follow from.

/// What a layer does to what flows through it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Nature {
    /// z = W x + b: its first block is W, outputs × inputs, and its second, if it has one, b.
    Affine,
    /// The same function φ of every number, without parameters.
    Elementwise {
        /// Whether φ is odd or even.
        parity: Parity,
        /// Whether φ(c·x) = c·φ(x) for every c > 0: a neuron before it can be scaled, and what follows scaled back.
        homogeneous: bool,
    },
    /// Nothing is known.
    #[default]
    Other,
}

impl Nature {
    /// An elementwise function of that parity.
    pub const fn elementwise(parity: Parity) -> Self {
        Self::Elementwise {
            parity,
            homogeneous: false,
        }
    }

    /// An elementwise function that is neither odd nor even, with φ(c·x) = c·φ(x) for c > 0.
    pub const fn homogeneous() -> Self {
        Self::Elementwise {
            parity: Parity::Neither,
            homogeneous: true,
        }
    }
}

/// What happens to φ where the sign of its argument changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// φ(−x) = −φ(x): a neuron before it can be negated, and what follows negated back.
    Odd,
    /// φ(−x) = φ(x): a neuron before it can be negated.
    Even,
    /// Neither.
    Neither,
}
