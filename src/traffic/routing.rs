//! One ALB node's choice of a target among those that this node believes in.

#[cfg(test)]
mod tests;

use crate::aws::alb_node::{Belief, NoRoutableTarget};
use crate::aws::target_group::{Algorithm, TargetGroupHealthSpec};
use crate::id::TargetId;
use crate::observe::timeline::BeliefChange;
use crate::random::{Purpose, Streams};
use crate::scenario::Scenario;
use crate::time::{Span, Time};
use crate::traffic::registration::Registration;

/// What a choice depends on besides beliefs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice<'c> {
    /// In [0, 1): decides where chance does.
    pub(super) luck: f64,
    /// Requests in flight through this node, by target, in units of [`ONE_IN_FLIGHT`].
    pub(super) in_flight: &'c [u64],
    /// Weights by target of a random choice; empty: all alike.
    pub(super) weights: &'c [f64],
}

/// Counted so that a place has room below: then count and place are compared as one number.
pub(super) const ONE_IN_FLIGHT: u64 = 1 << 32;

impl Choice<'_> {
    /// Nothing but luck.
    pub(super) const fn by(luck: f64) -> Choice<'static> {
        Choice {
            luck,
            in_flight: &[],
            weights: &[],
        }
    }
}

/// One node's table. It is rebuilt only when the node's belief changes; a request costs one comparison
/// and one look-up.
#[derive(Debug, Clone)]
pub(super) struct RoutingTable {
    fallback: NoRoutableTarget,
    health: TargetGroupHealthSpec,
    /// Whether targets known only as `initial` are chosen, in this environment, if the node knows no others.
    initial_serve: bool,
    algorithm: Algorithm,
    /// The only zone whose targets it chooses, without cross-zone load balancing.
    zone: Option<u8>,
    slow_start: Span,
    /// Targets in slow start: since when, and what share of a turn they have saved up.
    ramps: Vec<(TargetId, Time, f64)>,
    beliefs: Vec<Belief>,
    /// What a request is given to, in order of registration: the healthy targets, or all that are known where too
    /// few are healthy.
    choices: Vec<TargetId>,
    healthy: usize,
    /// How many it knows, whatever their health.
    known: usize,
    /// Whether too few are healthy.
    has_failed_open: bool,
    /// Whether all take their turns, and nobody is in slow start.
    is_plain: bool,
    /// Whose turn it is among the choices.
    turn: usize,
    /// Per target: when the deregistration delay next runs out under requests in flight.
    cuts: Vec<Time>,
    /// The same after each change.
    cuts_after: Vec<Time>,
    next_change: usize,
    until: Time,
}

impl RoutingTable {
    /// The table of a node, with nothing in it.
    pub(super) fn new(scenario: &Scenario, node: u8) -> RoutingTable {
        let group = &scenario.target_group;
        RoutingTable {
            fallback: scenario.load_balancer.no_routable_target,
            health: group.health.clone(),
            initial_serve: false,
            algorithm: group.algorithm,
            zone: (!group.cross_zone).then(|| node % scenario.load_balancer.zones.max(1)),
            slow_start: group.slow_start,
            ramps: Vec::new(),
            beliefs: Vec::new(),
            choices: Vec::new(),
            healthy: 0,
            known: 0,
            has_failed_open: false,
            is_plain: false,
            turn: 0,
            cuts: Vec::new(),
            cuts_after: Vec::new(),
            next_change: 0,
            until: Time::ZERO,
        }
    }

    /// Starts over with what this node believes at first, by the chance of a replication.
    pub(super) fn begin(
        &mut self,
        node: usize,
        changes: &[BeliefChange],
        registration: &Registration,
        streams: &Streams,
    ) {
        self.initial_serve = match self.fallback {
            NoRoutableTarget::Published => streams.at(Purpose::InitialTargets, 0).chance(0.5),
            NoRoutableTarget::FailOpen => true,
            NoRoutableTarget::Strict => false,
        };
        self.begin_at(
            changes,
            registration,
            streams.at(Purpose::RoundRobin, node as u64).uniform(),
        );
    }

    /// The same; `start` in [0, 1) says where in its list the round robin stands.
    fn begin_at(&mut self, changes: &[BeliefChange], registration: &Registration, start: f64) {
        self.foresee_cuts(changes, registration.order().len());
        self.beliefs.fill(Belief::Gone);
        self.choices.clear();
        self.ramps.clear();
        self.healthy = 0;
        self.known = 0;
        self.has_failed_open = false;
        self.next_change = 0;
        self.learn(Time::ZERO, changes, registration);
        self.turn = (start * self.choices.len() as f64) as usize;
    }

    /// Brings the table up to date.
    #[inline]
    pub(super) fn update(
        &mut self,
        at: Time,
        changes: &[BeliefChange],
        registration: &Registration,
    ) {
        if at >= self.until {
            self.learn(at, changes, registration);
        }
    }

    /// The target of a request at `at`, for which the table must be up to date; none if there is
    /// nothing to choose from.
    #[inline(always)]
    pub(super) fn choose(&mut self, at: Time, choice: Choice<'_>) -> Option<TargetId> {
        if self.is_plain {
            return self.in_turn();
        }
        self.choose_otherwise(at, choice)
    }

    fn choose_otherwise(&mut self, at: Time, choice: Choice<'_>) -> Option<TargetId> {
        match self.algorithm {
            Algorithm::RoundRobin => self.in_turn_and_ramped(at),
            Algorithm::LeastOutstandingRequests => self.least_busy(choice.in_flight),
            Algorithm::WeightedRandom => self.at_random(choice.luck, choice.weights),
        }
    }

    /// Whether the node would choose a healthy target like this one.
    pub(super) fn believes_healthy(&self, target: TargetId) -> bool {
        self.beliefs[target.index()] == Belief::Healthy
    }

    /// How many healthy targets there are to choose from.
    pub(super) fn healthy(&self) -> usize {
        self.healthy
    }

    #[inline]
    fn in_turn(&mut self) -> Option<TargetId> {
        let target = *self.choices.get(self.turn)?;
        let next = self.turn + 1;
        self.turn = if next == self.choices.len() { 0 } else { next };
        Some(target)
    }

    /// A target in slow start takes a growing share of its turns. Among targets that are all in slow
    /// start, everybody's turn is as good.
    #[cold]
    fn in_turn_and_ramped(&mut self, at: Time) -> Option<TargetId> {
        let slow_start = self.slow_start;
        self.ramps.retain(|&(_, since, _)| at < since + slow_start);
        if self.ramps.len() >= self.healthy {
            return self.in_turn();
        }
        loop {
            let target = self.in_turn()?;
            let Some((_, since, saved)) = self.ramps.iter_mut().find(|ramp| ramp.0 == target)
            else {
                return Some(target);
            };
            *saved += at.saturating_since(*since).as_secs_f64() / slow_start.as_secs_f64();
            if *saved >= 1.0 {
                *saved -= 1.0;
                return Some(target);
            }
        }
    }

    /// Of the targets with the fewest requests in flight, the next in turn. Counts and turns are
    /// compared as one number, because a branch on counts is a coin toss to the processor; a turn that
    /// has passed is a small negative number, and as such comes after all others.
    #[inline]
    fn least_busy(&mut self, in_flight: &[u64]) -> Option<TargetId> {
        let turn = self.turn as u32;
        let mut least = u64::MAX;
        for (place, target) in (0_u32..).zip(&self.choices) {
            least = least.min(in_flight[target.index()] | u64::from(place.wrapping_sub(turn)));
        }
        let place = turn.wrapping_add(least as u32) as usize;
        let target = *self.choices.get(place)?;
        self.turn = if place + 1 == self.choices.len() {
            0
        } else {
            place + 1
        };
        Some(target)
    }

    fn at_random(&self, luck: f64, weights: &[f64]) -> Option<TargetId> {
        if weights.is_empty() {
            return self
                .choices
                .get((luck * self.choices.len() as f64) as usize)
                .copied();
        }
        let weight = |target: &TargetId| weights[target.index()];
        let mut rest = luck * self.choices.iter().map(weight).sum::<f64>();
        let chosen = self.choices.iter().find(|target| {
            rest -= weight(target);
            rest < 0.0
        });
        chosen.or(self.choices.last()).copied()
    }

    /// What requests are given to, in turn, as of the last update.
    pub(super) fn choices(&self) -> &[TargetId] {
        &self.choices
    }

    /// Whether a target is one of them, as of the last update.
    pub(super) fn is_choice(&self, target: TargetId, registration: &Registration) -> bool {
        if !self.has_failed_open {
            return self.believes_healthy(target);
        }
        self.choices.get(self.place(target, registration)) == Some(&target)
    }

    /// How many changes it has learned of.
    pub(super) const fn learned(&self) -> usize {
        self.next_change
    }

    /// Whether it chooses among others than the healthy ones, since too few are healthy.
    pub(super) const fn has_failed_open(&self) -> bool {
        self.has_failed_open
    }

    /// The first instant at which the choices may differ.
    pub(super) const fn until(&self) -> Time {
        self.until
    }

    /// Lets so many requests take their turns; the place of the first one's among the choices.
    pub(super) fn take_turns(&mut self, count: u64) -> usize {
        let choices = self.choices.len() as u64;
        let turn = self.turn;
        self.turn = (turn as u64 + count).checked_rem(choices).unwrap_or(0) as usize;
        turn
    }

    /// When requests in flight to the target through this node are cut, as of its last choice.
    #[inline]
    pub(super) fn cut(&self, target: TargetId) -> Time {
        self.cuts[target.index()]
    }

    /// A cut is a target's way from draining to gone. Read forwards to find the cuts, then backwards
    /// so that every change knows the next one of its target.
    fn foresee_cuts(&mut self, changes: &[BeliefChange], targets: usize) {
        self.beliefs.clear();
        self.beliefs.resize(targets, Belief::Gone);
        self.cuts_after.clear();
        for change in changes {
            let before = std::mem::replace(&mut self.beliefs[change.target.index()], change.belief);
            let is_cut = before == Belief::Draining && change.belief == Belief::Gone;
            self.cuts_after
                .push(if is_cut { change.at } else { Time::NEVER });
        }
        self.cuts.clear();
        self.cuts.resize(targets, Time::NEVER);
        for (change, own) in changes.iter().zip(&mut self.cuts_after).rev() {
            let later = &mut self.cuts[change.target.index()];
            let cut = std::mem::replace(own, *later);
            *later = cut.min(*later);
        }
    }

    #[cold]
    fn learn(&mut self, at: Time, changes: &[BeliefChange], registration: &Registration) {
        if self.has_failed_open && self.healthy > 0 {
            self.choose_among(registration, |belief| belief == Belief::Healthy);
        }
        while let Some(change) = changes
            .get(self.next_change)
            .filter(|change| change.at <= at)
        {
            let target = change.target.index();
            self.cuts[target] = self.cuts_after[self.next_change];
            self.next_change += 1;
            if self
                .zone
                .is_some_and(|zone| zone != registration.zone(change.target))
            {
                continue;
            }
            let before = std::mem::replace(&mut self.beliefs[target], change.belief);
            self.known += usize::from(is_known(change.belief));
            self.known -= usize::from(is_known(before));
            match (before == Belief::Healthy, change.belief == Belief::Healthy) {
                (false, true) => self.add(change, registration),
                (true, false) => self.remove(change.target, registration),
                _ => {}
            }
        }
        self.has_failed_open = self.healthy < self.health.least(self.known);
        if self.has_failed_open {
            self.fall_back(registration);
        }
        self.is_plain = self.algorithm == Algorithm::RoundRobin && self.ramps.is_empty();
        self.until = changes
            .get(self.next_change)
            .map_or(Time::NEVER, |change| change.at);
    }

    fn add(&mut self, change: &BeliefChange, registration: &Registration) {
        let BeliefChange { at, target, .. } = *change;
        // What was there before the load has had its slow start; so has the first to come, and any
        // that finds only others in slow start (AWS guide, load-balancer-target-groups).
        if self.slow_start > Span::ZERO && at > Time::ZERO && self.ramps.len() < self.healthy {
            self.ramps.push((target, at, 0.0));
        }
        if self.healthy == 0 {
            self.choices.clear();
            self.turn = 0;
        }
        let place = self.place(target, registration);
        self.choices.insert(place, target);
        self.healthy += 1;
        // The turn stays with its target. Among none there is no turn yet.
        if place <= self.turn && self.healthy > 1 {
            self.turn += 1;
        }
    }

    fn remove(&mut self, target: TargetId, registration: &Registration) {
        let place = self.place(target, registration);
        self.choices.remove(place);
        self.ramps.retain(|ramp| ramp.0 != target);
        self.healthy -= 1;
        if place < self.turn {
            self.turn -= 1;
        } else if self.turn == self.choices.len() {
            self.turn = 0;
        }
    }

    /// A target's place among the choices, or the one that it would have.
    pub(super) fn place(&self, target: TargetId, registration: &Registration) -> usize {
        self.choices
            .partition_point(|choice| registration.rank(*choice) < registration.rank(target))
    }

    /// Too few targets are healthy. A group of which some are healthy or unhealthy fails open to all that the node
    /// knows, one of which all are new perhaps.
    fn fall_back(&mut self, registration: &Registration) {
        let is_open =
            self.initial_serve || self.healthy > 0 || self.beliefs.contains(&Belief::Unhealthy);
        self.choose_among(registration, |belief| is_open && is_known(belief));
    }

    /// Makes the targets of such a belief the choices; the turn stays with its target, or passes to the next.
    fn choose_among(&mut self, registration: &Registration, is_wanted: impl Fn(Belief) -> bool) {
        let turn = self
            .choices
            .get(self.turn)
            .map_or(0, |target| registration.rank(*target));
        self.choices.clear();
        let left = registration
            .order()
            .iter()
            .filter(|target| is_wanted(self.beliefs[target.index()]));
        self.choices.extend(left);
        let next = self
            .choices
            .partition_point(|choice| registration.rank(*choice) < turn);
        self.turn = if next == self.choices.len() { 0 } else { next };
    }
}

/// Whether a node may choose a target at all: one of whose deregistration it has learned is none of its targets.
fn is_known(belief: Belief) -> bool {
    matches!(
        belief,
        Belief::Healthy | Belief::Unhealthy | Belief::Initial
    )
}
