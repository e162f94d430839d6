//! One ALB node's choice of a target: round robin over what this node believes.

use crate::aws::alb_node::{Belief, NoRoutableTarget};
use crate::id::TargetId;
use crate::observe::timeline::{BeliefChange, TargetRecord};
use crate::time::Time;

/// Targets in order of registration, which is the order of every node's turn.
#[derive(Debug, Clone, Default)]
pub(super) struct Registration {
    order: Vec<TargetId>,
    rank: Vec<u16>,
}

/// One node's table. It is rebuilt only when the node's belief changes; a request costs one comparison
/// and one look-up.
#[derive(Debug, Clone)]
pub(super) struct RoutingTable {
    fallback: NoRoutableTarget,
    beliefs: Vec<Belief>,
    /// What a request is given to, in order of registration: the healthy targets, or what is left
    /// when there are none.
    choices: Vec<TargetId>,
    /// How many of the choices are healthy: all or none.
    healthy: usize,
    /// Whose turn it is among the choices.
    turn: usize,
    /// Per target: when the deregistration delay next runs out under requests in flight.
    cuts: Vec<Time>,
    /// The same after each change.
    cuts_after: Vec<Time>,
    next_change: usize,
    until: Time,
}

impl Registration {
    /// Sorts the targets anew, keeps the memory.
    pub(super) fn sort(&mut self, targets: &[TargetRecord]) {
        self.order.clear();
        self.order.extend((0..targets.len()).map(|row| TargetId(row as u16)));
        self.order.sort_by_key(|target| (targets[target.index()].registered, *target));
        self.rank.resize(targets.len(), 0);
        for (rank, target) in self.order.iter().enumerate() {
            self.rank[target.index()] = rank as u16;
        }
    }

    fn rank(&self, target: TargetId) -> u16 {
        self.rank[target.index()]
    }
}

impl RoutingTable {
    /// A table with nothing in it.
    pub(super) fn new(fallback: NoRoutableTarget) -> RoutingTable {
        RoutingTable {
            fallback,
            beliefs: Vec::new(),
            choices: Vec::new(),
            healthy: 0,
            turn: 0,
            cuts: Vec::new(),
            cuts_after: Vec::new(),
            next_change: 0,
            until: Time::ZERO,
        }
    }

    /// Starts over with what the node believes at first; `start` in [0, 1) says where in its list
    /// the round robin stands.
    pub(super) fn begin(&mut self, changes: &[BeliefChange], registration: &Registration, start: f64) {
        self.foresee_cuts(changes, registration.order.len());
        self.beliefs.fill(Belief::Gone);
        self.choices.clear();
        self.healthy = 0;
        self.next_change = 0;
        self.learn(Time::ZERO, changes, registration);
        self.turn = (start * self.choices.len() as f64) as usize;
    }

    /// The target whose turn it is at `at`; none if there is nothing to choose from.
    #[inline]
    pub(super) fn choose(
        &mut self,
        at: Time,
        changes: &[BeliefChange],
        registration: &Registration,
    ) -> Option<TargetId> {
        if at >= self.until {
            self.learn(at, changes, registration);
        }
        let target = *self.choices.get(self.turn)?;
        let next = self.turn + 1;
        self.turn = if next == self.choices.len() { 0 } else { next };
        Some(target)
    }

    /// What requests sent at `at` are given to, in turn.
    pub(super) fn choices(&mut self, at: Time, changes: &[BeliefChange], registration: &Registration) -> &[TargetId] {
        if at >= self.until {
            self.learn(at, changes, registration);
        }
        &self.choices
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
            self.cuts_after.push(if is_cut { change.at } else { Time::NEVER });
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
        while let Some(change) = changes.get(self.next_change).filter(|change| change.at <= at) {
            let target = change.target.index();
            self.cuts[target] = self.cuts_after[self.next_change];
            self.next_change += 1;
            let before = std::mem::replace(&mut self.beliefs[target], change.belief);
            match (before == Belief::Healthy, change.belief == Belief::Healthy) {
                (false, true) => self.add(change.target, registration),
                (true, false) => self.remove(change.target, registration),
                _ => {}
            }
        }
        if self.healthy == 0 {
            self.fall_back(registration);
        }
        self.until = changes.get(self.next_change).map_or(Time::NEVER, |change| change.at);
    }

    fn add(&mut self, target: TargetId, registration: &Registration) {
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
        self.healthy -= 1;
        if place < self.turn {
            self.turn -= 1;
        } else if self.turn == self.choices.len() {
            self.turn = 0;
        }
    }

    fn place(&self, target: TargetId, registration: &Registration) -> usize {
        self.choices.partition_point(|choice| registration.rank(*choice) < registration.rank(target))
    }

    /// No target is healthy: those still draining, else any registered one, else nothing.
    fn fall_back(&mut self, registration: &Registration) {
        let turn = self.choices.get(self.turn).map_or(0, |target| registration.rank(*target));
        self.choices.clear();
        if self.fallback == NoRoutableTarget::FailOpen {
            let draining = self.beliefs.contains(&Belief::Draining);
            let wanted = |belief| if draining { belief == Belief::Draining } else { belief != Belief::Gone };
            let left = registration.order.iter().filter(|target| wanted(self.beliefs[target.index()]));
            self.choices.extend(left);
        }
        let next = self.choices.partition_point(|choice| registration.rank(*choice) < turn);
        self.turn = if next == self.choices.len() { 0 } else { next };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Belief::{Draining, Gone, Healthy, Initial, Unhealthy};
    use NoRoutableTarget::{FailOpen, Strict};

    /// Who is chosen, one request a second: `-` for nobody. Target 3 was registered before target 2.
    #[track_caller]
    fn check(fallback: NoRoutableTarget, start: f64, changes: &[(u64, u16, Belief)], expected: &str) {
        let second = |secs| Time::from_micros(secs * 1_000_000);
        let targets = [0, 1, 9, 5].map(|registered| TargetRecord {
            pod: None,
            registered: Some(second(registered)),
            healthy: None,
            deregister_called: None,
            draining_over: None,
        });
        let changes: Vec<BeliefChange> = changes
            .iter()
            .map(|&(at, target, belief)| BeliefChange { at: second(at), target: TargetId(target), belief })
            .collect();
        let mut registration = Registration::default();
        registration.sort(&targets);
        let mut table = RoutingTable::new(fallback);
        // A table that has been used before forgets it.
        for _ in 0..2 {
            table.begin(&changes, &registration, start);
            let chosen: String = (0..expected.len() as u64)
                .map(|secs| table.choose(second(secs), &changes, &registration))
                .map(|target| target.map_or("-".to_owned(), |target| target.0.to_string()))
                .collect();
            assert_eq!(chosen, expected);
        }
    }

    #[test]
    fn everybody_in_turn() {
        let all = [(0, 0, Healthy), (0, 1, Healthy), (0, 2, Healthy), (0, 3, Healthy)];
        check(Strict, 0.0, &all, "01320132");
        check(Strict, 0.5, &all, "32013201");
        check(Strict, 0.99, &all, "20132013");
    }

    #[test]
    fn the_turn_stays_with_its_target() {
        // Those before it come and go; the one whose turn it is leaves; one comes to the end of the list.
        check(Strict, 0.0, &[(0, 1, Healthy), (0, 2, Healthy), (3, 0, Healthy), (3, 3, Healthy)], "1212013201");
        check(Strict, 0.0, &[(0, 0, Healthy), (0, 1, Healthy), (0, 3, Healthy), (2, 0, Draining)], "0131313");
        check(Strict, 0.0, &[(0, 0, Healthy), (0, 1, Healthy), (0, 3, Healthy), (1, 1, Gone)], "0303030");
        check(Strict, 0.0, &[(0, 0, Healthy), (0, 1, Healthy), (2, 2, Healthy)], "01012012");
    }

    #[test]
    fn draining_before_unproven_before_nobody() {
        let story = [(0, 0, Healthy), (1, 1, Initial), (2, 0, Draining), (4, 0, Gone), (6, 1, Unhealthy), (8, 1, Gone)];
        check(FailOpen, 0.0, &story, "00001111--");
        check(Strict, 0.0, &story, "00--------");
        check(FailOpen, 0.0, &[], "---");
    }

    #[test]
    fn a_cut_is_foreseen_from_the_change_before_it() {
        let second = Time::from_micros;
        let changes = [(0, Healthy), (1, Draining), (2, Healthy), (3, Draining), (4, Gone), (5, Initial), (6, Gone)]
            .map(|(at, belief)| BeliefChange { at: second(at), target: TargetId(0), belief });
        let mut table = RoutingTable::new(FailOpen);
        table.foresee_cuts(&changes, 1);
        let after: Vec<Option<u64>> =
            table.cuts_after.iter().map(|cut| (*cut != Time::NEVER).then(|| cut.as_micros())).collect();
        assert_eq!(after, [Some(4), Some(4), Some(4), Some(4), None, None, None]);
    }
}
