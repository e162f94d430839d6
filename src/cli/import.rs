//! `rollcast import`: scenarios from Kubernetes manifests.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use rollcast::error::Error;
use rollcast::manifest::{self, Draft, Given};

use super::charts::Names;
use super::configuration::Flag;
use super::output::{self, Delivery};
use super::terminal::Terminal;
use super::{interrupt, options, progress};

const EXAMPLES: &str = "\
Examples:
  rollcast import deployment.yaml service.yaml ingress.yaml > app.toml
  helm template shop | rollcast import - --rate 250          say how many requests there are
  kubectl get deploy,svc,ingress,ns -o yaml | rollcast import - --directory scenarios
  rollcast import k8s/ --set app.profile=spring-boot-3.4     what no manifest says

Each value is followed by the line that it comes from, or by what is assumed in its place; assumed
values stand in comments, so that a forecast goes on listing them as assumptions.";

/// Turn Kubernetes manifests into scenarios, each value with the line that says so
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Import {
    /// YAML or JSON files, folders of them, - for stdin
    #[arg(value_name = "MANIFEST", required = true)]
    manifests: Vec<PathBuf>,
    #[command(flatten)]
    known: Known,
    /// Write each Deployment's scenario to DIR/NAME.toml instead of stdout
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Replace files that are there already
    #[arg(long, requires = "directory")]
    force: bool,
}

/// What the user knows and no manifest says.
#[derive(Debug, Args)]
pub struct Known {
    /// Requests a second to the whole service
    #[arg(long, value_name = "N", value_parser = options::rate)]
    rate: Option<f64>,
    /// Set a key of the scenario, in place of what the manifests say; repeatable
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = options::edit)]
    edits: Vec<(String, String)>,
}

impl Known {
    /// The rate as a key of the scenario.
    pub fn rate(&self) -> Option<Flag> {
        self.rate
            .map(|rate| ("load.rate", format!("{rate:?}"), "--rate"))
    }

    /// The keys that `--set` gives.
    pub fn edits(&self) -> &[(String, String)] {
        &self.edits
    }

    /// As the import takes it.
    pub fn given(&self) -> Vec<Given> {
        let rate = self.rate().map(|(key, value, option)| Given {
            key: key.to_owned(),
            value,
            option: option.to_owned(),
            yields: false,
        });
        let edits = self.edits.iter().map(|(key, value)| Given {
            key: key.clone(),
            value: value.clone(),
            option: "--set".to_owned(),
            yields: false,
        });
        rate.into_iter().chain(edits).collect()
    }
}

/// Says what of the folders is not read, and what makes manifests of it.
pub fn tell_of_folders(import: &manifest::Import, command: &str, terminal: &Terminal) {
    /// More folders to render than these are counted.
    const MOST: usize = 5;
    for rendered in import.rendered.iter().take(MOST) {
        let what = if rendered.is_chart {
            "a Helm chart, not read"
        } else {
            "a kustomization, not built"
        };
        terminal.note(&format_args!(
            "{}: {what}: {}",
            rendered.folder.display(),
            rendered.pipe(command)
        ));
    }
    if let Some(more @ 1..) = import.rendered.len().checked_sub(MOST) {
        terminal.note(&format_args!("and {more} more charts and kustomizations"));
    }
    match import.skipped.len() {
        0 => {}
        1 => terminal.note(&"1 file or folder skipped, no manifest (-v names it)"),
        many => terminal.note(&format_args!(
            "{many} files and folders skipped, no manifests (-v names them)"
        )),
    }
    import
        .skipped
        .iter()
        .for_each(|skipped| terminal.detail(skipped));
}

/// Which versions are taken for others. A draft that means nothing yet says why when it is forecast.
fn tell_of_versions(draft: &Draft, terminal: &Terminal) {
    let scenario = draft.document().and_then(|document| document.resolve());
    let unknown = scenario.map_or_else(|_| Vec::new(), |scenario| scenario.unknown_versions());
    for version in unknown {
        terminal.note(&format_args!(
            "warning: {}: {} = {}: {}",
            draft.name, version.key, version.value, version.source
        ));
    }
}

impl Import {
    /// Imports and writes.
    ///
    /// # Errors
    /// Bad input, nowhere to write, or interrupted.
    pub fn execute(&self, terminal: &Terminal) -> Result<ExitCode, Error> {
        options::refuse_stdin_twice(&self.manifests)?;
        self.directory
            .as_deref()
            .map_or(Ok(()), output::make_directory)?;
        let read = || manifest::import(&self.manifests, &self.known.given());
        let import = progress::during("reading", terminal, read)?;
        let is_refused =
            import.drafts.is_empty() && import.left_out.iter().any(|left_out| left_out.is_open);
        let import = if is_refused { import } else { import.some()? };
        interrupt::watch()?;
        for left_out in &import.left_out {
            terminal.note(&format_args!(
                "{}: {}: {}",
                left_out.place, left_out.object, left_out.why
            ));
        }
        for notice in import
            .notices
            .iter()
            .chain(import.dangling.iter().map(|dangling| &dangling.notice))
        {
            terminal.note(&format_args!("{}: {}", notice.place, notice.words));
        }
        import
            .drafts
            .iter()
            .for_each(|draft| tell_of_versions(draft, terminal));
        tell_of_folders(&import, "import", terminal);
        self.deliver(&import.drafts, terminal)?;
        Ok(if is_refused {
            ExitCode::from(3)
        } else {
            ExitCode::SUCCESS
        })
    }

    fn deliver(&self, drafts: &[Draft], terminal: &Terminal) -> Result<(), Error> {
        let mut delivery = Delivery::default();
        let mut names = Names::default();
        for draft in drafts {
            match &self.directory {
                Some(directory) => {
                    let path = directory.join(format!("{}.toml", names.of(&draft.name)));
                    if !self.force && path.exists() {
                        return Err(Error::input("there is a file already; nothing was written")
                            .in_file(&path)
                            .hint("--force replaces it"));
                    }
                    delivery.file(path, draft.to_toml().into_bytes());
                }
                None => delivery.print(&draft.to_toml()),
            }
        }
        if self.directory.is_none() && drafts.len() > 1 {
            terminal.note(&format_args!(
                "{} Deployments, one scenario after another; --directory DIR writes a file for each",
                drafts.len()
            ));
        }
        delivery.finish(terminal)
    }
}
