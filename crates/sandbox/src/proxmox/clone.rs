//! Cloning: the source stays locked until the copy ends, so two clones of one template collide.

use std::sync::Arc;

use serde_json::json;

use super::Work;
use super::api::{data, failed, parameters};
use super::schema::truth;
use crate::front::{Call, Reply};
use crate::world::{World, lock};

pub(super) fn clone(world: &Arc<World>, call: &Call, source: u64, user: &str) -> Reply {
    let given = parameters(call);
    let target: u64 = given.get("newid").and_then(|text| text.parse().ok()).unwrap_or_default();
    let asked = given.get("full").and_then(|text| truth(text));
    let settings = world.settings();
    let now_ms = world.clock.now_millis();
    let mut state = lock(&world.proxmox);
    // A template is cloned by linking unless asked otherwise, anything else in full.
    let is_template = state.find(source).is_some_and(|guest| guest.template);
    let full = asked.unwrap_or(!is_template);
    match given.get("storage").map(String::as_str) {
        Some(_) if !full => {
            return failed(500, "parameter 'storage' not allowed for linked clones");
        }
        Some("local" | "vm-storage") | None => {}
        Some(other) => return failed(500, &format!("storage '{other}' does not exist")),
    }
    let hostname = given.get("hostname").cloned().unwrap_or_else(|| format!("CT{target}"));
    if state.guests.iter().any(|guest| guest.vmid == target) {
        return failed(500, &format!("CT {target} already exists on node 'odin'"));
    }
    let Some(from) = state.find(source) else {
        return failed(500, &format!("Configuration file 'nodes/odin/lxc/{source}.conf' does not exist"));
    };
    if let Some(lock) = &from.lock {
        return failed(500, &format!("CT is locked ({lock})"));
    }
    if !full && !is_template {
        return failed(500, &format!("Linked clone feature for 'vm-storage:subvol-{source}-disk-0' is not available"));
    }
    from.lock = Some("disk".to_owned());
    let mut copy = from.clone();
    copy.vmid = target;
    copy.hostname = hostname;
    copy.template = false;
    copy.lock = Some("create".to_owned());
    copy.started_ms = None;
    copy.token = None;
    copy.has_asked = false;
    copy.created_ms = now_ms;
    state.guests.push(copy);
    // A linked clone copies nothing.
    let takes = settings.scaled(if full { settings.clone_ms } else { settings.clone_ms / 20 });
    data(&json!(state.begin("vzclone", source, user, (now_ms, takes), Work::Clone { source, target })))
}
