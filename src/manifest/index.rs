//! By which words objects are found: so that of thousands of Deployments, none looks at the objects of all others.

use std::collections::BTreeMap;

use super::annotation;
use super::entrance::Door;
use super::exposure;
use super::network::{Ingress, Service};
use super::objects::Objects;
use super::other_workload::OtherWorkload;
use super::proxy_route::ProxyRoute;
use super::source::At;
use super::variables::ConfigMap;
use super::workload::{Autoscaler, Deployment};

/// The annotation of an Ingress that says something of the load balancer of its group.
const OF_LOAD_BALANCER: &str = "load-balancer-attributes";

/// Rows of a list, by a word; in ascending order.
#[derive(Debug, Default)]
struct Rows(BTreeMap<String, Vec<usize>>);

/// Rows of the lists of [`Objects`].
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Services by name.
    named: Rows,
    /// Services by the first label that they select.
    selecting: Rows,
    /// Deployments by each label of their pods.
    deployments: Rows,
    /// Other workloads by each label of their pods.
    others: Rows,
    /// Other workloads by the Deployment whose pods they roll out.
    rolling: Rows,
    /// Doors, as [`exposure::doors`] counts them, by the Services that they lead to.
    doors: Rows,
    /// Routes of proxies by the first part of the hosts that they name.
    proxied: Rows,
    /// Autoscalers by the Deployment that they scale.
    autoscalers: Rows,
    /// ConfigMaps by name.
    config_maps: Rows,
    /// Ingresses that say something of their group's load balancer, by the group.
    groups: Rows,
}

impl Rows {
    fn add(&mut self, word: impl Into<String>, row: usize) {
        let rows = self.0.entry(word.into()).or_default();
        if rows.last() != Some(&row) {
            rows.push(row);
        }
    }

    fn of(&self, word: &str) -> &[usize] {
        self.0.get(word).map_or(&[], Vec::as_slice)
    }

    /// The rows of any of these words, each once.
    fn of_any(&self, words: impl Iterator<Item = String>) -> Vec<usize> {
        let mut rows: Vec<usize> = words.flat_map(|word| self.of(&word).to_vec()).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}

/// `app=web`
fn label((key, value): (&String, &At<String>)) -> String {
    format!("{key}={}", value.value)
}

impl Index {
    /// Of all that was read.
    pub(super) fn of(objects: &Objects) -> Index {
        let mut index = Index::default();
        for (row, service) in objects.services.iter().enumerate() {
            index.named.add(&service.metadata.name.value, row);
            if let Some(first) = service.selector.iter().next() {
                index.selecting.add(label(first), row);
            }
        }
        for (row, deployment) in objects.deployments.iter().enumerate() {
            for of in &deployment.template.labels {
                index.deployments.add(label(of), row);
            }
        }
        for (row, other) in objects.other_workloads.iter().enumerate() {
            for of in &other.labels {
                index.others.add(label(of), row);
            }
            if let Some(deployment) = &other.deployment {
                index.rolling.add(deployment, row);
            }
        }
        for (row, door) in exposure::doors(objects).enumerate() {
            for backend in door.backends() {
                index.doors.add(&backend.service.value, row);
            }
        }
        for (row, route) in objects.proxy_routes.iter().enumerate() {
            for service in route.services() {
                index.proxied.add(service, row);
            }
        }
        for (row, autoscaler) in objects.autoscalers.iter().enumerate() {
            if let Some(deployment) = &autoscaler.target {
                index.autoscalers.add(deployment, row);
            }
        }
        for (row, map) in objects.config_maps.iter().enumerate() {
            index.config_maps.add(&map.metadata.name.value, row);
        }
        for (row, ingress) in objects.ingresses.iter().enumerate() {
            if let Some(group) = group(ingress)
                && annotation::find(&[&ingress.metadata], OF_LOAD_BALANCER).is_some()
            {
                index.groups.add(group, row);
            }
        }
        index
    }
}

/// The group of Ingresses that share a load balancer, if it is of one.
fn group(ingress: &Ingress) -> Option<String> {
    annotation::find(&[&ingress.metadata], "group.name").map(|name| name.value)
}

impl Objects {
    /// Services of this name, of any namespace.
    pub(super) fn services_named(&self, name: &str) -> impl Iterator<Item = &Service> {
        let rows = self.index.named.of(name).iter();
        rows.map(|row| &self.services[*row])
    }

    /// Services that may select pods of these labels.
    pub(super) fn services_by_labels(
        &self,
        labels: &BTreeMap<String, At<String>>,
    ) -> impl Iterator<Item = &Service> {
        let rows = self.index.selecting.of_any(labels.iter().map(label));
        rows.into_iter().map(|row| &self.services[row])
    }

    /// Deployments whose pods a Service may select.
    pub(super) fn deployments_of(&self, service: &Service) -> impl Iterator<Item = &Deployment> {
        let words = service.selector.iter().take(1).map(label);
        let rows = self.index.deployments.of_any(words);
        rows.into_iter().map(|row| &self.deployments[row])
    }

    /// Other workloads whose pods a Service may select.
    pub(super) fn others_of(&self, service: &Service) -> impl Iterator<Item = &OtherWorkload> {
        let words = service.selector.iter().take(1).map(label);
        let rows = self.index.others.of_any(words);
        rows.into_iter().map(|row| &self.other_workloads[row])
    }

    /// Other workloads that roll out the pods of a Deployment of this name.
    pub(super) fn rolling(&self, deployment: &str) -> impl Iterator<Item = &OtherWorkload> {
        let rows = self.index.rolling.of(deployment).iter();
        rows.map(|row| &self.other_workloads[*row])
    }

    /// Doors that name a Service so.
    pub(super) fn doors_to(&self, service: &str) -> impl Iterator<Item = Door<'_>> {
        let rows = self.index.doors.of(service).iter();
        rows.filter_map(|row| exposure::door(self, *row))
    }

    /// Routes of proxies that name a Service so.
    pub(super) fn proxy_routes_to(&self, service: &str) -> impl Iterator<Item = &ProxyRoute> {
        let rows = self.index.proxied.of(service).iter();
        rows.map(|row| &self.proxy_routes[*row])
    }

    /// Autoscalers of Deployments of this name.
    pub(super) fn autoscalers_of(&self, deployment: &str) -> impl Iterator<Item = &Autoscaler> {
        let rows = self.index.autoscalers.of(deployment).iter();
        rows.map(|row| &self.autoscalers[*row])
    }

    /// ConfigMaps of this name.
    pub(super) fn config_maps_named(&self, name: &str) -> impl Iterator<Item = &ConfigMap> {
        let rows = self.index.config_maps.of(name).iter();
        rows.map(|row| &self.config_maps[*row])
    }

    /// The annotations in which Ingresses of the group of this one say what their load balancer is like, its own first.
    pub(super) fn of_group<'a>(
        &'a self,
        ingress: &'a Ingress,
    ) -> impl Iterator<Item = At<String>> + 'a {
        let siblings = group(ingress).map_or(&[][..], |group| self.index.groups.of(&group));
        std::iter::once(ingress)
            .chain(siblings.iter().map(|row| &self.ingresses[*row]))
            .filter_map(|member| annotation::find(&[&member.metadata], OF_LOAD_BALANCER))
    }
}
