//! The one node and its storages.

use serde_json::{Value, json};

use super::api::{data, parameters};
use crate::front::{Call, Reply};
use crate::world::World;

const GIB: u64 = 1_073_741_824;

pub(super) fn nodes(world: &World) -> Reply {
    let node = &world.credentials.proxmox_node;
    data(&json!([{"node": node, "status": "online", "type": "node", "id": format!("node/{node}"), "cpu": 0.02,
        "maxcpu": 8, "mem": 8 * GIB, "maxmem": 64 * GIB, "disk": 20 * GIB, "maxdisk": 400 * GIB, "uptime": 864_000,
        "level": "", "ssl_fingerprint": "AA:BB:CC:DD"}]))
}

pub(super) fn cluster(world: &World) -> Reply {
    let node = &world.credentials.proxmox_node;
    data(
        &json!([{"id": format!("node/{node}"), "type": "node", "name": node, "nodeid": 0, "ip": "192.0.2.10", "local": 1,
        "online": 1, "level": ""}]),
    )
}

pub(super) fn status() -> Reply {
    data(&json!({"cpu": 0.02, "wait": 0.0, "uptime": 864_000, "idle": 0, "loadavg": ["0.10", "0.12", "0.09"],
        "kversion": "Linux 6.14.11-2-pve", "pveversion": "pve-manager/9.1.2/a1b2c3d4",
        "boot-info": {"mode": "efi", "secureboot": 0},
        "cpuinfo": {"cores": 4, "cpus": 8, "model": "Sandbox CPU", "sockets": 1, "mhz": "3000.000", "hvm": "1", "flags": "fpu", "user_hz": 100},
        "current-kernel": {"machine": "x86_64", "release": "6.14.11-2-pve", "sysname": "Linux", "version": "#1 SMP"},
        "ksm": {"shared": 0}, "memory": {"free": 56 * GIB, "total": 64 * GIB, "used": 8 * GIB, "available": 56 * GIB},
        "rootfs": {"avail": 380 * GIB, "free": 380 * GIB, "total": 400 * GIB, "used": 20 * GIB},
        "swap": {"free": 8 * GIB, "total": 8 * GIB, "used": 0}}))
}

pub(super) fn storages() -> [Value; 2] {
    let size = |used: u64, total: u64| (total - used, used, total);
    let one = |name: &str, kind: &str, content: &str, (avail, used, total): (u64, u64, u64)| {
        json!({"storage": name, "type": kind, "active": 1, "enabled": 1, "shared": 0, "content": content,
            "avail": avail, "used": used, "total": total, "used_fraction": 0.05})
    };
    [
        one("local", "dir", "vztmpl,iso,backup", size(20 * GIB, 400 * GIB)),
        one("vm-storage", "zfspool", "rootdir,images", size(50 * GIB, 1_000 * GIB)),
    ]
}

pub(super) fn storage(call: &Call) -> Reply {
    let given = parameters(call);
    let holds = |storage: &Value, wanted: &str| {
        storage["content"]
            .as_str()
            .is_some_and(|content| wanted.split(',').all(|kind| content.split(',').any(|c| c == kind)))
    };
    let shown: Vec<Value> = storages()
        .into_iter()
        .filter(|storage| given.get("storage").is_none_or(|name| storage["storage"] == name.as_str()))
        .filter(|storage| given.get("content").is_none_or(|wanted| holds(storage, wanted)))
        .collect();
    data(&json!(shown))
}
