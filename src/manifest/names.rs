//! Names and labels, judged as the API server judges them (k8s.io/apimachinery, pkg/util/validation).
//!
//! What it would refuse names no object, so a forecast of it would be one of a rollout that never starts; and what it
//! takes has no character that a report, a patch or a terminal would stumble over.

use std::collections::BTreeMap;

use super::field::Field;
use super::source::At;
use crate::error::Error;

/// What a name may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// `IsDNS1123Subdomain`: most objects.
    Subdomain,
    /// `IsDNS1123Label`: namespaces, containers; Services begin with a letter besides, unless the server is lenient.
    Label,
}

impl Rule {
    /// That of a kind's own name.
    pub(super) fn of_kind(kind: &str) -> Rule {
        if ["Service", "Namespace"].contains(&kind) {
            Rule::Label
        } else {
            Rule::Subdomain
        }
    }

    fn longest(self) -> usize {
        match self {
            Rule::Subdomain => 253,
            Rule::Label => 63,
        }
    }

    fn admits(self, name: &str) -> bool {
        let parts = || name.split('.');
        name.len() <= self.longest()
            && parts().all(is_label)
            && (self == Rule::Subdomain || parts().count() == 1)
    }

    fn hint(self) -> String {
        let (letters, longest) = match self {
            Rule::Subdomain => ("lower-case letters, digits, `-` and `.`", self.longest()),
            Rule::Label => ("lower-case letters, digits and `-`", self.longest()),
        };
        format!(
            "Kubernetes takes {letters} (RFC 1123), a letter or digit first and last, at most {longest} of them"
        )
    }
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
fn is_label(part: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !part.is_empty() && part.bytes().all(inner) && !part.starts_with('-') && !part.ends_with('-')
}

/// A name of this rule.
pub(super) fn name(field: &Field<'_>, rule: Rule) -> Result<At<String>, Error> {
    let name = field.text()?;
    if rule.admits(&name.value) {
        Ok(name)
    } else {
        Err(field.refuses("name", &name.value, &rule.hint()))
    }
}

/// Labels, or a selector of them.
pub(super) fn labels(field: &Field<'_>) -> Result<BTreeMap<String, At<String>>, Error> {
    let labels = field.texts()?;
    for (key, label) in field.members()? {
        qualified(&label, key)?;
        let value = labels.get(key).map_or("", |at| at.value.as_str());
        if !(value.is_empty() || is_word(value)) {
            let hint = "Kubernetes takes letters, digits, `-`, `_` and `.`, a letter or digit first and last, at most 63";
            return Err(label.refuses("label", value, hint));
        }
    }
    Ok(labels)
}

/// Annotations, whose values may be any text.
pub(super) fn annotations(field: &Field<'_>) -> Result<BTreeMap<String, At<String>>, Error> {
    for (key, annotation) in field.members()? {
        // ValidateAnnotations looks at the key in lower case.
        qualified(&annotation, &key.to_ascii_lowercase())?;
    }
    field.texts()
}

/// `IsQualifiedName`: `name`, or `prefix/name`.
fn qualified(field: &Field<'_>, key: &str) -> Result<(), Error> {
    let (prefix, name) = key
        .split_once('/')
        .map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if is_word(name) && prefix.is_none_or(|prefix| Rule::Subdomain.admits(prefix)) {
        return Ok(());
    }
    let hint = "Kubernetes takes `name` or `prefix/name`: letters, digits, `-`, `_` and `.`, at most 63; the prefix as in DNS";
    Err(field.refuses("key", key, hint))
}

/// `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`, at most 63 long.
fn is_word(word: &str) -> bool {
    let (first, last) = (word.bytes().next(), word.bytes().last());
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    word.len() <= 63 && ends(first) && ends(last) && word.bytes().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_api_server() {
        for (name, subdomain, label) in [
            ("a", true, true),
            ("a-b2", true, true),
            ("0a", true, true),
            ("a.b", true, false),
            ("a..b", false, false),
            ("A", false, false),
            ("-a", false, false),
            ("a-", false, false),
            ("a.-b", false, false),
            ("a_b", false, false),
            ("", false, false),
            ("é", false, false),
            ("a\n", false, false),
            (&"a".repeat(63), true, true),
            (&"a".repeat(64), true, false),
            (&"a".repeat(254), false, false),
        ] {
            assert_eq!(
                (Rule::Subdomain.admits(name), Rule::Label.admits(name)),
                (subdomain, label),
                "{name:?}"
            );
        }
        assert!(
            is_word("A_b.c")
                && is_word("1")
                && !is_word("")
                && !is_word(".a")
                && !is_word("a\u{1b}b")
        );
    }
}
