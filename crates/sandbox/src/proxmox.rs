//! Proxmox VE: guests, tasks and tickets (contracts, section 3).

mod access;
mod api;
mod clone;
mod guests;
mod node;
mod schema;
mod tasks;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::front::{Call, Reply, System};
use crate::world::{World, lock};

#[derive(Debug, Clone)]
pub(crate) struct Guest {
    pub(crate) vmid: u64,
    pub(crate) hostname: String,
    pub(crate) template: bool,
    /// Whether high availability looks after it.
    pub(crate) ha: bool,
    pub(crate) lock: Option<String>,
    /// When it was started, in the world's milliseconds; none while it is stopped.
    pub(crate) started_ms: Option<i64>,
    pub(crate) created_ms: i64,
    /// The tunnel token that its boot has fetched.
    pub(crate) token: Option<String>,
    /// This boot has asked for it.
    pub(crate) has_asked: bool,
    pub(crate) config: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) upid: String,
    pub(crate) kind: &'static str,
    pub(crate) id: u64,
    pub(crate) user: String,
    pub(crate) started: i64,
    pub(crate) pid: u32,
    pub(crate) pstart: u32,
    pub(crate) ends_ms: i64,
    pub(crate) exit: Option<String>,
    /// How it will end, where somebody has planned that.
    pub(crate) plan: Option<String>,
    pub(crate) work: Work,
}

/// What a task does when it ends.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    Clone {
        source: u64,
        target: u64,
    },
    Start(u64),
    Stop(u64),
    Destroy(u64),
    /// The mount point and its new size.
    Resize(u64, String, String),
    Fail(String),
}

#[derive(Debug, Default)]
pub(crate) struct Proxmox {
    pub(crate) guests: Vec<Guest>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) tickets: BTreeMap<String, (i64, String)>,
    pub(crate) tokens: BTreeMap<String, access::Token>,
    /// How the next task of a kind will end.
    pub(crate) plans: Vec<(String, String)>,
    pub(crate) counter: u32,
}

pub(crate) struct ProxmoxSystem;

impl System for ProxmoxSystem {
    fn name(&self) -> &'static str {
        "proxmox"
    }

    fn answer(&self, world: &Arc<World>, call: &Call) -> Reply {
        api::answer(world, call)
    }

    fn end_log_ins(&self, world: &Arc<World>) {
        lock(&world.proxmox).tickets.clear();
    }

    fn held_back(&self, world: &Arc<World>, reply: &Reply) -> Duration {
        let ms = if reply.status == 401 { world.settings().unauthorized_ms } else { 0 };
        Duration::from_millis(ms)
    }
}

impl Proxmox {
    /// A node with the nginx template.
    pub(crate) fn new(now_ms: i64) -> Self {
        let mut state = Self::default();
        let mut template = Guest::new(8011, "nginx-template", now_ms);
        template.template = true;
        state.guests.push(template);
        state
    }

    pub(crate) fn find(&mut self, vmid: u64) -> Option<&mut Guest> {
        self.guests.iter_mut().find(|guest| guest.vmid == vmid)
    }

    /// What the control API shows.
    pub(crate) fn show(world: &World) -> Value {
        let state = lock(&world.proxmox);
        let guests: Vec<Value> = state.guests.iter().map(Guest::show).collect();
        let tasks: Vec<Value> = state
            .tasks
            .iter()
            .map(|task| json!({"upid": task.upid, "type": task.kind, "id": task.id, "exitstatus": task.exit}))
            .collect();
        json!({"guests": guests, "tasks": tasks})
    }
}

impl Guest {
    pub(crate) fn new(vmid: u64, hostname: &str, now_ms: i64) -> Self {
        let config = [
            ("arch", "amd64"),
            ("cores", "1"),
            ("memory", "512"),
            ("swap", "512"),
            ("ostype", "debian"),
            ("rootfs", "vm-storage:subvol,size=8G"),
            ("net0", "name=eth0,bridge=vmbr0,ip=dhcp"),
            ("unprivileged", "1"),
        ];
        Self {
            vmid,
            hostname: hostname.to_owned(),
            template: false,
            ha: false,
            lock: None,
            started_ms: None,
            created_ms: now_ms,
            token: None,
            has_asked: false,
            config: config.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        }
    }

    pub(crate) fn show(&self) -> Value {
        let status = if self.started_ms.is_some() { "running" } else { "stopped" };
        json!({"vmid": self.vmid, "node": "odin", "kind": "lxc", "hostname": self.hostname, "status": status,
            "started_ms": self.started_ms, "created_ms": self.created_ms, "lock": self.lock, "template": self.template,
            "ha": self.ha, "config": self.config})
    }
}

/// Ends the tasks that are due.
pub(crate) fn advance(world: &Arc<World>) {
    let now_ms = world.clock.now_millis();
    tasks::finish(&mut lock(&world.proxmox), now_ms);
}
