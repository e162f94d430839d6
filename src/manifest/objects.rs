//! All objects of the files that are read, sorted by kind.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Notice;
use super::field::Field;
use super::folder::{self, Rendered, Skipped};
use super::gateway::{Gateway, GatewayClass, Route};
use super::kind::{Identity, Kind, identify};
use super::load_balancer_configuration::LoadBalancerConfiguration;
use super::network::{
    Ingress, IngressClass, IngressClassParams, Namespace, Service, TargetGroupBinding,
    TargetGroupConfiguration,
};
use super::other_workload::OtherWorkload;
use super::proxy_route::ProxyRoute;
use super::shape;
use super::source::{Found, Place, Reading};
use super::variables::ConfigMap;
use super::workload::{Autoscaler, Budget, Deployment};
use super::yaml::{self, Document, Value};
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
    pub(super) load_balancer_configurations: Vec<LoadBalancerConfiguration>,
    pub(super) gateway_classes: Vec<GatewayClass>,
    pub(super) gateways: Vec<Gateway>,
    pub(super) routes: Vec<Route>,
    pub(super) proxy_routes: Vec<ProxyRoute>,
    /// Workloads that are not rolled out as a Deployment is.
    pub(super) other_workloads: Vec<OtherWorkload>,
    pub(super) autoscalers: Vec<Autoscaler>,
    pub(super) budgets: Vec<Budget>,
    pub(super) config_maps: Vec<ConfigMap>,
    /// Kinds that are not read: how many, and where the first one is.
    unread: BTreeMap<String, (usize, Place)>,
    /// How many of each kind, known or not.
    pub(super) kinds: BTreeMap<String, usize>,
    /// Objects that are written more than once, and files that look like manifests and cannot be read.
    pub(super) notices: Vec<Notice>,
    /// What was found in folders and is not read.
    pub(super) skipped: Vec<Skipped>,
    /// Folders that a tool makes manifests of.
    pub(super) rendered: Vec<Rendered>,
}

/// An object, and whether a file of its own name was asked for.
struct Gathered<'a> {
    identity: Identity,
    object: Field<'a>,
    is_named: bool,
}

impl Objects {
    /// Reads what files, folders and stdin hold.
    pub(super) fn read(read: Reading) -> Result<Objects, Error> {
        let mut objects = Objects {
            skipped: read.skipped,
            rendered: read.rendered,
            ..Objects::default()
        };
        let mut files = Vec::new();
        for found in &read.sources {
            files.push((found, objects.documents(found)?));
        }
        let mut all = Vec::new();
        for (found, documents) in &files {
            for document in documents {
                objects.gather(
                    found,
                    Field::document(&found.source, document),
                    DEEPEST_LIST,
                    &mut all,
                )?;
            }
        }
        if all.is_empty() && !objects.rendered.is_empty() {
            // How to render them is the answer.
            return Ok(objects);
        }
        if files.iter().all(|(_, documents)| documents.is_empty())
            || (all.is_empty() && !objects.skipped.is_empty())
        {
            return Err(objects.nothing(read.sources.first()));
        }
        objects.keep_the_last(&mut all);
        for gathered in all {
            objects.read_object(gathered)?;
        }
        objects.name_the_unread();
        Ok(objects)
    }

    /// Says which kinds were not read.
    fn name_the_unread(&mut self) {
        let Some((_, place)) = self.unread.values().next().cloned() else {
            return;
        };
        let all: Vec<String> = self
            .unread
            .iter()
            .map(|(kind, (count, _))| format!("{count} {kind}"))
            .collect();
        let words = format!(
            "left aside, as no rollout depends on it: {}",
            all.join(", ")
        );
        self.notices.push(Notice { place, words });
    }

    /// Why there is nothing to read.
    fn nothing(&self, first: Option<&Found>) -> Error {
        let of =
            |error: Error| first.map_or(error.clone(), |found| error.in_file(&found.source.path));
        if let Some(skipped) = self.skipped.first() {
            let error = Error::input("no Kubernetes object among the files of the folder")
                .in_file(&skipped.path);
            return error.hint(skipped.to_string());
        }
        of(Error::input("no Kubernetes object: the input is empty"))
            .hint("an empty pipe often means that the command before it failed: run it alone")
    }

    /// The documents of a file. One that was only found in a folder need be none.
    fn documents(&mut self, found: &Found) -> Result<Vec<Document>, Error> {
        let source = &found.source;
        if !found.is_named && !source.text.contains("apiVersion") {
            let reason = folder::no_manifest(&source.path).to_owned();
            self.skipped.push(Skipped {
                path: source.path.clone(),
                row: None,
                reason,
            });
            return Ok(Vec::new());
        }
        match yaml::documents(source) {
            Err(error) if !found.is_named => {
                let (path, row) = (source.path.clone(), error.row());
                let is_template = source.text.contains("{{");
                let reason = if is_template {
                    "a template".to_owned()
                } else {
                    error.message().to_owned()
                };
                if !is_template && folder::looks_like_manifest(source) {
                    let words = format!("{reason}: left out, though it looks like a manifest");
                    self.notices.push(Notice {
                        place: Place::of_row(source, row.unwrap_or(1)),
                        words,
                    });
                }
                self.skipped.push(Skipped { path, row, reason });
                Ok(Vec::new())
            }
            documents => documents,
        }
    }

    /// The objects of a document, those of lists one by one.
    fn gather<'a>(
        &mut self,
        found: &'a Found,
        object: Field<'a>,
        depth: usize,
        all: &mut Vec<Gathered<'a>>,
    ) -> Result<(), Error> {
        let identity = match identify(&object) {
            Err(_) if !found.is_named && !is_object(&object) => {
                self.skip(&object, folder::no_manifest(&found.source.path));
                return Ok(());
            }
            identity => identity?,
        };
        match identity {
            Identity::List if depth == 0 => Err(object.error("lists within lists within lists")),
            Identity::List => object
                .list("items")?
                .into_iter()
                .try_for_each(|item| self.gather(found, item, depth - 1, all)),
            identity => {
                all.push(Gathered {
                    identity,
                    object,
                    is_named: found.is_named,
                });
                Ok(())
            }
        }
    }

    fn skip(&mut self, object: &Field<'_>, reason: &str) {
        let place = object.place();
        let row = Some(place.row()).filter(|row| *row > 1);
        self.skipped.push(Skipped {
            path: place.path().to_owned(),
            row,
            reason: reason.to_owned(),
        });
    }

    /// Of objects of one kind, namespace and name the last one counts, as with `kubectl apply`.
    fn keep_the_last(&mut self, all: &mut Vec<Gathered<'_>>) {
        let mut last: BTreeMap<String, usize> = BTreeMap::new();
        let mut earlier = BTreeSet::new();
        for (row, gathered) in all.iter().enumerate() {
            let Some(key) = key(&gathered.object) else {
                continue;
            };
            if let Some(before) = last.insert(key.clone(), row) {
                earlier.insert(before);
                let words = format!(
                    "{key} is written twice, here and at {}; this one counts, as with `kubectl apply`",
                    all[before].object.place()
                );
                self.notices.push(Notice {
                    place: gathered.object.place(),
                    words,
                });
            }
        }
        let mut row = 0;
        all.retain(|_| {
            row += 1;
            !earlier.contains(&(row - 1))
        });
    }

    fn read_object(&mut self, gathered: Gathered<'_>) -> Result<(), Error> {
        let Gathered {
            identity,
            object,
            is_named,
        } = gathered;
        let kind = match identity {
            Identity::Known(kind) => kind,
            Identity::Other(kind) => {
                if kind == "ConfigMap" {
                    self.config_maps.extend(ConfigMap::read(&object));
                }
                *self.kinds.entry(kind.clone()).or_default() += 1;
                match ProxyRoute::read(&object, &kind) {
                    Some(route) => self.proxy_routes.push(route),
                    None if kind == "ConfigMap" => {}
                    None => {
                        self.unread
                            .entry(kind)
                            .or_insert_with(|| (0, object.place()))
                            .0 += 1;
                    }
                }
                return Ok(());
            }
            Identity::List => return Ok(()),
        };
        if !is_named && is_template(&object) {
            self.skip(&object, "a template");
            return Ok(());
        }
        *self.kinds.entry(kind.name().to_owned()).or_default() += 1;
        self.read_known(kind, &object)?;
        // Last, for what is read says more about what is wrong with it.
        shape::check(kind, &object)
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
            Kind::TargetGroupConfiguration => self
                .configurations
                .push(TargetGroupConfiguration::read(object)?),
            Kind::LoadBalancerConfiguration => {
                self.load_balancer_configurations
                    .push(LoadBalancerConfiguration::read(object)?);
            }
            Kind::GatewayClass => self.gateway_classes.push(GatewayClass::read(object)?),
            Kind::Gateway => self.gateways.push(Gateway::read(object)?),
            Kind::HttpRoute
            | Kind::GrpcRoute
            | Kind::TlsRoute
            | Kind::TcpRoute
            | Kind::UdpRoute => {
                self.routes.push(Route::read(object, kind.name())?);
            }
            Kind::StatefulSet
            | Kind::DaemonSet
            | Kind::ReplicaSet
            | Kind::ReplicationController
            | Kind::Pod
            | Kind::Rollout
            | Kind::DeploymentConfig
            | Kind::Canary
            | Kind::Job
            | Kind::CronJob => self
                .other_workloads
                .extend(OtherWorkload::read(object, kind.name())?),
            Kind::HorizontalPodAutoscaler => self.autoscalers.push(Autoscaler::read(object)?),
            Kind::ScaledObject => self.autoscalers.push(Autoscaler::read_scaled(object)?),
            Kind::PodDisruptionBudget => self.budgets.push(Budget::read(object)?),
        }
        Ok(())
    }
}

/// Whether it has what every object has.
fn is_object(object: &Field<'_>) -> bool {
    let has_text = |key| {
        object
            .get(key)
            .ok()
            .flatten()
            .is_some_and(|field| matches!(field.value(), Value::Text(_)))
    };
    has_text("apiVersion") && has_text("kind")
}

/// Whether a tool has yet to fill it in: `{{` in its name, namespace or labels, or at the start of a field that is no
/// configuration file.
fn is_template(object: &Field<'_>) -> bool {
    let of_metadata = |key| member(&member(object, "metadata")?, key);
    let has_braces = |field: &Field<'_>| field.text().is_ok_and(|text| text.value.contains("{{"));
    let labels = of_metadata("labels")
        .and_then(|labels| labels.members().ok())
        .unwrap_or_default();
    labels.iter().any(|(_, label)| has_braces(label))
        || ["name", "namespace"]
            .into_iter()
            .filter_map(of_metadata)
            .any(|field| has_braces(&field))
        || member(object, "spec").is_some_and(|spec| holds_braces(spec.value()))
}

fn member<'a>(field: &Field<'a>, key: &str) -> Option<Field<'a>> {
    field.get(key).ok().flatten()
}

fn holds_braces(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.starts_with("{{"),
        Value::List(items) => items.iter().any(|item| holds_braces(&item.value)),
        Value::Map(map) => map.values().any(|item| holds_braces(&item.value)),
        _ => false,
    }
}

/// `Deployment shop/web`, and the group of its kind where that is none of Kubernetes' own.
fn key(object: &Field<'_>) -> Option<String> {
    let text = |field: &Field<'_>, key: &str| Some(field.get(key).ok()??.text().ok()?.value);
    let metadata = object.get("metadata").ok()??;
    let (version, kind) = (text(object, "apiVersion")?, text(object, "kind")?);
    let group = version
        .split_once('/')
        .map(|(group, _)| group)
        .filter(|group| group.contains('.'));
    let group = group.map(|group| format!(".{group}")).unwrap_or_default();
    let namespace = text(&metadata, "namespace")
        .map(|namespace| format!("{namespace}/"))
        .unwrap_or_default();
    Some(format!(
        "{kind}{group} `{namespace}{}`",
        text(&metadata, "name")?
    ))
}
