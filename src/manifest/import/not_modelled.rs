//! What the manifests say and the model has no place for: named, never dropped in silence.

use super::{Door, Entrance, Import};
use crate::error::Error;
use crate::manifest::attributes::{self, Of};
use crate::manifest::workload::Port;

impl Import<'_> {
    /// Names it.
    pub(super) fn not_modelled(&mut self) -> Result<(), Error> {
        self.of_the_pods();
        let Some(entrance) = self.entrance else {
            return Ok(());
        };
        for object in entrance.annotated() {
            self.notices.extend(attributes::of_annotations(object));
            self.unmodelled = self
                .unmodelled
                .take()
                .or_else(|| attributes::refused_annotation(object));
        }
        self.notices.extend(attributes::of_attributes(
            Of::TargetGroup,
            &entrance.attributes()?,
        ));
        self.notices.extend(attributes::of_attributes(
            Of::LoadBalancer,
            &entrance.of_load_balancer()?,
        ));
        self.of_the_controllers_objects(&entrance);
        self.of_the_checked_port(&entrance);
        Ok(())
    }

    /// Fields of bindings and configurations.
    fn of_the_controllers_objects(&mut self, entrance: &Entrance<'_>) {
        let fields: Vec<_> = match entrance.door {
            Door::Binding(binding) => binding.others.iter().collect(),
            Door::Route(_, configurations) => configurations.others().collect(),
            Door::Ingress(..) => Vec::new(),
        };
        let refused = fields
            .iter()
            .find(|field| field.is_refused())
            .and_then(|field| attributes::of_field(field));
        self.unmodelled = self.unmodelled.take().or(refused);
        self.notices
            .extend(fields.into_iter().filter_map(attributes::of_field));
        let Door::Route(_, configurations) = entrance.door else {
            return;
        };
        let nobodys = self
            .objects
            .configurations
            .iter()
            .filter(|of| of.service.is_none() && !configurations.hold(of));
        for of in nobodys {
            let words = format!(
                "TargetGroupConfiguration `{}` names no Service: it holds for gateways whose LoadBalancerConfiguration \
                 names it, and none here does",
                of.metadata.name.value
            );
            self.notices.push(super::Notice {
                place: of.metadata.name.place.clone(),
                words,
            });
        }
    }

    /// The load balancer may check another port than the one that serves.
    fn of_the_checked_port(&mut self, entrance: &Entrance<'_>) {
        let Some(port) = entrance.health_check_port() else {
            return;
        };
        if port.value == "traffic-port" || self.values.has("target_group.health_check.port") {
            return;
        }
        let named = port
            .value
            .parse()
            .map_or_else(|_| Port::Name(port.value.clone()), Port::Number);
        if !self.container().declares(&named) {
            let words = format!(
                "health checks go to port {}, which the container that serves does not declare; the forecast has them \
                 answered by that one",
                port.value
            );
            self.notice(&port.place, words);
        }
    }

    fn of_the_pods(&mut self) {
        let template = &self.deployment.template;
        for container in &template.containers {
            if let Some(signal) = container
                .stop_signal
                .as_ref()
                .filter(|signal| signal.value != "SIGTERM")
            {
                let words = format!(
                    "`stopSignal` is {}: where the forecast speaks of SIGTERM it is this one, and `app.on_sigterm` says \
                     what the application does at it",
                    signal.value
                );
                self.notice(&signal.place, words);
            }
            let own = [&container.startup, &container.liveness]
                .into_iter()
                .flatten();
            for grace in own.filter_map(|probe| probe.grace.as_ref()) {
                let words = "the grace period of a restart by this probe is not modelled: the pod's holds for all ends";
                self.notice(&grace.place, words);
            }
        }
        if let Some(first) = template.init.first() {
            let names: Vec<String> = template
                .init
                .iter()
                .map(|name| format!("`{}`", name.value))
                .collect();
            let words = format!(
                "init containers run before the pod's own, for a time that no manifest says: add that of {} to \
                 `cluster.pod_start`",
                names.join(", ")
            );
            self.notice(&first.place, words);
            self.init_containers = Some(names.join(", "));
        }
    }
}
