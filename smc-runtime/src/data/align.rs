//! The columns of one data set as another has them: in the same order, by name, and centred alike.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::dataset::Dataset;
use super::features::Features;
use super::shift::{Shift, shift_of};
use super::words::{differences, quoted};
use crate::base::error::{Error, Result};

impl Features {
    /// These features with the columns `names`, of which those in `shifts` are stored centred: the
    /// [`Features::given_names`] and the [`Features::shifts`] of the data that a model has learned from. Columns in another
    /// order are brought into this one. Where either side has no names, columns are matched by position, and their number is
    /// not looked at.
    ///
    /// # Errors
    /// If both sides are named, and a name is on one side alone or, unless the names are the same one by one, twice on a
    /// side; and if a value that is centred anew is not finite.
    pub(crate) fn aligned(&self, names: &[String], shifts: &[Shift]) -> Result<Cow<'_, Self>> {
        let mut features = Cow::Borrowed(self);
        if self.is_named() && !names.is_empty() && self.names() != names {
            features = Cow::Owned(self.with_columns(&order(self.names(), names)?));
        }
        if features.shifts() == shifts || shifts.iter().any(|s| s.column >= features.columns()) {
            return Ok(features);
        }
        Ok(Cow::Owned(features.into_owned().centred_by(shifts)?))
    }
}

impl Dataset {
    /// As [`Features::aligned`], of the features of this data set.
    ///
    /// # Errors
    /// As [`Features::aligned`].
    pub(crate) fn aligned(&self, names: &[String], shifts: &[Shift]) -> Result<Cow<'_, Self>> {
        Ok(match self.inputs.aligned(names, shifts)? {
            Cow::Borrowed(_) => Cow::Borrowed(self),
            Cow::Owned(inputs) => Cow::Owned(self.with_inputs(inputs)),
        })
    }
}

impl Features {
    /// With the same numbers, stored less what `shifts` say.
    fn centred_by(self, shifts: &[Shift]) -> Result<Self> {
        let own = self.shifts().to_vec();
        let mut moved: Vec<usize> = own.iter().chain(shifts).map(|s| s.column).collect();
        moved.sort_unstable();
        moved.dedup();
        let by = |&column: &usize| (column, shift_of(&own, column) - shift_of(shifts, column));
        let moved: Vec<(usize, f64)> = moved.iter().map(by).filter(|m| m.1 != 0.0).collect();
        let features = self.with_rows_changed(|row| {
            for &(column, by) in &moved {
                row[column] = (f64::from(row[column]) + by) as f32;
            }
        })?;
        Ok(features.with_shifts(shifts.to_vec()))
    }
}

/// The place in `found` of each of the names `learned`.
fn order(found: &[String], learned: &[String]) -> Result<Vec<usize>> {
    const WHAT: &str = "features by name";
    for (names, whose) in [(learned, "the data learned from"), (found, "these")] {
        let mut seen = HashSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
            return Err(Error::shape(
                WHAT,
                "a name of its own for every column, or the same names one by one",
                format!("{} twice in {whose}", quoted(twice)),
            ));
        }
    }
    let places: HashMap<&String, usize> = found.iter().zip(0..).collect();
    let known: HashSet<&String> = learned.iter().collect();
    let missing = learned.iter().filter(|name| !places.contains_key(name));
    let missing: Vec<String> = missing.cloned().collect();
    let new = found.iter().filter(|name| !known.contains(name));
    let new: Vec<String> = new.cloned().collect();
    if missing.is_empty() && new.is_empty() {
        return Ok(learned.iter().map(|name| places[name]).collect());
    }
    Err(Error::shape(
        WHAT,
        format!(
            "the {} columns of the data learned from, in any order",
            learned.len()
        ),
        differences(&missing, &new),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(names: &[&str], values: &[f32]) -> Features {
        let features = Features::new(names.len(), values.to_vec()).unwrap();
        features.with_names(names.to_vec()).unwrap()
    }

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn shift(column: usize, by: f64) -> Shift {
        let merged = 0;
        Shift { column, by, merged }
    }

    #[test]
    fn columns_are_found_by_name_and_left_alone_without() {
        let found = named(&["b", "a"], &[1.0, 2.0, 3.0, 4.0]);
        let aligned = found.aligned(&texts(&["a", "b"]), &[]).unwrap();
        assert_eq!(*aligned, named(&["a", "b"], &[2.0, 1.0, 4.0, 3.0]));
        for same in [texts(&["b", "a"]), Vec::new()] {
            let aligned = found.aligned(&same, &[]).unwrap();
            assert!(matches!(aligned, Cow::Borrowed(_)), "{same:?}");
        }
        let plain = Features::new(2, vec![1.0, 2.0]).unwrap();
        assert!(!plain.is_named() && found.is_named());
        let aligned = plain.aligned(&texts(&["a", "b"]), &[]).unwrap();
        assert!(matches!(aligned, Cow::Borrowed(_)));
    }

    #[test]
    fn names_of_one_side_alone_are_named_and_double_ones_refused() {
        let error = |found: &[&str], learned: &[&str]| {
            let values = vec![0.0; found.len()];
            let aligned = named(found, &values)
                .aligned(&texts(learned), &[])
                .map(drop);
            aligned.unwrap_err().to_string()
        };
        assert_eq!(
            error(&["a", "d", "e"], &["a", "b", "c"]),
            "features by name: expected the 3 columns of the data learned from, in any order, found missing: `b`, `c`; new: `d`, `e`"
        );
        assert_eq!(
            error(&["a"], &["b", "a"]),
            "features by name: expected the 2 columns of the data learned from, in any order, found missing: `b`"
        );
        let double = "features by name: expected a name of its own for every column, or the same names one by one, found `a` twice in";
        assert_eq!(
            error(&["a", "b", "a"], &["a", "b", "c"]),
            format!("{double} these")
        );
        assert_eq!(
            error(&["a", "b", "c"], &["a", "a", "b"]),
            format!("{double} the data learned from")
        );
        let equal = named(&["a", "a"], &[1.0, 2.0]);
        assert!(equal.aligned(&texts(&["a", "a"]), &[]).is_ok());
    }

    proptest! {
        #[test]
        fn alignment_keeps_every_number_under_its_name_and_goes_with_its_row(
            numbers in prop::collection::vec(-1000i32..1000, 6..30),
            own in prop::collection::vec(-500i32..500, 3), other in prop::collection::vec(-500i32..500, 3),
            order in Just(vec![0usize, 1, 2]).prop_shuffle(),
        ) {
            let rows = numbers.len() / 3;
            let values = |shifts: &[i32], order: &[usize]| -> Vec<f32> {
                let cell = |i: usize, c: usize| (numbers[3 * i + c] - shifts[c]) as f32;
                (0..rows).flat_map(|i| order.iter().map(move |&c| cell(i, c))).collect()
            };
            let names = ["a", "b", "c"];
            let shifts = |shifts: &[i32], order: &[usize]| -> Vec<Shift> {
                order.iter().enumerate().map(|(at, &c)| shift(at, f64::from(shifts[c]))).collect()
            };
            let turned: Vec<&str> = order.iter().map(|&c| names[c]).collect();
            let found = named(&turned, &values(&own, &order)).with_shifts(shifts(&own, &order));
            let learned = named(&names, &values(&other, &[0, 1, 2])).with_shifts(shifts(&other, &[0, 1, 2]));
            let aligned = found.aligned(learned.given_names(), learned.shifts()).unwrap();
            prop_assert_eq!(&*aligned, &learned);
            // Without shifts, as data made by hand.
            let plain = named(&names, &values(&[0; 3], &[0, 1, 2]));
            prop_assert_eq!(&*plain.aligned(learned.given_names(), learned.shifts()).unwrap(), &learned);
            prop_assert_eq!(&*found.aligned(plain.given_names(), &[]).unwrap(), &plain);
        }
    }

    #[test]
    fn a_data_set_is_aligned_with_its_targets() {
        let data = named(&["b", "a"], &[1.0, 2.0])
            .with_targets(vec![5.0])
            .unwrap();
        let data = data.with_weights(vec![2.0]).unwrap();
        let aligned = data.aligned(&texts(&["a", "b"]), &[]).unwrap();
        assert_eq!((aligned.row(0), aligned.target(0)), (&[2.0, 1.0][..], 5.0));
        assert_eq!(aligned.weights(), Some(&[2.0][..]));
    }
}
