//! What can happen to a target, and what a node of the load balancer can come to believe of it.

use crate::aws::alb_node::{self, Belief};
use crate::aws::target::{Call, TargetState};
use crate::aws::target_group;
use crate::id::{AlbNodeId, TargetId};
use crate::observe::checker::{Held, Rule, Subject, demand};
use crate::time::{Span, Time};

/// All targets, and what every node believes of them.
#[derive(Debug)]
pub struct Targets {
    /// The number of the first node, and how many there are.
    first_node: usize,
    nodes: usize,
    delay: Span,
    /// The controller's last call.
    call: Call,
    targets: Vec<Target>,
    /// By target, then node.
    views: Vec<View>,
}

#[derive(Debug, Clone, Copy)]
struct Target {
    /// As the API shows it.
    state: Option<TargetState>,
    /// As the API last answered.
    told: Option<TargetState>,
    /// The last calls that asked to register it, to deregister it. An earlier one may still be on its
    /// way, where its leader was lost and the next one asked again.
    asked: (Option<Call>, Option<Call>),
    /// The call that registered it.
    call: Call,
    /// Times that it was registered and deregistered.
    registered: u32,
    deregistered: u32,
    /// When it was last deregistered.
    since: Time,
}

/// What one node believes of one target, and the news that it has had.
#[derive(Debug, Clone, Copy)]
struct View {
    belief: Belief,
    registered: u32,
    deregistered: u32,
    /// When it learned of the deregistration.
    since: Time,
    /// When a check was last answered well.
    passed: Option<Time>,
    /// Its verdicts on the present registration: well at some time, unwell at some time.
    found: (bool, bool),
}

impl Target {
    const NEW: Target = Target {
        state: None,
        told: None,
        asked: (None, None),
        call: Call::INITIAL,
        registered: 0,
        deregistered: 0,
        since: Time::ZERO,
    };
}

impl View {
    const NEW: View = View {
        belief: Belief::Gone,
        registered: 0,
        deregistered: 0,
        since: Time::ZERO,
        passed: None,
        found: (false, false),
    };

    const fn is_checked(&self) -> bool {
        matches!(
            self.belief,
            Belief::Initial | Belief::Healthy | Belief::Unhealthy
        )
    }
}

impl Targets {
    /// Targets behind so many nodes, numbered from `first_node` on, which drain for `delay`.
    pub const fn new(first_node: u8, nodes: u8, delay: Span) -> Targets {
        let (first_node, nodes) = (first_node as usize, nodes as usize);
        Targets {
            first_node,
            nodes,
            delay,
            call: Call::INITIAL,
            targets: Vec::new(),
            views: Vec::new(),
        }
    }

    /// Whether a node is one of those behind which they are.
    pub const fn are_behind(&self, node: AlbNodeId) -> bool {
        self.first_node <= node.index() && node.index() < self.first_node + self.nodes
    }

    /// Targets that have long been healthy, or not.
    pub fn restart(&mut self, healthy: impl Iterator<Item = bool>) {
        self.call = Call::INITIAL;
        self.targets.clear();
        self.views.clear();
        for healthy in healthy {
            let (state, belief) = match healthy {
                true => (TargetState::Healthy, Belief::Healthy),
                false => (TargetState::Unhealthy, Belief::Unhealthy),
            };
            let state = Some(state);
            self.targets.push(Target {
                state,
                told: state,
                registered: 1,
                ..Target::NEW
            });
            let view = View {
                belief,
                registered: 1,
                found: (healthy, !healthy),
                ..View::NEW
            };
            self.views.resize(self.targets.len() * self.nodes, view);
        }
    }

    /// There may be so many targets now.
    pub fn make_room(&mut self, targets: usize) {
        self.targets.resize(targets, Target::NEW);
        self.views.resize(targets * self.nodes, View::NEW);
    }

    fn target(&mut self, target: TargetId) -> Result<&mut Target, Rule> {
        self.targets
            .get_mut(target.index())
            .ok_or("a target without a pod")
    }

    fn views_of(&mut self, target: TargetId) -> &mut [View] {
        &mut self.views[target.index() * self.nodes..][..self.nodes]
    }

    /// The controller makes a call, or adds to it.
    pub fn calls(&mut self, call: Call) -> Held {
        demand(self.call <= call, "a call of the past")?;
        self.call = call;
        Ok(())
    }

    /// The controller asks to register a target.
    pub fn register(&mut self, call: Call, target: TargetId) -> Held {
        self.calls(call)?;
        self.target(target)?.asked.0 = Some(call);
        Ok(())
    }

    /// The controller asks to deregister a target.
    pub fn deregister(&mut self, call: Call, target: TargetId) -> Held {
        self.calls(call)?;
        self.target(target)?.asked.1 = Some(call);
        Ok(())
    }

    /// Whether the API's last answer had it healthy.
    pub fn is_told_healthy(&self, target: TargetId) -> bool {
        self.targets
            .get(target.index())
            .is_some_and(|target| target.told == Some(TargetState::Healthy))
    }

    /// A health check was answered well.
    #[inline]
    pub fn passed(&mut self, node: AlbNodeId, target: TargetId, now: Time) {
        if let Some(view) = self
            .views
            .get_mut(target.index() * self.nodes + node.index() - self.first_node)
        {
            view.passed = Some(now);
        }
    }

    /// The target group says something.
    #[inline(always)]
    pub fn group(&mut self, now: Time, fact: &target_group::Fact) -> Result<(), (Subject, Rule)> {
        let (target, held) = match *fact {
            target_group::Fact::Registered { call, target, .. } => {
                (target, self.registered(call, target))
            }
            target_group::Fact::Deregistered { call, target } => {
                (target, self.deregistered(now, call, target))
            }
            target_group::Fact::DrainingOver { target, .. } => (target, self.drained(now, target)),
            target_group::Fact::StateChanged { target, state } => {
                (target, self.shows(target, state))
            }
            target_group::Fact::TargetHealth { target, state } => {
                (target, self.tells(target, state))
            }
            target_group::Fact::Returned { call } => {
                return demand(call <= self.call, "an answer to no call")
                    .map_err(|rule| (Subject::Run, rule));
            }
        };
        held.map_err(|rule| (Subject::Target(target), rule))
    }

    fn registered(&mut self, call: Call, target: TargetId) -> Held {
        let row = self.target(target)?;
        demand(
            row.asked.0 >= Some(call),
            "registered, and nobody asked for it",
        )?;
        demand(row.registered == row.deregistered, "registered twice")?;
        row.call = call;
        row.registered += 1;
        self.views_of(target)
            .iter_mut()
            .for_each(|view| view.found = (false, false));
        Ok(())
    }

    fn deregistered(&mut self, now: Time, call: Call, target: TargetId) -> Held {
        let row = self.target(target)?;
        demand(
            row.asked.1 >= Some(call),
            "deregistered, and nobody asked for it",
        )?;
        demand(
            row.registered > row.deregistered,
            "deregistered, and it was not registered",
        )?;
        row.call = call;
        row.deregistered += 1;
        row.since = now;
        Ok(())
    }

    fn drained(&mut self, now: Time, target: TargetId) -> Held {
        let delay = self.delay;
        let row = self.target(target)?;
        demand(
            row.state == Some(TargetState::Draining),
            "drained, and it was not draining",
        )?;
        demand(
            now == row.since + delay,
            "drained before or after its deregistration delay",
        )?;
        row.state = None;
        Ok(())
    }

    /// The API shows another state.
    fn shows(&mut self, target: TargetId, state: TargetState) -> Held {
        use TargetState::{Draining, Healthy, Initial, Unhealthy};
        let was = self.target(target)?.state;
        let legal = match (was, state) {
            (None | Some(Draining), Initial) | (Some(Unhealthy), Initial) => true,
            (Some(Initial | Unhealthy), Healthy) => {
                self.views_of(target).iter().all(|view| view.found.0)
            }
            (Some(Initial | Healthy), Unhealthy) => {
                self.views_of(target).iter().any(|view| view.found.1)
            }
            (Some(Initial | Healthy | Unhealthy), Draining) => true,
            _ => false,
        };
        demand(legal, "shown in a state that it cannot have come to")?;
        self.target(target)?.state = Some(state);
        Ok(())
    }

    /// The API answers.
    fn tells(&mut self, target: TargetId, state: Option<TargetState>) -> Held {
        let row = self.target(target)?;
        row.told = state;
        demand(row.state == state, "the API answers what it does not show")
    }

    /// A node says something.
    #[inline(always)]
    pub fn node(
        &mut self,
        now: Time,
        node: AlbNodeId,
        target: TargetId,
        fact: &alb_node::Fact,
    ) -> Held {
        let (known, delay) = (*self.target(target)?, self.delay);
        let view = &mut self.views[target.index() * self.nodes + node.index() - self.first_node];
        match *fact {
            alb_node::Fact::CheckSent { .. } => {
                demand(view.is_checked(), "checked, and it is no target")
            }
            alb_node::Fact::HealthFound { call, healthy, .. } => {
                let belief = if healthy {
                    Belief::Healthy
                } else {
                    Belief::Unhealthy
                };
                if call == known.call {
                    view.found = (view.found.0 || healthy, view.found.1 || !healthy);
                }
                demand(view.belief == belief, "found what it does not believe")
            }
            alb_node::Fact::Believes { belief, .. } => {
                view.comes_to_believe(now, belief, &known, delay)
            }
        }
    }
}

impl View {
    fn comes_to_believe(&mut self, now: Time, belief: Belief, known: &Target, delay: Span) -> Held {
        let legal = match (self.belief, belief) {
            // News of a registration may overtake that of the deregistration before it.
            (_, Belief::Initial) => true,
            (Belief::Initial | Belief::Unhealthy, Belief::Healthy) => true,
            (Belief::Initial | Belief::Healthy, Belief::Unhealthy) => true,
            (Belief::Initial | Belief::Healthy | Belief::Unhealthy, Belief::Draining) => true,
            (Belief::Draining, Belief::Gone) => true,
            _ => false,
        };
        demand(legal, "believed after what cannot come before it")?;
        match belief {
            Belief::Initial => {
                self.registered += 1;
                demand(
                    self.registered <= known.registered,
                    "believed before it was registered",
                )?;
            }
            Belief::Healthy => {
                demand(self.passed == Some(now), "believed healthy without a check")?;
            }
            Belief::Unhealthy => {}
            Belief::Draining => {
                self.deregistered += 1;
                self.since = now;
                demand(
                    self.deregistered <= known.deregistered,
                    "believed before DeregisterTargets returned",
                )?;
            }
            Belief::Gone => {
                // News of a later deregistration, of which it says nothing, starts the delay anew.
                let is_over = now == self.since + delay
                    || now > self.since + delay && known.deregistered > self.deregistered;
                demand(
                    is_over,
                    "believed before or after the deregistration delay since it learned of the deregistration",
                )?;
            }
        }
        self.belief = belief;
        Ok(())
    }
}
