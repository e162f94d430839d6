//! Chance with an address.
//!
//! A stream is a pure function of (seed, environment or replication, purpose, entity): no draw
//! depends on the order of events. Two configurations therefore share every draw they have in
//! common (common random numbers), and monotone laws hold replication by replication.
//!
//! The generator is named and portable (`Xoshiro256PlusPlus`); `StdRng` and `SmallRng` may change.

use rand::{Rng, RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::time::Span;

/// What a stream is drawn for. Numbers are part of the output's identity: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Purpose {
    /// Environment: the median lag from `DeregisterTargets` to the ALB nodes.
    DeregistrationMedian = 1,
    // 2 was the share of connects to a removed pod IP that end as host unreachable.
    /// Environment: whether registrations are as slow as deregistrations, and how long they take if not.
    RegistrationMedian = 8,
    /// Environment: whether a node chooses targets that it knows only as `initial`, if it knows no others.
    InitialTargets = 9,
    /// Environment: what a removed pod IP answers.
    RemovedIp = 10,
    /// Environment: from one step of anomaly mitigation to the next.
    AnomalyStep = 11,
    /// Environment: how slow its control plane is.
    HopEnvironment = 12,

    /// One API request's way to the server; the entity is the link and its message number.
    ApiWrite = 16,
    /// One watch event's way to a listener; the entity is the link and its message number.
    Watch = 17,
    /// Pod bound → container running, per pod.
    PodStart = 18,
    /// When in its second a kubelet's PLEG relists, per node.
    Pleg = 19,
    /// When within the pod's start the probe workers start, per pod.
    ProbePhase = 20,
    /// Whether the immediate readiness run wins its race, per pod.
    ReadinessRace = 21,
    /// Container running → listening, per pod and restart.
    StartUp = 22,
    /// How long a graceful drain lasts, per pod.
    Drain = 23,
    /// SIGTERM → exit beyond the drain, per pod.
    Shutdown = 24,
    /// Process exit → pod network gone, per pod.
    NetworkRemoval = 25,
    /// The rank of equal pods in deletion order (their UIDs), per pod.
    Uid = 26,
    /// Image pull, per pod.
    ImagePull = 27,
    /// How long a probe's answer takes, per pod and probe.
    ProbeAnswer = 28,
    /// Jitter of kubelet retries and back-offs, per pod and attempt.
    KubeletRetry = 29,
    /// Pod network gone → object gone, per pod.
    PodRemoval = 30,
    /// Listening → the process ends by itself, per pod and restart.
    Crash = 31,
    /// A sidecar's SIGTERM → its exit, per pod.
    Sidecar = 32,
    /// A change in the slice → the run of kube-proxy that it asks for, per host and run.
    KubeProxyWait = 33,
    /// How long a run of kube-proxy takes, per host and run.
    KubeProxyRun = 34,
    /// Which pod a health check through a node port gets to, per host, ALB node and check.
    NodePort = 35,
    /// Whether a pod gets an IP that was given back, and which, per pod.
    PodIp = 36,
    /// How busy the control plane is during this rollout: one factor for all hops.
    HopDrift = 40,
    /// The answer to an API request; the entity is that of the request.
    ApiAnswer = 41,

    /// One LBC call of the ELB API, per call.
    ElbApi = 48,
    /// `DeregisterTargets` returned → this node stops choosing the target, per target and node.
    Deregistration = 49,
    // 50 was the rare long tail of a deregistration.
    /// `RegisterTargets` returned → this node knows the target, per target and node.
    Registration = 51,
    /// Phase of the health checks, per target and node.
    HealthCheckPhase = 52,
    /// When the LBC's no-change reconcile is due.
    Deferred = 53,
    /// LBC leader failover.
    Leader = 54,
    /// What a rollout multiplies the environment's median lag by.
    DeregistrationDrift = 55,
    /// Whether the rollout's lags are all much longer, and by how much.
    DeregistrationEpisode = 56,

    /// Inter-arrival times of the open loop.
    Arrival = 80,
    /// Which ALB node a request enters.
    EntryNode = 81,
    /// Service times in order of arrival.
    Service = 82,
    /// Whether a connect to a removed pod IP ends as host unreachable.
    Unreachable = 83,
    /// Where each ALB node's round robin starts.
    RoundRobin = 84,
    /// Latency noise that no target causes (connect time-out overshoot, host unreachable).
    Network = 85,
    /// Choices of randomised routing algorithms.
    Routing = 86,
    /// Think times of closed-loop workers.
    ThinkTime = 87,
    /// Client retries and their back-off.
    Retry = 88,
    /// Which requests are streams, and how long those last.
    Streaming = 89,
    /// Which pod a new connection through a node port gets to, per request.
    NodePortConnect = 90,
    /// How long a kernel asks by ARP for an IP that no pod has, per IP and round.
    ArpRound = 91,
    /// Service times of revisions beyond the first two, per revision and request.
    ServiceOfAnother = 92,

    /// Requests of an interval, per ALB node.
    IntervalCount = 96,
    /// How the requests of an interval fare, and when the first and the last of them failed.
    IntervalFate = 97,
    /// Latencies of the requests of an interval.
    IntervalLatency = 98,

    /// When disturbances strike, and whom.
    Disturbance = 112,
    /// Latin hypercube and sensitivity samples.
    Design = 113,
    /// Bootstrap and other resampling.
    Resampling = 114,
    /// Which lag of a jumped replication is drawn from its tail, and what the tail's draw is made of.
    Jump = 115,
}

impl Purpose {
    /// Drawn once per environment rather than once per replication.
    const fn is_environment(self) -> bool {
        matches!(
            self,
            Purpose::DeregistrationMedian
                | Purpose::RegistrationMedian
                | Purpose::InitialTargets
                | Purpose::RemovedIp
                | Purpose::AnomalyStep
                | Purpose::HopEnvironment
        )
    }
}

/// All the chance of one replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    replication: u64,
    /// What addresses on the environment's level begin with, and on the replication's.
    environment: u64,
    own: u64,
    seed: u64,
    jump: Option<Jump>,
}

/// One lag that is drawn from its own law beyond a threshold, everything else being as it was: the
/// proposal of importance sampling (docs/MODEL.md, "Rare errors").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    /// What the lag is drawn for.
    pub purpose: Purpose,
    /// Whose it is.
    pub entity: u64,
    /// What it is not to fall short of.
    pub least: Span,
}

/// What a twin's number has over that of its replication. Nobody asks for so many replications.
const TWIN: u64 = 1 << 63;

/// The streams of one purpose, one for each entity.
#[derive(Debug, Clone, Copy)]
pub struct Entities(u64);

/// One addressed stream of random numbers.
#[derive(Debug, Clone)]
pub struct Stream(Xoshiro256PlusPlus);

impl Streams {
    /// The streams of a replication in an environment of its own; of a twin by its number, in the
    /// environment of the replication that it belongs to.
    pub const fn new(seed: u64, replication: u64) -> Streams {
        let start = mix(0x726f_6c6c_6361_7374 ^ seed);
        let [environment, own] = [mix(start ^ replication & !TWIN), mix(start ^ replication)];
        Streams {
            replication,
            environment,
            own,
            seed,
            jump: None,
        }
    }

    /// The same chance but for one lag.
    #[must_use]
    pub const fn with_jump(self, jump: Jump) -> Streams {
        Streams {
            jump: Some(jump),
            ..self
        }
    }

    /// Whether one lag jumps.
    pub const fn is_jumped(&self) -> bool {
        self.jump.is_some()
    }

    /// The lag that jumps, if it is drawn for this.
    pub fn jump(&self, purpose: Purpose) -> Option<Jump> {
        self.jump.filter(|jump| jump.purpose == purpose)
    }

    /// The seed.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The replication's number, by which it can be simulated again.
    pub const fn replication(&self) -> u64 {
        self.replication
    }

    /// A second replication in the same environment: what differs between the two is chance alone.
    #[must_use]
    pub const fn twin(self) -> Streams {
        Streams::new(self.seed, self.replication | TWIN)
    }

    /// The stream at an address.
    #[inline]
    pub fn at(&self, purpose: Purpose, entity: u64) -> Stream {
        self.of(purpose).at(entity)
    }

    /// The streams of one purpose.
    #[inline]
    pub fn of(&self, purpose: Purpose) -> Entities {
        let level = if purpose.is_environment() {
            self.environment
        } else {
            self.own
        };
        Entities(mix(level ^ purpose as u64))
    }
}

impl Entities {
    /// The stream of one of them.
    #[inline]
    pub fn at(&self, entity: u64) -> Stream {
        let key = mix(self.0 ^ entity);
        // `seed_from_u64`, written out: four words of SplitMix64.
        let mut seed = [0; 32];
        for (step, word) in (0..).zip(seed.as_chunks_mut().0) {
            *word = mix(key.wrapping_add(GOLDEN.wrapping_mul(step))).to_le_bytes();
        }
        Stream(Xoshiro256PlusPlus::from_seed(seed))
    }
}

/// An entity made of two: a pod and its n-th restart, a target and an ALB node.
pub const fn pair(a: u64, b: u64) -> u64 {
    a << 32 | b
}

/// 2⁶⁴ divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014) after one golden-ratio step.
const fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(GOLDEN);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

impl Stream {
    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    /// Uniform in 0..n.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n)
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The generator, for `rand_distr`.
    pub(crate) fn generator(&mut self) -> &mut Xoshiro256PlusPlus {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_all_that_matters() {
        let streams = Streams::new(1, 7);
        let first = streams.at(Purpose::PodStart, 3).bits();
        assert_eq!(first, streams.at(Purpose::PodStart, 3).bits());
        assert_ne!(first, streams.at(Purpose::PodStart, 4).bits());
        assert_ne!(first, streams.at(Purpose::Drain, 3).bits());
        assert_ne!(first, Streams::new(1, 8).at(Purpose::PodStart, 3).bits());
        assert_ne!(first, Streams::new(2, 7).at(Purpose::PodStart, 3).bits());
    }

    #[test]
    fn twins_share_their_environment_and_nothing_else() {
        let (one, twin) = (Streams::new(1, 7), Streams::new(1, 7).twin());
        assert_eq!(
            one.at(Purpose::DeregistrationMedian, 0).bits(),
            twin.at(Purpose::DeregistrationMedian, 0).bits()
        );
        assert_ne!(
            one.at(Purpose::Deregistration, 0).bits(),
            twin.at(Purpose::Deregistration, 0).bits()
        );
    }

    /// A golden value: the generator and the mixing are part of every published forecast.
    #[test]
    fn the_generator_is_pinned() {
        assert_eq!(
            Streams::new(1, 0).at(Purpose::Arrival, 0).bits(),
            5_054_667_129_685_023_010
        );
    }
}
