//! Instruction sets: each kernel is one plain loop, compiled for AVX-512, for AVX2 and for the target's baseline; the
//! caller says which with a value that exists only where the machine has the instructions.

use std::sync::OnceLock;

/// The instructions that fused kernels use. All but [`Best`](Self::Best) are for tests, for measurements, and for the
/// same bits on machines that differ in what they offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Instructions {
    /// The most capable that the machine has.
    #[default]
    Best,
    /// AVX-512 (F, DQ, VL, BW) with FMA.
    Avx512,
    /// AVX2 with FMA.
    Avx2,
    /// What the compilation target guarantees.
    Portable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// A proof that this machine has an instruction set.
///
/// Invariant: a value with a level above `Portable` is made by [`Isa::new`] alone, after the machine was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Isa(Level);

impl Isa {
    /// `None` if the machine lacks the instructions.
    pub(crate) fn new(instructions: Instructions) -> Option<Self> {
        match instructions {
            Instructions::Best => Some(Self::best()),
            Instructions::Portable => Some(Self(Level::Portable)),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => {
                use std::arch::is_x86_feature_detected as has;
                (has!("avx2") && has!("fma")).then_some(Self(Level::Avx2))
            }
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => {
                use std::arch::is_x86_feature_detected as has;
                let all = has!("avx512f")
                    && has!("avx512dq")
                    && has!("avx512vl")
                    && has!("avx512bw")
                    && has!("avx2")
                    && has!("fma");
                all.then_some(Self(Level::Avx512))
            }
            #[cfg(not(target_arch = "x86_64"))]
            Instructions::Avx2 | Instructions::Avx512 => None,
        }
    }

    /// The most capable that the machine has.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| {
            [Instructions::Avx512, Instructions::Avx2]
                .into_iter()
                .find_map(Self::new)
                .unwrap_or(Self(Level::Portable))
        })
    }

    pub(crate) fn level(self) -> Level {
        self.0
    }

    pub(crate) fn name(self) -> &'static str {
        match self.0 {
            Level::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => "AVX-512",
        }
    }
}

/// Compiles each function for every level and calls the one that its first argument, an [`Isa`], names.
///
/// In a body `FMA` says whether a·b + c is one instruction; `V` is the vector of the level, and `ROWS` × 2 of them are the
/// block of a product that fits the registers. What a body calls must be `#[inline(always)]`, or it is compiled for the
/// baseline.
macro_rules! kernels {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $out:ty)? $body:block)*) => {$(
        $(#[$meta])*
        $vis fn $name(isa: Isa, $($arg: $ty),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
            #[allow(dead_code, clippy::too_many_arguments)]
            fn avx512($($arg: $ty),*) $(-> $out)? {
                const FMA: bool = true;
                type V = crate::numerics::simd::Avx512;
                const ROWS: usize = 10;
                $body
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(dead_code, clippy::too_many_arguments)]
            fn avx2($($arg: $ty),*) $(-> $out)? {
                const FMA: bool = true;
                type V = crate::numerics::simd::Avx2;
                const ROWS: usize = 6;
                $body
            }
            #[allow(dead_code, clippy::too_many_arguments)]
            fn portable($($arg: $ty),*) $(-> $out)? {
                const FMA: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));
                type V = crate::numerics::simd::Four<FMA>;
                const ROWS: usize = 4;
                $body
            }
            match isa.level() {
                // SAFETY: an `Isa` of this level exists only on a machine that has every feature that `avx512` is
                // compiled with.
                #[cfg(target_arch = "x86_64")]
                #[allow(unsafe_code)]
                crate::numerics::isa::Level::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: likewise for `avx2`.
                #[cfg(target_arch = "x86_64")]
                #[allow(unsafe_code)]
                crate::numerics::isa::Level::Avx2 => unsafe { avx2($($arg),*) },
                crate::numerics::isa::Level::Portable => portable($($arg),*),
            }
        }
    )*};
}
pub(crate) use kernels;

/// Every instruction set that this machine has, for tests.
#[cfg(test)]
pub(crate) fn all() -> Vec<Isa> {
    [
        Instructions::Portable,
        Instructions::Avx2,
        Instructions::Avx512,
    ]
    .into_iter()
    .filter_map(Isa::new)
    .collect()
}
