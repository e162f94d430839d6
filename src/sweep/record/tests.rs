//! Records are whole, or refused.

use super::*;
use crate::sweep::tests::{filled, header, synthetic};
use crate::sweep::{Survey, fill};

const BUDGET: Budget = Budget {
    runs: 300,
    precision: None,
    level: 0.95,
};

fn whole() -> Record {
    let header = header(
        &["pod.pre_stop=0s..30s/10s", "deployment.replicas=2,3"],
        BUDGET,
    );
    let totals = filled(&header);
    Record { header, totals }
}

fn shares(of: usize) -> Vec<(String, Record)> {
    let share = |number| {
        let mut header = whole().header;
        header.share = Share { number, of };
        let mut totals = BTreeMap::new();
        fill(
            &header,
            header.share.of_points(8),
            &mut totals,
            &synthetic,
            &mut |_, _, _| Ok(()),
        )
        .unwrap();
        (format!("share-{number}"), Record { header, totals })
    };
    (1..=of).map(share).collect()
}

#[test]
fn a_record_reads_back() {
    let mut record = whole();
    record
        .header
        .document
        .set("description", "two \\ lines\\n")
        .unwrap();
    record.header.sample = None;
    let again = Record::parse(&record.to_lines()).unwrap();
    assert_eq!(again.to_lines(), record.to_lines());
    assert_eq!(again.totals, record.totals);
    assert_eq!(unescaped(&escaped("a\\n\nb\r\\")), "a\\n\nb\r\\");
}

/// Whatever was on disk when the power went: what is read goes on to the same end.
#[test]
fn a_record_cut_anywhere_is_resumed_or_refused() {
    let record = whole();
    let (text, expected) = (record.to_lines(), record.totals);
    let head = record.header.to_lines().len();
    for cut in (head..text.len()).step_by(7) {
        let mut cut = Record::parse(&text[..cut]).unwrap();
        fill(
            &cut.header.clone(),
            0..8,
            &mut cut.totals,
            &synthetic,
            &mut |_, _, _| Ok(()),
        )
        .unwrap();
        assert_eq!(cut.totals, expected);
    }
    for cut in (0..head - 1).step_by(3) {
        drop(Record::parse(&text[..cut]));
    }
}

#[test]
fn shares_merge_to_the_bytes_of_the_whole() {
    for of in [1, 2, 3, 5, 8, 11] {
        let merged = Record::merge(shares(of)).unwrap();
        assert_eq!(merged.to_lines(), whole().to_lines(), "{of} shares");
        assert_eq!(
            Survey::of(merged).unwrap().fingerprint(),
            Survey::of(whole()).unwrap().fingerprint()
        );
    }
}

#[track_caller]
fn refuse(records: Vec<(String, Record)>, words: &str) {
    let error = Record::merge(records).unwrap_err();
    assert!(error.to_string().contains(words), "{error}");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn gaps_duplicates_and_strangers_are_refused() {
    refuse(vec![], "nothing to merge");
    refuse(shares(3)[..2].to_vec(), "these are missing: 3");
    let mut twice = shares(3);
    twice.push(twice[1].clone());
    refuse(twice, "share-2 and share-2 are both share 2");
    let mut stranger = shares(2);
    stranger[1].1.header.seed = 2;
    refuse(
        stranger,
        "share-2: it is the record of another sweep: the seed differs",
    );
    let mut other = shares(2);
    other[1]
        .1
        .header
        .document
        .set("deployment.max_surge", "1")
        .unwrap();
    refuse(other, "another sweep");
    let mut open = shares(2);
    open[0].1.totals.pop_last();
    refuse(open, "share-1: 1 of its 4 points are not complete");
    refuse(
        vec![shares(3)[0].clone(), shares(2)[1].clone()],
        "one of 2 shares",
    );
}

/// The same record with another header, whose checksum is right.
fn with_header(text: &str, from: &str, to: &str) -> String {
    let (head, points) = text.split_once(HEADER_SUM).unwrap();
    let head = head.replacen(from, to, 1);
    format!(
        "{head}{HEADER_SUM}{:016x}\n{}",
        fnv1a(head.as_bytes()),
        points.split_once('\n').unwrap().1
    )
}

#[test]
fn a_value_out_of_range_is_refused_whatever_its_checksum_says() {
    let text = whole().to_lines();
    let refused = |from: &str, to: &str| {
        let error = Record::parse(&with_header(&text, from, to)).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    };
    for level in ["NaN", "inf", "0", "1", "-0.5", ""] {
        assert!(
            refused("level 0.95", &format!("level {level}")).contains("`level`"),
            "{level}"
        );
    }
    for runs in ["0", "18446744073709551615", "4294967296", "x"] {
        assert!(
            refused("runs 300", &format!("runs {runs}")).contains("`runs`"),
            "{runs}"
        );
    }
    for share in ["1/1000000000000", "0/1", "2/1", "1/0", "1"] {
        assert!(
            refused("share 1/1", &format!("share {share}")).contains("`share`"),
            "{share}"
        );
    }
    assert!(refused("seed 1", "seed -1").contains("`seed`"));
    assert!(refused("engine ", "engine x").contains("`engine`"));
    assert!(Record::parse(&with_header(&text, "", "")).is_ok());
}

#[test]
fn a_point_that_cannot_be_is_refused_whatever_its_checksum_says() {
    let record = whole();
    let refused = |change: &dyn Fn(&mut Totals), words: &str| {
        let mut record = record.clone();
        change(record.totals.get_mut(&3).unwrap());
        let error = Record::parse(&record.to_lines()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(
        &|totals| totals.failed.n = 301,
        "301 replications, where 300 were asked for",
    );
    refused(
        &|totals| totals.duration.n = u64::MAX,
        "no 18446744073709551615 numbers",
    );
    refused(&|totals| totals.requests.squares = 0, "and the squares 0");
    refused(
        &|totals| totals.requests.sum = u128::MAX,
        "numbers have the sum",
    );
    refused(
        &|totals| totals.distribution = [(u64::MAX, u64::MAX)].into(),
        "cannot be added up",
    );
    refused(
        &|totals| *totals.distribution.entry(0).or_default() += 1,
        "are not those that it counts",
    );
}

#[test]
fn a_record_without_end_is_refused_at_once() {
    let endless = || std::io::BufReader::new(std::io::repeat(b'x'));
    assert!(
        Record::read(endless())
            .unwrap_err()
            .to_string()
            .contains("no record")
    );
    let first = format!("{FIRST_LINE}\n");
    let error = Record::read(first.as_bytes().chain(endless())).unwrap_err();
    assert!(error.to_string().contains("a line without end"), "{error}");
}

#[test]
fn a_damaged_record_is_refused() {
    let text = whole().to_lines();
    let refused = |text: &str| Record::parse(text).unwrap_err().to_string();
    assert!(refused("").contains("no record"));
    assert!(
        refused(&text.replacen("seed 1", "seed 2", 1))
            .contains("the checksum of its header is wrong")
    );
    assert!(refused(&text[..FIRST_LINE.len() + 30]).contains("no end"));
    assert!(refused(&text.replace("version ", "version 9")).contains("made by rollcast 9"));
    assert!(refused(&text.replacen("point 3 300", "point 3 301", 1)).contains("damaged"));
    assert!(
        Share::parse("0/3").is_err() && Share::parse("4/3").is_err() && Share::parse("x").is_err()
    );
}
