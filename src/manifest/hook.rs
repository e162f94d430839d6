//! How long a preStop command takes, as far as its words tell.

use crate::time::Span;

/// What a command comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    /// The sleeps in it.
    pub(super) sleeps: Span,
    /// What else it runs for a time that its words do not tell.
    pub(super) unknown: Option<String>,
    /// Whether a shell must be in the image.
    pub(super) shell: bool,
}

/// Commands that are over at once.
const INSTANT: [&str; 9] = ["true", ":", "exit", "echo", "set", "touch", "rm", "printf", "export"];

const SHELLS: [&str; 5] = ["sh", "bash", "ash", "dash", "busybox"];

/// Reads a command: `["sleep", "10"]`, `["sh", "-c", "sleep 10; nginx -s quit"]`, …
pub(super) fn read(words: &[String]) -> Command {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        // One word with blanks in it is the name of no program; people mean the shell's words.
        [line] if line.trim().contains(char::is_whitespace) => Command { shell: true, ..script(line) },
        [shell, rest @ ..] if SHELLS.contains(&base(shell)) => {
            // `sh -c SCRIPT`, `sh -ec SCRIPT`, `busybox sh -c SCRIPT`
            let flag = rest.iter().position(|word| word.starts_with('-') && word.ends_with('c'));
            match flag.and_then(|flag| rest.get(flag + 1)) {
                Some(text) => Command { shell: true, ..script(text) },
                None if base(shell) == "busybox" => statement(rest),
                None => Command { shell: true, ..statement(&words) },
            }
        }
        _ => statement(&words),
    }
}

/// The statements of a shell, one after another.
fn script(text: &str) -> Command {
    let text = text.replace("&&", ";").replace(['\n', '\r'], ";");
    let mut all = Command { sleeps: Span::ZERO, unknown: None, shell: false };
    for line in text.split(';') {
        // What follows `||` runs only when something failed, what follows `#` never.
        let line = line.split("||").next().unwrap_or_default().split(" #").next().unwrap_or_default().trim();
        let words: Vec<&str> = line.split_whitespace().filter(|word| !word.contains('>')).collect();
        if words.is_empty() || line.starts_with('#') {
            continue;
        }
        let one = statement(&words);
        all.sleeps = all.sleeps + one.sleeps;
        all.unknown = all.unknown.or(one.unknown);
    }
    all
}

fn statement(words: &[&str]) -> Command {
    let mut sleeps = Span::ZERO;
    let mut unknown = None;
    match words {
        ["exec", rest @ ..] => return statement(rest),
        [program, times @ ..] if base(program) == "sleep" && !times.is_empty() => {
            for time in times {
                match duration(time) {
                    Some(time) => sleeps = sleeps + time,
                    None => unknown = Some(words.join(" ")),
                }
            }
        }
        [program, ..] if INSTANT.contains(&base(program)) => {}
        _ => unknown = Some(words.join(" ")),
    }
    Command { sleeps, unknown, shell: false }
}

/// The last part of a path, without quotes.
fn base(program: &str) -> &str {
    let program = program.trim_matches(['"', '\'']);
    program.rsplit('/').next().unwrap_or(program)
}

/// An argument of `sleep(1)`: a number, in seconds unless `m`, `h` or `d` follows it.
fn duration(word: &str) -> Option<Span> {
    let word = word.trim_matches(['"', '\'']);
    let units = [('s', 1.0), ('m', 60.0), ('h', 3600.0), ('d', 86400.0)];
    let of = |(letter, factor)| word.strip_suffix(letter).map(|number| (number, factor));
    let (number, unit) = units.into_iter().find_map(of).unwrap_or((word, 1.0));
    let plain = number.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
    let seconds: f64 = number.parse().ok().filter(|_| plain)?;
    // Whole seconds of up to a day, or the hook outlives every grace period anyway.
    Some(Span::from_secs_f64((seconds * unit).min(86400.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], seconds: f64, unknown: Option<&str>, shell: bool) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let expected = Command { sleeps: Span::from_secs_f64(seconds), unknown: unknown.map(str::to_owned), shell };
        assert_eq!(read(&words), expected, "{words:?}");
    }

    #[test]
    fn sleeps_are_recognised() {
        check(&["sleep", "10"], 10.0, None, false);
        check(&["/bin/sleep", "10"], 10.0, None, false);
        check(&["/usr/bin/sleep", "1.5"], 1.5, None, false);
        check(&["sleep", "1m"], 60.0, None, false);
        check(&["sleep", "1m", "30s"], 90.0, None, false);
        check(&["sh", "-c", "sleep 10"], 10.0, None, true);
        check(&["/bin/sh", "-c", "sleep 15"], 15.0, None, true);
        check(&["/bin/bash", "-ec", "sleep 15s"], 15.0, None, true);
        check(&["bash", "-e", "-c", "sleep 15"], 15.0, None, true);
        check(&["busybox", "sh", "-c", "sleep 5"], 5.0, None, true);
        check(&["busybox", "sleep", "5"], 5.0, None, false);
        check(&["sh", "-c", "sleep 10 && echo done; exit 0"], 10.0, None, true);
        check(&["sh", "-c", "echo bye > /proc/1/fd/1; exec sleep 5"], 5.0, None, true);
        check(&["sh", "-c", "sleep 10 || true"], 10.0, None, true);
        check(&["sh", "-c", "\n# wait\nsleep 5\nsleep 7\n"], 12.0, None, true);
        check(&["sleep 10"], 10.0, None, true);
        check(&["sh", "-c", "\"sleep\" '20'"], 20.0, None, true);
    }

    #[test]
    fn what_cannot_be_known_is_named() {
        check(&["/opt/drain.sh"], 0.0, Some("/opt/drain.sh"), false);
        check(&["nginx", "-s", "quit"], 0.0, Some("nginx -s quit"), false);
        check(&["sh", "-c", "sleep 10; nginx -s quit"], 10.0, Some("nginx -s quit"), true);
        check(&["sh", "-c", "sleep ${DELAY:-10}"], 0.0, Some("sleep ${DELAY:-10}"), true);
        check(&["sleep", "infinity"], 0.0, Some("sleep infinity"), false);
        check(&["sh", "/drain.sh"], 0.0, Some("sh /drain.sh"), true);
        check(&["sleep"], 0.0, Some("sleep"), false);
        check(&["sleep", "-5"], 0.0, Some("sleep -5"), false);
        check(&["sleep", "1e9"], 0.0, Some("sleep 1e9"), false);
        check(&[], 0.0, Some(""), false);
    }
}
