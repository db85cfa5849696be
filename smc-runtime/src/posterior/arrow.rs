//! The draws of a posterior as a table of Apache Arrow, for data frames.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Float64Array, RecordBatch, UInt32Array};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};

use super::Posterior;
use crate::base::archive::write_whole;
use crate::base::error::Result;
use crate::model::Model;
use crate::model::layout::Block;

/// Draws that are written together.
const TOGETHER: usize = 1024;

impl<M: Model> Posterior<M> {
    /// Writes the draws into the file at `path` in the IPC format of Apache Arrow (Feather), which `polars`, `pandas` and `pyarrow` read: a row for each draw, with `chain` (or island) and
    /// `draw`, counted from 0, `log_weight`, and every block of parameters on its natural scale as a column of its name: numbers, or lists of one length, row after row, whose sizes the
    /// column's metadata gives as `shape`. Written whole or not at all, in the place of a file that is there.
    ///
    /// ```
    /// use smc_runtime::prelude::*;
    /// # #[bayes_model]
    /// # #[likelihood(Normal(mean = output, sd = 0.5))]
    /// # struct Line {
    /// #     #[prior(Normal(0.0, 1.0))]
    /// #     output: Linear<1, 1>,
    /// # }
    /// # fn main() -> Result<()> {
    /// # let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
    /// # let path = std::env::temp_dir().join(format!("draws-{}.arrow", std::process::id()));
    /// let posterior = Line::infer(&data).with(mcmc().chains(2).warmup(10).draws(3)).run()?;
    /// posterior.to_arrow(&path)?; // polars.read_ipc("draws.arrow")
    /// assert_eq!(&std::fs::read(&path).unwrap()[..6], b"ARROW1");
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), with the path.
    pub fn to_arrow(&self, path: impl AsRef<Path>) -> Result<()> {
        let schema = Arc::new(self.arrow_schema());
        write_whole(path.as_ref(), |out| {
            let mut writer = FileWriter::try_new(out, &schema).map_err(failed)?;
            for first in (0..self.len()).step_by(TOGETHER) {
                let draws = first..self.len().min(first + TOGETHER);
                let columns = self.arrow_columns(draws).map_err(failed)?;
                let batch = RecordBatch::try_new(schema.clone(), columns).map_err(failed)?;
                writer.write(&batch).map_err(failed)?;
            }
            writer.finish().map_err(failed)
        })?;
        Ok(())
    }

    fn arrow_schema(&self) -> Schema {
        let column = |name: &str, of: DataType| Field::new(name, of, false);
        let mut fields = vec![
            column("chain", DataType::UInt32),
            column("draw", DataType::UInt32),
            column("log_weight", DataType::Float64),
        ];
        for block in self.layout().blocks() {
            let field = match list(block) {
                None => column(&block.name, DataType::Float64),
                Some(of) => {
                    let shape = format!("{:?}", block.shape);
                    let metadata = HashMap::from([("shape".to_owned(), shape)]);
                    column(&block.name, of).with_metadata(metadata)
                }
            };
            fields.push(field);
        }
        Schema::new(fields)
    }

    fn arrow_columns(
        &self,
        draws: std::ops::Range<usize>,
    ) -> std::result::Result<Vec<ArrayRef>, ArrowError> {
        let each = (self.len() / self.draws.groups().max(1)).max(1);
        let numbers = |of: fn(usize, usize) -> usize| -> ArrayRef {
            let numbers = draws.clone().map(|i| of(i, each) as u32);
            Arc::new(UInt32Array::from_iter_values(numbers))
        };
        let weights = self.log_weights()[draws.clone()].to_vec();
        let mut columns = vec![
            numbers(|i, each| i / each),
            numbers(|i, each| i % each),
            Arc::new(Float64Array::from(weights)),
        ];
        for block in self.layout().blocks() {
            let natural = |u: &f32| block.support.constrain(f64::from(*u));
            let values = draws.clone().flat_map(|i| {
                let own = &self.positions().row(i)[block.range.clone()];
                own.iter().map(natural)
            });
            let values = Float64Array::from_iter_values(values);
            columns.push(match list(block) {
                Some(DataType::FixedSizeList(item, size)) => Arc::new(FixedSizeListArray::try_new(
                    item,
                    size,
                    Arc::new(values),
                    None,
                )?),
                _ => Arc::new(values),
            });
        }
        Ok(columns)
    }
}

/// The type of a block that is more than a number.
fn list(block: &Block) -> Option<DataType> {
    let item = || Arc::new(Field::new("item", DataType::Float64, false));
    (!block.shape.is_empty()).then(|| DataType::FixedSizeList(item(), block.range.len() as i32))
}

fn failed(error: ArrowError) -> std::io::Error {
    std::io::Error::other(error)
}
