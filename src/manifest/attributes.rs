//! What the controller and AWS document for an Ingress and its Service, and what of it a forecast takes up.
//!
//! Sources: LBC docs/guide/ingress/annotations.md and pkg/annotations/constants.go; AWS API reference,
//! TargetGroupAttribute and LoadBalancerAttribute (Application Load Balancers).

use super::annotation::{Attributes, PREFIX};
use super::draft::Notice;
use super::field::Field;
use super::source::At;
use super::workload::Metadata;
use super::yaml::Value;
use crate::error::Error;
use crate::scenario::keys::nearest;

/// What a name means to a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// It is read.
    Read,
    /// No rollout depends on it.
    Aside,
    /// A rollout may depend on it, and the model has no place for it: why; and the values with which it says nothing.
    NotModelled(&'static str, &'static [&'static str]),
    /// Likewise, and it decides the answer: a forecast without it would be of something else.
    Refused(&'static str, &'static [&'static str]),
}

use Meaning::{Aside, NotModelled, Read, Refused};

const OFF: &[&str] = &["false", "off", ""];
const DNS_FAILOVER: &str = "with too few healthy targets in a zone its nodes leave the load balancer's DNS name; clients of \
                            the forecast find the nodes of all zones";
const NLB: &str = "a network load balancer in front has health checks and time-outs of its own";
const OPTIMIZER: &str = "Target Optimizer: targets say how many requests they take, and the load balancer refuses the rest with 503";

/// Annotations; a name that ends with a dot is the start of many.
const ANNOTATIONS: &[(&str, Meaning)] = &[
    ("acm-pca-arn", Aside),
    ("actions.", Read),
    ("auth-idp-cognito", Aside),
    ("auth-idp-oidc", Aside),
    ("auth-on-unauthenticated-request", Aside),
    ("auth-scope", Aside),
    ("auth-session-cookie", Aside),
    ("auth-session-timeout", Aside),
    ("auth-type", Aside),
    ("backend-protocol", Aside),
    (
        "backend-protocol-version",
        Refused(
            "requests share a connection to the target and, with gRPC, fail with a status of their own; the forecast is \
             of HTTP/1.1",
            &["HTTP1"],
        ),
    ),
    ("certificate-arn", Aside),
    ("conditions.", Aside),
    ("create-acm-cert", Aside),
    ("customer-owned-ipv4-pool", Aside),
    ("dry-run-plan", Aside),
    ("enable-frontend-nlb", NotModelled(NLB, OFF)),
    ("frontend-nlb-attributes", Aside),
    ("frontend-nlb-eip-allocations", Aside),
    ("frontend-nlb-healthcheck-healthy-threshold-count", Aside),
    ("frontend-nlb-healthcheck-interval-seconds", Aside),
    ("frontend-nlb-healthcheck-path", Aside),
    ("frontend-nlb-healthcheck-port", Aside),
    ("frontend-nlb-healthcheck-protocol", Aside),
    ("frontend-nlb-healthcheck-success-codes", Aside),
    ("frontend-nlb-healthcheck-timeout-seconds", Aside),
    ("frontend-nlb-healthcheck-unhealthy-threshold-count", Aside),
    ("frontend-nlb-listener-port-mapping", Aside),
    ("frontend-nlb-scheme", Aside),
    ("frontend-nlb-security-groups", Aside),
    ("frontend-nlb-subnets", Aside),
    ("frontend-nlb-tags", Aside),
    ("group.name", Read),
    ("group.order", Aside),
    ("healthcheck-interval-seconds", Read),
    ("healthcheck-path", Aside),
    // Whether another port answers otherwise depends on the containers: `import::not_modelled`.
    ("healthcheck-port", Read),
    ("healthcheck-protocol", Aside),
    ("healthcheck-timeout-seconds", Read),
    ("healthy-threshold-count", Read),
    ("inbound-cidrs", Aside),
    ("ip-address-type", Aside),
    ("ipam-ipv4-pool-id", Aside),
    ("jwt-validation", Aside),
    ("listen-ports", Aside),
    ("listener-attributes.", Aside),
    ("load-balancer-attributes", Read),
    ("load-balancer-name", Aside),
    ("manage-backend-security-group-rules", Aside),
    ("minimum-load-balancer-capacity", Aside),
    (
        "multi-cluster-target-group",
        Refused(
            "targets of other clusters share the target group and take requests, too",
            OFF,
        ),
    ),
    ("mutual-authentication", Aside),
    ("scheme", Aside),
    ("security-group-prefix-lists", Aside),
    ("security-groups", Aside),
    ("shield-advanced-protection", Aside),
    ("ssl-policy", Aside),
    ("ssl-redirect", Aside),
    ("subnets", Aside),
    ("success-codes", Aside),
    ("tags", Aside),
    ("target-control-port.", Refused(OPTIMIZER, &[])),
    ("target-group-attributes", Read),
    (
        "target-node-labels",
        NotModelled(
            "only some hosts are targets; the forecast has all of them, if hosts are targets at all",
            &[""],
        ),
    ),
    ("target-type", Read),
    ("transforms.", Aside),
    ("unhealthy-threshold-count", Read),
    ("use-regex-path-match", Aside),
    ("waf-acl-id", Aside),
    ("wafv2-acl-arn", Aside),
    ("wafv2-acl-name", Aside),
    ("web-acl-id", Aside),
];

/// Attributes of a target group of HTTP.
const OF_TARGET_GROUP: &[(&str, Meaning)] = &[
    ("deregistration_delay.timeout_seconds", Read),
    ("load_balancing.algorithm.anomaly_mitigation", Read),
    ("load_balancing.algorithm.type", Read),
    ("load_balancing.cross_zone.enabled", Read),
    ("slow_start.duration_seconds", Read),
    ("stickiness.app_cookie.cookie_name", Aside),
    ("stickiness.app_cookie.duration_seconds", Read),
    ("stickiness.enabled", Read),
    ("stickiness.lb_cookie.duration_seconds", Read),
    ("stickiness.type", Read),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.count",
        NotModelled(DNS_FAILOVER, &["1", "off"]),
    ),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        NotModelled(DNS_FAILOVER, &["off"]),
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        Read,
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        Read,
    ),
];

/// Attributes of an Application Load Balancer.
const OF_LOAD_BALANCER: &[(&str, Meaning)] = &[
    ("access_logs.s3.bucket", Aside),
    ("access_logs.s3.enabled", Aside),
    ("access_logs.s3.prefix", Aside),
    (
        "client_keep_alive.seconds",
        NotModelled(
            "the load balancer closes its clients' connections after that time; the forecast has them closed by nobody",
            &["3600"],
        ),
    ),
    ("connection_logs.s3.bucket", Aside),
    ("connection_logs.s3.enabled", Aside),
    ("connection_logs.s3.prefix", Aside),
    ("deletion_protection.enabled", Aside),
    ("health_check_logs.s3.bucket", Aside),
    ("health_check_logs.s3.enabled", Aside),
    ("health_check_logs.s3.prefix", Aside),
    ("idle_timeout.timeout_seconds", Read),
    ("ipv6.deny_all_igw_traffic", Aside),
    // What AWS says cannot be turned off.
    ("load_balancing.cross_zone.enabled", Aside),
    ("routing.http.desync_mitigation_mode", Aside),
    ("routing.http.drop_invalid_header_fields.enabled", Aside),
    ("routing.http.preserve_host_header.enabled", Aside),
    (
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        Aside,
    ),
    ("routing.http.xff_client_port.enabled", Aside),
    ("routing.http.xff_header_processing.mode", Aside),
    ("routing.http2.enabled", Aside),
    ("waf.fail_open.enabled", Aside),
    ("zonal_shift.config.enabled", Aside),
];

/// What attributes belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    TargetGroup,
    LoadBalancer,
}

impl Of {
    const fn table(self) -> &'static [(&'static str, Meaning)] {
        match self {
            Of::TargetGroup => OF_TARGET_GROUP,
            Of::LoadBalancer => OF_LOAD_BALANCER,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Of::TargetGroup => "target group",
            Of::LoadBalancer => "load balancer",
        }
    }
}

fn meaning(table: &[(&str, Meaning)], name: &str) -> Option<Meaning> {
    let fits = |known: &str| known == name || (known.ends_with('.') && name.starts_with(known));
    table
        .iter()
        .find(|(known, _)| fits(known))
        .map(|(_, meaning)| *meaning)
}

/// What a forecast leaves aside though it says something, and what nobody knows; nothing where it is read.
fn remark(
    table: &[(&str, Meaning)],
    name: &str,
    value: &str,
    what: &str,
    who: &str,
) -> Option<String> {
    match meaning(table, name) {
        Some(Read | Aside) => None,
        Some(NotModelled(_, nothing) | Refused(_, nothing)) if nothing.contains(&value.trim()) => {
            None
        }
        Some(NotModelled(why, _) | Refused(why, _)) => Some(not_modelled(name, value, why)),
        None => {
            let near = nearest(name, table.iter().map(|(known, _)| *known));
            let near = near
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default();
            Some(format!("`{name}` is no {what} that {who} documents{near}"))
        }
    }
}

fn not_modelled(name: &str, value: &str, why: &str) -> String {
    format!("`{name}` {} is not modelled: {why}", value.trim())
}

/// What is to be said of an object's annotations of the controller.
pub(super) fn of_annotations(object: &Metadata) -> Vec<Notice> {
    let names = object
        .annotations
        .iter()
        .filter_map(|(key, text)| Some((key.strip_prefix(PREFIX)?, text)));
    let remarks = names.filter_map(|(name, text)| {
        let words = remark(
            ANNOTATIONS,
            name,
            &text.value,
            "annotation",
            "the controller",
        )?;
        Some(Notice {
            place: text.place.clone(),
            words,
        })
    });
    remarks.collect()
}

/// Whether a forecast would be of something else than what this annotation of the controller asks for.
fn is_refused(name: &str, value: &str) -> bool {
    matches!(meaning(ANNOTATIONS, name), Some(Refused(_, nothing)) if !nothing.contains(&value.trim()))
}

/// The first annotation of an object that a forecast cannot be made beside.
pub(super) fn refused_annotation(object: &Metadata) -> Option<Notice> {
    let names = object
        .annotations
        .iter()
        .filter_map(|(key, text)| Some((key.strip_prefix(PREFIX)?, text)));
    let (name, text) = names
        .into_iter()
        .find(|(name, text)| is_refused(name, &text.value))?;
    let words = remark(
        ANNOTATIONS,
        name,
        &text.value,
        "annotation",
        "the controller",
    )?;
    Some(Notice {
        place: text.place.clone(),
        words,
    })
}

/// What is to be said of attributes.
pub(super) fn of_attributes(of: Of, attributes: &Attributes) -> Vec<Notice> {
    let what = format!("attribute of a {}", of.name());
    let remarks = attributes.iter().filter_map(|(name, text)| {
        let words = remark(of.table(), name, &text.value, &what, "AWS")?;
        Some(Notice {
            place: text.place.clone(),
            words,
        })
    });
    remarks.collect()
}

/// What is to be said of a field of the controller's own objects, which says what an annotation says elsewhere.
pub(super) fn of_field(field: &OtherField) -> Option<Notice> {
    match meaning(ANNOTATIONS, field.annotation) {
        Some(NotModelled(why, nothing) | Refused(why, nothing))
            if !nothing.contains(&field.value.value.trim()) =>
        {
            let words = not_modelled(field.name, &field.value.value, why);
            Some(Notice {
                place: field.value.place.clone(),
                words,
            })
        }
        _ => None,
    }
}

/// A field of the controller's own objects that a forecast may have no place for.
#[derive(Debug)]
pub(super) struct OtherField {
    name: &'static str,
    /// What says the same on an Ingress.
    annotation: &'static str,
    value: At<String>,
}

impl OtherField {
    /// Whether a forecast cannot be made beside it.
    pub(super) fn is_refused(&self) -> bool {
        is_refused(self.annotation, &self.value.value)
    }

    /// Those of a TargetGroupBinding's `spec`, or of what a TargetGroupConfiguration says of target groups.
    pub(super) fn read(field: &Field<'_>) -> Result<Vec<OtherField>, Error> {
        const FIELDS: [(&str, &str); 6] = [
            ("protocolVersion", "backend-protocol-version"),
            ("targetGroupProtocolVersion", "backend-protocol-version"),
            ("enableMultiCluster", "multi-cluster-target-group"),
            ("multiClusterTargetGroup", "multi-cluster-target-group"),
            ("targetControlPort", "target-control-port."),
            ("nodeSelector", "target-node-labels"),
        ];
        let mut found = Vec::new();
        for (name, annotation) in FIELDS {
            if let Some(value) = field.get(name)? {
                let place = value.place();
                let written = if matches!(value.value(), Value::Map(_)) {
                    ""
                } else {
                    place.written()
                };
                // A mapping is not shown, and says something however short it is.
                let value = if written.is_empty() {
                    "here"
                } else {
                    written.trim_matches('"')
                }
                .to_owned();
                found.push(OtherField {
                    name,
                    annotation,
                    value: At { value, place },
                });
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_said_once() {
        for table in [ANNOTATIONS, OF_TARGET_GROUP, OF_LOAD_BALANCER] {
            assert!(
                table.is_sorted_by(|one, other| one.0 < other.0),
                "{table:?}"
            );
        }
    }

    #[track_caller]
    fn check(table: &[(&str, Meaning)], name: &str, value: &str, expected: Option<&str>) {
        let remark = remark(table, name, value, "name", "AWS");
        match expected {
            None => assert_eq!(remark, None, "{name}"),
            Some(part) => assert!(
                remark.as_ref().is_some_and(|words| words.contains(part)),
                "{name}: {remark:?}"
            ),
        }
    }

    #[test]
    fn what_is_read_or_aside_is_not_told_and_the_rest_is() {
        check(ANNOTATIONS, "target-type", "ip", None);
        check(ANNOTATIONS, "scheme", "internal", None);
        check(ANNOTATIONS, "actions.fwd", "{}", None);
        check(ANNOTATIONS, "backend-protocol-version", "HTTP1", None);
        check(
            ANNOTATIONS,
            "backend-protocol-version",
            "GRPC",
            Some("not modelled"),
        );
        check(
            ANNOTATIONS,
            "backend-protocol-version",
            "HTTP2",
            Some("not modelled"),
        );
        check(ANNOTATIONS, "multi-cluster-target-group", "false", None);
        check(
            ANNOTATIONS,
            "multi-cluster-target-group",
            "true",
            Some("not modelled"),
        );
        check(
            ANNOTATIONS,
            "target-control-port.web.80",
            "3000",
            Some("Target Optimizer"),
        );
        check(
            ANNOTATIONS,
            "healthcheck-interval",
            "5",
            Some("did you mean `healthcheck-interval-seconds`?"),
        );
        check(
            ANNOTATIONS,
            "target-typ",
            "ip",
            Some("did you mean `target-type`?"),
        );
        check(
            ANNOTATIONS,
            "zzzzz",
            "x",
            Some("is no name that AWS documents"),
        );
        let routing =
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage";
        check(OF_TARGET_GROUP, routing, "50", None);
        let failover = "target_group_health.dns_failover.minimum_healthy_targets.count";
        check(OF_TARGET_GROUP, failover, "1", None);
        check(OF_TARGET_GROUP, failover, "2", Some("not modelled"));
        check(
            OF_TARGET_GROUP,
            "deregistration_delay.timeout_second",
            "50",
            Some("did you mean"),
        );
        check(OF_LOAD_BALANCER, "idle_timeout.timeout_seconds", "50", None);
        check(
            OF_LOAD_BALANCER,
            "client_keep_alive.seconds",
            "60",
            Some("not modelled"),
        );
    }
}
