//! What a live engine does next.
//!
//! Most delays are constants: a connect time-out, a client's patience. What waits for one of them
//! stands in a line, first in first out. Of the rest, nearly all have a place of a wheel to themselves (a calendar
//! queue, Brown 1988): a place is found by the time itself, and the next one taken by looking for a bit.
//! Only what finds its place taken, or is due after a whole turn of the wheel, costs a place in the heap.

use std::collections::VecDeque;

use crate::agenda::Heap;
use crate::time::{Span, Time};

/// Events by time, first come first served at equal times, but one in a line after any that is in none.
/// An event is a number of [`EVENT`] bits.
#[derive(Debug, Clone)]
pub(super) struct Schedule<const LINES: usize> {
    /// Keys: the time, the sequence number, the event. Where nothing waits, there is what last did.
    wheel: [u128; PLACES],
    /// Where something waits, bit by bit.
    taken: [u64; WORDS],
    waiting: usize,
    /// A place is so many microseconds long, as a power of two.
    step: u32,
    /// When the last event was due, in such steps: within one turn from here, no two times share a place.
    turn: u64,
    /// The least key on the wheel.
    near: u128,
    /// Keys that have no place there.
    far: Heap,
    lines: [VecDeque<(Time, u32)>; LINES],
    /// When the first of each line is due.
    heads: [Time; LINES],
    /// The least key of those that are far or stand in a line, where any number comes after a sequence number.
    other: u128,
    sequence: u64,
}

/// Bits of an event.
pub(super) const EVENT: u32 = 28;

/// Places of the wheel: few find theirs taken, and 16 kB stay in the processor's first cache.
const PLACES: usize = 1 << 10;
const WORDS: usize = PLACES / 64;
/// Usual delays in a turn of the wheel, which is rounded down to a power of two: between two and four.
const DELAYS: u64 = 4;
/// No key.
const NONE: u128 = u128::MAX;

impl<const LINES: usize> Schedule<LINES> {
    /// Made for delays that are usually about so long.
    pub(super) fn new(usual: Span) -> Schedule<LINES> {
        let step = (DELAYS * usual.as_micros() / PLACES as u64).max(1).ilog2();
        Schedule {
            wheel: [0; PLACES],
            taken: [0; WORDS],
            waiting: 0,
            step,
            turn: 0,
            near: NONE,
            far: Heap::new(),
            lines: std::array::from_fn(|_| VecDeque::new()),
            heads: [Time::NEVER; LINES],
            other: NONE,
            sequence: 0,
        }
    }

    /// Forgets everything, keeps the memory.
    pub(super) fn clear(&mut self) {
        (self.taken, self.waiting, self.turn) = ([0; WORDS], 0, 0);
        (self.near, self.other) = (NONE, NONE);
        self.far.clear();
        self.lines.iter_mut().for_each(VecDeque::clear);
        self.heads = [Time::NEVER; LINES];
        self.sequence = 0;
    }

    #[inline]
    pub(super) fn push(&mut self, at: Time, event: u32) {
        let key = key(at, self.sequence << EVENT | u64::from(event));
        self.sequence += 1;
        let step = at.as_micros() >> self.step;
        let place = step as usize % PLACES;
        let (word, bit) = (&mut self.taken[place / 64], 1 << (place % 64));
        if step.wrapping_sub(self.turn) >= PLACES as u64 || *word & bit != 0 {
            return self.push_far(key);
        }
        *word |= bit;
        self.wheel[place] = key;
        self.waiting += 1;
        if key < self.near {
            self.near = key;
        }
    }

    #[inline(never)]
    fn push_far(&mut self, key: u128) {
        self.far.push(key);
        self.other = self.other.min(key);
    }

    /// Puts an event at the end of a line; one that would overtake the last there does not stand in it.
    #[inline]
    pub(super) fn queue(&mut self, line: usize, at: Time, event: u32) {
        match self.lines[line].back() {
            Some(&(last, _)) if at < last => return self.push(at, event),
            Some(_) => {}
            None => {
                self.heads[line] = at;
                self.other = self.other.min(key(at, u64::MAX));
            }
        }
        self.lines[line].push_back((at, event));
    }

    /// The next event, if it is due by `limit`.
    #[inline]
    pub(super) fn pop_until(&mut self, limit: Time) -> Option<(Time, u32)> {
        let next = if self.near < self.other {
            self.pop_near(limit)
        } else {
            self.pop_other(limit)
        };
        (next != NONE).then_some((time_of(next), event_of(next)))
    }

    /// The next on the wheel, if it is due by `limit`.
    #[inline]
    fn pop_near(&mut self, limit: Time) -> u128 {
        let next = self.near;
        if time_of(next) > limit {
            return NONE;
        }
        self.turn = time_of(next).as_micros() >> self.step;
        let place = self.turn as usize % PLACES;
        self.taken[place / 64] &= !(1 << (place % 64));
        self.waiting -= 1;
        self.near = if self.waiting > 0 {
            self.first_from(place)
        } else {
            NONE
        };
        next
    }

    /// The first key on the wheel, on which there is one, from a place on.
    #[inline]
    fn first_from(&self, place: usize) -> u128 {
        let mut word = place / 64;
        let mut bits = self.taken[word] & u64::MAX << (place % 64);
        while bits == 0 {
            word = (word + 1) % WORDS;
            bits = self.taken[word];
        }
        self.wheel[word * 64 + bits.trailing_zeros() as usize]
    }

    /// The next that is far or stands in a line, if there is one and it is due by `limit`.
    #[inline(never)]
    fn pop_other(&mut self, limit: Time) -> u128 {
        let (next, at) = (self.other, time_of(self.other));
        if at > limit || next == NONE {
            return NONE;
        }
        self.turn = at.as_micros() >> self.step;
        let popped = if self.far.least() == Some(next) {
            self.far.pop()
        } else {
            self.pop_line(at)
        };
        let soonest = self.heads.iter().copied().min().unwrap_or(Time::NEVER);
        self.other = self.far.least().unwrap_or(NONE).min(key(soonest, u64::MAX));
        popped.unwrap_or(NONE)
    }

    /// The first of the line whose first is due at `at`.
    fn pop_line(&mut self, at: Time) -> Option<u128> {
        let line = self.heads.iter().position(|head| *head == at)?;
        let (_, event) = self.lines[line].pop_front()?;
        self.heads[line] = self.lines[line]
            .front()
            .map_or(Time::NEVER, |&(after, _)| after);
        Some(key(at, u64::from(event)))
    }
}

const fn key(at: Time, rest: u64) -> u128 {
    (at.as_micros() as u128) << 64 | rest as u128
}

const fn time_of(key: u128) -> Time {
    Time::from_micros((key >> 64) as u64)
}

const fn event_of(key: u128) -> u32 {
    key as u32 & ((1 << EVENT) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    /// Whatever the line an event stands in, it comes when it is due.
    #[test]
    fn lines_and_agenda_are_one_order() {
        let mut stream = Streams::new(1, 0).at(Purpose::Arrival, 0);
        let mut schedule: Schedule<2> = Schedule::new(Span::from_micros(200));
        for round in 0..2 {
            let (mut now, mut popped, mut pushed) = (0, Vec::new(), Vec::new());
            for _ in 0..5_000 {
                now += stream.below(20) as u64;
                let (line, delay) =
                    [(0, 100), (1, 30), (2, stream.below(300) as u64), (0, 90)][stream.below(4)];
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
            popped.extend(
                std::iter::from_fn(|| schedule.pop_until(Time::NEVER)).map(|(_, event)| event),
            );
            pushed.sort_unstable();
            assert_eq!(popped, pushed);
        }
    }

    /// However many wait: by time and, within it, by arrival.
    #[test]
    fn near_and_far_are_one_order() {
        let mut stream = Streams::new(2, 0).at(Purpose::Arrival, 0);
        let mut schedule: Schedule<1> = Schedule::new(Span::from_micros(200));
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
        assert!(
            waiting.len() > 100
                && waiting
                    .first()
                    .is_some_and(|first| first.0.as_micros() > now)
        );
        assert!(std::iter::from_fn(|| schedule.pop_until(Time::NEVER)).eq(waiting));
    }
}
