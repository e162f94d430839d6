//! The variables of a container, as far as manifests say them.

use std::collections::BTreeMap;

/// What manifests say of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable<'a> {
    /// Its value.
    Known(&'a str),
    /// It is set, or may be, by something that is not among the manifests.
    Unseen,
    /// No manifest sets it; the image may.
    Unset,
}

/// The variables of a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::manifest) struct Environment {
    /// Without a value: it is set by something that is not among the manifests.
    pub(in crate::manifest) variables: BTreeMap<String, Option<String>>,
    /// Whether `envFrom` names something that is not among the manifests.
    pub(in crate::manifest) open: bool,
}

impl Environment {
    pub(super) fn look_up(&self, name: &str) -> Variable<'_> {
        match self.variables.get(name) {
            Some(Some(value)) => Variable::Known(value),
            Some(None) => Variable::Unseen,
            None if self.open => Variable::Unseen,
            None => Variable::Unset,
        }
    }
}
