//! What replications came to, counted and not kept: its memory does not grow with their number.

use super::sample::Sample;
use crate::stats::{Frequencies, Measurements};
use crate::time::{Span, Time};
use crate::verdict::Cause;

/// A count that every replication has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Requests sent.
    Requests,
    /// Attempts that failed and were made again.
    Repeated,
    /// Requests whose user saw a 5xx.
    Failed,
    /// Requests that ended with this status: 200, 502, 503, 504 or 460. None ends with another.
    Status(u16),
    /// Requests that this cause ended.
    Cause(Cause),
    /// Requests that the application answered with a 503 of its own.
    Target,
}

/// A measurement that a replication has, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Seconds for which requests were sent.
    Load,
    /// Seconds from the rollout's start until the Deployment is complete.
    Duration,
    /// Seconds from the rollout's start until the last old pod is gone.
    OldPodsGone,
    /// Pod-seconds beyond the desired pods.
    ExtraPodTime,
    /// The least number of targets that a node of the load balancer had.
    MinRoutableTargets,
    /// Seconds from the rollout's start until the first request was sent that failed with a 5xx.
    First5xx,
    /// Seconds from the rollout's start until the last one.
    Last5xx,
    /// The mean latency of its requests, in seconds.
    MeanLatency,
}

/// The statuses that requests end with; a last row is for all others, with which none does.
const STATUSES: [u16; 5] = [200, 502, 503, 504, 460];
/// Rows before the statuses, the statuses and the row after them, and the row after the causes.
const COUNTS: usize = 3 + STATUSES.len() + 1 + Cause::ALL.len() + 1;

/// What many replications came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    runs: u64,
    cut_short: u64,
    rollout_at: Time,
    /// 5xx of each replication whose rollout completes.
    failed_of_complete: Frequencies,
    counts: [Frequencies; COUNTS],
    measures: [Measurements; Measure::ALL.len()],
}

impl Count {
    /// All of them, by row.
    fn all() -> impl Iterator<Item = Count> {
        let statuses = STATUSES.map(Count::Status);
        let others = [Count::Requests, Count::Repeated, Count::Failed];
        others
            .into_iter()
            .chain(statuses)
            .chain([Count::Status(0)])
            .chain(Cause::ALL.map(Count::Cause))
            .chain([Count::Target])
    }

    /// Its row.
    fn row(self) -> usize {
        const STATUS: usize = 3;
        const CAUSE: usize = STATUS + STATUSES.len() + 1;
        match self {
            Count::Requests => 0,
            Count::Repeated => 1,
            Count::Failed => 2,
            Count::Status(status) => {
                let row = STATUSES.iter().position(|of| *of == status);
                STATUS + row.unwrap_or(STATUSES.len())
            }
            Count::Cause(cause) => CAUSE + cause.index(),
            Count::Target => COUNTS - 1,
        }
    }

    /// Of one replication.
    pub fn of(self, sample: &Sample) -> u64 {
        match self {
            Count::Requests => sample.requests,
            Count::Repeated => sample.repeated,
            Count::Failed => sample.count_5xx(),
            Count::Status(status) => sample.status(status),
            Count::Cause(cause) => sample.causes[cause.index()],
            Count::Target => sample.target,
        }
    }
}

impl Measure {
    /// All of them, in order.
    pub const ALL: [Measure; 8] = [
        Measure::Load,
        Measure::Duration,
        Measure::OldPodsGone,
        Measure::ExtraPodTime,
        Measure::MinRoutableTargets,
        Measure::First5xx,
        Measure::Last5xx,
        Measure::MeanLatency,
    ];

    /// Of one replication of a rollout that starts then.
    fn of(self, sample: &Sample, rollout_at: Time) -> Option<f64> {
        let measures = &sample.measures;
        match self {
            Measure::Load => Some(measures.load.as_secs_f64()),
            Measure::Duration => measures.duration.map(Span::as_secs_f64),
            Measure::OldPodsGone => measures.old_pods_gone.map(Span::as_secs_f64),
            Measure::ExtraPodTime => Some(measures.extra_pod_time.as_secs_f64()),
            Measure::MinRoutableTargets => Some(f64::from(measures.min_routable_targets)),
            Measure::First5xx => Some(sample.error_window?.0.secs_since(rollout_at)),
            Measure::Last5xx => Some(sample.error_window?.1.secs_since(rollout_at)),
            Measure::MeanLatency => sample.mean_latency(),
        }
    }
}

impl Counted {
    /// Nothing yet, of a rollout that starts so long after the load.
    pub fn new(rollout_at: Span) -> Counted {
        Counted {
            runs: 0,
            cut_short: 0,
            rollout_at: Time::ZERO + rollout_at,
            failed_of_complete: Frequencies::default(),
            counts: Default::default(),
            measures: Default::default(),
        }
    }

    /// Takes a replication in.
    pub fn push(&mut self, sample: &Sample) {
        self.runs += 1;
        self.cut_short += u64::from(sample.measures.cut_short);
        if sample.measures.is_complete() {
            self.failed_of_complete.push(sample.count_5xx() as f64);
        }
        for (count, frequencies) in Count::all().zip(&mut self.counts) {
            frequencies.push(count.of(sample) as f64);
        }
        for (measure, measurements) in Measure::ALL.into_iter().zip(&mut self.measures) {
            if let Some(x) = measure.of(sample, self.rollout_at) {
                measurements.push(x);
            }
        }
    }

    /// Adds what somebody else took in.
    pub fn merge(&mut self, other: &Counted) {
        self.runs += other.runs;
        self.cut_short += other.cut_short;
        self.failed_of_complete.merge(&other.failed_of_complete);
        for (counts, others) in self.counts.iter_mut().zip(&other.counts) {
            counts.merge(others);
        }
        for (measures, others) in self.measures.iter_mut().zip(&other.measures) {
            measures.merge(others);
        }
    }

    /// Replications.
    pub const fn runs(&self) -> u64 {
        self.runs
    }

    /// In how many of them the load ended before the rollout was over.
    pub const fn cut_short(&self) -> u64 {
        self.cut_short
    }

    /// How often each number of 5xx occurred in rollouts that complete.
    pub const fn failed_of_complete(&self) -> &Frequencies {
        &self.failed_of_complete
    }

    /// How often each count occurred: exactly, whatever their number.
    pub fn counts(&self, count: Count) -> &Frequencies {
        &self.counts[count.row()]
    }

    /// What those replications measured that have a measurement.
    pub fn measurements(&self, measure: Measure) -> &Measurements {
        &self.measures[measure as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_has_its_row() {
        let rows: Vec<usize> = Count::all().map(Count::row).collect();
        assert_eq!(rows, (0..COUNTS).collect::<Vec<_>>());
        assert!((0..).zip(Measure::ALL).all(|(row, of)| of as usize == row));
        let statuses = Cause::ALL.map(Cause::status);
        assert!(statuses.iter().all(|status| STATUSES.contains(status)));
    }

    #[test]
    fn what_is_counted_is_what_the_samples_say() {
        let sample = |i: u64| {
            let mut sample = Sample {
                requests: 1_000 + i % 7,
                target: i % 3,
                ..Sample::default()
            };
            sample.causes = std::array::from_fn(|row| (i + row as u64) % 5);
            sample.measures.duration = (!i.is_multiple_of(4)).then(|| Span::from_micros(i * 1_001));
            sample.measures.cut_short = i.is_multiple_of(10);
            sample
        };
        let samples: Vec<Sample> = (0..100).map(sample).collect();
        let mut counted = Counted::new(Span::from_secs(10));
        let mut rest = counted.clone();
        samples[..37].iter().for_each(|sample| counted.push(sample));
        samples[37..].iter().for_each(|sample| rest.push(sample));
        counted.merge(&rest);
        for count in Count::all() {
            let expected = samples.iter().map(|sample| count.of(sample) as f64);
            assert_eq!(*counted.counts(count), expected.collect(), "{count:?}");
        }
        assert_eq!((counted.runs(), counted.cut_short()), (100, 10));
        let lasted = counted.measurements(Measure::Duration);
        assert_eq!((lasted.moments().n(), lasted.max()), (75, Some(0.099_099)));
        assert_eq!(counted.measurements(Measure::First5xx).max(), None);
    }
}
