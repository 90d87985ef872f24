//! Hands mails to a server, and says of each what the server said of it.
//!
//! A mail is handed over only on a connection that was just made and logged in. So whatever fails or is
//! silent before is "not reached", and what fails after, without the server's word, is not known.

use std::time::Duration;

use async_trait::async_trait;
use lettre::Message;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MultiPart, SinglePart};
use secrecy::SecretString;
use std::sync::Arc;
use tamesuke_domain::ports::{Cause, Delivery, Fault, Letter, Mailer, Note, System, Witness};

use crate::message_id;
use crate::server::{SendError, Server};
use crate::texts::{Text, letter_text, note_text};

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Plain first, then STARTTLS, which must succeed (port 587).
    StartTls,
    /// From the first byte (port 465).
    Implicit,
    /// Not at all; only for a server on this machine.
    Off,
}

/// Which server, and who writes.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user; `apikey` for SendGrid.
    pub user: String,
    /// The password. Without one no mail is sent.
    pub password: Option<SecretString>,
    /// The encryption.
    pub encryption: Encryption,
    /// Certificates to trust beside the system's, in PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// How long reaching the server may take, log-in included; and then how long a mail.
    pub timeout: Duration,
    /// The sender.
    pub from: String,
    /// Whom notes go to.
    pub operator: Option<String>,
    /// Where customers get help; shown in mails.
    pub support: Option<String>,
    /// The service domain: in Message-IDs and addresses.
    pub service_domain: String,
    /// A trial's address as people are shown it; holds the literal `{subdomain}`.
    pub trial_url: String,
    /// Where a new trial is ordered.
    pub app_url: String,
}

/// Why the mailer can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The sender or the operator's address does not read.
    #[error("{0} is no mail address such as Tamesuke <noreply@persys.jp>")]
    Address(&'static str),
    /// The certificates or the TLS set-up can't be used.
    #[error("the mail server's TLS can't be set up")]
    Tls(#[source] lettre::transport::smtp::Error),
}

/// Whether a text reads as a mail address, alone or as in `Tamesuke <noreply@persys.jp>`.
pub fn is_address(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

/// The port `Mailer` over SMTP.
pub struct Smtp {
    server: Option<Server>,
    settings: SmtpSettings,
    from: Mailbox,
    operator: Option<Mailbox>,
    witness: Arc<dyn Witness>,
}

impl Smtp {
    /// A mailer; without a password it sends nothing.
    pub fn new(settings: SmtpSettings, witness: Arc<dyn Witness>) -> Result<Self, SmtpError> {
        let from = settings.from.parse().map_err(|_| SmtpError::Address("EMAIL_FROM"))?;
        let operator = settings
            .operator
            .as_ref()
            .map(|operator| operator.parse().map_err(|_| SmtpError::Address("OPERATOR_EMAIL")))
            .transpose()?;
        let server = match &settings.password {
            Some(password) => Some(Server::new(&settings, password).map_err(SmtpError::Tls)?),
            None => None,
        };
        Ok(Self { server, settings, from, operator, witness })
    }

    /// Whether the server takes our name and password.
    pub async fn check(&self) -> Result<(), Fault> {
        let Some(server) = &self.server else {
            return Ok(());
        };
        let session = server.connect().await.map_err(|error| retryable("log in to the mail server", error))?;
        session.leave().await;
        Ok(())
    }

    async fn hand_over(&self, message: Message) -> Result<Delivery, Fault> {
        let Some(server) = &self.server else {
            return Err(retryable("send a mail", "mails are switched off"));
        };
        let outcome = deliver(server, &message).await;
        match outcome {
            Ok(Delivery::Accepted | Delivery::Refused) => self.witness.answered(System::Smtp),
            Ok(Delivery::TryLater) | Err(_) => self.witness.failed(System::Smtp),
        }
        outcome
    }

    fn compose(&self, to: Mailbox, id: String, text: Text) -> Result<Message, Fault> {
        let builder = Message::builder().from(self.from.clone()).to(to).subject(text.subject).message_id(Some(id));
        let built = match text.html {
            Some(html) => builder.multipart(MultiPart::alternative_plain_html(text.plain, html)),
            None => builder.singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text.plain)),
        };
        built.map_err(|error| Fault::Refused {
            system: System::Smtp,
            operation: "write a mail",
            cause: Box::new(error),
        })
    }
}

/// Hands a mail over on a connection that was just made.
async fn deliver(server: &Server, message: &Message) -> Result<Delivery, Fault> {
    let session = match server.connect().await {
        Ok(session) => session,
        Err(error) => {
            tracing::warn!(%error, "the mail server is not reached");
            return Ok(Delivery::TryLater);
        }
    };
    match session.send(message).await {
        Ok(_) => Ok(Delivery::Accepted),
        Err(SendError::Smtp(error)) if error.is_permanent() => {
            tracing::warn!(code = ?error.status(), "the mail server refused a mail for good");
            Ok(Delivery::Refused)
        }
        Err(SendError::Smtp(error)) if error.is_transient() => {
            tracing::warn!(code = ?error.status(), "the mail server refused a mail for now");
            Ok(Delivery::TryLater)
        }
        Err(error) => Err(Fault::Unknown { system: System::Smtp, operation: "send a mail", cause: Box::new(error) }),
    }
}

fn retryable(operation: &'static str, cause: impl Into<Cause>) -> Fault {
    Fault::Retryable { system: System::Smtp, operation, retry_after: None, cause: cause.into() }
}

#[async_trait]
impl Mailer for Smtp {
    fn is_enabled(&self) -> bool {
        self.server.is_some()
    }

    async fn send(&self, letter: &Letter) -> Result<Delivery, Fault> {
        let to: Mailbox = letter.to.expose().parse().map_err(|_| Fault::Refused {
            system: System::Smtp,
            operation: "write a mail",
            // The library's own error would quote the address.
            cause: "the customer's address does not read".into(),
        })?;
        let id = message_id(letter.kind.as_str(), letter.subscription.as_str(), &self.settings.service_domain);
        let text = letter_text(letter, &self.settings).map_err(|error| Fault::Refused {
            system: System::Smtp,
            operation: "write a mail",
            cause: Box::new(error),
        })?;
        self.hand_over(self.compose(to, id, text)?).await
    }

    async fn notify(&self, note: &Note) -> Result<Delivery, Fault> {
        let (Some(to), true) = (&self.operator, self.is_enabled()) else {
            tracing::info!(subdomain = %note.subdomain, "no OPERATOR_EMAIL or no mail server: the note on {} stands in this log only", note.subdomain);
            return Ok(Delivery::Refused);
        };
        let stamp = jiff::Timestamp::now().as_millisecond();
        let id = message_id("operator", &format!("{}.{stamp}", note.subdomain), &self.settings.service_domain);
        self.hand_over(self.compose(to.clone(), id, note_text(note))?).await
    }
}
