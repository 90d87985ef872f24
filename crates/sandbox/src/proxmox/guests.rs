//! Guests: listed with their lag, configured, started, stopped and deleted.

use std::sync::Arc;

use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::api::{bad_parameter, data, failed, parameters};
use super::schema::truth;
use super::{Guest, Work};
use crate::front::{Call, Reply};
use crate::world::{World, lock};

/// The cluster's list: numbers are current, names and states come from a cycle of ten seconds.
pub(super) fn resources(world: &World, call: &Call) -> Reply {
    let wanted = call.query_pairs().remove("type");
    let of = |kind: &str| wanted.as_deref().is_none_or(|wanted| wanted == kind);
    let node = &world.credentials.proxmox_node;
    let mut shown = if of("vm") { listed(world) } else { Vec::new() };
    if of("node") {
        shown.push(json!({"id": format!("node/{node}"), "node": node, "type": "node", "status": "online", "maxcpu": 8, "uptime": 864_000}));
    }
    if of("storage") {
        shown.extend(super::node::storages().into_iter().map(|storage| {
            let name = storage["storage"].as_str().unwrap_or_default();
            json!({"id": format!("storage/{node}/{name}"), "node": node, "type": "storage", "status": "available",
                "storage": name, "plugintype": storage["type"], "content": storage["content"], "shared": 0,
                "disk": storage["used"], "maxdisk": storage["total"]})
        }));
    }
    data(&json!(shown))
}

fn listed(world: &World) -> Vec<Value> {
    let settings = world.settings();
    let now_ms = world.clock.now_millis();
    let mut guests = lock(&world.proxmox).guests.clone();
    guests.sort_by_key(|guest| format!("lxc/{}", guest.vmid));
    guests
        .iter()
        .map(|guest| {
            let known = now_ms - guest.created_ms >= settings.scaled(settings.list_lag_ms) || guest.template;
            let mut view = json!({"id": format!("lxc/{}", guest.vmid), "vmid": guest.vmid, "node": "odin", "type": "lxc",
                "template": i32::from(guest.template), "status": "unknown"});
            if let (true, Some(fields)) = (known, view.as_object_mut()) {
                fields.insert("name".to_owned(), json!(guest.hostname));
                fields.insert("status".to_owned(), json!(status(guest)));
                fields.extend(usage(guest, now_ms));
            }
            if let (Some(lock), Some(fields)) = (&guest.lock, view.as_object_mut()) {
                fields.insert("lock".to_owned(), json!(lock));
            }
            view
        })
        .collect()
}

/// What pvestatd measures.
fn usage(guest: &Guest, now_ms: i64) -> serde_json::Map<String, Value> {
    let uptime = guest.started_ms.map_or(0, |started| (now_ms - started).max(0) / 1_000);
    let memory = if guest.started_ms.is_some() { 67_108_864 } else { 0 };
    let fields = json!({"cpu": 0.0, "maxcpu": 1, "mem": memory, "maxmem": 536_870_912_u64, "disk": 0,
        "maxdisk": 8_589_934_592_u64, "uptime": uptime});
    fields.as_object().cloned().unwrap_or_default()
}

fn status(guest: &Guest) -> &'static str {
    if guest.started_ms.is_some() { "running" } else { "stopped" }
}

pub(super) fn next_id(world: &World, call: &Call) -> Reply {
    let state = lock(&world.proxmox);
    let taken = |vmid: u64| state.guests.iter().any(|guest| guest.vmid == vmid);
    if let Some(asked) = call.query_pairs().get("vmid").and_then(|text| text.parse().ok()) {
        return if taken(asked) {
            bad_parameter("vmid", &format!("VM {asked} already exists"))
        } else {
            data(&json!(asked.to_string()))
        };
    }
    let free = (100..1_000_000).find(|vmid| !taken(*vmid)).unwrap_or(100);
    data(&json!(free.to_string()))
}

pub(super) fn list(world: &World) -> Reply {
    let state = lock(&world.proxmox);
    let now_ms = world.clock.now_millis();
    data(&json!(state.guests.iter().map(|guest| summary(guest, now_ms)).collect::<Vec<_>>()))
}

/// A guest as the node itself shows it, which does not lag.
fn summary(guest: &Guest, now_ms: i64) -> Value {
    let mut view = json!({"vmid": guest.vmid, "name": guest.hostname, "status": status(guest), "type": "lxc", "cpus": 1,
        "maxswap": 536_870_912_u64});
    if let Some(fields) = view.as_object_mut() {
        fields.extend(usage(guest, now_ms).into_iter().filter(|(name, _)| name != "maxcpu"));
        fields.extend(guest.lock.iter().map(|lock| ("lock".to_owned(), json!(lock))));
        if guest.template {
            fields.insert("template".to_owned(), json!(1));
        }
    }
    view
}

/// A setting as JSON: numbers are numbers.
fn setting(name: &str, value: &str) -> Value {
    let is_number = matches!(
        name,
        "cores" | "memory" | "swap" | "unprivileged" | "onboot" | "protection" | "tty" | "console" | "debug"
    );
    value.parse::<i64>().ok().filter(|_| is_number).map_or_else(|| json!(value), |number| json!(number))
}

fn digest(guest: &Guest) -> String {
    let text = format!("{:?}{:?}{:?}{}", guest.config, guest.hostname, guest.lock, guest.template);
    hex::encode(Sha1::digest(text.as_bytes()))
}

pub(super) fn one(world: &Arc<World>, call: &Call, vmid: u64, rest: &[&str], user: &str) -> Reply {
    let settings = world.settings();
    let now_ms = world.clock.now_millis();
    let mut state = lock(&world.proxmox);
    let Some(guest) = state.find(vmid).cloned() else {
        return failed(500, &format!("Configuration file 'nodes/odin/lxc/{vmid}.conf' does not exist"));
    };
    let running = guest.started_ms.is_some();
    let not_running = || failed(500, &format!("CT {vmid} not running"));
    match (call.method.as_str(), rest) {
        ("GET", ["config"]) => {
            let settings = guest.config.iter().map(|(name, value)| (name.clone(), setting(name, value)));
            let mut view = Value::Object(settings.collect());
            if let Some(fields) = view.as_object_mut() {
                fields.insert("hostname".to_owned(), json!(guest.hostname));
                fields.insert("digest".to_owned(), json!(digest(&guest)));
                if let Some(lock) = &guest.lock {
                    fields.insert("lock".to_owned(), json!(lock));
                }
                if guest.template {
                    fields.insert("template".to_owned(), json!(1));
                }
            }
            data(&view)
        }
        ("PUT", ["config"]) => configure(state.find(vmid), call),
        ("GET", ["status", "current"]) => {
            let mut view = summary(&guest, now_ms);
            view["ha"] = json!({"managed": i32::from(guest.ha)});
            data(&view)
        }
        ("GET", []) => data(&json!([{"subdir": "config"}, {"subdir": "status"}, {"subdir": "interfaces"}])),
        ("GET", ["interfaces"]) => {
            let up = json!([{"name": "eth0", "hwaddr": "bc:24:11:00:00:01", "hardware-address": "bc:24:11:00:00:01",
                "inet": "192.0.2.2/24", "ip-addresses": [{"ip-address": "192.0.2.2", "ip-address-type": "inet", "prefix": 24}]}]);
            data(&if running { up } else { json!([]) })
        }
        ("PUT", ["resize"]) => {
            let given = parameters(call);
            if let Some(lock) = &guest.lock {
                return failed(500, &format!("CT is locked ({lock})"));
            }
            let (disk, size) =
                (given.get("disk").cloned().unwrap_or_default(), given.get("size").cloned().unwrap_or_default());
            if !guest.config.contains_key(&disk) {
                return failed(500, &format!("no such mount point '{disk}'"));
            }
            let work = Work::Resize(vmid, disk, size);
            data(&json!(state.begin("resize", vmid, user, (now_ms, settings.scaled(1_000)), work)))
        }
        ("POST", ["status", "start"]) => {
            if running {
                return failed(500, &format!("CT {vmid} already running"));
            }
            let work = match (&guest.lock, guest.template) {
                (Some(lock), _) => Work::Fail(format!("CT is locked ({lock})")),
                (None, true) => Work::Fail("you can't start a CT if it's a template".to_owned()),
                (None, false) => Work::Start(vmid),
            };
            let takes = settings.scaled(settings.start_ms);
            data(&json!(state.begin("vzstart", vmid, user, (now_ms, takes), work)))
        }
        ("POST", ["status", "stop"]) if running => {
            let takes = settings.scaled(settings.stop_ms);
            data(&json!(state.begin("vzstop", vmid, user, (now_ms, takes), Work::Stop(vmid))))
        }
        ("POST", ["status", "shutdown"]) if running => {
            let given = parameters(call);
            let takes = settings.scaled(settings.stop_ms * 2);
            let patience = given.get("timeout").and_then(|text| text.parse::<u64>().ok()).unwrap_or(60);
            let patience = settings.scaled(patience * 1_000);
            let forced = given.get("forceStop").and_then(|text| truth(text)).unwrap_or(false);
            let work = if takes <= patience || forced {
                Work::Stop(vmid)
            } else {
                Work::Fail(format!("command 'lxc-stop -n {vmid} --timeout 1' failed: exit code 1"))
            };
            data(&json!(state.begin("vzshutdown", vmid, user, (now_ms, takes.min(patience.max(1))), work)))
        }
        ("POST", ["status", "stop" | "shutdown"]) => not_running(),
        ("DELETE", []) => {
            let given = parameters(call);
            let asked = |name: &str| given.get(name).and_then(|text| truth(text)).unwrap_or(false);
            let force = asked("force");
            if let Some(lock) = &guest.lock {
                return failed(500, &format!("CT is locked ({lock})"));
            }
            if guest.config.get("protection").is_some_and(|on| on == "1") {
                return failed(500, &format!("can't remove CT {vmid} - protection mode enabled"));
            }
            if guest.ha && !asked("purge") {
                let why = format!("unable to remove CT {vmid} - used in HA resources and purge parameter not set.");
                return failed(500, &why);
            }
            if running && !force {
                return failed(500, &format!("unable to destroy CT {vmid} - container is running"));
            }
            if let Some(guest) = state.find(vmid) {
                guest.lock = Some("destroyed".to_owned());
                guest.started_ms = None;
            }
            let takes = settings.scaled(settings.destroy_ms);
            data(&json!(state.begin("vzdestroy", vmid, user, (now_ms, takes), Work::Destroy(vmid))))
        }
        (method, _) => {
            failed(501, &format!("Method '{method} /nodes/odin/lxc/{vmid}/{}' not implemented", rest.join("/")))
        }
    }
}

fn configure(guest: Option<&mut Guest>, call: &Call) -> Reply {
    let Some(guest) = guest else {
        return failed(500, "no such container");
    };
    let mut given = parameters(call);
    if let Some(lock) = &guest.lock {
        return failed(500, &format!("CT is locked ({lock})"));
    }
    if given.remove("digest").is_some_and(|seen| seen != digest(guest)) {
        return failed(500, "detected modified configuration - file changed by other user? Try again.");
    }
    if given.is_empty() {
        return failed(500, "no options specified");
    }
    if let Some(hostname) = given.remove("hostname") {
        guest.hostname = hostname;
    }
    for name in given.remove("delete").unwrap_or_default().split(',') {
        guest.config.remove(name.trim());
    }
    guest.config.extend(given);
    data(&Value::Null)
}
