//! Requests that a kernel may answer for a pod that is gone.

use super::{Event, Run};
use crate::observe::timeline::Timeline;
use crate::random::Streams;
use crate::scenario::Scenario;
use crate::time::Time;
use crate::traffic::outcome::Witness;
use crate::traffic::unreachable::{Answered, Kernels, Stretch};
use crate::verdict::{Cause, Verdict};

/// Connects that get no answer from a pod, and perhaps one from its host.
#[derive(Debug, Clone)]
pub(super) struct Doubtful {
    kernels: Kernels,
    /// By address and node, in order of sending: the slot, and when it ends otherwise.
    slots: Vec<Vec<(u32, Time)>>,
    nodes: usize,
    answered: Vec<Answered>,
    /// When the next round's end has been scheduled.
    wake: Time,
}

impl Doubtful {
    pub(super) fn new(scenario: &Scenario) -> Doubtful {
        Doubtful {
            kernels: Kernels::new(scenario),
            slots: Vec::new(),
            nodes: usize::from(scenario.load_balancer.nodes.max(1)),
            answered: Vec::new(),
            wake: Time::NEVER,
        }
    }

    pub(super) fn begin(&mut self, scenario: &Scenario, timeline: &Timeline, streams: &Streams) {
        self.kernels.begin(scenario, timeline, streams);
        self.wake = Time::NEVER;
        self.slots.iter_mut().for_each(Vec::clear);
        let addresses = timeline.targets.len().max(timeline.pods.len());
        self.slots.resize_with(addresses * self.nodes, Vec::new);
    }
}

impl<W: Witness> Run<'_, '_, '_, W> {
    /// A request's first SYN finds its pod gone; otherwise it ends, or sends another SYN that is answered, at `until`.
    pub(super) fn doubt(&mut self, slot: u32, server: u16, until: Time) {
        let engine = &mut *self.engine;
        let doubtful = &mut engine.doubtful;
        if !doubtful.kernels.are_on() {
            return;
        }
        let flight = &engine.flights[slot];
        let (address, node, sent) = (usize::from(server), usize::from(flight.node), flight.sent);
        if !self
            .around
            .has_kernel(&engine.servers[address].target, sent)
        {
            return;
        }
        doubtful.slots[address * doubtful.nodes + node].push((slot, until));
        doubtful.kernels.connect(address, node, Stretch::one(sent));
        self.wake_for_kernels();
    }

    fn wake_for_kernels(&mut self) {
        let engine = &mut *self.engine;
        let due = engine.doubtful.kernels.due();
        if due < engine.doubtful.wake {
            engine.doubtful.wake = due;
            engine.schedule.push(due, Event::Unreachable.code());
        }
    }

    /// A round is over: some requests are told that their host is unreachable.
    #[cold]
    pub(super) fn unreachable(&mut self, now: Time) {
        let mut answered = std::mem::take(&mut self.engine.doubtful.answered);
        self.engine.doubtful.wake = Time::NEVER;
        while self.engine.doubtful.kernels.pass(now, &mut answered) {}
        for Answered {
            address, node, nth, ..
        } in answered.drain(..)
        {
            let doubtful = &self.engine.doubtful;
            let (slot, until) = doubtful.slots[address * doubtful.nodes + node][nth as usize];
            if now < until {
                // What else was to end it is still scheduled, and finds it over.
                self.engine.flights[slot].is_held = true;
                self.conclude(slot, Verdict::Alb(Cause::HostUnreachable), now);
            }
        }
        self.engine.doubtful.answered = answered;
        self.wake_for_kernels();
    }
}
