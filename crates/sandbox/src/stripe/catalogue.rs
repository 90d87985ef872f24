//! Products and prices: made, changed, listed.

use serde_json::{Value, json};

use super::form::{Params, merge_metadata};
use super::{Stripe, errors, known, lists, objects};
use crate::front::Reply;

pub(super) fn create_product(state: &mut Stripe, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::PRODUCT_CREATE]) {
        return reply;
    }
    let Some(name) = params.get("name") else {
        return errors::lacks("name");
    };
    let id = params.get("id").map_or_else(|| Stripe::fresh("prod_"), str::to_owned);
    if state.table("products").iter().any(|product| product["id"] == id.as_str()) {
        return errors::invalid(400, Some("resource_already_exists"), Some("id"), "Product already exists.");
    }
    let mut product = objects::product(&id, name, now);
    if let Some(reply) = set(&mut product, params) {
        return reply;
    }
    state.put("products", product.clone());
    state.emit("product.created", &product, None, now);
    lists::shown(state, &product, params)
}

fn set(object: &mut Value, params: &Params) -> Option<Reply> {
    for field in ["name", "description", "url", "unit_label", "nickname", "lookup_key", "tax_behavior", "default_price"]
    {
        if let Some(value) = params.get(field) {
            object[field] = if value.is_empty() { Value::Null } else { json!(value) };
        }
    }
    if let Some(active) = params.flag("active") {
        object["active"] = json!(active);
    }
    if params.has("images") {
        object["images"] = json!(params.list("images"));
    }
    merge_metadata(object, params, "metadata")
}

/// Changes a product or a price.
pub(super) fn update(state: &mut Stripe, (kind, id): (&str, &str), params: &Params, now: i64) -> Reply {
    let takes = if kind == "price" { known::PRICE_UPDATE } else { known::PRODUCT_UPDATE };
    if let Some(reply) = params.refused(&[takes]) {
        return reply;
    }
    let Some(before) = state.find(id).cloned() else {
        return errors::missing(kind, id);
    };
    let mut after = before.clone();
    if let Some(reply) = set(&mut after, params) {
        return reply;
    }
    if let Some(stored) = state.find_mut(id) {
        after.clone_into(stored);
    }
    state.emit_update(&format!("{kind}.updated"), &before, &after, now);
    lists::shown(state, &after, params)
}

/// Deletes a product that has no prices.
pub(super) fn delete_product(state: &mut Stripe, id: &str, now: i64) -> Reply {
    let Some(product) = state.find(id).cloned() else {
        return errors::missing("product", id);
    };
    if state.table("prices").iter().any(|price| price["product"] == id) {
        let message = "This product cannot be deleted because it has one or more user-created prices.";
        return errors::invalid(400, None, Some("id"), message);
    }
    if let Some(all) = state.tables.get_mut("products") {
        all.retain(|product| product["id"] != id);
    }
    state.emit("product.deleted", &product, None, now);
    Reply::json(200, &json!({"id": id, "object": "product", "deleted": true}))
}

pub(super) fn create_price(state: &mut Stripe, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::PRICE_CREATE]) {
        return reply;
    }
    let Some(currency) = params.get("currency") else {
        return errors::lacks("currency");
    };
    let Some(amount) = params.int("unit_amount") else {
        return errors::lacks("unit_amount");
    };
    let product = match (params.get("product"), params.get("product_data[name]")) {
        (Some(id), _) if state.find(id).is_some() => id.to_owned(),
        (Some(id), _) => return errors::missing_in("product", "product", id),
        (None, Some(name)) => {
            let id = Stripe::fresh("prod_");
            state.put("products", objects::product(&id, name, now));
            id
        }
        (None, None) => return errors::lacks("product"),
    };
    let every = (params.get("recurring[interval]"), params.int("recurring[interval_count]").unwrap_or(1));
    let id = Stripe::fresh("price_");
    let mut price = objects::price(&id, &product, (amount, currency), (every.0.unwrap_or("day"), every.1), now);
    if every.0.is_none() {
        price["recurring"] = Value::Null;
        price["type"] = json!("one_time");
    }
    if let Some(reply) = set(&mut price, params) {
        return reply;
    }
    state.put("prices", price.clone());
    state.emit("price.created", &price, None, now);
    lists::shown(state, &price, params)
}
