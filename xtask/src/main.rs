//! The project's own tasks: `cargo xtask demo`, `test`, `bench`, `crash`, `load`, `chaos`.

#![expect(clippy::print_stdout, reason = "a report on standard output is what tasks are for")]

mod api;
mod bench;
mod browser;
mod chaos;
mod check;
mod clients;
mod crash;
mod demo;
mod draw;
mod folders;
mod lives;
mod load;
mod nights;
mod ports;
mod processes;
mod races;
mod rooms;
mod sandbox;
mod secrets;
mod signature;
mod stage;
mod suite;
mod sweep;
mod venv;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of this workspace.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Start the service with an imitated world around it, for a browser or, with --once, for one whole life.
    Demo(demo::Options),
    /// Run all tests, or one part: rooms, rust, python, clients, life, races, nights, sweep, crash, load,
    /// chaos, api, browser.
    Test(suite::Options),
    /// Run the engine on a virtual clock through many seeds of faults.
    Chaos(chaos::Options),
    /// Measure the release build beside a bare server.
    Bench(bench::Options),
    /// Kill the release build at drawn instants of random lives, and count what is lost.
    Crash(crash::Options),
    /// Many at once, and outages: count what is lost and what is asked.
    Load(load::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Fails only where one is set already.
    let _known = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(async {
            match arguments.task {
                Task::Demo(options) => demo::run(options).await,
                Task::Test(options) => suite::run(options).await,
                Task::Chaos(options) => chaos::run(options).await,
                Task::Bench(options) => bench::run(options).await,
                Task::Crash(options) => crash::run(options).await,
                Task::Load(options) => load::run(options).await,
            }
        }),
        Err(error) => Err(error.into()),
    };
    folders::settle(outcome.is_ok());
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
