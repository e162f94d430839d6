//! All objects of the files that are read, sorted by kind.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::field::Field;
use super::kind::{Identity, Kind, identify};
use super::network::{
    HttpRoute, Ingress, IngressClass, IngressClassParams, Namespace, Service, TargetGroupBinding,
    TargetGroupConfiguration,
};
use super::shape;
use super::source::{self, Place, Source};
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
    pub(super) classes: Vec<IngressClass>,
    pub(super) params: Vec<IngressClassParams>,
    pub(super) bindings: Vec<TargetGroupBinding>,
    pub(super) configurations: Vec<TargetGroupConfiguration>,
    pub(super) routes: Vec<HttpRoute>,
    pub(super) autoscalers: Vec<Autoscaler>,
    pub(super) budgets: Vec<Budget>,
    pub(super) config_maps: Vec<ConfigMap>,
    /// Objects that are none of a rollout's business.
    pub(super) others: Vec<Other>,
    /// How many of each kind, known or not.
    pub(super) kinds: BTreeMap<String, usize>,
}

/// An object that is not read.
#[derive(Debug)]
pub(super) struct Other {
    pub(super) kind: String,
    pub(super) place: Place,
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
                self.others.push(Other { kind, place: object.place() });
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
            Kind::IngressClass => self.classes.push(IngressClass::read(object)?),
            Kind::IngressClassParams => self.params.push(IngressClassParams::read(object)?),
            Kind::TargetGroupBinding => self.bindings.push(TargetGroupBinding::read(object)?),
            Kind::TargetGroupConfiguration => self.configurations.push(TargetGroupConfiguration::read(object)?),
            Kind::HttpRoute => self.routes.push(HttpRoute::read(object)?),
            Kind::HorizontalPodAutoscaler => self.autoscalers.push(Autoscaler::read(object)?),
            Kind::PodDisruptionBudget => self.budgets.push(Budget::read(object)?),
        }
        Ok(())
    }
}
