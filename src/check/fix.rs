//! What to change of a scenario.

use crate::error::Error;
use crate::scenario::{Document, Scenario};
use crate::time::Span;

/// The preStop hook's key.
pub(super) const PRE_STOP: &str = "pod.pre_stop";

/// A key, and what to set it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The dotted key.
    pub key: &'static str,
    /// The value, as `--set` takes it.
    pub value: String,
}

/// Sets a key.
pub(super) fn set(key: &'static str, value: impl ToString) -> Edit {
    Edit {
        key,
        value: value.to_string(),
    }
}

/// Sets a key to whole seconds, rounded up.
pub(super) fn seconds(key: &'static str, span: Span) -> Edit {
    set(key, format!("{}s", span.as_micros().div_ceil(1_000_000)))
}

/// All edits together. Where several set one span, the longest does for all of them.
pub(super) fn merged<'a>(edits: impl IntoIterator<Item = &'a Edit>) -> Vec<Edit> {
    let mut merged: Vec<Edit> = Vec::new();
    for edit in edits {
        match merged.iter_mut().find(|other| other.key == edit.key) {
            None => merged.push(edit.clone()),
            Some(other) => {
                let longer = match (Span::parse(&edit.value), Span::parse(&other.value)) {
                    (Ok(one), Ok(other)) => one > other,
                    _ => false,
                };
                if longer {
                    other.value.clone_from(&edit.value);
                }
            }
        }
    }
    merged
}

/// The scenario with the edits.
///
/// # Errors
/// They make it impossible.
pub(super) fn applied(document: &Document, edits: &[Edit]) -> Result<Scenario, Error> {
    let mut fixed = document.clone();
    for edit in edits {
        fixed.set(edit.key, &edit.value)?;
    }
    fixed.resolve()
}
