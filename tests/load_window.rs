//! A load without a duration meets the whole rollout, and the rollout is part of the verdict.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use rollcast::check::{Checked, Options, Severity, Subject, Verdict, check};
use rollcast::monte_carlo::{self, Forecast, Sample, Workers};
use rollcast::random::Streams;
use rollcast::report::{Answer, caption, full, json};
use rollcast::rollout::Rollout;
use rollcast::scenario::{Document, Scenario};
use rollcast::sweep::{self, Budget, Header, Record, Share};
use rollcast::time::{Span, Time};
use rollcast::traffic::EngineChoice;

const OPTIONS: Options = Options {
    runs: 60,
    seed: 1,
    threads: Some(2),
    engine: EngineChoice::Auto,
};

/// Six pods, one after the other, each two minutes after the one before; nothing protects the old ones.
const SLOW: &str = "name = \"slow\"\n[deployment]\nreplicas = 6\nmin_ready = \"120s\"\nmax_surge = 1\n\
    max_unavailable = 0\n[pod]\nreadiness_gate = true\n[pod.readiness_probe]\n[app]\nstart_up = \"5s\"\n\
    [load]\nrate = 200.0\n";

/// Two pods that are replaced without a failure.
const GENTLE: &str = "name = \"gentle\"\n[deployment]\nreplicas = 2\n[pod]\nreadiness_gate = true\n\
    pre_stop = \"90s\"\ntermination_grace_period = \"120s\"\n[pod.readiness_probe]\n[app]\nstart_up = \"5s\"\n\
    keep_alive = \"75s\"\n[load]\nrate = 20.0\n[objectives]\nprobability = 0.9\n";

fn document(text: &str, edits: &[(&str, &str)]) -> Document {
    let mut document = Document::parse(Path::new("x.toml"), text).unwrap();
    edits
        .iter()
        .for_each(|(key, value)| document.set(key, value).unwrap());
    document
}

fn scenario(text: &str, edits: &[(&str, &str)]) -> Scenario {
    document(text, edits)
        .resolve()
        .unwrap_or_else(|error| panic!("{error}"))
}

fn samples(scenario: &Scenario, choice: EngineChoice, threads: usize, runs: u64) -> Vec<Sample> {
    let workers = Workers::new(Some(threads)).unwrap();
    workers
        .replications(scenario, choice, 1, 0..runs, &AtomicBool::new(false))
        .unwrap()
}

fn forecast(scenario: &Scenario, threads: usize) -> Forecast {
    let options = monte_carlo::Options {
        runs: 20,
        seed: 1,
        level: 0.95,
        threads: Some(threads),
        engine: EngineChoice::Auto,
    };
    monte_carlo::forecast(
        scenario,
        "digest".to_owned(),
        &options,
        &|_| (),
        &AtomicBool::new(false),
    )
    .unwrap()
}

fn checked(text: &str, edits: &[(&str, &str)]) -> Checked {
    let subject = Subject::of_document(document(text, edits)).unwrap();
    check(&subject, &OPTIONS, &AtomicBool::new(false)).unwrap()
}

fn rules(checked: &Checked) -> Vec<&'static str> {
    checked
        .open()
        .filter(|finding| finding.severity > Severity::Note)
        .map(|finding| finding.rule.id)
        .collect()
}

fn verdict(checked: &Checked) -> Verdict {
    checked.judgement.as_ref().unwrap().verdict
}

/// Requests are sent until the last old pod is gone and no node chooses it, and for a client's patience more.
#[test]
fn a_load_without_a_duration_meets_the_last_old_pod() {
    for sample in samples(&scenario(SLOW, &[]), EngineChoice::Auto, 2, 40) {
        let gone = sample.measures.old_pods_gone.unwrap();
        assert!(
            sample.measures.load >= Span::from_secs(40) + gone,
            "{sample:?}"
        );
        assert!(
            !sample.measures.cut_short && sample.count_5xx() > 0,
            "{sample:?}"
        );
        assert_eq!(
            sample.requests,
            (sample.measures.load.as_secs_f64() * 200.0).ceil() as u64
        );
    }
    assert_eq!(verdict(&checked(SLOW, &[])), Verdict::Missed);
}

/// What is sent, and what becomes of it, does not depend on who simulates it, nor by which engine it is sent.
#[test]
fn any_number_of_threads_sends_the_same() {
    let scenario = scenario(SLOW, &[("load.rate", "20.0")]);
    let one = samples(&scenario, EngineChoice::Request, 1, 12);
    assert_eq!(one, samples(&scenario, EngineChoice::Request, 2, 12));
    assert!(
        one.windows(2)
            .any(|pair| pair[0].measures.load != pair[1].measures.load),
        "loads differ in length"
    );
    let slow_keep_alive = self::scenario(SLOW, &[("load.rate", "20.0"), ("app.keep_alive", "75s")]);
    let sent = samples(&slow_keep_alive, EngineChoice::Request, 2, 12);
    let counted = samples(&slow_keep_alive, EngineChoice::Interval, 2, 12);
    let requests = |samples: &[Sample]| {
        samples
            .iter()
            .map(|sample| sample.requests)
            .collect::<Vec<_>>()
    };
    assert_eq!(requests(&sent), requests(&counted));
    let [one, two] = [1, 2].map(|threads| forecast(&scenario, threads));
    assert_eq!(
        format!("{:?}", (one.series, one.samples)),
        format!("{:?}", (two.series, two.samples))
    );
}

#[test]
fn a_closed_loop_goes_on_until_the_rollout_is_over() {
    let workers = [("load.workers", "5"), ("load.think_time", "1s")];
    let scenario = scenario(SLOW, &workers);
    for sample in samples(&scenario, EngineChoice::Auto, 2, 10) {
        assert!(
            sample.measures.load > sample.measures.old_pods_gone.unwrap(),
            "{sample:?}"
        );
        let at_most = 5.0 * (sample.measures.load.as_secs_f64() + 1.0);
        assert!(
            sample.requests as f64 > 0.8 * at_most && sample.requests as f64 <= at_most,
            "{sample:?}"
        );
    }
}

/// Under the same chance both are sent requests for as long as the longer of the two.
#[test]
fn pairs_last_equally_long() {
    let (short, long) = (
        scenario(GENTLE, &[("pod.pre_stop", "10s")]),
        scenario(GENTLE, &[]),
    );
    let (workers, never) = (Workers::new(Some(2)).unwrap(), AtomicBool::new(false));
    let ends = workers.ends(&[&short, &long], 1, 0..20, &never).unwrap();
    let side = |scenario: &Scenario| {
        workers
            .replications_until(scenario, EngineChoice::Request, 1, 0..20, &ends, &never)
            .unwrap()
    };
    let alone = samples(&long, EngineChoice::Request, 2, 20);
    for ((short, long), alone) in side(&short).iter().zip(side(&long)).zip(alone) {
        assert_eq!(
            (short.measures.load, short.requests),
            (long.measures.load, long.requests)
        );
        assert_eq!(long, alone, "the longer one lasts as long as by itself");
    }
}

#[test]
fn shares_of_a_sweep_have_one_window() {
    let vary = vec![
        "pod.pre_stop=0s..20s/10s".to_owned(),
        "deployment.min_ready=0s,30s".to_owned(),
    ];
    let (budget, never) = (
        Budget {
            runs: 12,
            ..Budget::default()
        },
        AtomicBool::new(false),
    );
    let header = Header::new(
        document(GENTLE, &[]),
        vary,
        None,
        1,
        budget,
        EngineChoice::Request,
    )
    .unwrap();
    let share = |number, of, threads| {
        let workers = Workers::new(Some(threads)).unwrap();
        let header = Header {
            share: Share { number, of },
            ..header.clone()
        };
        let ends = sweep::common_end(&header, &workers, &never).unwrap();
        let sampler = |scenario: &Scenario, range| {
            workers.replications_until(scenario, EngineChoice::Request, 1, range, &ends, &never)
        };
        let mut totals = BTreeMap::new();
        let mine = header.share.of_points(6);
        sweep::fill(&header, mine, &mut totals, &sampler, &mut |_, _, _| Ok(())).unwrap();
        (format!("{number}"), Record { header, totals })
    };
    let whole = Record::merge(vec![share(1, 1, 2)]).unwrap();
    let merged = Record::merge(vec![share(2, 2, 1), share(1, 2, 2)]).unwrap();
    assert_eq!(whole.to_lines(), merged.to_lines());
    let requests: Vec<f64> = whole
        .totals
        .values()
        .map(|totals| totals.requests.mean())
        .collect();
    let (least, most) = (
        requests.iter().copied().fold(f64::MAX, f64::min),
        requests.iter().copied().fold(0.0, f64::max),
    );
    assert!(
        most < least * 1.02,
        "points are sent about equally many requests: {requests:?}"
    );
}

/// A duration that was given stays, is said to be too short, and never leads to a green verdict.
#[test]
fn a_load_that_ends_too_early_is_said() {
    let early = checked(SLOW, &[("load.duration", "120s")]);
    let judgement = early.judgement.as_ref().unwrap();
    assert_eq!(
        (judgement.now.max, judgement.within.probability),
        (0.0, 1.0),
        "nothing was deleted yet"
    );
    assert_eq!(
        (judgement.verdict, judgement.cut_short.probability),
        (Verdict::Inconclusive, 1.0)
    );
    let short = scenario(SLOW, &[("load.duration", "120s")]);
    let forecast = forecast(&short, 2);
    let answer = Answer {
        forecast: &forecast,
        assumptions: &[],
    };
    let screen: Vec<String> = full::render(&[answer])
        .lines()
        .take(5)
        .map(str::to_owned)
        .collect();
    assert!(
        screen.join("\n").contains("Warning: in 100 % of rollouts"),
        "{screen:?}"
    );
    assert!(json::render(&[answer]).contains("\"ended_too_early\""));
    let words = caption::of_answer(&answer, 6);
    assert!(
        words
            .subtitle
            .ends_with("in 100 % of rollouts the load ended before the rollout was over"),
        "{words:?}"
    );
    let open = self::forecast(&scenario(SLOW, &[]), 2);
    let told = full::render(&[Answer {
        forecast: &open,
        assumptions: &[],
    }]);
    assert!(
        !told.contains("Warning") && told.contains("requests sent until it is over"),
        "{told}"
    );
}

#[test]
fn a_load_that_meets_a_gentle_rollout_is_green() {
    let gentle = checked(
        GENTLE,
        &[("load_balancer.deregistration_propagation", "5s")],
    );
    assert_eq!(
        (rules(&gentle), verdict(&gentle)),
        (Vec::new(), Verdict::Met)
    );
}

/// The new pods are first asked when the Deployment has failed: it is judged until then, and no longer.
#[test]
fn a_rollout_that_never_completes_is_no_success() {
    let stuck = [
        ("pod.readiness_probe.initial_delay", "660s"),
        ("load_balancer.deregistration_propagation", "5s"),
    ];
    let found = checked(GENTLE, &stuck);
    assert_eq!(
        (rules(&found), verdict(&found)),
        (vec!["RL019"], Verdict::Missed)
    );
    let finding = found.open().next().unwrap();
    assert!(
        finding.message.contains("ProgressDeadlineExceeded")
            && finding.message.contains("60 of 60"),
        "{finding:?}"
    );
    assert_eq!(finding.seen.unwrap().hits, 60);
    for sample in samples(&scenario(GENTLE, &stuck), EngineChoice::Auto, 2, 5) {
        let load = sample.measures.load.as_secs_f64();
        assert!(
            !sample.measures.is_complete() && (640.0..660.0).contains(&load),
            "{sample:?}"
        );
    }
}

#[test]
fn a_probe_that_kills_new_containers_is_found() {
    let edits = [
        ("pod.startup_probe.failure_threshold", "2"),
        ("pod.startup_probe.period", "5s"),
        ("app.start_up", "40s"),
    ];
    let found = checked(GENTLE, &edits);
    assert!(
        rules(&found).starts_with(&["RL019", "RL020"]),
        "{:?}",
        rules(&found)
    );
    assert_eq!(verdict(&found), Verdict::Missed);
}

#[test]
fn a_gate_that_opens_late_is_found() {
    let text = format!("{GENTLE}[[disturbance]]\nkind = \"lbc_outage\"\nduration = \"5m\"\n");
    let found = checked(&text, &[]);
    assert!(rules(&found).contains(&"RL021"), "{:?}", rules(&found));
    assert_eq!(found.judgement.unwrap().completes.hits, 60);
}

#[test]
fn a_rollout_of_hours_is_found() {
    let edits = [
        ("deployment.replicas", "8"),
        ("deployment.min_ready", "590s"),
        ("deployment.max_surge", "1"),
    ];
    let found = checked(
        GENTLE,
        &[&edits[..], &[("deployment.max_unavailable", "0")]].concat(),
    );
    assert!(rules(&found).contains(&"RL022"), "{:?}", rules(&found));
}

/// A host that is lost while nothing is rolled out: its pods are replaced minutes later, and the load covers that.
#[test]
fn the_load_covers_what_befalls_the_cluster() {
    let text = format!(
        "{GENTLE}[cluster]\nnodes = 2\n[[disturbance]]\nkind = \"node_loss\"\nnode = 0\nat = \"200s\"\n"
    );
    for sample in samples(&scenario(&text, &[]), EngineChoice::Request, 2, 5) {
        assert!(
            sample.measures.load > Span::from_secs(10 + 200 + 300),
            "{sample:?}"
        );
        assert!(!sample.measures.cut_short);
    }
}

#[test]
fn what_is_too_much_is_refused_by_its_limit() {
    let long = [
        ("deployment.replicas", "50"),
        ("deployment.min_ready", "590s"),
        ("deployment.max_surge", "1"),
    ];
    let much = scenario(
        GENTLE,
        &[
            &long[..],
            &[("load.rate", "1e5"), ("deployment.max_unavailable", "0")],
        ]
        .concat(),
    );
    let error = Rollout::new(&much)
        .simulate(&Streams::new(1, 0))
        .unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert!(error.to_string().contains("the limit is 2e9"), "{error}");
    let ramp = document(GENTLE, &[("load.shape", "{ ramp = { to = 50.0 } }")])
        .resolve()
        .unwrap_err();
    assert_eq!(ramp.exit_code(), 2);
    assert!(ramp.to_string().contains("load.duration"), "{ramp}");
}

/// The timeline says until when requests are sent, also beyond its own rollout's end.
#[test]
fn a_timeline_knows_its_window() {
    let scenario = scenario(GENTLE, &[]);
    let mut rollout = Rollout::new(&scenario);
    let streams = Streams::new(1, 0);
    let alone = rollout.simulate(&streams).unwrap().clone();
    assert_eq!(alone.load_until, alone.over.unwrap() + Span::from_secs(30));
    let end = alone.load_until + Span::from_secs(500);
    let longer = rollout.simulate_until(&streams, end).unwrap();
    assert_eq!((longer.load_until, longer.over), (end, alone.over));
    assert!(longer.end >= end && longer.end < Time::NEVER);
}
