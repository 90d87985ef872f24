//! One run's process: started in a group of its own, fed, listened to, bounded in time and killed
//! whole.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tamesuke_domain::ports::RunOrder;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

use super::steps::Steps;

/// The bridge, carried in the binary and handed to Python on its command line.
pub const BRIDGE: &str = include_str!("../bridge.py");
/// The most of a result that is read.
const RESULT_MAX: u64 = 64 * 1024;

/// How runs are started.
#[derive(Debug, Clone)]
pub struct BridgeSettings {
    /// The Python interpreter.
    pub python: PathBuf,
    /// The operator's script.
    pub script: PathBuf,
    /// A directory for lock files that outlives a restart of the service.
    pub state_dir: PathBuf,
    /// How long a run may take.
    pub timeout: Duration,
    /// The settings the script's constructor takes, by its own names.
    pub script_settings: ScriptSettings,
    /// `PROXMOX_PASSWORD`.
    pub proxmox_password: SecretString,
    /// `CLOUDFLARE_API_TOKEN`.
    pub cloudflare_token: SecretString,
    /// Further variables for the script: an allow-list, nothing else of ours reaches it.
    pub environment: BTreeMap<String, String>,
}

/// The arguments of the script's class that are no secrets.
#[derive(Debug, Clone, Serialize)]
pub struct ScriptSettings {
    /// Host of Proxmox, with a port where it is not 8006.
    pub proxmox_host: String,
    /// User of Proxmox.
    pub proxmox_user: String,
    /// Node of Proxmox.
    pub proxmox_node: String,
    /// Cloudflare's account.
    pub cloudflare_account_id: String,
    /// Cloudflare's zone.
    pub cloudflare_zone_id: String,
    /// Host of the file server.
    pub fileserver_host: String,
    /// Port of the file server.
    pub fileserver_port: u16,
    /// The service domain.
    pub domain: String,
}

#[derive(Serialize)]
struct Task<'a> {
    script: &'a PathBuf,
    lock_file: &'a PathBuf,
    settings: &'a ScriptSettings,
    order: TaskOrder<'a>,
}

#[derive(Serialize)]
struct TaskOrder<'a> {
    customer_email: &'a str,
    oss_type: &'a str,
    subdomain: &'a str,
    duration_days: u16,
}

/// What the bridge says of a run, on its last line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// The script returned.
    Ready {
        /// The container it made.
        vmid: u64,
        /// The tunnel it made.
        tunnel_id: String,
    },
    /// The script raised.
    Failed {
        /// The exception's class.
        kind: String,
        /// Its text, masked by the bridge.
        message: String,
    },
    /// Another run of the name holds its lock.
    Busy,
}

impl Outcome {
    /// The outcome on the last line of the bridge's output; none where that is no such thing.
    fn read(output: &[u8]) -> Option<Self> {
        let last = output.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty())?;
        serde_json::from_slice(last).ok()
    }
}

/// A run's process while it lives.
pub(crate) struct Process {
    child: Child,
    /// Kept open: its end tells the bridge that this process is gone.
    stdin: Option<ChildStdin>,
    group: Option<Pid>,
    order: RunOrder,
}

impl Process {
    /// Starts the bridge and hands it its task.
    pub(crate) async fn start(
        settings: &BridgeSettings,
        lock_file: &PathBuf,
        order: RunOrder,
    ) -> std::io::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "here it gets its group, its environment and its time limit")]
        let mut command = Command::new(&settings.python);
        command
            .args(["-u", "-c", BRIDGE])
            .env_clear()
            .envs(environment(settings))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let mut stdin = child.stdin.take();
        let task = Task {
            script: &settings.script,
            lock_file,
            settings: &settings.script_settings,
            order: TaskOrder {
                customer_email: order.email.as_ref().map_or("", |email| email.expose()),
                oss_type: order.application.as_str(),
                subdomain: order.subdomain.as_str(),
                duration_days: order.days.get(),
            },
        };
        let mut line = serde_json::to_vec(&task)?;
        line.push(b'\n');
        if let Some(stdin) = stdin.as_mut() {
            stdin.write_all(&line).await?;
            stdin.flush().await?;
        }
        Ok(Self { child, stdin, group, order })
    }

    /// Listens until the process ends; `on_step` hears of each step.
    pub(crate) async fn wait(&mut self, on_step: impl Fn(u8)) -> std::io::Result<(ExitStatus, Option<Outcome>)> {
        let stdout = self.child.stdout.take();
        let stderr = self.child.stderr.take();
        let result = async {
            let mut text = Vec::new();
            if let Some(stdout) = stdout {
                stdout.take(RESULT_MAX).read_to_end(&mut text).await?;
            }
            std::io::Result::Ok(text)
        };
        let (text, followed) = futures_util::future::join(result, follow(stderr, on_step)).await;
        followed?;
        let status = self.child.wait().await?;
        Ok((status, Outcome::read(&text?)))
    }

    /// Kills the whole group and waits for the end of the process.
    pub(crate) async fn kill(&mut self) {
        self.stdin = None;
        if let Some(group) = self.group
            && let Err(error) = kill_process_group(group, Signal::KILL)
        {
            tracing::debug!(subdomain = %self.order.subdomain, %error, "the run's group was gone already");
        }
        if let Err(error) = self.child.wait().await {
            tracing::warn!(subdomain = %self.order.subdomain, %error, "a killed run could not be waited for");
        }
    }
}

async fn follow(stderr: Option<impl AsyncRead + Unpin>, on_step: impl Fn(u8)) -> std::io::Result<()> {
    let Some(mut stderr) = stderr else {
        return Ok(());
    };
    let (mut steps, mut buffer, mut carried) = (Steps::default(), vec![0_u8; 8_192], Vec::new());
    loop {
        let read = stderr.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        carried.extend_from_slice(&buffer[..read]);
        let whole = match std::str::from_utf8(&carried) {
            // A character cut in two is kept for the next read; bytes that are no text are not.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Ok(_) | Err(_) => carried.len(),
        };
        let text: Vec<u8> = carried.drain(..whole).collect();
        if let Some(step) = steps.feed(&String::from_utf8_lossy(&text)) {
            on_step(step);
        }
    }
}

fn environment(settings: &BridgeSettings) -> BTreeMap<String, String> {
    let script = &settings.script_settings;
    let mut environment = settings.environment.clone();
    let named = [
        ("PYTHONUNBUFFERED", "1".to_owned()),
        ("PYTHONIOENCODING", "utf-8".to_owned()),
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ("PROXMOX_HOST", script.proxmox_host.clone()),
        ("PROXMOX_USER", script.proxmox_user.clone()),
        ("PROXMOX_PASSWORD", settings.proxmox_password.expose_secret().to_owned()),
        ("PROXMOX_NODE", script.proxmox_node.clone()),
        ("CLOUDFLARE_API_TOKEN", settings.cloudflare_token.expose_secret().to_owned()),
        ("CLOUDFLARE_ACCOUNT_ID", script.cloudflare_account_id.clone()),
        ("CLOUDFLARE_ZONE_ID", script.cloudflare_zone_id.clone()),
        ("FILESERVER_HOST", script.fileserver_host.clone()),
        ("FILESERVER_PORT", script.fileserver_port.to_string()),
        ("DOMAIN", script.domain.clone()),
    ];
    environment.extend(named.map(|(name, value)| (name.to_owned(), value)));
    environment
}

#[cfg(test)]
mod tests;
