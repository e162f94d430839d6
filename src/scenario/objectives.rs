//! What a configuration is held to (`[objectives]`), and how it is judged: one rule and one wording for all commands.

use std::fmt;

use crate::setting::settings;

settings! {
    /// The objectives (`[objectives]`).
    ObjectivesSpec in "objectives" {
        /// A rollout may cost so many 5xx responses.
        max_5xx_per_rollout: u64 = 0, Assumed "a rollout should not be noticed";
        /// In at least this share of rollouts; above 0, at most 1.
        probability: f64 = 0.99, (above 0, at most 1) Assumed "met then means that a rollout fails requests once in a hundred times at most; 0.95 would spare the service of the 2023 load test 15 s of preStop";
    }
}

/// Whether an objective is met, as far as the runs tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attainment {
    /// The whole interval of the share lies on the good side.
    Met,
    /// The whole interval lies on the bad side.
    Missed,
    /// The interval lies on both, or something is not known that could change it.
    Unclear,
}

impl Attainment {
    /// The word that reports use.
    pub const fn word(self) -> &'static str {
        match self {
            Attainment::Met => "met",
            Attainment::Missed => "missed",
            Attainment::Unclear => "unclear",
        }
    }
}

impl ObjectivesSpec {
    /// Judges the share of rollouts that complete and cost no more than is allowed by the ends of its interval, each
    /// from 0 to 1. `is_known`: no load ended before its rollout, so that nothing more can have failed; without that
    /// an objective can be missed, but not met.
    pub fn judge(&self, (low, high): (f64, f64), is_known: bool) -> Attainment {
        if high < self.probability {
            Attainment::Missed
        } else if low >= self.probability && is_known {
            Attainment::Met
        } else {
            Attainment::Unclear
        }
    }

    /// Reads `N in SHARE`: `0 in 95 %`, `5 in 0.99`, the text of `--objective`.
    ///
    /// # Errors
    /// It is something else, or the share is not above 0 and at most 1.
    pub fn parse(text: &str) -> Result<ObjectivesSpec, String> {
        let form = || {
            "write how many 5xx a rollout may cost, and in which share of rollouts: \"0 in 95 %\""
                .to_owned()
        };
        let (most, share) = text.split_once(" in ").ok_or_else(form)?;
        let max_5xx_per_rollout = most
            .trim()
            .parse()
            .ok()
            .filter(|most: &u64| i64::try_from(*most).is_ok())
            .ok_or_else(form)?;
        let share = share.trim();
        let (digits, whole) = match share.strip_suffix('%') {
            Some(percent) => (percent.trim_end(), 100.0),
            None => (share, 1.0),
        };
        let probability = digits.parse::<f64>().map_err(|_| form())? / whole;
        if probability > 0.0 && probability <= 1.0 {
            Ok(ObjectivesSpec {
                max_5xx_per_rollout,
                probability,
            })
        } else {
            Err("a share of rollouts lies above 0 %, and is at most 100 %".to_owned())
        }
    }
}

/// `no 5xx in 95 % of rollouts`.
impl fmt::Display for ObjectivesSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max_5xx_per_rollout {
            0 => f.write_str("no 5xx")?,
            most => write!(f, "at most {most} 5xx")?,
        }
        // Nine digits: what binary fractions add to a percentage is not shown.
        let percent = (self.probability * 1e11).round() / 1e9;
        write!(f, " in {percent} % of rollouts")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_rule() {
        let objectives = ObjectivesSpec {
            probability: 0.95,
            ..ObjectivesSpec::default()
        };
        let judged = |low, high, known| objectives.judge((low, high), known);
        assert_eq!(judged(0.95, 1.0, true), Attainment::Met);
        assert_eq!(judged(0.95, 1.0, false), Attainment::Unclear);
        assert_eq!(judged(0.94, 1.0, true), Attainment::Unclear);
        assert_eq!(judged(0.90, 0.95, true), Attainment::Unclear);
        assert_eq!(judged(0.90, 0.9499, false), Attainment::Missed);
    }

    #[test]
    fn as_people_write_it() {
        let told = |text| ObjectivesSpec::parse(text).map(|objectives| objectives.to_string());
        let no_5xx = Ok("no 5xx in 95 % of rollouts".to_owned());
        assert_eq!(told("0 in 95 %"), no_5xx);
        assert_eq!(told(" 0 in 95%"), no_5xx);
        assert_eq!(told("0 in 0.95"), no_5xx);
        assert_eq!(
            told("5 in 99.9 %"),
            Ok("at most 5 5xx in 99.9 % of rollouts".to_owned())
        );
        for wrong in [
            "",
            "95 %",
            "-1 in 95 %",
            "0 in 0 %",
            "0 in 101 %",
            "0 in nan %",
        ] {
            assert!(told(wrong).is_err(), "{wrong}");
        }
    }
}
