//! The words around a chart: what was simulated, what was assumed, and what reproduces it.

use super::figures::{amount, number_of, percent};
use super::{Answer, Assumption};
use crate::monte_carlo::Sample;
use crate::recommend::Recommendation;
use crate::scenario::Scenario;
use crate::scenario::load::{LoadSpec, Pacing, Shape};
use crate::sweep::{Axis, Survey};

/// Three lines of a chart, less the words that say how many assumptions did not fit.
const LONGEST_FOOTER: usize = 285;

/// What a chart's caption says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The scenario.
    pub title: String,
    /// What was simulated, at what load, how often.
    pub subtitle: String,
    /// What was assumed, and what reproduces the picture.
    pub footer: String,
}

/// Of a chart about many replications.
pub fn of_answer(answer: &Answer<'_>, replicas: u32) -> Words {
    let forecast = answer.forecast;
    let seed = forecast.seed;
    let early = forecast.cut_short();
    Words {
        title: forecast.scenario.clone(),
        subtitle: format!(
            "{}, {}, {}, seed {seed}{}",
            number_of(replicas.into(), "pod"),
            load(&forecast.load, "at random"),
            number_of(forecast.runs, "rollout"),
            ended_early(early.map_or(0.0, |early| early.probability))
        ),
        footer: footer(
            answer.assumptions,
            forecast.version,
            &forecast.digest,
            &forecast.fingerprint,
        ),
    }
}

/// What a picture leaves out: the share of rollouts whose load ended before they were over.
fn ended_early(share: f64) -> String {
    if share == 0.0 {
        return String::new();
    }
    format!(
        "; in {} of rollouts the load ended before the rollout was over",
        percent(share)
    )
}

/// Why a chart is about this one rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It was asked for.
    Asked,
    /// So many rollouts were simulated, and it is the median of those that fail, or the first if none does.
    Typical {
        /// Rollouts simulated.
        of: u64,
        /// Whether any of them fails a request.
        fails: bool,
    },
}

/// Of a chart about one rollout.
pub fn of_replication(
    scenario: &Scenario,
    assumptions: &[Assumption],
    replication: u64,
    why: Why,
    sample: &Sample,
) -> Words {
    let seed = scenario.monte_carlo.seed;
    let fingerprint = format!("{:016x}", sample.fingerprint());
    let which = match why {
        Why::Asked => format!("rollout {replication}"),
        Why::Typical { fails: true, .. } => {
            format!("rollout {replication}, the median of those that fail")
        }
        Why::Typical { fails: false, of } => format!(
            "none of {} fails, this is rollout {replication}",
            number_of(of, "rollout")
        ),
    };
    Words {
        title: format!("{}: {which}", scenario.name),
        subtitle: format!(
            "{}, {}, rollout {replication} of seed {seed}{}",
            number_of(scenario.deployment.replicas.into(), "pod"),
            load(&scenario.load, "at random"),
            if sample.measures.cut_short {
                "; the load ended before the rollout was over"
            } else {
                ""
            }
        ),
        footer: footer(
            assumptions,
            env!("CARGO_PKG_VERSION"),
            &scenario.digest(),
            &fingerprint,
        ),
    }
}

/// Of a chart about a sweep.
pub fn of_survey(survey: &Survey) -> Words {
    let axes: Vec<_> = survey.plan.axes.iter().map(Axis::words).collect();
    let runs = match survey.budget.precision {
        Some(precision) => format!(
            "to a precision of {precision}, {} in all",
            number_of(survey.runs(), "rollout")
        ),
        None => format!("{} a point", number_of(survey.budget.runs, "rollout")),
    };
    let cut_short: u128 = survey
        .totals
        .iter()
        .map(|totals| totals.cut_short.sum)
        .sum();
    Words {
        title: format!("{}: {}", survey.scenario, axes.join(" × ")),
        subtitle: format!(
            "{}, {runs}, seed {}{}",
            load(&survey.load, "at random"),
            survey.seed,
            ended_early(cut_short as f64 / survey.runs().max(1) as f64)
        ),
        footer: footer(
            &survey.assumptions,
            survey.version,
            &survey.digest,
            &survey.fingerprint(),
        ),
    }
}

/// Of a chart about what a search has tried.
pub fn of_search(scenario: &Scenario, found: &Recommendation) -> Words {
    let tried = number_of(found.candidates.len() as u64, "configuration");
    let runs = number_of(found.effort.search_runs, "rollout");
    Words {
        title: format!("{}: what each 5xx avoided costs", scenario.name),
        subtitle: format!(
            "{}, {tried} tried, {runs} each, seed {}{}",
            load(&scenario.load, "at random"),
            scenario.monte_carlo.seed,
            ended_early(found.chosen().totals.cut_short.mean())
        ),
        footer: footer(
            &scenario.assumptions(),
            env!("CARGO_PKG_VERSION"),
            &scenario.digest(),
            &format!("{:016x}", found.original().totals.fingerprint),
        ),
    }
}

/// The load in words, with the words for Poisson pacing.
pub(super) fn load(load: &LoadSpec, poisson: &str) -> String {
    let pacing = match load.pacing {
        Pacing::Constant => "evenly spaced",
        Pacing::Poisson => poisson,
    };
    let rate = amount(load.rate);
    let sent = match (load.workers, load.shape) {
        (Some(workers), _) => format!("{} in a closed loop", number_of(workers.into(), "worker")),
        (None, Shape::Constant) => format!("{rate} requests/s {pacing}"),
        (None, Shape::Ramp { to }) => format!("{rate} to {} requests/s {pacing}", amount(to)),
        (None, Shape::Sine { to, period }) => {
            format!(
                "{rate} to {} requests/s and back every {period}, {pacing}",
                amount(to)
            )
        }
    };
    match load.duration {
        Some(duration) => format!("{sent} for {duration}"),
        None => format!("{sent} until the rollout is over"),
    }
}

/// What reproduces the picture, then as many assumptions as fit: first those about the load balancer, which
/// decide most and are known least.
fn footer(assumptions: &[Assumption], version: &str, digest: &str, fingerprint: &str) -> String {
    let mut footer = format!("rollcast {version}, scenario {digest}, fingerprint {fingerprint}.");
    let (first, rest): (Vec<_>, Vec<_>) = assumptions
        .iter()
        .partition(|assumption| assumption.key.starts_with("load_balancer."));
    let mut told = 0;
    for Assumption { key, value, .. } in first.into_iter().chain(rest) {
        let more = format!(
            "{} {key} = {value}",
            if told == 0 { " Assumed:" } else { "," }
        );
        if footer.chars().count() + more.chars().count() > LONGEST_FOOTER {
            break;
        }
        footer.push_str(&more);
        told += 1;
    }
    match (told, assumptions.len() - told) {
        (0, 0) => {}
        (_, 0) => footer.push('.'),
        (_, more) => footer.push_str(&format!(", and {more} more.")),
    }
    footer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;

    #[test]
    fn a_forecast() {
        let (forecast, assumptions) = (specimen::before(), specimen::assumptions());
        let words = of_answer(
            &Answer {
                forecast: &forecast,
                assumptions: &assumptions,
            },
            4,
        );
        assert_eq!(
            words.subtitle,
            "4 pods, 100 requests/s evenly spaced for 2m, 40 rollouts, seed 1"
        );
        assert_eq!(
            words.footer,
            "rollcast 0.0.0, scenario 0123456789abcdef, fingerprint fedcba9876543210. \
             Assumed: load_balancer.deregistration_propagation = published."
        );
    }

    #[test]
    fn the_default_scenario_assumes_more_than_fits() {
        let scenario = Scenario::default();
        let words = of_replication(
            &scenario,
            &scenario.assumptions(),
            3,
            Why::Asked,
            &Sample::default(),
        );
        assert!(
            words.subtitle.ends_with(", rollout 3 of seed 1"),
            "{}",
            words.subtitle
        );
        assert!(
            words.footer.contains(" Assumed: load_balancer."),
            "{}",
            words.footer
        );
        assert!(words.footer.ends_with(" more."), "{}", words.footer);
    }
}
