//! A client whose four outputs are connected to four targets; one thread, which is the fastest here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nexosim::model::{Context, Model, schedulable};
use nexosim::ports::Output;
use nexosim::simulation::{Mailbox, SimInit};
use nexosim::time::MonotonicTime;
use serde::{Deserialize, Serialize};

use crate::{CONNECT_TIMEOUT, Chance, Counts, DOWN, DURATION};

static OK: AtomicU64 = AtomicU64::new(0);
static RESET: AtomicU64 = AtomicU64::new(0);
static TIMED_OUT: AtomicU64 = AtomicU64::new(0);

#[derive(Serialize, Deserialize)]
struct Client {
    requests: [Output<()>; 4],
    turn: usize,
    chance: Chance,
    clock: f64,
}

#[Model]
impl Client {
    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        self.next(cx);
    }

    #[nexosim(schedulable)]
    async fn arrive(&mut self, _: (), cx: &Context<Self>) {
        self.requests[self.turn].send(()).await;
        self.turn = (self.turn + 1) % 4;
        self.next(cx);
    }

    fn next(&mut self, cx: &Context<Self>) {
        let gap = self.chance.gap();
        self.clock += gap;
        if self.clock < DURATION {
            cx.schedule_event(after(gap), schedulable!(Self::arrive), ()).expect("it is in the future");
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Target {
    chance: Chance,
    open: bool,
    life: u32,
}

#[Model]
impl Target {
    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        let close = self.chance.close();
        cx.schedule_event(after(close), schedulable!(Self::close), ()).expect("it is in the future");
    }

    pub async fn request(&mut self, _: (), cx: &Context<Self>) {
        if self.open {
            let served = schedulable!(Self::served);
            cx.schedule_event(after(self.chance.service()), served, self.life).expect("it is in the future");
        } else {
            let timed_out = schedulable!(Self::timed_out);
            cx.schedule_event(after(CONNECT_TIMEOUT), timed_out, ()).expect("it is in the future");
        }
    }

    #[nexosim(schedulable)]
    async fn served(&mut self, life: u32) {
        let counter = if life == self.life { &OK } else { &RESET };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    #[nexosim(schedulable)]
    async fn timed_out(&mut self) {
        TIMED_OUT.fetch_add(1, Ordering::Relaxed);
    }

    #[nexosim(schedulable)]
    async fn close(&mut self, _: (), cx: &Context<Self>) {
        self.open = false;
        self.life += 1;
        cx.schedule_event(after(DOWN), schedulable!(Self::reopen), ()).expect("it is in the future");
    }

    #[nexosim(schedulable)]
    async fn reopen(&mut self) {
        self.open = true;
    }
}

fn after(secs: f64) -> Duration {
    Duration::from_nanos((secs * 1e9) as u64 + 1)
}

/// One replication.
pub fn replicate(seed: u64) -> Counts {
    [&OK, &RESET, &TIMED_OUT].iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
    let mut bench = SimInit::with_num_threads(1);
    let mut client = Client { requests: Default::default(), turn: 0, chance: Chance::new(seed, 0), clock: 0.0 };
    for row in 0..4 {
        let mailbox = Mailbox::new();
        client.requests[row].connect(Target::request, &mailbox);
        let target = Target { chance: Chance::new(seed, row as u64 + 1), open: true, life: 0 };
        bench = bench.add_model(target, mailbox, &format!("target-{row}"));
    }
    let start = MonotonicTime::EPOCH;
    let mut simulation = bench.add_model(client, Mailbox::new(), "client").init(start).expect("it is connected");
    simulation.step_until(start + Duration::from_secs(150)).expect("nothing fails");
    let [ok, reset, timed_out] = [&OK, &RESET, &TIMED_OUT].map(|counter| counter.load(Ordering::Relaxed));
    Counts { ok, reset, timed_out }
}
