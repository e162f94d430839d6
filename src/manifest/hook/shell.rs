//! A shell that lets time pass instead of running programs: which ways a script may go, and how long each takes.

use super::environment::Environment;
use super::expand::Argument;
use super::lexer::Word;
use super::path::{ENDLESS, Flow, Path, Status};
use super::syntax::{self, Command, Item, List, Pipeline, Simple};
use crate::time::Span;

/// Commands that are run before a script counts as not read.
const MOST_STEPS: usize = 100_000;
/// Turns of a loop that has no other end: at a second each it outlives every grace period.
const MOST_TURNS: usize = 5_000;
/// Ways that a script may go.
const MOST_PATHS: usize = 64;
/// Shells in shells.
const DEEPEST: usize = 12;

pub(super) struct Shell<'a> {
    pub(super) environment: &'a Environment,
    steps: usize,
    depth: usize,
}

impl<'a> Shell<'a> {
    pub(super) fn new(environment: &'a Environment) -> Shell<'a> {
        Shell {
            environment,
            steps: 0,
            depth: 0,
        }
    }

    /// A script in a process of its own: how it ends is its status, and what it sets is lost.
    pub(super) fn script(&mut self, path: Path, text: &str) -> Vec<Path> {
        match syntax::parse(text) {
            Ok(list) => self.subshell(path, &list),
            Err(_) => vec![path.cannot_read(shortened(text))],
        }
    }

    fn subshell(&mut self, path: Path, list: &[Item]) -> Vec<Path> {
        let outer = path.clone();
        let within = self.list(list, vec![path], false);
        let left = |mut path: Path| {
            path.variables.clone_from(&outer.variables);
            (path.exits_on_error, path.pipes_fail, path.bash) =
                (outer.exits_on_error, outer.pipes_fail, outer.bash);
            path.background = outer.background;
            if !over(&path) {
                path.flow = outer.flow;
            }
            path
        };
        within.into_iter().map(left).collect()
    }

    /// `tested`: whether somebody looks at the status, so that `set -e` does not.
    pub(super) fn list(&mut self, list: &[Item], mut paths: Vec<Path>, tested: bool) -> Vec<Path> {
        self.depth += 1;
        for item in list {
            let mut next = Vec::new();
            for path in paths {
                match path.flow {
                    Flow::Next if self.depth > DEEPEST => {
                        next.push(path.cannot_read(shortened(&item.text)));
                    }
                    Flow::Next => next.extend(self.item(item, path, tested)),
                    Flow::Break | Flow::Continue | Flow::Exit => next.push(path),
                }
            }
            paths = if next.len() > MOST_PATHS {
                vec![merged(next).cannot_read(shortened(&item.text))]
            } else {
                next
            };
        }
        self.depth -= 1;
        paths
    }

    fn item(&mut self, item: &Item, path: Path, tested: bool) -> Vec<Path> {
        if !item.background {
            return self.and_or(item, path, tested);
        }
        let mut here = path.clone();
        for job in self.and_or(item, path, true) {
            here.absorb(&job);
            here.background = here.background.max(Some(job.elapsed));
        }
        if here.unread.is_some() {
            // It may do anything at any time, but holds nobody up.
            here.flow = Flow::Exit;
        }
        here.notes(format!(
            "`{} &` goes to the background",
            shortened(&item.text)
        ));
        vec![here.ends(Status::Success)]
    }

    fn and_or(&mut self, item: &Item, path: Path, tested: bool) -> Vec<Path> {
        let mut paths = self.pipeline(&item.first, path, tested || !item.rest.is_empty());
        for (i, (and, pipeline)) in item.rest.iter().enumerate() {
            let tested = tested || i + 1 < item.rest.len();
            let mut next = Vec::new();
            for path in paths {
                if path.flow != Flow::Next {
                    next.push(path);
                    continue;
                }
                for path in path.decided() {
                    if path.succeeded() == *and {
                        next.extend(self.pipeline(pipeline, path, tested));
                    } else {
                        next.push(path);
                    }
                }
            }
            paths = next;
        }
        paths
    }

    fn pipeline(&mut self, pipeline: &Pipeline, path: Path, tested: bool) -> Vec<Path> {
        let exits = path.exits_on_error && !tested && !pipeline.negated;
        let mut paths = match pipeline.commands.as_slice() {
            [only] => self.command(only, path, tested || pipeline.negated),
            several => vec![self.side_by_side(several, &path)],
        };
        if pipeline.negated {
            paths = paths.into_iter().flat_map(Path::decided).collect();
            for path in &mut paths {
                path.status = if path.succeeded() {
                    Status::Failure
                } else {
                    Status::Success
                };
            }
        }
        if exits {
            let simple = matches!(
                pipeline.commands.as_slice(),
                [Command::Simple(_)] | [_, _, ..]
            );
            let next = |path: Path| {
                if path.flow == Flow::Next && simple {
                    path.decided()
                } else {
                    vec![path]
                }
            };
            paths = paths.into_iter().flat_map(next).collect();
            for path in paths
                .iter_mut()
                .filter(|path| path.flow == Flow::Next && path.status == Status::Failure)
            {
                path.flow = Flow::Exit;
                path.notes("`set -e` ends the script at the first failure".to_owned());
            }
        }
        paths
    }

    /// The commands of a pipeline run at the same time, and it lasts as long as the longest.
    fn side_by_side(&mut self, commands: &[Command], path: &Path) -> Path {
        let mut here = path.clone().ends(Status::Success);
        for command in commands {
            let ends = self.subshell(path.clone(), &[alone(command)]);
            let longest = ends.iter().map(|end| end.elapsed).max().unwrap_or_default();
            if ends.iter().any(|end| end.elapsed != longest) {
                here = here.cannot_read(
                    ends.iter()
                        .find_map(|end| end.doubt.clone())
                        .unwrap_or_default(),
                );
            }
            let before = std::mem::replace(&mut here.status, Status::Success);
            for end in &ends {
                here.absorb(end);
                here.status = end.status.clone();
            }
            if let [_, _, ..] = ends.as_slice() {
                here.status = Status::Unknown(ends[0].doubt.clone().unwrap_or_default());
            }
            if path.pipes_fail && before != Status::Success {
                here.status = before;
            }
            here.elapsed = here.elapsed.max(longest);
        }
        if here.unread.as_ref().is_some_and(|unread| unread.endless) || here.elapsed == ENDLESS {
            here.flow = Flow::Exit;
        }
        here
    }

    fn command(&mut self, command: &Command, path: Path, tested: bool) -> Vec<Path> {
        match command {
            Command::Simple(simple) => self.simple(simple, path),
            Command::Group(list) => self.list(list, vec![path], tested),
            Command::Subshell(list) => self.subshell(path, list),
            Command::If {
                branches,
                otherwise,
            } => self.branches(branches, otherwise, path, tested),
            Command::For {
                name,
                words,
                body,
                text,
            } => self.counted(name, words, body, text, path),
            Command::Loop {
                until,
                condition,
                body,
                text,
            } => self.repeated(*until, condition, body, text, path),
        }
    }

    fn branches(
        &mut self,
        branches: &[(List, List)],
        otherwise: &[Item],
        path: Path,
        tested: bool,
    ) -> Vec<Path> {
        let (mut open, mut over) = (vec![path], Vec::new());
        for (condition, body) in branches {
            let mut next = Vec::new();
            for path in self.list(condition, open, true) {
                if path.flow != Flow::Next {
                    over.push(path);
                    continue;
                }
                for path in path.decided() {
                    if path.succeeded() {
                        over.extend(self.list(body, vec![path], tested));
                    } else {
                        next.push(path.ends(Status::Success));
                    }
                }
            }
            open = next;
        }
        over.extend(self.list(otherwise, open, tested));
        over
    }

    fn counted(
        &mut self,
        name: &str,
        words: &[Word],
        body: &[Item],
        text: &str,
        mut path: Path,
    ) -> Vec<Path> {
        let mut values = Vec::new();
        for word in words {
            let range = word.bare().and_then(braces);
            if range.is_some() && !path.bash {
                // dash and ash take the braces for a word, bash counts.
                return vec![path.cannot_read(shortened(text))];
            }
            match range {
                Some(range) => values.extend(range.into_iter().map(Some)),
                None => values.extend(
                    self.expand(&mut path, word)
                        .iter()
                        .map(|word| word.known().map(str::to_owned)),
                ),
            }
        }
        if words
            .iter()
            .flat_map(|word| &word.0)
            .any(|piece| matches!(piece, super::lexer::Piece::Text { text, quoted: false } if text.contains('*')))
            || values.contains(&None)
        {
            return vec![path.cannot_read(shortened(text))];
        }
        let mut paths = vec![path];
        for value in values {
            paths
                .iter_mut()
                .for_each(|path| drop(path.variables.insert(name.to_owned(), value.clone())));
            paths = self.turn(body, paths, text);
            if paths.iter().all(|path| path.flow != Flow::Next) {
                break;
            }
        }
        out_of_loop(paths)
    }

    /// One turn of a loop, for the paths that are in it.
    fn turn(&mut self, body: &[Item], paths: Vec<Path>, text: &str) -> Vec<Path> {
        let paths = self.list(body, paths, false);
        let paths = if paths.len() > MOST_PATHS / 2 {
            vec![merged(paths).cannot_read(shortened(text))]
        } else {
            paths
        };
        let again = |mut path: Path| {
            if path.flow == Flow::Continue {
                path.flow = Flow::Next;
            }
            path
        };
        paths.into_iter().map(again).collect()
    }

    fn repeated(
        &mut self,
        until: bool,
        condition: &[Item],
        body: &[Item],
        text: &str,
        path: Path,
    ) -> Vec<Path> {
        let (mut inside, mut over) = (vec![path], Vec::new());
        for _ in 0..MOST_TURNS {
            let mut next = Vec::new();
            for path in self.list(condition, inside, true) {
                match &path.status {
                    _ if path.flow != Flow::Next => over.push(path),
                    Status::Unknown(_) => over.push(path.waits(shortened(text))),
                    Status::Success | Status::Likely(_) if !until => next.push(path),
                    Status::Failure if until => next.push(path),
                    _ => over.push(path.ends(Status::Success)),
                }
            }
            inside = self.turn(body, next, text);
            over.extend(inside.extract_if(.., |path| path.flow != Flow::Next));
            if inside.is_empty() {
                return out_of_loop(over);
            }
        }
        over.extend(
            inside
                .into_iter()
                .map(|path| path.lasts(ENDLESS, Status::Success)),
        );
        out_of_loop(over)
    }

    fn simple(&mut self, simple: &Simple, mut path: Path) -> Vec<Path> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return vec![path.cannot_read(shortened(&simple.text))];
        }
        let before = path.variables.clone();
        for (name, word) in &simple.assignments {
            let value = self.expand_whole(&mut path, word);
            path.variables.insert(name.clone(), value);
        }
        let mut arguments = Vec::new();
        for word in &simple.words {
            arguments.extend(self.expand(&mut path, word));
        }
        let written: Vec<Argument> = simple
            .writes
            .iter()
            .flat_map(|word| self.expand(&mut path, word))
            .collect();
        path.more |= !written.iter().all(is_a_stream);
        if path.flow != Flow::Next {
            return vec![path];
        }
        if arguments.is_empty() {
            return vec![path.ends(Status::Success)];
        }
        let mut paths = self.run(path, &arguments, &simple.text, true);
        if !simple.assignments.is_empty() {
            paths
                .iter_mut()
                .for_each(|path| path.variables.clone_from(&before));
        }
        paths
    }
}

/// Where output goes without doing anything: `&2`, `/dev/null`, `/proc/1/fd/1`.
fn is_a_stream(target: &Argument) -> bool {
    let target = target.text();
    target == "-"
        || target.chars().all(|letter| letter.is_ascii_digit())
        || target.starts_with("/dev/")
        || (target.starts_with("/proc/") && target.contains("/fd/"))
}

fn alone(command: &Command) -> Item {
    let first = Pipeline {
        negated: false,
        commands: vec![command.clone()],
    };
    Item {
        first,
        rest: Vec::new(),
        background: false,
        text: String::new(),
    }
}

/// Whether nothing follows, in whatever shell: it lasts for ever, or is not read.
fn over(path: &Path) -> bool {
    path.elapsed == ENDLESS || path.unread.as_ref().is_some_and(|unread| unread.endless)
}

fn out_of_loop(mut paths: Vec<Path>) -> Vec<Path> {
    for path in paths.iter_mut().filter(|path| path.flow != Flow::Exit) {
        path.flow = Flow::Next;
    }
    paths
}

/// Too many ways: the one that serves for the shortest time stands for all.
fn merged(paths: Vec<Path>) -> Path {
    paths
        .into_iter()
        .min_by_key(Path::serves)
        .unwrap_or_else(Path::new)
}

/// `{1..6}`
fn braces(word: &str) -> Option<Vec<String>> {
    let (first, last) = word
        .strip_prefix('{')?
        .strip_suffix('}')?
        .split_once("..")?;
    let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
    let numbers: Vec<i64> = if first <= last {
        (first..=last).take(5000).collect()
    } else {
        (last..=first).rev().take(5000).collect()
    };
    Some(numbers.iter().map(i64::to_string).collect())
}

/// A script on one line, not too long for a sentence.
pub(super) fn shortened(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    if line.chars().count() <= 70 {
        line
    } else {
        line.chars().take(69).chain(['…']).collect()
    }
}

/// A time that cannot be negative, from seconds.
pub(super) fn span(seconds: f64) -> Span {
    Span::from_secs_f64(seconds.min(ENDLESS.as_secs_f64()))
}
