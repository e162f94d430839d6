//! Anomaly mitigation: a node takes load off a target whose requests fail more often than others'.
//!
//! AWS says that it looks at 5xx answers and connection errors where there are three healthy targets at least, that
//! it reduces the traffic of an anomalous target step by step "or until the traffic volume is decreased to a
//! negligible level", and that it raises it again gradually ("Automatic Target Weights", AWS blog, November 2023); it
//! does so for half of the targets at most (aws-samples, multi-az workshop, lab 6). The constants here are assumed.

use std::ops::Range;

use crate::aws::target_group::Algorithm;
use crate::dist::LogNormal;
use crate::random::{Purpose, Streams};
use crate::scenario::Scenario;
use crate::time::{Span, Time};
use crate::verdict::Verdict;

/// A target is anomalous after so many failures within so long; its failures have stopped when there was none for so long.
const LEAST_FAILURES: usize = 3;
const WITHIN: Span = Span::from_secs(5);
/// Unless less than this share of its requests failed, as far as they are remembered: half as well after so many seconds.
const LEAST_SHARE: f64 = 0.1;
const HALF_LIFE: f64 = 5.0;
/// A step halves an anomalous target's weight, down to this, or doubles it, up to that of the others, 1.
const FLOOR: f64 = 0.05;
/// From one step to the next, over environments: p50, and σ of the logarithm (5 s to 30 s).
const STEP: (Span, f64) = (Span::from_secs(10), 0.54);
/// Detection needs so many healthy targets.
const LEAST_TARGETS: usize = 3;

/// What each node remembers of each target's requests, by node, then target.
#[derive(Debug, Clone)]
pub(super) struct Anomalies {
    is_on: bool,
    step: Span,
    records: Vec<Record>,
    weights: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    ended: f64,
    failed: f64,
    at: Time,
    /// The last failures, the latest one first.
    failures: [Time; LEAST_FAILURES],
    weight: f64,
    /// When its weight next changes; [`Time::NEVER`]: it is like the others.
    next: Time,
}

impl Record {
    const EMPTY: Record = Record {
        ended: 0.0,
        failed: 0.0,
        at: Time::ZERO,
        failures: [Time::NEVER; LEAST_FAILURES],
        weight: 1.0,
        next: Time::NEVER,
    };

    fn fade(&mut self, now: Time) {
        let faded = (-now.saturating_since(self.at).as_secs_f64() / HALF_LIFE).exp2();
        (self.ended, self.failed, self.at) = (self.ended * faded, self.failed * faded, now);
    }

    /// Whether its last so many failures are recent.
    fn has_failed(&self, times: usize, now: Time) -> bool {
        let first = self.failures[times - 1];
        first != Time::NEVER && now.saturating_since(first) <= WITHIN
    }

    const fn is_anomalous(&self) -> bool {
        !matches!(self.next, Time::NEVER)
    }

    /// Takes the steps that were due.
    fn step(&mut self, now: Time, step: Span) {
        while self.next <= now && self.is_anomalous() {
            self.weight = if self.has_failed(1, self.next) {
                (self.weight / 2.0).max(FLOOR)
            } else {
                (self.weight * 2.0).min(1.0)
            };
            self.next = if self.weight < 1.0 {
                self.next + step
            } else {
                Time::NEVER
            };
        }
    }
}

impl Anomalies {
    pub(super) fn new(scenario: &Scenario) -> Anomalies {
        let group = &scenario.target_group;
        let is_on = group.anomaly_mitigation && group.algorithm == Algorithm::WeightedRandom;
        Anomalies {
            is_on,
            step: STEP.0,
            records: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// Whether anything is remembered.
    pub(super) const fn is_on(&self) -> bool {
        self.is_on
    }

    /// Nothing is remembered yet.
    pub(super) fn begin(&mut self, lanes: usize, streams: &Streams) {
        if self.is_on {
            self.step =
                LogNormal::new(STEP.0, STEP.1).sample(&mut streams.at(Purpose::AnomalyStep, 0));
            self.step = self.step.max(Span::from_millis(1));
            self.records.clear();
            self.records.resize(lanes, Record::EMPTY);
            self.weights.clear();
            self.weights.resize(lanes, 1.0);
        }
    }

    /// A request has ended.
    #[inline]
    pub(super) fn note(&mut self, lane: usize, verdict: Verdict, now: Time) {
        if !self.is_on {
            return;
        }
        let record = &mut self.records[lane];
        record.step(now, self.step);
        record.fade(now);
        record.ended += 1.0;
        if verdict.is_5xx() {
            record.failed += 1.0;
            record.failures.rotate_right(1);
            record.failures[0] = now;
        }
    }

    /// The weights of one node's targets; empty: all alike.
    pub(super) fn weights(&mut self, lanes: Range<usize>, healthy: usize, now: Time) -> &[f64] {
        if !self.is_on || healthy < LEAST_TARGETS {
            return &[];
        }
        let records = &mut self.records[lanes.clone()];
        records
            .iter_mut()
            .for_each(|record| record.step(now, self.step));
        let mut anomalous = records
            .iter()
            .filter(|record| record.is_anomalous())
            .count();
        for (record, weight) in records.iter_mut().zip(&mut self.weights[lanes.clone()]) {
            if !record.is_anomalous()
                && anomalous < healthy / 2
                && record.has_failed(LEAST_FAILURES, now)
            {
                record.fade(now);
                if record.failed >= LEAST_SHARE * record.ended {
                    record.next = now + self.step;
                    anomalous += 1;
                }
            }
            *weight = record.weight;
        }
        &self.weights[lanes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Cause;

    const REFUSED: Verdict = Verdict::Alb(Cause::Refused);

    fn anomalies(targets: usize) -> Anomalies {
        let mut scenario = Scenario::default();
        scenario.target_group.algorithm = Algorithm::WeightedRandom;
        scenario.target_group.anomaly_mitigation = true;
        let mut anomalies = Anomalies::new(&scenario);
        anomalies.begin(targets, &Streams::new(1, 0));
        anomalies.step = Span::from_secs(10);
        anomalies
    }

    /// A failure a second of the first so many targets until an instant; the weight of the last of them each second.
    fn weights(targets: usize, failing: usize, until: u64, seconds: u64) -> Vec<f64> {
        let mut anomalies = anomalies(targets);
        let each = |second| {
            let now = Time::from_micros(second * 1_000_000);
            for target in 0..targets {
                let verdict = if target < failing && second < until {
                    REFUSED
                } else {
                    Verdict::Ok
                };
                anomalies.note(target, verdict, now);
            }
            anomalies
                .weights(0..targets, targets, now)
                .get(failing - 1)
                .copied()
                .unwrap_or(1.0)
        };
        (0..seconds).map(each).collect()
    }

    /// Half every 10 s after the third failure, down to 0.05; twice as much again once failures stop.
    #[test]
    fn by_steps_to_a_floor_and_back() {
        let seen = weights(6, 2, 80, 200);
        let at = [0, 11, 12, 22, 32, 42, 52, 62, 79].map(|second: usize| seen[second]);
        assert_eq!(at, [1.0, 1.0, 0.5, 0.25, 0.125, 0.062_5, 0.05, 0.05, 0.05]);
        let after = [82, 92, 102, 112, 122, 132, 199].map(|second: usize| seen[second]);
        assert_eq!(after, [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]);
    }

    /// For at most half of the targets, and for none where there are fewer than three.
    #[test]
    fn for_half_of_the_targets_at_most() {
        for (targets, failing, is_reduced) in [
            (6, 3, true),
            (6, 4, false),
            (5, 2, true),
            (5, 3, false),
            (2, 1, false),
        ] {
            let last = weights(targets, failing, 100, 100)[99];
            assert_eq!(
                last < 1.0,
                is_reduced,
                "target {failing} of {targets}: {last}"
            );
        }
    }

    /// Two failures, or three that are far apart, or few among many, are no anomaly.
    #[test]
    fn what_is_no_anomaly() {
        let second = |secs: u64| Time::from_micros(secs * 1_000_000);
        for (failures, others) in [(vec![1, 2], 0), (vec![1, 4, 7], 0), (vec![1, 2, 3], 1_000)] {
            let mut anomalies = anomalies(4);
            for at in failures {
                (0..others).for_each(|_| anomalies.note(0, Verdict::Ok, second(at)));
                anomalies.note(0, REFUSED, second(at));
                assert_eq!(anomalies.weights(0..4, 4, second(at)), [1.0; 4]);
            }
            assert_eq!(anomalies.weights(0..4, 4, second(60)), [1.0; 4]);
        }
    }
}
