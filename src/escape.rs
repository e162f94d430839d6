//! What an input says, written so that it stays in its place: one function for each sink.
//!
//! An input is a name, a path, a value or a line of somebody's file. A sink is whatever reads the output: a terminal,
//! the log of a CI system, TOML, YAML, JSON, Markdown, HTML, XML, CSV. What a sink would obey is written so that it is
//! shown. Text that no sink would obey is left as it is.

use std::fmt::Write;

/// One line for people: a terminal and a CI log show it, and obey none of it.
pub fn line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_obeyed(letter) {
            visible(&mut safe, letter);
        } else {
            safe.push(letter);
        }
    }
    safe
}

/// Several lines for people, none of which is a command to a CI system.
///
/// GitHub's runner takes a line that starts with `::` for a command, and `##[` anywhere; Azure Pipelines and TeamCity
/// take `##` and a word before `[`.
pub fn lines(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for (number, row) in text.split('\n').enumerate() {
        if number > 0 {
            safe.push('\n');
        }
        let row = marks(&line(row), "#\\u{23}");
        match row.trim_start().strip_prefix("::") {
            Some(rest) => {
                safe.push_str(&" ".repeat(row.chars().count() - row.trim_start().chars().count()));
                safe.push_str("\\u{3a}:");
                safe.push_str(rest);
            }
            None => safe.push_str(&row),
        }
    }
    safe
}

/// A document of JSON, pretty or not. Outside its texts it has none of what is rewritten.
pub fn json(document: &str) -> String {
    let mut safe = String::with_capacity(document.len());
    for letter in document.chars() {
        if is_obeyed(letter) && letter != '\n' {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(letter);
        }
    }
    marks(&safe, "#\\u0023")
}

/// A text in TOML, with its quotes.
pub fn toml(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if is_obeyed(letter) => {
                let _ = match u32::from(letter) {
                    code @ ..=0xffff => write!(quoted, "\\u{code:04X}"),
                    code => write!(quoted, "\\U{code:08X}"),
                };
            }
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}

/// A text in YAML: plain where YAML 1.1 and 1.2 read it back as the same text, else in double quotes.
pub fn yaml(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._/".contains(letter);
    let ends = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let is_word = words.contains(&text.to_ascii_lowercase().as_str());
    // Letters that stand in no number, no hexadecimal one and no time.
    let is_number = |text: &str| {
        text.starts_with(|letter: char| letter.is_ascii_digit())
            && !text.contains([
                'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'p', 'q', 'r', 's', 'u', 'v', 'w', 'y',
            ])
    };
    if ends(text.chars().next())
        && ends(text.chars().last())
        && text.chars().all(plain)
        && !is_word
        && !is_number(text)
    {
        return text.to_owned();
    }
    // YAML reads a text of JSON, and of TOML, as it is.
    toml(text)
}

/// Text in a paragraph, a heading or a table of GitHub's Markdown, where it starts no markup, link or mention.
pub fn markdown(text: &str) -> String {
    let text = line(text);
    let mut safe = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        let next = rest.peek().copied().unwrap_or(' ');
        match letter {
            '<' => safe.push_str("&lt;"),
            '&' if next.is_alphanumeric() || next == '#' => safe.push_str("&amp;"),
            '\\' | '|' | '`' | '*' | '[' | ']' | '~' => safe.extend(['\\', letter]),
            '_' if !(before.is_alphanumeric() && next.is_alphanumeric()) => safe.push_str("\\_"),
            '#' if next.is_ascii_digit() => safe.push_str("\\#"),
            '>' | '#' | '-' | '+' | '=' if safe.is_empty() => safe.extend(['\\', letter]),
            '@' => safe.push_str("@<!-- -->"),
            ':' if next == '/' => safe.push_str(":<!-- -->"),
            '.' if safe.ends_with("www") => safe.push_str("<!-- -->."),
            letter => safe.push(letter),
        }
        before = letter;
    }
    safe
}

/// Text as code within a line of Markdown, with its backticks.
pub fn markdown_code(text: &str) -> String {
    let text = line(text);
    let fence = "`".repeat(longest_run(&text, '`') + 1);
    let pad = if text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Lines as a block of code in Markdown, between fences that none of them closes.
pub fn markdown_block(language: &str, text: &str) -> String {
    let text = lines(text);
    let fence = "`".repeat((longest_run(&text, '`') + 1).max(3));
    let end = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{fence}{language}\n{text}{end}{fence}\n")
}

/// Where a link of Markdown leads: a path, with everything that could end it in hexadecimal.
pub fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// Text of HTML or XML, in an element or an attribute. XML 1.0 has no way to say most control characters.
pub fn xml(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\n' | '\t' => safe.push(letter),
            letter if is_obeyed(letter) || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                visible(&mut safe, letter);
            }
            letter => safe.push(letter),
        }
    }
    marks(&safe, "#&#35;")
}

/// A cell of CSV (RFC 4180). What a spreadsheet would compute gets an apostrophe before it, which makes it text.
pub fn csv(cell: &str) -> String {
    let cell = line(cell);
    let is_formula = cell.starts_with(['=', '+', '-', '@']) && cell.parse::<f64>().is_err();
    let cell = if is_formula { format!("'{cell}") } else { cell };
    if cell.contains([',', '"', ';']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

/// A word of a command line that people copy into a POSIX shell. Whatever shows the line has a sink of its own.
pub fn shell(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=%,:+@".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The message of a workflow command of GitHub Actions (actions/toolkit, core/src/command.ts).
pub fn workflow_message(text: &str) -> String {
    let breaks = text
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A");
    line(&breaks)
}

/// A property of a workflow command, which ends at a comma or a colon, too.
pub fn workflow_property(text: &str) -> String {
    workflow_message(text)
        .replace(':', "%3A")
        .replace(',', "%2C")
}

/// Whether whatever shows a text would do what a character says, and not show it: control characters, line breaks of
/// Unicode, what turns the direction of text, and what nobody can see. The joiners of scripts and emoji are text.
pub fn is_obeyed(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn visible(text: &mut String, letter: char) {
    match letter {
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        letter => {
            let _ = write!(text, "\\u{{{:x}}}", u32::from(letter));
        }
    }
}

/// Writes `##` otherwise where a word and `[` follow: a command of a CI system, wherever it stands in its line.
fn marks(text: &str, instead: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("##") {
        safe.push_str(before);
        let word = after.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
        if word.starts_with('[') {
            safe.push_str(instead);
            rest = after;
        } else {
            // The second mark may be the first of a pair.
            safe.push('#');
            rest = text.get(text.len() - after.len() - 1..).unwrap_or_default();
        }
    }
    safe + rest
}

fn longest_run(text: &str, of: char) -> usize {
    text.split(|letter| letter != of)
        .map(str::len)
        .max()
        .unwrap_or(0)
}
