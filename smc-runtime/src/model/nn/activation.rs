//! Activations: element by element, without parameters.

use std::sync::Arc;

use super::Field;
use crate::model::fused::{Activation, FusedLayer, Gate};
use crate::model::interval::Interval;
use crate::model::nature::{Nature, Parity};
#[cfg(feature = "autodiff")]
use crate::model::tensor::{Act, Device, FieldParams, Float, Tape, tangent};
#[cfg(feature = "autodiff")]
use crate::numerics::math::LEAK;

/// Each is a unit struct whose label, nature, values, fused form and expression are given in a line.
macro_rules! activations {
    ($($(#[$meta:meta])* $name:ident $label:literal, $nature:expr, $gives:expr, $fused:expr, |$x:ident| $expr:expr;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name;

        impl Field for $name {
            const GIVES: Interval = $gives;
            const BUILT_IN: bool = true;

            type View<'a> = ();

            fn label(&self) -> String {
                $label.to_owned()
            }

            fn nature(&self) -> Nature {
                $nature
            }

            fn fused(&self) -> Option<Arc<dyn FusedLayer>> {
                Some(Arc::new($fused))
            }

            #[cfg(feature = "autodiff")]
            fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
                &self,
                _: FieldParams<'_, E, D, T>,
                $x: Act<E, D, T>,
            ) -> Act<E, D, T> {
                $expr
            }
        }
    )*};
}

activations! {
    /// tanh(x), element by element.
    Tanh "tanh", Nature::elementwise(Parity::Odd), Interval::between(-1.0, 1.0), Activation::Tanh, |x| x.tanh();

    /// max(x, 0), element by element.
    Relu "relu", Nature::homogeneous(), Interval::from(0.0), Activation::Relu, |x| x.relu();

    /// max(x, 0.01·x), element by element (Maas, Hannun and Ng, 2013).
    LeakyRelu "leaky_relu", Nature::homogeneous(), Interval::REAL, Activation::LeakyRelu, |x| {
        let leak = f64::from(LEAK);
        x.retaped::<T>().relu() * E::narrow(1.0 - leak) + x * E::narrow(leak)
    };

    /// 1/(1 + exp(−x)), element by element.
    Sigmoid "sigmoid", Nature::elementwise(Parity::Neither), Interval::UNIT, Activation::Sigmoid, |x| x.sigmoid();

    /// log(1 + exp(x)), element by element: a smooth ReLU, positive everywhere (Dugas et al., 2001).
    Softplus "softplus", Nature::elementwise(Parity::Neither), Interval::POSITIVE, Activation::Softplus, |x| {
        x.retaped::<T>().relu() + ((-x.abs()).exp() + E::narrow(1.0)).ln()
    };

    /// x/(1 + exp(−x)), element by element, also called swish (Hendrycks and Gimpel, 2016; Elfwing, Uchibe and Doya, 2018).
    Silu "silu", Nature::elementwise(Parity::Neither), Interval::from(-0.28), Gate::Silu, |x| x.retaped::<T>().sigmoid() * x;

    /// x·Φ(x), element by element, Φ the distribution function of the standard normal (Hendrycks and Gimpel, 2016).
    Gelu "gelu", Nature::elementwise(Parity::Neither), Interval::from(-0.171), Gate::Gelu, |x| {
        // dfdx 0.13 has this function too, with a derivative whose second term is √2 times too large.
        x.retaped::<T>() * tangent(x, normal_distribution)
    };
}

/// The distribution function of the standard normal at x, and its density.
#[cfg(feature = "autodiff")]
fn normal_distribution(x: f64) -> (f64, f64) {
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    (
        0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2),
        density,
    )
}
