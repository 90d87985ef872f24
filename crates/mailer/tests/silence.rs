//! Mail servers that take a connection and then say nothing. None of them may hold a pass.

#![expect(clippy::unwrap_used, reason = "a test that panics says what it lacks")]

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tamesuke_domain::action::AlertKind;
use tamesuke_domain::catalog::Bilingual;
use tamesuke_domain::letter::MailKind;
use tamesuke_domain::ports::{Delivery, Letter, Mailer, Note, System, Witness};
use tamesuke_domain::time::Timestamp;
use tamesuke_mailer::{Encryption, Smtp, SmtpSettings};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How long the mailer waits here.
const TIMEOUT: Duration = Duration::from_secs(2);
/// What can't take that long is hanging.
const HANGING: Duration = Duration::from_secs(30);

struct Nobody;

impl Witness for Nobody {
    fn answered(&self, _system: System) {}
    fn stripe_date(&self, _date: Timestamp) {}
    fn failed(&self, _: System) {}
}

fn mailer(address: &str, encryption: Encryption, ca_pem: Option<Vec<u8>>) -> Smtp {
    let (host, port) = address.split_once(':').unwrap();
    let settings = SmtpSettings {
        host: host.to_owned(),
        port: port.parse().unwrap(),
        user: "apikey".to_owned(),
        password: Some("secret".to_owned().into()),
        encryption,
        ca_pem,
        timeout: TIMEOUT,
        from: "Tamesuke <noreply@persys.jp>".to_owned(),
        operator: Some("operator@persys.jp".to_owned()),
        support: None,
        service_domain: "persys.jp".to_owned(),
        trial_url: "https://{subdomain}.persys.jp/".to_owned(),
        app_url: "https://tamesuke.persys.jp/".to_owned(),
    };
    Smtp::new(settings, Arc::new(Nobody)).unwrap()
}

fn letter() -> Letter {
    Letter {
        kind: MailKind::Welcome,
        subscription: "sub_1".parse().unwrap(),
        to: "taro@example.jp".parse().unwrap(),
        company: "Rei".to_owned(),
        subdomain: "acme".parse().unwrap(),
        application: Bilingual { ja: "nginx".to_owned(), en: "nginx".to_owned() },
        days: 7,
        ends_at: Timestamp::from_unix(1_790_604_800),
        reason: None,
        refunded: false,
    }
}

fn note() -> Note {
    Note { kind: AlertKind::Missing, subdomain: "acme".parse().unwrap(), detail: "look at it".to_owned() }
}

/// Answers as a mail server does until `mute` is said; then it listens and says nothing more.
async fn talk(client: TcpStream, mute: &str) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let (mut said, mut in_mail) = ("greeting".to_owned(), false);
    loop {
        let answer = match said.as_str() {
            silent if silent == mute => "",
            "greeting" => "220 mute ESMTP\r\n",
            "EHLO" => "250-mute\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n",
            "AUTH" => "235 come in\r\n",
            "DATA" => "354 go on\r\n",
            "line" => "",
            _ => "250 OK\r\n",
        };
        client.get_mut().write_all(answer.as_bytes()).await?;
        in_mail = said == "DATA" || (in_mail && said != "dot");
        let mut line = String::new();
        if client.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        said = match (in_mail, line.trim_end()) {
            (true, ".") => "dot".to_owned(),
            (true, _) => "line".to_owned(),
            (false, command) => command.split(' ').next().unwrap_or_default().to_ascii_uppercase(),
        };
    }
}

async fn server_that_is_mute_at(mute: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(talk(client, mute));
        }
    });
    address
}

/// What comes of a mail, in one word.
async fn outcome(mailer: &Smtp, to_the_operator: bool) -> String {
    let sending = async { if to_the_operator { mailer.notify(&note()).await } else { mailer.send(&letter()).await } };
    match tokio::time::timeout(HANGING, sending).await {
        Ok(Ok(Delivery::Accepted)) => "accepted".to_owned(),
        Ok(Ok(Delivery::TryLater)) => "later".to_owned(),
        Ok(Err(fault)) if fault.is_unknown() => "unknown".to_owned(),
        Ok(other) => format!("{other:?}"),
        Err(_) => "hangs".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_before_the_mail_is_tried_later_and_silence_after_it_is_not_known() {
    let rows = [
        ("greeting", "later"),
        ("EHLO", "later"),
        ("AUTH", "later"),
        ("MAIL", "unknown"),
        ("RCPT", "unknown"),
        ("DATA", "unknown"),
        ("dot", "unknown"),
        ("QUIT", "accepted"),
        ("never", "accepted"),
    ];
    let seen = rows.into_iter().map(|(mute, expected)| async move {
        let mailer = mailer(&server_that_is_mute_at(mute).await, Encryption::Off, None);
        let (letter, note) = (outcome(&mailer, false).await, outcome(&mailer, true).await);
        assert_eq!((letter.as_str(), note.as_str()), (expected, expected), "mute at {mute}");
    });
    join_all(seen).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_of_a_silent_server_fails() {
    for mute in ["greeting", "EHLO", "AUTH"] {
        let mailer = mailer(&server_that_is_mute_at(mute).await, Encryption::Off, None);
        let checked = tokio::time::timeout(HANGING, mailer.check()).await;
        assert!(checked.is_ok_and(|checked| checked.is_err()), "mute at {mute}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_falls_silent_around_tls_is_tried_later() {
    let sandbox = tamesuke_sandbox::start(tamesuke_sandbox::Options::default()).await.unwrap();
    let addresses = sandbox.addresses.clone();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/faults", addresses.control);
    let ca = std::fs::read(&addresses.proxmox_ca_file).unwrap();
    let mailer = mailer(&addresses.smtp, Encryption::StartTls, Some(ca));
    for verb in ["EHLO", "STARTTLS"] {
        let rule = json!({"service": "smtp", "method": verb, "effect": {"kind": "delay", "ms": 3_600_000}});
        http.delete(&url).send().await.unwrap();
        http.post(&url).json(&rule).send().await.unwrap();
        assert_eq!(outcome(&mailer, false).await, "later", "mute at {verb}");
    }
    sandbox.stop().await;
}
