//! Which targets are classes.

/// The class that a target is, if it is one: 0, 1, ...
pub(super) fn class(y: f32) -> Option<usize> {
    (y >= 0.0 && y.fract() == 0.0 && y < 16_777_216.0).then_some(y as usize)
}
