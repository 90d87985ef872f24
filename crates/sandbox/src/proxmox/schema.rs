//! Which parameters each call takes, checked before anything is done, as Proxmox does it: every wrong
//! one is named, with the words that Proxmox uses (contracts, 3.1). From Proxmox VE 9.1's own API
//! documentation data.
//!
//! A name ends with `!` where it must be given; behind `=` stands its type: `int`, `int:100` with a
//! minimum, `bool`, `dns`, or its few words.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::front::Reply;

const UNKNOWN: &str = "property is not defined in schema and the schema does not allow additional properties";
const MISSING: &str = "property is missing and it is not optional";

const CONFIG: &[&str] = &[
    "arch",
    "cmode=shell|console|tty",
    "console=bool",
    "cores=int:1",
    "cpulimit",
    "cpuunits=int:0",
    "debug=bool",
    "delete",
    "description",
    "digest",
    "features",
    "hookscript",
    "hostname=dns",
    "memory=int:16",
    "nameserver",
    "onboot=bool",
    "ostype",
    "protection=bool",
    "revert",
    "rootfs",
    "searchdomain",
    "startup",
    "swap=int:0",
    "tags",
    "timezone",
    "tty=int:0",
    "unprivileged=bool",
    "net0",
    "net1",
    "mp0",
    "mp1",
];

/// What the call of that method and path takes; none where there is no such call.
fn takes(method: &str, parts: &[&str]) -> Option<&'static [&'static str]> {
    Some(match (method, parts) {
        ("POST", ["access", "ticket"]) => {
            &["username!", "password!", "new-format=bool", "otp", "realm", "path", "privs", "tfa-challenge"]
        }
        ("POST", ["access", "users", _, "token", _]) => &["comment", "expire=int:0", "privsep=bool"],
        ("PUT", ["access", "users", _, "token", _]) => {
            &["comment", "delete", "expire=int:0", "privsep=bool", "regenerate=bool"]
        }
        ("GET", ["cluster", "resources"]) => &["type=vm|storage|node|sdn"],
        ("GET", ["cluster", "nextid"]) => &["vmid=int:100"],
        ("GET", ["nodes", _, "storage"]) => &["content", "enabled=bool", "format=bool", "storage", "target"],
        ("GET", ["nodes", _, "tasks"]) => &[
            "errors=bool",
            "limit=int:0",
            "since=int",
            "source=archive|active|all",
            "start=int:0",
            "statusfilter",
            "typefilter",
            "until=int",
            "userfilter",
            "vmid=int:100",
        ],
        ("GET", ["nodes", _, "tasks", _, "log"]) => &["download=bool", "limit=int:0", "start=int:0"],
        ("DELETE", ["nodes", _, "lxc", _]) => &["destroy-unreferenced-disks=bool", "force=bool", "purge=bool"],
        ("POST", ["nodes", _, "lxc", _, "clone"]) => &[
            "newid!=int:100",
            "hostname=dns",
            "full=bool",
            "storage",
            "description",
            "pool",
            "snapname",
            "target",
            "bwlimit",
        ],
        ("GET", ["nodes", _, "lxc", _, "config"]) => &["current=bool", "snapshot"],
        ("PUT", ["nodes", _, "lxc", _, "config"]) => CONFIG,
        ("PUT", ["nodes", _, "lxc", _, "resize"]) => &["disk!", "size!", "digest"],
        ("POST", ["nodes", _, "lxc", _, "status", "start"]) => &["debug=bool", "skiplock=bool"],
        ("POST", ["nodes", _, "lxc", _, "status", "stop"]) => &["overrule-shutdown=bool", "skiplock=bool"],
        ("POST", ["nodes", _, "lxc", _, "status", "shutdown"]) => &["forceStop=bool", "timeout=int:0"],
        _ if takes_nothing(method, parts) => &[],
        _ => return None,
    })
}

/// Whether there is such a call, and it takes no parameters.
fn takes_nothing(method: &str, parts: &[&str]) -> bool {
    match method {
        "GET" => matches!(
            parts,
            ["version" | "nodes"]
                | ["cluster", "status"]
                | ["access", "users", _, "token", _]
                | ["nodes", _, "status" | "lxc"]
                | ["nodes", _, "lxc" | "tasks", _]
                | ["nodes", _, "lxc", _, "interfaces"]
                | ["nodes", _, "lxc", _, "status", "current"]
                | ["nodes", _, "tasks", _, "status"]
        ),
        "DELETE" => matches!(parts, ["access", "users", _, "token", _] | ["nodes", _, "tasks", _]),
        _ => false,
    }
}

/// The refusal of a call that does not exist, or of parameters that it does not take.
pub(super) fn refused(method: &str, parts: &[&str], given: &BTreeMap<String, String>) -> Option<Reply> {
    let Some(takes) = takes(method, parts) else {
        let text = format!("Method '{method} /{}' not implemented", parts.join("/"));
        return Some(super::api::failed(501, &text));
    };
    let mut wrong = Map::new();
    if let Some(index) = parts.iter().position(|part| *part == "lxc")
        && let Some(vmid) = parts.get(index + 1)
        && let Some(why) = wrong_value(vmid, "int:100")
    {
        wrong.insert("vmid".to_owned(), json!(why));
    }
    for (name, value) in given {
        let known = takes.iter().find(|pattern| name_of(pattern) == name);
        let why = match known {
            None => Some(UNKNOWN.to_owned()),
            Some(pattern) => wrong_value(value, pattern.split_once('=').map_or("", |(_, kind)| kind)),
        };
        wrong.extend(why.map(|why| (name.clone(), json!(why))));
    }
    for pattern in takes.iter().filter(|pattern| pattern.split('=').next().is_some_and(|name| name.ends_with('!'))) {
        if !given.contains_key(name_of(pattern)) {
            wrong.insert(name_of(pattern).to_owned(), json!(MISSING));
        }
    }
    (!wrong.is_empty()).then(|| super::api::bad_parameters(&Value::Object(wrong)))
}

fn name_of(pattern: &str) -> &str {
    pattern.split('=').next().unwrap_or_default().trim_end_matches('!')
}

/// Whether a text is a truth, as Proxmox takes one.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => Some(true),
        "0" | "off" | "no" | "false" => Some(false),
        _ => None,
    }
}

fn wrong_value(value: &str, kind: &str) -> Option<String> {
    if let Some(bound) = kind.strip_prefix("int") {
        let Ok(number) = value.parse::<i64>() else {
            return Some(format!("type check ('integer') failed - got '{value}'"));
        };
        let least = bound.strip_prefix(':').and_then(|bound| bound.parse::<i64>().ok());
        return least
            .filter(|least| number < *least)
            .map(|least| format!("value must have a minimum value of {least}"));
    }
    match kind {
        "" => None,
        "bool" => truth(value).is_none().then(|| format!("type check ('boolean') failed - got '{value}'")),
        "dns" => {
            let clean = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
            (!clean).then(|| "invalid format - value does not look like a valid DNS name".to_owned())
        }
        words => (!words.split('|').any(|word| word == value)).then(|| {
            format!("value '{value}' does not have a value in the enumeration '{}'", words.replace('|', ", "))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, given: &[(&str, &str)], expected: Option<&str>) {
        let (method, path) = path.split_once(' ').unwrap();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let given = given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let reply = refused(method, &parts, &given).map(|reply| String::from_utf8_lossy(&reply.body).into_owned());
        match expected {
            None => assert_eq!(reply, None),
            Some(text) => assert!(reply.as_ref().is_some_and(|reply| reply.contains(text)), "{reply:?}"),
        }
    }

    #[test]
    fn what_the_schema_does_not_know_is_named() {
        let clone = "POST /nodes/odin/lxc/8011/clone";
        check(clone, &[("newid", "9001"), ("full", "1")], None);
        check(clone, &[("newid", "9001"), ("hostnam", "x")], Some("not defined in schema"));
        check(clone, &[("full", "1")], Some("not optional"));
        check(clone, &[("newid", "x")], Some("type check ('integer') failed - got 'x'"));
        check(clone, &[("newid", "99")], Some("minimum value of 100"));
        check("GET /nodes/odin/nothing", &[], Some("not implemented"));
        check("GET /cluster/resources", &[("type", "vms")], Some("enumeration"));
        check("GET /nodes/odin/lxc/x/config", &[], Some("got 'x'"));
    }
}
