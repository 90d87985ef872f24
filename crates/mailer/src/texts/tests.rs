use std::time::Duration;

use tamesuke_domain::action::AlertKind;
use tamesuke_domain::catalog::Bilingual;

use super::*;
use crate::smtp::Encryption;

fn settings() -> SmtpSettings {
    SmtpSettings {
        host: "smtp.example".into(),
        port: 587,
        user: "apikey".into(),
        password: None,
        encryption: Encryption::StartTls,
        ca_pem: None,
        timeout: Duration::from_secs(1),
        from: "Tamesuke <noreply@persys.jp>".into(),
        operator: None,
        support: Some("support@persys.jp".into()),
        service_domain: "persys.jp".into(),
        trial_url: "https://{subdomain}.persys.jp".into(),
        app_url: "https://app.persys.jp".into(),
    }
}

fn letter(kind: MailKind) -> Letter {
    Letter {
        kind,
        subscription: "sub_1".parse().unwrap(),
        to: "taro@example.co.jp".parse().unwrap(),
        company: "<b>A & B</b>".into(),
        subdomain: "acme".parse().unwrap(),
        application: Bilingual { ja: "nginx".into(), en: "nginx".into() },
        days: 7,
        ends_at: Timestamp::from_unix(1_790_000_000),
        reason: Some(Reason::GaveUp),
        refunded: true,
    }
}

#[test]
fn the_welcome_says_where_until_when_and_whom_to_ask() {
    let text = letter_text(&letter(MailKind::Welcome), &settings()).unwrap();
    let html = text.html.unwrap();
    for words in [
        "https://acme.persys.jp",
        "2026年9月21日 23:13（日本時間）",
        "September 21, 2026, 23:13 JST",
        "support@persys.jp",
    ] {
        assert!(text.plain.contains(words), "{words} in\n{}", text.plain);
        assert!(html.contains(words), "{words} in\n{html}");
    }
}

#[test]
fn what_a_customer_typed_is_escaped_in_html() {
    for kind in [MailKind::Welcome, MailKind::ThankYou, MailKind::Apology] {
        let html = letter_text(&letter(kind), &settings()).unwrap().html.unwrap();
        assert!(!html.contains("<b>A"), "{html}");
    }
}

#[test]
fn html_mails_are_readable_on_a_phone_and_in_the_dark() {
    for kind in [MailKind::Welcome, MailKind::ThankYou, MailKind::Apology] {
        let html = letter_text(&letter(kind), &settings()).unwrap().html.unwrap();
        for words in ["width=device-width", "prefers-color-scheme: dark", "class=\"sheet\""] {
            assert!(html.contains(words), "{words} in\n{html}");
        }
    }
}

#[test]
fn the_apology_speaks_of_the_refund_only_where_there_was_one() {
    let mut unpaid = letter(MailKind::Apology);
    assert!(letter_text(&unpaid, &settings()).unwrap().plain.contains("返金"));
    unpaid.refunded = false;
    assert!(!letter_text(&unpaid, &settings()).unwrap().plain.contains("返金いたしました"));
}

#[test]
fn the_farewell_names_no_day_for_a_trial_may_have_ended_before_its_own() {
    let text = letter_text(&letter(MailKind::ThankYou), &settings()).unwrap();
    for words in [text.plain, text.html.unwrap()] {
        assert!(words.contains("nginx のお試しは終了しました。") && words.contains("nginx has ended."), "{words}");
        assert!(!words.contains("2026"), "{words}");
    }
}

#[test]
fn whom_to_ask_is_said_only_where_somebody_is_named() {
    let named = settings();
    let nobody = SmtpSettings { support: None, ..settings() };
    for kind in [MailKind::Welcome, MailKind::ThankYou, MailKind::Apology] {
        let with = letter_text(&letter(kind), &named).unwrap();
        for words in [with.plain, with.html.unwrap()] {
            assert_eq!(words.matches("support@persys.jp").count(), 2, "{words}");
        }
        let without = letter_text(&letter(kind), &nobody).unwrap();
        assert!(!without.plain.contains("\n\n\n"), "{:?}", without.plain);
        for words in [without.plain, without.html.unwrap()] {
            for word in ["noreply", "ご連絡", "ご質問", "Questions", "Write to"] {
                assert!(!words.contains(word), "{word} in\n{words}");
            }
        }
    }
}

#[test]
fn a_note_on_what_happened_once_does_not_say_that_it_comes_again() {
    let note = |kind| note_text(&Note { kind, subdomain: "acme".parse().unwrap(), detail: "look".into() }).plain;
    assert_eq!(note(AlertKind::Refused), "acme: look\n");
    assert_eq!(note(AlertKind::Locked), "acme: look\n\nThis note is sent once a day while the matter stands.\n");
}
