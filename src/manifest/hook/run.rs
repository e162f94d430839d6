//! A program with its arguments: a shell's own commands, programs that run others, and the rest.

use super::expand::Argument;
use super::one_liner;
use super::path::{ENDLESS, Flow, Path, Status};
use super::program::{self, Sleep};
use super::shell::{Shell, shortened};
use super::stop::{self, Role};
use crate::time::Span;

/// The last part of a program's path.
pub(super) fn base(program: &str) -> &str {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    name.strip_suffix(".exe").unwrap_or(name)
}

const SHELLS: [&str; 7] = ["sh", "bash", "ash", "dash", "ksh", "zsh", "mksh"];
/// Words that only a shell knows.
const BUILT_IN: [&str; 21] = [
    "exit", "return", "break", "continue", ":", "set", "shift", "export", "readonly", "local",
    "declare", "unset", "wait", "exec", "eval", "source", ".", "trap", "cd", "umask", "ulimit",
];
/// Programs that run the rest of their words, and how many words of their own come before, options aside.
const WRAPPERS: [(&str, usize); 19] = [
    ("nice", 0),
    ("nohup", 0),
    ("setsid", 0),
    ("stdbuf", 0),
    ("ionice", 0),
    ("chrt", 1),
    ("time", 0),
    ("command", 0),
    ("builtin", 0),
    ("sudo", 0),
    ("su-exec", 1),
    ("gosu", 1),
    ("tini", 0),
    ("dumb-init", 0),
    ("catatonit", 0),
    ("doas", 0),
    ("unbuffer", 0),
    ("busybox", 0),
    ("toybox", 0),
];
/// Options of these programs that take the next word.
const WITH_A_WORD: [&str; 8] = ["-n", "-u", "-g", "-o", "-e", "-i", "-c", "-a"];

impl Shell<'_> {
    /// Runs a program, or what the shell knows itself.
    pub(super) fn run(
        &mut self,
        path: Path,
        arguments: &[Argument],
        text: &str,
        in_shell: bool,
    ) -> Vec<Path> {
        let Some(Argument::Known(program)) = arguments.first() else {
            return vec![path.cannot_read(shortened(text))];
        };
        let (name, rest) = (base(program), &arguments[1..]);
        if BUILT_IN.contains(&name) {
            return if in_shell && program == name {
                self.built_in(path, name, rest, text)
            } else {
                vec![path.fails(format!(
                    "no program is called `{program}`: only a shell knows the word"
                ))]
            };
        }
        if program.contains(char::is_whitespace) || program.is_empty() || program.starts_with('-') {
            return vec![path.fails(format!("no program is called `{program}`"))];
        }
        match name {
            name if SHELLS.contains(&name) => self.shell(path, name, rest, text),
            "env" => self.env(path, rest, text),
            "timeout" | "gtimeout" => self.bounded(path, rest, text),
            "xargs" => {
                let words = rest
                    .iter()
                    .skip_while(|word| word.text().starts_with('-'))
                    .cloned();
                let words: Vec<Argument> =
                    words.chain([Argument::Unknown("…".to_owned())]).collect();
                self.run(path, &words, text, false)
            }
            "cmd" => self.windows(path, rest, text),
            "command" | "type"
                if rest
                    .first()
                    .is_some_and(|word| ["-v", "-V"].contains(&word.text())) =>
            {
                vec![path.ends(Status::Unknown(shortened(text)))]
            }
            _ => match WRAPPERS.iter().find(|(wrapper, _)| *wrapper == name) {
                Some((_, own)) => match wrapped(rest, *own) {
                    [] => vec![path.ends(Status::Success)],
                    rest => self.run(path, rest, text, in_shell && name == "builtin"),
                },
                None => vec![simple(path, name, rest, text)],
            },
        }
    }

    fn built_in(&mut self, mut path: Path, name: &str, rest: &[Argument], text: &str) -> Vec<Path> {
        let status = match rest.first().map(Argument::known) {
            None | Some(Some("0")) => Status::Success,
            Some(Some(_)) => Status::Failure,
            Some(None) => Status::Unknown(shortened(text)),
        };
        match name {
            "exit" | "return" => {
                path.notes(format!("`{}` ends the script", shortened(text)));
                (path.flow, path.status) = (Flow::Exit, status);
            }
            "break" | "continue" if rest.is_empty() => {
                path.flow = if name == "break" {
                    Flow::Break
                } else {
                    Flow::Continue
                };
            }
            "break" | "continue" | "source" | "." => {
                return vec![path.cannot_read(shortened(text))];
            }
            "set" => return set(path, rest, text),
            "export" | "readonly" | "local" | "declare" => {
                assign(&mut path, rest);
                path.status = Status::Success;
            }
            "unset" => {
                rest.iter().for_each(|name| {
                    drop(
                        path.variables
                            .insert(name.text().to_owned(), Some(String::new())),
                    );
                });
                path.status = Status::Success;
            }
            "wait" => {
                path.elapsed = path
                    .background
                    .take()
                    .map_or(path.elapsed, |end| path.elapsed.max(end));
                return vec![path.ends(Status::Success)];
            }
            "exec" => {
                let rest = wrapped(rest, 0);
                if rest.is_empty() {
                    return vec![path.ends(Status::Success)];
                }
                let mut paths = self.run(path, rest, text, false);
                paths.iter_mut().for_each(|path| path.flow = Flow::Exit);
                return paths;
            }
            "eval" => {
                let words: Option<Vec<&str>> = rest.iter().map(Argument::known).collect();
                return match words.map(|words| super::syntax::parse(&words.join(" "))) {
                    Some(Ok(list)) => self.list(&list, vec![path], false),
                    _ => vec![path.cannot_read(shortened(text))],
                };
            }
            // Traps run at signals, which nobody sends to a hook.
            _ => path.status = Status::Success,
        }
        vec![path]
    }

    /// `sh -c SCRIPT`, `bash -euo pipefail -c SCRIPT`, `bash -lc -- SCRIPT`, `sh FILE`
    fn shell(&mut self, mut path: Path, name: &str, rest: &[Argument], text: &str) -> Vec<Path> {
        let (mut at, mut script, mut exits) = (0, false, false);
        while let Some(word) = rest.get(at).and_then(Argument::known) {
            let Some(letters) = word
                .strip_prefix(['-', '+'])
                .filter(|letters| !letters.is_empty())
            else {
                break;
            };
            at += 1;
            if letters == "-" {
                break;
            }
            if let Some(long) = letters.strip_prefix('-') {
                if !["login", "norc", "noprofile", "posix", "verbose"].contains(&long) {
                    return vec![path.cannot_read(shortened(text))];
                }
                continue;
            }
            if !letters.chars().all(|letter| letter.is_ascii_alphabetic()) {
                return vec![path.fails(format!("`{name}` has no option `{word}`"))];
            }
            script |= letters.contains('c');
            exits |= letters.contains('e') && word.starts_with('-');
            if letters.contains(['o', 'O']) {
                exits |= rest
                    .get(at)
                    .is_some_and(|option| option.text() == "errexit");
                at += 1;
            }
        }
        match rest.get(at) {
            None if script => vec![path.fails(format!("`{name} -c` needs a script"))],
            // It reads from a stdin that is empty.
            None => vec![path.ends(Status::Success)],
            Some(Argument::Known(words)) if script => {
                let outer = (path.exits_on_error, path.bash);
                (path.exits_on_error, path.bash) = (exits, name == "bash" || name == "zsh");
                let mut paths = self.script(path, words);
                for path in &mut paths {
                    (path.exits_on_error, path.bash) = outer;
                    if rest.len() > at + 1 && words.split_whitespace().count() == 1 {
                        path.notes.insert(
                            0,
                            format!("the script is the one word `{words}`: what follows it are its parameters"),
                        );
                    }
                }
                paths
            }
            Some(Argument::Known(file))
                if file.contains(char::is_whitespace) || base(file) == "sleep" =>
            {
                vec![path.fails(format!(
                    "`{name}` without `-c` takes `{file}` for a file of commands"
                ))]
            }
            Some(_) => vec![path.cannot_read(shortened(text))],
        }
    }

    /// `env A=b PROGRAM …`
    fn env(&mut self, mut path: Path, rest: &[Argument], text: &str) -> Vec<Path> {
        let before = path.variables.clone();
        let mut at = 0;
        while let Some(word) = rest.get(at) {
            let word = word.text();
            if word == "-S" || word == "--split-string" {
                let words = rest
                    .get(at + 1)
                    .and_then(Argument::known)
                    .unwrap_or_default();
                let words: Vec<Argument> = words
                    .split_whitespace()
                    .map(|word| Argument::Known(word.to_owned()))
                    .collect();
                return self.run(path, &words, text, false);
            } else if word == "-u" || word == "--unset" || word == "-C" {
                at += 2;
            } else if word.starts_with('-') {
                at += 1;
            } else if let Some((name, value)) = word.split_once('=') {
                let value = rest[at].known().map(|_| value.to_owned());
                path.variables.insert(name.to_owned(), value);
                at += 1;
            } else {
                break;
            }
        }
        if at >= rest.len() {
            return vec![path.ends(Status::Success)];
        }
        let mut paths = self.run(path, &rest[at..], text, false);
        paths
            .iter_mut()
            .for_each(|path| path.variables.clone_from(&before));
        paths
    }

    /// `timeout 30 PROGRAM …`
    fn bounded(&mut self, path: Path, rest: &[Argument], text: &str) -> Vec<Path> {
        let mut at = 0;
        // Busybox' was `timeout -t 30 PROGRAM` once.
        while let Some(option) = rest
            .get(at)
            .map(Argument::text)
            .filter(|word| word.starts_with('-'))
        {
            at += if ["-k", "-s", "--kill-after", "--signal"].contains(&option) {
                2
            } else {
                1
            };
        }
        let limit = match program::sleep(rest.get(at..=at).unwrap_or_default()) {
            Sleep::Lasts(Span::ZERO) => ENDLESS,
            Sleep::Lasts(limit) => limit,
            Sleep::Fails(why) => return vec![path.fails(why.replace("sleep", "timeout"))],
            Sleep::Unread => return vec![path.cannot_read(shortened(text))],
        };
        let start = path.elapsed;
        let within = |mut path: Path| {
            let end = (start + limit).min(ENDLESS);
            if let Some(unread) = path
                .unread
                .as_mut()
                .filter(|unread| unread.at >= start && unread.endless)
            {
                unread.endless = limit == ENDLESS;
                (path.flow, path.elapsed) = (Flow::Next, end);
                path.status = Status::Unknown(shortened(text));
            } else if path.elapsed > end {
                (path.flow, path.elapsed, path.status) = (Flow::Next, end, Status::Failure);
            }
            // What it would do later it does not do.
            path.stop = path
                .stop
                .take()
                .filter(|stop| stop.at < end || stop.at < start);
            path
        };
        let Some(rest) = rest.get(at + 1..).filter(|rest| !rest.is_empty()) else {
            return vec![path.fails("`timeout` is given no program")];
        };
        self.run(path, rest, text, false)
            .into_iter()
            .map(within)
            .collect()
    }

    /// `cmd /c LINE`
    fn windows(&mut self, path: Path, rest: &[Argument], text: &str) -> Vec<Path> {
        let words: Option<Vec<&str>> = rest.iter().map(Argument::known).collect();
        let words = words.unwrap_or_default();
        let line = match words.as_slice() {
            [flag, line @ ..] if flag.eq_ignore_ascii_case("/c") => line.join(" "),
            _ => return vec![path.cannot_read(shortened(text))],
        };
        let mut paths = vec![path];
        for part in line.replace("&&", "&").split('&') {
            let part = part.split('>').next().unwrap_or_default();
            let words: Vec<Argument> = part
                .split_whitespace()
                .map(|word| Argument::Known(word.to_owned()))
                .collect();
            // Its `timeout` refuses to run without a console, of which hooks have none.
            let reads = words
                .first()
                .is_some_and(|word| !base(word.text()).eq_ignore_ascii_case("timeout"));
            let next = |path: Path| match path.flow {
                Flow::Next if reads => self.run(path, &words, part.trim(), false),
                Flow::Next => vec![path.cannot_read(shortened(text))],
                _ => vec![path],
            };
            paths = paths.into_iter().flat_map(next).collect();
        }
        paths
    }
}

/// The words after a wrapper's own.
fn wrapped(rest: &[Argument], own: usize) -> &[Argument] {
    let mut at = 0;
    while let Some(option) = rest
        .get(at)
        .map(Argument::text)
        .filter(|word| word.starts_with('-'))
    {
        at += 1;
        if option == "--" {
            break;
        }
        let number = rest
            .get(at)
            .is_some_and(|word| word.text().parse::<i32>().is_ok());
        at += usize::from(WITH_A_WORD.contains(&option) && (number || option != "-c"));
    }
    rest.get(at + own..).unwrap_or_default()
}

/// A program that runs no other.
fn simple(mut path: Path, name: &str, rest: &[Argument], text: &str) -> Path {
    let text = shortened(text);
    match stop::role(name, rest) {
        Some(Role::Stops(how)) => return path.stops(how, &text),
        Some(Role::Harmless) => {
            path.more = true;
            return path.ends(Status::Likely(text));
        }
        Some(Role::Asks) => return path.ends(Status::Unknown(text)),
        Some(Role::Unclear) => return path.cannot_read(text),
        None => {}
    }
    match name {
        "sleep" | "usleep" => match if name == "sleep" {
            program::sleep(rest)
        } else {
            program::microseconds(rest)
        } {
            Sleep::Lasts(time) => path.lasts(time, Status::Success),
            Sleep::Fails(why) => path.fails(why),
            Sleep::Unread => path.cannot_read(text),
        },
        "true" => path.ends(Status::Success),
        "false" => path.ends(Status::Failure),
        "test" | "[" => path.ends(program::test(rest).unwrap_or(Status::Unknown(text))),
        "tail"
            if rest
                .iter()
                .any(|word| ["-f", "-F", "-fn0", "--follow"].contains(&word.text())) =>
        {
            if rest.iter().any(|word| word.text().starts_with("--pid")) {
                return path.waits(text);
            }
            path.lasts(ENDLESS, Status::Success)
        }
        "yes" => path.lasts(ENDLESS, Status::Success),
        "ping" => match program::ping(rest) {
            Some(time) => path.lasts(time, Status::Success),
            None => path.cannot_read(text),
        },
        // Nobody writes to a hook's stdin.
        "read" if rest.iter().all(|word| !word.text().starts_with("-t")) => {
            path.ends(Status::Failure)
        }
        "cat" if rest.is_empty() => path.ends(Status::Success),
        "cat" | "ls" | "logger" => path.ends(Status::Likely(text)),
        "awk" | "sed"
            if rest
                .iter()
                .any(|word| word.text().contains("system(") || word.text().starts_with("-i")) =>
        {
            path.cannot_read(text)
        }
        name if program::SURE.contains(&name) => path.ends(Status::Success),
        name if program::LIKELY.contains(&name) => {
            path.more = true;
            path.ends(Status::Likely(text))
        }
        name if program::ASKS.contains(&name) => path.ends(Status::Unknown(text)),
        name => match one_liner::read(name, rest) {
            Some(time) => path.lasts(time, Status::Success),
            None => path.cannot_read(text),
        },
    }
}

/// `set -e`, `set -o pipefail`
fn set(mut path: Path, rest: &[Argument], text: &str) -> Vec<Path> {
    for option in rest.iter().filter_map(Argument::known) {
        match option {
            "errexit" => path.exits_on_error = true,
            "pipefail" => path.pipes_fail = true,
            option if option.starts_with('-') => path.exits_on_error |= option.contains('e'),
            option if option.starts_with('+') && option.contains('e') => {
                path.exits_on_error = false;
            }
            _ => {}
        }
    }
    let path = path.ends(Status::Success);
    if path.bash || !rest.iter().any(|word| word.text() == "pipefail") {
        return vec![path];
    }
    // dash knew no such option for long: it says so, and ends.
    let mut ended = path.clone().ends(Status::Failure);
    ended.flow = Flow::Exit;
    ended.doubt.get_or_insert(shortened(text));
    vec![path, ended]
}

/// `export NAME=value`
fn assign(path: &mut Path, rest: &[Argument]) {
    for word in rest {
        let (name, value) = match word {
            Argument::Known(word) => match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => continue,
            },
            Argument::Unknown(word) => (word.split('=').next().unwrap_or(word), None),
        };
        path.variables.insert(name.to_owned(), value);
    }
}
