//! A model meets the width of its data: sizes are filled in, blocks laid out, and the chain is checked.

use super::architecture::{Architecture, Node};
use super::check::{self, FieldShape};
use super::definition::Model;
use super::field::FieldSpec;
use super::layout::Layout;
use super::nn::Field;
use super::rule::{Dyn, Rule};
use crate::base::error::{Error, Result};

/// Lets `field` learn its input width and returns the width after it.
pub fn resolve<F: Field>(field: &mut F, width: usize) -> usize {
    field.resolve(width);
    match field.rule() {
        Rule::Features { outputs, .. } => outputs,
        Rule::Same | Rule::Parameter => width,
    }
}

/// The model with its sizes filled in, its blocks laid out and its chain checked against the width of the data.
pub(crate) fn settle<M: Model>(mut model: M, features: usize) -> Result<(M, Layout, Architecture)> {
    model.resolve(features);
    let name = model.name();
    let fields = model.fields();
    let shapes: Vec<FieldShape> = fields.iter().map(|f| f.shape).collect();
    for (i, field) in shapes.iter().enumerate() {
        check::chain(name, &shapes, i, features, &[])
            .map_err(|t| Error::Chain(t.as_str().to_owned()))?;
        if let Rule::Features { inputs, outputs } = field.rule
            && (inputs == Dyn || outputs == Dyn)
        {
            return Err(Error::Chain(format!(
                "`{name}.{}: {}` has an output size that is known only at run time; give it by value, as in `{}::sized(inputs, outputs)`",
                field.name,
                field.ty,
                field.ty.split('<').next().unwrap_or(field.ty),
            )));
        }
    }
    for field in &fields {
        sizes_as_declared(name, field)?;
    }
    let mut width = features;
    let mut block = 0;
    let mut nodes = Vec::new();
    for field in &fields {
        let blocks = block..block + field.blocks.len();
        block = blocks.end;
        let outputs = match field.shape.rule {
            Rule::Parameter => continue,
            Rule::Same => width,
            Rule::Features { outputs, .. } => outputs,
        };
        nodes.push(Node {
            name: field.shape.name,
            op: field.op,
            inputs: width,
            outputs,
            blocks,
        });
        width = outputs;
    }
    let layout = Layout::new(
        fields
            .into_iter()
            .map(|f| (f.shape.name, f.blocks, f.fixed)),
    );
    let architecture = Architecture {
        inputs: features,
        nodes,
    };
    Ok((model, layout, architecture))
}

/// A size that the type fixes cannot be another by value, and a value that is given must be one.
fn sizes_as_declared(model: &str, field: &FieldSpec) -> Result<()> {
    let (name, ty) = (field.shape.name, field.shape.ty);
    let (rule, elements) = field.declared;
    let mut sizes = vec![("elements", elements, field.shape.elements)];
    if let (
        Rule::Features { inputs, outputs },
        Rule::Features {
            inputs: i,
            outputs: o,
        },
    ) = (rule, field.shape.rule)
    {
        sizes = vec![("inputs", inputs, i), ("outputs", outputs, o)];
    }
    for (what, declared, given) in sizes {
        if declared != Dyn && declared != given {
            return Err(Error::Chain(format!(
                "`{model}.{name}: {ty}` was given {given} {what} by value, but its type says {declared}"
            )));
        }
        if given == 0 {
            return Err(Error::Chain(format!(
                "`{model}.{name}: {ty}` has no {what}; every size must be at least 1"
            )));
        }
    }
    match field.fixed {
        Some(value) if !value.is_finite() => Err(Error::Chain(format!(
            "`{model}.{name}: {ty}` has no value; give it one, as in `{model} {{ {name}: Fixed(0.1), ..{model}::default() }}.infer_with(&data)`"
        ))),
        _ => Ok(()),
    }
}
