//! Lies: small ways in which this sandbox can be made to differ from what it imitates, to see that
//! whoever checks it notices. One at a time, by `--lie` or by the setting `lie`; never by itself.
//!
//! All but three (a signature, a mail, a log-in) bend the question before it is answered or twist the
//! answer afterwards, so that no system holds code for them.

use std::sync::Arc;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::front::{Call, Reply, System};
use crate::world::{World, lock};

/// A way to differ from what is imitated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lie {
    /// stripe: an object that is missing is a 400
    StripeMissingIs400,
    /// stripe: a subscription lacks its `latest_invoice`
    StripeLacksInvoice,
    /// stripe: a second refund has another code
    StripeRefundCode,
    /// stripe: lists are oldest first
    StripeOldestFirst,
    /// stripe: canceled subscriptions are listed unasked
    StripeListsCanceled,
    /// stripe: idempotency keys are forgotten
    StripeForgetsKeys,
    /// stripe: a misspelt parameter is taken in silence
    StripeTakesMisspelt,
    /// stripe: metadata is replaced, not merged
    StripeReplacesMetadata,
    /// stripe: signatures are in upper case
    StripeUpperCaseSignature,
    /// stripe: there is always one page more
    StripePageTooMany,
    /// stripe: a finished session still says where to pay
    StripeKeepsUrl,
    /// stripe: amounts are texts
    StripeAmountsAreTexts,
    /// stripe: a status is spelt `cancelled`
    StripeCancelled,
    /// cloudflare: a name that is taken is a 400
    CloudflareTakenIs400,
    /// cloudflare: ids of tunnels are in upper case
    CloudflareUpperCaseIds,
    /// cloudflare: the last page comes twice
    CloudflareLastPageTwice,
    /// cloudflare: a connected tunnel is deleted
    CloudflareDeletesConnected,
    /// cloudflare: a conflict of records has another code
    CloudflareRecordCode,
    /// cloudflare: a record shows its bare label
    CloudflareBareLabel,
    /// proxmox: what does not exist is a 404
    ProxmoxMissingIs404,
    /// proxmox: a write needs no CSRF token
    ProxmoxNoCsrf,
    /// proxmox: the status line has no words of its own
    ProxmoxPlainReason,
    /// proxmox: a task ends with `ok`
    ProxmoxLowerCaseOk,
    /// proxmox: a clone shows no lock while it is made
    ProxmoxHidesLock,
    /// files: what is missing is an empty file
    FilesMissingIsEmpty,
    /// smtp: a mail is accepted and thrown away
    SmtpLosesMail,
}

impl Lie {
    /// All of them with their system and what they are, for a table.
    pub fn all() -> Vec<(String, String)> {
        let shown = |lie: &Self| {
            let value = lie.to_possible_value()?;
            Some((value.get_name().to_owned(), value.get_help()?.to_string()))
        };
        Self::value_variants().iter().filter_map(shown).collect()
    }
}

/// An answer of a system that lies.
pub(crate) fn tell(lie: Lie, system: &dyn System, world: &Arc<World>, call: &Call) -> Reply {
    let mut bent = call.clone();
    bend(lie, world, &mut bent);
    let mut reply = system.answer(world, &bent);
    while lie == Lie::StripeTakesMisspelt && strip_misspelt(&reply, &mut bent) {
        reply = system.answer(world, &bent);
    }
    twist(lie, call, &mut reply);
    reply
}

fn is(call: &Call, method: &str, part: &str) -> bool {
    call.method == method && call.path.contains(part)
}

fn bend(lie: Lie, world: &World, call: &mut Call) {
    let add = |call: &mut Call, more: &str| {
        let joint = if call.query.is_empty() { "" } else { "&" };
        call.query = format!("{}{joint}{more}", call.query);
    };
    match lie {
        Lie::StripeForgetsKeys => {
            call.headers.remove("idempotency-key");
        }
        Lie::StripeListsCanceled if call.path == "/v1/subscriptions" && !call.query.contains("status") => {
            add(call, "status=all");
        }
        Lie::CloudflareDeletesConnected
            if is(call, "DELETE", "/cfd_tunnel/") && !call.path.ends_with("connections") =>
        {
            add(call, "cascade=true");
        }
        Lie::CloudflareLastPageTwice if is(call, "GET", "/client/v4/") => turn_back(world, call),
        Lie::ProxmoxNoCsrf => {
            let ticket = call.header("cookie").trim().trim_start_matches("PVEAuthCookie=").to_owned();
            let csrf = lock(&world.proxmox).tickets.get(&ticket).map(|(_, csrf)| csrf.clone());
            call.headers.extend(csrf.map(|csrf| ("csrfpreventiontoken".to_owned(), csrf)));
        }
        _ => {}
    }
}

/// The page behind the last becomes the last; pages further on stay empty.
fn turn_back(world: &World, call: &mut Call) {
    let query = call.query_pairs();
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let prefix = query.get("include_prefix").cloned().unwrap_or_default();
    let state = lock(&world.cloudflare);
    let all =
        state.tunnels.iter().filter(|tunnel| tunnel.deleted.is_none() && tunnel.name.starts_with(&prefix)).count();
    let (Some(page), per_page) = (number("page"), number("per_page").unwrap_or(100).max(1)) else {
        return;
    };
    if page >= 2 && page == all.div_ceil(per_page) + 1 {
        call.query = call.query.replace(&format!("page={page}"), &format!("page={}", page - 1));
    }
}

/// Takes the parameter that was refused out of a call.
fn strip_misspelt(reply: &Reply, call: &mut Call) -> bool {
    let read: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let Some(param) = read["error"]["param"].as_str().filter(|_| read["error"]["code"] == "parameter_unknown") else {
        return false;
    };
    let text =
        if call.method == "POST" { String::from_utf8_lossy(&call.body).into_owned() } else { call.query.clone() };
    let kept: Vec<(String, String)> =
        url::form_urlencoded::parse(text.as_bytes()).into_owned().filter(|(key, _)| key != param).collect();
    let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    if call.method == "POST" {
        call.body = text.into_bytes();
    } else {
        call.query = text;
    }
    true
}

fn edit(reply: &mut Reply, change: impl FnOnce(&mut Value)) {
    if let Ok(mut value) = serde_json::from_slice::<Value>(&reply.body) {
        change(&mut value);
        reply.body = value.to_string().into_bytes();
    }
}

/// Does something to every object of an answer, however deep.
fn each(value: &mut Value, change: &dyn Fn(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            change(fields);
            fields.values_mut().for_each(|field| each(field, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
        _ => {}
    }
}

fn twist(lie: Lie, call: &Call, reply: &mut Reply) {
    match lie {
        Lie::StripeMissingIs400 if reply.status == 404 && call.path.starts_with("/v1/") => reply.status = 400,
        Lie::ProxmoxMissingIs404 if reply.status == 500 && call.path.ends_with("/config") => reply.status = 404,
        Lie::CloudflareTakenIs400 if reply.status == 409 => reply.status = 400,
        Lie::ProxmoxPlainReason if call.path.starts_with("/api2/") => reply.reason = None,
        Lie::StripeRefundCode => recode(reply, &json!("charge_already_refunded"), &json!("already_refunded")),
        Lie::CloudflareRecordCode => recode(reply, &json!(81_053), &json!(81_057)),
        Lie::StripeOldestFirst if is(call, "GET", "/v1/") => edit(reply, |value| {
            if let Some(data) = value.get_mut("data").and_then(Value::as_array_mut) {
                data.reverse();
            }
        }),
        Lie::StripePageTooMany if is(call, "GET", "/v1/") => edit(reply, |value| {
            if value["object"] == "list" {
                value["has_more"] = json!(true);
            }
        }),
        Lie::StripeReplacesMetadata if is(call, "POST", "/v1/subscriptions/") => {
            let sent = String::from_utf8_lossy(&call.body).into_owned();
            edit(reply, |value| {
                if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata
                        .retain(|key, _| sent.contains(&format!("[{key}]")) || sent.contains(&format!("%5B{key}%5D")));
                }
            });
        }
        Lie::FilesMissingIsEmpty if is(call, "GET", "/metadata/") && reply.status == 404 => {
            *reply = Reply::json(200, &json!({}));
        }
        _ => twist_objects(lie, call, reply),
    }
}

fn recode(reply: &mut Reply, from: &Value, to: &Value) {
    edit(reply, |value| {
        each(value, &|fields| {
            if fields.get("code") == Some(from) {
                fields.insert("code".to_owned(), to.clone());
            }
        });
    });
}

/// Lies about single fields of objects.
fn twist_objects(lie: Lie, call: &Call, reply: &mut Reply) {
    let change: &dyn Fn(&mut serde_json::Map<String, Value>) = match lie {
        Lie::StripeLacksInvoice => &|fields| {
            fields.remove("latest_invoice");
        },
        Lie::StripeKeepsUrl => &|fields| {
            if fields.get("object") == Some(&json!("checkout.session")) && fields.get("url") == Some(&Value::Null) {
                fields.insert("url".to_owned(), json!("https://checkout.stripe.com/c/pay/cs_test_1"));
            }
        },
        Lie::StripeAmountsAreTexts => &|fields| {
            if let Some(amount) = fields.get_mut("amount_paid").filter(|amount| amount.is_number()) {
                *amount = json!(amount.to_string());
            }
        },
        Lie::StripeCancelled => &|fields| {
            if fields.get("status") == Some(&json!("canceled")) {
                fields.insert("status".to_owned(), json!("cancelled"));
            }
        },
        Lie::CloudflareUpperCaseIds if call.path.ends_with("/cfd_tunnel") => &|fields| {
            if let Some(id) = fields.get_mut("id") {
                *id = json!(id.as_str().unwrap_or_default().to_uppercase());
            }
        },
        Lie::CloudflareBareLabel if call.path.contains("/dns_records") => &|fields| {
            if let Some(name) = fields.get_mut("name") {
                *name = json!(name.as_str().unwrap_or_default().split('.').next());
            }
        },
        Lie::ProxmoxLowerCaseOk => &|fields| {
            if fields.get("exitstatus") == Some(&json!("OK")) {
                fields.insert("exitstatus".to_owned(), json!("ok"));
            }
        },
        Lie::ProxmoxHidesLock => &|fields| {
            fields.remove("lock");
        },
        _ => return,
    };
    edit(reply, |value| each(value, change));
}
