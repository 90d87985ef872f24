//! What is offered: applications, their templates and the periods each is sold for.
//!
//! The catalogue comes from `catalog.toml`; a new application is an entry there, a template and a
//! Price, never code.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::ids::Vmid;
use crate::time::DAY_SECS;

/// An application's short name, the `oss_type` of the wire and of `provisioner.py`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApplicationId(String);

impl ApplicationId {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApplicationId {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if fits { Ok(Self(text.to_owned())) } else { Err(CatalogError::Id(text.chars().take(40).collect())) }
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How long a trial lasts, in days: 1 to 365.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Days(u16);

impl Days {
    /// Parses a number of days.
    pub fn new(days: u64) -> Option<Self> {
        u16::try_from(days).ok().filter(|d| (1..=365).contains(d)).map(Self)
    }

    /// The number of days.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The period in seconds.
    pub const fn as_secs(self) -> i64 {
        self.0 as i64 * DAY_SECS
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One sentence in both languages of our customers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bilingual {
    /// Japanese, shown first.
    pub ja: String,
    /// English.
    pub en: String,
}

/// One application that can be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The short name.
    pub id: ApplicationId,
    /// The name for people.
    pub name: Bilingual,
    /// One sentence on what it is.
    pub description: Bilingual,
    /// Whether it can be bought today.
    pub available: bool,
    /// The container template it is cloned from; unavailable ones may have none yet.
    pub template: Option<Vmid>,
    /// The port it listens on inside its container.
    pub port: Option<u16>,
    /// The periods it is sold for, ascending.
    pub periods: Vec<Days>,
}

/// Everything that is offered, in the order it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalog {
    applications: Vec<Application>,
}

/// What is wrong with a catalogue, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// Not an application's short name.
    #[error("{0:?} is no application id: 1 to 32 of a-z and 0-9")]
    Id(String),
    /// Two entries have one id.
    #[error("application {0} is listed twice")]
    Twice(ApplicationId),
    /// A period outside 1 to 365 days.
    #[error("application {id}: {days} is no period, 1 to 365 days are")]
    Period {
        /// The entry.
        id: ApplicationId,
        /// The number given.
        days: u64,
    },
    /// An available entry lacks something it needs.
    #[error("application {id} is available but has no {lacks}")]
    Incomplete {
        /// The entry.
        id: ApplicationId,
        /// `template`, `port` or `periods`.
        lacks: &'static str,
    },
    /// A number that is no VMID.
    #[error("application {id}: {number} is no template number, 100 to 999999999 are")]
    Template {
        /// The entry.
        id: ApplicationId,
        /// The number given.
        number: u64,
    },
}

/// `catalog.toml` as it is written, before it is checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogFile {
    /// The entries, `[[application]]`.
    #[serde(default, rename = "application")]
    pub applications: Vec<ApplicationEntry>,
}

/// One `[[application]]` of `catalog.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationEntry {
    /// The short name.
    pub id: String,
    /// The name for people.
    pub name: Bilingual,
    /// One sentence on what it is.
    pub description: Bilingual,
    /// Whether it can be bought today.
    pub available: bool,
    /// Number of the container template.
    pub template: Option<u64>,
    /// Port inside the container.
    pub port: Option<u16>,
    /// Periods in days.
    #[serde(default)]
    pub periods: Vec<u64>,
}

impl Catalog {
    /// Checks what was read from `catalog.toml`.
    pub fn new(file: CatalogFile) -> Result<Self, CatalogError> {
        let mut seen = BTreeSet::new();
        let applications = file.applications.into_iter().map(Application::new).collect::<Result<Vec<_>, _>>()?;
        for application in &applications {
            if !seen.insert(application.id.clone()) {
                return Err(CatalogError::Twice(application.id.clone()));
            }
        }
        Ok(Self { applications })
    }

    /// All entries, in the order they are shown.
    pub fn applications(&self) -> &[Application] {
        &self.applications
    }

    /// The entry of that id.
    pub fn find(&self, id: &ApplicationId) -> Option<&Application> {
        self.applications.iter().find(|application| application.id == *id)
    }

    /// Every application and period that can be bought.
    pub fn offers(&self) -> impl Iterator<Item = (&Application, Days)> {
        self.applications
            .iter()
            .filter(|application| application.available)
            .flat_map(|application| application.periods.iter().map(move |days| (application, *days)))
    }

    /// The longest period sold, in days; 14 when nothing is.
    pub fn longest_days(&self) -> u16 {
        self.applications.iter().flat_map(|a| a.periods.iter()).map(|d| d.get()).max().unwrap_or(14)
    }
}

impl Application {
    fn new(entry: ApplicationEntry) -> Result<Self, CatalogError> {
        let id: ApplicationId = entry.id.parse()?;
        let template = entry
            .template
            .map(|number| Vmid::try_from(number).map_err(|_| CatalogError::Template { id: id.clone(), number }))
            .transpose()?;
        let mut periods = entry
            .periods
            .into_iter()
            .map(|days| Days::new(days).ok_or_else(|| CatalogError::Period { id: id.clone(), days }))
            .collect::<Result<Vec<_>, _>>()?;
        periods.sort_unstable();
        periods.dedup();
        let lacks = match (template, entry.port, periods.is_empty()) {
            (None, _, _) => Some("template"),
            (_, None, _) => Some("port"),
            (_, _, true) => Some("periods"),
            (Some(_), Some(_), false) => None,
        };
        if let (true, Some(lacks)) = (entry.available, lacks) {
            return Err(CatalogError::Incomplete { id, lacks });
        }
        Ok(Self {
            id,
            name: entry.name,
            description: entry.description,
            available: entry.available,
            template,
            port: entry.port,
            periods,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Catalog, CatalogError> {
        Catalog::new(toml::from_str(text).unwrap())
    }

    const NGINX: &str = "[[application]]\nid='nginx'\nname={ja='a',en='a'}\ndescription={ja='b',en='b'}\navailable=true\ntemplate=8011\nport=80\nperiods=[14,7]\n";

    #[test]
    fn periods_are_sold_in_ascending_order() {
        let catalog = read(NGINX).unwrap();
        let sold: Vec<_> = catalog.offers().map(|(a, d)| (a.id.to_string(), d.get())).collect();
        assert_eq!(sold, [("nginx".to_owned(), 7), ("nginx".to_owned(), 14)]);
    }

    #[test]
    fn an_available_application_without_a_template_is_refused() {
        let error = read(&NGINX.replace("template=8011\n", "")).unwrap_err();
        assert_eq!(error.to_string(), "application nginx is available but has no template");
    }

    #[test]
    fn one_id_can_be_listed_only_once() {
        assert!(matches!(read(&format!("{NGINX}{NGINX}")), Err(CatalogError::Twice(_))));
    }
}
