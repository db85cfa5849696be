//! A field of a model as data: what the checks, the layout and the engines read instead of its type.

use std::sync::Arc;

use super::check::{FieldShape, gives};
use super::fused::FusedLayer;
use super::interval::Interval;
use super::layout::{BlockSpec, Part, Role};
use super::nature::Nature;
use super::nn::Field;
use super::rule::Rule;
use super::transform::Support;

/// A field of a model with its run-time sizes.
#[derive(Clone, Debug)]
pub struct FieldSpec {
    /// Name, type, rule and support, as the checks see them.
    pub shape: FieldShape<'static>,
    /// Its parameter tensors.
    pub blocks: Vec<BlockSpec>,
    /// What it is called where a network is written in a line.
    pub label: String,
    /// What is known of its mathematics.
    pub nature: Nature,
    /// Its form for the fused engine, if it has one.
    pub fused: Option<Arc<dyn FusedLayer>>,
    /// The value of a parameter that is given and not learned.
    pub fixed: Option<f64>,
    /// The shape rule and the number of elements that its type declares, before run-time sizes.
    pub declared: (Rule, usize),
    /// Whether it is one of this crate's.
    #[doc(hidden)]
    pub built_in: bool,
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
                parts: F::PARTS,
                gives: match field.fixed() {
                    Some(value) => Some(Interval::point(value)),
                    None => gives(F::RULE, F::SUPPORT, F::GIVES),
                },
                instead: F::INSTEAD,
            },
            blocks: field.blocks(),
            label: field.label(),
            nature: field.nature(),
            fused: field.fused(),
            fixed: field.fixed(),
            declared: (F::RULE, F::ELEMENTS),
            built_in: F::BUILT_IN,
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
                parts: const { &[Part::alone(Role::Parameter)] },
                gives: Some(Interval::of(support)),
                instead: None,
            },
            blocks: vec![BlockSpec {
                name: "",
                role: Role::Parameter,
                shape,
                support,
                fan_in: 1,
            }],
            label: name.to_owned(),
            nature: Nature::Other,
            fused: None,
            fixed: None,
            declared: (Rule::Parameter, elements),
            built_in: true,
        }
    }
}
