//! The one way in for every imitated HTTP system: a request becomes a [`Call`], its log entry is
//! written and faults are applied here, so that no system holds code for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde_json::Value;

use crate::clock::real_millis;
use crate::faults::{Effect, Facts};
use crate::lies;
use crate::log::Entry;
use crate::world::World;

/// Largest body that is taken.
pub(crate) const BODY_MAX: usize = 1024 * 1024;

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn segments(&self) -> Vec<String> {
        let decode = |part: &str| {
            url::form_urlencoded::parse(format!("x={}", part.replace('+', "%2B")).as_bytes())
                .next()
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        self.path.trim_matches('/').split('/').map(decode).collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn query_pairs(&self) -> BTreeMap<String, String> {
        url::form_urlencoded::parse(self.query.as_bytes()).into_owned().collect()
    }

    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The words behind the status, where they matter.
    pub(crate) reason: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            reason: None,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    pub(crate) fn html(status: u16, body: String) -> Self {
        let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
        Self { status, reason: None, headers, body: body.into_bytes() }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, reason: None, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// An imitated system.
pub(crate) trait System: Send + Sync + 'static {
    /// Its name in the log and in faults.
    fn name(&self) -> &'static str;
    /// Answers a call.
    fn answer(&self, world: &Arc<World>, call: &Call) -> Reply;
    /// The attempt that a call belongs to, where that can be told.
    fn attempt(&self, _world: &Arc<World>, _call: &Call) -> Option<String> {
        None
    }
    /// Hears of a failure that a fault answered in its place.
    fn failed(&self, _world: &Arc<World>, _call: &Call, _reply: &Reply) {}
    /// Hears of a call that takes effect later …
    fn begun(&self, _world: &Arc<World>, _call: &Call) {}
    /// … and that this is about to happen, or never will.
    fn over(&self, _world: &Arc<World>, _call: &Call) {}
    /// Forgets who is logged in, where anybody can be.
    fn end_log_ins(&self, _world: &Arc<World>) {}
    /// How long an answer is kept back.
    fn held_back(&self, _world: &Arc<World>, _reply: &Reply) -> Duration {
        Duration::ZERO
    }
}

/// A system with the world it stands in.
pub(crate) struct Front {
    pub(crate) world: Arc<World>,
    pub(crate) system: Arc<dyn System>,
}

/// Answers one request.
pub(crate) async fn serve(request: HttpRequest, body: Bytes, front: web::Data<Front>) -> HttpResponse {
    let began = Instant::now();
    let call = Call {
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: body.to_vec(),
    };
    let world = &front.world;
    let attempt = front.system.attempt(world, &call);
    let facts = Facts {
        service: front.system.name(),
        method: &call.method,
        path: &call.path,
        user_agent: call.header("user-agent"),
        attempt: attempt.as_deref(),
    };
    let hit = world.faults.hit(&facts);
    let settings = world.settings();
    let latency_ms = settings.latency_ms;
    if latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(latency_ms)).await;
    }
    let fault = hit.as_ref().map(|(id, _)| *id);
    let reply = apply(&front, &call, hit.map(|(_, effect)| effect)).await;
    if let Some(reply) = &reply {
        let hold = front.system.held_back(world, reply);
        if !hold.is_zero() {
            tokio::time::sleep(hold).await;
        }
    }
    world.log.push(Entry {
        seq: 0,
        at_ms: real_millis(),
        world_now: world.clock.now(),
        service: front.system.name(),
        method: call.method.clone(),
        path: call.path.clone(),
        query: call.query.clone(),
        user_agent: call.header("user-agent").to_owned(),
        body: String::from_utf8(call.body.clone()).ok().filter(|body| !body.is_empty()),
        status: reply.as_ref().map_or(0, |reply| reply.status),
        answer: reply
            .as_ref()
            .filter(|_| settings.keep_answers)
            .map(|reply| String::from_utf8_lossy(&reply.body).into_owned()),
        duration_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        fault,
    });
    world.wake.notify_one();
    reply.map_or_else(broken, written)
}

async fn apply(front: &web::Data<Front>, call: &Call, effect: Option<Effect>) -> Option<Reply> {
    let answer = || answered(front, call);
    match effect {
        None | Some(Effect::Smtp { .. }) => Some(answer()),
        Some(Effect::Status { status, reason, body, headers }) => {
            let mut reply = body.map_or_else(|| Reply::empty(status), |body| Reply::json(status, &body));
            reply.reason = reason;
            for (name, value) in headers {
                reply = reply.with_header(&name, value);
            }
            front.system.failed(&front.world, call, &reply);
            Some(reply)
        }
        Some(Effect::Drop) => None,
        Some(Effect::ApplyAndDrop) => {
            answer();
            None
        }
        Some(Effect::Delay { ms }) => {
            let running = Running::begin(front, call);
            tokio::time::sleep(Duration::from_millis(ms)).await;
            drop(running);
            Some(answer())
        }
        Some(Effect::Slow { ms }) => {
            let reply = answer();
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Some(reply)
        }
        Some(Effect::EndLogIns) => {
            front.system.end_log_ins(&front.world);
            Some(answer())
        }
        Some(Effect::Late { ms }) => {
            let (front, call) = (front.clone(), call.clone());
            let running = Running::begin(&front, &call);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                drop(running);
                answered(&front, &call);
                front.world.wake.notify_one();
            });
            None
        }
    }
}

/// A call that has begun and takes effect later; over when dropped, be it because its asker is gone.
struct Running(web::Data<Front>, Call);

impl Running {
    fn begin(front: &web::Data<Front>, call: &Call) -> Self {
        front.system.begun(&front.world, call);
        Self(front.clone(), call.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.system.over(&self.0.world, &self.1);
    }
}

/// The system's answer, or what a lie makes of it.
fn answered(front: &Front, call: &Call) -> Reply {
    let lie = front.world.settings().lie;
    match lie {
        None => front.system.answer(&front.world, call),
        Some(lie) => lies::tell(lie, front.system.as_ref(), &front.world, call),
    }
}

/// An answer that breaks off: the client sees a closed connection.
fn broken() -> HttpResponse {
    let cut =
        futures_util::stream::once(async { Err::<Bytes, std::io::Error>(std::io::ErrorKind::ConnectionReset.into()) });
    HttpResponse::Ok().insert_header(("content-length", "1")).streaming(cut)
}

fn written(reply: Reply) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut builder = HttpResponse::build(status);
    for (name, value) in &reply.headers {
        builder.insert_header((name.as_str(), value.as_str()));
    }
    if let Some(reason) = reply.reason {
        builder.reason(interned(&reason));
    }
    builder.body(reply.body)
}

/// Status lines are written from texts that live for ever. Each distinct one is kept once; past a
/// bound the plain phrase goes out instead.
fn interned(reason: &str) -> &'static str {
    static KNOWN: std::sync::Mutex<BTreeMap<String, &'static str>> = std::sync::Mutex::new(BTreeMap::new());
    let clean: String = reason.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).collect();
    let mut known = crate::world::lock(&KNOWN);
    if let Some(text) = known.get(&clean) {
        return text;
    }
    if known.len() >= 10_000 {
        return "Internal Server Error";
    }
    let leaked: &'static str = Box::leak(clean.clone().into_boxed_str());
    known.insert(clean, leaked);
    leaked
}
