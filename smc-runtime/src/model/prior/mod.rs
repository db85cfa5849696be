//! Walks a model's priors over one parameter vector: log-density with gradient, ancestral sampling, the check of their
//! arguments, and what they leave as it is. Which prior stands where is the model's; the sum is here, once.

mod density;
mod names;
mod scope;
mod symmetry;

pub use names::{FieldName, FieldNumber};
pub use scope::Scope;
pub use symmetry::PriorSymmetry;

use names::Named;
use scope::{groups, place};

use crate::base::error::{Error, Result};
use crate::base::rng::Stream;
use crate::model::FieldSpec;
use crate::model::check::{GivenPrior, short_name};
use crate::model::dist::{Normal, Prior};
use crate::model::layout::{Block, Layout, Role};
use crate::model::transform::Support;

enum Mode<'a> {
    Density {
        theta: &'a [f32],
        gradient: Option<&'a mut [f32]>,
        total: f64,
    },
    Sample {
        theta: &'a mut [f32],
        stream: &'a mut Stream,
    },
    /// What the rules of the language judge.
    Given {
        priors: Vec<GivenPrior>,
        first: Option<Error>,
    },
    /// Whether the arguments are in range.
    Check {
        theta: &'a [f32],
        fields: &'a [FieldSpec],
        first: Option<Error>,
    },
    Symmetries {
        theta: &'a [f32],
        /// One for each block of the layout.
        found: Vec<PriorSymmetry>,
    },
}

/// Receives each prior of a model in turn; see [`Model::priors`](crate::model::Model::priors).
///
/// Fields are called by name. A name that no field has is refused by `bind`.
pub struct Priors<'a> {
    layout: &'a Layout,
    mode: Mode<'a>,
}

impl Priors<'_> {
    /// The prior of `field`, whose arguments name the parameters `named`.
    ///
    /// A field must come after those that its prior names. Where a vector is named, its element j belongs to the parameters
    /// whose last index is j: of a layer's weight, to input j.
    ///
    /// ```
    /// use smc_runtime::model::prior::Priors;
    /// use smc_runtime::prelude::*;
    ///
    /// fn priors(priors: &mut Priors<'_>) {
    ///     priors.of("tau", &[], |_| HalfNormal(1.0.into()));
    ///     priors.of("hidden", &["tau"], |p| Normal(0.0.into(), p.named(0) / p.fan_in().sqrt()));
    /// }
    /// ```
    pub fn of<N: FieldName, P: Prior>(
        &mut self,
        field: N,
        named: &[N],
        prior: impl Fn(&Scope<'_>) -> P,
    ) {
        let Some((field, named)) = self.numbers::<N, P>(field, None, named) else {
            return;
        };
        for block in self.layout.of_field(field) {
            self.on(block, &named, &prior);
        }
    }

    /// As [`Priors::of`], for the parameter tensor called `block` alone, such as `weight`.
    pub fn of_block<N: FieldName, P: Prior>(
        &mut self,
        field: N,
        block: &str,
        named: &[N],
        prior: impl Fn(&Scope<'_>) -> P,
    ) {
        let Some((field, named)) = self.numbers::<N, P>(field, Some(block), named) else {
            return;
        };
        let blocks = self.layout.of_field(field).iter();
        for block in blocks.filter(|candidate| candidate.part() == block) {
            self.on(block, &named, &prior);
        }
    }

    /// The default prior of `field`, a layer: weights are normal with standard deviation 1/√fan_in, so that their sum over
    /// inputs of size 1 has size 1; everything else with 1.
    pub fn of_layer<N: FieldName>(&mut self, field: N) {
        let Some(field) = self.number(field) else {
            return;
        };
        if let Mode::Given { priors, .. } = &mut self.mode {
            priors.push(GivenPrior {
                field,
                block: None,
                named: Vec::new(),
                distribution: None,
            });
            return;
        }
        for block in self.layout.of_field(field) {
            let sd = match block.role {
                Role::Weight => 1.0 / (block.fan_in as f64).sqrt(),
                _ => 1.0,
            };
            let prior = |_: &Scope<'_>| Normal(0.0.into(), sd.into());
            self.on(block, &Named::NONE, &prior);
        }
    }

    /// The numbers of the fields, where a prior is to be walked; `None` where it is only taken note of, or a name is wrong.
    fn numbers<N: FieldName, P: Prior>(
        &mut self,
        field: N,
        block: Option<&str>,
        named: &[N],
    ) -> Option<(usize, Named)> {
        let field = self.number(field)?;
        let named = self.known(Named::of(named, self.layout))?;
        let Mode::Given { priors, .. } = &mut self.mode else {
            return Some((field, named));
        };
        priors.push(GivenPrior {
            field,
            block: block.map(str::to_owned),
            named: named.as_slice().to_vec(),
            distribution: Some((short_name::<P>(), (!P::ANYWHERE).then_some(P::SUPPORT))),
        });
        None
    }

    fn number<N: FieldName>(&mut self, field: N) -> Option<usize> {
        let number = field.number(self.layout);
        self.known(number.ok_or(names::Mistake::Unknown(field)))
    }

    /// Takes note of a name that no field has where names are judged; elsewhere `bind` has refused it.
    fn known<N: FieldName, T>(
        &mut self,
        found: std::result::Result<T, names::Mistake<N>>,
    ) -> Option<T> {
        let mistake = match found {
            Ok(found) => return Some(found),
            Err(mistake) => mistake,
        };
        if let Mode::Given { first, .. } = &mut self.mode {
            first.get_or_insert_with(|| Error::Rule(mistake.text(self.layout)));
        }
        None
    }

    fn on<P: Prior>(&mut self, block: &Block, named: &Named, prior: &impl Fn(&Scope<'_>) -> P) {
        let layout = self.layout;
        let groups = groups(layout, named);
        let at = |theta: &[f32], element: usize| {
            prior(&Scope {
                layout,
                theta,
                named,
                fan_in: block.fan_in,
                element,
            })
        };
        match &mut self.mode {
            Mode::Density {
                theta,
                gradient,
                total,
            } => {
                for element in 0..groups {
                    let prior = at(theta, element);
                    let own = gradient.as_deref_mut();
                    let sum = density::density(&prior, block, (element, groups), theta, own);
                    *total += sum.value();
                    let Some(gradient) = gradient else { continue };
                    for (lane, &field) in named.as_slice().iter().enumerate() {
                        if layout.fixed(field).is_some() {
                            continue;
                        }
                        let (other, i) = place(layout, field, element);
                        let slope = other.support.slope(f64::from(theta[i]));
                        gradient[i] += (sum.partial(lane + 1) * slope) as f32;
                    }
                }
            }
            Mode::Sample { theta, stream } => {
                for element in 0..groups {
                    let prior = at(theta, element);
                    for i in block.range.clone().skip(element).step_by(groups) {
                        theta[i] = block.support.unconstrain(prior.sample(stream)) as f32;
                    }
                }
            }
            Mode::Given { .. } => {}
            Mode::Check {
                theta,
                fields,
                first,
            } => {
                for element in 0..groups {
                    if let Err(problem) = check_one(&at(theta, element), block.support) {
                        first.get_or_insert_with(|| Error::Prior {
                            field: fields[block.field].shape.name.to_owned(),
                            problem,
                        });
                    }
                }
            }
            Mode::Symmetries { theta, found } => {
                let number = layout.blocks().iter().position(|b| b.range == block.range);
                if let Some(found) = number.and_then(|number| found.get_mut(number)) {
                    *found = PriorSymmetry {
                        even: (0..groups).all(|element| at(theta, element).is_even()),
                        exchangeable: groups == 1,
                    };
                }
            }
        }
    }
}

fn check_one<P: Prior>(prior: &P, support: Support) -> std::result::Result<(), String> {
    prior.check()?;
    let (least, most) = support.bounds();
    match prior.within() {
        Some((low, high)) if low < least || high > most => Err(format!(
            "it gives density to numbers between {low} and {high}, and the parameter takes {}",
            support.words()
        )),
        _ => Ok(()),
    }
}

/// The log-prior at `theta`; its gradient is added to `gradient`.
pub fn log_density(
    walk: impl FnOnce(&mut Priors<'_>),
    layout: &Layout,
    theta: &[f32],
    gradient: Option<&mut [f32]>,
) -> f64 {
    let mut priors = Priors {
        layout,
        mode: Mode::Density {
            theta,
            gradient,
            total: 0.0,
        },
    };
    walk(&mut priors);
    match priors.mode {
        Mode::Density { total, .. } => total,
        _ => 0.0,
    }
}

/// Fills `theta` with a draw from the prior.
pub fn sample(
    walk: impl FnOnce(&mut Priors<'_>),
    layout: &Layout,
    theta: &mut [f32],
    stream: &mut Stream,
) {
    walk(&mut Priors {
        layout,
        mode: Mode::Sample { theta, stream },
    });
}

/// The priors that a model hands over, for the rules of the language.
pub(crate) fn given(
    walk: impl FnOnce(&mut Priors<'_>),
    layout: &Layout,
) -> Result<Vec<GivenPrior>> {
    let mut priors = Priors {
        layout,
        mode: Mode::Given {
            priors: Vec::new(),
            first: None,
        },
    };
    walk(&mut priors);
    match priors.mode {
        Mode::Given {
            priors,
            first: None,
        } => Ok(priors),
        Mode::Given { first, .. } => first.map_or(Ok(Vec::new()), Err),
        _ => Ok(Vec::new()),
    }
}

/// The first prior whose arguments are out of range at `theta`.
pub(crate) fn check(
    walk: impl FnOnce(&mut Priors<'_>),
    layout: &Layout,
    fields: &[FieldSpec],
    theta: &[f32],
) -> Result<()> {
    let mut priors = Priors {
        layout,
        mode: Mode::Check {
            theta,
            fields,
            first: None,
        },
    };
    walk(&mut priors);
    match priors.mode {
        Mode::Check { first, .. } => first.map_or(Ok(()), Err),
        _ => Ok(()),
    }
}

/// What the priors leave as it is, for each block of the layout. A block without a prior has no symmetry.
///
/// `theta` is any parameter vector: the priors' arguments are evaluated there, and what depends on a parameter is not taken
/// for a number that it happens to be.
pub fn symmetries(
    walk: impl FnOnce(&mut Priors<'_>),
    layout: &Layout,
    theta: &[f32],
) -> Vec<PriorSymmetry> {
    let none = PriorSymmetry {
        even: false,
        exchangeable: false,
    };
    let mut priors = Priors {
        layout,
        mode: Mode::Symmetries {
            theta,
            found: vec![none; layout.blocks().len()],
        },
    };
    walk(&mut priors);
    match priors.mode {
        Mode::Symmetries { found, .. } => found,
        _ => Vec::new(),
    }
}
