//! The shape of the house is tested too: which module may name which, which file may use which
//! dependency, and how long, how finished and how portable a file has to be.
//!
//! What is demanded stands in `tables.rs`; a rule that must give way does so there, with its
//! reason. After TigerBeetle's `tidy.zig` and rust-analyzer's `tidy.rs`.

mod rules;
mod source;
mod tables;

use rules::{Tree, Violation};
use tables::*;

/// Paths of one machine. In two pieces, so that this file does not contain them.
fn machine_paths() -> Vec<String> {
    [
        ("/", "work"),
        ("/", "home"),
        ("/", "root"),
        ("/", "Users"),
        ("../", "shared"),
        (".", "library"),
    ]
    .map(|(root, rest)| format!("{root}{rest}"))
    .to_vec()
}

fn project() -> Tree {
    rules::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")))
}

#[track_caller]
fn assert_none(violations: &[Violation]) {
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} violations\n{}\n",
        lines.len(),
        lines.join("\n")
    );
}

#[test]
fn modules_name_lower_steps_only() {
    let tree = project();
    assert!(
        tree.contains_key("src/lib.rs") && tree.contains_key("Cargo.toml"),
        "the project was read"
    );
    assert_none(&rules::staircase(&tree));
}

#[test]
fn a_dependency_has_one_door() {
    assert_none(&rules::doors(&project()));
}

#[test]
fn words_are_chosen_and_work_is_finished() {
    assert_none(&rules::words(&project()));
}

#[test]
fn files_and_functions_are_short_and_say_what_they_are_for() {
    assert_none(&rules::sizes(&project()));
}

#[test]
fn scenarios_say_what_they_teach() {
    assert_none(&rules::scenarios(&project()));
}

#[test]
fn nothing_belongs_to_one_machine() {
    assert_none(&rules::portable(&project()));
}

/// Checks the checkers: a house of a few files, and each violation as `file:line: part of the rule`.
#[track_caller]
fn check(rule: fn(&Tree) -> Vec<Violation>, files: &[(&str, &str)], expected: &[&str]) {
    let tree = files
        .iter()
        .map(|(file, text)| (file.to_string(), text.to_string()))
        .collect();
    let found: Vec<String> = rule(&tree).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        let (place, part) = expected
            .split_once(": ")
            .expect("written as `file:line: part`");
        assert!(
            found.starts_with(&format!("{place}: ")) && found.contains(part),
            "{found} is not {expected}"
        );
    }
}

/// A file at `path` in a house that has the modules the cases name.
#[track_caller]
fn check_steps(path: &str, text: &str, expected: &[&str]) {
    let house = [
        "time",
        "dist",
        "world",
        "scenario/mod",
        "scenario/load",
        "report/json",
        "aws/mod",
    ];
    let rooms = [
        "cluster/mod",
        "cluster/pod",
        "cluster/app",
        "cluster/kubelet/mod",
        "cluster/kubelet/status",
    ];
    let names: Vec<String> = house
        .iter()
        .chain(&rooms)
        .map(|name| format!("src/{name}.rs"))
        .collect();
    let mut files: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (name.as_str(), ""))
        .filter(|(name, _)| *name != path)
        .collect();
    files.push((path, text));
    check(rules::staircase, &files, expected);
}

#[test]
fn staircase_sees_every_way_to_name_a_module() {
    let above = ["src/time.rs:1: names only lower steps"];
    check_steps("src/time.rs", "use crate::dist::Dist;", &above);
    check_steps("src/time.rs", "use super::dist;", &above);
    check_steps("src/time.rs", "fn f() { crate::world::now() }", &above);
    check_steps(
        "src/time.rs",
        "fn f(x: Vec<crate::scenario::load::LoadSpec>) {}",
        &above,
    );
    check_steps(
        "src/time.rs",
        "mod inner { use super::super::dist::Dist; }",
        &above,
    );
    check_steps(
        "src/time.rs",
        "use crate::{\n    time::Span,\n    dist::{self, Dist as D},\n};",
        &["src/time.rs:3: names only"],
    );
    check_steps(
        "src/time.rs",
        "#[cfg(test)]\nmod tests { use crate::dist::Dist; }\nuse crate::world::W;",
        &["src/time.rs:3: `world`"],
    );
    check_steps(
        "src/time.rs",
        "#[cfg(not(test))]\nuse crate::dist::Dist;",
        &["src/time.rs:2: `dist`"],
    );
    check_steps(
        "src/time.rs",
        "use crate::Span;",
        &["src/time.rs:1: by their module"],
    );
    check_steps(
        "src/novelty.rs",
        "",
        &["src/novelty.rs:1: stands on no step"],
    );
}

#[test]
fn staircase_is_not_fooled() {
    check_steps(
        "src/time.rs",
        "//! [`crate::dist::Dist`]\n/* crate::dist /* nested */ */ fn f() {}",
        &[],
    );
    check_steps(
        "src/time.rs",
        r####"const X: &str = r#"crate::dist " "#; const C: char = '"'; const D: &str = "\"crate::dist";"####,
        &[],
    );
    check_steps(
        "src/time.rs",
        "impl<'a> X<'a> { fn f() { std::fmt::write::<u8>() } }",
        &[],
    );
    check_steps("src/time.rs", "mod inner { use super::Span; }", &[]);
    check_steps(
        "src/world.rs",
        "use crate::{cluster::{app, kubelet}, time};",
        &[],
    );
    check_steps(
        "src/scenario/mod.rs",
        "pub mod load;\nuse load::LoadSpec;\nuse self::load::Pacing;",
        &[],
    );
    check_steps(
        "src/time.rs",
        "#[cfg(test)]\nmod tests {\n    use crate::dist::Dist;\n}",
        &[],
    );
}

#[test]
fn rooms_are_sealed() {
    let peers = "do not know each other";
    check_steps(
        "src/cluster/app.rs",
        "use crate::cluster::kubelet::Kubelet;",
        &[&format!("src/cluster/app.rs:1: {peers}")],
    );
    check_steps(
        "src/cluster/app.rs",
        "use super::kubelet::status::Status;",
        &[&format!("src/cluster/app.rs:1: {peers}")],
    );
    check_steps(
        "src/cluster/mod.rs",
        "pub use app::AppSpec;",
        &["src/cluster/mod.rs:1: names only lower steps"],
    );
    check_steps(
        "src/cluster/pod.rs",
        "use crate::cluster::app::AppSpec;",
        &["src/cluster/pod.rs:1: names only lower steps"],
    );
    check_steps(
        "src/cluster/app.rs",
        "use crate::cluster::pod::PodSpec;",
        &[],
    );
    check_steps(
        "src/cluster/kubelet/mod.rs",
        "mod status;\nuse status::Queue;",
        &[],
    );
}

#[test]
fn doors_are_shut() {
    let rule = rules::doors;
    check(
        rule,
        &[("src/traffic/x.rs", "use rand::Rng;")],
        &["src/traffic/x.rs:1: only src/random may use `rand`"],
    );
    check(
        rule,
        &[("src/x.rs", "\nfn f() { ::rayon::join(a, b) }")],
        &["src/x.rs:2: `rayon`"],
    );
    check(
        rule,
        &[("src/x.rs", "#[derive(clap::Parser)]\nstruct X;")],
        &["src/x.rs:1: `clap`"],
    );
    check(
        rule,
        &[(
            "src/x.rs",
            "#[cfg(test)]\nmod tests { use toml::Value; use rand::Rng; }",
        )],
        &["src/x.rs:2: `rand`"],
    );
    check(
        rule,
        &[
            ("src/random.rs", "use rand::Rng;"),
            ("tests/x.rs", "use rand::Rng;"),
        ],
        &[],
    );
    check(
        rule,
        &[("src/x.rs", "use crate::plot::png; let png = x.png::<u8>();")],
        &[],
    );
    let manifest =
        "[dependencies]\nserde = \"1\"\nleft-pad = \"1\"\n\n[dev-dependencies]\nproptest = \"1\"\n";
    check(
        rule,
        &[("Cargo.toml", manifest)],
        &["Cargo.toml:3: `left_pad` has no door"],
    );
}

#[test]
fn banned_unfinished_and_empty_words_are_found() {
    let rule = rules::words;
    check(
        rule,
        &[("src/x.rs", "use std::collections::HashMap;")],
        &["src/x.rs:1: BTreeMap"],
    );
    check(
        rule,
        &[("src/x.rs", "let t = std::time::Instant::now();")],
        &["src/x.rs:1: Instant::now"],
    );
    check(
        rule,
        &[("src/cli/x.rs", "let t = Instant::now(); let u: SystemTime;")],
        &[],
    );
    check(
        rule,
        &[("src/x.rs", "/// TODO: more\nfn f() { todo!() }")],
        &["src/x.rs:1: TODO", "src/x.rs:2: todo!"],
    );
    check(
        rule,
        &[(
            "tests/x.rs",
            "#[test]\n#[ignore = \"slow\"]\nfn f() { dbg!(1); }",
        )],
        &["tests/x.rs:3: dbg!", "tests/x.rs:2: #[ignore"],
    );
    check(
        rule,
        &[("src/x.rs", "struct PodManager;\nfn str_utils() {}")],
        &["src/x.rs:1: manager", "src/x.rs:2: utils"],
    );
    check(
        rule,
        &[("src/helper.rs", "fn process_event() {}")],
        &["src/helper.rs:1: helper", "src/helper.rs:1: process"],
    );
    check(
        rule,
        &[(
            "src/x.rs",
            "/// The manager.\nfn utilisation(process_exit: u8) { process::exit() }",
        )],
        &[],
    );
}

#[test]
fn sizes_are_measured() {
    let rule = rules::sizes;
    let long = format!(
        "//! x\nfn f() {{\n{}}}\n",
        "    // \"{\"\n    g('{');\n".repeat(59)
    );
    check(rule, &[("src/x.rs", &long)], &[]);
    check(
        rule,
        &[("src/x.rs", &long.replace("}\n", "\n}\n"))],
        &["src/x.rs:2: `f` has 121 lines"],
    );
    check(
        rule,
        &[("examples/x.rs", &long)],
        &["examples/x.rs:121: 60 is the most"],
    );
    check(
        rule,
        &[("src/x.rs", &format!("//! x\n{}", "\n".repeat(700)))],
        &["src/x.rs:701: 700 is the most"],
    );
    check(
        rule,
        &[("src/x.rs", "fn main() {}")],
        &["src/x.rs:1: starts with a `//!`"],
    );
}

#[test]
fn wordless_scenarios_and_machine_paths_are_found() {
    check(
        rules::scenarios,
        &[("scenarios/x.toml", "name = \"x\"")],
        &["scenarios/x.toml:1: what it teaches"],
    );
    let [work, shared] = [&machine_paths()[0], &machine_paths()[4]];
    check(
        rules::portable,
        &[("docs/x.md", &format!("\nsee `{work}/x`"))],
        &["docs/x.md:2: one machine only"],
    );
    check(
        rules::portable,
        &[(".ci/run", &format!("cat {shared}/x"))],
        &[".ci/run:1: one machine only"],
    );
    check(
        rules::portable,
        &[("docs/x.md", &format!("net{work}, {work}flow, {work}-load"))],
        &[],
    );
}
