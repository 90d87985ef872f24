//! Proxmox as a program sees it: guests by a number that is handed on, names that lists show late, a
//! template that is locked while it is copied, tasks that go on without whoever asked for them.

use std::collections::BTreeMap;

use tamesuke_domain::ids::Vmid;
use tamesuke_domain::parts::{Container, VmidRange};

use super::World;
use super::cloudflare::Maker;

/// The template that is sold.
pub const TEMPLATE: u32 = 8_011;
/// The first container number of trials.
pub const FIRST: u32 = 9_001;
/// A list shows a new guest's name only after that long.
const NAME_LAG: u64 = 10_000;

/// A guest.
#[derive(Debug, Clone)]
pub struct Guest {
    /// Tells it from an earlier holder of its number.
    pub uid: u64,
    /// The host name in its configuration.
    pub hostname: String,
    /// Whether it runs.
    pub running: bool,
    /// The lock on it.
    pub lock: Option<&'static str>,
    /// Whether it is a template.
    pub template: bool,
    /// Whose it truly is.
    pub maker: Maker,
    /// The tunnel that its connector is connected to.
    pub connected: Option<usize>,
    /// When it was made.
    pub born: u64,
}

/// All guests.
#[derive(Debug)]
pub struct Proxmox {
    /// By number.
    pub guests: BTreeMap<u32, Guest>,
    /// The numbers of trials.
    pub first: u32,
    /// The last of them.
    pub last: u32,
    made: u64,
}

/// A number as the domain has it.
pub fn vmid(number: u32) -> Option<Vmid> {
    Vmid::try_from(u64::from(number)).ok()
}

impl Proxmox {
    /// The template and nothing else.
    pub fn new(vmids: u32) -> Self {
        let template = Guest {
            uid: 0,
            hostname: "template".to_owned(),
            running: false,
            lock: None,
            template: true,
            maker: Maker::Other,
            connected: None,
            born: 0,
        };
        Self { guests: BTreeMap::from([(TEMPLATE, template)]), first: FIRST, last: FIRST + vmids - 1, made: 0 }
    }

    /// The numbers of trials.
    pub fn range(&self) -> Option<VmidRange> {
        Some(VmidRange { first: vmid(self.first)?, last: vmid(self.last)? })
    }

    /// The lowest free number.
    pub fn free(&self) -> Option<u32> {
        (self.first..=self.last).find(|number| !self.guests.contains_key(number))
    }

    /// A guest appears. The number must be free.
    pub fn make(&mut self, number: u32, hostname: &str, maker: Maker, born: u64) -> u64 {
        self.made += 1;
        let guest = Guest {
            uid: self.made,
            hostname: hostname.to_owned(),
            running: false,
            lock: None,
            template: false,
            maker,
            connected: None,
            born,
        };
        self.guests.insert(number, guest);
        self.made
    }

    /// A guest by its number, if it is still the one that was meant.
    pub fn same(&mut self, number: u32, uid: u64) -> Option<&mut Guest> {
        self.guests.get_mut(&number).filter(|guest| guest.uid == uid)
    }

    /// What a guest's own configuration shows.
    pub fn container(&self, id: Vmid) -> Option<Container> {
        let guest = self.guests.get(&id.get())?;
        Some(Container {
            vmid: id,
            hostname: guest.hostname.clone(),
            running: guest.running,
            lock: guest.lock.map(str::to_owned),
            template: guest.template,
        })
    }
}

impl World {
    /// What a list shows: every number, but the name of a new guest not yet.
    pub fn listed_guests(&self) -> Vec<(Vmid, Option<String>)> {
        let shown = |guest: &Guest| (self.now >= guest.born + NAME_LAG).then(|| guest.hostname.clone());
        self.proxmox.guests.iter().filter_map(|(number, guest)| Some((vmid(*number)?, shown(guest)))).collect()
    }

    /// A stopped guest starts; its connector follows once it has read its file.
    pub fn start_guest(&mut self, number: u32) -> Result<(), &'static str> {
        let Some(guest) = self.proxmox.guests.get_mut(&number) else {
            return Err("it does not exist");
        };
        if guest.lock.is_some() {
            return Err("CT is locked");
        }
        if guest.running {
            return Err("already running");
        }
        guest.running = true;
        let uid = guest.uid;
        let boot = self.chance.between(4_000, 25_000);
        self.after(boot, move |world| world.connect(number, uid));
        Ok(())
    }

    fn connect(&mut self, number: u32, uid: u64) {
        let Some(guest) = self.proxmox.guests.get(&number).filter(|guest| guest.uid == uid && guest.running) else {
            return;
        };
        let tunnel = self.files.token_of(&guest.hostname);
        if let Some(guest) = self.proxmox.same(number, uid) {
            guest.connected = tunnel;
        }
    }

    /// A guest stops; its connection lingers with Cloudflare for a while.
    pub fn stop_guest(&mut self, number: u32) {
        let Some(guest) = self.proxmox.guests.get_mut(&number) else {
            return;
        };
        guest.running = false;
        if let Some(tunnel) = guest.connected.take() {
            let until = self.now + self.options.linger;
            self.cloudflare.linger(tunnel, until);
        }
    }
}
