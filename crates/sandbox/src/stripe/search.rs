//! Search: not read-after-write, as Stripe's is not. What was made a moment ago is not found yet.

use serde_json::{Value, json};

use super::form::Params;
use super::{Stripe, errors, known, lists};
use crate::front::Reply;

/// One condition of a query: `status:'active'`, `metadata['subdomain']:'acme'`, `created>1790000000`.
struct Condition {
    field: String,
    key: Option<String>,
    operator: char,
    value: String,
}

/// What stands between quotes.
fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].strip_suffix(quote)
}

impl Condition {
    fn parse(text: &str) -> Option<Self> {
        let at = text.find([':', '>', '<'])?;
        let (left, right) = text.split_at(at);
        let operator = right.chars().next()?;
        let value = right[1..].trim().trim_start_matches('=');
        let value = quoted(value).or_else(|| value.parse::<i64>().is_ok().then_some(value))?.to_owned();
        let left = left.trim();
        let (field, key) = match left.split_once('[') {
            Some((field, key)) => (field, Some(quoted(key.strip_suffix(']')?)?.to_owned())),
            None => (left, None),
        };
        let known = matches!(
            (field, &key),
            ("metadata", Some(_)) | ("status" | "email" | "name" | "created" | "customer", None)
        );
        known.then(|| Self { field: field.to_owned(), key, operator, value })
    }

    fn fits(&self, object: &Value) -> bool {
        let seen = match &self.key {
            Some(key) => &object[self.field.as_str()][key.as_str()],
            None => &object[self.field.as_str()],
        };
        match (self.operator, seen.as_i64(), self.value.parse::<i64>()) {
            ('>', Some(seen), Ok(bound)) => seen > bound,
            ('<', Some(seen), Ok(bound)) => seen < bound,
            (':', Some(seen), Ok(wanted)) => seen == wanted,
            _ => self.operator == ':' && seen == self.value.as_str(),
        }
    }
}

/// Answers `/v1/{table}/search`. Pages are numbered by where they start.
pub(super) fn answer(state: &Stripe, table: &'static str, params: &Params) -> Reply {
    if let Some(reply) = params.refused(&[known::SEARCH]) {
        return reply;
    }
    let Some(query) = params.get("query") else {
        return errors::lacks("query");
    };
    let parsed: Option<Vec<Condition>> = query.split(" AND ").map(Condition::parse).collect();
    let Some(conditions) = parsed else {
        return errors::wrong("query", "We were unable to parse your search query.");
    };
    let limit = params.int("limit").unwrap_or(10);
    if !(1..=100).contains(&limit) {
        return errors::wrong("limit", "This value must be between 1 and 100.");
    }
    let limit = usize::try_from(limit).unwrap_or(10);
    let from: usize = params.get("page").and_then(|page| page.parse().ok()).unwrap_or(0);
    let known_ms = crate::clock::real_millis() - state.search_lag_ms;
    // Time that a jump skips has passed for the index, too; `created` has whole seconds only.
    let skipped_to = state.now_ms - state.search_lag_ms - 1_000;
    let settled = |object: &&Value| {
        object["_put_ms"].as_i64().is_none_or(|at| at <= known_ms)
            || object["created"].as_i64().is_some_and(|at| at.saturating_mul(1_000) < skipped_to)
    };
    let found: Vec<&Value> = state
        .table(table)
        .iter()
        .rev()
        .filter(settled)
        .filter(|object| object["deleted"] != true && conditions.iter().all(|condition| condition.fits(object)))
        .collect();
    let mut page: Vec<Value> = found.iter().skip(from).take(limit).map(|object| lists::view(object)).collect();
    for path in params.list("expand") {
        let Some(path) = path.strip_prefix("data.") else {
            return lists::not_expandable(path);
        };
        if let Err(reply) = page.iter_mut().try_for_each(|object| lists::expand_path(state, object, path)) {
            return reply;
        }
    }
    let more = found.len() > from + page.len();
    Reply::json(
        200,
        &json!({"object": "search_result", "url": format!("/v1/{table}/search"), "has_more": more,
            "next_page": more.then(|| (from + page.len()).to_string()), "data": page}),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_stripe_reads_it() {
        let object = json!({"status": "active", "metadata": {"subdomain": "acme"}, "created": 100});
        let fits = |query: &str| Condition::parse(query).is_some_and(|condition| condition.fits(&object));
        assert!(fits("status:'active'") && fits("metadata['subdomain']:'acme'") && fits("created>99"));
        for odd in ["", "subdomain", "metadata[subdomain]:'a'", "metadata['a']:b", "metadata['a:'", "price:'x'"] {
            assert!(Condition::parse(odd).is_none(), "{odd}");
        }
        assert!(!fits("metadata['subdomain']:'acm'") && !fits("created<100") && !fits("colour:'red'"));
    }
}
