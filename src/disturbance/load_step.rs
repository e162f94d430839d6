//! The load changes: a crowd comes, or goes.

use crate::dist::Dist;
use crate::disturbance::{Disturbance, Place, Scene};
use crate::setting::settings;
use crate::time::{Span, Time};

settings! {
    /// The load is multiplied for a time. Nothing scales with it.
    LoadStep in "disturbance.load_step" {
        /// From the rollout's start until the step; a span or a distribution.
        at: Dist = Dist::constant(Span::ZERO), Assumed "together with the rollout";
        /// The rate of an open loop is multiplied by this, whatever its shape; from 0 to 1000.
        factor: f64 = 2.0, (at least 0, at most 1000) Assumed "twice the crowd; give your own";
        /// How long it lasts; absent: until the load is over.
        duration: Option<Span> = None, Assumed "the crowd stays";
    }
}

/// A stretch of time with one rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// When it starts.
    pub from: Time,
    /// When it ends.
    pub to: Time,
    /// Requests a second; of a load with a shape: what its rate is multiplied by.
    pub rate: f64,
}

/// The load over time: `rate` from the start until `end`, multiplied by the steps under way. Without
/// steps it is one stretch.
pub fn stretches(disturbances: &[Disturbance], rate: f64, end: Time, scene: Scene) -> Vec<Stretch> {
    let mut steps: Vec<(Time, Time, f64)> = Vec::new();
    for (number, disturbance) in (0..).zip(disturbances) {
        if let Disturbance::LoadStep(step) = disturbance {
            let from = Place { number, scene }.time(&step.at);
            steps.push((
                from,
                step.duration
                    .map_or(Time::NEVER, |duration| from + duration),
                step.factor,
            ));
        }
    }
    let mut cuts: Vec<Time> = steps
        .iter()
        .flat_map(|&(from, to, _)| [from, to])
        .filter(|&at| at < end)
        .collect();
    cuts.extend([Time::ZERO, end]);
    cuts.sort_unstable();
    cuts.dedup();
    let under_way = |at: Time| {
        steps
            .iter()
            .filter(move |(from, to, _)| *from <= at && at < *to)
    };
    let stretch = |cut: &[Time]| Stretch {
        from: cut[0],
        to: cut[1],
        rate: under_way(cut[0]).fold(rate, |rate, (_, _, factor)| rate * factor),
    };
    cuts.windows(2).map(stretch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::spec::ClusterSpec;
    use crate::random::Streams;

    /// Stretches of a load of 10 a second for 100 s with a rollout at 10 s; steps as (at, factor, duration).
    #[track_caller]
    fn check(steps: &[(u64, f64, Option<u64>)], expected: &[(u64, u64, f64)]) {
        let step = |&(at, factor, duration): &(u64, f64, Option<u64>)| {
            let at = Dist::constant(Span::from_secs(at));
            Disturbance::LoadStep(LoadStep {
                at,
                factor,
                duration: duration.map(Span::from_secs),
            })
        };
        let steps: Vec<Disturbance> = steps.iter().map(step).collect();
        let second = |secs: u64| Time::from_micros(secs * 1_000_000);
        let (cluster, streams) = (ClusterSpec::default(), Streams::new(1, 0));
        let scene = Scene {
            rollout_at: second(10),
            cluster: &cluster,
            streams: &streams,
        };
        let expected: Vec<Stretch> = expected
            .iter()
            .map(|&(from, to, rate)| Stretch {
                from: second(from),
                to: second(to),
                rate,
            })
            .collect();
        assert_eq!(stretches(&steps, 10.0, second(100), scene), expected);
    }

    #[test]
    fn steps_multiply_while_they_last() {
        check(&[], &[(0, 100, 10.0)]);
        check(&[(20, 2.0, None)], &[(0, 30, 10.0), (30, 100, 20.0)]);
        check(
            &[(20, 2.0, Some(10))],
            &[(0, 30, 10.0), (30, 40, 20.0), (40, 100, 10.0)],
        );
        check(
            &[(20, 2.0, Some(30)), (40, 3.0, None)],
            &[
                (0, 30, 10.0),
                (30, 50, 20.0),
                (50, 60, 60.0),
                (60, 100, 30.0),
            ],
        );
        check(
            &[(0, 0.0, Some(5)), (100, 9.0, None)],
            &[(0, 10, 10.0), (10, 15, 0.0), (15, 100, 10.0)],
        );
    }
}
