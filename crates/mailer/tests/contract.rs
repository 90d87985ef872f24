//! The real mailer, put to the contract of `Mailer` against an imitated mail server.

#![expect(clippy::unwrap_used, reason = "a test that panics says what it lacks")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tamesuke_domain::action::AlertKind;
use tamesuke_domain::contract::mailer::{Arrived, MailerWorld, Word, check};
use tamesuke_domain::ports::{Mailer as _, Note, System, Witness};
use tamesuke_domain::time::Timestamp;
use tamesuke_mailer::{Encryption, Smtp, SmtpSettings};
use tamesuke_sandbox::{Addresses, Options};

/// Keeps the last thing that was told.
#[derive(Default)]
struct Told(Mutex<Option<(System, &'static str)>>);

impl Witness for Told {
    fn answered(&self, system: System) {
        *self.0.lock().unwrap() = Some((system, "answered"));
    }
    fn failed(&self, system: System) {
        *self.0.lock().unwrap() = Some((system, "failed"));
    }
    fn stripe_date(&self, _date: Timestamp) {}
}

struct World {
    addresses: Addresses,
    http: reqwest::Client,
}

impl World {
    async fn control(&self, method: reqwest::Method, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.addresses.control);
        let answer = self.http.request(method, url).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        answer.json().await.unwrap()
    }
}

#[async_trait]
impl MailerWorld for World {
    fn domain(&self) -> String {
        "persys.jp".to_owned()
    }

    async fn say(&self, word: Word) {
        self.control(reqwest::Method::DELETE, "/faults", &Value::Null).await;
        let rule = match word {
            Word::Well => return,
            Word::Later => json!({"method": "DOT", "effect": {"kind": "smtp", "code": 451, "text": "greylisted"}}),
            Word::Never => json!({"method": "RCPT", "effect": {"kind": "smtp", "code": 550, "text": "no such user"}}),
            Word::TakenUnheard => json!({"method": "DOT", "effect": {"kind": "apply_and_drop"}}),
            Word::Unreached => json!({"effect": {"kind": "drop"}}),
        };
        let mut rule = rule;
        rule["service"] = json!("smtp");
        self.control(reqwest::Method::POST, "/faults", &rule).await;
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let mails = self.control(reqwest::Method::GET, "/state/mail", &Value::Null).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let read = |mail: &Value| Arrived { to: text(&mail["to"][0]), message_id: text(&mail["message_id"]) };
        mails.as_array().unwrap().iter().map(read).collect()
    }
}

/// A lie of the sandbox, where somebody checks whether this suite notices.
fn options() -> Options {
    let lie = std::env::var("TAMESUKE_SANDBOX_LIE").ok();
    Options { lie: lie.map(|name| serde_json::from_value(json!(name)).unwrap()), ..Options::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mailer_keeps_the_contract_of_mailer() {
    let sandbox = tamesuke_sandbox::start(options()).await.unwrap();
    let addresses = sandbox.addresses.clone();
    let (host, port) = addresses.smtp.split_once(':').unwrap();
    let settings = SmtpSettings {
        host: host.to_owned(),
        port: port.parse().unwrap(),
        user: "apikey".to_owned(),
        password: Some(addresses.credentials.sendgrid_api_key.clone().into()),
        encryption: Encryption::StartTls,
        ca_pem: Some(std::fs::read(&addresses.proxmox_ca_file).unwrap()),
        timeout: Duration::from_secs(10),
        from: "Tamesuke <noreply@persys.jp>".to_owned(),
        operator: Some("operator@persys.jp".to_owned()),
        support: None,
        service_domain: "persys.jp".to_owned(),
        trial_url: "https://{subdomain}.persys.jp/".to_owned(),
        app_url: "https://tamesuke.persys.jp/".to_owned(),
    };
    let told = Arc::new(Told::default());
    let mailer = Smtp::new(settings, told.clone()).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let world = World { addresses, http };
    check(&mailer, &world).await;
    health_is_told(&mailer, &world, &told).await;
    sandbox.stop().await;
}

/// A server that refuses one address works; one that says "later" to all that comes does not.
async fn health_is_told(mailer: &Smtp, world: &World, told: &Told) {
    let note = Note { kind: AlertKind::Missing, subdomain: "acme".parse().unwrap(), detail: "look at it".to_owned() };
    for (word, is) in [
        (Word::Well, "answered"),
        (Word::Unreached, "failed"),
        (Word::Never, "answered"),
        (Word::Later, "failed"),
        (Word::TakenUnheard, "failed"),
    ] {
        *told.0.lock().unwrap() = None;
        world.say(word).await;
        let outcome = mailer.notify(&note).await;
        assert_eq!(*told.0.lock().unwrap(), Some((System::Smtp, is)), "{outcome:?}");
    }
}
