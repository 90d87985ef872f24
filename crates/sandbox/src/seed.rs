//! Trials that have been running for an hour, all parts of them, put into the world at one stroke: for
//! measuring what many of them cost.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cloudflare::Cloudflare;
use crate::proxmox;
use crate::stripe;
use crate::world::{World, lock};

/// They have been running for that long, in milliseconds.
const AGE_MS: i64 = 3_600_000;

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The container number of the first one; the others follow it. A trial's name is `t{number}`.
    first_vmid: u64,
    count: u64,
    price: String,
    /// Metadata beside what names the trial and its parts.
    metadata: Map<String, Value>,
}

/// Puts them there.
pub(crate) fn trials(world: &World, given: Value) -> Result<(), String> {
    let wanted: Wanted = serde_json::from_value(given).map_err(|error| error.to_string())?;
    let now_ms = world.clock.now_millis();
    let created = (now_ms - AGE_MS) / 1_000;
    for vmid in wanted.first_vmid..wanted.first_vmid.saturating_add(wanted.count) {
        let name = format!("t{vmid}");
        let mut guest = proxmox::Guest::new(vmid, &name, now_ms - AGE_MS);
        guest.started_ms = Some(now_ms - AGE_MS);
        lock(&world.proxmox).guests.push(guest);
        let tunnel = Cloudflare::plant_tunnel(world, &format!("service-{vmid}-{name}"), Some(created));
        let tunnel = tunnel["id"].as_str().unwrap_or_default();
        Cloudflare::plant_alias(world, &name, &format!("{tunnel}.cfargotunnel.com"));
        let file = json!({"vmid": vmid, "hostname": name, "subdomain": name});
        lock(&world.files).by_name.insert(format!("metadata-{name}.json"), file.to_string().into_bytes());
        let mut metadata = wanted.metadata.clone();
        let url = format!("https://{name}.{}", world.service_domain);
        for (key, value) in [
            ("subdomain", name.as_str()),
            ("vmid", &vmid.to_string()),
            ("tunnel_id", tunnel),
            ("url", &url),
            ("tmsk_attempt", &format!("1:{created}:{created}")),
            ("tmsk_mail", &format!("welcome:sent@{created}")),
        ] {
            metadata.insert(key.to_owned(), json!(value));
        }
        stripe::seed(world, &json!({"count": 1, "price": wanted.price, "metadata": metadata}))?;
    }
    Ok(())
}
