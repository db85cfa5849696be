//! Is a red wine good, and how sure is one of it? Labels as text, a small Bayesian network beside logistic regression, whether
//! their probabilities can be believed, and which measurements matter.
//!
//! `cargo run --release --example classification`; with `--out DIR` it draws what it found there.

use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use examples::picture::{self, AFTER, BEFORE, Drawn, GREY, Panel, Picture};
use examples::{Flags, exit, wine};
use models::{LogisticRegression, MlpClassifier};
use plotters::prelude::*;
use serde_json::{Value, json};
use smc_runtime::base::scores::Bin;
use smc_runtime::data::Table;
use smc_runtime::posterior::dependence::Dependence;
use smc_runtime::prelude::*;

/// Is a red wine good, and how sure is one of it? Labels as text, a small Bayesian network beside logistic regression, whether
/// their probabilities can be believed, and which measurements matter.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    /// Folder for the picture.
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    exit(run(&Args::parse()))
}

/// The wines as a text file of one's own would have them: a header, numbers, and a label.
fn text() -> Result<String> {
    let data = wine()?;
    let line = |i: usize| {
        let numbers: Vec<String> = data.row(i).iter().map(f32::to_string).collect();
        let verdict = if data.target(i) >= 6.0 {
            "good"
        } else {
            "fair"
        };
        format!("{},{verdict}\n", numbers.join(","))
    };
    let lines: String = (0..data.rows()).map(line).collect();
    Ok(data.names().join(",") + ",verdict\n" + &lines)
}

fn run(args: &Args) -> Result<()> {
    let flags = &args.flags;
    // The labels become the classes 0 and 1, in the order of their texts.
    let data = Table::new()
        .target("verdict")
        .classes()
        .read_bytes("wines", text()?.as_bytes())?;
    let data = if flags.smoke {
        data.select(&(0..160).collect::<Vec<_>>())?
    } else {
        data
    };
    // Every class in its share on both sides.
    let (train, test) = data.split_stratified(0.2, flags.seed)?;
    eprintln!(
        "{} wines to learn from, {} held out; classes {}\n",
        train.rows(),
        test.rows(),
        data.classes().join(", ")
    );

    // The features are standardised by their training rows; classes have no scale.
    let scale = Standardise::fit_features(&train);
    let network = MlpClassifier::sized(16, 2).infer_with(&train);
    let network = if flags.smoke {
        network.with(smc().particles(8))
    } else {
        network
    };
    let network = flags
        .apply(network.standardise(scale.clone()))
        .observe(Progress::bar("network"))
        .run()?;
    let logistic = flags
        .apply(LogisticRegression::infer(&train).standardise(scale))
        .observe(Progress::bar("logistic"))
        .run()?;

    eprintln!("{}\n", network.report());
    let rows = [
        score("network 11-16-2", &network, &test)?,
        score("logistic regression", &logistic, &test)?,
    ];
    eprintln!("held-out wines         accuracy     NLL   Brier     ECE   AUROC   seconds");
    for row in &rows {
        let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
        eprintln!(
            "{:<20}{:>11.3}{:>8.3}{:>8.3}{:>8.3}{:>8.3}{:>10.1}",
            row["model"].as_str().unwrap_or_default(),
            number("accuracy"),
            number("nll"),
            number("brier"),
            number("ece"),
            number("auroc"),
            number("seconds")
        );
    }

    let prediction = network.predict(&test)?;
    if prediction.seen() > 0 {
        eprintln!(
            "\n{} of the {} held-out wines stand among those learned from, measurement by measurement",
            prediction.seen(),
            test.rows()
        );
    }
    let bins = prediction.calibration().unwrap_or_default();
    eprintln!("\nhow sure       wines   right   (said, and was)");
    for bin in &bins {
        eprintln!(
            "{:>8.2}    {:>8}    {:.2}",
            bin.confidence, bin.rows, bin.accuracy
        );
    }
    if let Some(confusion) = prediction.confusion() {
        eprintln!("\n{confusion}");
    }
    let first = (0..test.rows().min(3)).map(|i| prediction.probabilities(i).unwrap_or_default());
    for (i, p) in first.enumerate() {
        let words = test
            .classes()
            .iter()
            .zip(&p)
            .map(|(name, p)| format!("{name} {p:.2}"));
        eprintln!("wine {i}: {}", words.collect::<Vec<_>>().join(", "));
    }

    let importance = network.importance(&test)?;
    eprintln!("\n{importance}");
    let best = importance.features[0].feature.clone();
    let dependence = network.dependence(&test, &best)?;
    if let (Some(out), Some(dependence)) = (&args.out, dependence.first()) {
        let picture = Found {
            bins: &bins,
            dependence,
        };
        let [svg, png] = picture::save(&picture, out, "classification")?;
        eprintln!("\n{} and {}", svg.display(), png.display());
    }
    flags.print(&json!({
        "example": "classification", "seed": flags.seed, "network": rows[0], "logistic": rows[1],
        "most_important": best, "loss": importance.features[0].loss, "error": importance.features[0].error,
    }));
    Ok(())
}

fn score<M: Model>(name: &str, posterior: &Posterior<M>, test: &Dataset) -> Result<Value> {
    let prediction = posterior.predict(test)?;
    let scores = prediction.summary();
    Ok(json!({
        "model": name, "accuracy": scores.accuracy, "nll": scores.nll, "brier": scores.brier,
        "ece": scores.calibration_error, "auroc": prediction.auroc(1), "seconds": posterior.report().seconds,
    }))
}

/// On the left how often the likeliest class was right, by how sure the network was; on the right the probability of a good wine
/// by the feature that matters most.
struct Found<'a> {
    bins: &'a [Bin],
    dependence: &'a Dependence,
}

/// How sure one is of the likeliest of two classes, at the least, and a little room.
const LEAST: f64 = 0.45;

impl Picture for Found<'_> {
    fn titles(&self) -> [String; 2] {
        let class = self.dependence.class.as_deref().unwrap_or_default();
        [
            "how often it was right, by how sure it was".to_owned(),
            format!("probability of `{class}`, by {}", self.dependence.feature),
        ]
    }

    fn axes(&self, panel: usize) -> (Range<f64>, Range<f64>) {
        if panel == 0 {
            return (LEAST..1.0, 0.0..1.05);
        }
        let values = self.dependence.points.iter().map(|p| p.value);
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        (low..high, 0.0..1.05)
    }

    fn legends(&self) -> SeriesLabelPosition {
        SeriesLabelPosition::LowerRight
    }

    fn descriptions(&self, panel: usize) -> [String; 2] {
        if panel == 0 {
            return ["said".to_owned(), "was".to_owned()];
        }
        [self.dependence.feature.clone(), "probability".to_owned()]
    }

    fn draw<B: DrawingBackend>(
        &self,
        panel: usize,
        chart: &mut Panel<'_, '_, B>,
        pen: u32,
    ) -> Drawn {
        if panel == 0 {
            picture::dashes(
                chart,
                (&[LEAST, 1.0], &[LEAST, 1.0]),
                (GREY, pen),
                "as often as it said",
            )?;
            // Two standard errors of a fraction.
            for bin in self.bins {
                let error =
                    2.0 * (bin.confidence * (1.0 - bin.confidence) / bin.rows as f64).sqrt();
                let ends = [bin.confidence - error, bin.confidence + error];
                let style = (picture::tint(BEFORE, 0.5).stroke_width(3 * pen), pen);
                picture::line(chart, (&[bin.confidence; 2], &ends), style, "")?;
            }
            let points: Vec<(f64, f64)> = self
                .bins
                .iter()
                .map(|b| (b.confidence, b.accuracy))
                .collect();
            return picture::points(chart, &points, 2 * pen, "was right");
        }
        let points = &self.dependence.points;
        let x: Vec<f64> = points.iter().map(|p| p.value).collect();
        let ends: Vec<(f64, f64)> = points.iter().map(|p| (p.low, p.high)).collect();
        let mean: Vec<f64> = points.iter().map(|p| p.mean).collect();
        picture::band(
            chart,
            &x,
            &ends,
            (picture::tint(AFTER, 0.25), pen),
            "90 % of the posterior",
        )?;
        picture::line(
            chart,
            (&x, &mean),
            (AFTER.stroke_width(2 * pen), pen),
            "mean over wines",
        )
    }
}
