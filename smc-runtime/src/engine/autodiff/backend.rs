//! Where tensors live, and how the work is cut for it.

use dfdx::prelude::Cpu;

use crate::model::tensor::{Device, Float, Kept};

/// Where on a device a problem's work is done.
#[derive(Debug, Default)]
#[cfg_attr(
    not(feature = "cuda"),
    expect(dead_code, reason = "the CPU is one place")
)]
pub(crate) struct Place {
    /// Which of several devices.
    pub(super) ordinal: usize,
    /// Under what number constants of the rows stay there, if they do.
    pub(super) kept: Option<u64>,
}

/// Where the tensors live, and how the work is cut for it.
pub(crate) trait Backend<E: Float>: Device<E> {
    /// Runs `f` on the device, with the constants that stay there. `sizes` are what the sizes of its tensors follow from: those
    /// of other sizes are not kept for reuse.
    fn with<R: Send>(
        place: &Place,
        sizes: Sizes,
        f: impl FnOnce(&Self, Option<&Kept<E, Self>>) -> R + Send,
    ) -> R;

    /// Particles per expression, of parameter vectors of length `dim`.
    fn group(particles: usize, dim: usize) -> usize;

    /// Rows per tile of so many particles that have `each` numbers per row; `cached` is what suits a core's cache.
    fn rows(cached: usize, particles: usize, each: usize) -> usize;
}

/// What the sizes of a pass's tensors follow from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(super) particles: usize,
    pub(super) rows: usize,
}

thread_local! {
    static CALLS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    static CPU: Cpu = {
        let cpu = Cpu::default();
        dfdx::prelude::Cache::enable_cache(&cpu);
        cpu
    };
}

impl<E: Float> Backend<E> for Cpu
where
    Self: Device<E>,
{
    fn with<R: Send>(
        _: &Place,
        _: Sizes,
        f: impl FnOnce(&Self, Option<&Kept<E, Self>>) -> R + Send,
    ) -> R {
        const EVERY: usize = 256;
        CPU.with(|cpu| {
            // See `Rows::classes`.
            let calls = CALLS.replace(CALLS.get() + 1);
            if calls.is_multiple_of(EVERY) {
                dfdx::prelude::Cache::empty_cache(cpu);
            }
            f(cpu, None)
        })
    }

    /// One: a thread's tile then stays in its cache, and threads share the particles.
    fn group(_: usize, _: usize) -> usize {
        1
    }

    fn rows(cached: usize, _: usize, _: usize) -> usize {
        cached
    }
}
