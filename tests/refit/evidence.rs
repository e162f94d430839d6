//! docs/evidence.toml and docs/deregistrations.csv: what the laws of the lag are fitted to.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What was published, and what was contributed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    pub deregistration: Vec<Row>,
    pub registration: Vec<Row>,
}

/// One source.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub id: String,
    pub source: String,
    pub month: String,
    pub seen: String,
    pub grade: Grade,
    #[serde(rename = "use")]
    pub used: Use,
    pub why: Option<String>,
    pub environment: Option<String>,
    /// Whether it was published because it hurt.
    #[serde(default)]
    pub hurt: bool,
    pub sample: Option<Sample>,
    #[serde(default)]
    pub readings: Vec<Reading>,
}

/// How well founded a source is.
#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    Measured,
    Claimed,
    Documented,
}

/// What becomes of a source.
#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    Fit,
    Variant,
    No,
}

/// Lags of one session.
#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    pub n: f64,
    /// In seconds.
    pub mean: f64,
    /// In seconds.
    pub sd: f64,
}

/// What a source may mean, and how likely that is.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    pub name: Option<String>,
    pub weight: f64,
    /// Bounds of each lag of a session, in seconds.
    pub lags: Vec<[f64; 2]>,
}

impl Evidence {
    /// What the repository ships.
    pub fn shipped() -> Evidence {
        let read = |name: &str| {
            let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(path).expect("the repository has it")
        };
        let rows = contributed(&read("deregistrations.csv")).unwrap_or_else(|why| panic!("{why}"));
        let mut evidence: Evidence =
            toml::from_str(&read("evidence.toml")).unwrap_or_else(|why| panic!("{why}"));
        evidence.deregistration.extend(rows);
        evidence.check();
        evidence
    }

    /// A row that is used says what was seen in numbers; one that is not says why.
    fn check(&self) {
        for row in self.deregistration.iter().chain(&self.registration) {
            let id = &row.id;
            let has_numbers = row.sample.is_some() || !row.readings.is_empty();
            assert!(
                (row.used == Use::No) != has_numbers,
                "{id}: numbers, or use = \"no\""
            );
            assert!((row.used == Use::Fit) == row.why.is_none(), "{id}: why");
            assert!(
                row.used != Use::Fit || row.grade != Grade::Documented,
                "{id}: a rule of a guide is no lag"
            );
            let texts = [&row.source, &row.month, &row.seen];
            assert!(
                texts.iter().all(|text| !text.is_empty()),
                "{id}: source, month, seen"
            );
            let weight: f64 = row.readings.iter().map(|reading| reading.weight).sum();
            assert!(
                row.readings.is_empty() || (weight - 1.0).abs() < 1e-9,
                "{id}: weights sum to {weight}"
            );
        }
    }
}

/// Rows of the environments that use one: by name, or each its own.
pub fn environments(rows: &[Row]) -> Vec<Vec<Row>> {
    let mut environments: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    for row in rows {
        let name = row.environment.as_deref().unwrap_or(&row.id);
        environments.entry(name).or_default().push(row.clone());
    }
    environments.into_values().collect()
}

const COLUMNS: &str = "month,target_type,deregistrations,median_s,jitter,drift,source";

/// Rows that `rollcast calibrate` printed: lags of one environment, of a jitter and a drift relative to their median.
pub fn contributed(text: &str) -> Result<Vec<Row>, String> {
    let mut lines = text.lines();
    if lines.next() != Some(COLUMNS) {
        return Err(format!("the columns are {COLUMNS}"));
    }
    let rows = lines.enumerate().map(|(index, line)| {
        let of = |why: &str| format!("line {}: {why}", index + 2);
        let fields: Vec<&str> = line.split(',').collect();
        let [month, kind, n, median, jitter, drift, source] = fields[..] else {
            return Err(of("seven columns"));
        };
        let number = |text: &str, least: f64| {
            let number = text.parse().ok();
            number.filter(|number: &f64| number.is_finite() && *number >= least)
        };
        let (Some(n), Some(median)) = (number(n, 1.0), number(median, 0.01)) else {
            return Err(of("deregistrations and median_s are numbers"));
        };
        let spread = number(jitter, 0.0).filter(|_| n >= 2.0);
        if !matches!(kind, "ip" | "instance")
            || !(jitter.is_empty() || number(jitter, 0.0).is_some())
        {
            return Err(of(
                "target_type is ip or instance, jitter a number or nothing",
            ));
        }
        if !(drift.is_empty() || number(drift, 0.0).is_some()) {
            return Err(of("drift is a number or nothing"));
        }
        // Without a jitter the median alone counts: as one lag, known to a tenth.
        let readings = match spread {
            Some(_) => Vec::new(),
            None => vec![Reading {
                name: None,
                weight: 1.0,
                lags: vec![[0.95 * median, 1.05 * median]],
            }],
        };
        Ok(Row {
            id: format!("M{}", index + 1),
            source: source.to_owned(),
            month: month.to_owned(),
            seen: format!("{n} deregistrations of a target of type {kind}"),
            grade: Grade::Measured,
            used: Use::Fit,
            why: None,
            environment: None,
            hurt: false,
            sample: spread.map(|jitter| Sample {
                n,
                mean: median,
                sd: jitter.max(0.001) * median,
            }),
            readings,
        })
    });
    rows.collect()
}

#[test]
fn a_contributed_row_is_a_sample() {
    let rows = contributed(&format!(
        "{COLUMNS}\n2026-12,ip,40,8.2,0.05,0.03,calibrate\n2026-12,ip,1,9,,,x\n"
    ))
    .unwrap();
    let sample = rows[0].sample.unwrap();
    assert_eq!((sample.n, sample.mean), (40.0, 8.2));
    assert!((sample.sd - 0.41).abs() < 1e-9);
    let [low, high] = rows[1].readings[0].lags[0];
    assert!(rows[1].sample.is_none() && (8.5..8.6).contains(&low) && (9.4..9.5).contains(&high));
    for wrong in [
        "2026-12,nlb,40,8.2,0.05,,x",
        "2026-12,ip,forty,8.2,0.05,,x",
        "2026-12,ip,40",
        "2026-12,ip,40,-1,,,x",
    ] {
        let text = format!("{COLUMNS}\n{wrong}\n");
        assert!(
            contributed(&text).is_err_and(|why| why.contains("line 2")),
            "{wrong}"
        );
    }
}
