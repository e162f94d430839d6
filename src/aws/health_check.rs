//! The ALB's health checks of one target by one node.

use serde::{Deserialize, Serialize};

use crate::setting::{
    form::{self, formed, named},
    settings,
};
use crate::time::Span;

settings! {
    /// The load balancer's health checks (`[target_group.health_check]`).
    HealthCheckSpec in "target_group.health_check" {
        /// From one check to the next; 5 s to 300 s.
        interval: Span = Span::from_secs(15), Documented "LBC default, pkg/ingress/model_builder.go (AWS's own: 30 s)";
        /// After this a check has failed; 2 s to 120 s, below the interval.
        timeout: Span = Span::from_secs(5), Documented "LBC default, pkg/ingress/model_builder.go";
        /// Checks in a row that make an unhealthy target healthy; 2 to 10. A new target needs one.
        healthy_threshold: u32 = 2, (at least 2, at most 10) Documented "LBC default, pkg/ingress/model_builder.go; new targets: AWS guide, target-group-health-checks";
        /// Failed checks in a row that make a healthy target unhealthy; 2 to 10.
        unhealthy_threshold: u32 = 2, (at least 2, at most 10) Documented "LBC default, pkg/ingress/model_builder.go";
        /// Which port is checked: `traffic_port`, or `health_check_node_port`, which a Service with target type `instance` and externalTrafficPolicy `Local` has.
        port: HealthCheckPort = HealthCheckPort::TrafficPort, Documented "alb.ingress.kubernetes.io/healthcheck-port, pkg/ingress/model_build_target_group.go";
    }
}

/// Which port of a target is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthCheckPort {
    /// The one that requests go to.
    TrafficPort,
    /// The Service's `healthCheckNodePort`, where kube-proxy says whether a ready pod is on its host.
    HealthCheckNodePort,
}

/// The first check of a new target comes within this of the node's learning of it, at a phase of the node's own;
/// then one follows every interval. (Targets served 0.3 s to 2.5 s after the call where intervals were 15 s; with an
/// interval of 5 s, 13 s after it, when deregistrations took as long: aws-lb-controller issue 2366, pricelees.github.io.)
pub const FIRST_CHECK_WITHIN: Span = Span::from_secs(1);

/// What a node's checks of a target have come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No verdict yet.
    New,
    /// Passed one check when new, or `healthy_threshold` in a row since it was unhealthy.
    Healthy,
    /// Failed `unhealthy_threshold` checks in a row.
    Unhealthy,
}

/// The count of one node's checks of one target.
///
/// "After your target is registered, it must pass one health check to be considered healthy":
/// `HealthyThresholdCount` holds for unhealthy targets only (AWS guide, target-group-health-checks).
/// A new target that fails `unhealthy_threshold` checks before it passes one is unhealthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    standing: Standing,
    /// Checks in a row that spoke against the standing.
    against: u32,
}

impl Health {
    /// A target just registered.
    pub const NEW: Health = Health {
        standing: Standing::New,
        against: 0,
    };
    /// A target that has long been healthy.
    pub const HEALTHY: Health = Health {
        standing: Standing::Healthy,
        against: 0,
    };
    /// A target that has long been unhealthy.
    pub const UNHEALTHY: Health = Health {
        standing: Standing::Unhealthy,
        against: 0,
    };

    /// Counts one check; the new standing, if it changed.
    pub fn count(&mut self, spec: &HealthCheckSpec, passed: bool) -> Option<Standing> {
        let (speaks_against, threshold, becomes) = match self.standing {
            Standing::New if passed => (true, 1, Standing::Healthy),
            Standing::New | Standing::Healthy => {
                (!passed, spec.unhealthy_threshold, Standing::Unhealthy)
            }
            Standing::Unhealthy => (passed, spec.healthy_threshold, Standing::Healthy),
        };
        self.against = if speaks_against { self.against + 1 } else { 0 };
        if self.against < threshold {
            return None;
        }
        *self = Health {
            standing: becomes,
            against: 0,
        };
        Some(becomes)
    }
}

named!(HealthCheckPort);

formed! {
    HealthCheckSpec => form::of(HealthCheckSpec::SETTINGS);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `checks`: `+` passed, `-` failed. `expected`: after each, `n`ew, `h`ealthy or `u`nhealthy.
    #[track_caller]
    fn check(start: Health, checks: &str, expected: &str) {
        let spec = HealthCheckSpec {
            healthy_threshold: 3,
            unhealthy_threshold: 2,
            ..HealthCheckSpec::default()
        };
        let mut health = start;
        let standings = checks.chars().map(|check| {
            health.count(&spec, check == '+');
            match health.standing {
                Standing::New => 'n',
                Standing::Healthy => 'h',
                Standing::Unhealthy => 'u',
            }
        });
        assert_eq!(standings.collect::<String>(), expected);
    }

    #[test]
    fn a_new_target_needs_one_pass_an_unhealthy_one_the_threshold() {
        check(Health::NEW, "+", "h");
        check(Health::NEW, "-+", "nh");
        check(Health::NEW, "--+++", "nuuuh");
        check(Health::HEALTHY, "-+-+--", "hhhhhu");
        check(Health::HEALTHY, "--++-+++", "huuuuuuh");
    }
}
