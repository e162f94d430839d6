//! The ALB's health checks of one target by one node.

use crate::setting::settings;
use crate::time::Span;

settings! {
    /// The load balancer's health checks (`[target_group.health_check]`).
    HealthCheckSpec in "target_group.health_check" {
        /// From one check to the next; 5 s to 300 s.
        interval: Span = Span::from_secs(15), Documented "LBC default, pkg/ingress/model_builder.go (AWS's own: 30 s)";
        /// After this a check has failed; 2 s to 120 s, below the interval.
        timeout: Span = Span::from_secs(5), Documented "LBC default, pkg/ingress/model_builder.go";
        /// Checks in a row that make an unhealthy target healthy; 2 to 10. A new target needs one.
        healthy_threshold: u32 = 2, Documented "LBC default, pkg/ingress/model_builder.go; new targets: AWS guide, target-group-health-checks";
        /// Failed checks in a row that make a healthy target unhealthy; 2 to 10.
        unhealthy_threshold: u32 = 2, Documented "LBC default, pkg/ingress/model_builder.go";
    }
}
