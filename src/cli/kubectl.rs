//! `kubectl rollcast`: the binary under the name `kubectl-rollcast`. It asks kubectl for the objects of a namespace, with
//! kubectl's own context and rights, and checks them. It stores nothing and writes nothing to the cluster.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

use clap::{Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};
use rollcast::error::Error;

use super::check::Check;
use super::terminal::{self, Terminal};

/// What a check reads in a namespace beside the Deployments. A cluster may not have all of these kinds.
const IN_NAMESPACE: &[&str] = &[
    "services",
    "ingresses.networking.k8s.io",
    "targetgroupbindings.elbv2.k8s.aws",
    "targetgroupconfigurations.gateway.k8s.aws",
    "loadbalancerconfigurations.gateway.k8s.aws",
    "gateways.gateway.networking.k8s.io",
    "httproutes.gateway.networking.k8s.io",
    "grpcroutes.gateway.networking.k8s.io",
    "tcproutes.gateway.networking.k8s.io",
    "tlsroutes.gateway.networking.k8s.io",
    "statefulsets.apps",
    "daemonsets.apps",
    "rollouts.argoproj.io",
    "horizontalpodautoscalers.autoscaling",
    "scaledobjects.keda.sh",
    "poddisruptionbudgets.policy",
    "virtualservices.networking.istio.io",
];

/// And what belongs to the whole cluster.
const IN_CLUSTER: &[&str] = &[
    "ingressclasses.networking.k8s.io",
    "ingressclassparams.elbv2.k8s.aws",
    "gatewayclasses.gateway.networking.k8s.io",
];

const EXAMPLES: &str = "\
Examples:
  kubectl rollcast check -n shop                   every Deployment of a namespace
  kubectl rollcast check deploy/web -n shop        one of them
  kubectl rollcast check -A --rate 250 -o json     all namespaces

It runs `kubectl get` with your context and your rights, and needs to read Deployments, Services and
Ingresses; kinds that a cluster does not have are passed over, forbidden ones are named.";

/// What a rollout of a cluster's Deployments would cost in 502s, 503s and 504s, and what removes it.
#[derive(Debug, Parser)]
#[command(name = "kubectl-rollcast", bin_name = "kubectl rollcast", version, after_help = EXAMPLES)]
struct Plugin {
    #[command(subcommand)]
    command: Verb,
    #[command(flatten)]
    terminal: terminal::Options,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check the Deployments of a namespace, or those that are named
    #[command(after_help = EXAMPLES)]
    Check(Box<ClusterCheck>),
}

/// `kubectl rollcast check`
#[derive(Debug, Args)]
pub struct ClusterCheck {
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    check: Check,
}

/// Which objects, in kubectl's words.
#[derive(Debug, Args)]
struct Cluster {
    /// The namespace [default: that of kubectl's context]
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// All namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// The context of kubectl's configuration [default: the current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The file with kubectl's configuration [default: kubectl's own]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// Whether kubectl started this program: then its name is that of the plugin.
pub fn is_plugin(program: Option<&OsString>) -> bool {
    let stem = program.and_then(|program| Path::new(program).file_stem());
    stem == Some(OsStr::new("kubectl-rollcast"))
}

/// What the arguments ask for.
///
/// # Errors
/// Help, or what is wrong with the arguments.
pub fn parse(
    args: &[OsString],
    color: ColorChoice,
) -> Result<(terminal::Options, ClusterCheck), clap::Error> {
    let command = Plugin::command()
        .color(color)
        .mut_subcommand("check", |check| {
            check.mut_arg("files", |names| {
                names
                    .required(false)
                    .value_name("NAME")
                    .help("Deployments to check: web, deploy/web, shop/web [default: all]")
            })
        });
    let plugin = Plugin::from_arg_matches(&command.try_get_matches_from(args)?)?;
    let Verb::Check(check) = plugin.command;
    Ok((plugin.terminal, *check))
}

impl ClusterCheck {
    /// Fetches and checks.
    ///
    /// # Errors
    /// kubectl is missing or cannot read Deployments, or what a check ends with.
    pub fn execute(self, terminal: &Terminal) -> Result<ExitCode, Error> {
        let texts = self.cluster.texts(terminal)?;
        self.check.of_texts(texts).execute(terminal)
    }
}

impl Cluster {
    /// The objects as kubectl prints them, under the command that did.
    fn texts(&self, terminal: &Terminal) -> Result<Vec<(PathBuf, Vec<u8>)>, Error> {
        let known = self.known_kinds()?;
        let known = |kinds: &[&'static str]| -> Vec<&'static str> {
            kinds
                .iter()
                .copied()
                .filter(|kind| known.iter().any(|name| name == kind))
                .collect()
        };
        let deployments = self.get("deployments.apps", &self.scope(), None)?;
        let mut texts = vec![deployments];
        for kinds in [known(IN_NAMESPACE).join(","), known(IN_CLUSTER).join(",")] {
            if !kinds.is_empty() {
                texts.push(self.get(&kinds, &self.scope(), Some(terminal))?);
            }
        }
        let namespace = self.namespace_name()?;
        texts.push(self.get("namespaces", &namespace, Some(terminal))?);
        texts.retain(|(_, text)| !text.trim_ascii().is_empty());
        Ok(texts)
    }

    /// The kinds that the cluster has.
    fn known_kinds(&self) -> Result<Vec<String>, Error> {
        let output = self.kubectl(&["api-resources", "--output=name", "--verbs=list"])?;
        // An aggregated API that does not answer makes kubectl fail after it has named the rest.
        let names = String::from_utf8_lossy(&output.stdout);
        if names.trim().is_empty() {
            return Err(refused("kubectl api-resources", &output));
        }
        Ok(names.lines().map(|line| line.trim().to_owned()).collect())
    }

    /// Objects of some kinds. Where `terminal` is given, what cannot be read is named there and left out.
    fn get(
        &self,
        kinds: &str,
        scope: &[String],
        terminal: Option<&Terminal>,
    ) -> Result<(PathBuf, Vec<u8>), Error> {
        let mut args = vec!["get", kinds, "--output=yaml", "--ignore-not-found"];
        args.extend(scope.iter().map(String::as_str));
        let output = self.kubectl(&args)?;
        let name = format!("kubectl get {}", kinds.split(',').next().unwrap_or(kinds));
        if !output.status.success() {
            match terminal {
                Some(terminal) => tell(&output, terminal),
                None => return Err(refused(&name, &output)),
            }
        }
        Ok((PathBuf::from(name), output.stdout))
    }

    fn scope(&self) -> Vec<String> {
        match &self.namespace {
            Some(namespace) => vec![format!("--namespace={namespace}")],
            None if self.all_namespaces => vec!["--all-namespaces".to_owned()],
            None => Vec::new(),
        }
    }

    /// The one namespace that is asked for; nothing for all of them.
    fn namespace_name(&self) -> Result<Vec<String>, Error> {
        if self.all_namespaces {
            return Ok(Vec::new());
        }
        if let Some(namespace) = &self.namespace {
            return Ok(vec![namespace.clone()]);
        }
        let output = self.kubectl(&[
            "config",
            "view",
            "--minify",
            "--output=jsonpath={..namespace}",
        ])?;
        let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(vec![if name.is_empty() {
            "default".to_owned()
        } else {
            name
        }])
    }

    fn kubectl(&self, args: &[&str]) -> Result<Output, Error> {
        let mut command = Command::new("kubectl");
        command.args(args);
        if let Some(context) = &self.context {
            command.arg(format!("--context={context}"));
        }
        if let Some(file) = &self.kubeconfig {
            command.arg("--kubeconfig").arg(file);
        }
        command.stdin(Stdio::null()).output().map_err(|error| {
            Error::input(format!("kubectl cannot be started: {error}"))
                .hint("it has to be on the PATH: https://kubernetes.io/docs/tasks/tools/")
        })
    }
}

/// What kubectl could not read, a line each.
fn tell(output: &Output, terminal: &Terminal) {
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        terminal.note(&format_args!("not read: {line}"));
    }
}

fn refused(what: &str, output: &Output) -> Error {
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Error::input(format!("{what}: {said}")).hint(
        "a check reads Deployments, Services and Ingresses: kubectl auth can-i list deployments",
    )
}
