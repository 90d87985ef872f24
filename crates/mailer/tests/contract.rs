//! The real mailer, put to the contract of `Mailer` against an imitated mail server.

#![expect(clippy::unwrap_used, reason = "a test that panics says what it lacks")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tamesuke_domain::contract::mailer::{Arrived, MailerWorld, Word, check};
use tamesuke_domain::ports::{System, Witness};
use tamesuke_domain::time::Timestamp;
use tamesuke_mailer::{Encryption, Smtp, SmtpSettings};
use tamesuke_sandbox::{Addresses, Options};

struct Nobody;

impl Witness for Nobody {
    fn answered(&self, _system: System) {}
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
    let mailer = Smtp::new(settings, Arc::new(Nobody)).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    check(&mailer, &World { addresses, http }).await;
    sandbox.stop().await;
}
