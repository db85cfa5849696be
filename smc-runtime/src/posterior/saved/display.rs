//! What is in a file, for a terminal.

use std::fmt;

use super::Content;

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = &self.model;
        writeln!(f, "model       {}, {} features", model.name, model.features)?;
        for (name, what) in &model.fields {
            writeln!(f, "            {name}: {what}")?;
        }
        for (name, what) in model.parameters.iter().filter(|(n, _)| !n.contains('.')) {
            writeln!(f, "            {name}: {what}")?;
        }
        for (name, value) in &model.given {
            writeln!(f, "            {name} = {value}")?;
        }
        writeln!(f, "likelihood  {}", model.likelihood)?;
        let half = if self.half {
            ", half of every number"
        } else {
            ""
        };
        writeln!(
            f,
            "posterior   {} draws of {} parameters{half}: {}",
            self.draws, self.parameters, self.form
        )?;
        for (name, value) in &self.notes {
            writeln!(f, "{name:<11} {value}")?;
        }
        if !self.names.is_empty() {
            writeln!(f, "columns     {}", self.names.join(", "))?;
        }
        if !self.classes.is_empty() {
            writeln!(f, "classes     {}", self.classes.join(", "))?;
        }
        writeln!(f, "settings    {}, seed {}", self.settings, self.seed)?;
        write!(f, "{}", self.report)
    }
}
