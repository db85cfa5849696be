//! How a model names its fields where it hands over priors: by name, or by number where the macro counted them.

use crate::model::check::no_field;
use crate::model::layout::Layout;

/// The most fields that one prior can name: one derivative lane each in [`Num`](crate::model::algebra::Num).
pub(super) const MOST_NAMED: usize = crate::model::algebra::LANES - 1;

/// What names a field of a model: its name, such as `"hidden"`.
pub trait FieldName: Copy {
    /// The field's number, if there is such a field.
    fn number(self, layout: &Layout) -> Option<usize>;

    /// The name in messages.
    fn shown(self) -> String;
}

impl FieldName for &str {
    fn number(self, layout: &Layout) -> Option<usize> {
        layout.field(self)
    }

    fn shown(self) -> String {
        self.to_owned()
    }
}

/// A field by its number, which generated code knows: priors are walked for every particle.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct FieldNumber(pub usize);

impl FieldName for FieldNumber {
    fn number(self, _: &Layout) -> Option<usize> {
        Some(self.0)
    }

    fn shown(self) -> String {
        format!("number {}", self.0)
    }
}

/// The numbers of the fields that a prior names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    fields: [usize; MOST_NAMED],
    len: usize,
}

impl Named {
    /// None of them.
    pub(super) const NONE: Self = Self {
        fields: [0; MOST_NAMED],
        len: 0,
    };

    /// The numbers of `names`, or what is wrong with them.
    pub(super) fn of<N: FieldName>(names: &[N], layout: &Layout) -> Result<Self, Mistake<N>> {
        let mut named = Self::NONE;
        for &name in names {
            let number = name.number(layout).ok_or(Mistake::Unknown(name))?;
            *named
                .fields
                .get_mut(named.len)
                .ok_or(Mistake::TooMany(names.len()))? = number;
            named.len += 1;
        }
        Ok(named)
    }

    pub(super) fn as_slice(&self) -> &[usize] {
        &self.fields[..self.len]
    }
}

/// Why names are no fields of a model.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mistake<N> {
    Unknown(N),
    TooMany(usize),
}

impl<N: FieldName> Mistake<N> {
    /// In words, for a model with the fields of `layout`.
    pub(super) fn text(self, layout: &Layout) -> String {
        match self {
            Self::Unknown(name) => no_field(&name.shown(), layout.fields()),
            Self::TooMany(n) => {
                format!("a prior can name at most {MOST_NAMED} parameters; this one names {n}")
            }
        }
    }
}
