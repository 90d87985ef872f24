//! `cargo xtask load`: many at once, and outages. Nothing here is judged by how fast it went: only by
//! counts in the sandbox's own log, and by bounds that follow from settings.

mod budget;
mod callers;
mod hints;
mod outage;
mod unheard;

use std::time::Instant;

use anyhow::bail;

use crate::folders;

/// What is loaded.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Options {
    /// One scene only.
    scene: Option<Scene>,
    /// An outage of ten minutes instead of one.
    #[arg(long)]
    long: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Scene {
    /// A thousand webhooks at once: all answered, none lost.
    Webhooks,
    /// Ten thousand names that wait: bounded memory.
    Waiting,
    /// Neither webhooks nor the list of events: one resync is enough.
    Unheard,
    /// Stripe is down for a while: few failing calls, and no stampede when it is back.
    Outage,
    /// Six hundred callers who are slow, send too much, or stop half-way: bounded memory.
    Callers,
    /// Five hundred trials and fifty sign-ups: within Cloudflare's budget.
    Budget,
}

const ALL: [Scene; 6] = [Scene::Webhooks, Scene::Waiting, Scene::Unheard, Scene::Outage, Scene::Callers, Scene::Budget];

/// Those that take about a minute or less each: what `cargo xtask test` plays.
const QUICK: [Scene; 3] = [Scene::Webhooks, Scene::Waiting, Scene::Unheard];

/// Plays the quick scenes; gives what was counted.
pub(crate) async fn quick() -> anyhow::Result<String> {
    play_scenes(&QUICK, false).await
}

/// Plays scenes; gives what was counted.
async fn play_scenes(scenes: &[Scene], long: bool) -> anyhow::Result<String> {
    let (mut lines, mut failed) = (Vec::new(), 0);
    for &scene in scenes {
        let began = Instant::now();
        let outcome = match scene {
            Scene::Webhooks => hints::a_thousand().await,
            Scene::Waiting => hints::ten_thousand_wait().await,
            Scene::Unheard => unheard::play().await,
            Scene::Outage => outage::play(if long { 600 } else { 60 }).await,
            Scene::Callers => callers::play().await,
            Scene::Budget => budget::play().await,
        };
        // Each is a world of its own, whose log tells nothing of another one's failure.
        folders::settle(outcome.is_ok());
        let secs = began.elapsed().as_secs();
        let line = match outcome {
            Ok(counted) => format!("{scene:?}: {counted} ({secs} s)"),
            Err(error) => {
                failed += 1;
                format!("{scene:?} FAILED: {error:#} ({secs} s)")
            }
        };
        println!("{line}");
        lines.push(line);
    }
    if failed > 0 {
        bail!("{}", lines.join("\n"));
    }
    Ok(format!("{} scenes", lines.len()))
}

/// The command.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let scenes = options.scene.map_or_else(|| ALL.to_vec(), |scene| vec![scene]);
    play_scenes(&scenes, options.long).await.map(|_| ())
}
