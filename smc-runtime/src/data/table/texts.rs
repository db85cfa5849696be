//! Which columns of a table hold texts, to be declared.

use std::path::Path;

use super::column::Column;
use super::declaration::Table;
use super::header::opened;
use crate::base::error::Result;
use crate::data::source::Source;

impl Table {
    /// The columns of the file `path` in which a field is neither a number nor empty, by name if there is a header, for
    /// [`Table::categorical`]; not the target, nor what is ignored. One `?` among numbers makes a column such a one: say
    /// aloud what is done with the result.
    ///
    /// ```
    /// use smc_runtime::data::{Column, Table};
    ///
    /// # let folder = std::env::temp_dir().join(format!("smc-table-texts-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// let path = folder.join("train.csv");
    /// std::fs::write(&path, "size,doors,colour,kind\n1,2,red,plum\n2,5more,green,apple\n").unwrap();
    /// let texts = Table::new().texts(&path)?;
    /// assert_eq!(texts, ["doors", "colour"].map(Column::from));
    /// assert_eq!(Table::new().classes().categorical(texts).read(&path)?.columns(), 5);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be read or is empty, or has no such target or column to ignore.
    pub fn texts(&self, path: impl AsRef<Path>) -> Result<Vec<Column>> {
        self.texts_of(Source::open(path.as_ref())?)
    }

    fn texts_of(&self, source: Source<'_>) -> Result<Vec<Column>> {
        let (mut records, names) = opened(source, self.separator, self.header)?;
        let width = records.width();
        let mut text = vec![false; width];
        let others = [(&self.target, "the target")];
        let ignored = self.ignored.iter().map(|c| (c, "a column to ignore"));
        let others = others.into_iter().chain(ignored);
        let others = others.map(|(c, what)| c.position(what, &records, names.as_deref()));
        let others = others.collect::<Result<Vec<_>>>()?;
        let mut more = names.is_none() || records.advance()?;
        while more {
            for (i, text) in text.iter_mut().enumerate().take(records.width()) {
                let field = records.field(i);
                *text |= !field.is_empty() && field.parse::<f32>().is_err();
            }
            more = records.advance()?;
        }
        let found = (0..width).filter(|i| text[*i] && !others.contains(i));
        Ok(found
            .map(|i| match &names {
                Some(names) => Column::Named(names[i].clone()),
                None => Column::Number(i),
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_texts_are_found_and_nothing_else_is() {
        let texts = |table: Table, text: &str| {
            let source = Source::named("test", text.as_bytes()).unwrap();
            table.texts_of(source).map_err(|e| e.to_string())
        };
        let text = "id,a,b,c,d,y\nr1,1,x,2,,no\nr2,,y,?,nan,yes\n";
        let named = ["b", "c"].map(Column::from).to_vec();
        assert_eq!(texts(Table::new().ignore(["id"]), text), Ok(named));
        let numbered = vec![Column::Number(0), Column::Number(2)];
        assert_eq!(texts(Table::new(), "r1,1,x,2\nr2,2,y,1\n"), Ok(numbered));
        assert_eq!(texts(Table::new(), "a,b\n1,2\n"), Ok(vec![]));
        assert_eq!(
            texts(Table::new().target("z"), "a,b\n1,2\n").unwrap_err(),
            "test, line 1: expected a column `z` for the target, found `a`, `b`"
        );
    }
}
