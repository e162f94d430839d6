//! Which node got which of a cell's evenly paced requests.

use crate::random::Stream;
use crate::traffic::interval::counts::{Cell, Counts};

/// The nodes of one cell's requests in order of sending, drawn as far as anybody asks from either end.
///
/// Evenly paced requests are sent at fixed instants, and each goes to any node: given how many each node got, every
/// order is equally likely. Nodes share the instants, so that one has what the others have not.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    cell: Option<Cell>,
    /// By node: requests whose place is open.
    left: Vec<u64>,
    /// From the first request on, and from the last one back.
    ends: [Vec<usize>; 2],
}

impl Order {
    /// Nothing is known of any cell.
    pub(super) fn clear(&mut self) {
        self.cell = None;
    }

    /// The present cell's order, of which nothing is known unless somebody has asked before.
    pub(super) fn begin(&mut self, cell: &Cell, counts: &Counts) {
        if self.cell == Some(*cell) {
            return;
        }
        self.cell = Some(*cell);
        self.left.clear();
        self.left
            .extend((0..counts.nodes()).map(|node| counts.of_node(node)));
        self.ends.iter_mut().for_each(Vec::clear);
    }

    /// How many of the cell's requests were sent before the node's `nth` (from 0).
    pub(super) fn before(&mut self, node: usize, nth: u64, stream: &mut Stream) -> usize {
        self.beyond(0, node, nth, stream)
    }

    /// How many of the cell's requests were sent after the node's `nth` from the last (which is 0).
    pub(super) fn after(&mut self, node: usize, nth: u64, stream: &mut Stream) -> usize {
        self.beyond(1, node, nth, stream)
    }

    fn beyond(&mut self, end: usize, node: usize, nth: u64, stream: &mut Stream) -> usize {
        let (mut passed, mut own) = (0, 0);
        loop {
            if passed == self.ends[end].len() {
                match self.draw(stream) {
                    Some(found) => self.ends[end].push(found),
                    None => break,
                }
            }
            if self.ends[end][passed] == node {
                if own == nth {
                    return passed;
                }
                own += 1;
            }
            passed += 1;
        }
        // The ends have met: what follows was found from the other one.
        let rest = self.ends[1 - end]
            .iter()
            .rev()
            .enumerate()
            .filter(|(_, other)| **other == node);
        passed
            + rest
                .map(|(further, _)| further)
                .nth((nth - own) as usize)
                .unwrap_or(0)
    }

    /// The node of the next request from either end: any of those whose place is open.
    fn draw(&mut self, stream: &mut Stream) -> Option<usize> {
        let left: u64 = self.left.iter().sum();
        if left == 0 {
            return None;
        }
        let mut lot = stream.below(left as usize) as u64;
        let node = self.left.iter().position(|of_node| {
            let is_here = lot < *of_node;
            lot = lot.wrapping_sub(*of_node);
            is_here
        })?;
        self.left[node] -= 1;
        Some(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};
    use crate::scenario::load::{LoadSpec, Pacing};
    use crate::time::Time;

    /// The n-th of a node's requests lies where the order statistics of a sample without replacement have it, from
    /// either end, and no two nodes have the same instant.
    #[test]
    fn nodes_share_the_instants() {
        let load = LoadSpec {
            pacing: Pacing::Constant,
            rate: 20.0,
            ..LoadSpec::default()
        };
        let mut counts = Counts::new(&load, 2);
        let mut stream = Streams::new(3, 0).at(Purpose::IntervalFate, 0);
        let (mut order, mut sums, mut expected) = (Order::default(), [0.0; 3], [0.0; 3]);
        for replication in 0..20_000 {
            counts.begin(&Streams::new(3, replication));
            let cell = counts.next(Time::from_micros(1_000_000), false, &[]);
            let own = [0, 1].map(|node| counts.of_node(node));
            if own.contains(&0) {
                continue;
            }
            order.clear();
            order.begin(&cell, &counts);
            let first = order.before(0, 0, &mut stream);
            let last = order.after(1, own[1] - 1, &mut stream);
            let all: Vec<usize> = (0..own[0])
                .map(|nth| order.before(0, nth, &mut stream))
                .collect();
            let others: Vec<usize> = (0..own[1])
                .map(|nth| 19 - order.after(1, nth, &mut stream))
                .collect();
            let mut both = [all.clone(), others.clone()].concat();
            both.sort_unstable();
            assert_eq!(both, (0..20).collect::<Vec<usize>>());
            assert!(all[0] == first && others.last() == Some(&(19 - last)) && all.is_sorted());
            // Of 20 instants, the mean of the first of m is 21/(m + 1) − 1, counted from 0.
            let place = |own: u64| 21.0 / (own + 1) as f64 - 1.0;
            let got = [
                first as f64,
                (19 - last) as f64,
                *all.last().unwrap_or(&0) as f64,
            ];
            sums.iter_mut().zip(got).for_each(|(sum, got)| *sum += got);
            let wanted = [place(own[0]), place(own[1]), 19.0 - place(own[0])];
            expected
                .iter_mut()
                .zip(wanted)
                .for_each(|(sum, wanted)| *sum += wanted);
        }
        for (sum, expected) in sums.iter().zip(expected) {
            assert!(
                (sum - expected).abs() / 20_000.0 < 0.04,
                "{sums:?}, not {expected:?}"
            );
        }
    }
}
