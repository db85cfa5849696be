//! What a prior leaves as it is: the sign of a parameter, or the order of the parameters under it.

/// Under which changes of a parameter tensor its prior stays the same, whatever the other parameters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriorSymmetry {
    /// Whether every element's density is that of its negative.
    pub even: bool,
    /// Whether all elements can change places. Where it is false, a vector is named, which has an element for each last
    /// index of the tensor; elements with the same last index can then still change places.
    pub exchangeable: bool,
}

#[cfg(test)]
mod tests {
    use super::super::{Priors, symmetries};
    use super::PriorSymmetry;
    use crate::model::dist::{
        Cauchy, HalfNormal, Laplace, LogNormal, Normal, Prior, StudentT, Uniform,
    };
    use crate::model::layout::Layout;
    use crate::model::nn::{Field, Linear, Real, Scale};

    fn of(walk: impl FnOnce(&mut Priors<'_>)) -> Vec<PriorSymmetry> {
        let layout = Layout::new([
            ("scales", Scale::<3>::default().blocks(), None),
            ("shift", <Real>::default().blocks(), None),
            ("layer", Linear::<3, 2>::default().blocks(), None),
        ]);
        // Every shift is 0: what is 0 by chance is no symmetry.
        symmetries(walk, &layout, &vec![0.0; layout.dim()])
    }

    fn even<P: Prior>(prior: impl Fn(crate::model::algebra::Num) -> P) -> bool {
        let found = of(|priors| priors.of("layer", &["shift"], |p| prior(p.named(0))));
        assert_eq!(found[2], found[3]);
        assert!(found[2].exchangeable && !found[0].exchangeable);
        found[2].even
    }

    #[test]
    fn a_prior_around_zero_is_even() {
        assert!(even(|_| Normal(0.0.into(), 2.0.into())));
        assert!(even(|_| Laplace(0.0.into(), 1.0.into())));
        assert!(even(|_| Cauchy(0.0.into(), 1.0.into())));
        assert!(even(|_| StudentT(4.0.into(), 0.0.into(), 1.0.into())));
        assert!(even(|_| Uniform((-1.5).into(), 1.5.into())));
        assert!(even(|shift| Normal(0.0.into(), shift + 1.0)));
        assert!(even(|shift| Uniform(-(shift + 1.0), shift + 1.0)));
        assert!(!even(|_| Normal(1.0.into(), 2.0.into())));
        assert!(!even(|shift| Normal(shift, 2.0.into())));
        assert!(!even(|_| Laplace((-1.0).into(), 1.0.into())));
        assert!(!even(|_| Cauchy(0.5.into(), 1.0.into())));
        assert!(!even(|_| StudentT(4.0.into(), 0.5.into(), 1.0.into())));
        assert!(!even(|_| Uniform((-1.0).into(), 1.5.into())));
        assert!(!even(|_| HalfNormal(1.0.into())));
        assert!(!even(|_| LogNormal(0.0.into(), 1.0.into())));
    }

    #[test]
    fn a_scale_for_each_input_ties_elements_to_inputs() {
        let found = of(|priors| {
            priors.of("scales", &[], |_| HalfNormal(1.0.into()));
            priors.of_block("layer", "weight", &["scales"], |p| {
                Normal(0.0.into(), p.named(0))
            });
            priors.of_block("layer", "bias", &[], |_| Normal(1.0.into(), 1.0.into()));
        });
        let symmetry = |even, exchangeable| PriorSymmetry { even, exchangeable };
        assert_eq!(
            found,
            [
                symmetry(false, true),
                symmetry(false, false),
                symmetry(true, false),
                symmetry(false, true)
            ]
        );
    }

    #[test]
    fn the_default_of_a_layer_is_even() {
        let found = of(|priors| priors.of_layer("layer"));
        assert!(found[2].even && found[3].even && found[2].exchangeable);
    }
}
