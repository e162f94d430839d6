//! What a Service says about its node port, where targets are hosts.

use super::{Entrance, Import};
use crate::aws::target_group::TargetType;
use crate::error::Error;
use crate::manifest::draft::Origin;

impl Import<'_> {
    /// `[service] external_traffic_policy`, `[target_group.health_check] port`
    pub(super) fn node_port(&mut self, entrance: &Entrance<'_>) -> Result<(), Error> {
        let service = entrance.service;
        let by_default = entrance.target_type_left_to_controller();
        if !entrance
            .target_type()?
            .map_or(by_default, |kind| kind.value == TargetType::Instance)
        {
            return Ok(());
        }
        if !matches!(
            service.kind.as_ref().map(|kind| kind.value.as_str()),
            Some("NodePort" | "LoadBalancer")
        ) {
            let name = &service.metadata.name;
            let kind = service
                .kind
                .as_ref()
                .map_or("ClusterIP", |kind| kind.value.as_str());
            let why = match entrance.target_type()? {
                Some(_) => "targets are instances",
                None => "no target type is set, and the controller's default is instance",
            };
            let words = format!(
                "Service `{}` is of type {kind} and has no node port, and {why}: the controller refuses it, no target is ever registered and the ALB answers 503 (type NodePort is needed, or target type ip)",
                name.value
            );
            let place = service
                .kind
                .as_ref()
                .map_or(&name.place, |kind| &kind.place)
                .clone();
            if !self.is_given("target_group.target_type") {
                self.leads_nowhere(&place, words);
            }
        }
        let Some(policy) = &service.external_traffic_policy else {
            return Ok(());
        };
        let key = "service.external_traffic_policy";
        match policy.value.as_str() {
            "Cluster" | "Local" => self
                .values
                .written(key, Some(policy), |policy| format!("\"{policy}\"")),
            other => {
                return Err(policy
                    .place
                    .error(format!("`{other}` is no externalTrafficPolicy"))
                    .hint("Cluster or Local"));
            }
        }
        let (checked, offered) = (
            entrance.health_check_port(),
            &service.health_check_node_port,
        );
        if let (Some(checked), Some(offered), "Local") = (checked, offered, policy.value.as_str())
            && checked.value == offered.value
        {
            let toml = "\"health_check_node_port\"".to_owned();
            self.values.push(
                "target_group.health_check.port",
                toml,
                Origin::Written(checked.place),
            );
        }
        Ok(())
    }
}
