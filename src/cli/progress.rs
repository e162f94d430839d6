//! A forecast with a progress bar that Ctrl-C can end.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rollcast::error::Error;
use rollcast::escape;
use rollcast::monte_carlo::ranking::{Ranking, Simulation};
use rollcast::monte_carlo::rare::{self, Rare};
use rollcast::monte_carlo::{self, Forecast, Options, Workers};
use rollcast::scenario::{Document, Scenario};

use super::interrupt;
use super::options::Chance;
use super::terminal::Terminal;

/// How often a bar is drawn again while nothing ends.
const TICK: Duration = Duration::from_millis(500);
/// Letters of a scenario's name beside the bar.
const LONGEST_NAME: usize = 30;

/// Simulates as many replications as the scenario says.
///
/// # Errors
/// Interrupted, or as [`monte_carlo::forecast`].
pub fn forecast(
    scenario: &Scenario,
    chance: &Chance,
    terminal: &Terminal,
) -> Result<Forecast, Error> {
    let options = options(scenario, chance);
    let bar = bar(&scenario.name, options.runs, terminal);
    let started = now();
    let progress = |runs| bar.inc(runs);
    let forecast = monte_carlo::forecast(
        scenario,
        scenario.digest(),
        &options,
        &progress,
        interrupt::cancelled(),
    );
    bar.finish_and_clear();
    let forecast = forecast?;
    let (engine, runs) = (forecast.engine, options.runs);
    let taken = started.elapsed().as_secs_f64();
    terminal.detail(&format_args!(
        "{}: {runs} runs with engine {engine} in {taken:.2} s",
        scenario.name
    ));
    Ok(forecast)
}

/// As many replications again, for how likely a 5xx is where it is rare.
///
/// # Errors
/// Interrupted, or as [`rare::rare`].
pub fn rare(
    scenario: &Scenario,
    forecast: &Forecast,
    chance: &Chance,
    terminal: &Terminal,
) -> Result<Rare, Error> {
    let options = options(scenario, chance);
    let bar = bar(&scenario.name, options.runs, terminal);
    let progress = |runs| bar.inc(runs);
    let rare = rare::rare(
        scenario,
        forecast,
        &options,
        &progress,
        interrupt::cancelled(),
    );
    bar.finish_and_clear();
    rare
}

/// Which assumptions move a forecast most.
///
/// # Errors
/// Interrupted, or as [`Simulation::rank`].
pub fn ranking(
    document: &Document,
    scenario: &Scenario,
    forecast: &Forecast,
    chance: &Chance,
    terminal: &Terminal,
) -> Result<Option<Ranking>, Error> {
    let started = now();
    let simulation = Simulation {
        workers: &Workers::new(chance.threads())?,
        engine: chance.engine(),
        cancelled: interrupt::cancelled(),
    };
    let ranking = simulation.rank(document, scenario, forecast)?;
    terminal.detail(&format_args!(
        "{}: assumptions ranked in {:.2} s",
        scenario.name,
        started.elapsed().as_secs_f64()
    ));
    Ok(ranking)
}

fn options(scenario: &Scenario, chance: &Chance) -> Options {
    Options {
        runs: scenario.monte_carlo.runs.into(),
        seed: scenario.monte_carlo.seed,
        level: scenario.monte_carlo.confidence,
        threads: chance.threads(),
        engine: chance.engine(),
    }
}

/// A bar that fills as rollouts end, where somebody can see it.
pub fn bar(name: &str, runs: u64, terminal: &Terminal) -> ProgressBar {
    if !terminal.progress {
        return ProgressBar::hidden();
    }
    // The bar takes what the words leave of the line: were the line longer, it would break.
    let name: String = escape::line(name).chars().take(LONGEST_NAME).collect();
    let style = ProgressStyle::with_template(
        "{prefix} {wide_bar} {human_pos}/{human_len} rollouts, {eta} left",
    );
    let bar = ProgressBar::with_draw_target(Some(runs), ProgressDrawTarget::stderr_with_hz(10))
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_prefix(name);
    // The first rollout may take its time.
    bar.enable_steady_tick(TICK);
    bar
}

/// Does work that has no rollouts to count, with a line that says what it is and for how long, where somebody can
/// see it.
pub fn during<T>(what: &str, terminal: &Terminal, work: impl FnOnce() -> T) -> T {
    if !terminal.progress {
        return work();
    }
    let style = ProgressStyle::with_template("{prefix}: {elapsed}");
    let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10))
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        .with_prefix(
            escape::line(what)
                .chars()
                .take(LONGEST_NAME)
                .collect::<String>(),
        );
    line.enable_steady_tick(TICK);
    let done = work();
    line.finish_and_clear();
    done
}

/// The user's clock.
#[allow(
    clippy::disallowed_methods,
    reason = "the user's time, not the model's"
)]
pub fn now() -> Instant {
    Instant::now()
}
