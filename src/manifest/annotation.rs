//! The controller's annotations: `alb.ingress.kubernetes.io/…`.

use std::collections::BTreeMap;

use super::field::Field;
use super::source::At;
use super::workload::Metadata;
use crate::error::Error;

/// What all of them start with.
pub(super) const PREFIX: &str = "alb.ingress.kubernetes.io/";

/// Annotations that hold an action.
pub(super) const ACTIONS: &str = "alb.ingress.kubernetes.io/actions.";

/// An annotation of one of these objects; the first that has it wins, as the controller's
/// `algorithm.MergeStringMap(svc.Annotations, ing.Annotations)` has it.
pub(super) fn find(objects: &[&Metadata], name: &str) -> Option<At<String>> {
    let key = format!("{PREFIX}{name}");
    objects
        .iter()
        .find_map(|object| object.annotations.get(&key))
        .cloned()
}

/// A whole number in an annotation.
pub(super) fn whole(objects: &[&Metadata], name: &str) -> Result<Option<At<u32>>, Error> {
    find(objects, name)
        .map(|text| number(&text, &format!("{PREFIX}{name}")))
        .transpose()
}

fn number(text: &At<String>, name: &str) -> Result<At<u32>, Error> {
    match text.value.trim().parse::<u32>() {
        Ok(number) => Ok(text.clone().map(|_| number)),
        Err(_) => Err(text
            .place
            .error(format!(
                "`{name}` is `{}`, no whole number",
                text.value.trim()
            ))
            .hint("seconds or a count, without a unit: \"15\"")),
    }
}

/// Attributes of a target group or a load balancer: `key=value,key=value`, or a list of pairs.
#[derive(Debug, Clone, Default)]
pub(super) struct Attributes(BTreeMap<String, At<String>>);

impl Attributes {
    /// Those of an annotation.
    pub(super) fn of_annotation(text: Option<At<String>>) -> Result<Attributes, Error> {
        let mut attributes = BTreeMap::new();
        let Some(text) = text else {
            return Ok(Attributes::default());
        };
        for pair in text
            .value
            .split(',')
            .map(str::trim)
            .filter(|pair| !pair.is_empty())
        {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(text.place.error(format!("`{pair}` is no attribute")).hint(
                    "key=value, separated by commas: deregistration_delay.timeout_seconds=30",
                ));
            };
            attributes.insert(
                key.trim().to_owned(),
                text.clone().map(|_| value.trim().to_owned()),
            );
        }
        Ok(Attributes(attributes))
    }

    /// Those of a list of `{key: …, value: …}`.
    pub(super) fn of_list(items: &[Field<'_>]) -> Result<Attributes, Error> {
        let pair =
            |item: &Field<'_>| Ok((item.need("key")?.text()?.value, item.need("value")?.text()?));
        Ok(Attributes(
            items.iter().map(pair).collect::<Result<_, Error>>()?,
        ))
    }

    /// All of them, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &At<String>)> {
        self.0.iter()
    }

    /// Takes over what others say; it wins.
    pub(super) fn lay_over(&mut self, others: &Attributes) {
        self.0
            .extend(others.iter().map(|(key, text)| (key.clone(), text.clone())));
    }

    /// An attribute that is text.
    pub(super) fn text(&self, key: &str) -> Option<&At<String>> {
        self.0.get(key)
    }

    /// An attribute that is one of these words, each with its meaning.
    pub(super) fn one_of<T: Copy>(
        &self,
        key: &str,
        words: &[(&str, T)],
    ) -> Result<Option<At<T>>, Error> {
        let Some(text) = self.0.get(key) else {
            return Ok(None);
        };
        match words.iter().find(|(word, _)| *word == text.value) {
            Some((_, meaning)) => Ok(Some(text.clone().map(|_| *meaning))),
            None => {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                let what = format!("`{}` is no value of `{key}`", text.value);
                Err(text.place.error(what).hint(words.join(" or ")))
            }
        }
    }

    /// An attribute that is a whole number.
    pub(super) fn whole(&self, key: &str) -> Result<Option<At<u32>>, Error> {
        self.0.get(key).map(|text| number(text, key)).transpose()
    }
}
