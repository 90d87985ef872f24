//! Reads one key after the other and collects what is wrong instead of stopping at the first.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use config::Config;
use secrecy::SecretString;
use url::Url;

use super::KEYS;

/// Everything that is wrong with the configuration.
#[derive(Debug)]
pub(crate) struct Faults(pub(super) Vec<Fault>);

/// One thing that is wrong.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) name: String,
    pub(super) what: String,
    pub(super) example: String,
}

impl Faults {
    /// Name, what is wrong, and an example of each.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.0.iter().map(|fault| (fault.name.as_str(), fault.what.as_str(), fault.example.as_str()))
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the configuration has {} fault(s):", self.0.len())?;
        for fault in &self.0 {
            writeln!(f, "  {}: {}; for example {}={}", fault.name, fault.what, fault.name, fault.example)?;
        }
        f.write_str("set them in the environment or in .env; .env.example and docs/configuration.md explain each")
    }
}

impl std::error::Error for Faults {}

/// Reads keys and collects faults instead of stopping at the first.
pub(super) struct Reader {
    pub(super) config: Config,
    /// Every variable of the env file and of the environment, ours or not: some go on to the script.
    pub(super) given: BTreeMap<String, String>,
    pub(super) faults: Vec<Fault>,
}

impl Reader {
    /// Notes a fault; once only, for some keys are read for two purposes.
    pub(super) fn blame(&mut self, name: &str, what: impl Into<String>) {
        let what = what.into();
        if self.faults.iter().any(|fault| fault.name == name && fault.what == what) {
            return;
        }
        let example = KEYS.iter().find(|key| key.name == name).map_or("", |key| key.example).to_owned();
        self.faults.push(Fault { name: name.to_owned(), what, example });
    }

    pub(super) fn is_blamed(&self, name: &str) -> bool {
        self.faults.iter().any(|fault| fault.name == name)
    }

    pub(super) fn given(&self, name: &str) -> Option<String> {
        self.config
            .get_string(&name.to_ascii_lowercase())
            .ok()
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    /// The text of a key, or its default; a missing one is blamed.
    pub(super) fn text(&mut self, name: &'static str) -> String {
        let default = KEYS.iter().find(|key| key.name == name).and_then(|key| key.default);
        match (self.given(name), default) {
            (Some(text), _) => text,
            (None, Some(default)) => default.to_owned(),
            (None, None) => {
                if !self.is_blamed(name) {
                    self.blame(name, "is missing");
                }
                String::new()
            }
        }
    }

    pub(super) fn optional(&mut self, name: &'static str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    pub(super) fn secret(&mut self, name: &'static str) -> SecretString {
        self.text(name).into()
    }

    /// A key that parses, or a stand-in after blaming it.
    pub(super) fn parsed<T: FromStr>(&mut self, name: &'static str, what: &str, stand_in: T) -> T {
        let text = self.text(name);
        if text.is_empty() {
            return stand_in;
        }
        text.parse().unwrap_or_else(|_| {
            self.blame(name, format!("is not {what}"));
            stand_in
        })
    }

    pub(super) fn number<T: FromStr + Default>(&mut self, name: &'static str) -> T {
        self.parsed(name, "a whole number", T::default())
    }

    pub(super) fn secs(&mut self, name: &'static str) -> Duration {
        Duration::from_secs(self.number(name))
    }

    /// The address of a page of the operator's, where one is given: shown to people, so HTTPS only.
    pub(super) fn page(&mut self, name: &'static str) -> Option<Url> {
        let text = self.optional(name)?;
        let url = text.parse::<Url>().ok().filter(|url| url.scheme() == "https" && url.has_host());
        if url.is_none() {
            self.blame(name, "is no https address");
        }
        url
    }

    pub(super) fn url(&mut self, name: &'static str, text: &str) -> Url {
        match text.parse::<Url>() {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
            Ok(_) | Err(_) => {
                if !text.is_empty() {
                    self.blame(name, "is no http or https address");
                }
                fallback_url()
            }
        }
    }
}

pub(super) fn fallback_url() -> Url {
    // Only stands in where a fault is reported, and then nothing is started.
    #[expect(clippy::expect_used, reason = "a constant that parses; a test reads it")]
    "http://localhost/".parse().expect("a constant address")
}
