//! Expansions: what a shell makes of a word.

use super::environment::Variable;
use super::lexer::{Other, Piece, Word, name_length};
use super::path::Path;
use super::shell::Shell;
use super::syntax;

/// An argument of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Argument {
    Known(String),
    /// What it is written as, where nobody can tell what it comes to.
    Unknown(String),
}

impl Argument {
    pub(super) fn known(&self) -> Option<&str> {
        match self {
            Argument::Known(text) => Some(text),
            Argument::Unknown(_) => None,
        }
    }

    /// Its value, or how it is written.
    pub(super) fn text(&self) -> &str {
        let (Argument::Known(text) | Argument::Unknown(text)) = self;
        text
    }
}

/// The word as it is written, roughly.
pub(super) fn source(word: &Word) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text { text, .. } => text.clone(),
        Piece::Variable {
            name, other: None, ..
        } => format!("${name}"),
        Piece::Variable {
            name,
            other: Some(Other::Else { word, .. }),
            ..
        } => format!("${{{name}:-{}}}", source(word)),
        Piece::Variable {
            name,
            other: Some(Other::Strange),
            ..
        } => format!("${{{name}…}}"),
        Piece::Command(text) => format!("$({text})"),
        Piece::Sum(text) => format!("$(({text}))"),
    };
    word.0.iter().map(piece).collect()
}

impl Shell<'_> {
    /// The arguments that a word becomes: one, or none or several if an expansion without quotes falls apart.
    pub(super) fn expand(&mut self, path: &mut Path, word: &Word) -> Vec<Argument> {
        let mut fields: Vec<String> = Vec::new();
        let mut open: Option<String> = None;
        let mut known = true;
        for piece in &word.0 {
            let (value, splits) = match piece {
                Piece::Text { text, .. } => (Some(text.clone()), false),
                Piece::Variable {
                    name,
                    other,
                    quoted,
                } => (self.variable(path, name, other.as_ref()), !quoted),
                Piece::Command(text) => (self.substitution(path, text), true),
                Piece::Sum(text) => (self.sum(path, text).map(|sum| sum.to_string()), false),
            };
            let Some(value) = value else {
                known = false;
                continue;
            };
            if !splits {
                open.get_or_insert_default().push_str(&value);
                continue;
            }
            for (i, part) in value.split_whitespace().enumerate() {
                if i > 0 {
                    fields.extend(open.take());
                }
                open.get_or_insert_default().push_str(part);
            }
        }
        if !known {
            return vec![Argument::Unknown(source(word))];
        }
        fields.extend(open);
        fields.into_iter().map(Argument::Known).collect()
    }

    /// The word as one text.
    pub(super) fn expand_whole(&mut self, path: &mut Path, word: &Word) -> Option<String> {
        let parts = self.expand(path, word);
        let parts: Option<Vec<&str>> = parts.iter().map(Argument::known).collect();
        parts.map(|parts| parts.join(" "))
    }

    fn variable(&mut self, path: &mut Path, name: &str, other: Option<&Other>) -> Option<String> {
        let set_here = path.variables.get(name).cloned();
        let (value, is_set) = match (set_here, self.environment.look_up(name)) {
            (Some(value), _) => (Some(value?), true),
            (None, Variable::Known(value)) => (Some(value.to_owned()), true),
            (None, Variable::Unseen) => return None,
            (None, Variable::Unset) => (None, false),
        };
        match (value, other) {
            (_, Some(Other::Strange)) => None,
            (
                Some(value),
                Some(Other::Else {
                    word,
                    or_empty: true,
                }),
            ) if value.is_empty() => self.expand_whole(path, word),
            (Some(value), _) => Some(value),
            (None, Some(Other::Else { word, .. })) => {
                debug_assert!(!is_set, "a variable that is set has a value");
                let assumed = format!("the image sets no `{name}`");
                if !path.assumed.contains(&assumed) {
                    path.assumed.push(assumed);
                }
                self.expand_whole(path, word)
            }
            // The image may set it.
            (None, None) => None,
        }
    }

    /// `$(…)`: runs it, and says what it prints if that is plain.
    fn substitution(&mut self, path: &mut Path, text: &str) -> Option<String> {
        let Ok(list) = syntax::parse(text) else {
            *path = path.clone().cannot_read(format!("$({text})"));
            return None;
        };
        let printed = match list.as_slice() {
            [item] if item.rest.is_empty() => match item.first.commands.as_slice() {
                [syntax::Command::Simple(simple)] => self.printed(path, simple),
                _ => None,
            },
            _ => None,
        };
        let outer = path.clone();
        match self.list(&list, vec![outer], true).as_slice() {
            [only] => {
                path.absorb(only);
                path.elapsed = only.elapsed;
                if path.unread.is_some() {
                    path.flow = only.flow;
                }
            }
            _ => *path = path.clone().cannot_read(format!("$({text})")),
        }
        printed
    }

    /// What `echo` and `seq` print.
    fn printed(&mut self, path: &mut Path, simple: &syntax::Simple) -> Option<String> {
        let mut words = Vec::new();
        for word in &simple.words {
            words.extend(self.expand(path, word));
        }
        let words: Option<Vec<&str>> = words.iter().map(Argument::known).collect();
        match words?.as_slice() {
            ["echo", "-n", rest @ ..] | ["echo", rest @ ..] => Some(rest.join(" ")),
            ["printf", text] if !text.contains(['%', '\\']) => Some((*text).to_owned()),
            ["seq", last] => Some(sequence(1, 1, last.parse().ok()?)),
            ["seq", first, last] => Some(sequence(first.parse().ok()?, 1, last.parse().ok()?)),
            ["seq", first, step, last] => Some(sequence(
                first.parse().ok()?,
                step.parse().ok().filter(|step| *step != 0)?,
                last.parse().ok()?,
            )),
            _ => None,
        }
    }

    /// `$((…))`: whole numbers, names, `+ - * / %` and brackets.
    fn sum(&mut self, path: &mut Path, text: &str) -> Option<i64> {
        let tokens = sum_tokens(text)?;
        let mut at = 0;
        let value = self.terms(path, &tokens, &mut at)?;
        (at == tokens.len()).then_some(value)
    }

    fn terms(&mut self, path: &mut Path, tokens: &[String], at: &mut usize) -> Option<i64> {
        let mut value = self.factors(path, tokens, at)?;
        while let Some(sign @ ("+" | "-")) = tokens.get(*at).map(String::as_str) {
            *at += 1;
            let next = self.factors(path, tokens, at)?;
            value = if sign == "+" {
                value.checked_add(next)?
            } else {
                value.checked_sub(next)?
            };
        }
        Some(value)
    }

    fn factors(&mut self, path: &mut Path, tokens: &[String], at: &mut usize) -> Option<i64> {
        let mut value = self.factor(path, tokens, at)?;
        while let Some(sign @ ("*" | "/" | "%")) = tokens.get(*at).map(String::as_str) {
            *at += 1;
            let next = self.factor(path, tokens, at)?;
            value = match sign {
                "*" => value.checked_mul(next)?,
                "/" => value.checked_div(next)?,
                _ => value.checked_rem(next)?,
            };
        }
        Some(value)
    }

    fn factor(&mut self, path: &mut Path, tokens: &[String], at: &mut usize) -> Option<i64> {
        let token = tokens.get(*at)?.as_str();
        *at += 1;
        match token {
            "-" => self.factor(path, tokens, at)?.checked_neg(),
            "(" => {
                let value = self.terms(path, tokens, at)?;
                *at += 1;
                (tokens.get(*at - 1).map(String::as_str) == Some(")")).then_some(value)
            }
            number if number.starts_with(|first: char| first.is_ascii_digit()) => {
                number.parse().ok()
            }
            name => self.variable(path, name, None)?.trim().parse().ok(),
        }
    }
}

/// Up to a thousand numbers.
fn sequence(first: i64, step: i64, last: i64) -> String {
    let numbers = (0..1000).map(|i| first.saturating_add(step.saturating_mul(i)));
    let within = numbers.take_while(|number| {
        if step > 0 {
            *number <= last
        } else {
            *number >= last
        }
    });
    within
        .map(|number| number.to_string())
        .collect::<Vec<_>>()
        .join(" ")
}

fn sum_tokens(text: &str) -> Option<Vec<String>> {
    let mut tokens = Vec::new();
    let mut rest = text.replace(['$', '{', '}'], "");
    while let Some(first) = rest.trim_start().chars().next() {
        rest = rest.trim_start().to_owned();
        let length = if first.is_ascii_digit() {
            rest.find(|letter: char| !letter.is_ascii_digit())
                .unwrap_or(rest.len())
        } else if "+-*/%()".contains(first) {
            1
        } else {
            name_length(&rest)
        };
        if length == 0 || tokens.len() > 64 {
            return None;
        }
        let (token, after) = rest.split_at_checked(length)?;
        tokens.push(token.to_owned());
        rest = after.to_owned();
    }
    Some(tokens)
}
