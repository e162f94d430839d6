//! The two ends of what an assumed setting may be: how far off an assumption can be, for the forecasts that say what
//! it moves.
//!
//! Of a number with a prior these are presets at its published ends (`prior.rs`); of another distribution its 5 % and
//! its 95 % quantile; of the rest what services commonly have, which is a judgement.

use serde::Deserialize;

use super::print::Assumption;
use crate::dist::Dist;
use crate::time::Span;

/// How far off one assumption can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The least value and the greatest, as a scenario writes them.
    pub ends: Vec<String>,
    /// What it is, in words for a list; may be empty.
    pub about: &'static str,
    /// Whether `rollcast calibrate` measures it from logs.
    pub is_measured_by_calibrate: bool,
}

/// Key, ends, what it is, whether `calibrate` measures it.
type Row = (&'static str, [&'static str; 2], &'static str, bool);

/// In the order of docs/MODEL.md.
const RANGES: &[Row] = &[
    (
        "app.start_up",
        ["5s", "60s"],
        "how long a pod takes until it serves",
        false,
    ),
    (
        "app.on_sigterm",
        ["exit", "drain"],
        "what the process does at SIGTERM",
        false,
    ),
    (
        "app.shutdown",
        ["0s", "10s"],
        "how long the process takes to end",
        false,
    ),
    (
        "app.refusing",
        ["0s", "5s"],
        "how long it answers 503 before its listener closes",
        false,
    ),
    (
        "app.keep_alive",
        ["5s", "75s"],
        "after how long the process closes idle connections",
        false,
    ),
    (
        "new_revision.image_pull",
        ["5s", "60s"],
        "how long the new image takes to be pulled",
        false,
    ),
    (
        "cluster.preset",
        ["idle", "busy"],
        "how quick the Kubernetes API is",
        false,
    ),
    (
        "cluster.nodes",
        ["2", "12"],
        "how many hosts the pods are spread over",
        false,
    ),
    (
        "cluster.cores",
        ["2", "16"],
        "cores of a host, which pods in start share",
        false,
    ),
    (
        "cluster.immediate_readiness",
        ["0", "1"],
        "how often a new pod is probed at once",
        false,
    ),
    (
        "cluster.ip_reuse",
        ["0", "0.1"],
        "how often a new pod gets a removed pod's IP",
        false,
    ),
    (
        "target_group.reregistration",
        ["at_once", "ignored"],
        "a target registered while it drains",
        false,
    ),
    (
        "load_balancer.round_trip",
        ["300us", "3ms"],
        "from the ALB to a pod and back",
        false,
    ),
    (
        "load_balancer.nodes",
        ["2", "6"],
        "how many nodes the ALB has",
        false,
    ),
    (
        "load_balancer.deregistration_propagation",
        ["fast", "slow"],
        "how long the ALB goes on choosing a pod",
        true,
    ),
    (
        "load_balancer.registration_propagation",
        ["fast", "as_deregistration"],
        "how long the ALB takes to know a new pod",
        true,
    ),
    (
        "load_balancer.host_unreachable_share",
        ["silent", "unreachable"],
        "who answers for a pod whose network is gone",
        true,
    ),
    (
        "load_balancer.no_routable_target",
        ["fail_open", "strict"],
        "what the ALB does where no target is healthy yet",
        false,
    ),
    (
        "load.pacing",
        ["constant", "poisson"],
        "how requests are spaced",
        false,
    ),
];

/// How far a rate that nobody gave may be off.
const RATE_FACTORS: [f64; 2] = [0.5, 2.0];

impl Assumption {
    /// How far off it can be; `None` where nothing says.
    pub fn range(&self) -> Option<Range> {
        // A new revision's own profile brings the application's keys again.
        let own = self.key.strip_prefix("new_revision.");
        let is = |key: &str| {
            key == self.key || own.is_some_and(|own| key.strip_prefix("app.") == Some(own))
        };
        if let Some((_, ends, about, is_measured_by_calibrate)) =
            RANGES.iter().find(|row| is(row.0))
        {
            return Some(Range {
                ends: ends.map(str::to_owned).to_vec(),
                about,
                is_measured_by_calibrate: *is_measured_by_calibrate,
            });
        }
        let (ends, about) = match self.key.as_str() {
            "load.rate" => {
                let rate: f64 = self.value.parse().ok()?;
                (
                    RATE_FACTORS.map(|factor| (factor * rate).to_string()),
                    "requests a second",
                )
            }
            _ => (quantiles(&self.value)?, ""),
        };
        Some(Range {
            ends: ends.to_vec(),
            about,
            is_measured_by_calibrate: false,
        })
    }
}

/// The 5 % and the 95 % quantile of what a scenario writes as a distribution; `None` of anything else.
fn quantiles(value: &str) -> Option<[String; 2]> {
    #[derive(Deserialize)]
    struct Written {
        value: Dist,
    }
    let written: Written = toml::from_str(&format!("value = {value}")).ok()?;
    // Three digits of a microsecond say nothing of an end.
    let rounded = |span: Span| match span.as_micros() {
        micros @ 10_000.. => Span::from_millis((micros + 500) / 1_000),
        micros => Span::from_micros(micros),
    };
    Some([0.05, 0.95].map(|share| rounded(written.value.quantile(share)).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Document;
    use crate::scenario::keys;
    use crate::setting::Grade;

    fn range(key: &str, value: &str) -> Option<Range> {
        let assumption = Assumption {
            key: key.to_owned(),
            value: value.to_owned(),
            grade: Grade::Assumed,
            source: "",
        };
        assumption.range()
    }

    #[test]
    fn every_end_is_a_value_of_its_key() {
        for (key, ends, about, _) in RANGES {
            assert!(keys::settings().iter().any(|row| row.key == *key), "{key}");
            assert!(about.len() <= 60, "{about}");
            for end in ends {
                let mut document = Document::parse("x.toml".as_ref(), "name = \"x\"").unwrap();
                document.set(key, end).unwrap();
                assert!(document.resolve().is_ok(), "{key} = {end}");
            }
        }
    }

    #[test]
    fn a_distribution_has_quantiles_and_a_number_has_none() {
        let call = range("lbc.describe_call", "{ uniform = [\"30ms\", \"100ms\"] }").unwrap();
        assert_eq!(call.ends, ["34ms", "97ms"]);
        assert_eq!(range("lbc.version", "3.5"), None);
        assert_eq!(range("load.rate", "100.0").unwrap().ends, ["50", "200"]);
        assert_eq!(
            range("new_revision.start_up", "3s"),
            range("app.start_up", "12s")
        );
    }
}
