//! The command line: one file per subcommand, each with `fn run(args) -> anyhow::Result<ExitCode>`.
//!
//! Exit codes: 0 quiet, 1 a warning was raised, 2 failure (clap's own for a wrong command line, too).

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod campaign;
mod completions;
#[cfg(feature = "learn")]
mod dataset;
mod demo;
mod descriptors;
mod doctor;
#[cfg(feature = "learn")]
mod evaluate;
mod installed;
mod interface;
#[cfg(feature = "learn")]
mod label;
mod lammps;
mod man;
#[cfg(feature = "learn")]
mod model;
mod plugin;
mod replay;
#[cfg(feature = "watch")]
mod report;
#[cfg(feature = "watch")]
mod serve;
mod table;
mod tools;
#[cfg(feature = "learn")]
mod train;
#[cfg(feature = "watch")]
mod watch;

/// The command succeeded but has something to say.
pub const WARNING: u8 = 1;
/// The command failed.
pub const FAILURE: u8 = 2;

/// Early warning of interface failure inside a running LAMMPS simulation.
#[derive(Debug, Parser)]
#[command(
    name = "foreshock",
    version,
    after_help = "Exit codes: 0 quiet, 1 a warning was raised, 2 failure.\n\nExample:\n  foreshock doctor && foreshock plugin build --load-check"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// One variant per file; a command's help is the documentation of its `Args`.
#[derive(Debug, Subcommand)]
enum Command {
    Campaign(campaign::Args),
    Completions(completions::Args),
    #[cfg(feature = "learn")]
    Dataset(dataset::Args),
    Demo(demo::Args),
    Descriptors(descriptors::Args),
    Doctor(doctor::Args),
    Interface(interface::Args),
    #[cfg(feature = "learn")]
    Label(label::Args),
    Man(man::Args),
    Plugin(plugin::Args),
    Replay(replay::Args),
    #[cfg(feature = "watch")]
    Report(report::Args),
    #[cfg(feature = "watch")]
    Serve(serve::Args),
    Table(table::Args),
    #[cfg(feature = "watch")]
    Watch(watch::Args),
    #[cfg(feature = "learn")]
    Evaluate(evaluate::Args),
    #[cfg(feature = "learn")]
    Model(model::Args),
    #[cfg(feature = "learn")]
    Train(train::Args),
}

/// Parses the command line, runs the command and reports its error, once, on stderr.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Campaign(args) => campaign::run(args),
        Command::Completions(args) => completions::run(args),
        #[cfg(feature = "learn")]
        Command::Dataset(args) => dataset::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Descriptors(args) => descriptors::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Interface(args) => interface::run(args),
        #[cfg(feature = "learn")]
        Command::Label(args) => label::run(args),
        Command::Man(args) => man::run(args),
        Command::Plugin(args) => plugin::run(args),
        Command::Replay(args) => replay::run(args),
        #[cfg(feature = "watch")]
        Command::Report(args) => report::run(args),
        #[cfg(feature = "watch")]
        Command::Serve(args) => serve::run(args),
        Command::Table(args) => table::run(args),
        #[cfg(feature = "watch")]
        Command::Watch(args) => watch::run(args),
        #[cfg(feature = "learn")]
        Command::Evaluate(args) => evaluate::run(args),
        #[cfg(feature = "learn")]
        Command::Model(args) => model::run(args),
        #[cfg(feature = "learn")]
        Command::Train(args) => train::run(args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("foreshock: {error:#}");
        ExitCode::from(FAILURE)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    /// Long help of the subcommand named by `path`, as printed 100 columns wide.
    fn help(path: &[&str]) -> String {
        let mut command = Cli::command().term_width(100);
        command.build();
        let mut command = &mut command;
        for name in path {
            command = command.find_subcommand_mut(name).expect("the subcommand exists");
        }
        command.render_long_help().to_string()
    }

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn visit(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set())
            {
                let path = format!("{path} {}", sub.get_name());
                let after = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(after.contains("Example:"), "{path} --help has no example");
                visit(sub, &path);
            }
        }
        visit(&Cli::command(), "foreshock");
    }

    #[test]
    fn help_of_campaign() {
        insta::assert_snapshot!(help(&["campaign", "run"]));
        insta::assert_snapshot!(help(&["campaign", "status"]));
    }

    #[test]
    #[cfg(feature = "learn")]
    fn help_of_train_and_evaluate() {
        insta::assert_snapshot!(help(&["train"]));
        insta::assert_snapshot!(help(&["evaluate"]));
    }

    #[test]
    #[cfg(feature = "learn")]
    fn help_of_model_show() {
        insta::assert_snapshot!(help(&["model", "show"]));
    }

    #[test]
    #[cfg(feature = "learn")]
    fn help_of_dataset_show() {
        insta::assert_snapshot!(help(&["dataset", "show"]));
    }

    #[test]
    fn help_of_demo() {
        insta::assert_snapshot!(help(&["demo"]));
    }

    #[test]
    fn help_of_table_pedone() {
        insta::assert_snapshot!(help(&["table", "pedone"]));
    }

    #[cfg(feature = "learn")]
    #[test]
    fn help_of_dataset_pack() {
        insta::assert_snapshot!(help(&["dataset", "pack"]));
    }

    #[cfg(feature = "learn")]
    #[test]
    fn help_of_dataset_split() {
        insta::assert_snapshot!(help(&["dataset", "split"]));
    }

    #[cfg(feature = "learn")]
    #[test]
    fn help_of_label() {
        insta::assert_snapshot!(help(&["label"]));
    }

    #[test]
    fn help_of_doctor() {
        insta::assert_snapshot!(help(&["doctor"]));
    }

    #[test]
    fn help_of_interface_build() {
        insta::assert_snapshot!(help(&["interface", "build"]));
    }

    #[test]
    fn help_of_replay() {
        insta::assert_snapshot!(help(&["replay"]));
    }

    #[cfg(feature = "watch")]
    #[test]
    fn help_of_watch() {
        insta::assert_snapshot!(help(&["watch"]));
    }

    #[cfg(feature = "watch")]
    #[test]
    fn help_of_report() {
        insta::assert_snapshot!(help(&["report"]));
    }

    #[cfg(feature = "watch")]
    #[test]
    fn help_of_serve() {
        insta::assert_snapshot!(help(&["serve"]));
    }

    #[test]
    fn help_of_plugin_build() {
        insta::assert_snapshot!(help(&["plugin", "build"]));
    }
}
