//! How often intervals of a mean hold it, where counts are mostly zero and then many: 2,000 forecasts a cell, drawn
//! from the law directly, counted over those that print an interval.
//!
//! `ROLLCAST_BLESS=1 cargo test --test coverage` computes the whole tables of docs/VALIDATION.md and rewrites them;
//! without it, some rows are computed again, and have to be what the page says.

#[path = "common/page.rs"]
mod page;

use std::fmt::Write;

use rollcast::monte_carlo::Sample;
use rollcast::random::{Purpose, Stream, Streams};
use rollcast::stats::zero_inflated::mean_interval;
use rollcast::sweep::{Budget, Precision, Totals};

const FORECASTS: u64 = 2_000;

/// What a rollout costs that costs any.
#[derive(Debug, Clone, Copy)]
enum Size {
    Fixed(f64),
    Geometric(f64),
    /// Of this median and this standard deviation of its logarithm.
    Lognormal(f64, f64),
}

impl Size {
    const ONE_WAY: [Size; 10] = [
        Size::Fixed(1.0),
        Size::Fixed(10.0),
        Size::Fixed(100.0),
        Size::Fixed(1_000.0),
        Size::Fixed(10_000.0),
        Size::Geometric(10.0),
        Size::Geometric(1_000.0),
        Size::Lognormal(1_000.0, 0.5),
        Size::Lognormal(1_000.0, 1.0),
        Size::Lognormal(1_000.0, 1.5),
    ];
    const FEW: [Size; 4] = [
        Size::Fixed(10.0),
        Size::Geometric(100.0),
        Size::Lognormal(1_000.0, 1.0),
        Size::Lognormal(1_000.0, 1.5),
    ];

    fn draw(self, stream: &mut Stream) -> f64 {
        let size: f64 = match self {
            Size::Fixed(size) => size,
            Size::Geometric(mean) => {
                ((1.0 - stream.uniform()).ln() / (1.0 - 1.0 / mean).ln()).ceil()
            }
            Size::Lognormal(median, sigma) => median * (sigma * normal(stream)).exp(),
        };
        size.round().max(1.0)
    }

    fn mean(self) -> f64 {
        match self {
            Size::Fixed(mean) | Size::Geometric(mean) => mean,
            Size::Lognormal(median, sigma) => median * (sigma * sigma / 2.0).exp(),
        }
    }

    fn name(self) -> String {
        match self {
            Size::Fixed(size) => format!("{size}"),
            Size::Geometric(mean) => format!("geometric, {mean}"),
            Size::Lognormal(_, sigma) => format!("lognormal, σ {sigma}"),
        }
    }
}

/// Box and Muller, Annals of Mathematical Statistics 29(2), 1958.
fn normal(stream: &mut Stream) -> f64 {
    let radius = (-2.0 * (1.0 - stream.uniform()).ln()).sqrt();
    radius * (std::f64::consts::TAU * stream.uniform()).cos()
}

/// How the rollouts of a forecast fall out.
#[derive(Debug, Clone, Copy)]
struct Law {
    /// The share of rollouts that are not zero.
    any: f64,
    size: Size,
    /// The share of those that are positive.
    positive: f64,
}

impl Law {
    fn mean(self) -> f64 {
        self.any * self.size.mean() * (2.0 * self.positive - 1.0)
    }

    /// The values of so many rollouts that are not zero; how long each gap of zeros is, is geometric.
    fn draw(self, runs: u64, stream: &mut Stream) -> Vec<f64> {
        let (mut run, mut values) = (0.0, Vec::new());
        loop {
            if self.any < 1.0 {
                run += ((1.0 - stream.uniform()).ln() / (1.0 - self.any).ln()).floor();
            }
            run += 1.0;
            if run > runs as f64 {
                return values;
            }
            let size = self.size.draw(stream);
            values.push(
                if self.positive < 1.0 && stream.uniform() >= self.positive {
                    -size
                } else {
                    size
                },
            );
        }
    }

    fn forecast(self, runs: u64, level: f64, stream: &mut Stream) -> Option<(f64, f64)> {
        let values = self.draw(runs, stream);
        let zeros = (0.0, runs - values.len() as u64);
        let zeros = std::iter::once(zeros).filter(|(_, times)| *times > 0);
        mean_interval(zeros.chain(values.iter().map(|x| (*x, 1))), level)
    }

    /// A point of a sweep that stops as soon as its interval is so narrow.
    fn point(self, budget: &Budget, stream: &mut Stream) -> Option<(f64, f64)> {
        let mut totals = Totals::default();
        while !budget.is_spent(&totals) {
            let sample = |_| match stream.uniform() < self.any {
                true => Sample {
                    target: self.size.draw(stream) as u64,
                    ..Sample::default()
                },
                false => Sample::default(),
            };
            let portion: Vec<Sample> = budget.portion(totals.runs()).map(sample).collect();
            totals.extend(&portion);
        }
        totals.mean_interval(budget.level)
    }
}

/// Intervals printed, and those that hold the mean.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    printed: u64,
    hold: u64,
}

impl Cell {
    /// Of 2,000 forecasts, each with chance of its own.
    fn of(number: u64, mean: f64, forecast: impl Fn(&mut Stream) -> Option<(f64, f64)>) -> Cell {
        let mut cell = Cell::default();
        for replication in 0..FORECASTS {
            let mut stream =
                Streams::new(20_231_016 + number, replication).at(Purpose::Resampling, 0);
            if let Some((low, high)) = forecast(&mut stream) {
                cell.printed += 1;
                cell.hold += u64::from(low <= mean && mean <= high);
            }
        }
        cell
    }

    fn share(self) -> f64 {
        self.hold as f64 / self.printed as f64
    }

    /// Whether the share lies between two bounds, but for three of its standard errors.
    fn is_within(self, low: f64, high: f64) -> bool {
        let error = 3.0 * (0.05 * 0.95 / self.printed as f64).sqrt();
        self.printed == 0 || (low - error..=high + error).contains(&self.share())
    }

    fn shown(self) -> String {
        match self.printed {
            0 => "–".to_owned(),
            FORECASTS => format!("{:.1}", self.share() * 100.0),
            few => format!("{:.1} ({few})", self.share() * 100.0),
        }
    }
}

/// A row of a table, its cells yet to be computed.
struct Row {
    name: String,
    /// Whether it is computed whenever the tests run.
    is_quick: bool,
    /// Between which shares each cell has to be; `None`: as it comes.
    bounds: Vec<Option<(f64, f64)>>,
    cells: Box<dyn Fn() -> Vec<Cell>>,
}

struct Table {
    heading: Vec<String>,
    rows: Vec<Row>,
}

const BOUNDS: Option<(f64, f64)> = Some((0.93, 0.97));

fn percent(share: f64) -> String {
    format!("{} %", (share * 1e4).round() / 100.0)
}

fn counts() -> Table {
    let row = |(number, any): (u64, f64)| Row {
        name: percent(any),
        is_quick: [0.01, 0.02, 0.03, 1.0].contains(&any),
        bounds: vec![BOUNDS; Size::ONE_WAY.len()],
        cells: Box::new(move || {
            let cell = |(column, size): (u64, Size)| {
                let law = Law {
                    any,
                    size,
                    positive: 1.0,
                };
                Cell::of(100 * number + column, law.mean(), |stream| {
                    law.forecast(1_000, 0.95, stream)
                })
            };
            (0..).zip(Size::ONE_WAY).map(cell).collect()
        }),
    };
    let shares = [
        0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.05, 0.1, 0.2, 0.5, 0.9, 0.99, 1.0,
    ];
    Table {
        heading: std::iter::once("P(any)".to_owned())
            .chain(Size::ONE_WAY.map(Size::name))
            .collect(),
        rows: (1..).zip(shares).map(row).collect(),
    }
}

/// Differences: nine in ten of those that are not zero go one way, or half of them.
fn differences() -> Table {
    let columns = || {
        [0.9, 0.5]
            .into_iter()
            .flat_map(|positive| Size::FEW.map(|size| (positive, size)))
    };
    let row = |(number, any): (u64, f64)| Row {
        name: percent(any),
        is_quick: any == 0.03,
        // Tails as heavy as the last, to both sides, are not held: docs/VALIDATION.md says so.
        bounds: columns()
            .map(|(_, size)| BOUNDS.filter(|_| !matches!(size, Size::Lognormal(_, 1.5))))
            .collect(),
        cells: Box::new(move || {
            let cell = |(column, (positive, size)): (u64, (f64, Size))| {
                let law = Law {
                    any,
                    size,
                    positive,
                };
                Cell::of(10_000 + 100 * number + column, law.mean(), |stream| {
                    law.forecast(1_000, 0.95, stream)
                })
            };
            (0..).zip(columns()).map(cell).collect()
        }),
    };
    let name = |(positive, size): (f64, Size)| format!("{} {}", percent(positive), size.name());
    Table {
        heading: std::iter::once("pairs that differ".to_owned())
            .chain(columns().map(name))
            .collect(),
        rows: (1..)
            .zip([0.01, 0.02, 0.03, 0.05, 0.1, 0.3, 1.0])
            .map(row)
            .collect(),
    }
}

/// Other numbers of runs, other levels, and points of a sweep that stop by their precision.
fn elsewhere() -> Table {
    type Forecast = fn(Law, &mut Stream) -> Option<(f64, f64)>;
    let rows: [(&str, (f64, f64), f64, Forecast); 9] = [
        ("100 runs, P(any) 30 %", (0.93, 0.97), 0.3, |law, stream| {
            law.forecast(100, 0.95, stream)
        }),
        (
            "100 runs, P(any) 100 %",
            (0.93, 0.97),
            1.0,
            |law, stream| law.forecast(100, 0.95, stream),
        ),
        (
            "10,000 runs, P(any) 0.3 %",
            (0.93, 0.97),
            0.003,
            |law, stream| law.forecast(10_000, 0.95, stream),
        ),
        (
            "10,000 runs, P(any) 10 %",
            (0.93, 0.97),
            0.1,
            |law, stream| law.forecast(10_000, 0.95, stream),
        ),
        (
            "90 % interval, P(any) 3 %",
            (0.87, 0.93),
            0.03,
            |law, stream| law.forecast(1_000, 0.9, stream),
        ),
        (
            "99 % interval, P(any) 3 %",
            (0.98, 1.0),
            0.03,
            |law, stream| law.forecast(1_000, 0.99, stream),
        ),
        (
            "stopped at ± 20 %, P(any) 10 %",
            (0.93, 1.0),
            0.1,
            |law, stream| stopped(law, "20%", stream),
        ),
        (
            "stopped at ± 30 %, P(any) 10 %",
            (0.93, 1.0),
            0.1,
            |law, stream| stopped(law, "30%", stream),
        ),
        (
            "stopped at ± 20 %, P(any) 50 %",
            (0.93, 1.0),
            0.5,
            |law, stream| stopped(law, "20%", stream),
        ),
    ];
    type Case = (&'static str, (f64, f64), f64, Forecast);
    let row = |(number, (name, bounds, any, forecast)): (u64, Case)| Row {
        name: name.to_owned(),
        is_quick: number <= 2,
        bounds: vec![Some(bounds); Size::FEW.len()],
        cells: Box::new(move || {
            let cell = |(column, size): (u64, Size)| {
                let law = Law {
                    any,
                    size,
                    positive: 1.0,
                };
                Cell::of(20_000 + 100 * number + column, law.mean(), |stream| {
                    forecast(law, stream)
                })
            };
            (0..).zip(Size::FEW).map(cell).collect()
        }),
    };
    Table {
        heading: std::iter::once("forecast".to_owned())
            .chain(Size::FEW.map(Size::name))
            .collect(),
        rows: (1..).zip(rows).map(row).collect(),
    }
}

fn stopped(law: Law, precision: &str, stream: &mut Stream) -> Option<(f64, f64)> {
    let budget = Budget {
        runs: 5_000,
        precision: Precision::parse(precision).ok(),
        level: 0.95,
    };
    law.point(&budget, stream)
}

/// Computes the rows, holds them to their bounds and to the page.
fn check(name: &str, table: &Table) {
    let is_whole = std::env::var_os("ROLLCAST_BLESS").is_some();
    let mut text = format!(
        "| {} |\n|{}\n",
        table.heading.join(" | "),
        "---|".repeat(table.heading.len())
    );
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for row in table.rows.iter().filter(|row| is_whole || row.is_quick) {
        let cells = (row.cells)();
        let shown: Vec<_> = cells.iter().map(|cell| cell.shown()).collect();
        let line = format!("| {} | {} |", row.name, shown.join(" | "));
        println!("{line}");
        let _ = writeln!(text, "{line}");
        lines.push(line);
        let bad = cells.iter().zip(&row.bounds).enumerate();
        let bad = bad.filter(|(_, (cell, bounds))| {
            bounds.is_some_and(|(low, high)| !cell.is_within(low, high))
        });
        wrong.extend(bad.map(|(column, (cell, _))| {
            format!("{}, {}: {cell:?}", row.name, table.heading[column + 1])
        }));
    }
    if is_whole {
        page::check(name, &text);
    } else {
        let page = include_str!("../docs/VALIDATION.md");
        lines.iter().for_each(|line| {
            assert!(
                page.contains(line),
                "docs/VALIDATION.md does not say {line}"
            );
        });
    }
    assert!(wrong.is_empty(), "{name}: {wrong:#?}");
}

#[test]
fn means_of_clumped_counts_are_covered() {
    check("coverage of means", &counts());
}

#[test]
fn mean_differences_are_covered() {
    check("coverage of differences", &differences());
}

#[test]
fn other_runs_levels_and_stopping_rules_are_covered() {
    check("coverage elsewhere", &elsewhere());
}
