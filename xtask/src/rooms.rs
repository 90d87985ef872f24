//! Which crate may know which, checked from cargo's own metadata.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::processes::root;

/// What each room may know of ours.
const MAY_KNOW: [(&str, &[&str]); 9] = [
    ("tamesuke-domain", &[]),
    ("tamesuke-engine", &["tamesuke-domain"]),
    ("tamesuke-stripe", &["tamesuke-domain"]),
    ("tamesuke-provisioner", &["tamesuke-domain"]),
    ("tamesuke-mailer", &["tamesuke-domain"]),
    ("tamesuke-http", &["tamesuke-domain", "tamesuke-engine"]),
    ("tamesuke-sandbox", &[]),
    ("tamesuke-simulator", &["tamesuke-domain", "tamesuke-engine"]),
    (
        "tamesuke-server",
        &[
            "tamesuke-domain",
            "tamesuke-engine",
            "tamesuke-stripe",
            "tamesuke-provisioner",
            "tamesuke-mailer",
            "tamesuke-http",
        ],
    ),
];

/// What the domain must not have, however deep: a runtime, HTTP or Stripe.
const NOT_IN_DOMAIN: [&str; 9] =
    ["tokio", "actix-web", "hyper", "reqwest", "lettre", "async-stripe-shared", "async-std", "futures-util", "tracing"];

/// Checks all arrows; gives how many were looked at.
pub(crate) async fn check() -> anyhow::Result<usize> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = tokio::process::Command::new(cargo)
        .args(["metadata", "--format-version", "1"])
        .current_dir(root())
        .output()
        .await?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata gave no JSON")?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let names: BTreeMap<&str, &str> =
        packages.iter().filter_map(|p| Some((p["id"].as_str()?, p["name"].as_str()?))).collect();
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for node in metadata["resolve"]["nodes"].as_array().context("no nodes")? {
        let from = names.get(node["id"].as_str().unwrap_or_default()).copied().unwrap_or_default();
        for dep in node["deps"].as_array().into_iter().flatten() {
            let normal = dep["dep_kinds"].as_array().into_iter().flatten().any(|kind| kind["kind"].is_null());
            if let (true, Some(to)) = (normal, dep["pkg"].as_str().and_then(|id| names.get(id))) {
                arrows.entry(from).or_default().insert(to);
            }
        }
    }
    let mut wrong = Vec::new();
    let mut looked_at = 0;
    for (room, may) in MAY_KNOW {
        for known in arrows.get(room).into_iter().flatten().filter(|name| name.starts_with("tamesuke-")) {
            looked_at += 1;
            if !may.contains(known) {
                wrong.push(format!("{room} must not know {known}"));
            }
        }
    }
    let (mut below, mut open) = (BTreeSet::new(), vec!["tamesuke-domain"]);
    while let Some(name) = open.pop() {
        open.extend(arrows.get(name).into_iter().flatten().filter(|dep| below.insert(**dep)));
    }
    wrong.extend(
        NOT_IN_DOMAIN
            .iter()
            .filter(|name| below.contains(**name))
            .map(|name| format!("tamesuke-domain must not reach {name}")),
    );
    if wrong.is_empty() { Ok(looked_at + below.len()) } else { bail!("{}", wrong.join("; ")) }
}
