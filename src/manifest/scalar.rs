//! What a plain scalar is to Kubernetes: YAML 1.1 as `sigs.k8s.io/yaml` reads it (goyaml.v2/resolve.go), through which
//! kubectl and the API server turn YAML into JSON. `010` is eight there, `1_000` a thousand, `yes` true.

use super::yaml::Value;

/// The words that are no text, in the only cases in which they are none.
const TRUE: [&str; 11] = [
    "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON",
];
const FALSE: [&str; 11] = [
    "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF",
];
const NULL: [&str; 5] = ["", "~", "null", "Null", "NULL"];

/// What a scalar without quotes is.
pub(super) fn resolve(plain: &str) -> Value {
    match plain {
        word if NULL.contains(&word) => Value::Null,
        word if TRUE.contains(&word) => Value::Flag(true),
        word if FALSE.contains(&word) => Value::Flag(false),
        ".nan" | ".NaN" | ".NAN" => Value::Number(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Number(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::Number(f64::NEG_INFINITY),
        _ => number(plain).unwrap_or_else(|| Value::Text(plain.to_owned())),
    }
}

fn number(plain: &str) -> Option<Value> {
    let first = plain.bytes().next()?;
    if first == b'.' {
        return float(plain);
    }
    if !matches!(first, b'0'..=b'9' | b'+' | b'-') || is_date(plain) {
        return None;
    }
    let digits = plain.replace('_', "");
    whole(&digits).or_else(|| float(&digits))
}

/// Go's `strconv.ParseInt` with base 0: `0x`, `0o` and `0b` say the base, a leading 0 says eight.
fn whole(text: &str) -> Option<Value> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (prefix, rest) = unsigned.split_at_checked(2).unwrap_or_default();
    let (base, digits) = match prefix.to_ascii_lowercase().as_str() {
        "0x" => (16, rest),
        "0o" => (8, rest),
        "0b" => (2, rest),
        _ => match unsigned
            .strip_prefix('0')
            .filter(|digits| !digits.is_empty())
        {
            Some(digits) => (8, digits),
            None => (10, unsigned),
        },
    };
    // Rust would take a second sign.
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, base).ok()?;
    let value = if negative {
        magnitude.checked_neg()?
    } else {
        magnitude
    };
    Some(i64::try_from(value).map_or(Value::Number(value as f64), Value::Whole))
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn float(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)),
        ),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let has_digits = !before.is_empty() || !after.is_empty();
    let is_float = has_digits && digits(before) && digits(after);
    if !is_float || exponent.is_some_and(|exponent| exponent.is_empty() || !digits(exponent)) {
        return None;
    }
    // Beyond the largest number Go reports an error, and the scalar stays text.
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .map(Value::Number)
}

/// A date is text to Kubernetes: the decoder gives its letters back where no type asks for a time.
fn is_date(plain: &str) -> bool {
    let year = plain.get(..5);
    year.is_some_and(|year| {
        year.ends_with('-') && year.bytes().take(4).all(|digit| digit.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(plain: &str, expected: &str) {
        assert_eq!(format!("{:?}", resolve(plain)), expected, "{plain}");
    }

    #[test]
    fn numbers_are_those_of_yaml_1_1() {
        for (plain, whole) in [
            ("8", 8),
            ("010", 8),
            ("-010", -8),
            ("0x10", 16),
            ("0XfF", 255),
            ("0o10", 8),
            ("0b101", 5),
            ("-0b101", -5),
            ("1_000", 1000),
            ("0_1_0", 8),
            ("+12", 12),
            ("00", 0),
            ("0", 0),
        ] {
            check(plain, &format!("Whole({whole})"));
        }
        for (plain, number) in [
            ("1e2", 100.0),
            ("08", 8.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("-.5", -0.5),
            ("3.0", 3.0),
        ] {
            check(plain, &format!("Number({number:?})"));
        }
        check("99999999999999999999", "Number(1e20)");
    }

    #[test]
    fn what_looks_like_a_number_may_be_text() {
        for plain in [
            "-",
            "+",
            "0x",
            "0xg",
            "1:30",
            "1.2.3",
            "2024-01-02",
            "10.0.0.1",
            "1e",
            "_1",
            "--1",
            "0x-1",
            "1e999",
            "250m",
        ] {
            check(plain, &format!("Text({plain:?})"));
        }
    }

    #[test]
    fn words_are_those_of_yaml_1_1_in_their_own_cases() {
        for plain in ["y", "Yes", "on", "TRUE"] {
            check(plain, "Flag(true)");
        }
        for plain in ["n", "No", "OFF", "false"] {
            check(plain, "Flag(false)");
        }
        for plain in ["yEs", "oN", "tRUE", "nil", "none"] {
            check(plain, &format!("Text({plain:?})"));
        }
        check("~", "Null");
        check("Null", "Null");
    }
}
