//! The program `geophrase`: parses flags, runs a command, says in one line why it failed.

use std::process::ExitCode;

use clap::Parser;
use pipeline::cli::{Cli, classic, usage_line};
use pipeline::exit::{Exit, one_line};
use pipeline::{logging, panics};

fn main() -> ExitCode {
    panics::silence();
    let cli = match Cli::try_parse_from(classic(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => {
            let Some(line) = usage_line(&error) else {
                // Help and version; a reader such as `head` may have gone already.
                let _ = error.print();
                return Exit::Done.into();
            };
            return failed(&line, Exit::Usage);
        }
    };
    match panics::caught("main", || cli.run()) {
        Ok(()) => Exit::Done.into(),
        Err(error) => failed(&one_line(&error), error.exit()),
    }
}

fn failed(line: &str, exit: Exit) -> ExitCode {
    logging::say_why(line, exit);
    exit.into()
}
