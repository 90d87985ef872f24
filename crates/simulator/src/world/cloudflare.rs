//! Cloudflare as a program sees it: tunnels with true identities, records that lead to them, and
//! connections that linger after a container has stopped.

use std::collections::BTreeMap;

use tamesuke_domain::ids::{RecordId, TunnelId};
use tamesuke_domain::parts::{DnsRecord, Tunnel};
use tamesuke_domain::time::Timestamp;

use super::World;
use crate::options::LIST_LAG_MAX;

/// Whose a thing truly is. No port shows it: the engine must find out by what can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// A run, or a repair, for that subscription made it.
    Trial(usize),
    /// Somebody else's.
    Other,
}

/// A tunnel.
#[derive(Debug, Clone)]
pub struct CfTunnel {
    /// What a list shows.
    pub shown: Tunnel,
    /// Whose it truly is.
    pub maker: Maker,
    /// When it was made, which `shown` may not say of another's.
    pub born: u64,
    /// It can't be removed before that millisecond.
    pub lingers_until: u64,
}

/// A record.
#[derive(Debug, Clone)]
pub struct CfRecord {
    /// The label below the service domain.
    pub label: String,
    /// What a list shows.
    pub shown: DnsRecord,
    /// The tunnel it leads to, if it is one of ours or of the world's.
    pub leads_to: Option<usize>,
    /// Whose it truly is.
    pub maker: Maker,
    /// When it was made.
    pub born: u64,
}

/// All tunnels and records, by the order in which they were made.
#[derive(Debug, Default)]
pub struct Cloudflare {
    /// Tunnels that are not deleted.
    pub tunnels: BTreeMap<usize, CfTunnel>,
    /// Records.
    pub records: BTreeMap<usize, CfRecord>,
    /// What was deleted a moment ago, and when: a list may show it still.
    gone: Vec<(u64, Gone)>,
    made: usize,
}

/// Something that was deleted.
#[derive(Debug)]
enum Gone {
    Tunnel(CfTunnel),
    Record(CfRecord),
}

/// A tunnel's place in its id.
pub fn tunnel_index(id: &TunnelId) -> Option<usize> {
    usize::from_str_radix(id.as_str().rsplit('-').next()?, 16).ok()
}

/// A record's place in its id.
pub fn record_index(id: &RecordId) -> Option<usize> {
    id.as_str().strip_prefix('r')?.parse().ok()
}

impl Cloudflare {
    /// A tunnel is made; it may be gone to at once.
    pub fn make_tunnel(&mut self, name: String, created: Timestamp, maker: Maker, born: u64) -> usize {
        self.made += 1;
        let made = self.made;
        if let Ok(id) = format!("0c1744f8-0000-4000-8000-{made:012x}").parse() {
            let shown = Tunnel { id, name, created };
            self.tunnels.insert(made, CfTunnel { shown, maker, born, lingers_until: 0 });
        }
        made
    }

    /// A record is made.
    pub fn make_record(&mut self, label: &str, leads_to: Option<usize>, maker: Maker, born: u64) {
        self.made += 1;
        let content = leads_to.and_then(|index| self.tunnels.get(&index)).map(|tunnel| tunnel.shown.id.target());
        let kind = if content.is_some() { "CNAME" } else { "A" };
        if let Ok(id) = format!("r{}", self.made).parse() {
            let shown =
                DnsRecord { id, kind: kind.to_owned(), content: content.unwrap_or_else(|| "192.0.2.1".to_owned()) };
            let record = CfRecord { label: label.to_owned(), shown, leads_to, maker, born };
            self.records.insert(self.made, record);
        }
    }

    /// A tunnel is deleted.
    pub fn delete_tunnel(&mut self, index: usize, now: u64) {
        self.gone.extend(self.tunnels.remove(&index).map(|tunnel| (now, Gone::Tunnel(tunnel))));
        self.gone.retain(|(at, _)| at + u64::from(LIST_LAG_MAX) > now);
    }

    /// A record is deleted.
    pub fn delete_record(&mut self, index: usize, now: u64) {
        self.gone.extend(self.records.remove(&index).map(|record| (now, Gone::Record(record))));
        self.gone.retain(|(at, _)| at + u64::from(LIST_LAG_MAX) > now);
    }

    /// The records of a label.
    pub fn records_of(&self, label: &str) -> Vec<usize> {
        self.records.iter().filter(|(_, record)| record.label == label).map(|(index, _)| *index).collect()
    }

    /// A tunnel's connection lingers.
    pub fn linger(&mut self, tunnel: usize, until: u64) {
        if let Some(tunnel) = self.tunnels.get_mut(&tunnel) {
            tunnel.lingers_until = until;
        }
    }
}

impl World {
    /// What a list of tunnels shows: how it was a moment ago.
    pub fn listed_tunnels(&self) -> Vec<Tunnel> {
        let as_of = self.now.saturating_sub(self.options.tunnels_lag);
        let gone = self.cloudflare.gone.iter().filter(|(at, _)| *at > as_of).filter_map(|(_, gone)| match gone {
            Gone::Tunnel(tunnel) => Some(tunnel),
            Gone::Record(_) => None,
        });
        let all = self.cloudflare.tunnels.values().chain(gone);
        all.filter(|tunnel| tunnel.born <= as_of).map(|tunnel| tunnel.shown.clone()).collect()
    }

    /// What a list of records shows: how it was a moment ago.
    pub fn listed_records(&self) -> Vec<(String, DnsRecord)> {
        let as_of = self.now.saturating_sub(self.options.records_lag);
        let gone = self.cloudflare.gone.iter().filter(|(at, _)| *at > as_of).filter_map(|(_, gone)| match gone {
            Gone::Record(record) => Some(record),
            Gone::Tunnel(_) => None,
        });
        let all = self.cloudflare.records.values().chain(gone);
        all.filter(|record| record.born <= as_of).map(|record| (record.label.clone(), record.shown.clone())).collect()
    }

    /// Whether a container is connected by a tunnel, or was until a moment ago.
    pub fn is_connected(&self, tunnel: usize) -> bool {
        self.cloudflare.tunnels.get(&tunnel).is_some_and(|tunnel| tunnel.lingers_until > self.now)
            || self.proxmox.guests.values().any(|guest| guest.running && guest.connected == Some(tunnel))
    }

    /// Whether the address of a name leads to a running container.
    pub fn answers(&self, label: &str) -> bool {
        let led = self.cloudflare.records.values().find(|record| record.label == label);
        let Some(tunnel) = led.and_then(|record| record.leads_to) else {
            return false;
        };
        self.cloudflare.tunnels.contains_key(&tunnel)
            && self.proxmox.guests.values().any(|guest| guest.running && guest.connected == Some(tunnel))
    }
}
