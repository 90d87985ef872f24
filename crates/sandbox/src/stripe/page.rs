//! The payment page: what a person sees between the form and the trial.

use std::sync::Arc;

use serde_json::Value;

use super::cards::Card;
use super::checkout;
use crate::front::{Call, Reply};
use crate::mailbox::{NO_ICON, escape};
use crate::world::{World, lock};

const STYLE: &str = ":root{color-scheme:light dark}body{font-family:'Hiragino Sans','Noto Sans JP',sans-serif;max-width:30rem;margin:3rem auto;padding:0 1rem;line-height:1.7}\
.note{background:#ffe8a3;color:#4a3500;padding:.5rem 1rem;border-radius:8px}.error{background:#ffd9d6;color:#611a15;padding:.5rem 1rem;border-radius:8px}\
label{display:block;margin:1rem 0}input{display:block;width:100%;box-sizing:border-box;padding:.7rem;font-size:1rem;border:1px solid #8888;border-radius:8px}\
button{width:100%;padding:.9rem;font-size:1.05rem;border:0;border-radius:8px;background:#0b5fff;color:#fff;cursor:pointer}a{display:block;text-align:center;margin:1rem}";

const NOT_PROVEN: &str = "カード会社の認証ができませんでした。 We are unable to authenticate your payment method. Please choose a different payment method and try again.";

fn frame(status: u16, title: &str, body: &str) -> Reply {
    let html = format!(
        "<!doctype html><html lang=\"ja\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">{NO_ICON}<title>{title}</title><style>{STYLE}</style></head><body><main><p class=\"note\">これは試験用の支払い画面です。実際の請求はありません。<br>This is the sandbox's payment page. Nobody is charged.</p>{body}</main></body></html>"
    );
    Reply::html(status, html)
}

/// Shows a session's page, or takes its form.
pub(super) fn answer(world: &Arc<World>, call: &Call, id: &str) -> Reply {
    let now = world.clock.now();
    let mut state = lock(&world.stripe);
    let Some(session) = state.find(id).cloned() else {
        return frame(404, "Not found", "<h1>このページはありません / No such page</h1>");
    };
    if session["status"] != "open" {
        return frame(
            200,
            "Done",
            "<h1>このページは終了しました</h1><p>お支払いが済んだか、時間切れです。 You're all done here, or the page has timed out.</p>",
        );
    }
    if call.method != "POST" {
        return form(&session, "");
    }
    let given: std::collections::BTreeMap<String, String> =
        url::form_urlencoded::parse(&call.body).into_owned().collect();
    let later = match Card::of(given.get("card").map_or("", String::as_str)) {
        Card::Declined(why) => return form(&session, &format!("{} {}", why.japanese, why.message)),
        Card::Guarded => match given.get("bank").map(String::as_str) {
            Some("complete") => false,
            Some(_) => return form(&session, NOT_PROVEN),
            None => return bank(given.get("card").map_or("", String::as_str)),
        },
        Card::Good => false,
        Card::Later => true,
    };
    match checkout::complete(&mut state, id, later, now) {
        Some(url) => Reply::empty(303).with_header("location", url),
        None => frame(409, "Done", "<h1>このページは終了しました</h1>"),
    }
}

/// The bank's own page, between the card's number and the payment (3-D Secure).
fn bank(card: &str) -> Reply {
    let body = format!(
        "<h1>本人認証 / 3D Secure</h1><form method=\"post\"><input type=\"hidden\" name=\"card\" value=\"{}\">\
         <p>カード会社の認証画面です。 Your bank asks whether it is you.</p>\
         <button name=\"bank\" value=\"complete\">認証する / Complete</button></form>\
         <form method=\"post\"><input type=\"hidden\" name=\"card\" value=\"{}\">\
         <p><button name=\"bank\" value=\"fail\">認証しない / Fail</button></p></form>",
        escape(card),
        escape(card)
    );
    frame(200, "本人認証 / 3D Secure", &body)
}

fn form(session: &Value, error: &str) -> Reply {
    let text = |value: &Value| escape(value.as_str().unwrap_or_default());
    let days = session["_price"]["recurring"]["interval_count"].as_i64().unwrap_or(0);
    let amount = session["amount_total"].as_i64().unwrap_or(0);
    let error = if error.is_empty() {
        String::new()
    } else {
        format!("<p class=\"error\" role=\"alert\">{}</p>", escape(error))
    };
    let beside = text(&session["custom_text"]["submit"]["message"]);
    let beside = if beside.is_empty() { beside } else { format!("<p class=\"beside\">{beside}</p>") };
    let body = format!(
        "<h1>¥{amount}</h1><p>お試し環境 {days}日間 / trial for {days} days</p>{error}\
         <form method=\"post\"><label>メールアドレス / Email<input name=\"email\" value=\"{}\" readonly></label>\
         <label>カード番号 / Card number<input name=\"card\" inputmode=\"numeric\" autocomplete=\"cc-number\" value=\"4242 4242 4242 4242\"></label>\
         {beside}<button>支払う / Pay ¥{amount}</button></form><a href=\"{}\">戻る / Back</a>",
        text(&session["customer_email"]),
        text(&session["cancel_url"]),
    );
    frame(200, "お支払い / Payment", &body)
}
