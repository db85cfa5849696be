//! A field of a model as data: what the checks, the layout and the engines read instead of its type.

use super::architecture::Op;
use super::check::FieldShape;
use super::fused::FusedLayer;
use super::layout::BlockSpec;
use super::nn::Field;
use super::rule::Rule;
use super::transform::Support;

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
    pub fn parameter(name: &'static str, shape: Vec<usize>, support: Support) -> Self {
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
