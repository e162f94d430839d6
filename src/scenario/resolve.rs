//! The second stage of input: what a document means.

use std::path::Path;

use serde::Deserialize;
use toml::de::ValueDeserializer;

use super::check::{self, Templates};
use super::client;
use super::disturbances;
use super::document::{Document, Layers};
use super::keys;
use super::layer::{Layer, Leaf, read};
use super::profile;
use super::rollout::{Change, NewRevisionSpec, Ready, Step};
use super::target_groups;
use super::{Revision, Scenario};
use crate::error::Error;
use crate::escape;
use crate::id::RevisionId;
use crate::time::Span;

impl Document {
    /// What the document means: defaults and profiles filled in, everything checked.
    ///
    /// # Errors
    /// A value of the wrong kind, or one that is impossible, with its line; exit code 2. More work
    /// than a machine can do, with the estimate; exit code 4.
    pub fn resolve(&self) -> Result<Scenario, Error> {
        let layers = self.layers()?;
        let mut templates = Templates::new();
        templates.push(template(&layers.file, &Layer::new())?);
        let steps = rollout(&layers, &mut templates)?;
        let mut revisions = templates
            .iter()
            .map(revision)
            .collect::<Result<Vec<_>, _>>()?;
        let (cluster, load) = (
            read(&layers.file, "cluster")?,
            read(&load(&layers.file)?, "load")?,
        );
        let mut course = steps.iter().map(|(step, _)| *step).collect();
        let disturbances = disturbances::meaning(
            &layers.disturbances,
            &cluster,
            &load,
            &mut revisions,
            &mut course,
        )?;
        let scenario = Scenario {
            name: check::name(&layers.file, "name")?.unwrap_or_else(|| stem(&self.path)),
            description: text(&layers.file, "description")?.unwrap_or_default(),
            deployment: read(&layers.file, "deployment")?,
            revisions,
            steps: course,
            service: read(&layers.file, "service")?,
            pod_disruption_budget: read(&layers.file, "pod_disruption_budget")?,
            disturbances,
            cluster,
            kube_proxy: read(&layers.file, "kube_proxy")?,
            lbc: read(&layers.file, "lbc")?,
            target_group: read(&layers.file, "target_group")?,
            other_target_groups: target_groups::meaning(&layers.other_target_groups)?,
            load_balancer: read(&layers.file, "load_balancer")?,
            load,
            monte_carlo: read(&layers.file, "monte_carlo")?,
            objectives: read(&layers.file, "objectives")?,
            sweep: layers
                .sweep
                .iter()
                .map(|(key, leaf)| Ok((key.clone(), raw(leaf)?)))
                .collect::<Result<_, Error>>()?,
            given: layers.given(),
        };
        check::check(&scenario, &self.path, &layers, &templates, &steps)?;
        Ok(scenario)
    }
}

fn stem(path: &Path) -> String {
    let stem = path
        .file_stem()
        .map(|stem| escape::line(&stem.to_string_lossy()))
        .unwrap_or_default();
    stem.trim_matches(['<', '>']).to_owned()
}

fn text(file: &Layer<'_>, key: &str) -> Result<Option<String>, Error> {
    file.get(key).map(Leaf::read).transpose()
}

fn raw(leaf: &Leaf<'_>) -> Result<toml::Value, Error> {
    toml::Value::deserialize(ValueDeserializer::from(leaf.value.clone()))
        .map_err(|error| leaf.error(error.message()))
}

/// Profile, then `[pod]` and `[app]`, then the overlay of a new revision: the later wins. The
/// profile is the lowest layer whoever names it, so a measured `start_up` outlives a new version.
fn template<'a>(file: &Layer<'a>, overlay: &Layer<'a>) -> Result<Layer<'a>, Error> {
    let named = overlay
        .get("app.profile")
        .or_else(|| file.get("app.profile"));
    let mut template = named.map(profile_layer).transpose()?.unwrap_or_default();
    let own = file
        .iter()
        .filter(|(key, _)| key.starts_with("pod.") || key.starts_with("app."));
    template.extend(
        own.chain(overlay)
            .map(|(key, leaf)| (key.clone(), leaf.clone())),
    );
    Ok(template)
}

/// A client's keys beneath those of `[load]`.
fn load<'a>(file: &Layer<'a>) -> Result<Layer<'a>, Error> {
    let mut load = match file.get("load.client") {
        Some(leaf) => {
            let name: String = leaf.read()?;
            let unknown = || {
                leaf.error(format!("unknown client `{name}`"))
                    .hint(client::suggestion(&name))
            };
            client::find(&name)
                .map(client::Client::layer)
                .ok_or_else(unknown)?
        }
        None => Layer::new(),
    };
    let own = file.iter().filter(|(key, _)| key.starts_with("load."));
    load.extend(own.map(|(key, leaf)| (key.clone(), leaf.clone())));
    Ok(load)
}

fn profile_layer(leaf: &Leaf<'_>) -> Result<Layer<'static>, Error> {
    let name: String = leaf.read()?;
    let unknown = || {
        leaf.error(format!("unknown profile `{name}`"))
            .hint(profile::suggestion(&name))
    };
    profile::find(&name)
        .map(profile::Profile::layer)
        .ok_or_else(unknown)
}

/// The keys of `[new_revision]` or of a step's `set`, under the names of the tables that they overlay.
fn overlay<'a>(layer: &Layer<'a>, prefix: &str) -> Layer<'a> {
    let members = layer
        .iter()
        .filter_map(|(key, leaf)| Some((key.strip_prefix(prefix)?, leaf)));
    members
        .map(|(key, leaf)| {
            let name = keys::template_key(key).unwrap_or_else(|| format!("new_revision.{key}"));
            (name, leaf.clone())
        })
        .collect()
}

fn revision(template: &Layer<'_>) -> Result<Revision, Error> {
    let own: NewRevisionSpec = read(template, "new_revision")?;
    Ok(Revision {
        pod: read(template, "pod")?,
        app: read(template, "app")?,
        never_ready: own.ready == Ready::Never,
        crash_after: own.crash_after,
        image_pull: own.image_pull,
        image_missing: own.image_missing,
    })
}

/// The steps in order of time, each with the key that it came from; adds the templates that they bring.
fn rollout<'a>(
    layers: &Layers<'a>,
    templates: &mut Templates<'a>,
) -> Result<Vec<(Step, Option<Leaf<'a>>)>, Error> {
    let new = || template(&layers.file, &overlay(&layers.file, "new_revision."));
    if layers.steps.is_empty() {
        templates.push(new()?);
        return Ok(vec![(Step::new_revision(), None)]);
    }
    let mut timed = Vec::new();
    for layer in &layers.steps {
        let at = layer
            .get("step.at")
            .map(Leaf::read::<Span>)
            .transpose()?
            .unwrap_or_default();
        timed.push((at, layer));
    }
    timed.sort_by_key(|&(at, _)| at);
    let mut steps: Vec<(Step, Option<Leaf<'a>>)> = Vec::new();
    let mut named = None;
    for (at, layer) in timed {
        let (change, leaf) = change(layer, templates, &mut named, &layers.file)?;
        if change == Change::Create && !steps.is_empty() {
            return Err(leaf
                .error("a Deployment that is there cannot be created")
                .hint("`create` is the first step: nothing runs before it"));
        }
        let made = steps
            .first()
            .is_some_and(|(first, _)| first.change == Change::Create);
        if made && matches!(change, Change::DeletePods(_)) {
            return Err(leaf
                .error("`delete_pods` deletes pods that ran before the rollout, and it begins with the Deployment's creation")
                .hint("a [[disturbance]] of the kind `pod_kill` deletes any pod"));
        }
        steps.push((
            Step { at, change },
            Some(layer.get("step.at").unwrap_or(leaf).clone()),
        ));
    }
    let unused = layers
        .file
        .iter()
        .find(|(key, _)| named.is_none() && key.starts_with("new_revision."));
    if let Some((_, leaf)) = unused {
        return Err(leaf
            .error("[new_revision] is never rolled out")
            .hint("let a step say set = { revision = \"new\" }, or leave all steps out"));
    }
    if templates.len() < 2 {
        templates.push(new()?);
    }
    Ok(steps)
}

/// What one step changes. `named` is the number of `[new_revision]`, once a step has brought it.
fn change<'a, 'l>(
    layer: &'l Layer<'a>,
    templates: &mut Templates<'a>,
    named: &mut Option<RevisionId>,
    file: &Layer<'a>,
) -> Result<(Change, &'l Leaf<'a>), Error> {
    let keys: Vec<(&str, &Leaf)> = layer
        .iter()
        .filter_map(|(key, leaf)| Some((key.strip_prefix("step.set.")?, leaf)))
        .collect();
    let simple = |key: &str| {
        matches!(
            key,
            "create" | "revision" | "replicas" | "paused" | "delete_pods"
        )
    };
    let &(first, leaf) = keys.iter().find(|(key, _)| simple(key)).unwrap_or(&keys[0]);
    if simple(first) && keys.len() > 1 {
        return Err(leaf
            .error(format!("a step makes one change: `{first}` stands alone"))
            .hint("write a second [[step]] with the same `at`"));
    }
    let change = match first {
        "create" if leaf.read::<bool>()? => Change::Create,
        "create" => {
            return Err(leaf
                .error("a step with `create = false` does nothing")
                .hint("leave it out"));
        }
        "replicas" => Change::Replicas(leaf.read()?),
        "paused" => Change::Paused(leaf.read()?),
        "delete_pods" => Change::DeletePods(leaf.read()?),
        "revision" => match leaf.read::<String>()?.as_str() {
            "old" => Change::Rollback,
            "new" => Change::NewRevision(match *named {
                Some(revision) => revision,
                None => {
                    let made = add(templates, template(file, &overlay(file, "new_revision."))?);
                    *named = Some(made);
                    made
                }
            }),
            other => {
                let hint = "`new` (the one of [new_revision]), `old`, or keys of its own in place of `revision`";
                return Err(leaf.error(format!("unknown revision `{other}`")).hint(hint));
            }
        },
        _ => Change::NewRevision(add(
            templates,
            template(file, &overlay(layer, "step.set."))?,
        )),
    };
    Ok((change, leaf))
}

fn add<'a>(templates: &mut Templates<'a>, template: Layer<'a>) -> RevisionId {
    // Steps are few (`document::MOST_STEPS`), so revisions fit their number.
    let revision = RevisionId(templates.len() as u8);
    templates.push(template);
    revision
}
