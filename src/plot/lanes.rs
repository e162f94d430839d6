//! Belief and truth of one replication: why requests fail.
//!
//! A lane per pod. Its upper bar is the truth, what the pod's socket does; the thin bars at its foot are beliefs, while an
//! ALB node chooses the pod. Requests fail where a bar of belief runs on below an ended bar of truth, and there they stand.

use std::collections::{BTreeMap, BTreeSet};

use plotters::backend::DrawingBackend;

use super::frame::{self, Axis, Key, Legend, MARGIN, Page, RIGHT, Swatch, X_AXIS_HEIGHT};
use super::palette::{self, COLUMNS};
use super::sheet::{Drawn, LABEL, NOTE, Sheet};
use super::track::{Stretch, Track, tracks};
use super::{Caption, Picture};
use crate::error::Error;
use crate::observe::timeline::{Socket, Timeline};
use crate::time::Time;
use crate::traffic::outcome::{Failure, Outcome};

/// Pods in the picture.
const MOST_LANES: usize = 16;
/// ALB nodes with a bar of their own; of more, one bar shows the share that chooses the pod.
const MOST_NODES: usize = 4;
/// Lanes that have room to be tall.
const FEW_LANES: usize = 8;
/// Width of a failure, in points.
const TICK: f64 = 2.0;

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
}

struct Chart<'a> {
    tracks: Vec<Track>,
    failures: &'a [Failure],
    /// When the rollout started.
    origin: Time,
    measure: Measure,
    window: Stretch,
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
/// With more than sixteen pods it shows those that the rollout touched first, and says so.
///
/// # Errors
/// Drawing fails, which is a bug.
pub fn lanes(caption: &Caption, timeline: &Timeline, outcome: &Outcome) -> Result<Picture, Error> {
    let tracks = tracks(timeline, MOST_LANES);
    let statement = statement(timeline, outcome, &tracks);
    let page = Page::lay_out(caption, &statement, legends(timeline, outcome, &tracks))?;
    let chart = Chart::new(timeline, outcome, tracks);
    let height = page.top + chart.height() + X_AXIS_HEIGHT + page.footer_height();
    Picture::draw(&page, height, |sheet| chart.draw(sheet, page.top))
}

fn statement(timeline: &Timeline, outcome: &Outcome, tracks: &[Track]) -> String {
    let total: u64 = palette::counts(outcome).iter().sum();
    let (kept, omitted) = (
        outcome.failures.len() as u64,
        timeline.pods.len() - tracks.len(),
    );
    let mut words = match total {
        0 => format!("0 of {} requests failed", frame::count(outcome.requests)),
        _ => format!(
            "{} of {} requests failed",
            frame::count(total),
            frame::count(outcome.requests)
        ),
    };
    if kept == 0 && total > 0 {
        words.push_str("; none of them were kept to show");
    } else if kept < total {
        words.push_str(&format!("; the first {} are shown", frame::count(kept)));
    }
    if omitted > 0 {
        words.push_str(&format!(
            "; {} more pods are not shown",
            frame::count(omitted as u64)
        ));
    }
    words
}

fn legends(timeline: &Timeline, outcome: &Outcome, tracks: &[Track]) -> Vec<Legend> {
    let counts = palette::counts(outcome);
    let causes = (0..COLUMNS)
        .filter(|column| counts[*column] > 0)
        .map(|column| Key {
            swatch: Swatch::Block(palette::color(column)),
            label: format!(
                "{}: {}",
                palette::label(column),
                frame::count(counts[column])
            ),
        });
    vec![
        Legend {
            heading: "truth",
            keys: truths(tracks),
        },
        Legend {
            heading: "belief",
            keys: beliefs(timeline, tracks),
        },
        Legend {
            heading: "failed",
            keys: causes.collect(),
        },
    ]
}

fn key(swatch: Swatch, label: &str) -> Key {
    Key {
        swatch,
        label: label.to_owned(),
    }
}

/// What sockets did, and the marks above them; only what occurs.
fn truths(tracks: &[Track]) -> Vec<Key> {
    let met = |wanted: Socket| {
        tracks
            .iter()
            .flat_map(|track| &track.sockets)
            .any(|(_, socket)| *socket == wanted)
    };
    let marked =
        |moment: fn(&Track) -> Option<f64>| tracks.iter().any(|track| moment(track).is_some());
    let candidates = [
        (
            met(Socket::Serving),
            Swatch::Block(palette::TRUTH),
            "serves",
        ),
        (
            met(Socket::Refusing),
            Swatch::Stripes(palette::TRUTH),
            "answers 503",
        ),
        (
            met(Socket::Closed),
            Swatch::Hollow(palette::TRUTH),
            "closed (RST)",
        ),
        (!tracks.is_empty(), Swatch::Blank, "blank: no network"),
        (
            marked(|track| track.deleted),
            Swatch::Upright(palette::INK),
            "deleted",
        ),
        (
            marked(|track| track.sigterm),
            Swatch::Down(palette::INK),
            "SIGTERM",
        ),
        (
            marked(|track| track.ready),
            Swatch::Up(palette::INK),
            "Ready",
        ),
    ];
    candidates
        .into_iter()
        .filter(|(occurs, ..)| *occurs)
        .map(|(_, swatch, label)| key(swatch, label))
        .collect()
}

fn beliefs(timeline: &Timeline, tracks: &[Track]) -> Vec<Key> {
    let by_host = !timeline.node_ports.is_empty();
    let mut keys = match timeline.beliefs.len() {
        0 => Vec::new(),
        1..=MOST_NODES if by_host => {
            vec![key(
                Swatch::Bar(palette::BELIEF),
                "an ALB node chooses a host that leads to the pod (one bar a node)",
            )]
        }
        nodes if by_host => {
            let label =
                format!("share of the {nodes} ALB nodes that choose a host that leads to the pod");
            vec![key(Swatch::Block(palette::BELIEF), &label)]
        }
        1..=MOST_NODES => vec![key(
            Swatch::Bar(palette::BELIEF),
            "an ALB node chooses the pod (one bar a node)",
        )],
        nodes => {
            vec![key(
                Swatch::Block(palette::BELIEF),
                &format!("share of the {nodes} ALB nodes that choose the pod"),
            )]
        }
    };
    if tracks.iter().any(|track| !track.disagreements.is_empty()) {
        keys.push(key(
            Swatch::Block(palette::DISAGREEMENT),
            "chosen, but not serving",
        ));
    }
    keys
}

impl Measure {
    fn new(lanes: usize, nodes: usize) -> Measure {
        let nodes = nodes.min(MOST_NODES + 1);
        if lanes <= FEW_LANES {
            Measure {
                marks: 12.0,
                truth: 13.0,
                gap: 17.0,
                belief: 5.0,
                between: 2.0,
                foot: 9.0,
                nodes,
            }
        } else {
            Measure {
                marks: 11.0,
                truth: 9.0,
                gap: 11.0,
                belief: 4.0,
                between: 1.5,
                foot: 5.0,
                nodes,
            }
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
        Chart {
            measure: Measure::new(tracks.len(), timeline.beliefs.len()),
            window: window(timeline, outcome, &tracks),
            nodes: timeline.beliefs.len(),
            left: MARGIN + widest + 16.0,
            right: RIGHT - LABEL.width("failed") - 16.0,
            failures: &outcome.failures,
            origin: timeline.rollout_at,
            counted: if all == outcome.failures.len() as u64 {
                "failed"
            } else {
                "shown"
            },
            tracks,
            nobody,
        }
    }

    fn rows(&self) -> usize {
        (self.tracks.len() + usize::from(self.nobody)).max(1)
    }

    /// Height of the name of the right column and of all lanes.
    fn height(&self) -> f64 {
        HEAD + self.rows() as f64 * self.measure.lane()
    }

    fn draw<DB: DrawingBackend>(&self, sheet: &Sheet<DB>, top: f64) -> Drawn<DB> {
        let x = Axis {
            values: self.window,
            points: (self.left, self.right),
        };
        let first = top + HEAD;
        let bottom = top + self.height();
        let ticks = frame::numbered(x.ticks(80.0));
        frame::x_axis(
            sheet,
            &x,
            (first, bottom),
            &ticks,
            "seconds since the rollout started",
        )?;
        sheet.write_up_to(self.counted, (RIGHT, top + HEAD / 2.0 + 2.0), NOTE)?;
        if self.window.0 <= 0.0 {
            sheet.dashes(x.at(0.0), (first - 8.0, bottom), 1.5, palette::BAND_EDGE)?;
            sheet.write(
                "rollout starts",
                (x.at(0.0) - 4.0, top + HEAD / 2.0 + 2.0),
                NOTE,
            )?;
        }
        for (lane, track) in self.tracks.iter().enumerate() {
            self.lane(sheet, &x, first + lane as f64 * self.measure.lane(), track)?;
        }
        self.failed(sheet, &x, first)?;
        sheet.fill(
            (self.left, bottom - 0.75),
            (self.right, bottom + 0.75),
            palette::FADED_INK,
        )
    }

    fn lane<DB: DrawingBackend>(
        &self,
        sheet: &Sheet<DB>,
        x: &Axis,
        top: f64,
        track: &Track,
    ) -> Drawn<DB> {
        let measure = &self.measure;
        let truth = top + measure.marks;
        let gap = truth + measure.truth;
        let beliefs = gap + measure.gap;
        let foot = beliefs + measure.beliefs();
        sheet.write(&track.name, (MARGIN, (truth + foot) / 2.0), LABEL)?;
        sheet.fill((MARGIN, top), (RIGHT, top + 1.0), palette::GRID)?;
        for (from, to) in &track.disagreements {
            sheet.fill(
                (x.at(*from), truth),
                (x.at(*to), foot),
                palette::DISAGREEMENT,
            )?;
        }
        for ((from, to), socket) in &track.sockets {
            let (left_top, right_bottom) = ((x.at(*from), truth), (x.at(*to), gap));
            match socket {
                Socket::Serving => sheet.fill(left_top, right_bottom, palette::TRUTH)?,
                Socket::Refusing => {
                    sheet.stripe(left_top, right_bottom, palette::TRUTH)?;
                    sheet.outline(left_top, right_bottom, 1.5, palette::TRUTH)?;
                }
                Socket::Closed => sheet.outline(left_top, right_bottom, 1.5, palette::TRUTH)?,
                Socket::Silent => {}
            }
        }
        self.beliefs(sheet, x, beliefs, track)?;
        self.marks(sheet, x, (top, foot), track)
    }

    fn beliefs<DB: DrawingBackend>(
        &self,
        sheet: &Sheet<DB>,
        x: &Axis,
        top: f64,
        track: &Track,
    ) -> Drawn<DB> {
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
                )?;
            }
            return Ok(());
        }
        for (node, stretches) in track.chosen.iter().enumerate() {
            let upper = top + node as f64 * (measure.belief + measure.between);
            for (from, to) in stretches {
                sheet.fill(
                    (x.at(*from), upper),
                    (x.at(*to), upper + measure.belief),
                    palette::BELIEF,
                )?;
            }
        }
        Ok(())
    }

    fn marks<DB: DrawingBackend>(
        &self,
        sheet: &Sheet<DB>,
        x: &Axis,
        (top, foot): (f64, f64),
        track: &Track,
    ) -> Drawn<DB> {
        let tip = top + self.measure.marks;
        let shown = |at: Option<f64>| at.filter(|at| *at >= self.window.0 && *at <= self.window.1);
        if let Some(at) = shown(track.deleted) {
            sheet.upright(x.at(at), (top + 2.0, foot), 2.0, palette::INK)?;
        }
        if let Some(at) = shown(track.sigterm) {
            frame::down(sheet, x.at(at), tip, palette::INK)?;
        }
        if let Some(at) = shown(track.ready) {
            frame::up(sheet, x.at(at), tip, palette::INK)?;
        }
        Ok(())
    }

    /// The failures, between truth and belief, and their number at the right.
    fn failed<DB: DrawingBackend>(&self, sheet: &Sheet<DB>, x: &Axis, first: f64) -> Drawn<DB> {
        let measure = &self.measure;
        let ticks = self.ticks(x);
        let place = |row: Row| match row {
            Row::Lane(lane) => first + lane as f64 * measure.lane(),
            Row::Nobody => first + self.tracks.len() as f64 * measure.lane(),
        };
        for ((row, tick), counts) in &ticks {
            let top = place(*row) + measure.marks + measure.truth + 1.5;
            let left = self.left + *tick as f64 * TICK;
            let all: u32 = counts.iter().sum();
            let mut upper = top;
            for (column, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                // Where requests failed of several causes at one place, each has its share of the height.
                let lower = upper + (measure.gap - 3.0) * f64::from(*count) / f64::from(all);
                sheet.fill((left, upper), (left + TICK, lower), palette::color(column))?;
                upper = lower;
            }
        }
        let rows: BTreeSet<Row> = ticks.keys().map(|(row, _)| *row).collect();
        for row in rows {
            let count: u32 = ticks
                .range((row, i64::MIN)..=(row, i64::MAX))
                .flat_map(|(_, counts)| counts)
                .sum();
            let middle =
                place(row) + measure.marks + (measure.lane() - measure.marks - measure.foot) / 2.0;
            sheet.write_up_to(&frame::count(u64::from(count)), (RIGHT, middle), LABEL)?;
            if row == Row::Nobody {
                sheet.fill(
                    (MARGIN, place(row)),
                    (RIGHT, place(row) + 1.0),
                    palette::GRID,
                )?;
                sheet.write("no pod", (MARGIN, middle), LABEL)?;
            }
        }
        Ok(())
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

/// Height above the first lane.
const HEAD: f64 = 40.0;

/// The seconds worth showing: everything that changes or fails, and some room.
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
    (
        (first - room).max(run.0),
        (last + room).min(run.1.max(last)).max(first + 1.0),
    )
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
