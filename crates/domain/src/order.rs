//! What a customer asks for, each field parsed once.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};

use crate::catalog::{ApplicationId, Days};
use crate::subdomain::Subdomain;

/// Longest company name, in characters. Stripe takes 500 for a metadata value, 256 for a name.
pub const COMPANY_LENGTH_MAX: usize = 100;

/// Longest mail address, in characters (RFC 5321, 4.5.3.1.3).
pub const EMAIL_LENGTH_MAX: usize = 254;

/// A mail address. Its `Debug` and `Display` hide it: it must not reach a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

/// A text is no mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a mail address is expected, such as taro@example.co.jp")]
pub struct EmailError;

impl Email {
    /// The address itself; only for those who send to it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
        let plain = text.len() <= EMAIL_LENGTH_MAX && text.bytes().all(|b| b.is_ascii_graphic());
        if plain && EmailAddress::parse_with_options(text, options).is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err(EmailError)
        }
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(hidden)")
    }
}

/// A company's name: 1 to [`COMPANY_LENGTH_MAX`] characters, none of them a control character.
#[derive(Clone, PartialEq, Eq)]
pub struct Company(String);

/// A text is no company name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a company name of 1 to 100 characters without line breaks is expected")]
pub struct CompanyError;

impl Company {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Company {
    type Err = CompanyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim();
        let fits = (1..=COMPANY_LENGTH_MAX).contains(&name.chars().count());
        if fits && !name.chars().any(char::is_control) { Ok(Self(name.to_owned())) } else { Err(CompanyError) }
    }
}

impl fmt::Debug for Company {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Company(hidden)")
    }
}

/// A well-formed request for a trial. Whether it can be sold is the catalogue's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Where the trial will answer.
    pub subdomain: Subdomain,
    /// What is tried.
    pub application: ApplicationId,
    /// For how long.
    pub days: Days,
    /// Whom the mails go to.
    pub email: Email,
    /// Who asks.
    pub company: Company,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_address_needs_a_name_an_at_and_a_domain() {
        for right in ["taro@example.co.jp", "a+b@x.io", "o'neil@example.com"] {
            assert!(right.parse::<Email>().is_ok(), "{right}");
        }
        for wrong in ["", "a", "a@", "@b.jp", "a@b", "a b@c.jp", "A <a@b.jp>", "a@b.jp\n", "a@[127.0.0.1]"] {
            assert!(wrong.parse::<Email>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_mail_address_never_shows_in_debug_output() {
        let email: Email = "taro@example.co.jp".parse().unwrap();
        assert!(!format!("{email:?}").contains("taro"));
    }

    #[test]
    fn a_company_name_is_trimmed_and_has_no_line_breaks() {
        assert_eq!("  株式会社ためし ".parse::<Company>().unwrap().as_str(), "株式会社ためし");
        for wrong in ["", "   ", "a\nb", "a\0"] {
            assert!(wrong.parse::<Company>().is_err(), "{wrong:?}");
        }
        assert!("あ".repeat(100).parse::<Company>().is_ok());
        assert!("あ".repeat(101).parse::<Company>().is_err());
    }
}
