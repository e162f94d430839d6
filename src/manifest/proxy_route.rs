//! Routes of proxies inside the cluster, in the words of each proxy: which Services they lead to.

use super::field::Field;
use super::workload::Metadata;
use super::yaml::Value;

/// A route of a proxy that is no load balancer of AWS.
#[derive(Debug)]
pub(super) struct ProxyRoute {
    pub(super) metadata: Metadata,
    pub(super) kind: String,
    /// Whose it is.
    pub(super) proxy: &'static str,
    /// What it names as Services: names, perhaps with a namespace behind a dot.
    named: Vec<String>,
}

/// Kinds of routes, their API groups, and whose they are: the custom resources of each project.
const KINDS: [(&str, &str, &str); 14] = [
    ("VirtualService", "networking.istio.io", "Istio"),
    ("VirtualService", "gateway.solo.io", "Gloo"),
    ("VirtualService", "appmesh.k8s.aws", "AWS App Mesh"),
    ("IngressRoute", "traefik.io", "Traefik"),
    ("IngressRoute", "traefik.containo.us", "Traefik"),
    ("IngressRouteTCP", "traefik.io", "Traefik"),
    ("HTTPProxy", "projectcontour.io", "Contour"),
    ("Mapping", "getambassador.io", "Emissary"),
    ("VirtualServer", "k8s.nginx.org", "NGINX Ingress Controller"),
    ("ApisixRoute", "apisix.apache.org", "APISIX"),
    ("Route", "route.openshift.io", "the OpenShift router"),
    ("TCPIngress", "configuration.konghq.com", "Kong"),
    (
        "HTTPScaledObject",
        "http.keda.sh",
        "KEDA's HTTP interceptor",
    ),
    ("RouteGroup", "zalando.org", "Skipper"),
];

/// Keys under which these kinds name Services.
const KEYS: [&str; 8] = [
    "name",
    "host",
    "service",
    "serviceName",
    "destination",
    "backend",
    "upstream",
    "fqdn",
];

impl ProxyRoute {
    /// Reads an object of such a kind; of others, and of what is not to be understood, nothing.
    pub(super) fn read(object: &Field<'_>, kind: &str) -> Option<ProxyRoute> {
        let version = object.get("apiVersion").ok()??.text().ok()?.value;
        let group = version.split('/').next().unwrap_or_default();
        let (_, _, proxy) = KINDS.iter().find(|row| row.0 == kind && row.1 == group)?;
        let mut named = Vec::new();
        collect(object.get("spec").ok()??.value(), false, &mut named);
        Some(ProxyRoute {
            metadata: Metadata::read(object).ok()?,
            kind: kind.to_owned(),
            proxy,
            named,
        })
    }

    /// The names of Services that it may lead to.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|named| {
            let host = named.split(['/', ':']).next().unwrap_or_default();
            host.split('.').next().unwrap_or_default()
        })
    }

    /// Whether it leads to the Service of this name and namespace, which may be unknown.
    pub(super) fn leads_to(&self, service: &str, namespace: &str) -> bool {
        self.named.iter().any(|named| {
            let host = named.split(['/', ':']).next().unwrap_or_default();
            let mut parts = host.split('.');
            parts.next() == Some(service)
                && parts
                    .next()
                    .is_none_or(|part| namespace.is_empty() || part == namespace || part == "svc")
        })
    }
}

fn collect(value: &Value, is_named: bool, named: &mut Vec<String>) {
    match value {
        Value::Text(text) if is_named => named.push(text.clone()),
        Value::List(items) => items
            .iter()
            .for_each(|item| collect(&item.value, is_named, named)),
        Value::Map(map) => {
            map.iter()
                .for_each(|(key, node)| collect(&node.value, KEYS.contains(&key.as_str()), named));
        }
        _ => {}
    }
}
