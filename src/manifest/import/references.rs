//! References on the way to the pods that lead nowhere: the ALB then answers 503 to everything, whatever else is right.

use super::Import;
use crate::manifest::controller::Controller;
use crate::manifest::draft::Notice;
use crate::manifest::entrance::Entrance;
use crate::manifest::exposure::{Exposed, service_and_port};
use crate::manifest::network::ServicePort;
use crate::manifest::source::Place;
use crate::manifest::workload::{Container, Port};

impl Import<'_> {
    /// Looks at the class and the ports that the way to the pods names.
    pub(super) fn check_references(&mut self, exposed: &Exposed<'_>) {
        if let Exposed::Not(way) = exposed
            && let Controller::Nobody(class) = &way.controller
        {
            let words = format!(
                "{}: the class at {class} names no controller, so nobody serves it",
                way.route()
            );
            return self.leads_nowhere(way.place(), words);
        }
        let Some(entrance) = self.entrance else {
            return;
        };
        self.references
            .extend(self.deployment.selector_mismatch.clone());
        self.check_probe_ports();
        let broken = match entrance.service_port() {
            None => unknown_port(&entrance),
            Some(port) => self.undeclared(&entrance, port),
        };
        self.references.extend(broken);
    }

    /// A probe at a name that its container does not declare fails always (kubelet pkg/probe/util.go ResolveContainerPort).
    pub(super) fn check_probe_ports(&mut self) {
        let container = self.container();
        let probes = [
            ("readiness", &container.readiness),
            ("startup", &container.startup),
            ("liveness", &container.liveness),
        ];
        for (kind, probe) in probes {
            let Some(probe) = probe else { continue };
            let Some(Port::Name(name)) = &probe.port else {
                continue;
            };
            if !container.declares(&Port::Name(name.clone())) {
                let words = format!(
                    "the {kind} probe asks at port `{name}`, which container `{}` ({}) does not declare: it fails always",
                    container.name.value, container.name.place
                );
                self.leads_nowhere(&probe.place, words);
            }
        }
    }

    pub(super) fn leads_nowhere(&mut self, place: &Place, words: String) {
        self.references.push(Notice {
            place: place.clone(),
            words,
        });
    }

    /// A name that no container declares makes no endpoint (FindPort, pkg/api/v1/pod/util.go). A number may be
    /// undeclared; but where others are declared and no probe asks there, it is a slip.
    fn undeclared(&self, entrance: &Entrance<'_>, port: &ServicePort) -> Option<Notice> {
        let containers = &self.deployment.template.containers;
        let declares = |container: &Container| container.declares(&port.target.value);
        if containers.iter().any(declares) {
            return None;
        }
        let all: Vec<u32> = containers
            .iter()
            .flat_map(|container| &container.ports)
            .map(|port| port.number)
            .collect();
        let (target, what_follows) = match &port.target.value {
            Port::Name(name) => (
                format!("`{name}`"),
                "the pods never become targets and the ALB answers 503",
            ),
            Port::Number(number) => {
                if all.is_empty()
                    || containers
                        .iter()
                        .any(|container| container.is_probed_at(*number))
                {
                    return None;
                }
                (
                    number.to_string(),
                    "nothing is known to listen there and the ALB finds no healthy target",
                )
            }
        };
        let declared = match all.as_slice() {
            [] => "no container declares a port".to_owned(),
            all => {
                let all: Vec<String> = all.iter().map(u32::to_string).collect();
                format!("the containers declare {}", all.join(", "))
            }
        };
        let at = &containers[0].name.place;
        let words = format!(
            "{} leads to the pods' port {target}, which no container declares ({declared}, {at}): {what_follows}",
            service_and_port(entrance.service, entrance.port),
        );
        Some(Notice {
            place: port.target.place.clone(),
            words,
        })
    }
}

/// The controller finds no such port and makes no target group ("unable to find port", LBC pkg/k8s/service_utils.go).
fn unknown_port(entrance: &Entrance<'_>) -> Option<Notice> {
    let named = entrance.port?;
    let ports: Vec<String> = entrance
        .service
        .ports
        .iter()
        .map(|port| port.number.to_string())
        .collect();
    let words = format!(
        "{} {} leads to {}, and the Service has no such port (it has {}, {}): the controller makes no target group",
        entrance.kind(),
        entrance.metadata().called(),
        service_and_port(entrance.service, entrance.port),
        if ports.is_empty() {
            "none".to_owned()
        } else {
            ports.join(", ")
        },
        entrance.service.metadata.name.place,
    );
    Some(Notice {
        place: named.place.clone(),
        words,
    })
}
