//! What happens inside a container after it starts, imitated: it fetches its metadata by its own host
//! name and connects the tunnel that the token in there opens.

use std::sync::Arc;

use serde_json::Value;

use crate::cloudflare::{Connection, Tunnel};
use crate::world::{World, lock};

/// What runs inside a guest. Imitated here; a real container can stand behind the same questions.
pub(crate) trait Inside: Send + Sync {
    /// The page that the application serves, or none if nothing listens on its port.
    fn page(&self, hostname: &str, vmid: u64) -> Option<String>;
}

/// The template's nginx with its default page.
pub(crate) struct Nginx;

impl Inside for Nginx {
    fn page(&self, hostname: &str, vmid: u64) -> Option<String> {
        Some(format!(
            "<!doctype html><html lang=\"ja\"><head><meta charset=\"utf-8\"><title>{hostname}</title></head>\
             <body style=\"font-family:sans-serif;max-width:40rem;margin:4rem auto;line-height:1.7\">\
             <h1>Welcome to nginx!</h1><p>この環境は {hostname}（コンテナ {vmid}）で動いています。</p>\
             <p>This trial runs in container {vmid}.</p></body></html>"
        ))
    }
}

/// A boot asks for its metadata for about that long (ten tries, three seconds apart), then never again.
const ASKS_FOR_MS: u64 = 30_000;

/// Lets booted containers connect and lost connections be forgotten.
pub(crate) fn advance(world: &Arc<World>) {
    let now_ms = world.clock.now_millis();
    let settings = world.settings();
    let (mut running, mut tokens) = (Vec::new(), Vec::new());
    {
        let mut machines = lock(&world.proxmox);
        let files = lock(&world.files);
        for guest in &mut machines.guests {
            let Some(started_ms) = guest.started_ms else {
                continue;
            };
            running.push(guest.vmid);
            let booted_ms = started_ms + settings.scaled(settings.boot_ms);
            // Nobody may have looked in that time, which is short where time is scaled; a boot asks once at least.
            let asks = now_ms < booted_ms + settings.scaled(ASKS_FOR_MS) || !guest.has_asked;
            if guest.token.is_none() && now_ms >= booted_ms && asks {
                guest.has_asked = true;
                let file = files.by_name.get(&format!("metadata-{}.json", guest.hostname));
                let metadata: Option<Value> = file.and_then(|body| serde_json::from_slice(body).ok());
                guest.token = metadata.and_then(|m| m.get("tunnel_token")?.as_str().map(str::to_owned));
            }
            tokens.extend(guest.token.clone().map(|token| (guest.vmid, token)));
        }
    }
    let mut cloudflare = lock(&world.cloudflare);
    for tunnel in &mut cloudflare.tunnels {
        if let Some(connection) = &mut tunnel.connection {
            if !running.contains(&connection.vmid) && connection.forgotten_ms.is_none() {
                connection.forgotten_ms = Some(now_ms + settings.scaled(settings.linger_ms));
            }
            tunnel.connection.take_if(|c| c.forgotten_ms.is_some_and(|at| now_ms >= at));
        }
    }
    for (vmid, token) in tokens {
        let holds =
            |tunnel: &Tunnel| tunnel.connection.as_ref().is_some_and(|c| c.vmid == vmid && c.forgotten_ms.is_none());
        if cloudflare.tunnels.iter().any(holds) {
            continue;
        }
        if let Some(tunnel) = cloudflare.of_token(&token) {
            let id = uuid::Uuid::new_v4().to_string();
            tunnel.connection = Some(Connection { id, vmid, opened: world.clock.now(), forgotten_ms: None });
        }
    }
}
