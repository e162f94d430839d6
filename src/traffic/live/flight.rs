//! Requests in flight.

use crate::id::TargetId;
use crate::time::Time;
use crate::traffic::fate::{End, Request};

/// A request that has not come to its end, or whose server still works on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    /// The present attempt.
    pub(super) request: Request,
    /// When the first attempt was sent.
    pub(super) first: Time,
    /// How it ends as far as is known: if nothing else comes before, while it waits for a server.
    pub(super) end: End,
    pub(super) user: u32,
    /// Tells apart those that have had this slot.
    pub(super) ticket: u32,
    pub(super) node: u16,
    pub(super) target: Option<TargetId>,
    /// The row of what it gets to there: the target itself, or a pod behind a host.
    pub(super) server: Option<u16>,
    /// The life of the server that works on it.
    pub(super) life: u32,
    pub(super) attempt: u8,
    /// Whether the target answers 503.
    pub(super) refused: bool,
    /// Whether its user knows how it ended.
    pub(super) is_over: bool,
    /// Whether it has a worker, or a place in the queue for one.
    pub(super) is_held: bool,
    /// Whether its server will have answered before anything else ends it.
    pub(super) is_in_time: bool,
}

/// Slots that are used again.
#[derive(Debug, Clone, Default)]
pub(super) struct Flights {
    slots: Vec<Flight>,
    free: Vec<u32>,
}

impl Flights {
    /// Forgets everything, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.free.clear();
    }

    #[inline]
    pub(super) fn insert(&mut self, flight: Flight) -> u32 {
        match self.free.pop() {
            Some(slot) => {
                let place = &mut self.slots[slot as usize];
                let ticket = place.ticket.wrapping_add(1);
                *place = flight;
                place.ticket = ticket;
                slot
            }
            None => {
                self.slots.push(flight);
                (self.slots.len() - 1) as u32
            }
        }
    }

    #[inline]
    pub(super) fn remove(&mut self, slot: u32) {
        self.free.push(slot);
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
