//! The charts of a sweep: which ones depends on how many axes it has.

use super::curves::{Below, Curve, Panel, Point, curves};
use super::heat_map::{Cell, Grid, Map, heat_maps};
use super::sensitivity::sensitivity;
use super::{Caption, Picture, palette};
use crate::error::Error;
use crate::report::sweep::attainment;
use crate::report::sweep_finding::{answer, remarks};
use crate::scenario::objectives::Attainment;
use crate::sweep::{Axis, Design, Survey, Totals};

/// A value of a point, and its interval if it has one.
type Reading<'a> = dyn Fn(&Totals) -> Option<(f64, Option<(f64, f64)>)> + 'a;

/// The charts of a sweep, each with the end of its file name and its title: curves for one axis; for two a
/// heat map, and curves if one of the two has few values; for three small multiples of heat maps; for a
/// sample its sensitivities. A grid of more axes has none: its report lists the points.
///
/// # Errors
/// Drawing fails, which is a bug.
pub fn charts(
    caption: &Caption,
    survey: &Survey,
) -> Result<Vec<(&'static str, String, Picture)>, Error> {
    let mut charts = Vec::new();
    if let Some(picture) = sensitivity_chart(caption, survey)? {
        charts.push(("sensitivity", "Sensitivity".to_owned(), picture));
    }
    if survey.plan.design != Design::Grid {
        return Ok(charts);
    }
    let lengths: Vec<usize> = survey
        .plan
        .axes
        .iter()
        .map(|axis| axis.points().unwrap_or(0))
        .collect();
    if let Some((along, series)) = roles(&lengths) {
        charts.push((
            "curves",
            "5xx a rollout".to_owned(),
            draw_curves(caption, survey, along, series)?,
        ));
    }
    if lengths.len() == 2 || lengths.len() == 3 {
        charts.push((
            "map",
            "5xx a rollout".to_owned(),
            draw_maps(caption, survey, &lengths)?,
        ));
    }
    Ok(charts)
}

/// The sensitivities of a sample; none of a grid, or if nothing varies.
///
/// # Errors
/// Drawing fails, which is a bug.
pub fn sensitivity_chart(caption: &Caption, survey: &Survey) -> Result<Option<Picture>, Error> {
    let Some(indices) = survey.sensitivity() else {
        return Ok(None);
    };
    let named: Vec<_> = survey
        .plan
        .axes
        .iter()
        .map(Axis::name)
        .zip(indices)
        .collect();
    sensitivity(caption, &statement(survey), &named).map(Some)
}

/// Which axis curves run along, and which one makes several of them, if the axes suit curves.
fn roles(lengths: &[usize]) -> Option<(usize, Option<usize>)> {
    let few = palette::CURVES.len();
    match lengths {
        [_] => Some((0, None)),
        [first, second] if *second <= few && first >= second => Some((0, Some(1))),
        [first, _] if *first <= few => Some((1, Some(0))),
        _ => None,
    }
}

fn draw_curves(
    caption: &Caption,
    survey: &Survey,
    along: usize,
    series: Option<usize>,
) -> Result<Picture, Error> {
    let axes = &survey.plan.axes;
    let places = axes[along].points().unwrap_or(0);
    let (positions, unit) = axes[along]
        .positions()
        .unwrap_or_else(|| ((0..places).map(|row| row as f64).collect(), ""));
    let marks: Vec<_> = (0..places)
        .map(|row| (positions[row], axes[along].label(row)))
        .collect();
    let is_line = axes[along].positions().is_some();
    let level = survey.budget.level;
    let any = |totals: &Totals| {
        totals
            .any_5xx(level)
            .map(|any| (any.probability, Some((any.low, any.high))))
    };
    let mean = |totals: &Totals| {
        (totals.runs() > 0).then(|| (totals.failed.mean(), totals.mean_interval(level)))
    };
    let curve = |of: &Reading<'_>, value: usize| {
        let points = survey.plan.points.iter().zip(&survey.totals);
        let on_it =
            points.filter(|(point, _)| series.is_none_or(|series| point.rows[series] == value));
        let mut points: Vec<Point> = on_it
            .filter_map(|(point, totals)| {
                let (y, interval) = of(totals)?;
                Some(Point {
                    x: positions[point.rows[along]],
                    y,
                    interval,
                })
            })
            .collect();
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        let name = series.map_or_else(String::new, |series| {
            format!("{} {}", axes[series].words(), axes[series].label(value))
        });
        Curve { name, points }
    };
    let values = series.map_or(1, |series| axes[series].points().unwrap_or(0));
    let panel = |name: &str, is_share, of: &Reading<'_>| Panel {
        name: name.to_owned(),
        is_share,
        goal: (is_share && survey.objectives.max_5xx_per_rollout == 0)
            .then_some(1.0 - survey.objectives.probability),
        curves: (0..values).map(|value| curve(of, value)).collect(),
    };
    let confidence = format!("{} %", (level * 1_000.0).round() / 10.0);
    let panels = [
        panel(
            &format!("5xx a rollout: mean, {confidence} intervals"),
            false,
            &mean,
        ),
        panel(
            &format!("rollouts with any 5xx, {confidence} intervals"),
            true,
            &any,
        ),
    ];
    let name = below_name(&axes[along], unit);
    let below = Below {
        name,
        marks: (!is_line).then_some(marks),
    };
    curves(caption, &statement(survey), &below, &panels)
}

/// The first key's numbers stand below; the others are named with it.
fn below_name(axis: &Axis, unit: &str) -> String {
    let keys: Vec<&str> = axis.scales.iter().map(|scale| scale.key.as_str()).collect();
    let unit = if unit.is_empty() {
        String::new()
    } else {
        format!(" ({unit})")
    };
    let with = if keys.len() > 1 {
        format!(", and with it {}", keys[1..].join(", "))
    } else {
        String::new()
    };
    format!("{}{unit}{with}", keys[0])
}

/// The longest axis below, the next beside, the third over the maps.
fn draw_maps(caption: &Caption, survey: &Survey, lengths: &[usize]) -> Result<Picture, Error> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|axis| std::cmp::Reverse(lengths[*axis]));
    let (below, beside, over) = (order[0], order[1], order.get(2).copied());
    let axes = &survey.plan.axes;
    let labels = |axis: usize| {
        (
            axes[axis].words(),
            (0..lengths[axis])
                .map(|row| axes[axis].label(row))
                .collect(),
        )
    };
    let grid = Grid {
        rows: labels(beside),
        columns: labels(below),
        value: "5xx a rollout, mean",
    };
    let empty = vec![vec![None; lengths[below]]; lengths[beside]];
    let name = |value| {
        over.map_or_else(String::new, |over| {
            format!("{} {}", axes[over].words(), axes[over].label(value))
        })
    };
    let mut maps: Vec<Map> = (0..over.map_or(1, |over| lengths[over]))
        .map(|value| Map {
            name: name(value),
            cells: empty.clone(),
        })
        .collect();
    for (point, totals) in survey.plan.points.iter().zip(&survey.totals) {
        let map = &mut maps[over.map_or(0, |over| point.rows[over])];
        map.cells[point.rows[beside]][point.rows[below]] = Some(Cell {
            value: totals.failed.mean(),
            meets_goal: attainment(survey, totals) == Attainment::Met,
        });
    }
    heat_maps(caption, &statement(survey), &grid, &maps)
}

/// The answer; with one axis there is room for the rest of the finding.
fn statement(survey: &Survey) -> String {
    match survey.plan.axes.len() {
        1 => format!("{} {}", answer(survey), remarks(survey)),
        _ => answer(survey),
    }
}
