//! Which rows a data set has, as a number for each: enough to tell whether another data set has them too.

use super::dataset::Dataset;
use crate::base::fingerprint::fingerprint;
use serde::{Deserialize, Serialize};

/// The rows of a data set, features and target, each as a number of 64 bits that stands for it; in order. Zero and minus
/// zero are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen(Vec<u64>);

impl Seen {
    /// The rows of `data`; none of rows without features, which are all alike.
    pub(crate) fn of(data: &Dataset) -> Self {
        let mut rows: Vec<u64> = numbers(data).collect();
        rows.sort_unstable();
        rows.dedup();
        Self(rows)
    }

    /// The numbers, in order.
    pub(crate) fn numbers(&self) -> &[u64] {
        &self.0
    }

    /// Of such numbers.
    pub(crate) fn of_numbers(mut numbers: Vec<u64>) -> Self {
        numbers.sort_unstable();
        Self(numbers)
    }

    /// How many rows of `data` are among these. Its columns are those of the data set that these are of, in the same order and
    /// centred alike, as [`Dataset::aligned`] gives them.
    pub(crate) fn count(&self, data: &Dataset) -> usize {
        let among = |row: &u64| self.0.binary_search(row).is_ok();
        numbers(data).filter(among).count()
    }
}

/// A number for each row.
fn numbers(data: &Dataset) -> impl Iterator<Item = u64> {
    let rows = if data.columns() == 0 { 0 } else { data.rows() };
    (0..rows).map(|i| {
        let row = data.row(i).iter().chain([&data.targets()[i]]);
        // −0 + 0 = 0.
        fingerprint(row.map(|x| u64::from((x + 0.0).to_bits())))
    })
}

impl Dataset {
    /// How many rows of `test` are rows of this data set too, with the same features and the same target: a score on them
    /// flatters. Zero and minus zero are the same. Columns are matched by name where both have names, and data of other
    /// columns share no row; nor do rows without features.
    ///
    /// ```
    /// use smc_runtime::Dataset;
    /// let train = Dataset::new(1, vec![1.0, 2.0, 3.0], vec![0.0, 1.0, 0.0])?;
    /// let test = Dataset::new(1, vec![3.0, 3.0, 4.0], vec![0.0, 1.0, 0.0])?;
    /// assert_eq!(train.shared_rows(&test), 1);
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    pub fn shared_rows(&self, test: &Self) -> usize {
        let inputs = self.inputs();
        match test.aligned(inputs.given_names(), inputs.shifts()) {
            Ok(test) => Seen::of(self).count(&test),
            Err(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn data(rows: &[(i8, i8, i8)]) -> Dataset {
        // A sign of its own for zeros.
        let number = |x: i8, i: usize| {
            if x == 0 && i.is_multiple_of(2) {
                -0.0
            } else {
                f32::from(x)
            }
        };
        let features = rows.iter().enumerate();
        let features = features.flat_map(|(i, r)| [number(r.0, i), number(r.1, i + 1)]);
        let targets = rows.iter().map(|r| f32::from(r.2)).collect();
        Dataset::new(2, features.collect(), targets).unwrap()
    }

    proptest! {
        #[test]
        fn a_row_is_shared_if_it_equals_one(
            train in prop::collection::vec((-2i8..3, -2i8..3, 0i8..2), 1..20),
            test in prop::collection::vec((-2i8..3, -2i8..3, 0i8..2), 1..20),
        ) {
            let expected = test.iter().filter(|row| train.contains(row)).count();
            prop_assert_eq!(data(&train).shared_rows(&data(&test)), expected);
            // By name, whatever the order of the columns.
            let named = data(&train).with_names(["a", "b"]).unwrap();
            let turned: Vec<_> = test.iter().map(|r| (r.1, r.0, r.2)).collect();
            let turned = data(&turned).with_names(["b", "a"]).unwrap();
            prop_assert_eq!(named.shared_rows(&turned), expected);
        }
    }

    #[test]
    fn rows_of_other_columns_or_of_none_are_not_shared() {
        let names = |names: [&str; 2]| data(&[(1, 2, 1)]).with_names(names).unwrap();
        assert_eq!(names(["a", "b"]).shared_rows(&names(["a", "c"])), 0);
        let none = Dataset::new(0, vec![], vec![1.0]).unwrap();
        assert_eq!(none.shared_rows(&none), 0);
        let narrow = Dataset::new(1, vec![1.0], vec![2.0]).unwrap();
        assert_eq!(data(&[(1, 2, 1)]).shared_rows(&narrow), 0);
    }
}
