//! What does a model believe before it has seen a target, and after? Functions drawn from the prior and from the posterior of the
//! same network, with the bands that hold 90 % of them.

use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use examples::curve;
use examples::picture::{self, AFTER, BEFORE, Drawn, Panel, Picture, tint};
use examples::{Flags, exit};
use plotters::prelude::*;
use serde_json::json;
use smc_runtime::posterior::predict::Prediction;
use smc_runtime::prelude::*;

/// What does a model believe before it has seen a target, and after? Functions drawn from the prior and from the posterior of the
/// same network, with the bands that hold 90 % of them.
#[derive(Clone, Debug, Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    /// Folder for prior_predictive.svg and prior_predictive.png.
    #[arg(long, default_value = "target/pictures")]
    out: PathBuf,
    /// Functions drawn in each panel.
    #[arg(long, default_value_t = 20)]
    functions: usize,
}

fn main() -> ExitCode {
    exit(run(&Args::parse()))
}

/// One panel.
struct Side {
    title: &'static str,
    colour: RGBColor,
    functions: Vec<Vec<f64>>,
    band: Vec<(f64, f64)>,
    data: Vec<(f64, f64)>,
}

struct Sides {
    x: Vec<f64>,
    sides: [Side; 2],
}

impl Picture for Sides {
    fn titles(&self) -> [String; 2] {
        [0, 1].map(|panel| self.sides[panel].title.to_owned())
    }

    fn axes(&self, _: usize) -> (Range<f64>, Range<f64>) {
        (curve::ENDS.0..curve::ENDS.1, -3.0..3.0)
    }

    fn draw<B: DrawingBackend>(
        &self,
        panel: usize,
        chart: &mut Panel<'_, '_, B>,
        pen: u32,
    ) -> Drawn {
        let side = &self.sides[panel];
        let shade = tint(side.colour, 0.2);
        picture::band(chart, &self.x, &side.band, (shade, pen), "90 %")?;
        for (number, function) in side.functions.iter().enumerate() {
            let label = if number == 0 { "draws" } else { "" };
            let thin = side.colour.stroke_width(pen);
            picture::line(chart, (&self.x, function), (thin, pen), label)?;
        }
        picture::points(chart, &side.data, pen, "data")
    }
}

fn run(args: &Args) -> Result<()> {
    let flags = &args.flags;
    let (data, places) = curve::scene(flags)?;
    let prior = curve::run(flags, &data).sample_prior(flags.size(2000, 50))?;
    let posterior = curve::posterior(flags, &data)?;
    let (before, after) = (prior.predict(&places)?, posterior.predict(&places)?);
    let side = |prediction: &Prediction<'_>, title, colour, data| Side {
        title,
        colour,
        functions: functions(prediction, args.functions),
        band: prediction.function_interval(0.9).unwrap_or_default(),
        data,
    };
    let picture = Sides {
        x: curve::axis(&places),
        sides: [
            side(&before, "before the data", BEFORE, Vec::new()),
            side(&after, "after the data", AFTER, curve::pairs(&data)),
        ],
    };
    for path in picture::save(&picture, &args.out, "prior_predictive")? {
        eprintln!("{}", path.display());
    }
    let width =
        |ends: &[(f64, f64)]| ends.iter().map(|e| e.1 - e.0).sum::<f64>() / ends.len() as f64;
    let [before, after] = picture.sides.map(|side| width(&side.band));
    println!(
        "90 % of the functions lie within {before:.2} before the data and {after:.2} after, mean over x"
    );
    flags.print(&json!({
        "program": "prior_predictive", "seed": flags.seed, "width_before": before, "width_after": after,
        "seconds": posterior.report().seconds, "log_evidence": posterior.log_evidence(),
    }));
    Ok(())
}

/// The functions of `n` draws, evenly far apart in the cloud.
fn functions(prediction: &Prediction<'_>, n: usize) -> Vec<Vec<f64>> {
    let step = (prediction.draws() / n.max(1)).max(1);
    let draws = (0..prediction.draws()).step_by(step).take(n);
    draws
        .map(|draw| {
            (0..prediction.rows())
                .map(|row| prediction.function(draw, row))
                .collect()
        })
        .collect()
}
