//! What a model is: the trait that `#[bayes_model]` implements, and that can be written by hand.

use std::fmt::Debug;

use crate::architecture::{Architecture, Node, Op};
use crate::dist::Likelihood;
#[cfg(feature = "autodiff")]
use crate::engine::autodiff::{Act, Device, Float, Params, Tape};
use crate::engine::fused::FusedLayer;
use crate::error::{Error, Result};
use crate::infer::Inference;
use crate::layout::{BlockSpec, Layout};
use crate::nn::check::{self, FieldShape};
use crate::nn::{BlockSlices, Field, Rule, View};
use crate::prior::Priors;

/// A field of a model with its run-time sizes.
#[derive(Clone, Debug)]
pub struct FieldSpec {
    /// Name, type, rule and support, as the checks see them.
    pub shape: FieldShape,
    /// Its parameter tensors.
    pub blocks: Vec<BlockSpec>,
    /// What it does.
    pub op: Op,
    /// Its form for the fused engine, if it has one.
    pub fused: Option<&'static dyn FusedLayer>,
    /// The value of a parameter that is given and not learned.
    pub fixed: Option<f64>,
    /// The shape rule and the number of elements that its type declares, before run-time sizes.
    pub declared: (Rule, usize),
}

impl FieldSpec {
    /// The specification of `field`, called `name`, of the type that the user wrote as `ty`.
    pub fn of<F: Field>(name: &'static str, ty: &'static str, field: &F) -> Self {
        Self {
            shape: FieldShape {
                name,
                ty,
                rule: field.rule(),
                support: F::SUPPORT,
                elements: match field.blocks().first() {
                    Some(block) if field.rule() == Rule::Parameter => block.len(),
                    _ => F::ELEMENTS,
                },
                blocks: F::BLOCKS,
            },
            blocks: field.blocks(),
            op: field.op(),
            fused: field.fused(),
            fixed: field.fixed(),
            declared: (F::RULE, F::ELEMENTS),
        }
    }

    /// A parameter block that is a field by itself, for models written by hand.
    pub fn parameter(
        name: &'static str,
        shape: Vec<usize>,
        support: crate::transform::Support,
    ) -> Self {
        let elements = shape.iter().product();
        Self {
            shape: FieldShape {
                name,
                ty: "parameter",
                rule: Rule::Parameter,
                support: Some(support),
                elements,
                blocks: &[],
            },
            blocks: vec![BlockSpec {
                name: "",
                shape,
                support,
                fan_in: 1,
            }],
            op: Op::Other("parameter"),
            fused: None,
            fixed: None,
            declared: (Rule::Parameter, elements),
        }
    }
}

/// A network or regression with priors and a likelihood: everything that an engine and a sampler need.
///
/// `#[bayes_model]` implements it. By hand, implement [`fields`](Model::fields), [`priors`](Model::priors),
/// [`likelihood`](Model::likelihood) and [`output`](Model::output); see `tests/tests/eight_schools.rs` for a whole one.
pub trait Model: Clone + Debug + Send + Sync + 'static {
    /// A typed view of one draw, `posterior.draw(i)`.
    type Draw<'a>;

    /// The model's name in messages and reports.
    fn name(&self) -> &'static str;

    /// The fields in order. Their numbers are what [`Priors::of`] and [`Term`](crate::dist::Term) refer to.
    fn fields(&self) -> Vec<FieldSpec>;

    /// Fills in sizes that depend on the number of features.
    fn resolve(&mut self, features: usize) {
        let _ = features;
    }

    /// Hands each field's prior to `priors`; a field comes after those that its prior names.
    fn priors(&self, priors: &mut Priors<'_>);

    /// The distribution of the targets.
    fn likelihood(&self) -> impl Likelihood + use<Self>;

    /// Whether [`output`](Model::output) is exactly the chain of the fields' expressions in order, so that engines may walk
    /// the [`Architecture`] instead. True for models that the macro writes.
    fn is_chain(&self) -> bool {
        false
    }

    /// The typed view of the parameter vector whose blocks are `blocks`.
    fn draw<'a>(&self, blocks: Views<'a>) -> Self::Draw<'a>;

    /// The algorithm that `#[infer(..)]` names.
    fn inference(&self) -> Box<dyn Inference> {
        Box::new(crate::infer::smc())
    }

    /// The network: outputs of shape (particles, rows, outputs) for features of shape (particles, rows, features).
    #[cfg(feature = "autodiff")]
    fn output<E: Float, D: Device<E>, T: Tape<E, D>>(
        &self,
        parameters: &Params<E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T>;
}

/// The blocks of every field within one draw; generated code reads typed views from it.
#[derive(Clone, Copy, Debug)]
pub struct Views<'a> {
    layout: &'a Layout,
    theta: &'a [f32],
}

impl<'a> Views<'a> {
    pub(crate) fn new(layout: &'a Layout, theta: &'a [f32]) -> Self {
        Self { layout, theta }
    }

    /// The view of field number `field`.
    pub fn field<V: View<'a>>(&self, field: usize) -> V {
        V::view(self.blocks(field))
    }

    /// The blocks of field number `field`.
    pub fn blocks(&self, field: usize) -> BlockSlices<'a> {
        BlockSlices::new(self.layout.of_field(field), self.theta)
    }
}

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
            && (inputs == crate::nn::Dyn || outputs == crate::nn::Dyn)
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
        if declared != crate::nn::Dyn && declared != given {
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
