//! What fields a type of `k8s-openapi` has, and of which types: heard from the type itself, which asks a
//! deserializer for them.

use std::collections::BTreeMap;
use std::fmt::Write;

use k8s_openapi::{Metadata, Resource};
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// The fields of each type, in the order of the API.
pub type Types = BTreeMap<String, Vec<(String, String)>>;

/// Adds a kind of object and all types in it. Two versions of a kind need a prefix to tell their types apart.
pub fn trace<T: for<'de> Deserialize<'de> + Resource + Metadata>(types: &mut Types, prefix: &str) {
    let mut shape = String::new();
    T::deserialize(Tracer {
        types,
        shape: &mut shape,
        kind: T::KIND,
        prefix,
    })
    .unwrap();
}

/// A line for each type, folded.
pub fn table(types: &Types) -> String {
    let mut table = String::new();
    for (name, fields) in types {
        let mut width = name.len() + 1;
        write!(table, "{name}:").unwrap();
        for (field, shape) in fields {
            let word = format!("{field}={shape}");
            width += 1 + word.len();
            if width > 118 {
                table.push_str("\n ");
                width = 2 + word.len();
            }
            write!(table, " {word}").unwrap();
        }
        table.push('\n');
    }
    table
}

/// Answers every question with some value, and keeps the question.
struct Tracer<'a> {
    types: &'a mut Types,
    /// What this value was asked to be.
    shape: &'a mut String,
    kind: &'static str,
    prefix: &'a str,
}

impl Tracer<'_> {
    fn inner<'b>(&'b mut self, shape: &'b mut String) -> Tracer<'b> {
        Tracer {
            types: self.types,
            shape,
            kind: self.kind,
            prefix: self.prefix,
        }
    }

    fn is(&mut self, shape: &str) {
        shape.clone_into(self.shape);
    }
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Error;

    // Only IntOrString takes what comes.
    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        self.is("text|whole");
        visitor.visit_i64(0)
    }

    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        self.is("flag");
        visitor.visit_bool(false)
    }

    fn deserialize_i32<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        self.is("whole");
        visitor.visit_i32(0)
    }

    fn deserialize_i64<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        self.is("long");
        visitor.visit_i64(0)
    }

    fn deserialize_f64<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        self.is("number");
        visitor.visit_f64(0.0)
    }

    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        self.is("text");
        visitor.visit_str("")
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.is(match name {
            "Quantity" => "quantity",
            "Time" | "MicroTime" => "time",
            "FieldsV1" => "any",
            other => panic!("a new kind of scalar: {other}"),
        });
        let value: StrDeserializer<'_, Error> = "2026-11-22T00:00:00Z".into_deserializer();
        visitor.visit_newtype_struct(value)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let mut item = String::new();
        let list = visitor.visit_seq(Once(Some(self.inner(&mut item))))?;
        self.is(&format!("[{item}]"));
        Ok(list)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let mut value = String::new();
        let map = visitor.visit_map(Once(Some(self.inner(&mut value))))?;
        self.is(&format!("{{{value}}}"));
        Ok(map)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let name = if name.starts_with(self.kind) {
            format!("{}{name}", self.prefix)
        } else {
            name.to_owned()
        };
        self.is(&name);
        // What an object calls itself is no field of its own; the types accept nothing else there.
        let is_object = fields.starts_with(&["apiVersion", "kind", "metadata"]);
        let fields = fields.iter().skip(if is_object { 2 } else { 0 });
        let mut shapes = fields
            .map(|&field| (field.to_owned(), String::new()))
            .collect::<Vec<_>>();
        let value = visitor.visit_map(Each {
            tracer: self.inner(&mut String::new()),
            fields: shapes.iter_mut(),
            value: None,
        })?;
        if let Some(known) = self.types.insert(name.clone(), shapes.clone()) {
            assert_eq!(known, shapes, "two types are called {name}");
        }
        Ok(value)
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u32 u64 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct enum identifier
        ignored_any
    }
}

/// A list or a mapping of one value.
struct Once<'a>(Option<Tracer<'a>>);

impl<'de> SeqAccess<'de> for Once<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        self.0
            .take()
            .map(|tracer| seed.deserialize(tracer))
            .transpose()
    }
}

impl<'de> MapAccess<'de> for Once<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let key: Option<StrDeserializer<'_, Error>> =
            self.0.as_ref().map(|_| "key".into_deserializer());
        key.map(|key| seed.deserialize(key)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(self.0.take().unwrap())
    }
}

/// Every field of a type.
struct Each<'a> {
    tracer: Tracer<'a>,
    fields: std::slice::IterMut<'a, (String, String)>,
    value: Option<&'a mut String>,
}

impl<'de> MapAccess<'de> for Each<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((field, shape)) = self.fields.next() else {
            return Ok(None);
        };
        self.value = Some(shape);
        let key: StrDeserializer<'_, Error> = field.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let shape = self.value.take().unwrap();
        seed.deserialize(self.tracer.inner(shape))
    }
}
