//! AWS Load Balancer Controller: reconciles EndpointSlices into target registrations.

use crate::setting::settings;
use crate::time::Span;

settings! {
    /// The AWS Load Balancer Controller (`[lbc]`).
    LbcSpec in "lbc" {
        /// Its version: decides what notices a gated pod's ContainersReady, and how often target health is polled.
        version: String = "2.13".to_owned(), Assumed "a common release; behaviour by version: kubernetes-sigs/aws-load-balancer-controller, pkg/targetgroupbinding";
        /// Poll period of target health while a gated pod waits (`--targetgroupbinding-requeue-duration` from 3.2).
        requeue: Span = Span::from_secs(15), Documented "pkg/config/controller_config.go";
    }
}
