//! Tables as text: which column is what, and how a file becomes a data set.

mod column;
mod columns;
mod declaration;
mod exact;
mod header;
mod labels;
mod learned;
mod missing;
mod parsed;
mod places;
mod read;
mod schema;
mod texts;

pub use column::Column;
pub use declaration::Table;
pub(super) use learned::Learned;
pub use schema::Schema;
