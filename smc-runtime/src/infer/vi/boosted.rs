//! A mixture that is grown greedily.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::bound::weights_by_bound;
use super::judge::leave;
use super::plan::{Passes, passes_draws};
use super::{Fitting, Variational};
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::base::sums::log_sum_exp;
use crate::family::{Mixture, rebuild};
use crate::infer::observe::Step;
use crate::infer::{Cost, Inference, Outcome, Stepwise};
use crate::problem::density::{Density, Moments, Numbers};
use crate::problem::population::Population;
use crate::problem::{Counts, Layered, Predictor, Problem, RowSampled, Segment, Sums};

/// A mixture of `components` densities, grown one after the other (after F. Guo et al., *Boosting Variational Inference*, 2016, and A. Miller et al.,
/// ICML 2017): each is fitted by `vi` to what those before it leave of the posterior, and then all weights are set anew, to the largest
/// evidence bound.
///
/// A component h with the share γ of the mixture climbs the mixture's bound where `vi` fits it to the density
/// p(θ) h(θ)/((1 − γ) q(θ) + γ h(θ)), q being the mixture before it: the posterior where q says nothing, and less of it where q has been.
/// h is frozen for a pass.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 0.5))]
/// #[infer(boosted(score_vi().passes(1000), 2))]
/// struct Line {
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<1, 1>,
/// }
///
/// let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
/// let fit = Line::infer(&data).seed(1).run()?;
/// assert!(fit.predict(&data)?.summary().rmse < Some(0.5));
/// # Ok::<(), Error>(())
/// ```
pub fn boosted(vi: impl Variational + 'static, components: usize) -> Boosted {
    Boosted {
        vi: Arc::new(vi),
        components,
        passes: Passes::default(),
    }
}

/// The settings of a mixture that is grown; see [`boosted`].
#[derive(Clone, Debug)]
pub struct Boosted {
    vi: Arc<dyn Variational>,
    components: usize,
    passes: Passes,
}

impl Boosted {
    passes_draws!();

    fn check(&self) -> Result<()> {
        if self.components == 0 {
            return Err(Error::config("components", 0, "at least 1 is needed"));
        }
        self.passes.check()
    }
}

impl Inference for Boosted {
    fn name(&self) -> &'static str {
        "boosted"
    }

    fn cost(&self, problem: &dyn Problem) -> Option<Cost> {
        let one = self.vi.cost(problem)?;
        let components = self.components as f64;
        Some(Cost {
            row_gradients: components * one.row_gradients,
            vectors: one.vectors + 3.0 * components,
            ..one
        })
    }

    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let grown = Grown::default();
        let mut run = BoostedRun {
            settings: self.clone(),
            problem,
            streams,
            grown,
            steps: 0,
            current: None,
        };
        run.next(None)?;
        Ok(Box::new(run))
    }

    fn resume<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let State {
            components,
            weights,
            steps,
            current,
        } = state.read()?;
        let components = components.iter().map(rebuild).collect::<Result<_>>()?;
        let mut run = BoostedRun {
            settings: self.clone(),
            problem,
            streams,
            grown: Grown {
                components,
                weights,
            },
            steps,
            current: None,
        };
        if let Some(current) = current {
            run.next(Some(&current))?;
        }
        Ok(Box::new(run))
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    components: Vec<Numbers>,
    weights: Vec<f64>,
    steps: usize,
    current: Option<Saved>,
}

/// The mixture so far.
#[derive(Clone, Default)]
struct Grown {
    components: Vec<Arc<dyn Density>>,
    weights: Vec<f64>,
}

struct BoostedRun<'a> {
    settings: Boosted,
    problem: Arc<dyn Problem + 'a>,
    streams: Streams,
    grown: Grown,
    /// Steps of the components before.
    steps: usize,
    current: Option<(Box<dyn Fitting + 'a>, Frozen)>,
}

/// The component that is being fitted, as it was before the pass.
type Frozen = Arc<Mutex<Option<Arc<dyn Density>>>>;

impl<'a> BoostedRun<'a> {
    /// Begins the next component, or goes on with it.
    fn next(&mut self, state: Option<&Saved>) -> Result<()> {
        let number = self.grown.components.len();
        let frozen = Frozen::default();
        let problem: Arc<dyn Problem + 'a> = if number == 0 {
            self.problem.clone()
        } else {
            let before = Mixture::new(self.grown.components.clone(), &self.grown.weights)?;
            Arc::new(Rest {
                problem: self.problem.clone(),
                before,
                share: 1.0 / (number as f64 + 1.0),
                frozen: frozen.clone(),
            })
        };
        let streams = self.streams.member(number);
        let fit = self.settings.vi.fit(problem, streams, state)?;
        self.current = Some((fit, frozen));
        Ok(())
    }

    /// Takes the component that is ready, and sets the weights anew.
    fn take(&mut self, density: Arc<dyn Density>) {
        self.grown.components.push(density);
        self.grown.weights = weights_by_bound(&*self.problem, &self.grown.components, self.streams);
    }
}

impl Stepwise for BoostedRun<'_> {
    fn step(&mut self) -> Result<Option<Step>> {
        loop {
            let Some((fit, frozen)) = &mut self.current else {
                return Ok(None);
            };
            *frozen.lock().unwrap_or_else(PoisonError::into_inner) = Some(fit.density()?);
            let (done, all) = (
                self.grown.components.len() as f64,
                self.settings.components as f64,
            );
            if let Some(step) = fit.step()? {
                self.steps += 1;
                return Ok(Some(Step {
                    step: self.steps,
                    done: (done + step.done) / all,
                    counts: Counts::default(),
                    ..step
                }));
            }
            let density = fit.density()?;
            self.current = None;
            self.take(density);
            if self.grown.components.len() < self.settings.components {
                self.next(None)?;
            }
        }
    }

    fn state(&self) -> Result<Saved> {
        let numbers = self.grown.components.iter().map(|c| c.numbers());
        let components: Option<Vec<Numbers>> = numbers.collect();
        let why = "a component has no numbers that it could be made of again";
        let current = self.current.as_ref().map(|(fit, _)| fit.state());
        Saved::of(&State {
            components: components.ok_or_else(|| Error::lacks("a state to save", why))?,
            weights: self.grown.weights.clone(),
            steps: self.steps,
            current: current.transpose()?,
        })
    }

    fn finish(mut self: Box<Self>) -> Result<Outcome> {
        if self.steps == 0 {
            return Err(Error::Stopped {
                steps: 0,
                nothing: "no density yet",
            });
        }
        // One that was ended before its time counts by its bound, too.
        if let Some((fit, _)) = self.current.take() {
            let density = fit.density()?;
            drop(fit);
            self.take(density);
        }
        let Grown {
            components,
            weights,
        } = self.grown;
        let said: Vec<String> = weights.iter().map(|w| format!("{w:.3}")).collect();
        let caution = format!(
            "weights of the components by their bound: {}",
            said.join(", ")
        );
        let mixture = Arc::new(Mixture::new(components, &weights)?);
        let leaves = self.settings.passes.leaves(self.problem.dim());
        leave(&*self.problem, mixture, self.streams, leaves, vec![caution])
    }
}

/// The problem but for what a mixture has said of it already, and its prior less that.
struct Rest<'a> {
    problem: Arc<dyn Problem + 'a>,
    before: Mixture,
    /// γ.
    share: f64,
    frozen: Frozen,
}

impl fmt::Debug for Rest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, less {:?}", self.problem.prior(), self.before)
    }
}

impl Density for Rest<'_> {
    fn dim(&self) -> usize {
        self.problem.dim()
    }

    fn sample(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        self.problem.prior().sample(streams, draw, thetas);
    }

    /// log p(θ) − log((1 − γ) q(θ)/h(θ) + γ).
    fn log_density(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        let prior = self.problem.prior();
        let own = self
            .frozen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let Some(own) = own else {
            return prior.log_density(thetas, gradient);
        };
        let (mut by_q, mut by_h) = (thetas.zeros_like(), thetas.zeros_like());
        let wanted = gradient.is_some();
        let q = self.before.log_density(thetas, wanted.then_some(&mut by_q));
        let h = own.log_density(thetas, wanted.then_some(&mut by_h));
        let terms: Vec<[f64; 2]> = q
            .iter()
            .zip(h)
            .map(|(q, h)| [(1.0 - self.share).ln() + q - h, self.share.ln()])
            .collect();
        let totals: Vec<f64> = terms.iter().map(|t| log_sum_exp(t)).collect();
        let logs = match gradient {
            None => prior.log_density(thetas, None),
            Some(gradient) => {
                let logs = prior.log_density(thetas, Some(&mut *gradient));
                let ones = vec![1.0; thetas.len()];
                let share = terms
                    .iter()
                    .zip(&totals)
                    .map(|(t, total)| (t[0] - total).exp() as f32);
                let share: Vec<f32> = share.collect();
                gradient.blend(&ones, &share, &by_h);
                let back: Vec<f32> = share.iter().map(|s| -s).collect();
                gradient.blend(&ones, &back, &by_q);
                logs
            }
        };
        logs.iter()
            .zip(totals)
            .map(|(log, total)| log - total)
            .collect()
    }

    fn moments(&self) -> Moments {
        self.problem.prior().moments()
    }
}

impl Problem for Rest<'_> {
    fn predictor(&self) -> Arc<dyn Predictor> {
        self.problem.predictor()
    }

    fn model(&self) -> &dyn Predictor {
        self.problem.model()
    }

    fn order(&self) -> &[usize] {
        self.problem.order()
    }

    fn counts(&self) -> Counts {
        self.problem.counts()
    }

    fn log_likelihood(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Sums {
        self.problem.log_likelihood(thetas, segments, gradient)
    }

    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64> {
        self.problem.row_log_likelihoods(thetas)
    }

    fn prior(&self) -> &dyn Density {
        self
    }

    fn layered(&self) -> Result<&dyn Layered> {
        self.problem.layered()
    }

    fn row_sampled(&self) -> Result<&dyn RowSampled> {
        self.problem.row_sampled()
    }
}
