//! Is B better than A? Two configurations under the same chance, replication by replication.

use crate::monte_carlo::Sample;
use crate::stats::{Moments, PairedDifference, zero_bound};
use crate::time::Span;
use crate::verdict::Cause;

/// Two configurations, pair by pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// How many pairs.
    pub pairs: u64,
    /// Confidence level of every interval, and of the answer.
    pub level: f64,
    /// Which has fewer 5xx.
    pub answer: Answer,
    /// 5xx a rollout, which the answer is taken from.
    pub failed: Row,
    /// Share of rollouts with any 5xx.
    pub any_5xx: Row,
    /// 502, 503 and 504 a rollout, and behind each its causes that occurred.
    pub requests: Vec<Row>,
    /// What the rollout costs besides requests.
    pub rollout: Vec<Row>,
    /// Shares of rollouts whose load ended before they were over, of both.
    pub cut_short: [f64; 2],
}

/// Which of two configurations costs fewer 5xx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The second one.
    Fewer,
    /// The first one.
    More,
    /// The runs do not tell.
    Undecided,
    /// No pair differs in its 5xx.
    Same,
}

/// One quantity of both.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is: a status, a cause, a measure.
    pub name: String,
    /// Whether it is a cause, counted in the status above it, too.
    pub is_cause: bool,
    /// Its mean in the first.
    pub a: f64,
    /// Its mean in the second.
    pub b: f64,
    /// The second less the first; `None` of fewer than two pairs.
    pub difference: Option<PairedDifference>,
    /// Pairs that have it in both.
    pub pairs: u64,
    /// Pairs that differ in it.
    pub differing: u64,
    /// Whether the difference is significant: of all 5xx at the level itself; of the other rows at a level
    /// raised so that all of them together err as rarely (Bonferroni).
    pub is_significant: bool,
}

/// A quantity that not every replication has.
type Measure = fn(&Sample) -> Option<f64>;

const MEASURES: [(&str, Measure); 4] = [
    ("complete after (s)", |sample| {
        sample.measures.duration.map(Span::as_secs_f64)
    }),
    ("old pods gone (s)", |sample| {
        sample.measures.old_pods_gone.map(Span::as_secs_f64)
    }),
    ("extra pods (pod·s)", |sample| {
        Some(sample.measures.extra_pod_time.as_secs_f64())
    }),
    ("least routable targets", |sample| {
        Some(f64::from(sample.measures.min_routable_targets))
    }),
];

/// A row to be: its name, whether it is a cause, and how many requests of a replication it counts.
type Count = (String, bool, Box<dyn Fn(&Sample) -> u64>);

impl Comparison {
    /// Of replications in order, the i-th of both with the same chance; `None` without a pair.
    pub fn of(a: &[Sample], b: &[Sample], level: f64) -> Option<Comparison> {
        if a.is_empty() || a.len() != b.len() {
            return None;
        }
        let counts = counts(a, b);
        let rows = counts.len() + MEASURES.len() + 1;
        let row = |name: &str, is_cause, rows, value: &dyn Fn(&Sample) -> Option<f64>| {
            let pairs: Vec<_> = a
                .iter()
                .zip(b)
                .filter_map(|(a, b)| Some((value(a)?, value(b)?)))
                .collect();
            Row::of(name, is_cause, &pairs, level, rows)
        };
        let failed = row("any 5xx", false, 1, &|sample| {
            Some(sample.count_5xx() as f64)
        });
        Some(Comparison {
            pairs: a.len() as u64,
            level,
            answer: Answer::of(&failed),
            any_5xx: row("rollouts with any 5xx", false, rows, &|sample| {
                Some(f64::from(sample.count_5xx() > 0))
            }),
            failed,
            requests: counts
                .iter()
                .map(|(name, is_cause, count)| {
                    row(name, *is_cause, rows, &|sample| Some(count(sample) as f64))
                })
                .collect(),
            cut_short: [a, b].map(|samples| {
                samples
                    .iter()
                    .filter(|sample| sample.measures.cut_short)
                    .count() as f64
                    / samples.len() as f64
            }),
            rollout: MEASURES
                .iter()
                .map(|(name, measure)| row(name, false, rows, measure))
                .collect(),
        })
    }

    /// If the two differed in more than this share of rollouts, such a pair would have been seen.
    pub fn unseen(&self) -> f64 {
        zero_bound(self.pairs, self.level)
    }
}

impl Answer {
    fn of(failed: &Row) -> Answer {
        match failed.difference {
            _ if failed.differing == 0 => Answer::Same,
            Some(difference) if failed.is_significant && difference.mean < 0.0 => Answer::Fewer,
            Some(_) if failed.is_significant => Answer::More,
            _ => Answer::Undecided,
        }
    }
}

impl Row {
    /// `rows`: how many rows are judged together.
    fn of(name: &str, is_cause: bool, pairs: &[(f64, f64)], level: f64, rows: usize) -> Row {
        let strict = 1.0 - (1.0 - level) / rows as f64;
        Row {
            name: name.to_owned(),
            is_cause,
            a: pairs.iter().map(|(a, _)| *a).collect::<Moments>().mean(),
            b: pairs.iter().map(|(_, b)| *b).collect::<Moments>().mean(),
            difference: PairedDifference::of(pairs, level),
            pairs: pairs.len() as u64,
            differing: pairs.iter().filter(|(a, b)| a != b).count() as u64,
            is_significant: PairedDifference::of(pairs, strict)
                .is_some_and(|difference| difference.is_significant()),
        }
    }
}

/// The statuses, each followed by those of its causes that occur in either.
fn counts(a: &[Sample], b: &[Sample]) -> Vec<Count> {
    let mut counts: Vec<Count> = Vec::new();
    for status in [502, 503, 504] {
        counts.push((
            status.to_string(),
            false,
            Box::new(move |sample| sample.status(status)),
        ));
        let causes = Cause::ALL
            .into_iter()
            .filter(|cause| cause.status() == status);
        let of_alb = causes.map(|cause| -> Count {
            (
                cause.name().to_owned(),
                true,
                Box::new(move |sample| sample.causes[cause.index()]),
            )
        });
        let own: Count = ("target".to_owned(), true, Box::new(|sample| sample.target));
        let occurs = |count: &Count| a.iter().chain(b).any(|sample| count.2(sample) > 0);
        counts.extend(of_alb.chain((status == 503).then_some(own)).filter(occurs));
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    /// A replication with a skewed, overdispersed number of 504s, as rollouts have: `most` of an
    /// environment's lag, and chance on top.
    fn sample(seed: u64, replication: u64, most: usize) -> Sample {
        let streams = Streams::new(seed, replication);
        let lag = streams
            .at(Purpose::DeregistrationMedian, 0)
            .uniform()
            .powi(3);
        let mut chance = streams.at(Purpose::Network, 0);
        let mut sample = Sample {
            requests: 12_000,
            ..Sample::default()
        };
        sample.causes[Cause::ConnectTimeout.index()] =
            (lag * most as f64) as u64 + chance.below(20) as u64;
        sample.causes[Cause::Refused.index()] = u64::from(chance.chance(0.05));
        sample.measures.duration = Some(Span::from_micros(
            40_000_000 + chance.below(9_000_000) as u64,
        ));
        sample
    }

    fn compare(seeds: (u64, u64), most: (usize, usize), runs: u64) -> Comparison {
        let side = |seed, most| (0..runs).map(|i| sample(seed, i, most)).collect::<Vec<_>>();
        Comparison::of(&side(seeds.0, most.0), &side(seeds.1, most.1), 0.95).unwrap()
    }

    #[test]
    fn a_difference_is_found_and_shared_chance_helps() {
        let paired = compare((1, 1), (200, 190), 200);
        assert_eq!(paired.answer, Answer::Fewer);
        assert!(paired.failed.difference.unwrap().variance_ratio.unwrap() > 100.0);
        assert_eq!(
            compare((1, 2), (200, 190), 200).answer,
            Answer::Undecided,
            "not without it"
        );
        assert_eq!(compare((1, 1), (190, 200), 200).answer, Answer::More);
        let names: Vec<_> = paired
            .requests
            .iter()
            .map(|row| row.name.as_str())
            .collect();
        assert_eq!(names, ["502", "refused", "503", "504", "connect-timeout"]);
        assert!(!paired.requests[1].is_significant && paired.requests[4].is_significant);
    }

    #[test]
    fn the_same_twice_is_the_same() {
        let same = compare((1, 1), (200, 200), 299);
        assert_eq!((same.answer, same.failed.differing), (Answer::Same, 0));
        assert!(same.unseen() <= 0.01);
        assert_eq!(Comparison::of(&[], &[], 0.95), None);
        assert_eq!(
            compare((1, 2), (200, 200), 1).answer,
            Answer::Undecided,
            "one pair tells nothing"
        );
    }

    /// A against A, with chance of its own each, is called different about as often as the level allows.
    #[test]
    fn a_against_a_is_rarely_significant() {
        let (mut answers, mut rows) = (0, 0);
        for attempt in 0..1_000 {
            let same = compare((2 * attempt, 2 * attempt + 1), (200, 200), 100);
            answers += u32::from(same.answer != Answer::Undecided);
            rows += u32::from(
                same.requests
                    .iter()
                    .chain(&same.rollout)
                    .chain([&same.any_5xx])
                    .any(|row| row.is_significant),
            );
        }
        assert!(answers <= 60, "{answers} of 1,000 answers are wrong");
        assert!(rows <= 60, "{rows} of 1,000 tables have a wrong row");
    }
}
