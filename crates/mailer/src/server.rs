//! The mail server, reached anew for each mail. A connection whose answer was not waited for can't be used
//! again: the late answer would be taken for that of the next command. So none is kept.
//!
//! The mail library bounds only the TCP connect. What comes after it, the greeting, TLS, the log-in, the
//! mail, is bounded here: a server that takes a connection and then says nothing would hold a pass for ever.

use std::time::Duration;

use lettre::Message;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{self, response::Response};
use secrecy::{ExposeSecret, SecretString};
use tamesuke_domain::ports::Cause;
use tokio::time::timeout;

use crate::smtp::{Encryption, SmtpSettings};

/// The longest that a goodbye is waited for: the mail is taken, and its marker waits to be written.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// Where mails are handed over, and as whom.
pub(crate) struct Server {
    host: String,
    port: u16,
    encryption: Encryption,
    tls: TlsParameters,
    credentials: Credentials,
    us: ClientId,
    timeout: Duration,
}

/// A connection that is logged in.
pub(crate) struct Session {
    connection: AsyncSmtpConnection,
    timeout: Duration,
}

/// Nothing was heard in time.
#[derive(Debug, thiserror::Error)]
#[error("the mail server said nothing for {} s", .0.as_secs_f64())]
pub(crate) struct Silent(Duration);

/// Why a mail that was begun is not known to be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// The server said no, or the connection broke.
    #[error("the mail was not taken")]
    Smtp(#[from] smtp::Error),
    /// The server may have it or not.
    #[error(transparent)]
    Silent(#[from] Silent),
}

impl Server {
    pub(crate) fn new(settings: &SmtpSettings, password: &SecretString) -> Result<Self, smtp::Error> {
        let mut tls = TlsParameters::builder(settings.host.clone());
        if let Some(pem) = &settings.ca_pem {
            tls = tls.add_root_certificate(Certificate::from_pem(pem)?);
        }
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            encryption: settings.encryption,
            tls: tls.build_rustls()?,
            credentials: Credentials::new(settings.user.clone(), password.expose_secret().to_owned()),
            us: ClientId::default(),
            timeout: settings.timeout,
        })
    }

    /// Connects and logs in. No mail is in play yet, so whatever fails here only means "later".
    pub(crate) async fn connect(&self) -> Result<Session, Cause> {
        match timeout(self.timeout, self.log_in()).await {
            Ok(connection) => Ok(Session { connection: connection?, timeout: self.timeout }),
            Err(_elapsed) => Err(Silent(self.timeout).into()),
        }
    }

    async fn log_in(&self) -> Result<AsyncSmtpConnection, smtp::Error> {
        let at_once = (self.encryption == Encryption::Implicit).then(|| self.tls.clone());
        let to = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(to, Some(self.timeout), &self.us, at_once, None).await?;
        if self.encryption == Encryption::StartTls {
            connection.starttls(self.tls.clone(), &self.us).await?;
        }
        connection.auth(DEFAULT_MECHANISMS, &self.credentials).await?;
        Ok(connection)
    }
}

impl Session {
    /// Hands over one mail.
    pub(crate) async fn send(mut self, message: &Message) -> Result<Response, SendError> {
        let sent = timeout(self.timeout, self.connection.send(message.envelope(), &message.formatted())).await;
        let answer = sent.map_err(|_elapsed| Silent(self.timeout))??;
        self.leave().await;
        Ok(answer)
    }

    /// Says goodbye. The mail is taken, whatever comes of this.
    pub(crate) async fn leave(mut self) {
        match timeout(self.timeout.min(GOODBYE_MAX), self.connection.quit()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the mail server did not say goodbye"),
            Err(_elapsed) => tracing::debug!("the mail server is silent at goodbye"),
        }
    }
}
