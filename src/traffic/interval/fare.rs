//! How the requests of one cell that a node gives to one target fare.

use crate::dist::count::{binomial, greatest};
use crate::observe::timeline::{PodRecord, Socket, Timeline};
use crate::random::Stream;
use crate::time::{Span, Time};
use crate::traffic::connection::{KeepAlive, Port, SYN_RETRIES, Silence, Way};
use crate::traffic::interval::Limits;
use crate::traffic::interval::beyond::Beyond;
use crate::traffic::interval::counts::{Cell, Counts, second_of};
use crate::traffic::interval::law::Law;
use crate::traffic::interval::parts::Parts;
use crate::traffic::interval::tally::Tally;
use crate::traffic::unreachable::{Kernels, Stretch};
use crate::verdict::{Cause, Verdict};

/// Which of a node's requests of a cell go to one place: every so manieth, or by chance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) node: usize,
    /// The rank of the first.
    pub(super) first: u64,
    /// Places that take turns; none: by chance.
    pub(super) places: Option<u64>,
    /// How many go there.
    pub(super) count: u64,
}

/// Requests of one node to one target in one cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) cell: Cell,
    pub(super) turn: Turn,
    pub(super) target: usize,
    pub(super) pod: Option<&'a PodRecord>,
    pub(super) port: &'a Port,
    /// Its row in tables by revision, and its law.
    pub(super) revision: usize,
    pub(super) keep: KeepAlive,
    /// When those in flight through this node are cut.
    pub(super) cut: Time,
}

/// What is left of the connections between one node and one target.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    /// When the first answer comes that leaves a connection behind; [`Time::NEVER`]: none is under way.
    pub(super) first_answer: Time,
    /// Whether a connection is there.
    pub(super) warm: bool,
    /// When the node last stopped choosing the target.
    pub(super) left: Time,
}

/// Of so many failures each gets an instant of its own; more share as many instants.
const INSTANTS: u64 = 4;
/// Where no more than this share outlasts the target, the answered ones are as good as any, but for their mean;
/// or this share, where the tail is so brief that few are concerned.
const RARELY: f64 = 1e-5;
const RARELY_IF_BRIEF: f64 = 0.02;
/// So many requests on new connections are drawn one by one; then they come in blocks twice as large each.
const SINGLE_CONNECTS: u64 = 16;

impl Kept {
    /// No connection yet.
    pub(super) const NONE: Kept = Kept {
        first_answer: Time::NEVER,
        warm: false,
        left: Time::ZERO,
    };

    /// All connections are gone.
    pub(super) fn forget(&mut self) {
        (self.first_answer, self.warm) = (Time::NEVER, false);
    }
}

impl Turn {
    /// How many of the node's first so many requests go there.
    pub(super) fn until(&self, rank: u64) -> u64 {
        self.places
            .map_or(rank, |places| (rank + places - 1 - self.first) / places)
    }
}

/// One replication's requests and what becomes of them.
pub(super) struct Fare<'a> {
    pub(super) timeline: &'a Timeline,
    pub(super) laws: &'a [Law],
    pub(super) limits: Limits,
    pub(super) starts: &'a [Span],
    pub(super) silence: Silence,
    pub(super) counts: &'a mut Counts,
    pub(super) tally: Tally<'a>,
    /// Fates, in order of the cells.
    pub(super) stream: Stream,
    /// Whether all of the batch just settled ended with a 5xx.
    pub(super) all_failed: bool,
    pub(super) parts: &'a mut Parts,
    pub(super) kernels: &'a mut Kernels,
}

impl Fare<'_> {
    /// The law of how late a connect time-out is.
    const fn connect_law(&self) -> usize {
        self.starts.len()
    }

    /// The law of how late an answer from the network is.
    const fn unreachable_law(&self) -> usize {
        self.starts.len() + 1
    }

    /// Closes the books.
    pub(super) fn finish(mut self) {
        let timed_out = (
            self.connect_law(),
            self.limits.connect,
            self.limits.client.saturating_sub(self.limits.connect),
        );
        for one in self.kernels.pass_all() {
            self.tally
                .was_answered(second_of(one.sent), one.at - one.sent, timed_out);
        }
        self.tally.finish(self.laws, self.counts);
    }

    /// Settles a batch.
    pub(super) fn settle(&mut self, batch: &Batch<'_>, kept: &mut Kept) {
        self.all_failed = false;
        if batch.turn.places.is_some() {
            self.parts.tell_apart(&batch.turn, self.counts);
        }
        self.meet_target(batch, batch.turn.count, kept);
    }

    fn meet_target(&mut self, batch: &Batch<'_>, count: u64, kept: &mut Kept) {
        let (middle, idle) = (batch.cell.middle(), batch.keep.idle());
        let is_open = matches!(batch.port.socket, Socket::Serving | Socket::Refusing);
        if !kept.warm && is_open && idle > Span::ZERO {
            return self.warm_up(batch, count, kept);
        }
        let way = if kept.warm {
            batch
                .port
                .way(middle, middle + idle, batch.keep, self.limits.one_way)
        } else {
            Way::New
        };
        match way {
            Way::Kept => self.serve(batch, count, batch.port, Span::ZERO, middle),
            Way::New => self.connect(batch, count, middle),
            Way::Crossing => self.all_end(
                batch,
                count,
                Verdict::Alb(Cause::KeepAliveRace),
                self.limits.round_trip,
            ),
            Way::Lost => {
                let (verdict, end) = self.wait_in_vain(middle, batch.cut);
                self.one_ends(verdict, end.saturating_since(middle), batch);
                kept.forget();
                self.connect(batch, count - 1, middle);
            }
        }
    }

    /// Nobody was there to be chosen.
    pub(super) fn no_target(&mut self, node: usize, count: u64) {
        self.parts.tell_apart(
            &Turn {
                node,
                first: 0,
                places: Some(1),
                count,
            },
            self.counts,
        );
        self.count_first(Verdict::Alb(Cause::NoTarget), count, node);
        self.tally.took(self.limits.round_trip, count);
    }

    /// So many end alike, the first ones of those told apart.
    fn count_first(&mut self, verdict: Verdict, count: u64, node: usize) {
        let Some(column) = self.tally.ended(verdict, count) else {
            return;
        };
        let mut left = count;
        for (row, part) in self.parts.here.iter_mut().enumerate() {
            let here = left.min(*part);
            *part -= here;
            left -= here;
            self.tally
                .in_second(self.counts.by_second(row, node).0, column, here);
        }
    }

    /// Requests, by row of their revision, that nothing but their own length can fail: some outlast a patience.
    pub(super) fn plain(&mut self, cell: &Cell, counts: &[u64]) {
        for (law, count) in counts
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, count)| *count > 0)
        {
            let start = self.starts[law];
            let limit = self.limits.patience(start);
            let failed = if start > self.limits.client {
                count
            } else {
                binomial(count, self.laws[law].exact_tail(limit), &mut self.stream)
            };
            if failed > 0 {
                let end = |fare: &Self, sent| {
                    fare.unanswered(sent, sent + start, &Port::UNSEEN, Time::NEVER)
                };
                self.scatter(cell, failed, end, None);
            }
            self.answer(law, start, limit, count - failed, 0.0);
        }
    }

    /// So many are answered, on average so many seconds sooner than any.
    fn answer(&mut self, law: usize, start: Span, limit: Span, count: u64, gain: f64) {
        self.tally.count(Verdict::Ok, count, 0);
        self.tally.took_draws(law, start, limit, count);
        self.tally.gained(gain * count as f64);
    }

    /// Until the first answer is back every request opens a connection of its own. They are taken to be
    /// evenly spaced within the cell; which of them is answered first is drawn.
    fn warm_up(&mut self, batch: &Batch<'_>, count: u64, kept: &mut Kept) {
        let gap = batch.cell.span().as_secs_f64() / count as f64;
        let start = self.limits.round_trip;
        let (mut done, mut block) = (0, 1);
        while done < count {
            let sent = batch.cell.from + Span::from_secs_f64((done as f64 + 0.5) * gap);
            if sent >= kept.first_answer {
                break;
            }
            let size = block.min(count - done);
            let share = greatest(size, &mut self.stream);
            let quickest = sent + start + self.laws[batch.revision].quantile(1.0 - share);
            self.serve(batch, size, batch.port, start, sent);
            // Nobody keeps a connection for whom its opening took too long.
            if start <= self.limits.client {
                kept.first_answer = kept.first_answer.min(quickest);
            }
            done += size;
            if done >= SINGLE_CONNECTS {
                block *= 2;
            }
        }
        if done < count {
            kept.warm = true;
            self.meet_target(batch, count - done, kept);
        }
    }

    /// New connections, whose SYNs are sent about `sent`.
    fn connect(&mut self, batch: &Batch<'_>, count: u64, sent: Time) {
        if batch.port.socket != Socket::Silent {
            return self.meet(batch, count, batch.port, Span::ZERO, sent);
        }
        let share = self.silence.unreachable_share(self.limits.connect);
        let unreachable = if share > 0.0 {
            self.parts.choose(share, &mut self.stream)
        } else {
            0
        };
        if unreachable > 0 {
            self.knock(
                batch,
                unreachable,
                sent,
                Silence::UNREACHABLE_AFTER.min(self.limits.connect),
                self.unreachable_law(),
            );
        }
        if share > 0.0 {
            self.parts.turn_to_others();
        }
        self.knock(
            batch,
            count - unreachable,
            sent,
            self.limits.connect,
            self.connect_law(),
        );
    }

    /// Nobody answers the first SYN: a later one may meet a pod that has come up, or nobody does.
    fn knock(&mut self, batch: &Batch<'_>, count: u64, sent: Time, patience: Span, law: usize) {
        if count == 0 {
            return;
        }
        for wait in SYN_RETRIES.into_iter().filter(|wait| *wait < patience) {
            let syn = sent + wait;
            if syn < batch.port.until {
                continue;
            }
            let port = Port::look(batch.pod, syn);
            if port.socket != Socket::Silent {
                return self.meet(batch, count, &port, wait, sent);
            }
        }
        let is_lost = batch
            .pod
            .is_none_or(|pod| pod.host_lost.is_some_and(|lost| lost <= sent));
        if self.kernels.are_on() && law == self.connect_law() && !is_lost {
            self.ask_kernel(batch);
        }
        let cause = if law == self.unreachable_law() {
            Cause::HostUnreachable
        } else {
            Cause::ConnectTimeout
        };
        let limit = self.limits.client.saturating_sub(patience);
        let impatient = if self.limits.client < patience {
            count
        } else {
            binomial(count, self.laws[law].exact_tail(limit), &mut self.stream)
        };
        if impatient > 0 {
            self.count_first(
                Verdict::Alb(Cause::ClientGaveUp),
                impatient,
                batch.turn.node,
            );
            self.tally.took(self.limits.client, impatient);
            self.tally
                .failed_within(&batch.cell, count - impatient, self.counts);
        } else {
            self.all_failed = true;
        }
        self.count_first(Verdict::Alb(cause), count - impatient, batch.turn.node);
        self.tally
            .took_draws(law, patience, limit, count - impatient);
    }

    /// The requests at hand, second by second, may be answered by the kernel of the pod's host: in the end.
    fn ask_kernel(&mut self, batch: &Batch<'_>) {
        for (row, &count) in self
            .parts
            .here
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
        {
            let second =
                Time::ZERO + Span::from_secs(self.counts.by_second(row, batch.turn.node).0 as u64);
            let (from, until) = match self.parts.here.len() {
                1 => (batch.cell.from, batch.cell.until),
                _ => (
                    batch.cell.from.max(second),
                    batch.cell.until.min(second + Span::from_secs(1)),
                ),
            };
            self.kernels.connect(
                batch.target,
                batch.turn.node,
                Stretch::spread(from, until, count),
            );
        }
    }

    /// A SYN sent `wait` after the request comes in at an open or a closed port.
    fn meet(&mut self, batch: &Batch<'_>, count: u64, port: &Port, wait: Span, sent: Time) {
        let connected = wait + self.limits.round_trip;
        if port.socket == Socket::Closed {
            self.all_end(batch, count, Verdict::Alb(Cause::Refused), connected);
        } else {
            self.serve(batch, count, port, connected, sent);
        }
    }

    /// The requests reach the process `start` after they were sent, about `sent`.
    fn serve(&mut self, batch: &Batch<'_>, count: u64, port: &Port, start: Span, sent: Time) {
        let begin = sent + start;
        let quiet = port.reset.min(port.silence).min(batch.cut);
        if port.socket == Socket::Refusing && begin + self.limits.round_trip <= quiet {
            return self.all_end(
                batch,
                count,
                Verdict::Target(503),
                start + self.limits.round_trip,
            );
        }
        let (limit, left) = (self.limits.patience(start), quiet.saturating_since(begin));
        // Those that open connections come in blocks; where chance routes, a target's requests come at any time.
        if let Some(places) = batch.turn.places
            && (left < limit && count == batch.turn.count && self.counts.is_singly())
        {
            return self.serve_singly(batch, places, port, start);
        }
        let law = &self.laws[batch.revision];
        let left_at = |sent: Time| quiet.saturating_since(sent + start);
        let (first, last) = self.counts.stretch(&batch.cell);
        let beyond = (left < limit).then(|| law.beyond(left_at(last), left_at(first)));
        let (failing, failed) = match &beyond {
            _ if quiet < begin || port.socket == Socket::Refusing || start > self.limits.client => {
                (1.0, count)
            }
            Some(beyond) => (
                beyond.mean(),
                beyond.count(count, batch.turn.places, &mut self.stream),
            ),
            None => {
                let failing = law.exact_tail(limit);
                (failing, binomial(count, failing, &mut self.stream))
            }
        };
        if failed > 0 {
            let end = |fare: &Self, sent| fare.unanswered(sent, sent + start, port, batch.cut);
            self.scatter(&batch.cell, failed, end, beyond.filter(|_| failing < 1.0));
        }
        let rarely = if law.is_brief() {
            RARELY_IF_BRIEF
        } else {
            RARELY
        };
        match beyond {
            Some(beyond) if failing > rarely => self.answer_in_time(&beyond, start, count - failed),
            beyond => {
                let gain =
                    beyond.map_or(0.0, |beyond| law.mean_within(limit) - beyond.mean_in_time());
                self.answer(batch.revision, start, limit, count - failed, gain);
            }
        }
    }

    /// The same, one by one: those that take longer than their target has left fail.
    fn serve_singly(&mut self, batch: &Batch<'_>, places: u64, port: &Port, start: Span) {
        let (law, limit) = (&self.laws[batch.revision], self.limits.patience(start));
        let quiet = port.reset.min(port.silence).min(batch.cut);
        for nth in 0..batch.turn.count {
            let sent =
                self.counts.arrivals(batch.turn.node)[(batch.turn.first + nth * places) as usize];
            let left = quiet.saturating_since(sent + start).min(limit);
            let service = law.quantile(self.stream.uniform());
            if service <= left && port.socket == Socket::Serving {
                self.tally.count(Verdict::Ok, 1, 0);
                self.tally.took(start + service, 1);
                continue;
            }
            let (verdict, latency) = self.unanswered(sent, sent + start, port, batch.cut);
            self.tally.count(verdict, 1, second_of(sent));
            self.tally.took(latency, 1);
            if verdict.is_5xx() {
                self.tally.failed_at(sent);
            }
        }
    }

    /// So many requests of the cell fail, each anywhere in it; of those that their target ended, rather late ones.
    fn scatter(
        &mut self,
        cell: &Cell,
        count: u64,
        end: impl Fn(&Self, Time) -> (Verdict, Span),
        beyond: Option<Beyond<'_>>,
    ) {
        let instants = count.min(INSTANTS * self.counts.seconds() as u64);
        let mut user_saw = 0;
        for row in 0..instants {
            let alike = count / instants + u64::from(row < count % instants);
            let share = self.stream.uniform();
            let place = beyond.map_or(share, |beyond| 1.0 - beyond.place(share));
            let sent = self.counts.within(cell, place);
            let (verdict, latency) = end(self, sent);
            self.tally.count(verdict, alike, second_of(sent));
            self.tally.took(latency, alike);
            if verdict.is_5xx() {
                user_saw += alike;
                if count == instants {
                    self.tally.failed_at(sent);
                }
            }
        }
        if count > instants {
            self.tally.failed_within(cell, user_saw, self.counts);
        }
    }

    /// Answers that came before something would have kept them from coming.
    fn answer_in_time(&mut self, beyond: &Beyond<'_>, start: Span, count: u64) {
        self.tally.count(Verdict::Ok, count, 0);
        // The sum of as many strata as the cube root of their number has about the variance of independent draws.
        let strata = if count > INSTANTS {
            INSTANTS.max((count as f64).cbrt() as u64)
        } else {
            count
        };
        // Those that are left over go to any of the strata, not to the quickest.
        let shift = (self.stream.uniform() * strata as f64) as u64;
        for row in 0..strata {
            let drawn = self.stream.uniform();
            let share = if count > strata {
                (row as f64 + drawn) / strata as f64
            } else {
                drawn
            };
            let latency = start + beyond.draw_in_time(share, &mut self.stream);
            self.tally.took(
                latency,
                count / strata + u64::from((row + shift) % strata < count % strata),
            );
        }
    }

    /// All of a batch end the same way, unless the client is too impatient.
    fn all_end(&mut self, batch: &Batch<'_>, count: u64, verdict: Verdict, latency: Span) {
        let (verdict, latency) = self.unless_impatient(verdict, latency);
        self.count_first(verdict, count, batch.turn.node);
        self.tally.took(latency, count);
        self.all_failed = verdict.is_5xx();
    }

    /// One of a batch, sent in the middle of its cell.
    fn one_ends(&mut self, verdict: Verdict, latency: Span, batch: &Batch<'_>) {
        let (verdict, latency) = self.unless_impatient(verdict, latency);
        self.count_first(verdict, 1, batch.turn.node);
        self.tally.took(latency, 1);
        if verdict.is_5xx() {
            self.tally.failed_at(batch.cell.middle());
        }
    }

    /// How a request ends that gets no answer, and after how long.
    fn unanswered(&self, sent: Time, begin: Time, port: &Port, cut: Time) -> (Verdict, Span) {
        let (verdict, end) = self.wait_in_vain(begin, cut);
        if port.reset <= port.silence && port.reset <= end {
            return self.unless_impatient(
                Verdict::Alb(Cause::ResetInFlight),
                port.reset.saturating_since(sent),
            );
        }
        self.unless_impatient(verdict, end.saturating_since(sent))
    }

    fn unless_impatient(&self, verdict: Verdict, latency: Span) -> (Verdict, Span) {
        if latency > self.limits.client {
            (Verdict::Alb(Cause::ClientGaveUp), self.limits.client)
        } else {
            (verdict, latency)
        }
    }

    /// No answer will come: the load balancer waits for it while it may.
    fn wait_in_vain(&self, begin: Time, cut: Time) -> (Verdict, Time) {
        let tired = begin + self.limits.idle;
        if cut <= tired {
            (Verdict::Alb(Cause::CutByDeregistration), cut)
        } else {
            (Verdict::Alb(Cause::ResponseTimeout), tired)
        }
    }
}
