//! Tamesuke's service: reads its configuration, wires, serves, stops.

mod check;
mod clock;
mod lease;
mod serve;
mod settings;
mod sweep;
mod wire;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Lets small and medium businesses try open-source applications.
#[derive(Parser)]
#[command(
    name = "tamesuke-server",
    version,
    about,
    after_help = "Configuration comes from the environment and, below it, from .env; see docs/configuration.md."
)]
struct Arguments {
    /// Read this file instead of .env.
    #[arg(long, global = true)]
    env_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until told to stop (the default).
    Serve,
    /// Try the configuration and every outside system, and say what to mend.
    Check,
    /// Remove what is ours by proof and belongs to no trial any more, and tell of everything else.
    Sweep {
        /// Only tell what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Print the table of configuration keys in Markdown.
    Keys,
}

/// What is logged unless `RUST_LOG` says otherwise. An error asks for a person to act, and what actix
/// calls one is a stranger's garbled request or a caller who hung up.
const LOG_DEFAULT: &str = "info,actix_http=off";

/// The exit code of a configuration that does not read.
const BAD_CONFIGURATION: u8 = 2;

fn say(text: &str) {
    // Standard error that is closed can't be told of.
    let _written = writeln!(std::io::stderr(), "{text}");
}

/// The table of `docs/configuration.md`.
fn keys_table() -> String {
    let mut table = String::from("| key | default | example | meaning |\n| --- | --- | --- | --- |\n");
    for key in settings::KEYS {
        let default = match key.default {
            None => "(needed)".to_owned(),
            Some("") => "–".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        table.extend(["| `", key.name, "` | ", &default, " | `", key.example, "` | ", key.meaning, " |\n"]);
    }
    table
}

fn keys() -> ExitCode {
    match std::io::stdout().write_all(keys_table().as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn start_logging(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG_DEFAULT));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json {
        builder.json().init();
    } else {
        builder.with_ansi(false).init();
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.command, Some(Command::Keys)) {
        return keys();
    }
    let settings = match settings::load(arguments.env_file.as_deref()) {
        Ok(settings) => settings,
        Err(faults) => {
            let told = matches!(arguments.command, Some(Command::Check)) && check::tell(&faults).is_ok();
            if !told {
                say(&faults.to_string());
            }
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    start_logging(settings.log_json);
    // Fails only where one is set already, and then that one is as good.
    let _known = rustls::crypto::ring::default_provider().install_default();
    let outcome = actix_web::rt::System::new().block_on(async {
        match arguments.command {
            Some(Command::Check) => check::check(&settings).await,
            Some(Command::Sweep { dry_run }) => sweep::sweep(&settings, dry_run).await,
            Some(Command::Serve | Command::Keys) | None => serve::serve(settings).await.map(|()| true),
        }
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("tamesuke-server: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_the_keys_as_the_code_does() {
        let page = include_str!("../../../docs/configuration.md");
        assert!(page.contains(&keys_table()), "make it anew: tamesuke-server keys");
    }

    #[test]
    fn the_example_names_only_keys_that_are_read() {
        let example = include_str!("../../../.env.example");
        let names = example.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name);
        for name in names.filter(|name| !name.starts_with('#') && !name.starts_with("STRIPE_PRICE_")) {
            assert!(settings::KEYS.iter().any(|key| key.name == name), "{name}");
        }
    }
}
