//! What is known of a table, without what reads it.

use serde::{Deserialize, Serialize};

use super::columns::Columns;
use crate::data::records::Separator;

/// How the fields of a table stand, and what its columns are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::data) struct Learned {
    pub(super) separator: Option<Separator>,
    pub(super) header: Option<bool>,
    pub(super) columns: Columns,
}
