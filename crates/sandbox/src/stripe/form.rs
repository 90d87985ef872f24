//! Parameters: form-encoded, nested in brackets, whichever way a client escapes them.

use serde_json::{Map, Value, json};

use super::{errors, known};
use crate::front::{Call, Reply};

/// A call's parameters, keys as written but unescaped.
#[derive(Debug, Clone, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn of(call: &Call) -> Self {
        let source = if call.method == "POST" { &call.body[..] } else { call.query.as_bytes() };
        Self(url::form_urlencoded::parse(source).into_owned().collect())
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    pub(super) fn int(&self, key: &str) -> Option<i64> {
        self.get(key)?.parse().ok()
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The values of a list, `expand[]=a` or `expand[0]=a`.
    pub(super) fn list(&self, key: &str) -> Vec<&str> {
        let inside = |known: &str| {
            known
                .strip_prefix(key)
                .and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']'))
                .is_some_and(|index| index.bytes().all(|b| b.is_ascii_digit()))
        };
        self.0.iter().filter(|(known, _)| inside(known)).map(|(_, value)| value.as_str()).collect()
    }

    /// The fields directly below a key, `metadata[a]=b`.
    pub(super) fn below(&self, key: &str) -> Vec<(&str, &str)> {
        self.0
            .iter()
            .filter_map(|(known, value)| {
                let field = known.strip_prefix(key)?.strip_prefix('[')?.strip_suffix(']')?;
                (!field.contains("][")).then_some((field, value.as_str()))
            })
            .collect()
    }

    pub(super) fn has(&self, root: &str) -> bool {
        self.roots().any(|known| known == root)
    }

    /// The names in front of all brackets.
    pub(super) fn roots(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.split('[').next().unwrap_or_default())
    }

    /// The refusal of the first parameter that none of the patterns knows, or whose value is none that
    /// its pattern takes.
    pub(super) fn refused(&self, patterns: &[&[&str]]) -> Option<Reply> {
        self.0.iter().find_map(|(key, value)| {
            let path = path_of(key);
            if path.first() == Some(&"expand") {
                return None;
            }
            let mut all = patterns.iter().copied().flatten();
            let Some(pattern) = all.find(|pattern| known::fits(pattern.split('=').next().unwrap_or_default(), &path))
            else {
                return Some(errors::unknown(key));
            };
            let kind = pattern.split_once('=').map_or("", |(_, kind)| kind);
            refused_value(key, value, kind)
        })
    }

    /// The same parameters always give the same text, for idempotency.
    pub(super) fn fingerprint(&self) -> String {
        let mut sorted = self.0.clone();
        sorted.sort();
        format!("{sorted:?}")
    }
}

/// `a[0][b]` as its names: `a`, `0`, `b`.
fn path_of(key: &str) -> Vec<&str> {
    let (first, rest) = key.find('[').map_or((key, ""), |at| key.split_at(at));
    let mut path = vec![first];
    path.extend(rest.split('[').skip(1).map(|part| part.strip_suffix(']').unwrap_or(part)));
    path
}

/// The refusal of a value; an empty one unsets and is let through.
fn refused_value(key: &str, value: &str, kind: &str) -> Option<Reply> {
    if value.is_empty() || kind.is_empty() {
        return None;
    }
    match kind {
        "int" if value.parse::<i64>().is_ok() => None,
        "int" => {
            let message = format!("Invalid integer: {value}");
            Some(errors::invalid(400, Some("parameter_invalid_integer"), Some(key), &message))
        }
        "bool" if matches!(value, "true" | "false") => None,
        "bool" => Some(errors::wrong(key, &format!("Invalid boolean: {value}"))),
        words if words.split('|').any(|word| word == value) => None,
        words => {
            let message = format!("Invalid {key}: must be one of {}", words.replace('|', ", "));
            Some(errors::wrong(key, &message))
        }
    }
}

/// Merges `metadata[…]` into an object's: an empty value removes a key.
pub(super) fn merge_metadata(object: &mut Value, params: &Params, key: &str) -> Option<Reply> {
    let mut metadata = object["metadata"].as_object().cloned().unwrap_or_default();
    if params.get(key) == Some("") {
        metadata = Map::new();
    }
    for (field, value) in params.below(key) {
        if field.contains(['[', ']']) {
            return Some(errors::wrong(key, "Metadata keys can't contain square brackets."));
        }
        if field.chars().count() > 40 || value.chars().count() > 500 {
            return Some(errors::wrong(key, "Metadata keys can be up to 40 and values up to 500 characters long."));
        }
        if value.is_empty() {
            metadata.remove(field);
        } else {
            metadata.insert(field.to_owned(), json!(value));
        }
    }
    if metadata.len() > 50 {
        return Some(errors::wrong(key, "You can have up to 50 metadata keys."));
    }
    object["metadata"] = Value::Object(metadata);
    None
}
