//! The sweeper on the real binary: leftovers of forgotten trials go, a few at a time, and nothing else does.
//!
//! The world is an hour-old one in which trials ended long ago and their parts were left behind, beside
//! living trials and things of other people with names close to theirs.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::sandbox::until;
use crate::stage::Stage;
use crate::world::{Things, array};

/// Trials that ended long ago: `t9001` to `t9003`.
const OLD: [u64; 3] = [9_001, 9_002, 9_003];
/// Trials that live: `t9101` and `t9102`.
const LIVING: u64 = 9_101;
/// Long enough for every list of the service to have forgotten a trial, in seconds.
const LONG_AGO_SECS: i64 = 90 * 86_400;
/// How long the service may take to sweep by itself: a few of the shortest resyncs.
const BY_ITSELF_MAX: Duration = Duration::from_secs(90);
/// How near the end of its grace a thing is looked at: longer than a few dry runs take.
const GRACE_EDGE_SECS: u64 = 60;

/// The stage with what belongs to whom.
struct Yard(Stage);

/// Runs all of it; gives what was seen.
pub(crate) async fn run() -> anyhow::Result<String> {
    let yard = Yard(Stage::set(false).await?);
    // Nobody is to hear of the old trials: a hint would make the reconciler look at them.
    yard.0.sandbox.post("/stripe/webhooks", json!({"paused": true})).await?;
    yard.leave_behind(&OLD).await?;
    yard.0.sandbox.jump(LONG_AGO_SECS).await?;
    yard.0.seed(LIVING, 2).await?;
    yard.plant_foreign().await?;
    let others = yard.others().await?;
    yard.look_only(&others).await.context("a dry run")?;
    yard.grace().await.context("grace")?;
    yard.refused_beside_a_server().await.context("beside a server")?;
    yard.a_few_at_a_time(&others).await.context("a sweep by hand")?;
    yard.by_itself(&others).await.context("the service's own sweep")?;
    yard.0.sandbox.stop().await?;
    Ok("12 leftovers of 3 forgotten trials removed, nothing else touched".to_owned())
}

impl Yard {
    /// Trials that ended and were thanked, all of whose parts are still there.
    async fn leave_behind(&self, vmids: &[u64]) -> anyhow::Result<()> {
        for vmid in vmids {
            self.0.seed(*vmid, 1).await?;
        }
        let stripe = self.0.sandbox.get("/state/stripe").await?;
        for subscription in array(&stripe["subscriptions"]) {
            let id = subscription["id"].as_str().unwrap_or_default();
            let customer = subscription["customer"].as_str().unwrap_or_default();
            let mark = format!("thankyou:sent@{}", subscription["created"]);
            self.stripe(reqwest::Method::DELETE, &format!("subscriptions/{id}"), "").await?;
            self.stripe(
                reqwest::Method::POST,
                &format!("customers/{customer}"),
                &format!("metadata[tmsk_mail]={mark}"),
            )
            .await?;
        }
        Ok(())
    }

    async fn stripe(&self, method: reqwest::Method, path: &str, body: &str) -> anyhow::Result<()> {
        let url = format!("{}/v1/{path}", self.0.sandbox.address("stripe").trim_end_matches('/'));
        let request =
            self.0.sandbox.http.request(method, url).bearer_auth(self.0.sandbox.credential("stripe_secret_key"));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(body.to_owned());
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// Other people's things: an administrator's copies under the trials' own names, names close to
    /// theirs, tunnels made by hand, guests in the range, and ordinary records of the zone.
    async fn plant_foreign(&self) -> anyhow::Result<()> {
        for (vmid, hostname) in [
            (9_500, "t9001"),
            (9_501, "t9101"),
            (9_502, "lonely"),
            (200, "t9001"),
            (9_503, "Own_One"),
            (9_504, "t9101"),
        ] {
            self.0
                .sandbox
                .post("/proxmox/guests", json!({"vmid": vmid, "hostname": hostname, "status": "running"}))
                .await?;
        }
        for name in [
            "service-9600-nobody",
            "service-9601-x-t9001",
            "service-9602-t9001",
            "my-service-9001-t9001",
            "office",
            "service-9504-t9101",
            "service-9603-t9101",
        ] {
            self.0.sandbox.post("/cloudflare/tunnels", json!({"name": name})).await?;
        }
        for (name, kind, content) in [
            ("www", "A", "192.0.2.1"),
            ("shop", "CNAME", "elsewhere.example.com"),
            ("x-t9001", "CNAME", "d1744f8b-faa1-48a4-9e5c-02ac921467fb.cfargotunnel.com"),
            ("t9001.sub", "A", "192.0.2.2"),
        ] {
            self.0.sandbox.post("/cloudflare/records", json!({"name": name, "type": kind, "content": content})).await?;
        }
        let file = Some(json!({"vmid": 9_601, "somebody": "else"}));
        self.0.sandbox.control(reqwest::Method::PUT, "/files/metadata-x-t9001.json", file).await.map(|_| ())
    }

    /// Everything that no sweep may touch: all but the parts of the old trials.
    async fn others(&self) -> anyhow::Result<Things> {
        let mut state = self.0.sandbox.get("/state").await?;
        let old: Vec<String> = OLD.iter().map(|vmid| format!("t{vmid}")).collect();
        let is_old = |thing: &Value| {
            let made_for = |name: &String| {
                let vmid = &name[1..];
                thing["vmid"].as_u64().is_some_and(|number| format!("t{number}") == *name)
                    || thing["name"] == format!("service-{vmid}-{name}").as_str()
                    || thing["name"] == format!("{name}.persys.jp").as_str()
            };
            old.iter().any(made_for)
        };
        for (system, kind) in [("proxmox", "guests"), ("cloudflare", "tunnels"), ("cloudflare", "records")] {
            if let Some(things) = state[system][kind].as_array_mut() {
                things.retain(|thing| !is_old(thing));
            }
        }
        if let Some(files) = state["files"].as_object_mut() {
            files.retain(|file, _| !old.iter().any(|name| *file == format!("metadata-{name}.json")));
        }
        Ok(Things::of(&state))
    }

    async fn left_over(&self) -> anyhow::Result<usize> {
        let now = Things::now(&self.0.sandbox).await?;
        Ok(self.others().await?.added(&now).len())
    }

    async fn sweep(&self, dry_run: bool, more: &[(&str, &str)]) -> anyhow::Result<Swept> {
        let arguments: &[&str] = if dry_run { &["sweep", "--dry-run"] } else { &["sweep"] };
        let output = self.0.command(arguments, more).await?;
        Ok(Swept {
            code: output.status.code(),
            lines: String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// A dry run tells all and writes nothing.
    async fn look_only(&self, others: &Things) -> anyhow::Result<()> {
        let before = Things::now(&self.0.sandbox).await?;
        self.0.sandbox.control(reqwest::Method::DELETE, "/requests", None).await?;
        let Swept { code, lines, stderr } = self.sweep(true, &[("SWEEP_DELETIONS_MAX", "100")]).await?;
        ensure!(code == Some(0), "it ended with {code:?}: {stderr}");
        let log = self.0.sandbox.get("/requests").await?;
        let wrote = |entry: &&Value| entry["method"] != "GET" && entry["path"] != "/api2/json/access/ticket";
        let written: Vec<_> = array(&log).iter().filter(wrote).map(|entry| entry["path"].clone()).collect();
        ensure!(written.is_empty(), "a dry run wrote: {written:?}");
        let changed = before.changed(&Things::now(&self.0.sandbox).await?);
        ensure!(changed.is_empty() && others.changed(&before).is_empty(), "a dry run changed {changed:?}");
        let text = lines.join("\n");
        for vmid in OLD {
            let of_name = format!(" of t{vmid}");
            let removals = lines.iter().filter(|l| l.starts_with("remove ") && l.ends_with(&of_name)).count();
            ensure!(removals == 4, "{removals} removals of t{vmid} in:\n{text}");
        }
        for told in [
            "leave container 9500 of t9001: there is no tunnel service-9500-t9001",
            "leave container 9501 of t9101: there is no tunnel service-9501-t9101",
            "leave container 9504 of t9101: its tunnel service-9504-t9101 is not ours",
            "(service-9603-t9101) of t9101: it was made outside every attempt's window and no trial recorded it",
            "leave container 9101 of t9101: a trial of that name is not over, the service looks after it",
            "leave container 9102 of t9102: a trial of that name is not over, the service looks after it",
            "leave container 9502 of lonely: there is no tunnel service-9502-lonely",
            "leave container 9503: its name is not a trial's",
            "(service-9600-nobody) of nobody: Stripe knows no trial of that name",
            "(service-9601-x-t9001) of x-t9001: Stripe knows no trial of that name",
            "(service-9602-t9001) of t9001: it was made outside every attempt's window and no trial recorded it",
            "leave metadata file of x-t9001: Stripe knows no trial of that name",
            "(A) of www: it leads to no tunnel of ours",
            "(CNAME) of shop: it leads to no tunnel of ours",
            "(CNAME) of x-t9001: it leads to no tunnel of ours",
        ] {
            ensure!(
                lines.iter().any(|line| line.ends_with(told) && !line.starts_with("remove")),
                "no line {told} in:\n{text}"
            );
        }
        ensure!(lines.last().is_some_and(|line| line.starts_with("12 to remove, ")), "the last line of:\n{text}");
        Ok(())
    }

    /// Grace holds until its last minute, and no longer. The last thing that happened to the old trials was
    /// three months ago; how long exactly is read off what is left of a longer one.
    async fn grace(&self) -> anyhow::Result<()> {
        let secs = 99_999_999;
        let left = self.left_of_grace(secs).await?.context("grace was not told")?;
        let age = secs - left;
        let edge = self.left_of_grace(age + GRACE_EDGE_SECS).await?.context("grace was not kept to its end")?;
        ensure!((1..=GRACE_EDGE_SECS).contains(&edge), "{edge} of the last {GRACE_EDGE_SECS} s are left");
        ensure!(self.left_of_grace(age).await?.is_none(), "grace was kept beyond its end");
        Ok(())
    }

    /// The seconds of grace that a dry run tells as left, the same for all; none where it would remove all.
    async fn left_of_grace(&self, grace_secs: u64) -> anyhow::Result<Option<u64>> {
        let grace = grace_secs.to_string();
        let lines = self.sweep(true, &[("SWEEP_GRACE_SECONDS", &grace), ("SWEEP_DELETIONS_MAX", "100")]).await?.lines;
        let removals = lines.iter().filter(|line| line.starts_with("remove")).count();
        let told = lines.iter().filter_map(|line| line.split_once("too young, ")?.1.split(' ').next()?.parse().ok());
        let told: Vec<u64> = told.collect();
        match (removals, told.len()) {
            (12, 0) | (0, 12) => Ok(told.into_iter().max()),
            _ => anyhow::bail!("{removals} removals and {} too young: {lines:?}", told.len()),
        }
    }

    async fn refused_beside_a_server(&self) -> anyhow::Result<()> {
        let mut server = self.0.serve(&[("RESYNC_SECONDS", "3600")]).await?;
        until("the lease", Duration::from_secs(10), || async {
            let health: Value = self.0.sandbox.http.get(format!("{}/health", server.url)).send().await?.json().await?;
            let role = health["checks"]["lease"]["role"].clone();
            Ok(if role == "worker" { Ok(()) } else { Err(role.to_string()) })
        })
        .await?;
        let Swept { code, lines, stderr } = self.sweep(false, &[]).await?;
        ensure!(code == Some(1) && lines.is_empty(), "it ended with {code:?} and said {lines:?}");
        ensure!(stderr.contains("holds the lease"), "it did not say why: {stderr}");
        let Swept { code, stderr, .. } = self.sweep(true, &[]).await?;
        ensure!(code == Some(0), "a dry run needs no lease: {stderr}");
        let left = self.left_over().await?;
        ensure!(left == 12, "{left} of 12 leftovers are there");
        server.stop().await
    }

    /// Five parts a sweep: the first trial's four in their order, and one of the next.
    async fn a_few_at_a_time(&self, others: &Things) -> anyhow::Result<()> {
        self.0.sandbox.control(reqwest::Method::DELETE, "/requests", None).await?;
        let Swept { code, lines, stderr } = self.sweep(false, &[("SWEEP_DELETIONS_MAX", "5")]).await?;
        ensure!(code == Some(0), "it ended with {code:?}: {stderr}");
        let text = lines.join("\n");
        let held = lines.iter().filter(|line| line.ends_with("5 parts are as many as one sweep removes")).count();
        ensure!(
            held == 7 && lines.last().is_some_and(|line| line.starts_with("5 removed, ")),
            "{held} held back in:\n{text}"
        );
        let left = self.left_over().await?;
        ensure!(left == 7, "{left} leftovers are there after five removals");
        let log = self.0.sandbox.get("/requests").await?;
        let removed: Vec<&str> = array(&log)
            .iter()
            .filter(|entry| entry["method"] == "DELETE")
            .filter_map(|entry| kind_of(entry["path"].as_str()?))
            .collect();
        ensure!(removed == ["record", "file", "container", "tunnel", "record"], "the order was {removed:?}");
        let changed = others.changed(&Things::now(&self.0.sandbox).await?);
        ensure!(changed.is_empty(), "not ours, but changed: {changed:?}");
        Ok(())
    }

    /// The service sweeps after a resync, a few parts at a time, until nothing is left.
    async fn by_itself(&self, others: &Things) -> anyhow::Result<()> {
        let mut server = self.0.serve(&[("RESYNC_SECONDS", "10"), ("SWEEP_DELETIONS_MAX", "4")]).await?;
        until("an empty world", BY_ITSELF_MAX, || async {
            let left = self.left_over().await?;
            Ok(if left == 0 { Ok(()) } else { Err(format!("{left} leftovers")) })
        })
        .await?;
        let now = Things::now(&self.0.sandbox).await?;
        let changed = others.changed(&now);
        ensure!(changed.is_empty(), "not ours, but changed: {changed:?}");
        ensure!(now.about("t9102") == 4, "a living trial has {} parts", now.about("t9102"));
        let log = server.log_text().unwrap_or_default();
        let told = log.lines().filter(|line| line.contains("sweep: leave container 9502 of lonely")).count();
        ensure!(told == 1, "what stays was told {told} times");
        few_a_pass(&log)?;
        // Events of three months ago are none of the poll's: it was the sweeper, part by part.
        let by_reconciler = log.lines().filter(|line| line.contains("action=remove")).count();
        ensure!(by_reconciler == 0, "{by_reconciler} parts were removed because old events were dug up");
        server.stop().await
    }
}

/// Of seven leftovers the first pass of the service removed four, and told of the three that had to wait.
fn few_a_pass(log: &str) -> anyhow::Result<()> {
    let removed = |lines: &[&str]| {
        let deed = |line: &&str| Some(line.split_once("sweep: remove ")?.1.split_once(" subdomain=")?.0.to_owned());
        lines.iter().filter_map(deed).collect::<BTreeSet<String>>().len()
    };
    let lines: Vec<&str> = log.lines().collect();
    let held = |line: &&str| line.contains("4 parts are as many as one sweep removes");
    let told = lines.iter().position(held).context("nothing was held back")?;
    let (first, all) = (removed(&lines[..told]), removed(&lines));
    ensure!((first, all) == (4, 7), "{first} of {all} parts were removed in the first pass");
    let waited = lines.iter().filter(|line| held(line)).count();
    ensure!(waited == 3, "{waited} parts were told to have waited");
    Ok(())
}

/// How a sweep by hand ended, and what it said.
struct Swept {
    code: Option<i32>,
    lines: Vec<String>,
    stderr: String,
}

/// What a deletion was of.
fn kind_of(path: &str) -> Option<&'static str> {
    if path.ends_with("/connections") {
        return None;
    }
    [("dns_records", "record"), ("/upload/", "file"), ("/lxc/", "container"), ("cfd_tunnel", "tunnel")]
        .into_iter()
        .find(|(part, _)| path.contains(part))
        .map(|(_, kind)| kind)
}
