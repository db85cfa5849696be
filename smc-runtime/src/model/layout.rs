//! Named parameter blocks: which part of the flat parameter vector is what.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use super::role::{Part, Role};
use crate::model::transform::Support;

/// A parameter tensor as a field declares it, before it has a place in the flat vector.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockSpec {
    /// Name within the field (`weight`), or empty where the field is the parameter.
    pub name: &'static str,
    /// What it does in the field.
    pub role: Role,
    /// Row-major shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// Where the parameter lives.
    pub support: Support,
    /// Number of inputs that feed one output, what `fan_in` means in a prior.
    pub fan_in: usize,
}

impl BlockSpec {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Its name and role.
    pub(crate) fn part(&self) -> Part {
        Part::new(self.name, self.role)
    }

    /// Whether the block has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A parameter tensor with its full name and its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// `field.block`, or `field` for a parameter.
    pub name: String,
    /// What it does in its field.
    pub role: Role,
    /// Row-major shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// Its elements in the flat vector.
    pub range: Range<usize>,
    /// Where the parameter lives.
    pub support: Support,
    /// Number of inputs that feed one output.
    pub fan_in: usize,
    /// Number of the field that owns it.
    pub field: usize,
}

impl Block {
    /// Its name within the field (`weight`), or empty where the field is the parameter.
    pub fn part(&self) -> &str {
        self.name.split_once('.').map_or("", |(_, part)| part)
    }
}

/// All parameter blocks of a model, in order and without gaps.
///
/// Its `Display` is a table of the blocks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    blocks: Vec<Block>,
    /// For each field, its name and its blocks.
    fields: Vec<(String, Range<usize>)>,
    /// For each field, the value of a parameter that is given and not learned.
    fixed: Vec<Option<f64>>,
}

impl Layout {
    /// Lays out the blocks of each field one after the other. A field that is given and not learned has its value and no
    /// blocks.
    pub fn new<'a>(
        fields: impl IntoIterator<Item = (&'a str, Vec<BlockSpec>, Option<f64>)>,
    ) -> Self {
        let mut layout = Self::default();
        let mut start = 0;
        for (number, (field, specs, fixed)) in fields.into_iter().enumerate() {
            let first = layout.blocks.len();
            for spec in specs {
                let end = start + spec.len();
                let name = if spec.name.is_empty() {
                    field.to_owned()
                } else {
                    format!("{field}.{}", spec.name)
                };
                layout.blocks.push(Block {
                    name,
                    role: spec.role,
                    range: start..end,
                    shape: spec.shape,
                    support: spec.support,
                    fan_in: spec.fan_in,
                    field: number,
                });
                start = end;
            }
            layout
                .fields
                .push((field.to_owned(), first..layout.blocks.len()));
            layout.fixed.push(fixed);
        }
        layout
    }

    /// Every block, in the order of the flat vector.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The names of the fields, in order.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }

    /// The number of the field called `name`.
    pub fn field(&self, name: &str) -> Option<usize> {
        self.fields().position(|field| field == name)
    }

    /// The blocks of field number `field`.
    pub fn of_field(&self, field: usize) -> &[Block] {
        &self.blocks[self.fields[field].1.clone()]
    }

    /// The value of field number `field`, if it is given and not learned.
    pub fn fixed(&self, field: usize) -> Option<f64> {
        self.fixed[field]
    }

    /// The block of that name, such as `hidden.weight`.
    pub fn block(&self, name: &str) -> Option<&Block> {
        self.blocks.iter().find(|b| b.name == name)
    }

    /// Length d of the flat parameter vector.
    pub fn dim(&self) -> usize {
        self.blocks.last().map_or(0, |b| b.range.end)
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = |b: &Block| match b.shape.len() {
            0 => "scalar".to_owned(),
            _ => b
                .shape
                .iter()
                .map(usize::to_string)
                .collect::<Vec<_>>()
                .join(" x "),
        };
        let width = self
            .blocks
            .iter()
            .map(|b| b.name.len())
            .max()
            .unwrap_or(0)
            .max(9);
        writeln!(
            f,
            "{:width$}  {:>12}  {:>9}  support",
            "parameter", "shape", "elements"
        )?;
        for b in &self.blocks {
            let (name, shape, len) = (&b.name, shape(b), b.range.len());
            writeln!(
                f,
                "{name:width$}  {shape:>12}  {len:>9}  {}",
                b.support.words()
            )?;
        }
        write!(f, "{:width$}  {:>12}  {:>9}", "total", "", self.dim())
    }
}
