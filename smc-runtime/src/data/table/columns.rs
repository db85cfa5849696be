//! The columns of a table that is read: their names, what the fields of each are, and the features that come from them.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;

use super::exact::Centre;
use super::missing;
use crate::base::error::Result;
use crate::data::levels::Levels;
use crate::data::records::Records;
use crate::data::shift::Shift;
use crate::data::words::quoted;

/// What the fields of a column are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ColumnRole {
    /// A feature, or the target.
    Number,
    /// A categorical feature, or a target of labels.
    Levels(Levels),
    Offset,
    Weight,
    Ignored,
}

/// What is done to the values of a column on the way to its features.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Treatment {
    /// Whether missing values are filled.
    pub(super) filled: bool,
    /// What fills a missing number, in the units of the file: the median of those that were there.
    pub(super) median: f64,
    /// What is subtracted of each number, if anything is.
    pub(super) centre: Option<Centre>,
}

/// The columns of a table, in its order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Columns {
    /// None of a table without a header.
    pub(super) names: Option<Vec<String>>,
    /// The number of the target.
    pub(super) target: usize,
    /// One for each column.
    pub(super) roles: Vec<ColumnRole>,
    /// One for each column.
    pub(super) treatments: Vec<Treatment>,
    /// Whether rows with a missing value are left out.
    pub(super) drop_missing: bool,
    /// Whether labels become classes however many or odd they are.
    pub(super) any_classes: bool,
}

impl Columns {
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
                _ if self.treatments[column].filled => {
                    let indicator = format!("{name}={}", missing::LEVEL);
                    all.extend([name, indicator]);
                }
                _ => all.push(name),
            }
        }
        all
    }

    /// The features that are stored less a number.
    pub(super) fn shifts(&self) -> Vec<Shift> {
        let (mut shifts, mut feature) = (Vec::new(), 0);
        for column in self.stored() {
            let treatment = &self.treatments[column];
            if let ColumnRole::Levels(levels) = &self.roles[column] {
                feature += levels.len();
                continue;
            }
            shifts.extend(treatment.centre.map(|centre| Shift {
                column: feature,
                by: centre.shift,
                merged: centre.merged,
            }));
            feature += 1 + usize::from(treatment.filled);
        }
        shifts
    }

    /// Whether each feature is a column of numbers as it stands.
    pub(super) fn plain(&self) -> bool {
        let plain = |column: usize| {
            self.roles[column] == ColumnRole::Number && !self.treatments[column].filled
        };
        self.stored().all(plain)
    }
}
