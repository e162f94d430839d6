//! What disturbances do to links: for a time, what travels there takes longer, or is refused.

use crate::cluster::spec::Link;
use crate::cluster::token_bucket::TokenBucket;
use crate::random::{Purpose, Streams, pair};
use crate::time::{Span, Time};

/// Calls of the ELB API are tried so often (`--aws-max-retries`, pkg/aws/aws_config.go).
const ATTEMPTS: u32 = 10;
/// No wait between two tries is longer (AWS SDK for Go v2, `DefaultMaxBackoff`).
const LONGEST_BACK_OFF: Span = Span::from_secs(20);

/// What happens to whatever is sent on a link from one instant until another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkRule {
    /// Which link.
    pub link: Link,
    /// From when on.
    pub from: Time,
    /// Until when.
    pub to: Time,
    /// What happens.
    pub effect: Effect,
}

/// What happens to what is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    /// It takes so many times as long.
    Factor(f64),
    /// It takes so much longer.
    Extra(Span),
    /// Of what is sent so much passes a second, in order; so much may pass at once.
    Rate {
        /// A second.
        per_second: u64,
        /// At once.
        burst: u64,
    },
    /// So large a share of the tries is refused (`Throttling: Rate exceeded`).
    Refused(f64),
}

/// The rules of one replication.
#[derive(Debug, Default)]
pub struct Rules {
    rules: Vec<(LinkRule, TokenBucket)>,
}

impl Rules {
    /// No rules any more.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// One rule more.
    pub fn add(&mut self, rule: LinkRule) {
        let (per_second, burst) = match rule.effect {
            Effect::Rate { per_second, burst } => (per_second.max(1), burst),
            Effect::Factor(_) | Effect::Extra(_) | Effect::Refused(_) => (1, 0),
        };
        self.rules.push((rule, TokenBucket::new(per_second, burst)));
    }

    /// How long something takes that is sent now and would take `delay` in calm weather.
    pub fn delay(&mut self, link: Link, now: Time, delay: Span) -> Span {
        let mut delay = delay;
        for (rule, bucket) in self
            .rules
            .iter_mut()
            .filter(|(rule, _)| rule.holds(link, now))
        {
            delay = match rule.effect {
                Effect::Factor(factor) => delay.scaled(factor),
                Effect::Extra(extra) => delay + extra,
                Effect::Rate { .. } => bucket.take(now) + delay,
                Effect::Refused(_) => delay,
            };
        }
        delay
    }

    /// How long a numbered call of the ELB API takes; `Err` if it fails for good, with its time.
    ///
    /// The SDK waits U(0, 1) × 2ⁿ s after the n-th refusal, 20 s at most.
    ///
    /// # Errors
    /// Every try was refused.
    pub fn call(
        &mut self,
        now: Time,
        call: u32,
        delay: Span,
        streams: &Streams,
    ) -> Result<Span, Span> {
        if self.rules.is_empty() {
            return Ok(delay);
        }
        let mut waited = Span::ZERO;
        for attempt in 1..=ATTEMPTS {
            let mut stream = streams.at(Purpose::ElbApi, pair(attempt.into(), call.into()));
            let (lot, wait) = (stream.uniform(), stream.uniform());
            let sent = now + waited;
            let took = self.delay(Link::LbcToElb, sent, delay);
            if lot >= self.refused_share(sent) {
                return Ok(waited + took);
            }
            waited = waited + took;
            if attempt < ATTEMPTS {
                waited = waited
                    + Span::from_secs(1 << attempt)
                        .min(LONGEST_BACK_OFF)
                        .scaled(wait);
            }
        }
        Err(waited)
    }

    fn refused_share(&self, now: Time) -> f64 {
        let shares = self
            .rules
            .iter()
            .filter(|(rule, _)| rule.holds(Link::LbcToElb, now));
        let shares = shares.map(|(rule, _)| {
            if let Effect::Refused(share) = rule.effect {
                share
            } else {
                0.0
            }
        });
        1.0 - shares.fold(1.0, |passed, share| passed * (1.0 - share))
    }
}

impl LinkRule {
    fn holds(&self, link: Link, now: Time) -> bool {
        self.link == link && self.from <= now && now < self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Time {
        Time::from_micros(secs * 1_000_000)
    }

    fn rules(link: Link, effect: Effect) -> Rules {
        let mut rules = Rules::default();
        rules.add(LinkRule {
            link,
            from: at(10),
            to: at(20),
            effect,
        });
        rules
    }

    /// How long what is sent at these instants takes, in milliseconds, if it takes 10 ms by itself.
    #[track_caller]
    fn check(effect: Effect, sent: &[u64], expected: &[u64]) {
        let mut rules = rules(Link::ApiWrite, effect);
        let took = |secs: &u64| {
            rules
                .delay(Link::ApiWrite, at(*secs), Span::from_millis(10))
                .as_micros()
                / 1_000
        };
        assert_eq!(sent.iter().map(took).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_rule_holds_from_until_and_on_its_link_only() {
        check(Effect::Factor(3.0), &[9, 10, 19, 20], &[10, 30, 30, 10]);
        check(
            Effect::Extra(Span::from_secs(1)),
            &[9, 10, 20],
            &[10, 1_010, 10],
        );
        check(
            Effect::Rate {
                per_second: 2,
                burst: 1,
            },
            &[9, 10, 10, 10, 13, 20],
            &[10, 10, 510, 1_010, 10, 10],
        );
        let mut other = rules(Link::ApiToKubelet, Effect::Factor(3.0));
        assert_eq!(
            other.delay(Link::ApiWrite, at(15), Span::from_millis(10)),
            Span::from_millis(10)
        );
    }

    #[test]
    fn a_call_outlasts_a_short_throttle_and_succumbs_to_a_long_one() {
        let call = |effect, now| {
            let mut rules = rules(Link::LbcToElb, effect);
            rules.call(at(now), 7, Span::from_millis(100), &Streams::new(1, 0))
        };
        let none = Span::from_millis(100);
        assert_eq!(call(Effect::Refused(1.0), 9), Ok(none));
        assert_eq!(call(Effect::Refused(0.0), 15), Ok(none));
        let late = call(Effect::Refused(1.0), 15).unwrap();
        assert!(
            at(15) + late > at(20),
            "it passes once the throttle is over: {late}"
        );
        let mut long = Rules::default();
        long.add(LinkRule {
            link: Link::LbcToElb,
            from: at(0),
            to: Time::NEVER,
            effect: Effect::Refused(1.0),
        });
        let gave_up = long.call(at(0), 7, none, &Streams::new(1, 0)).unwrap_err();
        assert!(
            (Span::from_secs(10)..Span::from_secs(130)).contains(&gave_up),
            "{gave_up}"
        );
    }
}
