//! Folders, which may be whole repositories: which of their files may be manifests, and why the others are none.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::source::{self, Source};
use super::yaml::{self, Value};
use crate::error::Error;
use crate::escape;
use crate::visited::Visited;

/// So many files are a mistake, not a repository.
const MOST_FILES: usize = 10_000;

/// Folders of other people's files, which packaging tools put there.
const OTHER_PEOPLES: [&str; 6] = [
    "node_modules",
    "bower_components",
    "vendor",
    "venv",
    "site-packages",
    "__pycache__",
];

const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What is known by its name or the start of its name, and is no manifest.
const KNOWN: [(&str, &str); 18] = [
    ("Chart.", "part of a Helm chart"),
    ("values", "values of a chart"),
    ("requirements.", "a chart's dependencies"),
    ("docker-compose", "a Compose file"),
    ("compose.", "a Compose file"),
    ("package", "a package of npm"),
    ("tsconfig", "settings of TypeScript"),
    ("jsconfig", "settings of JavaScript"),
    ("composer.", "a package of PHP"),
    ("pnpm-", "a package of pnpm"),
    ("openapi", "a description of an API"),
    ("swagger", "a description of an API"),
    ("mkdocs", "settings of MkDocs"),
    ("buildspec", "settings of a pipeline"),
    ("bitbucket-pipelines", "settings of a pipeline"),
    ("azure-pipelines", "settings of a pipeline"),
    ("serverless.", "settings of the Serverless Framework"),
    ("renovate.", "settings of Renovate"),
];

/// A file, a folder, or a document of a file that was found in a folder and is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// It, or the file that it stands in.
    pub path: PathBuf,
    /// The line that it starts at, where the rest of the file is read.
    pub row: Option<usize>,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.row.map(|row| format!(":{row}")).unwrap_or_default();
        write!(
            f,
            "{}{row}: {}",
            escape::line(&self.path.to_string_lossy()),
            escape::line(&self.reason)
        )
    }
}

/// A folder that a tool makes manifests of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The folder.
    pub folder: PathBuf,
    /// Whether it is a Helm chart; else it is a kustomization.
    pub is_chart: bool,
}

impl Rendered {
    /// What makes manifests of it and hands them to a command of rollcast.
    pub fn pipe(&self, command: &str) -> String {
        let tool = if self.is_chart {
            "helm template"
        } else {
            "kustomize build"
        };
        format!(
            "{tool} {} | rollcast {command} -",
            escape::shell(&self.folder.to_string_lossy())
        )
    }
}

/// What is in a folder.
#[derive(Debug)]
pub(super) struct Contents {
    /// Nothing is in it that could be a manifest, read before or not.
    pub(super) is_empty: bool,
    /// What may be manifests, by name.
    pub(super) files: Vec<PathBuf>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) rendered: Vec<Rendered>,
    kustomizations: Vec<PathBuf>,
}

/// Looks through a folder and those in it, past what was visited before.
///
/// # Errors
/// It cannot be read, it is too deep, or there are too many files in it.
pub(super) fn contents(folder: &Path, visited: &mut Visited) -> Result<Contents, Error> {
    let (files, skipped, rendered, kustomizations) = Default::default();
    let mut contents = Contents {
        is_empty: true,
        files,
        skipped,
        rendered,
        kustomizations,
    };
    contents.walk(folder, 0, None, visited)?;
    if contents.files.len() > MOST_FILES {
        return Err(Error::too_large(format!("more than {MOST_FILES} manifests")).in_file(folder));
    }
    contents.leave_out_patches();
    Ok(contents)
}

impl Contents {
    fn skip(&mut self, path: &Path, reason: impl Into<String>) {
        self.is_empty = false;
        self.skipped.push(Skipped {
            path: path.to_owned(),
            row: None,
            reason: reason.into(),
        });
    }

    /// `chart`: the chart that the folder is part of.
    fn walk(
        &mut self,
        folder: &Path,
        depth: usize,
        chart: Option<&Path>,
        visited: &mut Visited,
    ) -> Result<(), Error> {
        if self.files.len() > MOST_FILES {
            return Ok(());
        }
        if !visited.enter(folder, depth)? {
            self.is_empty = false;
            return Ok(());
        }
        let paths = match entries(folder) {
            Ok(paths) => paths,
            Err(error) if depth == 0 => {
                return Err(
                    Error::input(format!("cannot read the folder: {error}")).in_file(folder)
                );
            }
            Err(error) => {
                self.skip(folder, format!("cannot be read: {error}"));
                return Ok(());
            }
        };
        let is_chart = paths.iter().any(|path| path.ends_with("Chart.yaml"));
        if is_chart && chart.is_none() {
            self.rendered.push(Rendered {
                folder: folder.to_owned(),
                is_chart,
            });
        }
        let chart = if is_chart { Some(folder) } else { chart };
        for path in paths {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            if path.is_dir() {
                self.folder(&path, &name, depth, chart, visited)?;
            } else {
                self.file(path, &name, chart == Some(folder), |path| {
                    visited.enter(path, depth)
                })?;
            }
        }
        Ok(())
    }

    fn folder(
        &mut self,
        path: &Path,
        name: &str,
        depth: usize,
        chart: Option<&Path>,
        visited: &mut Visited,
    ) -> Result<(), Error> {
        if name == ".git" {
            return Ok(());
        }
        if name.starts_with('.') {
            self.skip(path, "a hidden folder");
        } else if OTHER_PEOPLES.contains(&name) {
            self.skip(path, "a folder of other people's files");
        } else if name == "templates" && chart.is_some_and(|chart| path.parent() == Some(chart)) {
            self.skip(path, "templates of a Helm chart");
        } else {
            self.walk(path, depth.saturating_add(1), chart, visited)?;
        }
        Ok(())
    }

    /// `of_chart`: it lies beside a Chart.yaml.
    fn file(
        &mut self,
        path: PathBuf,
        name: &str,
        of_chart: bool,
        is_new: impl FnOnce(&Path) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let is_yaml = path
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml");
        if KUSTOMIZATIONS.contains(&name) {
            self.skip(&path, "a kustomization");
            self.kustomizations.push(path);
        } else if of_chart && is_yaml {
            self.skip(&path, "part of a Helm chart");
        } else if is_yaml
            || path
                .extension()
                .is_some_and(|end| end == "json" || end == "jsonl" || end == "ndjson")
        {
            self.is_empty = false;
            if !path.is_file() {
                // It might never end.
                self.skip(
                    &path,
                    "no file: a pipe, a device, or a link that leads nowhere",
                );
            } else if is_new(&path)? {
                self.files.push(path);
            }
        }
        Ok(())
    }

    /// What a kustomization changes objects with are no objects; what another one builds on is not built by itself.
    fn leave_out_patches(&mut self) {
        let mut bases = BTreeSet::new();
        let mut built = Vec::new();
        for file in std::mem::take(&mut self.kustomizations) {
            let folder = file.parent().unwrap_or(Path::new("")).to_owned();
            let named = Named::read(&file);
            let real = |name: &String| std::fs::canonicalize(folder.join(name)).ok();
            bases.extend(named.bases.iter().filter_map(real));
            let patches: BTreeSet<PathBuf> = named.patches.iter().filter_map(real).collect();
            let is_patch = |path: &PathBuf| {
                std::fs::canonicalize(path).is_ok_and(|path| patches.contains(&path))
            };
            let (out, rest) = std::mem::take(&mut self.files)
                .into_iter()
                .partition(is_patch);
            self.files = rest;
            let out: Vec<PathBuf> = out;
            out.iter()
                .for_each(|path| self.skip(path, format!("a patch of {}", file.display())));
            if !named.is_component {
                built.push(folder);
            }
        }
        let is_base = |folder: &PathBuf| {
            std::fs::canonicalize(folder).is_ok_and(|folder| bases.contains(&folder))
        };
        built.retain(|folder| !is_base(folder));
        self.rendered
            .extend(built.into_iter().map(|folder| Rendered {
                folder,
                is_chart: false,
            }));
    }
}

/// What is in a folder itself, by name.
fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// The files and folders that a kustomization names.
#[derive(Default)]
struct Named {
    patches: Vec<String>,
    bases: Vec<String>,
    is_component: bool,
}

impl Named {
    /// One that cannot be read names none: kustomize says what is wrong with it.
    fn read(file: &Path) -> Named {
        let mut named = Named::default();
        let documents = source::open(file.to_owned()).and_then(|source| yaml::documents(&source));
        for document in documents.unwrap_or_default() {
            let Value::Map(map) = &document.node.value else {
                continue;
            };
            for (key, node) in map.iter() {
                match (key.as_str(), &node.value) {
                    ("kind", Value::Text(kind)) => named.is_component = kind == "Component",
                    ("resources" | "bases" | "components", Value::List(items)) => {
                        named
                            .bases
                            .extend(items.iter().filter_map(|item| text(&item.value)));
                    }
                    (
                        "patches"
                        | "patchesStrategicMerge"
                        | "patchesJson6902"
                        | "replacements"
                        | "transformers"
                        | "generators"
                        | "configurations"
                        | "helmCharts",
                        Value::List(items),
                    ) => named
                        .patches
                        .extend(items.iter().filter_map(|item| path(&item.value))),
                    _ => {}
                }
            }
        }
        named
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

/// `- FILE`, `- path: FILE`, `- valuesFile: FILE`
fn path(item: &Value) -> Option<String> {
    match item {
        Value::Map(map) => ["path", "valuesFile"]
            .iter()
            .find_map(|key| text(&map.get(key)?.value)),
        item => text(item),
    }
}

/// Why a file that holds no object is none of rollcast's business.
pub(super) fn no_manifest(path: &Path) -> &'static str {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    let known = KNOWN
        .iter()
        .find(|(start, _)| name.starts_with(start))
        .map(|(_, what)| *what);
    known.unwrap_or("no Kubernetes object: `apiVersion` or `kind` is missing")
}

/// Whether a text that cannot be read was meant to be a manifest: both fields stand at the start of a line.
pub(super) fn looks_like_manifest(source: &Arc<Source>) -> bool {
    ["apiVersion:", "kind:"]
        .iter()
        .all(|field| source.text.lines().any(|line| line.starts_with(field)))
}
