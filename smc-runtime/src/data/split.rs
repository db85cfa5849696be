//! Seeded splits of a data set: two parts or K folds, of any rows or with every class in its share.

use super::class::class;
use super::dataset::Dataset;
use crate::base::error::{Error, Result};
use crate::base::rng::{Purpose, Streams};

impl Dataset {
    /// A seeded random split; the second part gets `fraction` of the rows, rounded, and at least one.
    ///
    /// # Errors
    /// If `fraction` is not between 0 and 1, or leaves either part without rows.
    pub fn split(&self, fraction: f64, seed: u64) -> Result<(Self, Self)> {
        let held_out = self.held_out(fraction)?;
        let order = self.shuffled(seed);
        let (test, train) = order.split_at(held_out);
        Ok((self.select(train)?, self.select(test)?))
    }

    /// As [`Dataset::split`], with `fraction` of every class in the second part, up to one row.
    ///
    /// # Errors
    /// As [`Dataset::split`], and if a target is not a class 0, 1, ...
    ///
    /// ```
    /// use smc_runtime::Dataset;
    /// let targets: Vec<f32> = (0..100).map(|i| f32::from(u8::from(i < 10))).collect();
    /// let data = Dataset::new(0, vec![], targets)?;
    /// let (_, test) = data.split_stratified(0.2, 1)?;
    /// assert_eq!((test.rows(), test.targets().iter().sum::<f32>()), (20, 2.0));
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    pub fn split_stratified(&self, fraction: f64, seed: u64) -> Result<(Self, Self)> {
        let held_out = self.held_out(fraction)?;
        let order = self.shuffled_by_class(seed)?;
        // Evenly spaced places, so that each run of equal classes has its share of them.
        let n = order.len();
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for (place, &row) in order.iter().enumerate() {
            let before = |p: usize| (p as u128 * held_out as u128 + n as u128 / 2) / n as u128;
            if before(place + 1) > before(place) {
                test.push(row);
            } else {
                train.push(row);
            }
        }
        let mut stream = Streams::new(seed).stream(Purpose::Rows, 2, 0, 0);
        let mut mixed = |rows: Vec<usize>| {
            let order = stream.permutation(rows.len());
            self.select(&order.iter().map(|&i| rows[i]).collect::<Vec<_>>())
        };
        Ok((mixed(train)?, mixed(test)?))
    }

    /// Seeded folds for cross-validation: `folds` pairs of all other rows and a fold. Every row is in one fold, and the sizes
    /// of two folds differ by one at most. A pair is made when it is asked for.
    ///
    /// # Errors
    /// With fewer than 2 folds, or more than rows.
    ///
    /// ```
    /// use smc_runtime::Dataset;
    /// let data = Dataset::new(0, vec![], vec![0.0; 10])?;
    /// for (train, test) in data.folds(5, 1)? {
    ///     assert_eq!((train.rows(), test.rows()), (8, 2));
    /// }
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    pub fn folds(
        &self,
        folds: usize,
        seed: u64,
    ) -> Result<impl ExactSizeIterator<Item = (Self, Self)>> {
        self.check_folds(folds)?;
        Ok(self.dealt(folds, self.shuffled(seed)))
    }

    /// As [`Dataset::folds`], where the numbers of rows of a class in two folds differ by one at most.
    ///
    /// # Errors
    /// As [`Dataset::folds`], and if a target is not a class 0, 1, ...
    pub fn folds_stratified(
        &self,
        folds: usize,
        seed: u64,
    ) -> Result<impl ExactSizeIterator<Item = (Self, Self)>> {
        self.check_folds(folds)?;
        Ok(self.dealt(folds, self.shuffled_by_class(seed)?))
    }

    fn held_out(&self, fraction: f64) -> Result<usize> {
        if !(fraction > 0.0 && fraction < 1.0) {
            return Err(Error::config(
                "split fraction",
                fraction,
                "a number between 0 and 1 is needed",
            ));
        }
        let held_out = ((self.rows() as f64 * fraction).round() as usize).max(1);
        if held_out >= self.rows() {
            return Err(Error::config(
                "split fraction",
                fraction,
                format!("{} rows leave nothing for the first part", self.rows()),
            ));
        }
        Ok(held_out)
    }

    fn check_folds(&self, folds: usize) -> Result<()> {
        if folds < 2 || folds > self.rows() {
            return Err(Error::config(
                "folds",
                folds,
                format!("between 2 and the {} rows of the data", self.rows()),
            ));
        }
        Ok(())
    }

    fn shuffled(&self, seed: u64) -> Vec<usize> {
        Streams::new(seed)
            .stream(Purpose::Rows, 1, 0, 0)
            .permutation(self.rows())
    }

    /// All rows, class after class, shuffled within each.
    fn shuffled_by_class(&self, seed: u64) -> Result<Vec<usize>> {
        if let Some(row) = self.targets().iter().position(|&y| class(y).is_none()) {
            return Err(Error::shape(
                format!("target in row {row}"),
                "a class, a whole number from 0, to stratify by",
                self.target(row).to_string(),
            ));
        }
        let mut order = self.shuffled(seed);
        order.sort_by_key(|&row| class(self.target(row)));
        Ok(order)
    }

    /// Deals the rows of `order` out to the folds, one to each in turn.
    fn dealt(
        &self,
        folds: usize,
        order: Vec<usize>,
    ) -> impl ExactSizeIterator<Item = (Self, Self)> {
        (0..folds).map(move |fold| {
            let rows = order.iter().enumerate();
            let (test, train): (Vec<_>, Vec<_>) =
                rows.partition(|(place, _)| place % folds == fold);
            let part = |rows: &[(usize, &usize)]| self.chosen(rows.iter().map(|&(_, &row)| row));
            (part(&train), part(&test))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A row's only feature is its number.
    fn data(classes: &[u8]) -> Dataset {
        let features = (0..classes.len()).map(|i| i as f32).collect();
        let targets = classes.iter().map(|&c| f32::from(c)).collect();
        Dataset::new(1, features, targets).unwrap()
    }

    fn numbers(data: &Dataset) -> Vec<usize> {
        data.features().iter().map(|&x| x as usize).collect()
    }

    fn of_class(data: &Dataset, class: u8) -> usize {
        let targets = data.targets().iter();
        targets.filter(|&&y| y == f32::from(class)).count()
    }

    fn partition(parts: &[&Dataset], all: &Dataset) -> bool {
        let mut rows: Vec<usize> = parts.iter().flat_map(|part| numbers(part)).collect();
        rows.sort_unstable();
        rows == numbers(all)
    }

    proptest! {
        #[test]
        fn parts_hold_every_row_once_and_every_class_in_its_share(
            classes in prop::collection::vec(0u8..4, 4..80), fraction in 0.05f64..0.9, seed in any::<u64>(),
        ) {
            let all = data(&classes);
            for stratified in [false, true] {
                let split = if stratified { all.split_stratified(fraction, seed) } else { all.split(fraction, seed) };
                let Ok((train, test)) = split else { continue };
                prop_assert!(partition(&[&train, &test], &all));
                let expected = (classes.len() as f64 * fraction).round().max(1.0);
                prop_assert_eq!(test.rows(), expected as usize);
                // The share that was taken, which rounding moves off the fraction.
                let share = test.rows() as f64 / all.rows() as f64;
                for class in 0..4 {
                    let gap = of_class(&test, class) as f64 - share * of_class(&all, class) as f64;
                    prop_assert!(!stratified || gap.abs() < 1.0 + 1e-9, "class {class}: {gap}");
                }
            }
        }

        #[test]
        fn folds_hold_every_row_once_and_differ_by_one(
            classes in prop::collection::vec(0u8..4, 6..80), folds in 2usize..6, seed in any::<u64>(),
        ) {
            let all = data(&classes);
            let plain: Vec<_> = all.folds(folds, seed).unwrap().collect();
            let stratified: Vec<_> = all.folds_stratified(folds, seed).unwrap().collect();
            for (pairs, even) in [(plain, false), (stratified, true)] {
                prop_assert_eq!(pairs.len(), folds);
                prop_assert!(partition(&pairs.iter().map(|p| &p.1).collect::<Vec<_>>(), &all));
                for (train, test) in &pairs {
                    prop_assert!(partition(&[train, test], &all));
                }
                let apart = |sizes: Vec<usize>| sizes.iter().max().unwrap() - sizes.iter().min().unwrap();
                prop_assert!(apart(pairs.iter().map(|p| p.1.rows()).collect()) <= 1);
                for class in 0..4 {
                    let gap = apart(pairs.iter().map(|p| of_class(&p.1, class)).collect());
                    prop_assert!(!even || gap <= 1, "class {class}: {gap}");
                }
            }
        }
    }

    #[test]
    fn a_seed_gives_one_split_and_another_seed_another() {
        let all = data(&[0, 1, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0]);
        for seed in 0..9 {
            assert_eq!(all.split(0.3, seed).unwrap(), all.split(0.3, seed).unwrap());
            let stratified = |seed| all.split_stratified(0.5, seed).unwrap();
            assert_eq!(stratified(seed), stratified(seed));
            assert_ne!(stratified(seed), stratified(seed + 1));
        }
    }

    #[test]
    fn impossible_splits_are_refused() {
        let all = data(&[0, 1, 0]);
        for (folds, error) in [
            (1, "folds = 1: between 2 and the 3 rows of the data"),
            (4, "folds = 4: between 2 and the 3 rows of the data"),
        ] {
            assert_eq!(all.folds(folds, 0).err().unwrap().to_string(), error);
        }
        let real = Dataset::new(0, vec![], vec![1.0, 0.5]).unwrap();
        assert_eq!(
            real.split_stratified(0.5, 0).unwrap_err().to_string(),
            "target in row 1: expected a class, a whole number from 0, to stratify by, found 0.5"
        );
    }
}
