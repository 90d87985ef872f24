//! A mail server: EHLO, STARTTLS, AUTH PLAIN and LOGIN, and whatever a fault makes it say.

use std::sync::Arc;

use base64::Engine as _;
use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::faults::{Effect, Facts};
use crate::lies::Lie;
use crate::world::{World, lock};

/// Largest mail that is taken, as announced.
const SIZE_MAX: usize = 10 * 1024 * 1024;

pub(crate) async fn serve(listener: TcpListener, config: Arc<ServerConfig>, world: Arc<World>) {
    let acceptor = TlsAcceptor::from(config);
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let (acceptor, world) = (acceptor.clone(), Arc::clone(&world));
                tokio::spawn(async move {
                    if let Err(error) = greet(client, acceptor, &world).await {
                        tracing::debug!(%error, "a mail connection ended early");
                    }
                });
            }
            Err(error) => tracing::warn!(%error, "a mail connection was not accepted"),
        }
    }
}

async fn greet(client: TcpStream, acceptor: TlsAcceptor, world: &Arc<World>) -> std::io::Result<()> {
    let mut plain = Session::new(BufReader::new(client), world, false);
    plain.say("220 smtp.sandbox ESMTP").await?;
    if !plain.run().await? {
        return Ok(());
    }
    let secure = acceptor.accept(plain.stream.into_inner()).await?;
    Session::new(BufReader::new(secure), world, true).run().await.map(|_| ())
}

struct Session<'a, S> {
    stream: BufReader<S>,
    world: &'a Arc<World>,
    secure: bool,
    known: bool,
    from: Option<String>,
    to: Vec<String>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Session<'a, S> {
    fn new(stream: BufReader<S>, world: &'a Arc<World>, secure: bool) -> Self {
        Self { stream, world, secure, known: false, from: None, to: Vec::new() }
    }

    async fn say(&mut self, line: &str) -> std::io::Result<()> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await?;
        self.stream.get_mut().flush().await
    }

    async fn hear(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 || line.len() > 4_096 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// The fault that hits a command, by its verb and its argument.
    fn fault(&self, verb: &str, argument: &str) -> Option<Effect> {
        let facts = Facts { service: "smtp", method: verb, path: argument, user_agent: "", attempt: None };
        self.world.faults.hit(&facts).map(|(_, effect)| effect)
    }

    /// Talks until the client leaves; `true` when it asked for TLS.
    async fn run(&mut self) -> std::io::Result<bool> {
        loop {
            let line = self.hear().await?;
            let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
            let verb = verb.to_ascii_uppercase();
            match self.fault(&verb, argument) {
                Some(Effect::Smtp { code, text }) => {
                    self.say(&format!("{code} {text}")).await?;
                    continue;
                }
                Some(Effect::Drop) => return Ok(false),
                Some(Effect::Delay { ms }) => {
                    tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
                }
                Some(
                    Effect::Status { .. }
                    | Effect::ApplyAndDrop
                    | Effect::Slow { .. }
                    | Effect::Late { .. }
                    | Effect::EndLogIns,
                )
                | None => {}
            }
            match verb.as_str() {
                "EHLO" => self.say_what_it_can().await?,
                "HELO" | "NOOP" | "RSET" => {
                    (self.from, self.to) = (None, Vec::new());
                    self.say("250 OK").await?;
                }
                "STARTTLS" if !self.secure => {
                    self.say("220 Ready to start TLS").await?;
                    return Ok(true);
                }
                "AUTH" if self.secure => self.log_in(argument).await?,
                "AUTH" => self.say("530 Must issue a STARTTLS command first").await?,
                "MAIL" if self.known => {
                    self.from = Some(address(argument));
                    self.say("250 Sender address accepted").await?;
                }
                "MAIL" => self.say("530 Authentication required").await?,
                "RCPT" if self.from.is_some() => {
                    self.to.push(address(argument));
                    self.say("250 Recipient address accepted").await?;
                }
                "DATA" if !self.to.is_empty() => {
                    if !self.take_mail().await? {
                        return Ok(false);
                    }
                }
                "RCPT" | "DATA" => self.say("503 Bad sequence of commands").await?,
                "QUIT" => {
                    self.say("221 See you later").await?;
                    return Ok(false);
                }
                _ => self.say("502 Command not implemented").await?,
            }
        }
    }

    async fn say_what_it_can(&mut self) -> std::io::Result<()> {
        let more = if self.secure { "250-AUTH PLAIN LOGIN" } else { "250-STARTTLS" };
        self.say(&format!("250-smtp.sandbox\r\n250-8BITMIME\r\n250-PIPELINING\r\n{more}\r\n250 SIZE {SIZE_MAX}")).await
    }

    async fn log_in(&mut self, argument: &str) -> std::io::Result<()> {
        let decode = |text: &str| {
            let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (user, password) = match argument.split_once(' ').unwrap_or((argument, "")) {
            ("PLAIN", given) => {
                let given = if given.is_empty() {
                    self.say("334 ").await?;
                    self.hear().await?
                } else {
                    given.to_owned()
                };
                let decoded = decode(&given);
                let mut parts = decoded.split('\0').skip(1).map(str::to_owned);
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
            }
            ("LOGIN", _) => {
                self.say("334 VXNlcm5hbWU6").await?;
                let user = decode(&self.hear().await?);
                self.say("334 UGFzc3dvcmQ6").await?;
                (user, decode(&self.hear().await?))
            }
            _ => return self.say("504 Unrecognized authentication type").await,
        };
        self.known = user == "apikey" && password == self.world.credentials.sendgrid_api_key;
        let answer = if self.known {
            "235 Authentication successful"
        } else {
            "535 Authentication failed: Bad username / password"
        };
        self.say(answer).await
    }

    /// Takes a mail; `false` when a fault closes the connection after the final dot.
    async fn take_mail(&mut self) -> std::io::Result<bool> {
        self.say("354 Continue").await?;
        let mut raw = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line).await? == 0 || raw.len() > SIZE_MAX {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if line == b".\r\n" {
                break;
            }
            raw.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let fault = self.fault("DOT", &self.to.join(" "));
        if let Some(Effect::Smtp { code, text }) = fault {
            self.say(&format!("{code} {text}")).await?;
            return Ok(true);
        }
        if matches!(fault, Some(Effect::Drop)) {
            return Ok(false);
        }
        let envelope = (self.from.take().unwrap_or_default(), std::mem::take(&mut self.to));
        if self.world.settings().lie == Some(Lie::SmtpLosesMail) {
            self.say("250 Ok: queued as 0").await?;
            return Ok(true);
        }
        let id = lock(&self.world.mailbox).receive(envelope, &raw, self.world.clock.now());
        if matches!(fault, Some(Effect::ApplyAndDrop)) {
            return Ok(false);
        }
        self.say(&format!("250 Ok: queued as {id}")).await?;
        Ok(true)
    }
}

/// The address between angle brackets.
fn address(argument: &str) -> String {
    let inner = argument.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or_else(|| argument.to_owned(), |(address, _)| address.to_owned())
}
