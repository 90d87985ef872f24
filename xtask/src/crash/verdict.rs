//! What a round comes to, read off the sandbox's own state and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::life::Twist;
use super::trial::{Trial, text, trials};
use crate::world::{Things, array};

/// The most mails of one kind for one trial, however often the service is killed.
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
    /// Said to stand, and a part of it is missing, double or silent.
    pub(crate) hollow: Vec<String>,
    /// More than one refund of a payment, or one that nothing called for.
    pub(crate) refunds: Vec<String>,
    /// Scripts that outlived the service and did not go.
    pub(crate) outlived: Vec<String>,
}

impl Verdict {
    /// Whether nothing was violated.
    pub(crate) fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// Violations beside those that the last line counts.
    pub(crate) fn others(&self) -> usize {
        [&self.foreign, &self.mails, &self.shared, &self.hollow, &self.refunds, &self.outlived]
            .iter()
            .map(|list| list.len())
            .sum()
    }
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

/// What is known of a round beside the state it ends in.
pub(super) struct Known<'a> {
    /// What was there that is not ours.
    pub(super) before: &'a Things,
    /// What happened to each order, by its name.
    pub(super) twists: &'a BTreeMap<String, Twist>,
    /// How often the service was killed until the trials' time was over …
    pub(super) kills_until_end: usize,
    /// … and after it.
    pub(super) kills_after_end: usize,
}

impl Known<'_> {
    /// The most mails of a kind: only a kill between hand-over and mark sends another.
    fn mails_max(&self, kind: &str, trial: &Trial<'_>) -> usize {
        let kills = match kind {
            "welcome" => self.kills_until_end,
            // A trial that stood until its time was over is thanked after it.
            "thankyou" if !trial.refused_or_canceled_early(self.twists) => self.kills_after_end,
            _ => self.kills_until_end + self.kills_after_end,
        };
        MAILS_MAX.min(1 + kills)
    }
}

/// Judges a settled world.
pub(super) fn judge(state: &Value, known: &Known<'_>) -> Verdict {
    let now = Things::of(state);
    let mut verdict =
        Verdict { leaked: known.before.added(&now), foreign: known.before.changed(&now), ..Verdict::default() };
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
        if *refunds > 0 && known.twists.get(*name).is_none_or(|twist| twist.must_be_given()) {
            verdict.refunds.push(format!("{name}: refunded ({}) though nothing stood in its way", trial.refused));
        }
        if *refunds > 0 && trial.has_mail("welcome") && !trial.refused.starts_with("lost") {
            verdict.refunds.push(format!("{name}: welcomed and refunded ({})", trial.refused));
        }
        for kind in trial.due_mails(known.twists).into_iter().filter(|kind| !trial.has_mail(kind)) {
            verdict.mails.push(format!("{name}: no {kind}"));
        }
        let many = trial.mails.iter().filter(|(kind, count)| **count > known.mails_max(kind, &trial));
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
        check_twisted(Twist::None, change, violated);
    }

    #[track_caller]
    fn check_twisted(twist: Twist, change: impl FnOnce(&mut Value), violated: impl Fn(&Verdict) -> bool) {
        let before = Things::of(&world(|_| {}));
        let twists = BTreeMap::from([("a".to_owned(), twist)]);
        let known = Known { before: &before, twists: &twists, kills_until_end: 7, kills_after_end: 1 };
        let verdict = judge(&world(change), &known);
        assert!(violated(&verdict), "{verdict:?}");
    }

    fn refunded(state: &mut Value) {
        state["stripe"]["refunds"] = json!([{"id": "re_1", "charge": "ch_1"}]);
        state["mail"] = json!([{"message_id": "<apology.sub_1@persys.jp>"}]);
        state["stripe"]["subscriptions"][0]["metadata"] = json!({"subdomain": "a", "tmsk_refused": "foreign 1"});
    }

    #[test]
    fn a_life_that_went_well_violates_nothing() {
        check(|_| {}, Verdict::is_clean);
        check_twisted(Twist::ForeignRecord, refunded, Verdict::is_clean);
        check_twisted(Twist::Cancels(0), refunded, Verdict::is_clean);
        let unwelcomed = |state: &mut Value| state["mail"] = json!([{"message_id": "<thankyou.sub_1@persys.jp>"}]);
        check_twisted(Twist::Cancels(0), unwelcomed, Verdict::is_clean);
    }

    #[test]
    fn a_refund_that_nothing_calls_for_is_seen() {
        check(refunded, |v| v.refunds.len() == 1);
        check_twisted(Twist::FailsOnce(8), refunded, |v| v.refunds.len() == 1);
        let welcomed = |state: &mut Value| {
            refunded(state);
            state["mail"].as_array_mut().unwrap().push(json!({"message_id": "<welcome.sub_1@persys.jp>"}));
        };
        check_twisted(Twist::ForeignRecord, welcomed, |v| v.refunds.len() == 1);
    }

    #[test]
    fn a_mail_more_than_the_kills_explain_is_seen() {
        let thanked = |times: usize| {
            move |state: &mut Value| {
                let thanks = (0..times).map(|_| json!({"message_id": "<thankyou.sub_1@persys.jp>"}));
                state["mail"].as_array_mut().unwrap().extend(thanks);
            }
        };
        check(thanked(1), Verdict::is_clean);
        check(thanked(2), |v| v.mails == ["a: 3 × thankyou"]);
        check(|s| s["mail"] = json!([{"message_id": "<thankyou.sub_1@persys.jp>"}]), |v| v.mails == ["a: no welcome"]);
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
                refunded(s);
                s["stripe"]["refunds"] = json!([{"charge": "ch_1"}, {"charge": "ch_1"}]);
            },
            |v| v.refunds.len() == 2,
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
