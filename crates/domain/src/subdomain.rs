//! The name a trial answers under: one DNS label below the service domain.
//!
//! Parsed once at the edge; everything inside carries [`Subdomain`]. Whether a well-formed name
//! is *reserved* is a second question with its own answer, because a form says something else then.

use std::fmt;
use std::str::FromStr;

/// Longest label that `provisioner.py` accepts, in characters.
pub const LENGTH_MAX: usize = 12;

/// Names that no customer gets: ours, the zone's usual services, and `demo`, which a hand-run of
/// the provisioning script uses.
pub const RESERVED: &[&str] = &[
    "abuse",
    "account",
    "admin",
    "api",
    "app",
    "apps",
    "assets",
    "auth",
    "autoconfig",
    "backup",
    "billing",
    "blog",
    "cdn",
    "checkout",
    "cloud",
    "console",
    "dashboard",
    "demo",
    "dev",
    "dns",
    "docs",
    "email",
    "ftp",
    "git",
    "help",
    "host",
    "hostmaster",
    "imap",
    "info",
    "internal",
    "localhost",
    "login",
    "mail",
    "manage",
    "metrics",
    "monitor",
    "mx",
    "news",
    "ns",
    "ns1",
    "ns2",
    "odin",
    "pay",
    "payment",
    "persys",
    "pop",
    "pop3",
    "postmaster",
    "preview",
    "prod",
    "proxmox",
    "proxy",
    "root",
    "secure",
    "security",
    "sftp",
    "shop",
    "signup",
    "smtp",
    "ssh",
    "ssl",
    "staging",
    "static",
    "status",
    "stripe",
    "support",
    "tamesuke",
    "template",
    "test",
    "trial",
    "vpn",
    "web",
    "webhook",
    "webmail",
    "wpad",
    "www",
];

/// A syntactically valid subdomain: 1 to 12 of `a-z 0-9 -`, no hyphen first or last, and none at
/// places three and four together (`xn--` and its kin).
///
/// Held in place: the index of names knows ten thousand of them, some several times over.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subdomain {
    /// Filled up with zeros, so that names compare as their texts do.
    text: [u8; LENGTH_MAX],
    length: u8,
}

/// Why a text is no subdomain, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubdomainError {
    /// Nothing was given.
    #[error("the subdomain is empty: give 1 to 12 of a-z, 0-9 and hyphen")]
    Empty,
    /// More than [`LENGTH_MAX`] characters.
    #[error("the subdomain has {length} characters: 12 are the most")]
    TooLong {
        /// Characters given.
        length: usize,
    },
    /// A character that no label of ours may hold.
    #[error("{found:?} at place {place} is not allowed: only a-z, 0-9 and hyphen are")]
    Character {
        /// The character.
        found: char,
        /// Its place, from 1.
        place: usize,
    },
    /// A hyphen at one of the ends.
    #[error("a subdomain can't begin or end with a hyphen")]
    HyphenAtEnd,
    /// Hyphens at places three and four, which DNS keeps for encoded names.
    #[error("a subdomain can't have hyphens at places 3 and 4 together")]
    HyphensAtThreeAndFour,
}

impl Subdomain {
    /// The label.
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in, so neither default is ever taken.
        let used = self.text.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(used).unwrap_or_default()
    }

    /// Whether the name is kept for the operator.
    pub fn is_reserved(&self) -> bool {
        RESERVED.binary_search(&self.as_str()).is_ok()
    }

    /// The full name under a service domain, `acme.persys.jp`.
    pub fn under(&self, domain: &str) -> String {
        format!("{self}.{domain}")
    }
}

impl FromStr for Subdomain {
    type Err = SubdomainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(SubdomainError::Empty);
        }
        let wrong = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if let Some((index, found)) = text.chars().enumerate().find(|&(_, c)| wrong(c)) {
            return Err(SubdomainError::Character { found, place: index + 1 });
        }
        if text.len() > LENGTH_MAX {
            return Err(SubdomainError::TooLong { length: text.len() });
        }
        if text.starts_with('-') || text.ends_with('-') {
            return Err(SubdomainError::HyphenAtEnd);
        }
        if text.as_bytes().get(2..4) == Some(b"--") {
            return Err(SubdomainError::HyphensAtThreeAndFour);
        }
        let mut held = [0; LENGTH_MAX];
        held.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = byte);
        // At most LENGTH_MAX, by the check above.
        let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
        Ok(Self { text: held, length })
    }
}

impl fmt::Debug for Subdomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subdomain({self})")
    }
}

impl fmt::Display for Subdomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawn::each_kind;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &Result<(), SubdomainError>) {
        assert_eq!(&text.parse::<Subdomain>().map(|_| ()), expected, "{text:?}");
    }

    #[test]
    fn names_within_the_rules_are_taken_as_they_are() {
        for name in ["a", "0", "acme", "a-b", "a--b", "123456789012", "x-y-z-1", "ab-c-d"] {
            check(name, &Ok(()));
        }
    }

    #[test]
    fn names_outside_the_rules_say_what_is_wrong() {
        check("", &Err(SubdomainError::Empty));
        check("1234567890123", &Err(SubdomainError::TooLong { length: 13 }));
        check("Acme", &Err(SubdomainError::Character { found: 'A', place: 1 }));
        check("acme\n", &Err(SubdomainError::Character { found: '\n', place: 5 }));
        check("a.b", &Err(SubdomainError::Character { found: '.', place: 2 }));
        check("ためすけ", &Err(SubdomainError::Character { found: 'た', place: 1 }));
        check("-acme", &Err(SubdomainError::HyphenAtEnd));
        check("acme-", &Err(SubdomainError::HyphenAtEnd));
        check("xn--abc", &Err(SubdomainError::HyphensAtThreeAndFour));
        check("ab--c", &Err(SubdomainError::HyphensAtThreeAndFour));
    }

    #[test]
    fn the_reserved_list_is_sorted_and_each_entry_is_a_possible_name() {
        assert!(RESERVED.is_sorted(), "binary search needs order");
        for word in RESERVED {
            assert!(word.parse::<Subdomain>().is_ok_and(|name| name.is_reserved()), "{word}");
        }
        assert!(!"acme".parse::<Subdomain>().unwrap().is_reserved());
    }

    /// What the rules say of a text, written down apart from the parser.
    fn ruled(text: &str) -> &'static str {
        let letters: Vec<char> = text.chars().collect();
        match letters.as_slice() {
            [] => "empty",
            any if any.iter().any(|c| !"abcdefghijklmnopqrstuvwxyz0123456789-".contains(*c)) => "character",
            [_, _, _, _, _, _, _, _, _, _, _, _, _, ..] => "too long",
            ['-', ..] | [.., '-'] => "hyphen at an end",
            [_, _, '-', '-', ..] => "hyphens at three and four",
            _ => "taken",
        }
    }

    fn drawn() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[a-z0-9-]{1,14}",
            2 => "[a-z0-9]{2}--[a-z0-9]{1,6}",
            1 => "[a-zA-Z0-9.é -]{0,14}",
            1 => "[a-z]{1,8}\\PC",
            1 => Just(String::new()),
        ]
    }

    #[test]
    fn exactly_the_labels_within_the_rules_are_taken_and_carried_unchanged() {
        let kinds = ["empty", "character", "too long", "hyphen at an end", "hyphens at three and four", "taken"];
        each_kind(&kinds, &(drawn(), drawn()), |(text, other)| {
            let parsed = text.parse::<Subdomain>();
            let told = match &parsed {
                Ok(_) => "taken",
                Err(SubdomainError::Empty) => "empty",
                Err(SubdomainError::Character { found, place }) => {
                    prop_assert_eq!(text.chars().nth(place - 1), Some(*found));
                    "character"
                }
                Err(SubdomainError::TooLong { length }) => {
                    prop_assert_eq!(text.chars().count(), *length);
                    "too long"
                }
                Err(SubdomainError::HyphenAtEnd) => "hyphen at an end",
                Err(SubdomainError::HyphensAtThreeAndFour) => "hyphens at three and four",
            };
            prop_assert_eq!(told, ruled(&text));
            if let Ok(name) = parsed {
                prop_assert_eq!(name.as_str(), &text);
                prop_assert_eq!(name.to_string().parse::<Subdomain>(), Ok(name.clone()));
                if let Ok(other_name) = other.parse::<Subdomain>() {
                    prop_assert_eq!(name.cmp(&other_name), text.cmp(&other));
                }
            }
            Ok(told)
        });
    }
}
