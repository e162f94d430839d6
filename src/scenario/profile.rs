//! Profiles: named, sourced sets of `[app]` keys, laid beneath the keys that a scenario gives.

use std::path::Path;

use toml::de::DeValue;

use super::keys;
use super::layer::{Layer, Leaf, Source};
use crate::setting::Grade;

/// What a kind of application does.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// Its name: `app.profile`.
    pub name: &'static str,
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

const fn documented(key: &'static str, value: &'static str, source: &'static str) -> Row {
    Row { key, value, grade: Grade::Documented, source }
}

/// Every Spring Boot service: how long the JVM and the context take, and Tomcat's keep-alive.
const START_UP: Row = Row {
    key: "start_up",
    value: "{ p50 = \"12s\", p99 = \"20s\" }",
    grade: Grade::Assumed,
    source: "a Spring Boot service of middling size; give your own",
};
const KEEP_ALIVE: Row = documented("keep_alive", "\"60s\"", "Tomcat keepAliveTimeout = connectionTimeout, 60 s");
const REFUSING: Row = Row {
    key: "refusing",
    value: "\"9ms\"",
    grade: Grade::Measured,
    source: "2023 load test: one 503 of the application's own in four shutdowns at 25 to 33 requests a second and pod, a single event (95 % interval 0.2 to 50 ms); the context publishes REFUSING_TRAFFIC before the connector stops (ServletWebServerApplicationContext.doClose)",
};

/// All profiles, in the order of docs/MODEL.md.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "spring-boot-3.3",
        about: "Spring Boot up to 3.3 with `server.shutdown` left alone: everything closes at SIGTERM",
        rows: &[
            START_UP,
            documented("on_sigterm", "\"exit\"", "server.shutdown = immediate, ServerProperties.java at v3.3.0"),
            REFUSING,
            KEEP_ALIVE,
        ],
    },
    Profile {
        name: "spring-boot-3.4",
        about: "Spring Boot from 3.4, or earlier with `server.shutdown=graceful`: what is in flight is finished",
        rows: &[
            START_UP,
            documented("on_sigterm", "\"drain\"", "server.shutdown = graceful, ServerProperties.java at v3.4.0"),
            REFUSING,
            documented("drain_timeout", "\"30s\"", "spring.lifecycle.timeout-per-shutdown-phase, LifecycleProperties"),
            KEEP_ALIVE,
        ],
    },
];

/// The profile of this name.
pub fn find(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

/// What to write in place of the name of no profile.
pub(super) fn suggestion(name: &str) -> String {
    let names = PROFILES.iter().map(|profile| profile.name);
    match keys::nearest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the profiles are {}", names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}

impl Profile {
    /// The row of a dotted key.
    pub fn row(&self, key: &str) -> Option<&'static Row> {
        self.rows.iter().find(|row| key.strip_prefix("app.") == Some(row.key))
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
        let source = Source { path: Path::new("profile"), text: row.value };
        let key = format!("{table}.{}", row.key);
        (key.clone(), Leaf { written: key, value, source })
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
            assert!(app.profile.is_none(), "{}: a profile names no other", profile.name);
        }
    }
}
