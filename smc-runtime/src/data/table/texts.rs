//! Which columns of a table hold texts, to be declared.

use std::path::Path;

use super::column::Column;
use super::declaration::Table;
use super::header::opened;
use super::missing;
use crate::base::error::Result;
use crate::data::source::Source;

impl Table {
    /// The columns of the file `path` that are declared categorical, and those in which most fields are no numbers, missing
    /// values aside: by name if there is a header, for [`Table::categorical`]. Not among them are the target, the offset, the
    /// weight and what is ignored. In a column of numbers a few fields that are none are then an error with its place.
    ///
    /// ```
    /// use smc_runtime::data::{Column, Table};
    ///
    /// # let folder = std::env::temp_dir().join(format!("smc-table-texts-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// let path = folder.join("train.csv");
    /// std::fs::write(&path, "size,doors,colour,kind\n1,four,red,plum\n2,5more,green,apple\n").unwrap();
    /// let texts = Table::new().texts(&path)?;
    /// assert_eq!(texts, ["doors", "colour"].map(Column::from));
    /// assert_eq!(Table::new().classes().categorical(texts).read(&path)?.columns(), 5);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be read or is empty, or has no such target, offset, weight or column to ignore.
    pub fn texts(&self, path: impl AsRef<Path>) -> Result<Vec<Column>> {
        self.texts_of(Source::open(path.as_ref())?)
    }

    fn texts_of(&self, source: Source<'_>) -> Result<Vec<Column>> {
        let (mut records, names) = opened(source, self.separator, self.header)?;
        let width = records.width();
        // Fields that are no numbers, less those that are.
        let mut surplus = vec![0i64; width];
        let place = |what| move |column: &Column| (column.clone(), what);
        let others = [
            Some((self.target.clone(), "the target")),
            self.offset.as_ref().map(place("the offset")),
            self.weight.as_ref().map(place("the weight")),
        ];
        let ignored = self.ignored.iter().map(place("a column to ignore"));
        let others: Vec<(Column, &str)> = others.into_iter().flatten().chain(ignored).collect();
        let declared = self.categorical.iter();
        let declared = declared.map(place("a categorical feature")).collect();
        let find = |columns: Vec<(Column, &str)>| -> Result<Vec<usize>> {
            let columns = columns.iter();
            columns
                .map(|(c, what)| c.position(what, &records, names.as_deref()))
                .collect()
        };
        let (others, declared) = (find(others)?, find(declared)?);
        let mut more = names.is_none() || records.advance()?;
        while more {
            for (i, surplus) in surplus.iter_mut().enumerate().take(records.width()) {
                let field = records.field(i);
                if !missing::is_mark(field) {
                    *surplus += if field.parse::<f64>().is_err() { 1 } else { -1 };
                }
            }
            more = records.advance()?;
        }
        let text = |i: &usize| surplus[*i] > 0 || declared.contains(i);
        let found = (0..width).filter(|i| text(i) && !others.contains(i));
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
        let named = |names: &[&str]| Ok(names.iter().map(|&n| Column::from(n)).collect());
        let table = Table::new().ignore(["id"]);
        assert_eq!(texts(table.clone(), text), named(&["b"]));
        let declared = table.categorical(["a"]);
        assert_eq!(texts(declared, text), named(&["a", "b"]));
        // Most fields, of those that are there: of `a` two of three, of `b` one of two and of `c` one of three.
        let text = "a,b,c,y\nx,x,x,1\ny,2,2,1\n3,,3,1\n?,NA,,1\n";
        assert_eq!(texts(Table::new(), text), named(&["a"]));
        let weighted = Table::new().weight("a");
        assert_eq!(texts(weighted, text), named(&[]));
        let numbered = vec![Column::Number(0), Column::Number(2)];
        assert_eq!(texts(Table::new(), "r1,1,x,2\nr2,2,y,1\n"), Ok(numbered));
        assert_eq!(texts(Table::new(), "a,b\n1,2\n"), Ok(vec![]));
        assert_eq!(
            texts(Table::new().target("z"), "a,b\n1,2\n").unwrap_err(),
            "test, line 1: expected a column `z` for the target, found `a`, `b`"
        );
    }
}
