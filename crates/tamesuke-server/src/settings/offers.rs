//! What is sold: the catalogue's file, and a Price of Stripe's for each of its periods.

use std::collections::{BTreeMap, BTreeSet};

use tamesuke_domain::catalog::{ApplicationId, Catalog, CatalogFile, Days};
use tamesuke_domain::ids::PriceId;

use super::reader::{Fault, Reader};

pub(super) fn catalog(r: &mut Reader) -> Catalog {
    let path = r.text("CATALOG_FILE");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            r.blame("CATALOG_FILE", format!("{path} can't be read: {error}"));
            return Catalog::default();
        }
    };
    let parsed = toml::from_str::<CatalogFile>(&text).map_err(|error| error.to_string().trim().replace('\n', " "));
    match parsed.and_then(|file| Catalog::new(file).map_err(|error| error.to_string())) {
        Ok(catalog) => catalog,
        Err(why) => {
            r.blame("CATALOG_FILE", format!("{path}: {why}"));
            Catalog::default()
        }
    }
}

pub(super) fn prices(r: &mut Reader, catalog: &Catalog) -> BTreeMap<(ApplicationId, Days), PriceId> {
    let mut prices = BTreeMap::new();
    let offers: BTreeSet<_> = catalog.offers().map(|(application, days)| (application.id.clone(), days)).collect();
    for (application, days) in offers {
        let name = format!("STRIPE_PRICE_{}_{days}D", application.as_str().to_ascii_uppercase());
        let fault = match r.given(&name).map(|text| text.parse()) {
            Some(Ok(price)) => {
                prices.insert((application, days), price);
                continue;
            }
            Some(Err(_)) => "is no price id",
            None => "is missing",
        };
        r.faults.push(Fault { name, what: fault.to_owned(), example: "price_1AbcDef".to_owned() });
    }
    prices
}
