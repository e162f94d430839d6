//! Settings put into a configuration that people may have written by hand: a text edit that the parser checks.

use std::path::Path;

use super::Document;
use crate::error::Error;
use crate::escape;

/// A setting, and what to say behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The dotted key.
    pub key: String,
    /// Its value in TOML.
    pub value: String,
    /// Where it comes from, for a comment.
    pub comment: String,
}

/// Puts settings into the text of a configuration, an empty one too. Lines that are not about them stay as they are.
///
/// # Errors
/// The text is no configuration, or has one of the settings in a form that cannot be replaced line by line.
pub fn merge(path: &Path, text: &str, settings: &[Written]) -> Result<String, Error> {
    let before = read(path, text)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for setting in settings {
        put(&mut lines, setting);
    }
    let merged = lines.join("\n") + "\n";
    // What the parser reads is what was meant, or nothing is written.
    let mut expected = before;
    for setting in settings {
        // An empty table is a setting of its own, until it has a key.
        let is_other = |key: &str| {
            let rest = setting.key.strip_prefix(key);
            rest.is_none_or(|rest| !rest.is_empty() && !rest.starts_with('.'))
        };
        expected.retain(|(key, _)| is_other(key));
        let value = setting.value.trim_matches('"').to_owned();
        expected.push((setting.key.clone(), value));
    }
    expected.sort();
    if let Ok(mut settings) = read(path, &merged) {
        settings.sort();
        if settings == expected {
            return Ok(merged);
        }
    }
    let lines: Vec<String> = settings
        .iter()
        .map(|setting| format!("{} = {}", setting.key, setting.value))
        .collect();
    Err(
        Error::input("what was measured cannot be put into this file line by line")
            .in_file(path)
            .hint(format!("write it yourself: {}", lines.join("; "))),
    )
}

/// The settings of a configuration, none of an empty text.
fn read(path: &Path, text: &str) -> Result<Vec<(String, String)>, Error> {
    let is_empty = text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    if is_empty {
        return Ok(Vec::new());
    }
    Document::parse(path, text)?.settings()
}

/// Replaces a setting's line, or adds one to its table, or adds its table.
fn put(lines: &mut Vec<String>, setting: &Written) {
    let (table, name) = setting.key.rsplit_once('.').unwrap_or(("", &setting.key));
    let line = format!(
        "{name} = {}  # {}",
        setting.value,
        escape::line(&setting.comment)
    );
    let is_heading = |line: &str| line.trim_start().starts_with('[');
    let heading = format!("[{table}]");
    let is_ours = |line: &str| {
        let bare = line.split('#').next().unwrap_or_default().trim();
        bare == heading
    };
    let Some(start) = lines.iter().position(|line| is_ours(line)) else {
        if lines.last().is_some_and(|line| !line.is_empty()) {
            lines.push(String::new());
        }
        lines.extend([heading, line]);
        return;
    };
    let length = lines[start + 1..].iter().position(|line| is_heading(line));
    let end = length.map_or(lines.len(), |length| start + 1 + length);
    let is_setting = |line: &&mut String| {
        let given = line.split('=').next().unwrap_or_default();
        given.trim() == name && line.contains('=')
    };
    if let Some(old) = lines[start + 1..end].iter_mut().find(is_setting) {
        *old = line;
        return;
    }
    lines.insert(start + 1, line);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(key: &str, value: &str) -> Written {
        Written {
            key: key.to_owned(),
            value: value.to_owned(),
            comment: "measured".to_owned(),
        }
    }

    #[track_caller]
    fn check(before: &str, after: &str) {
        let settings = [
            setting("load_balancer.registration_propagation", "\"1.2s\""),
            setting("load.rate", "98.500"),
        ];
        assert_eq!(
            merge(Path::new("rollcast.toml"), before, &settings).unwrap(),
            after
        );
    }

    #[test]
    fn settings_find_their_place() {
        check(
            "",
            "[load_balancer]\nregistration_propagation = \"1.2s\"  # measured\n\n[load]\nrate = 98.500  # measured\n",
        );
        check(
            "# ours\n[load] # by hand\nduration = \"60s\"\nrate = 5 # guessed\n\n[pod]\npre_stop = \"5s\"\n",
            "# ours\n[load] # by hand\nduration = \"60s\"\nrate = 98.500  # measured\n\n[pod]\npre_stop = \"5s\"\n\n[load_balancer]\nregistration_propagation = \"1.2s\"  # measured\n",
        );
        check(
            "[load_balancer]\nnodes = 3\n[load]\n",
            "[load_balancer]\nregistration_propagation = \"1.2s\"  # measured\nnodes = 3\n[load]\nrate = 98.500  # measured\n",
        );
    }

    #[test]
    fn what_cannot_be_edited_is_refused_whole() {
        let check = |before: &str, words: &str| {
            let settings = [setting("load.rate", "98.500")];
            let error = merge(Path::new("rollcast.toml"), before, &settings).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        };
        check("load.rate = 5\n", "load.rate = 98.500");
        check("load = { rate = 5 }\n", "line by line");
        check("[load]\nrate = \n", "not TOML");
        check("[lode]\nrate = 5\n", "unknown key");
    }
}
