//! What a rollout cost the cluster, read off its timeline: how long, how many pods more, how few targets left.

use crate::aws::alb_node::Belief;
use crate::id::RevisionId;
use crate::observe::timeline::{BeliefChange, PodRecord, Socket, Timeline};
use crate::scenario::Scenario;
use crate::time::{Span, Time};

/// What a rollout is to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goal {
    /// The revision that all pods are to have.
    pub revision: RevisionId,
    /// How many of them.
    pub replicas: u32,
    /// How long each must be Ready to count.
    pub min_ready: Span,
    /// How long after the rollout's start the last step is taken that leads there.
    pub since: Span,
    /// Whether it is to rest before that (`spec.paused`).
    pub paused: bool,
}

impl Goal {
    /// Where the last step of a scenario leads; without a step, that the pods stay what they are.
    pub fn of(scenario: &Scenario) -> Goal {
        let last = scenario.deployment_over_time().last();
        let object = last.map(|(_, object)| object);
        Goal {
            revision: object.map_or(RevisionId::OLD, |object| object.revision),
            replicas: object.map_or(scenario.deployment.replicas, |object| object.replicas),
            min_ready: scenario.deployment.min_ready,
            since: last.map_or(Span::ZERO, |(at, _)| at),
            paused: object.is_some_and(|object| object.paused),
        }
    }
}

/// What one rollout cost the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measures {
    /// From the rollout's start until the Deployment is complete: as many available pods of the new
    /// revision as desired, and every pod of another one at least being deleted. `None`: not within the
    /// time simulated.
    pub duration: Option<Span>,
    /// From the rollout's start until the last pod of another revision is gone from the API.
    pub old_pods_gone: Option<Span>,
    /// Pods in the API beyond the desired ones, summed over time from the rollout's start: two more pods
    /// for three seconds are six pod-seconds.
    pub extra_pod_time: Span,
    /// The least number of targets, over all ALB nodes and the time from the rollout's start, that a node
    /// believed healthy and that did serve.
    pub min_routable_targets: u32,
    /// How long requests were sent.
    pub load: Span,
    /// Whether requests were sent no longer before the rollout was over for the load balancer, too.
    pub cut_short: bool,
    /// How the rollout went.
    pub course: Course,
}

/// What was seen of a rollout beside its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Course {
    /// Whether it is to end at all: one that is paused for good is not.
    pub is_paused: bool,
    /// Whether `kubectl rollout status` failed: no progress for `progress_deadline`.
    pub deadline_exceeded: bool,
    /// How often the kubelet started a container of the new revision again, in the pod that had most of it.
    pub restarts: u32,
    /// The longest time for which a new pod had its containers ready and was not Ready: its gates were closed.
    pub gate_closed: Span,
}

impl Measures {
    /// Whether it was complete, without `ProgressDeadlineExceeded` on the way; or is paused for good, as it is to be.
    pub const fn is_complete(&self) -> bool {
        self.course.is_paused || self.duration.is_some() && !self.course.deadline_exceeded
    }
}

impl Measures {
    /// Reads them off a timeline.
    pub fn of(timeline: &Timeline, goal: &Goal) -> Measures {
        let since_start = |at: Time| at.saturating_since(timeline.rollout_at);
        Measures {
            duration: completion(timeline, goal).map(since_start),
            old_pods_gone: old_pods_gone(timeline, goal.revision).map(since_start),
            extra_pod_time: extra_pod_time(timeline, goal.replicas),
            min_routable_targets: min_routable_targets(timeline),
            load: timeline.load_until - Time::ZERO,
            cut_short: timeline.over.is_none_or(|over| over > timeline.load_until),
            course: course(timeline, goal),
        }
    }
}

/// The first instant from the last step on at which the goal is reached.
pub(super) fn completion(timeline: &Timeline, goal: &Goal) -> Option<Time> {
    let since = timeline.rollout_at + goal.since;
    let mut changes: Vec<(Time, i64, i64)> = Vec::with_capacity(2 * timeline.pods.len());
    for pod in &timeline.pods {
        let is_new = pod.pod.revision() == goal.revision;
        // A pod being deleted counts no more, nor does one whose process has ended for good.
        let end = [pod.terminating, pod.finished, pod.gone]
            .into_iter()
            .flatten()
            .min();
        // What ran before the load has long been available.
        let counts = |pod: &PodRecord| pod.ready.map(|ready| ready + goal.min_ready);
        let start = if is_new && !pod.initial {
            counts(pod)
        } else {
            Some(created(pod))
        };
        let Some(start) = start.filter(|start| end.is_none_or(|end| *start < end)) else {
            continue;
        };
        let (new, old) = if is_new { (1, 0) } else { (0, 1) };
        changes.push((start.max(since), new, old));
        changes.extend(end.map(|end| (end.max(since), -new, -old)));
    }
    changes.sort_unstable();
    // The controller counts from the whole second in which a pod became Ready: it is done up to a second sooner.
    let known = timeline.end.saturating_add(Span::from_secs(1));
    let (mut available, mut old) = (0, 0);
    for together in changes.chunk_by(|a, b| a.0 == b.0) {
        available += together.iter().map(|change| change.1).sum::<i64>();
        old += together.iter().map(|change| change.2).sum::<i64>();
        let at = together[0].0;
        if at <= known && available >= i64::from(goal.replicas) && old == 0 {
            return Some(at);
        }
    }
    None
}

fn course(timeline: &Timeline, goal: &Goal) -> Course {
    let new = || timeline.pods.iter().filter(|pod| !pod.initial);
    let closed = |pod: &PodRecord| {
        // Those that never opened are closed until nobody looks any more, or the pod's host is gone.
        let end = [pod.ready, pod.terminating, pod.finished, pod.network_gone]
            .into_iter()
            .flatten()
            .fold(timeline.end, Time::min);
        pod.containers_ready
            .map_or(Span::ZERO, |ready| end.saturating_since(ready))
    };
    Course {
        is_paused: goal.paused,
        deadline_exceeded: timeline
            .conditions
            .iter()
            .any(|change| change.reason == "ProgressDeadlineExceeded"),
        restarts: new()
            .map(|pod| pod.starts.saturating_sub(1))
            .max()
            .unwrap_or(0),
        gate_closed: new().map(closed).max().unwrap_or_default(),
    }
}

/// When the last pod of another revision was gone; `None` if one is left or there never was one.
fn old_pods_gone(timeline: &Timeline, revision: RevisionId) -> Option<Time> {
    let others = timeline
        .pods
        .iter()
        .filter(|pod| pod.pod.revision() != revision);
    others
        .map(|pod| pod.gone)
        .reduce(|last, gone| Some(last?.max(gone?)))?
}

/// ∫ (pods − replicas)⁺ dt from the rollout's start.
fn extra_pod_time(timeline: &Timeline, replicas: u32) -> Span {
    let mut changes: Vec<(Time, i64)> = Vec::with_capacity(2 * timeline.pods.len());
    for pod in &timeline.pods {
        changes.push((created(pod).max(timeline.rollout_at), 1));
        changes.extend(pod.gone.map(|gone| (gone.max(timeline.rollout_at), -1)));
    }
    changes.sort_unstable();
    let (mut extra_micros, mut pods, mut since) = (0, 0, timeline.rollout_at);
    for (at, change) in changes.into_iter().chain([(timeline.end, 0)]) {
        let surplus = u64::try_from(pods - i64::from(replicas)).unwrap_or(0);
        extra_micros += surplus * at.min(timeline.end).saturating_since(since).as_micros();
        (pods, since) = (pods + change, at);
    }
    Span::from_micros(extra_micros)
}

/// Pods without a creation time were there before anything was recorded.
fn created(pod: &PodRecord) -> Time {
    pod.created.unwrap_or(Time::ZERO)
}

/// One step of belief or truth about a target.
#[derive(Clone, Copy)]
enum Step {
    Believed(bool),
    Serves(bool),
}

impl Step {
    /// A change of belief, with its time and its target's row.
    fn of(change: &BeliefChange) -> (Time, usize, Step) {
        (
            change.at,
            change.target.index(),
            Step::Believed(change.belief == Belief::Healthy),
        )
    }
}

fn min_routable_targets(timeline: &Timeline) -> u32 {
    let mut truth = Vec::new();
    // Without a pod of its own behind it, a target is taken at its word.
    let mut always = vec![true; timeline.targets.len()];
    let first = timeline
        .targets
        .iter()
        .enumerate()
        .filter_map(|(row, target)| Some((row, target.pod?)));
    let later = timeline
        .reuses
        .iter()
        .map(|reuse| (reuse.target.index(), reuse.pod));
    for (row, pod) in first.chain(later.filter(|(row, _)| *row < timeline.targets.len())) {
        always[row] = false;
        let sockets = &timeline.pods[pod.index()].sockets;
        truth.extend(
            sockets
                .iter()
                .map(|(at, socket)| (*at, row, Step::Serves(*socket == Socket::Serving))),
        );
    }
    // Stable, by time alone: several entries of one target at one instant keep their order.
    truth.sort_by_key(|(at, ..)| *at);
    let of_node = |changes: &Vec<_>| min_routable_of(changes, &truth, &always, timeline);
    timeline.beliefs.iter().map(of_node).min().unwrap_or(0)
}

/// The least number of believed and serving targets of one node. What changes at one instant is counted together.
fn min_routable_of(
    beliefs: &[BeliefChange],
    truth: &[(Time, usize, Step)],
    always: &[bool],
    timeline: &Timeline,
) -> u32 {
    // Both are in order of time; of one instant, the truth comes first.
    let (mut truth, mut beliefs) = (
        truth.iter().copied().peekable(),
        beliefs.iter().map(Step::of).peekable(),
    );
    let mut steps = std::iter::from_fn(|| match beliefs.peek() {
        Some((at, ..)) => truth
            .next_if(|(before, ..)| before <= at)
            .or_else(|| beliefs.next()),
        None => truth.next(),
    })
    .peekable();
    let mut state: Vec<(bool, bool)> = always.iter().map(|serves| (false, *serves)).collect();
    // Before anything is known of any target, none is routable.
    let first = steps.peek().map_or(Time::NEVER, |(at, ..)| *at);
    let (mut routable, mut least) = (0, (first > timeline.rollout_at).then_some(0));
    while let Some((at, row, step)) = steps.next() {
        let before = state[row].0 && state[row].1;
        match step {
            Step::Believed(believed) => state[row].0 = believed,
            Step::Serves(serves) => state[row].1 = serves,
        }
        routable = routable + u32::from(state[row].0 && state[row].1) - u32::from(before);
        let next = steps.peek().map_or(Time::NEVER, |(next, ..)| *next);
        if next > at && next > timeline.rollout_at && at <= timeline.end {
            least = Some(least.map_or(routable, |least: u32| least.min(routable)));
        }
    }
    least.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{PodId, TargetId};
    use crate::observe::timeline::TargetRecord;

    const fn s(secs: u64) -> Time {
        Time::from_micros(secs * 1_000_000)
    }

    const GOAL: Goal = Goal {
        revision: RevisionId::NEW,
        replicas: 1,
        min_ready: Span::ZERO,
        since: Span::ZERO,
        paused: false,
    };

    /// One old pod is replaced by one new one: created at 10 s, ready at 20 s, the old one deleted at 21 s,
    /// its listener closed at 22 s, gone at 25 s. Node 0 hears of the new target at 24 s and of the old one's end at 30 s.
    fn one_for_one() -> Timeline {
        let mut timeline = Timeline {
            rollout_at: s(10),
            end: s(60),
            ..Timeline::default()
        };
        let (old, new) = (
            PodId::new(0, RevisionId::OLD, 1),
            PodId::new(1, RevisionId::NEW, 1),
        );
        timeline.pods.push(PodRecord {
            initial: true,
            ready: Some(s(0)),
            terminating: Some(s(21)),
            finished: Some(s(23)),
            gone: Some(s(25)),
            sockets: vec![
                (s(0), Socket::Serving),
                (s(22), Socket::Closed),
                (s(23), Socket::Silent),
            ],
            ..PodRecord::new(old)
        });
        timeline.pods.push(PodRecord {
            created: Some(s(10)),
            ready: Some(s(20)),
            sockets: vec![(s(18), Socket::Serving)],
            ..PodRecord::new(new)
        });
        for pod in [old, new] {
            let none = TargetRecord {
                pod: Some(pod),
                registered: None,
                healthy: None,
                deregister_called: None,
                draining_over: None,
            };
            timeline.targets.push(none);
        }
        timeline.beliefs = vec![vec![
            belief(0, 0, Belief::Healthy),
            belief(24, 1, Belief::Healthy),
            belief(30, 0, Belief::Draining),
        ]];
        timeline
    }

    fn belief(secs: u64, target: u16, belief: Belief) -> BeliefChange {
        BeliefChange {
            at: s(secs),
            target: TargetId(target),
            belief,
        }
    }

    #[test]
    fn one_pod_is_replaced() {
        let expected = Measures {
            duration: Some(Span::from_secs(11)),
            old_pods_gone: Some(Span::from_secs(15)),
            extra_pod_time: Span::from_secs(15),
            min_routable_targets: 0,
            cut_short: true,
            ..Measures::default()
        };
        assert_eq!(Measures::of(&one_for_one(), &GOAL), expected);
    }

    #[test]
    fn min_ready_delays_completion() {
        let patient = Goal {
            min_ready: Span::from_secs(5),
            ..GOAL
        };
        assert_eq!(
            Measures::of(&one_for_one(), &patient).duration,
            Some(Span::from_secs(15))
        );
    }

    #[test]
    fn belief_without_truth_is_not_routable_and_an_instant_is_no_gap() {
        let mut timeline = one_for_one();
        let routable = |timeline: &Timeline| Measures::of(timeline, &GOAL).min_routable_targets;
        timeline.beliefs[0][1] = belief(22, 1, Belief::Healthy);
        assert_eq!(
            routable(&timeline),
            1,
            "the new target comes at the instant at which the old one goes"
        );
        timeline.beliefs.push(vec![belief(0, 0, Belief::Healthy)]);
        assert_eq!(
            routable(&timeline),
            0,
            "the second node never hears of the new target"
        );
    }

    #[test]
    fn what_happened_before_the_rollout_does_not_count() {
        let mut timeline = one_for_one();
        timeline.beliefs[0][1] = belief(22, 1, Belief::Healthy);
        timeline.beliefs[0].insert(0, belief(0, 0, Belief::Initial));
        timeline.pods[0].sockets.insert(0, (s(0), Socket::Closed));
        assert_eq!(Measures::of(&timeline, &GOAL).min_routable_targets, 1);
    }

    #[test]
    fn a_rollout_that_gets_stuck_has_no_duration() {
        let mut timeline = one_for_one();
        timeline.pods[1].ready = None;
        timeline.pods[0].gone = None;
        let stuck = Measures::of(&timeline, &GOAL);
        assert_eq!((stuck.duration, stuck.old_pods_gone), (None, None));
        assert_eq!(stuck.extra_pod_time, Span::from_secs(50));
        let nothing = Measures {
            cut_short: true,
            ..Measures::default()
        };
        assert_eq!(Measures::of(&Timeline::default(), &GOAL), nothing);
    }
}
