//! The promises of [`Inventory`].

use async_trait::async_trait;

use super::{given, parsed};
use crate::action::Repair;
use crate::ids::{RecordId, TunnelId, Vmid};
use crate::metadata::key;
use crate::parts::{DnsRecord, Part, Room, Scene};
use crate::ports::{Inventory, Removal};
use crate::subdomain::Subdomain;
use crate::time::{Monotonic, Timestamp};
use crate::trial::{Customer, Status, Subscription, Trial};

/// What a trial is made of, as a test has put it there.
#[derive(Debug, Clone)]
pub struct Planted {
    /// The container, running.
    pub vmid: Vmid,
    /// The tunnel that it is connected by.
    pub tunnel: TunnelId,
    /// The record that leads to the tunnel.
    pub record: RecordId,
}

/// A way in which the outside fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// The list of guests can't be read.
    Guests,
    /// The list of guests lacks the template, as after a lost permission.
    Template,
    /// Tunnels can't be read.
    Tunnels,
    /// DNS records can't be read.
    Records,
    /// Metadata files can't be read.
    Files,
}

/// What a test makes happen on the machines.
#[async_trait]
pub trait InventoryWorld: Send + Sync {
    /// The process's now, as the port sees it.
    fn monotonic(&self) -> Monotonic;
    /// Everything of a trial of that name: a running container, its tunnel, connected and configured, its
    /// record and its file; it answers. The number is free and in the range.
    async fn plant(&self, name: &Subdomain, vmid: Vmid) -> Planted;
    /// A record of the name that is somebody else's.
    async fn plant_record(&self, name: &Subdomain, kind: &str, content: &str) -> RecordId;
    /// A tunnel of that full name.
    async fn plant_tunnel(&self, full_name: &str) -> TunnelId;
    /// Puts a lock on a container, or takes it off.
    async fn lock(&self, vmid: Vmid, lock: Option<&str>);
    /// Makes reads fail until it is over.
    async fn outage(&self, outage: Option<Outage>);
    /// Lets connections of stopped containers be forgotten.
    async fn forget_connections(&self);
}

/// Sees that all promises are kept.
///
/// # Panics
/// Where one is broken.
pub async fn check(inventory: &dyn Inventory, world: &dyn InventoryWorld) {
    a_name_that_nobody_has_shows_nothing(inventory, world).await;
    a_look_shows_all_of_a_name_and_nothing_of_its_neighbours(inventory, world).await;
    a_list_counts_what_is_there(inventory, world).await;
    a_failed_read_is_no_absence(inventory, world).await;
    parts_are_removed_one_by_one_and_twice_does_no_harm(inventory, world).await;
    what_is_not_what_it_was_taken_for_is_left_alone(inventory, world).await;
    a_strangers_tunnel_keeps_no_container(inventory, world).await;
    a_locked_container_waits(inventory, world).await;
    what_is_missing_is_put_back(inventory, world).await;
    what_is_recorded_is_looked_for_under_any_name(inventory, world).await;
    a_trial_that_waits_has_room(inventory, world).await;
}

async fn seen(inventory: &dyn Inventory, world: &dyn InventoryWorld, name: &Subdomain) -> Scene {
    given("a look", inventory.look(name, &[], world.monotonic()).await)
}

fn name(text: &str) -> Subdomain {
    parsed(text)
}

fn vmid(number: u64) -> Vmid {
    Vmid::try_from(number).unwrap_or_else(|_| panic!("{number} is no VMID"))
}

async fn a_name_that_nobody_has_shows_nothing(inventory: &dyn Inventory, world: &dyn InventoryWorld) {
    let scene = seen(inventory, world, &name("nobody")).await;
    assert!(scene.containers.is_empty() && scene.tunnels.is_empty(), "nothing of that name is there");
    assert!(scene.records.is_empty() && scene.file.is_none(), "nothing of that name is there");
    assert!(matches!(scene.room, Room::No(_)), "where nothing waits for room none is promised");
    assert!(!inventory.answers(&name("nobody")).await, "what is not there does not answer");
}

async fn a_look_shows_all_of_a_name_and_nothing_of_its_neighbours(
    inventory: &dyn Inventory,
    world: &dyn InventoryWorld,
) {
    let (ours, theirs) = (name("b"), name("a-b"));
    let planted = world.plant(&ours, vmid(9101)).await;
    let neighbour = world.plant(&theirs, vmid(9102)).await;
    let scene = seen(inventory, world, &ours).await;
    let containers: Vec<_> = scene.containers.iter().map(|c| (c.vmid, c.hostname.as_str(), c.running)).collect();
    assert_eq!(containers, [(planted.vmid, "b", true)], "its container, running");
    assert!(scene.containers.iter().all(|c| c.lock.is_none() && !c.template), "neither locked nor a template");
    let tunnels: Vec<_> = scene.tunnels.iter().map(|tunnel| &tunnel.id).collect();
    assert_eq!(tunnels, [&planted.tunnel], "its tunnel; service-9102-a-b is another's");
    let record = DnsRecord { id: planted.record.clone(), kind: "CNAME".to_owned(), content: planted.tunnel.target() };
    assert_eq!(scene.records, [record], "its record");
    assert_eq!(scene.file.and_then(|file| file.vmid), Some(planted.vmid), "its file");
    assert!(inventory.answers(&ours).await, "it answers");
    assert!(inventory.url(&ours, &planted.tunnel).starts_with("https://b."), "its address is the name's");
    let scene = seen(inventory, world, &theirs).await;
    assert_eq!(scene.containers.first().map(|c| c.vmid), Some(neighbour.vmid), "the neighbour's is the neighbour's");
}

async fn a_list_counts_what_is_there(inventory: &dyn Inventory, world: &dyn InventoryWorld) {
    let before = given("a list", inventory.list(world.monotonic()).await);
    let planted = world.plant(&name("listed"), vmid(9110)).await;
    let after = given("a list", inventory.list(world.monotonic()).await);
    assert!(after.guests.iter().any(|(vmid, _)| *vmid == planted.vmid), "a guest in the range is listed at once");
    assert!(after.tunnels.iter().any(|tunnel| tunnel.id == planted.tunnel), "a tunnel is listed");
    assert!(after.labels.contains(&name("listed")), "a record's label is listed");
    assert_eq!(after.free + 1, before.free, "one trial less fits");
    let again = given("a list", inventory.list(Monotonic::START).await);
    assert_eq!(again, after, "a reading that is young enough is shared");
}

async fn a_failed_read_is_no_absence(inventory: &dyn Inventory, world: &dyn InventoryWorld) {
    let planted = name("unread");
    world.plant(&planted, vmid(9120)).await;
    for outage in [Outage::Guests, Outage::Template, Outage::Tunnels, Outage::Records, Outage::Files] {
        world.outage(Some(outage)).await;
        let look = inventory.look(&planted, &[], world.monotonic()).await;
        assert!(look.is_err_and(|fault| !fault.is_unknown()), "{outage:?}: a look is a failed read");
        if outage != Outage::Files {
            assert!(inventory.list(world.monotonic()).await.is_err(), "{outage:?}: a list is a failed read");
        }
    }
    world.outage(None).await;
    assert_eq!(seen(inventory, world, &planted).await.containers.len(), 1, "afterwards all is there");
}

async fn parts_are_removed_one_by_one_and_twice_does_no_harm(inventory: &dyn Inventory, world: &dyn InventoryWorld) {
    let gone = name("gone");
    let planted = world.plant(&gone, vmid(9130)).await;
    let remove = |part: Part| {
        let gone = gone.clone();
        async move { given("a removal", inventory.remove(&gone, &part).await) }
    };
    for _ in 0..2 {
        assert_eq!(
            remove(Part::Record(planted.record.clone(), planted.tunnel.clone())).await,
            Removal::Asked,
            "the record"
        );
        assert_eq!(remove(Part::File).await, Removal::Asked, "the file");
    }
    let scene = seen(inventory, world, &gone).await;
    assert!(scene.records.is_empty() && scene.file.is_none(), "record and file are gone");
    assert!(!inventory.answers(&gone).await, "without a record nothing answers");
    assert_eq!(remove(Part::Tunnel(planted.tunnel.clone())).await, Removal::NotYet, "a connected tunnel stays");
    assert_eq!(remove(Part::Container(planted.vmid)).await, Removal::Asked, "a running container is stopped");
    let stopped = seen(inventory, world, &gone).await;
    assert_eq!(stopped.containers.first().map(|c| c.running), Some(false), "stopped, and still there");
    for _ in 0..2 {
        assert_eq!(remove(Part::Container(planted.vmid)).await, Removal::Asked, "a stopped one is deleted");
    }
    assert!(seen(inventory, world, &gone).await.containers.is_empty(), "the container is gone");
    world.forget_connections().await;
    for _ in 0..2 {
        assert_eq!(remove(Part::Tunnel(planted.tunnel.clone())).await, Removal::Asked, "the tunnel");
    }
    assert!(seen(inventory, world, &gone).await.tunnels.is_empty(), "nothing is left");
}

async fn what_is_not_what_it_was_taken_for_is_left_alone(inventory: &dyn Inventory, world: &dyn InventoryWorld) {
    let (ours, other) = (name("taken-for"), name("other"));
    let planted = world.plant(&other, vmid(9140)).await;
    let removal = given("a removal", inventory.remove(&ours, &Part::Container(planted.vmid)).await);
    assert_eq!(removal, Removal::NotOurs, "a number that another name has is another's container");
    let removal = given(
        "a removal",
        inventory.remove(&ours, &Part::Record(planted.record.clone(), planted.tunnel.clone())).await,
    );
    assert_eq!(removal, Removal::NotOurs, "another name's record");
    let text = world.plant_record(&ours, "TXT", "proof of something").await;
    let removal = given("a removal", inventory.remove(&ours, &Part::Record(text, planted.tunnel.clone())).await);
    assert_eq!(removal, Removal::NotOurs, "a text is no record of ours");
    let pointed = name("pointed");
    let elsewhere = world.plant_record(&pointed, "CNAME", "host.example.jp").await;
    let removal =
        given("a removal", inventory.remove(&pointed, &Part::Record(elsewhere, planted.tunnel.clone())).await);
    assert_eq!(removal, Removal::NotOurs, "a record that somebody pointed at a host of his own");
    let moved = name("pointed-2");
    let anothers = world.plant_record(&moved, "CNAME", &planted.tunnel.target()).await;
    let before: TunnelId = parsed("0c1744f8-ffff-4000-8000-ffffffffffff");
    let removal = given("a removal", inventory.remove(&moved, &Part::Record(anothers, before)).await);
    assert_eq!(removal, Removal::NotOurs, "a record that somebody pointed at a tunnel of his own");
    assert_eq!(seen(inventory, world, &moved).await.records.len(), 1, "nothing was touched");
    assert_eq!(seen(inventory, world, &pointed).await.records.len(), 1, "nothing was touched");
    assert_eq!(seen(inventory, world, &other).await.containers.len(), 1, "nothing was touched");
    assert_eq!(seen(inventory, world, &ours).await.records.len(), 1, "nothing was touched");
}

/// Whatever tunnels anybody makes: a container that has the name is the name's, or an ended trial could
/// be kept for ever by a stranger's tunnel. One of a later holder of its number has that one's name.
async fn a_strangers_tunnel_keeps_no_container(inventory: &dyn Inventory, world: &dyn InventoryWorld) {
    let ours = name("kept-not");
    let planted = world.plant(&ours, vmid(9141)).await;
    world.plant_tunnel("service-9141-newcomer").await;
    let removal = given("a removal", inventory.remove(&ours, &Part::Container(planted.vmid)).await);
    assert_eq!(removal, Removal::Asked, "its own configuration says whose it is");
}

async fn a_locked_container_waits(inventory: &dyn Inventory, world: &dyn InventoryWorld) {
    let locked = name("locked");
    let planted = world.plant(&locked, vmid(9150)).await;
    world.lock(planted.vmid, Some("backup")).await;
    let scene = seen(inventory, world, &locked).await;
    assert_eq!(scene.containers.first().and_then(|c| c.lock.as_deref()), Some("backup"), "the lock is shown");
    let removal = given("a removal", inventory.remove(&locked, &Part::Container(planted.vmid)).await);
    assert_eq!(removal, Removal::NotYet, "a locked one waits");
    world.lock(planted.vmid, None).await;
    let removal = given("a removal", inventory.remove(&locked, &Part::Container(planted.vmid)).await);
    assert_eq!(removal, Removal::Asked, "and goes when the lock does");
}

/// A ready trial of that name, or one that waits for its run.
fn trial(name: &Subdomain, recorded: Option<&Planted>) -> Trial {
    let mut metadata = crate::metadata::Metadata::from(
        [
            (key::SUBDOMAIN, name.to_string()),
            (key::APPLICATION, "nginx".to_owned()),
            (key::DAYS, "7".to_owned()),
            (key::INSTANCE, "0a1b2c3d".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    );
    if let Some(planted) = recorded {
        metadata.insert(key::VMID.to_owned(), planted.vmid.to_string());
        metadata.insert(key::URL.to_owned(), format!("https://{name}.persys.jp"));
        metadata.insert(key::TUNNEL.to_owned(), planted.tunnel.to_string());
    }
    let subscription = Subscription {
        id: parsed("sub_trial"),
        status: Status::Active,
        created: Timestamp::from_unix(1_790_000_000),
        started: Timestamp::from_unix(1_790_000_000),
        end_set: true,
        price_days: Some(7),
        invoice: None,
        customer: Customer {
            id: parsed("cus_trial"),
            deleted: false,
            email: Some(parsed("taro@example.jp")),
            has_company: true,
            metadata: crate::metadata::Metadata::new(),
        },
        metadata,
    };
    Trial::read(subscription).unwrap_or_else(|error| panic!("a trial of {name} does not read: {error}"))
}

async fn what_is_missing_is_put_back(inventory: &dyn Inventory, world: &dyn InventoryWorld) {
    let mended = name("mended");
    let planted = world.plant(&mended, vmid(9160)).await;
    let trial = trial(&mended, Some(&planted));
    for part in
        [Part::Record(planted.record.clone(), planted.tunnel.clone()), Part::File, Part::Container(planted.vmid)]
    {
        given("a removal", inventory.remove(&mended, &part).await);
    }
    given("the record", inventory.repair(&trial, &Repair::Record(planted.tunnel.clone())).await);
    given("the file", inventory.repair(&trial, &Repair::File(planted.vmid, planted.tunnel.clone())).await);
    given("the start", inventory.repair(&trial, &Repair::Start(planted.vmid)).await);
    let scene = seen(inventory, world, &mended).await;
    assert!(scene.records.iter().any(|record| record.points_at(&planted.tunnel)), "the record leads to the tunnel");
    assert_eq!(scene.file.and_then(|file| file.vmid), Some(planted.vmid), "the file names its container");
    assert_eq!(scene.containers.first().map(|c| c.running), Some(true), "the container runs");
}

async fn what_is_recorded_is_looked_for_under_any_name(inventory: &dyn Inventory, world: &dyn InventoryWorld) {
    let (ours, renamed) = (name("recorded"), name("renamed"));
    let planted = world.plant(&renamed, vmid(9170)).await;
    let scene = seen(inventory, world, &ours).await;
    assert!(scene.containers.is_empty() && scene.tunnels.is_empty(), "by its name alone nothing is found");
    let trials = [trial(&ours, Some(&planted))];
    let scene = given("a look", inventory.look(&ours, &trials, world.monotonic()).await);
    assert_eq!(scene.containers.first().map(|c| c.vmid), Some(planted.vmid), "the recorded container is shown");
    assert_eq!(scene.tunnels.first().map(|t| t.id.clone()), Some(planted.tunnel), "the recorded tunnel is shown");
}

async fn a_trial_that_waits_has_room(inventory: &dyn Inventory, world: &dyn InventoryWorld) {
    let waiting = name("waiting");
    let look = inventory.look(&waiting, &[trial(&waiting, None)], world.monotonic()).await;
    assert_eq!(given("a look", look).room, Room::Yes, "where a number and the template are free there is room");
}
