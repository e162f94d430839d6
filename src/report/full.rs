//! `run -o full`: every number. The answer in a sentence, then the table it comes from, then how sure it is and of what.

use std::fmt::Write;

use super::figures::{about, amount, grouped, level, number_of, percent, range, span, wrapped};
use super::{Answer, SPLIT, caption, rare};
use crate::escape;
use crate::monte_carlo::{Count, Forecast, Measure};
use crate::stats::zero_inflated::FEWEST;
use crate::stats::{self, IfAny, Proportion, Summary, VarianceSplit};
use crate::time::Span;
use crate::verdict::Cause;

/// Lines are no longer than this, except where a name is.
const WIDTH: usize = 100;

/// All answers, one after the other; several begin with a table that has them side by side.
pub fn render(answers: &[Answer<'_>]) -> String {
    let mut text = String::new();
    if answers.len() > 1 {
        text.push_str(&side_by_side(answers));
        text.push('\n');
    }
    let reports: Vec<_> = answers.iter().map(report).collect();
    escape::lines(&(text + &reports.join("\n\n")))
}

fn report(answer: &Answer<'_>) -> String {
    let forecast = answer.forecast;
    let mut text = title(forecast);
    text.push_str(&wrapped(&sentence(forecast), 0, WIDTH));
    text.push_str(&warning(forecast, WIDTH));
    if let Some(rare) = &forecast.rare {
        text.push('\n');
        text.push_str(&wrapped(&rare::sentences(rare, forecast.level), 0, WIDTH));
    }
    text.push('\n');
    text.push_str(&requests(forecast));
    text.push('\n');
    text.push_str(&rollout(forecast));
    text.push_str(&latencies(forecast));
    text.push_str(&certainty(forecast));
    text.push_str(&assumptions(answer));
    text.push_str(&footer(forecast));
    text
}

fn title(forecast: &Forecast) -> String {
    let load = &forecast.load;
    format!(
        "{}: {}, rollout at {}\n",
        escape::line(&forecast.scenario),
        caption::load(load, "at random (Poisson)"),
        load.rollout_at
    )
}

/// The answer.
fn sentence(forecast: &Forecast) -> String {
    let (Some(failed), Some(requests)) = (
        forecast.counts(Count::Failed),
        forecast.counts(Count::Requests),
    ) else {
        return "Nothing was simulated.".to_owned();
    };
    if requests.max == 0.0 {
        return format!(
            "No request was sent in {}.",
            number_of(failed.n, "simulated rollout")
        );
    }
    if failed.max == 0.0 {
        return format!(
            "No request failed with a 5xx in {}: at most {} of rollouts cost one ({} confidence).",
            number_of(failed.n, "simulated rollout"),
            percent(stats::zero_bound(failed.n, failed.level)),
            level(failed.level)
        );
    }
    if let Some(few) = failed.if_any.filter(|any| any.runs < FEWEST) {
        return few_failed(forecast, &few, requests.mean);
    }
    let cost = format!(
        "{} of {} requests{} a 5xx{}, {}; nine rollouts in ten cost {}",
        amount(failed.mean),
        amount(requests.mean),
        window(forecast),
        mean_interval(&failed),
        percent(failed.mean / requests.mean),
        range(failed.p05, failed.p95)
    );
    let cause = main_cause(forecast, failed.mean);
    match forecast.any(Count::Failed).filter(|p| p.hits < p.n) {
        Some(any) => {
            let share = percent(any.probability);
            format!(
                "{share} of rollouts ({}) see a 5xx; on average a rollout costs {cost}. {cause}.",
                percents(any.low, any.high)
            )
        }
        None => format!("A rollout costs {cost}. {cause}."),
    }
}

/// In which window requests were sent, where the title does not say it.
fn window(forecast: &Forecast) -> String {
    let lasted = forecast.measurements(Measure::Load);
    match lasted.filter(|_| forecast.load.duration.is_none()) {
        Some(lasted) => format!(" sent until it is over ({} s of load)", amount(lasted.mean)),
        None => String::new(),
    }
}

/// What the answer leaves out.
pub(super) fn warning(forecast: &Forecast, width: usize) -> String {
    let early = forecast.cut_short().filter(|early| early.hits > 0);
    early.map_or_else(String::new, |early| {
        let text = format!(
            "Warning: in {} of rollouts ({}) the load ends before the rollout is over. What it costs later is not \
             counted: leave `load.duration` out, or make it longer.",
            percent(early.probability),
            percents(early.low, early.high)
        );
        format!("\n{}", wrapped(&text, 0, width))
    })
}

/// Where too few rollouts failed requests for an interval of the mean: how likely that is, and what it costs then.
fn few_failed(forecast: &Forecast, few: &IfAny, requests: f64) -> String {
    let Some(any) = Proportion::of(few.runs, forecast.runs, forecast.level) else {
        return String::new();
    };
    let mean = forecast
        .counts(Count::Failed)
        .map_or(0.0, |failed| failed.mean);
    format!(
        "{} of {} ({} of all, {} interval {}) see a 5xx: if any, {} of {} requests. {}. An interval of the mean takes \
         {FEWEST} rollouts with a 5xx.",
        grouped(few.runs),
        number_of(any.n, "simulated rollout"),
        percent(any.probability),
        level(any.level),
        percents(any.low, any.high),
        about(few),
        amount(requests),
        main_cause(forecast, mean),
    )
}

fn mean_interval(summary: &Summary) -> String {
    summary
        .mean_interval
        .map_or_else(String::new, |(low, high)| {
            format!(
                " ({} interval of the mean {})",
                level(summary.level),
                range(low, high)
            )
        })
}

fn percents(low: f64, high: f64) -> String {
    format!("{} to {}", percent(low), percent(high))
}

/// The cause of most 5xx, in words, if there are so many on average.
fn main_cause(forecast: &Forecast, failed: f64) -> String {
    let mean = |count| forecast.counts(count).map_or(0.0, |summary| summary.mean);
    let causes = Cause::ALL.into_iter().filter(|cause| cause.status() >= 500);
    let by_alb = causes.map(|cause| (cause.name(), cause.status(), mean(Count::Cause(cause))));
    let target = ("target", 503, mean(Count::Target));
    let (name, status, mean) = by_alb.fold(
        target,
        |most, next| if next.2 > most.2 { next } else { most },
    );
    format!("{} of them are {name} ({status})", percent(mean / failed))
}

/// The table of statuses and causes.
fn requests(forecast: &Forecast) -> String {
    let mut text = heading(forecast, "requests a rollout", "rollouts with any");
    text.push_str(&amount_row(forecast, "sent", Count::Requests));
    if forecast.load.retries > 0 {
        text.push_str(&amount_row(forecast, "sent again", Count::Repeated));
    }
    text.push_str(&amount_row(forecast, "200", Count::Status(200)));
    let (mut never, mut few, gave_up) = (Vec::new(), Vec::new(), Cause::ClientGaveUp.status());
    let mut row = |name: &str, count: Count| {
        text.push_str(&count_row(forecast, name, count));
        let any = forecast
            .counts(count)
            .and_then(|counts| counts.if_any)
            .filter(|any| any.runs < FEWEST);
        few.extend(any.map(|any| format!("{} {}", name.trim(), about(&any))));
    };
    for status in [502, 503, 504, gave_up] {
        if status == gave_up {
            row("any 5xx", Count::Failed);
        } else {
            row(&status.to_string(), Count::Status(status));
        }
        for (name, count) in causes_of(status) {
            if forecast.counted.counts(count).nonzero() > 0 {
                row(&format!("  {name}"), count);
            } else {
                never.push(name);
            }
        }
    }
    text.push_str(&rarely_seen(&few));
    text.push_str(&never_seen(forecast, &never));
    text
}

/// The causes behind a status; behind 503 also the application's own answer.
fn causes_of(status: u16) -> Vec<(&'static str, Count)> {
    let causes = Cause::ALL
        .into_iter()
        .filter(|cause| cause.status() == status);
    causes
        .map(|cause| (cause.name(), Count::Cause(cause)))
        .chain((status == 503).then_some(("target", Count::Target)))
        .collect()
}

fn heading(forecast: &Forecast, name: &str, last: &str) -> String {
    let interval = format!("its {} interval", level(forecast.level));
    line(name, "mean", &interval, "90 % of rollouts", last)
}

fn line(name: &str, mean: &str, interval: &str, prediction: &str, last: &str) -> String {
    let line = format!("{name:<23}{mean:>8}  {interval:>19}  {prediction:>17}  {last}");
    format!("{}\n", line.trim_end())
}

/// What every rollout has: nothing to say about those that have none.
fn amount_row(forecast: &Forecast, name: &str, count: Count) -> String {
    let summary = forecast.amounts(count);
    summary.map_or_else(String::new, |summary| summary_row(name, &summary, ""))
}

fn count_row(forecast: &Forecast, name: &str, count: Count) -> String {
    let (Some(summary), Some(any)) = (forecast.counts(count), forecast.any(count)) else {
        return String::new();
    };
    if any.hits == 0 {
        let bound = percent(stats::zero_bound(any.n, any.level));
        return line(name, "none", "–", "–", &format!("at most {bound}"));
    }
    let share = format!(
        "{} ({})",
        percent(any.probability),
        percents(any.low, any.high)
    );
    summary_row(name, &summary, &share)
}

fn summary_row(name: &str, summary: &Summary, last: &str) -> String {
    let interval = match summary.mean_interval {
        Some((low, high)) => range(low, high),
        None if summary.n == 1 => "one run: unknown".to_owned(),
        None => "–".to_owned(),
    };
    line(
        name,
        &amount(summary.mean),
        &interval,
        &range(summary.p05, summary.p95),
        last,
    )
}

/// What rollouts cost that are too few for an interval of the mean.
fn rarely_seen(few: &[String]) -> String {
    if few.is_empty() {
        return String::new();
    }
    let text = format!(
        "In fewer than {FEWEST} rollouts, so without an interval; if any: {}.",
        few.join(", ")
    );
    wrapped(&text, 0, WIDTH)
}

fn never_seen(forecast: &Forecast, causes: &[&str]) -> String {
    if causes.is_empty() {
        return String::new();
    }
    let bound = percent(stats::zero_bound(forecast.runs, forecast.level));
    let confidence = level(forecast.level);
    let text = format!(
        "Never seen, so each in at most {bound} of rollouts ({confidence} confidence): {}.",
        causes.join(", ")
    );
    wrapped(&text, 0, WIDTH)
}

/// What the rollout costs besides requests.
fn rollout(forecast: &Forecast) -> String {
    let mut text = heading(forecast, "the rollout", "");
    let mut row = |name: &str, measure: Measure, otherwise: &str| {
        text.push_str(&match forecast.measurements(measure) {
            Some(summary) if summary.n < forecast.runs => {
                let seen = format!(
                    "in {} of {}",
                    grouped(summary.n),
                    number_of(forecast.runs, "rollout")
                );
                summary_row(name, &summary, &seen)
            }
            Some(summary) => summary_row(name, &summary, ""),
            None => line(
                name,
                otherwise,
                "–",
                "–",
                &format!("in {}", number_of(forecast.runs, "rollout")),
            ),
        });
    };
    row("complete after (s)", Measure::Duration, "never");
    row("old pods gone (s)", Measure::OldPodsGone, "never");
    row("extra pods (pod·s)", Measure::ExtraPodTime, "none");
    row(
        "least routable targets",
        Measure::MinRoutableTargets,
        "none",
    );
    row("first 5xx (s)", Measure::First5xx, "none");
    row("last 5xx (s)", Measure::Last5xx, "none");
    text + "Seconds count from the rollout's start.\n"
}

fn latencies(forecast: &Forecast) -> String {
    let Some(l) = forecast.latency else {
        return String::new();
    };
    let mean = forecast.measurements(Measure::MeanLatency);
    let interval =
        mean.and_then(|summary| summary.mean_interval)
            .map_or_else(String::new, |(low, high)| {
                let [low, high] = [low, high].map(|secs| span(Span::from_secs_f64(secs)));
                format!(" ({low} to {high} at {})", level(forecast.level))
            });
    let [p50, p90, p95, p99, max] = [l.p50, l.p90, l.p95, l.p99, l.max].map(span);
    let text = format!(
        "Latency of all requests: mean {}{interval}, p50 {p50}, p90 {p90}, p95 {p95}, p99 {p99}, max {max}.",
        span(l.mean)
    );
    format!("\n{}", wrapped(&text, 0, WIDTH))
}

/// What the spread between rollouts comes from, in words.
fn certainty(forecast: &Forecast) -> String {
    let splits = SPLIT.map(|(name, quantity)| (name, forecast.variance_split(quantity)));
    let varying: Vec<_> = splits
        .into_iter()
        .filter_map(|(name, split)| Some((name, split?)))
        .collect();
    let Some((_, first)) = varying.first() else {
        return String::new();
    };
    let mut text = format!(
        "\nWhere the spread between rollouts comes from ({} in the same environment, {} intervals)\n",
        number_of(first.pairs, "pair"),
        level(first.level)
    );
    for (name, split) in &varying {
        let _ = writeln!(
            text,
            "  {:<9}{}",
            name.replace('_', " "),
            split_in_words(split)
        );
    }
    let known = |split: &VarianceSplit| split.between_interval.is_some_and(|(low, _)| low > 0.0);
    let advice = if varying.iter().any(|(_, split)| known(split)) {
        "Measuring your environment and setting what is assumed below narrows the first part; nothing narrows chance."
    } else {
        "No part of it can be told from chance, and nothing narrows chance."
    };
    text + &wrapped(advice, 0, WIDTH)
}

fn split_in_words(split: &VarianceSplit) -> String {
    let whole = |share: f64| format!("{:.0} %", share * 100.0);
    let interval = split
        .between_interval
        .map_or_else(String::new, |(low, high)| {
            format!(" ({} to {})", whole(low), whole(high))
        });
    format!(
        "{}{interval} not knowing your environment, {} chance",
        whole(split.between),
        whole(split.within())
    )
}

fn assumptions(answer: &Answer<'_>) -> String {
    if answer.assumptions.is_empty() {
        return String::new();
    }
    let mut text = "\nNeither given nor published, so assumed\n".to_owned();
    for assumption in answer.assumptions {
        let _ = writeln!(
            text,
            "  {} = {} ({})",
            assumption.key, assumption.value, assumption.grade
        );
        text.push_str(&wrapped(assumption.source, 6, WIDTH));
    }
    text
}

/// What proves that two people ran the same thing.
fn footer(f: &Forecast) -> String {
    let why = f
        .refusal
        .as_ref()
        .map_or_else(String::new, |why| format!(" ({why})"));
    format!(
        "\nrollcast {} · seed {} · {} · engine {}{why}\nscenario {} · fingerprint {}\n",
        f.version,
        f.seed,
        number_of(f.runs, "run"),
        f.engine,
        f.digest,
        f.fingerprint
    )
}

/// 5xx per rollout of several scenarios.
pub(super) fn side_by_side(answers: &[Answer<'_>]) -> String {
    let longest = answers
        .iter()
        .map(|answer| escape::line(&answer.forecast.scenario).chars().count())
        .max()
        .unwrap_or(0)
        .max("mean a rollout".len());
    let mut text = format!(
        "{:<longest$}  {:>9}  {:>9}  {:>9}  {:>9}  {}\n",
        "mean a rollout", "502", "503", "504", "any 5xx", "rollouts with any 5xx"
    );
    for forecast in answers.iter().map(|answer| answer.forecast) {
        let mean = |count: Count| match forecast.counts(count) {
            Some(summary) if summary.max > 0.0 => amount(summary.mean),
            _ => "none".to_owned(),
        };
        let any = forecast
            .any(Count::Failed)
            .map_or_else(String::new, |p| match p.hits {
                0 => format!("at most {}", percent(stats::zero_bound(p.n, p.level))),
                _ => format!("{} ({})", percent(p.probability), percents(p.low, p.high)),
            });
        let [s502, s503, s504] = [502, 503, 504].map(|status| mean(Count::Status(status)));
        let all = mean(Count::Failed);
        let _ = writeln!(
            text,
            "{:<longest$}  {s502:>9}  {s503:>9}  {s504:>9}  {all:>9}  {any}",
            escape::line(&forecast.scenario)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen::{self, check};

    #[test]
    fn one_scenario() {
        let (forecast, assumptions) = (specimen::before(), specimen::assumptions());
        check(
            "before.txt",
            &render(&[Answer {
                forecast: &forecast,
                assumptions: &assumptions,
            }]),
        );
    }

    #[test]
    fn attempts_are_counted_where_there_are_several() {
        let text = render(&[Answer {
            forecast: &specimen::retried(),
            assumptions: &[],
        }]);
        let rows: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("sent"))
            .collect();
        assert_eq!(
            rows,
            [
                "sent                     12,000                    –   12,000 to 12,000",
                "sent again                 19.5         15.8 to 23.2       1.95 to 37.0",
            ]
        );
    }

    #[test]
    fn several_scenarios() {
        let forecasts = [
            specimen::before(),
            specimen::after(),
            specimen::rare(),
            specimen::stuck(),
        ];
        let answers = forecasts.each_ref().map(|forecast| Answer {
            forecast,
            assumptions: &[],
        });
        check("several.txt", &render(&answers));
    }

    #[test]
    fn how_likely_a_rare_error_is_stands_below_the_answer() {
        let text = render(&[Answer {
            forecast: &specimen::weighed(),
            assumptions: &[],
        }]);
        let (answer, rare) = (
            text.find("No request failed").unwrap(),
            text.find("P(any 5xx) = 4.52e-5").unwrap(),
        );
        assert!(
            answer < rare && rare < text.find("requests a rollout").unwrap(),
            "{text}"
        );
    }
}
