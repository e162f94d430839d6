//! Which points a sweep visits.

use super::axis::Axis;
use crate::error::Error;
use crate::random::{Purpose, Streams};
use crate::scenario::{Document, Scenario};

/// More points than this are refused: the report alone would be a hundred megabytes.
pub const MOST_POINTS: usize = 200_000;

/// Axes, and the points on them.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What varies.
    pub axes: Vec<Axis>,
    /// How the points were chosen.
    pub design: Design,
    /// The points, in the order of every output.
    pub points: Vec<Point>,
}

/// How points were chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// Every value of each axis with every value of the others, the last axis fastest.
    Grid,
    /// So many rows of (axes + 2) points: one of each of two Latin hypercubes A and B (McKay, Beckman and
    /// Conover, *A comparison of three methods for selecting values of input variables*, Technometrics
    /// 21(2), 1979), then for each axis A's with that one value taken from B (Saltelli et al., *Variance
    /// based sensitivity analysis of model output*, Computer Physics Communications 181(2), 2010).
    Sample(usize),
}

/// What one point sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Dotted keys and their values.
    pub settings: Vec<(String, String)>,
    /// In a grid, the number of the value on each axis; empty in a sample.
    pub rows: Vec<usize>,
}

impl Plan {
    /// All combinations.
    ///
    /// # Errors
    /// No axis, a range without a step, a key on two axes, or too many points.
    pub fn grid(axes: Vec<Axis>) -> Result<Plan, Error> {
        check(&axes)?;
        let stepless = |axis: &Axis| {
            Error::input(format!("the range of `{}` has no step", axis.name()))
                .hint("write low..high/step, or take a sample with --sample N")
        };
        let lengths = axes
            .iter()
            .map(|axis| axis.points().ok_or_else(|| stepless(axis)))
            .collect::<Result<Vec<_>, _>>()?;
        let count = lengths
            .iter()
            .try_fold(1_usize, |points, length| points.checked_mul(*length));
        let count = count
            .filter(|points| *points <= MOST_POINTS)
            .ok_or_else(too_many)?;
        let point = |number: usize| {
            let mut strides = lengths.iter().scan(count, |stride, length| {
                *stride /= length;
                Some((*stride, *length))
            });
            let rows: Vec<_> = strides
                .by_ref()
                .map(|(stride, length)| number / stride % length)
                .collect();
            let settings = axes
                .iter()
                .zip(&rows)
                .flat_map(|(axis, row)| axis.at(*row))
                .collect();
            Point { settings, rows }
        };
        let points = (0..count).map(point).collect();
        Ok(Plan {
            axes,
            design: Design::Grid,
            points,
        })
    }

    /// A sample of `rows` rows, from which [`super::sensitivity`] can tell what matters most.
    ///
    /// # Errors
    /// No axis, fewer than two rows, a key on two axes, or too many points.
    pub fn sample(axes: Vec<Axis>, rows: usize, seed: u64) -> Result<Plan, Error> {
        check(&axes)?;
        if rows < 2 {
            return Err(Error::input("a sample needs at least 2 rows"));
        }
        let count = rows
            .checked_mul(axes.len() + 2)
            .filter(|points| *points <= MOST_POINTS)
            .ok_or_else(too_many)?;
        let columns: Vec<Vec<f64>> = (0..2 * axes.len())
            .map(|column| hypercube_column(rows, seed, column))
            .collect();
        let point = |number: usize| {
            let (row, member) = (number / (axes.len() + 2), number % (axes.len() + 2));
            let shares = (0..axes.len()).map(|axis| {
                let from_b = member == 1 || member == axis + 2;
                columns[if from_b { axes.len() + axis } else { axis }][row]
            });
            let settings = axes
                .iter()
                .zip(shares)
                .flat_map(|(axis, share)| axis.at_share(share))
                .collect();
            Point {
                settings,
                rows: Vec::new(),
            }
        };
        let points = (0..count).map(point).collect();
        Ok(Plan {
            axes,
            design: Design::Sample(rows),
            points,
        })
    }

    /// The scenario at a point.
    ///
    /// # Errors
    /// It is none: an unknown key, a value of the wrong kind, or an impossible combination.
    pub fn scenario(&self, document: &Document, number: usize) -> Result<Scenario, Error> {
        let point = &self.points[number];
        let mut document = document.clone();
        let set = point
            .settings
            .iter()
            .try_for_each(|(key, value)| document.set(key, value));
        set.and_then(|()| document.resolve()).map_err(|error| {
            error.prefixed(&format!(
                "point {} of the sweep ({})",
                number + 1,
                point.name()
            ))
        })
    }

    /// Whether every point is a scenario.
    ///
    /// # Errors
    /// The first point that is none.
    pub fn check(&self, document: &Document) -> Result<(), Error> {
        (0..self.points.len()).try_for_each(|number| self.scenario(document, number).map(drop))
    }
}

impl Point {
    /// The point in words: `pod.pre_stop = 10s, deployment.replicas = 4`.
    pub fn name(&self) -> String {
        let settings: Vec<_> = self
            .settings
            .iter()
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        settings.join(", ")
    }
}

fn check(axes: &[Axis]) -> Result<(), Error> {
    let mut keys: Vec<&str> = axes
        .iter()
        .flat_map(|axis| axis.scales.iter().map(|scale| scale.key.as_str()))
        .collect();
    if keys.is_empty() {
        return Err(
            Error::input("nothing to sweep: the scenario has no [sweep]")
                .hint("--vary pod.pre_stop=0s..30s/5s"),
        );
    }
    keys.sort_unstable();
    match keys.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::input(format!("`{}` is varied twice", pair[0]))),
        None => Ok(()),
    }
}

fn too_many() -> Error {
    Error::too_large(format!("the sweep has more than {MOST_POINTS} points"))
        .hint("longer steps, fewer axes, or a sample with --sample N")
}

/// One value in each of `rows` equal strata of 0 to 1, in random order.
fn hypercube_column(rows: usize, seed: u64, column: usize) -> Vec<f64> {
    let mut stream = Streams::new(seed, 0).at(Purpose::Design, column as u64);
    let mut values: Vec<f64> = (0..rows)
        .map(|row| (row as f64 + stream.uniform()) / rows as f64)
        .collect();
    for last in (1..rows).rev() {
        values.swap(last, stream.below(last + 1));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn axes(texts: &[&str]) -> Vec<Axis> {
        texts
            .iter()
            .map(|text| Axis::parse(text).unwrap())
            .collect()
    }

    fn names(plan: &Plan) -> Vec<String> {
        plan.points.iter().map(Point::name).collect()
    }

    #[test]
    fn a_grid_has_every_combination_the_last_axis_fastest() {
        let plan = Plan::grid(axes(&["a.b=1,2", "c.d=x,y,z"])).unwrap();
        let expected = ["1x", "1y", "1z", "2x", "2y", "2z"]
            .map(|pair| format!("a.b = {}, c.d = {}", &pair[..1], &pair[1..]));
        assert_eq!(names(&plan), expected);
        assert_eq!(plan.points[4].rows, [1, 1]);
    }

    #[test]
    fn a_sample_has_each_stratum_once() {
        let plan = Plan::sample(axes(&["a.b=0s..100s", "c.d=1..8/1"]), 100, 1).unwrap();
        assert_eq!(plan.points.len(), 400);
        let value = |number: usize, key: usize| plan.points[number].settings[key].1.clone();
        for member in [0, 1] {
            let mut seconds: Vec<_> = (0..100)
                .map(|row| {
                    crate::time::Span::parse(&value(row * 4 + member, 0))
                        .unwrap()
                        .as_secs_f64()
                })
                .collect();
            seconds.sort_by(f64::total_cmp);
            assert!(
                seconds
                    .iter()
                    .enumerate()
                    .all(|(row, at)| (row as f64..=row as f64 + 1.0).contains(at))
            );
        }
        for row in 0..100 {
            let [a, b, first, second] =
                [0, 1, 2, 3].map(|member| [value(row * 4 + member, 0), value(row * 4 + member, 1)]);
            assert_eq!(first, [b[0].clone(), a[1].clone()]);
            assert_eq!(second, [a[0].clone(), b[1].clone()]);
        }
        assert_eq!(
            names(&plan),
            names(&Plan::sample(plan.axes.clone(), 100, 1).unwrap())
        );
        assert_ne!(
            names(&plan),
            names(&Plan::sample(plan.axes.clone(), 100, 2).unwrap())
        );
    }

    #[track_caller]
    fn refuse(plan: Result<Plan, Error>, code: u8, words: &str) {
        let error = plan.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.exit_code(), code);
    }

    #[test]
    fn what_is_refused() {
        refuse(Plan::grid(vec![]), 2, "nothing to sweep");
        refuse(Plan::grid(axes(&["a.b=1..5"])), 2, "no step");
        refuse(Plan::grid(axes(&["a.b=1,2", "a.b=3"])), 2, "twice");
        refuse(
            Plan::grid(axes(&["a.b=1..1000/1", "c.d=1..1000/1"])),
            4,
            "more than",
        );
        refuse(Plan::sample(axes(&["a.b=1..5"]), 1, 1), 2, "at least 2");
        refuse(
            Plan::sample(axes(&["a.b=1..5"]), usize::MAX, 1),
            4,
            "more than",
        );
    }

    #[test]
    fn a_point_is_a_scenario() {
        let document = Document::parse(Path::new("x.toml"), "name = \"x\"").unwrap();
        let plan = Plan::grid(axes(&[
            "pod.pre_stop=0s..10s/5s",
            "deployment.replicas=2,3",
        ]))
        .unwrap();
        plan.check(&document).unwrap();
        let scenario = plan.scenario(&document, 3).unwrap();
        assert_eq!(
            (
                scenario.value_of("pod.pre_stop").unwrap().as_str(),
                scenario.deployment.replicas
            ),
            ("5s", 3)
        );
        let impossible = Plan::grid(axes(&["deployment.replicas=2,many"])).unwrap();
        let error = impossible.check(&document).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}
