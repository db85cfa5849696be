//! Walks a model's priors over one parameter vector: log-density with gradient, ancestral sampling, and the check of
//! their arguments. Which prior stands where is the model's; the sum is here, once.

use std::ops::Range;

use crate::base::error::{Error, Result};
use crate::base::rng::Stream;
use crate::model::FieldSpec;
use crate::model::algebra::Num;
use crate::model::dist::{Normal, Prior};
use crate::model::layout::{Block, Layout};
use crate::model::nn::Dyn;
use crate::model::transform::Support;

/// What a prior's arguments may refer to.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    layout: &'a Layout,
    theta: &'a [f32],
    named: &'a [usize],
    fan_in: usize,
    /// Which element of the vectors among the named.
    element: usize,
}

impl Scope<'_> {
    /// The value of the `i`-th field that this prior names, differentiable: of a vector, the element that belongs to the
    /// parameter under the prior.
    pub fn named(&self, i: usize) -> Num {
        let field = self.named[i];
        if let Some(value) = self.layout.fixed(field) {
            return Num::constant(value);
        }
        let (block, at) = place(self.layout, field, self.element);
        let value = block.support.constrain(f64::from(self.theta[at]));
        Num::variable(value, i + 1)
    }

    /// Number of inputs that feed one output of the layer under the prior.
    pub fn fan_in(&self) -> Num {
        Num::from(self.fan_in)
    }
}

/// Where in the parameter vector the number is that a prior means by the name of a field.
fn place(layout: &Layout, field: usize, element: usize) -> (&Block, usize) {
    let block = &layout.of_field(field)[0];
    let element = if block.range.len() == 1 { 0 } else { element };
    (block, block.range.start + element)
}

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
    /// Whether every parameter has a prior, and the vectors that they name fit.
    Sizes {
        fields: &'a [FieldSpec],
        priors: Vec<usize>,
        first: Option<Error>,
    },
    Check {
        theta: &'a [f32],
        fields: &'a [FieldSpec],
        first: Option<Error>,
    },
}

/// Receives each prior of a model in turn; see [`Model::priors`](crate::model::Model::priors).
pub struct Priors<'a> {
    layout: &'a Layout,
    mode: Mode<'a>,
}

impl Priors<'_> {
    /// The prior of field number `field`, whose arguments name the parameters `named`.
    ///
    /// A field must come after those that its prior names, or samples from the prior are wrong. Where a vector is named,
    /// its element j belongs to the parameters whose last index is j: of a layer's weight, to input j.
    pub fn of<P: Prior>(&mut self, field: usize, named: &[usize], prior: impl Fn(&Scope<'_>) -> P) {
        for block in self.layout.of_field(field) {
            self.on(block, named, &prior);
        }
    }

    /// As [`Priors::of`], for the parameter tensor called `block` alone, such as `weight`.
    pub fn of_block<P: Prior>(
        &mut self,
        field: usize,
        block: &str,
        named: &[usize],
        prior: impl Fn(&Scope<'_>) -> P,
    ) {
        let mut found = false;
        for candidate in self.layout.of_field(field) {
            if candidate.part() == block {
                found = true;
                self.on(candidate, named, &prior);
            }
        }
        if let (false, Mode::Sizes { fields, first, .. }) = (found, &mut self.mode) {
            first.get_or_insert_with(|| {
                wrong(fields, field, format!("it has no parameter `{block}`"))
            });
        }
    }

    /// The default prior of field number `field`, a layer: weights are normal with standard deviation 1/√fan_in, so that
    /// their sum over inputs of size 1 has size 1; biases, and whatever else has one dimension, with 1.
    pub fn of_layer(&mut self, field: usize) {
        for block in self.layout.of_field(field) {
            let sd = match block.shape.len() {
                0 | 1 => 1.0,
                _ => 1.0 / (block.fan_in as f64).sqrt(),
            };
            self.on(block, &[], &|_: &Scope<'_>| Normal(0.0.into(), sd.into()));
        }
    }

    fn on<P: Prior>(&mut self, block: &Block, named: &[usize], prior: &impl Fn(&Scope<'_>) -> P) {
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
                    let sum = density(&prior, block, (element, groups), theta, own);
                    *total += sum.value();
                    let Some(gradient) = gradient else { continue };
                    for (lane, &field) in named.iter().enumerate() {
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
            Mode::Sizes {
                fields,
                priors,
                first,
            } => {
                priors.extend(block.range.clone().next());
                if let Err(problem) = fits(layout, block, named, fields) {
                    first.get_or_insert_with(|| wrong(fields, block.field, problem));
                }
            }
            Mode::Check {
                theta,
                fields,
                first,
            } => {
                for element in 0..groups {
                    if let Err(problem) = check_one(&at(theta, element), block.support) {
                        first.get_or_insert_with(|| wrong(fields, block.field, problem));
                    }
                }
            }
        }
    }
}

/// What is wrong with the prior of field number `field`.
fn wrong(fields: &[FieldSpec], field: usize, problem: String) -> Error {
    Error::Prior {
        field: fields[field].shape.name.to_owned(),
        problem,
    }
}

/// How many priors a tensor has: one, or one for each element of the vectors that it names.
fn groups(layout: &Layout, named: &[usize]) -> usize {
    let sizes = named.iter().filter_map(|&f| layout.of_field(f).first());
    sizes.map(|b| b.range.len()).max().unwrap_or(1)
}

/// Whether the vectors that the prior of `block` names have an element for each of its last indices.
fn fits(
    layout: &Layout,
    block: &Block,
    named: &[usize],
    fields: &[FieldSpec],
) -> std::result::Result<(), String> {
    let last = block.shape.last().copied().unwrap_or(1);
    // The bias has no inputs that a scale for each could belong to.
    let has_inputs = block.shape.len() > 1 || fields[block.field].blocks.len() == 1;
    for &field in named {
        let Some(vector) = layout.of_field(field).first() else {
            continue;
        };
        if vector.shape.is_empty() {
            continue;
        }
        let (n, name) = (vector.range.len(), &vector.name);
        if !has_inputs {
            return Err(format!(
                "`{name}` has an element for each input, and `{}` has no inputs; give it a prior of its own, as in `#[prior(weight = .., bias = Normal(0.0, 1.0))]`",
                block.name
            ));
        }
        if n != last {
            let each = if block.shape.len() > 1 {
                "input"
            } else {
                "element"
            };
            let advice = if fields[field].declared.1 == Dyn {
                "; a vector of length `Dyn` has as many as features arrive where it is declared: move it there"
            } else {
                ""
            };
            return Err(format!(
                "`{name}` has {n} elements, and `{}` needs {last}, one for each {each}{advice}",
                block.name
            ));
        }
    }
    Ok(())
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

/// Σ log p over every `step`-th element of a block from element `first` on, in unconstrained coordinates, log-Jacobian
/// included.
fn density<P: Prior>(
    prior: &P,
    block: &Block,
    (first, step): (usize, usize),
    theta: &[f32],
    gradient: Option<&mut [f32]>,
) -> Num {
    let range: Range<usize> = block.range.clone();
    if block.support != Support::Real {
        return constrained(
            prior,
            block.support,
            range.skip(first).step_by(step),
            theta,
            gradient,
        );
    }
    if step == 1 {
        return prior.log_density_of(&theta[range.clone()], gradient.map(|g| &mut g[range]));
    }
    let places = || block.range.clone().skip(first).step_by(step);
    let x: Vec<f32> = places().map(|i| theta[i]).collect();
    let Some(gradient) = gradient else {
        return prior.log_density_of(&x, None);
    };
    let mut slopes = vec![0.0; x.len()];
    let sum = prior.log_density_of(&x, Some(&mut slopes));
    for (i, slope) in places().zip(slopes) {
        gradient[i] += slope;
    }
    sum
}

/// In f64 from the unconstrained coordinate on: near a bound f32 has no numbers left.
fn constrained<P: Prior>(
    prior: &P,
    support: Support,
    places: impl Iterator<Item = usize>,
    theta: &[f32],
    mut gradient: Option<&mut [f32]>,
) -> Num {
    let mut sum = Num::constant(0.0);
    for i in places {
        let u = f64::from(theta[i]);
        let term = prior.log_density(Num::variable(support.constrain(u), 0));
        if let Some(gradient) = gradient.as_deref_mut() {
            let slope = term.partial(0) * support.slope(u) + support.log_jacobian_slope(u);
            gradient[i] += slope as f32;
        }
        sum += term + support.log_jacobian(u);
    }
    sum
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

/// Whether every parameter has one prior, and the vectors that priors name fit.
pub(crate) fn check_sizes(
    walk: impl FnOnce(&mut Priors<'_>),
    layout: &Layout,
    fields: &[FieldSpec],
) -> Result<()> {
    let mut priors = Priors {
        layout,
        mode: Mode::Sizes {
            fields,
            priors: Vec::new(),
            first: None,
        },
    };
    walk(&mut priors);
    let Mode::Sizes {
        priors,
        first: None,
        ..
    } = priors.mode
    else {
        return first_of(priors.mode);
    };
    for block in layout.blocks().iter().filter(|b| !b.range.is_empty()) {
        let problem = match priors.iter().filter(|&&i| i == block.range.start).count() {
            1 => continue,
            0 => format!("`{}` has no prior", block.name),
            n => format!("`{}` has {n} priors", block.name),
        };
        return Err(wrong(fields, block.field, problem));
    }
    Ok(())
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
    first_of(priors.mode)
}

fn first_of(mode: Mode<'_>) -> Result<()> {
    match mode {
        Mode::Check { first, .. } | Mode::Sizes { first, .. } => first.map_or(Ok(()), Err),
        Mode::Density { .. } | Mode::Sample { .. } => Ok(()),
    }
}
