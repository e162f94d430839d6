//! The command line of rollcast.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
