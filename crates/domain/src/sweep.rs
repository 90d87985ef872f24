//! What a sweep makes of each thing that stands under a name: to be removed, or left alone and why.
//!
//! Pure. A sweep is for what no reconciler looks after: leftovers of names whose every trial is over.
//! The proof is that of `ownership`; what lacks it is told and never touched. The verdict is a value
//! with `Display`, so that a dry run and a real one print the same words.

use std::fmt;

use crate::look::Policy;
use crate::ownership::{self, Estate};
use crate::parts::{Container, DnsRecord, Part, Scene, Tunnel, TunnelName};
use crate::subdomain::Subdomain;
use crate::time::Timestamp;
use crate::trial::Trial;

/// Why a thing is left alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Stripe knows no trial of the name.
    NoTrial,
    /// No trial of the name was being made when it was, and none recorded it.
    OutsideWindows,
    /// The birth certificate of that name is missing.
    NoTunnel(String),
    /// The birth certificate of that name is not ours.
    TunnelNotOurs(String),
    /// Its own configuration has another host name.
    OtherHostname,
    /// It is a template.
    Template,
    /// It leads to no tunnel of ours.
    LeadsElsewhere,
    /// Nothing else of the name is ours.
    Unexplained,
    /// A guest of the name is locked, so nothing of the name is touched.
    Locked,
    /// Too little time has passed since the last thing that happened to the name.
    Young {
        /// How much longer, in seconds.
        left_secs: i64,
    },
    /// A trial of the name is not over: the reconciler's business.
    Reconciled,
    /// The list shows no name that a trial could have.
    Nameless,
    /// This sweep has removed as many parts as one may.
    Limit(u32),
    /// Something could not be read or removed; the next sweep tries again.
    Failed(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTrial => f.write_str("Stripe knows no trial of that name"),
            Self::OutsideWindows => f.write_str("it was made outside every attempt's window and no trial recorded it"),
            Self::NoTunnel(name) => write!(f, "there is no tunnel {name}"),
            Self::TunnelNotOurs(name) => write!(f, "its tunnel {name} is not ours"),
            Self::OtherHostname => f.write_str("its own configuration has another host name"),
            Self::Template => f.write_str("it is a template"),
            Self::LeadsElsewhere => f.write_str("it leads to no tunnel of ours"),
            Self::Unexplained => f.write_str("nothing else of that name is ours"),
            Self::Locked => f.write_str("a container of that name is locked"),
            Self::Young { left_secs } => write!(f, "too young, {left_secs} s of grace are left"),
            Self::Reconciled => f.write_str("a trial of that name is not over, the service looks after it"),
            Self::Nameless => f.write_str("its name is not a trial's"),
            Self::Limit(max) => write!(f, "{max} parts are as many as one sweep removes"),
            Self::Failed(error) => f.write_str(error),
        }
    }
}

/// What becomes of a thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It is ours and belongs to no trial any more.
    Remove,
    /// It stays.
    Leave(Why),
}

/// One line of a sweep's report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The thing, in words.
    pub what: String,
    /// The name it stands under, as far as there is one.
    pub name: Option<Subdomain>,
    /// What becomes of it.
    pub verdict: Verdict,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_name = self.name.as_ref().map_or_else(String::new, |name| format!(" of {name}"));
        match &self.verdict {
            Verdict::Remove => write!(f, "remove {}{of_name}", self.what),
            Verdict::Leave(why) => write!(f, "leave {}{of_name}: {why}", self.what),
        }
    }
}

/// What a sweep makes of a scene: a finding for each thing, and the parts to remove in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// One for each thing of the name.
    pub findings: Vec<Finding>,
    /// Those to be removed: DNS, file, container, tunnel.
    pub strays: Vec<Part>,
}

/// Judges everything under `name`, whose trials, as far as Stripe knows any, are `trials`.
pub fn judge(name: &Subdomain, trials: &[Trial], scene: &Scene, policy: &Policy, now: Timestamp) -> Judgement {
    let estate = ownership::assess(name, trials, scene, policy, None, now);
    let stays = if trials.iter().any(|trial| !trial.is_over()) {
        Some(Why::Reconciled)
    } else if estate.locked.is_some() {
        Some(Why::Locked)
    } else {
        young(trials, scene, &estate, policy, now)
    };
    let court = Court { name, trials, scene, policy, estate: &estate, stays: stays.as_ref() };
    let mut findings = Vec::new();
    findings.extend(scene.records.iter().map(|record| court.record(record)));
    findings.extend(scene.file.iter().map(|_| court.file()));
    findings.extend(scene.containers.iter().map(|container| court.container(container)));
    findings.extend(scene.tunnels.iter().filter(|tunnel| court.concerns(tunnel)).map(|tunnel| court.tunnel(tunnel)));
    Judgement { findings, strays: if stays.is_none() { estate.strays } else { Vec::new() } }
}

/// Whether the last thing that happened to a name is too recent. Read off the outside world alone, so
/// that a restart neither shortens nor lengthens it.
fn young(trials: &[Trial], scene: &Scene, estate: &Estate, policy: &Policy, now: Timestamp) -> Option<Why> {
    let births = scene
        .tunnels
        .iter()
        .filter(|tunnel| estate.strays.contains(&Part::Tunnel(tunnel.id.clone())))
        .map(|tunnel| tunnel.created);
    let deeds = trials.iter().flat_map(|trial| {
        let run = trial.record.attempt.map(|attempt| attempt.last);
        let mail = trial.record.mail.map(|mark| mark.at);
        [run, mail].into_iter().flatten()
    });
    let last = births.chain(deeds).max()?;
    let left_secs = last.plus_secs(policy.sweep_grace_secs).secs_since(now);
    (left_secs > 0).then_some(Why::Young { left_secs })
}

struct Court<'a> {
    name: &'a Subdomain,
    trials: &'a [Trial],
    scene: &'a Scene,
    policy: &'a Policy,
    estate: &'a Estate,
    /// Why nothing of the name is touched, ours or not.
    stays: Option<&'a Why>,
}

impl Court<'_> {
    /// Whether a tunnel could be a trial's of this name: one with a number out of range can't, unless
    /// it is recorded.
    fn concerns(&self, tunnel: &Tunnel) -> bool {
        let inside = TunnelName::parse(&tunnel.name).is_some_and(|parsed| self.policy.vmids.contains(parsed.vmid));
        inside || self.estate.ours.contains(&Part::Tunnel(tunnel.id.clone()))
    }

    fn is_stray(&self, part: &Part) -> bool {
        self.estate.strays.contains(part)
    }

    fn finding(&self, what: String, part: &Part, foreign: impl FnOnce() -> Why) -> Finding {
        let verdict = match (self.stays, self.is_stray(part)) {
            (None, true) => Verdict::Remove,
            (Some(why), true) => Verdict::Leave(why.clone()),
            // What is kept for a live trial is the reconciler's business too; what is not ours, nobody's.
            (Some(Why::Reconciled), false) if self.estate.ours.contains(part) => Verdict::Leave(Why::Reconciled),
            (_, false) => Verdict::Leave(foreign()),
        };
        Finding { what, name: Some(self.name.clone()), verdict }
    }

    fn record(&self, record: &DnsRecord) -> Finding {
        let what = format!("DNS record {} ({})", record.id, record.kind);
        match record.part() {
            Some(part) => self.finding(what, &part, || Why::LeadsElsewhere),
            None => Finding { what, name: Some(self.name.clone()), verdict: Verdict::Leave(Why::LeadsElsewhere) },
        }
    }

    fn file(&self) -> Finding {
        self.finding("metadata file".to_owned(), &Part::File, || self.no_proof(Why::Unexplained))
    }

    fn container(&self, container: &Container) -> Finding {
        let part = Part::Container(container.vmid);
        self.finding(format!("container {}", container.vmid), &part, || {
            if container.template {
                return Why::Template;
            }
            if container.hostname != self.name.as_str() {
                return Why::OtherHostname;
            }
            let certificate = TunnelName { vmid: container.vmid, subdomain: self.name.clone() }.to_string();
            let there = self.scene.tunnels.iter().any(|tunnel| tunnel.name == certificate);
            if there { Why::TunnelNotOurs(certificate) } else { Why::NoTunnel(certificate) }
        })
    }

    fn tunnel(&self, tunnel: &Tunnel) -> Finding {
        let part = Part::Tunnel(tunnel.id.clone());
        self.finding(format!("tunnel {} ({})", tunnel.id, tunnel.name), &part, || self.no_proof(Why::OutsideWindows))
    }

    fn no_proof(&self, otherwise: Why) -> Why {
        if self.trials.is_empty() { Why::NoTrial } else { otherwise }
    }
}

#[cfg(test)]
mod tests;
