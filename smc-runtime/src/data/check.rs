//! What in a data set is possible and yet worth a look before learning from it: constant columns, repeated rows, extreme
//! values, numbers that are no longer told apart, classes without rows. Nothing is changed.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use super::class::class;
use super::dataset::Dataset;
use super::moments::mean_sd;
use super::shift::shift_of;
use super::words::shown;
use crate::base::exec;

/// How far out a value is extreme, in interquartile ranges from the nearer quartile, or in standard deviations from the mean
/// where the quartiles coincide.
const FAR: f64 = 10.0;

/// The range, in standard deviations, within which values are one and the same to a model.
const FLAT: f64 = 1e-3;

/// Number of columns that are gathered in one pass over the rows.
const TOGETHER: usize = 16;

/// A column whose values are all the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constant {
    /// The column's name; `target` for the target.
    pub column: String,
    /// The value that every row has.
    pub value: f32,
    /// What was subtracted of it before it was stored; 0 unless the column is [stored centred](super::Features::shifts).
    pub shift: f64,
}

/// The value of a column that is farthest out, where it is extreme.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extreme {
    /// The column's name; `target` for the target.
    pub column: String,
    /// Number of extreme values in the column.
    pub values: usize,
    /// Row of the one that is farthest out, counted from 0.
    pub row: usize,
    /// Where that row stands in the file that it was read from, as in `line 17 of houses.csv`, if it was.
    pub place: Option<String>,
    /// The value that is farthest out.
    pub value: f32,
    /// What was subtracted of it before it was stored; 0 unless the column is [stored centred](super::Features::shifts).
    pub shift: f64,
    /// Whether the extreme values flatten the column: all others differ, and by less than 0.001 standard deviations of the
    /// whole column, so that a model sees one number in their place.
    pub flattens: bool,
}

/// A column of which different numbers have become one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Merged {
    /// The column's name.
    pub column: String,
    /// How many different numbers of the file are another's equal in the data.
    pub values: usize,
}

/// What [`Dataset::check`] found. Prints as one line for each kind, or as `nothing of note`. A run shows its
/// [`notes`](Findings::notes) when it begins and in its report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// Columns whose values are all the same; they teach nothing, and their weights keep their prior.
    pub constant: Vec<Constant>,
    /// Rows that repeat an earlier one, target included. Across a split they make held-out scores too good.
    pub repeated: usize,
    /// Rows that have the features of an earlier one and another target.
    pub contradictory: usize,
    /// Columns with extreme values.
    pub extreme: Vec<Extreme>,
    /// Columns of which different numbers, in the file that was learned from, are the same in 32 bits, [centred](super::Shift)
    /// though they are.
    pub merged: Vec<Merged>,
    /// Rows of the file that were left out because a value of theirs is missing; see
    /// [`Table::drop_missing`](super::Table::drop_missing).
    pub dropped: usize,
    /// Rows of each class 0, 1, ... where classes are named; empty otherwise.
    pub classes: Vec<(String, usize)>,
    /// What lies far from what the model's priors expect, in a line; a [run](crate::run::Run) finds it, a data set cannot.
    pub far: Option<String>,
}

impl Dataset {
    /// Constant columns, repeated rows, extreme values, numbers that are no longer told apart, rows left out and the numbers
    /// of rows of named classes.
    ///
    /// A value is extreme if it is more than 10 interquartile ranges beyond the nearer quartile; where the quartiles of a
    /// column coincide, as in pixels, more than 10 standard deviations from its mean. A target of named classes is not
    /// looked at. Zero and minus zero are the same. Numbers that are merged and rows that were left out are counted in the file
    /// that was read, whatever rows of it these are.
    ///
    /// ```
    /// use smc_runtime::Dataset;
    /// let data = Dataset::new(2, vec![1.0, 7.0, 2.0, 7.0, 3.0, 7.0, 1.0, 7.0, 1e6, 7.0], vec![0.0, 1.0, 2.0, 0.0, 1.0])?;
    /// let found = data.with_names(["age", "site"])?.check();
    /// assert_eq!((found.constant[0].column.as_str(), found.repeated, found.extreme[0].row), ("site", 1, 4));
    /// println!("{found}");
    /// # Ok::<(), smc_runtime::Error>(())
    /// ```
    pub fn check(&self) -> Findings {
        let named = !self.classes().is_empty();
        let columns = self.columns() + usize::from(!named);
        let name = |c: usize| {
            self.names()
                .get(c)
                .map_or("target", String::as_str)
                .to_owned()
        };
        let inputs = self.inputs();
        let judge = |c: usize, values: &[f32]| {
            let shift = shift_of(inputs.shifts(), c);
            if values.iter().all(|x| *x == values[0]) {
                let value = values[0];
                return (
                    Some(Constant {
                        column: name(c),
                        value,
                        shift,
                    }),
                    None,
                );
            }
            let extreme = extreme(values).map(|(count, row, flattens)| Extreme {
                column: name(c),
                values: count,
                row,
                place: inputs.origin().map(|origin| origin.place(row)),
                value: values[row],
                shift,
                flattens,
            });
            (None, extreme)
        };
        let groups = exec::map(columns.div_ceil(TOGETHER), |group| {
            let first = group * TOGETHER;
            let values = self.side_by_side(first..columns.min(first + TOGETHER));
            let judged = values.iter().enumerate();
            judged
                .map(|(c, values)| judge(first + c, values))
                .collect::<Vec<_>>()
        });
        let (constant, extreme): (Vec<_>, Vec<_>) = groups.into_iter().flatten().unzip();
        let (repeated, contradictory) = self.repeats();
        let rows_of = |c: usize| {
            let targets = self.targets().iter();
            targets.filter(|&&y| class(y) == Some(c)).count()
        };
        let classes = self.classes().iter().enumerate();
        let merged = inputs.shifts().iter().filter(|shift| shift.merged > 0);
        let merged = merged.map(|shift| Merged {
            column: name(shift.column),
            values: shift.merged,
        });
        Findings {
            constant: constant.into_iter().flatten().collect(),
            repeated,
            contradictory,
            extreme: extreme.into_iter().flatten().collect(),
            merged: merged.collect(),
            dropped: inputs.origin().map_or(0, |origin| origin.dropped),
            classes: classes
                .map(|(c, name)| (name.clone(), rows_of(c)))
                .collect(),
            far: None,
        }
    }

    /// The values of `columns`, each in the order of the rows; the one behind the last feature is the target. A row may be
    /// long, so that all that is wanted of it is read in one visit.
    fn side_by_side(&self, columns: Range<usize>) -> Vec<Vec<f32>> {
        let features = columns.start..columns.end.min(self.columns());
        let mut values = vec![Vec::with_capacity(self.rows()); features.len()];
        for row in 0..self.rows() {
            for (values, &x) in values.iter_mut().zip(&self.row(row)[features.clone()]) {
                values.push(x);
            }
        }
        if columns.end > self.columns() {
            values.push(self.targets().to_vec());
        }
        values
    }

    /// Rows that repeat an earlier one, and rows that contradict one.
    fn repeats(&self) -> (usize, usize) {
        // Finite numbers are in order, and minus zero equals zero.
        let features = |a: usize, b: usize| self.row(a).partial_cmp(self.row(b));
        let order = |a: usize, b: usize| {
            let targets = || self.target(a).partial_cmp(&self.target(b));
            let order = features(a, b).filter(|o| o.is_ne()).or_else(targets);
            order.unwrap_or(Ordering::Equal)
        };
        // Without features every row would repeat the first.
        let rows = if self.columns() == 0 { 0 } else { self.rows() };
        let mut sorted: Vec<usize> = (0..rows).collect();
        sorted.sort_unstable_by(|&a, &b| order(a, b));
        let (mut repeated, mut contradictory) = (0, 0);
        for pair in sorted.windows(2) {
            if order(pair[0], pair[1]).is_eq() {
                repeated += 1;
            } else if features(pair[0], pair[1]) == Some(Ordering::Equal) {
                contradictory += 1;
            }
        }
        (repeated, contradictory)
    }
}

/// The number of extreme values, the row of the one that is farthest out, and whether they flatten the column.
fn extreme(values: &[f32]) -> Option<(usize, usize, bool)> {
    let mut sorted = values.to_vec();
    let n = sorted.len();
    let mut quartile = |k: usize| {
        let (_, &mut x, _) = sorted.select_nth_unstable_by(k * (n - 1) / 4, f32::total_cmp);
        f64::from(x)
    };
    let (low, high) = (quartile(1), quartile(3));
    let (low, high, unit) = if high > low {
        (low, high, high - low)
    } else {
        let (mean, sd) = mean_sd(values.iter().map(|&x| f64::from(x)));
        (mean, mean, sd)
    };
    let out = |x: f32| (low - f64::from(x)).max(f64::from(x) - high) / unit;
    let count = values.iter().filter(|&&x| out(x) > FAR).count();
    let farthest = (0..n).max_by(|&a, &b| out(values[a]).total_cmp(&out(values[b])))?;
    (count > 0).then(|| {
        let rest = values.iter().filter(|&&x| out(x) <= FAR);
        let ends = (f64::INFINITY, f64::NEG_INFINITY);
        let (least, most) = rest
            .map(|&x| f64::from(x))
            .fold(ends, |(least, most), x| (least.min(x), most.max(x)));
        let (_, sd) = mean_sd(values.iter().map(|&x| f64::from(x)));
        (count, farthest, most > least && most - least < FLAT * sd)
    })
}

impl Findings {
    /// Whether there is nothing of note: an equal number of rows in each class is not asked for, a row is.
    pub fn is_empty(&self) -> bool {
        self.notes().is_empty()
    }

    /// One short line for each kind of finding; none if there is nothing of note.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        notes.extend(self.far.iter().map(|text| format!("scale       {text}")));
        if !self.constant.is_empty() {
            let items = self.constant.iter();
            notes.push(format!(
                "constant    {}",
                list(items.map(|c| format!("`{}` = {}", c.column, original(c.value, c.shift))))
            ));
        }
        if self.repeated > 0 {
            notes.push(format!(
                "repeated    {} rows are the same as an earlier one",
                self.repeated
            ));
        }
        if self.contradictory > 0 {
            notes.push(format!(
                "conflict    {} rows have the features of an earlier one and another target",
                self.contradictory
            ));
        }
        let (flat, extreme): (Vec<_>, Vec<_>) = self.extreme.iter().partition(|e| e.flattens);
        if !flat.is_empty() {
            let item = |e: &&Extreme| {
                format!(
                    "`{}` {} (farthest: {}), all others within {FLAT} sd of each other",
                    e.column,
                    e.values,
                    e.farthest()
                )
            };
            notes.push(format!("flattened   {}", list(flat.iter().map(item))));
        }
        if !extreme.is_empty() {
            let item =
                |e: &&Extreme| format!("`{}` {} (farthest: {})", e.column, e.values, e.farthest());
            notes.push(format!("extreme     {}", list(extreme.iter().map(item))));
        }
        if !self.merged.is_empty() {
            let item = |m: &Merged| format!("`{}` {}", m.column, m.values);
            notes.push(format!(
                "merged      numbers that are the same as another in 32 bits: {}",
                list(self.merged.iter().map(item))
            ));
        }
        if self.dropped > 0 {
            notes.push(format!(
                "dropped     {} rows of the file with a missing value were left out",
                self.dropped
            ));
        }
        let mut empty = self
            .classes
            .iter()
            .filter(|(_, rows)| *rows == 0)
            .peekable();
        if empty.peek().is_some() {
            notes.push(format!(
                "empty       no rows of class {}",
                list(empty.map(|(name, _)| format!("`{name}`")))
            ));
        }
        notes
    }
}

impl Extreme {
    /// The value that is farthest out, as the file has it, and its place.
    fn farthest(&self) -> String {
        let place = self.place.clone();
        let place = place.unwrap_or_else(|| format!("row {}", self.row));
        format!("{} in {place}", original(self.value, self.shift))
    }
}

/// A stored value of a column as it was before `shift` was subtracted.
fn original(value: f32, shift: f64) -> String {
    shown(f64::from(value) + shift)
}

/// The first few of `items`, and how many there are besides.
fn list(items: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 4;
    let items: Vec<String> = items.collect();
    let shown = items[..items.len().min(SHOWN)].join(", ");
    match items.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.notes();
        if !self.classes.is_empty() {
            let rows = self.classes.iter();
            lines.push(format!(
                "classes     {}",
                list(rows.map(|(name, rows)| format!("`{name}` {rows}")))
            ));
        }
        if lines.is_empty() {
            lines.push("nothing of note".to_owned());
        }
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_made_where_it_was_planted_and_nowhere_else() {
        let rows = 200;
        let mut x: Vec<f32> = (0..rows).flat_map(|i| [i as f32, (i * i) as f32]).collect();
        let y: Vec<f32> = (0..rows).map(|i| (i % 7) as f32).collect();
        let clean = Dataset::new(2, x.clone(), y.clone()).unwrap();
        assert!(clean.check().is_empty());
        assert_eq!(clean.check().to_string(), "nothing of note");

        // Row 5 repeats row 3; row 6 has the features of row 4 and another target.
        for (from, to) in [(3, 5), (4, 6)] {
            (x[2 * to], x[2 * to + 1]) = (x[2 * from], x[2 * from + 1]);
        }
        let mut targets = y.clone();
        targets[5] = targets[3];
        x[2 * 17] = -1e5;
        let found = Dataset::new(2, x, targets).unwrap().check();
        assert_eq!((found.repeated, found.contradictory), (1, 1));
        let extreme = Extreme {
            column: "0".to_owned(),
            values: 1,
            row: 17,
            place: None,
            value: -1e5,
            shift: 0.0,
            flattens: false,
        };
        assert_eq!(found.extreme, [extreme]);
        assert!(found.constant.is_empty());
    }

    #[test]
    fn an_extreme_value_is_named_by_its_line_and_stronger_where_it_flattens() {
        let rows = |last: &str| -> Dataset {
            let rows: Vec<String> = (0..50).map(|i| format!("{i},{}\n", i % 7)).collect();
            let text = format!("size,y\n{}\n{last},3\n", rows.concat());
            crate::data::Table::new()
                .read_bytes("folder/houses.csv", text.as_bytes())
                .unwrap()
        };
        // The last row stands in line 53: a header, 50 rows and a blank line.
        assert_eq!(
            rows("1e30").check().to_string(),
            "flattened   `size` 1 (farthest: 1e30 in line 53 of houses.csv), all others within 0.001 sd of each other"
        );
        let far = "extreme     `size` 1 (farthest: 1000 in line 53 of houses.csv)";
        assert_eq!(rows("1000").check().to_string(), far);
        // The line goes with the row.
        let chosen: Vec<usize> = (0..51).rev().collect();
        let turned = rows("1000").select(&chosen).unwrap().check();
        assert_eq!(
            (turned.extreme[0].row, turned.to_string().as_str()),
            (0, far)
        );
        // A column that says of a few rows that they differ is not flattened by them.
        let mut x = vec![0.0; 1000];
        x[..3].fill(1.0);
        let y = (0..1000).map(|i| i as f32).collect();
        let rare = Dataset::new(1, x, y).unwrap().check().extreme;
        assert_eq!((rare[0].values, rare[0].flattens), (3, false));
    }

    #[test]
    fn centred_numbers_are_shown_as_the_file_has_them_and_merged_ones_counted() {
        let times = (0..40).map(|i| format!("{},{}\n", 1_700_000_000 + 60 * i, i % 7));
        let text = times.collect::<String>() + "1700900000,1\n";
        let read = |text: &str| crate::data::Table::new().read_bytes("t", text.as_bytes());
        assert_eq!(
            read(&text).unwrap().check().to_string(),
            "extreme     `0` 1 (farthest: 1700900000 in line 41 of t)"
        );
        // 2^24 + 1 is not in 32 bits where 2^28 is the range.
        let found = read("0,1\n16777216,2\n16777217,2\n268435456,4\n").unwrap();
        let merged = Merged {
            column: "0".to_owned(),
            values: 1,
        };
        assert_eq!(found.check().merged, [merged]);
        let notes = found.check().notes();
        assert_eq!(
            notes[0],
            "repeated    1 rows are the same as an earlier one"
        );
        let merged = "merged      numbers that are the same as another in 32 bits: `0` 1";
        assert_eq!(notes.last().unwrap(), merged);
    }

    #[test]
    fn columns_that_are_mostly_zero_are_measured_by_their_sd() {
        let sparse = |last: f32| {
            let mut x = vec![0.0; 1000];
            x[..100].fill(1.0);
            x[999] = last;
            let y = (0..1000).map(|i| i as f32).collect();
            Dataset::new(1, x, y).unwrap().check().extreme
        };
        assert!(sparse(1.0).is_empty());
        assert_eq!(sparse(100.0)[0].row, 999);
    }

    #[test]
    fn classes_are_counted_and_constant_targets_named() {
        let data = Dataset::new(1, vec![1.0, 2.0, 3.0], vec![2.0, 0.0, 2.0]).unwrap();
        let found = data.with_classes(["a", "b", "c"]).unwrap().check();
        let rows: Vec<usize> = found.classes.iter().map(|c| c.1).collect();
        assert_eq!((rows, found.is_empty()), (vec![1, 0, 2], false));
        let flat = Dataset::new(1, vec![1.0, 2.0, 3.0], vec![4.0; 3]).unwrap();
        assert_eq!(flat.check().to_string(), "constant    `target` = 4");
    }
}
