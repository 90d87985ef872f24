//! What went wrong outside, sorted by what a caller can do about it.

use std::fmt;
use std::time::Duration;

/// An outside system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// Stripe.
    Stripe,
    /// Proxmox VE.
    Proxmox,
    /// Cloudflare.
    Cloudflare,
    /// The file server.
    FileServer,
    /// The mail server.
    Smtp,
    /// The provisioning script and its bridge.
    Provisioner,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Stripe, Self::Proxmox, Self::Cloudflare, Self::FileServer, Self::Smtp, Self::Provisioner];

    /// A name for logs, health and alerts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::Proxmox => "proxmox",
            Self::Cloudflare => "cloudflare",
            Self::FileServer => "file_server",
            Self::Smtp => "smtp",
            Self::Provisioner => "provisioner",
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error underneath. Must never hold a secret or a customer's data.
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// The longest that a system is believed about when to ask again. A mistaken `Retry-After` of years,
/// from a proxy on the way, must not leave a paid trial unlooked at.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(900);

/// Why an outside call did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A definite no: nothing happened, and the same call will get the same answer until somebody
    /// changes something.
    #[error("{system} refused to {operation}")]
    Refused {
        /// Who.
        system: System,
        /// What was tried, as a verb: `create a checkout session`.
        operation: &'static str,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// A definite no for now: nothing happened, and it may be tried again.
    #[error("{system} could not {operation} for now")]
    Retryable {
        /// Who.
        system: System,
        /// What was tried.
        operation: &'static str,
        /// When the system wants to be asked again, if it said so.
        retry_after: Option<Duration>,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// Nobody knows whether it happened (time-out, reset, 5xx): look before doing anything else.
    #[error("it is not known whether {system} managed to {operation}")]
    Unknown {
        /// Who.
        system: System,
        /// What was tried.
        operation: &'static str,
        /// What was seen.
        #[source]
        cause: Cause,
    },
}

impl Fault {
    /// Whether it may have happened.
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }

    /// Who it was.
    pub const fn system(&self) -> System {
        match self {
            Self::Refused { system, .. } | Self::Retryable { system, .. } | Self::Unknown { system, .. } => *system,
        }
    }

    /// When the system wants to be asked again, if it said so: never later than [`RETRY_AFTER_MAX`].
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Retryable { retry_after, .. } => retry_after.map(|wait| wait.min(RETRY_AFTER_MAX)),
            Self::Refused { .. } | Self::Unknown { .. } => None,
        }
    }

    /// The error and all its causes on one line, for the one place that logs it.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(secs: u64) -> Option<Duration> {
        let retry_after = Some(Duration::from_secs(secs));
        Fault::Retryable { system: System::Cloudflare, operation: "list", retry_after, cause: "x".into() }.retry_after()
    }

    #[test]
    fn a_system_is_believed_about_minutes_but_not_about_years() {
        assert_eq!(asked(300), Some(Duration::from_secs(300)));
        assert_eq!(asked(u64::MAX), Some(RETRY_AFTER_MAX));
    }
}
