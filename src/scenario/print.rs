//! A scenario written out again: complete, canonical, and as what was assumed.

use serde::Serialize;
use toml::{Table, Value};

use super::client;
use super::keys;
use super::profile;
use super::rollout::{Change, NewRevisionSpec, Ready};
use super::{Revision, Scenario};
use crate::cluster::app::OnSigterm;
use crate::cluster::disruption::PodDisruptionBudgetSpec;
use crate::cluster::kube_proxy::KubeProxySpec;
use crate::disturbance::Kind;
use crate::error::Error;
use crate::id::RevisionId;
use crate::setting::{Grade, Setting};

/// Something that the forecast relies on, and nobody gave or published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// The dotted key.
    pub key: String,
    /// Its value, as a scenario would write it.
    pub value: String,
    /// Always [`Grade::Assumed`] so far.
    pub grade: Grade,
    /// Why this value.
    pub source: &'static str,
}

impl Scenario {
    /// A complete scenario file, every default spelt out, that means the same.
    ///
    /// # Errors
    /// The seed is above 9223372036854775807, the greatest integer of TOML.
    pub fn to_toml(&self) -> Result<String, Error> {
        let mut table = self.table()?;
        table.insert("name".to_owned(), Value::String(self.name.clone()));
        table.insert(
            "description".to_owned(),
            Value::String(self.description.clone()),
        );
        if !self.sweep.is_empty() {
            table.insert(
                "sweep".to_owned(),
                Value::Table(self.sweep.clone().into_iter().collect()),
            );
        }
        toml::to_string(&table).map_err(|error| Error::input(format!("no TOML: {error}")))
    }

    /// The same 16 hexadecimal digits for the same meaning: whatever the order of keys, comments,
    /// name and description, whether a default or a profile's value was spelt out, and for any seed
    /// and number of runs.
    pub fn digest(&self) -> String {
        let mut canonical = self.clone();
        canonical.monte_carlo.runs = 0;
        canonical.monte_carlo.seed = 0;
        canonical.load.client = None;
        canonical
            .revisions
            .iter_mut()
            .for_each(|revision| revision.app.profile = None);
        canonical
            .other_target_groups
            .iter_mut()
            .for_each(|group| group.name = None);
        let table = canonical
            .table()
            .expect("a seed of 0 is a TOML integer, and so is every other number");
        format!("{:016x}", fnv1a(Value::Table(table).to_string().as_bytes()))
    }

    /// The value of a dotted key as a scenario would write it, without the quotes of a text; nothing
    /// if it is absent, or no key. A disturbance or a further target group that is not there has its
    /// defaults; of several groups it is the first one's.
    pub fn value_of(&self, key: &str) -> Option<String> {
        let mut table = self.table().ok()?;
        table.insert("name".to_owned(), Value::String(self.name.clone()));
        table.insert("kube_proxy".to_owned(), tree(&self.kube_proxy).ok()?);
        at(&table, key)
            .map(show)
            .or_else(|| of_disturbance(key))
            .or_else(|| self.of_other_target_group(key))
    }

    /// The settings in which another scenario differs: key, its value here, its value there; `none` for an absent one.
    /// What is only about chance, objectives or a sweep is no difference.
    pub fn differences(&self, other: &Scenario) -> Vec<(String, String, String)> {
        let is_simulated = |key: &str| {
            ![
                "monte_carlo.",
                "objectives.",
                "sweep",
                "step",
                "disturbance",
                "name",
                "description",
            ]
            .iter()
            .any(|group| key.starts_with(group))
        };
        let value = |scenario: &Scenario, key: &str| {
            scenario.value_of(key).unwrap_or_else(|| "none".to_owned())
        };
        let keys = keys::settings().iter().map(|row| row.key);
        let mut rows: Vec<_> = keys
            .filter(|key| is_simulated(key))
            .map(|key| (key.to_owned(), value(self, key), value(other, key)))
            .filter(|(_, here, there)| here != there)
            .collect();
        let mut listed = |key: &str, differ: bool, here: usize, there: usize| {
            if differ {
                rows.push((
                    key.to_owned(),
                    format!("{here} listed"),
                    format!("{there} listed"),
                ));
            }
        };
        listed(
            "step",
            self.steps != other.steps,
            self.steps.len(),
            other.steps.len(),
        );
        let [here, there] = [self, other].map(|scenario| &scenario.disturbances);
        listed("disturbance", here != there, here.len(), there.len());
        rows
    }

    fn of_other_target_group(&self, key: &str) -> Option<String> {
        let group = self
            .other_target_groups
            .first()
            .cloned()
            .unwrap_or_default();
        at(
            tree(&group).ok()?.as_table()?,
            key.strip_prefix("other_target_group.")?,
        )
        .map(show)
    }

    /// What the forecast relies on that nobody gave and nobody published, in the order of docs/MODEL.md.
    pub fn assumptions(&self) -> Vec<Assumption> {
        let table = self.table().unwrap_or_default();
        let old = &self.revisions[0].app;
        let profile = old.profile.as_deref().and_then(profile::find);
        let client = self.load.client.as_deref().and_then(client::find);
        let mut assumptions: Vec<Assumption> = keys::settings()
            .iter()
            .filter(|row| !self.given.contains(row.key) && self.depends_on(row.key))
            .filter_map(|row| {
                let of_client = || client.and_then(|client| client.row(row.key));
                let (grade, source) = match profile
                    .and_then(|profile| profile.row(row.key))
                    .or_else(of_client)
                {
                    Some(row) => (row.grade, row.source),
                    None => (row.grade, row.source),
                };
                assumption(row, grade, source, &table)
            })
            .collect();
        assumptions.extend(self.assumed_of_new_profiles());
        assumptions.extend(self.unknown_versions());
        assumptions
    }

    /// A new revision with a profile of its own brings that profile's assumptions.
    fn assumed_of_new_profiles(&self) -> Vec<Assumption> {
        let old = &self.revisions[0].app.profile;
        let profiles = self.revisions[1..]
            .iter()
            .filter(|revision| revision.app.profile != *old);
        let mut assumptions = Vec::new();
        for profile in
            profiles.filter_map(|revision| revision.app.profile.as_deref().and_then(profile::find))
        {
            let given = |key: &str| {
                ["app", "new_revision", "step.set"].map(|table| format!("{table}.{key}"))
            };
            for row in profile
                .rows
                .iter()
                .filter(|row| row.grade == Grade::Assumed)
            {
                if given(row.key).iter().all(|key| !self.given.contains(key)) {
                    assumptions.push(Assumption {
                        key: format!("new_revision.{}", row.key),
                        value: row.value.trim_matches('"').to_owned(),
                        grade: row.grade,
                        source: row.source,
                    });
                }
            }
        }
        assumptions.dedup();
        assumptions
    }

    /// Whether the forecast depends on a key at all, given the others.
    fn depends_on(&self, key: &str) -> bool {
        let any = |holds: fn(&Revision) -> bool| self.revisions.iter().any(holds);
        match key {
            "cluster.immediate_readiness" => any(|revision| revision.pod.readiness_probe.is_some()),
            "cluster.ip_reuse" => !self.is_by_host(),
            "cluster.ip_cooldown" => self.cluster.ip_reuse > 0.0,
            "lbc.version" | "lbc.requeue" => any(|revision| revision.pod.readiness_gate),
            // What is off is not relied on; a closed loop has no rate.
            "load.shape" | "load.stream_share" => false,
            "load.rate" | "load.pacing" => self.load.workers.is_none(),
            "load.think_time" => self.load.workers.is_some(),
            "load.retry_backoff" | "load.idempotent_share" => self.load.retries > 0,
            "load.stream_length" => self.load.stream_share > 0.0,
            "app.close_connections_on_shutdown" => {
                any(|revision| revision.app.on_sigterm == OnSigterm::KeepServing)
            }
            "app.end_streams_on_shutdown" => self.load.stream_share > 0.0,
            "app.shutdown" | "app.refusing" => {
                any(|revision| revision.app.on_sigterm != OnSigterm::Ignore)
            }
            "cluster.links" => false,
            _ if key.starts_with("kube_proxy.") => self.is_by_host(),
            "pod.sidecar.native" | "pod.sidecar.shutdown" => {
                any(|revision| revision.pod.sidecar.is_some())
            }
            "new_revision.image_pull" => !self.given.contains("step.set.image_pull"),
            _ => ![
                "monte_carlo.",
                "objectives.",
                "sweep",
                "step.",
                "new_revision.",
            ]
            .iter()
            .any(|group| key.starts_with(group)),
        }
    }

    /// Everything but name, description and sweep, as tables.
    fn table(&self) -> Result<Table, Error> {
        let [old, new] = [template(&self.revisions[0])?, template(&self.revisions[1])?];
        let mut table = Table::new();
        let mut put = |name: &str, value: Value| table.insert(name.to_owned(), value);
        put("deployment", tree(&self.deployment)?);
        put("pod", tree(&self.revisions[0].pod)?);
        put("app", tree(&self.revisions[0].app)?);
        put("service", tree(&self.service)?);
        put("cluster", tree(&self.cluster)?);
        put("lbc", tree(&self.lbc)?);
        put("target_group", tree(&self.target_group)?);
        put("load_balancer", tree(&self.load_balancer)?);
        put("load", tree(&self.load)?);
        put("monte_carlo", tree(&self.monte_carlo)?);
        put("objectives", tree(&self.objectives)?);
        // What is not there leaves no trace in the digest.
        if self.pod_disruption_budget != PodDisruptionBudgetSpec::default() {
            put("pod_disruption_budget", tree(&self.pod_disruption_budget)?);
        }
        if self.is_by_host() || self.kube_proxy != KubeProxySpec::default() {
            put("kube_proxy", tree(&self.kube_proxy)?);
        }
        if !self.other_target_groups.is_empty() {
            let groups = self.other_target_groups.iter().map(tree);
            put(
                "other_target_group",
                Value::Array(groups.collect::<Result<_, _>>()?),
            );
        }
        if !self.disturbances.is_empty() {
            put(
                "disturbance",
                Value::Array(
                    self.disturbances
                        .iter()
                        .map(tree)
                        .collect::<Result<_, _>>()?,
                ),
            );
        }
        // A new revision that no step brings has no say either.
        if self
            .steps
            .iter()
            .any(|step| step.change == Change::NewRevision(RevisionId::NEW))
        {
            put("new_revision", Value::Table(difference(&new, &old)));
        }
        put(
            "step",
            Value::Array(
                self.steps
                    .iter()
                    .map(|step| self.step(step, &old))
                    .collect::<Result<_, _>>()?,
            ),
        );
        Ok(table)
    }

    fn step(&self, step: &super::Step, old: &Table) -> Result<Value, Error> {
        let set = match step.change {
            Change::NewRevision(RevisionId::NEW) => {
                one("revision", Value::String("new".to_owned()))
            }
            Change::NewRevision(revision) => difference(&template(self.revision(revision))?, old),
            Change::Rollback => one("revision", Value::String("old".to_owned())),
            Change::Create => one("create", Value::Boolean(true)),
            Change::Replicas(replicas) => one("replicas", Value::Integer(replicas.into())),
            Change::Paused(paused) => one("paused", Value::Boolean(paused)),
            Change::DeletePods(pods) => one("delete_pods", Value::Integer(pods.into())),
        };
        let mut table = one("at", Value::String(step.at.to_string()));
        table.insert("set".to_owned(), Value::Table(set));
        Ok(Value::Table(table))
    }
}

fn one(key: &str, value: Value) -> Table {
    [(key.to_owned(), value)].into_iter().collect()
}

fn tree<T: Serialize>(group: &T) -> Result<Value, Error> {
    Value::try_from(group)
        .map_err(|error| Error::input(format!("this scenario cannot be written as TOML: {error}")))
}

/// A revision flattened as `[new_revision]` writes it.
fn template(revision: &Revision) -> Result<Table, Error> {
    let own = NewRevisionSpec {
        ready: if revision.never_ready {
            Ready::Never
        } else {
            Ready::Probes
        },
        crash_after: revision.crash_after.clone(),
        image_pull: revision.image_pull.clone(),
        image_missing: revision.image_missing,
    };
    let mut table = Table::new();
    for group in [tree(&revision.pod)?, tree(&revision.app)?, tree(&own)?] {
        if let Value::Table(group) = group {
            table.extend(group);
        }
    }
    Ok(table)
}

/// What a new revision says differently. `ready` is always said, so that a table is never empty.
fn difference(new: &Table, old: &Table) -> Table {
    new.iter()
        .filter(|(key, value)| *key == "ready" || old.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn at<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((group, rest)) => match table.get(group)? {
            Value::Array(items) => of_kind(items, rest),
            group => at(group.as_table()?, rest),
        },
    }
}

/// A key of the first disturbance of its kind: `node_drain.at`.
fn of_kind<'a>(items: &'a [Value], key: &str) -> Option<&'a Value> {
    let (kind, rest) = key.split_once('.')?;
    let mut tables = items.iter().filter_map(Value::as_table);
    at(
        tables.find(|table| table.get("kind").and_then(Value::as_str) == Some(kind))?,
        rest,
    )
}

fn of_disturbance(key: &str) -> Option<String> {
    let (word, rest) = key.strip_prefix("disturbance.")?.split_once('.')?;
    let kind = Kind::ALL.iter().find(|kind| kind.word() == word)?;
    at(tree(&kind.left_to_defaults()).ok()?.as_table()?, rest).map(show)
}

fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn assumption(
    row: &Setting,
    grade: Grade,
    source: &'static str,
    table: &Table,
) -> Option<Assumption> {
    let value = match at(table, row.key) {
        Some(value) => show(value),
        // The one absence that is an assumption: that nothing has to be pulled.
        None if row.key == "new_revision.image_pull" => "none".to_owned(),
        None => return None,
    };
    (grade == Grade::Assumed).then(|| Assumption {
        key: row.key.to_owned(),
        value,
        grade,
        source,
    })
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv): not against forgery, only against mistakes.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}
