//! Identifiers of outside things, each a type of its own so that none can be passed for another.

use std::fmt;
use std::str::FromStr;

/// A text is not the identifier it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} expected, such as {example}")]
pub struct IdError {
    /// What was expected.
    pub kind: &'static str,
    /// What one looks like.
    pub example: &'static str,
}

/// Longest identifier that Stripe gives out, in characters.
const STRIPE_LENGTH_MAX: usize = 255;

fn is_stripe_id(text: &str, prefixes: &[&str]) -> bool {
    text.len() <= STRIPE_LENGTH_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && prefixes.iter().any(|prefix| text.len() > prefix.len() && text.starts_with(prefix))
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $example:literal, |$text:ident| $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The identifier as its system writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str($text: &str) -> Result<Self, Self::Err> {
                if $valid { Ok(Self($text.to_owned())) } else { Err(IdError { kind: $kind, example: $example }) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A Stripe Subscription, which is what a trial is.
    SubscriptionId, "a subscription id", "sub_1Abc", |text| is_stripe_id(text, &["sub_"]));
text_id!(
    /// A Stripe Customer.
    CustomerId, "a customer id", "cus_Abc", |text| is_stripe_id(text, &["cus_"]));
text_id!(
    /// A Stripe Checkout Session.
    CheckoutId, "a checkout session id", "cs_test_a1Bc", |text| is_stripe_id(text, &["cs_"]));
text_id!(
    /// A Stripe Invoice.
    InvoiceId, "an invoice id", "in_1Abc", |text| is_stripe_id(text, &["in_"]));
text_id!(
    /// A Stripe Price.
    PriceId, "a price id", "price_1Abc", |text| is_stripe_id(text, &["price_", "plan_"]));
text_id!(
    /// A Stripe Refund.
    RefundId, "a refund id", "re_1Abc", |text| is_stripe_id(text, &["re_", "pyr_"]));
text_id!(
    /// A Stripe Event.
    EventId, "an event id", "evt_1Abc", |text| is_stripe_id(text, &["evt_"]));
text_id!(
    /// A Cloudflare tunnel: a UUID in lower case.
    TunnelId, "a tunnel id", "c1744f8b-faa1-48a4-9e5c-02ac921467fa", |text| is_uuid(text));
text_id!(
    /// A Cloudflare DNS record.
    RecordId, "a DNS record id", "372e67954025e0ba6aaa6d586b9e0b59",
    |text| (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric()));

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}

impl TunnelId {
    /// The end of what any tunnel's DNS record points at.
    pub(crate) const TARGET_END: &str = ".cfargotunnel.com";

    /// What a DNS record of this tunnel points at.
    pub fn target(&self) -> String {
        format!("{}{}", self.0, Self::TARGET_END)
    }
}

/// The number of a guest on Proxmox. A *name*, not an identity: Proxmox gives a freed one to the
/// next guest within seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vmid(u32);

impl Vmid {
    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u64> for Vmid {
    type Error = IdError;

    /// Proxmox's own bounds: 100 to 999,999,999.
    fn try_from(number: u64) -> Result<Self, Self::Error> {
        u32::try_from(number)
            .ok()
            .filter(|n| (100..=999_999_999).contains(n))
            .map(Self)
            .ok_or(IdError { kind: "a VMID", example: "9001" })
    }
}

impl FromStr for Vmid {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = if digits { text.parse::<u64>().unwrap_or(0) } else { 0 };
        Self::try_from(number)
    }
}

impl fmt::Display for Vmid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_another_kind_is_refused() {
        assert!("sub_1".parse::<SubscriptionId>().is_ok());
        assert!("cus_1".parse::<SubscriptionId>().is_err());
        assert!("sub_".parse::<SubscriptionId>().is_err());
        assert!("sub_1/../x".parse::<SubscriptionId>().is_err());
        assert!("cs_test_a1".parse::<CheckoutId>().is_ok());
    }

    #[test]
    fn a_tunnel_id_is_a_lower_case_uuid() {
        assert!("c1744f8b-faa1-48a4-9e5c-02ac921467fa".parse::<TunnelId>().is_ok());
        assert!("C1744F8B-faa1-48a4-9e5c-02ac921467fa".parse::<TunnelId>().is_err());
        assert!("c1744f8bfaa148a49e5c02ac921467fa".parse::<TunnelId>().is_err());
    }

    #[test]
    fn a_vmid_keeps_to_proxmox_bounds() {
        assert_eq!("9001".parse::<Vmid>().map(Vmid::get), Ok(9001));
        for wrong in ["", "99", "-1", "+9001", "1000000000", "99999999999999999999999"] {
            assert!(wrong.parse::<Vmid>().is_err(), "{wrong}");
        }
    }
}
