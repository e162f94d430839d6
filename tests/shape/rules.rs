//! How each rule is checked. What it demands stands in the tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path as File;

use crate::source::{Path, Source};
use crate::{
    BANNED, DOOR_FREE, DOORS, LONGEST_EXAMPLE, LONGEST_FILE, LONGEST_FUNCTION, NEIGHBOURS,
};
use crate::{PLACES, ROOT_FILES, SHUNNED, STEPS, UNFINISHED, machine_paths};

/// Files by their path from the root, with `/`.
pub type Tree = BTreeMap<String, String>;

/// A rule broken somewhere.
#[derive(PartialEq)]
pub struct Violation {
    pub file: String,
    pub line: usize,
    pub rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.rule)
    }
}

/// The project's own files. What is not text is not read.
pub fn read(root: &File) -> Tree {
    let mut tree = Tree::new();
    for place in PLACES {
        read_into(&mut tree, &root.join(place), place);
    }
    for entry in std::fs::read_dir(root)
        .expect("the project has a root")
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if ROOT_FILES.iter().any(|part| name.contains(part)) {
            read_into(&mut tree, &entry.path(), &name);
        }
    }
    tree
}

fn read_into(tree: &mut Tree, path: &File, name: &str) {
    if name.ends_with("/target") {
        return; // what a package of its own was built into
    }
    if let Ok(entries) = std::fs::read_dir(path) {
        for entry in entries.flatten() {
            read_into(
                tree,
                &entry.path(),
                &format!("{name}/{}", entry.file_name().to_string_lossy()),
            );
        }
    } else if let Ok(text) = std::fs::read_to_string(path) {
        tree.insert(name.to_owned(), text);
    }
}

fn rust(tree: &Tree) -> impl Iterator<Item = (&str, &str, Source<'_>)> {
    let files = tree.iter().filter(|(file, _)| file.ends_with(".rs"));
    files.map(|(file, text)| (file.as_str(), text.as_str(), Source::parse(text)))
}

fn violation(file: &str, line: usize, rule: impl Into<String>) -> Violation {
    Violation {
        file: file.to_owned(),
        line,
        rule: rule.into(),
    }
}

/// A module names lower steps, and of its own step only what [`NEIGHBOURS`] lists.
pub fn staircase(tree: &Tree) -> Vec<Violation> {
    let modules: BTreeSet<String> = tree.keys().filter_map(|file| module_of(file)).collect();
    let mut found = Vec::new();
    for (file, _, source) in rust(tree) {
        let Some(module) = module_of(file).filter(|module| !module.is_empty()) else {
            continue;
        };
        let Some(from) = Unit::of(&module) else {
            found.push(violation(
                file,
                1,
                format!("`{module}` stands on no step of the staircase; give it one"),
            ));
            continue;
        };
        for path in source
            .paths()
            .iter()
            .filter(|path| !path.test && !is_test_file(file))
        {
            let Some(named) = resolve(path, &module, &modules) else {
                continue;
            };
            let rule = match Unit::of(&named) {
                None => format!(
                    "`{}` names no module of the staircase; name things by their module",
                    named
                ),
                Some(to) => match from.may_name(&to) {
                    Ok(()) => continue,
                    Err(rule) => rule,
                },
            };
            found.push(violation(file, path.line, rule));
        }
    }
    found.dedup();
    found
}

/// The module that a file of `src` holds: `cluster::pod`; the roots of library and binary hold "".
fn module_of(file: &str) -> Option<String> {
    let path = file.strip_prefix("src/")?.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    Some(if matches!(path, "lib" | "main") {
        String::new()
    } else {
        path.replace('/', "::")
    })
}

fn is_test_file(file: &str) -> bool {
    file.ends_with("/tests.rs")
}

/// The module that a path names, from the crate's root; `None` if it leads out of the crate.
fn resolve(path: &Path, module: &str, modules: &BTreeSet<String>) -> Option<String> {
    let mut here: Vec<&str> = module
        .split("::")
        .chain(path.inside.iter().copied())
        .collect();
    let mut rest = &path.segments[..];
    let is_child = modules.contains(&format!("{module}::{}", rest[0]));
    match rest[0] {
        "crate" => (here, rest) = (Vec::new(), &rest[1..]),
        "self" => rest = &rest[1..],
        "super" => {}
        _ if is_child => here.truncate(module.split("::").count()),
        _ => return None,
    }
    while rest.first() == Some(&"super") {
        here.pop();
        rest = &rest[1..];
    }
    here.extend(rest);
    let longest = (1..=here.len())
        .rev()
        .map(|length| here[..length].join("::"))
        .find(|name| modules.contains(name));
    Some(longest.unwrap_or_else(|| path.segments.join("::")))
}

/// A row of the staircase: modules that may name each other freely.
struct Unit {
    step: usize,
    name: String,
}

impl Unit {
    /// The unit with the longest pattern that fits; `aws::*` makes a unit of each module in `aws`.
    fn of(module: &str) -> Option<Unit> {
        let fits = |pattern: &str| match pattern.strip_suffix("::*") {
            Some(parent) => {
                let child = module
                    .strip_prefix(parent)?
                    .strip_prefix("::")?
                    .split("::")
                    .next()?;
                Some((pattern.len(), format!("{parent}::{child}")))
            }
            None => {
                let inside = module.strip_prefix(pattern)?;
                (inside.is_empty() || inside.starts_with("::"))
                    .then(|| (pattern.len() + 1, pattern.to_owned()))
            }
        };
        let units = STEPS
            .iter()
            .enumerate()
            .flat_map(|(step, (_, units))| units.iter().map(move |unit| (step, unit)));
        let fitting = units
            .filter_map(|(step, pattern)| fits(pattern).map(|(length, name)| (length, step, name)));
        fitting
            .max_by_key(|(length, ..)| *length)
            .map(|(_, step, name)| Unit { step, name })
    }

    fn may_name(&self, other: &Unit) -> Result<(), String> {
        let neighbours = NEIGHBOURS
            .iter()
            .any(|(from, to, _)| *from == self.name && *to == other.name);
        if other.step < self.step || other.name == self.name || neighbours {
            return Ok(());
        }
        let (from, to) = (&self.name, &other.name);
        let (lower, upper) = (STEPS[self.step].0, STEPS[other.step].0);
        Err(if other.step > self.step {
            format!("`{from}` ({lower}) names `{to}` ({upper}): a module names only lower steps")
        } else {
            format!("`{from}` names `{to}`: peers on one step ({lower}) do not know each other")
        })
    }
}

/// One dependency, one door.
pub fn doors(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for (file, _, source) in rust(tree).filter(|(file, ..)| file.starts_with("src/")) {
        for path in source.paths() {
            let Some(door) = DOORS
                .iter()
                .find(|door| door.dependency == path.segments[0])
            else {
                continue;
            };
            let exempt = door.free_in_tests && (path.test || is_test_file(file));
            if !exempt && !door.modules.iter().any(|module| is_in(file, module)) {
                let modules = door.modules.join(", ");
                found.push(violation(
                    file,
                    path.line,
                    format!("only {modules} may use `{}`", door.dependency),
                ));
            }
        }
    }
    found.extend(doorless(tree));
    found
}

fn is_in(file: &str, module: &str) -> bool {
    file.strip_prefix(module)
        .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// Dependencies of the manifest that no table mentions.
fn doorless(tree: &Tree) -> Vec<Violation> {
    let manifest = tree.get("Cargo.toml").map_or("", String::as_str);
    let numbered = manifest
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line));
    let section = numbered
        .skip_while(|(_, line)| line.trim() != "[dependencies]")
        .skip(1);
    let rows = section
        .take_while(|(_, line)| !line.starts_with('['))
        .filter_map(|(line, row)| {
            let name = row
                .split(['=', '.'])
                .next()
                .unwrap_or_default()
                .trim()
                .replace('-', "_");
            (!name.is_empty() && !name.starts_with('#')).then_some((line, name))
        });
    let known =
        |name: &str| DOOR_FREE.contains(&name) || DOORS.iter().any(|door| door.dependency == name);
    let unknown = rows.filter(|(_, name)| !known(name));
    unknown
        .map(|(line, name)| {
            violation(
                "Cargo.toml",
                line,
                format!("`{name}` has no door; give it one"),
            )
        })
        .collect()
}

/// What would make two runs differ, what is unfinished, and words that say nothing.
pub fn words(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for (file, _, source) in rust(tree) {
        for (tokens, reason, where_not) in BANNED {
            let applies = file.starts_with("src/")
                && !where_not.iter().any(|prefix| file.starts_with(prefix));
            let lines = if applies {
                source.lines_with(tokens)
            } else {
                Vec::new()
            };
            found.extend(
                lines
                    .into_iter()
                    .map(|line| violation(file, line, format!("{}: {reason}", tokens.concat()))),
            );
        }
        for word in UNFINISHED {
            let tokens: Vec<&str> = word.split(' ').collect();
            let comments = source
                .comments()
                .filter(|(_, text)| tokens.len() == 1 && text.contains(word));
            let lines = comments
                .map(|(line, _)| line)
                .chain(source.lines_with(&tokens));
            found.extend(lines.map(|line| {
                violation(
                    file,
                    line,
                    format!("{}: unfinished or switched off", tokens.concat()),
                )
            }));
        }
        let stem = file
            .rsplit('/')
            .next()
            .and_then(|name| name.strip_suffix(".rs"))
            .unwrap_or_default();
        for (line, name) in source.names().chain([(1, stem)]) {
            if let Some(word) = words_of(name).find(|word| SHUNNED.contains(&word.as_str())) {
                found.push(violation(
                    file,
                    line,
                    format!("`{name}`: \"{word}\" says nothing; use the field's term"),
                ));
            }
        }
        for function in source
            .functions()
            .iter()
            .filter(|function| function.name.starts_with("process_"))
        {
            let rule = format!(
                "`{}`: \"process\" says nothing; use the field's verb",
                function.name
            );
            found.push(violation(file, function.line, rule));
        }
    }
    found
}

/// The words of a name in snake_case, CamelCase or both, in lower case.
fn words_of(name: &str) -> impl Iterator<Item = String> + '_ {
    name.split('_').flat_map(|part| {
        let starts = part
            .char_indices()
            .filter(|(_, c)| c.is_uppercase())
            .map(|(at, _)| at)
            .filter(|at| *at > 0);
        let cuts: Vec<usize> = [0].into_iter().chain(starts).chain([part.len()]).collect();
        cuts.windows(2)
            .map(|cut| part[cut[0]..cut[1]].to_lowercase())
            .collect::<Vec<_>>()
    })
}

/// Files and functions short enough to read, each file with its purpose first.
pub fn sizes(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for (file, text, source) in rust(tree) {
        let (lines, longest) = (text.lines().count(), longest(file));
        if lines > longest {
            found.push(violation(
                file,
                lines,
                format!("{lines} lines; {longest} is the most"),
            ));
        }
        if !text.starts_with("//!") {
            found.push(violation(
                file,
                1,
                "a file starts with a `//!` comment that says what it is for",
            ));
        }
        for function in source
            .functions()
            .iter()
            .filter(|function| function.lines > LONGEST_FUNCTION)
        {
            let rule = format!(
                "`{}` has {} lines; {LONGEST_FUNCTION} is the most",
                function.name, function.lines
            );
            found.push(violation(file, function.line, rule));
        }
    }
    found
}

fn longest(file: &str) -> usize {
    if file.starts_with("examples/") {
        LONGEST_EXAMPLE
    } else {
        LONGEST_FILE
    }
}

/// A scenario starts with what it teaches.
pub fn scenarios(tree: &Tree) -> Vec<Violation> {
    let wordless = |(file, text): &(&String, &String)| {
        file.starts_with("scenarios/") && file.ends_with(".toml") && !text.starts_with("# ")
    };
    let files = tree.iter().filter(wordless);
    files
        .map(|(file, _)| violation(file, 1, "a scenario starts with a comment: what it teaches"))
        .collect()
}

/// Nothing that exists on one machine only.
pub fn portable(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for (file, text) in tree {
        for (at, line) in text.lines().enumerate() {
            for path in machine_paths()
                .iter()
                .filter(|path| stands_alone(line, path))
            {
                found.push(violation(
                    file,
                    at + 1,
                    format!("`{path}` exists on one machine only"),
                ));
            }
        }
    }
    found
}

/// Whether the path occurs, and not as a part of a longer word.
fn stands_alone(line: &str, path: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    line.match_indices(path).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + path.len()..]);
        !before.ends_with(in_word) && !after.starts_with(in_word)
    })
}
