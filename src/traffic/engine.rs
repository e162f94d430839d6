//! Which engine takes the requests.
//!
//! `interval` costs the same at 100 and at a million requests a second, `request` grows with the
//! load. Below [`WORTH_COUNTING`] requests a replication there is nothing to gain from counting, and
//! sending each of them is the reference.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::observe::timeline::Timeline;
use crate::random::Streams;
use crate::scenario::Scenario;
use crate::time::Span;
use crate::traffic::interval::{IntervalEngine, Refusal};
use crate::traffic::outcome::Outcome;
use crate::traffic::request::RequestEngine;

/// Which engine is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineChoice {
    /// `interval` where it is legal and the load is large, else `request`.
    #[default]
    Auto,
    /// Every request on its own.
    Request,
    /// Requests counted by interval.
    Interval,
}

/// From so many requests a replication on, `auto` counts them.
pub const WORTH_COUNTING: f64 = 100_000.0;

/// An engine for one scenario.
#[derive(Debug, Clone)]
pub enum Engine<'a> {
    /// Every request on its own; with the reason, if `auto` could not take the other one.
    Request(Box<RequestEngine<'a>>, Option<Refusal>),
    /// Requests counted by interval.
    Interval(Box<IntervalEngine<'a>>),
}

impl<'a> Engine<'a> {
    /// The engine that was wanted, for a load that lasts about so long.
    ///
    /// # Errors
    /// `interval` was wanted and the scenario's requests depend on each other.
    pub fn new(
        scenario: &'a Scenario,
        choice: EngineChoice,
        lasts: Span,
    ) -> Result<Engine<'a>, Error> {
        let request = |why| Engine::Request(Box::new(RequestEngine::new(scenario)), why);
        let sent = scenario.load.rate * lasts.as_secs_f64();
        if choice == EngineChoice::Request || choice == EngineChoice::Auto && sent < WORTH_COUNTING
        {
            return Ok(request(None));
        }
        match IntervalEngine::new(scenario) {
            Ok(engine) => Ok(Engine::Interval(Box::new(engine))),
            Err(why) if choice == EngineChoice::Auto => Ok(request(Some(why))),
            Err(why) => Err(Error::input(format!(
                "the interval engine cannot take this scenario: {why}"
            ))
            .hint("`--engine request` simulates every request")),
        }
    }

    /// Its name in every output.
    pub const fn name(&self) -> &'static str {
        match self {
            Engine::Request(..) => "request",
            Engine::Interval(_) => "interval",
        }
    }

    /// Why `auto` did not take `interval`, in words.
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Engine::Request(_, why) => why.as_ref(),
            Engine::Interval(_) => None,
        }
    }

    /// Sends the whole load against one timeline; `outcome` is overwritten. Who wants single failures kept
    /// takes `request`.
    pub fn simulate(&mut self, timeline: &Timeline, streams: &Streams, outcome: &mut Outcome) {
        match self {
            Engine::Request(engine, _) => engine.simulate(timeline, streams, outcome),
            Engine::Interval(engine) => engine.simulate(timeline, streams, outcome),
        }
    }
}

impl EngineChoice {
    /// One engine for scenarios whose replications are paired, with how long their loads last: two engines draw
    /// other requests.
    pub fn alike(self, scenarios: &[(&Scenario, Span)]) -> EngineChoice {
        let counts = |(scenario, lasts): &(&Scenario, Span)| {
            matches!(Engine::new(scenario, self, *lasts), Ok(Engine::Interval(_)))
        };
        match self {
            EngineChoice::Auto if scenarios.iter().all(counts) => EngineChoice::Interval,
            EngineChoice::Auto => EngineChoice::Request,
            chosen => chosen,
        }
    }
}

impl FromStr for EngineChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<EngineChoice, Error> {
        match text {
            "auto" => Ok(EngineChoice::Auto),
            "request" => Ok(EngineChoice::Request),
            "interval" => Ok(EngineChoice::Interval),
            other => {
                Err(Error::input(format!("`{other}` is no engine"))
                    .hint("auto, interval or request"))
            }
        }
    }
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EngineChoice::Auto => "auto",
            EngineChoice::Request => "request",
            EngineChoice::Interval => "interval",
        })
    }
}
