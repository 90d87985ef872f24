//! From a decision to the texts that are stored.

use super::{Attempt, Metadata, Recorded, RefundMark, Refusal, key};
use crate::letter::{MailMark, Stage};

/// One write of metadata. Each sets whole values; none counts up what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A run is about to start.
    Attempt(Attempt),
    /// The trial is ready; its first welcome rides along.
    Ready(Recorded, MailMark),
    /// The verdict.
    Refused(Refusal),
    /// What became of the money.
    Refund(RefundMark),
    /// A mail's stage.
    Mail(MailMark),
}

impl Change {
    /// The keys and values to merge.
    pub fn entries(&self) -> Metadata {
        let mut entries = Metadata::new();
        let mut set = |key: &str, value: String| entries.insert(key.to_owned(), value);
        match self {
            Self::Attempt(Attempt { count, first, last }) => {
                set(key::ATTEMPT, format!("{count}:{first}:{last}"));
            }
            Self::Ready(recorded, mail) => {
                set(key::VMID, recorded.vmid.to_string());
                set(key::URL, recorded.url.clone());
                set(key::TUNNEL, recorded.tunnel.to_string());
                set(key::MAIL, mail_text(mail));
            }
            Self::Refused(Refusal { reason, at }) => {
                set(key::REFUSED, format!("{reason}@{at}"));
            }
            Self::Refund(mark) => {
                set(
                    key::REFUND,
                    match mark {
                        RefundMark::Refunded(id) => id.to_string(),
                        RefundMark::Nothing => "none".to_owned(),
                        RefundMark::Disputed => "disputed".to_owned(),
                    },
                );
            }
            Self::Mail(mark) => {
                set(key::MAIL, mail_text(mark));
            }
        }
        entries
    }
}

fn mail_text(mark: &MailMark) -> String {
    let stage = match mark.stage {
        Stage::Try(n) => format!("try{n}"),
        Stage::Sent => "sent".to_owned(),
        Stage::Lost => "lost".to_owned(),
        Stage::Skipped => "skipped".to_owned(),
    };
    format!("{}:{stage}@{}", mark.kind, mark.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter::MailKind;
    use crate::metadata::{Reason, Record};
    use crate::time::Timestamp;
    use proptest::prelude::*;

    fn base() -> Metadata {
        [("subdomain", "acme"), ("oss_type", "nginx"), ("duration_days", "7"), ("tmsk_inst", "0a1b2c3d")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into()
    }

    #[track_caller]
    fn check(change: &Change, key: &str, text: &str) {
        assert_eq!(change.entries().get(key).map(String::as_str), Some(text));
        let mut stored = base();
        stored.extend(change.entries());
        let record = Record::read(&stored, &Metadata::new()).unwrap();
        let same = match change {
            Change::Attempt(attempt) => record.attempt == Some(*attempt),
            Change::Ready(recorded, mail) => record.recorded.as_ref() == Some(recorded) && record.mail == Some(*mail),
            Change::Refused(refusal) => record.refused == Some(*refusal),
            Change::Refund(mark) => record.refund.as_ref() == Some(mark),
            Change::Mail(mark) => record.mail == Some(*mark),
        };
        assert!(same, "{change:?} read back as {record:?}");
    }

    #[test]
    fn what_is_written_reads_back_as_it_was_meant() {
        let at = Timestamp::from_unix(1_790_000_000);
        check(
            &Change::Attempt(Attempt { count: 2, first: at, last: at.plus_secs(30) }),
            "tmsk_attempt",
            "2:1790000000:1790000030",
        );
        for reason in Reason::ALL {
            check(&Change::Refused(Refusal { reason, at }), "tmsk_refused", &format!("{reason}@1790000000"));
        }
        check(&Change::Refund(RefundMark::Refunded("re_1".parse().unwrap())), "tmsk_refund", "re_1");
        check(&Change::Refund(RefundMark::Nothing), "tmsk_refund", "none");
        check(&Change::Refund(RefundMark::Disputed), "tmsk_refund", "disputed");
        for (stage, text) in
            [(Stage::Try(3), "try3"), (Stage::Sent, "sent"), (Stage::Lost, "lost"), (Stage::Skipped, "skipped")]
        {
            let mark = MailMark { kind: MailKind::ThankYou, stage, at };
            check(&Change::Mail(mark), "tmsk_mail", &format!("thankyou:{text}@1790000000"));
        }
        let recorded = Recorded {
            vmid: "9001".parse().unwrap(),
            url: "https://acme.persys.jp".into(),
            tunnel: "c1744f8b-faa1-48a4-9e5c-02ac921467fa".parse().unwrap(),
        };
        let mail = MailMark { kind: MailKind::Welcome, stage: Stage::Try(1), at };
        check(&Change::Ready(recorded, mail), "tmsk_mail", "welcome:try1@1790000000");
    }

    #[test]
    fn a_mark_on_the_customer_goes_before_one_on_the_subscription() {
        let mut subscription = base();
        subscription.insert("tmsk_mail".into(), "welcome:sent@1".into());
        let customer = Metadata::from([("tmsk_mail".to_owned(), "thankyou:sent@2".to_owned())]);
        let record = Record::read(&subscription, &customer).unwrap();
        assert_eq!(record.mail.map(|mark| mark.kind), Some(MailKind::ThankYou));
    }

    #[test]
    fn an_edited_key_is_named_in_the_error() {
        for (key, value) in [
            ("tmsk_attempt", "0:1:1"),
            ("tmsk_attempt", "1:2:1"),
            ("tmsk_attempt", "x"),
            ("tmsk_mail", "welcome:try6@1"),
            ("tmsk_mail", "hello:sent@1"),
            ("tmsk_refused", "taken"),
            ("tmsk_refund", "ch_1"),
            ("duration_days", "-7"),
            ("duration_days", "400"),
            ("subdomain", "A"),
        ] {
            let mut stored = base();
            stored.insert(key.into(), value.into());
            let error = Record::read(&stored, &Metadata::new()).unwrap_err();
            assert_eq!(error.key, key, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_stored_text_makes_reading_panic(key in "tmsk_(attempt|mail|refused|refund)|vmid|url|tunnel_id", value in "\\PC{0,40}") {
            let mut stored = base();
            stored.insert(key, value);
            let _ = Record::read(&stored, &Metadata::new());
        }
    }
}
