//! A client and four targets that send each other events.

use std::cell::RefCell;
use std::rc::Rc;

use serde::Serialize;
use simcore::{Event, EventHandler, Id, Simulation, SimulationContext, cast};

use crate::{CONNECT_TIMEOUT, Chance, Counts, DOWN, DURATION};

#[derive(Clone, Serialize)]
struct Arrive {}
#[derive(Clone, Serialize)]
struct Request {}
#[derive(Clone, Serialize)]
struct Served {
    life: u32,
}
#[derive(Clone, Serialize)]
struct TimedOut {}
#[derive(Clone, Serialize)]
struct Close {}
#[derive(Clone, Serialize)]
struct Open {}

struct Client {
    context: SimulationContext,
    targets: Vec<Id>,
    turn: usize,
    chance: Chance,
}

struct Target {
    context: SimulationContext,
    chance: Chance,
    open: bool,
    life: u32,
    counts: Counts,
}

impl EventHandler for Client {
    fn on(&mut self, event: Event) {
        cast!(match event.data {
            Arrive {} => {
                self.context.emit_now(Request {}, self.targets[self.turn]);
                self.turn = (self.turn + 1) % self.targets.len();
                let gap = self.chance.gap();
                if self.context.time() + gap < DURATION {
                    self.context.emit_self(Arrive {}, gap);
                }
            }
        })
    }
}

impl EventHandler for Target {
    fn on(&mut self, event: Event) {
        cast!(match event.data {
            Request {} => {
                if self.open {
                    self.context.emit_self(Served { life: self.life }, self.chance.service());
                } else {
                    self.context.emit_self(TimedOut {}, CONNECT_TIMEOUT);
                }
            }
            Served { life } => {
                if life == self.life {
                    self.counts.ok += 1;
                } else {
                    self.counts.reset += 1;
                }
            }
            TimedOut {} => {
                self.counts.timed_out += 1;
            }
            Close {} => {
                self.open = false;
                self.life += 1;
                self.context.emit_self(Open {}, DOWN);
            }
            Open {} => {
                self.open = true;
            }
        })
    }
}

/// One replication.
pub fn replicate(seed: u64) -> Counts {
    let mut simulation = Simulation::new(seed);
    let mut targets = Vec::new();
    for row in 0..4 {
        let name = format!("target-{row}");
        let mut chance = Chance::new(seed, row + 1);
        let context = simulation.create_context(&name);
        context.emit_self(Close {}, chance.close());
        let target = Target { context, chance, open: true, life: 0, counts: Counts::default() };
        let target = Rc::new(RefCell::new(target));
        targets.push((simulation.add_handler(&name, target.clone()), target));
    }
    let context = simulation.create_context("client");
    let mut chance = Chance::new(seed, 0);
    context.emit_self(Arrive {}, chance.gap());
    let ids = targets.iter().map(|(id, _)| *id).collect();
    simulation.add_handler("client", Rc::new(RefCell::new(Client { context, targets: ids, turn: 0, chance })));
    simulation.step_until_no_events();
    targets.iter().fold(Counts::default(), |sum, (_, target)| {
        let counts = target.borrow().counts;
        Counts { ok: sum.ok + counts.ok, reset: sum.reset + counts.reset, timed_out: sum.timed_out + counts.timed_out }
    })
}
