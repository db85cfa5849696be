//! A report as a few lines for a terminal: the verdict, what it rests on, what is to be said besides, and what it cost.

use std::fmt;

use super::{Band, Report, ScaledBy};
use crate::infer::DrawnFrom;

impl Report {
    /// What the verdict rests on, a line each.
    fn grounds(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.function.iter().map(|f| {
            format!(
                "  function    R-hat {:.2} in the middle of {} training rows, {:.2} at the worst; as good as {:.0} independent draws",
                f.median, f.rows, f.largest, f.ess
            )
        }));
        match (self.evidence_spread(), self.evidence_error()) {
            (Some(spread), Some(error)) => lines.push(format!(
                "  islands     {}, log-evidences {spread:.2} apart (sd), which makes the log-evidence uncertain by {error:.2}",
                self.islands.len()
            )),
            _ if self.islands.len() == 1 => lines.push(
                "  islands     1: nothing says how uncertain the log-evidence is; take several, or compare seeds"
                    .to_owned(),
            ),
            _ => (),
        }
        if let DrawnFrom::Nearly(near) = self.drawn_from {
            let error = near.energy_error.map_or_else(
                || "steps that the kernel sees to itself".to_owned(),
                |e| format!("energy error {e:.1e} a parameter and step"),
            );
            let distance = self.finer_distance.map_or_else(String::new, |d| {
                let finer = if near.by_exact_moves {
                    "by exact moves"
                } else {
                    "at half the step"
                };
                format!("; {finer} predictions are {d:.2} sd away")
            });
            lines.push(format!(
                "  batches     {error}; their noise adds {:.2} to the temperature{distance}",
                near.heat
            ));
        }
        if let DrawnFrom::Fitted(fitted) = self.drawn_from {
            let k = fitted.pareto_k.map_or_else(String::new, |k| {
                format!("; Pareto k of its importance weights {k:.2}")
            });
            lines.push(format!(
                "  density     ELBO {:.1} ± {:.1}, a lower bound and no evidence, from {} draws{k}",
                fitted.elbo, fitted.elbo_error, fitted.draws
            ));
        }
        lines.extend(
            self.acceptance()
                .map(|all| match self.acceptance_at_the_end() {
                    Some(last) => {
                        format!("  acceptance  {last:.2} on the posterior, {all:.2} in all")
                    }
                    None => format!("  acceptance  {all:.2}"),
                }),
        );
        lines
    }

    /// What is to be said besides, a line each.
    fn notes(&self) -> Vec<String> {
        let mut lines = vec![format!("  targets     on the {} scale", self.target_scale)];
        if self.scaled_by == ScaledBy::TheModel {
            lines.push(
                "  network     sees standardised data, as the model asks for; `raw()` gives it the data as they are"
                    .to_owned(),
            );
        }
        let notes = self.data.notes().into_iter();
        lines.extend(notes.map(|note| format!("  data        {note}")));
        let cautions = self.cautions.iter();
        lines.extend(cautions.map(|text| format!("  caution     {text}")));
        lines
    }

    /// What was done and what it cost, a line each.
    fn costs(&self) -> Vec<String> {
        let mut lines = vec![
            format!(
                "{}, {:.1} s, {} steps",
                self.algorithm,
                self.seconds,
                self.steps.len()
            ),
            format!(
                "  cost        {} row-gradients ({:.0} gradients of all {} rows), {} row-values",
                self.counts.row_gradients,
                self.full_gradients(),
                self.rows,
                self.counts.row_values
            ),
        ];
        let chosen = self.chosen.iter();
        lines.extend(chosen.map(|line| format!("  chosen      {line}")));
        lines.extend(self.plan.iter().map(|p| format!("  plan        {p}")));
        let bands = self.bands();
        // One band says nothing that is not above.
        if bands.len() > 1 {
            let shares = percentages(&bands);
            lines.extend(bands.iter().zip(shares).map(|(band, share)| {
                format!(
                    "  up to {:>7} rows: {:>4} steps, {share:>3} % of the gradients, {:.1} s",
                    band.rows, band.steps, band.seconds
                )
            }));
        }
        // A particle alone on its island has always all of the weight, and no other ancestor.
        let several = self.population() > Some(self.islands.len());
        if let (true, Some(ess), Some(cess), Some(last)) = (
            several,
            self.ess_min(),
            self.cess_min(),
            self.stages().last(),
        ) {
            lines.push(format!(
                "  particles   ESS at least {ess:.2}, CESS at least {cess:.2}; {} first ones have descendants, and resampling alone would leave about {:.0}",
                last.ancestors, last.ancestors_by_resampling
            ));
        }
        if self.non_finite() > 0 {
            lines.push(format!(
                "  rejected    {} of the proposals because their log-density was not finite",
                share(self.impossible())
            ));
        }
        lines.push(format!("  engine      {}", self.engine));
        lines
    }
}

/// The shares of the gradients in percent, rounded so that they add up to 100: the largest remainders are rounded up.
fn percentages(bands: &[Band]) -> Vec<u64> {
    let all: u64 = bands.iter().map(|b| b.row_gradients).sum();
    if all == 0 {
        return vec![0; bands.len()];
    }
    let exact = |b: &Band| 100.0 * b.row_gradients as f64 / all as f64;
    let mut shares: Vec<u64> = bands.iter().map(|b| exact(b).floor() as u64).collect();
    let mut order: Vec<usize> = (0..bands.len()).collect();
    let remainder = |i: usize| exact(&bands[i]).fract();
    order.sort_by(|&a, &b| remainder(b).total_cmp(&remainder(a)));
    let missing = 100 - shares.iter().sum::<u64>();
    for &i in order.iter().take(missing as usize) {
        shares[i] += 1;
    }
    shares
}

/// A share in percent, of which two digits count.
fn share(x: f64) -> String {
    let percent = 100.0 * x;
    if percent >= 0.095 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0e} %")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![format!("verdict: {}", self.verdict())];
        lines.extend(self.grounds());
        lines.extend(self.notes());
        lines.extend(self.costs());
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn percentages_add_up_and_are_within_one_of_the_share(gradients in prop::collection::vec(0u64..1 << 40, 1..7)) {
            let bands: Vec<Band> = gradients
                .iter()
                .map(|&row_gradients| Band { rows: 1, steps: 1, row_gradients, seconds: 0.0 })
                .collect();
            let all: u64 = gradients.iter().sum();
            let shares = percentages(&bands);
            prop_assert_eq!(shares.iter().sum::<u64>(), if all == 0 { 0 } else { 100 });
            for (share, g) in shares.iter().zip(&gradients) {
                let exact = 100.0 * *g as f64 / all.max(1) as f64;
                prop_assert!((*share as f64 - exact).abs() < 1.0);
            }
        }
    }
}
