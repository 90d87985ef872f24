//! Whatever stands under a name: each thing is kept, astray or somebody else's, and nothing is two of these.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::fixture::{OTHER, TUNNEL, at, container, look, record, trial, tunnel, tunnel_id, vmid};
use crate::letter::{MailKind, Stage};
use crate::metadata::{Reason, Recorded};
use crate::ownership::{assess, owner};
use crate::parts::{MetadataFile, Part, Room, Scene};
use crate::trial::Trial;

const THIRD: &str = "e1744f8b-faa1-48a4-9e5c-02ac921467fc";
const NOW: i64 = 400;

prop_compose! {
    fn scenes()(
        numbers in subsequence(vec![9001, 9002, 8011], 0..=3),
        hostname in select(vec!["acme", "acme", "other"]),
        running in any::<bool>(),
        lock in proptest::option::of(Just("disk".to_owned())),
        template in proptest::bool::weighted(0.1),
        tunnels in subsequence(vec![TUNNEL, OTHER, THIRD], 0..=3),
        names in proptest::array::uniform3(select(vec![
            "service-9001-acme", "service-9001-acme", "service-9002-acme", "service-8011-acme", "service-9001-x-acme",
        ])),
        born in proptest::array::uniform3(-100..1_000_i64),
        target in proptest::option::of(select(vec![TUNNEL, OTHER, THIRD])),
        file in proptest::option::of(proptest::option::of(select(vec![9001_u64, 9002]))),
    ) -> Scene {
        let mut containers: Vec<_> = numbers.into_iter().map(container).collect();
        for c in &mut containers {
            (c.running, c.lock, c.template) = (running, lock.clone(), template);
            c.hostname = hostname.into();
        }
        Scene {
            containers,
            tunnels: tunnels.iter().zip(names).zip(born).map(|((id, name), born)| tunnel(id, name, born)).collect(),
            records: target.into_iter().map(|target| record("r1", target)).collect(),
            file: file.map(|number| MetadataFile { vmid: number.map(vmid) }),
            room: Room::Yes,
        }
    }
}

prop_compose! {
    fn lives(id: &'static str)(
        attempted in any::<bool>(),
        recorded in proptest::option::of(select(vec![(9001_u64, TUNNEL), (9002, OTHER)])),
        canceled in any::<bool>(),
        refused in proptest::bool::weighted(0.2),
        closing in proptest::bool::weighted(0.3),
    ) -> Trial {
        let mut life = trial().named(id, 0);
        if attempted { life = life.attempted(2, 100); }
        life.record.recorded = recorded.map(|(number, tunnel)| Recorded {
            vmid: vmid(number), url: "https://acme.persys.jp".into(), tunnel: tunnel_id(tunnel),
        });
        if refused { life = life.refused(Reason::Lost); }
        if closing { life = life.canceled().mailed(MailKind::ThankYou, Stage::Sent, 200); }
        if canceled { life.canceled() } else { life }
    }
}

proptest! {
    #[test]
    fn nothing_is_removed_that_is_kept_or_somebody_elses(
        scene in scenes(), first in lives("sub_1"), second in lives("sub_2"), answers in any::<Option<bool>>(),
    ) {
        let trials = [first, second];
        let setting = look(Vec::new(), scene.clone());
        let estate = assess(&setting.name, &trials, &scene, &setting.policy, answers, at(NOW));

        let kept = owner(&trials, at(NOW)).and_then(|owner| match &owner.record.recorded {
            Some(recorded) => Some((recorded.vmid, recorded.tunnel.clone())),
            None => estate.complete.as_ref().map(|set| (set.vmid, set.tunnel.clone())),
        });
        if let Some((number, tunnel)) = &kept {
            prop_assert!(!estate.strays.contains(&Part::File), "the owner's file");
            prop_assert!(!estate.strays.contains(&Part::Container(*number)), "the owner's container");
            prop_assert!(!estate.strays.contains(&Part::Tunnel(tunnel.clone())), "the owner's tunnel");
            for r in scene.records.iter().filter(|r| r.points_at(tunnel)) {
                prop_assert!(!estate.strays.contains(&r.part().unwrap()), "the owner's record");
            }
        }
        for c in scene.containers.iter().filter(|c| c.template || c.hostname != "acme" || c.vmid == vmid(8011)) {
            prop_assert!(!estate.strays.contains(&Part::Container(c.vmid)), "{c:?} is not ours");
        }
        for part in &estate.strays {
            let (there, told) = match part {
                Part::Record(id, _) => (scene.records.iter().any(|r| r.id == *id), Some(format!(" {id}"))),
                Part::File => (scene.file.is_some(), None),
                Part::Container(number) => (scene.containers.iter().any(|c| c.vmid == *number), None),
                Part::Tunnel(id) => (scene.tunnels.iter().any(|t| t.id == *id), Some(format!("({id})"))),
            };
            prop_assert!(there, "{part} is not there");
            let foreign = told.is_some_and(|told| estate.foreign.iter().any(|line| line.ends_with(&told)));
            prop_assert!(!foreign, "{part} is foreign too");
        }
        prop_assert!(!(estate.file_foreign && estate.strays.contains(&Part::File)));
        // The tunnel is the proof of all the rest, so it goes last.
        let rank = |part: &Part| match part {
            Part::Record(..) => 0, Part::File => 1, Part::Container(_) => 2, Part::Tunnel(_) => 3,
        };
        prop_assert!(estate.strays.is_sorted_by_key(rank), "{:?}", estate.strays);
    }
}
