//! The mails that arrived, and pages to read them.

use std::sync::Arc;

use mail_parser::MessageParser;
use serde::Serialize;

use crate::front::{Call, Reply, System};
use crate::world::{World, lock};

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Mail {
    pub(crate) id: u64,
    pub(crate) received_at: i64,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) subject: String,
    pub(crate) message_id: String,
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) raw: String,
}

#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    pub(crate) mails: Vec<Mail>,
}

impl Mailbox {
    pub(crate) fn receive(&mut self, (from, to): (String, Vec<String>), raw: &[u8], now: i64) -> u64 {
        let id = self.mails.len() as u64 + 1;
        let parsed = MessageParser::default().parse(raw);
        let text =
            |get: fn(&mail_parser::Message<'_>) -> Option<String>| parsed.as_ref().and_then(get).unwrap_or_default();
        self.mails.push(Mail {
            id,
            received_at: now,
            from,
            to,
            subject: text(|mail| mail.subject().map(str::to_owned)),
            message_id: text(|mail| mail.message_id().map(str::to_owned)),
            text: text(|mail| mail.body_text(0).map(std::borrow::Cow::into_owned)),
            html: text(|mail| mail.body_html(0).map(std::borrow::Cow::into_owned)),
            raw: String::from_utf8_lossy(raw).into_owned(),
        });
        id
    }
}

pub(crate) struct MailPages;

/// Says that a page has no icon: browsers that find nothing ask for `/favicon.ico`, which stood as a failed
/// call in their console and, on the payment page, in the log of what Stripe was asked.
pub(crate) const NO_ICON: &str = "<link rel=\"icon\" href=\"data:,\">";

/// Text as it may stand in HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

fn frame(title: &str, refresh: bool, body: &str) -> Reply {
    let refresh = if refresh { "<meta http-equiv=\"refresh\" content=\"2\">" } else { "" };
    Reply::html(
        200,
        format!(
            "<!doctype html><html lang=\"ja\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">{NO_ICON}{refresh}\
             <title>{title}</title><style>:root{{color-scheme:light dark}}body{{font-family:sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;line-height:1.6}}\
             li{{margin:.5rem 0}}iframe{{width:100%;height:34rem;border:1px solid #8888;border-radius:8px;background:#fff}}pre{{white-space:pre-wrap}}</style></head>\
             <body><h1>{title}</h1>{body}</body></html>"
        ),
    )
}

/// The world's clock, and buttons that move it: a trial's end can be seen without waiting for a week.
fn clock(world: &Arc<World>) -> String {
    let button = |seconds: i64, text: &str| {
        format!(
            "<form method=\"post\" action=\"/clock/jump\"><button name=\"seconds\" value=\"{seconds}\">{text}</button></form>"
        )
    };
    format!(
        "<h2>Clock</h2><p>{}</p><div style=\"display:flex;gap:.5rem\">{}{}</div>",
        crate::clock::http_date(world.clock.now()),
        button(3_600, "1時間すすめる · One hour on"),
        button(7 * 86_400 + 200, "7日すすめる · Seven days on"),
    )
}

fn jump(world: &Arc<World>, call: &Call) -> Reply {
    let wanted = url::form_urlencoded::parse(&call.body).find(|(key, _)| key == "seconds");
    let Some(seconds) = wanted.and_then(|(_, value)| value.parse::<u32>().ok()) else {
        return Reply::html(400, "seconds: a whole number of seconds to move the clock on by".to_owned());
    };
    world.clock.jump(i64::from(seconds));
    world.advance_at_once();
    Reply::empty(303).with_header("location", "/")
}

impl System for MailPages {
    fn name(&self) -> &'static str {
        "mail"
    }

    fn answer(&self, world: &Arc<World>, call: &Call) -> Reply {
        if (call.method.as_str(), call.path.as_str()) == ("POST", "/clock/jump") {
            return jump(world, call);
        }
        let mailbox = lock(&world.mailbox);
        let segments = call.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let find = |id: &str| mailbox.mails.iter().find(|mail| mail.id.to_string() == id);
        match parts.as_slice() {
            [""] if mailbox.mails.is_empty() => {
                let none = "<p>まだメールはありません。 No mail yet. This page refreshes by itself.</p>";
                frame("Mailbox", true, &format!("{none}{}", clock(world)))
            }
            [""] => {
                let items: Vec<String> = mailbox
                    .mails
                    .iter()
                    .rev()
                    .map(|mail| {
                        format!(
                            "<li><a href=\"/{}\">{}</a><br><small>{}</small></li>",
                            mail.id,
                            escape(&mail.subject),
                            escape(&mail.to.join(", "))
                        )
                    })
                    .collect();
                frame("Mailbox", true, &format!("<ul>{}</ul>{}", items.concat(), clock(world)))
            }
            [id] => find(id).map_or_else(
                || Reply::empty(404),
                |mail| {
                    let body = format!(
                        "<p><a href=\"/\">← Mailbox</a></p><p><strong>{}</strong><br><small>{} → {}</small></p>\
                     <iframe sandbox src=\"/{}/html\" title=\"HTML\"></iframe><h2>Text</h2><pre>{}</pre>",
                        escape(&mail.subject),
                        escape(&mail.from),
                        escape(&mail.to.join(", ")),
                        mail.id,
                        escape(&mail.text)
                    );
                    frame("Mail", false, &body)
                },
            ),
            [id, "html"] => find(id).map_or_else(
                || Reply::empty(404),
                |mail| {
                    let body = if mail.html.is_empty() {
                        format!("<pre>{}</pre>", escape(&mail.text))
                    } else {
                        mail.html.clone()
                    };
                    Reply::html(200, body)
                        .with_header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'")
                },
            ),
            _ => Reply::empty(404),
        }
    }
}
