//! How sure is a network of its function, and of the next observation? Bands of 50 % and 90 % around the mean of a curve with a
//! gap in its data: of the function alone (epistemic), which open where there are none, and with the noise (total).

use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use examples::curve;
use examples::picture::{self, AFTER, Drawn, GREY, Panel, Picture, tint};
use examples::{Flags, exit};
use plotters::prelude::*;
use serde_json::json;
use smc_runtime::prelude::*;

/// How sure is a network of its function, and of the next observation? Bands of 50 % and 90 % around the mean of a curve with a
/// gap in its data: of the function alone (epistemic), which open where there are none, and with the noise (total).
#[derive(Clone, Debug, Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    /// Folder for bands.svg and bands.png.
    #[arg(long, default_value = "target/pictures")]
    out: PathBuf,
}

fn main() -> ExitCode {
    exit(run(&Args::parse()))
}

/// The probabilities of the bands, the wider first.
const LEVELS: [f64; 2] = [0.9, 0.5];

type Ends = Vec<(f64, f64)>;

struct Bands {
    data: Vec<(f64, f64)>,
    x: Vec<f64>,
    truth: Vec<f64>,
    mean: Vec<f64>,
    /// Of the function, and of an observation.
    ends: [Vec<Ends>; 2],
}

impl Picture for Bands {
    fn titles(&self) -> [String; 2] {
        ["the function (epistemic)", "the next observation (total)"].map(str::to_owned)
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
        let shades = [tint(AFTER, 0.2), tint(AFTER, 0.42)];
        for ((ends, level), shade) in self.ends[panel].iter().zip(LEVELS).zip(shades) {
            let label = format!("{:.0} %", 100.0 * level);
            picture::band(chart, &self.x, ends, (shade, pen), &label)?;
        }
        let mean = AFTER.stroke_width(2 * pen);
        picture::line(chart, (&self.x, &self.mean), (mean, pen), "mean")?;
        picture::dashes(chart, (&self.x, &self.truth), (GREY, pen), "truth")?;
        picture::points(chart, &self.data, pen, "data")
    }
}

fn run(args: &Args) -> Result<()> {
    let flags = &args.flags;
    let (data, places) = curve::scene(flags)?;
    let posterior = curve::posterior(flags, &data)?;
    let prediction = posterior.predict(&places)?;
    let x = curve::axis(&places);
    let of =
        |interval: &dyn Fn(f64) -> Option<Ends>| LEVELS.into_iter().filter_map(interval).collect();
    let picture = Bands {
        data: curve::pairs(&data),
        truth: x.iter().map(|&x| curve::truth(x)).collect(),
        mean: prediction.mean(),
        ends: [
            of(&|level| prediction.function_interval(level)),
            of(&|level| prediction.interval(level)),
        ],
        x,
    };
    let paths = picture::save(&picture, &args.out, "bands")?;
    for path in &paths {
        eprintln!("{}", path.display());
    }
    let at = |place: f64| {
        (0..places.rows()).min_by(|&a, &b| {
            let apart = |i: usize| (f64::from(places.row(i)[0]) - place).abs();
            apart(a).total_cmp(&apart(b))
        })
    };
    let epistemic = prediction.epistemic_sd().unwrap_or_default();
    let sd = |place: f64| at(place).and_then(|i| epistemic.get(i)).copied();
    println!(
        "sd of the function: {:.3} among data (x = -1), {:.3} in the gap (x = 0), {:.3} beyond (x = 2); of the noise {:.3} (true {})",
        sd(-1.0).unwrap_or(f64::NAN),
        sd(0.0).unwrap_or(f64::NAN),
        sd(2.0).unwrap_or(f64::NAN),
        prediction
            .aleatoric_sd()
            .and_then(|s| s.first().copied())
            .unwrap_or(f64::NAN),
        curve::NOISE,
    );
    flags.print(&json!({
        "program": "bands", "seed": flags.seed, "rows": data.rows(), "log_evidence": posterior.log_evidence(),
        "seconds": posterior.report().seconds, "epistemic_among_data": sd(-1.0), "epistemic_in_the_gap": sd(0.0),
        "epistemic_beyond": sd(2.0),
    }));
    Ok(())
}
