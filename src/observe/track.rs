//! One pod's part in a replication, cut into stretches: what it was, what the load balancer took it for, and where
//! the two differ. Lanes draw it, and `trace -o json` lists it.

use crate::aws::alb_node::Belief;
use crate::id::PodId;
use crate::observe::timeline::{PodRecord, Socket, Timeline};
use crate::time::Time;

/// From when to when, in seconds since the rollout started.
pub type Stretch = (f64, f64);

/// What the pod was, and what the load balancer took it for. Times in seconds since the rollout started.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Row of the pod in the timeline.
    pub row: usize,
    /// The pod's name.
    pub name: String,
    /// What its socket did; where nothing stands it was silent.
    pub sockets: Vec<(Stretch, Socket)>,
    /// Per ALB node: while it chose the pod.
    pub chosen: Vec<Vec<Stretch>>,
    /// While some node chose the pod and it did not serve.
    pub disagreements: Vec<Stretch>,
    /// Deletion, if it was deleted.
    pub deleted: Option<f64>,
    /// SIGTERM, if it was sent one.
    pub sigterm: Option<f64>,
    /// When `DeregisterTargets` returned, with target type `ip`: from then on the API shows `draining`.
    pub deregistered: Option<f64>,
    /// Ready, if it became so after the load started.
    pub ready: Option<f64>,
    /// When the rollout first touched it; pods that it leaves alone have none.
    pub touched: Option<Time>,
}

impl Track {
    fn new(timeline: &Timeline, row: usize, pod: &PodRecord) -> Track {
        let since = |at: Time| at.secs_since(timeline.rollout_at);
        let chosen: Vec<Vec<Stretch>> = (0..timeline.beliefs.len())
            .map(|node| chosen(timeline, node, pod.pod))
            .collect();
        let sockets = sockets(timeline, pod);
        let disagreements = disagreements(&sockets, &chosen);
        Track {
            row,
            name: pod.pod.to_string(),
            sockets,
            chosen,
            disagreements,
            deleted: pod.terminating.map(since),
            sigterm: pod.sigterm.map(since),
            deregistered: deregistered(timeline, pod).map(since),
            ready: pod.ready.filter(|_| !pod.initial).map(since),
            touched: if pod.initial {
                pod.terminating.or(pod.sigterm)
            } else {
                pod.created.or(pod.running)
            },
        }
    }

    /// When it began to serve; one that served when the load started did so at the load's start.
    pub fn serving(&self) -> Option<f64> {
        self.serves().next().map(|(from, _)| from)
    }

    /// While it served.
    fn serves(&self) -> impl Iterator<Item = Stretch> {
        let serving = |(_, socket): &&(Stretch, Socket)| *socket == Socket::Serving;
        self.sockets
            .iter()
            .filter(serving)
            .map(|(stretch, _)| *stretch)
    }

    /// While it was deleted, but served: in preStop, or SIGTERM was still on its way.
    pub fn leaving(&self) -> impl Iterator<Item = Stretch> {
        let deleted = self.deleted.unwrap_or(f64::INFINITY);
        let sigterm = self.sigterm.unwrap_or(f64::INFINITY);
        self.serves()
            .map(move |(from, to)| (from.max(deleted), to.min(sigterm)))
            .filter(|(from, to)| from < to)
    }

    /// For how long altogether it was chosen and did not serve, in seconds.
    pub fn gone_but_chosen(&self) -> f64 {
        self.disagreements.iter().map(|(from, to)| to - from).sum()
    }

    /// When the first node chose it after the load started, if none did from the start.
    pub fn first_chosen(&self) -> Option<f64> {
        let begins = self.chosen.iter().flatten().map(|(from, _)| *from);
        begins.min_by(f64::total_cmp)
    }

    /// Every instant that the lane shows, apart from the edges of the run.
    pub fn instants(&self, run: Stretch) -> impl Iterator<Item = f64> {
        let sockets = self.sockets.iter().flat_map(|((from, to), _)| [*from, *to]);
        let chosen = self
            .chosen
            .iter()
            .flatten()
            .flat_map(|(from, to)| [*from, *to]);
        let marks = [self.deleted, self.sigterm, self.deregistered, self.ready]
            .into_iter()
            .flatten();
        sockets
            .chain(chosen)
            .chain(marks)
            .filter(move |at| *at > run.0 && *at < run.1)
    }
}

/// The pods' tracks: the old revision in order of deletion, then the new one in order of creation. Of more than
/// `most`, those that the rollout touched first.
pub fn tracks(timeline: &Timeline, most: usize) -> Vec<Track> {
    let mut tracks: Vec<Track> = timeline
        .pods
        .iter()
        .enumerate()
        .map(|(row, pod)| Track::new(timeline, row, pod))
        .collect();
    let order = |track: &Track| (track.touched.unwrap_or(Time::NEVER), track.row);
    tracks.sort_by_key(order);
    tracks.truncate(most);
    tracks.sort_by_key(|track| (timeline.pods[track.row].pod.revision(), order(track)));
    tracks
}

/// An IP has one target, whoever has it: a deregistration before the pod's time was another's.
fn deregistered(timeline: &Timeline, pod: &PodRecord) -> Option<Time> {
    if !timeline.node_ports.is_empty() {
        return None;
    }
    let target = timeline.targets.get(timeline.target_of(pod.pod).index())?;
    let at = target.deregister_called?;
    (at >= pod.terminating.or(pod.created)?).then_some(at)
}

fn sockets(timeline: &Timeline, pod: &PodRecord) -> Vec<(Stretch, Socket)> {
    let ends = pod
        .sockets
        .iter()
        .skip(1)
        .map(|(at, _)| *at)
        .chain(std::iter::once(timeline.end));
    pod.sockets
        .iter()
        .zip(ends)
        .filter(|((from, socket), to)| *socket != Socket::Silent && from < to)
        .map(|((from, socket), to)| {
            (
                (
                    from.secs_since(timeline.rollout_at),
                    to.secs_since(timeline.rollout_at),
                ),
                *socket,
            )
        })
        .collect()
}

/// While a node chose some host whose port led to the pod.
fn led_to(timeline: &Timeline, node: usize, pod: PodId) -> Vec<Stretch> {
    let seconds = |at: Time| at.secs_since(timeline.rollout_at);
    let ports = timeline.node_ports.iter().enumerate();
    let ports = ports.flat_map(|(host, changes)| changes.iter().map(move |change| (host, change)));
    let beliefs = timeline.beliefs[node].iter();
    let mut steps: Vec<(Time, usize, Option<bool>, Option<bool>)> = ports
        .filter(|(_, change)| change.pod == pod)
        .map(|(host, change)| (change.at, host, None, Some(change.forwards)))
        .chain(beliefs.map(|b| {
            (
                b.at,
                b.target.index(),
                Some(b.belief == Belief::Healthy),
                None,
            )
        }))
        .collect();
    steps.sort_by_key(|(at, ..)| *at);
    let mut hosts = vec![(false, false); timeline.node_ports.len()];
    let mut stretches = Vec::new();
    let mut since: Option<Time> = None;
    for (at, host, chosen, forwards) in steps {
        let Some(state) = hosts.get_mut(host) else {
            continue;
        };
        *state = (chosen.unwrap_or(state.0), forwards.unwrap_or(state.1));
        let leads = hosts.iter().any(|(chosen, forwards)| *chosen && *forwards);
        if leads {
            since = since.or(Some(at));
        } else {
            stretches.extend(
                since
                    .take()
                    .filter(|from| *from < at)
                    .map(|from| (seconds(from), seconds(at))),
            );
        }
    }
    let rest = since.filter(|from| *from < timeline.end);
    stretches.extend(rest.map(|from| (seconds(from), seconds(timeline.end))));
    stretches
}

/// While a node chose the pod: believed its IP healthy, as long as it had that IP.
fn chosen(timeline: &Timeline, node: usize, pod: PodId) -> Vec<Stretch> {
    if !timeline.node_ports.is_empty() {
        return led_to(timeline, node, pod);
    }
    let mut stretches = Vec::new();
    let target = timeline.target_of(pod);
    let reuses = timeline
        .reuses
        .iter()
        .filter(|reuse| reuse.target == target);
    let moved_in = reuses
        .clone()
        .find(|reuse| reuse.pod == pod)
        .map_or(Time::ZERO, |reuse| reuse.at);
    let moved_out = reuses
        .clone()
        .map(|reuse| reuse.at)
        .find(|at| *at > moved_in)
        .unwrap_or(Time::NEVER);
    let mut since: Option<Time> = None;
    let mut close = |from: Option<Time>, to: Time| {
        let (from, to) = (from.map(|from| from.max(moved_in)), to.min(moved_out));
        if let Some(from) = from.filter(|from| *from < to) {
            stretches.push((
                from.secs_since(timeline.rollout_at),
                to.secs_since(timeline.rollout_at),
            ));
        }
    };
    for change in &timeline.beliefs[node] {
        if change.target != target {
            continue;
        }
        if change.belief == Belief::Healthy {
            since = since.or(Some(change.at));
        } else {
            close(since.take(), change.at);
        }
    }
    close(since, timeline.end);
    stretches
}

fn disagreements(sockets: &[(Stretch, Socket)], chosen: &[Vec<Stretch>]) -> Vec<Stretch> {
    let serving: Vec<Stretch> = sockets
        .iter()
        .filter(|(_, socket)| *socket == Socket::Serving)
        .map(|(stretch, _)| *stretch)
        .collect();
    let mut cuts: Vec<f64> = chosen
        .iter()
        .flatten()
        .chain(&serving)
        .flat_map(|(from, to)| [*from, *to])
        .collect();
    cuts.sort_by(f64::total_cmp);
    let mut found: Vec<Stretch> = Vec::new();
    for pair in cuts.windows(2).filter(|pair| pair[0] < pair[1]) {
        let middle = (pair[0] + pair[1]) / 2.0;
        let within = |(from, to): &Stretch| *from <= middle && middle < *to;
        if !chosen.iter().flatten().any(within) || serving.iter().any(within) {
            continue;
        }
        match found.last_mut() {
            Some(last) if last.1 == pair[0] => last.1 = pair[1],
            _ => found.push((pair[0], pair[1])),
        }
    }
    found
}
