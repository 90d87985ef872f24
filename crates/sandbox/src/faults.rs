//! Faults: which calls they hit, how often, and what happens to those.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::world::lock;

/// What happens to a call that is hit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Effect {
    /// Answered like this, without taking effect.
    Status {
        status: u16,
        /// The words behind the status.
        #[serde(default)]
        reason: Option<String>,
        #[serde(default)]
        body: Option<Value>,
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// The connection is closed, without taking effect.
    Drop,
    /// Takes effect; the answer is lost.
    ApplyAndDrop,
    /// Takes effect after a while.
    Delay { ms: u64 },
    /// Takes effect at once; the answer comes after a while.
    Slow { ms: u64 },
    /// The answer is lost now, the effect comes later.
    Late { ms: u64 },
    /// All log-ins end just before the call is answered.
    EndLogIns,
    /// A mail server's word.
    Smtp { code: u16, text: String },
}

/// What a `times` counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Per {
    /// Each request.
    #[default]
    Request,
    /// Each attempt at a trial: all requests to one name through one tunnel are one.
    Attempt,
}

/// A fault, as it is set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    service: String,
    #[serde(default)]
    method: Option<String>,
    /// A path with `*` for anything.
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    user_agent_not_prefix: Option<String>,
    #[serde(default)]
    user_agent_prefix: Option<String>,
    /// How often; for ever where absent.
    #[serde(default)]
    times: Option<u64>,
    #[serde(default)]
    skip: u64,
    #[serde(default)]
    per: Per,
    effect: Effect,
}

/// The facts of a call that a fault looks at.
pub(crate) struct Facts<'a> {
    pub(crate) service: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) user_agent: &'a str,
    /// Names the attempt that an ingress request belongs to.
    pub(crate) attempt: Option<&'a str>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Fault {
    id: u64,
    #[serde(flatten)]
    rule: Rule,
    hits: u64,
    seen: u64,
    #[serde(skip)]
    attempts: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<(u64, Vec<Fault>)>);

impl Faults {
    pub(crate) fn add(&self, rule: Rule) -> u64 {
        let mut faults = lock(&self.0);
        faults.0 += 1;
        let id = faults.0;
        faults.1.push(Fault { id, rule, hits: 0, seen: 0, attempts: BTreeSet::new() });
        id
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        lock(&self.0).1.clone()
    }

    pub(crate) fn remove(&self, id: Option<u64>) {
        lock(&self.0).1.retain(|fault| id.is_some_and(|id| fault.id != id));
    }

    /// The effect that hits a call, if any, with the id of its fault.
    pub(crate) fn hit(&self, facts: &Facts<'_>) -> Option<(u64, Effect)> {
        lock(&self.0).1.iter_mut().find_map(|fault| fault.hit(facts))
    }
}

impl Fault {
    fn hit(&mut self, facts: &Facts<'_>) -> Option<(u64, Effect)> {
        let rule = &self.rule;
        let fits = rule.service == facts.service
            && rule.method.as_deref().is_none_or(|method| method == facts.method)
            && rule.path.as_deref().is_none_or(|pattern| matches(pattern, facts.path))
            && rule.user_agent_prefix.as_deref().is_none_or(|prefix| facts.user_agent.starts_with(prefix))
            && !rule.user_agent_not_prefix.as_deref().is_some_and(|prefix| facts.user_agent.starts_with(prefix));
        if !fits {
            return None;
        }
        if rule.per == Per::Attempt {
            let attempt = facts.attempt?;
            if !self.attempts.contains(attempt) {
                if rule.times.is_some_and(|times| self.hits >= times) {
                    return None;
                }
                self.attempts.insert(attempt.to_owned());
                self.hits += 1;
            }
            return Some((self.id, rule.effect.clone()));
        }
        self.seen += 1;
        if self.seen <= rule.skip || rule.times.is_some_and(|times| self.hits >= times) {
            return None;
        }
        self.hits += 1;
        Some((self.id, rule.effect.clone()))
    }
}

/// Whether a path fits a pattern with `*` for anything.
fn matches(pattern: &str, path: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("/a/*/c", "/a/b/c") && matches("/a*", "/a") && matches("*", "/x") && matches("/a", "/a"));
        assert!(!matches("/a/*/c", "/a/b/d") && !matches("/a", "/a/b") && !matches("/b*", "/a"));
    }

    fn hit(faults: &Faults, attempt: &str) -> bool {
        let facts = Facts { service: "ingress", method: "GET", path: "/", user_agent: "x", attempt: Some(attempt) };
        faults.hit(&facts).is_some()
    }

    #[test]
    fn a_fault_per_attempt_hits_every_request_of_that_attempt_and_none_of_the_next() {
        let faults = Faults::default();
        let rule = serde_json::json!({"service": "ingress", "times": 1, "per": "attempt", "effect": {"kind": "status", "status": 502}});
        faults.add(serde_json::from_value(rule).unwrap());
        assert!(hit(&faults, "one") && hit(&faults, "one"));
        assert!(!hit(&faults, "two"));
        assert!(hit(&faults, "one"));
    }
}
