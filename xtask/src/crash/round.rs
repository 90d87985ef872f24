//! One round: orders and kills at once, until all trials stand; their end, killed too; and the judgement.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use super::kill::Victim;
use super::life::{Order, Placed, Twist, order};
use super::phase::Phase;
use super::standing::hollow;
use super::trial::{Trial, trials};
use super::verdict::{Known, judge, shared};
use super::watch::Watch;
use super::{Outcome, Programs};
use crate::demo::{Server, healthy, start_server};
use crate::draw::Draw;
use crate::ports::free_port;
use crate::processes::root;
use crate::sandbox::Sandbox;
use crate::world::{Things, array};

/// Real time that a stage may take once the kills are over. Guards against a round that hangs; nothing is
/// judged by it.
const STAGE_MAX: Duration = Duration::from_secs(180);
/// A mail that is not there after so long of real time waits for the world's clock.
const MAIL_PATIENCE: Duration = Duration::from_secs(4);
/// The waits between hand-overs of unknown outcome, in seconds: what the clock is moved by.
const MAIL_WAITS: [i64; 5] = [601, 3_601, 21_601, 86_401, 86_401];
/// The period of each trial and a little.
const PERIOD_SECS: i64 = 7 * 86_400 + 60;
/// How much of the kills before all trials stand is aimed at a living run.
const AT_RUNS_PERCENT: u64 = 85;

/// The settings of a round that are shorter than a real installation's.
const SHORTER: [(&str, &str); 8] = [
    ("POLL_SECONDS", "1"),
    ("RESYNC_SECONDS", "20"),
    ("SPACING_SECONDS", "0"),
    ("PROVISION_TIMEOUT", "30"),
    ("SILENCE_SECONDS", "40"),
    ("GIVE_UP_ATTEMPTS", "20"),
    ("PROVISIONER_POLL_SECONDS", "0.1"),
    ("PROVISIONER_READY_POLL_SECONDS", "0.2"),
];

/// A round in play.
pub(super) struct Round {
    pub(super) sandbox: Sandbox,
    pub(super) draw: Draw,
    pub(super) kills: Vec<(Phase, Victim)>,
    pub(super) outlived: Vec<String>,
    /// How long a script was seen alive after the service, of each kill of it.
    pub(super) outlived_by: Vec<Duration>,
    /// Whether the service was killed while a run of it was held.
    pub(super) run_was_held: bool,
    programs: Programs,
    number: u64,
    port: u16,
    pub(super) watch: Watch,
    shared: Vec<String>,
    hollow: Vec<String>,
}

impl Round {
    /// Plays a round to its end.
    pub(super) async fn play(programs: Programs, seed: u64, number: u64) -> anyhow::Result<Outcome> {
        let port = free_port()?;
        let webhook = format!("http://127.0.0.1:{port}/webhook/stripe");
        let sandbox = Sandbox::start(&programs.bin, &webhook, &["--time-scale".to_owned(), "0.02".to_owned()]).await?;
        let mut round = Self {
            sandbox,
            draw: Draw::new(seed, number),
            kills: Vec::new(),
            outlived: Vec::new(),
            outlived_by: Vec::new(),
            run_was_held: false,
            watch: Watch::default(),
            programs,
            number,
            port,
            shared: Vec::new(),
            hollow: Vec::new(),
        };
        let mut server = round.start()?;
        let played = round.with_server(&mut server).await;
        let stopped = server.stop().await;
        let mut outcome = played.map_err(|error| server.failed(error))?;
        stopped?;
        outcome.verdict.outlived = round.outlived;
        outcome.outlived_by = round.outlived_by;
        outcome.run_was_held = round.run_was_held;
        outcome.verdict.shared = round.shared;
        outcome.verdict.hollow = round.hollow;
        outcome.kills = round.kills;
        server.state_dir().clone_into(&mut outcome.folder);
        round.sandbox.stop().await?;
        Ok(outcome)
    }

    pub(super) fn start(&self) -> anyhow::Result<Server> {
        let script = root().join("provisioner.py");
        start_server(&self.programs.bin, &self.sandbox, (&self.programs.python, &script), self.port, (true, &SHORTER))
    }

    pub(super) async fn healthy(&self, server: &Server) -> anyhow::Result<()> {
        healthy(&self.sandbox, server).await
    }

    async fn with_server(&mut self, server: &mut Server) -> anyhow::Result<Outcome> {
        self.healthy(server).await?;
        self.plant_foreign().await?;
        let before = Things::now(&self.sandbox).await?;
        let placed = self.order_and_kill(server).await?;
        let in_the_way: Vec<Value> = placed.iter().filter_map(|one| one.foreign_record.clone()).collect();
        let before = before.with_records(&in_the_way);
        let twists = placed.into_iter().map(|one| (one.name, one.twist)).collect();
        self.all_stand(server).await.context("until all trials stand")?;
        self.hollow = hollow(&self.sandbox, &self.sandbox.get("/state").await?).await?;
        if self.draw.percent(50) {
            self.kill(server, 0).await?;
        }
        self.mails(server, |trial| if trial.canceled { None } else { Some("welcome") })
            .await
            .context("welcome mails")?;
        let kills_until_end = self.kills_of_service();
        self.sandbox.jump(PERIOD_SECS).await?;
        for _ in 0..self.draw.between(1, 2) {
            self.kill(server, 0).await?;
        }
        self.nothing_left(server, &before).await.context("until nothing is left")?;
        self.mails(server, |trial| Some(trial.last_mail())).await.context("last mails")?;
        let state = self.sandbox.get("/state").await?;
        let all = trials(&state);
        ensure!(!all.is_empty(), "nobody paid");
        let refunded = all.iter().filter(|trial| trial.refunds > 0).count();
        let kills_after_end = self.kills_of_service() - kills_until_end;
        let known = Known { before: &before, twists: &twists, kills_until_end, kills_after_end };
        Ok(Outcome { verdict: judge(&state, &known), trials: all.len(), refunded, ..Outcome::default() })
    }

    /// Other people's things, some under the very names that will be ordered.
    async fn plant_foreign(&self) -> anyhow::Result<()> {
        for n in 0..3 {
            let name = self.name(n);
            let guest = json!({"vmid": 9_500 + n, "hostname": name, "status": "running"});
            self.sandbox.post("/proxmox/guests", guest).await?;
            self.sandbox.post("/proxmox/guests", json!({"vmid": 200 + n, "hostname": name})).await?;
            for tunnel in [format!("service-{}-x-{name}", 9_700 + n), format!("my-service-9001-{name}")] {
                self.sandbox.post("/cloudflare/tunnels", json!({"name": tunnel})).await?;
            }
            let record = json!({"name": format!("x-{name}"), "type": "CNAME", "content": "elsewhere.example.com"});
            self.sandbox.post("/cloudflare/records", record).await?;
            let file = format!("/files/metadata-x-{name}.json");
            self.sandbox.control(reqwest::Method::PUT, &file, Some(json!({"somebody": "else"}))).await?;
        }
        Ok(())
    }

    fn name(&self, n: u64) -> String {
        format!("k{}-{n}", self.number % 10_000)
    }

    fn kills_of_service(&self) -> usize {
        self.kills.iter().filter(|(_, victim)| *victim == Victim::Service).count()
    }

    async fn order_and_kill(&mut self, server: &mut Server) -> anyhow::Result<Vec<Placed>> {
        let orders: Vec<Order> = (0..self.draw.between(3, 5))
            .map(|n| {
                let twist = Twist::draw(&mut self.draw);
                Order { name: self.name(n), twist, after_ms: self.draw.between(0, 700) }
            })
            .collect();
        let kills = self.draw.between(4, 7);
        let (url, control) = (server.url.clone(), self.sandbox.beside());
        let ordering = tokio::spawn(async move {
            let mut placed = Vec::new();
            for one in &orders {
                placed.push(order(&control, &url, one).await.with_context(|| format!("the order of {}", one.name))?);
            }
            anyhow::Ok(placed)
        });
        self.first_order().await?;
        for _ in 0..kills {
            self.kill(server, AT_RUNS_PERCENT).await?;
            self.look_for_sharing(&self.sandbox.get("/state").await?);
        }
        self.healthy(server).await?;
        ordering.await?
    }

    async fn first_order(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        while array(&self.sandbox.get("/state/stripe").await?["checkout_sessions"]).is_empty() {
            ensure!(began.elapsed() < STAGE_MAX, "nobody ordered");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    fn look_for_sharing(&mut self, state: &Value) {
        for found in shared(state) {
            if !self.shared.contains(&found) {
                self.shared.push(found);
            }
        }
    }

    /// Asks the world until it is as wanted; the service must live meanwhile.
    async fn until(&mut self, server: &Server, wanted: impl Fn(&Value) -> Result<(), String>) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let state = self.sandbox.get("/state").await?;
            self.look_for_sharing(&state);
            match wanted(&state) {
                Ok(()) => return Ok(()),
                Err(seen) if began.elapsed() >= STAGE_MAX => bail!("within {} s: {seen}", STAGE_MAX.as_secs()),
                Err(_) => {}
            }
            if let Some(status) = server.ended() {
                bail!("the service ended by itself with {status}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn all_stand(&mut self, server: &Server) -> anyhow::Result<()> {
        self.until(server, |state| {
            let waiting: Vec<String> =
                trials(state).iter().filter(|trial| !trial.stands()).filter_map(Trial::unsettled).collect();
            if waiting.is_empty() { Ok(()) } else { Err(waiting.join("; ")) }
        })
        .await
    }

    async fn nothing_left(&mut self, server: &Server, before: &Things) -> anyhow::Result<()> {
        self.until(server, |state| {
            let left = before.added(&Things::of(state));
            let live: Vec<String> = trials(state).iter().filter(|t| !t.canceled).filter_map(Trial::unsettled).collect();
            if left.is_empty() && live.is_empty() { Ok(()) } else { Err(format!("{left:?} {live:?}")) }
        })
        .await
    }

    /// Waits for a mail of each trial; one whose outcome a kill made unknown comes when the world's clock
    /// has moved.
    async fn mails(&mut self, server: &Server, due: impl Fn(&Trial<'_>) -> Option<&'static str>) -> anyhow::Result<()> {
        let mut missing = Vec::new();
        for wait_secs in MAIL_WAITS {
            let began = Instant::now();
            loop {
                let state = self.sandbox.get("/state").await?;
                let lacks = |trial: &Trial<'_>| {
                    let kind = due(trial)?;
                    (!trial.has_mail(kind)).then(|| format!("{} of {}", kind, trial.name))
                };
                missing = trials(&state).iter().filter_map(lacks).collect();
                if missing.is_empty() {
                    return Ok(());
                }
                if let Some(status) = server.ended() {
                    bail!("the service ended by itself with {status}");
                }
                if began.elapsed() >= MAIL_PATIENCE {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            self.sandbox.jump(wait_secs).await?;
        }
        bail!("never sent: {missing:?}")
    }
}
