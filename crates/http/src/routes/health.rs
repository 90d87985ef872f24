//! `GET /health`: never leaves the process.

use std::sync::{Mutex, PoisonError};

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use serde::ser::{Serialize, SerializeMap, Serializer};
use tamesuke_domain::ports::{Role, System};
use tamesuke_engine::Health;
use utoipa::ToSchema;

use crate::app::Web;

/// A system that answered at all within that long is well, in seconds: two resyncs.
const QUIET_MAX_SECS: u64 = 1_200;
/// A system that is asked seldom is not well once more than that, in seconds, lies between the first and the
/// last of its failures: a mail to a customer that is not taken is tried again every ten minutes, a note to
/// the operator never.
const FAILING_MAX_SECS: u64 = 3_600;
/// A clock further off than that is reported, in seconds.
const CLOCK_OFF_MAX_SECS: i64 = 60;

/// How the service fares.
#[derive(serde::Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct Answer {
    /// Whether all checks are well.
    status: Status,
    version: &'static str,
    uptime_seconds: u64,
    /// Names that wait or are worked on.
    queue_depth: usize,
    /// One for the engine, the first listing, the lease, the clock, and each outside system.
    #[schema(value_type = std::collections::BTreeMap<String, CheckShape>)]
    checks: Checks,
    /// Why it does not work yet, with a 503.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Degraded,
}

/// One check as it is described: the four below have these fields between them.
#[derive(ToSchema)]
#[schema(as = HealthCheck)]
#[expect(dead_code, reason = "only its description is read")]
struct CheckShape {
    ok: bool,
    /// `worker` or `standby`; of the lease.
    #[schema(required = false)]
    role: Option<String>,
    /// Of an outside system; null before its first answer.
    #[schema(required = false)]
    last_answer_seconds_ago: Option<u64>,
    /// Of the file server and the mail server: from the first to the last of the tries that have failed
    /// since one did not; null where the last one did not.
    #[schema(required = false)]
    failing_seconds: Option<u64>,
    /// Of the clock: how far it is from Stripe's; null where that is not known.
    #[schema(required = false)]
    off_seconds: Option<i64>,
}

#[derive(serde::Serialize)]
struct Check {
    ok: bool,
}

#[derive(serde::Serialize)]
struct LeaseCheck {
    ok: bool,
    role: &'static str,
}

#[derive(serde::Serialize)]
struct SystemCheck {
    ok: bool,
    last_answer_seconds_ago: Option<u64>,
    failing_seconds: Option<u64>,
}

#[derive(serde::Serialize)]
struct ClockCheck {
    ok: bool,
    off_seconds: Option<i64>,
}

/// Everything that is looked at, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Checks {
    health: Health,
    ago_secs: [Option<u64>; System::ALL.len()],
    failing_secs: [Option<u64>; System::ALL.len()],
    clock_off_secs: Option<i64>,
}

/// The last answer and what it says. Most of a second's answers are the same, and a probe that asks
/// often should cost little.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Option<(u64, Checks, Bytes)>>);

impl Checks {
    fn clock_ok(&self) -> bool {
        self.clock_off_secs.is_none_or(|off| off.abs() <= CLOCK_OFF_MAX_SECS)
    }

    fn systems(&self) -> impl Iterator<Item = (System, SystemCheck)> {
        let seen = self.ago_secs.into_iter().zip(self.failing_secs);
        System::ALL.into_iter().zip(seen).map(|(system, (ago, failing))| {
            let ok = match system {
                System::Stripe | System::Proxmox | System::Cloudflare => ago.is_some_and(|ago| ago <= QUIET_MAX_SECS),
                System::FileServer | System::Smtp => failing.is_none_or(|failing| failing <= FAILING_MAX_SECS),
                System::Provisioner => true,
            };
            (system, SystemCheck { ok, last_answer_seconds_ago: ago, failing_seconds: failing })
        })
    }

    fn all_well(&self) -> bool {
        self.health.running && self.health.resynced && self.clock_ok() && self.systems().all(|(_, check)| check.ok)
    }
}

impl Serialize for Checks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let role = match self.health.role {
            Role::Worker => "worker",
            Role::Standby => "standby",
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("engine", &Check { ok: self.health.running })?;
        map.serialize_entry("first_resync", &Check { ok: self.health.resynced })?;
        map.serialize_entry("lease", &LeaseCheck { ok: true, role })?;
        for (system, check) in self.systems() {
            map.serialize_entry(system.as_str(), &check)?;
        }
        map.serialize_entry("clock", &ClockCheck { ok: self.clock_ok(), off_seconds: self.clock_off_secs })?;
        map.end()
    }
}

#[utoipa::path(
    get,
    path = "/health",
    tag = "service",
    responses(
        (status = 200, description = "It works; `degraded` where something is not well.", body = Answer),
        (status = 503, description = "It does not work yet, or no longer; `reason` says why.", body = Answer),
    )
)]
pub(crate) async fn health(web: web::Data<Web>) -> actix_web::Result<HttpResponse> {
    let checks = Checks {
        health: web.engine.health(),
        ago_secs: web.outside.last_answers().map(|ago| ago.map(|ago| ago.as_secs())),
        failing_secs: web.outside.failing().map(|failing| failing.map(|failing| failing.as_secs())),
        clock_off_secs: web.outside.clock_off_secs(),
    };
    let reason = match (checks.health.running, checks.health.resynced) {
        (false, _) => Some("the engine does not run"),
        (true, false) => Some("the first listing of Stripe is not done yet"),
        (true, true) => None,
    };
    let status = if reason.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let body = web.health.body(web.settings.version, web.started.elapsed().as_secs(), checks, reason)?;
    Ok(HttpResponse::build(status).content_type("application/json").body(body))
}

impl Kept {
    fn body(
        &self,
        version: &'static str,
        uptime_seconds: u64,
        checks: Checks,
        reason: Option<&'static str>,
    ) -> serde_json::Result<Bytes> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((uptime, of, body)) = kept.as_ref()
            && *uptime == uptime_seconds
            && *of == checks
        {
            return Ok(body.clone());
        }
        let answer = Answer {
            status: if checks.all_well() { Status::Ok } else { Status::Degraded },
            version,
            uptime_seconds,
            queue_depth: checks.health.queue_depth,
            checks: checks.clone(),
            reason,
        };
        let body = Bytes::from(serde_json::to_vec(&answer)?);
        *kept = Some((uptime_seconds, checks, body.clone()));
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn calm(health: Health) -> Checks {
        let (ago_secs, failing_secs) = ([Some(1); System::ALL.len()], [None; System::ALL.len()]);
        Checks { health, ago_secs, failing_secs, clock_off_secs: Some(0) }
    }

    #[test]
    fn a_mail_server_that_has_failed_for_more_than_an_hour_is_not_well() {
        let health = Health { running: true, resynced: true, role: Role::Worker, queue_depth: 0 };
        let told = |system: System, ago, failing| {
            let mut checks = calm(health);
            let at = System::ALL.iter().position(|known| *known == system).unwrap();
            (checks.ago_secs[at], checks.failing_secs[at]) = (ago, failing);
            let body = Kept::default().body("1", 1, checks, None).unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            let check = body["checks"][system.as_str()].clone();
            (
                body["status"].as_str().unwrap().to_owned(),
                check["ok"].as_bool().unwrap(),
                check["failing_seconds"].as_u64(),
            )
        };
        let well = |failing| ("ok".to_owned(), true, failing);
        for system in [System::Smtp, System::FileServer] {
            assert_eq!(told(system, None, None), well(None), "never tried");
            assert_eq!(told(system, Some(90_000), None), well(None), "long not needed");
            assert_eq!(told(system, None, Some(FAILING_MAX_SECS)), well(Some(FAILING_MAX_SECS)));
            let late = FAILING_MAX_SECS + 1;
            assert_eq!(told(system, Some(9), Some(late)), ("degraded".to_owned(), false, Some(late)));
        }
    }

    #[test]
    fn an_answer_is_kept_only_while_it_is_true() {
        let health = Health { running: true, resynced: true, role: Role::Worker, queue_depth: 0 };
        let calm = calm(health);
        let kept = Kept::default();
        let answer = |uptime, checks: &Checks| -> Value {
            serde_json::from_slice(&kept.body("1", uptime, checks.clone(), None).unwrap()).unwrap()
        };
        assert_eq!(answer(1, &calm)["status"], "ok");
        assert_eq!(answer(1, &calm), answer(1, &calm));
        assert_eq!(answer(2, &calm)["uptime_seconds"], 2);
        let busy = Checks { health: Health { queue_depth: 7, ..health }, ..calm.clone() };
        assert_eq!(answer(2, &busy)["queue_depth"], 7);
        let mut quiet = calm.clone();
        quiet.ago_secs[0] = Some(QUIET_MAX_SECS + 1);
        assert_eq!(answer(2, &quiet)["status"], "degraded");
        assert_eq!(answer(2, &calm)["status"], "ok");
    }
}
