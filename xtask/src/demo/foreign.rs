//! What is somebody else's in the same Proxmox, account and zone, some with names close to ours.

use serde_json::json;

use crate::sandbox::Sandbox;
use crate::world::Things;

/// Everything foreign as it stood before a life.
pub(crate) struct Foreign(Things);

impl Foreign {
    /// Plants it once and notes how it stands.
    pub(crate) async fn plant(sandbox: &Sandbox, names: &[String], number: usize) -> anyhow::Result<Self> {
        if number == 0 {
            for (index, name) in names.iter().enumerate() {
                let offset = u64::try_from(index).unwrap_or(0);
                // An administrator's container under a trial's own name, and one with a name close to it.
                sandbox
                    .post("/proxmox/guests", json!({"vmid": 9_500 + offset, "hostname": name, "status": "running"}))
                    .await?;
                sandbox.post("/proxmox/guests", json!({"vmid": 200 + offset, "hostname": name})).await?;
                sandbox
                    .post("/cloudflare/tunnels", json!({"name": format!("service-{}-x-{name}", 9_700 + offset)}))
                    .await?;
                sandbox.post("/cloudflare/tunnels", json!({"name": format!("my-service-9001-{name}")})).await?;
                sandbox
                    .post(
                        "/cloudflare/records",
                        json!({"name": format!("x-{name}"), "type": "CNAME", "content": "elsewhere.example.com"}),
                    )
                    .await?;
                sandbox
                    .post(
                        "/cloudflare/records",
                        json!({"name": format!("{name}.sub"), "type": "A", "content": "192.0.2.1"}),
                    )
                    .await?;
                let file = format!("/files/metadata-x-{name}.json");
                sandbox
                    .control(reqwest::Method::PUT, &file, Some(json!({"vmid": 9_700 + offset, "somebody": "else"})))
                    .await?;
            }
            sandbox.post("/cloudflare/records", json!({"name": "www", "type": "A", "content": "192.0.2.2"})).await?;
        }
        Ok(Self(Things::now(sandbox).await?))
    }

    /// Which foreign things are not byte for byte as they were, and which things of ours are left over.
    pub(crate) async fn compare(&self, sandbox: &Sandbox) -> anyhow::Result<(Vec<String>, Vec<String>)> {
        let now = Things::now(sandbox).await?;
        Ok((self.0.changed(&now), self.0.added(&now)))
    }
}
