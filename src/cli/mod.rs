//! The command line: a file for each command, and what commands share.
//!
//! A command is a struct of its arguments with one method, `execute`, that ends in an exit code or an
//! error. Results go to stdout or to files, whole or not at all; progress and logs go to stderr.

mod bug;
mod calibrate;
mod charts;
mod check;
mod checkpoint;
mod compare;
mod configuration;
mod explain;
mod import;
mod interrupt;
mod kubectl;
mod merge;
mod options;
mod output;
mod progress;
mod recommend;
mod run;
mod share;
mod shell;
mod sweep;
mod terminal;
mod trace;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use rollcast::error::Error;
use rollcast::escape;
use terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  rollcast run scenarios/eks-2048-before.toml            how many 502s, 503s and 504s, and of what
  rollcast run before.toml after.toml --png charts       two scenarios side by side, with charts
  rollcast run app.toml --set pod.pre_stop=20s           the same with one setting changed
  rollcast trace app.toml                                one rollout told pod by pod
  helm template shop | rollcast check -                  what manifests cost, and what removes it
  helm template shop | rollcast import - > shop.toml     a scenario from manifests
  rollcast explain connect-timeout                       what a word of a report means
  rollcast sweep app.toml --vary pod.pre_stop=0s..60s/5s how 5xx change with a setting
  rollcast compare before.toml after.toml                is the second one better, and how sure is that
  rollcast recommend app.toml                            the cheapest settings that meet the objectives
  rollcast calibrate app.toml logs/                      what your logs say about your load balancer

Exit codes:
  0 fine · 1 objective missed, or a finding · 2 usage or input error · 3 inconclusive
  4 refused by a resource limit · 70 a bug in rollcast · 130, 143 interrupted";

/// Forecasts the 502s, 503s and 504s that a Kubernetes rollout behind an AWS Application Load Balancer
/// will cost, why, and what removes them.
#[derive(Debug, Parser)]
#[command(name = "rollcast", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    terminal: terminal::Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Trace(trace::Trace),
    Check(check::Check),
    Import(import::Import),
    Explain(explain::Explain),
    Sweep(sweep::Sweep),
    Compare(compare::Compare),
    Recommend(recommend::Recommend),
    Calibrate(calibrate::Calibrate),
    Merge(merge::Merge),
    Schema(shell::Schema),
    Completions(shell::Completions),
    Man(shell::Man),
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    bug::tell(&args);
    if kubectl::is_plugin(args.first()) {
        let (options, check) =
            kubectl::parse(&args, color(&args)).unwrap_or_else(|error| end(&error));
        return finish(&Terminal::new(&options), |terminal| check.execute(terminal));
    }
    let matches = Cli::command()
        .color(color(&args))
        .try_get_matches_from(args)
        .unwrap_or_else(|error| end(&error));
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| end(&error));
    finish(&Terminal::new(&cli.terminal), |terminal| {
        cli.command.execute(terminal)
    })
}

/// The exit code that the work ends with, its error told.
fn finish(
    terminal: &Terminal,
    work: impl FnOnce(&Terminal) -> Result<ExitCode, Error>,
) -> ExitCode {
    let done = interrupt::begin().and_then(|()| work(terminal));
    done.unwrap_or_else(|error| {
        terminal.error(&error);
        // An error that is an interruption says 130 whichever signal it was.
        ExitCode::from(
            interrupt::exit_code()
                .filter(|_| error.exit_code() == 130)
                .unwrap_or(error.exit_code()),
        )
    })
}

impl Command {
    fn execute(&self, terminal: &Terminal) -> Result<ExitCode, Error> {
        match self {
            Command::Run(run) => run.execute(terminal),
            Command::Trace(trace) => trace.execute(terminal),
            Command::Check(check) => check.execute(terminal),
            Command::Import(import) => import.execute(terminal),
            Command::Explain(explain) => explain.execute(terminal),
            Command::Sweep(sweep) => sweep.execute(terminal),
            Command::Compare(compare) => compare.execute(terminal),
            Command::Recommend(recommend) => recommend.execute(terminal),
            Command::Calibrate(calibrate) => calibrate.execute(terminal),
            Command::Merge(merge) => merge.execute(terminal),
            Command::Schema(schema) => schema.execute(terminal),
            Command::Completions(completions) => completions.execute(Cli::command(), terminal),
            Command::Man(man) => man.execute(Cli::command(), terminal),
        }
    }
}

/// Help, or what is wrong with the arguments: without colour where an argument would speak to the terminal.
fn end(error: &clap::Error) -> ! {
    let words = error.to_string();
    let safe = escape::lines(&words);
    if safe == words {
        error.exit()
    }
    let _ = writeln!(std::io::stderr(), "{}", safe.trim_end());
    std::process::exit(error.exit_code())
}

/// Whether help and usage errors are coloured: clap has to know before it reads the arguments.
fn color(args: &[OsString]) -> ColorChoice {
    let words: Vec<_> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let apart = words
        .windows(2)
        .filter(|pair| pair[0] == "--color")
        .map(|pair| pair[1]);
    let joined = words
        .iter()
        .filter_map(|word| word.strip_prefix("--color="));
    apart
        .chain(joined)
        .find_map(|choice| ColorChoice::from_str(choice, false).ok())
        .unwrap_or(ColorChoice::Auto)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn colour_is_known_before_arguments_are_read() {
        let color = |line: &str| color(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(
            color("rollcast run --color never x.toml"),
            ColorChoice::Never
        );
        assert_eq!(color("rollcast --color=always run"), ColorChoice::Always);
        assert_eq!(color("rollcast run --color sometimes"), ColorChoice::Auto);
        assert_eq!(color("rollcast run --color"), ColorChoice::Auto);
    }
}
