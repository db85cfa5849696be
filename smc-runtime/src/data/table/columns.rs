//! The columns of a table that is read: their names, what the fields of each are, and the features that come from them.

use std::collections::HashMap;

use super::words::quoted;
use crate::base::error::Result;
use crate::data::levels::Levels;
use crate::data::records::Records;

/// What the fields of a column are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ColumnRole {
    /// A feature, or the target.
    Number,
    /// A categorical feature, or a target of labels.
    Levels(Levels),
    Offset,
    Weight,
    Ignored,
}

/// The columns of a table, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// None of a table without a header.
    pub(super) names: Option<Vec<String>>,
    /// The number of the target, which is behind the last column where the table lacks it.
    pub(super) target: usize,
    /// One for each column.
    pub(super) roles: Vec<ColumnRole>,
}

impl Columns {
    /// The same columns without the target.
    pub(super) fn without_target(mut self) -> Self {
        self.roles.remove(self.target);
        if let Some(names) = &mut self.names {
            names.remove(self.target);
        }
        self.target = self.roles.len();
        self
    }

    /// The same columns, of which the target is not looked at.
    pub(super) fn with_target_ignored(mut self) -> Self {
        self.roles[self.target] = ColumnRole::Ignored;
        self
    }

    /// Whether no two columns that are read have one name; `records` are at the header.
    pub(super) fn check_names(&self, records: &Records<'_>) -> Result<()> {
        let mut seen = HashMap::new();
        let read = self.names.iter().flatten().zip(&self.roles).enumerate();
        for (column, (name, _)) in
            read.filter(|(_, (name, role))| **role != ColumnRole::Ignored && !name.is_empty())
        {
            if let Some(first) = seen.insert(name, column) {
                return Err(records.wrong(
                    format!("line {}", records.line()),
                    "a name of its own for every column that is not ignored",
                    format!("{} for the columns {first} and {column}", quoted(name)),
                ));
            }
        }
        Ok(())
    }

    /// The columns that features come from, in order.
    pub(super) fn stored(&self) -> impl Iterator<Item = usize> {
        let roles = self.roles.iter().enumerate();
        let feature = |column: usize, role: &ColumnRole| {
            column != self.target && matches!(role, ColumnRole::Number | ColumnRole::Levels(_))
        };
        roles
            .filter(move |(column, role)| feature(*column, role))
            .map(|(column, _)| column)
    }

    /// The names of the features: a column's own, or one for each of its levels.
    pub(super) fn feature_names(&self) -> Vec<String> {
        let mut all = Vec::new();
        for column in self.stored() {
            let name = match &self.names {
                Some(names) => names[column].clone(),
                None => column.to_string(),
            };
            match &self.roles[column] {
                ColumnRole::Levels(levels) => {
                    all.extend(levels.texts().iter().map(|level| format!("{name}={level}")));
                }
                _ => all.push(name),
            }
        }
        all
    }
}
