//! The service's settings in the simulated world: its defaults, with what a seed draws.

use std::collections::BTreeMap;
use std::time::Duration;

use tamesuke_domain::catalog::{ApplicationEntry, Bilingual, Catalog, CatalogError, CatalogFile, Days};
use tamesuke_domain::look::Policy;
use tamesuke_engine::Settings;

use crate::customers::PERIODS;
use crate::world::World;
use crate::world::proxmox::TEMPLATE;
use crate::world::stripe::instance;

/// The Price's period where it is longer than the trials.
const LONG_DAYS: u64 = 28;
/// Everything is listed anew that often.
pub const RESYNC: Duration = Duration::from_secs(600);

/// How long the attempts must have gone on before a trial is given up, in seconds, by how many there are.
pub const fn give_up_secs(attempts_max: u32) -> i64 {
    if attempts_max == 3 { 600 } else { 7_200 }
}

/// The engine's settings for a world.
pub fn of_world(world: &World) -> Result<Settings, CatalogError> {
    let name = || Bilingual { ja: "nginx".to_owned(), en: "nginx".to_owned() };
    let entry = ApplicationEntry {
        id: "nginx".to_owned(),
        name: name(),
        description: name(),
        available: true,
        template: Some(u64::from(TEMPLATE)),
        port: Some(80),
        periods: PERIODS.to_vec(),
    };
    let catalog = Catalog::new(CatalogFile { applications: vec![entry] })?;
    let mut prices = BTreeMap::new();
    for (application, days) in catalog.offers() {
        let period = if world.options.long_price { LONG_DAYS } else { u64::from(days.get()) };
        if let Ok(price) = format!("price_{period}").parse() {
            prices.insert((application.id.clone(), days), price);
        }
    }
    let range = world.proxmox.range().ok_or(CatalogError::Template { id: "nginx".parse()?, number: 0 })?;
    let policy = Policy {
        overdue_secs: world.options.overdue_secs,
        attempts_max: world.options.attempts_max,
        give_up_secs: give_up_secs(world.options.attempts_max),
        lost_secs: 1_800,
        lost_alive_secs: 3_600,
        ..Policy::new(range)
    };
    debug_assert!(Days::new(LONG_DAYS).is_some(), "a Price's period is a number of days");
    Ok(Settings {
        instance: instance().clone(),
        catalog,
        prices,
        policy,
        success_url: "https://example.jp/success?session_id={CHECKOUT_SESSION_ID}".to_owned(),
        cancel_url: "https://example.jp/cancel".to_owned(),
        trial_url: "https://{subdomain}.persys.jp".to_owned(),
        workers: world.options.workers,
        poll_every: Duration::from_secs(world.options.poll_secs),
        resync_every: RESYNC,
        backoff_max: Duration::from_secs(300),
        queue_max: 10_000,
        drain_max: Duration::from_secs(20),
    })
}
