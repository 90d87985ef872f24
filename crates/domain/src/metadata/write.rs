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
    use crate::drawn::each_kind;
    use crate::letter::{MailKind, TRIES_MAX};
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

    fn moments() -> impl Strategy<Value = Timestamp> {
        prop_oneof![0_i64..=2_000_000_000, Just(i64::MAX)].prop_map(Timestamp::from_unix)
    }

    fn mail_marks() -> impl Strategy<Value = MailMark> {
        let kind = prop_oneof![Just(MailKind::Welcome), Just(MailKind::ThankYou), Just(MailKind::Apology)];
        let stage = prop_oneof![
            (1..=TRIES_MAX).prop_map(Stage::Try),
            Just(Stage::Sent),
            Just(Stage::Lost),
            Just(Stage::Skipped)
        ];
        (kind, stage, moments()).prop_map(|(kind, stage, at)| MailMark { kind, stage, at })
    }

    fn changes() -> impl Strategy<Value = Change> {
        let attempt = (1_u32.., moments(), 0_i64..1_000_000)
            .prop_map(|(count, first, later)| Change::Attempt(Attempt { count, first, last: first.plus_secs(later) }));
        let ready = (
            100_u32..=999_999_999,
            "https://[a-z0-9.-]{1,30}",
            "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            mail_marks(),
        )
            .prop_map(|(vmid, url, tunnel, mail)| {
                let recorded =
                    Recorded { vmid: vmid.to_string().parse().unwrap(), url, tunnel: tunnel.parse().unwrap() };
                Change::Ready(recorded, mail)
            });
        let refused = (prop::sample::select(Reason::ALL.to_vec()), moments())
            .prop_map(|(reason, at)| Change::Refused(Refusal { reason, at }));
        let refund = prop_oneof![
            "(re|pyr)_[A-Za-z0-9]{1,24}".prop_map(|id| RefundMark::Refunded(id.parse().unwrap())),
            Just(RefundMark::Nothing),
            Just(RefundMark::Disputed),
        ];
        prop_oneof![attempt, ready, refused, refund.prop_map(Change::Refund), mail_marks().prop_map(Change::Mail)]
    }

    #[test]
    fn whatever_is_written_reads_back_as_it_was_meant_and_writing_twice_is_writing_once() {
        each_kind(&["attempt", "ready", "refused", "refund", "mail"], &changes(), |change| {
            let mut stored = base();
            stored.extend(change.entries());
            let record =
                Record::read(&stored, &Metadata::new()).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let mut twice = stored.clone();
            twice.extend(change.entries());
            prop_assert_eq!(twice, stored);
            prop_assert!(change.entries().values().all(|value| value.len() <= 500), "Stripe's limit");
            let untouched = Record::read(&base(), &Metadata::new()).unwrap();
            let (expected, kind) = match change {
                Change::Attempt(attempt) => (Record { attempt: Some(attempt), ..untouched }, "attempt"),
                Change::Ready(recorded, mail) => {
                    (Record { recorded: Some(recorded), mail: Some(mail), ..untouched }, "ready")
                }
                Change::Refused(refusal) => (Record { refused: Some(refusal), ..untouched }, "refused"),
                Change::Refund(mark) => (Record { refund: Some(mark), ..untouched }, "refund"),
                Change::Mail(mark) => (Record { mail: Some(mark), ..untouched }, "mail"),
            };
            prop_assert_eq!(record, expected);
            Ok(kind)
        });
    }

    /// A stored text of ours with one character taken out, put in or changed.
    fn edited() -> impl Strategy<Value = (String, String)> {
        let noise = prop_oneof![4 => "[0-9a-z:@_-]", 1 => "\\PC", 1 => Just(String::new())];
        (changes(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>(), noise).prop_map(
            |(change, which, at, over, noise)| {
                let entries: Vec<(String, String)> = change.entries().into_iter().collect();
                let (key, value) = which.get(&entries).clone();
                let at = at.index(value.len());
                let rest = if over { &value[at + 1..] } else { &value[at..] };
                (key, format!("{}{noise}{rest}", &value[..at]))
            },
        )
    }

    #[test]
    fn an_edited_text_is_read_for_what_it_says_or_named_and_never_passed_over() {
        each_kind(&["taken", "refused"], &edited(), |(key, value)| {
            let mut stored = base();
            if ["vmid", "url", "tunnel_id"].contains(&key.as_str()) {
                stored.extend(
                    [("vmid", "9001"), ("url", "x"), ("tunnel_id", "c1744f8b-faa1-48a4-9e5c-02ac921467fa")]
                        .map(|(key, value)| (key.to_owned(), value.to_owned())),
                );
            }
            stored.insert(key.clone(), value.clone());
            let record = match Record::read(&stored, &Metadata::new()) {
                Ok(record) => record,
                Err(error) => {
                    prop_assert_eq!(error.key, key);
                    return Ok("refused");
                }
            };
            let told = match key.as_str() {
                "tmsk_attempt" => record.attempt.map(Change::Attempt),
                "tmsk_refused" => record.refused.map(Change::Refused),
                "tmsk_refund" => record.refund.map(Change::Refund),
                "tmsk_mail" => record.mail.map(Change::Mail),
                _ => return Ok("taken"),
            };
            let again = told.and_then(|change| change.entries().remove(&key));
            // Leading noughts are the one thing that may be lost.
            let plain = |text: &str| {
                text.split([':', '@'])
                    .map(|part| part.trim_start_matches("try").trim_start_matches('0').to_owned())
                    .collect::<Vec<_>>()
            };
            prop_assert_eq!(again.as_deref().map(plain), Some(plain(&value)), "{}={}", key, value);
            Ok("taken")
        });
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
