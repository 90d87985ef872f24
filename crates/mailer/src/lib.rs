#![doc = include_str!("../README.md")]

mod server;
mod smtp;
mod texts;

pub use smtp::{Encryption, Smtp, SmtpSettings, is_address};

/// The Message-ID of a mail: the same for every hand-over of it, so that whoever sees two knows.
pub fn message_id(kind: &str, subscription: &str, domain: &str) -> String {
    format!("<{kind}.{subscription}@{domain}>")
}
