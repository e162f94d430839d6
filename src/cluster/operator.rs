//! Whoever works on the cluster from outside: drains hosts, deletes pods, kills processes.
//!
//! It knows the pods that one list call showed it. Sources: Kubernetes 1.36,
//! staging/src/k8s.io/kubectl/pkg/drain/drain.go; aws-node-termination-handler drains by the same code.

use crate::actor::{Actor, Outbox};
use crate::cluster::pod::PodObject;
use crate::id::{NodeId, PodId};
use crate::random::{Purpose, pair};
use crate::time::{Span, Time};

/// After a 429 an eviction is asked for again (`evictPods`).
const RETRY: Span = Span::from_secs(5);

/// Addresses of draws: a job's are apart from those by which a disturbance unfolds.
const VICTIM: u64 = 1 << 16;

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// Its number, which tells the answers to its list call from others.
    pub id: u8,
    /// What is to be done.
    pub work: Work,
    /// Nothing is tried after this.
    pub until: Time,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Evicts every pod of a host, all at once.
    Drain(NodeId),
    /// Deletes so many pods, whichever.
    Delete(u32),
    /// Kills the process of so many pods, whichever.
    Kill(u32),
}

/// What the operator hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// It is time for a job.
    Start(Job),
    /// Part of the answer to a list call.
    Listed(PodObject),
    /// The answer to this job is complete.
    ListEnd(u8),
    /// An eviction was answered 429.
    Refused(Eviction),
    /// Own timer: ask again.
    Retry(Eviction),
}

/// One try to evict a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eviction {
    /// For which job.
    pub job: u8,
    /// Whom.
    pub pod: PodId,
    /// Counted from 0.
    pub attempt: u16,
}

/// What the operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Asks for all pods.
    ListedPods(u8),
    /// Asks for an eviction.
    Evicted(Eviction),
    /// Deletes a pod.
    DeletedPod(PodId),
    /// Killed a pod's process on its host.
    KilledProcess(PodId),
}

/// The operator.
#[derive(Debug, Default)]
pub struct Operator {
    jobs: Vec<Job>,
    /// Pods listed for the job whose answer is coming in.
    listed: Vec<PodObject>,
}

impl Operator {
    /// Idle again.
    pub fn reset(&mut self) {
        self.jobs.clear();
        self.listed.clear();
    }

    fn find(&self, id: u8) -> Option<Job> {
        self.jobs.iter().copied().find(|job| job.id == id)
    }

    fn act(&mut self, job: Job, out: &mut Outbox<'_, Input, Fact>) {
        let mut pods = std::mem::take(&mut self.listed);
        match job.work {
            Work::Drain(node) => {
                let here = pods.iter().filter(|object| object.node == Some(node));
                here.for_each(|object| {
                    out.say(Fact::Evicted(Eviction {
                        job: job.id,
                        pod: object.pod,
                        attempt: 0,
                    }));
                });
            }
            Work::Delete(count) | Work::Kill(count) => {
                pods.retain(|object| object.is_active() && object.ready);
                let streams = *out.streams();
                let lot = |object: &PodObject| {
                    let entity = pair(VICTIM + u64::from(job.id), object.pod.index() as u64);
                    streams.at(Purpose::Disturbance, entity).bits()
                };
                pods.sort_by_cached_key(lot);
                let act = |pod| {
                    if matches!(job.work, Work::Kill(_)) {
                        Fact::KilledProcess(pod)
                    } else {
                        Fact::DeletedPod(pod)
                    }
                };
                pods.iter()
                    .take(count as usize)
                    .for_each(|object| out.say(act(object.pod)));
            }
        }
        pods.clear();
        self.listed = pods;
    }
}

impl Actor for Operator {
    type Input = Input;
    type Fact = Fact;

    fn handle(&mut self, now: Time, input: Input, out: &mut Outbox<'_, Input, Fact>) {
        match input {
            Input::Start(job) => {
                self.jobs.push(job);
                out.say(Fact::ListedPods(job.id));
            }
            Input::Listed(object) => self.listed.push(object),
            Input::ListEnd(id) => {
                if let Some(job) = self.find(id) {
                    self.act(job, out);
                }
            }
            Input::Refused(eviction) => out.wake(RETRY, Input::Retry(eviction)),
            Input::Retry(eviction) => {
                if self.find(eviction.job).is_some_and(|job| now < job.until) {
                    out.say(Fact::Evicted(Eviction {
                        attempt: eviction.attempt.saturating_add(1),
                        ..eviction
                    }));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::transcript;
    use crate::cluster::pod::{Gates, Phase};
    use crate::id::RevisionId;
    use crate::random::Streams;

    const fn at(secs: u64) -> Time {
        Time::from_micros(secs * 1_000_000)
    }

    fn listed(row: u16, node: u16) -> Input {
        let pod = PodId::new(row, RevisionId::OLD, row + 1);
        let object = PodObject {
            node: Some(NodeId(node)),
            phase: Phase::Running,
            ready: true,
            ..PodObject::new(pod, Time::ZERO, Gates::NONE)
        };
        Input::Listed(object)
    }

    fn said(work: Work, refuse: bool, until: Time) -> Vec<String> {
        let mut script = vec![(at(1), Input::Start(Job { id: 7, work, until }))];
        script
            .extend([(0, 0), (1, 1), (2, 0), (3, 1)].map(|(row, node)| (at(2), listed(row, node))));
        script.push((at(2), Input::ListEnd(7)));
        let first = Eviction {
            job: 7,
            pod: PodId::new(0, RevisionId::OLD, 1),
            attempt: 0,
        };
        script.extend(refuse.then_some((at(3), Input::Refused(first))));
        let facts = transcript(
            &mut Operator::default(),
            &Streams::new(1, 0),
            &script,
            at(60),
        );
        let words = |fact| match fact {
            Fact::ListedPods(_) => "lists".to_owned(),
            Fact::Evicted(eviction) => format!("evicts {} ({})", eviction.pod, eviction.attempt),
            Fact::DeletedPod(pod) => format!("deletes {pod}"),
            Fact::KilledProcess(pod) => format!("kills {pod}"),
        };
        facts
            .into_iter()
            .map(|(at, fact)| format!("{at} {}", words(fact)))
            .collect()
    }

    #[test]
    fn a_drain_evicts_all_at_once_and_asks_again_after_five_seconds() {
        let drain = Work::Drain(NodeId(0));
        let first = [
            "1.000s lists",
            "2.000s evicts old-1 (0)",
            "2.000s evicts old-3 (0)",
        ];
        assert_eq!(said(drain, false, Time::NEVER), first);
        assert_eq!(
            said(drain, true, Time::NEVER)[3..],
            ["8.000s evicts old-1 (1)"]
        );
        assert_eq!(said(drain, true, at(8))[3..], [""; 0], "too late");
    }

    #[test]
    fn victims_are_drawn_pod_by_pod() {
        let two = said(Work::Kill(2), false, Time::NEVER);
        let three = said(Work::Delete(3), false, Time::NEVER);
        assert_eq!((two.len(), three.len()), (3, 4));
        let names = |lines: &[String]| -> Vec<String> {
            lines[1..]
                .iter()
                .map(|line| line.rsplit(' ').next().unwrap().to_owned())
                .collect()
        };
        assert_eq!(
            names(&two),
            names(&three)[..2],
            "more victims are the same ones and others"
        );
    }
}
