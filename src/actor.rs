//! A room's three verbs: wake me later, say a fact, draw at an address.

use crate::agenda::Agenda;
use crate::random::Streams;
use crate::time::{Span, Time};

/// A sealed room: it knows only what it has been told, when it was told.
pub trait Actor {
    /// What it hears, its own timers included.
    type Input: Copy;
    /// What it says aloud: in the past tense, or a state.
    type Fact: Copy;

    /// Hears one thing. A timer that no longer matters is recognised here and ignored.
    fn handle(
        &mut self,
        now: Time,
        input: Self::Input,
        out: &mut Outbox<'_, Self::Input, Self::Fact>,
    );
}

/// What a room does while it handles an input.
pub struct Outbox<'a, I, F> {
    now: Time,
    streams: &'a Streams,
    wakes: &'a mut Vec<(Time, I)>,
    facts: &'a mut Vec<F>,
}

impl<'a, I, F> Outbox<'a, I, F> {
    /// An outbox for one input at `now`, writing to the caller's buffers.
    pub fn new(
        now: Time,
        streams: &'a Streams,
        wakes: &'a mut Vec<(Time, I)>,
        facts: &'a mut Vec<F>,
    ) -> Self {
        Outbox {
            now,
            streams,
            wakes,
            facts,
        }
    }

    /// Hear `input` again after `delay`; with no delay, after everything already due now.
    pub fn wake(&mut self, delay: Span, input: I) {
        self.wakes.push((self.now + delay, input));
    }

    /// Hear `input` at an instant, at once if that is past.
    pub fn wake_at(&mut self, at: Time, input: I) {
        self.wakes.push((at.max(self.now), input));
    }

    /// Say a fact.
    pub fn say(&mut self, fact: F) {
        self.facts.push(fact);
    }

    /// The addressed streams of this replication.
    pub fn streams(&self) -> &Streams {
        self.streams
    }
}

/// Drives one actor alone: inputs by the clock in, the transcript of its facts out.
///
/// This is how rooms are tested; the house has its own loop.
pub fn transcript<A: Actor>(
    actor: &mut A,
    streams: &Streams,
    script: &[(Time, A::Input)],
    until: Time,
) -> Vec<(Time, A::Fact)> {
    let mut agenda = Agenda::new();
    for &(at, input) in script {
        agenda.push(at, input);
    }
    let (mut wakes, mut facts, mut said) = (Vec::new(), Vec::new(), Vec::new());
    while let Some((now, input)) = agenda.pop() {
        if now > until {
            break;
        }
        actor.handle(
            now,
            input,
            &mut Outbox::new(now, streams, &mut wakes, &mut facts),
        );
        wakes
            .drain(..)
            .for_each(|(at, input)| agenda.push(at, input));
        said.extend(facts.drain(..).map(|fact| (now, fact)));
    }
    said
}
