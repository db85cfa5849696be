//! Algorithms that other libraries have and this one does not: names alone, so that rustc says what there is instead of that
//! nothing is there. The prelude brings them into scope, where the user's own of that name come first.

/// The no-U-turn sampler, by either of its names.
macro_rules! nuts {
    ($($name:ident)*) => {$(
        #[doc(hidden)]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl $name {
            #[doc(hidden)]
            pub fn new() -> Self {
                Self
            }
        }
    )*};
}

nuts!(Nuts NUTS);

/// Hamiltonian Monte Carlo as an algorithm; here it is a kernel.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
pub struct HmcAlone;

/// Variational inference.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Variational;

#[doc(hidden)]
pub fn nuts() -> Nuts {
    Nuts
}

#[doc(hidden)]
pub fn hmc() -> HmcAlone {
    HmcAlone
}

#[doc(hidden)]
pub fn vi() -> Variational {
    Variational
}

#[doc(hidden)]
pub fn advi() -> Variational {
    Variational
}
