//! `sweep -o html`: one page that needs no server and no network: the answer, sliders over the grid that
//! redraw the forecast, one replication's lanes, every point, what was assumed.

use std::fmt::Write;

use serde_json::{Value, json};

use super::caption;
use super::figures::level;
use super::sweep::{footer, sensitivity, table};
use super::sweep_finding::{answer, goal, remarks};
use super::sweep_points::figures;
use crate::escape::{self, xml as escaped};
use crate::sweep::{Design, Survey};

const PAGE: &str = include_str!("sweep.html");

/// The page; `lanes` is a picture of one rollout of the scenario that the points change, as an SVG element.
///
/// `chart` is the one of the sensitivity, empty if there is none.
pub fn html(survey: &Survey, lanes: &str, chart: &str) -> String {
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
        "<h2>Why: one rollout of the scenario as it is</h2>\n<div class=\"wide\">{lanes}</div>"
    );
    // A value is never looked at for further marks, so that no name can smuggle one in.
    let fill = |mark: &str| {
        match mark {
        "TITLE" => escaped(&words.title),
        "SUBTITLE" => escaped(&words.subtitle),
        "ANSWER" => escaped(&answer(survey)),
        "REMARKS" => escaped(&remarks(survey)),
        "GOAL" => escaped(&goal(survey)),
        "SENSITIVITY" => sensitivity(survey).map_or_else(String::new, |rows| {
            format!(
                "<h2>Which setting moves it most</h2>\n<p>Share of the variance of mean 5xx a rollout over the \
                 sample.</p>\n<div class=\"wide\">{chart}</div>\n<div class=\"scroll\">{}</div>",
                html_table(&rows)
            )
        }),
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
    }
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
    let axes = survey.plan.axes.iter().zip(&survey.as_it_is);
    let axes = axes.filter(|_| is_grid).map(|(axis, as_it_is)| {
        let values = (0..axis.points().unwrap_or(0)).map(|row| axis.label(row));
        let values: Vec<_> = values.collect();
        json!({ "name": axis.words(), "key": axis.name(), "as_it_is": as_it_is, "values": values })
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
        "may_fail": (survey.objectives.max_5xx_per_rollout == 0)
            .then_some(1.0 - survey.objectives.probability),
        "objective": format!(
            "at most {} in {} of rollouts",
            survey.objectives.max_5xx_per_rollout,
            level(survey.objectives.probability)
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

#[cfg(test)]
mod tests {
    use super::*;

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
