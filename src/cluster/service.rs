//! The Service in front of the pods.

use crate::setting::settings;

settings! {
    /// What the Service says (`[service]`).
    ServiceSpec in "service" {
        /// Whether pods that are not ready, terminating ones too, stay ready in the EndpointSlice.
        publish_not_ready_addresses: bool = false, Documented "publishNotReadyAddresses, zero value of the API";
    }
}
