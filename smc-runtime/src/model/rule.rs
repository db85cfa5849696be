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
    /// A layer that reads its numbers as a shape, such as an image, and gives them in one. Flat features of as many numbers are
    /// any shape, and a shape is flat features; two shapes that differ do not chain.
    Shaped {
        /// What it takes.
        takes: Shape,
        /// What it gives.
        gives: Shape,
    },
}

impl Rule {
    /// What a layer with sizes of its own takes and gives; `None` for any other field.
    pub const fn ends(self) -> Option<(Shape, Shape)> {
        match self {
            Self::Features { inputs, outputs } => {
                Some((Shape::Features(inputs), Shape::Features(outputs)))
            }
            Self::Shaped { takes, gives } => Some((takes, gives)),
            Self::Same | Self::Parameter => None,
        }
    }
}

/// The shape of what flows from one step of the chain to the next, for one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// So many numbers.
    Features(usize),
    /// An image: channels × height × width, row-major.
    Image {
        /// Channels C.
        channels: usize,
        /// Height H.
        height: usize,
        /// Width W.
        width: usize,
    },
    /// A sequence: steps × features, row-major.
    Sequence {
        /// Steps T.
        steps: usize,
        /// Features of each step D.
        features: usize,
    },
}

impl Shape {
    /// How many numbers it has.
    pub const fn len(self) -> usize {
        match self {
            Self::Features(n) => n,
            Self::Image {
                channels,
                height,
                width,
            } => channels * height * width,
            Self::Sequence { steps, features } => steps * features,
        }
    }

    /// Whether it has none.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether it is flat features.
    pub const fn is_flat(self) -> bool {
        matches!(self, Self::Features(_))
    }

    /// Whether what has this shape can be read as `other`: the same, or flat on either side and of as many numbers.
    pub const fn reads_as(self, other: Self) -> bool {
        match (self, other) {
            (
                Self::Image {
                    channels: c,
                    height: h,
                    width: w,
                },
                Self::Image {
                    channels,
                    height,
                    width,
                },
            ) => c == channels && h == height && w == width,
            (
                Self::Sequence {
                    steps: t,
                    features: d,
                },
                Self::Sequence { steps, features },
            ) => t == steps && d == features,
            _ => (self.is_flat() || other.is_flat()) && self.len() == other.len(),
        }
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Features(n) => write!(f, "{n}"),
            Self::Image {
                channels,
                height,
                width,
            } => write!(f, "{channels}x{height}x{width}"),
            Self::Sequence { steps, features } => write!(f, "{steps}x{features}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_read_as_themselves_and_as_flat_features() {
        let image = |height| Shape::Image {
            channels: 2,
            height,
            width: 6,
        };
        let (flat, sequence) = (
            Shape::Features(36),
            Shape::Sequence {
                steps: 6,
                features: 6,
            },
        );
        assert!(image(3).reads_as(image(3)) && !image(3).reads_as(image(4)));
        for shape in [image(3), sequence, flat] {
            assert!(shape.reads_as(flat) && flat.reads_as(shape), "{shape}");
            assert_eq!(shape.len(), 36);
        }
        assert!(!image(3).reads_as(sequence) && !image(4).reads_as(flat));
        assert_eq!(format!("{} {sequence} {flat}", image(3)), "2x3x6 6x6 36");
    }
}
