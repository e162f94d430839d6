//! The weather that a scenario asks for (`[[disturbance]]`): read, checked, and a bad version read
//! into the new revision.

use toml::Spanned;
use toml::de::DeValue;

use super::layer::{Layer, Leaf, Source, read};
use super::load::LoadSpec;
use super::rollout::{Change, Step};
use super::{Revision, keys};
use crate::cluster::spec::ClusterSpec;
use crate::dist::Dist;
use crate::disturbance::bad_version::{BadVersion, Fault};
use crate::disturbance::{Disturbance, Kind};
use crate::error::Error;
use crate::id::RevisionId;
use crate::time::Span;

/// More of them are no weather but an experiment of another kind; their numbers fit a byte.
const MOST: usize = 100;

/// A disturbance as it was written: its keys, and where it stands.
#[derive(Debug)]
pub(super) struct Written<'a> {
    kind: Kind,
    pub(super) layer: Layer<'a>,
    place: Leaf<'a>,
}

/// Takes the list apart.
pub(super) fn written<'a>(
    source: Source<'a>,
    value: Spanned<DeValue<'a>>,
) -> Result<Vec<Written<'a>>, Error> {
    let span = value.span();
    let DeValue::Array(array) = value.into_inner() else {
        let hint = "write [[disturbance]], with two brackets, for each disturbance";
        return Err(source.error("`disturbance` is a list", span).hint(hint));
    };
    if array.len() > MOST {
        return Err(source.error(
            format!("{} disturbances are more than {MOST}", array.len()),
            span,
        ));
    }
    array.into_iter().map(|item| one(source, item)).collect()
}

fn one<'a>(source: Source<'a>, item: Spanned<DeValue<'a>>) -> Result<Written<'a>, Error> {
    let span = item.span();
    let kinds = || Kind::ALL.iter().map(|kind| kind.word());
    let all = || {
        kinds()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let DeValue::Table(mut table) = item.into_inner() else {
        return Err(source
            .error("a disturbance is a table", span)
            .hint("[[disturbance]] kind = \"node_drain\""));
    };
    let Some(value) = table.remove("kind") else {
        return Err(source
            .error("a disturbance without a kind", span)
            .hint(format!("the kinds are {}", all())));
    };
    let place = Leaf {
        written: "disturbance.kind".to_owned(),
        value,
        source,
    };
    let word: String = place.read()?;
    let Some(kind) = Kind::ALL.iter().copied().find(|kind| kind.word() == word) else {
        let hint = match keys::nearest(&word, kinds()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the kinds are {}", all()),
        };
        return Err(place
            .error(format!("unknown kind of disturbance `{word}`"))
            .hint(hint));
    };
    let mut layer = Layer::new();
    source.flatten(&group(kind), table, &mut layer)?;
    Ok(Written { kind, layer, place })
}

fn group(kind: Kind) -> String {
    format!("disturbance.{}", kind.word())
}

/// What was written means this; a bad version is read into revisions and steps and is a disturbance no more.
pub(super) fn meaning(
    written: &[Written<'_>],
    cluster: &ClusterSpec,
    load: &LoadSpec,
    revisions: &mut Vec<Revision>,
    steps: &mut Vec<Step>,
) -> Result<Vec<Disturbance>, Error> {
    let mut disturbances = Vec::new();
    for written in written {
        let disturbance = written.read()?;
        Checked {
            written,
            cluster,
            load,
        }
        .check(&disturbance)?;
        match disturbance {
            Disturbance::BadVersion(bad) => bring(bad, revisions, steps),
            disturbance => disturbances.push(disturbance),
        }
    }
    steps.sort_by_key(|step| step.at);
    Ok(disturbances)
}

/// The new revision itself, or a further one.
fn bring(bad: BadVersion, revisions: &mut Vec<Revision>, steps: &mut Vec<Step>) {
    let new = usize::from(RevisionId::NEW.0);
    if bad.at == Span::ZERO {
        return spoil(&mut revisions[new], bad);
    }
    // Steps and disturbances are a hundred each at most, so revisions fit their number.
    let further = RevisionId(revisions.len() as u8);
    steps.push(Step {
        at: bad.at,
        change: Change::NewRevision(further),
    });
    let mut revision = revisions[new].clone();
    spoil(&mut revision, bad);
    revisions.push(revision);
}

fn spoil(revision: &mut Revision, bad: BadVersion) {
    match bad.fault {
        Fault::NeverReady => revision.never_ready = true,
        Fault::CrashLoop => revision.crash_after = Some(bad.crash_after),
        Fault::BadImage => revision.image_missing = true,
    }
}

impl Written<'_> {
    fn read(&self) -> Result<Disturbance, Error> {
        let (layer, group) = (&self.layer, &group(self.kind));
        Ok(match self.kind {
            Kind::NodeDrain => Disturbance::NodeDrain(read(layer, group)?),
            Kind::SpotInterruption => Disturbance::SpotInterruption(read(layer, group)?),
            Kind::GracefulNodeShutdown => Disturbance::GracefulNodeShutdown(read(layer, group)?),
            Kind::NodeLoss => Disturbance::NodeLoss(read(layer, group)?),
            Kind::ZoneOutage => Disturbance::ZoneOutage(read(layer, group)?),
            Kind::PodKill => Disturbance::PodKill(read(layer, group)?),
            Kind::LbcOutage => Disturbance::LbcOutage(read(layer, group)?),
            Kind::ApiThrottle => Disturbance::ApiThrottle(read(layer, group)?),
            Kind::SlowLink => Disturbance::SlowLink(read(layer, group)?),
            Kind::LoadStep => Disturbance::LoadStep(read(layer, group)?),
            Kind::BadVersion => Disturbance::BadVersion(read(layer, group)?),
        })
    }

    /// An error at a key, or at the kind where the key was left to its default.
    fn refuse(&self, key: &str, message: impl Into<String>) -> Error {
        self.layer
            .get(&format!("{}.{key}", group(self.kind)))
            .unwrap_or(&self.place)
            .error(message)
    }

    fn refuse_unless(
        &self,
        holds: bool,
        key: &str,
        message: String,
        hint: &str,
    ) -> Result<(), Error> {
        if holds {
            Ok(())
        } else {
            Err(self.refuse(key, message).hint(hint))
        }
    }
}

/// One disturbance against the rest of the scenario.
struct Checked<'a, 's> {
    written: &'a Written<'s>,
    cluster: &'a ClusterSpec,
    load: &'a LoadSpec,
}

impl Checked<'_, '_> {
    fn check(&self, disturbance: &Disturbance) -> Result<(), Error> {
        match disturbance {
            Disturbance::BadVersion(spec) => self.in_time(&Dist::Constant(spec.at))?,
            other => self.in_time(other.at())?,
        }
        match disturbance {
            Disturbance::NodeDrain(spec) => self.host(spec.node),
            Disturbance::SpotInterruption(spec) => self.host(spec.node),
            Disturbance::NodeLoss(spec) => self.host(spec.node),
            Disturbance::GracefulNodeShutdown(spec) => {
                self.host(spec.node)?;
                self.whole_seconds("grace_period", spec.grace_period)?;
                self.whole_seconds("critical_grace_period", spec.critical_grace_period)
            }
            Disturbance::ZoneOutage(spec) => {
                self.at_least_one("zones", spec.zones.into())?;
                self.below("zone", spec.zone, spec.zones, "zones")
            }
            Disturbance::PodKill(spec) => self.at_least_one("pods", spec.pods),
            Disturbance::ApiThrottle(spec) => {
                self.at_least_one("rate", spec.rate)?;
                self.at_least_one("burst", spec.burst)?;
                self.number("refused", spec.refused, 1.0)
            }
            Disturbance::SlowLink(spec) => {
                self.number("factor", spec.factor, 1e6)?;
                let (message, hint) = (
                    "this link is no slower than before".to_owned(),
                    "give `factor` or `extra`",
                );
                self.written.refuse_unless(
                    spec.factor != 1.0 || spec.extra > Span::ZERO,
                    "factor",
                    message,
                    hint,
                )
            }
            Disturbance::LoadStep(spec) => {
                let message = "a closed loop has no rate that a step could multiply".to_owned();
                self.written.refuse_unless(
                    self.load.workers.is_none(),
                    "factor",
                    message,
                    "give `load.rate`, not `load.workers`",
                )?;
                self.number("factor", spec.factor, 1e3)
            }
            Disturbance::LbcOutage(_) | Disturbance::BadVersion(_) => Ok(()),
        }
    }

    fn in_time(&self, at: &Dist) -> Result<(), Error> {
        let Dist::Constant(at) = *at else {
            return Ok(());
        };
        let message = format!(
            "this comes {at} after the rollout's start {}",
            self.load.too_late()
        );
        let hint = "let the load last longer: `load.duration`";
        self.written
            .refuse_unless(self.load.covers(at), "at", message, hint)
    }

    fn host(&self, node: Option<u16>) -> Result<(), Error> {
        self.below("node", node, self.cluster.nodes, "hosts (`cluster.nodes`)")
    }

    fn below(&self, key: &str, given: Option<u16>, count: u16, of: &str) -> Result<(), Error> {
        let message = format!(
            "`{key}` is {}, and there are {count} {of}",
            given.unwrap_or_default()
        );
        self.written.refuse_unless(
            given.is_none_or(|given| given < count),
            key,
            message,
            "they are counted from 0",
        )
    }

    fn at_least_one(&self, key: &str, count: u32) -> Result<(), Error> {
        self.written
            .refuse_unless(count > 0, key, format!("`{key}` is 0"), "at least 1")
    }

    fn number(&self, key: &str, number: f64, most: f64) -> Result<(), Error> {
        let hint = format!("a number from 0 to {most}");
        self.written.refuse_unless(
            (0.0..=most).contains(&number),
            key,
            format!("`{key}` is {number}"),
            &hint,
        )
    }

    fn whole_seconds(&self, key: &str, span: Span) -> Result<(), Error> {
        let hint = "Kubernetes counts it in whole seconds";
        self.written.refuse_unless(
            span == span.whole_seconds(),
            key,
            format!("`{key}` is {span}"),
            hint,
        )
    }
}
