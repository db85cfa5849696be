//! One row goes through a network before anything is computed with it: what a layer of the user's own does is then what it
//! declares, or an error that names the layer.

use std::rc::Rc;

use dfdx::prelude::{Cpu, NoneTape};

use super::check::{FieldShape, Text};
use super::definition::Model;
use super::field::FieldSpec;
use super::layout::{Block, BlockSpec, Layout};
use super::rule::{Rule, Shape};
use super::tensor::{Act, Fault, Params, Trial, from_vec};
use crate::base::caught::caught;
use crate::base::error::{Error, Result};

/// Sends `row` through the network of `model` at `theta`, without a gradient. Models of built-in fields alone are not tried:
/// the laws of this crate have done that.
///
/// # Errors
/// If a field panics, or gives another shape than it declares.
pub(crate) fn on_one_row<M: Model>(
    model: &M,
    fields: &[FieldSpec],
    layout: &Layout,
    theta: &[f32],
    row: &[f32],
) -> Result<()> {
    if fields.iter().all(|field| field.built_in) {
        return Ok(());
    }
    let (device, trial) = (Cpu::default(), Rc::new(Trial::default()));
    let parameters = parameters(&device, fields, layout, theta, trial.clone());
    let x: Act<f32, Cpu, NoneTape> = from_vec(&device, row, (1, 1, row.len()));
    let whole = caught(|| model.output(&parameters, x));
    if let Some((field, fault)) = trial.fault() {
        return Err(wrong(model.name(), fields, field, row.len(), &fault));
    }
    match whole {
        Ok(_) => Ok(()),
        Err(said) => Err(Error::Rule(format!(
            "`{}::output` failed on one row of {}: {said}",
            model.name(),
            counted(row.len())
        ))),
    }
}

fn parameters(
    device: &Cpu,
    fields: &[FieldSpec],
    layout: &Layout,
    theta: &[f32],
    trial: Rc<Trial>,
) -> Params<f32, Cpu, NoneTape> {
    let leaf = |block: &Block| {
        let values = theta[block.range.clone()].iter();
        let values: Vec<f32> = values
            .map(|&u| block.support.constrain(f64::from(u)) as f32)
            .collect();
        from_vec(device, &values, (1, values.len()))
    };
    let mut start = 0;
    let ranges = (0..fields.len()).map(|field| {
        let range = start..start + layout.of_field(field).len();
        start = range.end;
        range
    });
    Params {
        particles: 1,
        fields: ranges.collect(),
        blocks: layout.blocks().iter().map(leaf).collect(),
        parameters: fields
            .iter()
            .map(|field| field.shape.rule == Rule::Parameter)
            .collect(),
        fixed: fields.iter().map(|field| field.fixed).collect(),
        fusing: None,
        watch: None,
        trial: Some(trial),
    }
}

/// What is wrong with field number `at`, on a row of so many features.
fn wrong(model: &str, fields: &[FieldSpec], at: usize, features: usize, fault: &Fault) -> Error {
    let shape: &FieldShape<'_> = &fields[at].shape;
    let takes = fields[..at]
        .iter()
        .filter_map(|field| field.shape.rule.ends())
        .fold(features, |_, (_, gives)| gives.len());
    let on = format!("one row of {}", counted(takes));
    let problem = match fault {
        Fault::Panic(said) => {
            let blocks = fields[at].blocks.iter().map(block);
            let blocks: Vec<String> = blocks.collect();
            let its = if blocks.is_empty() {
                String::new()
            } else {
                format!("; its parameter tensors are {}", blocks.join(", "))
            };
            format!("failed on {on}: {said}{its}")
        }
        Fault::Gave([1, 1, gave]) => {
            let declared = match shape.rule.ends() {
                Some((_, Shape::Features(gives))) => counted(gives),
                Some((_, gives)) => format!("{gives}, {} numbers", gives.len()),
                None => format!("as many features as it takes, {takes}"),
            };
            format!("says that it gives {declared}, but gave {gave} on {on}")
        }
        Fault::Gave([particles, rows, gave]) => format!(
            "gave a tensor of shape ({particles}, {rows}, {gave}) on {on} for one particle; the shape is (particles, rows, features), here (1, 1, {})",
            shape.rule.ends().map_or(takes, |(_, gives)| gives.len())
        ),
    };
    let field = Text::new().field(model, shape);
    Error::Rule(format!("{} {problem}", field.as_str()))
}

/// `` `weight` of 6 x 4 ``
fn block(block: &BlockSpec) -> String {
    let sizes: Vec<String> = block.shape.iter().map(ToString::to_string).collect();
    format!("`{}` of {}", block.name, sizes.join(" x "))
}

fn counted(features: usize) -> String {
    format!("{features} feature{}", if features == 1 { "" } else { "s" })
}
