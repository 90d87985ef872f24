//! Cloudflare's edge: a visitor's name leads over its DNS record, the tunnel and the tunnel's rules to
//! the container's application, or to the error that real visitors see.

use std::sync::Arc;

use serde_json::Value;

use crate::container::{Inside, Nginx};
use crate::front::{Call, Reply, System};
use crate::world::{World, lock};

pub(crate) struct Ingress;

/// The full name that a visitor asked for: `acme.localhost:8080` is `acme.persys.jp`.
fn full_name(world: &World, call: &Call) -> String {
    let host = call.header("host");
    let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    host.strip_suffix(".localhost").map_or_else(|| host.clone(), |label| format!("{label}.{}", world.service_domain))
}

fn error(status: u16, number: &str, text: &str) -> Reply {
    let body = format!("<!doctype html><title>Error {number}</title><h1>Error {number}</h1><p>{text}</p>");
    Reply::html(status, body).with_header("Retry-After", "120")
}

impl System for Ingress {
    fn name(&self) -> &'static str {
        "ingress"
    }

    fn attempt(&self, world: &Arc<World>, call: &Call) -> Option<String> {
        let name = full_name(world, call);
        let state = lock(&world.cloudflare);
        let record = state.records.iter().find(|record| record.name == name)?;
        Some(format!("{name} {}", record.content))
    }

    fn answer(&self, world: &Arc<World>, call: &Call) -> Reply {
        let name = full_name(world, call);
        let (vmid, service) = {
            let state = lock(&world.cloudflare);
            let Some(record) = state.records.iter().find(|record| record.name == name && record.kind == "CNAME") else {
                return error(404, "1016", "Origin DNS error: this name has no record.");
            };
            let id = record.content.strip_suffix(".cfargotunnel.com").unwrap_or_default();
            let tunnel = state.tunnels.iter().find(|tunnel| tunnel.id == id && tunnel.deleted.is_none());
            let Some(tunnel) = tunnel else {
                return error(530, "1033", "Cloudflare Tunnel error");
            };
            let Some(open) = tunnel.connection.as_ref().filter(|open| open.forgotten_ms.is_none()) else {
                return error(530, "1033", "Cloudflare Tunnel error");
            };
            let Some(config) = &tunnel.config else {
                return error(503, "503", "No ingress rules are loaded yet.");
            };
            (open.vmid, rule(config, &name))
        };
        if let Some(status) = service.strip_prefix("http_status:").and_then(|status| status.parse().ok()) {
            return Reply::empty(status);
        }
        let hostname = {
            let machines = lock(&world.proxmox);
            machines.guests.iter().find(|guest| guest.vmid == vmid).map(|guest| guest.hostname.clone())
        };
        let page = hostname.filter(|_| service.ends_with(":80")).and_then(|hostname| Nginx.page(&hostname, vmid));
        page.map_or_else(|| error(502, "502", "Bad gateway"), |page| Reply::html(200, page))
    }
}

/// Where a tunnel's rules lead that name: the first that fits.
fn rule(config: &Value, name: &str) -> String {
    let rules = config.get("ingress").and_then(Value::as_array).cloned().unwrap_or_default();
    let fits = |rule: &&Value| rule.get("hostname").and_then(Value::as_str).is_none_or(|hostname| hostname == name);
    let service = rules.iter().find(fits).and_then(|rule| rule.get("service")?.as_str().map(str::to_owned));
    service.unwrap_or_else(|| "http_status:404".to_owned())
}
