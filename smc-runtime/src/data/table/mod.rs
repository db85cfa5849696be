//! Tables as text: which column is what, and how a file becomes a data set.

mod column;
mod columns;
mod declaration;
mod header;
mod parsed;
mod read;
mod schema;
mod texts;
mod words;

pub use column::Column;
pub use declaration::Table;
pub use schema::Schema;
