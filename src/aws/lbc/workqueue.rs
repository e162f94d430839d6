//! The controller's work queue, as far as one item (our TargetGroupBinding) can tell.

use crate::time::{Span, Time};

/// Whether the item waits, is being worked on, or is due later.
#[derive(Debug, Clone)]
pub struct Workqueue {
    /// An event absorbs the requeue that waits (priority queue).
    absorbs: bool,
    queued: bool,
    busy: bool,
    /// An event came while the item was worked on: it is handed out again at once.
    again: bool,
    due: Option<Time>,
    failures: u32,
}

/// The rate limiter: 5 ms × 2ⁿ, at most 1000 s
/// (`--targetgroupbinding-max-exponential-backoff-delay`, controllers/elbv2/targetgroupbinding_controller.go).
const BACKOFF_BASE: Span = Span::from_millis(5);
const BACKOFF_CAP: Span = Span::from_secs(1000);

impl Workqueue {
    /// An empty queue.
    pub const fn new(absorbs: bool) -> Workqueue {
        Workqueue {
            absorbs,
            queued: false,
            busy: false,
            again: false,
            due: None,
            failures: 0,
        }
    }

    /// Adds the item; whether it is to be handed out now.
    #[must_use]
    pub fn add(&mut self) -> bool {
        if self.absorbs {
            self.due = None;
        }
        if self.busy {
            self.again = true;
            return false;
        }
        !std::mem::replace(&mut self.queued, true)
    }

    /// Adds the item after `delay`, unless it is due earlier already; when to look again.
    #[must_use]
    pub fn add_after(&mut self, now: Time, delay: Span) -> Option<Time> {
        let due = now + delay;
        let absorbed = self.absorbs && self.again;
        if absorbed || self.due.is_some_and(|earlier| earlier <= due) {
            return None;
        }
        self.due = Some(due);
        self.due
    }

    /// Adds the item after the rate limiter's delay, which doubles each time.
    #[must_use]
    pub fn add_rate_limited(&mut self, now: Time) -> Option<Time> {
        // 5 ms × 2¹⁸ is above the cap already; the shift must not overflow.
        let delay = (BACKOFF_BASE * (1 << self.failures.min(18))).min(BACKOFF_CAP);
        self.failures += 1;
        self.add_after(now, delay)
    }

    /// The rate limiter starts anew.
    pub fn forget(&mut self) {
        self.failures = 0;
    }

    /// A delay is over: whether the item is to be handed out now. A requeue that was absorbed or
    /// brought forward is none.
    #[must_use]
    pub fn is_due(&mut self, now: Time) -> bool {
        if self.due != Some(now) {
            return false;
        }
        self.due = None;
        self.add()
    }

    /// The item is handed out.
    pub fn take(&mut self) {
        self.queued = false;
        self.busy = true;
    }

    /// Work on it has ended; whether it is to be handed out again now.
    #[must_use]
    pub fn done(&mut self) -> bool {
        self.busy = false;
        self.queued = std::mem::take(&mut self.again);
        self.queued
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Time {
        Time::from_micros(secs * 1_000_000)
    }

    fn worked(queue: &mut Workqueue, now: Time, requeue: u64) -> Option<Time> {
        queue.take();
        let due = queue.add_after(now, Span::from_secs(requeue));
        assert!(!queue.done());
        due
    }

    #[test]
    fn an_item_is_held_once_and_again_after_an_event_during_work() {
        let mut queue = Workqueue::new(false);
        assert_eq!((queue.add(), queue.add()), (true, false));
        queue.take();
        assert!(!queue.add());
        assert_eq!((queue.done(), queue.add()), (true, false));
    }

    /// The classic queue keeps the poll's own time; the priority queue starts it anew.
    #[test]
    fn an_event_between_two_polls() {
        for (absorbs, at_15, at_20) in [(false, true, false), (true, false, true)] {
            let mut queue = Workqueue::new(absorbs);
            assert_eq!(worked(&mut queue, at(0), 15), Some(at(15)));
            assert!(queue.add());
            assert_eq!(worked(&mut queue, at(5), 15), absorbs.then_some(at(20)));
            assert_eq!(queue.is_due(at(15)), at_15);
            assert_eq!(queue.is_due(at(20)), at_20);
        }
    }

    #[test]
    fn the_ladder_doubles_up_to_its_cap() {
        let mut queue = Workqueue::new(false);
        let mut now = Time::ZERO;
        let mut delays = Vec::new();
        for _ in 0..20 {
            let due = queue.add_rate_limited(now).unwrap();
            delays.push((due - now).as_micros() / 1000);
            assert!(queue.is_due(due));
            queue.take();
            assert!(!queue.done());
            now = due;
        }
        assert_eq!(delays[..4], [5, 10, 20, 40]);
        assert_eq!(delays[16..], [327_680, 655_360, 1_000_000, 1_000_000]);
        queue.forget();
        assert_eq!(
            queue.add_rate_limited(now),
            Some(now + Span::from_millis(5))
        );
    }
}
