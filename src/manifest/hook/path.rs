//! One way that a command may go: what has happened so far.

use std::collections::BTreeMap;

use crate::cluster::pod::HookStop;
use crate::time::Span;

/// Longer than any grace period: what never ends by itself lasts so long.
pub(super) const ENDLESS: Span = Span::from_secs(86_400);

/// What a program told its shell when it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    Success,
    Failure,
    /// Success, unless something is odd: `touch /tmp/x`.
    Likely(String),
    /// Nobody can tell from the words: `pgrep nginx`.
    Unknown(String),
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
    Exit,
}

/// The hook stops the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) struct Stop {
    /// Since the hook's start.
    pub(in crate::manifest) at: Span,
    pub(in crate::manifest) how: HookStop,
    pub(super) what: String,
}

/// The hook does something that is not read: it may stop the server, and may last any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unread {
    /// Since the hook's start.
    pub(super) at: Span,
    pub(super) what: String,
    /// Whether nothing bounds its time.
    pub(super) endless: bool,
}

/// One way that a command may go.
#[derive(Debug, Clone)]
pub(super) struct Path {
    pub(super) elapsed: Span,
    pub(super) status: Status,
    pub(super) flow: Flow,
    pub(super) stop: Option<Stop>,
    pub(super) unread: Option<Unread>,
    /// What decided which way it went, if nobody can tell.
    pub(super) doubt: Option<String>,
    /// Whether it does more than let time pass.
    pub(super) more: bool,
    /// Why time does not pass, in the order of its happening.
    pub(super) notes: Vec<String>,
    /// What is assumed.
    pub(super) assumed: Vec<String>,
    /// Those that the script sets; without a value: nobody knows it.
    pub(super) variables: BTreeMap<String, Option<String>>,
    /// When the last job in the background ends.
    pub(super) background: Option<Span>,
    /// `set -e`
    pub(super) exits_on_error: bool,
    /// `set -o pipefail`
    pub(super) pipes_fail: bool,
    /// Whether the shell is bash.
    pub(super) bash: bool,
}

impl Path {
    pub(super) fn new() -> Path {
        Path {
            elapsed: Span::ZERO,
            status: Status::Success,
            flow: Flow::Next,
            stop: None,
            unread: None,
            doubt: None,
            more: false,
            notes: Vec::new(),
            assumed: Vec::new(),
            variables: BTreeMap::new(),
            background: None,
            exits_on_error: false,
            pipes_fail: false,
            bash: false,
        }
    }

    /// Says why time does not pass. A loop says it once.
    pub(super) fn notes(&mut self, why: impl Into<String>) {
        let why = why.into();
        if !self.notes.contains(&why) {
            self.notes.push(why);
        }
    }

    pub(super) fn lasts(mut self, time: Span, status: Status) -> Path {
        self.elapsed = (self.elapsed + time).min(ENDLESS);
        self.status = status;
        if self.elapsed == ENDLESS {
            self.flow = Flow::Exit;
        }
        self
    }

    pub(super) fn ends(self, status: Status) -> Path {
        self.lasts(Span::ZERO, status)
    }

    pub(super) fn fails(mut self, why: impl Into<String>) -> Path {
        self.notes(why);
        self.ends(Status::Failure)
    }

    /// It stops the server, and goes on.
    pub(super) fn stops(mut self, how: HookStop, what: &str) -> Path {
        let stop = Stop {
            at: self.elapsed,
            how,
            what: what.to_owned(),
        };
        self.meets(Some(stop), None);
        self.notes(format!("`{what}` stops the server"));
        self.more = true;
        self.ends(Status::Success)
    }

    /// It runs something that is not read: nothing is known of what follows.
    pub(super) fn cannot_read(mut self, what: impl Into<String>) -> Path {
        self.more = true;
        let unread = Unread {
            at: self.elapsed,
            what: what.into(),
            endless: true,
        };
        self.meets(None, Some(unread));
        self.flow = Flow::Exit;
        self
    }

    /// It waits for something of which nobody knows when it comes, and does nothing meanwhile. The container's end ends
    /// it as well, so that after a stop it lasts as long as the server.
    pub(super) fn waits(self, what: impl Into<String>) -> Path {
        if self.stop.is_some() {
            self.lasts(ENDLESS, Status::Success)
        } else {
            self.cannot_read(what)
        }
    }

    /// A stop, or something that is not read, on the same way: the earlier one counts.
    pub(super) fn meets(&mut self, stop: Option<Stop>, unread: Option<Unread>) {
        if let Some(stop) = stop.filter(|new| self.stop.as_ref().is_none_or(|old| new.at < old.at))
        {
            self.stop = Some(stop);
        }
        if let Some(unread) =
            unread.filter(|new| self.unread.as_ref().is_none_or(|old| new.at < old.at))
        {
            self.unread = Some(unread);
        }
    }

    /// Takes over what something that ran beside it, or within it, did; its time is not among that.
    pub(super) fn absorb(&mut self, other: &Path) {
        self.meets(other.stop.clone(), other.unread.clone());
        self.more |= other.more;
        self.doubt = self.doubt.take().or_else(|| other.doubt.clone());
        for (mine, others) in [
            (&mut self.notes, &other.notes),
            (&mut self.assumed, &other.assumed),
        ] {
            let new: Vec<String> = others
                .iter()
                .filter(|other| !mine.contains(other))
                .cloned()
                .collect();
            mine.extend(new);
        }
    }

    /// Success and failure apart, where nobody can tell which it was.
    pub(super) fn decided(mut self) -> Vec<Path> {
        match std::mem::replace(&mut self.status, Status::Success) {
            Status::Likely(what) => {
                let assumed = format!("`{what}` succeeds");
                if !self.assumed.contains(&assumed) {
                    self.assumed.push(assumed);
                }
                vec![self]
            }
            Status::Unknown(what) => {
                self.doubt.get_or_insert(what);
                let failed = Path {
                    status: Status::Failure,
                    ..self.clone()
                };
                vec![self, failed]
            }
            known => vec![Path {
                status: known,
                ..self
            }],
        }
    }

    pub(super) fn succeeded(&self) -> bool {
        self.status == Status::Success
    }

    /// How long the server surely serves on.
    pub(super) fn serves(&self) -> Span {
        let ends = [
            self.stop.as_ref().map(|stop| stop.at),
            self.unread.as_ref().map(|unread| unread.at),
        ];
        ends.into_iter().flatten().fold(self.elapsed, Span::min)
    }
}
