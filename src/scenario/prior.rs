//! The numbers that decide a forecast and that nobody publishes: what is assumed of each, and why.
//!
//! A prior has two levels: what differs between environments, drawn once per replication, and what
//! varies within one. The report splits the width of every interval into these two parts.

/// What is assumed of one unpublished number.
#[derive(Debug, Clone, Copy)]
pub struct Prior {
    /// The number: a key, or what it is in words where no key sets it.
    pub what: &'static str,
    /// What differs between environments.
    pub between: &'static str,
    /// What varies within one.
    pub within: &'static str,
    /// The presets that a scenario can name.
    pub presets: &'static str,
    /// What was observed.
    pub evidence: &'static str,
}

/// All priors, in the order of docs/MODEL.md.
pub const PRIORS: &[Prior] = &[
    Prior {
        what: "`load_balancer.deregistration_propagation`: DeregisterTargets returned → this node chooses this target for the last time",
        between: "median M log-normal, p50 9 s, p95 18 s (σ 0.42)",
        within: "M × log-normal (σ 0.05), one draw a rollout; + U(−j, j) per target and node, j = max(0.8 s, 6.5 % of M); never below 0.2 s. With 1 % per rollout an episode: all its lags, and those of registrations that share M, are U(10, 45) s longer, one draw",
        presets: "`published` (all levels), `fast` M = 5 s, `typical` M = 9 s, `slow` M = 18 s",
        evidence: "thirty deregistrations in a row of mean 12.60 s and sd 0.474 s, 13–15 s and 12–14 s on other days (pricelees.github.io, improving_deployment), 5–9 s (2023 load test), 6–8 s or 16–18 s (LBC#2366), 1.5–8 s (amazon-ecs-agent#2316), 0.5–12 s (LBC#2048), 9–15.5 s (velog.io/@waeldot), 7.5–14 s (engineering.nature.global); below 40 s (dingyu.dev). No source shows a long lag of the load balancer's own: the episode is a judgement; unobservable through the API (LBC#2366)",
    },
    Prior {
        what: "when a node starts a target's deregistration delay, and checks it for the last time",
        between: "–",
        within: "when it learns of the deregistration",
        presets: "–",
        evidence: "lag 12.6 s and a delay of 10 s: requests of 9 s, one a second until the stop, are answered, some of a little over 10 s are not; a delay of 30 s: a request of 35 s sent 1 s before the call is answered 34 s after it; checks came 3 s and 8 s after the call (pricelees.github.io); cut 8 s after the delay was over by the API (engineering.nature.global)",
    },
    Prior {
        what: "`load_balancer.registration_propagation`: RegisterTargets returned → this node knows the target",
        between: "in 65 % a median of its own, log-normal, p50 1.2 s, p95 3.2 s; in 35 % M, the deregistrations'",
        within: "× log-normal (σ 0.2) per target and node; or as a deregistration. The first check U(0, 1) s later, then one every interval",
        presets: "`published`, `fast`, `as_deregistration`",
        evidence: "12–14 s where deregistrations took 12.6 s, interval 5 s (pricelees.github.io); 0.3–2.5 s (devthenet-labs/patchy), 0.2–2 s (LBC#2366); checks start from the moment of registration (containers-roadmap#1270)",
    },
    Prior {
        what: "`load_balancer.host_unreachable_share`: what becomes of connects to a removed pod IP",
        between: "`published`: nobody answers, or the host's kernel does, in half of them each",
        within: "by a kernel: rounds of 3.07 s to 3.19 s from the first SYN on; in the end all who wait get a 502 while their node has an allowance at that host, 6 at first and 1 a second; the others repeat their SYNs after 1 s, 3 s and 7 s, and get a 504 after 10 s. A host that is lost answers nobody",
        presets: "`silent`, `unreachable`, `published`, `vpc_cni`, `vpc_cni_custom_networking`, `security_groups_for_pods`, `fargate`, `cilium_eni`, `calico`, a share",
        evidence: "silent: the 2023 load test (672 × 504 at 10.0 s, 27 × 502), AskLake#798, LBC#824; unreachable: easoncao.com (502s at 3.07 s to 3.19 s), amazon-vpc-cni-k8s#58; the law: Linux icmp_ratelimit, mcast_solicit, net/ipv4/inetpeer.c; by network: cilium#13451, canal#137",
    },
    Prior {
        what: "`load_balancer.no_routable_target`: what a node does with targets that it knows only as `initial`",
        between: "`published`: chooses them, or answers 503, in half of them each",
        within: "where some are unhealthy it chooses all that it knows; where it knows none, 503: a target of whose deregistration it has learned is not known any more",
        presets: "`published`, `fail_open`, `strict`",
        evidence: "AWS documents fail-open for unhealthy targets; og-aws#116 saw it for initial ones, 503s there argo-rollouts#4834, #4204, LBC#814, LBC#2420, Budibase#18353; draining: 503 from the node's learning on (pricelees.github.io), 502 before (LBC#1124)",
    },
    Prior {
        what: "which idle connection to a target a node takes, and when it opens another",
        between: "–",
        within: "the one used last; another only when all are busy",
        presets: "–",
        evidence: "none: AWS documents that connections to targets are kept and shared, not how one is chosen",
    },
    Prior {
        what: "`target_group.anomaly_mitigation`: when a target is anomalous, and what it is left with",
        between: "from one step to the next log-normal, p50 10 s, σ 0.54",
        within: "after the third failure within 5 s, if 10 % of its requests fail, on a node with 3 healthy targets at least: every step halves its weight, down to 0.05 where the others have 1, and doubles it when there was no failure for 5 s; for at most half of the targets",
        presets: "–",
        evidence: "AWS publishes that 5xx answers and connection errors count, that 3 healthy targets are needed and that load is taken off step by step, no constants (AWS blog on automatic target weights, November 2023); six targets, two of them bad: faults fall from above 20 % to about 7 %, half of the targets at most (aws-samples multi-az workshop, lab 6)",
    },
    Prior {
        what: "`app.concurrency`: a request that waits in an application while its client or the load balancer gives it up",
        between: "–",
        within: "is served all the same, in its turn",
        presets: "–",
        evidence: "servers read a request that has come in; whether they notice that its connection has been closed differs",
    },
    Prior {
        what: "`cluster.network_removal`: process exit → pod network gone",
        between: "–",
        within: "U(0.1, 0.4) s, when the process is the only container",
        presets: "–",
        evidence: "0.22–0.32 s a pod in the 2023 load test; process exit → object gone 0.66 s p50, 1.5 s max, recorded on Kubernetes 1.36",
    },
    Prior {
        what: "`cluster.ip_reuse`: a new pod gets an IP that a removed pod of its host had",
        between: "–",
        within: "never; Bernoulli per pod, any IP past its cool-down of 30 s alike",
        presets: "–",
        evidence: "the CNI hands out any free IP of the host (amazon-vpc-cni-k8s, data_store.go), and how many are free depends on instance type and warm-pool settings",
    },
    Prior {
        what: "`cluster.preset`: an API hop, write and watch",
        between: "`published`: `typical` × log-normal (σ 0.7)",
        within: "p50 10 ms (`idle`), 3 times as slow (`typical`), 15 times (`busy`); × log-normal (σ 0.6) per rollout, one draw for all hops (`cluster.hop_drift`); × log-normal (σ 0.69) per hop; k requests of one batch take k times as long and land together (`cluster.api_sharing`); an answer takes as long again as half a hop",
        presets: "`published`, `idle`, `typical`, `busy`",
        evidence: "1,647 hops recorded on Kubernetes 1.36 with two shared cores: medians 16–27 ms, σ 0.30 between recordings, 0.48 between moments, 0.69 between messages; between clusters nothing is published",
    },
    Prior {
        what: "`cluster.pod_start`: pod bound → container running, image present",
        between: "–",
        within: "log-normal, p50 1.1 s, p99 2.8 s for a pod alone; 0.45 s / `cluster.cores` more for each other pod in start on its host (`cluster.pod_start_work`)",
        presets: "–",
        evidence: "kubernetes PR #137362, kubemark #42000; 0.77 s p50, 1.9 s p90, recorded on Kubernetes 1.36; on two cores 0.40 s alone and 1.17 s for four together",
    },
    Prior {
        what: "`cluster.immediate_readiness`: the immediate readiness run wins its race",
        between: "–",
        within: "probability 0.7",
        presets: "–",
        evidence: "none; the run races with the caching of the container ID (prober/worker.go)",
    },
];
