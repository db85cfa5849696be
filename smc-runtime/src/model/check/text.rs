//! A text that const evaluation can build, and what it needs of strings there.

use super::shape::{FieldShape, Generic};
use crate::model::layout::Part;
use crate::model::rule::{Dyn, Shape};

/// A text that const evaluation can build.
#[derive(Clone, Copy)]
pub struct Text {
    bytes: [u8; 512],
    len: usize,
}

impl Text {
    pub(in crate::model) const fn new() -> Self {
        Self {
            bytes: [0; 512],
            len: 0,
        }
    }

    pub(super) const fn str(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut i = 0;
        while i < text.len() && self.len < self.bytes.len() {
            self.bytes[self.len] = text[i];
            self.len += 1;
            i += 1;
        }
        self
    }

    pub(super) const fn number(mut self, n: usize) -> Self {
        let mut digits = 1;
        let mut rest = n / 10;
        while rest > 0 {
            digits += 1;
            rest /= 10;
        }
        let mut place = self.len + digits;
        if place > self.bytes.len() {
            return self;
        }
        self.len = place;
        rest = n;
        while digits > 0 {
            place -= 1;
            self.bytes[place] = b'0' + (rest % 10) as u8;
            rest /= 10;
            digits -= 1;
        }
        self
    }

    /// A size: a generic parameter by its name, a run-time size as `Dyn`.
    pub(super) const fn size(self, n: usize, generics: &[Generic]) -> Self {
        if n == Dyn {
            return self.str("Dyn");
        }
        let mut i = 0;
        while i < generics.len() {
            if generics[i].prime == n {
                return self.str(generics[i].name);
            }
            i += 1;
        }
        self.number(n)
    }

    pub(super) const fn shape(self, shape: Shape, generics: &[Generic]) -> Self {
        match shape {
            Shape::Features(n) => self.features(n, generics),
            Shape::Image {
                channels,
                height,
                width,
            } => self
                .size(channels, generics)
                .str("x")
                .size(height, generics)
                .str("x")
                .size(width, generics),
            Shape::Sequence { steps, features } => {
                self.size(steps, generics).str("x").size(features, generics)
            }
        }
    }

    pub(super) const fn features(self, n: usize, generics: &[Generic]) -> Self {
        self.size(n, generics)
            .str(if n == 1 { " feature" } else { " features" })
    }

    /// `` `Model.field: Type` ``
    pub(in crate::model) const fn field(self, model: &str, field: &FieldShape<'_>) -> Self {
        self.str("`")
            .str(model)
            .str(".")
            .str(field.name)
            .str(": ")
            .str(field.ty)
            .str("`")
    }

    /// `` `weight`, `bias` ``
    pub(super) const fn parts(mut self, parts: &[Part]) -> Self {
        let mut i = 0;
        while i < parts.len() {
            if i > 0 {
                self = self.str(", ");
            }
            self = self.str("`").str(parts[i].name).str("`");
            i += 1;
        }
        self
    }

    /// The text.
    pub const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            // A text that was too long ends inside a character.
            Err(error) => match std::str::from_utf8(self.bytes.split_at(error.valid_up_to()).0) {
                Ok(text) => text,
                Err(_) => "",
            },
        }
    }
}

pub(super) const fn is_among(names: &[&str], name: &str) -> bool {
    let mut i = 0;
    while i < names.len() {
        if same(names[i], name) {
            return true;
        }
        i += 1;
    }
    false
}

/// Whether one is the other with a letter more, less or changed, or with two neighbours in the wrong order.
pub(super) const fn is_near(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    if short.len() < 3 || long.len() - short.len() > 1 {
        return false;
    }
    let mut first = 0;
    while first < short.len() && short[first] == long[first] {
        first += 1;
    }
    let mut last = 0;
    while last < short.len() - first && short[short.len() - 1 - last] == long[long.len() - 1 - last]
    {
        last += 1;
    }
    let differ = long.len() - first - last;
    differ < 2
        || (differ == 2
            && short.len() == long.len()
            && short[first] == long[first + 1]
            && short[first + 1] == long[first])
}

pub(super) const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_one_slip_apart() {
        for near in ["mena", "men", "means", "moan", "mean", "xmean"] {
            assert!(is_near("mean", near) && is_near(near, "mean"), "{near}");
        }
        for far in ["me", "name", "sd", "", "meaning", "naem"] {
            assert!(!is_near("mean", far) && !is_near(far, "mean"), "{far}");
        }
        assert!(!is_near("sd", "ds"));
    }

    #[test]
    fn a_text_that_is_too_long_ends_with_a_whole_character() {
        let text = (0..300).fold(Text::new().str("x"), |text, _| text.str("é"));
        assert_eq!(text.as_str(), format!("x{}", "é".repeat(255)));
        assert_eq!(Text::new().number(0).number(120).as_str(), "0120");
    }
}
