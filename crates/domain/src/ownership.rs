//! Whose is it: what of a scene belongs to the name's trials, what is kept, what is astray.
//!
//! A VMID is a name that Proxmox hands on, and host names, tags and descriptions are copied by a
//! clone, so none of them proves anything. The tunnel `service-{vmid}-{name}` does: the script makes
//! it before the container, it has an identity and a time of birth, and only a run of ours makes one
//! inside an attempt's window. What lacks that proof is reported and never touched.

use std::collections::BTreeSet;

use crate::ids::{TunnelId, Vmid};
use crate::look::Policy;
use crate::parts::{Container, DnsRecord, Part, Scene, Tunnel, TunnelName};
use crate::planted::{self, Planted};
use crate::subdomain::Subdomain;
use crate::time::Timestamp;
use crate::trial::Trial;

/// A set of all four parts that belongs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompleteSet {
    /// A running, unlocked container …
    pub vmid: Vmid,
    /// … and the tunnel that was made for it.
    pub tunnel: TunnelId,
}

/// What a ready trial lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one observation, and any number may hold at once")]
pub struct Damage {
    /// Its container does not exist any more, or is not its own.
    pub container_gone: bool,
    /// Its tunnel does not exist any more.
    pub tunnel_gone: bool,
    /// Its DNS record is somebody else's.
    pub record_foreign: bool,
    /// No DNS record leads to its tunnel.
    pub record_missing: bool,
    /// Its metadata file is absent or was written for another container.
    pub file_astray: bool,
    /// Its container is stopped and not locked.
    pub stopped: bool,
}

impl Damage {
    /// Whether something is gone that is not simply put back.
    pub fn is_grave(self) -> bool {
        self.container_gone || self.tunnel_gone || self.record_foreign
    }
}

/// A scene, told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estate {
    /// Ours, kept or not, in the same order.
    pub ours: Vec<Part>,
    /// Ours and not kept, in the order of removal: DNS, file, container, tunnel.
    pub strays: Vec<Part>,
    /// Under the name but not ours: a record or a tunnel.
    pub foreign: Vec<String>,
    /// A file that no trial of the name explains.
    pub file_foreign: bool,
    /// The complete set of an owner that is not ready yet.
    pub complete: Option<CompleteSet>,
    /// What a ready owner lacks.
    pub damage: Damage,
    /// A container of ours that is locked.
    pub locked: Option<Vmid>,
}

/// Picks the one live trial that the name belongs to: the same for whoever looks.
pub fn owner(trials: &[Trial], now: Timestamp) -> Option<&Trial> {
    trials.iter().filter(|trial| trial.is_live(now)).min_by_key(|trial| {
        let rank = match (trial.is_ready(), trial.record.attempt) {
            (true, _) => 0,
            (false, Some(_)) => 1,
            (false, None) => 2,
        };
        (rank, trial.subscription.created, trial.id().clone())
    })
}

struct Proof<'a> {
    name: &'a Subdomain,
    trials: &'a [Trial],
    policy: &'a Policy,
}

impl Proof<'_> {
    fn windows(&self) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        self.trials.iter().filter(|trial| !trial.is_closing()).filter_map(|trial| {
            let attempt = trial.record.attempt?;
            let reach = if trial.is_ready() { 0 } else { self.policy.silence_secs };
            Some((attempt.first.plus_secs(-self.policy.window_slack_secs), attempt.last.plus_secs(reach)))
        })
    }

    fn is_recorded(&self, id: &TunnelId) -> bool {
        self.trials.iter().any(|trial| trial.record.recorded.as_ref().is_some_and(|r| r.tunnel == *id))
    }

    fn tunnel(&self, tunnel: &Tunnel) -> bool {
        let named = TunnelName::parse(&tunnel.name)
            .is_some_and(|parsed| parsed.subdomain == *self.name && self.policy.vmids.contains(parsed.vmid));
        self.is_recorded(&tunnel.id)
            || (named && self.windows().any(|(from, to)| (from..=to).contains(&tunnel.created)))
            || (named && planted::has(Planted::OwnedByName))
    }

    fn container(&self, container: &Container, tunnels: &[&Tunnel]) -> bool {
        let certified = tunnels.iter().any(|tunnel| {
            TunnelName::parse(&tunnel.name)
                .is_some_and(|parsed| parsed.vmid == container.vmid && parsed.subdomain == *self.name)
        });
        let recorded = self
            .trials
            .iter()
            .filter(|trial| !trial.is_closing() || planted::has(Planted::OwnedByNumber))
            .any(|trial| trial.record.recorded.as_ref().is_some_and(|r| r.vmid == container.vmid));
        self.policy.vmids.contains(container.vmid)
            && !container.template
            && (container.hostname == self.name.as_str() || (recorded && planted::has(Planted::OwnedByNumber)))
            && (certified || recorded || planted::has(Planted::OwnedByName))
    }

    fn record(&self, record: &DnsRecord, tunnels: &[&Tunnel]) -> bool {
        let ours = tunnels.iter().any(|tunnel| record.points_at(&tunnel.id));
        let recorded =
            self.trials.iter().any(|trial| trial.record.recorded.as_ref().is_some_and(|r| record.points_at(&r.tunnel)));
        ours || recorded
    }
}

/// Tells a scene apart for the trials of `name`.
pub fn assess(
    name: &Subdomain,
    trials: &[Trial],
    scene: &Scene,
    policy: &Policy,
    answers: Option<bool>,
    now: Timestamp,
) -> Estate {
    let proof = Proof { name, trials, policy };
    let tunnels: Vec<&Tunnel> = scene.tunnels.iter().filter(|t| proof.tunnel(t)).collect();
    let containers: Vec<&Container> = scene.containers.iter().filter(|c| proof.container(c, &tunnels)).collect();
    let records: Vec<&DnsRecord> = scene.records.iter().filter(|r| proof.record(r, &tunnels)).collect();
    let attempted = trials.iter().any(|trial| !trial.is_closing() && trial.record.attempt.is_some());
    let file_ours =
        scene.file.is_some() && (attempted || !tunnels.is_empty() || !containers.is_empty() || !records.is_empty());
    let mine = Mine { tunnels, containers, records, file: file_ours };

    let owner = owner(trials, now);
    let complete =
        owner.filter(|trial| !trial.is_ready()).and_then(|trial| mine.complete(scene, trial, policy, answers, now));
    let kept = Kept::new(owner, complete.as_ref());
    Estate {
        ours: mine.strays(&Kept::default()),
        strays: mine.strays(&kept),
        foreign: foreign(name, scene, &mine),
        file_foreign: scene.file.is_some() && !file_ours,
        damage: owner.map_or_else(Damage::default, |trial| mine.damage(trial, scene)),
        locked: mine.containers.iter().find(|c| c.lock.is_some()).map(|c| c.vmid),
        complete,
    }
}

fn foreign(name: &Subdomain, scene: &Scene, mine: &Mine<'_>) -> Vec<String> {
    let tunnels = scene
        .tunnels
        .iter()
        .filter(|t| TunnelName::parse(&t.name).is_some_and(|parsed| parsed.subdomain == *name))
        .filter(|t| !mine.tunnels.iter().any(|ours| ours.id == t.id))
        .map(|t| format!("tunnel {} ({})", t.name, t.id));
    let records = scene
        .records
        .iter()
        .filter(|r| !mine.records.iter().any(|ours| ours.id == r.id))
        .map(|r| format!("DNS record {} {}", r.kind, r.id));
    tunnels.chain(records).collect()
}

/// What is ours of a scene.
struct Mine<'a> {
    tunnels: Vec<&'a Tunnel>,
    containers: Vec<&'a Container>,
    records: Vec<&'a DnsRecord>,
    file: bool,
}

/// What of it must stay: the owner's recorded set, else its complete set.
#[derive(Default)]
struct Kept {
    vmid: Option<Vmid>,
    tunnel: Option<TunnelId>,
    file: bool,
}

impl Kept {
    fn new(owner: Option<&Trial>, complete: Option<&CompleteSet>) -> Self {
        if let Some(recorded) = owner.and_then(|trial| trial.record.recorded.as_ref()) {
            return Self { vmid: Some(recorded.vmid), tunnel: Some(recorded.tunnel.clone()), file: true };
        }
        complete.map_or_else(Self::default, |set| Self {
            vmid: Some(set.vmid),
            tunnel: Some(set.tunnel.clone()),
            file: true,
        })
    }
}

impl Mine<'_> {
    fn complete(
        &self,
        scene: &Scene,
        owner: &Trial,
        policy: &Policy,
        answers: Option<bool>,
        now: Timestamp,
    ) -> Option<CompleteSet> {
        let attempt = owner.record.attempt?;
        let silent = now > attempt.last.plus_secs(policy.silence_secs) && answers != Some(true);
        if silent || !self.file {
            return None;
        }
        self.tunnels.iter().find_map(|tunnel| {
            let named = TunnelName::parse(&tunnel.name)?;
            let container = self.containers.iter().find(|c| c.vmid == named.vmid)?;
            let led = self.records.iter().any(|record| record.points_at(&tunnel.id));
            let file = scene.file.as_ref().is_some_and(|file| file.vmid == Some(named.vmid));
            (container.running && container.lock.is_none() && led && file)
                .then(|| CompleteSet { vmid: named.vmid, tunnel: tunnel.id.clone() })
        })
    }

    fn strays(&self, kept: &Kept) -> Vec<Part> {
        let mut strays: BTreeSet<Part> = BTreeSet::new();
        let keeps = |record: &DnsRecord| kept.tunnel.as_ref().is_some_and(|id| record.points_at(id));
        strays.extend(self.records.iter().filter(|r| !keeps(r)).filter_map(|r| r.part()));
        if self.file && !kept.file {
            strays.insert(Part::File);
        }
        strays.extend(self.containers.iter().filter(|c| Some(c.vmid) != kept.vmid).map(|c| Part::Container(c.vmid)));
        strays.extend(
            self.tunnels.iter().filter(|t| Some(&t.id) != kept.tunnel.as_ref()).map(|t| Part::Tunnel(t.id.clone())),
        );
        strays.into_iter().collect()
    }

    fn damage(&self, owner: &Trial, scene: &Scene) -> Damage {
        let Some(recorded) = owner.record.recorded.as_ref() else {
            return Damage::default();
        };
        let container = self.containers.iter().find(|c| c.vmid == recorded.vmid);
        let tunnel_gone = !self.tunnels.iter().any(|t| t.id == recorded.tunnel);
        let led = self.records.iter().any(|r| r.points_at(&recorded.tunnel));
        Damage {
            container_gone: container.is_none(),
            tunnel_gone,
            record_foreign: scene.records.iter().any(|r| !self.records.iter().any(|ours| ours.id == r.id)),
            record_missing: !led,
            file_astray: scene.file.as_ref().is_none_or(|file| file.vmid != Some(recorded.vmid)),
            stopped: container.is_some_and(|c| !c.running && c.lock.is_none()),
        }
    }
}

#[cfg(test)]
mod tests;
