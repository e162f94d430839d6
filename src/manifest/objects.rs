//! All objects of the files that are read, sorted by kind.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::field::Field;
use super::gateway::{Gateway, GatewayClass, Route};
use super::kind::{Identity, Kind, identify};
use super::network::{
    Ingress, IngressClass, IngressClassParams, Namespace, Service, TargetGroupBinding, TargetGroupConfiguration,
};
use super::other_workload::OtherWorkload;
use super::proxy_route::ProxyRoute;
use super::shape;
use super::source::{self, Source};
use super::variables::ConfigMap;
use super::workload::{Autoscaler, Budget, Deployment};
use super::yaml;
use crate::error::Error;

/// Lists in lists: nobody writes them.
const DEEPEST_LIST: usize = 3;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) deployments: Vec<Deployment>,
    pub(super) services: Vec<Service>,
    pub(super) namespaces: Vec<Namespace>,
    pub(super) ingresses: Vec<Ingress>,
    pub(super) ingress_classes: Vec<IngressClass>,
    pub(super) params: Vec<IngressClassParams>,
    pub(super) bindings: Vec<TargetGroupBinding>,
    pub(super) configurations: Vec<TargetGroupConfiguration>,
    pub(super) gateway_classes: Vec<GatewayClass>,
    pub(super) gateways: Vec<Gateway>,
    pub(super) routes: Vec<Route>,
    pub(super) proxy_routes: Vec<ProxyRoute>,
    /// Workloads that are not rolled out as a Deployment is.
    pub(super) other_workloads: Vec<OtherWorkload>,
    pub(super) autoscalers: Vec<Autoscaler>,
    pub(super) budgets: Vec<Budget>,
    pub(super) config_maps: Vec<ConfigMap>,
    /// How many of each kind, known or not.
    pub(super) kinds: BTreeMap<String, usize>,
}

impl Objects {
    /// Reads files, folders and stdin.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Objects, Error> {
        let sources = source::read(paths)?;
        let mut objects = Objects::default();
        let mut documents = 0;
        for source in &sources {
            documents += objects.read_source(source)?;
        }
        if documents == 0 {
            let error = Error::input("no Kubernetes object: the input is empty");
            let error = sources.first().map_or(error.clone(), |source| error.in_file(&source.path));
            return Err(error.hint("an empty pipe often means that the command before it failed: run it alone"));
        }
        Ok(objects)
    }

    fn read_source(&mut self, source: &Arc<Source>) -> Result<usize, Error> {
        let documents = yaml::documents(source)?;
        for document in &documents {
            self.read_object(&Field::document(source, document), DEEPEST_LIST)?;
        }
        Ok(documents.len())
    }

    fn read_object(&mut self, object: &Field<'_>, depth: usize) -> Result<(), Error> {
        match identify(object)? {
            Identity::Known(kind) => {
                *self.kinds.entry(kind.name().to_owned()).or_default() += 1;
                self.read_known(kind, object)?;
                // Last, for what is read says more about what is wrong with it.
                shape::check(kind, object)
            }
            Identity::Other(kind) => {
                if kind == "ConfigMap" {
                    self.config_maps.extend(ConfigMap::read(object));
                }
                *self.kinds.entry(kind.clone()).or_default() += 1;
                self.proxy_routes.extend(ProxyRoute::read(object, &kind));
                Ok(())
            }
            Identity::List if depth == 0 => Err(object.error("lists within lists within lists")),
            Identity::List => {
                for item in object.list("items")? {
                    self.read_object(&item, depth - 1)?;
                }
                Ok(())
            }
        }
    }

    fn read_known(&mut self, kind: Kind, object: &Field<'_>) -> Result<(), Error> {
        match kind {
            Kind::Deployment => self.deployments.push(Deployment::read(object)?),
            Kind::Service => self.services.push(Service::read(object)?),
            Kind::Namespace => self.namespaces.push(Namespace::read(object)?),
            Kind::Ingress => self.ingresses.push(Ingress::read(object)?),
            Kind::IngressClass => self.ingress_classes.push(IngressClass::read(object)?),
            Kind::IngressClassParams => self.params.push(IngressClassParams::read(object)?),
            Kind::TargetGroupBinding => self.bindings.push(TargetGroupBinding::read(object)?),
            Kind::TargetGroupConfiguration => self.configurations.push(TargetGroupConfiguration::read(object)?),
            Kind::GatewayClass => self.gateway_classes.push(GatewayClass::read(object)?),
            Kind::Gateway => self.gateways.push(Gateway::read(object)?),
            Kind::HttpRoute | Kind::GrpcRoute | Kind::TlsRoute | Kind::TcpRoute | Kind::UdpRoute => {
                self.routes.push(Route::read(object, kind.name())?);
            }
            Kind::StatefulSet
            | Kind::DaemonSet
            | Kind::ReplicaSet
            | Kind::ReplicationController
            | Kind::Pod
            | Kind::Rollout
            | Kind::DeploymentConfig
            | Kind::Canary => self.other_workloads.extend(OtherWorkload::read(object, kind.name())?),
            Kind::HorizontalPodAutoscaler => self.autoscalers.push(Autoscaler::read(object)?),
            Kind::PodDisruptionBudget => self.budgets.push(Budget::read(object)?),
        }
        Ok(())
    }
}
