//! Hosts and hops of the cluster (`[cluster]`).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::dist::{Dist, LogNormal};
use crate::setting::{
    form::{self, formed, named},
    settings,
};
use crate::time::Span;

settings! {
    /// The cluster's hosts and control plane (`[cluster]`).
    ClusterSpec in "cluster" {
        /// How busy the control plane is: `idle`, `typical` (3 times as slow), `busy` (15 times), or `published`: `typical`, times log-normal (σ 0.7) per environment.
        preset: Preset = Preset::Published, Assumed "an API hop is p50 10 ms when idle, p99 50 ms; recorded on Kubernetes 1.36 with two shared cores: 16–27 ms p50; between clusters nothing is published, and σ 0.7 puts `idle` and `busy` at 6 % and 99 %";
        /// How far a rollout's hops are from those of other rollouts: σ of the logarithm of one factor for all of `[cluster.links]`, 0 or more.
        hop_drift: f64 = 0.6, (at least 0, at most 3) Measured "1,647 hops of 54 recordings of Kubernetes 1.36 (tests/traces): σ 0.30 between recordings and 0.48 between moments of one";
        /// Hosts that pods are spread over.
        nodes: u16 = 3, (at least 1) Assumed "one a zone in three zones";
        /// Kubernetes version: decides version-dependent behaviour of kubelet and controllers.
        kubernetes: KubernetesVersion = KubernetesVersion::new(36), Documented "the version whose source the model was written from; 1.24 to 1.37 are known";
        /// Pod bound → container running, image present and no other pod in start on its host.
        pod_start: Dist = Dist::LogNormal(LogNormal::p50_p99(Span::from_millis(1100), Span::from_millis(2800))), Measured "kubernetes PR #137362, kubemark #42000; recorded on Kubernetes 1.36: 0.77 s p50, 1.9 s p90";
        /// Cores of a host.
        cores: u16 = 4, (at least 1) Assumed "what many nodes have; decides how long pods that start together take";
        /// What a pod's start needs of one core; pods that start on a host at the same time share its cores.
        pod_start_work: Span = Span::from_millis(450), Measured "46 starts with kubelet and containerd on two cores, recorded on Kubernetes 1.36: alone 0.40 s, four together 1.17 s, all four alike (0.2 to 0.5 s)";
        /// Process exit → pod network gone, when the process is the pod's only container.
        network_removal: Dist = Dist::Uniform(Span::from_millis(100), Span::from_millis(400)), Measured "2023 load test: 0.22–0.32 s a pod";
        /// Pod network gone → pod object gone from the API.
        pod_removal: Dist = Dist::Uniform(Span::from_millis(100), Span::from_secs(1)), Measured "recorded on Kubernetes 1.36: phase Succeeded → object gone 0.62 s p50, 0.98 s p95";
        /// Probability that the immediate readiness run sees the container ID and probes at once.
        immediate_readiness: f64 = 0.7, (at least 0, at most 1) Assumed "the run races with the caching of the container ID, prober/worker.go";
        /// Probability that a new pod gets an IP that an earlier pod of its host has given back, once that has cooled down; matters to target type `ip` only.
        ip_reuse: f64 = 0.0, (at least 0, at most 1) Assumed "a host keeps more free IPs at hand than a rollout gives back (WARM_ENI_TARGET 1, WARM_PREFIX_TARGET 1; amazon-vpc-cni-k8s README); higher where its IPs are nearly all in use";
        /// For so long after its pod's network is gone an IP is given to nobody.
        ip_cooldown: Span = Span::from_secs(30), Documented "IP_COOLDOWN_PERIOD (amazon-vpc-cni-k8s README; pkg/ipamd/datastore/data_store.go)";
        /// By how much each further request of those that a controller sends at once prolongs all of them, in times that a single one takes: 1 if one core serves them all, 0 if none waits for another.
        api_sharing: f64 = 1.0, (at least 0, at most 10) Measured "recorded on Kubernetes 1.36 with two shared cores: of 1, 2, 3, 4 deletions at once the last lands 18, 24, 28, 42 ms after it was asked for, the others within 3 to 9 ms of it; less on a larger control plane (kubernetes PR #137362: 6 ms with 10 in parallel)";
        /// Calls a second that a controller of the kube-controller-manager may make, each by itself: `--kube-api-qps`.
        controller_qps: u32 = 20, (at least 1, at most 1000000) Documented "pkg/controller/apis/config/v1alpha1/defaults.go; what EKS sets is not published";
        /// Calls that such a controller may make at once before that: `--kube-api-burst`.
        controller_burst: u32 = 30, (at least 1, at most 1000000) Documented "pkg/controller/apis/config/v1alpha1/defaults.go; what EKS sets is not published";
        /// Single hops (`[cluster.links]`); a hop that is not given follows `preset`.
        links: LinksSpec = LinksSpec::default(), Assumed "see preset";
    }
}

settings! {
    /// Hops that can be set alone (`[cluster.links]`); absent: as `cluster.preset` says.
    LinksSpec in "cluster.links" {
        /// A component's write → committed by the API server.
        api_write: Option<Dist> = None, Assumed "the first half of an API hop, by cluster.preset";
        /// Watch: → Deployment controller.
        api_to_deployment: Option<Dist> = None, Assumed "the second half of an API hop, by cluster.preset";
        /// Watch: → ReplicaSet controller.
        api_to_replica_set: Option<Dist> = None, Assumed "the second half of an API hop, by cluster.preset";
        /// Watch: → scheduler.
        api_to_scheduler: Option<Dist> = None, Assumed "the second half of an API hop, by cluster.preset";
        /// Watch: → kubelet.
        api_to_kubelet: Option<Dist> = None, Assumed "the second half of an API hop, by cluster.preset";
        /// Watch: pods → EndpointSlice controller.
        api_to_endpoint_slice: Option<Dist> = None, Assumed "the second half of an API hop, by cluster.preset";
        /// Watch: EndpointSlices and pods → AWS Load Balancer Controller.
        endpoints_to_lbc: Option<Dist> = None, Assumed "the second half of an API hop, by cluster.preset";
        /// Watch: EndpointSlices → kube-proxy of each host.
        endpoints_to_kube_proxy: Option<Dist> = None, Assumed "the second half of an API hop, by cluster.preset";
    }
}

/// A hop by its name: those of `[cluster.links]`, and two beyond the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// A component's write → committed by the API server.
    ApiWrite,
    /// Watch: → Deployment controller.
    ApiToDeployment,
    /// Watch: → ReplicaSet controller.
    ApiToReplicaSet,
    /// Watch: → scheduler.
    ApiToScheduler,
    /// Watch: → kubelet.
    ApiToKubelet,
    /// Watch: pods → EndpointSlice controller.
    ApiToEndpointSlice,
    /// Watch: EndpointSlices and pods → AWS Load Balancer Controller.
    EndpointsToLbc,
    /// Watch: EndpointSlices → kube-proxy of each host.
    EndpointsToKubeProxy,
    /// A call of the ELB API: AWS Load Balancer Controller → target group.
    LbcToElb,
    /// Target group → nodes of the load balancer: registrations and deregistrations.
    ElbToNodes,
}

/// How busy the control plane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// A hop takes 10 ms (p50), 80 ms (p99).
    Idle,
    /// 3 times as slow.
    Typical,
    /// 15 times as slow.
    Busy,
    /// As `Typical` in the middle; nobody knows which environment this is.
    Published,
}

impl Preset {
    /// The law of half a hop, a write or a watch event: two of them in a row are p50 10 ms when idle, and
    /// log-normal with σ 0.69.
    pub fn half_hop(self) -> Dist {
        const IDLE: Span = Span::from_micros(4260);
        Dist::LogNormal(LogNormal::new(IDLE.scaled(self.slowdown()), 0.89))
    }

    /// σ of the logarithm of what an environment's hops take; `None`: they are known.
    pub const fn spread(self) -> Option<f64> {
        match self {
            Preset::Published => Some(0.7),
            Preset::Idle | Preset::Typical | Preset::Busy => None,
        }
    }

    /// How many times slower than an idle control plane.
    const fn slowdown(self) -> f64 {
        match self {
            Preset::Idle => 1.0,
            Preset::Typical | Preset::Published => 3.0,
            Preset::Busy => 15.0,
        }
    }
}

/// A Kubernetes version, as far as behaviour depends on it: `1.minor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KubernetesVersion {
    minor: u16,
}

impl KubernetesVersion {
    /// `1.minor`.
    pub const fn new(minor: u16) -> KubernetesVersion {
        KubernetesVersion { minor }
    }

    /// What a version outside those that the model knows is taken for; `None`: it is known.
    pub const fn taken_as(self) -> Option<&'static str> {
        match self.minor {
            ..24 => Some("older than what is known (1.24 to 1.37): taken as 1.24"),
            24..=37 => None,
            38.. => Some("newer than what is known (1.24 to 1.37): taken as 1.37"),
        }
    }

    /// Whether this is `1.minor` or newer.
    pub const fn at_least(self, minor: u16) -> bool {
        self.minor >= minor
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.minor)
    }
}

impl Serialize for KubernetesVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KubernetesVersion {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<KubernetesVersion, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut parts = text.trim_start_matches('v').split('.');
        match (parts.next(), parts.next().map(str::parse)) {
            // Three a year: what is far off is a slip of the pen.
            (Some("1"), Some(Ok(minor @ 16..=60))) => Ok(KubernetesVersion { minor }),
            _ => Err(serde::de::Error::custom(format!(
                "`{text}` is no Kubernetes version like \"1.36\""
            ))),
        }
    }
}

named!(Preset, Link);

formed! {
    KubernetesVersion => json!({
        "type": "string", "pattern": "^v*1[.](1[6-9]|[2-5][0-9]|60)([.].*)?$", "examples": ["1.36"],
    });
    LinksSpec => form::of(LinksSpec::SETTINGS);
}
