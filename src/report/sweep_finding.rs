//! What a sweep has found, in sentences: what is enough, what acts alike and why, what the goal is.

use super::figures::{amount, grouped, level, number_of, percent};
use super::sweep::attainment;
use crate::scenario::objectives::Attainment;
use crate::stats::zero_bound;
use crate::sweep::sensitivity::{Indices, rows_needed};
use crate::sweep::{Axis, Design, Survey, Totals};

/// More sentences about what acts alike are not read.
const MOST_ALIKE: usize = 4;

/// The answer: what is enough, or of a sample which setting moves it most.
pub(crate) fn answer(survey: &Survey) -> String {
    match survey.plan.design {
        Design::Grid => enough(survey),
        Design::Sample(rows) => format!("{} {}", range(survey), most(survey, rows)),
    }
}

/// What else its reader must know: what acts alike and why, and what was not seen to its end. May be empty.
pub(crate) fn remarks(survey: &Survey) -> String {
    let mut sentences = alike(survey);
    for (holds, what) in [
        (
            (|totals| totals.incomplete.sum > 0) as fn(&Totals) -> bool,
            "rollouts that do not complete",
        ),
        (
            |totals| totals.cut_short.sum > 0,
            "rollouts whose load ends before they are over",
        ),
    ] {
        let count = survey.totals.iter().filter(|totals| holds(totals)).count() as u64;
        if count > 0 {
            sentences.push(format!("{} had {what}.", number_of(count, "point")));
        }
    }
    sentences.join(" ")
}

/// The goal, and where it is met.
pub(super) fn goal(survey: &Survey) -> String {
    let points = |wanted: Attainment| -> Vec<usize> {
        (0..survey.totals.len())
            .filter(|number| attainment(survey, &survey.totals[*number]) == wanted)
            .collect()
    };
    let (met, unclear) = (points(Attainment::Met), points(Attainment::Unclear));
    let mut text = format!(
        "Goal: {} ({} confidence). ",
        objective(survey),
        level(survey.budget.level)
    );
    text.push_str(&match &met[..] {
        [] => "No point is shown to meet it".to_owned(),
        _ if survey.plan.design != Design::Grid => {
            format!(
                "{} of {} meet it",
                grouped(met.len() as u64),
                survey.totals.len()
            )
        }
        all if all.len() == survey.totals.len() => "Every point meets it".to_owned(),
        [first, .., last]
            if survey.plan.axes.len() == 1
                && *last + 1 == survey.totals.len()
                && last - first + 1 == met.len() =>
        {
            format!("Met from {} on", survey.plan.axes[0].label(*first))
        }
        few if few.len() <= 3 && survey.plan.design == Design::Grid => {
            format!(
                "Met at {}",
                listed(few.iter().map(|point| place(survey, *point)))
            )
        }
        many => format!(
            "Met at {} of {}",
            grouped(many.len() as u64),
            number_of(survey.totals.len() as u64, "point")
        ),
    });
    text.push_str(&match unclear.len() {
        0 => ".".to_owned(),
        1..=3 if survey.plan.design == Design::Grid => format!(
            "; at {} the runs do not tell.",
            listed(unclear.iter().map(|point| place(survey, *point)))
        ),
        count => format!(
            "; at {} the runs do not tell.",
            number_of(count as u64, "point")
        ),
    });
    text
}

fn objective(survey: &Survey) -> String {
    let share = level(survey.objectives.probability);
    match survey.objectives.max_5xx_per_rollout {
        0 => format!("no 5xx in {share} of rollouts"),
        most => format!(
            "at most {} in {share} of rollouts",
            number_of(most, "5xx response")
        ),
    }
}

/// The point that is enough: of those that meet the objective, the one whose old pods are gone first.
pub(super) fn chosen(survey: &Survey) -> Option<usize> {
    let gone = |number: &usize| {
        let gone = &survey.totals[*number].old_pods_gone;
        gone.mean_secs().unwrap_or(f64::INFINITY)
    };
    (0..survey.totals.len())
        .filter(|number| attainment(survey, &survey.totals[*number]) == Attainment::Met)
        .min_by(|a, b| gone(a).total_cmp(&gone(b)))
}

fn enough(survey: &Survey) -> String {
    if let Some(number) = chosen(survey) {
        return format!(
            "{} is enough: {}.",
            named(survey, number),
            fails(survey, number, "then")
        );
    }
    // The fewest rollouts with any 5xx, then the fewest 5xx.
    let cost = |number: &usize| {
        let totals = &survey.totals[*number];
        let any = totals.any_5xx(survey.budget.level);
        (any.map_or(1.0, |any| any.probability), totals.failed.mean())
    };
    let best = (0..survey.totals.len()).min_by(|a, b| {
        let ((any, mean), (other_any, other_mean)) = (cost(a), cost(b));
        any.total_cmp(&other_any).then(mean.total_cmp(&other_mean))
    });
    let Some(best) = best else {
        return "There are no points.".to_owned();
    };
    let at_best = format!(
        "at the best, {}, {}",
        named(survey, best),
        fails(survey, best, "still")
    );
    match attainment(survey, &survey.totals[best]) {
        Attainment::Missed => format!("Nothing here is enough: {at_best}."),
        _ => format!("Nothing here is shown to be enough: {at_best}. More runs may tell (--runs)."),
    }
}

/// `1.5 % of rollouts then fail any request`.
fn fails(survey: &Survey, number: usize, then: &str) -> String {
    let at_level = survey.budget.level;
    match survey.totals[number].any_5xx(at_level) {
        None => "no rollout was simulated".to_owned(),
        Some(any) if any.hits == 0 => format!(
            "none of {} fails a request (at most {} do, {})",
            number_of(any.n, "rollout"),
            percent(zero_bound(any.n, at_level)),
            level(at_level)
        ),
        Some(any) => format!(
            "{} of rollouts {then} fail any request",
            percent(any.probability)
        ),
    }
}

fn range(survey: &Survey) -> String {
    let means = survey.totals.iter().map(|totals| totals.failed.mean());
    let (low, high) = means.fold((f64::MAX, 0.0_f64), |(low, high), mean| {
        (low.min(mean), high.max(mean))
    });
    let least = if low > 0.0 {
        amount(low)
    } else {
        "none seen".to_owned()
    };
    format!(
        "Over the sample a rollout costs from {least} to {} 5xx.",
        amount(high)
    )
}

/// Which setting moves the outcome most, if the sample tells.
fn most(survey: &Survey, rows: usize) -> String {
    let Some(indices) = survey.sensitivity() else {
        return "No setting moves it: all points came to the same.".to_owned();
    };
    if let Some(needed) = rows_needed(&indices, rows) {
        return format!(
            "The sample is too small to say which setting moves it most; --sample {needed} should do."
        );
    }
    let total = |pair: &(&Axis, Indices)| pair.1.total.value;
    let named = survey.plan.axes.iter().zip(indices);
    let most = named.max_by(|a, b| total(a).total_cmp(&total(b)));
    most.map_or_else(String::new, |(axis, indices)| {
        let total = indices.total.known().map_or(0.0, |total| total.value);
        format!(
            "{} moves it most: with all that it acts together with, {:.0} % of the variance.",
            capital(&axis.words()),
            total * 100.0
        )
    })
}

/// What acts alike: neighbours along an axis that came to the same in every rollout.
fn alike(survey: &Survey) -> Vec<String> {
    if survey.plan.design != Design::Grid {
        return Vec::new();
    }
    let mut sentences = Vec::new();
    for number in 0..survey.plan.axes.len() {
        let lines = Lines::along(survey, number);
        let mut runs: Vec<Run> = Vec::new();
        for run in lines
            .starts
            .iter()
            .flat_map(|start| lines.runs(survey, *start))
        {
            if !runs.contains(&run) {
                runs.push(run);
            }
        }
        for run in runs {
            let has_it = |start: &usize| lines.runs(survey, *start).contains(&run);
            let having: Vec<usize> = lines.starts.iter().copied().filter(has_it).collect();
            for (within, starts) in lines.grouped(survey, having) {
                sentences.push(told(survey, &lines, run, &within, &starts));
            }
        }
    }
    let more = sentences.len().saturating_sub(MOST_ALIKE);
    sentences.truncate(MOST_ALIKE);
    if more > 0 {
        let more = number_of(more as u64, "more place");
        sentences.push(format!("So it is in {more}."));
    }
    sentences
}

/// Values of an axis, from which to which, whose points came to the same.
type Run = (usize, usize);

/// All lines of points along one axis.
struct Lines {
    /// Which axis.
    axis: usize,
    /// How many values it has.
    length: usize,
    /// From a point to its neighbour along the axis.
    stride: usize,
    /// The first point of each line.
    starts: Vec<usize>,
}

impl Lines {
    fn along(survey: &Survey, axis: usize) -> Lines {
        let length = |axis: &Axis| axis.points().unwrap_or(0);
        let axes = &survey.plan.axes;
        let stride = axes[axis + 1..].iter().map(length).product::<usize>();
        let length = length(&axes[axis]);
        let points = 0..survey.totals.len();
        Lines {
            axis,
            length,
            stride,
            starts: points
                .filter(|point| point / stride % length == 0)
                .collect(),
        }
    }

    fn runs(&self, survey: &Survey, start: usize) -> Vec<Run> {
        let same = |row: usize| {
            let [one, next] = [row, row + 1].map(|row| &survey.totals[start + row * self.stride]);
            one == next
        };
        let mut runs: Vec<Run> = Vec::new();
        for row in (0..self.length.saturating_sub(1)).filter(|row| same(*row)) {
            match runs.last_mut() {
                Some(run) if run.1 == row => run.1 = row + 1,
                _ => runs.push((row, row + 1)),
            }
        }
        runs
    }

    /// The lines in groups that need few words: all of them, all with one value of another axis, or each for itself.
    fn grouped(&self, survey: &Survey, mut lines: Vec<usize>) -> Vec<(String, Vec<usize>)> {
        if lines.len() == self.starts.len() {
            return vec![(String::new(), lines)];
        }
        let mut groups = Vec::new();
        let at = |line: &usize, axis: usize| survey.plan.points[*line].rows[axis];
        for (number, axis) in survey.plan.axes.iter().enumerate() {
            for row in (0..axis.points().unwrap_or(0)).filter(|_| number != self.axis) {
                let there = |line: &&usize| at(line, number) == row;
                let all: Vec<usize> = self.starts.iter().filter(there).copied().collect();
                if all.iter().all(|line| lines.contains(line)) {
                    lines.retain(|line| !all.contains(line));
                    groups.push((format!("with {} {}, ", axis.words(), axis.label(row)), all));
                }
            }
        }
        groups.extend(lines.into_iter().map(|line| {
            let others = (0..survey.plan.axes.len()).filter(|other| *other != self.axis);
            let fixed = others.map(|other| {
                let axis = &survey.plan.axes[other];
                format!("{} {}", axis.words(), axis.label(at(&line, other)))
            });
            (format!("with {}, ", listed(fixed)), vec![line])
        }));
        groups
    }
}

fn told(survey: &Survey, lines: &Lines, run: Run, within: &str, starts: &[usize]) -> String {
    let axis = &survey.plan.axes[lines.axis];
    let ((from, to), last) = (run, lines.length - 1);
    let others = if to - from == 1 {
        format!("{} acts", axis.label(to))
    } else if to == last {
        format!("{} and more act", axis.label(from + 1))
    } else {
        format!("{} to {} act", axis.label(from + 1), axis.label(to))
    };
    let mut points = starts
        .iter()
        .flat_map(|start| (from + 1..=to).map(move |row| start + row * lines.stride));
    let why = if points.all(|point| survey.cuts_hook.get(point) == Some(&true)) {
        ": the grace period cuts the hook"
    } else if run == (0, last) {
        ": this setting moves nothing here"
    } else {
        ""
    };
    let (name, least) = (axis.words(), axis.label(from));
    capital(&format!("{within}{name} {others} like {least}{why}."))
}

/// A point in words: `preStop 50s with replicas 4`.
fn named(survey: &Survey, number: usize) -> String {
    let point = &survey.plan.points[number];
    let parts = survey.plan.axes.iter().zip(&point.rows);
    let mut parts = parts.map(|(axis, row)| format!("{} {}", axis.words(), axis.label(*row)));
    let first = parts.next().unwrap_or_default();
    match listed(parts) {
        others if others.is_empty() => first,
        others => format!("{first} with {others}"),
    }
}

/// The same where there is but one axis: its value.
fn place(survey: &Survey, number: usize) -> String {
    match &survey.plan.axes[..] {
        [axis] => axis.label(survey.plan.points[number].rows[0]),
        _ => named(survey, number),
    }
}

fn listed(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    match &words[..] {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => words.join(""),
    }
}

/// With a capital at the beginning of a sentence, unless it is a name of Kubernetes.
fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    match letters.next() {
        Some(first) if !sentence.starts_with("preStop") => {
            first.to_uppercase().chain(letters).collect()
        }
        _ => sentence.to_owned(),
    }
}
