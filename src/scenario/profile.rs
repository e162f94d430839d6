//! Profiles: named, sourced sets of `[app]` keys, laid beneath the keys that a scenario gives.

mod servers;

use std::path::Path;

use toml::de::DeValue;

use super::keys;
use super::layer::{Layer, Leaf, Source};
use crate::setting::Grade;
pub use servers::PROFILES;

/// What a kind of application does.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// Its name: `app.profile`.
    pub name: &'static str,
    /// The version of the server that it was measured on, or what else it rests on.
    pub version: &'static str,
    /// Which applications it describes.
    pub about: &'static str,
    /// The keys that it gives.
    pub rows: &'static [Row],
}

/// One key of a profile.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The key, without `app.`.
    pub key: &'static str,
    /// Its value, in TOML.
    pub value: &'static str,
    /// How much is known about it.
    pub grade: Grade,
    /// Where it comes from.
    pub source: &'static str,
}

/// The profile of this name.
pub fn find(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

/// What to write in place of the name of no profile.
pub(super) fn suggestion(name: &str) -> String {
    let names = PROFILES.iter().map(|profile| profile.name);
    match keys::nearest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "the profiles are {}",
            names
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

impl Profile {
    /// The row of a dotted key.
    pub fn row(&self, key: &str) -> Option<&'static Row> {
        self.rows
            .iter()
            .find(|row| key.strip_prefix("app.") == Some(row.key))
    }

    /// Its keys as the lowest layer of a template.
    pub(super) fn layer(&self) -> Layer<'static> {
        rows_layer("app", self.rows)
    }
}

/// Rows as a layer of a table of the scenario.
pub(super) fn rows_layer(table: &str, rows: &'static [Row]) -> Layer<'static> {
    let leaves = rows.iter().map(|row| {
        let value = DeValue::parse(row.value).expect("profiles are TOML: a test reads them all");
        let source = Source {
            path: Path::new("profile"),
            text: row.value,
        };
        let key = format!("{table}.{}", row.key);
        (
            key.clone(),
            Leaf {
                written: key,
                value,
                source,
            },
        )
    });
    leaves.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::app::AppSpec;
    use crate::scenario::layer::read;

    #[test]
    fn every_profile_is_a_legal_app() {
        for profile in PROFILES {
            let app: AppSpec = read(&profile.layer(), "app").unwrap();
            assert!(
                app.profile.is_none(),
                "{}: a profile names no other",
                profile.name
            );
        }
    }

    #[test]
    fn every_profile_says_what_a_rollout_meets() {
        for profile in PROFILES {
            let keys: Vec<&str> = profile.rows.iter().map(|row| row.key).collect();
            for key in ["start_up", "on_sigterm", "keep_alive"] {
                assert!(keys.contains(&key), "{} does not say {key}", profile.name);
            }
            let drains = profile
                .row("app.on_sigterm")
                .is_some_and(|row| row.value == "\"drain\"");
            assert_eq!(
                drains,
                keys.contains(&"drain_timeout"),
                "{}: a drain has a limit",
                profile.name
            );
            assert_eq!(
                drains,
                keys.contains(&"close_connections_on_shutdown"),
                "{}: a drain answers",
                profile.name
            );
        }
    }
}
