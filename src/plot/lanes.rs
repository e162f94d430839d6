//! Belief and truth of one replication: why requests fail.
//!
//! A lane per pod. Its upper bar is the truth, what the pod's socket does; the thin bars at its foot are beliefs, while an
//! ALB node chooses the pod. Where a bar of belief runs on below an ended bar of truth lies a field, with its length in
//! it, and there requests fail. At the right stands what came of the pod, in words.

use std::collections::BTreeMap;

use super::frame::{self, Axis, Page, RIGHT, X_AXIS_HEIGHT};
use super::lane_legend::legends;
use super::lane_words::{came_of, seconds, statement};
use super::palette::{self, COLUMNS, Tone};
use super::sheet::{COUNT, LABEL, NOTE, Sheet};
use super::{Caption, Picture};
use crate::error::Error;
use crate::observe::timeline::{Socket, Timeline};
use crate::observe::track::{Stretch, Track, tracks as tracks_of};
use crate::time::Time;
use crate::traffic::outcome::{Failure, Outcome};

/// Pods in the picture: twenty, old and new, and some more.
const MOST_LANES: usize = 48;
/// ALB nodes with a bar of their own; of more, one bar shows the share that chooses the pod.
pub(super) const MOST_NODES: usize = 4;
/// Width of a failure, in points.
const TICK: f64 = 2.0;
/// Height above the first lane.
const HEAD: f64 = 58.0;

/// What a lane is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    /// The pod of this lane, from the top.
    Lane(usize),
    /// Requests that were routed to no pod, below all lanes.
    Nobody,
}

/// Failures at one place of one lane, by cause.
type Ticks = BTreeMap<(Row, i64), [u32; COLUMNS]>;

/// Heights within a lane.
struct Measure {
    marks: f64,
    truth: f64,
    gap: f64,
    belief: f64,
    between: f64,
    foot: f64,
    nodes: usize,
    /// Whether there is room for words within a lane, and for two lines of them.
    is_tall: bool,
}

struct Chart<'a> {
    tracks: Vec<Track>,
    failures: &'a [Failure],
    /// When the rollout started.
    origin: Time,
    measure: Measure,
    window: Stretch,
    /// When the load began and ended.
    load: Stretch,
    nodes: usize,
    /// What the column of counts counts.
    counted: &'static str,
    /// Whether some failures were routed to no pod.
    nobody: bool,
    left: f64,
    right: f64,
}

/// Draws one replication: its timeline, and the failures that its outcome kept.
///
/// With more than 48 pods it shows those that the rollout touched first, and says so.
///
/// # Errors
/// Drawing fails, which is a bug.
pub fn lanes(caption: &Caption, timeline: &Timeline, outcome: &Outcome) -> Result<Picture, Error> {
    let tracks = tracks_of(timeline, MOST_LANES);
    let statement = statement(timeline, outcome, &tracks);
    let page = Page::lay_out(caption, &statement, legends(timeline, outcome, &tracks))?;
    let chart = Chart::new(timeline, outcome, tracks);
    let height = page.top + chart.height() + X_AXIS_HEIGHT + page.footer_height();
    Ok(Picture::draw(&page, height, |sheet| {
        chart.draw(sheet, page.top);
    }))
}

impl Measure {
    fn new(lanes: usize, nodes: usize) -> Measure {
        let (marks, truth, gap, belief, between, foot) = match lanes {
            0..=8 => (12.0, 13.0, 17.0, 5.0, 2.0, 9.0),
            9..=16 => (11.0, 9.0, 11.0, 4.0, 1.5, 5.0),
            _ => (9.0, 6.0, 6.0, 2.5, 1.0, 3.0),
        };
        Measure {
            marks,
            truth,
            gap,
            belief,
            between,
            foot,
            nodes: nodes.min(MOST_NODES + 1),
            is_tall: lanes <= 8,
        }
    }

    /// Height of the beliefs together.
    fn beliefs(&self) -> f64 {
        match self.nodes {
            nodes if nodes > MOST_NODES => 4.0 * self.belief,
            nodes => nodes as f64 * (self.belief + self.between),
        }
    }

    fn lane(&self) -> f64 {
        self.marks + self.truth + self.gap + self.beliefs() + self.foot
    }
}

impl<'a> Chart<'a> {
    fn new(timeline: &Timeline, outcome: &'a Outcome, tracks: Vec<Track>) -> Chart<'a> {
        let all: u64 = palette::counts(outcome).iter().sum();
        let nobody = outcome.failures.iter().any(|failure| failure.pod.is_none());
        let names = tracks.iter().map(|track| LABEL.width(&track.name));
        let widest = names.fold(if nobody { LABEL.width("no pod") } else { 0.0 }, f64::max);
        let measure = Measure::new(tracks.len(), timeline.beliefs.len());
        let notes = tracks.iter().map(|track| NOTE.width(&came_of(track)));
        let widest_note = notes.fold(NOTE.width("what came of it"), f64::max);
        let beside = if measure.is_tall {
            0.0
        } else {
            NOTE.width("10,000") + 12.0
        };
        let since = |at: Time| at.secs_since(timeline.rollout_at);
        Chart {
            window: window(timeline, outcome, &tracks),
            load: (since(Time::ZERO), since(timeline.load_until)),
            nodes: timeline.beliefs.len(),
            left: frame::MARGIN + widest + 16.0,
            right: RIGHT - widest_note - beside - 18.0,
            failures: &outcome.failures,
            origin: timeline.rollout_at,
            counted: if all == outcome.failures.len() as u64 {
                "failed"
            } else {
                "shown"
            },
            measure,
            tracks,
            nobody,
        }
    }

    fn rows(&self) -> usize {
        (self.tracks.len() + usize::from(self.nobody)).max(1)
    }

    /// Height of what stands above the lanes and of all lanes.
    fn height(&self) -> f64 {
        HEAD + self.rows() as f64 * self.measure.lane()
    }

    fn draw(&self, sheet: &mut Sheet, top: f64) {
        let x = Axis {
            values: self.window,
            points: (self.left, self.right),
        };
        let first = top + HEAD;
        let bottom = top + self.height();
        let ticks = frame::numbered(x.ticks(80.0));
        let name = "seconds since the rollout started";
        frame::x_axis(sheet, &x, (first, bottom), &ticks, name);
        self.begins_and_ends(sheet, &x, (top, first, bottom));
        for (lane, track) in self.tracks.iter().enumerate() {
            self.lane(sheet, &x, first + lane as f64 * self.measure.lane(), track);
        }
        self.failed(sheet, &x, first);
        sheet.fill(
            (self.left, bottom - 0.75),
            (self.right, bottom + 0.75),
            palette::FADED_INK,
        );
    }

    /// The load and the rollout above the lanes: a dashed line at what is in the picture, words for the rest.
    fn begins_and_ends(&self, sheet: &mut Sheet, x: &Axis, (top, first, bottom): (f64, f64, f64)) {
        let (upper, lower) = (top + 16.0, top + 41.0);
        let is_shown = |at: f64| at >= self.window.0 && at <= self.window.1;
        let mut mark = |at: f64, y: f64, color: Tone| {
            sheet.dashes(x.at(at), (y + 12.0, bottom), 1.5, color);
        };
        for at in [self.load.0, self.load.1] {
            if is_shown(at) {
                mark(at, upper, palette::BELIEF);
            }
        }
        if is_shown(0.0) {
            mark(0.0, lower, palette::INK);
            let text = "rollout starts";
            sheet.write(text, (x.at(0.0) - 4.0, lower), NOTE);
        }
        let begins = if is_shown(self.load.0) {
            "load begins".to_owned()
        } else {
            format!("load since {:.0} s", self.load.0)
        };
        sheet.write(&begins, (self.left, upper), NOTE);
        let ends = if is_shown(self.load.1) {
            "load ends".to_owned()
        } else {
            format!("load until {:.0} s →", self.load.1)
        };
        let end = x.at(self.load.1.min(self.window.1));
        sheet.write_up_to(&ends, (end, upper), NOTE);
        if !self.measure.is_tall {
            let counts = (RIGHT, first - 14.0);
            sheet.write_up_to(self.counted, counts, NOTE);
        }
        sheet.write("what came of it", (self.right + 18.0, lower), NOTE);
    }

    fn lane(&self, sheet: &mut Sheet, x: &Axis, top: f64, track: &Track) {
        let measure = &self.measure;
        let truth = top + measure.marks;
        let gap = truth + measure.truth;
        let beliefs = gap + measure.gap;
        let foot = beliefs + measure.beliefs();
        let middle = f64::midpoint(truth, foot);
        sheet.write(&track.name, (frame::MARGIN, middle), LABEL);
        sheet.fill((frame::MARGIN, top), (RIGHT, top + 1.0), palette::GRID);
        for (from, to) in &track.disagreements {
            frame::gone(sheet, (x.at(*from), truth), (x.at(*to), foot));
        }
        for ((from, to), socket) in &track.sockets {
            socket_bar(sheet, *socket, (x.at(*from), truth), (x.at(*to), gap));
        }
        for (from, to) in track.leaving() {
            let (left_top, right_bottom) = ((x.at(from), truth), (x.at(to), gap));
            sheet.fill(left_top, right_bottom, palette::PAPER);
            sheet.hatch(left_top, right_bottom, 3.0, palette::TRUTH);
            sheet.outline(left_top, right_bottom, 1.5, palette::TRUTH);
        }
        self.lengths(sheet, x, f64::midpoint(truth, gap), track);
        self.beliefs(sheet, x, beliefs, track);
        self.marks(sheet, x, (top, foot), track);
        self.words(sheet, middle, track);
    }

    /// How long each field is, within it, right of what its pod's socket still did.
    fn lengths(&self, sheet: &mut Sheet, x: &Axis, middle: f64, track: &Track) {
        if !self.measure.is_tall {
            return;
        }
        for (from, to) in &track.disagreements {
            let within = |((_, end), _): &&(Stretch, Socket)| end > from && end < to;
            let ends = track
                .sockets
                .iter()
                .filter(within)
                .map(|((_, end), _)| *end);
            let left = x.at(ends.fold(*from, f64::max)) + 4.0;
            let text = format!("{} s", seconds(to - from));
            let style = COUNT.colored(palette::GONE_TEXT);
            let width = style.width(&text);
            if left + width + 6.0 < x.at(*to) {
                let half = self.measure.truth / 2.0;
                sheet.fill(
                    (left, middle - half),
                    (left + width + 6.0, middle + half),
                    palette::GONE,
                );
                sheet.write(&text, (left + 3.0, middle), style);
            }
        }
    }

    fn beliefs(&self, sheet: &mut Sheet, x: &Axis, top: f64, track: &Track) {
        let measure = &self.measure;
        if self.nodes > MOST_NODES {
            // Every node adds its part to the height of one bar that stands on the lane's foot.
            let foot = top + measure.beliefs();
            for (from, to, choosing) in shares(&track.chosen) {
                let height = measure.beliefs() * choosing as f64 / self.nodes as f64;
                sheet.fill(
                    (x.at(from), foot - height),
                    (x.at(to), foot),
                    palette::BELIEF,
                );
            }
            return;
        }
        for (node, stretches) in track.chosen.iter().enumerate() {
            let upper = top + node as f64 * (measure.belief + measure.between);
            for (from, to) in stretches {
                sheet.fill(
                    (x.at(*from), upper),
                    (x.at(*to), upper + measure.belief),
                    palette::BELIEF,
                );
            }
        }
    }

    fn marks(&self, sheet: &mut Sheet, x: &Axis, (top, foot): (f64, f64), track: &Track) {
        let tip = top + self.measure.marks;
        let shown = |at: Option<f64>| at.filter(|at| *at >= self.window.0 && *at <= self.window.1);
        if let Some(at) = shown(track.deleted) {
            sheet.upright(x.at(at), (top + 2.0, foot), 2.0, palette::INK);
        }
        if let Some(at) = shown(track.deregistered) {
            frame::diamond(sheet, (x.at(at), foot - 2.0), palette::INK);
        }
        if let Some(at) = shown(track.sigterm) {
            frame::down(sheet, x.at(at), tip, palette::INK);
        }
        if let Some(at) = shown(track.ready) {
            frame::up(sheet, x.at(at), tip, palette::INK);
        }
    }

    /// What came of the pod, and how many requests to it failed.
    fn words(&self, sheet: &mut Sheet, middle: f64, track: &Track) {
        let failed = self.failures.iter();
        let failed = failed
            .filter(|failure| failure.pod.is_some_and(|pod| pod.index() == track.row))
            .count() as u64;
        self.outcome(sheet, middle, &came_of(track), failed);
    }

    fn outcome(&self, sheet: &mut Sheet, middle: f64, note: &str, failed: u64) {
        let left = self.right + 18.0;
        match (self.measure.is_tall, failed) {
            (_, 0) => sheet.write(note, (left, middle), NOTE),
            (true, _) => {
                let count = format!("{} {}", frame::count(failed), self.counted);
                sheet.write(&count, (left, middle - 11.0), COUNT);
                sheet.write(note, (left, middle + 11.0), NOTE);
            }
            (false, _) => {
                sheet.write(note, (left, middle), NOTE);
                sheet.write_up_to(&frame::count(failed), (RIGHT, middle), COUNT);
            }
        }
    }

    /// The failures, between truth and belief.
    fn failed(&self, sheet: &mut Sheet, x: &Axis, first: f64) {
        let measure = &self.measure;
        let ticks = self.ticks(x);
        let place = |row: Row| match row {
            Row::Lane(lane) => first + lane as f64 * measure.lane(),
            Row::Nobody => first + self.tracks.len() as f64 * measure.lane(),
        };
        let mut blocks = Vec::new();
        for ((row, tick), counts) in &ticks {
            let top = place(*row) + measure.marks + measure.truth + 1.5;
            let left = self.left + *tick as f64 * TICK;
            let all: u32 = counts.iter().sum();
            let mut upper = top;
            for (column, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                // Where requests failed of several causes at one place, each has its share of the height.
                let lower = upper + (measure.gap - 3.0) * f64::from(*count) / f64::from(all);
                blocks.push((column, (left, upper), (left + TICK, lower)));
                upper = lower;
            }
        }
        blocks.sort_by_key(|(column, ..)| *column);
        for (column, left_top, right_bottom) in &blocks {
            sheet.fill(*left_top, *right_bottom, palette::color(*column));
        }
        for (column, left_top, right_bottom) in &blocks {
            frame::lines_of_504(sheet, *column, *left_top, *right_bottom);
        }
        if self.nobody {
            let top = place(Row::Nobody);
            let middle =
                top + measure.marks + (measure.lane() - measure.marks - measure.foot) / 2.0;
            sheet.fill((frame::MARGIN, top), (RIGHT, top + 1.0), palette::GRID);
            sheet.write("no pod", (frame::MARGIN, middle), LABEL);
            let failed = self.failures.iter().filter(|failure| failure.pod.is_none());
            self.outcome(sheet, middle, "none was chosen", failed.count() as u64);
        }
    }

    fn ticks(&self, x: &Axis) -> Ticks {
        let lanes: BTreeMap<usize, usize> = self
            .tracks
            .iter()
            .enumerate()
            .map(|(lane, track)| (track.row, lane))
            .collect();
        let mut ticks = Ticks::new();
        for failure in self.failures {
            let row = match failure.pod {
                None => Some(Row::Nobody),
                Some(pod) => lanes.get(&pod.index()).map(|lane| Row::Lane(*lane)),
            };
            let (Some(row), Some(column)) = (row, palette::column(failure.verdict)) else {
                continue;
            };
            let at = failure.sent.secs_since(self.origin);
            let tick = ((x.at(at) - self.left) / TICK).floor() as i64;
            ticks.entry((row, tick)).or_insert([0; COLUMNS])[column] += 1;
        }
        ticks
    }
}

/// What a pod's socket did, as a bar.
fn socket_bar(sheet: &mut Sheet, socket: Socket, left_top: (f64, f64), right_bottom: (f64, f64)) {
    match socket {
        Socket::Serving => sheet.fill(left_top, right_bottom, palette::TRUTH),
        Socket::Refusing => {
            sheet.stripe(left_top, right_bottom, palette::TRUTH);
            sheet.outline(left_top, right_bottom, 1.5, palette::TRUTH);
        }
        Socket::Closed => {
            sheet.fill(left_top, right_bottom, palette::PAPER);
            sheet.outline(left_top, right_bottom, 1.5, palette::TRUTH);
        }
        Socket::Silent => {}
    }
}

/// The seconds worth showing: everything that changes or fails, some room, and the load's ends if they are near.
fn window(timeline: &Timeline, outcome: &Outcome, tracks: &[Track]) -> Stretch {
    let since = |at| Time::secs_since(at, timeline.rollout_at);
    let run = (since(Time::ZERO), since(timeline.end));
    let changes = tracks.iter().flat_map(|track| track.instants(run));
    let failures = outcome.failures.iter().map(|failure| since(failure.sent));
    let (first, last) = changes
        .chain(failures)
        .fold((0.0, 0.0), |(first, last), at| {
            (at.min(first), at.max(last))
        });
    let room = ((last - first) * 0.05).max(1.0);
    let near = ((last - first) * 0.2).max(1.0);
    let load = (run.0, since(timeline.load_until));
    let begin = if first - load.0 < near {
        load.0 - room / 2.0
    } else {
        first - room
    };
    let end = if load.1 > last && load.1 - last < near {
        load.1 + room / 2.0
    } else {
        (last + room).min(run.1.max(last))
    };
    (begin, end.max(first + 1.0))
}

/// How many nodes chose the pod, from when to when.
fn shares(chosen: &[Vec<Stretch>]) -> Vec<(f64, f64, usize)> {
    let mut cuts: Vec<f64> = chosen
        .iter()
        .flatten()
        .flat_map(|(from, to)| [*from, *to])
        .collect();
    cuts.sort_by(f64::total_cmp);
    let choosing = |at: f64| {
        chosen
            .iter()
            .flatten()
            .filter(|(from, to)| *from <= at && at < *to)
            .count()
    };
    cuts.windows(2)
        .filter(|pair| pair[0] < pair[1])
        .map(|pair| (pair[0], pair[1], choosing(pair[0])))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::specimen;

    #[test]
    fn belief_outlives_truth_from_the_closed_listener_to_the_last_node() {
        let timeline = specimen::rollout(4, 2);
        let track = &tracks_of(&timeline, 16)[0];
        let closed = timeline.pods[track.row]
            .listener_closed
            .expect("deleted")
            .secs_since(timeline.rollout_at);
        let last = track
            .chosen
            .iter()
            .flatten()
            .map(|(_, to)| *to)
            .fold(f64::MIN, f64::max);
        assert_eq!(track.name, "old-1");
        assert_eq!(track.disagreements, [(closed, last)]);
        assert_eq!(
            came_of(track),
            format!("chosen {:.1} s too long", last - closed)
        );
    }

    #[test]
    fn of_many_pods_the_first_touched_are_kept_in_order() {
        let names: Vec<String> = tracks_of(&specimen::rollout(4, 2), 3)
            .into_iter()
            .map(|track| track.name)
            .collect();
        assert_eq!(names, ["old-1", "new-1", "new-2"]);
        assert_eq!(tracks_of(&specimen::rollout(40, 2), 16).len(), 16);
    }
}
