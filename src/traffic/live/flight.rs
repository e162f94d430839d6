//! Requests in flight.

use crate::id::TargetId;
use crate::time::Time;
use crate::traffic::fate::{End, Request};
use crate::traffic::schedule::EVENT;
use crate::verdict::Verdict;

/// A request that has not come to its end, or whose server still works on it: what is asked of each of them, in as
/// few bytes as that takes. It is written once, when its way is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    /// When the first attempt was sent, and when the present one.
    pub(super) first: Time,
    pub(super) sent: Time,
    pub(super) user: u32,
    /// Its node and target as one number, or [`NOWHERE`].
    pub(super) lane: u32,
    /// The life of the server that works on it.
    pub(super) life: u32,
    /// The row of what it gets to there, the target itself or a pod behind a host; or [`NOBODY`].
    pub(super) server: u16,
    pub(super) node: u16,
    pub(super) is_stream: bool,
    /// Whether its user knows how it ended.
    pub(super) is_over: bool,
    /// Whether it has a worker, or a place in the queue for one.
    pub(super) is_held: bool,
    /// Whether its server will have answered before anything else ends it.
    pub(super) is_in_time: bool,
}

/// A lane and a server that are none: who looks there finds nothing.
const NOWHERE: u32 = u32::MAX;
const NOBODY: u16 = u16::MAX;

/// What else there is to an attempt that is not answered at once: nobody asks for it before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) request: Request,
    /// How it ends as far as is known: if nothing else comes before, while it waits for a server.
    pub(super) end: End,
    /// Whether the target answers 503.
    pub(super) refused: bool,
    /// Whether its end has been scheduled, should the server be no faster.
    pub(super) is_watched: bool,
}

impl Flight {
    /// Nobody's.
    pub(super) const NONE: Flight = Flight {
        first: Time::ZERO,
        sent: Time::ZERO,
        user: 0,
        lane: NOWHERE,
        life: 0,
        server: NOBODY,
        node: 0,
        is_stream: false,
        is_over: false,
        is_held: false,
        is_in_time: false,
    };

    /// Its target, of so many that there are.
    pub(super) fn target(&self, targets: usize) -> Option<TargetId> {
        (self.lane != NOWHERE).then(|| TargetId((self.lane as usize % targets) as u16))
    }
}

impl Attempt {
    /// It has just been sent.
    #[inline(always)]
    pub(super) const fn new(request: Request) -> Attempt {
        Attempt {
            request,
            end: (Verdict::Ok, request.sent),
            refused: false,
            is_watched: false,
        }
    }
}

/// What happens next to a request or a user, by slot or number; but that a server has done its work is told by the
/// slot alone, as that is nearly all that happens.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// It ends as was foreseen.
    Ends(u32),
    /// The load balancer has tried to connect for long enough, and will soon notice.
    ConnectExpires(u32),
    /// Another SYN is sent.
    Syn(u32),
    /// The connection stands, the request is at the server.
    Reaches(u32),
    /// Nobody waits for the server any more; if it is still that request which has this slot.
    Overdue(u32),
    /// It is sent again.
    Again(u32),
    /// A worker of a closed loop sends its next request.
    Sends(u32),
    /// Kernels have asked long enough who has a removed pod's IP.
    Unreachable,
}

/// Bits of an event that name the slot.
const SLOT: u32 = 24;
const _: () = assert!(SLOT + 4 <= EVENT, "sixteen kinds of events");

impl Event {
    /// As the schedule keeps it.
    #[inline]
    pub(super) const fn code(self) -> u32 {
        let (kind, slot) = match self {
            Event::Ends(slot) => (1, slot),
            Event::ConnectExpires(slot) => (2, slot),
            Event::Syn(slot) => (3, slot),
            Event::Reaches(slot) => (4, slot),
            Event::Overdue(slot) => (5, slot),
            Event::Again(slot) => (6, slot),
            Event::Sends(worker) => (7, worker),
            Event::Unreachable => (8, 0),
        };
        kind << SLOT | slot
    }

    /// The slot of a request, if its server has done its work.
    #[inline]
    pub(super) fn served(code: u32) -> Option<u32> {
        (code >> SLOT == 0).then_some(code)
    }

    /// Anything else.
    #[inline]
    pub(super) const fn of(code: u32) -> Event {
        let slot = code & ((1 << SLOT) - 1);
        match code >> SLOT {
            1 => Event::Ends(slot),
            2 => Event::ConnectExpires(slot),
            3 => Event::Syn(slot),
            4 => Event::Reaches(slot),
            5 => Event::Overdue(slot),
            6 => Event::Again(slot),
            7 => Event::Sends(slot),
            _ => Event::Unreachable,
        }
    }
}

/// Slots that are used again.
#[derive(Debug, Clone, Default)]
pub(super) struct Flights {
    slots: Vec<Flight>,
    /// By slot, too: of an attempt before, where the present one is answered at once.
    attempts: Vec<Attempt>,
    free: Vec<u32>,
}

impl Flights {
    /// Forgets everything, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.attempts.clear();
        self.free.clear();
    }

    /// A slot for a flight.
    #[inline(always)]
    pub(super) fn reserve(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| self.grow())
    }

    #[cold]
    fn grow(&mut self) -> u32 {
        self.slots.push(Flight::NONE);
        self.attempts.push(Attempt::new(Request::NONE));
        assert!(
            self.slots.len() <= 1 << SLOT,
            "more requests are in flight than events can name"
        );
        (self.slots.len() - 1) as u32
    }

    #[inline]
    pub(super) fn remove(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// Puts a flight into its slot, and what else there is to it.
    #[inline(always)]
    pub(super) fn put(&mut self, slot: u32, flight: Flight, request: Request) {
        self.slots[slot as usize] = flight;
        self.attempts[slot as usize] = Attempt::new(request);
    }

    /// What has been put there.
    pub(super) fn look_up(&self, slot: u32) -> (Flight, Request) {
        (
            self.slots[slot as usize],
            self.attempts[slot as usize].request,
        )
    }

    #[inline]
    pub(super) fn attempt(&mut self, slot: u32) -> &mut Attempt {
        &mut self.attempts[slot as usize]
    }

    /// Slots in use or once in use: the most requests that were ever in flight at once.
    #[cfg(test)]
    pub(super) fn peak(&self) -> usize {
        self.slots.len()
    }
}

impl std::ops::Index<u32> for Flights {
    type Output = Flight;
    #[inline]
    fn index(&self, slot: u32) -> &Flight {
        &self.slots[slot as usize]
    }
}

impl std::ops::IndexMut<u32> for Flights {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut Flight {
        &mut self.slots[slot as usize]
    }
}
