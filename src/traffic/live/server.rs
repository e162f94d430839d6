//! What a target's process and a node's connections to it remember.

use std::collections::VecDeque;

use crate::time::{Span, Time};
use crate::traffic::connection::{KeepAlive, Port, Way};
use crate::traffic::fate::{Request, Surroundings, Target};

/// What requests get to, and its process, which may serve only so many at once. The others wait, first come
/// first served; it serves them even if nobody waits for the answer any more, which it has no way to know.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) target: Target,
    busy: u32,
    waiting: VecDeque<u32>,
    /// Counts the processes that have died: their work ends nowhere.
    pub(super) life: u32,
}

/// A node's idle connections to a target: until when each is kept, the one used last at the end.
///
/// A node takes the connection used last, so that those of a rush grow old; which one AWS takes is
/// not documented.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool(Vec<Time>);

impl Server {
    pub(super) fn new(target: Target) -> Server {
        Server {
            target,
            busy: 0,
            waiting: VecDeque::new(),
            life: 0,
        }
    }

    /// As new, with its memory.
    pub(super) fn begin(&mut self, target: Target) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.clear();
        *self = Server {
            waiting,
            ..Server::new(target)
        };
    }

    /// Whether it serves only so many requests at once.
    #[inline]
    pub(super) fn is_limited(&self) -> bool {
        self.target.habits.concurrency.is_some()
    }

    /// Whether a worker has nothing to do.
    #[inline]
    pub(super) fn is_free(&self) -> bool {
        self.busy < self.target.habits.concurrency.unwrap_or(u32::MAX)
    }

    /// Whether a new connection would find the backlog full.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        !self.is_free() && self.waiting.len() as u64 >= u64::from(self.target.habits.backlog)
    }

    /// When the answer comes, if a worker starts on the request at once and nothing ends it before: one that serves
    /// only so many at once sees it when it is there.
    #[inline(always)]
    pub(super) fn answers(
        &mut self,
        around: &Surroundings,
        way: Way,
        request: &Request,
    ) -> Option<Time> {
        let end = around.answered_at_once(&self.target, way, request)?;
        if let Some(workers) = self.target.habits.concurrency {
            let is_there = way == Way::Kept || around.limits.round_trip == Span::ZERO;
            if !is_there || self.busy >= workers {
                return None;
            }
            self.busy += 1;
        }
        Some(end)
    }

    /// A request arrives: whether a worker is there for it; if not, it waits.
    pub(super) fn admit(&mut self, slot: u32) -> bool {
        let is_free = self.is_free();
        if is_free {
            self.busy += 1;
        } else {
            self.waiting.push_back(slot);
        }
        is_free
    }

    /// A worker has finished; it goes on with the request that has waited longest.
    #[inline]
    pub(super) fn next(&mut self) -> Option<u32> {
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.busy -= 1;
        }
        next
    }

    /// The process has died; those that waited for it.
    pub(super) fn die(&mut self) -> impl Iterator<Item = u32> + '_ {
        self.busy = 0;
        self.life += 1;
        self.waiting.drain(..)
    }
}

impl Pool {
    /// No connections, but their memory.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// How a request gets to the target; the connection that it takes leaves the pool.
    #[inline]
    pub(super) fn take(&mut self, port: &Port, at: Time, keep: KeepAlive, one_way: Span) -> Way {
        let Some(&kept_until) = self.0.last() else {
            return Way::New;
        };
        let way = port.way(at, kept_until, keep, one_way);
        if way == Way::New {
            // If the one used last is dead, all are.
            self.0.clear();
        } else {
            self.0.pop();
        }
        way
    }

    /// A connection comes back.
    #[inline]
    pub(super) fn give_back(&mut self, at: Time, keep: KeepAlive) {
        let until = keep.until(at);
        if until > Time::ZERO {
            self.0.push(until);
        }
    }
}
