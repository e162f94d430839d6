//! The first stage of input: exactly what was written, and where.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::disturbances::{self, Written};
use super::keys::{self, Kind};
use super::layer::{Layer, Leaf, Source};
use super::project::Settled;
use super::target_groups;
use crate::error::Error;

/// A scenario file is text that people write; anything longer is something else.
const LONGEST: u64 = 1 << 20;

/// Steps beyond this are no rollout.
const MOST_STEPS: usize = 100;

/// A scenario as it was written: a text, and edits on top of it.
#[derive(Debug, Clone)]
pub struct Document {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// One line of TOML each, in order.
    edits: Vec<Edit>,
    /// What of it comes from the project's own file.
    pub settled: Option<Settled>,
}

#[derive(Debug, Clone)]
struct Edit {
    key: String,
    line: String,
    /// The option or the file that gave it.
    origin: PathBuf,
}

/// What edits come from unless something else is said.
const OPTION: &str = "--set";

/// A document taken apart: keys of the file under the edits, the steps, and the weather.
pub(super) struct Layers<'a> {
    pub(super) file: Layer<'a>,
    pub(super) steps: Vec<Layer<'a>>,
    pub(super) disturbances: Vec<Written<'a>>,
    pub(super) other_target_groups: Vec<target_groups::Written<'a>>,
    pub(super) sweep: Layer<'a>,
}

impl Document {
    /// Reads a file; `-` is stdin.
    ///
    /// # Errors
    /// It cannot be read, or [`Document::parse`] refuses it.
    pub fn read(path: &Path) -> Result<Document, Error> {
        Document::open(path)?.or_empty()
    }

    /// Reads a file in which nothing need be said.
    pub(super) fn open(path: &Path) -> Result<Document, Error> {
        let (name, bytes) = if path == Path::new("-") {
            (Path::new("<stdin>"), bytes(std::io::stdin().lock()))
        } else {
            (
                path,
                std::fs::File::open(path)
                    .and_then(refuse_directory)
                    .and_then(bytes),
            )
        };
        let bytes = bytes.map_err(|error| {
            Error::input(format!("cannot read the scenario: {error}")).in_file(name)
        })?;
        Document::of(name, &decode(bytes).map_err(|error| error.in_file(name))?)
    }

    /// Takes a text for the scenario file `path`.
    ///
    /// # Errors
    /// The text is no TOML, or has a key that no scenario has.
    pub fn parse(path: &Path, text: &str) -> Result<Document, Error> {
        Document::of(path, text)?.or_empty()
    }

    fn of(path: &Path, text: &str) -> Result<Document, Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let document = Document {
            path: path.to_owned(),
            text,
            edits: Vec::new(),
            settled: None,
        };
        document.layers()?;
        Ok(document)
    }

    fn or_empty(self) -> Result<Document, Error> {
        if self.layers()?.are_empty() {
            return Err(Error::input("the scenario is empty")
                .in_file(&self.path)
                .hint("every key has a default, but one must be given: name = \"…\""));
        }
        Ok(self)
    }

    /// Sets a dotted key, in place of what the file says: `pod.pre_stop` to `20s`. The value is
    /// TOML, or a bare word or span.
    ///
    /// # Errors
    /// There is no such key, or the value is no value. Whether the value suits the key is left to
    /// [`Document::resolve`].
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        self.set_from(key, value, Path::new(OPTION))
    }

    /// As [`Document::set`], for a file or an option that errors name.
    ///
    /// # Errors
    /// As [`Document::set`].
    pub fn set_from(&mut self, key: &str, value: &str, origin: &Path) -> Result<(), Error> {
        let line = format!("{key} = {}", Document::value_in_toml(key, value)?);
        self.edits.push(Edit {
            key: key.to_owned(),
            line,
            origin: origin.to_owned(),
        });
        self.layers().map(drop).inspect_err(|_| {
            self.edits.pop();
        })
    }

    /// A value of a dotted key as a scenario file would write it: `20s` as `"20s"`.
    ///
    /// # Errors
    /// There is no such key, or the value has several lines.
    pub fn value_in_toml(key: &str, value: &str) -> Result<String, Error> {
        if keys::kind(key).is_none()
            || [target_groups::TABLE, "step", "disturbance", "sweep"]
                .iter()
                .any(|array| key.split('.').next() == Some(array))
        {
            let error = Error::input(format!("unknown key `{key}`"));
            return Err(error.hint(keys::dotted_suggestion(key)));
        }
        if value.contains(['\n', '\r']) {
            return Err(Error::input(format!(
                "the value of `{key}` must stand on one line"
            )));
        }
        let is_value = !is_text(key) && DeTable::parse(&format!("{key} = {value}")).is_ok();
        Ok(if is_value {
            value.to_owned()
        } else {
            toml::Value::String(value.trim().to_owned()).to_string()
        })
    }

    /// Where the value of a key, or the first of a table, stands in the file: line and column, from 1,
    /// and the line. Nothing if the file leaves it out, or an edit replaced it.
    pub fn place_of(&self, key: &str) -> Option<(usize, usize, &str)> {
        let layers = self.layers().ok()?;
        let table = format!("{key}.");
        let leaf = layers.file.get(key).or_else(|| {
            layers
                .file
                .iter()
                .find(|(other, _)| other.starts_with(&table))
                .map(|(_, leaf)| leaf)
        })?;
        let start = leaf.value.span().start;
        let before = (leaf.source.path == self.path)
            .then(|| self.text.get(..start))
            .flatten()?;
        let row = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        Some((
            row,
            column,
            self.text.lines().nth(row - 1).unwrap_or_default(),
        ))
    }

    /// The dotted keys that the file gives, each with its value as [`Document::set`] takes it.
    ///
    /// # Errors
    /// It has steps, disturbances or a sweep, which are no settings of any other scenario.
    pub fn settings(&self) -> Result<Vec<(String, String)>, Error> {
        let mut layers = self.layers()?;
        let file = std::mem::take(&mut layers.file);
        if !layers.are_empty() {
            let words = "steps, disturbances, further target groups and sweeps belong to one scenario, not to all";
            return Err(Error::input(words).in_file(&self.path));
        }
        let value = |leaf: &Leaf<'_>| match leaf.value.get_ref() {
            DeValue::String(text) => text.to_string(),
            // An empty table has its heading for a span.
            DeValue::Table(table) if table.is_empty() => "{}".to_owned(),
            _ => leaf
                .source
                .text
                .get(leaf.value.span())
                .unwrap_or_default()
                .to_owned(),
        };
        Ok(file
            .iter()
            .map(|(key, leaf)| (key.clone(), value(leaf)))
            .collect())
    }

    /// The file's name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What [`Document::from_parts`] makes the same document from: path, text, and each edit's key and line.
    pub fn parts(&self) -> (&Path, &str, impl Iterator<Item = (&str, &str)>) {
        let edits = self
            .edits
            .iter()
            .map(|edit| (edit.key.as_str(), edit.line.as_str()));
        (&self.path, &self.text, edits)
    }

    /// The document that [`Document::parts`] took apart.
    ///
    /// # Errors
    /// The parts are not those of a document.
    pub fn from_parts(
        path: &Path,
        text: &str,
        edits: Vec<(String, String)>,
    ) -> Result<Document, Error> {
        let edits = edits
            .into_iter()
            .map(|(key, line)| Edit {
                key,
                line,
                origin: PathBuf::from(OPTION),
            })
            .collect();
        let document = Document {
            path: path.to_owned(),
            text: text.to_owned(),
            edits,
            settled: None,
        };
        document.layers()?;
        Ok(document)
    }

    /// Takes the document apart.
    pub(super) fn layers(&self) -> Result<Layers<'_>, Error> {
        let source = Source {
            path: &self.path,
            text: &self.text,
        };
        let mut table = source.parse()?;
        let steps = table
            .remove("step")
            .map(|value| steps(source, value))
            .transpose()?
            .unwrap_or_default();
        let disturbances = table
            .remove("disturbance")
            .map(|value| disturbances::written(source, value));
        let disturbances = disturbances.transpose()?.unwrap_or_default();
        let others = table
            .remove(target_groups::TABLE)
            .map(|value| target_groups::written(source, value));
        let other_target_groups = others.transpose()?.unwrap_or_default();
        let sweep = table
            .remove("sweep")
            .map(|value| sweep(source, value))
            .transpose()?
            .unwrap_or_default();
        let mut file = Layer::new();
        source.flatten("", table, &mut file)?;
        for edit in &self.edits {
            let below = format!("{}.", edit.key);
            file.retain(|key, _| key != &edit.key && !key.starts_with(&below));
            let source = Source {
                path: &edit.origin,
                text: &edit.line,
            };
            source.flatten("", source.parse()?, &mut file)?;
        }
        Ok(Layers {
            file,
            steps,
            disturbances,
            other_target_groups,
            sweep,
        })
    }
}

impl Layers<'_> {
    fn are_empty(&self) -> bool {
        let Layers {
            file,
            steps,
            disturbances,
            other_target_groups,
            sweep,
        } = self;
        file.is_empty()
            && steps.is_empty()
            && disturbances.is_empty()
            && other_target_groups.is_empty()
            && sweep.is_empty()
    }

    /// The dotted keys that somebody gave.
    pub(super) fn given(&self) -> BTreeSet<String> {
        let steps = self.steps.iter().flat_map(|step| step.keys());
        let sweep = self.sweep.keys().map(|key| format!("sweep.{key}"));
        let disturbances = self
            .disturbances
            .iter()
            .flat_map(|written| written.layer.keys());
        let groups = self
            .other_target_groups
            .iter()
            .flat_map(|written| written.layer.keys());
        self.file
            .keys()
            .chain(steps)
            .chain(disturbances)
            .chain(groups)
            .cloned()
            .chain(sweep)
            .collect()
    }
}

fn refuse_directory(file: std::fs::File) -> std::io::Result<std::fs::File> {
    if file.metadata()?.is_dir() {
        Err(std::io::ErrorKind::IsADirectory.into())
    } else {
        Ok(file)
    }
}

fn bytes(reader: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(LONGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn decode(bytes: Vec<u8>) -> Result<String, Error> {
    if bytes.len() as u64 > LONGEST {
        return Err(Error::too_large("the scenario is longer than 1 MiB"));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Error::input("the scenario is UTF-16 text").hint("save it as UTF-8"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let row = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count()
            + 1;
        Error::input(format!("line {row} is not UTF-8 text")).hint("save the scenario as UTF-8")
    })
}

/// Keys whose value is a text even where it looks like a number: `1.30` is a version, not 1.3.
fn is_text(key: &str) -> bool {
    matches!(
        key,
        "name" | "description" | "cluster.kubernetes" | "lbc.version"
    )
}

fn steps<'a>(
    source: Source<'a>,
    value: toml::Spanned<DeValue<'a>>,
) -> Result<Vec<Layer<'a>>, Error> {
    let span = value.span();
    let DeValue::Array(array) = value.into_inner() else {
        return Err(source
            .error("`step` is a list", span)
            .hint("write [[step]], with two brackets, for each step"));
    };
    if array.len() > MOST_STEPS {
        return Err(source.error(
            format!("{} steps are more than {MOST_STEPS}", array.len()),
            span,
        ));
    }
    let mut steps = Vec::new();
    for item in array {
        let span = item.span();
        let DeValue::Table(table) = item.into_inner() else {
            return Err(source
                .error("a step is a table", span)
                .hint("[[step]] at = \"0s\", set = { replicas = 8 }"));
        };
        let mut layer = Layer::new();
        source.flatten("step", table, &mut layer)?;
        if !layer.keys().any(|key| key.starts_with("step.set.")) {
            return Err(source
                .error("this step changes nothing", span)
                .hint("set = { revision = \"new\" }, { replicas = 8 }, { paused = true }, { delete_pods = 1 }, …"));
        }
        steps.push(layer);
    }
    Ok(steps)
}

/// The keys of a sweep are dotted keys in quotes; their values are left as they are.
fn sweep<'a>(source: Source<'a>, value: toml::Spanned<DeValue<'a>>) -> Result<Layer<'a>, Error> {
    let span = value.span();
    let DeValue::Table(table) = value.into_inner() else {
        return Err(source
            .error("`sweep` is a table of keys", span)
            .hint("write its keys below a line [sweep]"));
    };
    let mut layer = Layer::new();
    for (name, value) in table {
        let key = name.get_ref().to_string();
        if !keys::is_swept(&key) {
            let hint = if keys::kind(&key) == Some(Kind::Group) {
                format!("write the whole key in quotes: \"{key}.…\" = […]")
            } else {
                keys::dotted_suggestion(&key)
            };
            return Err(source
                .error(
                    format!("`{key}` is no key that a sweep can vary"),
                    name.span(),
                )
                .hint(hint));
        }
        if !(value.get_ref().is_array() || value.get_ref().is_str()) {
            return Err(source
                .error(
                    format!("`{key}`: a sweep needs several values"),
                    value.span(),
                )
                .hint(
                    "a list like [\"0s\", \"10s\"], or a range with a step like \"0s..30s/5s\"",
                ));
        }
        layer.insert(
            key.clone(),
            Leaf {
                written: key,
                value,
                source,
            },
        );
    }
    Ok(layer)
}
