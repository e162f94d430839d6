//! As much of Rust's grammar as the shape of the house needs: tokens, paths, functions, and which
//! of them are compiled for tests only.

/// A file, cut into tokens. Comments stand aside; what is in a literal is nobody's name.
pub struct Source<'a> {
    tokens: Vec<Token<'a>>,
    comments: Vec<(usize, &'a str)>,
}

/// An identifier, a literal or a punctuation mark; `::` is one mark.
#[derive(Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    line: usize,
    name: bool,
    test: bool,
}

/// A path as written, with the inline modules that it stands in.
pub struct Path<'a> {
    pub segments: Vec<&'a str>,
    pub inside: Vec<&'a str>,
    pub line: usize,
    pub test: bool,
}

/// A function with a body, and how many lines it has from `fn` to its last brace.
pub struct Function<'a> {
    pub name: &'a str,
    pub line: usize,
    pub lines: usize,
}

impl<'a> Source<'a> {
    pub fn parse(text: &'a str) -> Source<'a> {
        let mut source = Source {
            tokens: Vec::new(),
            comments: Vec::new(),
        };
        let (mut rest, mut line) = (text, 1);
        while let Some(first) = rest.chars().next() {
            let (kind, length) = lexeme(rest, first);
            let (lexeme, after) = rest.split_at(length);
            match kind {
                Lexeme::Blank => {}
                Lexeme::Comment => source.comments.push((line, lexeme)),
                Lexeme::Name => source.tokens.push(Token {
                    text: lexeme,
                    line,
                    name: true,
                    test: false,
                }),
                Lexeme::Other => source.tokens.push(Token {
                    text: lexeme,
                    line,
                    name: false,
                    test: false,
                }),
            }
            line += lexeme.matches('\n').count();
            rest = after;
        }
        source.mark_tests();
        source
    }

    pub fn comments(&self) -> impl Iterator<Item = (usize, &'a str)> + '_ {
        self.comments.iter().copied()
    }

    /// Identifiers and keywords.
    pub fn names(&self) -> impl Iterator<Item = (usize, &'a str)> + '_ {
        self.tokens
            .iter()
            .filter(|token| token.name)
            .map(|token| (token.line, token.text))
    }

    /// Lines on which these tokens follow each other.
    pub fn lines_with(&self, wanted: &[&str]) -> Vec<usize> {
        let same = |window: &&[Token]| {
            window
                .iter()
                .zip(wanted)
                .all(|(token, text)| token.text == *text)
        };
        self.tokens
            .windows(wanted.len())
            .filter(same)
            .map(|window| window[0].line)
            .collect()
    }

    /// Every path of two segments or more, `use` trees spread out, and every `use` of a single name.
    pub fn paths(&self) -> Vec<Path<'a>> {
        let (mut paths, mut inside, mut depth, mut at) = (Vec::new(), Vec::new(), 0, 0);
        while at < self.tokens.len() {
            match self.text(at) {
                "mod" if self.text(at + 2) == "{" => inside.push((self.text(at + 1), depth)),
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    inside.pop_if(|(_, outer)| *outer == depth);
                }
                _ => {}
            }
            let used = at > 0 && self.text(at - 1) == "use";
            if self.tokens[at].name && !self.continues(at) && (used || self.text(at + 1) == "::") {
                let modules: Vec<_> = inside.iter().map(|(name, _)| *name).collect();
                at = self.tree(at, &[], &modules, &mut paths);
            } else {
                at += 1;
            }
        }
        paths
    }

    /// Whether the token goes on with a path or a method call, rather than beginning a path.
    fn continues(&self, at: usize) -> bool {
        let before = |steps: usize| at.checked_sub(steps).map_or("", |at| self.text(at));
        match before(1) {
            "::" => {
                before(2) == ">"
                    || at >= 2 && self.tokens[at - 2].name && !matches!(before(2), "use" | "as")
            }
            "." => before(2) != ".",
            _ => false,
        }
    }

    /// Reads one branch of a `use` tree, or a path in an expression; returns the token after it.
    fn tree(
        &self,
        mut at: usize,
        trunk: &[&'a str],
        inside: &[&'a str],
        paths: &mut Vec<Path<'a>>,
    ) -> usize {
        let (line, test) = (self.tokens[at].line, self.tokens[at].test);
        let mut segments = trunk.to_vec();
        while self.tokens.get(at).is_some_and(|token| token.name) {
            segments.push(self.text(at));
            at += 1;
            if self.text(at) != "::" {
                break;
            }
            at += 1;
        }
        if self.text(at) != "{" || self.text(at - 1) != "::" {
            paths.push(Path {
                segments,
                inside: inside.to_vec(),
                line,
                test,
            });
            return at;
        }
        while at < self.tokens.len() && self.text(at) != "}" {
            let branch = matches!(self.text(at), "{" | ",");
            at += 1;
            if branch && self.tokens.get(at).is_some_and(|token| token.name) {
                at = self.tree(at, &segments, inside, paths);
            }
        }
        at + 1
    }

    pub fn functions(&self) -> Vec<Function<'a>> {
        let starts =
            (1..self.tokens.len()).filter(|&at| self.text(at - 1) == "fn" && self.tokens[at].name);
        let body = |at: usize| {
            let end = self.end_of_item(at);
            let line = self.tokens[at].line;
            Function {
                name: self.text(at),
                line,
                lines: self.tokens[end - 1].line - line + 1,
            }
        };
        starts.map(body).collect()
    }

    /// Marks what stands under a `#[cfg(test)]`, or the whole file under a `#![cfg(test)]`.
    fn mark_tests(&mut self) {
        for at in 0..self.tokens.len() {
            let inner = usize::from(self.text(at + 1) == "!");
            if self.text(at) != "#"
                || self.text(at + 1 + inner) != "["
                || self.text(at + 2 + inner) != "cfg"
            {
                continue;
            }
            let close = self.matching(at + 1 + inner);
            let condition = &self.tokens[at..close];
            let has = |word: &str| condition.iter().any(|token| token.text == word);
            if has("test") && !has("not") {
                let end = if inner == 1 {
                    self.tokens.len()
                } else {
                    self.end_of_item(close)
                };
                self.tokens[at..end]
                    .iter_mut()
                    .for_each(|token| token.test = true);
            }
        }
    }

    /// The token after the item that starts at `at`, attributes before it included.
    fn end_of_item(&self, mut at: usize) -> usize {
        while at < self.tokens.len() {
            match self.text(at) {
                "(" | "[" => at = self.matching(at),
                "{" => return self.matching(at),
                ";" => return at + 1,
                _ => at += 1,
            }
        }
        at
    }

    /// The token after the bracket that closes the one at `open`.
    fn matching(&self, open: usize) -> usize {
        let mut depth = 0;
        for at in open..self.tokens.len() {
            match self.text(at) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return at + 1;
            }
        }
        self.tokens.len()
    }

    fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.text)
    }
}

enum Lexeme {
    Blank,
    Comment,
    Name,
    Other,
}

/// What `text` begins with, and its length in bytes.
fn lexeme(text: &str, first: char) -> (Lexeme, usize) {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let while_name = text.find(|c| !is_name(c)).unwrap_or(text.len());
    if first.is_whitespace() {
        (
            Lexeme::Blank,
            text.find(|c: char| !c.is_whitespace())
                .unwrap_or(text.len()),
        )
    } else if text.starts_with("//") {
        (Lexeme::Comment, text.find('\n').unwrap_or(text.len()))
    } else if text.starts_with("/*") {
        (Lexeme::Comment, block_comment(text))
    } else if let Some(length) = string(text) {
        (Lexeme::Other, length)
    } else if text.starts_with("::") {
        (Lexeme::Other, 2)
    } else if first == '\'' {
        (Lexeme::Other, character_or_lifetime(text, is_name))
    } else if first.is_ascii_digit() {
        (Lexeme::Other, while_name)
    } else if is_name(first) {
        (Lexeme::Name, while_name)
    } else {
        (Lexeme::Other, first.len_utf8())
    }
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (1, 2);
    while depth > 0 {
        match (text[at..].find("/*"), text[at..].find("*/")) {
            (Some(open), Some(close)) if open < close => (depth, at) = (depth + 1, at + open + 2),
            (_, Some(close)) => (depth, at) = (depth - 1, at + close + 2),
            _ => return text.len(),
        }
    }
    at
}

/// The length of the string literal at the start, if there is one: plain, byte, C or raw.
fn string(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let after = text.strip_prefix(*prefix).unwrap_or_default();
        after.starts_with('"')
            || prefix.ends_with('r') && after.trim_start_matches('#').starts_with('"')
    })?;
    let body = &text[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = body.find('"')?;
        let end = format!("\"{}", &body[..hashes]);
        let length = body[hashes + 1..]
            .find(&end)
            .map_or(body.len(), |at| hashes + 1 + at + end.len());
        return Some(prefix.len() + length);
    }
    Some(prefix.len() + quoted(body, '"'))
}

/// The length of a literal in single or double quotes, with escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn character_or_lifetime(text: &str, is_name: impl Fn(char) -> bool) -> usize {
    let mut after = text.chars().skip(1);
    match (after.next(), after.next()) {
        (Some('\\'), _) | (_, Some('\'')) => quoted(text, '\''),
        _ => text[1..]
            .find(|c| !is_name(c))
            .map_or(text.len(), |end| 1 + end),
    }
}
