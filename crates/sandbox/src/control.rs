//! The control API: shows and sets everything. What it does is not written to the request log.

use std::sync::{Arc, PoisonError};

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::faults::Rule;
use crate::front::{Call, Reply};
use crate::options::Addresses;
use crate::world::{Settings, World, lock};
use crate::{cloudflare, proxmox, stripe};

/// The control API's state.
pub(crate) struct Control {
    pub(crate) world: Arc<World>,
    pub(crate) addresses: Addresses,
}

/// Answers one call.
pub(crate) fn serve(request: &HttpRequest, body: &Bytes, control: &web::Data<Control>) -> HttpResponse {
    let call = Call {
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: std::collections::BTreeMap::new(),
        body: body.to_vec(),
    };
    let reply = route(control, &call).unwrap_or_else(|wrong| Reply::json(400, &json!({"error": wrong})));
    control.world.wake.notify_one();
    HttpResponse::build(actix_web::http::StatusCode::from_u16(reply.status).unwrap_or_default())
        .content_type("application/json")
        .body(reply.body)
}

fn show(world: &Arc<World>, service: &str) -> Option<Value> {
    Some(match service {
        "clock" => json!({"now": world.clock.now(), "offset_secs": world.clock.offset_secs()}),
        "stripe" => stripe::show(world),
        "proxmox" => proxmox::Proxmox::show(world),
        "cloudflare" => cloudflare::Cloudflare::show(world),
        "files" => {
            let files = lock(&world.files);
            let texts = files.by_name.iter().map(|(name, body)| (name.clone(), json!(String::from_utf8_lossy(body))));
            Value::Object(texts.collect())
        }
        "mail" => json!(lock(&world.mailbox).mails),
        _ => return None,
    })
}

fn body<T: serde::de::DeserializeOwned>(call: &Call) -> Result<T, String> {
    serde_json::from_slice(&call.body).map_err(|error| error.to_string())
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| format!("{name} is missing"))
}

fn route(control: &Control, call: &Call) -> Result<Reply, String> {
    let world = &control.world;
    world.advance();
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ok = |value: &Value| Ok(Reply::json(200, value));
    match (call.method.as_str(), parts.as_slice()) {
        ("GET", ["addresses"]) => ok(&json!(control.addresses)),
        ("GET", ["state"]) => {
            let services = ["clock", "stripe", "proxmox", "cloudflare", "files", "mail"];
            ok(&Value::Object(
                services.iter().filter_map(|name| Some(((*name).to_owned(), show(world, name)?))).collect(),
            ))
        }
        ("GET", ["state", service]) => match show(world, service) {
            Some(state) => ok(&state),
            None => Err(format!("there is no {service}")),
        },
        ("GET", ["requests"]) => {
            let query = call.query_pairs();
            let since = query.get("since_seq").and_then(|text| text.parse().ok()).unwrap_or(0);
            ok(&json!(world.log.since(since, query.get("service").map(String::as_str))))
        }
        ("DELETE", ["requests"]) => {
            world.log.clear();
            ok(&json!({}))
        }
        ("POST", ["clock", "jump"]) => {
            let seconds = body::<Value>(call)?.get("seconds").and_then(Value::as_i64).ok_or("seconds is missing")?;
            world.clock.jump(seconds);
            world.advance_at_once();
            ok(&json!({"now": world.clock.now()}))
        }
        ("POST", ["faults"]) => ok(&json!({"id": world.faults.add(body::<Rule>(call)?)})),
        ("GET", ["faults"]) => ok(&json!(world.faults.list())),
        ("DELETE", ["faults"]) => {
            world.faults.remove(None);
            ok(&json!({}))
        }
        ("DELETE", ["faults", id]) => {
            world.faults.remove(Some(id.parse().map_err(|_| "the id is no number")?));
            ok(&json!({}))
        }
        ("GET", ["settings"]) => ok(&json!(world.settings())),
        ("PUT", ["settings"]) => set(world, call),
        ("DELETE", ["mail"]) => {
            lock(&world.mailbox).mails.clear();
            ok(&json!({}))
        }
        _ => plant(world, call, &parts),
    }
}

fn set(world: &World, call: &Call) -> Result<Reply, String> {
    let given: Value = body(call)?;
    let mut settings = world.settings.write().unwrap_or_else(PoisonError::into_inner);
    let mut merged = json!(*settings);
    if let (Some(all), Some(given)) = (merged.as_object_mut(), given.as_object()) {
        all.extend(given.clone());
    }
    *settings = serde_json::from_value::<Settings>(merged).map_err(|error| error.to_string())?;
    Ok(Reply::json(200, &json!(*settings)))
}

fn plant(world: &Arc<World>, call: &Call, parts: &[&str]) -> Result<Reply, String> {
    let ok = |value: &Value| Ok(Reply::json(200, value));
    match (call.method.as_str(), parts) {
        ("POST", ["proxmox", "guests"]) => {
            let given: Value = body(call)?;
            let vmid = given.get("vmid").and_then(Value::as_u64).ok_or("vmid is missing")?;
            let now_ms = world.clock.now_millis();
            let mut guest = proxmox::Guest::new(vmid, text(&given, "hostname")?, now_ms - 3_600_000);
            guest.template = given.get("template").and_then(Value::as_bool).unwrap_or(false);
            guest.started_ms =
                (given.get("status").and_then(Value::as_str) == Some("running")).then_some(now_ms - 3_600_000);
            let shown = guest.show();
            lock(&world.proxmox).guests.push(guest);
            ok(&shown)
        }
        ("POST", ["proxmox", "next-task"]) => {
            let given: Value = body(call)?;
            let plan = (text(&given, "type")?.to_owned(), text(&given, "exit")?.to_owned());
            lock(&world.proxmox).plans.push(plan);
            ok(&json!({}))
        }
        ("PATCH", ["proxmox", "guests", vmid]) => {
            let given: Value = body(call)?;
            let mut state = lock(&world.proxmox);
            let guest = state.find(vmid.parse().map_err(|_| "the vmid is no number")?).ok_or("no such guest")?;
            if let Some(lock) = given.get("lock") {
                guest.lock = lock.as_str().map(str::to_owned);
            }
            if let Some(ha) = given.get("ha").and_then(Value::as_bool) {
                guest.ha = ha;
            }
            match given.get("status").and_then(Value::as_str) {
                Some("running") => guest.started_ms = Some(world.clock.now_millis()),
                Some(_) => guest.started_ms = None,
                None => {}
            }
            ok(&guest.show())
        }
        ("DELETE", ["proxmox", "guests", vmid]) => {
            let vmid: u64 = vmid.parse().map_err(|_| "the vmid is no number")?;
            lock(&world.proxmox).guests.retain(|guest| guest.vmid != vmid);
            ok(&json!({}))
        }
        ("POST", ["cloudflare", "tunnels"]) => {
            let given: Value = body(call)?;
            let created = given.get("created_at").and_then(Value::as_i64);
            ok(&cloudflare::Cloudflare::plant_tunnel(world, text(&given, "name")?, created))
        }
        ("POST", ["cloudflare", "tunnels", id, "connect"]) => {
            let given: Value = body(call)?;
            let vmid = given.get("vmid").and_then(Value::as_u64).ok_or("vmid is missing")?;
            cloudflare::Cloudflare::connect(world, id, Some(vmid)).and_then(|tunnel| ok(&tunnel))
        }
        ("POST", ["cloudflare", "tunnels", id, "disconnect"]) => {
            cloudflare::Cloudflare::connect(world, id, None).and_then(|tunnel| ok(&tunnel))
        }
        ("POST", ["cloudflare", "records"]) => Ok(cloudflare::Cloudflare::plant_record(world, &body(call)?)),
        ("DELETE", ["cloudflare", "tunnels", id]) => {
            lock(&world.cloudflare).tunnels.retain(|tunnel| tunnel.id != *id);
            ok(&json!({}))
        }
        ("DELETE", ["cloudflare", "records", id]) => {
            lock(&world.cloudflare).records.retain(|record| record.id != *id);
            ok(&json!({}))
        }
        ("PUT", ["files", name]) => {
            lock(&world.files).by_name.insert((*name).to_owned(), call.body.clone());
            ok(&json!({}))
        }
        ("DELETE", ["files", name]) => {
            lock(&world.files).by_name.remove(*name);
            ok(&json!({}))
        }
        ("POST", ["seed", "trials"]) => {
            crate::seed::trials(world, body(call)?)?;
            ok(&json!({}))
        }
        (_, ["stripe", rest @ ..]) => stripe::control(world, call, rest),
        (method, _) => Err(format!("there is no {method} {}", call.path)),
    }
}
