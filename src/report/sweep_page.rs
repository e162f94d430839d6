//! `sweep -o html`: one page that needs no server and no network: the answer, sliders over the grid that
//! redraw the forecast, one replication's lanes, every point, what was assumed.

use std::fmt::Write;

use serde_json::{Value, json};

use super::caption;
use super::figures::{level, percent};
use super::sweep::{footer, sentence, table};
use super::sweep_points::figures;
use crate::escape::{self, xml as escaped};
use crate::sweep::{Design, Survey};

const PAGE: &str = include_str!("sweep.html");

/// The page; `lanes` is a picture of replication 0 of the scenario that the points change, as a PNG file.
pub fn html(survey: &Survey, lanes: &[u8]) -> String {
    let words = caption::of_survey(survey);
    let assumptions = survey.assumptions.iter().map(|assumption| {
        let stated = format!("{} = {}", assumption.key, assumption.value);
        format!(
            "<li><code>{}</code> ({}): {}</li>",
            escaped(&stated),
            assumption.grade,
            escaped(assumption.source)
        )
    });
    let lanes = format!(
        "<h2>Why: one replication of the scenario as it is</h2>\n<img alt=\"What pods did and what ALB nodes believed\" src=\"data:image/png;base64,{}\">",
        base64(lanes)
    );
    // A value is never looked at for further marks, so that no name can smuggle one in.
    let fill = |mark: &str| match mark {
        "TITLE" => escaped(&words.title),
        "SUBTITLE" => escaped(&words.subtitle),
        "ANSWER" => escaped(&sentence(survey)),
        "LANES" => lanes.clone(),
        "TABLE" => table(survey).map_or_else(
            || "<p>Too many to list: -o csv has them.</p>".to_owned(),
            |rows| html_table(&rows),
        ),
        "ASSUMPTIONS" => assumptions.clone().collect(),
        "FOOTER" => escaped(&footer(survey)),
        // Within a script only the end of the script could end it.
        "JSON" => escape::json(&data(survey).to_string()).replace('<', "\\u003c"),
        _ => String::new(),
    };
    filled(PAGE, &fill)
}

/// The template with each `{{MARK}}` filled.
fn filled(template: &str, fill: &dyn Fn(&str) -> String) -> String {
    let mut page = String::with_capacity(template.len() * 4);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        page.push_str(before);
        let (mark, after) = after.split_once("}}").unwrap_or((after, ""));
        page.push_str(&fill(mark));
        rest = after;
    }
    page + rest
}

/// What the sliders move over; of a sample nothing, it has no grid.
fn data(survey: &Survey) -> Value {
    let is_grid = survey.plan.design == Design::Grid;
    let axes = survey.plan.axes.iter().filter(|_| is_grid).map(|axis| {
        let values = (0..axis.points().unwrap_or(0)).map(|row| axis.label(row));
        json!({ "name": axis.name(), "values": values.collect::<Vec<_>>() })
    });
    let points = survey
        .totals
        .iter()
        .filter(|_| is_grid)
        .map(|totals| Value::Object(figures(survey, totals)));
    json!({
        "axes": axes.collect::<Vec<_>>(),
        "points": points.collect::<Vec<_>>(),
        "level": level(survey.budget.level),
        "objective": format!(
            "at most {} in {} of rollouts",
            survey.objectives.max_5xx_per_rollout,
            percent(survey.objectives.probability)
        ),
    })
}

fn html_table(rows: &[Vec<String>]) -> String {
    let mut text = "<table>\n".to_owned();
    for (number, row) in rows.iter().enumerate() {
        let tag = if number == 0 { "th" } else { "td" };
        let cells: String = row
            .iter()
            .map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)))
            .collect();
        let _ = writeln!(text, "<tr>{cells}</tr>");
    }
    text + "</table>"
}

/// Base 64 (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let word = three
            .iter()
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= three.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_is_that_of_the_rfc() {
        let check = |bytes: &str, expected: &str| assert_eq!(base64(bytes.as_bytes()), expected);
        check("", "");
        check("f", "Zg==");
        check("fo", "Zm8=");
        check("foo", "Zm9v");
        check("foob", "Zm9vYg==");
        check("foobar", "Zm9vYmFy");
    }

    #[test]
    fn names_are_text_and_marks_are_filled_once() {
        assert_eq!(
            escaped("<a href='x'>&\"</a>"),
            "&lt;a href=&apos;x&apos;&gt;&amp;&quot;&lt;/a&gt;"
        );
        assert_eq!(
            filled("a{{X}}b{{Y}}", &|mark| format!("{{{{{mark}}}}}")),
            "a{{X}}b{{Y}}"
        );
        assert!(
            !PAGE.contains("http://") || PAGE.matches("http://").count() == 1,
            "only the namespace of SVG"
        );
    }
}
