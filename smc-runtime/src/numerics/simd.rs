//! Vectors of numbers for the products: what keeps sums in registers whatever the compiler thinks of a loop.

use super::lane::{fma, sum_lanes};

/// A register of [`LANES`](Vector::LANES) numbers.
///
/// Invariant. A type of an instruction set is named only in kernels that are compiled for that set (as `V` of
/// `kernels!`), and those run only where an `Isa` proves that the machine has it.
pub(crate) trait Vector: Copy {
    const LANES: usize;
    fn splat(x: f32) -> Self;
    /// The first numbers of a slice that has enough.
    fn load(x: &[f32]) -> Self;
    fn store(self, x: &mut [f32]);
    fn add(self, other: Self) -> Self;
    /// self + a·b.
    fn plus_product(self, a: Self, b: Self) -> Self;
    /// Σ of the lanes, by halves.
    fn sum(self) -> f32;
    /// Asks for the first numbers of a slice to be brought near, where the target can.
    #[inline(always)]
    fn prefetch(x: &[f32]) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: SSE is part of the target, and a prefetch reads nothing that a program can see.
            #[allow(unsafe_code)]
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(x.as_ptr().cast());
            }
        }
        let _ = x;
    }
}

/// Four lanes for any target; with `FMA`, one that has fused multiplication and addition.
#[derive(Clone, Copy)]
pub(crate) struct Four<const FMA: bool>([f32; 4]);

impl<const FMA: bool> Vector for Four<FMA> {
    const LANES: usize = 4;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Self([x; 4])
    }

    #[inline(always)]
    fn load(x: &[f32]) -> Self {
        Self(*x.first_chunk().expect("a vector's worth of numbers"))
    }

    #[inline(always)]
    fn store(self, x: &mut [f32]) {
        x[..4].copy_from_slice(&self.0);
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|l| self.0[l] + other.0[l]))
    }

    #[inline(always)]
    fn plus_product(self, a: Self, b: Self) -> Self {
        Self(std::array::from_fn(|l| {
            fma::<FMA>(a.0[l], b.0[l], self.0[l])
        }))
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        sum_lanes(&self.0)
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps,
        _mm256_storeu_ps, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps,
        _mm512_storeu_ps,
    };

    use super::{Vector, sum_lanes};

    macro_rules! vector {
        ($(#[$doc:meta])* $name:ident, $register:ident, $lanes:literal, $splat:ident, $load:ident, $store:ident, $add:ident, $fma:ident) => {
            $(#[$doc])*
            #[derive(Clone, Copy)]
            pub(crate) struct $name($register);

            impl Vector for $name {
                const LANES: usize = $lanes;

                #[inline(always)]
                fn splat(x: f32) -> Self {
                    // SAFETY: the invariant of `Vector`: the machine has the instruction.
                    Self(unsafe { $splat(x) })
                }

                #[inline(always)]
                fn load(x: &[f32]) -> Self {
                    let x: &[f32; $lanes] = x.first_chunk().expect("a vector's worth of numbers");
                    // SAFETY: as above; the reference is to as many numbers as are loaded, and no alignment is asked for.
                    Self(unsafe { $load(x.as_ptr()) })
                }

                #[inline(always)]
                fn store(self, x: &mut [f32]) {
                    let x: &mut [f32; $lanes] = x.first_chunk_mut().expect("a vector's worth of numbers");
                    // SAFETY: as above; the reference is to as many numbers as are stored, and no alignment is asked for.
                    unsafe { $store(x.as_mut_ptr(), self.0) }
                }

                #[inline(always)]
                fn add(self, other: Self) -> Self {
                    // SAFETY: the machine has the instruction.
                    Self(unsafe { $add(self.0, other.0) })
                }

                #[inline(always)]
                fn plus_product(self, a: Self, b: Self) -> Self {
                    // SAFETY: the machine has the instruction.
                    Self(unsafe { $fma(a.0, b.0, self.0) })
                }

                #[inline(always)]
                fn sum(self) -> f32 {
                    let mut lanes = [0.0; $lanes];
                    self.store(&mut lanes);
                    sum_lanes(&lanes)
                }
            }
        };
    }

    vector!(
        /// Eight lanes of AVX2 and FMA.
        Avx2, __m256, 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_fmadd_ps
    );
    vector!(
        /// Sixteen lanes of AVX-512.
        Avx512, __m512, 16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_fmadd_ps
    );
}
