//! Where tensors live, and how the work is cut for it.

use dfdx::prelude::Cpu;

use crate::model::tensor::{Device, Float};

/// Where the tensors live, and how the work is cut for it.
pub(crate) trait Backend<E: Float>: Device<E> {
    /// Runs `f` on this thread's device.
    fn with<R>(ordinal: usize, f: impl FnOnce(&Self) -> R) -> R;

    /// Particles per expression.
    fn group(particles: usize) -> usize;
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
    fn with<R>(_: usize, f: impl FnOnce(&Self) -> R) -> R {
        const EVERY: usize = 256;
        CPU.with(|cpu| {
            // See `Targets::classes`.
            let calls = CALLS.replace(CALLS.get() + 1);
            if calls.is_multiple_of(EVERY) {
                dfdx::prelude::Cache::empty_cache(cpu);
            }
            f(cpu)
        })
    }

    /// One: a thread's tile then stays in its cache, and threads share the particles.
    fn group(_: usize) -> usize {
        1
    }
}

#[cfg(feature = "cuda")]
mod cuda {
    use std::cell::OnceCell;

    use dfdx::prelude::Cuda;

    use super::Backend;
    use crate::model::tensor::{Device, Float};

    thread_local! {
        static CUDA: OnceCell<(usize, Cuda)> = const { OnceCell::new() };
    }

    impl<E: Float> Backend<E> for Cuda
    where
        Self: Device<E>,
    {
        fn with<R>(ordinal: usize, f: impl FnOnce(&Self) -> R) -> R {
            CUDA.with(|cell| {
                let (bound, device) =
                    cell.get_or_init(|| (ordinal, Cuda::seed_from_u64_on(ordinal)));
                assert_eq!(*bound, ordinal, "one thread drives one CUDA device");
                f(device)
            })
        }

        fn group(particles: usize) -> usize {
            particles
        }
    }

    trait OnOrdinal {
        fn seed_from_u64_on(ordinal: usize) -> Self;
    }

    impl OnOrdinal for Cuda {
        fn seed_from_u64_on(ordinal: usize) -> Self {
            Self::try_build(ordinal, 0).expect("the device was there when the model was bound")
        }
    }
}
