//! Whether prediction intervals hold what they say of published numbers, and how much was staked on what happened.

use std::collections::BTreeMap;
use std::fmt::Write;

use rollcast::stats::Proportion;

use super::Observation;
use super::judge::{Judged, Value};

/// Central intervals, in per cent.
const LEVELS: [u32; 3] = [50, 80, 90];

/// What the forecasts said of what was published.
#[derive(Default)]
struct Score {
    /// By number, whether each interval holds it.
    numbers: Vec<[bool; LEVELS.len()]>,
    /// How many numbers lie in each tenth of their forecast.
    tenths: [usize; 10],
    /// By statement ("zero", "non-zero", "at least 5"), the probability that was forecast of it.
    statements: Vec<f64>,
}

impl Score {
    fn add(&mut self, judged: &Judged) {
        for (name, value) in &judged.case.published {
            let values = judged.values(name);
            let middle = match value {
                Value::Number(number) => *number,
                Value::Range([from, to]) => (from + to) / 2.0,
                Value::Word(_) => {
                    let like_it = values.iter().filter(|one| value.is_inside(**one, **one));
                    self.statements
                        .push(like_it.count() as f64 / values.len() as f64);
                    continue;
                }
            };
            let is_inside = |level: u32| {
                let tail = (1.0 - f64::from(level) / 100.0) / 2.0;
                value.is_inside(judged.at(name, tail), judged.at(name, 1.0 - tail))
            };
            self.numbers.push(LEVELS.map(is_inside));
            self.tenths[tenth(middle, &values)] += 1;
        }
    }

    /// "72 % (55 % to 86 %)" for each level: the interval is the binomial one.
    fn shares(&self) -> String {
        let share = |level: usize| {
            let inside = self.numbers.iter().filter(|number| number[level]).count();
            let of = Proportion::of(inside as u64, self.numbers.len() as u64, 0.95)
                .expect("there are numbers");
            format!(
                "{:.0} % ({:.0} to {:.0})",
                100.0 * of.probability,
                100.0 * of.low,
                100.0 * of.high
            )
        };
        if self.numbers.is_empty() {
            return "– | – | –".to_owned();
        }
        [0, 1, 2].map(share).join(" | ")
    }

    /// The mean square of what was not staked on what happened.
    fn brier(&self) -> String {
        let missing = self.statements.iter().map(|given| (1.0 - given).powi(2));
        if self.statements.is_empty() {
            return "–".to_owned();
        }
        format!("{:.3}", missing.sum::<f64>() / self.statements.len() as f64)
    }

    fn line(&self, name: &str) -> String {
        let tenths = self.tenths.map(|count| count.to_string()).join(" ");
        format!(
            "| {name} | {} | {} | {tenths} | {} | {} |\n",
            self.numbers.len(),
            self.shares(),
            self.statements.len(),
            self.brier()
        )
    }

    /// How many numbers the 90 % intervals hold, and of how many.
    fn inside(&self) -> (u64, u64) {
        let inside = self.numbers.iter().filter(|number| number[2]).count();
        (inside as u64, self.numbers.len() as u64)
    }
}

/// In which tenth of the forecast a number lies; half of what equals it is before it.
fn tenth(number: f64, values: &[f64]) -> usize {
    let before = values.iter().filter(|value| **value < number).count() as f64;
    let equal = values.iter().filter(|value| **value == number).count() as f64;
    let place = (before + equal / 2.0) / values.len() as f64;
    ((10.0 * place) as usize).min(9)
}

fn score<'a>(judged: impl IntoIterator<Item = &'a Judged<'a>>) -> Score {
    let mut score = Score::default();
    judged.into_iter().for_each(|case| score.add(case));
    score
}

/// By family.
fn families<'a>(judged: &'a [Judged<'a>]) -> BTreeMap<&'a str, Score> {
    let mut families: BTreeMap<&str, Score> = BTreeMap::new();
    for case in judged {
        let family = case.observation.family.as_deref().unwrap_or_default();
        families.entry(family).or_default().add(case);
    }
    families
}

fn is_spent(case: &&Judged) -> bool {
    case.observation.spent.is_some()
}

/// What is outside, by row, and why.
const OUTSIDE: &[(&str, &str)] = &[
    (
        "2",
        "the three failures of (b) need a lag of more than 30 s, which the prior gives to one rollout in a hundred; \
         0.547 s of (c) is more than a log-normal with its p50 and p99 has, and new pods that are slow at first \
         (`app.cold_start`) are not assumed unless said",
    ),
    (
        "16",
        "\"none\" of instance targets is said without the load: an application that ends at SIGTERM resets the few \
         requests in flight, for a second or so new connections still get to it, and a pod without a readiness probe \
         is chosen before it listens",
    ),
    (
        "24",
        "the controller is away for 19 s, and after it is back the load balancer takes its usual seconds; the source \
         gives the time of the lease, and may have taken it for that of the errors",
    ),
    (
        "N13",
        "a new target needs one passed check (AWS guide, \"Health checks for your target groups\"), not two, and the first \
         comes at once; how the 28 s were measured is not said",
    ),
    (
        "N14",
        "how long the rollout takes without a gate is up to the application and its hosts, which nobody states: with \
         twelve seconds and a minute of start-up, with and without a probe, all is over earlier",
    ),
];

/// Below so many numbers a family's share says nothing.
const A_SHARE: usize = 8;

/// The table, and what is spent.
pub fn text(observations: &[Observation], judged: &[Judged]) -> String {
    let mut text = "| family | numbers | inside 50 % | inside 80 % | inside 90 % | by tenths of the forecast (PIT) | statements | Brier score |\n|---|---|---|---|---|---|---|---|\n".to_owned();
    for (family, score) in families(judged) {
        text += &score.line(family);
    }
    text += &score(judged.iter().filter(is_spent)).line("*all that is spent*");
    text += &score(judged.iter().filter(|case| !is_spent(case))).line("*all that is not*");
    text += &score(judged).line("**all**");
    text += "\nOutside, and why:\n\n";
    for (row, why) in OUTSIDE {
        writeln!(text, "- row {row}: {why}").expect("a text takes text");
    }
    text += "\nSpent, and on what:\n\n";
    for one in observations {
        if let Some(spent) = &one.spent {
            writeln!(text, "- row {}: {spent}", one.row).expect("a text takes text");
        }
    }
    text
}

/// What is outside is explained; no family holds less than three quarters; and that nine of ten should be inside
/// is not refuted by how many are.
pub fn check(judged: &[Judged]) {
    let mut outside: Vec<&str> = Vec::new();
    for case in judged.iter().filter(|case| case.is_outside()) {
        if !outside.contains(&&*case.observation.row) {
            outside.push(&case.observation.row);
        }
    }
    let explained: Vec<&str> = OUTSIDE.iter().map(|(row, _)| *row).collect();
    assert_eq!(outside, explained, "rows outside, and rows explained");
    for (family, score) in families(judged) {
        let (inside, of) = score.inside();
        assert!(
            of < A_SHARE as u64 || 4 * inside >= 3 * of,
            "{family}: {inside} of {of} numbers in 90 % intervals"
        );
    }
    let (inside, of) = score(judged).inside();
    let share = Proportion::of(inside, of, 0.95).expect("there are numbers");
    assert!(
        share.high > 0.9,
        "{inside} of {of} numbers in 90 % intervals"
    );
}
