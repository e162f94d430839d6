//! `run -o text`: the answer on one screen of 80 columns and 35 lines. Who reads the first sentence knows it; below
//! it stand the causes, when it happens, what was asked, which assumptions move it, and what to do next.

use std::fmt::Write;

use super::figures::{about, amount, grouped, level, number_of, percent, range, wrapped};
use super::{Answer, caption, full, paint, rare};
use crate::escape;
use crate::monte_carlo::ranking::{Means, Mover, Ranking};
use crate::monte_carlo::{Count, Forecast, Measure};
use crate::scenario::objectives::{Attainment, ObjectivesSpec};
use crate::stats::zero_inflated::FEWEST;
use crate::stats::{self, IfAny, Proportion, Summary};
use crate::verdict::Cause;

/// Columns.
const WIDTH: usize = 80;
/// Lines of an answer; rare causes are left out rather than the end of it.
const HEIGHT: usize = 35;
/// Where the text of `When`, `Time`, `Goal` and `Next` begins.
const LABEL: usize = 8;

/// An answer with everything that its screen says.
#[derive(Debug, Clone, Copy)]
pub struct Screen<'a> {
    /// The forecast and its assumptions.
    pub answer: Answer<'a>,
    /// Pods of the Deployment.
    pub replicas: u32,
    /// What the rollout is held to, and how it was judged: `None` if nobody said what to hold it to.
    pub goal: Option<(&'a ObjectivesSpec, Proportion, Attainment)>,
    /// Which assumptions move it most, where that was looked at.
    pub ranking: Option<&'a Ranking>,
    /// What commands about the same thing take: the scenario file and the settings changed, ready for a shell.
    pub arguments: &'a str,
}

/// All answers, one after the other; several begin with a table that has them side by side.
pub fn render(screens: &[Screen<'_>], color: bool) -> String {
    let mut text = String::new();
    if screens.len() > 1 {
        let answers: Vec<_> = screens.iter().map(|screen| screen.answer).collect();
        text.push_str(&full::side_by_side(&answers));
        text.push('\n');
    }
    let reports: Vec<_> = screens.iter().map(|screen| report(screen, color)).collect();
    text + &reports.join("\n")
}

fn report(screen: &Screen<'_>, color: bool) -> String {
    let forecast = screen.answer.forecast;
    let head = [
        title(screen),
        sentences(forecast),
        full::warning(forecast, WIDTH),
    ]
    .concat();
    let tail = [
        paragraph(&[when(forecast), time(forecast), goal(screen)]),
        paragraph(&[assumptions(screen)]),
        paragraph(&[next(screen)]),
        footer(forecast),
    ]
    .concat();
    let lines = head.lines().count() + tail.lines().count();
    let table = table(forecast, HEIGHT.saturating_sub(lines + 1));
    let text = escape::lines(&format!("{head}{}{tail}", paragraph(&[table])));
    if color {
        let cost = forecast
            .counts(Count::Failed)
            .map(|failed| amount(failed.mean));
        paint::answer(&text, cost.as_deref().unwrap_or(""))
    } else {
        text
    }
}

/// Lines below an empty one; nothing of none.
fn paragraph(parts: &[String]) -> String {
    let text = parts.concat();
    if text.is_empty() {
        text
    } else {
        format!("\n{text}")
    }
}

fn title(screen: &Screen<'_>) -> String {
    let forecast = screen.answer.forecast;
    let text = format!(
        "{}: {}, {}, {}",
        escape::line(&forecast.scenario),
        number_of(screen.replicas.into(), "pod"),
        caption::load(&forecast.load, "at random"),
        number_of(forecast.runs, "rollout")
    );
    wrapped(&text, 0, WIDTH)
}

fn sentences(forecast: &Forecast) -> String {
    let mut text = answer(forecast);
    if let Some(rare) = &forecast.rare {
        let _ = write!(text, " {}", rare::sentences(rare, forecast.level));
    }
    format!("\n{}", wrapped(&text, 0, WIDTH))
}

/// What it costs, how sure that is, and of what.
fn answer(forecast: &Forecast) -> String {
    let (Some(failed), Some(requests), Some(any)) = (
        forecast.counts(Count::Failed),
        forecast.amounts(Count::Requests),
        forecast.any(Count::Failed),
    ) else {
        return "Nothing was simulated.".to_owned();
    };
    let confidence = level(forecast.level);
    if requests.max == 0.0 {
        return format!("No request was sent in {}.", number_of(any.n, "rollout"));
    }
    if any.hits == 0 {
        return format!(
            "No request failed in {}: at most {} of rollouts cost one ({confidence}).",
            number_of(any.n, "rollout"),
            percent(stats::zero_bound(any.n, any.level)),
        );
    }
    let cause = main_cause(forecast, failed.mean);
    if let Some(few) = failed.if_any.filter(|few| few.runs < FEWEST) {
        return format!("{} {cause}", few_failed(&any, &few, requests.mean));
    }
    let interval = failed
        .mean_interval
        .map_or_else(String::new, |(low, high)| {
            format!(" ({confidence}: {})", range(low, high))
        });
    let none = if any.hits < any.n {
        format!(
            " {} of rollouts fail none ({confidence}: {} to {}).",
            percent(1.0 - any.probability),
            percent(1.0 - any.high),
            percent(1.0 - any.low)
        )
    } else {
        String::new()
    };
    format!(
        "A rollout costs {} of {} requests a 5xx: {}{interval}.{none} Nine rollouts in ten cost {}. {cause}",
        amount(failed.mean),
        amount(requests.mean),
        percent(failed.mean / requests.mean),
        range(failed.p05, failed.p95),
    )
}

/// Where too few rollouts failed requests for an interval of the mean: how likely that is, and what it costs then.
fn few_failed(any: &Proportion, few: &IfAny, requests: f64) -> String {
    format!(
        "{} of {} ({}, {}: {} to {}) fail requests: if any, {} of {}.",
        grouped(any.hits),
        number_of(any.n, "rollout"),
        percent(any.probability),
        level(any.level),
        percent(any.low),
        percent(any.high),
        about(few),
        amount(requests),
    )
}

/// A cause of 5xx as a table has it: its status and name, and how many requests of a replication it ended.
struct Row {
    name: String,
    meaning: &'static str,
    mean: f64,
    count: Count,
}

/// Those that occurred, the most frequent first.
fn causes(forecast: &Forecast) -> Vec<Row> {
    let by_alb = Cause::ALL.into_iter().filter(|cause| cause.status() >= 500);
    let own = Row {
        name: "503 target".to_owned(),
        meaning: "the application's own answer",
        mean: 0.0,
        count: Count::Target,
    };
    let mut rows: Vec<Row> = by_alb
        .map(|cause| Row {
            name: format!("{} {cause}", cause.status()),
            meaning: cause.meaning(),
            mean: 0.0,
            count: Count::Cause(cause),
        })
        .chain([own])
        .collect();
    for row in &mut rows {
        row.mean = forecast.counts(row.count).map_or(0.0, |counts| counts.mean);
    }
    rows.retain(|row| row.mean > 0.0);
    rows.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    rows
}

fn main_cause(forecast: &Forecast, failed: f64) -> String {
    causes(forecast).first().map_or_else(String::new, |row| {
        let share = percent(row.mean / failed);
        format!("The cause of {share} is {}: {}.", row.name, row.meaning)
    })
}

/// Causes and their sum, in at most `height` lines; nothing where nothing failed.
fn table(forecast: &Forecast, height: usize) -> String {
    const FRAME: usize = 3;
    let rows = causes(forecast);
    let gave_up = Count::Cause(Cause::ClientGaveUp);
    let has_left = forecast.any(gave_up).is_some_and(|any| any.hits > 0);
    if rows.is_empty() && !has_left {
        return String::new();
    }
    let mut text = line(
        "5xx a rollout",
        "mean",
        "90 % of rollouts",
        "rollouts with any",
    );
    let fitting = height.saturating_sub(FRAME + usize::from(has_left)).max(1);
    // The line that counts the rest has room for one more.
    let fitting = fitting + usize::from(rows.len() == fitting + 1);
    for row in rows.iter().take(fitting) {
        text.push_str(&counted(forecast, &row.name, row.count, false));
    }
    if let Some(more @ 1..) = rows.len().checked_sub(fitting) {
        let _ = writeln!(text, "and {more} rarer (-o full)");
    }
    text.push_str(&counted(forecast, "any", Count::Failed, true));
    if has_left {
        let name = format!("{} {}", Cause::ClientGaveUp.status(), Cause::ClientGaveUp);
        text.push_str(&counted(forecast, &name, gave_up, false));
    }
    text
}

fn line(name: &str, mean: &str, spread: &str, share: &str) -> String {
    let line = format!("{name:<26}{mean:>7}{spread:>19}   {share}");
    format!("{}\n", line.trim_end())
}

fn counted(forecast: &Forecast, name: &str, count: Count, is_sure: bool) -> String {
    let (Some(counts), Some(any)) = (forecast.counts(count), forecast.any(count)) else {
        return String::new();
    };
    let share = percent(any.probability);
    let share = match any {
        _ if !is_sure => share,
        Proportion {
            hits: 0, n, level, ..
        } => {
            format!("at most {}", percent(stats::zero_bound(n, level)))
        }
        Proportion { hits, n, low, .. } if hits == n => {
            format!("{share} ({} or more)", percent(low))
        }
        Proportion { low, high, .. } => format!("{share} ({} to {})", percent(low), percent(high)),
    };
    match counts.if_any.filter(|few| few.runs < FEWEST) {
        _ if any.hits == 0 => line(name, "none", "", &share),
        // Of so few rollouts a mean says little.
        Some(few) => line(name, "", &format!("if any {}", amount(few.median)), &share),
        None => line(
            name,
            &amount(counts.mean),
            &range(counts.p05, counts.p95),
            &share,
        ),
    }
}

/// A label, and its text beside it.
fn labelled(label: &str, text: &str) -> String {
    let text = wrapped(text, LABEL, WIDTH);
    format!("{label:<LABEL$}{}", text.trim_start())
}

/// When requests fail, in seconds since the rollout's start.
fn when(forecast: &Forecast) -> String {
    let (Some(first), Some(last)) = (
        forecast.measurements(Measure::First5xx),
        forecast.measurements(Measure::Last5xx),
    ) else {
        return String::new();
    };
    let middle = half_between(forecast).map_or_else(String::new, |(from, to)| {
        format!(
            " Half of them fail between {} s and {} s.",
            amount(from),
            amount(to)
        )
    });
    let text = format!(
        "The first 5xx comes {} s after the rollout's start, the last {} s (medians).{middle}",
        amount(first.p50),
        amount(last.p50)
    );
    labelled("When", &text)
}

/// The seconds since the rollout's start by which a quarter and three quarters of the 5xx have been sent.
fn half_between(forecast: &Forecast) -> Option<(f64, f64)> {
    let is_5xx = |row: usize| {
        Cause::ALL
            .get(row)
            .is_none_or(|cause| cause.status() >= 500)
    };
    let seconds: Vec<f64> = forecast
        .series
        .mean
        .iter()
        .map(|causes| {
            causes
                .iter()
                .enumerate()
                .filter(|(row, _)| is_5xx(*row))
                .map(|(_, mean)| mean)
                .sum()
        })
        .collect();
    let all: f64 = seconds.iter().sum();
    let reached = |share: f64| {
        let mut sum = 0.0;
        seconds.iter().position(|mean| {
            sum += mean;
            sum >= share * all
        })
    };
    let start = forecast.load.rollout_at.as_secs_f64();
    // A second's requests are sent after it began.
    let (from, to) = (
        reached(0.25)? as f64 - start,
        reached(0.75)? as f64 + 1.0 - start,
    );
    (all > 0.0 && from >= 0.0).then_some((from, to))
}

fn time(forecast: &Forecast) -> String {
    let complete = forecast.measurements(Measure::Duration);
    let gone = forecast.measurements(Measure::OldPodsGone);
    let after = |summary: &Summary| format!("after {} s", amount(summary.p50));
    let mut text = match (&complete, &gone) {
        (Some(complete), Some(gone)) => format!(
            "The rollout is complete {}, and the old pods are gone {} (medians).",
            after(complete),
            after(gone)
        ),
        (Some(complete), None) => format!("The rollout is complete {} (median).", after(complete)),
        (None, _) => "The rollout is never complete.".to_owned(),
    };
    let stuck = |complete: &Summary| forecast.runs - complete.n;
    if let Some(stuck @ 1..) = complete.as_ref().map(stuck) {
        let _ = write!(
            text,
            " In {} of {} it is not.",
            grouped(stuck),
            number_of(forecast.runs, "rollout")
        );
    }
    labelled("Time", &text)
}

fn goal(screen: &Screen<'_>) -> String {
    let Some((objectives, within, attainment)) = screen.goal else {
        let text = "None is set. --objective \"0 in 95 %\" judges this (exit 1 if missed).";
        return labelled("Goal", text);
    };
    let why = match attainment {
        Attainment::Unclear => " The runs do not tell: --runs, or a longer load, may.",
        Attainment::Met | Attainment::Missed => "",
    };
    let text = format!(
        "{}: {objectives}. {} of {} keep to it (between {} and {}).{why}",
        attainment.word(),
        percent(within.probability),
        number_of(within.n, "rollout"),
        percent(within.low),
        percent(within.high)
    );
    labelled("Goal", &text)
}

fn assumptions(screen: &Screen<'_>) -> String {
    let rests = match screen.answer.assumptions.len() {
        0 => return String::new(),
        count => format!(
            "The answer rests on {}",
            number_of(count as u64, "assumption")
        ),
    };
    let Some(ranking) = screen.ranking else {
        return wrapped(&format!("{rests} (-o full lists them)."), 0, WIDTH);
    };
    if ranking.movers.is_empty() {
        let text =
            format!("{rests}. None moves it: each was tried at both ends of what it may be.");
        return wrapped(&text, 0, WIDTH);
    }
    let number = ["This one moves", "These two move", "These three move"];
    let most = number
        .get(ranking.movers.len() - 1)
        .unwrap_or(&"These move");
    let tried = format!(
        "{rests}. {most} it most ({} each):",
        number_of(ranking.pairs, "run")
    );
    let base = Means::of_forecast(screen.answer.forecast);
    let movers = ranking.movers.iter().map(|mover| moved(mover, &base));
    wrapped(&tried, 0, WIDTH) + &movers.collect::<String>()
}

fn moved(mover: &Mover, base: &Means) -> String {
    const KEY: usize = 43;
    let ends = mover.ends.iter().map(|end| {
        let status = end.means.main_status();
        let shift =
            match status.filter(|_| base.main_status().is_some_and(|main| Some(main) != status)) {
                Some(status) => format!(" (mostly {status})"),
                None => String::new(),
            };
        format!("{} if {}{shift}", two_digits(end.means.any), end.value)
    });
    let key = &mover.assumption.key;
    let ends = wrapped(&ends.collect::<Vec<_>>().join(", "), KEY + 4, WIDTH);
    let range = mover.assumption.range();
    let about = range.as_ref().map_or("", |range| range.about);
    let replaced = match range.is_some_and(|range| range.is_measured_by_calibrate) {
        true => "rollcast calibrate measures it".to_owned(),
        false => format!("--set {key}=… replaces it"),
    };
    let separator = if about.is_empty() { "" } else { "; " };
    let note = wrapped(&format!("{about}{separator}{replaced}"), 6, WIDTH);
    format!("  {key:<KEY$}  {}{note}", ends.trim_start())
}

/// What few rollouts say is rounded to two digits.
fn two_digits(mean: f64) -> String {
    if mean <= 0.0 {
        return "none".to_owned();
    }
    let unit = 10_f64.powi(mean.log10().floor() as i32 - 1);
    amount((mean / unit).round() * unit)
}

fn next(screen: &Screen<'_>) -> String {
    let arguments = screen.arguments;
    let failed = screen
        .answer
        .forecast
        .any(Count::Failed)
        .is_some_and(|any| any.hits > 0);
    let mut commands = vec![match failed {
        true => (format!("rollcast recommend {arguments}"), "what removes it"),
        false => (
            format!("rollcast run {arguments} --rare"),
            "how rare a 5xx is",
        ),
    }];
    commands.push((format!("rollcast trace {arguments}"), "pod by pod"));
    commands.push((format!("rollcast run {arguments} -o full"), "every number"));
    let longest = commands
        .iter()
        .map(|(command, _)| command.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (row, (command, why)) in commands.iter().enumerate() {
        let label = if row == 0 { "Next" } else { "" };
        let line = format!("{label:<LABEL$}{command:<longest$}  {why}");
        // A command is never broken: it is to be copied.
        let fits = line.chars().count() <= WIDTH;
        let line = if fits {
            line
        } else {
            format!("{label:<LABEL$}{command}")
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// What proves that two people ran the same thing.
fn footer(forecast: &Forecast) -> String {
    format!(
        "seed {} · engine {} · scenario {} · {}\n",
        forecast.seed, forecast.engine, forecast.digest, forecast.fingerprint
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monte_carlo::ranking::End;
    use crate::report::specimen;

    fn ranking() -> Ranking {
        let end = |value: &str, by_status: [f64; 3]| End {
            value: value.to_owned(),
            means: Means {
                by_status,
                any: by_status.iter().sum(),
            },
        };
        let [assumption] = specimen::assumptions();
        Ranking {
            movers: vec![Mover {
                assumption,
                ends: vec![
                    end("fast", [190.0, 0.0, 23.4]),
                    end("slow", [26.0, 0.1, 912.3]),
                ],
            }],
            looked_at: 1,
            pairs: 83,
        }
    }

    fn screen<'a>(forecast: &'a Forecast, arguments: &'a str) -> Screen<'a> {
        Screen {
            answer: Answer {
                forecast,
                assumptions: &[],
            },
            replicas: 4,
            goal: None,
            ranking: None,
            arguments,
        }
    }

    #[test]
    fn an_answer_fits_a_terminal() {
        let (forecast, assumptions, ranking) =
            (specimen::before(), specimen::assumptions(), ranking());
        let objectives = ObjectivesSpec::default();
        let (within, attainment) = forecast.judge(&objectives).unwrap();
        assert_eq!(attainment, Attainment::Missed);
        let text = render(
            &[Screen {
                answer: Answer {
                    forecast: &forecast,
                    assumptions: &assumptions,
                },
                goal: Some((&objectives, within, attainment)),
                ranking: Some(&ranking),
                ..screen(&forecast, "before.toml")
            }],
            false,
        );
        assert!(text.lines().count() <= HEIGHT, "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= WIDTH),
            "{text}"
        );
    }

    #[test]
    fn what_is_not_seen_is_bounded_and_has_no_table() {
        let forecast = specimen::after();
        let text = render(&[screen(&forecast, "after.toml")], false);
        assert!(text.contains(
            "No request failed in 40 rollouts: at most 7.2 % of rollouts cost one (95 %)."
        ));
        assert!(
            !text.contains("5xx a rollout") && text.contains("rollcast run after.toml --rare"),
            "{text}"
        );
    }

    #[test]
    fn of_few_rollouts_with_a_5xx_no_mean_is_told() {
        let forecast = specimen::rare();
        let text = render(&[screen(&forecast, "rare.toml")], false);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            words.contains("2 of 40 rollouts (5.0 %, 95 %: 0.61 % to 17 %) fail requests: if any, about 2 (1 to 3)"),
            "{text}"
        );
        assert!(text.contains("In 3 of 40 rollouts it is not."), "{text}");
    }

    #[test]
    fn colour_takes_no_place() {
        let forecast = specimen::before();
        let [plain, painted] =
            [false, true].map(|color| render(&[screen(&forecast, "x.toml")], color));
        assert!(painted.contains("\x1b[1m"));
        let mut bare = String::new();
        for (row, part) in painted.split('\x1b').enumerate() {
            let part = if row == 0 {
                part
            } else {
                part.split_once('m').unwrap().1
            };
            bare.push_str(part);
        }
        assert_eq!(bare, plain);
    }
}
