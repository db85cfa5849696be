//! The numbers of a step that moves every vector of a population at once.

/// The numbers of one vector's step in [`Population::adam`](super::population::Population::adam); bias corrections are part of `rate` and `epsilon`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// β₁ and β₂.
    pub decay: [f32; 2],
    /// Factor of the gradient.
    pub scale: f32,
    /// Length of a step whose direction is certain.
    pub rate: f32,
    /// ε.
    pub epsilon: f32,
}

/// The numbers of one vector's step in [`Population::langevin`](super::population::Population::langevin).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LangevinStep {
    /// What is left of the momentum.
    pub keep: f32,
    /// Factor of the gradient.
    pub kick: f32,
    /// Standard deviation of the noise.
    pub noise: f32,
}
