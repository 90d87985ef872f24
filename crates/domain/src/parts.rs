//! The things a trial is made of outside Stripe, as they were seen, and how one of them is named
//! when it is to be removed.

use std::fmt;

use crate::ids::{RecordId, TunnelId, Vmid};
use crate::subdomain::Subdomain;
use crate::time::Timestamp;

/// The container numbers that trials are made in, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VmidRange {
    /// The lowest.
    pub first: Vmid,
    /// The highest.
    pub last: Vmid,
}

impl VmidRange {
    /// Whether a number lies inside.
    pub fn contains(&self, vmid: Vmid) -> bool {
        (self.first..=self.last).contains(&vmid)
    }

    /// How many numbers there are.
    pub fn size(&self) -> u32 {
        self.last.get().saturating_sub(self.first.get()).saturating_add(1)
    }
}

/// A container as its own configuration and status show it, not as a list does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its number.
    pub vmid: Vmid,
    /// The host name in its configuration.
    pub hostname: String,
    /// Whether it runs.
    pub running: bool,
    /// The lock that stands on it, such as `create` or `disk`.
    pub lock: Option<String>,
    /// Whether it is a template.
    pub template: bool,
}

/// A Cloudflare tunnel that is not deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// Its id, a true identity.
    pub id: TunnelId,
    /// Its name.
    pub name: String,
    /// When it was made, by the outside world's clock.
    pub created: Timestamp,
}

/// The container number and the trial's name in a tunnel's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelName {
    /// The container it was made for.
    pub vmid: Vmid,
    /// The trial it was made for.
    pub subdomain: Subdomain,
}

impl TunnelName {
    /// Parses `service-9001-acme`; `service-9005-a-b` belongs to `a-b`, never to `b`.
    pub fn parse(name: &str) -> Option<Self> {
        let (vmid, subdomain) = name.strip_prefix("service-")?.split_once('-')?;
        Some(Self { vmid: vmid.parse().ok()?, subdomain: subdomain.parse().ok()? })
    }
}

impl fmt::Display for TunnelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service-{}-{}", self.vmid, self.subdomain)
    }
}

/// A DNS record of a trial's full name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsRecord {
    /// Its id, a true identity.
    pub id: RecordId,
    /// `CNAME`, `A`, …
    pub kind: String,
    /// What it holds.
    pub content: String,
}

impl DnsRecord {
    /// Whether it leads to that tunnel.
    pub fn points_at(&self, tunnel: &TunnelId) -> bool {
        self.kind == "CNAME" && self.content.eq_ignore_ascii_case(&tunnel.target())
    }

    /// The tunnel it leads to, if it leads to one.
    pub fn tunnel(&self) -> Option<TunnelId> {
        let content = self.content.to_ascii_lowercase();
        let id = content.strip_suffix(TunnelId::TARGET_END).filter(|_| self.kind == "CNAME")?;
        id.parse().ok()
    }

    /// How it is named when it is to be removed; none for one that leads to no tunnel, which no trial's does.
    pub fn part(&self) -> Option<Part> {
        Some(Part::Record(self.id.clone(), self.tunnel()?))
    }
}

/// The metadata file of a name on the file server. Its token is never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataFile {
    /// The container it was written for, if that could be read.
    pub vmid: Option<Vmid>,
}

/// One thing to be removed, by what is its identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A DNS record, by id: removed only while it has the name and leads to the tunnel it was seen to lead to. It
    /// keeps its id when somebody points it elsewhere.
    Record(RecordId, TunnelId),
    /// The metadata file of the name.
    File,
    /// A container: removed only while its configuration still has the name and its tunnel stands.
    Container(Vmid),
    /// A tunnel, by id.
    Tunnel(TunnelId),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(id, _) => write!(f, "DNS record {id}"),
            Self::File => f.write_str("metadata file"),
            Self::Container(vmid) => write!(f, "container {vmid}"),
            Self::Tunnel(id) => write!(f, "tunnel {id}"),
        }
    }
}

/// Whether the outside could take one more trial just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Room {
    /// It could.
    Yes,
    /// It could not; the reason is for the operator. Costs no attempt.
    No(String),
}

/// Everything outside Stripe that has to do with one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// Containers that may be the name's: those its tunnels or its records number, and those listed
    /// under the name. Each read by its own configuration.
    pub containers: Vec<Container>,
    /// Tunnels whose name parses to this name, and tunnels recorded for it.
    pub tunnels: Vec<Tunnel>,
    /// DNS records of the full name, of whatever type.
    pub records: Vec<DnsRecord>,
    /// The metadata file.
    pub file: Option<MetadataFile>,
    /// Whether a run could start.
    pub room: Room,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawn::each_kind;
    use proptest::prelude::*;

    #[track_caller]
    fn check(name: &str, expected: Option<(u32, &str)>) {
        let seen = TunnelName::parse(name).map(|n| (n.vmid.get(), n.subdomain.to_string()));
        assert_eq!(seen, expected.map(|(v, s)| (v, s.to_owned())), "{name}");
    }

    #[test]
    fn a_tunnel_name_is_parsed_not_globbed() {
        check("service-9001-acme", Some((9001, "acme")));
        check("service-9005-a-b", Some((9005, "a-b")));
        check("service-9005-9006", Some((9005, "9006")));
        check("service-acme", None);
        check("service--acme", None);
        check("service-9001-", None);
        check("service-9001-Acme", None);
        check("my-service-9001-acme", None);
        check("service-99-acme", None);
    }
    /// Names of tunnels, ours and others, and the two parts that each was put together from.
    fn drawn_names() -> impl Strategy<Value = (String, String, String)> {
        let prefix =
            prop_oneof![8 => Just("service-"), 1 => "[a-zS-]{0,9}".prop_map(|_| "my-service-"), 1 => Just("Service-")];
        let vmid = prop_oneof![6 => "[1-9][0-9]{2,8}", 1 => "[0-9]{0,2}", 1 => "0[0-9]{3}", 1 => "[1-9][0-9]{9,20}", 1 => "[+-]?[0-9a-f]{4}"];
        let name = prop_oneof![6 => "[a-z0-9-]{1,13}", 2 => "[a-z]-[a-z]", 1 => "[A-Za-z.]{0,5}"];
        (prefix, vmid, name).prop_map(|(prefix, vmid, name)| (prefix.to_owned(), vmid, name))
    }

    #[test]
    fn a_tunnel_name_belongs_to_the_whole_name_behind_its_number_and_to_nobody_else() {
        each_kind(&["taken", "refused"], &drawn_names(), |(prefix, vmid, name)| {
            let text = format!("{prefix}{vmid}-{name}");
            let number =
                Some(&vmid).filter(|digits| !digits.is_empty() && digits.chars().all(|c| "0123456789".contains(c)));
            let number =
                number.and_then(|digits| digits.parse::<u128>().ok()).filter(|n| (100..=999_999_999).contains(n));
            let ours = (prefix == "service-").then_some(number).flatten().zip(name.parse::<Subdomain>().ok());
            let seen = TunnelName::parse(&text);
            prop_assert_eq!(seen.clone().map(|seen| (u128::from(seen.vmid.get()), seen.subdomain)), ours, "{}", text);
            let Some(seen) = seen else { return Ok("refused") };
            // What we would write reads back as the same, and a name ending alike has no part in it.
            prop_assert_eq!(TunnelName::parse(&seen.to_string()), Some(seen.clone()));
            if let Some((_, end)) = name.split_once('-') {
                prop_assert_ne!(seen.subdomain.as_str(), end);
            }
            Ok("taken")
        });
    }
}
