//! One probe worker of the kubelet: when it asks, and what it makes of the answers.
//!
//! Source: Kubernetes 1.36, pkg/kubelet/prober/worker.go. Ticks at which a worker could not ask
//! anything (container not running, initial delay, startup probe pending) are not scheduled at all.

use crate::cluster::pod::ProbeSpec;
use crate::time::{Span, Time};

/// A probe worker: a ticker and the streak of its results.
#[derive(Debug, Clone)]
pub struct ProbeWorker {
    spec: ProbeSpec,
    /// The ticker's grid starts here.
    origin: Time,
    /// Tells the pending tick from those it replaced.
    tick: u32,
    /// An answer is outstanding.
    asking: bool,
    /// A tick passed meanwhile: the ticker's channel keeps one.
    missed: bool,
    streak: (bool, u32),
    /// What the kubelet goes by; `None`: no threshold reached yet.
    result: Option<bool>,
    /// It does not tick: every answer to come would be the success that it has had.
    resting: bool,
}

impl ProbeWorker {
    /// A worker whose ticker starts at `origin`.
    pub const fn new(spec: ProbeSpec, origin: Time) -> ProbeWorker {
        let (streak, result) = ((false, 0), None);
        ProbeWorker {
            spec,
            origin,
            tick: 0,
            asking: false,
            missed: false,
            streak,
            result,
            resting: false,
        }
    }

    /// Has found its container well for a long time; `phase` (0 to 1) is how far into its period it is.
    pub fn settle(&mut self, phase: f64) {
        self.origin = Time::ZERO + self.spec.period.scaled(phase);
        self.streak = (true, 1);
        self.result = Some(true);
        self.resting = true;
    }

    /// After the restart of the container: results start over, the ticker goes on.
    pub const fn restart(&mut self) {
        self.tick += 1;
        self.asking = false;
        self.missed = false;
        self.streak = (false, 0);
        self.result = None;
        self.resting = false;
    }

    /// How long to wait for an answer.
    pub const fn timeout(&self) -> Span {
        self.spec.timeout
    }

    /// No probe earlier than this after the container's start, as the pod's status has it.
    pub const fn initial_delay(&self) -> Span {
        self.spec.initial_delay
    }

    /// Whether the last threshold reached was one of success.
    pub fn succeeded(&self) -> bool {
        self.result == Some(true)
    }

    /// The number of the pending tick; any other one is stale.
    pub const fn tick(&self) -> u32 {
        self.tick
    }

    /// The first tick at or after `earliest`.
    pub fn next_tick(&mut self, earliest: Time) -> (Time, u32) {
        self.tick += 1;
        let (period, since) = (
            self.spec.period.as_micros(),
            earliest.saturating_since(self.origin).as_micros(),
        );
        let at = self.origin + Span::from_micros(since.div_ceil(period) * period);
        (at.max(self.origin), self.tick)
    }

    /// Ticks no more, if one success after another is all that there is to hear. The ticker's grid goes
    /// on: nobody can tell a probe that rests from one that ticks, as long as its pod answers well.
    pub fn rest(&mut self) {
        if self.succeeded() && self.streak.0 && !self.asking {
            self.tick += 1;
            self.resting = true;
        }
    }

    /// The pod may answer otherwise from now on: whether this probe has to tick again for that.
    pub const fn stir(&mut self) -> bool {
        std::mem::replace(&mut self.resting, false)
    }

    /// The ticker starts over now: a manual run does that (kubernetes PR #119089).
    pub const fn reset_ticker(&mut self, now: Time) {
        self.origin = now;
    }

    /// A probe is due: whether to ask now. A probe still waiting for its answer makes this one wait too.
    pub const fn ask(&mut self) -> bool {
        self.missed = self.asking;
        !std::mem::replace(&mut self.asking, true)
    }

    /// An answer, or the lack of one. The new result where a threshold was reached, and whether a
    /// missed tick asks for the next probe at once.
    pub fn answered(&mut self, ok: bool) -> (Option<bool>, bool) {
        self.asking = false;
        let (last, count) = self.streak;
        self.streak = if count > 0 && last == ok {
            (ok, count + 1)
        } else {
            (ok, 1)
        };
        let threshold = if ok {
            self.spec.success_threshold
        } else {
            self.spec.failure_threshold
        };
        let reached = self.streak.1 >= threshold && self.result != Some(ok);
        if reached {
            self.result = Some(ok);
        }
        (reached.then_some(ok), std::mem::take(&mut self.missed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(success_threshold: u32, failure_threshold: u32) -> ProbeWorker {
        let spec = ProbeSpec {
            success_threshold,
            failure_threshold,
            ..ProbeSpec::default()
        };
        ProbeWorker::new(spec, Time::from_micros(500_000))
    }

    #[test]
    fn ticks_lie_on_the_grid() {
        let mut worker = worker(1, 3);
        let next = |worker: &mut ProbeWorker, secs: f64| {
            worker.next_tick(Time::ZERO + Span::from_secs_f64(secs)).0
        };
        assert_eq!(next(&mut worker, 0.0), Time::from_micros(500_000));
        assert_eq!(next(&mut worker, 0.6), Time::from_micros(10_500_000));
        assert_eq!(next(&mut worker, 10.5), Time::from_micros(10_500_000));
        worker.reset_ticker(Time::from_micros(1_000_000));
        assert_eq!(next(&mut worker, 10.5), Time::from_micros(11_000_000));
    }

    #[test]
    fn thresholds_count_streaks() {
        let mut worker = worker(2, 3);
        let results: Vec<_> = [
            true, false, true, true, false, false, true, false, false, false,
        ]
        .map(|ok| worker.answered(ok).0)
        .into_iter()
        .collect();
        assert_eq!(
            results,
            [
                None,
                None,
                None,
                Some(true),
                None,
                None,
                None,
                None,
                None,
                Some(false)
            ]
        );
    }

    #[test]
    fn one_missed_tick_is_kept() {
        let mut worker = worker(1, 1);
        assert!(worker.ask());
        assert!(!worker.ask() && !worker.ask());
        assert_eq!(worker.answered(true), (Some(true), true));
        assert_eq!(worker.answered(true), (None, false));
    }

    /// After one success there is no more to hear, until the pod stirs: then the next tick of the same grid.
    #[test]
    fn rests_once_it_has_succeeded() {
        let mut worker = worker(2, 3);
        let at = |secs: f64| Time::ZERO + Span::from_secs_f64(secs);
        for (ok, rests) in [
            (true, false),
            (true, true),
            (true, true),
            (false, false),
            (true, true),
        ] {
            assert!(worker.ask());
            worker.answered(ok);
            let pending = worker.next_tick(at(7.0)).1;
            worker.rest();
            assert_eq!((worker.tick() != pending, worker.stir()), (rests, rests));
            assert_eq!(worker.next_tick(at(33.3)).0, at(40.5));
        }
    }
}
