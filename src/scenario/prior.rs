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
        what: "`load_balancer.deregistration_propagation`: DeregisterTargets returned → this node stops choosing this target",
        between: "median M log-normal, p50 7 s, p95 18 s",
        within: "M × log-normal (σ 0.25) per target and node; with 2 % per deregistration an extra U(10, 45) s, the same for all nodes",
        presets: "`published` (both levels), `fast` M = 4 s, `typical` M = 7 s, `slow` M = 18 s",
        evidence: "3–5 s (amazon-ecs-agent#2316), 5–25 s (LBC#1064), about 6 s (2023 load test), about 10 s (LBC#1719, LBC#2106), 10–20 s with a tail to 60 s (pod-graceful-drain values.yaml), 15 s not enough while hosts roll (govuk-helm-charts#2202); unobservable through the API (LBC#2366)",
    },
    Prior {
        what: "`load_balancer.registration_propagation`: RegisterTargets returned → this node's first health check",
        between: "–",
        within: "U(1, 3) s, then the node's own health-check phase U(0, min(interval, 10 s))",
        presets: "`typical`",
        evidence: "about 10 s in `initial` with an interval of 15 s, at most 15 s in all that was published (LBC#1834, containers-roadmap#1270)",
    },
    Prior {
        what: "`load_balancer.host_unreachable_share`: connects to a removed pod IP that end as 502 after about 3.1 s, not as 504",
        between: "0; `published`: 0 with probability 0.6, else U(0.3, 0.9)",
        within: "Bernoulli per connect",
        presets: "`silent`, `published`",
        evidence: "0 fits the 2023 load test (672 × 504 at 10.0 s, 27 × 502), about 0.8 fits easoncao.com",
    },
    Prior {
        what: "`load_balancer.no_routable_target`: no healthy target on a node",
        between: "–",
        within: "keeps choosing draining targets until it learns of their removal, then any registered one; 503 only with none",
        presets: "`fail_open`, `strict` (503 at once)",
        evidence: "conflicting: AWS documents fail-open for unhealthy targets only; og-aws#116 saw it for initial ones",
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
        between: "–",
        within: "at least 3 failures and 10 % of its requests, both remembered with a half-life of 5 s, on a node with 3 healthy targets at least: a weight of 0.05 where the others have 1",
        presets: "–",
        evidence: "AWS publishes that 5xx answers and connection errors count and that 3 healthy targets are needed, no constants (AWS blog on automatic target weights, November 2023)",
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
