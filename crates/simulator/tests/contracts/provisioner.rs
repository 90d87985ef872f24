//! `Provisioner` over the simulated script. Its runs go on by themselves and need not be led.

use async_trait::async_trait;
use tamesuke_domain::catalog::Days;
use tamesuke_domain::contract::provisioner::{Ending, ProvisionerWorld, check};
use tamesuke_domain::metadata::key;
use tamesuke_domain::ports::{Provisioner, RunOrder};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_simulator::ports::{FakeProvisioner, Link};
use tamesuke_simulator::world::World;
use tamesuke_simulator::world::proxmox::TEMPLATE;
use tamesuke_simulator::world::stripe::instance;
use tamesuke_simulator::{payments, script};

struct Scripts(Link);

/// A paid trial of that name whose attempt is noted: what a run is truly for.
fn subscribe(world: &mut World, name: &Subdomain) {
    let now = world.stripe_now().as_unix();
    let metadata = [
        (key::SUBDOMAIN, name.to_string()),
        (key::APPLICATION, "nginx".to_owned()),
        (key::DAYS, "7".to_owned()),
        (key::INSTANCE, instance().as_str().to_owned()),
        (key::ATTEMPT, format!("1:{now}:{now}")),
    ];
    let metadata = metadata.map(|(name, value)| (name.to_owned(), value)).into();
    payments::subscribe(world, metadata, 7, true).unwrap();
}

#[async_trait]
impl ProvisionerWorld for Scripts {
    async fn order(&self, name: &Subdomain) -> RunOrder {
        let mut world = self.0.world().lock();
        // What a stopped run had begun to copy is copied to its end.
        while !world.runs.any_alive() && world.proxmox.guests[&TEMPLATE].lock.is_some() {
            world.advance();
        }
        subscribe(&mut world, name);
        RunOrder {
            subdomain: name.clone(),
            application: "nginx".parse().unwrap(),
            days: Days::new(7).unwrap(),
            email: Some("taro@example.jp".parse().unwrap()),
        }
    }

    async fn reach(&self, _name: &Subdomain, _step: u8) {}

    async fn finish(&self, name: &Subdomain, ending: Ending) {
        let mut world = self.0.world().lock();
        if ending == Ending::Failed {
            let run = world.runs.alive(name).unwrap();
            script::end(&mut world, run, false);
        }
    }

    async fn begun(&self, name: &Subdomain) -> usize {
        self.0.world().lock().runs.runs.iter().filter(|run| run.name == *name).count()
    }

    async fn is_gone(&self, name: &Subdomain) -> bool {
        self.0.world().lock().runs.alive(name).is_none()
    }

    async fn another(&self) -> Box<dyn Provisioner> {
        let pid = self.0.world().lock().birth();
        Box::new(FakeProvisioner(Link::new(self.0.world().clone(), pid)))
    }
}

#[test]
fn the_simulated_script_keeps_the_contract_of_provisioner() {
    let link = super::line();
    let (provisioner, world) = (FakeProvisioner(link.clone()), Scripts(link.clone()));
    super::keeps(&link, async move { check(&provisioner, &world).await });
}
