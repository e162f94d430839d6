//! Versions that a scenario names and that the model does not know.

use super::{Assumption, Scenario};
use crate::setting::Grade;

impl Scenario {
    /// The versions outside what the model knows, and what each of them is taken for.
    pub fn unknown_versions(&self) -> Vec<Assumption> {
        let kubernetes = self
            .cluster
            .kubernetes
            .taken_as()
            .map(|source| ("cluster.kubernetes", source));
        let lbc = self
            .lbc
            .version
            .taken_as()
            .map(|source| ("lbc.version", source));
        let assumption = |(key, source): (&str, _)| {
            let value = self.value_of(key).unwrap_or_default();
            Assumption {
                key: key.to_owned(),
                value,
                grade: Grade::Assumed,
                source,
            }
        };
        kubernetes.into_iter().chain(lbc).map(assumption).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::scenario::Document;

    /// What is said of a version, and whether it is a version at all.
    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let scenario = Document::parse(Path::new("versions.toml"), text)
            .unwrap()
            .resolve()
            .unwrap();
        let said = scenario.unknown_versions();
        let said: Vec<_> = said
            .iter()
            .map(|unknown| (unknown.value.as_str(), unknown.source))
            .collect();
        assert_eq!(said, expected);
        let listed = scenario.assumptions();
        assert!(said.iter().all(|said| {
            listed
                .iter()
                .any(|listed| (listed.value.as_str(), listed.source) == *said)
        }));
    }

    #[test]
    fn versions_that_are_not_known_are_said() {
        check("name = \"any\"", &[]);
        check("cluster.kubernetes = \"1.24\"\nlbc.version = \"2.4\"", &[]);
        check(
            "cluster.kubernetes = \"1.37\"\nlbc.version = \"3.6.1\"",
            &[],
        );
        let newest = "newer than what is known (1.24 to 1.37): taken as 1.37";
        check("cluster.kubernetes = \"1.41\"", &[("1.41", newest)]);
        check(
            "lbc.version = \"3.7\"",
            &[("3.7", "newer than what is known (2.4 to 3.6): taken as 3.6")],
        );
        check(
            "lbc.version = \"2.0\"",
            &[("2.0", "older than what is known (2.4 to 3.6): taken as 2.4")],
        );
        let oldest = "older than what is known (1.24 to 1.37): taken as 1.24";
        check("cluster.kubernetes = \"1.21\"", &[("1.21", oldest)]);
    }

    #[test]
    fn versions_that_cannot_be_are_errors() {
        for text in [
            "lbc.version = \"9.9\"",
            "cluster.kubernetes = \"9.9\"",
            "cluster.kubernetes = \"1.99\"",
            "lbc.version = \"3.99\"",
        ] {
            let document = Document::parse(Path::new("versions.toml"), text);
            assert!(
                document.and_then(|document| document.resolve()).is_err(),
                "{text}"
            );
        }
    }
}
