//! A shell's words: quotes, expansions, operators, redirections (POSIX, and of bash what hooks are written in).

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it stands; whether it was quoted.
    Text { text: String, quoted: bool },
    /// `$NAME`, `${NAME}`, `${NAME:-30}`.
    Variable {
        name: String,
        other: Option<Other>,
        quoted: bool,
    },
    /// `$(…)` or backticks.
    Command(String),
    /// `$((…))`
    Sum(String),
}

/// What `${NAME…}` does to a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Other {
    /// `:-` and `:=`; where `or_empty` is false, `-` and `=`: this, if it is unset.
    Else { word: Word, or_empty: bool },
    /// Anything else: `%`, `#`, `:?`, …
    Strange,
}

/// A word, before it is expanded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Word(pub(super) Vec<Piece>);

/// What a shell reads at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Word(Word),
    /// `;`, `&&`, `|`, `(`, a newline as `;`, …
    Operator(&'static str),
    /// `>`, `2>`, `<`, …: its target is the next word.
    Redirection {
        writes: bool,
    },
}

/// With its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Token {
    /// What is written there.
    pub(super) fn of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// The longest first.
const OPERATORS: [&str; 10] = ["&&", "||", ";;", "|&", ";", "&", "|", "(", ")", "\n"];
const REDIRECTIONS: [(&str, bool); 10] = [
    ("&>>", true),
    ("<<<", false),
    ("&>", true),
    (">>", true),
    (">&", true),
    (">|", true),
    ("<>", true),
    ("<&", false),
    (">", true),
    ("<", false),
];

impl Word {
    /// The word, if nothing of it is quoted or expanded: a keyword is such a one.
    pub(super) fn bare(&self) -> Option<&str> {
        match self.0.as_slice() {
            [
                Piece::Text {
                    text,
                    quoted: false,
                },
            ] => Some(text),
            _ => None,
        }
    }
}

/// The tokens of a script; or why it is not read.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut lexer = Lexer {
        text,
        at: 0,
        depth: 0,
    };
    let mut tokens = Vec::new();
    while lexer.skip_blanks() {
        let start = lexer.at;
        let kind = lexer.token()?;
        tokens.push(Token {
            kind,
            start,
            end: lexer.at,
        });
    }
    Ok(tokens)
}

/// Expansions in expansions: nobody writes so many.
const DEEPEST: usize = 20;

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Blanks, continued lines and comments; whether anything follows.
    fn skip_blanks(&mut self) -> bool {
        loop {
            let rest = self.rest();
            if let Some(joined) = ["\\\n", "\\\r\n"]
                .iter()
                .find(|joined| rest.starts_with(**joined))
            {
                self.at += joined.len();
            } else if rest.starts_with([' ', '\t', '\r']) {
                self.at += 1;
            } else if rest.starts_with('#') {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else {
                return !rest.is_empty();
            }
        }
    }

    fn token(&mut self) -> Result<Kind, String> {
        let digits = self.rest().chars().take_while(char::is_ascii_digit).count();
        let after = self.text.get(self.at + digits..).unwrap_or_default();
        if after.starts_with("<(") || after.starts_with(">(") {
            return Err("a process substitution".to_owned());
        }
        if after.starts_with("<<") && !after.starts_with("<<<") {
            return Err("a here-document".to_owned());
        }
        if let Some((mark, writes)) = REDIRECTIONS
            .iter()
            .find(|(mark, _)| after.starts_with(mark))
        {
            self.at += digits + mark.len();
            return Ok(Kind::Redirection { writes: *writes });
        }
        if let Some(operator) = OPERATORS
            .iter()
            .find(|operator| self.rest().starts_with(**operator))
        {
            self.at += operator.len();
            return Ok(Kind::Operator(if *operator == "\n" {
                ";"
            } else {
                operator
            }));
        }
        Ok(Kind::Word(self.word(&|letter| {
            letter.is_whitespace() || "&|;()<>".contains(letter)
        })?))
    }

    /// A word, up to a letter that ends it.
    fn word(&mut self, ends: &dyn Fn(char) -> bool) -> Result<Word, String> {
        let mut word = Word::default();
        while let Some(next) = self.peek().filter(|next| !ends(*next)) {
            match next {
                '\'' => {
                    self.at += 1;
                    let text = self.until('\'')?;
                    word.0.push(Piece::Text { text, quoted: true });
                }
                '"' => self.double_quoted(&mut word)?,
                '\\' => {
                    self.at += 1;
                    match self.take() {
                        Some('\n') | None => {}
                        Some(letter) => word.0.push(Piece::Text {
                            text: letter.to_string(),
                            quoted: true,
                        }),
                    }
                }
                '$' if self.rest().starts_with("$'") => return Err("a `$'…'`".to_owned()),
                '$' | '`' => self.expansion(&mut word, false)?,
                letter => {
                    self.at += letter.len_utf8();
                    push(&mut word, letter, false);
                }
            }
        }
        Ok(word)
    }

    fn double_quoted(&mut self, word: &mut Word) -> Result<(), String> {
        self.at += 1;
        word.0.push(Piece::Text {
            text: String::new(),
            quoted: true,
        });
        loop {
            match self.peek() {
                None => return Err("a quote that is not closed".to_owned()),
                Some('"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some('\\') => {
                    self.at += 1;
                    match self.take() {
                        Some(letter @ ('"' | '\\' | '$' | '`')) => push(word, letter, true),
                        Some('\n') | None => {}
                        Some(letter) => ['\\', letter]
                            .into_iter()
                            .for_each(|letter| push(word, letter, true)),
                    }
                }
                Some('$' | '`') => self.expansion(word, true)?,
                Some(letter) => {
                    self.at += letter.len_utf8();
                    push(word, letter, true);
                }
            }
        }
    }

    /// At a `$` or a backtick.
    fn expansion(&mut self, word: &mut Word, quoted: bool) -> Result<(), String> {
        if self.take() == Some('`') {
            let text = self.until('`')?;
            word.0.push(Piece::Command(text));
            return Ok(());
        }
        let rest = self.rest();
        if rest.starts_with("((") {
            let inner = self.bracketed('(', ')')?;
            let sum = inner
                .strip_prefix('(')
                .and_then(|inner| inner.strip_suffix(')'));
            word.0.push(Piece::Sum(
                sum.ok_or("a `$((…))` that is not closed")?.to_owned(),
            ));
        } else if rest.starts_with('(') {
            let text = self.bracketed('(', ')')?;
            word.0.push(Piece::Command(text));
        } else if rest.starts_with('{') {
            let text = self.bracketed('{', '}')?;
            word.0.push(variable(&text, quoted, self.depth + 1)?);
        } else {
            let length = name_length(rest);
            // `$?`, `$!`, `$$`, `$1`, …: nobody knows.
            let length = if length == 0 {
                rest.chars()
                    .next()
                    .filter(|next| "?!$@*#-0123456789".contains(*next))
                    .map_or(0, char::len_utf8)
            } else {
                length
            };
            let name = rest.get(..length).unwrap_or_default().to_owned();
            self.at += length;
            if name.is_empty() {
                push(word, '$', quoted);
            } else {
                word.0.push(Piece::Variable {
                    name,
                    other: None,
                    quoted,
                });
            }
        }
        Ok(())
    }

    /// From an opening bracket to its counterpart, quotes minded.
    fn bracketed(&mut self, open: char, close: char) -> Result<String, String> {
        let start = self.at + open.len_utf8();
        let (mut depth, mut quote) = (0, None);
        while let Some(next) = self.take() {
            match (quote, next) {
                (Some(mark), _) if mark == next => quote = None,
                (None, '\'' | '"') => quote = Some(next),
                (None | Some('"'), '\\') => drop(self.take()),
                (None, _) if next == open => depth += 1,
                (None, _) if next == close => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(self
                            .text
                            .get(start..self.at - close.len_utf8())
                            .unwrap_or_default()
                            .to_owned());
                    }
                }
                _ => {}
            }
        }
        Err(format!("a `{open}` that is not closed"))
    }

    fn until(&mut self, end: char) -> Result<String, String> {
        let rest = self.rest();
        let text = rest
            .split_once(end)
            .ok_or("a quote that is not closed")?
            .0
            .to_owned();
        self.at += text.len() + end.len_utf8();
        Ok(text)
    }
}

fn push(word: &mut Word, letter: char, quoted: bool) {
    match word.0.last_mut() {
        Some(Piece::Text { text, quoted: same }) if *same == quoted => text.push(letter),
        _ => word.0.push(Piece::Text {
            text: letter.to_string(),
            quoted,
        }),
    }
}

/// Letters of the variable's name that a text begins with.
pub(super) fn name_length(text: &str) -> usize {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return 0;
    }
    text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .unwrap_or(text.len())
}

/// What stands between `${` and `}`.
fn variable(text: &str, quoted: bool, depth: usize) -> Result<Piece, String> {
    if depth > DEEPEST {
        return Err("expansions within expansions".to_owned());
    }
    let length = name_length(text);
    let (name, rest) = text.split_at(length);
    let or_empty = rest.starts_with(':');
    let other = match rest
        .strip_prefix(':')
        .unwrap_or(rest)
        .strip_prefix(['-', '='])
    {
        _ if rest.is_empty() && length > 0 => None,
        Some(default) if length > 0 => {
            let word = Lexer {
                text: default,
                at: 0,
                depth,
            }
            .word(&|_| false)?;
            Some(Other::Else { word, or_empty })
        }
        _ => Some(Other::Strange),
    };
    Ok(Piece::Variable {
        name: name.to_owned(),
        other,
        quoted,
    })
}
