//! Lists with their cursors, and the expansion of ids into objects.

use serde_json::{Value, json};

use super::form::Params;
use super::{Stripe, errors, invoices, known};
use crate::front::Reply;

/// Answers a list of what the filter lets through, newest first.
pub(super) fn list(
    state: &Stripe,
    table: &'static str,
    url: &str,
    params: &Params,
    filter: impl Fn(&Value) -> bool,
) -> Reply {
    let limit = params.int("limit").unwrap_or(10);
    if !(1..=100).contains(&limit) {
        return errors::wrong("limit", "This value must be between 1 and 100.");
    }
    let limit = usize::try_from(limit).unwrap_or(10);
    let created = |object: &Value| {
        let at = object["created"].as_i64().unwrap_or(0);
        let bound = |key: &str| params.int(&format!("created[{key}]"));
        bound("gte").is_none_or(|b| at >= b)
            && bound("gt").is_none_or(|b| at > b)
            && bound("lte").is_none_or(|b| at <= b)
            && bound("lt").is_none_or(|b| at < b)
            && params.int("created").is_none_or(|exact| at == exact)
    };
    let all: Vec<&Value> = state.table(table).iter().rev().filter(|object| created(object) && filter(object)).collect();
    let place = |id: &str| {
        let known = state.table(table).iter().rev().position(|object| object["id"] == id);
        known.map(|_| all.iter().position(|object| object["id"] == id))
    };
    let (data, has_more) = match (params.get("starting_after"), params.get("ending_before")) {
        (Some(_), Some(_)) => {
            return errors::wrong("starting_after", "Received both starting_after and ending_before parameters.");
        }
        (Some(id), None) => match place(id) {
            None => return errors::missing_in("starting_after", "object", id),
            Some(at) => {
                let from = at.map_or(0, |at| at + 1);
                (all.iter().skip(from).take(limit).copied().cloned().collect::<Vec<_>>(), all.len() > from + limit)
            }
        },
        (None, Some(id)) => match place(id) {
            None => return errors::missing_in("ending_before", "object", id),
            Some(at) => {
                let to = at.unwrap_or(all.len());
                let from = to.saturating_sub(limit);
                (all[from..to].iter().copied().cloned().collect(), from > 0)
            }
        },
        (None, None) => (all.iter().take(limit).copied().cloned().collect(), all.len() > limit),
    };
    let mut data: Vec<Value> = data.iter().map(view).collect();
    for path in params.list("expand") {
        let Some(path) = path.strip_prefix("data.") else {
            return not_expandable(path);
        };
        for object in &mut data {
            if let Err(reply) = expand_path(state, object, path) {
                return reply;
            }
        }
    }
    Reply::json(200, &json!({"object": "list", "url": url, "has_more": has_more, "data": data}))
}

/// An object with what `expand` asks for.
pub(super) fn shown(state: &Stripe, object: &Value, params: &Params) -> Reply {
    let mut object = view(object);
    for path in params.list("expand") {
        if let Err(reply) = expand_path(state, &mut object, path) {
            return reply;
        }
    }
    Reply::json(200, &object)
}

/// An object as clients see it: what is kept beside it stays behind.
pub(super) fn view(object: &Value) -> Value {
    let mut shown = object.clone();
    strip(&mut shown);
    shown
}

/// Objects hold others, and those what is kept beside them; metadata is the customer's own.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("object") {
                fields.retain(|name, _| !name.starts_with('_'));
            }
            fields.iter_mut().filter(|(name, _)| *name != "metadata").for_each(|(_, field)| strip(field));
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// What a session sells.
pub(super) fn lines(state: &Stripe, session: &str, params: &Params) -> Reply {
    if let Some(reply) = params.refused(&[known::PAGING]) {
        return reply;
    }
    match state.find(session).filter(|object| object["object"] == "checkout.session") {
        Some(session) => Reply::json(200, &line_items(session)),
        None => errors::missing("checkout.session", session),
    }
}

fn line_items(session: &Value) -> Value {
    let url = format!("/v1/checkout/sessions/{}/line_items", session["id"].as_str().unwrap_or_default());
    json!({"object": "list", "data": session["_lines"], "has_more": false, "url": url})
}

pub(super) fn not_expandable(path: &str) -> Reply {
    errors::wrong("expand[0]", &format!("This property cannot be expanded ({path})."))
}

/// What an object holds only where it is asked for.
fn included(state: &Stripe, object: &Value, field: &str) -> Option<Value> {
    match (object["object"].as_str()?, field) {
        ("checkout.session", "line_items") => state.find(object["id"].as_str()?).map(line_items),
        ("invoice", "payments") => Some(invoices::payments(state, object)),
        _ => None,
    }
}

pub(super) fn expand_path(state: &Stripe, object: &mut Value, path: &str) -> Result<(), Reply> {
    if path.split('.').count() > 4 {
        return Err(errors::wrong("expand[0]", "You cannot expand more than 4 levels of a property."));
    }
    let (field, rest) = path.split_once('.').map_or((path, None), |(field, rest)| (field, Some(rest)));
    if let Some(included) = included(state, object, field) {
        object[field] = included;
    }
    let Some(value) = object.get_mut(field) else {
        return Err(not_expandable(path));
    };
    if let Some(found) = value.as_str().and_then(|id| state.find(id)) {
        *value = view(found);
    }
    match (rest, value) {
        (None, _) | (_, Value::Null) => Ok(()),
        (Some(rest), Value::Array(items)) => items.iter_mut().try_for_each(|item| expand_path(state, item, rest)),
        (Some(rest), value) => expand_path(state, value, rest),
    }
}
