//! Versions of the AWS Load Balancer Controller, and what changed between them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::json;

use crate::setting::form::formed;

/// A version of the controller: `2.13` (its latest patch) or `2.13.4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LbcVersion {
    major: u16,
    minor: u16,
    patch: u16,
}

/// The patch of a version that names none: above all others.
const LATEST: u16 = u16::MAX;

impl LbcVersion {
    /// The latest patch of a minor version.
    pub const fn new(major: u16, minor: u16) -> LbcVersion {
        LbcVersion {
            major,
            minor,
            patch: LATEST,
        }
    }

    /// What a version outside those that the model knows is taken for; `None`: it is known.
    pub const fn taken_as(self) -> Option<&'static str> {
        if !self.at_least(2, 4, 0) {
            Some("older than what is known (2.4 to 3.6): taken as 2.4")
        } else if self.at_least(3, 7, 0) {
            Some("newer than what is known (2.4 to 3.6): taken as 3.6")
        } else {
            None
        }
    }

    const fn at_least(self, major: u16, minor: u16, patch: u16) -> bool {
        // `>=` on tuples is not const; the order is that of the fields.
        self.major > major
            || self.major == major
                && (self.minor > minor || self.minor == minor && self.patch >= patch)
    }

    /// Calls of `RegisterTargets` and `DeregisterTargets` are throttled on the client's side
    /// (pkg/aws/throttle/defaults.go at v2.4.4).
    pub const fn throttles(self) -> bool {
        self.at_least(2, 4, 4)
    }

    /// A gated pod is waited for at a fixed period; before, on the rate limiter's ladder
    /// 5 ms × 2ⁿ (pkg/targetgroupbinding/resource_manager.go at v2.9.0 and v2.9.1).
    pub const fn polls_at_fixed_period(self) -> bool {
        self.at_least(2, 9, 1)
    }

    /// A reconcile without a change of endpoints ends before any call, by the checkpoint kept on
    /// the TargetGroupBinding (resource_manager.go from v2.9.1).
    pub const fn keeps_checkpoint(self) -> bool {
        self.at_least(2, 9, 1)
    }

    /// The work queue holds an item once: an event absorbs the poll that waits, whose period then
    /// starts anew (controller-runtime v0.23, pkg/controller/priorityqueue; LBC from v3.2).
    /// Before, the poll kept its own time beside the event.
    pub const fn events_absorb_polls(self) -> bool {
        self.at_least(3, 2, 0)
    }

    /// `Describe` calls have a bucket of their own; before, one bucket held all calls, those of
    /// the targets included (pkg/aws/throttle/defaults.go from v3.2).
    pub const fn throttles_describe_apart(self) -> bool {
        self.at_least(3, 2, 0)
    }

    /// Any event of a gated pod starts a reconcile, and a gate that is not True keeps the
    /// checkpoint from ending it (controllers/elbv2/eventhandlers/pod.go from v3.4). Before,
    /// ContainersReady was found by polling while an endpoint might yet become ready.
    pub const fn watches_pods(self) -> bool {
        self.at_least(3, 4, 0)
    }

    fn parse(text: &str) -> Result<LbcVersion, String> {
        let numbers: Option<Vec<u16>> = text
            .strip_prefix('v')
            .unwrap_or(text)
            .split('.')
            .map(|number| number.parse().ok())
            .collect();
        let version = match numbers.as_deref() {
            Some(&[major, minor]) => LbcVersion::new(major, minor),
            Some(&[major, minor, patch]) => LbcVersion {
                major,
                minor,
                patch,
            },
            _ => {
                return Err(format!(
                    "`{text}` is no version of the controller; write \"2.13\" or \"2.13.4\""
                ));
            }
        };
        if version.major < 2 {
            return Err(format!(
                "`{text}` is the ALB Ingress Controller, which is not modelled; versions start at \"2.0\""
            ));
        }
        // The next major version may come; what is far off is a slip of the pen.
        if version.major > 4 || version.minor > 60 {
            return Err(format!(
                "`{text}` is no version of the controller; the newest that is known is \"3.6\""
            ));
        }
        Ok(version)
    }
}

impl fmt::Display for LbcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch == LATEST {
            Ok(())
        } else {
            write!(f, ".{}", self.patch)
        }
    }
}

impl Serialize for LbcVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LbcVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LbcVersion, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = LbcVersion;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a version in quotes, like \"2.13\" or \"2.13.4\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<LbcVersion, E> {
                LbcVersion::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

formed! {
    LbcVersion => json!({
        "type": "string", "pattern": "^v?[2-4][.]([0-9]|[1-5][0-9]|60)([.][0-9]+)?$", "examples": ["2.13", "2.13.4"],
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<LbcVersion, toml::de::Error> {
        #[derive(Deserialize)]
        struct Holder {
            version: LbcVersion,
        }
        toml::from_str::<Holder>(&format!("version = {text}")).map(|holder| holder.version)
    }

    #[test]
    fn versions_are_ordered_and_print_as_written() {
        let rising = ["2.4.3", "2.9.0", "2.9.1", "2.9", "2.13", "3.1.0", "3.4"];
        let versions = rising.map(|text| parse(&format!("\"{text}\"")).unwrap());
        assert!(versions.is_sorted());
        assert_eq!(versions.map(|version| version.to_string()), rising);
        assert_eq!(parse("\"v2.13.4\"").unwrap().to_string(), "2.13.4");
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for (text, words) in [
            ("2.13", "in quotes"),
            ("\"2\"", "no version"),
            ("\"latest\"", "no version"),
            ("\"2.13.4.1\"", "no version"),
            ("\"1.1.9\"", "not modelled"),
            ("\"9.9\"", "no version"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
