//! What each target's port does, stretch by stretch, and where time has to be cut for it.

use std::ops::Range;

use crate::aws::alb_node::Belief;
use crate::observe::timeline::{BeliefChange, PodRecord, Socket, Timeline};
use crate::time::{Span, Time};
use crate::traffic::connection::{Port, SYN_RETRIES};
use crate::traffic::interval::counts::{SECOND, second_of};
use crate::traffic::interval::law::Law;
use crate::traffic::interval::revisions::Revisions;

/// The instants at which something changes for some request, in order and only once.
#[derive(Debug, Clone, Default)]
pub(super) struct Cuts {
    times: Vec<Time>,
    /// In these stretches requests are sent one by one.
    singly: Vec<(Time, Time)>,
    /// Seconds whose failures are told apart.
    seconds: Vec<bool>,
    /// Per target: until when some node may choose it.
    chosen_until: Vec<Time>,
    /// Per target, while one node's beliefs are read.
    healthy: Vec<bool>,
    draining_since: Vec<Option<Time>>,
}

/// What cutting depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Margins<'a> {
    pub(super) one_way: Span,
    pub(super) round_trip: Span,
    /// From the sending until the answer can begin, by row of a revision: a connect, or nothing.
    pub(super) starts: &'a [Span],
    /// How long an answer is waited for, by row of a revision.
    pub(super) patience: &'a [Span],
    pub(super) end: Time,
    /// Whether a node chooses among the targets of its own zone only, of which it may have none.
    pub(super) by_zone: bool,
}

impl Cuts {
    /// Cuts the load's time. The first laws are the service times by row of a revision.
    pub(super) fn cut(
        &mut self,
        timeline: &Timeline,
        margins: &Margins<'_>,
        laws: &[Law],
        revisions: &Revisions,
    ) {
        self.times.clear();
        self.singly.clear();
        self.seconds.clear();
        self.seconds
            .resize(margins.end.as_micros().div_ceil(SECOND) as usize + 1, false);
        self.foresee_choices(timeline, margins.by_zone);
        for changes in &timeline.beliefs {
            let row_of = |target: usize| {
                let target = timeline.targets.get(target);
                revisions.row_of(target.and_then(|target| target.pod))
            };
            self.cut_for_node(changes, margins, row_of, laws);
        }
        for (row, target) in timeline.targets.iter().enumerate() {
            let pod = target.pod.and_then(|pod| timeline.pods.get(pod.index()));
            let revision = revisions.row_of(target.pod);
            self.cut_for_target(pod, revision, self.chosen_until[row], margins, laws);
        }
        self.times.push(margins.end);
        self.times
            .retain(|at| *at > Time::ZERO && *at <= margins.end);
        self.times.sort_unstable();
        self.times.dedup();
        self.singly.sort_unstable();
    }

    /// The ends of the cells, in order of time, the last one being the load's, and whether a cell's requests are
    /// better sent one by one.
    pub(super) fn cells(&self) -> impl Iterator<Item = (Time, bool)> + '_ {
        let (mut from, mut singly_until) = (Time::ZERO, Time::ZERO);
        let mut stretches = self.singly.iter().peekable();
        self.times.iter().map(move |&until| {
            while let Some((_, end)) = stretches.next_if(|(start, _)| *start <= from) {
                singly_until = singly_until.max(*end);
            }
            (until, std::mem::replace(&mut from, until) < singly_until)
        })
    }

    /// By second: whether its failures are to be told from those of the next.
    pub(super) fn told_apart(&self) -> &[bool] {
        &self.seconds
    }

    /// Every change of a node's choices cuts, and a target that every node has stopped choosing needs no cuts any
    /// more. A node without a healthy target may choose any: then nothing is taken for granted.
    fn foresee_choices(&mut self, timeline: &Timeline, by_zone: bool) {
        let targets = timeline.targets.len();
        self.chosen_until.clear();
        self.chosen_until.resize(targets, Time::ZERO);
        for changes in &timeline.beliefs {
            self.healthy.clear();
            self.healthy.resize(targets, false);
            let starts_without = changes.first().is_none_or(|change| change.at > Time::ZERO);
            let (mut count, mut starved) = (0_u32, starts_without || by_zone);
            for together in changes.chunk_by(|a, b| a.at == b.at) {
                for change in together {
                    let row = change.target.index();
                    let is_healthy = change.belief == Belief::Healthy;
                    let was_healthy = std::mem::replace(&mut self.healthy[row], is_healthy);
                    count = count + u32::from(is_healthy) - u32::from(was_healthy);
                    if is_healthy != was_healthy {
                        self.times.push(change.at);
                    }
                    if was_healthy {
                        self.chosen_until[row] = self.chosen_until[row].max(change.at);
                    }
                }
                starved |= count == 0;
            }
            if starved {
                self.times.extend(changes.iter().map(|change| change.at));
            }
            for (until, healthy) in self.chosen_until.iter_mut().zip(&self.healthy) {
                if *healthy || starved {
                    *until = Time::NEVER;
                }
            }
        }
    }

    /// What the end of the deregistration delay leaves in flight cuts.
    fn cut_for_node(
        &mut self,
        changes: &[BeliefChange],
        margins: &Margins<'_>,
        row_of: impl Fn(usize) -> usize,
        laws: &[Law],
    ) {
        self.draining_since.clear();
        self.draining_since.resize(self.chosen_until.len(), None);
        for change in changes {
            let row = change.target.index();
            let since = self.draining_since[row].take();
            if change.belief == Belief::Draining {
                self.draining_since[row] = Some(change.at);
            } else if let (Belief::Gone, Some(since)) = (change.belief, since) {
                let chosen_until = if self.chosen_until[row] == Time::NEVER {
                    change.at
                } else {
                    since
                };
                let revision = row_of(row);
                self.step_before(change.at, Time::ZERO..chosen_until, margins, revision, laws);
            }
        }
    }

    fn cut_for_target(
        &mut self,
        pod: Option<&PodRecord>,
        revision: usize,
        chosen_until: Time,
        margins: &Margins<'_>,
        laws: &[Law],
    ) {
        let mut from = Time::ZERO;
        while from < margins.end.min(chosen_until) {
            let port = Port::look(pod, from);
            let until = port.until.min(chosen_until);
            if matches!(port.socket, Socket::Serving | Socket::Refusing) {
                let closes = port.fin().saturating_sub(margins.one_way);
                self.push(closes, from, until);
                let over = port.reset.min(port.silence);
                if over != Time::NEVER {
                    self.step_before(over, from..until, margins, revision, laws);
                }
                if port.socket == Socket::Refusing {
                    self.mark_seconds(from, until, margins);
                }
            } else {
                self.push(port.fin().saturating_add(margins.one_way), from, until);
                // A SYN that is sent again may meet what comes then.
                for wait in SYN_RETRIES {
                    self.push(port.until.saturating_sub(wait), from, until);
                }
                self.mark_seconds(from, until, margins);
            }
            self.times.push(until);
            from = port.until;
        }
    }

    /// Cuts where the share of requests that outlast `over` takes a step.
    fn step_before(
        &mut self,
        over: Time,
        when: Range<Time>,
        margins: &Margins<'_>,
        revision: usize,
        laws: &[Law],
    ) {
        let latest = over.saturating_sub(margins.starts[revision]);
        // Until then a process that refuses at once has refused.
        self.push(
            latest.saturating_sub(margins.round_trip),
            when.start,
            when.end,
        );
        for step in laws[revision].steps() {
            self.push(latest.saturating_sub(*step), when.start, when.end);
        }
        if let Some(before) = laws[revision].sparse() {
            let stretch = (
                latest.saturating_sub(before).max(when.start),
                over.min(when.end),
            );
            if stretch.0 < stretch.1 {
                self.singly.push(stretch);
                self.times.push(stretch.1);
            }
        }
        let reach = laws[revision].reach();
        if reach > margins.patience[revision] {
            self.push(
                latest.saturating_sub(margins.patience[revision]),
                when.start,
                when.end,
            );
        }
        let first = latest.saturating_sub(reach).max(when.start);
        if first >= when.end {
            return;
        }
        self.mark_seconds(first, when.end, margins);
        // Those that fail in a cell are drawn a few at a time, which is to leave no mark on the seconds.
        let mut second = Time::from_micros(first.as_micros().next_multiple_of(SECOND));
        while second < when.end && !laws[revision].is_brief() {
            self.times.push(second);
            second += Span::from_secs(1);
        }
    }

    fn push(&mut self, at: Time, from: Time, until: Time) {
        if from < at && at < until {
            self.times.push(at);
        }
    }

    fn mark_seconds(&mut self, from: Time, until: Time, margins: &Margins<'_>) {
        let (first, last) = (second_of(from), second_of(until.min(margins.end)));
        if first <= last {
            self.seconds[first..=last].fill(true);
        }
    }
}
