//! The rule of the chain: a layer takes what the one before it gives.

use super::shape::{FieldShape, ModelShape};
use super::text::Text;
use crate::model::rule::{Dyn, Rule};

impl ModelShape<'_> {
    /// Whether field number `at` takes what the fields before it give.
    ///
    /// # Errors
    /// The message for the user.
    pub const fn chain(&self, at: usize) -> Result<(), Text> {
        let field = &self.fields[at];
        let Some((takes, gives)) = field.rule.ends() else {
            return match field.rule {
                Rule::Parameter if field.elements == 0 => Err(self.zero(field)),
                _ => Ok(()),
            };
        };
        if takes.is_empty() || gives.is_empty() {
            return Err(self.zero(field));
        }
        let (before, giver) = self.shape_before(at);
        // A width of zero has been reported where it is declared.
        if before.is_empty() || before.len() == Dyn || takes.len() == Dyn || before.reads_as(takes)
        {
            return Ok(());
        }
        let text = Text::new()
            .field(self.name, field)
            .str(" takes ")
            .shape(takes, self.generics)
            .str(", but ");
        Err(match giver {
            Some(giver) => text.field(self.name, &self.fields[giver]),
            None => text.str("the data"),
        }
        .str(if giver.is_some() { " gives " } else { " have " })
        .shape(before, self.generics))
    }

    const fn zero(&self, field: &FieldShape<'_>) -> Text {
        let text = Text::new().field(self.name, field);
        text.str(" has a size of zero; every size must be at least 1")
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{TANH, layer, message};
    use super::super::{FieldShape, Generic, ModelShape};
    use crate::model::rule::{Dyn, Rule, Shape};

    #[test]
    fn a_mismatch_names_both_sides() {
        let fields = [
            layer("hidden", "Linear<11, 32>", 11, 32),
            TANH,
            layer("output", "Linear<64, 1>", 64, 1),
        ];
        let on = |features| ModelShape {
            name: "Wine",
            fields: &fields,
            features,
            generics: &[],
        };
        assert_eq!(
            message(on(Dyn).chain(2)),
            "`Wine.output: Linear<64, 1>` takes 64 features, but `Wine.activation: Tanh` gives 32 features"
        );
        assert_eq!(
            message(on(12).chain(0)),
            "`Wine.hidden: Linear<11, 32>` takes 11 features, but the data have 12 features"
        );
        assert_eq!(message(on(11).chain(0)), "");
    }

    #[test]
    fn shapes_that_differ_do_not_chain() {
        let image = |name, takes, gives| FieldShape {
            rule: Rule::Shaped {
                takes: Shape::Image {
                    channels: 1,
                    height: takes,
                    width: 28,
                },
                gives: Shape::Image {
                    channels: 1,
                    height: gives,
                    width: 14,
                },
            },
            ..layer(name, "Pool", 1, 1)
        };
        let fields = [
            image("first", 28, 14),
            TANH,
            image("second", 28, 7),
            layer("output", "Linear<98, 1>", 98, 1),
            layer("other", "Linear<99, 1>", 99, 1),
        ];
        let on = |features| ModelShape {
            name: "Net",
            fields: &fields,
            features,
            generics: &[],
        };
        // Flat pixels are an image of as many, and an image is as many flat numbers.
        assert_eq!(message(on(784).chain(0)), "");
        assert_eq!(message(on(784).chain(3)), "");
        assert_eq!(
            message(on(700).chain(0)),
            "`Net.first: Pool` takes 1x28x28, but the data have 700 features"
        );
        assert_eq!(
            message(on(784).chain(2)),
            "`Net.second: Pool` takes 1x28x28, but `Net.activation: Tanh` gives 1x14x14"
        );
    }

    #[test]
    fn generic_sizes_are_named() {
        let generics = [Generic {
            name: "H",
            prime: 1009,
        }];
        let fields = [
            layer("hidden", "Linear<2, H>", 2, 1009),
            layer("output", "Linear<7, 1>", 7, 1),
        ];
        let model = ModelShape {
            name: "M",
            fields: &fields,
            features: Dyn,
            generics: &generics,
        };
        assert_eq!(
            message(model.chain(1)),
            "`M.output: Linear<7, 1>` takes 7 features, but `M.hidden: Linear<2, H>` gives H features"
        );
    }
}
