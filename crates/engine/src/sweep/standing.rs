//! What stands on the machines under each name, read off one listing.

use std::collections::{BTreeMap, BTreeSet};

use tamesuke_domain::ids::{TunnelId, Vmid};
use tamesuke_domain::parts::{TunnelName, VmidRange};
use tamesuke_domain::ports::Listing;
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::sweep::{Finding, Verdict, Why};

/// What a listing shows under one name. Two that are equal call for no second look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Standing {
    tunnels: BTreeSet<(TunnelId, Vmid)>,
    guests: BTreeSet<Vmid>,
    record: bool,
}

impl Standing {
    /// Whether this is more than one trial is made of, or is not of one piece.
    pub(super) fn is_crowded(&self) -> bool {
        let certified = |vmid: &Vmid| self.tunnels.iter().any(|(_, certified)| certified == vmid);
        self.tunnels.len() > 1 || self.guests.len() > 1 || !self.guests.iter().all(certified)
    }

    /// Guests under a name that is worked on just now for which there is no birth certificate.
    pub(super) fn uncertified(&self, name: &Subdomain) -> Vec<Finding> {
        let lacks = |vmid: &&Vmid| !self.tunnels.iter().any(|(_, certified)| certified == *vmid);
        self.guests
            .iter()
            .filter(lacks)
            .map(|vmid| {
                let certificate = TunnelName { vmid: *vmid, subdomain: name.clone() }.to_string();
                guest(*vmid, Some(name.clone()), Why::NoTunnel(certificate))
            })
            .collect()
    }
}

fn guest(vmid: Vmid, name: Option<Subdomain>, why: Why) -> Finding {
    Finding { what: format!("container {vmid}"), name, verdict: Verdict::Leave(why) }
}

/// Sorts a listing by names; guests whose name no trial can have are told at once.
pub(super) fn on_machines(listing: &Listing, vmids: VmidRange) -> (BTreeMap<Subdomain, Standing>, Vec<Finding>) {
    let mut names: BTreeMap<Subdomain, Standing> = BTreeMap::new();
    let mut nameless = Vec::new();
    for tunnel in &listing.tunnels {
        if let Some(parsed) = TunnelName::parse(&tunnel.name).filter(|parsed| vmids.contains(parsed.vmid)) {
            names.entry(parsed.subdomain).or_default().tunnels.insert((tunnel.id.clone(), parsed.vmid));
        }
    }
    for label in &listing.labels {
        names.entry(label.clone()).or_default().record = true;
    }
    for (vmid, listed) in listing.guests.iter().filter(|(vmid, _)| vmids.contains(*vmid)) {
        match listed.as_deref().and_then(|text| text.parse().ok()) {
            Some(name) => {
                names.entry(name).or_default().guests.insert(*vmid);
            }
            // A list shows a new guest without its name for a while: where a tunnel numbers it, the
            // tunnel's name is looked at anyway.
            None if names.values().any(|s| s.tunnels.iter().any(|(_, certified)| certified == vmid)) => {}
            None => nameless.push(guest(*vmid, None, Why::Nameless)),
        }
    }
    (names, nameless)
}

#[cfg(test)]
mod tests {
    use tamesuke_domain::parts::Tunnel;
    use tamesuke_domain::time::Timestamp;

    use super::*;

    fn vmid(number: u64) -> Vmid {
        number.try_into().unwrap()
    }

    #[test]
    fn a_listing_is_sorted_by_names_and_what_no_trial_can_be_is_told() {
        let tunnel = |id: &str, name: &str| Tunnel {
            id: format!("c1744f8b-faa1-48a4-9e5c-02ac9214670{id}").parse().unwrap(),
            name: name.into(),
            created: Timestamp::from_unix(1),
        };
        let listing = Listing {
            guests: vec![
                (vmid(9001), Some("acme".into())),
                (vmid(9002), None),
                (vmid(9003), None),
                (vmid(9004), Some("Somebody's own".into())),
            ],
            tunnels: vec![
                tunnel("1", "service-9001-acme"),
                tunnel("2", "service-9002-bee"),
                tunnel("3", "service-8011-out"),
                tunnel("4", "office"),
            ],
            labels: ["acme".parse().unwrap(), "www".parse().unwrap()].into(),
            free: 0,
        };
        let range = VmidRange { first: vmid(9000), last: vmid(9999) };
        let (names, nameless) = on_machines(&listing, range);
        let seen: Vec<_> = names.keys().map(ToString::to_string).collect();
        assert_eq!(seen, ["acme", "bee", "www"]);
        let told: Vec<_> = nameless.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["leave container 9003: its name is not a trial's", "leave container 9004: its name is not a trial's",]
        );
        assert!(names[&"acme".parse().unwrap()].uncertified(&"acme".parse().unwrap()).is_empty());
    }

    fn standing(guests: &[u64], tunnels: &[u64]) -> Standing {
        let tunnel =
            |number: &u64| (format!("c1744f8b-faa1-48a4-9e5c-02ac9214{number}").parse().unwrap(), vmid(*number));
        Standing {
            guests: guests.iter().copied().map(vmid).collect(),
            tunnels: tunnels.iter().map(tunnel).collect(),
            record: true,
        }
    }

    #[test]
    fn a_living_name_with_more_than_one_trials_parts_or_a_guest_without_certificate_is_crowded() {
        for (guests, tunnels) in
            [(&[9001, 9500][..], &[9001, 9500][..]), (&[9001], &[9001, 9600]), (&[9500], &[9001]), (&[9500], &[])]
        {
            assert!(standing(guests, tunnels).is_crowded(), "{guests:?} {tunnels:?}");
        }
        for (guests, tunnels) in [(&[][..], &[][..]), (&[], &[9001]), (&[9001], &[9001])] {
            assert!(!standing(guests, tunnels).is_crowded(), "{guests:?} {tunnels:?}");
        }
    }

    #[test]
    fn a_guest_of_a_living_name_without_its_certificate_is_told() {
        let listing = Listing { guests: vec![(vmid(9500), Some("acme".into()))], ..Listing::default() };
        let range = VmidRange { first: vmid(9000), last: vmid(9999) };
        let (names, _) = on_machines(&listing, range);
        let name: Subdomain = "acme".parse().unwrap();
        let told: Vec<_> = names[&name].uncertified(&name).iter().map(ToString::to_string).collect();
        assert_eq!(told, ["leave container 9500 of acme: there is no tunnel service-9500-acme"]);
    }
}
