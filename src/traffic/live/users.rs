//! Users between their requests: connections kept to the load balancer, cookies, think times.

use super::flight::Flight;
use crate::id::TargetId;
use crate::random::{Purpose, Stream, Streams, pair};
use crate::scenario::Scenario;
use crate::time::{Span, Time};
use crate::traffic::fate::Request;
use crate::traffic::users::{User, Wish};
use crate::verdict::{Cause, Verdict};

/// The users of an open loop as one, or the workers of a closed one.
#[derive(Debug, Clone)]
pub(super) struct Users<'a> {
    scenario: &'a Scenario,
    is_closed: bool,
    reuses: bool,
    has_cookies: bool,
    users: Vec<Worker<'a>>,
    /// Of an open loop: idle connections, the one used last at the end, which is taken first (Go's
    /// `http.Transport`).
    idle: Vec<Connection>,
    /// From here on nobody sends another request of his own.
    end: Time,
}

#[derive(Debug, Clone)]
struct Worker<'a> {
    user: User<'a>,
    think: Stream,
    sent: u32,
    connection: Option<Connection>,
    cookie: Option<(TargetId, Time)>,
}

/// A client's connection to a node, and until when the load balancer keeps it.
#[derive(Debug, Clone, Copy)]
struct Connection {
    node: u16,
    until: Time,
}

impl<'a> Users<'a> {
    pub(super) fn new(scenario: &'a Scenario) -> Users<'a> {
        let load = &scenario.load;
        let (is_closed, reuses) = (load.workers.is_some(), load.reuses_connections());
        let has_cookies = is_closed && scenario.target_group.stickiness > Span::ZERO;
        Users {
            scenario,
            is_closed,
            reuses,
            has_cookies,
            users: Vec::new(),
            idle: Vec::new(),
            end: Time::ZERO,
        }
    }

    /// Everybody is new, and sends as these streams say, until `end`.
    pub(super) fn begin(&mut self, streams: &Streams, end: Time) {
        let Users {
            scenario,
            users,
            idle,
            ..
        } = self;
        self.end = end;
        idle.clear();
        users.clear();
        let numbers = scenario
            .load
            .workers
            .map_or(0..1, |workers| 1..u64::from(workers) + 1);
        users.extend(numbers.map(|number| Worker {
            user: User::new(scenario, streams, number),
            think: streams.at(Purpose::ThinkTime, number),
            sent: 0,
            connection: None,
            cookie: None,
        }));
    }

    /// The number of a worker's next request.
    pub(super) fn next_number(&mut self, worker: u32) -> u64 {
        let sent = &mut self.users[worker as usize].sent;
        *sent += 1;
        pair(u64::from(worker) + 1, u64::from(*sent))
    }

    /// A worker's next request.
    pub(super) fn wish(&mut self, worker: u32) -> Wish {
        self.users[worker as usize].user.wish()
    }

    /// The same request once more.
    pub(super) fn wish_again(&self, user: u32, request: &Request, chance: &mut Stream) -> Wish {
        let wish = Wish {
            node: 0,
            work: request.work,
            luck: 0.0,
            is_stream: request.is_stream,
        };
        self.users[user as usize].user.again(wish, chance)
    }

    /// The node that a request goes to: that of a connection that is there, or else one for a new connection.
    #[inline(always)]
    pub(super) fn node(&mut self, user: u32, wish: &Wish, now: Time) -> usize {
        let kept = if self.reuses {
            self.kept(user, now)
        } else {
            None
        };
        kept.unwrap_or(wish.node)
    }

    fn kept(&mut self, user: u32, now: Time) -> Option<usize> {
        let kept = if self.is_closed {
            self.users[user as usize].connection.take()
        } else {
            self.idle.pop()
        };
        let lives = kept.filter(|kept| kept.until > now);
        if lives.is_none() {
            // If the one used last is closed, all are.
            self.idle.clear();
        }
        lives.map(|kept| usize::from(kept.node))
    }

    /// Whether a user may come back to the same target.
    pub(super) const fn has_cookies(&self) -> bool {
        self.has_cookies
    }

    /// The target that a user's cookie names.
    pub(super) fn cookie(&self, user: u32, now: Time) -> Option<TargetId> {
        if !self.has_cookies {
            return None;
        }
        let cookie = self.users[user as usize].cookie?;
        (now <= cookie.1).then_some(cookie.0)
    }

    /// A user hears how an attempt ended. Its connection stays, unless it gave up or the connection
    /// was a stream's.
    #[inline(always)]
    pub(super) fn hear(&mut self, flight: &Flight, targets: usize, verdict: Verdict, now: Time) {
        if self.reuses && verdict != Verdict::Alb(Cause::ClientGaveUp) && !flight.is_stream {
            let kept = Connection {
                node: flight.node,
                until: now + self.scenario.load_balancer.idle_timeout,
            };
            if self.is_closed {
                self.users[flight.user as usize].connection = Some(kept);
            } else {
                self.idle.push(kept);
            }
        }
        if self.has_cookies && matches!(verdict, Verdict::Ok | Verdict::Target(_)) {
            let stickiness = self.scenario.target_group.stickiness;
            self.users[flight.user as usize].cookie = flight
                .target(targets)
                .map(|target| (target, now + stickiness));
        }
    }

    /// When a user sends another request, if it is for the user to say; the last, sent at `first`, has just ended.
    #[inline(always)]
    pub(super) fn next_request(&mut self, user: u32, first: Time, now: Time) -> Option<Time> {
        if self.is_closed {
            self.think(user, first, now)
        } else {
            None
        }
    }

    fn think(&mut self, user: u32, first: Time, now: Time) -> Option<Time> {
        let load = &self.scenario.load;
        let thought = load.think_time.sample(&mut self.users[user as usize].think);
        // Time goes on, even if a request fails and is followed by the next in no time at all.
        let at = (now + thought).max(first + Span::from_micros(1));
        (at < self.end).then_some(at)
    }
}
