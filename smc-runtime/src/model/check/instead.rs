//! The rules of names that other libraries have: a type that is a field by name alone, and a prior in the place of the
//! likelihood.

use super::shape::ModelShape;
use super::text::Text;

impl ModelShape<'_> {
    /// Whether field number `at` is more than a name.
    ///
    /// # Errors
    /// The message for the user.
    pub const fn is_field(&self, at: usize) -> Result<(), Text> {
        let field = &self.fields[at];
        match field.instead {
            None => Ok(()),
            Some(instead) => Err(Text::new()
                .field(self.name, field)
                .str(" is not a field of a model; ")
                .str(instead)),
        }
    }
}

/// Whether what stands in the place of the likelihood is one.
///
/// # Errors
/// The message for the user.
pub const fn is_likelihood(name: &str, is_prior: bool) -> Result<(), Text> {
    if !is_prior {
        return Ok(());
    }
    Err(Text::new().str("`").str(name).str(
        "` is a prior alone; the likelihoods are `Normal`, `StudentT`, `Laplace`, `Bernoulli`, `Categorical`, `Poisson`, `NegativeBinomial`, and your own that implement `Univariate`",
    ))
}
