//! A scenario as it is imported: every value with its origin.

use std::fmt;
use std::path::Path;

use super::facts::Exposure;
use super::source::{At, Place};
use crate::error::Error;
use crate::escape;
pub(super) use crate::escape::toml as text;
use crate::scenario::{self, Document, Scenario};
use crate::time::Span;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A manifest says so.
    Written(Place),
    /// A manifest says something from which it follows, if what is assumed holds.
    Concluded(Place, String),
    /// No manifest says so.
    Assumed(String),
    /// The user says so, with this option.
    Given(String),
}

/// A key of the scenario, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The dotted key: a setting, or an empty probe's table.
    pub key: String,
    /// Its value in TOML; empty for a table.
    pub toml: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether it is only shown, in a comment: what nobody gave stays an assumption in every report, and what a
    /// draft cannot forecast is for its reader to take up.
    pub shown: bool,
}

/// A further target group of the pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherTargetGroup {
    /// What makes it.
    pub place: Place,
    /// Its keys and values, in the order of docs/MODEL.md.
    pub values: Vec<Value>,
}

/// Something that the reader of a draft should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What about.
    pub place: Place,
    /// In a sentence.
    pub words: String,
}

/// A scenario to be completed by somebody who knows the application.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The Deployment's name, with its namespace where others have the same.
    pub name: String,
    /// The Deployment.
    pub place: Place,
    /// Keys and values, in the order of docs/MODEL.md.
    pub values: Vec<Value>,
    /// Its further target groups.
    pub other_target_groups: Vec<OtherTargetGroup>,
    /// What no manifest says and a forecast needs: dotted keys, and what to find out.
    pub asked: Vec<(String, String)>,
    /// What was noticed on the way.
    pub notices: Vec<Notice>,
    /// What of the manifests concerns the rules, but no key of a scenario.
    pub facts: super::facts::Facts,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Written(place) => write!(f, "{place}"),
            Origin::Concluded(place, assumed) => write!(f, "{place}; assumed: {assumed}"),
            Origin::Assumed(why) => write!(f, "assumed: {why}"),
            Origin::Given(option) => write!(f, "given: {option}"),
        }
    }
}

impl Origin {
    /// The place that it names.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Origin::Written(place) | Origin::Concluded(place, _) => Some(place),
            Origin::Assumed(_) | Origin::Given(_) => None,
        }
    }
}

impl Draft {
    /// What a key says, and where that comes from.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.values.iter().find(|value| value.key == key)
    }

    /// As a document, which can be edited and resolved.
    ///
    /// # Errors
    /// It is no scenario: an option gave a key that does not exist.
    pub fn document(&self) -> Result<Document, Error> {
        Document::parse(
            Path::new(&format!("{}.toml (imported)", self.name)),
            &self.to_toml(),
        )
    }

    /// As a scenario file, every line with its origin.
    pub fn to_toml(&self) -> String {
        let mut toml = self.head();
        let all = self.values.iter().chain(
            self.other_target_groups
                .iter()
                .flat_map(|group| &group.values),
        );
        let width = all
            .filter(|value| !value.toml.is_empty())
            .map(|value| line(value).chars().count());
        let width = width.filter(|&width| width <= 60).max().unwrap_or_default();
        toml.push_str(&tables(&self.values, "", width));
        for OtherTargetGroup { place, values } in &self.other_target_groups {
            toml.push_str(&format!(
                "\n[[other_target_group]]  # {}\n",
                plain(&place.to_string())
            ));
            toml.push_str(&tables(values, "other_target_group", width));
        }
        toml
    }

    /// What leads to the pods, in a line.
    pub fn exposure(&self) -> String {
        match &self.facts.exposure {
            Exposure::Alb(route) | Exposure::Broken(route) => route.clone(),
            Exposure::Other(way) => way.words.clone(),
            Exposure::Unseen(way) => format!("assumed: an ALB; {}", way.words),
            Exposure::Nothing => {
                format!(
                    "assumed: an ALB → Deployment {}; nothing in these files leads there",
                    self.facts.names.deployment
                )
            }
        }
    }

    fn head(&self) -> String {
        let mut head = format!(
            "# Deployment {} of {}, imported by rollcast {}.\n\
             # A value is followed by the line that says so, or by what is assumed in its place. A key that is\n\
             # not here has the default of Kubernetes, of the AWS Load Balancer Controller or of AWS.\n",
            plain(&self.name),
            plain(&self.place.path().to_string_lossy()),
            env!("CARGO_PKG_VERSION"),
        );
        head.push_str(&format!("#\n# {}\n", plain(&self.exposure())));
        if !self.asked.is_empty() {
            head.push_str("#\n# No manifest says, and the forecast depends on it:\n");
            self.asked
                .iter()
                .for_each(|(key, what)| head.push_str(&format!("#   {key}: {}\n", plain(what))));
        }
        let lists = [
            ("Leads nowhere", &self.facts.references),
            ("Noticed", &self.notices),
        ];
        for (title, notices) in lists.iter().filter(|(_, notices)| !notices.is_empty()) {
            head.push_str(&format!("#\n# {title}:\n"));
            notices.iter().for_each(|notice| {
                head.push_str(&format!(
                    "#   {}: {}\n",
                    plain(&notice.place.to_string()),
                    plain(&notice.words)
                ));
            });
        }
        head.push('\n');
        head
    }
}

/// Values and the heads of their tables, so many columns wide; `table` is the one that is open.
fn tables<'a>(values: &'a [Value], mut table: &'a str, width: usize) -> String {
    let mut toml = String::new();
    for value in values {
        let group = parent(&value.key);
        if value.toml.is_empty() {
            toml.push_str(&format!(
                "\n[{}]  # {}\n",
                value.key,
                comment(&value.origin)
            ));
            table = &value.key;
            continue;
        }
        if group != table {
            toml.push_str(&format!("\n[{group}]\n"));
            table = group;
        }
        toml.push_str(&format!(
            "{:width$}  # {}\n",
            line(value),
            comment(&value.origin)
        ));
    }
    toml
}

/// `key = value`, in a comment if it is only shown.
fn line(value: &Value) -> String {
    let key = value.key.rsplit('.').next().unwrap_or(&value.key);
    let mark = if value.shown { "# " } else { "" };
    format!("{mark}{key} = {}", value.toml)
}

/// Files may be called anything; a comment must stay on its line.
/// A line that the log of a CI system may show.
fn plain(text: &str) -> String {
    escape::lines(&escape::line(text))
}

fn comment(origin: &Origin) -> String {
    plain(&origin.to_string())
}

/// Gathers a draft's values.
#[derive(Debug, Default)]
pub(super) struct Values(Vec<Value>);

impl Values {
    /// A value that a manifest says, in TOML.
    pub(super) fn written<T>(
        &mut self,
        key: &str,
        at: Option<&At<T>>,
        toml: impl Fn(&T) -> String,
    ) {
        if let Some(at) = at {
            self.push(key, toml(&at.value), Origin::Written(at.place.clone()));
        }
    }

    /// Seconds that a manifest says.
    pub(super) fn seconds(&mut self, key: &str, at: Option<&At<u32>>) {
        self.written(key, at, |seconds| format!("\"{seconds}s\""));
    }

    /// A value of any origin.
    pub(super) fn push(&mut self, key: &str, toml: String, origin: Origin) {
        self.0.retain(|value| value.key != key);
        self.0.push(Value {
            key: key.to_owned(),
            toml,
            origin,
            shown: false,
        });
    }

    /// A value that is only shown, though a manifest says so.
    pub(super) fn push_shown(&mut self, key: &str, toml: String, origin: Origin) {
        self.push(key, toml, origin);
        self.0
            .iter_mut()
            .filter(|value| value.key == key)
            .for_each(|value| value.shown = true);
    }

    /// What is said about a key.
    pub(super) fn find(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|value| value.key == key)
    }

    /// Whether somebody said something about a key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|value| value.key == key)
    }

    /// A value that is only shown, unless the key has one: what `scenario` has for it.
    pub(super) fn show(&mut self, key: &str, scenario: &Scenario, why: &str) {
        let shown = scenario.value_of(key);
        let Some(shown) = shown.filter(|_| !self.has(key)) else {
            return;
        };
        let toml = if is_bare(key, &shown) {
            shown
        } else {
            text(&shown)
        };
        self.0.push(Value {
            key: key.to_owned(),
            toml,
            origin: Origin::Assumed(why.to_owned()),
            shown: true,
        });
    }

    /// In the order of docs/MODEL.md: a table, its keys, then the tables in it.
    pub(super) fn sorted(&self) -> Vec<Value> {
        let settings = scenario::settings();
        let mut sorted = self.0.clone();
        sorted.sort_by_key(|value| {
            let table = if value.toml.is_empty() {
                &value.key
            } else {
                parent(&value.key)
            };
            let group = settings
                .iter()
                .position(|row| parent(row.key) == table)
                .unwrap_or(usize::MAX);
            let key = settings
                .iter()
                .position(|row| row.key == value.key && !value.toml.is_empty());
            (group, key)
        });
        sorted
    }
}

/// The table that a key stands in; empty at the top.
fn parent(key: &str) -> &str {
    key.rsplit_once('.').map_or("", |(table, _)| table)
}

/// A span in TOML.
pub(super) fn span(span: Span) -> String {
    text(&span.to_string())
}

/// Whether a value that was printed without quotes is written so; a version is text, however it looks.
fn is_bare(key: &str, value: &str) -> bool {
    let version = ["cluster.kubernetes", "lbc.version"].contains(&key);
    !version
        && (value.parse::<f64>().is_ok()
            || ["true", "false"].contains(&value)
            || value.starts_with(['{', '[']))
}
