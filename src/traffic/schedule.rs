//! What a live engine does next.
//!
//! Most delays are constants: a connect time-out, a client's patience. What waits for one of them
//! stands in a line, first in first out. Of the rest, what is due next stands sorted: among so few, a place
//! is found without a branch and made by moving a few cache lines, and the first is taken without moving any.
//! Only what comes after them costs a place in the heap.

use std::collections::VecDeque;
use std::hint::select_unpredictable;

use crate::agenda::Heap;
use crate::time::Time;

/// Events by time, first come first served at equal times, but one in a line after any that is in none.
/// An event is a number of [`EVENT`] bits.
#[derive(Debug, Clone)]
pub(super) struct Schedule<const LINES: usize> {
    /// Keys: the time, the sequence number, the event. The next is the last of those that are `waiting`, and there
    /// is one if there are any `far`; what lies behind it is zero.
    near: [u128; NEAR],
    waiting: usize,
    /// Keys that are greater than those, and the least of them.
    far: Heap,
    far_from: u128,
    sequence: u64,
    lines: [VecDeque<(Time, u32)>; LINES],
    /// When the first of each line is due, and when the first of all.
    heads: [Time; LINES],
    soonest: Time,
    /// When the next event is due.
    due: Time,
}

/// Bits of an event.
pub(super) const EVENT: u32 = 28;

/// If so many stand sorted, half of them go to the heap.
const NEAR: usize = 64;

impl<const LINES: usize> Schedule<LINES> {
    pub(super) fn new() -> Schedule<LINES> {
        Schedule {
            near: [0; NEAR],
            waiting: 0,
            far: Heap::new(),
            far_from: u128::MAX,
            sequence: 0,
            lines: std::array::from_fn(|_| VecDeque::new()),
            heads: [Time::NEVER; LINES],
            soonest: Time::NEVER,
            due: Time::NEVER,
        }
    }

    /// Forgets everything, keeps the memory.
    pub(super) fn clear(&mut self) {
        (self.near, self.waiting) = ([0; NEAR], 0);
        self.far.clear();
        self.far_from = u128::MAX;
        self.sequence = 0;
        self.lines.iter_mut().for_each(VecDeque::clear);
        self.heads = [Time::NEVER; LINES];
        self.soonest = Time::NEVER;
        self.due = Time::NEVER;
    }

    #[inline]
    pub(super) fn push(&mut self, at: Time, event: u32) {
        let key = u128::from(at.as_micros()) << 64 | u128::from(self.sequence << EVENT | u64::from(event));
        self.sequence += 1;
        self.due = self.due.min(at);
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

    /// How many are due after `at`, in six steps, as there are fewer than 2⁶ of them. The newest comes after all
    /// that are due at the same time.
    #[inline]
    fn place(&self, at: Time) -> usize {
        let mut place = 0;
        for half in [32, 16, 8, 4, 2, 1] {
            let is_behind = time_of(self.near[place + half - 1]) > at;
            place = select_unpredictable(is_behind, place + half, place);
        }
        place
    }

    /// Puts an event at the end of a line; one that would overtake the last there does not stand in it.
    #[inline]
    pub(super) fn queue(&mut self, line: usize, at: Time, event: u32) {
        match self.lines[line].back() {
            Some(&(last, _)) if at < last => return self.push(at, event),
            Some(_) => {}
            None => {
                self.heads[line] = at;
                self.soonest = self.soonest.min(at);
                self.due = self.due.min(at);
            }
        }
        self.lines[line].push_back((at, event));
    }

    /// Whether there is anything to be done by `limit`.
    #[inline]
    pub(super) fn is_due(&self, limit: Time) -> bool {
        self.due <= limit
    }

    /// The next event, if it is due by `limit`.
    #[inline]
    pub(super) fn pop_until(&mut self, limit: Time) -> Option<(Time, u32)> {
        let due = self.due;
        if due > limit {
            return None;
        }
        let last = self.waiting.wrapping_sub(1);
        let Some(next) = self.near.get_mut(last).filter(|next| time_of(**next) <= due) else {
            return Some((due, self.pop_line()?));
        };
        let event = *next as u32 & ((1 << EVENT) - 1);
        (*next, self.waiting) = (0, last);
        self.due = self.next_near().min(self.soonest);
        Some((due, event))
    }

    /// When the next of those that stand in no line is due.
    #[inline]
    fn next_near(&mut self) -> Time {
        if self.waiting == 0 {
            self.fetch();
        }
        self.near.get(self.waiting.wrapping_sub(1)).map_or(Time::NEVER, |next| time_of(*next))
    }

    #[cold]
    fn pop_line(&mut self) -> Option<u32> {
        let line = self.heads.iter().position(|head| *head == self.soonest)?;
        let (_, next) = self.lines[line].pop_front()?;
        self.heads[line] = self.lines[line].front().map_or(Time::NEVER, |&(after, _)| after);
        self.soonest = self.heads.iter().copied().min().unwrap_or(Time::NEVER);
        self.due = self.next_near().min(self.soonest);
        Some(next)
    }

    #[cold]
    fn make_room(&mut self) {
        for key in &self.near[..NEAR / 2] {
            self.far.push(*key);
        }
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

const fn time_of(key: u128) -> Time {
    Time::from_micros((key >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    /// Whatever the line an event stands in, it comes when it is due.
    #[test]
    fn lines_and_agenda_are_one_order() {
        let mut stream = Streams::new(1, 0).at(Purpose::Arrival, 0);
        let mut schedule: Schedule<2> = Schedule::new();
        for round in 0..2 {
            let (mut now, mut popped, mut pushed) = (0, Vec::new(), Vec::new());
            for _ in 0..5_000 {
                now += stream.below(20) as u64;
                let (line, delay) = [(0, 100), (1, 30), (2, stream.below(300) as u64), (0, 90)][stream.below(4)];
                let at = Time::from_micros(now + delay);
                match line {
                    2 => schedule.push(at, (now + delay) as u32),
                    line => schedule.queue(line, at, (now + delay) as u32),
                }
                pushed.push((now + delay) as u32);
                while let Some((at, event)) = schedule.pop_until(Time::from_micros(now)) {
                    assert_eq!(at.as_micros(), u64::from(event));
                    popped.push(event);
                }
            }
            if round == 0 {
                // What is left is forgotten.
                schedule.clear();
                continue;
            }
            popped.extend(std::iter::from_fn(|| schedule.pop_until(Time::NEVER)).map(|(_, event)| event));
            pushed.sort_unstable();
            assert_eq!(popped, pushed);
        }
    }

    /// However many wait: by time and, within it, by arrival.
    #[test]
    fn near_and_far_are_one_order() {
        let mut stream = Streams::new(2, 0).at(Purpose::Arrival, 0);
        let mut schedule: Schedule<1> = Schedule::new();
        let (mut waiting, mut now) = (std::collections::BTreeSet::new(), 0);
        for event in 0..20_000 {
            // Crowds come and go.
            let at = now + stream.below(if event % 4_000 < 2_000 { 9 } else { 900 }) as u64;
            schedule.push(Time::from_micros(at), event);
            waiting.insert((Time::from_micros(at), event));
            if stream.below(3) == 0 {
                now += 1;
            }
            while let Some(due) = schedule.pop_until(Time::from_micros(now)) {
                assert_eq!(Some(due), waiting.pop_first());
            }
        }
        assert!(waiting.len() > 100 && waiting.first().is_some_and(|first| first.0.as_micros() > now));
        assert!(std::iter::from_fn(|| schedule.pop_until(Time::NEVER)).eq(waiting));
    }
}
