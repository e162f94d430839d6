//! Connects of one node to one address, and which of their SYNs come first.

use crate::random::{Entities, pair};
use crate::time::{Span, Time};
use crate::traffic::connection::SYN_RETRIES;

/// After which of its SYNs' waits a request may be answered: the first SYN does not wait.
const SYNS: [Span; SYN_RETRIES.len() + 1] =
    [Span::ZERO, SYN_RETRIES[0], SYN_RETRIES[1], SYN_RETRIES[2]];

/// Connects of one node to one address, in order of sending.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    /// Its number among all lanes.
    row: u64,
    stretches: Vec<Stretch>,
    count: u64,
    /// Those that were answered, in order.
    answered: Vec<u64>,
    /// By wait: the first SYN since the last round of a request that has no answer, if it had been sent then.
    next: [Syn; SYNS.len()],
}

/// Connects one after the other.
#[derive(Debug, Clone, Copy)]
pub(in crate::traffic) struct Stretch {
    /// Begin and end, the same for a single one.
    from: Time,
    until: Time,
    count: u64,
    /// How many the lane had before.
    before: u64,
}

/// The SYN of a request, after one of its waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Syn {
    /// When it comes; [`Time::NEVER`]: there is none.
    pub(super) at: Time,
    /// The request's number in the lane, and when it was sent.
    pub(super) nth: u64,
    pub(super) sent: Time,
    /// Its stretch of the lane.
    stretch: usize,
}

impl Stretch {
    /// A single connect.
    pub(in crate::traffic) const fn one(sent: Time) -> Stretch {
        Stretch {
            from: sent,
            until: sent,
            count: 1,
            before: 0,
        }
    }

    /// So many in equal parts of a span, each anywhere in its own.
    pub(in crate::traffic) const fn spread(from: Time, until: Time, count: u64) -> Stretch {
        Stretch {
            from,
            until,
            count,
            before: 0,
        }
    }

    /// None of them is sent earlier.
    pub(super) const fn from(&self) -> Time {
        self.from
    }

    /// When one of the lane's was sent; `place` in [0, 1) is its place in its part.
    fn sent(&self, nth: u64, place: f64) -> Time {
        let share = ((nth - self.before) as f64 + place) / self.count as f64;
        self.from + (self.until - self.from).scaled(share)
    }
}

impl Lane {
    /// A lane without connects.
    pub(super) const fn new(row: usize) -> Lane {
        Lane {
            row: row as u64,
            stretches: Vec::new(),
            count: 0,
            answered: Vec::new(),
            next: [Syn::NONE; SYNS.len()],
        }
    }

    pub(super) fn clear(&mut self) {
        self.stretches.clear();
        self.count = 0;
        self.answered.clear();
        self.forget_next();
    }

    /// Adds connects that are sent after all others; their stretch and the number of the first of them.
    pub(super) fn add(&mut self, stretch: Stretch) -> (usize, u64) {
        let before = self.count;
        self.stretches.push(Stretch { before, ..stretch });
        self.count += stretch.count;
        (self.stretches.len() - 1, before)
    }

    /// Nothing is known of the next SYNs.
    pub(super) fn forget_next(&mut self) {
        self.next = [Syn::NONE; SYNS.len()];
    }

    /// Brings the next SYNs up to date: from an instant on, of requests that were not sent before another, and only
    /// as long as those wait for a connection.
    pub(super) fn look(&mut self, from: Time, sent_from: Time, patience: Span, chance: &Entities) {
        for (place, wait) in SYNS.into_iter().enumerate() {
            let known = self.next[place];
            if wait < patience && (known == Syn::NONE || known.sent < sent_from) {
                let sent_from = from.saturating_sub(wait).max(sent_from);
                self.next[place] = self.first_from(sent_from, wait, chance);
            }
        }
    }

    /// The SYN that has waited longest.
    pub(super) fn first(&self) -> Option<Syn> {
        self.next.into_iter().min().filter(|syn| *syn != Syn::NONE)
    }

    /// A request has its answer: of each wait the next one's SYN is the next.
    pub(super) fn answer(&mut self, answered: u64, chance: &Entities) {
        let place = self.answered.partition_point(|other| *other < answered);
        self.answered.insert(place, answered);
        for (place, wait) in SYNS.into_iter().enumerate() {
            let Syn { nth, stretch, .. } = self.next[place];
            if nth == answered {
                self.next[place] = self.first_of(nth + 1, stretch, wait, chance);
            }
        }
    }

    /// The SYN after this wait of the first request that was sent from an instant on and has no answer.
    fn first_from(&self, from: Time, wait: Span, chance: &Entities) -> Syn {
        let ends_before = |stretch: &Stretch| {
            stretch.until < from || stretch.from < stretch.until && stretch.until == from
        };
        let place = self.stretches.partition_point(ends_before);
        let Some(stretch) = self.stretches.get(place) else {
            return Syn::NONE;
        };
        if from <= stretch.from {
            return self.first_of(stretch.before, place, wait, chance);
        }
        let share = from.saturating_since(stretch.from).as_secs_f64()
            / (stretch.until - stretch.from).as_secs_f64();
        let nth = stretch.before + ((share * stretch.count as f64) as u64).min(stretch.count - 1);
        let sent = self.sent(nth, place, chance);
        if sent < from || self.has_answered(nth) {
            return self.first_of(nth + 1, place, wait, chance);
        }
        Syn::new(nth, sent, place, wait)
    }

    /// The same of the first from `nth` on; `stretch` is not after that one's own.
    fn first_of(&self, nth: u64, stretch: usize, wait: Span, chance: &Entities) -> Syn {
        let mut nth = nth;
        while self.has_answered(nth) {
            nth += 1;
        }
        let further = self.stretches[stretch..]
            .iter()
            .position(|stretch| nth < stretch.before + stretch.count);
        further.map_or(Syn::NONE, |further| {
            let stretch = stretch + further;
            Syn::new(nth, self.sent(nth, stretch, chance), stretch, wait)
        })
    }

    fn has_answered(&self, nth: u64) -> bool {
        self.answered.binary_search(&nth).is_ok()
    }

    /// When a request was sent, which is in this stretch.
    pub(super) fn sent(&self, nth: u64, stretch: usize, chance: &Entities) -> Time {
        let stretch = &self.stretches[stretch];
        if stretch.from == stretch.until {
            return stretch.from;
        }
        stretch.sent(nth, chance.at(pair(1 << 31 | self.row, nth)).uniform())
    }
}

impl Syn {
    const NONE: Syn = Syn {
        at: Time::NEVER,
        nth: u64::MAX,
        sent: Time::NEVER,
        stretch: usize::MAX,
    };

    fn new(nth: u64, sent: Time, stretch: usize, wait: Span) -> Syn {
        let at = sent + wait;
        Syn {
            at,
            nth,
            sent,
            stretch,
        }
    }
}
