//! What a scenario can set: one declaration a group gives the struct, its defaults, its
//! documentation, and the rows of docs/MODEL.md, so that none of them can drift from another.

pub mod form;

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much is known about a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// The vendor's documentation or source code says so.
    Documented,
    /// Somebody measured it and published the number.
    Measured,
    /// Nobody published it: a prior, listed in every report that relies on it.
    Assumed,
}

/// One key of the scenario file.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its dotted name: `deployment.max_surge`.
    pub key: &'static str,
    /// What it is, its unit and its range.
    pub meaning: &'static str,
    /// How much is known about its default.
    pub grade: Grade,
    /// Where the default comes from.
    pub source: &'static str,
    /// The JSON Schema of its value, from its type.
    pub form: fn() -> serde_json::Value,
    /// The range of a number in words, as [`form::narrowed`] reads them; empty: as its type.
    pub range: &'static str,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Grade::Documented => "documented",
            Grade::Measured => "measured",
            Grade::Assumed => "assumed",
        })
    }
}

/// Declares a group of settings: type, default, range of a number, meaning, grade and source of each key.
///
/// The first sentence of a key's comment becomes its meaning in docs/MODEL.md.
macro_rules! settings {
    (
        $(#[doc = $group:literal])+
        $name:ident in $section:literal {
            $( $(#[doc = $doc:literal])+ $key:ident : $ty:ty = $default:expr, $(($($range:tt)+))? $grade:ident $source:literal; )*
        }
    ) => {
        $(#[doc = $group])+
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $(
                $(#[doc = $doc])+
                $(#[doc = concat!("\n\nRange: ", stringify!($($range)+), ".")])?
                #[doc = concat!("\n\nDefault ", stringify!($grade), ": ", $source, ".")]
                pub $key: $ty,
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $( $key: $default, )* }
            }
        }

        impl $name {
            /// What the group is about.
            pub const ABOUT: &'static str = concat!($($group),+);

            /// The rows of this group in docs/MODEL.md.
            pub const SETTINGS: &'static [$crate::setting::Setting] = &[
                $( $crate::setting::Setting {
                    key: concat!($section, ".", stringify!($key)),
                    meaning: concat!($($doc),+),
                    grade: $crate::setting::Grade::$grade,
                    source: $source,
                    form: <$ty as $crate::setting::form::Form>::form,
                    range: concat!($(stringify!($($range)+))?),
                }, )*
            ];
        }
    };
}
pub(crate) use settings;

/// A number of pods, or a share of the desired ones: `3` or `"25%"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Pods(u32),
    /// So many of a hundred.
    Percent(u32),
}

impl Count {
    /// Resolved against the desired replicas, rounded up (`maxSurge`).
    pub const fn rounded_up(self, replicas: u32) -> u32 {
        match self {
            Count::Pods(pods) => pods,
            Count::Percent(percent) => (replicas as u64 * percent as u64).div_ceil(100) as u32,
        }
    }

    /// Resolved against the desired replicas, rounded down (`maxUnavailable`).
    pub const fn rounded_down(self, replicas: u32) -> u32 {
        match self {
            Count::Pods(pods) => pods,
            Count::Percent(percent) => (replicas as u64 * percent as u64 / 100) as u32,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Count::Pods(pods) => write!(f, "{pods}"),
            Count::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Serialize for Count {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Count::Pods(pods) => serializer.serialize_u32(*pods),
            Count::Percent(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Count, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Count;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of pods like 3, or a percentage like \"25%\"")
            }
            fn visit_i64<E: serde::de::Error>(self, pods: i64) -> Result<Count, E> {
                u32::try_from(pods)
                    .map(Count::Pods)
                    .map_err(|_| E::custom(format!("{pods} is no number of pods")))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Count, E> {
                let percent = text
                    .strip_suffix('%')
                    .and_then(|digits| digits.parse().ok());
                percent.map(Count::Percent).ok_or_else(|| {
                    E::custom(format!(
                        "`{text}` is neither a number of pods nor a percentage like \"25%\""
                    ))
                })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surge_rounds_up_and_unavailable_down() {
        let quarter = Count::Percent(25);
        let resolved = |n| (quarter.rounded_up(n), quarter.rounded_down(n));
        assert_eq!(
            [1, 2, 3, 4, 10, 15].map(resolved),
            [(1, 0), (1, 0), (1, 0), (1, 1), (3, 2), (4, 3)]
        );
    }
}
