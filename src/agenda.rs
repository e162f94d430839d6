//! What happens next: a priority queue ordered by time, first come first served at equal times.
//!
//! What is due soonest stands sorted, in an array of 128-bit keys (time in the high half, sequence number
//! and the event's slot in the low): among so few, a place is found without a branch and made by moving a
//! few cache lines, and the next one is taken without moving any. Only what comes after all of them waits
//! in a heap, 4-ary because a sift-down then touches fewer cache lines than in a binary one (LaMarca and
//! Ladner 1996). Events, four times as large as a key, stay where they are.
//! What is scheduled for the present instant goes past both: everything in them that is due now was
//! scheduled before.

use std::hint::select_unpredictable;

use crate::time::Time;

/// Events waiting for their time.
#[derive(Debug, Clone)]
pub struct Agenda<E> {
    /// The next is the last of those that are `waiting`, and there is one if there are any `far`; what lies
    /// behind it is zero.
    near: [u128; NEAR],
    waiting: usize,
    /// Keys that are greater than those, and the least of them.
    far: Heap,
    far_from: u128,
    /// By slot: what waits in either. A slot is free if it is listed so.
    events: Vec<E>,
    free: Vec<u32>,
    sequence: u64,
    /// The present instant, and what was scheduled in it for it, of which so many have happened.
    now: Time,
    at_once: Vec<E>,
    happened: usize,
}

/// Keys, the least first.
#[derive(Debug, Clone)]
pub(crate) struct Heap(Vec<u128>);

/// If so many stand sorted, half of them go to the heap.
const NEAR: usize = 64;
const ARITY: usize = 4;
/// Bits of a key that name the slot.
const SLOT: u32 = 24;

impl<E: Copy> Agenda<E> {
    /// An empty agenda.
    pub const fn new() -> Agenda<E> {
        Agenda {
            near: [0; NEAR],
            waiting: 0,
            far: Heap::new(),
            far_from: u128::MAX,
            events: Vec::new(),
            free: Vec::new(),
            sequence: 0,
            now: Time::NEVER,
            at_once: Vec::new(),
            happened: 0,
        }
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        (self.near, self.waiting) = ([0; NEAR], 0);
        self.far.clear();
        self.far_from = u128::MAX;
        self.events.clear();
        self.free.clear();
        self.sequence = 0;
        self.now = Time::NEVER;
        self.at_once.clear();
        self.happened = 0;
    }

    /// Schedules an event, not before the present instant.
    pub fn push(&mut self, at: Time, event: E) {
        debug_assert!(
            self.now == Time::NEVER || at >= self.now,
            "time does not run backwards"
        );
        if at == self.now {
            self.at_once.push(event);
            return;
        }
        let slot = self.keep(event);
        let key =
            u128::from(at.as_micros()) << 64 | u128::from(self.sequence << SLOT | u64::from(slot));
        self.sequence += 1;
        if key > self.far_from {
            return self.far.push(key);
        }
        let place = self.place(at);
        self.near.copy_within(place..self.waiting, place + 1);
        self.near[place] = key;
        self.waiting += 1;
        if self.waiting == NEAR {
            self.make_room();
        }
    }

    /// How many of the near ones are due after `at`, in six steps, as there are fewer than 2⁶ of them. The newest
    /// comes after all that are due at the same time.
    #[inline]
    fn place(&self, at: Time) -> usize {
        let mut place = 0;
        for half in [32, 16, 8, 4, 2, 1] {
            let is_behind = time_of(self.near[place + half - 1]) > at;
            place = select_unpredictable(is_behind, place + half, place);
        }
        place
    }

    /// When the next event is due.
    #[inline]
    pub fn next_time(&self) -> Option<Time> {
        if self.happened < self.at_once.len() {
            Some(self.now)
        } else {
            self.nearest().map(time_of)
        }
    }

    #[inline]
    fn nearest(&self) -> Option<u128> {
        self.near[..self.waiting].last().copied()
    }

    /// The next event: the earliest, and of the earliest the one that was scheduled first.
    #[inline]
    pub fn pop(&mut self) -> Option<(Time, E)> {
        let next = self.nearest();
        if next.is_none_or(|key| time_of(key) > self.now)
            && let Some(event) = self.at_once.get(self.happened)
        {
            self.happened += 1;
            return Some((self.now, *event));
        }
        let key = next?;
        self.waiting -= 1;
        self.near[self.waiting] = 0;
        if self.waiting == 0 {
            self.fetch();
        }
        if time_of(key) > self.now || self.now == Time::NEVER {
            // All that was scheduled in the last instant for that instant has happened.
            self.at_once.clear();
            self.happened = 0;
            self.now = time_of(key);
        }
        let slot = key as u32 & ((1 << SLOT) - 1);
        self.free.push(slot);
        Some((self.now, self.events[slot as usize]))
    }

    fn keep(&mut self, event: E) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.events[slot as usize] = event;
            return slot;
        }
        self.events.push(event);
        assert!(
            self.events.len() <= 1 << SLOT,
            "more events wait than keys can name"
        );
        self.events.len() as u32 - 1
    }

    #[cold]
    fn make_room(&mut self) {
        self.near[..NEAR / 2]
            .iter()
            .for_each(|key| self.far.push(*key));
        self.near.copy_within(NEAR / 2.., 0);
        self.near[NEAR / 2..].fill(0);
        self.waiting = NEAR / 2;
        self.far_from = self.far.least().unwrap_or(u128::MAX);
    }

    #[cold]
    fn fetch(&mut self) {
        for place in &mut self.near[..NEAR / 2] {
            let Some(key) = self.far.pop() else { break };
            *place = key;
            self.waiting += 1;
        }
        self.near[..self.waiting].reverse();
        self.far_from = self.far.least().unwrap_or(u128::MAX);
    }
}

impl Heap {
    pub(crate) const fn new() -> Heap {
        Heap(Vec::new())
    }

    /// No keys, but their memory.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    #[inline]
    pub(crate) fn least(&self) -> Option<u128> {
        self.0.first().copied()
    }

    pub(crate) fn push(&mut self, key: u128) {
        let mut child = self.0.len();
        self.0.push(key);
        while child > 0 {
            let parent = (child - 1) / ARITY;
            if self.0[parent] <= key {
                break;
            }
            self.0[child] = self.0[parent];
            child = parent;
        }
        self.0[child] = key;
    }

    pub(crate) fn pop(&mut self) -> Option<u128> {
        let last = self.0.pop()?;
        let Some(root) = self.0.first_mut() else {
            return Some(last);
        };
        let popped = std::mem::replace(root, last);
        self.sift_down(last);
        Some(popped)
    }

    fn sift_down(&mut self, key: u128) {
        let mut parent = 0;
        while let Some((child, least)) = self.least_child(parent).filter(|(_, least)| *least < key)
        {
            self.0[parent] = least;
            parent = child;
        }
        self.0[parent] = key;
    }

    fn least_child(&self, parent: usize) -> Option<(usize, u128)> {
        let first = parent * ARITY + 1;
        if let Some([a, b, c, d]) = self.0.get(first..first + ARITY) {
            // A full family is a match of two semi-finals: no branch to mispredict.
            let left = if b < a { (first + 1, *b) } else { (first, *a) };
            let right = if d < c {
                (first + 3, *d)
            } else {
                (first + 2, *c)
            };
            return Some(if right.1 < left.1 { right } else { left });
        }
        (first..self.0.len())
            .map(|child| (child, self.0[child]))
            .min_by_key(|(_, key)| *key)
    }
}

impl<E: Copy> Default for Agenda<E> {
    fn default() -> Self {
        Agenda::new()
    }
}

const fn time_of(key: u128) -> Time {
    Time::from_micros((key >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};
    use crate::time::Span;

    /// Few distinct times, many events: pops must be sorted by time and, within it, by arrival.
    #[test]
    fn time_then_first_come() {
        let mut stream = Streams::new(1, 0).at(Purpose::Arrival, 0);
        let mut agenda = Agenda::new();
        let mut expected = Vec::new();
        for i in 0..10_000_usize {
            let at = Time::from_micros(stream.below(50) as u64);
            agenda.push(at, i);
            expected.push((at, i));
        }
        expected.sort();
        let popped: Vec<_> = std::iter::from_fn(|| agenda.pop()).collect();
        assert_eq!(popped, expected);
    }

    /// Events that schedule others, many of them at once: as sorting all of them has it.
    #[test]
    fn at_once_comes_after_what_was_due_before() {
        let mut stream = Streams::new(2, 0).at(Purpose::Arrival, 0);
        let mut agenda = Agenda::new();
        let (mut waiting, mut scheduled) = (std::collections::BTreeSet::new(), 0_usize);
        for _ in 0..50 {
            let at = Time::from_micros(stream.below(9) as u64);
            agenda.push(at, scheduled);
            waiting.insert((at, scheduled));
            scheduled += 1;
        }
        while let Some((now, event)) = agenda.pop() {
            assert_eq!(waiting.pop_first(), Some((now, event)));
            for _ in 0..usize::from(scheduled < 5_000) * stream.below(3) {
                let at = now + Span::from_micros(stream.below(4) as u64);
                agenda.push(at, scheduled);
                waiting.insert((at, scheduled));
                scheduled += 1;
            }
            assert_eq!(agenda.next_time(), waiting.first().map(|(at, _)| *at));
        }
        assert!(waiting.is_empty() && scheduled > 1_000);
    }
}
