//! What each 5xx avoided costs: the rows of the table, by what they cost, and all else that was tried.

use super::frame::{self, Axis, Key, Legend, MARGIN, Page, RIGHT, Swatch};
use super::sheet::{LABEL, NOTE, Sheet};
use super::{Caption, Picture, palette};
use crate::error::Error;
use crate::recommend::front::Cost;
use crate::recommend::{Candidate, Recommendation};

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

/// Draws the share of rollouts with any 5xx against three costs. Each row of the table is labelled.
///
/// # Errors
/// Drawing fails, which is a bug.
pub fn pareto(caption: &Caption, found: &Recommendation) -> Result<Picture, Error> {
    let key = |swatch, label: &str| Key {
        swatch,
        label: label.to_owned(),
    };
    let keys = vec![
        key(Swatch::Down(palette::CURVES[1]), "recommended"),
        key(Swatch::Block(palette::CURVES[0]), "a row of the table"),
        key(Swatch::Block(palette::CLEAN), "tried"),
    ];
    let page = Page::lay_out(
        caption,
        &statement(found),
        vec![Legend { heading: "", keys }],
    )?;
    let height = page.top + 16.0 + HEIGHT + BELOW + page.footer_height();
    Ok(Picture::draw(&page, height, |sheet| {
        draw(sheet, page.top + 16.0, found);
    }))
}

fn statement(found: &Recommendation) -> String {
    let (before, after) = (found.original().cost(), found.chosen().cost());
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

/// Shares of rollouts, three decades of them; what was never seen is drawn on the lowest line.
const LEAST: f64 = 0.001;

fn draw(sheet: &mut Sheet, top: f64, found: &Recommendation) {
    let bottom = top + HEIGHT;
    let y = Axis {
        values: (LEAST.log10(), 0.0),
        points: (bottom - 14.0, top + 34.0),
    };
    let y_marks = [
        (LEAST, "none seen"),
        (0.01, "1 %"),
        (0.1, "10 %"),
        (1.0, "100 %"),
    ]
    .map(|(share, label)| (share.log10(), label.to_owned()));
    let first = MARGIN + frame::y_axis_width(&y_marks);
    let width = (RIGHT - first - GAP * (PANELS.len() as f64 - 1.0)) / PANELS.len() as f64;
    sheet.write("rollouts with any 5xx", (MARGIN, top + 12.0), LABEL);
    for (number, panel) in PANELS.iter().enumerate() {
        let left = first + number as f64 * (width + GAP);
        let marks = match number {
            0 => y_marks.to_vec(),
            _ => y_marks
                .iter()
                .map(|(tick, _)| (*tick, String::new()))
                .collect(),
        };
        frame::y_axis(sheet, &y, (left, left + width), &marks);
        let place = (left, left + width, top + 34.0, bottom);
        draw_panel(sheet, panel, &y, place, found);
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
    // Cut to the rows: what else was tried may cost any amount.
    let rows = || found.rows.iter().map(|row| &row.candidate);
    let finite = || rows().map(of).filter(|cost| cost.is_finite());
    let (low, high) = finite().fold((f64::MAX, f64::MIN), |(low, high), cost| {
        (low.min(cost), high.max(cost))
    });
    let margin = ((high - low) * 0.08).max(1.0);
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
    let share = |candidate: &Candidate| candidate.cost().any_5xx.max(LEAST).log10();
    let at = |candidate: &Candidate| (x.at(of(candidate)), y.at(share(candidate)));
    let is_shown = |candidate: &&Candidate| {
        (x.values.0..=x.values.1).contains(&of(candidate)) && of(candidate).is_finite()
    };
    let is_row = |candidate: &&Candidate| rows().any(|row| row.settings == candidate.settings);
    let tried = found.candidates.iter().filter(|one| !is_row(one));
    for candidate in tried.filter(is_shown) {
        sheet.dot(at(candidate), 3.5, palette::CLEAN);
    }
    let mut labels: Vec<(f64, f64, f64)> = Vec::new();
    for (number, candidate) in rows().enumerate().filter(|(_, row)| is_shown(row)) {
        let (x, y) = at(candidate);
        if number == found.row && !found.changes_nothing() {
            frame::down(sheet, x, y + 5.0, palette::CURVES[1]);
        } else {
            sheet.dot((x, y), 5.0, palette::CURVES[0]);
        }
        let label = label(candidate);
        let half = NOTE.width(&label) / 2.0;
        // Never across the panel's edge, nor over another label.
        let middle = x.clamp(left + half, (right - half).max(left + half));
        let below = y < top + HEADROOM;
        let step = if below { 17.0 } else { -17.0 };
        let mut line = y + step;
        while labels
            .iter()
            .any(|(x, width, y)| (x - middle).abs() < width + half + 4.0 && (y - line).abs() < 15.0)
        {
            line += step;
        }
        labels.push((middle, half, line));
        sheet.write_centred(&label, (middle, line), NOTE);
    }
}

/// Labels of points that are nearer to the panel's top stand below them.
const HEADROOM: f64 = 24.0;

/// A row in short: its preStop, and what else it sets of the pace.
fn label(candidate: &Candidate) -> String {
    if candidate.settings.is_empty() {
        return "as it is".to_owned();
    }
    let surge = candidate
        .settings
        .iter()
        .find(|(key, _)| key == "deployment.max_surge")
        .map(|(_, surge)| format!("surge {surge}"));
    let hook = candidate.pre_stop().map(|secs| format!("{secs}s"));
    let parts: Vec<String> = hook.into_iter().chain(surge).collect();
    match parts.as_slice() {
        [] => candidate
            .settings
            .iter()
            .filter_map(|(key, _)| key.rsplit('.').next())
            .collect::<Vec<_>>()
            .join(" + "),
        parts => parts.join(" + "),
    }
}
