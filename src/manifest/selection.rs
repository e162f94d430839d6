//! Which of the imported objects are judged: those that the user names, or all but those.

use super::{Import, LeftOut};
use crate::error::Error;

/// Objects as users name them: `web`, `shop/web`, `deploy/web`, `Deployment shop/web`.
struct Pattern<'a> {
    written: &'a str,
    kind: Option<&'static str>,
    namespace: Option<&'a str>,
    name: &'a str,
}

/// Kinds that are judged or left out, and what kubectl also calls them.
const KINDS: &[(&str, &[&str])] = &[
    ("Deployment", &["deploy", "deployments"]),
    ("StatefulSet", &["sts", "statefulsets"]),
    ("DaemonSet", &["ds", "daemonsets"]),
    ("Service", &["svc", "services"]),
    ("Ingress", &["ing", "ingresses"]),
    ("Rollout", &["ro", "rollouts"]),
];

impl Import {
    /// Keeps what `only` names, where it names anything, and leaves out what `skip` names. What is skipped stays
    /// among what is left out, but is no open question any more: somebody has answered it.
    ///
    /// # Errors
    /// A name is nobody's: it may be misspelt, and nothing would be judged in its place.
    pub fn select(&mut self, only: &[String], skip: &[String]) -> Result<(), Error> {
        for (option, names) in [("--only", only), ("--skip", skip)] {
            for name in names {
                self.exists(option, &Pattern::of(name))?;
            }
        }
        if !only.is_empty() {
            let kept = |object: &str| only.iter().any(|name| Pattern::of(name).is(object));
            self.drafts
                .retain(|draft| kept(&draft.facts.names.object()));
            self.left_out.retain(|left_out| kept(&left_out.object));
            self.dangling.retain(|dangling| kept(&dangling.object));
        }
        for name in skip {
            self.skip(&Pattern::of(name));
        }
        Ok(())
    }

    fn skip(&mut self, pattern: &Pattern<'_>) {
        let why = format!("left out by --skip {}", pattern.written);
        for left_out in &mut self.left_out {
            if pattern.is(&left_out.object) {
                left_out.is_open = false;
                left_out.why = format!("{why}; {}", left_out.why);
            }
        }
        let answered = |object: &str, place: &super::Place| LeftOut {
            object: object.to_owned(),
            place: place.clone(),
            why: why.clone(),
            is_open: false,
        };
        for draft in self
            .drafts
            .extract_if(.., |draft| pattern.is(&draft.facts.names.object()))
        {
            self.left_out
                .push(answered(&draft.facts.names.object(), &draft.place));
        }
        for dangling in self
            .dangling
            .extract_if(.., |dangling| pattern.is(&dangling.object))
        {
            self.left_out
                .push(answered(&dangling.object, &dangling.notice.place));
        }
    }

    fn exists(&self, option: &str, pattern: &Pattern<'_>) -> Result<(), Error> {
        let objects = self.objects();
        if objects.iter().any(|object| pattern.is(object)) {
            return Ok(());
        }
        /// More names than these are no hint.
        const MOST: usize = 8;
        let mut found = objects
            .iter()
            .take(MOST)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        if objects.len() > MOST {
            found.push_str(&format!(" and {} more", objects.len() - MOST));
        }
        let error = Error::input(format!(
            "{option} {}: there is no such object",
            pattern.written
        ));
        Err(if found.is_empty() {
            error.hint("no object of these manifests is judged")
        } else {
            error.hint(format!("there are: {found}"))
        })
    }

    fn objects(&self) -> Vec<String> {
        let drafts = self.drafts.iter().map(|draft| draft.facts.names.object());
        let left_out = self.left_out.iter().map(|left_out| left_out.object.clone());
        let dangling = self.dangling.iter().map(|dangling| dangling.object.clone());
        drafts.chain(left_out).chain(dangling).collect()
    }
}

impl<'a> Pattern<'a> {
    fn of(written: &'a str) -> Pattern<'a> {
        let (first, rest) = match written.split_once(' ') {
            Some((kind, rest)) => (kind_called(kind), rest),
            None => (None, written),
        };
        let (place, name) = match rest.rsplit_once('/') {
            Some((place, name)) => (Some(place), name),
            None => (None, rest),
        };
        let kind = first.or_else(|| place.and_then(kind_called));
        Pattern {
            written,
            kind,
            namespace: place.filter(|place| first.is_some() || kind_called(place).is_none()),
            name,
        }
    }

    /// Whether it means `Deployment shop/web`.
    fn is(&self, object: &str) -> bool {
        let Some((kind, rest)) = object.split_once(' ') else {
            return object == self.written;
        };
        let (namespace, name) = match rest.rsplit_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, rest),
        };
        self.name == name
            && self.kind.is_none_or(|own| own == kind)
            && self.namespace.is_none_or(|own| Some(own) == namespace)
    }
}

/// The kind that a word means: its name, in any case, with or without its group, or short.
fn kind_called(word: &str) -> Option<&'static str> {
    let word = word.split_once('.').map_or(word, |(kind, _)| kind);
    KINDS
        .iter()
        .find(|(kind, others)| {
            kind.eq_ignore_ascii_case(word)
                || others.iter().any(|other| other.eq_ignore_ascii_case(word))
        })
        .map(|(kind, _)| *kind)
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn objects_are_called_as_kubectl_calls_them() {
        let object = "Deployment shop/web";
        for yes in [
            "web",
            "shop/web",
            "deploy/web",
            "deployment.apps/web",
            "Deployment shop/web",
        ] {
            assert!(Pattern::of(yes).is(object), "{yes}");
        }
        for no in [
            "we",
            "api/web",
            "svc/web",
            "Service shop/web",
            "deploy/api",
            "shop/",
        ] {
            assert!(!Pattern::of(no).is(object), "{no}");
        }
        // A namespace may be called as a kind is.
        assert!(Pattern::of("Deployment deploy/web").is("Deployment deploy/web"));
        assert!(Pattern::of("web").is("Deployment web"));
    }
}
