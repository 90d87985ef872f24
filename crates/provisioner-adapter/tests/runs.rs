//! The real bridge, put to the contract of `Provisioner` with a script that does as it is told.

#![expect(clippy::unwrap_used, reason = "a test that panics says what it lacks")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use rustix::fs::{CWD, FileType, FlockOperation, Mode, flock, mknodat};
use tamesuke_domain::catalog::Days;
use tamesuke_domain::contract::provisioner::{Ending, ProvisionerWorld, check};
use tamesuke_domain::look::RunView;
use tamesuke_domain::ports::{Provisioner, RunOrder};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_provisioner::bridge::process::ScriptSettings;
use tamesuke_provisioner::{BridgeSettings, Runs};

/// What can't take that long is hanging.
const HANGING: Duration = Duration::from_secs(120);
/// What a killed process group needs to be gone, at the very most.
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// Takes a word at a time from `{name}.told`. It shares its lock on `{name}.alive` with a process that it
/// starts and never waits for: whoever gets that lock knows that nothing of the run lives.
const SCRIPT: &str = r#"
import fcntl
import os
import subprocess
import sys
from pathlib import Path


class TamesukeProvisioner:
    def __init__(self, **settings):
        pass

    def provision(self, customer_email, oss_type, subdomain, duration_days):
        here = Path(os.environ["TOLD_IN"])
        alive = os.open(here / f"{subdomain}.alive", os.O_RDWR | os.O_CREAT)
        fcntl.flock(alive, fcntl.LOCK_SH)
        wait = "import signal; signal.pause()"
        subprocess.Popen([sys.executable, "-c", wait], pass_fds=[alive])
        with open(here / f"{subdomain}.begun", "a") as begun:
            print("run", file=begun)
        told = open(here / f"{subdomain}.told", "rb", buffering=0)
        while True:
            word = told.readline().decode().strip()
            if word == "well":
                return {"vmid": 9001, "tunnel_id": "t", "url": f"https://{subdomain}", "status": "active"}
            if word == "failed":
                raise RuntimeError("told to fail")
            print(f"{word}. [OK] done", flush=True)
"#;

struct World {
    dir: tempfile::TempDir,
    /// Where each name's runs are told what to do: the pipe, and the last step told.
    told: Mutex<BTreeMap<Subdomain, (File, u8)>>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("provisioner.py"), SCRIPT).unwrap();
        Self { dir, told: Mutex::default() }
    }

    fn file(&self, name: &Subdomain, of: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.{of}"))
    }

    fn runs(&self) -> Runs {
        let path = |name: &str| (name.to_owned(), std::env::var(name).unwrap_or_default());
        let told_in = ("TOLD_IN".to_owned(), self.dir.path().display().to_string());
        Runs::new(BridgeSettings {
            python: "python3".into(),
            script: self.dir.path().join("provisioner.py"),
            state_dir: self.dir.path().to_owned(),
            timeout: HANGING,
            script_settings: ScriptSettings {
                proxmox_host: "127.0.0.1".to_owned(),
                proxmox_user: "root@pam".to_owned(),
                proxmox_node: "pve".to_owned(),
                cloudflare_account_id: "account".to_owned(),
                cloudflare_zone_id: "zone".to_owned(),
                fileserver_host: "127.0.0.1".to_owned(),
                fileserver_port: 80,
                domain: "persys.jp".to_owned(),
            },
            proxmox_password: "secret".into(),
            cloudflare_token: "secret".into(),
            environment: BTreeMap::from([path("PATH"), path("HOME"), told_in]),
        })
    }

    fn tell(&self, name: &Subdomain, words: impl Fn(u8) -> (String, u8)) {
        let mut told = self.told.lock().unwrap();
        let (pipe, last) = told.get_mut(name).unwrap();
        let (text, next) = words(*last);
        *last = next;
        pipe.write_all(text.as_bytes()).unwrap();
    }
}

#[async_trait]
impl ProvisionerWorld for World {
    async fn order(&self, name: &Subdomain) -> RunOrder {
        let pipe = self.file(name, "told");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        // Open for reading, too, so that opening waits for nobody and what is told is kept.
        let told = File::options().read(true).write(true).open(pipe).unwrap();
        self.told.lock().unwrap().insert(name.clone(), (told, 0));
        RunOrder {
            subdomain: name.clone(),
            application: "nginx".parse().unwrap(),
            days: Days::new(7).unwrap(),
            email: Some("taro@example.jp".parse().unwrap()),
        }
    }

    async fn reach(&self, name: &Subdomain, step: u8) {
        self.tell(name, |last| {
            // A new run of the name begins at its first step again.
            let from = if step > last { last + 1 } else { 1 };
            let steps: Vec<String> = (from..=step).map(|step| step.to_string()).collect();
            (steps.join("\n") + "\n", step)
        });
    }

    async fn finish(&self, name: &Subdomain, ending: Ending) {
        self.tell(name, |_| match ending {
            Ending::Well => ("well\n".to_owned(), 0),
            Ending::Failed => ("failed\n".to_owned(), 0),
        });
    }

    async fn begun(&self, name: &Subdomain) -> usize {
        std::fs::read_to_string(self.file(name, "begun")).map_or(0, |text| text.lines().count())
    }

    async fn is_gone(&self, name: &Subdomain) -> bool {
        let alive = File::open(self.file(name, "alive")).unwrap();
        let (tell, told) = tokio::sync::oneshot::channel();
        // A thread of its own: one that waits for ever must not keep the test from its end.
        std::thread::spawn(move || tell.send(flock(&alive, FlockOperation::LockExclusive)));
        let locked = tokio::time::timeout(GONE_WITHIN, told).await;
        matches!(locked, Ok(Ok(Ok(()))))
    }

    async fn another(&self) -> Box<dyn Provisioner> {
        Box::new(self.runs())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bridge_keeps_the_contract_of_provisioner() {
    let world = World::new();
    let runs = world.runs();
    let kept = tokio::time::timeout(HANGING, check(&runs, &world)).await;
    assert!(kept.is_ok(), "the contract waits for what never happens");
}

/// Waits until the run is seen like this.
async fn until(runs: &Runs, name: &Subdomain, seen: impl Fn(RunView) -> bool) {
    let waited = tokio::time::timeout(HANGING, async {
        while !seen(runs.look(name)) {
            runs.changed().await;
        }
    });
    assert!(waited.await.is_ok(), "{name}: {:?} stays", runs.look(name));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_called_like_the_process_lease_is_run_like_any_other() {
    let world = World::new();
    let lease = File::options().create(true).append(true).open(world.dir.path().join("lease.lock")).unwrap();
    flock(&lease, FlockOperation::LockExclusive).unwrap();
    let (runs, name) = (world.runs(), "lease".parse().unwrap());
    assert_eq!(runs.look(&name), RunView::None, "the process's own lock is no run");
    runs.start(world.order(&name).await).await.unwrap();
    world.reach(&name, 1).await;
    until(&runs, &name, |seen| seen == RunView::Alive { step: 1 }).await;
    assert_eq!(world.another().await.look(&name), RunView::Alive { step: 0 }, "a process that takes over sees it");
    world.finish(&name, Ending::Well).await;
    until(&runs, &name, |seen| matches!(seen, RunView::Succeeded { .. })).await;
    assert_eq!(world.another().await.look(&name), RunView::None, "nothing of it is left");
}
