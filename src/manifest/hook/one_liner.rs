//! Sleeps in other languages: `python -c 'import time; time.sleep(60)'`.

use super::expand::Argument;
use super::shell::span;
use crate::time::Span;

/// How long an interpreter's one line sleeps, if that is all it does.
pub(super) fn read(name: &str, arguments: &[Argument]) -> Option<Span> {
    let words: Option<Vec<&str>> = arguments.iter().map(Argument::known).collect();
    let words = words?;
    let version = |name: &str| {
        name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.')
            .to_owned()
    };
    match version(name).as_str() {
        "python" | "pypy" => statements(after(&words, "-c")?, &python),
        "perl" => statements(after(&words, "-e").or_else(|| after(&words, "-E"))?, &perl),
        "ruby" => statements(after(&words, "-e")?, &ruby),
        "php" => statements(after(&words, "-r")?, &php),
        "node" | "nodejs" | "bun" | "deno" => javascript(
            words
                .iter()
                .position(is_eval)
                .and_then(|at| words.get(at + 1))?,
        ),
        "powershell" | "pwsh" => powershell(&words),
        _ => None,
    }
}

fn is_eval(word: &&str) -> bool {
    ["-e", "--eval", "-p", "-pe", "eval"].contains(word)
}

fn after<'a>(words: &[&'a str], flag: &str) -> Option<&'a str> {
    words
        .get(words.iter().position(|word| *word == flag)? + 1)
        .copied()
}

/// The sum of all statements, each of which sleeps or takes no time.
fn statements(code: &str, time: &dyn Fn(&str) -> Option<f64>) -> Option<Span> {
    let statements = code
        .split([';', '\n'])
        .map(str::trim)
        .filter(|statement| !statement.is_empty());
    let seconds: Option<f64> = statements.map(time).sum();
    seconds.map(span)
}

/// What stands between `name(` and the last `)`, or after `name `.
fn call<'a>(statement: &'a str, name: &str) -> Option<&'a str> {
    let rest = statement.strip_prefix(name)?;
    match rest.trim_start().strip_prefix('(') {
        Some(inner) => inner.trim_end().strip_suffix(')').map(str::trim),
        None => rest.strip_prefix(' ').map(str::trim),
    }
}

/// A number, or numbers multiplied.
fn number(text: &str) -> Option<f64> {
    let factor = |text: &str| {
        let text = text.trim().replace('_', "");
        let plain = text
            .chars()
            .all(|letter| letter.is_ascii_digit() || ".e".contains(letter));
        text.parse::<f64>()
            .ok()
            .filter(|number| plain && number.is_finite())
    };
    text.split('*').map(factor).product()
}

fn python(statement: &str) -> Option<f64> {
    if ["import ", "from ", "print(", "pass"]
        .iter()
        .any(|start| statement.starts_with(start))
    {
        return Some(0.0);
    }
    if let Some(inner) =
        call(statement, "asyncio.run").and_then(|inner| call(inner, "asyncio.sleep"))
    {
        return number(inner);
    }
    let imported = statement
        .strip_prefix("__import__('time').")
        .or_else(|| statement.strip_prefix("__import__(\"time\")."));
    let statement = imported.unwrap_or(statement);
    ["time.sleep", "sleep", "t.sleep"]
        .iter()
        .find_map(|name| call(statement, name))
        .and_then(number)
}

fn perl(statement: &str) -> Option<f64> {
    if statement.starts_with("use ") || statement.starts_with("print ") {
        return Some(0.0);
    }
    if let Some(inner) = call(statement, "select") {
        let last = inner.rsplit_once(',')?;
        return number(last.1).filter(|_| last.0.replace([' ', '\t'], "") == "undef,undef,undef");
    }
    call(statement, "sleep").and_then(number)
}

fn ruby(statement: &str) -> Option<f64> {
    if statement.starts_with("require ") || statement.starts_with("puts ") {
        return Some(0.0);
    }
    ["Kernel.sleep", "sleep"]
        .iter()
        .find_map(|name| call(statement, name))
        .and_then(number)
}

fn php(statement: &str) -> Option<f64> {
    if statement.starts_with("echo ") {
        return Some(0.0);
    }
    if let Some(inner) = call(statement, "usleep") {
        return number(inner).map(|micros| micros / 1e6);
    }
    call(statement, "sleep").and_then(number)
}

/// `setTimeout(()=>{},60000)`, also as a promise that is waited for.
fn javascript(code: &str) -> Option<Span> {
    let (before, rest) = code.split_once("setTimeout(")?;
    let (mut depth, mut comma, mut end) = (0, None, None);
    for (at, letter) in rest.char_indices() {
        match letter {
            '(' | '{' | '[' => depth += 1,
            ')' if depth == 0 => {
                end = Some(at);
                break;
            }
            ')' | '}' | ']' => depth -= 1,
            ',' if depth == 0 => comma = comma.or(Some(at)),
            _ => {}
        }
    }
    let (comma, end) = (comma?, end?);
    let time = number(rest.get(comma + 1..end)?.trim())?;
    let around = format!("{before} {} {}", rest.get(..comma)?, rest.get(end + 1..)?);
    // What remains must be the wrapping of a wait.
    const WRAPPING: [&str; 12] = [
        "await", "async", "new", "Promise", "function", "r", "resolve", "res", "process", "exit",
        "0", "done",
    ];
    let words = around
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words
        .into_iter()
        .all(|word| WRAPPING.contains(&word))
        .then(|| span(time / 1000.0))
}

fn powershell(words: &[&str]) -> Option<Span> {
    let mut at = 0;
    while let Some(option) = words.get(at).filter(|word| word.starts_with('-')) {
        at += 1;
        match option.to_ascii_lowercase().as_str() {
            "-command" | "-c" => break,
            "-noprofile" | "-noninteractive" | "-nologo" | "-nop" | "-noni" => {}
            "-executionpolicy" | "-ep" | "-ex" | "-windowstyle" | "-w" => at += 1,
            _ => return None,
        }
    }
    statements(&words[at.min(words.len())..].join(" "), &cmdlet)
}

fn cmdlet(statement: &str) -> Option<f64> {
    let statement = statement
        .trim_matches(['{', '}', '&', '"', '\'', ' '])
        .to_ascii_lowercase();
    if let Some(inner) = statement
        .strip_prefix("[system.threading.thread]::")
        .and_then(|rest| call(rest, "sleep"))
    {
        return number(inner).map(|millis| millis / 1000.0);
    }
    let words: Vec<&str> = statement.split_whitespace().collect();
    match words.as_slice() {
        ["write-host" | "write-output" | "echo", ..] | ["exit"] => Some(0.0),
        ["start-sleep" | "sleep", time] => number(time),
        ["start-sleep" | "sleep", unit, time] if "-seconds".starts_with(unit) && unit.len() > 1 => {
            number(time)
        }
        ["start-sleep" | "sleep", unit, time]
            if *unit == "-ms" || ("-milliseconds".starts_with(unit) && unit.len() > 1) =>
        {
            number(time).map(|millis| millis / 1000.0)
        }
        _ => None,
    }
}
