//! Programs that take a known time, or none.

use super::expand::Argument;
use super::path::{ENDLESS, Status};
use super::shell::span;
use crate::time::Span;

/// They are over at once, succeed, and change nothing.
pub(super) const SURE: [&str; 23] = [
    "echo", "printf", "date", "hostname", "id", "whoami", "uname", "sync", "pwd", "ps", "env",
    "printenv", "basename", "tail", "dirname", "tee", "tr", "cut", "wc", "seq", "sort", "head",
    "uptime",
];

/// They are over at once and change files, which somebody may watch.
pub(super) const LIKELY: [&str; 12] = [
    "touch", "rm", "mkdir", "cp", "mv", "ln", "chmod", "chown", "truncate", "mkfifo", "install",
    "rmdir",
];

/// They are over at once and say yes or no.
pub(super) const ASKS: [&str; 14] = [
    "grep", "egrep", "fgrep", "pgrep", "pidof", "which", "cmp", "diff", "netstat", "ss", "lsof",
    "jps", "awk", "sed",
];

/// What `sleep` makes of its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sleep {
    Lasts(Span),
    /// It refuses them, at once.
    Fails(String),
    Unread,
}

/// `sleep(1)`: the sum of all arguments.
pub(super) fn sleep(arguments: &[Argument]) -> Sleep {
    let mut words = arguments;
    if let [Argument::Known(dashes), rest @ ..] = words {
        words = if dashes == "--" { rest } else { words };
    }
    if words.is_empty() {
        return Sleep::Fails("`sleep` is given no time".to_owned());
    }
    let mut sum = Span::ZERO;
    let mut unread = false;
    for word in words {
        match word.known().map(duration) {
            // One that is wrong spoils all, whatever the others are.
            Some(Sleep::Fails(why)) => return Sleep::Fails(why),
            Some(Sleep::Lasts(time)) => sum = (sum + time).min(ENDLESS),
            Some(Sleep::Unread) | None => unread = true,
        }
    }
    if unread {
        Sleep::Unread
    } else {
        Sleep::Lasts(sum)
    }
}

/// A number, in seconds unless `m`, `h` or `d` follows it.
fn duration(word: &str) -> Sleep {
    if ["infinity", "inf"].contains(&word.to_ascii_lowercase().as_str()) {
        return Sleep::Lasts(ENDLESS);
    }
    let units = [('s', 1.0), ('m', 60.0), ('h', 3600.0), ('d', 86400.0)];
    let of = |(letter, factor)| word.strip_suffix(letter).map(|number| (number, factor));
    let (number, unit) = units.into_iter().find_map(of).unwrap_or((word, 1.0));
    let plain = |number: &str| {
        number
            .chars()
            .all(|letter| letter.is_ascii_digit() || letter == '.')
    };
    match number.strip_prefix('+').unwrap_or(number) {
        number if plain(number) && number.contains(|letter: char| letter.is_ascii_digit()) => {
            match number.parse::<f64>() {
                Ok(seconds) => Sleep::Lasts(span(seconds * unit)),
                Err(_) => Sleep::Fails(format!("`sleep` takes no `{word}` for a time")),
            }
        }
        // Some implementations read them, some do not.
        number
            if number.to_ascii_lowercase().starts_with("0x")
                || number.parse::<f64>().is_ok_and(f64::is_sign_positive) =>
        {
            Sleep::Unread
        }
        _ => Sleep::Fails(format!("`sleep` takes no `{word}` for a time")),
    }
}

/// busybox' `usleep(1)`.
pub(super) fn microseconds(arguments: &[Argument]) -> Sleep {
    match arguments {
        [Argument::Known(number)] => match number.parse::<u64>() {
            Ok(number) => Sleep::Lasts(Span::from_micros(number).min(ENDLESS)),
            Err(_) => Sleep::Fails(format!("`usleep` takes no `{number}` for a time")),
        },
        _ => Sleep::Unread,
    }
}

/// `ping -c 31 localhost`: one a second, the first at once.
pub(super) fn ping(arguments: &[Argument]) -> Option<Span> {
    let words: Option<Vec<&str>> = arguments.iter().map(Argument::known).collect();
    match words?.as_slice() {
        ["-c" | "-n", count, "localhost" | "127.0.0.1" | "::1"] => {
            Some(span((count.parse::<u32>().ok()?.checked_sub(1)?).into()))
        }
        _ => None,
    }
}

/// `[ a -lt b ]`, as far as words tell.
pub(super) fn test(arguments: &[Argument]) -> Option<Status> {
    let words: Option<Vec<&str>> = arguments.iter().map(Argument::known).collect();
    let mut words = words?;
    if words.last() == Some(&"]") {
        words.pop();
    }
    let number = |text: &str| text.trim().parse::<i64>().ok();
    let holds = match words.as_slice() {
        ["!", rest @ ..] => {
            let rest: Vec<Argument> = rest
                .iter()
                .map(|word| Argument::Known((*word).to_owned()))
                .collect();
            return match test(&rest)? {
                Status::Success => Some(Status::Failure),
                Status::Failure => Some(Status::Success),
                other => Some(other),
            };
        }
        ["-n", text] => !text.is_empty(),
        ["-z", text] => text.is_empty(),
        [text] => !text.is_empty(),
        [] => false,
        [one, "=" | "==", other] => one == other,
        [one, "!=", other] => one != other,
        [one, "-eq", other] => number(one)? == number(other)?,
        [one, "-ne", other] => number(one)? != number(other)?,
        [one, "-lt", other] => number(one)? < number(other)?,
        [one, "-le", other] => number(one)? <= number(other)?,
        [one, "-gt", other] => number(one)? > number(other)?,
        [one, "-ge", other] => number(one)? >= number(other)?,
        _ => return None,
    };
    Some(if holds {
        Status::Success
    } else {
        Status::Failure
    })
}
