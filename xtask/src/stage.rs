//! A sandbox, the programs, and a port for the service: what a test of the whole starts from.

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::demo::{Server, environment, healthy, start_server};
use crate::folders;
use crate::ports::free_port;
use crate::processes::{build, root};
use crate::sandbox::Sandbox;
use crate::venv;
use crate::world::array;

/// What a test of the whole starts from.
pub(crate) struct Stage {
    pub(crate) bin: PathBuf,
    pub(crate) sandbox: Sandbox,
    pub(crate) python: PathBuf,
    pub(crate) port: u16,
    /// The folder of lock files, the same for every process of the stage.
    pub(crate) state: PathBuf,
}

impl Stage {
    /// Builds the programs and starts a sandbox.
    pub(crate) async fn set(release: bool) -> anyhow::Result<Self> {
        let python = venv::ensure("requirements.txt").await?;
        let bin = build(&["tamesuke-sandbox", "tamesuke-server"], release).await?;
        let port = free_port()?;
        let webhook = format!("http://127.0.0.1:{port}/webhook/stripe");
        let scale = ["--time-scale".to_owned(), "0.02".to_owned()];
        let sandbox = Sandbox::start(&bin, &webhook, &scale).await?;
        let state = folders::make(&format!("stage-{port}"))?;
        Ok(Self { bin, sandbox, python, port, state })
    }

    /// Starts the service, with some settings beside those of the demo.
    pub(crate) fn start(&self, more: &[(&str, &str)]) -> anyhow::Result<Server> {
        let script = root().join("provisioner.py");
        let mut all = vec![("STATE_DIR", self.state.to_str().unwrap_or_default())];
        all.extend(more);
        start_server(&self.bin, &self.sandbox, (&self.python, &script), self.port, (true, &all))
    }

    /// Starts the service and waits until it is healthy.
    pub(crate) async fn serve(&self, more: &[(&str, &str)]) -> anyhow::Result<Server> {
        let server = self.start(more)?;
        healthy(&self.sandbox, &server).await?;
        Ok(server)
    }

    /// One run of the service's program for a command of its own.
    pub(crate) async fn command(
        &self,
        arguments: &[&str],
        more: &[(&str, &str)],
    ) -> anyhow::Result<std::process::Output> {
        let script = root().join("provisioner.py");
        let output = tokio::process::Command::new(self.bin.join("tamesuke-server"))
            .args(arguments)
            .current_dir(&self.state)
            .envs(environment(&self.sandbox, &self.python, &script, self.port, &self.state))
            .envs(more.iter().copied())
            .output()
            .await?;
        Ok(output)
    }

    /// The service's own mark, read off a session that it makes.
    pub(crate) async fn instance(&self) -> anyhow::Result<String> {
        let known = |stripe: &Value| {
            let first = array(&stripe["checkout_sessions"]).first()?;
            first["metadata"]["tmsk_inst"].as_str().map(str::to_owned)
        };
        if let Some(instance) = known(&self.sandbox.get("/state/stripe").await?) {
            return Ok(instance);
        }
        let mut server = self.serve(&[]).await?;
        let form = json!({"email": "a@example.jp", "company_name": "A", "oss_type": "nginx", "duration_days": 7, "subdomain": "first"});
        let request = self.sandbox.http.post(format!("{}/api/create-checkout", server.url)).json(&form);
        request.send().await?.error_for_status()?;
        server.stop().await?;
        known(&self.sandbox.get("/state/stripe").await?).context("the order made no session")
    }

    /// Puts whole running trials there, `t{vmid}` from a number on.
    pub(crate) async fn seed(&self, first_vmid: u64, count: u64) -> anyhow::Result<()> {
        let metadata = json!({"oss_type": "nginx", "duration_days": "7", "company_name": "Example", "tmsk_inst": self.instance().await?});
        let price = self.sandbox.credential("stripe_price_nginx_7d");
        let seed = json!({"first_vmid": first_vmid, "count": count, "price": price, "metadata": metadata});
        self.sandbox.post("/seed/trials", seed).await.map(|_| ())
    }

    /// The number of the last request that the sandbox has answered.
    pub(crate) async fn last_seq(&self) -> anyhow::Result<u64> {
        let log = self.sandbox.get("/requests").await?;
        Ok(array(&log).last().and_then(|entry| entry["seq"].as_u64()).unwrap_or(0))
    }
}
