//! `rollcast.toml`: what a project has settled for all its scenarios and manifests.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Document;
use super::{client, profile};
use crate::error::Error;

/// The name of the file.
pub const FILE: &str = "rollcast.toml";

/// What one service says of itself. Where a manifest leaves it out, it has the default of Kubernetes or of AWS: a value
/// for all services would be wrong for the one that has no such line.
const OF_ONE_SERVICE: &[&str] = &[
    "name",
    "description",
    "deployment",
    "pod",
    "new_revision",
    "service",
    "pod_disruption_budget",
    "target_group",
];

/// Keys that say the same thing in different ways: a scenario that gives one of them says it all.
const ALTERNATIVES: &[&[&str]] = &[&[
    "load.client",
    "load.rate",
    "load.shape",
    "load.pacing",
    "load.workers",
    "load.think_time",
]];

/// A `rollcast.toml` that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    path: PathBuf,
    settings: Vec<(String, String)>,
}

/// What became of a project's settings in one scenario.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settled {
    /// The file.
    pub path: PathBuf,
    /// Keys and values that the scenario has from it.
    pub taken: Vec<(String, String)>,
    /// Keys and values that something else says otherwise: the scenario, or the option that is named.
    pub overridden: Vec<(String, String, String)>,
}

/// A key that something other than the project's file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The dotted key.
    pub key: String,
    /// Its value, as [`Document::set`] takes it; of a file only a profile's or a client's name is known.
    pub value: String,
    /// Who says so: the scenario, an option, a file.
    pub by: String,
}

impl Project {
    /// The nearest [`FILE`] from a directory upwards, to the root of the file system.
    pub fn find(directory: &Path) -> Option<PathBuf> {
        directory
            .ancestors()
            .map(|above| above.join(FILE))
            .find(|path| path.is_file())
    }

    /// Reads one, and looks at each value by itself.
    ///
    /// # Errors
    /// It cannot be read, has a key that does not exist or belongs to one service, or a value that cannot be.
    pub fn read(path: &Path) -> Result<Project, Error> {
        let document = Document::open(path)?;
        for (key, leaf) in &document.layers()?.file {
            let table = key.split('.').next().unwrap_or(key);
            if OF_ONE_SERVICE.contains(&table) {
                return Err(leaf
                    .error(format!("`{key}` is of one service, and {FILE} is of all"))
                    .hint("write it in the scenario or the manifest, or give it with --config or --set"));
            }
        }
        let settings = document.settings()?;
        document.resolve()?;
        Ok(Project {
            path: path.to_owned(),
            settings,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Dotted keys and their values, as [`Document::set`] takes them.
    pub fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    /// Lays the settings beneath a scenario: those that neither it nor an option says.
    ///
    /// # Errors
    /// The document names a profile or a client by something that is no text.
    pub fn lay_beneath(&self, document: &mut Document, options: &[Said]) -> Result<Settled, Error> {
        let mut said = Vec::new();
        for (key, leaf) in &document.layers()?.file {
            let is_name = ["app.profile", "load.client"].contains(&key.as_str());
            let value = if is_name { leaf.read()? } else { String::new() };
            said.push(Said {
                key: key.clone(),
                value,
                by: "the scenario".to_owned(),
            });
        }
        said.extend(options.iter().cloned());
        let settled = self.beside(&said);
        for (key, value) in &settled.taken {
            document.set_from(key, value, &self.path)?;
        }
        Ok(settled)
    }

    /// The settings that count beside what is said otherwise.
    pub fn beside(&self, said: &[Said]) -> Settled {
        let mut settled = Settled {
            path: self.path.clone(),
            ..Settled::default()
        };
        for (key, value) in &self.settings {
            match said.iter().find(|said| said.settles(key)) {
                Some(Said { by, .. }) => {
                    settled
                        .overridden
                        .push((key.clone(), value.clone(), by.clone()));
                }
                None => settled.taken.push((key.clone(), value.clone())),
            }
        }
        settled
    }
}

impl Said {
    /// Whether this leaves nothing to say of a key.
    fn settles(&self, key: &str) -> bool {
        let is_inside = |inner: &str, outer: &str| {
            inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        let is_same = self.key == key || is_inside(&self.key, key) || is_inside(key, &self.key);
        let is_alternative = ALTERNATIVES
            .iter()
            .any(|group| group.contains(&key) && group.contains(&self.key.as_str()));
        // A profile or a client is a word on all the keys that it gives.
        let is_named = match self.key.as_str() {
            "app.profile" => {
                profile::find(&self.value).is_some_and(|named| named.row(key).is_some())
            }
            "load.client" => {
                client::find(&self.value).is_some_and(|named| named.row(key).is_some())
            }
            _ => false,
        };
        is_same || is_alternative || is_named
    }
}

/// What is taken, and what is not and why, in a sentence.
impl fmt::Display for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let taken: Vec<String> = self
            .taken
            .iter()
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        let overridden: Vec<String> = self
            .overridden
            .iter()
            .map(|(key, value, by)| format!("{key} = {value} ({by} says otherwise)"))
            .collect();
        let path = self.path.display();
        match (taken.is_empty(), overridden.is_empty()) {
            (false, true) => write!(f, "{path} gives {}", taken.join(", ")),
            (false, false) => {
                write!(
                    f,
                    "{path} gives {}; not {}",
                    taken.join(", "),
                    overridden.join(", ")
                )
            }
            (true, false) => write!(f, "{path} gives nothing: not {}", overridden.join(", ")),
            (true, true) => write!(f, "{path} gives nothing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(text: &str) -> Result<Project, Error> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        std::fs::write(&path, text).unwrap();
        Project::read(&path)
    }

    /// What a scenario has from a project: the keys taken, and those it says itself.
    #[track_caller]
    fn check(
        text: &str,
        scenario: &str,
        taken: &[&str],
        overridden: &[&str],
    ) -> crate::scenario::Scenario {
        let mut document = Document::parse(Path::new("app.toml"), scenario).unwrap();
        let settled = project(text)
            .unwrap()
            .lay_beneath(&mut document, &[])
            .unwrap();
        let keys: Vec<&str> = settled.taken.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, taken);
        let keys: Vec<&str> = settled
            .overridden
            .iter()
            .map(|(key, ..)| key.as_str())
            .collect();
        assert_eq!(keys, overridden);
        document.resolve().unwrap()
    }

    #[test]
    fn a_scenario_wins_and_the_rest_is_taken() {
        let settled = "load.rate = 7.0\nload_balancer.nodes = 3\nobjectives.probability = 0.9";
        let scenario = check(
            settled,
            "[load]\nrate = 5",
            &["load_balancer.nodes", "objectives.probability"],
            &["load.rate"],
        );
        assert_eq!((scenario.load.rate, scenario.load_balancer.nodes), (5.0, 3));
        assert!(scenario.given.contains("load_balancer.nodes"));
        let bare = Document::parse(Path::new("app.toml"), "[load]\nrate = 5").unwrap();
        assert_ne!(scenario.digest(), bare.resolve().unwrap().digest());
    }

    #[test]
    fn a_load_is_said_as_a_whole() {
        let scenario = check("load.workers = 9", "load.rate = 5", &[], &["load.workers"]);
        assert_eq!(scenario.load.workers, None);
        check(
            "load.rate = 9.0\nload.retries = 2",
            "load.client = \"k6\"",
            &["load.retries"],
            &["load.rate"],
        );
    }

    #[test]
    fn a_profile_of_the_scenario_is_its_own_word() {
        let scenario = check(
            "app.on_sigterm = \"ignore\"\napp.service_time = \"3ms\"",
            "app.profile = \"nginx-quit\"",
            &["app.service_time"],
            &["app.on_sigterm"],
        );
        assert_eq!(
            scenario.revisions[0].app.on_sigterm,
            crate::cluster::app::OnSigterm::Drain
        );
        let own = "app.profile = \"nginx-quit\"\napp.on_sigterm = \"ignore\"";
        let scenario = check(
            own,
            "load.rate = 5",
            &["app.on_sigterm", "app.profile"],
            &[],
        );
        assert_eq!(
            scenario.revisions[0].app.on_sigterm,
            crate::cluster::app::OnSigterm::Ignore
        );
    }

    #[test]
    fn an_option_settles_a_load_too() {
        let rate = Said {
            key: "load.rate".to_owned(),
            value: "5.0".to_owned(),
            by: "--rate".to_owned(),
        };
        let settled = project("load.workers = 9\nload.retries = 2")
            .unwrap()
            .beside(&[rate]);
        assert_eq!(
            settled.to_string().split_once(" gives ").unwrap().1,
            "load.retries = 2; not load.workers = 9 (--rate says otherwise)"
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, words) in [
            ("[load]\nrate = \"fast\"", "rollcast.toml:2:8"),
            ("\n[load]\nrte = 1", "rollcast.toml:3:1"),
            ("[pod]\npre_stop = \"60s\"", "of one service"),
            ("[load]\nrate = -1", "rollcast.toml:2:8"),
            (
                "[[step]]\nset = { paused = true }",
                "belong to one scenario",
            ),
        ] {
            let error = project(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn the_nearest_file_above_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        let file = directory.path().join(FILE);
        std::fs::write(&file, "load.rate = 1.0").unwrap();
        assert_eq!(Project::find(&inner), Some(file));
        let nearer = directory.path().join("a").join(FILE);
        std::fs::write(&nearer, "load.rate = 1.0").unwrap();
        assert_eq!(Project::find(&inner), Some(nearer));
    }
}
