//! What each 5xx avoided costs: everything that was tried, and the front of what nothing beats.

use super::frame::{self, Axis, Key, Legend, MARGIN, Page, RIGHT, Swatch};
use super::sheet::{LABEL, NOTE, Sheet};
use super::{Caption, Picture, palette};
use crate::error::Error;
use crate::recommend::front::Cost;
use crate::recommend::{Candidate, Recommendation, pareto as front_of};

const HEIGHT: f64 = 420.0;
const GAP: f64 = 36.0;
const BELOW: f64 = 62.0;

/// A panel: the name of its cost, and the cost.
type Panel = (&'static str, fn(&Cost) -> f64);

const PANELS: [Panel; 3] = [
    ("old pods gone after (s)", |cost| cost.old_pods_gone),
    ("rollout complete after (s)", |cost| cost.duration),
    ("extra pod-seconds", |cost| cost.extra_pod_seconds),
];

/// Draws the share of rollouts with any 5xx against three costs.
///
/// # Errors
/// Drawing fails, which is a bug.
pub fn pareto(caption: &Caption, found: &Recommendation) -> Result<Picture, Error> {
    let key = |swatch, label: &str| Key {
        swatch,
        label: label.to_owned(),
    };
    let keys = vec![
        key(Swatch::Block(palette::CLEAN), "tried"),
        key(
            Swatch::Block(palette::CURVES[0]),
            "beaten by none in all four",
        ),
        key(Swatch::Hollow(palette::INK), "as it is"),
        key(Swatch::Down(palette::CURVES[1]), "recommended"),
    ];
    let page = Page::lay_out(
        caption,
        &statement(found),
        vec![Legend { heading: "", keys }],
    )?;
    let height = page.top + 16.0 + HEIGHT + BELOW + page.footer_height();
    Ok(Picture::draw(&page, height, |sheet| {
        draw(sheet, page.top + 16.0, found)
    }))
}

fn statement(found: &Recommendation) -> String {
    let (before, after) = (found.original.cost(), found.chosen.cost());
    if found.changes_nothing() {
        return format!(
            "As it is, {} of rollouts see a 5xx.",
            frame::percent(before.any_5xx)
        );
    }
    format!(
        "Rollouts with any 5xx: from {} to {}; old pods are gone after {} s instead of {} s.",
        frame::percent(before.any_5xx),
        if after.any_5xx > 0.0 {
            frame::percent(after.any_5xx)
        } else {
            "none seen".to_owned()
        },
        frame::number(after.old_pods_gone),
        frame::number(before.old_pods_gone)
    )
}

fn draw(sheet: &mut Sheet, top: f64, found: &Recommendation) {
    let bottom = top + HEIGHT;
    let y = Axis {
        values: (0.0, 1.0),
        points: (bottom - 8.0, top + 34.0),
    };
    let y_marks: Vec<_> = y
        .ticks(60.0)
        .into_iter()
        .map(|tick| (tick, format!("{} %", frame::number(tick * 100.0))))
        .collect();
    let first = MARGIN + frame::y_axis_width(&y_marks);
    let width = (RIGHT - first - GAP * (PANELS.len() as f64 - 1.0)) / PANELS.len() as f64;
    sheet.write("rollouts with any 5xx", (MARGIN, top + 12.0), LABEL);
    for (number, panel) in PANELS.iter().enumerate() {
        let left = first + number as f64 * (width + GAP);
        let marks = if number == 0 {
            y_marks.clone()
        } else {
            y_marks
                .iter()
                .map(|(tick, _)| (*tick, String::new()))
                .collect()
        };
        frame::y_axis(sheet, &y, (left, left + width), &marks);
        draw_panel(
            sheet,
            panel,
            &y,
            (left, left + width, top + 34.0, bottom),
            found,
        );
    }
}

fn draw_panel(
    sheet: &mut Sheet,
    (name, cost): &Panel,
    y: &Axis,
    (left, right, top, bottom): (f64, f64, f64, f64),
    found: &Recommendation,
) {
    let of = |candidate: &Candidate| cost(&candidate.cost());
    let finite = || {
        found
            .candidates
            .iter()
            .map(of)
            .filter(|cost| cost.is_finite())
    };
    let (low, high) = finite().fold((f64::MAX, f64::MIN), |(low, high), cost| {
        (low.min(cost), high.max(cost))
    });
    let margin = ((high - low) * 0.06).max(1.0);
    let x = Axis {
        values: ((low - margin).max(0.0), high + margin),
        points: (left, right),
    };
    for (tick, label) in frame::numbered(x.ticks(80.0)) {
        sheet.upright(x.at(tick), (top, bottom), 1.0, palette::GRID);
        sheet.write_centred(&label, (x.at(tick), bottom + 16.0), NOTE);
    }
    sheet.write_centred(name, ((left + right) / 2.0, bottom + 42.0), LABEL);
    sheet.fill(
        (left, bottom - 0.75),
        (right, bottom + 0.75),
        palette::FADED_INK,
    );
    let at = |candidate: &Candidate| (x.at(of(candidate)), y.at(candidate.cost().any_5xx));
    let shown = |candidate: &&Candidate| of(candidate).is_finite();
    for candidate in found.candidates.iter().filter(shown) {
        sheet.dot(at(candidate), 4.5, palette::CLEAN);
    }
    let front = front_of(&found.candidates);
    let front = front
        .iter()
        .map(|row| &found.candidates[*row])
        .filter(shown);
    for candidate in front {
        sheet.dot(at(candidate), 5.0, palette::CURVES[0]);
    }
    if shown(&&found.original) {
        let (x, y) = at(&found.original);
        sheet.outline((x - 8.0, y - 8.0), (x + 8.0, y + 8.0), 2.0, palette::INK);
    }
    if shown(&&found.chosen) && !found.changes_nothing() {
        let (x, y) = at(&found.chosen);
        frame::down(sheet, x, y - 5.0, palette::CURVES[1]);
    }
}
