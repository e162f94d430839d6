//! Requests of one cell told apart by the second in which they were sent.

use crate::dist::count::binomial;
use crate::random::Stream;
use crate::traffic::interval::counts::Counts;
use crate::traffic::interval::fare::Turn;

/// By second that is told apart: how many requests of a kind were sent in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    /// Those at hand.
    pub(super) here: Vec<u64>,
    /// Those put by.
    others: Vec<u64>,
    /// Where chance routes: those of the node that have no target yet.
    unclaimed: Vec<u64>,
}

impl Parts {
    /// Those whose turn it is.
    pub(super) fn tell_apart(&mut self, turn: &Turn, counts: &Counts) {
        let rows = counts.seconds();
        self.here.clear();
        if rows == 1 {
            return self.here.push(turn.count);
        }
        let mut before = 0;
        for row in 0..rows {
            let by_then = turn.until(counts.by_second(row, turn.node).1);
            self.here.push(by_then - before);
            before = by_then;
        }
    }

    /// Each of a node's requests may go to any of its targets.
    pub(super) fn begin_by_chance(&mut self, node: usize, counts: &Counts) {
        self.unclaimed.clear();
        let mut before = 0;
        for row in 0..counts.seconds() {
            let by_then = counts.by_second(row, node).1;
            self.unclaimed.push(by_then - before);
            before = by_then;
        }
    }

    /// Each of those that no target has got yet goes to the next one with this probability, second by second; how
    /// many do.
    pub(super) fn claim(&mut self, probability: f64, stream: &mut Stream) -> u64 {
        let Parts {
            here, unclaimed, ..
        } = self;
        here.clear();
        for left in unclaimed {
            let claimed = binomial(*left, probability, stream);
            *left -= claimed;
            here.push(claimed);
        }
        self.here.iter().sum()
    }

    /// Each of those at hand is chosen with this probability, the rest is put by; how many are.
    pub(super) fn choose(&mut self, probability: f64, stream: &mut Stream) -> u64 {
        let Parts { here, others, .. } = self;
        others.clear();
        others.append(here);
        for other in others {
            let chosen = binomial(*other, probability, stream);
            *other -= chosen;
            here.push(chosen);
        }
        self.here.iter().sum()
    }

    /// Those put by are at hand.
    pub(super) fn turn_to_others(&mut self) {
        std::mem::swap(&mut self.here, &mut self.others);
    }
}
