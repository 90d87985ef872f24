//! `cargo xtask demo`: the whole service on this machine, with an imitated world around it.

mod fault;
mod foreign;
mod hold;
mod life;
mod order;
mod server;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::ports::free_port;
use crate::processes::{build, root};
use crate::sandbox::{Sandbox, until};
use crate::venv;
pub(crate) use server::Server;

pub(crate) use fault::{Fault, children, once as fault_of_step};
pub(crate) use hold::Hold;
pub(crate) use life::{answers, is_closed, is_ready, mails, subscription};
pub(crate) use order::{COMPANY, foreign_record, form, order, order_and_pay, order_and_pay_with, pay};
pub(crate) use server::{environment, start as start_server};

/// How a demo runs.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Options {
    /// Do one whole life without a person and say how it went.
    #[arg(long)]
    once: bool,
    /// That many lives at once; implies --once.
    #[arg(long, value_name = "N")]
    burst: Option<usize>,
    /// That many lives one after another on the same subdomain; implies --once.
    #[arg(long, value_name = "N")]
    repeat: Option<usize>,
    /// Run somebody else's provisioning script.
    #[arg(long, value_name = "PATH", default_value = "provisioner.py")]
    provisioner: PathBuf,
    /// Make a step of the script fail: step=K[,times=N|always]; implies --once.
    #[arg(long, value_name = "FAULT")]
    fault: Option<Fault>,
    /// How long the sandbox's Proxmox takes; 1 is like a real one.
    #[arg(long, value_name = "X", default_value_t = 0.1)]
    time_scale: f64,
    /// Port of the service; a free one by default.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Write all that was asked and answered outside to that file.
    #[arg(long, value_name = "PATH")]
    record: Option<PathBuf>,
    /// Build with optimizations.
    #[arg(long)]
    release: bool,
}

/// How long the service may take to be healthy.
const HEALTHY_MAX: Duration = Duration::from_secs(30);

impl Options {
    /// One life as it is run by the tests.
    pub(crate) fn once() -> Self {
        Self {
            once: true,
            burst: None,
            repeat: None,
            provisioner: "provisioner.py".into(),
            fault: None,
            time_scale: 0.1,
            port: 0,
            record: None,
            release: false,
        }
    }

    /// The same, written down.
    pub(crate) fn recorded(mut self, path: &std::path::Path) -> Self {
        self.record = Some(path.to_owned());
        self
    }

    /// The same with a fault.
    pub(crate) fn with_fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// The same, that many at once.
    pub(crate) fn burst(mut self, lives: usize) -> Self {
        self.burst = Some(lives);
        self
    }

    /// The same, that often on one name.
    pub(crate) fn repeat(mut self, lives: usize) -> Self {
        self.repeat = Some(lives);
        self
    }

    /// The same with another script, by its path in the workspace.
    pub(crate) fn with_script(mut self, path: &str) -> Self {
        self.provisioner = root().join(path);
        self
    }

    /// The same with a Proxmox of another speed.
    pub(crate) fn scaled(mut self, time_scale: f64) -> Self {
        self.time_scale = time_scale;
        self
    }

    fn alone(&self) -> bool {
        self.once || self.burst.is_some() || self.repeat.is_some() || self.fault.is_some()
    }
}

/// Runs a demo.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    if options.alone() {
        eprintln!("{}", server::otherwise());
    }
    let report = run_and_report(&options).await;
    if !options.alone() {
        return report.map(|_| ());
    }
    match report {
        Ok((report, _)) => {
            println!("{report}");
            Ok(())
        }
        Err(error) => {
            println!("{}", json!({"ok": false, "reason": format!("{error:#}")}));
            bail!("the life did not go as it should: {error:#}")
        }
    }
}

/// Runs a demo; gives what a life without a person showed, and the folder that has the service's log.
pub(crate) async fn run_and_report(options: &Options) -> anyhow::Result<(Value, PathBuf)> {
    let python = venv::ensure("requirements.txt").await?;
    let bin = build(&["tamesuke-sandbox", "tamesuke-server"], options.release).await?;
    let port = if options.port == 0 { free_port()? } else { options.port };
    let webhook = format!("http://127.0.0.1:{port}/webhook/stripe");
    let scale = ["--time-scale".to_owned(), options.time_scale.to_string()];
    let sandbox = Sandbox::start(&bin, &webhook, &scale).await?;
    if options.record.is_some() {
        sandbox.control(reqwest::Method::PUT, "/settings", Some(json!({"keep_answers": true}))).await?;
    }
    let script = std::path::absolute(&options.provisioner)?;
    if !script.is_file() {
        bail!("{} does not exist; give --provisioner the path of a script", script.display());
    }
    let quiet = options.alone();
    let mut server = start_server(&bin, &sandbox, (&python, &script), port, (quiet, &[]))?;
    let outcome = with_server(options, &sandbox, &server).await;
    let stopped = server.stop().await;
    if let Some(path) = &options.record {
        let exchanges = sandbox.get("/requests").await?;
        std::fs::write(path, exchanges.to_string()).with_context(|| format!("{} can't be written", path.display()))?;
    }
    let ended = sandbox.stop().await;
    let report = outcome.map_err(|error| server.failed(error))?;
    stopped?;
    ended?;
    Ok((report, server.state_dir().to_owned()))
}

async fn with_server(options: &Options, sandbox: &Sandbox, server: &Server) -> anyhow::Result<Value> {
    healthy(sandbox, server).await?;
    if options.alone() {
        return lives(options, sandbox, server).await;
    }
    say_what_to_do(sandbox, server);
    tokio::signal::ctrl_c().await.context("Ctrl-C can't be heard")?;
    eprintln!("stopping …");
    Ok(Value::Null)
}

/// Waits until the service is healthy.
pub(crate) async fn healthy(sandbox: &Sandbox, server: &Server) -> anyhow::Result<()> {
    until("a healthy service", HEALTHY_MAX, || async {
        if let Some(status) = server.ended() {
            bail!("the service ended with {status}");
        }
        match sandbox.http.get(format!("{}/health", server.url)).send().await {
            Ok(answer) if answer.status().is_success() => Ok(Ok(())),
            Ok(answer) => Ok(Err(answer.text().await.unwrap_or_default())),
            Err(error) => Ok(Err(error.to_string())),
        }
    })
    .await
}

async fn lives(options: &Options, sandbox: &Sandbox, server: &Server) -> anyhow::Result<Value> {
    let mut report = Value::Null;
    for number in 0..options.repeat.unwrap_or(1) {
        let names: Vec<String> = match options.burst {
            Some(count) => (0..count).map(|n| format!("life-{n}")).collect(),
            None => vec!["life".to_owned()],
        };
        let plan = life::Plan { names, fault: options.fault.clone(), time_scale: options.time_scale, number };
        report = life::live(&plan, sandbox, server).await.with_context(|| format!("in life {}", number + 1))?;
        if options.burst.is_some() {
            report["lives"] = json!(plan.names.len());
        } else if let Some(fields) = report.as_object_mut() {
            fields.remove("distinct_vmids");
        }
    }
    Ok(report)
}

fn say_what_to_do(sandbox: &Sandbox, server: &Server) {
    eprintln!(
        "
  ためすけ is running with an imitated world around it. Nobody is charged, nothing leaves this machine.

    the page      {}
    the mailbox   {}
    control API   {}

  Fill in the form, press pay (the card is filled in), and watch the ten steps. Then open the trial.
  To see the end of a 7-day trial, press \"seven days on\" below the mails.

  {}

  Ctrl-C stops everything.
",
        server.url,
        sandbox.address("mail"),
        sandbox.address("control"),
        server::otherwise(),
    );
}
