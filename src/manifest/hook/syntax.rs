//! A shell's grammar, as far as preStop hooks use it.

use super::lexer::{self, Kind, Token, Word};

/// Commands one after another.
pub(super) type List = Vec<Item>;

/// One of a list.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) first: Pipeline,
    /// `&&` (true) or `||` (false), and what follows it.
    pub(super) rest: Vec<(bool, Pipeline)>,
    /// Whether it ends in `&`.
    pub(super) background: bool,
    pub(super) text: String,
}

/// `! a | b`
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub(super) negated: bool,
    pub(super) commands: Vec<Command>,
}

/// A command.
#[derive(Debug, Clone)]
pub(super) enum Command {
    Simple(Simple),
    /// `{ … }`
    Group(List),
    /// `( … )`
    Subshell(List),
    If {
        branches: Vec<(List, List)>,
        otherwise: List,
    },
    /// `for name in words`
    For {
        name: String,
        words: Vec<Word>,
        body: List,
        text: String,
    },
    /// `while` and `until`
    Loop {
        until: bool,
        condition: List,
        body: List,
        text: String,
    },
}

/// `A=b program word > file`
#[derive(Debug, Clone)]
pub(super) struct Simple {
    pub(super) assignments: Vec<(String, Word)>,
    pub(super) words: Vec<Word>,
    /// Files that it writes to.
    pub(super) writes: Vec<Word>,
    pub(super) text: String,
}

/// The script as a list; or why it is not read.
pub(super) fn parse(text: &str) -> Result<List, String> {
    let tokens = lexer::tokens(text)?;
    let mut parser = Parser {
        text,
        tokens,
        at: 0,
        depth: 0,
    };
    let list = parser.list(&[])?;
    match parser.tokens.get(parser.at) {
        None => Ok(list),
        Some(token) => Err(format!("a `{}` that does not fit", token.of(text))),
    }
}

/// Keywords that nothing here reads.
const UNREAD: [&str; 5] = ["case", "function", "select", "[[", "coproc"];
/// Groups in groups: nobody writes so many.
const DEEPEST: usize = 40;

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn operator(&self) -> Option<&'static str> {
        match self.tokens.get(self.at)?.kind {
            Kind::Operator(operator) => Some(operator),
            _ => None,
        }
    }

    fn bare(&self) -> Option<&str> {
        match &self.tokens.get(self.at)?.kind {
            Kind::Word(word) => word.bare(),
            _ => None,
        }
    }

    fn eats(&mut self, operator: &str) -> bool {
        let eats = self.operator() == Some(operator);
        self.at += usize::from(eats);
        eats
    }

    fn needs(&mut self, keyword: &str) -> Result<(), String> {
        if self.bare() != Some(keyword) {
            return Err(format!("no `{keyword}` where one belongs"));
        }
        self.at += 1;
        Ok(())
    }

    fn since(&self, start: usize) -> String {
        let from = self
            .tokens
            .get(start)
            .map_or(self.text.len(), |token| token.start);
        let to = self
            .tokens
            .get(self.at.saturating_sub(1))
            .map_or(from, |token| token.end);
        self.text
            .get(from..to.max(from))
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    /// Up to one of these keywords, a `)`, or the end.
    fn list(&mut self, ends: &[&str]) -> Result<List, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("groups within groups".to_owned());
        }
        let mut list = List::new();
        loop {
            while self.eats(";") {}
            let over = self.tokens.get(self.at).is_none() || self.operator() == Some(")");
            if over || self.bare().is_some_and(|word| ends.contains(&word)) {
                self.depth -= 1;
                return Ok(list);
            }
            list.push(self.item()?);
        }
    }

    fn item(&mut self) -> Result<Item, String> {
        let start = self.at;
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        while let Some(operator @ ("&&" | "||")) = self.operator() {
            self.at += 1;
            while self.eats(";") {}
            rest.push((operator == "&&", self.pipeline()?));
        }
        let text = self.since(start);
        let background = self.eats("&");
        if !background
            && self.tokens.get(self.at).is_some()
            && !matches!(self.operator(), Some(";" | ")"))
        {
            return Err(format!("`{}` where a command ends", self.shown()));
        }
        Ok(Item {
            first,
            rest,
            background,
            text,
        })
    }

    fn shown(&self) -> &str {
        self.tokens
            .get(self.at)
            .map_or("the end", |token| token.of(self.text))
    }

    fn pipeline(&mut self) -> Result<Pipeline, String> {
        let mut negated = false;
        while self.bare() == Some("!") {
            negated = !negated;
            self.at += 1;
        }
        let mut commands = vec![self.command()?];
        while self.eats("|") || self.eats("|&") {
            while self.eats(";") {}
            commands.push(self.command()?);
        }
        Ok(Pipeline { negated, commands })
    }

    fn command(&mut self) -> Result<Command, String> {
        let start = self.at;
        if self.eats("(") {
            if self.operator() == Some("(") {
                return Err("a `((`".to_owned());
            }
            let list = self.list(&[])?;
            if !self.eats(")") {
                return Err("a `(` that is not closed".to_owned());
            }
            self.redirections()?;
            return Ok(Command::Subshell(list));
        }
        let command = match self.bare() {
            Some("{") => {
                self.at += 1;
                let list = self.list(&["}"])?;
                self.needs("}")?;
                Command::Group(list)
            }
            Some("if") => self.branches()?,
            Some("for") => self.counted(start)?,
            Some(keyword @ ("while" | "until")) => {
                let until = keyword == "until";
                self.at += 1;
                let condition = self.list(&["do"])?;
                let body = self.body()?;
                Command::Loop {
                    until,
                    condition,
                    body,
                    text: self.since(start),
                }
            }
            Some(keyword) if UNREAD.contains(&keyword) => return Err(format!("a `{keyword}`")),
            _ => return self.simple(),
        };
        self.redirections()?;
        Ok(command)
    }

    fn branches(&mut self) -> Result<Command, String> {
        let (mut branches, mut otherwise) = (Vec::new(), List::new());
        loop {
            self.at += 1; // `if` or `elif`
            let condition = self.list(&["then"])?;
            self.needs("then")?;
            branches.push((condition, self.list(&["elif", "else", "fi"])?));
            if self.bare() != Some("elif") {
                break;
            }
        }
        if self.bare() == Some("else") {
            self.at += 1;
            otherwise = self.list(&["fi"])?;
        }
        self.needs("fi")?;
        Ok(Command::If {
            branches,
            otherwise,
        })
    }

    fn counted(&mut self, start: usize) -> Result<Command, String> {
        self.at += 1;
        let name = self.bare().ok_or("a `for` without a name")?.to_owned();
        self.at += 1;
        self.needs("in")?;
        let mut words = Vec::new();
        while let Some(Token {
            kind: Kind::Word(word),
            ..
        }) = self.tokens.get(self.at)
        {
            words.push(word.clone());
            self.at += 1;
        }
        while self.eats(";") {}
        let body = self.body()?;
        Ok(Command::For {
            name,
            words,
            body,
            text: self.since(start),
        })
    }

    fn body(&mut self) -> Result<List, String> {
        self.needs("do")?;
        let body = self.list(&["done"])?;
        self.needs("done")?;
        Ok(body)
    }

    fn simple(&mut self) -> Result<Command, String> {
        let start = self.at;
        let mut simple = Simple {
            assignments: Vec::new(),
            words: Vec::new(),
            writes: Vec::new(),
            text: String::new(),
        };
        loop {
            simple.writes.extend(self.redirections()?);
            let Some(Token {
                kind: Kind::Word(word),
                ..
            }) = self.tokens.get(self.at)
            else {
                break;
            };
            match assignment(word).filter(|_| simple.words.is_empty()) {
                Some(assignment) => simple.assignments.push(assignment),
                None => simple.words.push(word.clone()),
            }
            self.at += 1;
        }
        if self.at == start {
            return Err(format!("`{}` where a command belongs", self.shown()));
        }
        if self.operator() == Some("(") {
            return Err("a function".to_owned());
        }
        simple.text = self.since(start);
        Ok(Command::Simple(simple))
    }

    /// Redirections that stand here; returns what is written to.
    fn redirections(&mut self) -> Result<Vec<Word>, String> {
        let mut writes = Vec::new();
        while let Some(Token {
            kind: Kind::Redirection { writes: is_written },
            ..
        }) = self.tokens.get(self.at)
        {
            let is_written = *is_written;
            let Some(Token {
                kind: Kind::Word(target),
                ..
            }) = self.tokens.get(self.at + 1)
            else {
                return Err("a redirection to nowhere".to_owned());
            };
            if is_written {
                writes.push(target.clone());
            }
            self.at += 2;
        }
        Ok(writes)
    }
}

/// `NAME=value`
fn assignment(word: &Word) -> Option<(String, Word)> {
    let mut word = word.clone();
    let lexer::Piece::Text {
        text,
        quoted: false,
    } = word.0.first_mut()?
    else {
        return None;
    };
    let length = lexer::name_length(text);
    let (name, value) = text
        .split_at_checked(length)
        .filter(|(name, _)| !name.is_empty())?;
    let (name, value) = (name.to_owned(), value.strip_prefix('=')?.to_owned());
    *text = value;
    Some((name, word))
}
