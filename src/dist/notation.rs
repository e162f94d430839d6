//! How a scenario writes a distribution, and how it is written back.

#![cfg_attr(
    not(test),
    deny(
        clippy::string_slice,
        clippy::expect_used,
        clippy::arithmetic_side_effects
    )
)]

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Value, json};

use super::{Dist, LogNormal, Z99};
use crate::setting::form::{self, Form as _, formed};
use crate::time::Span;

impl Serialize for Dist {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Part<'a> {
            weight: f64,
            span: &'a Dist,
        }
        #[derive(Serialize)]
        struct WeibullForm {
            scale: Span,
            shape: f64,
        }
        if let Dist::Constant(span) = self {
            return span.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        match self {
            Dist::Constant(_) => {}
            Dist::Uniform(low, high) => map.serialize_entry("uniform", &[low, high])?,
            Dist::Triangular(low, mode, high) => {
                map.serialize_entry("triangular", &[low, mode, high])?;
            }
            Dist::Exponential(mean) => map.serialize_entry("exponential", mean)?,
            Dist::LogNormal(l) => {
                map.serialize_entry("p50", &l.quantile(0.0))?;
                map.serialize_entry("p99", &l.quantile(Z99))?;
            }
            Dist::Weibull { scale, shape } => {
                map.serialize_entry(
                    "weibull",
                    &WeibullForm {
                        scale: *scale,
                        shape: *shape,
                    },
                )?;
            }
            Dist::Empirical(spans) => map.serialize_entry("empirical", spans)?,
            Dist::Mixture(parts) => {
                let parts: Vec<Part> = parts
                    .iter()
                    .map(|(weight, span)| Part {
                        weight: *weight,
                        span,
                    })
                    .collect();
                map.serialize_entry("mixture", &parts)?;
            }
        }
        map.end()
    }
}

/// What a scenario may write in a table; exactly one form of it.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Form {
    p50: Option<Span>,
    p95: Option<Span>,
    p99: Option<Span>,
    uniform: Option<[Span; 2]>,
    triangular: Option<[Span; 3]>,
    exponential: Option<Span>,
    lognormal: Option<MeanSd>,
    weibull: Option<ScaleShape>,
    empirical: Option<Vec<Span>>,
    mixture: Option<Vec<Weighted>>,
    delay: Option<Span>,
    jitter: Option<Span>,
}

formed! {
    Span => form::span();
    Dist => form::distribution();
}

/// What a scenario may write for a distribution, as a JSON Schema: a span, or one of the forms.
pub fn written() -> Value {
    let span = form::span;
    let spans = |count: usize| json!({ "type": "array", "items": span(), "minItems": count, "maxItems": count });
    let one = |name: &str, value: Value| form::table(json!({ name: value }), &[name]);
    let weight = form::narrowed(f64::form(), "above 0");
    let part = form::table(
        json!({ "weight": weight, "span": form::distribution() }),
        &["weight", "span"],
    );
    let shape = form::narrowed(f64::form(), "at least 0.05");
    json!({ "anyOf": [
        span(),
        form::table(json!({ "p50": span(), "p95": span() }), &["p50", "p95"]),
        form::table(json!({ "p50": span(), "p99": span() }), &["p50", "p99"]),
        one("uniform", spans(2)),
        one("triangular", spans(3)),
        one("exponential", span()),
        one("lognormal", form::table(json!({ "mean": span(), "sd": span() }), &["mean", "sd"])),
        one("weibull", form::table(json!({ "scale": span(), "shape": shape }), &["scale", "shape"])),
        one("empirical", json!({ "type": "array", "items": span(), "minItems": 1 })),
        one("mixture", json!({ "type": "array", "items": part, "minItems": 1 })),
        form::table(json!({ "delay": span(), "jitter": span() }), &["delay"]),
    ] })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MeanSd {
    mean: Span,
    sd: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScaleShape {
    scale: Span,
    shape: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Weighted {
    weight: f64,
    span: Dist,
}

impl Form {
    fn into_dist(self) -> Result<Dist, String> {
        let mut forms = Vec::new();
        if let Some(p50) = self.p50 {
            forms.push(quantile_form(p50, self.p95, self.p99)?);
        }
        forms.extend(
            self.uniform
                .map(|[low, high]| ordered(&[low, high]).map(|()| Dist::Uniform(low, high)))
                .transpose()?,
        );
        forms.extend(
            self.triangular
                .map(|[low, mode, high]| {
                    ordered(&[low, mode, high]).map(|()| Dist::Triangular(low, mode, high))
                })
                .transpose()?,
        );
        forms.extend(self.exponential.map(Dist::Exponential));
        forms.extend(self.lognormal.map(mean_sd_form).transpose()?);
        forms.extend(self.weibull.map(weibull_form).transpose()?);
        forms.extend(self.empirical.map(empirical_form).transpose()?);
        forms.extend(self.mixture.map(mixture_form).transpose()?);
        if let Some(delay) = self.delay {
            let jitter = self.jitter.unwrap_or_default().as_micros();
            let longest = delay.as_micros().saturating_add(jitter);
            forms.push(Dist::Uniform(delay, Span::from_micros(longest)));
        }
        let [dist] = <[Dist; 1]>::try_from(forms).map_err(|forms| match forms.len() {
            0 => {
                "this table is no distribution; write { p50 = \"2s\", p99 = \"9s\" }, { uniform = [\"1s\", \"3s\"] }, …"
                    .to_owned()
            }
            n => format!("this table names {n} distributions; keep one"),
        })?;
        Ok(dist)
    }
}

fn quantile_form(p50: Span, p95: Option<Span>, p99: Option<Span>) -> Result<Dist, String> {
    let (upper, make): (Span, fn(Span, Span) -> LogNormal) = match (p95, p99) {
        (Some(p95), None) => (p95, LogNormal::p50_p95),
        (None, Some(p99)) => (p99, LogNormal::p50_p99),
        _ => return Err("a log-normal span needs `p50` and one of `p95`, `p99`".into()),
    };
    ordered(&[p50, upper])?;
    if p50 == Span::ZERO {
        return Err("the median of a log-normal span is above 0s".into());
    }
    Ok(Dist::LogNormal(make(p50, upper)))
}

fn mean_sd_form(form: MeanSd) -> Result<Dist, String> {
    if form.mean == Span::ZERO {
        return Err("the mean of a log-normal span is above 0s".into());
    }
    Ok(Dist::LogNormal(LogNormal::mean_sd(
        form.mean.as_secs_f64(),
        form.sd.as_secs_f64(),
    )))
}

fn weibull_form(form: ScaleShape) -> Result<Dist, String> {
    if form.shape.is_finite() && form.shape >= 0.05 {
        Ok(Dist::Weibull {
            scale: form.scale,
            shape: form.shape,
        })
    } else {
        Err(format!(
            "the shape of a Weibull span is at least 0.05, not {}",
            form.shape
        ))
    }
}

fn empirical_form(spans: Vec<Span>) -> Result<Dist, String> {
    if spans.is_empty() {
        Err("an empirical span needs at least one measurement".into())
    } else {
        Ok(Dist::Empirical(spans))
    }
}

fn mixture_form(parts: Vec<Weighted>) -> Result<Dist, String> {
    if parts.is_empty()
        || parts
            .iter()
            .any(|part| !(part.weight.is_finite() && part.weight > 0.0))
    {
        return Err("a mixture needs parts, each with a weight above 0".into());
    }
    Ok(Dist::Mixture(
        parts
            .into_iter()
            .map(|part| (part.weight, part.span))
            .collect(),
    ))
}

fn ordered(spans: &[Span]) -> Result<(), String> {
    if spans.is_sorted() {
        Ok(())
    } else {
        Err("these spans must rise from left to right".into())
    }
}

impl<'de> Deserialize<'de> for Dist {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Dist, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Dist;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a span like \"15s\", or a distribution like { p50 = \"2s\", p99 = \"9s\" }",
                )
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Dist, E> {
                Span::parse(text).map(Dist::Constant).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Dist, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Dist, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Dist, A::Error> {
                Form::deserialize(de::value::MapAccessDeserializer::new(map))?
                    .into_dist()
                    .map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
