//! A model meets the width of its data: sizes are filled in, blocks laid out, and the rules of the language judge it again.

use super::architecture::{Architecture, Node};
use super::check::{FieldShape, ModelShape, refused, short_name};
use super::definition::Model;
use super::dist::Likelihood;
use super::field::FieldSpec;
use super::layout::{BlockSpec, Layout, Part, Role};
use super::nature::Nature;
use super::nn::Field;
use super::prior;
use super::rule::{Dyn, Rule, Shape};
use crate::base::error::Result;

/// Lets `field` learn its input width and returns the width after it.
pub fn resolve<F: Field>(field: &mut F, width: usize) -> usize {
    field.resolve(width);
    field.rule().ends().map_or(width, |(_, gives)| gives.len())
}

/// The model with its sizes filled in, its blocks laid out, and its chain, priors and likelihood judged by the rules of the
/// language for data of that width.
pub(crate) fn settle<M: Model>(mut model: M, features: usize) -> Result<(M, Layout, Architecture)> {
    model.resolve(features);
    let fields = model.fields();
    let parts: Vec<Vec<Part>> = fields.iter().map(parts).collect();
    let is_chain = model.is_chain();
    let shapes = fields.iter().zip(&parts);
    let shapes: Vec<FieldShape<'_>> = shapes
        .map(|(field, parts)| FieldShape {
            parts,
            // What comes out of a network that is written by hand is its own affair.
            gives: field
                .shape
                .gives
                .filter(|_| is_chain || field.shape.rule == Rule::Parameter),
            ..field.shape
        })
        .collect();
    let shape = ModelShape {
        name: model.name(),
        fields: &shapes,
        features,
        generics: &[],
    };
    for (i, field) in fields.iter().enumerate() {
        shape.is_field(i).map_err(refused)?;
        shape.chain(i).map_err(refused)?;
        shape.support_said(i).map_err(refused)?;
        name_is_new(&shape, i)?;
        sizes_known(&shape, i)?;
        as_declared(&shape, i, field)?;
        affine_as_declared(&shape, i, field)?;
        for block in &field.blocks {
            shape.check_inputs(i, block.part(), &block.shape)?;
        }
    }
    let layout = Layout::new(
        fields
            .iter()
            .map(|f| (f.shape.name, f.blocks.clone(), f.fixed)),
    );
    let open: Vec<bool> = fields
        .iter()
        .map(|field| field.shape.rule == Rule::Parameter && field.declared.1 == Dyn)
        .collect();
    shape.check_priors(&prior::given(|p| model.priors(p), &layout)?, &open)?;
    check_likelihood(&shape, &model.likelihood())?;
    let architecture = Architecture {
        inputs: features,
        nodes: nodes(&fields, features),
    };
    Ok((model, layout, architecture))
}

fn check_likelihood<L: Likelihood>(shape: &ModelShape<'_>, likelihood: &L) -> Result<()> {
    shape.check_likelihood(short_name::<L>(), L::KEYS, &likelihood.terms())
}

fn parts(field: &FieldSpec) -> Vec<Part> {
    field.blocks.iter().map(BlockSpec::part).collect()
}

/// The steps of the chain.
fn nodes(fields: &[FieldSpec], features: usize) -> Vec<Node> {
    let mut shape = Shape::Features(features);
    let mut block = 0;
    let mut nodes = Vec::new();
    for (number, field) in fields.iter().enumerate() {
        let blocks = block..block + field.blocks.len();
        block = blocks.end;
        let rule = field.shape.rule;
        if rule == Rule::Parameter {
            continue;
        }
        let (takes, gives) = rule.ends().unwrap_or((shape, shape));
        nodes.push(Node {
            name: field.shape.name,
            field: number,
            label: field.label.clone(),
            nature: field.nature,
            takes,
            gives,
            blocks,
            fused: field.fused.clone(),
        });
        shape = gives;
    }
    nodes
}

/// Priors and terms of a model written by hand refer to fields by name.
fn name_is_new(model: &ModelShape<'_>, at: usize) -> Result<()> {
    let name = model.fields[at].name;
    match model.fields[..at].iter().find(|f| f.name == name) {
        Some(_) => Err(model.wrong(
            at,
            "has the name of another field; every field has one of its own",
        )),
        None => Ok(()),
    }
}

/// A size written `Dyn` is a number by now, from the data or by value.
fn sizes_known(model: &ModelShape<'_>, at: usize) -> Result<()> {
    let field = &model.fields[at];
    let what = match field.rule {
        Rule::Features { inputs, outputs } if inputs == Dyn || outputs == Dyn => {
            ("an output size", "(inputs, outputs)")
        }
        Rule::Parameter if field.elements == Dyn => ("a length", "(elements)"),
        _ => return Ok(()),
    };
    let ty = field.ty.split('<').next().unwrap_or(field.ty);
    Err(model.wrong(
        at,
        &format!(
            "has {} that is known only at run time; give it by value, as in `{ty}::sized{}`",
            what.0, what.1
        ),
    ))
}

/// What the type says cannot be otherwise by value, and a value that is given must be one.
fn as_declared(model: &ModelShape<'_>, at: usize, field: &FieldSpec) -> Result<()> {
    let (rule, elements) = field.declared;
    let mut sizes = vec![("elements", elements, field.shape.elements)];
    if let (Some((takes, gives)), Some((i, o))) = (rule.ends(), field.shape.rule.ends()) {
        sizes = vec![
            ("inputs", takes.len(), i.len()),
            ("outputs", gives.len(), o.len()),
        ];
    }
    for (what, declared, given) in sizes {
        if declared != Dyn && declared != given {
            return Err(model.wrong(
                at,
                &format!("was given {given} {what} by value, but its type says {declared}"),
            ));
        }
    }
    if !field.shape.parts.is_empty() && field.shape.parts != parts(field) {
        return Err(model.wrong(
            at,
            "has parameter tensors of other names or roles than its type says in `Field::PARTS`",
        ));
    }
    match field.fixed {
        Some(value) if !value.is_finite() => {
            let (model_name, name) = (model.name, field.shape.name);
            Err(model.wrong(
                at,
                &format!("has no value; give it one, as in `{model_name} {{ {name}: Fixed(0.1), ..{model_name}::default() }}.infer_with(&data)`"),
            ))
        }
        _ => Ok(()),
    }
}

/// A layer that says it is affine has the blocks of one.
fn affine_as_declared(model: &ModelShape<'_>, at: usize, field: &FieldSpec) -> Result<()> {
    let Rule::Features { inputs, outputs } = field.shape.rule else {
        return match field.nature {
            Nature::Affine => Err(model.wrong(
                at,
                "says that it is affine, but takes no features of its own and gives none",
            )),
            _ => Ok(()),
        };
    };
    let of = |b: &BlockSpec, role, shape: &[usize]| b.role == role && b.shape == shape;
    let is_weight = |b| of(b, Role::Weight, &[outputs, inputs]);
    let fits = match field.blocks.as_slice() {
        [w] => is_weight(w),
        [w, b] => is_weight(w) && of(b, Role::Bias, &[outputs]),
        _ => false,
    };
    if field.nature != Nature::Affine || fits {
        return Ok(());
    }
    let found: Vec<_> = field.blocks.iter().map(|b| (b.role, &b.shape)).collect();
    Err(model.wrong(
        at,
        &format!(
            "says that it is affine, which takes a weight of {outputs} x {inputs} and perhaps a bias of {outputs}, but its parameter tensors are {found:?}"
        ),
    ))
}
