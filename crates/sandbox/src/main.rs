//! The sandbox as a program: starts, prints its addresses, runs until it is told to stop.

use std::io::Write as _;

use anyhow::Context as _;
use clap::Parser as _;
use tamesuke_sandbox::{Lie, Options, start};
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    // A connection that a fault resets is what was asked for, not an error to tell of.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error,actix_http=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let options = Options::parse();
    let with_stdin = options.stop_with_stdin;
    if options.list_lies {
        let lines: Vec<String> = Lie::all().into_iter().map(|(name, what)| format!("{name}\t{what}\n")).collect();
        return Ok(std::io::stdout().write_all(lines.concat().as_bytes())?);
    }
    let sandbox = start(options).await.context("the sandbox did not start")?;
    let mut line = serde_json::to_string(&sandbox.addresses)?;
    line.push('\n');
    std::io::stdout().write_all(line.as_bytes())?;
    std::io::stdout().flush()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stdin_ends = async {
        if !with_stdin {
            return std::future::pending().await;
        }
        let (mut stdin, mut buffer) = (tokio::io::stdin(), [0_u8; 64]);
        // An error of standard input is its end, too.
        while stdin.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    };
    tokio::select! {
        // Cancel-safe: all only wait.
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = stdin_ends => {}
    }
    sandbox.stop().await;
    Ok(())
}
