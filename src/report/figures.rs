//! How numbers are written: few digits, always a unit, never a NaN.

use crate::stats::IfAny;
use crate::time::Span;

/// `12,000`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Whole from 100 on, else three digits, and two where less than one: `733`, `26.5`, `0.0034`.
pub(crate) fn amount(x: f64) -> String {
    let sign = if x < 0.0 { "-" } else { "" };
    let size = x.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if size >= 99.95 || size.fract() == 0.0 {
        format!("{sign}{}", grouped(size.round() as u64))
    } else {
        let decimals = if size >= 9.995 {
            1
        } else {
            significant_decimals(size, 2).max(2)
        };
        format!("{sign}{size:.decimals$}")
    }
}

/// `a to b`.
pub(super) fn range(low: f64, high: f64) -> String {
    format!("{} to {}", amount(low), amount(high))
}

/// What rollouts with any cost: `about 70 (3 to 140)`, from the smallest to the greatest seen.
pub(super) fn about(if_any: &IfAny) -> String {
    let IfAny {
        median, min, max, ..
    } = if_any;
    if min == max {
        format!("about {}", amount(*median))
    } else {
        format!("about {} ({})", amount(*median), range(*min, *max))
    }
}

/// A share as a percentage, with as many digits as keep it apart from 0 % and 100 %.
pub(crate) fn percent(share: f64) -> String {
    let nearest = share.min(1.0 - share) * 100.0;
    let decimals = if nearest <= 0.0 || nearest >= 9.95 {
        0
    } else {
        significant_decimals(nearest, 2).min(6)
    };
    format!("{:.decimals$} %", share * 100.0)
}

/// A share that somebody gave, in all its digits: `99 %`, `99.95 %`.
pub(super) fn exact(share: f64) -> String {
    format!("{} %", (share * 1e6).round() / 1e4)
}

/// A confidence level: `95 %`, `99.9 %`.
pub(super) fn level(level: f64) -> String {
    let decimals = significant_decimals((1.0 - level) * 100.0, 1);
    format!("{:.decimals$} %", level * 100.0)
}

/// `1 run`, `1,000 runs`.
pub(super) fn number_of(count: u64, what: &str) -> String {
    format!(
        "{} {what}{}",
        grouped(count),
        if count == 1 { "" } else { "s" }
    )
}

/// A span in its best unit, three digits: `589 ms`, `10.0 s`.
pub(super) fn span(span: Span) -> String {
    let micros = span.as_micros();
    let (value, unit) = match micros {
        0..1_000 => (micros as f64, "µs"),
        1_000..1_000_000 => (micros as f64 / 1e3, "ms"),
        _ => (micros as f64 / 1e6, "s"),
    };
    if value == 0.0 {
        return "0 s".to_owned();
    }
    let decimals = significant_decimals(value, 3);
    format!("{value:.decimals$} {unit}")
}

/// Decimals that show `digits` significant digits of a positive number, never cutting its whole part.
fn significant_decimals(x: f64, digits: i32) -> usize {
    let magnitude = x.abs().log10().floor() as i32;
    usize::try_from(digits - 1 - magnitude).unwrap_or(0)
}

/// A number for JSON: six significant digits, but never less than its whole part; `null` if it is none.
pub(super) fn json_number(x: f64) -> serde_json::Value {
    if !x.is_finite() {
        return serde_json::Value::Null;
    }
    let decimals = if x == 0.0 {
        0
    } else {
        significant_decimals(x, 6)
    };
    json_exact(format!("{x:.decimals$}").parse().unwrap_or(x))
}

/// A number for JSON as it is, whole numbers without a decimal point.
pub(super) fn json_exact(x: f64) -> serde_json::Value {
    const EXACT: f64 = 9e15;
    if x.fract() == 0.0 && x.abs() < EXACT {
        (x as i64).into()
    } else {
        x.into()
    }
}

/// Breaks a text into lines of at most `width` characters, each after `indent` spaces; a number stays with its unit.
pub(super) fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let bare = word.trim_end_matches([',', '.', ';', ':', ')']);
        match words.last_mut() {
            Some(number) if ["%", "s", "ms", "µs"].contains(&bare) => {
                *number += &format!(" {word}");
            }
            _ => words.push(word.to_owned()),
        }
    }
    let mut lines = String::new();
    let mut column = 0;
    for word in &words {
        let length = word.chars().count();
        if column == 0 || column + 1 + length > width {
            if column > 0 {
                lines.push('\n');
            }
            lines.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length;
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_digits() {
        let written = [
            0.0, 0.0034, 0.12, 1.0, 2.345, 26.54, 99.96, 733.4, 12_000.0, -3.25,
        ]
        .map(amount);
        assert_eq!(
            written,
            [
                "0", "0.0034", "0.12", "1", "2.35", "26.5", "100", "733", "12,000", "-3.25"
            ]
        );
        assert_eq!(
            [7, 999, 1_000, 1_234_567].map(grouped),
            ["7", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn percentages_do_not_round_to_certainty() {
        let written = [0.0, 0.003, 0.061, 0.5, 0.945, 0.998, 0.99996, 1.0].map(percent);
        assert_eq!(
            written,
            [
                "0 %",
                "0.30 %",
                "6.1 %",
                "50 %",
                "94.5 %",
                "99.80 %",
                "99.9960 %",
                "100 %"
            ]
        );
    }

    #[test]
    fn levels_are_as_given() {
        assert_eq!(
            [0.5, 0.9, 0.95, 0.99, 0.999].map(level),
            ["50 %", "90 %", "95 %", "99 %", "99.9 %"]
        );
        assert_eq!(
            [1, 1_000].map(|count| number_of(count, "run")),
            ["1 run", "1,000 runs"]
        );
    }

    #[test]
    fn spans_have_their_unit() {
        let written = [0, 850, 18_941, 589_571, 10_005_000, 300_000_000]
            .map(|micros| span(Span::from_micros(micros)));
        assert_eq!(
            written,
            ["0 s", "850 µs", "18.9 ms", "590 ms", "10.0 s", "300 s"]
        );
    }

    #[test]
    fn json_has_six_digits_and_no_nan() {
        let written = [
            0.0,
            12_000.0,
            1_234_567.4,
            733.123_456,
            0.000_123_456_7,
            -2.5,
            f64::NAN,
            f64::INFINITY,
        ]
        .map(json_number);
        let expected = [
            "0",
            "12000",
            "1234567",
            "733.123",
            "0.000123457",
            "-2.5",
            "null",
            "null",
        ];
        assert_eq!(written.map(|value| value.to_string()), expected);
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(
            wrapped("one two three four", 2, 10),
            "  one two\n  three\n  four\n"
        );
        assert_eq!(wrapped("it took 10.0 s.", 0, 12), "it took\n10.0 s.\n");
    }
}
