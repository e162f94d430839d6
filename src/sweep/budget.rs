//! How many replications a point takes: until it is known well enough, or has had its share.

use std::fmt;
use std::ops::Range;

use super::totals::Totals;

/// No point is judged on fewer replications: a look at fewer would stop too many by luck.
pub const FEWEST: u64 = 100;

/// A portion is no longer than this, so that an interruption loses little.
const PORTION: u64 = 250;

/// When a point is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// The most replications, at least one.
    pub runs: u64,
    /// Stop as soon as the point is known so well.
    pub precision: Option<Precision>,
    /// Level of confidence intervals, above 0 and below 1.
    pub level: f64,
}

/// Half the width that an interval may have; without an interval no precision is reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Precision {
    of: Quantity,
    width: Width,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Quantity {
    /// The mean of 5xx a rollout.
    Mean,
    /// The probability that a rollout sees any.
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Width {
    Absolute(f64),
    Relative(f64),
}

impl Default for Budget {
    /// That of a scenario that says nothing.
    fn default() -> Budget {
        Budget {
            runs: 1_000,
            precision: None,
            level: 0.95,
        }
    }
}

impl Budget {
    /// Whether a point needs no more replications.
    ///
    /// The interval is looked at after 100 replications and then whenever their number has grown by
    /// half: each look is another chance to stop by luck, so there are few (Glynn and Whitt, *The
    /// asymptotic validity of sequential stopping rules for stochastic simulations*, Annals of Applied
    /// Probability 2(1), 1992).
    pub fn is_spent(&self, totals: &Totals) -> bool {
        let runs = totals.runs();
        runs >= self.runs
            || self
                .precision
                .is_some_and(|precision| is_look(runs) && precision.is_reached(totals, self.level))
    }

    /// The next replications of a point that has had so many.
    pub fn portion(&self, runs: u64) -> Range<u64> {
        let look = looks()
            .find(|look| *look > runs)
            .filter(|_| self.precision.is_some());
        let end = (runs / PORTION + 1) * PORTION;
        runs..end.min(look.unwrap_or(u64::MAX)).min(self.runs)
    }
}

fn looks() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(FEWEST), |look| look.checked_add(look / 2))
}

fn is_look(runs: u64) -> bool {
    looks()
        .take_while(|look| *look <= runs)
        .any(|look| look == runs)
}

impl Precision {
    /// Parses `0.5` (5xx a rollout), `5%` (of their mean), `any:0.01` (of the probability of any 5xx), `any:10%`.
    ///
    /// # Errors
    /// In words what is wrong.
    pub fn parse(text: &str) -> Result<Precision, String> {
        let (of, number) = match text.trim().split_once(':') {
            None => (Quantity::Mean, text.trim()),
            Some(("mean", number)) => (Quantity::Mean, number),
            Some(("any", number)) => (Quantity::Any, number),
            Some((other, _)) => return Err(format!("`{other}` is neither `mean` nor `any`")),
        };
        let (digits, percent) = number
            .strip_suffix('%')
            .map_or((number, false), |digits| (digits, true));
        let value = digits
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|value| value.is_finite() && *value > 0.0);
        let value =
            value.ok_or_else(|| format!("`{text}` is no precision; write 0.5, 5%, or any:0.01"))?;
        Ok(Precision {
            of,
            width: if percent {
                Width::Relative(value / 100.0)
            } else {
                Width::Absolute(value)
            },
        })
    }

    fn is_reached(self, totals: &Totals, level: f64) -> bool {
        let (mean, interval) = match self.of {
            Quantity::Mean => (totals.failed.mean(), totals.mean_interval(level)),
            Quantity::Any => {
                let any = totals.any_5xx(level);
                (
                    any.map_or(0.0, |any| any.probability),
                    any.map(|any| (any.low, any.high)),
                )
            }
        };
        let half = interval.map_or(f64::INFINITY, |(low, high)| (high - low) / 2.0);
        half <= match self.width {
            Width::Absolute(width) => width,
            Width::Relative(share) => share * mean,
        }
    }
}

impl fmt::Display for Precision {
    /// As [`Precision::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.of == Quantity::Any {
            f.write_str("any:")?;
        }
        match self.width {
            Width::Absolute(width) => write!(f, "{width}"),
            Width::Relative(share) => write!(f, "{}%", (share * 1e8).round() / 1e6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_precision_reads_back() {
        for text in ["0.5", "5%", "any:0.01", "any:10%", "0.1%"] {
            assert_eq!(Precision::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Precision::parse("mean:2").unwrap().to_string(), "2");
        for text in ["", "0", "-1", "x", "p:1", "5%%", "inf"] {
            assert!(Precision::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn portions_end_at_looks_and_cover_the_budget() {
        let ends = |budget: Budget| {
            let mut ends = vec![0];
            while ends[ends.len() - 1] < budget.runs {
                let portion = budget.portion(ends[ends.len() - 1]);
                assert_eq!(portion.start, ends[ends.len() - 1]);
                ends.push(portion.end);
            }
            ends
        };
        let plain = Budget {
            runs: 600,
            ..Budget::default()
        };
        assert_eq!(ends(plain), [0, 250, 500, 600]);
        let precise = Budget {
            precision: Precision::parse("1%").ok(),
            ..plain
        };
        assert_eq!(ends(precise), [0, 100, 150, 225, 250, 337, 500, 505, 600]);
    }
}
