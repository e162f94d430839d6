//! What may be written for a setting, as a JSON Schema: from its type, and from nothing else.

use std::cell::Cell;

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Value, json};

use super::Setting;

/// A type that a scenario writes.
pub trait Form {
    /// The JSON Schema of what is written for it. Spans and distributions are named, not spelt out:
    /// [`definitions`] has them.
    fn form() -> Value;
}

/// What forms refer to by name.
pub fn definitions() -> Value {
    json!({
        "span": {
            "type": "string",
            "pattern": SPAN,
            "examples": ["15s", "250ms", "1m30s"],
        },
    })
}

/// Numbers with units, the largest unit first.
const SPAN: &str = "^\\s*([0-9]+([.][0-9]+)?\\s*(us|µs|ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)[ ,]*)+$";

/// A span, by its name.
pub fn span() -> Value {
    json!({ "$ref": "#/$defs/span" })
}

/// A distribution, by its name.
pub fn distribution() -> Value {
    json!({ "$ref": "#/$defs/distribution" })
}

/// A table with these keys and no other.
pub fn table(properties: Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

/// A table of these settings.
pub fn of(settings: &[Setting]) -> Value {
    let members = settings.iter().map(|row| {
        let name = row.key.rsplit('.').next().unwrap_or(row.key);
        (name.to_owned(), leaf(row))
    });
    table(Value::Object(members.collect()), &[])
}

/// What may be written for one setting, with what it means.
pub fn leaf(row: &Setting) -> Value {
    let mut form = narrowed((row.form)(), row.range);
    form["description"] = format!("{} ({}: {})", row.meaning.trim(), row.grade, row.source).into();
    form
}

/// The names of a plain enum's variants, as serde's derive has them.
pub fn names<T: DeserializeOwned>() -> &'static [&'static str] {
    let names = Cell::new(&[] as &[&str]);
    // The probe refuses everything, so there is no value to look at.
    let _ = T::deserialize(Probe(&names));
    names.get()
}

/// Reads no value, and notes what names the type would take.
struct Probe<'a>(&'a Cell<&'static [&'static str]>);

impl<'de> serde::Deserializer<'de> for Probe<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("only names are looked at"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.set(variants);
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// Gives plain enums the form that their names make.
macro_rules! named {
    ($($name:ty),+) => {
        $(impl $crate::setting::form::Form for $name {
            fn form() -> serde_json::Value {
                serde_json::json!({ "enum": $crate::setting::form::names::<$name>() })
            }
        })+
    };
}
pub(crate) use named;

/// Gives a type a form.
macro_rules! formed {
    ($($name:ty => $form:expr;)+) => {
        $(impl $crate::setting::form::Form for $name {
            fn form() -> serde_json::Value {
                $form
            }
        })+
    };
}
pub(crate) use formed;

formed! {
    bool => json!({ "type": "boolean" });
    String => json!({ "type": "string" });
    f64 => json!({ "type": "number" });
    u8 => json!({ "type": "integer", "minimum": 0, "maximum": u8::MAX });
    u16 => json!({ "type": "integer", "minimum": 0, "maximum": u16::MAX });
    u32 => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX });
    // The greatest integer of TOML.
    u64 => json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX });
    crate::setting::Count => json!({ "anyOf": [u32::form(), { "type": "string", "pattern": "^[0-9]+%$" }] });
}

impl<T: Form> Form for Option<T> {
    fn form() -> Value {
        T::form()
    }
}

/// Narrows a form to a range in words: `at least 1, at most 100`, `above 0, below 1`.
///
/// # Panics
/// If the words are none of these, which is a bug: a test reads the ranges of all settings.
pub fn narrowed(mut form: Value, range: &str) -> Value {
    for bound in range.split(", ").filter(|bound| !bound.is_empty()) {
        let (word, number) = bound
            .rsplit_once(' ')
            .expect("a bound is a word and a number");
        let key = match word {
            "at least" => "minimum",
            "at most" => "maximum",
            "above" => "exclusiveMinimum",
            "below" => "exclusiveMaximum",
            other => panic!("a range has no bound `{other}`"),
        };
        if form["$ref"] == span()["$ref"] {
            // Units make a bound of a span no matter of its text, but one: some digit is none.
            form["pattern"] = "[1-9]".into();
            continue;
        }
        form[key] = serde_json::from_str(number).expect("a bound is a number");
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read() {
        let form = narrowed(u32::form(), "at least 1, at most 100");
        assert_eq!(
            form,
            json!({ "type": "integer", "minimum": 1, "maximum": 100 })
        );
        assert_eq!(
            narrowed(f64::form(), "above 0, below 1"),
            json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 })
        );
    }

    #[test]
    fn names_are_those_of_the_derive() {
        use crate::setting::Grade;
        assert_eq!(names::<Grade>(), ["documented", "measured", "assumed"]);
    }
}
