//! Which of some chains found the same function: clusters of what they say of rows.

/// What a chain says of some rows: its mean row by row, and how much its draws vary.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    means: Vec<f64>,
    /// The sum of the variances over rows.
    variance: f64,
    draws: usize,
}

impl Said {
    /// From what each draw of the chain says of each row.
    pub(crate) fn of<'a>(draws: impl Iterator<Item = &'a [f64]> + Clone) -> Self {
        let rows = draws.clone().next().map_or(0, <[f64]>::len);
        let number = draws.clone().count();
        let n = number as f64;
        let (mut means, mut squares) = (vec![0.0; rows], 0.0);
        for draw in draws.clone() {
            for (mean, x) in means.iter_mut().zip(draw) {
                *mean += x / n;
            }
        }
        for draw in draws {
            let pairs = means.iter().zip(draw);
            squares += pairs.map(|(mean, x)| (x - mean).powi(2)).sum::<f64>();
        }
        Self {
            means,
            variance: squares / (n - 1.0),
            draws: number,
        }
    }

    /// How far two chains are apart: the squared distance of their means, in units of what they vary themselves, over all rows. R-hat
    /// of the two, as draws grow many, is √(1 + this).
    fn apart(&self, other: &Self) -> f64 {
        let pairs = self.means.iter().zip(&other.means);
        let between: f64 = pairs.map(|(a, b)| (a - b).powi(2)).sum();
        let within = self.variance + other.variance;
        // Chains that do not move are the same only where they are.
        if between == 0.0 {
            return 0.0;
        }
        let apart = between / within;
        // A chain where a density is nothing is near to none.
        if apart.is_nan() { f64::INFINITY } else { apart }
    }
}

/// Mean distance of two groups of chains up to which they count as one: R-hat is √2 there.
const APART: f64 = 1.0;

/// So many draws count as known of every chain beside its own: what few draws of one vary says little, and chains of one posterior vary alike.
const KNOWN: f64 = 8.0;

/// The group of each chain, numbered by size, the largest first: chains are joined for as long as the nearest two groups are, on average
/// over their members, not farther apart than chains vary themselves.
pub(crate) fn grouped(chains: &[Said]) -> Vec<usize> {
    let n = chains.len();
    let known: Vec<f64> = chains
        .iter()
        .map(|chain| chain.variance)
        .filter(|variance| variance.is_finite())
        .collect();
    let typical = known.iter().sum::<f64>() / known.len().max(1) as f64;
    let steadied = |chain: &Said| {
        let own = chain.draws as f64;
        Said {
            variance: (own * chain.variance + KNOWN * typical) / (own + KNOWN),
            ..chain.clone()
        }
    };
    let chains: Vec<Said> = chains.iter().map(steadied).collect();
    let mut distance: Vec<Vec<f64>> = (0..n)
        .map(|i| (0..n).map(|j| chains[i].apart(&chains[j])).collect())
        .collect();
    let mut members: Vec<Vec<usize>> = (0..n).map(|i| vec![i]).collect();
    loop {
        let pairs = (0..members.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        let nearest = pairs.min_by(|a, b| distance[a.0][a.1].total_cmp(&distance[b.0][b.1]));
        let Some((i, j)) = nearest.filter(|&(i, j)| distance[i][j] <= APART) else {
            break;
        };
        let (a, b) = (members[i].len() as f64, members[j].len() as f64);
        let pairs = distance[i].iter().zip(&distance[j]);
        let means: Vec<f64> = pairs.map(|(x, y)| (a * x + b * y) / (a + b)).collect();
        for (row, mean) in distance.iter_mut().zip(&means) {
            row[j] = *mean;
        }
        distance[j] = means;
        distance[j][j] = 0.0;
        let joined = members.swap_remove(i);
        members[j].extend(joined);
        distance.swap_remove(i);
        for row in &mut distance {
            row.swap_remove(i);
        }
    }
    members.sort_by_key(|group| (std::cmp::Reverse(group.len()), group.iter().min().copied()));
    let mut of = vec![0; n];
    for (number, group) in members.iter().enumerate() {
        for &chain in group {
            of[chain] = number;
        }
    }
    of
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Purpose, Streams};

    /// Chains of 20 draws that say `centres[chain]` of 30 rows, ± 1.
    fn chains(centres: &[f64]) -> Vec<Said> {
        let each = centres.iter().enumerate().map(|(c, centre)| {
            let mut stream = Streams::new(1).stream(Purpose::Simulate, 0, c, 0);
            let draws: Vec<Vec<f64>> = (0..20)
                .map(|_| (0..30).map(|_| centre + stream.normal()).collect())
                .collect();
            Said::of(draws.iter().map(Vec::as_slice))
        });
        each.collect()
    }

    #[test]
    fn chains_of_one_function_are_one_group() {
        assert_eq!(grouped(&chains(&[0.0; 12])), [0; 12]);
        let centres = [5.0, 0.0, 0.0, 5.0, 0.0, -9.0];
        assert_eq!(grouped(&chains(&centres)), [1, 0, 0, 1, 0, 2]);
        assert!(grouped(&[]).is_empty());
    }

    #[test]
    fn chains_that_stand_still_are_apart_unless_they_stand_together() {
        let still = |x: f64| Said {
            means: vec![x; 3],
            variance: 0.0,
            draws: 20,
        };
        assert_eq!(grouped(&[still(1.0), still(2.0), still(1.0)]), [0, 1, 0]);
    }
}
