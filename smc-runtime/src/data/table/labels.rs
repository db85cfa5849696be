//! Whether the labels of a target are classes, or numbers that somebody measured.

use crate::data::words::quoted;

/// The most labels that are classes however few rows there are.
const FEW: usize = 20;

/// The fewest rows for each label where there are more.
const ROWS: usize = 10;

/// What was expected in place of the `labels` of so many `rows`, and what they are, if they are no classes; with `any` every
/// two labels are.
pub(super) fn fault(labels: &[String], rows: usize, any: bool) -> Option<(&'static str, String)> {
    const INSIST: &str = "classes (`any_classes` takes these as such)";
    if let [only] = labels {
        let found = format!("only {}", quoted(only));
        return Some(("labels of two classes or more", found));
    }
    if any {
        return None;
    }
    let number = |label: &String| label.parse::<f64>().ok().filter(|x| x.is_finite());
    let numbers: Option<Vec<f64>> = labels.iter().map(number).collect();
    let fraction = numbers.iter().flatten().position(|x| x.fract() != 0.0);
    let many = labels.len();
    if let Some(at) = fraction {
        let example = quoted(&labels[at]);
        let found = format!("{many} numbers that are not all whole, as {example}");
        return Some((INSIST, found));
    }
    (many > FEW && many.saturating_mul(ROWS) > rows).then(|| {
        let what = if numbers.is_some() {
            "numbers"
        } else {
            "labels"
        };
        (INSIST, format!("{many} different {what} in {rows} rows"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(labels: &[String], rows: usize) -> Option<String> {
        assert_eq!(fault(labels, rows, true), None);
        fault(labels, rows, false).map(|(_, found)| found)
    }

    #[test]
    fn labels_that_look_like_a_quantity_are_no_classes() {
        let whole = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        assert_eq!(found(&whole(20), 20), None);
        assert_eq!(found(&whole(21), 210), None);
        let many = Some("21 different numbers in 209 rows".to_owned());
        assert_eq!(found(&whole(21), 209), many);
        let texts: Vec<String> = (0..21).map(|i| format!("n{i}")).collect();
        let many = Some("21 different labels in 100 rows".to_owned());
        assert_eq!(found(&texts, 100), many);
        let mixed = ["1", "2.5"].map(str::to_owned);
        let odd = Some("2 numbers that are not all whole, as `2.5`".to_owned());
        assert_eq!(found(&mixed, 1000), odd);
        // A text among them makes names of them, and so does what is no number that anybody measures.
        for names in [["2.5", "big"], ["2.5", "inf"]] {
            assert_eq!(found(&names.map(str::to_owned), 2), None);
        }
    }
}
