//! A data set as an engine reads it when a model is bound: its rows in the bound order, standardised where they are to
//! be, without a copy of it.

use super::dataset::Dataset;
use super::standardise::Standardise;
use super::target_scale::TargetScale;
use crate::base::error::Result;

/// The rows `order` of a data set, on the standardised scale if there is one. Every number has the bits that it has in
/// `scale.apply(data)?.select(order)?`; each is worked out when it is asked for, so that a large table is in memory once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataView<'a> {
    data: &'a Dataset,
    order: &'a [usize],
    scale: Option<&'a Standardise>,
}

impl<'a> DataView<'a> {
    /// The rows `order` of `data`, in that order; rows may repeat. Looks once at every number of `data`, in the order or not.
    ///
    /// # Errors
    /// As [`Standardise::apply`], where there is a `scale`, and then as [`Dataset::select`].
    pub(crate) fn new(
        data: &'a Dataset,
        order: &'a [usize],
        scale: Option<&'a Standardise>,
    ) -> Result<Self> {
        if let Some(scale) = scale {
            scale.check(data)?;
        }
        data.inputs().check_rows(order)?;
        Ok(Self::again(data, order, scale))
    }

    /// The view once more of what [`DataView::new`] has accepted: nothing is looked at.
    pub(crate) fn again(
        data: &'a Dataset,
        order: &'a [usize],
        scale: Option<&'a Standardise>,
    ) -> Self {
        Self { data, order, scale }
    }

    /// Number of bound rows.
    pub(crate) fn rows(&self) -> usize {
        self.order.len()
    }

    /// Number of features per row.
    pub(crate) fn columns(&self) -> usize {
        self.data.columns()
    }

    /// The scale that [`DataView::target`] is on.
    pub(crate) fn target_scale(&self) -> TargetScale {
        match self.scale {
            None => self.data.target_scale(),
            Some(scale) => scale.target_scale(),
        }
    }

    /// Writes the features of bound row `i` to `row`, which has one place for each column.
    pub(crate) fn row_into(&self, i: usize, row: &mut [f32]) {
        row.copy_from_slice(self.data.row(self.order[i]));
        if let Some(scale) = self.scale {
            scale.scale_row(row);
        }
    }

    /// The target of bound row `i`.
    pub(crate) fn target(&self, i: usize) -> f32 {
        let y = self.data.target(self.order[i]);
        self.scale.map_or(y, |scale| scale.scale_target(y))
    }

    /// The offset of bound row `i`, if rows have one.
    pub(crate) fn offset(&self, i: usize) -> Option<f32> {
        self.data.offset().map(|offset| offset[self.order[i]])
    }

    /// How often bound row `i` counts, unless all count once.
    pub(crate) fn weight(&self, i: usize) -> Option<f32> {
        self.data.weights().map(|weights| weights[self.order[i]])
    }

    /// The bound rows as a data set of their own, the one copy that is made.
    ///
    /// # Errors
    /// None that [`DataView::new`] has not found.
    #[cfg(any(test, feature = "autodiff"))]
    pub(crate) fn to_dataset(self) -> Result<Dataset> {
        let chosen = self.data.select(self.order)?;
        match self.scale {
            None => Ok(chosen),
            Some(scale) => scale.apply_owned(chosen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|x| x.to_bits()).collect()
    }

    /// Whether each number and name of the view is that of `expected`.
    fn same(view: &DataView<'_>, expected: &Dataset) -> Result<(), TestCaseError> {
        prop_assert_eq!(
            (view.rows(), view.columns(), view.target_scale()),
            (expected.rows(), expected.columns(), expected.target_scale())
        );
        let mut row = vec![f32::NAN; view.columns()];
        for i in 0..view.rows() {
            view.row_into(i, &mut row);
            prop_assert_eq!(bits(&row), bits(expected.row(i)));
            prop_assert_eq!(view.target(i).to_bits(), expected.target(i).to_bits());
            let offset = expected.offset().map(|offset| offset[i].to_bits());
            prop_assert_eq!(view.offset(i).map(f32::to_bits), offset);
            let weight = expected.weights().map(|weights| weights[i].to_bits());
            prop_assert_eq!(view.weight(i).map(f32::to_bits), weight);
        }
        let copy = view.to_dataset().unwrap();
        prop_assert_eq!(bits(copy.features()), bits(expected.features()));
        prop_assert_eq!(bits(copy.targets()), bits(expected.targets()));
        prop_assert_eq!(&copy, expected);
        Ok(())
    }

    proptest! {
        #[test]
        fn a_view_has_the_bits_of_a_standardised_and_permuted_copy(
            columns in 0usize..5,
            rows in prop::collection::vec((prop::array::uniform4(-1e6f32..1e6), -9f32..9.0, -2f32..2.0, 0.1f32..5.0), 2..20),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 1..30),
            (offset, weights, classes) in any::<(bool, bool, bool)>(),
        ) {
            let features = rows.iter().flat_map(|row| row.0[..columns].to_vec()).collect();
            let class = |y: f32| f32::from(u8::from(y > 0.0));
            let targets = rows.iter().map(|row| if classes { class(row.1) } else { row.1 }).collect();
            let names = (0..columns).map(|c| format!("x{c}"));
            let mut data = Dataset::new(columns, features, targets).unwrap().with_names(names).unwrap();
            if offset {
                data = data.with_offset(rows.iter().map(|row| row.2).collect()).unwrap();
            }
            if weights {
                data = data.with_weights(rows.iter().map(|row| row.3).collect()).unwrap();
            }
            if classes {
                data = data.with_classes(["no", "yes"]).unwrap();
            }
            let order: Vec<usize> = picks.iter().map(|pick| pick.index(rows.len())).collect();
            same(&DataView::new(&data, &order, None).unwrap(), &data.select(&order).unwrap())?;
            let features_only = Standardise::fit_features(&data);
            let expected = features_only.apply(&data).unwrap().select(&order).unwrap();
            same(&DataView::new(&data, &order, Some(&features_only)).unwrap(), &expected)?;
            if !classes {
                let both = Standardise::fit(&data);
                let scaled = both.apply(&data).unwrap();
                let expected = scaled.select(&order).unwrap();
                same(&DataView::new(&data, &order, Some(&both)).unwrap(), &expected)?;
                // What is on the standardised scale already, with its features standardised once more.
                let expected = features_only.apply(&scaled).unwrap().select(&order).unwrap();
                same(&DataView::new(&scaled, &order, Some(&features_only)).unwrap(), &expected)?;
            }
        }
    }

    #[test]
    fn a_view_refuses_what_apply_and_select_refuse_in_their_words() {
        let data = |x: [f32; 2], y: [f32; 2]| Dataset::new(1, x.to_vec(), y.to_vec()).unwrap();
        let plain = data([1.0, 3.0], [10.0, 20.0]);
        let classes = data([1.0, 3.0], [0.0, 1.0]).with_classes(["no", "yes"]);
        // One unit is 1e-10, so that large values leave the range of f32.
        let narrow = Standardise::fit(&data([0.0, 2e-10], [0.0, 2e-10]));
        let scale = Standardise::fit(&plain);
        let standardised = scale.apply(&plain).unwrap();
        for (data, order, scale) in [
            (&plain, &[][..], None),
            (&plain, &[1, 2], None),
            (&plain, &[2], Some(&scale)),
            (&classes.unwrap(), &[0], Some(&scale)),
            (&standardised, &[0], Some(&scale)),
            (
                &Dataset::new(0, vec![], vec![1.0]).unwrap(),
                &[7],
                Some(&scale),
            ),
            (&data([1.0, 1e38], [1.0, 1e38]), &[0], Some(&narrow)),
            (&data([1.0, 2.0], [1.0, -1e38]), &[0], Some(&narrow)),
        ] {
            let copied = match scale {
                None => data.select(order),
                Some(scale) => scale.apply(data).and_then(|data| data.select(order)),
            };
            assert_eq!(
                DataView::new(data, order, scale).unwrap_err().to_string(),
                copied.unwrap_err().to_string()
            );
        }
    }
}
