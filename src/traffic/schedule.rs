//! What a live engine does next.
//!
//! Most delays are constants: a connect time-out, a client's patience. What waits for one of them
//! stands in a line, first in first out, and only the rest costs a place in the heap.

use std::collections::VecDeque;

use crate::agenda::Agenda;
use crate::time::Time;

/// Events by time; those in a line before it is their turn are never sorted.
#[derive(Debug, Clone)]
pub(super) struct Schedule<E, const LINES: usize> {
    agenda: Agenda<E>,
    lines: [VecDeque<(Time, E)>; LINES],
    /// When the first of each line is due.
    heads: [Time; LINES],
}

impl<E: Copy, const LINES: usize> Schedule<E, LINES> {
    pub(super) fn new() -> Schedule<E, LINES> {
        Schedule { agenda: Agenda::new(), lines: std::array::from_fn(|_| VecDeque::new()), heads: [Time::NEVER; LINES] }
    }

    /// Forgets everything, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.agenda.clear();
        self.lines.iter_mut().for_each(VecDeque::clear);
        self.heads = [Time::NEVER; LINES];
    }

    #[inline]
    pub(super) fn push(&mut self, at: Time, event: E) {
        self.agenda.push(at, event);
    }

    /// Puts an event at the end of a line; one that would overtake the last there goes to the agenda.
    #[inline]
    pub(super) fn queue(&mut self, line: usize, at: Time, event: E) {
        match self.lines[line].back() {
            Some(&(last, _)) if at < last => self.agenda.push(at, event),
            Some(_) => self.lines[line].push_back((at, event)),
            None => {
                self.heads[line] = at;
                self.lines[line].push_back((at, event));
            }
        }
    }

    /// The next event, if it is due by `limit`.
    #[inline]
    pub(super) fn pop_until(&mut self, limit: Time) -> Option<(Time, E)> {
        let mut at = self.agenda.next_time().unwrap_or(Time::NEVER);
        let mut source = LINES;
        for (line, &head) in self.heads.iter().enumerate() {
            if head < at {
                (at, source) = (head, line);
            }
        }
        if at > limit {
            return None;
        }
        if source == LINES {
            return self.agenda.pop();
        }
        let due = self.lines[source].pop_front();
        self.heads[source] = self.lines[source].front().map_or(Time::NEVER, |&(next, _)| next);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    /// Whatever the line an event stands in, it comes when it is due.
    #[test]
    fn lines_and_agenda_are_one_order() {
        let mut stream = Streams::new(1, 0).at(Purpose::Arrival, 0);
        let mut schedule: Schedule<u64, 2> = Schedule::new();
        for round in 0..2 {
            let (mut now, mut popped, mut pushed) = (0, Vec::new(), Vec::new());
            for _ in 0..5_000 {
                now += stream.below(20) as u64;
                let (line, delay) = [(0, 100), (1, 30), (2, stream.below(300) as u64), (0, 90)][stream.below(4)];
                let at = Time::from_micros(now + delay);
                match line {
                    2 => schedule.push(at, now + delay),
                    line => schedule.queue(line, at, now + delay),
                }
                pushed.push(now + delay);
                while let Some((at, event)) = schedule.pop_until(Time::from_micros(now)) {
                    assert_eq!(at.as_micros(), event);
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
}
