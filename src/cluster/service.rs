//! The Service in front of the pods.

use serde::{Deserialize, Serialize};

use crate::setting::{form::named, settings};

settings! {
    /// What the Service says (`[service]`).
    ServiceSpec in "service" {
        /// Whether pods that are not ready, terminating ones too, stay ready in the EndpointSlice.
        publish_not_ready_addresses: bool = false, Documented "publishNotReadyAddresses, zero value of the API";
        /// To which pods a host's node port leads: `Cluster`, any, or `Local`, those on the host; target type `instance` only.
        external_traffic_policy: ExternalTrafficPolicy = ExternalTrafficPolicy::Cluster, Documented "externalTrafficPolicy, pkg/apis/core/v1/defaults.go";
    }
}

/// To which pods a host's node port leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExternalTrafficPolicy {
    /// To any pod of the cluster.
    Cluster,
    /// To the pods on the host; packets for a host without any are dropped.
    Local,
}

named!(ExternalTrafficPolicy);
