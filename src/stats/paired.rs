//! Differences between pairs that share their chance.

use super::{Moments, zero_inflated};

/// The mean difference of pairs that share their chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedDifference {
    /// Mean of `b − a`.
    pub mean: f64,
    /// Its interval, [`zero_inflated::mean_interval`]; `None` where too few pairs differ, or all by the same.
    pub interval: Option<(f64, f64)>,
    /// Confidence level of the interval.
    pub level: f64,
    /// How many pairs differ.
    pub differing: u64,
    /// Whether all that differ do so in the same direction.
    pub is_one_way: bool,
    /// How many times as many independent runs the same interval would take:
    /// (Var a + Var b) / Var(b − a) (Law, *Simulation Modeling and Analysis*, §11.2). `None` if no pair differs.
    pub variance_ratio: Option<f64>,
}

impl PairedDifference {
    /// Of pairs (a, b); `None` for fewer than two.
    pub fn of(pairs: &[(f64, f64)], level: f64) -> Option<PairedDifference> {
        if pairs.len() < 2 {
            return None;
        }
        let differences = pairs.iter().map(|(a, b)| b - a);
        let count =
            |is_so: fn(f64) -> bool| differences.clone().filter(|x| is_so(*x)).count() as u64;
        let (more, fewer) = (count(|x| x > 0.0), count(|x| x < 0.0));
        let together = differences.clone().collect::<Moments>();
        let apart = pairs
            .iter()
            .map(|(a, _)| *a)
            .collect::<Moments>()
            .variance()
            + pairs
                .iter()
                .map(|(_, b)| *b)
                .collect::<Moments>()
                .variance();
        let variance_ratio = (together.variance() > 0.0).then(|| apart / together.variance());
        let interval = zero_inflated::mean_interval(differences.map(|x| (x, 1)), level);
        let (differing, is_one_way) = (more + fewer, more == 0 || fewer == 0);
        Some(PairedDifference {
            mean: together.mean(),
            interval,
            level,
            differing,
            is_one_way,
            variance_ratio,
        })
    }

    /// Whether the interval leaves out zero, or all pairs that differ do so one way, and are so many that the
    /// directions would agree by chance no more often than the level allows: 2^(1 − pairs) (the sign test of
    /// Arbuthnott, Philosophical Transactions 27, 1710).
    pub fn is_significant(&self) -> bool {
        let by_chance = (1.0 - self.differing as f64).exp2();
        let agree = self.is_one_way && by_chance <= 1.0 - self.level;
        agree
            || self
                .interval
                .is_some_and(|(low, high)| low > 0.0 || high < 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(differences: &[f64], of: usize) -> Vec<(f64, f64)> {
        (0..of)
            .map(|i| (3.0, 3.0 + differences.get(i).copied().unwrap_or(0.0)))
            .collect()
    }

    #[test]
    fn of_one_nothing_is_claimed() {
        assert_eq!(PairedDifference::of(&[(1.0, 2.0)], 0.95), None);
        let same = PairedDifference::of(&[(1.0, 1.0), (2.0, 2.0)], 0.95).unwrap();
        assert!(!same.is_significant());
        assert_eq!((same.interval, same.variance_ratio), (None, None));
    }

    #[test]
    fn shared_chance_is_worth_runs() {
        let pairs: Vec<_> = (0..40)
            .map(|i| (f64::from(i), f64::from(i) + 1.0 + f64::from(i % 3) / 10.0))
            .collect();
        let difference = PairedDifference::of(&pairs, 0.95).unwrap();
        assert!(difference.variance_ratio.unwrap() > 1_000.0 && difference.is_significant());
        let (low, high) = difference.interval.unwrap();
        assert!(
            1.0 < low && low < difference.mean && difference.mean < high && high < 1.2,
            "{difference:?}"
        );
    }

    /// Of few pairs the directions tell, and no bound on the mean.
    #[test]
    fn few_that_differ_all_one_way_are_significant_without_an_interval() {
        let of =
            |differences: &[f64]| PairedDifference::of(&pairs(differences, 1_000), 0.95).unwrap();
        assert!(!of(&[-700.0; 5]).is_significant(), "once in 16");
        let six = of(&[-700.0; 6]);
        assert_eq!(
            (six.is_significant(), six.interval, six.differing),
            (true, None, 6)
        );
        assert!(!of(&[-1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, 700.0]).is_significant());
    }
}
