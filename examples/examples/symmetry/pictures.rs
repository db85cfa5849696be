//! What is looked at: the neurons of a layer before and after alignment, chains by their functional mode, LPPD against chains.

use std::ops::Range;
use std::path::Path;

use examples::picture::{self, AFTER, BEFORE, Drawn, GREY, Panel, Picture};
use plotters::prelude::*;
use smc_runtime::posterior::symmetry::HiddenLayer;
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;

/// Colours of neurons and modes, by their number; told apart by colour-blind readers too.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(120, 94, 60),
    RGBColor(60, 60, 60),
];

fn colour(number: usize) -> RGBColor {
    COLOURS[number % COLOURS.len()]
}

/// Points of some number, such as that of their neuron.
type Coloured = Vec<(f64, f64, usize)>;

fn dots<B: DrawingBackend>(chart: &mut Panel<'_, '_, B>, points: &Coloured, pen: u32) -> Drawn {
    let dot = |&(x, y, number): &(f64, f64, usize)| {
        Circle::new(
            (x, y),
            (3 * pen / 2).max(1),
            colour(number).mix(0.55).filled(),
        )
    };
    let drawn = chart.draw_series(points.iter().map(dot));
    drawn.map(|_| ()).map_err(|e| e.to_string())
}

/// The least and the greatest, and a little room.
fn around(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
        (low.min(x), high.max(x))
    });
    let room = 0.05 * (high - low).max(1e-3);
    low - room..high + room
}

/// Each neuron of a layer in each draw: its first incoming weight and its first outgoing one.
pub(crate) struct Neurons {
    name: String,
    sides: [Coloured; 2],
}

impl Neurons {
    pub(crate) fn of(layer: &HiddenLayer, sides: [&Population; 2]) -> Self {
        /// Points in a panel at the most.
        const MOST: usize = 6000;
        let of = |draws: &Population| {
            let by = (draws.len() * layer.units).div_ceil(MOST).max(1);
            let some = (0..draws.len()).step_by(by);
            let neurons = some.flat_map(|draw| (0..layer.units).map(move |k| (draw, k)));
            let at = |(draw, k): (usize, usize)| {
                let neuron = layer.neuron(draws.row(draw), k);
                (f64::from(neuron[0]), f64::from(neuron[layer.incoming()]), k)
            };
            neurons.map(at).collect()
        };
        Self {
            name: layer.name.clone(),
            sides: sides.map(of),
        }
    }

    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        told(self, folder, "symmetry-neurons")
    }
}

/// Draws a picture, and says where it is.
fn told(picture: &impl Picture, folder: &Path, name: &str) -> Result<()> {
    for path in picture::save(picture, folder, name)? {
        eprintln!("{}", path.display());
    }
    Ok(())
}

impl Picture for Neurons {
    fn titles(&self) -> [String; 2] {
        let name = &self.name;
        ["as the chains found them", "aligned"].map(|side| format!("neurons of {name}, {side}"))
    }

    fn axes(&self, _: usize) -> (Range<f64>, Range<f64>) {
        let all = || self.sides.iter().flatten();
        (around(all().map(|p| p.0)), around(all().map(|p| p.1)))
    }

    fn descriptions(&self, _: usize) -> [String; 2] {
        ["first weight in", "first weight out"].map(str::to_owned)
    }

    fn draw<B: DrawingBackend>(
        &self,
        panel: usize,
        chart: &mut Panel<'_, '_, B>,
        pen: u32,
    ) -> Drawn {
        dots(chart, &self.sides[panel], pen)
    }
}

/// What each chain says of the two pairs of rows on which chains differ most, coloured by functional mode.
pub(crate) struct Modes {
    rows: [usize; 4],
    panels: [Coloured; 2],
}

impl Modes {
    /// `functions` are what each draw says, row by row.
    pub(crate) fn of(functions: &[Vec<f64>], of: &[usize], chains: usize) -> Self {
        let mean = |row: &Vec<f64>| {
            let each = row.len() / chains;
            let mean = |chain: &[f64]| chain.iter().sum::<f64>() / each as f64;
            row.chunks_exact(each).map(mean).collect::<Vec<f64>>()
        };
        let means: Vec<Vec<f64>> = functions.iter().map(mean).collect();
        let spread = |row: &usize| {
            let n = means[*row].len() as f64;
            let centre = means[*row].iter().sum::<f64>() / n;
            means[*row]
                .iter()
                .map(|x| (x - centre).powi(2))
                .sum::<f64>()
        };
        let mut order: Vec<usize> = (0..means.len()).collect();
        order.sort_by(|a, b| spread(b).total_cmp(&spread(a)));
        let rows = [0, 1, 2, 3].map(|k| order[k.min(order.len() - 1)]);
        let panel = |x: usize, y: usize| {
            let places = means[x].iter().zip(&means[y]).zip(of);
            places.map(|((&x, &y), &mode)| (x, y, mode)).collect()
        };
        Self {
            panels: [panel(rows[0], rows[1]), panel(rows[2], rows[3])],
            rows,
        }
    }

    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        told(self, folder, "symmetry-modes")
    }
}

impl Picture for Modes {
    fn titles(&self) -> [String; 2] {
        ["the rows that differ most", "the next two"]
            .map(|rows| format!("functional modes, {rows}"))
    }

    fn axes(&self, panel: usize) -> (Range<f64>, Range<f64>) {
        let points = || self.panels[panel].iter();
        (around(points().map(|p| p.0)), around(points().map(|p| p.1)))
    }

    fn descriptions(&self, panel: usize) -> [String; 2] {
        [2 * panel, 2 * panel + 1].map(|k| format!("mean of row {}", self.rows[k]))
    }

    fn draw<B: DrawingBackend>(
        &self,
        panel: usize,
        chart: &mut Panel<'_, '_, B>,
        pen: u32,
    ) -> Drawn {
        dots(chart, &self.panels[panel], pen)
    }
}

/// LPPD against the number of chains, at the same total of moves.
#[derive(Default)]
pub(crate) struct Curve {
    pub(crate) chains: Vec<usize>,
    pub(crate) lppd: Vec<f64>,
    pub(crate) errors: Vec<f64>,
}

impl Curve {
    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        told(self, folder, "symmetry-chains")
    }

    fn logs(&self) -> Vec<f64> {
        self.chains.iter().map(|&n| (n as f64).log2()).collect()
    }
}

impl Picture for Curve {
    fn titles(&self) -> [String; 2] {
        ["LPPD on held-out rows", "what one more doubling brings"].map(str::to_owned)
    }

    fn axes(&self, panel: usize) -> (Range<f64>, Range<f64>) {
        let ends = match panel {
            0 => {
                let sides = self.lppd.iter().zip(&self.errors);
                around(sides.flat_map(|(l, e)| [l - e, l + e]))
            }
            _ => around(self.gains().into_iter().chain([0.0])),
        };
        (around(self.logs().into_iter()), ends)
    }

    fn descriptions(&self, panel: usize) -> [String; 2] {
        let y = ["mean log predictive density", "LPPD per doubling"][panel];
        ["log2 of the number of chains, same total of moves", y].map(str::to_owned)
    }

    fn legends(&self) -> SeriesLabelPosition {
        SeriesLabelPosition::LowerRight
    }

    fn draw<B: DrawingBackend>(
        &self,
        panel: usize,
        chart: &mut Panel<'_, '_, B>,
        pen: u32,
    ) -> Drawn {
        let x = self.logs();
        if panel == 1 {
            picture::dashes(chart, (&x, &vec![0.0; x.len()]), (GREY, pen), "nothing")?;
            return picture::line(
                chart,
                (&x[1..], &self.gains()),
                (BEFORE.stroke_width(2 * pen), pen),
                "gain",
            );
        }
        let sides = self.lppd.iter().zip(&self.errors);
        let ends: Vec<(f64, f64)> = sides.map(|(l, e)| (l - e, l + e)).collect();
        picture::band(
            chart,
            &x,
            &ends,
            (picture::tint(AFTER, 0.2), pen),
            "one standard error",
        )?;
        picture::line(
            chart,
            (&x, &self.lppd),
            (AFTER.stroke_width(2 * pen), pen),
            "LPPD",
        )
    }
}

impl Curve {
    fn gains(&self) -> Vec<f64> {
        let x = self.logs();
        let pairs = self.lppd.windows(2).zip(x.windows(2));
        pairs.map(|(l, x)| (l[1] - l[0]) / (x[1] - x[0])).collect()
    }
}
