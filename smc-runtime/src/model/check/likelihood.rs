//! The rules of the likelihood: what its keys can take of the model, and that it uses every output.

use super::keys::{Key, Takes};
use super::shape::{FieldShape, ModelShape};
use super::text::Text;
use crate::model::rule::{Dyn, Rule};

/// How a key of the likelihood uses a field.
#[derive(Clone, Copy, Debug)]
pub enum Use {
    /// All of it.
    Whole,
    /// e to the power of all of it.
    Exponential,
    /// Output number so-and-so.
    Column(usize),
    /// As part of an expression that is not a field or its exponential; how many numbers it takes is its own affair.
    Inside,
}

impl ModelShape<'_> {
    /// Whether the likelihood's key `key` can take field number `at` as `used`.
    ///
    /// # Errors
    /// The message for the user.
    pub const fn head(
        &self,
        at: usize,
        used: Use,
        likelihood: &str,
        key: &Key,
    ) -> Result<(), Text> {
        let text = Text::new();
        if matches!(self.fields[at].rule, Rule::Parameter) {
            return self.parameter(&self.fields[at], used, likelihood, key);
        }
        if at != self.last_of_chain() {
            return Err(text
            .field(self.name, &self.fields[at])
            .str(" is not the last of the chain; the likelihood can name only the network's output and parameters"));
        }
        let (width, _) = self.width_before(at + 1);
        // A width of zero has been reported where it is declared.
        if width == Dyn || width == 0 {
            return Ok(());
        }
        match (used, key.takes) {
            (Use::Whole | Use::Exponential, Takes::Column) if width != 1 => {
                Err(takes(text, likelihood, key)
                    .str(", but ")
                    .field(self.name, &self.fields[at])
                    .str(" gives ")
                    .features(width, self.generics)
                    .str("; pick one as `")
                    .str(self.fields[at].name)
                    .str("[0]`"))
            }
            (Use::Whole, Takes::Row) if width < 2 => Err(takes(text, likelihood, key)
                .str(", but ")
                .field(self.name, &self.fields[at])
                .str(" gives ")
                .features(width, self.generics)),
            (Use::Column(_), Takes::Row) => Err(takes(text, likelihood, key)
                .str("; write `")
                .str(self.fields[at].name)
                .str("` without an index")),
            (Use::Exponential | Use::Inside, Takes::Row) => Err(takes(text, likelihood, key)
                .str("; write `")
                .str(self.fields[at].name)
                .str("` alone, not an expression of it")),
            (Use::Column(column), Takes::Column) if column >= width => Err(text
                .str("`")
                .str(self.fields[at].name)
                .str("[")
                .number(column)
                .str("]` does not exist: ")
                .field(self.name, &self.fields[at])
                .str(" gives ")
                .features(width, self.generics)
                .str(", counted from 0")),
            _ => Ok(()),
        }
    }

    /// As [`ModelShape::head`], for a parameter.
    const fn parameter(
        &self,
        field: &FieldShape<'_>,
        used: Use,
        likelihood: &str,
        key: &Key,
    ) -> Result<(), Text> {
        let (text, elements) = (Text::new(), field.elements);
        match (used, key.takes) {
            (_, Takes::Row) => Err(takes(text, likelihood, key)
                .str(", but ")
                .field(self.name, field)
                .str(" is a parameter")),
            (Use::Column(_), _) if elements == 1 => Err(text
                .field(self.name, field)
                .str(" is one number; write it without an index")),
            (Use::Column(column), _) if column >= elements => Err(text
                .str("`")
                .str(field.name)
                .str("[")
                .number(column)
                .str("]` does not exist: ")
                .field(self.name, field)
                .str(" has ")
                .size(elements, self.generics)
                .str(" elements, counted from 0")),
            // Of a length of zero the field itself is reported.
            (Use::Whole | Use::Exponential | Use::Inside, _) if elements > 1 => Err(text
                .field(self.name, field)
                .str(" has ")
                .size(elements, self.generics)
                .str(" elements; pick one as `")
                .str(field.name)
                .str("[0]`")),
            _ => Ok(()),
        }
    }

    /// Whether the likelihood, which has the keys `keys` and uses the fields `uses`, uses every output of the network.
    ///
    /// # Errors
    /// The message for the user.
    pub const fn unused(&self, uses: &[(usize, Use)], keys: &[Key]) -> Result<(), Text> {
        let last = self.last_of_chain();
        if matches!(self.fields[last].rule, Rule::Parameter) {
            return Ok(());
        }
        let (width, _) = self.width_before(last + 1);
        let mut columns = false;
        let mut i = 0;
        while i < uses.len() {
            let (field, used) = uses[i];
            if field == last {
                match used {
                    // A column too many has been reported where it stands.
                    Use::Column(column) if column < width => columns = true,
                    Use::Column(_) | Use::Whole | Use::Exponential | Use::Inside => {
                        return Ok(());
                    }
                }
            } else if !matches!(self.fields[field].rule, Rule::Parameter) {
                // So has a layer in place of the output.
                return Ok(());
            }
            i += 1;
        }
        if !columns {
            return Err(Text::new()
                .field(self.name, &self.fields[last])
                .str(" is the network's output, but the likelihood does not use `")
                .str(self.fields[last].name)
                .str("`"));
        }
        if width == Dyn || self.is_generic(width) || takes_row(keys) {
            return Ok(());
        }
        let mut column = 0;
        while column < width {
            if !uses_column(uses, last, column) {
                return Err(Text::new()
                    .field(self.name, &self.fields[last])
                    .str(" gives ")
                    .features(width, self.generics)
                    .str(", but the likelihood does not use `")
                    .str(self.fields[last].name)
                    .str("[")
                    .number(column)
                    .str("]`"));
            }
            column += 1;
        }
        Ok(())
    }
}

/// Whether a key takes all outputs; a single one in its place has been reported where it stands.
const fn takes_row(keys: &[Key]) -> bool {
    let mut i = 0;
    while i < keys.len() {
        if matches!(keys[i].takes, Takes::Row) {
            return true;
        }
        i += 1;
    }
    false
}

const fn uses_column(uses: &[(usize, Use)], at: usize, column: usize) -> bool {
    let mut i = 0;
    while i < uses.len() {
        if let (field, Use::Column(used)) = uses[i]
            && field == at
            && used == column
        {
            return true;
        }
        i += 1;
    }
    false
}

const fn takes(text: Text, likelihood: &str, key: &Key) -> Text {
    text.str("`")
        .str(key.name)
        .str("` of `")
        .str(likelihood)
        .str("` takes ")
        .str(match key.takes {
            Takes::Column => "one number per row",
            Takes::Row => "all outputs of a row, at least two",
        })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{layer, message};
    use super::*;

    #[test]
    fn an_unused_output_is_named() {
        let fields = [layer("output", "Linear<3, 2>", 3, 2)];
        let model = ModelShape {
            name: "M",
            fields: &fields,
            features: Dyn,
            generics: &[],
        };
        let unused = |uses: &[(usize, Use)]| message(model.unused(uses, &[]));
        assert!(unused(&[(0, Use::Column(0))]).contains("does not use `output[1]`"));
        assert_eq!(unused(&[(0, Use::Column(1)), (0, Use::Column(0))]), "");
        assert_eq!(unused(&[(0, Use::Column(0)), (0, Use::Inside)]), "");
        assert!(unused(&[]).contains("does not use `output`"));
    }
}
