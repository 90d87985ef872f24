//! The API's outer layer: routes, parameters, and errors with their words in the status line.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{access, clone, guests, node, schema, tasks};
use crate::front::{Call, Reply};
use crate::world::World;

pub(super) fn data(value: &Value) -> Reply {
    Reply::json(200, &json!({"data": value})).with_header("content-type", "application/json;charset=UTF-8")
}

pub(super) fn failed(status: u16, message: &str) -> Reply {
    let mut reply = Reply::json(status, &json!({"data": null, "message": format!("{message}\n")}));
    reply.reason = message.lines().next().map(str::to_owned);
    reply
}

/// What is wrong with which parameter.
pub(super) fn bad_parameters(errors: &Value) -> Reply {
    let body = json!({"data": null, "message": "Parameter verification failed.\n", "errors": errors});
    let mut reply = Reply::json(400, &body);
    reply.reason = Some("Parameter verification failed.".to_owned());
    reply
}

pub(super) fn bad_parameter(name: &str, why: &str) -> Reply {
    bad_parameters(&json!({name: why}))
}

/// The parameters of a call: query and form or JSON body together.
pub(super) fn parameters(call: &Call) -> std::collections::BTreeMap<String, String> {
    let mut all = call.query_pairs();
    if call.header("content-type").starts_with("application/json") {
        if let Some(Value::Object(fields)) = call.json() {
            all.extend(fields.into_iter().map(|(key, value)| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                (key, text)
            }));
        }
    } else {
        all.extend(url::form_urlencoded::parse(&call.body).into_owned());
    }
    all
}

pub(super) fn answer(world: &Arc<World>, call: &Call) -> Reply {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let Some(parts) = parts.strip_prefix(&["api2", "json"]) else {
        return failed(404, "no such file");
    };
    let method = call.method.as_str();
    if call.header("transfer-encoding").eq_ignore_ascii_case("chunked") {
        return failed(501, "chunked transfer encoding not supported");
    }
    if matches!(method, "GET" | "DELETE") && !call.body.is_empty() {
        return failed(501, &format!("Unexpected content for method '{method}'"));
    }
    if call.body.len() > 512 * 1024 {
        return failed(501, "for data too large");
    }
    if (method, parts) == ("POST", &["access", "ticket"]) {
        return schema::refused(method, parts, &parameters(call)).unwrap_or_else(|| access::log_in(world, call));
    }
    let asker = match access::asker(world, call) {
        Ok(asker) => asker,
        Err(reply) => return reply,
    };
    if let ["nodes", other, ..] = parts
        && *other != world.credentials.proxmox_node
    {
        let mut reply = Reply::empty(595);
        reply.reason = Some(format!("hostname lookup '{other}' failed - failed to get address info"));
        return reply;
    }
    if let Some(reply) = schema::refused(method, parts, &parameters(call)) {
        return reply;
    }
    if !asker.privileged && parts != ["version"] {
        return failed(403, &format!("Permission check failed ({}, {})", privilege(parts).0, privilege(parts).1));
    }
    super::advance(world);
    match (method, parts) {
        ("GET", ["version"]) => {
            data(&json!({"version": "9.1.2", "release": "9.1", "repoid": "a1b2c3d4", "console": "xtermjs"}))
        }
        ("GET", ["nodes"]) => node::nodes(world),
        ("GET", ["cluster", "status"]) => node::cluster(world),
        ("GET", ["cluster", "resources"]) => guests::resources(world, call),
        ("GET", ["cluster", "nextid"]) => guests::next_id(world, call),
        // Tokens don't make tokens here [believed].
        ("POST" | "PUT", ["access", ..]) if asker.by_token => failed(403, "Permission check failed"),
        (_, ["access", "users", user, "token", name]) => access::tokens(world, call, user, name),
        (_, ["nodes", _, rest @ ..]) => on_node(world, call, rest, &asker.user),
        (method, _) => failed(501, &format!("Method '{method} /{}' not implemented", parts.join("/"))),
    }
}

/// What a call needs, as far as its refusal names it.
fn privilege(parts: &[&str]) -> (String, &'static str) {
    match parts {
        ["nodes", _, "lxc", vmid, "clone", ..] => (format!("/vms/{vmid}"), "VM.Clone"),
        ["nodes", _, "lxc", vmid, "config"] => (format!("/vms/{vmid}"), "VM.Config.Options"),
        ["nodes", _, "lxc", vmid, "status", "current"] => (format!("/vms/{vmid}"), "VM.Audit"),
        ["nodes", _, "lxc", vmid, "status", ..] => (format!("/vms/{vmid}"), "VM.PowerMgmt"),
        ["nodes", _, "lxc", vmid, ..] => (format!("/vms/{vmid}"), "VM.Allocate"),
        _ => ("/".to_owned(), "Sys.Audit"),
    }
}

fn on_node(world: &Arc<World>, call: &Call, rest: &[&str], user: &str) -> Reply {
    match (call.method.as_str(), rest) {
        ("GET", ["status"]) => node::status(),
        ("GET", ["storage"]) => node::storage(call),
        ("GET", ["lxc"]) => guests::list(world),
        ("GET", ["tasks"]) => tasks::list(world, call),
        ("GET", ["tasks", _]) => data(&json!([{"name": "log"}, {"name": "status"}])),
        ("DELETE", ["tasks", upid]) => tasks::interrupt(world, upid),
        ("GET", ["tasks", upid, "status"]) => tasks::status(world, upid),
        ("GET", ["tasks", upid, "log"]) => tasks::log(world, call, upid),
        // The schema has let nothing but numbers through.
        (_, ["lxc", vmid, rest @ ..]) => match vmid.parse() {
            Ok(vmid) if (call.method.as_str(), rest) == ("POST", &["clone"]) => clone::clone(world, call, vmid, user),
            Ok(vmid) => guests::one(world, call, vmid, rest, user),
            Err(_) => bad_parameter("vmid", &format!("type check ('integer') failed - got '{vmid}'")),
        },
        (method, _) => failed(501, &format!("Method '{method} /nodes/odin/{}' not implemented", rest.join("/"))),
    }
}
