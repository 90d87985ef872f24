//! Callers who are slow, send too much, or stop half-way, all at once. Each holds a connection; what they
//! may cost together is a bound on memory, whatever they send.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::bench::{peak_mb, resident_mb};
use crate::demo::healthy;
use crate::stage::Stage;

/// Large bodies that the service reads at once.
const LARGE_AT_ONCE: usize = 64;
/// What a large body may cost, in megabytes: itself, and the smaller buffer that it grew out of.
const MB_PER_LARGE_MAX: f64 = 1.5;
/// What a connection may cost beside that, in megabytes: its buffers, and a body of less than 32 KiB.
const MB_PER_CALLER_MAX: f64 = 0.15;
/// Guards against never; judged are counts and memory.
const ANSWERS_MAX: Duration = Duration::from_secs(60);
/// A webhook's body, one byte short of the most that is read: the byte never comes.
const ALMOST: usize = 1024 * 1024 - 1;
static BLANKS: [u8; ALMOST] = [b' '; ALMOST];

/// A kind of caller.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    count: usize,
    head: &'static str,
    body: usize,
    /// How many of them are refused, and with which status; the others are still waited for.
    refused: (usize, &'static str),
}

const KINDS: [Kind; 5] = [
    Kind {
        name: "slow head",
        count: 100,
        head: "POST /webhook/stripe HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        body: 0,
        refused: (0, ""),
    },
    Kind {
        name: "half a form",
        count: 100,
        head: "POST /api/create-checkout HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 16000\r\n\r\n",
        body: 15_000,
        refused: (0, ""),
    },
    Kind {
        name: "unsigned webhook",
        count: 100,
        head: "POST /webhook/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n",
        body: 200_000,
        refused: (100, "400"),
    },
    Kind {
        name: "oversized webhook",
        count: 100,
        head: "POST /webhook/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: t=1,v1=00\r\nContent-Length: 99999999\r\n\r\n",
        body: 200_000,
        refused: (100, "413"),
    },
    Kind {
        name: "large webhook",
        count: 200,
        head: "POST /webhook/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: t=1,v1=00\r\nContent-Length: 1048576\r\n\r\n",
        body: ALMOST,
        refused: (200 - LARGE_AT_ONCE, "503"),
    },
];

/// Callers under way: each ends with its kind's place and the status it was answered with.
type Calling = JoinSet<anyhow::Result<(usize, Option<String>)>>;

/// Sends what a caller sends and reads the status of the answer; none where the connection ended before
/// that came.
async fn call(port: u16, kind: Kind) -> anyhow::Result<Option<String>> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut from, mut to) = connection.split();
    let sending = async {
        to.write_all(kind.head.as_bytes()).await?;
        to.write_all(&BLANKS[..kind.body]).await
    };
    let mut line = [0_u8; 12];
    // The service may answer and close before all is sent.
    let (_sent, read) = tokio::join!(sending, from.read_exact(&mut line));
    Ok(read.is_ok().then(|| String::from_utf8_lossy(&line[9..]).into_owned()))
}

/// Waits until as many of each kind are refused as must be; gives the rest, who are still connected.
async fn refusals(mut calling: Calling) -> anyhow::Result<Calling> {
    let mut refused = [0; KINDS.len()];
    while refused.iter().zip(KINDS).any(|(refused, kind)| *refused < kind.refused.0) {
        let ended = tokio::time::timeout(ANSWERS_MAX, calling.join_next()).await;
        let ended = ended
            .with_context(|| format!("of {:?} only {refused:?} were refused", KINDS.map(|kind| kind.refused.0)))?;
        let (at, status) = ended.context("nobody is left")???;
        let (kind, count) = (KINDS.get(at).context("no such kind")?, refused.get_mut(at).context("no such kind")?);
        *count += 1;
        ensure!(status.as_deref().is_none_or(|status| status == kind.refused.1), "{}: {status:?}", kind.name);
        ensure!(*count <= kind.refused.0, "{}: more than {} were refused", kind.name, kind.refused.0);
    }
    Ok(calling)
}

/// Plays it; gives what was measured.
pub(super) async fn play() -> anyhow::Result<String> {
    // Both builds hold the same bytes; this one is built anyway.
    let stage = Stage::set(false).await?;
    // Nobody is given up while the others come.
    let mut server = stage.serve(&[("REQUEST_SECONDS", "600")]).await?;
    let pid = server.pid().context("the service ended")?;
    let before_mb = resident_mb(pid)?;
    let mut calling = Calling::new();
    for (at, kind) in KINDS.into_iter().enumerate() {
        for _ in 0..kind.count {
            let port = stage.port;
            calling.spawn(async move { Ok((at, call(port, kind).await?)) });
        }
    }
    let callers = calling.len();
    let waiting = refusals(calling).await?;
    healthy(&stage.sandbox, &server).await.context("with all callers connected")?;
    let (held_mb, peak_mb) = (resident_mb(pid)?, peak_mb(pid)?);
    let large = f64::from(u32::try_from(LARGE_AT_ONCE)?) * MB_PER_LARGE_MAX;
    let bound_mb = before_mb + large + f64::from(u32::try_from(callers)?) * MB_PER_CALLER_MAX;
    ensure!(peak_mb <= bound_mb, "{peak_mb:.1} MB at most, {before_mb:.1} MB before: more than {bound_mb:.1} MB");
    let left = waiting.len();
    drop(waiting);
    healthy(&stage.sandbox, &server).await.context("after all callers are gone")?;
    server.stop().await?;
    stage.sandbox.stop().await?;
    Ok(format!(
        "{callers} callers, {left} still waited for: {before_mb:.1} MB before, {held_mb:.1} MB with them, {peak_mb:.1} MB at most (bound {bound_mb:.1} MB)"
    ))
}
