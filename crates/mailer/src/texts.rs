//! What the mails say. Japanese first, English below; the HTML escapes whatever a customer typed.

use askama::Template;
use jiff::tz::TimeZone;
use tamesuke_domain::letter::MailKind;
use tamesuke_domain::metadata::Reason;
use tamesuke_domain::ports::{Letter, Note};
use tamesuke_domain::time::Timestamp;

use crate::smtp::SmtpSettings;

/// A mail's words.
pub(crate) struct Text {
    pub(crate) subject: String,
    pub(crate) plain: String,
    pub(crate) html: Option<String>,
}

/// What the templates are filled with.
struct Facts<'a> {
    company: &'a str,
    application_ja: &'a str,
    application_en: &'a str,
    url: String,
    days: u16,
    ends_ja: String,
    ends_en: String,
    reason_ja: &'static str,
    reason_en: &'static str,
    refunded: bool,
    /// Where to ask; the sender's own box is read by nobody, so without one nothing is said.
    support: Option<&'a str>,
    app_url: &'a str,
}

macro_rules! letter {
    ($plain:ident, $html:ident, $text_path:literal, $html_path:literal) => {
        #[derive(Template)]
        #[template(path = $text_path, escape = "none")]
        struct $plain<'a> {
            f: &'a Facts<'a>,
        }
        #[derive(Template)]
        #[template(path = $html_path)]
        struct $html<'a> {
            f: &'a Facts<'a>,
        }
    };
}
letter!(WelcomePlain, WelcomeHtml, "welcome.txt", "welcome.html");
letter!(ThankYouPlain, ThankYouHtml, "thankyou.txt", "thankyou.html");
letter!(ApologyPlain, ApologyHtml, "apology.txt", "apology.html");

/// A letter's words.
pub(crate) fn letter_text(letter: &Letter, settings: &SmtpSettings) -> Result<Text, askama::Error> {
    let (reason_ja, reason_en) = reason(letter.reason);
    let facts = Facts {
        company: &letter.company,
        application_ja: &letter.application.ja,
        application_en: &letter.application.en,
        url: settings.trial_url.replace("{subdomain}", letter.subdomain.as_str()),
        days: letter.days,
        ends_ja: in_japan(letter.ends_at, "%Y年%-m月%-d日 %H:%M（日本時間）"),
        ends_en: in_japan(letter.ends_at, "%B %-d, %Y, %H:%M JST"),
        reason_ja,
        reason_en,
        refunded: letter.refunded,
        support: settings.support.as_deref(),
        app_url: &settings.app_url,
    };
    let f = &facts;
    let (subject, plain, html) = match letter.kind {
        MailKind::Welcome => (
            format!("【ためすけ】{}のご用意ができました / Your {} is ready", f.application_ja, f.application_en),
            WelcomePlain { f }.render()?,
            WelcomeHtml { f }.render()?,
        ),
        MailKind::ThankYou => (
            "【ためすけ】お試しが終了しました / Your trial has ended".to_owned(),
            ThankYouPlain { f }.render()?,
            ThankYouHtml { f }.render()?,
        ),
        MailKind::Apology => (
            "【ためすけ】ご提供できませんでした / We could not provide your trial".to_owned(),
            ApologyPlain { f }.render()?,
            ApologyHtml { f }.render()?,
        ),
    };
    Ok(Text { subject, plain, html: Some(html) })
}

/// A note's words.
pub(crate) fn note_text(note: &Note) -> Text {
    let again = if note.kind.stands() { "\nThis note is sent once a day while the matter stands.\n" } else { "" };
    Text {
        subject: format!("[tamesuke] {}: {:?}", note.subdomain, note.kind),
        plain: format!("{}: {}\n{again}", note.subdomain, note.detail),
        html: None,
    }
}

fn in_japan(at: Timestamp, format: &str) -> String {
    let moment = jiff::Timestamp::from_second(at.as_unix()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    // Japan has had one offset without daylight saving since 1951, so no zone file is needed.
    let zone = TimeZone::fixed(jiff::tz::offset(9));
    moment.to_zoned_datetime(zone).strftime(format).to_string()
}

fn reason(reason: Option<Reason>) -> (&'static str, &'static str) {
    match reason {
        Some(Reason::Taken | Reason::Foreign) => (
            "ご希望のアドレスは、お支払いの時点ですでに使われていました。",
            "The address you chose was already in use when you paid.",
        ),
        Some(Reason::NeverReady) => (
            "環境のご用意が終わる前にご契約が終了しました。",
            "The subscription ended before your environment was ready.",
        ),
        Some(Reason::Lost) => (
            "お使いの環境が失われ、元に戻すことができませんでした。",
            "Your environment was lost and could not be restored.",
        ),
        Some(Reason::GaveUp) | None => (
            "何度か試みましたが、環境をご用意できませんでした。",
            "We tried several times, but could not set up your environment.",
        ),
    }
}

#[cfg(test)]
mod tests;
