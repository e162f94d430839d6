//! Anomaly mitigation: a node takes load off a target whose requests fail more often than others'.
//!
//! AWS says that it looks at 5xx answers and connection errors where there are three healthy
//! targets at least, and keeps its constants to itself ("Automatic Target Weights", AWS blog,
//! November 2023). The constants here are assumed.

use std::ops::Range;

use crate::aws::target_group::Algorithm;
use crate::scenario::Scenario;
use crate::time::Time;
use crate::verdict::Verdict;

/// What is remembered halves in so many seconds.
const HALF_LIFE: f64 = 5.0;
/// A target with fewer failures in memory is not anomalous.
const LEAST_FAILURES: f64 = 3.0;
/// Nor is one of whose requests less than this share failed.
const LEAST_SHARE: f64 = 0.1;
/// The weight of an anomalous target; that of the others is 1.
const REDUCED: f64 = 0.05;
/// Detection needs so many healthy targets.
const LEAST_TARGETS: usize = 3;

/// What each node remembers of each target's requests, by node, then target.
#[derive(Debug, Clone)]
pub(super) struct Anomalies {
    is_on: bool,
    records: Vec<Record>,
    weights: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    ended: f64,
    failed: f64,
    at: Time,
}

impl Record {
    const EMPTY: Record = Record { ended: 0.0, failed: 0.0, at: Time::ZERO };

    fn fade(&mut self, now: Time) {
        let faded = (-now.saturating_since(self.at).as_secs_f64() / HALF_LIFE).exp2();
        (self.ended, self.failed, self.at) = (self.ended * faded, self.failed * faded, now);
    }

    fn weight(self) -> f64 {
        let is_anomalous = self.failed >= LEAST_FAILURES && self.failed >= LEAST_SHARE * self.ended;
        if is_anomalous { REDUCED } else { 1.0 }
    }
}

impl Anomalies {
    pub(super) fn new(scenario: &Scenario) -> Anomalies {
        let group = &scenario.target_group;
        let is_on = group.anomaly_mitigation && group.algorithm == Algorithm::WeightedRandom;
        Anomalies { is_on, records: Vec::new(), weights: Vec::new() }
    }

    /// Whether anything is remembered.
    pub(super) const fn is_on(&self) -> bool {
        self.is_on
    }

    /// Nothing is remembered yet.
    pub(super) fn begin(&mut self, lanes: usize) {
        if self.is_on {
            self.records.clear();
            self.records.resize(lanes, Record::EMPTY);
            self.weights.clear();
            self.weights.resize(lanes, 1.0);
        }
    }

    /// A request has ended.
    #[inline]
    pub(super) fn note(&mut self, lane: usize, verdict: Verdict, now: Time) {
        if self.is_on {
            let record = &mut self.records[lane];
            record.fade(now);
            record.ended += 1.0;
            record.failed += f64::from(u8::from(verdict.is_5xx()));
        }
    }

    /// The weights of one node's targets; empty: all alike.
    pub(super) fn weights(&mut self, lanes: Range<usize>, healthy: usize, now: Time) -> &[f64] {
        if !self.is_on || healthy < LEAST_TARGETS {
            return &[];
        }
        for lane in lanes.clone() {
            self.records[lane].fade(now);
            self.weights[lane] = self.records[lane].weight();
        }
        &self.weights[lanes]
    }
}
