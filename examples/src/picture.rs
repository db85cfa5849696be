//! Pictures as SVG and as PNG, with a font of their own.

use std::ops::Range;
use std::path::{Path, PathBuf};

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use smc_runtime::{Error, Result};

/// Width and height. A PNG has [`SHARPER`] times as many pixels each way, an SVG [`FINER`] times as many units.
const SIZE: (u32, u32) = (960, 420);
const SHARPER: u32 = 2;
const FINER: u32 = 4;

/// Points measured.
pub const INK: RGBColor = RGBColor(34, 34, 34);
/// What lies beyond the data.
pub const GREY: RGBColor = RGBColor(120, 120, 120);
/// The model before the data.
pub const BEFORE: RGBColor = RGBColor(196, 98, 16);
/// The model after them.
pub const AFTER: RGBColor = RGBColor(31, 94, 168);

/// What is inside a panel's frame.
pub type Panel<'a, 'b, B> = ChartContext<'a, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The error of a backend, in words.
pub type Drawn = Result<(), String>;

/// Two panels side by side.
pub trait Picture {
    /// Titles of the panels.
    fn titles(&self) -> [String; 2];

    /// Both axes of panel number `panel`.
    fn axes(&self, panel: usize) -> (Range<f64>, Range<f64>);

    /// What is along the axes of panel number `panel`.
    fn descriptions(&self, panel: usize) -> [String; 2] {
        let _ = panel;
        ["x", "y"].map(str::to_owned)
    }

    /// Where the legends are, out of the way of what is drawn.
    fn legends(&self) -> SeriesLabelPosition {
        SeriesLabelPosition::UpperRight
    }

    /// Draws the content of panel number `panel`; lines are `pen` wide.
    ///
    /// # Errors
    /// Those of the backend.
    fn draw<B: DrawingBackend>(
        &self,
        panel: usize,
        chart: &mut Panel<'_, '_, B>,
        pen: u32,
    ) -> Drawn;
}

/// Writes `picture` as `name`.svg and `name`.png into the folder `out`, which is made if there is none.
///
/// # Errors
/// If a file cannot be written.
pub fn save(picture: &impl Picture, out: &Path, name: &str) -> Result<[PathBuf; 2]> {
    let paths = ["svg", "png"].map(|kind| out.join(name).with_extension(kind));
    let failed = |path: &Path, text: String| Error::Io {
        path: path.to_owned(),
        source: std::io::Error::other(text),
    };
    std::fs::create_dir_all(out).map_err(|source| Error::Io {
        path: out.to_owned(),
        source,
    })?;
    plotters::style::register_font(
        "sans-serif",
        FontStyle::Normal,
        epaint_default_fonts::UBUNTU_LIGHT,
    )
    .map_err(|_| failed(out, "the font cannot be read".to_owned()))?;
    let mut svg = String::new();
    let fine = (SIZE.0 * FINER, SIZE.1 * FINER);
    {
        // It gives the text back when it goes.
        let area = SVGBackend::with_string(&mut svg, fine).into_drawing_area();
        panels(picture, &area, FINER).map_err(|e| failed(&paths[0], e))?;
    }
    // Coordinates are whole numbers: a view box of finer units keeps lines smooth.
    let size = |(width, height): (u32, u32)| format!("width=\"{width}\" height=\"{height}\"");
    let svg = svg.replacen(&size(fine), &size(SIZE), 1);
    std::fs::write(&paths[0], svg).map_err(|e| failed(&paths[0], e.to_string()))?;
    let size = (SIZE.0 * SHARPER, SIZE.1 * SHARPER);
    {
        let area = BitMapBackend::new(&paths[1], size).into_drawing_area();
        panels(picture, &area, SHARPER).map_err(|e| failed(&paths[1], e))?;
    }
    Ok(paths)
}

fn panels<B: DrawingBackend>(
    picture: &impl Picture,
    area: &DrawingArea<B, Shift>,
    scale: u32,
) -> Drawn {
    let words = |e: &dyn std::fmt::Display| e.to_string();
    area.fill(&WHITE).map_err(|e| words(&e))?;
    let font = |size: u32| ("sans-serif", size * scale).into_font();
    for (number, (part, title)) in area
        .split_evenly((1, 2))
        .iter()
        .zip(picture.titles())
        .enumerate()
    {
        let (x, y) = picture.axes(number);
        let short = |ends: &Range<f64>| usize::from(ends.end - ends.start < 4.0);
        let (places_x, places_y) = (short(&x), short(&y));
        let [along_x, along_y] = picture.descriptions(number);
        let mut chart = ChartBuilder::on(part)
            .margin(10 * scale)
            .caption(title, font(17).color(&INK))
            .x_label_area_size(36 * scale)
            .y_label_area_size(40 * scale)
            .build_cartesian_2d(x, y)
            .map_err(|e| words(&e))?;
        chart
            .configure_mesh()
            .disable_mesh()
            .axis_style(GREY.stroke_width(scale))
            .label_style(font(13).color(&INK))
            .x_labels(5)
            .y_labels(5)
            .x_desc(along_x)
            .y_desc(along_y)
            .axis_desc_style(font(13).color(&INK))
            .x_label_formatter(&|v| format!("{v:.places_x$}"))
            .y_label_formatter(&|v| format!("{v:.places_y$}"))
            .set_all_tick_mark_size(4 * scale)
            .draw()
            .map_err(|e| words(&e))?;
        picture.draw(number, &mut chart, scale)?;
        chart
            .configure_series_labels()
            .position(picture.legends())
            .margin(6 * scale)
            .legend_area_size(26 * scale)
            .label_font(font(13).color(&INK))
            .draw()
            .map_err(|e| words(&e))?;
    }
    area.present().map_err(|e| words(&e))
}

/// Draws the line through the points (`x`, `y`); a `label` that is not empty goes into the legend.
///
/// # Errors
/// Those of the backend.
pub fn line<B: DrawingBackend>(
    chart: &mut Panel<'_, '_, B>,
    (x, y): (&[f64], &[f64]),
    (style, pen): (ShapeStyle, u32),
    label: &str,
) -> Drawn {
    let points = x.iter().copied().zip(y.iter().copied());
    let drawn = chart.draw_series(LineSeries::new(points, style));
    let drawn = drawn.map_err(|e| e.to_string())?;
    if !label.is_empty() {
        let end = 18 * pen as i32;
        let sample = move |(x, y)| PathElement::new([(x, y), (x + end, y)], style);
        drawn.label(label).legend(sample);
    }
    Ok(())
}

/// Draws a broken line through the points (`x`, `y`), with a `label` in the legend.
///
/// # Errors
/// Those of the backend.
pub fn dashes<B: DrawingBackend>(
    chart: &mut Panel<'_, '_, B>,
    (x, y): (&[f64], &[f64]),
    (colour, pen): (RGBColor, u32),
    label: &str,
) -> Drawn {
    let points = x.iter().copied().zip(y.iter().copied());
    let style = colour.stroke_width(pen);
    let (dash, gap) = (5 * pen, 3 * pen);
    let drawn = chart.draw_series(DashedLineSeries::new(points, dash, gap, style));
    let drawn = drawn.map_err(|e| e.to_string())?;
    let end = 18 * pen as i32;
    let sample = move |(x, y)| {
        plotters::element::DashedPathElement::new([(x, y), (x + end, y)], dash, gap, style)
    };
    drawn.label(label).legend(sample);
    Ok(())
}

/// Fills what lies between the `ends` at every x, with a `label` in the legend.
///
/// # Errors
/// Those of the backend.
pub fn band<B: DrawingBackend>(
    chart: &mut Panel<'_, '_, B>,
    x: &[f64],
    ends: &[(f64, f64)],
    (colour, pen): (RGBColor, u32),
    label: &str,
) -> Drawn {
    let lower = x.iter().copied().zip(ends.iter().map(|e| e.0));
    let upper = x.iter().copied().zip(ends.iter().map(|e| e.1)).rev();
    let outline: Vec<(f64, f64)> = lower.chain(upper).collect();
    let style = colour.filled();
    let drawn = chart.draw_series(std::iter::once(Polygon::new(outline, style)));
    let drawn = drawn.map_err(|e| e.to_string())?;
    let (end, half) = (18 * pen as i32, 5 * pen as i32);
    let sample = move |(x, y)| Rectangle::new([(x, y - half), (x + end, y + half)], style);
    drawn.label(label).legend(sample);
    Ok(())
}

/// Draws points, with a `label` in the legend.
///
/// # Errors
/// Those of the backend.
pub fn points<B: DrawingBackend>(
    chart: &mut Panel<'_, '_, B>,
    points: &[(f64, f64)],
    pen: u32,
    label: &str,
) -> Drawn {
    let dot = move |at: (f64, f64)| Circle::new(at, 2 * pen, INK.filled());
    let drawn = chart.draw_series(points.iter().copied().map(dot));
    let drawn = drawn.map_err(|e| e.to_string())?;
    if !points.is_empty() {
        let middle = 9 * pen as i32;
        let sample = move |(x, y)| Circle::new((x + middle, y), 2 * pen, INK.filled());
        drawn.label(label).legend(sample);
    }
    Ok(())
}

/// The colour of ink thinned to a share of it, on white: opaque, so that bands on top of one another do not mix.
pub fn tint(colour: RGBColor, share: f64) -> RGBColor {
    let thin = |c: u8| (255.0 - share * (255.0 - f64::from(c))).round() as u8;
    RGBColor(thin(colour.0), thin(colour.1), thin(colour.2))
}
