//! A walk through the layers, on the fused engine and on dfdx: what a visitor sees is what the gradient is made of, and what
//! it adds goes on.

use std::ops::Range;

use smc_runtime::base::exec;
use smc_runtime::base::rng::Streams;
use smc_runtime::engine::bind;
use smc_runtime::layers::*;
use smc_runtime::prelude::*;
use smc_runtime::problem::population::Population;
use smc_runtime::problem::{LayerVisitor, Layered, Problem, Segment, Tile, Way, visit};

use laws::{normals, table};

/// Three layers, one without a bias, and a parameter that no layer has.
#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
struct Curve {
    #[prior(Normal(0.0, 0.7))]
    first: Linear<3, 14>,
    tanh: Tanh,
    #[prior(Normal(0.0, 0.5))]
    second: LinearNoBias<14, 6>,
    softplus: Softplus,
    #[prior(Normal(0.0, 0.7))]
    output: Linear<6, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

const ROWS: usize = 700;

fn data() -> Dataset {
    let noise = normals(ROWS, 7);
    table(ROWS, 3, 5, |i, row| {
        row[0] - row[1] * row[2] + 0.3 * noise[i]
    })
}

/// Two runs of rows that begin and end inside panels, with weights of their own.
fn segments() -> [Segment; 2] {
    [(5..333, 1.0), (400..ROWS, 0.25)].map(|(rows, weight)| Segment { rows, weight })
}

fn problems() -> Vec<std::sync::Arc<dyn Problem>> {
    let engines = [Engine::fused(), Engine::autodiff()];
    let problem = |engine| bind(Curve::default(), &data(), engine, 3).unwrap().problem;
    engines.into_iter().map(problem).collect()
}

fn thetas(problem: &dyn Problem) -> Population {
    let mut thetas = Population::zeros(3, problem.dim());
    problem.prior().sample(Streams::new(2), 0, &mut thetas);
    thetas
}

/// What was seen of one layer at one tile.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    at: Tile,
    inputs: Vec<f32>,
    z: Vec<f32>,
    dz: Vec<f32>,
}

/// Writes down all it sees, and adds to one pre-activation.
#[derive(Default)]
struct Notes {
    seen: Vec<Seen>,
    /// Layer, bound row, output, and what to add.
    nudge: Option<(usize, usize, usize, f32)>,
    outputs: Vec<usize>,
}

impl Notes {
    fn of(layered: &dyn Layered) -> Self {
        Self {
            outputs: layered.layers().iter().map(|l| l.outputs).collect(),
            ..Self::default()
        }
    }

    /// The derivative by one pre-activation.
    fn slope(&self, layer: usize, row: usize, output: usize) -> f32 {
        let of = |s: &&Seen| s.at.layer == layer && s.at.rows.contains(&row);
        let seen = self.seen.iter().find(of).unwrap();
        seen.dz[(row - seen.at.rows.start) * self.outputs[layer] + output]
    }
}

impl LayerVisitor for Notes {
    fn forward(&mut self, at: &Tile, inputs: &[f32], z: &mut [f32]) {
        if let Some((layer, row, output, h)) = self.nudge
            && layer == at.layer
            && at.rows.contains(&row)
        {
            z[(row - at.rows.start) * self.outputs[layer] + output] += h;
        }
        self.seen.push(Seen {
            at: at.clone(),
            inputs: inputs.to_vec(),
            z: z.to_vec(),
            dz: Vec::new(),
        });
    }

    fn backward(&mut self, at: &Tile, inputs: &[f32], dz: &[f32]) {
        let seen = self.seen.iter_mut().find(|s| s.at == *at).unwrap();
        assert_eq!(
            seen.inputs, inputs,
            "the inputs are those of the way forward"
        );
        seen.dz = dz.to_vec();
    }
}

fn walk(
    problem: &dyn Problem,
    each: usize,
    nudge: Option<(usize, usize, usize, f32)>,
) -> (smc_runtime::problem::Sums, Vec<Notes>) {
    let layered = problem.layered().unwrap();
    let visitors = (0..3 * each).map(|_| Notes {
        nudge,
        ..Notes::of(layered)
    });
    let visitors = visitors.collect();
    visit(layered, &thetas(problem), &segments(), Way::Back, visitors)
}

fn close(what: &str, found: f64, expected: f64, size: f64) {
    assert!(
        (found - expected).abs() <= size,
        "{what}: {found}, expected {expected} within {size}"
    );
}

#[test]
fn a_visitor_that_adds_nothing_changes_nothing_and_sees_every_row_once() {
    for problem in problems() {
        let (layered, thetas) = (problem.layered().unwrap(), thetas(&*problem));
        let mut expected = Population::zeros(3, problem.dim());
        let sums = problem.log_likelihood(&thetas, &segments(), Some(&mut expected));
        for each in [1, 4] {
            let mut gradient = Population::zeros(3, problem.dim());
            let notes = (0..3 * each).map(|_| Notes::of(layered)).collect();
            let way = Way::Gradient(&mut gradient);
            let (found, notes) = visit(layered, &thetas, &segments(), way, notes);
            for p in 0..3 {
                for (found, sum) in found.of(p).iter().zip(sums.of(p)) {
                    close("a sum", *found, *sum, 1e-5 * sum.abs());
                }
                let largest = expected.row(p).iter().fold(0f32, |m, g| m.max(g.abs()));
                for (found, g) in gradient.row(p).iter().zip(expected.row(p)) {
                    let size = 1e-5 * f64::from(largest);
                    close("a slope", f64::from(*found), f64::from(*g), size);
                }
                let own = notes[p * each..(p + 1) * each].iter().flat_map(|n| &n.seen);
                for layer in 0..3 {
                    let tiles = own.clone().filter(|s| s.at.layer == layer);
                    assert!(tiles.clone().all(|s| s.at.particle == p));
                    let rows: Vec<usize> = tiles.flat_map(|s| s.at.rows.clone()).collect();
                    let all = segments().into_iter().flat_map(|s| s.rows);
                    assert_eq!(rows, all.collect::<Vec<_>>(), "layer {layer}");
                }
            }
        }
    }
}

/// ∂/∂W = Σ dz xᵀ and ∂/∂b = Σ dz, with x the rows of the data at the first layer.
#[test]
fn inputs_and_slopes_make_the_gradient() {
    let data = data();
    for problem in problems() {
        let layers = problem.layered().unwrap().layers();
        let names: Vec<&str> = layers.iter().map(|l| l.name).collect();
        assert_eq!(names, ["first", "second", "output"]);
        let thetas = thetas(&*problem);
        let mut gradient = Population::zeros(3, problem.dim());
        problem.log_likelihood(&thetas, &segments(), Some(&mut gradient));
        let (_, notes) = walk(&*problem, 1, None);
        for (p, notes) in notes.iter().enumerate() {
            for (number, layer) in layers.iter().enumerate() {
                let (i, o) = (layer.inputs, layer.outputs);
                let mut weight = vec![0.0; i * o];
                let mut bias = vec![0.0; o];
                for seen in notes.seen.iter().filter(|s| s.at.layer == number) {
                    for (x, dz) in seen.inputs.chunks(i).zip(seen.dz.chunks(o)) {
                        for (k, d) in dz.iter().enumerate() {
                            bias[k] += f64::from(*d);
                            for (w, x) in weight[k * i..].iter_mut().zip(x) {
                                *w += f64::from(d * x);
                            }
                        }
                    }
                    let first = seen.inputs.chunks(i).zip(seen.at.rows.clone());
                    for (x, row) in first.filter(|_| number == 0) {
                        assert_eq!(x, data.row(problem.order()[row]));
                    }
                }
                let holds = |range: &Range<usize>, sums: &[f64]| {
                    let found = &gradient.row(p)[range.clone()];
                    let largest = sums.iter().fold(0f64, |m, g| m.max(g.abs()));
                    for (g, sum) in found.iter().zip(sums) {
                        close(layer.name, f64::from(*g), *sum, 1e-4 * largest);
                    }
                };
                holds(&layer.weight, &weight);
                match &layer.bias {
                    Some(range) => holds(range, &bias),
                    None => assert_eq!(number, 1, "one layer has no bias"),
                }
            }
        }
    }
}

#[test]
fn slopes_are_those_of_differences_where_something_is_added() {
    const H: f32 = 1.0 / 64.0;
    for problem in problems() {
        let (_, notes) = walk(&*problem, 1, None);
        // One row of each segment, a first and a last among them.
        for (layer, row, output) in [
            (0, 5, 3),
            (0, 411, 13),
            (1, 332, 2),
            (1, 699, 5),
            (2, 100, 0),
            (2, 555, 0),
        ] {
            let weights = segments().map(|s| s.weight);
            let total = |h| {
                let (sums, _) = walk(&*problem, 1, Some((layer, row, output, h)));
                let weighted = |p: usize| {
                    sums.of(p)
                        .iter()
                        .zip(weights)
                        .map(|(s, w)| s * w)
                        .sum::<f64>()
                };
                [0, 1, 2].map(weighted)
            };
            let [up, down, far_up, far_down] = [H, -H, 2.0 * H, -2.0 * H].map(total);
            for (p, notes) in notes.iter().enumerate() {
                let found = f64::from(notes.slope(layer, row, output));
                let h = f64::from(H);
                let difference = (8.0 * (up[p] - down[p]) - (far_up[p] - far_down[p])) / (12.0 * h);
                let what = format!("layer {layer}, row {row}, output {output}, particle {p}");
                close(&what, found, difference, 2e-3 * (1.0 + difference.abs()));
            }
        }
    }
}

#[test]
fn both_engines_see_the_same_and_threads_change_no_bit() {
    let problems = problems();
    let [fused, autodiff] = [0, 1].map(|k| walk(&*problems[k], 1, None).1);
    for (a, b) in fused.iter().zip(&autodiff) {
        for (layer, row, output) in [(0, 40, 0), (1, 200, 4), (2, 640, 0)] {
            let [a, b] = [a, b].map(|n| f64::from(n.slope(layer, row, output)));
            close("dfdx", b, a, 1e-4 * (1.0 + a.abs()));
        }
    }
    for problem in &problems {
        let at = |threads| exec::with_threads(Some(threads), || walk(&**problem, 5, None)).unwrap();
        let (one, two) = (at(1), at(2));
        assert_eq!(one.0, two.0);
        for (a, b) in one.1.iter().zip(&two.1) {
            assert_eq!(a.seen, b.seen);
        }
    }
}

/// y = g∘x, with a gain for each feature.
#[derive(Clone, Copy, Debug, Default)]
struct Gain;

impl Field for Gain {
    const SUPPORT: Option<Support> = Some(Support::Real);
    const PARTS: &'static [Part] = &[Part::weight("gain")];
    type View<'a> = BlockSlices<'a>;

    fn blocks(&self) -> Vec<BlockSpec> {
        vec![BlockSpec {
            name: "gain",
            role: Role::Weight,
            shape: vec![3],
            support: Support::Real,
            fan_in: 1,
        }]
    }

    fn expr<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        parameters: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        let &shape = x.shape();
        x * parameters.block(0).broadcast_like::<_, Axis<1>>(&shape)
    }
}

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 1.0))]
struct Gained {
    gain: Gain,
    output: Linear<3, 1>,
}

#[test]
fn a_layer_that_is_not_affine_is_named() {
    let bound = bind(Gained::default(), &data(), Engine::auto(), 1).unwrap();
    let text = bound.problem.layered().err().unwrap().to_string();
    assert_eq!(
        text,
        "a walk through affine layers is asked for, but `Gained.gain` has parameters and is no affine layer such as `Linear`"
    );
}
