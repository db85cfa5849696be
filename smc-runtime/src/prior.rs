//! Walks a model's priors over one parameter vector: log-density with gradient, ancestral sampling, and the check of
//! their arguments. Which prior stands where is the model's; the sum is here, once.

use crate::algebra::Num;
use crate::dist::Prior;
use crate::error::Error;
use crate::layout::{Block, Layout};
use crate::rng::Stream;
use crate::transform::Support;

/// What a prior's arguments may refer to.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    layout: &'a Layout,
    theta: &'a [f32],
    named: &'a [usize],
    fan_in: usize,
}

impl Scope<'_> {
    /// The value of the `i`-th field that this prior names, differentiable.
    pub fn named(&self, i: usize) -> Num {
        let block = &self.layout.of_field(self.named[i])[0];
        Num::variable(value(block, self.theta), i + 1)
    }

    /// Number of inputs that feed one output of the layer under the prior.
    pub fn fan_in(&self) -> Num {
        Num::from(self.fan_in)
    }
}

fn value(block: &Block, theta: &[f32]) -> f64 {
    block.support.constrain(f64::from(theta[block.range.start]))
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
    Check {
        theta: &'a [f32],
        fields: &'a [&'static str],
        first: Option<Error>,
    },
}

/// Receives each prior of a model in turn; see [`Model::priors`](crate::model::Model::priors).
pub struct Priors<'a> {
    layout: &'a Layout,
    mode: Mode<'a>,
}

impl Priors<'_> {
    /// The prior of field number `field`, whose arguments name the scalar parameters `named`.
    ///
    /// A field must come after those that its prior names, or samples from the prior are wrong.
    pub fn of<P: Prior>(&mut self, field: usize, named: &[usize], prior: impl Fn(&Scope<'_>) -> P) {
        for block in self.layout.of_field(field) {
            let at = |theta: &[f32]| {
                prior(&Scope {
                    layout: self.layout,
                    theta,
                    named,
                    fan_in: block.fan_in,
                })
            };
            match &mut self.mode {
                Mode::Density {
                    theta,
                    gradient,
                    total,
                } => {
                    let sum = density(&at(theta), block, theta, gradient.as_deref_mut());
                    *total += sum.value();
                    if let Some(gradient) = gradient {
                        for (lane, &field) in named.iter().enumerate() {
                            let b = &self.layout.of_field(field)[0];
                            let slope = b.support.slope(value(b, theta));
                            gradient[b.range.start] += (sum.partial(lane + 1) * slope) as f32;
                        }
                    }
                }
                Mode::Sample { theta, stream } => {
                    let prior = at(theta);
                    for u in &mut theta[block.range.clone()] {
                        *u = block.support.unconstrain(prior.sample(stream)) as f32;
                    }
                }
                Mode::Check {
                    theta,
                    fields,
                    first,
                } => {
                    if let (None, Err(problem)) = (&first, at(theta).check()) {
                        *first = Some(Error::Prior {
                            field: fields[field].to_owned(),
                            problem,
                        });
                    }
                }
            }
        }
    }
}

/// Σ log p over a block in unconstrained coordinates, log-Jacobian included.
fn density<P: Prior>(prior: &P, block: &Block, theta: &[f32], gradient: Option<&mut [f32]>) -> Num {
    let u = &theta[block.range.clone()];
    let gradient = gradient.map(|g| &mut g[block.range.clone()]);
    if block.support == Support::Real {
        return prior.log_density_of(u, gradient);
    }
    let x: Vec<f32> = u
        .iter()
        .map(|&u| block.support.constrain(f64::from(u)) as f32)
        .collect();
    let mut by_x = vec![0.0; x.len()];
    let sum = prior.log_density_of(&x, Some(&mut by_x));
    if let Some(gradient) = gradient {
        for ((g, by_x), &x) in gradient.iter_mut().zip(by_x).zip(&x) {
            let slope = block.support.slope(f64::from(x));
            *g += (f64::from(by_x) * slope + block.support.log_jacobian_slope()) as f32;
        }
    }
    sum + u
        .iter()
        .map(|&u| block.support.log_jacobian(f64::from(u)))
        .sum::<f64>()
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

/// The first prior whose arguments are out of range at `theta`.
pub(crate) fn check(
    walk: impl FnOnce(&mut Priors<'_>),
    layout: &Layout,
    fields: &[&'static str],
    theta: &[f32],
) -> Result<(), Error> {
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
        Mode::Check {
            first: Some(error), ..
        } => Err(error),
        _ => Ok(()),
    }
}
