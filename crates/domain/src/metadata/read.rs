//! From stored texts to a [`Record`]. Whatever can't be read is an error that names the key.

use super::{Attempt, Metadata, Reason, Record, Recorded, RefundMark, Refusal, key};
use crate::catalog::Days;
use crate::letter::{MailKind, MailMark, Stage, TRIES_MAX};
use crate::time::Timestamp;

/// A key that is missing or does not read. Somebody edited it: nothing is done until it is mended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("metadata key {key} is {fault}; expected {expected}")]
pub struct MetadataError {
    /// Which key.
    pub key: &'static str,
    /// `missing` or `malformed`.
    pub fault: &'static str,
    /// What would be right, with an example.
    pub expected: &'static str,
}

const fn malformed(key: &'static str, expected: &'static str) -> MetadataError {
    MetadataError { key, fault: "malformed", expected }
}

impl Record {
    /// Reads a subscription's keys; `customer` holds the marks written after it was canceled.
    pub fn read(subscription: &Metadata, customer: &Metadata) -> Result<Self, MetadataError> {
        let required = |key: &'static str, expected: &'static str| {
            subscription.get(key).ok_or(MetadataError { key, fault: "missing", expected })
        };
        let mark = |key: &str| customer.get(key).or_else(|| subscription.get(key)).map(String::as_str);
        let name = "a subdomain such as acme";
        let application = "an application such as nginx";
        let days = "a number of days such as 7";
        Ok(Self {
            subdomain: required(key::SUBDOMAIN, name)?.parse().map_err(|_| malformed(key::SUBDOMAIN, name))?,
            application: required(key::APPLICATION, application)?
                .parse()
                .map_err(|_| malformed(key::APPLICATION, application))?,
            days: number(required(key::DAYS, days)?).and_then(Days::new).ok_or(malformed(key::DAYS, days))?,
            company: subscription.get(key::COMPANY).cloned().unwrap_or_default(),
            recorded: recorded(subscription)?,
            attempt: mark(key::ATTEMPT).map(attempt).transpose()?,
            refused: mark(key::REFUSED).map(refusal).transpose()?,
            refund: mark(key::REFUND).map(refund).transpose()?,
            mail: mark(key::MAIL).map(mail).transpose()?,
        })
    }
}

fn number(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn moment(text: &str) -> Option<Timestamp> {
    number(text).and_then(|n| i64::try_from(n).ok()).map(Timestamp::from_unix)
}

fn recorded(metadata: &Metadata) -> Result<Option<Recorded>, MetadataError> {
    let (Some(vmid), Some(url), Some(tunnel)) =
        (metadata.get(key::VMID), metadata.get(key::URL), metadata.get(key::TUNNEL))
    else {
        return Ok(None);
    };
    Ok(Some(Recorded {
        vmid: vmid.parse().map_err(|_| malformed(key::VMID, "a container number such as 9001"))?,
        url: url.clone(),
        tunnel: tunnel.parse().map_err(|_| malformed(key::TUNNEL, "a tunnel's UUID"))?,
    }))
}

fn attempt(text: &str) -> Result<Attempt, MetadataError> {
    let parts: Vec<&str> = text.split(':').collect();
    let parsed = match parts.as_slice() {
        [count, first, last] => number(count)
            .and_then(|n| u32::try_from(n).ok())
            .filter(|n| *n > 0)
            .zip(moment(first))
            .zip(moment(last))
            .map(|((count, first), last)| Attempt { count, first, last }),
        _ => None,
    };
    parsed
        .filter(|a| a.first <= a.last)
        .ok_or(malformed(key::ATTEMPT, "count:first:last, as in 1:1790000000:1790000000"))
}

fn refusal(text: &str) -> Result<Refusal, MetadataError> {
    text.split_once('@')
        .and_then(|(reason, at)| {
            let reason = Reason::ALL.into_iter().find(|known| known.as_str() == reason)?;
            Some(Refusal { reason, at: moment(at)? })
        })
        .ok_or(malformed(key::REFUSED, "reason@time, as in taken@1790000000"))
}

fn refund(text: &str) -> Result<RefundMark, MetadataError> {
    match text {
        "none" => Ok(RefundMark::Nothing),
        "disputed" => Ok(RefundMark::Disputed),
        id => id.parse().map(RefundMark::Refunded).map_err(|_| malformed(key::REFUND, "re_…, none or disputed")),
    }
}

fn mail(text: &str) -> Result<MailMark, MetadataError> {
    let parsed = || {
        let (kind, rest) = text.split_once(':')?;
        let (stage, at) = rest.split_once('@')?;
        let kind = [MailKind::Welcome, MailKind::ThankYou, MailKind::Apology]
            .into_iter()
            .find(|known| known.as_str() == kind)?;
        let stage = match stage {
            "sent" => Stage::Sent,
            "lost" => Stage::Lost,
            "skipped" => Stage::Skipped,
            tried => {
                let n = number(tried.strip_prefix("try")?)?;
                Stage::Try(u8::try_from(n).ok().filter(|n| (1..=TRIES_MAX).contains(n))?)
            }
        };
        Some(MailMark { kind, stage, at: moment(at)? })
    };
    parsed().ok_or(malformed(key::MAIL, "kind:stage@time, as in welcome:sent@1790000000"))
}
