//! A run that does not end by itself: its call is held back for longer than anybody waits for its end.

use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::world::array;

/// For how long, in milliseconds: beyond the end of what is tested, for the sandbox goes on with a call whose asker
/// is gone. The script's client waits a minute for Cloudflare and then asks again.
const HELD_BACK_MS: u64 = 600_000;

/// Holds back what each run asks after it made its tunnel: that tunnel's token. It is a read, for a write would
/// take effect after its asker's death.
#[derive(Debug)]
pub(crate) struct Hold {
    /// The fault's id.
    id: Value,
}

impl Hold {
    /// Begins it.
    pub(crate) async fn begin(sandbox: &Sandbox) -> anyhow::Result<Self> {
        let rule = json!({"service": "cloudflare", "method": "GET", "path": "*/cfd_tunnel/*/token",
            "user_agent_not_prefix": "tamesuke/", "effect": {"kind": "delay", "ms": HELD_BACK_MS}});
        Ok(Self { id: sandbox.post("/faults", rule).await?["id"].take() })
    }

    /// Whether a run has met it.
    pub(crate) async fn is_met(&self, sandbox: &Sandbox) -> anyhow::Result<bool> {
        let faults = sandbox.get("/faults").await?;
        Ok(array(&faults).iter().any(|fault| fault["id"] == self.id && fault["hits"] != 0))
    }

    /// Ends it for whoever asks from now on.
    pub(crate) async fn end(self, sandbox: &Sandbox) -> anyhow::Result<()> {
        sandbox.control(reqwest::Method::DELETE, &format!("/faults/{}", self.id), None).await.map(|_| ())
    }
}
