//! The draws of a posterior as a table of text, for tools that read nothing else.

use std::path::Path;

use super::Posterior;
use super::summary::element_name;
use crate::base::archive::write_whole;
use crate::base::error::Result;
use crate::model::Model;
use crate::model::transform::Support;

impl<M: Model> Posterior<M> {
    /// Writes the draws into the file at `path` as comma-separated values, a line for each: `chain` (or island) and `draw`, counted from 0,
    /// `log_weight` where draws have weights of their own, and every parameter on its natural scale under its name
    /// (`hidden.weight[0][3]`), with as many digits as bring the same bits back. Written whole or not at all, in the place of a file
    /// that is there.
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
    /// # let path = std::env::temp_dir().join(format!("draws-{}.csv", std::process::id()));
    /// let posterior = Line::infer(&data).with(mcmc().chains(2).warmup(10).draws(3)).run()?;
    /// posterior.to_csv(&path)?;
    /// let text = std::fs::read_to_string(&path).unwrap();
    /// assert!(text.starts_with("chain,draw,output.weight[0][0],output.bias[0]\n0,0,"));
    /// assert_eq!(text.lines().count(), 1 + 2 * 3);
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), with the path.
    pub fn to_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        let draws = self.positions();
        let groups = self.draws.groups().max(1);
        let each = (draws.len() / groups).max(1);
        let weights = self.log_weights();
        let weighted = weights.iter().any(|w| *w != weights[0]);
        let blocks = self.layout().blocks();
        write_whole(path.as_ref(), |out| {
            write!(
                out,
                "chain,draw{}",
                if weighted { ",log_weight" } else { "" }
            )?;
            for block in blocks {
                for element in block.range.clone() {
                    write!(out, ",{}", element_name(block, element))?;
                }
            }
            writeln!(out)?;
            for (i, weight) in weights.iter().enumerate() {
                write!(out, "{},{}", i / each, i % each)?;
                if weighted {
                    write!(out, ",{weight}")?;
                }
                let theta = draws.row(i);
                for block in blocks {
                    for &u in &theta[block.range.clone()] {
                        match block.support {
                            Support::Real => write!(out, ",{u}")?,
                            support => write!(out, ",{}", support.constrain(f64::from(u)))?,
                        }
                    }
                }
                writeln!(out)?;
            }
            Ok(())
        })?;
        Ok(())
    }
}
