//! What a round comes to, read off the sandbox's own state and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::world::{Things, array};

/// The most mails of one kind for one trial.
const MAILS_MAX: usize = 5;

/// What was violated; all empty is what is hoped for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Paid, and neither given and thanked nor refunded and told.
    pub(crate) lost: Vec<String>,
    /// Things of ours without a trial.
    pub(crate) leaked: Vec<String>,
    /// Charged for more than one period, or charged for nothing.
    pub(crate) charged_twice: Vec<String>,
    /// Other people's things that are not byte for byte as they were.
    pub(crate) foreign: Vec<String>,
    /// Mails that are missing or too many.
    pub(crate) mails: Vec<String>,
    /// Two live trials on one name, container or tunnel, or a name that led to another's tunnel.
    pub(crate) shared: Vec<String>,
    /// More than one refund of a payment.
    pub(crate) refunds: Vec<String>,
    /// Scripts that outlived the service by more than a second.
    pub(crate) outlived: Vec<String>,
}

impl Verdict {
    /// Whether nothing was violated.
    pub(crate) fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// Violations beside those that the last line counts.
    pub(crate) fn others(&self) -> usize {
        [&self.foreign, &self.mails, &self.shared, &self.refunds, &self.outlived].iter().map(|list| list.len()).sum()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// How a trial stands, as far as the world can tell.
pub(super) struct Trial<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) canceled: bool,
    /// Its container, once the service wrote it down.
    pub(super) vmid: Option<&'a str>,
    pub(super) tunnel: &'a str,
    pub(super) refunds: usize,
    pub(super) charges: usize,
    pub(super) mails: BTreeMap<&'a str, usize>,
}

impl Trial<'_> {
    /// Neither waiting for a run nor in the middle of a refusal.
    pub(super) fn stands(&self) -> bool {
        self.vmid.is_some() || (self.canceled && self.refunds > 0)
    }

    pub(super) fn has_mail(&self, kind: &str) -> bool {
        self.mails.contains_key(kind)
    }

    /// The mail that ends its story.
    pub(super) fn last_mail(&self) -> &'static str {
        if self.refunds > 0 { "apology" } else { "thankyou" }
    }

    /// Why it is not settled yet.
    pub(super) fn unsettled(&self) -> Option<String> {
        let Self { name, canceled, refunds, .. } = self;
        let told = self.has_mail(self.last_mail());
        let given = self.vmid.is_some() || *refunds > 0;
        (!canceled || !told || !given).then(|| {
            format!(
                "{name} ({}): canceled {canceled}, {refunds} refunds, container {:?}, mails {:?}",
                self.id, self.vmid, self.mails
            )
        })
    }
}

/// All paid trials of a state.
pub(super) fn trials(state: &Value) -> Vec<Trial<'_>> {
    let stripe = &state["stripe"];
    let ids: Vec<&str> = array(&state["mail"]).iter().map(|mail| text(&mail["message_id"])).collect();
    array(&stripe["subscriptions"])
        .iter()
        .map(|subscription| {
            let (id, customer) = (text(&subscription["id"]), &subscription["customer"]);
            let charges: Vec<&Value> =
                array(&stripe["charges"]).iter().filter(|charge| charge["customer"] == *customer).collect();
            let is_of = |refund: &&Value| charges.iter().any(|charge| charge["id"] == refund["charge"]);
            let mut mails = BTreeMap::new();
            for message in ids.iter().filter(|message| message.contains(id)) {
                *mails.entry(message.trim_start_matches('<').split('.').next().unwrap_or_default()).or_insert(0) += 1;
            }
            Trial {
                id,
                name: text(&subscription["metadata"]["subdomain"]),
                canceled: subscription["status"] == "canceled",
                vmid: subscription["metadata"]["vmid"].as_str(),
                tunnel: text(&subscription["metadata"]["tunnel_id"]),
                refunds: array(&stripe["refunds"]).iter().filter(is_of).count(),
                charges: charges.len(),
                mails,
            }
        })
        .collect()
}

/// Looks whether two live trials share something just now.
pub(super) fn shared(state: &Value) -> Vec<String> {
    let all = trials(state);
    let live: Vec<&Trial<'_>> = all.iter().filter(|trial| !trial.canceled && trial.vmid.is_some()).collect();
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for trial in &live {
        for part in [
            format!("container {}", trial.vmid.unwrap_or_default()),
            format!("tunnel {}", trial.tunnel),
            format!("name {}", trial.name),
        ] {
            if !seen.insert(part.clone()) {
                found.push(format!("two live trials have {part}"));
            }
        }
    }
    for trial in &live {
        let full = format!("{}.persys.jp", trial.name);
        for record in array(&state["cloudflare"]["records"]).iter().filter(|record| record["name"] == full.as_str()) {
            let target = text(&record["content"]);
            let another = all.iter().any(|other| {
                other.id != trial.id
                    && !other.tunnel.is_empty()
                    && target.starts_with(other.tunnel)
                    && other.name != trial.name
            });
            if another {
                found.push(format!("{full} leads to another trial's tunnel"));
            }
        }
    }
    found
}

/// Judges a settled world; `before` is what was there that is not ours.
pub(super) fn judge(state: &Value, before: &Things) -> Verdict {
    let now = Things::of(state);
    let mut verdict = Verdict { leaked: before.added(&now), foreign: before.changed(&now), ..Verdict::default() };
    for trial in trials(state) {
        verdict.lost.extend(trial.unsettled());
        let Trial { name, charges, refunds, .. } = &trial;
        let kept = charges.saturating_sub(*refunds);
        let owed = usize::from(trial.vmid.is_some() && *refunds == 0);
        if kept > owed || *charges > 1 {
            verdict.charged_twice.push(format!("{name}: {charges} charges, {refunds} refunds"));
        }
        if *refunds > 1 {
            verdict.refunds.push(format!("{name}: {refunds} refunds"));
        }
        let due = match (trial.vmid, refunds) {
            (Some(_), 0) => vec!["thankyou"],
            (_, 0) => vec![],
            (_, _) => vec!["apology"],
        };
        for kind in due.into_iter().filter(|kind| !trial.has_mail(kind)) {
            verdict.mails.push(format!("{name}: no {kind}"));
        }
        let many = trial.mails.iter().filter(|(_, count)| **count > MAILS_MAX);
        verdict.mails.extend(many.map(|(kind, count)| format!("{name}: {count} × {kind}")));
    }
    verdict
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn world(change: impl FnOnce(&mut Value)) -> Value {
        let mut state = json!({
            "stripe": {
                "subscriptions": [{"id": "sub_1", "customer": "cus_1", "status": "canceled", "metadata": {"subdomain": "a", "vmid": "9000", "tunnel_id": "t1"}}],
                "charges": [{"id": "ch_1", "customer": "cus_1"}],
                "refunds": []
            },
            "mail": [{"message_id": "<welcome.sub_1@persys.jp>"}, {"message_id": "<thankyou.sub_1@persys.jp>"}],
            "proxmox": {"guests": [{"vmid": 200, "hostname": "theirs"}]},
            "cloudflare": {"tunnels": [], "records": []},
            "files": {}
        });
        change(&mut state);
        state
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Value), violated: impl Fn(&Verdict) -> bool) {
        let before = Things::of(&world(|_| {}));
        let verdict = judge(&world(change), &before);
        assert!(violated(&verdict), "{verdict:?}");
    }

    #[test]
    fn a_life_that_went_well_violates_nothing() {
        check(|_| {}, Verdict::is_clean);
        let refunded = |state: &mut Value| {
            state["stripe"]["refunds"] = json!([{"id": "re_1", "charge": "ch_1"}]);
            state["mail"] = json!([{"message_id": "<apology.sub_1@persys.jp>"}]);
            state["stripe"]["subscriptions"][0]["metadata"] = json!({"subdomain": "a"});
        };
        check(refunded, Verdict::is_clean);
    }

    #[test]
    fn each_violation_is_seen() {
        check(|s| s["stripe"]["subscriptions"][0]["status"] = json!("active"), |v| v.lost.len() == 1);
        check(
            |s| s["stripe"]["subscriptions"][0]["metadata"]["vmid"] = Value::Null,
            |v| !v.lost.is_empty() && !v.charged_twice.is_empty(),
        );
        check(
            |s| s["mail"] = json!([{"message_id": "<welcome.sub_1@persys.jp>"}]),
            |v| !v.mails.is_empty() && !v.lost.is_empty(),
        );
        check(
            |s| {
                s["mail"]
                    .as_array_mut()
                    .unwrap()
                    .extend((0..5).map(|_| json!({"message_id": "<welcome.sub_1@persys.jp>"})));
            },
            |v| v.mails.len() == 1,
        );
        check(
            |s| s["stripe"]["charges"].as_array_mut().unwrap().push(json!({"id": "ch_2", "customer": "cus_1"})),
            |v| v.charged_twice.len() == 1,
        );
        check(
            |s| {
                s["stripe"]["refunds"] = json!([{"charge": "ch_1"}, {"charge": "ch_1"}]);
                s["mail"] = json!([{"message_id": "<apology.sub_1@persys.jp>"}]);
            },
            |v| v.refunds.len() == 1,
        );
        check(
            |s| s["cloudflare"]["records"] = json!([{"id": "r1", "name": "a.persys.jp"}]),
            |v| v.leaked == ["record r1"],
        );
        check(|s| s["proxmox"]["guests"][0]["hostname"] = json!("ours"), |v| v.foreign == ["container 200"]);
        check(|s| s["proxmox"]["guests"] = json!([]), |v| v.foreign == ["container 200"]);
    }

    #[test]
    fn trials_that_share_a_part_are_seen() {
        let mut state = world(|s| s["stripe"]["subscriptions"][0]["status"] = json!("active"));
        let mut second = state["stripe"]["subscriptions"][0].clone();
        second["id"] = json!("sub_2");
        second["metadata"]["subdomain"] = json!("b");
        second["metadata"]["tunnel_id"] = json!("t2");
        state["stripe"]["subscriptions"].as_array_mut().unwrap().push(second);
        assert_eq!(shared(&state), ["two live trials have container 9000"]);
        state["stripe"]["subscriptions"][1]["metadata"]["vmid"] = json!("9001");
        assert!(shared(&state).is_empty());
        state["cloudflare"]["records"] = json!([{"id": "r1", "name": "a.persys.jp", "content": "t2.cfargotunnel.com"}]);
        assert_eq!(shared(&state), ["a.persys.jp leads to another trial's tunnel"]);
    }
}
