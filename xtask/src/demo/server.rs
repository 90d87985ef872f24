//! The service as a program, configured for the sandbox by its ordinary keys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;

use anyhow::Context as _;
use tokio::process::{Child, Command};

use crate::folders;
use crate::processes::{self, root};
use crate::sandbox::Sandbox;

/// What the demo sets otherwise than a real installation: limits off, and waits shorter.
const OTHERWISE: [(&str, &str); 12] = [
    ("ORDERS_PER_MINUTE", "0"),
    ("ORDERS_PER_RESERVATION", "0"),
    ("CALLS_PER_MINUTE", "0"),
    ("HOLD_SECONDS", "1"),
    ("SILENCE_SECONDS", "75"),
    ("SPACING_SECONDS", "1"),
    ("GIVE_UP_ATTEMPTS", "8"),
    ("GIVE_UP_SECONDS", "20"),
    ("PROVISION_TIMEOUT", "60"),
    ("PROVISIONER_READY_SECONDS", "5"),
    ("PROVISIONER_READY_POLL_SECONDS", "0.5"),
    ("PROVISIONER_POLL_SECONDS", "0.2"),
];

/// The same in words, for whoever watches a demo.
pub(crate) fn otherwise() -> String {
    let all: Vec<String> = OTHERWISE.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("Otherwise than in a real installation (0 orders or calls is no limit): {}", all.join(", "))
}

/// A running service.
pub(crate) struct Server {
    /// Where its pages are.
    pub(crate) url: String,
    child: Mutex<Child>,
    log: Option<PathBuf>,
    state: PathBuf,
}

/// The configuration that leads the service to the sandbox.
pub(crate) fn environment(
    sandbox: &Sandbox,
    python: &Path,
    script: &Path,
    port: u16,
    state: &Path,
) -> BTreeMap<String, String> {
    let split = |name: &str| {
        let (host, port) = sandbox.address(name).rsplit_once(':').unwrap_or(("127.0.0.1", "0"));
        (host.to_owned(), port.to_owned())
    };
    let (files_host, files_port) = split("file_server");
    let (smtp_host, smtp_port) = split("smtp");
    let mut all = BTreeMap::new();
    let mut set = |name: &str, value: &str| all.insert(name.to_owned(), value.to_owned());
    for name in [
        "PROXMOX_USER",
        "PROXMOX_PASSWORD",
        "PROXMOX_NODE",
        "CLOUDFLARE_API_TOKEN",
        "CLOUDFLARE_ACCOUNT_ID",
        "CLOUDFLARE_ZONE_ID",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "STRIPE_PRICE_NGINX_7D",
        "STRIPE_PRICE_NGINX_14D",
        "SENDGRID_API_KEY",
    ] {
        set(name, sandbox.credential(&name.to_ascii_lowercase()));
    }
    set("PROXMOX_HOST", sandbox.address("proxmox"));
    set("PROXMOX_CA_FILE", sandbox.address("proxmox_ca_file"));
    set("FILESERVER_HOST", &files_host);
    set("FILESERVER_PORT", &files_port);
    set("CLOUDFLARE_BASE_URL", sandbox.address("cloudflare"));
    set("STRIPE_API_BASE", sandbox.address("stripe"));
    set("SMTP_HOST", &smtp_host);
    set("SMTP_PORT", &smtp_port);
    set("SMTP_CA_FILE", sandbox.address("proxmox_ca_file"));
    set("EMAIL_FROM", "Tamesuke <noreply@persys.jp>");
    set("OPERATOR_EMAIL", "operator@persys.jp");
    set("SUPPORT_CONTACT", "support@persys.jp");
    set("APP_DOMAIN", "localhost");
    set("APP_URL", &format!("http://localhost:{port}"));
    set("SERVICE_DOMAIN", "persys.jp");
    set("TRIAL_URL", sandbox.address("trial_url"));
    set("CATALOG_FILE", &root().join("catalog.toml").to_string_lossy());
    set("PYTHON", &python.to_string_lossy());
    set("PROVISIONER", &script.to_string_lossy());
    set("STATE_DIR", &state.to_string_lossy());
    set("BIND", &format!("127.0.0.1:{port}"));
    set("HTTPS_PROXY", sandbox.address("proxy"));
    set("NO_PROXY", "127.0.0.1,localhost");
    for (name, value) in OTHERWISE {
        set(name, value);
    }
    all
}

/// Starts the service; quiet ones write their log to a file.
pub(crate) fn start(
    bin: &Path,
    sandbox: &Sandbox,
    (python, script): (&Path, &Path),
    port: u16,
    (quiet, more): (bool, &[(&str, &str)]),
) -> anyhow::Result<Server> {
    let state = folders::make(&format!("demo-{port}"))?;
    let log = std::env::var_os("DEMO_LOG").map(PathBuf::from).or_else(|| quiet.then(|| state.join("server.log")));
    let (stdout, stderr) = match &log {
        // Appended to, so that a service that is started again keeps what it said before.
        Some(path) => {
            let file = std::fs::File::options().create(true).append(true).open(path)?;
            (Stdio::from(file.try_clone()?), Stdio::from(file))
        }
        None => (Stdio::inherit(), Stdio::inherit()),
    };
    let child = Command::new(bin.join("tamesuke-server"))
        .current_dir(&state)
        .envs(environment(sandbox, python, script, port, &state))
        .envs(more.iter().copied())
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .kill_on_drop(true)
        .spawn()
        .context("the service can't be started")?;
    Ok(Server { url: format!("http://localhost:{port}"), child: Mutex::new(child), log, state })
}

impl Server {
    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<String> {
        let mut child = self.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        child.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner).id()
    }

    /// The folder of its lock files.
    pub(crate) fn state_dir(&self) -> &Path {
        &self.state
    }

    /// Everything it has logged.
    pub(crate) fn log_text(&self) -> Option<String> {
        std::fs::read_to_string(self.log.as_ref()?).ok()
    }

    /// Sends it a signal and waits for its end.
    pub(crate) async fn signal(&mut self, signal: rustix::process::Signal) -> anyhow::Result<()> {
        let child = self.child.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.context("the service ended already")?, signal)?;
        child.wait().await?;
        Ok(())
    }

    /// An error of its world, with the log that belongs to it: of several that are kept, nobody could tell.
    pub(crate) fn failed(&self, error: anyhow::Error) -> anyhow::Error {
        match &self.log {
            Some(log) => error.context(format!("the service's log is {}", log.display())),
            None => error,
        }
    }

    /// Stops it in order.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        let child = self.child.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        processes::stop(child).await
    }
}
