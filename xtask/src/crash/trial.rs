//! One paid trial, as far as the world can tell.

use std::collections::BTreeMap;

use serde_json::Value;

use super::life::Twist;
use crate::world::array;

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// How a trial stands.
pub(super) struct Trial<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) canceled: bool,
    /// Its container, once the service wrote it down.
    pub(super) vmid: Option<&'a str>,
    pub(super) tunnel: &'a str,
    /// Why and when it was refused; empty where it was not.
    pub(super) refused: &'a str,
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

    /// Whether its story ended before its period did.
    pub(super) fn refused_or_canceled_early(&self, twists: &BTreeMap<String, Twist>) -> bool {
        self.refunds > 0 || twists.get(self.name).is_none_or(|twist| !twist.must_be_given())
    }

    /// The mails that its customer must have at the end.
    pub(super) fn due_mails(&self, twists: &BTreeMap<String, Twist>) -> Vec<&'static str> {
        match (self.vmid, self.refunds) {
            (_, 1..) => vec!["apology"],
            (None, 0) => vec![],
            // One that was canceled at once may have ended before it could be welcomed.
            (Some(_), 0) if self.refused_or_canceled_early(twists) => vec!["thankyou"],
            (Some(_), 0) => vec!["welcome", "thankyou"],
        }
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
                refused: text(&subscription["metadata"]["tmsk_refused"]),
                refunds: array(&stripe["refunds"]).iter().filter(is_of).count(),
                charges: charges.len(),
                mails,
            }
        })
        .collect()
}
