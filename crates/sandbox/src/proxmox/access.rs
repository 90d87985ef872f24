//! Who may do what: log-in, tickets with their CSRF token, and API tokens (contracts, 3.2).

use serde_json::json;

use super::api::{data, failed, parameters};
use super::schema::truth;
use crate::front::{Call, Reply};
use crate::world::{World, lock};

/// An API token of the one user.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    value: String,
    /// With separated privileges it has none of its own, as a fresh one on a real Proxmox.
    privsep: bool,
    comment: String,
    expire: i64,
}

/// Who asks, and whether that one may do anything.
pub(super) struct Asker {
    pub(super) user: String,
    pub(super) privileged: bool,
    pub(super) by_token: bool,
}

fn denied(text: &str) -> Reply {
    let mut reply = Reply::empty(401);
    reply.reason = Some(text.to_owned());
    reply
}

/// Who asks; the refusal of a call without a good ticket or token.
pub(super) fn asker(world: &World, call: &Call) -> Result<Asker, Reply> {
    if let Some(token) = call.header("authorization").strip_prefix("PVEAPIToken=") {
        return by_token(world, token);
    }
    let cookie = call.header("cookie").split(';').map(str::trim).find_map(|part| part.strip_prefix("PVEAuthCookie="));
    let Some(cookie) = cookie else {
        return Err(denied("No ticket"));
    };
    let ticket =
        cookie.replace("%3A", ":").replace("%40", "@").replace("%2F", "/").replace("%2B", "+").replace("%3D", "=");
    let lives = world.settings().ticket_secs;
    let state = lock(&world.proxmox);
    let known = state.tickets.get(&ticket).filter(|(made, _)| world.clock.now() - made < lives);
    let Some((_, csrf)) = known else {
        return Err(denied("permission denied - invalid PVE ticket"));
    };
    if call.method != "GET" && call.header("csrfpreventiontoken") != csrf {
        return Err(denied("Permission denied - invalid csrf token"));
    }
    Ok(Asker { user: world.credentials.proxmox_user.clone(), privileged: true, by_token: false })
}

fn by_token(world: &World, given: &str) -> Result<Asker, Reply> {
    let (name, value) = given.rsplit_once('=').unwrap_or((given, ""));
    let state = lock(&world.proxmox);
    let Some(token) = state.tokens.get(name) else {
        return Err(denied("no such token"));
    };
    if token.value != value {
        return Err(denied("invalid token value!"));
    }
    if token.expire != 0 && token.expire <= world.clock.now() {
        return Err(denied("token expired"));
    }
    Ok(Asker { user: name.to_owned(), privileged: !token.privsep, by_token: true })
}

pub(super) fn log_in(world: &World, call: &Call) -> Reply {
    let given = parameters(call);
    let mine = &world.credentials;
    let lives = world.settings().ticket_secs;
    let mut state = lock(&world.proxmox);
    let now = world.clock.now();
    let password = given.get("password").map_or("", String::as_str);
    let renewed = state.tickets.get(password).is_some_and(|(made, _)| now - made < lives);
    let right = password == mine.proxmox_password || renewed;
    if given.get("username") != Some(&mine.proxmox_user) || !right {
        return failed(401, "authentication failure");
    }
    let ticket = format!("PVE:{}:{now:08X}::{}", mine.proxmox_user, uuid::Uuid::new_v4().simple());
    let csrf = format!("{now:08X}:{}", uuid::Uuid::new_v4().simple());
    state.tickets.retain(|_, (made, _)| now - *made < lives);
    state.tickets.insert(ticket.clone(), (now, csrf.clone()));
    data(
        &json!({"username": mine.proxmox_user, "ticket": ticket, "CSRFPreventionToken": csrf, "cap": {}, "clustername": "sandbox"}),
    )
}

/// `/access/users/{user}/token/{name}`.
pub(super) fn tokens(world: &World, call: &Call, user: &str, name: &str) -> Reply {
    if user != world.credentials.proxmox_user {
        return failed(400, &format!("no such user ('{user}')"));
    }
    let full = format!("{user}!{name}");
    let given = parameters(call);
    let mut state = lock(&world.proxmox);
    let view =
        |token: &Token| json!({"comment": token.comment, "expire": token.expire, "privsep": i32::from(token.privsep)});
    match (call.method.as_str(), state.tokens.get_mut(&full)) {
        ("POST", Some(_)) => failed(400, "Token already exists."),
        ("POST", None) => {
            let token = Token {
                value: uuid::Uuid::new_v4().to_string(),
                privsep: given.get("privsep").and_then(|text| truth(text)).unwrap_or(true),
                comment: given.get("comment").cloned().unwrap_or_default(),
                expire: given.get("expire").and_then(|text| text.parse().ok()).unwrap_or(0),
            };
            let shown = json!({"full-tokenid": full, "value": token.value, "info": view(&token)});
            state.tokens.insert(full, token);
            data(&shown)
        }
        (_, None) => failed(500, &format!("no such token '{name}' for user '{user}'")),
        ("DELETE", Some(_)) => {
            state.tokens.remove(&full);
            data(&serde_json::Value::Null)
        }
        ("PUT", Some(token)) => {
            if let Some(comment) = given.get("comment") {
                comment.clone_into(&mut token.comment);
            }
            if let Some(privsep) = given.get("privsep").and_then(|text| truth(text)) {
                token.privsep = privsep;
            }
            if let Some(expire) = given.get("expire").and_then(|text| text.parse().ok()) {
                token.expire = expire;
            }
            data(&view(token))
        }
        (_, Some(token)) => data(&view(token)),
    }
}
