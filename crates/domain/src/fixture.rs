//! A trial, a scene and a look to put to the pure functions, and small ways to change them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::{SubscriptionId, TunnelId, Vmid};
use crate::letter::{MailKind, MailMark, Stage};
use crate::look::{Look, Memory, Policy, RunView, StripeView, World};
use crate::metadata::{Attempt, Reason, Record, Recorded, RefundMark, Refusal};
use crate::parts::{Container, DnsRecord, MetadataFile, Room, Scene, Tunnel, VmidRange};
use crate::time::Timestamp;
use crate::trial::{Billed, Customer, Invoice, Status, Subscription, Trial};

const T0: i64 = 1_790_000_000;
pub(crate) const TUNNEL: &str = "c1744f8b-faa1-48a4-9e5c-02ac921467fa";
pub(crate) const OTHER: &str = "d1744f8b-faa1-48a4-9e5c-02ac921467fb";

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_unix(T0 + secs)
}

pub(crate) fn vmid(number: u64) -> Vmid {
    Vmid::try_from(number).unwrap()
}

pub(crate) fn tunnel_id(text: &str) -> TunnelId {
    text.parse().unwrap()
}

/// A paid seven-day trial of `acme`, its end set and its Customer named.
pub(crate) fn trial() -> Trial {
    let customer = Customer {
        id: "cus_1".parse().unwrap(),
        deleted: false,
        email: Some("taro@example.jp".parse().unwrap()),
        has_company: true,
        metadata: BTreeMap::default(),
    };
    Trial {
        subscription: Subscription {
            id: "sub_1".parse().unwrap(),
            status: Status::Active,
            created: at(0),
            started: at(0),
            end_set: true,
            price_days: Some(7),
            invoice: Some(Invoice { id: "in_1".parse().unwrap(), billed: Billed::First, paid: true }),
            customer,
            metadata: BTreeMap::default(),
        },
        record: Record {
            subdomain: "acme".parse().unwrap(),
            application: "nginx".parse().unwrap(),
            days: crate::catalog::Days::new(7).unwrap(),
            company: "ACME".into(),
            recorded: None,
            attempt: None,
            refused: None,
            refund: None,
            mail: None,
        },
    }
}

impl Trial {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn attempted(self, count: u32, last: i64) -> Self {
        self.with(|t| {
            t.record.attempt = Some(Attempt { count, first: at(10), last: at(last) });
        })
    }

    pub(crate) fn ready(self) -> Self {
        self.attempted(1, 10).with(|t| {
            t.record.recorded =
                Some(Recorded { vmid: vmid(9001), url: "https://acme.persys.jp".into(), tunnel: tunnel_id(TUNNEL) });
            t.record.mail = Some(MailMark { kind: MailKind::Welcome, stage: Stage::Sent, at: at(60) });
        })
    }

    pub(crate) fn canceled(self) -> Self {
        self.with(|t| t.subscription.status = Status::Canceled)
    }

    pub(crate) fn refused(self, reason: Reason) -> Self {
        self.with(|t| {
            t.record.refused = Some(Refusal { reason, at: at(100) });
        })
    }

    pub(crate) fn refunded(self) -> Self {
        self.with(|t| t.record.refund = Some(RefundMark::Refunded("re_1".parse().unwrap())))
    }

    pub(crate) fn mailed(self, kind: MailKind, stage: Stage, when: i64) -> Self {
        self.with(|t| {
            t.record.mail = Some(MailMark { kind, stage, at: at(when) });
        })
    }

    pub(crate) fn named(self, id: &str, created: i64) -> Self {
        self.with(|t| {
            t.subscription.id = id.parse().unwrap();
            t.subscription.created = at(created);
        })
    }
}

pub(crate) fn empty() -> Scene {
    Scene { containers: Vec::new(), tunnels: Vec::new(), records: Vec::new(), file: None, room: Room::Yes }
}

pub(crate) fn container(number: u64) -> Container {
    Container { vmid: vmid(number), hostname: "acme".into(), running: true, lock: None, template: false }
}

pub(crate) fn tunnel(id: &str, name: &str, created: i64) -> Tunnel {
    Tunnel { id: tunnel_id(id), name: name.into(), created: at(created) }
}

pub(crate) fn record(id: &str, target: &str) -> DnsRecord {
    DnsRecord { id: id.parse().unwrap(), kind: "CNAME".into(), content: format!("{target}.cfargotunnel.com") }
}

/// All four parts of container 9001, made at second 20.
pub(crate) fn whole() -> Scene {
    Scene {
        containers: vec![container(9001)],
        tunnels: vec![tunnel(TUNNEL, "service-9001-acme", 20)],
        records: vec![record("r1", TUNNEL)],
        file: Some(MetadataFile { vmid: Some(vmid(9001)) }),
        room: Room::Yes,
    }
}

pub(crate) fn look(trials: Vec<Trial>, scene: Scene) -> Look {
    Look {
        name: "acme".parse().unwrap(),
        stripe: StripeView::Seen(trials),
        run: RunView::None,
        world: World::Seen(scene),
        answers: None,
        memory: Memory { acting_for: Duration::from_secs(3_600), ..Memory::default() },
        policy: Policy::new(VmidRange { first: vmid(9000), last: vmid(9999) }),
    }
}

impl Look {
    pub(crate) fn also(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

pub(crate) fn id() -> SubscriptionId {
    "sub_1".parse().unwrap()
}
