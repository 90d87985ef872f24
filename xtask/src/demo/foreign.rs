//! What is somebody else's in the same Proxmox, account and zone, some with names close to ours.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// Everything foreign as it stood before a life.
pub(crate) struct Foreign {
    before: Value,
    vmids: BTreeSet<u64>,
    tunnels: BTreeSet<String>,
    records: BTreeSet<String>,
    files: BTreeSet<String>,
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

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
        let (before, sets) = seen(sandbox).await?;
        let (vmids, tunnels, records, files) = sets;
        Ok(Self { before, vmids, tunnels, records, files })
    }

    /// How many foreign things are not as they were, and how many things of ours are left over.
    pub(crate) async fn compare(&self, sandbox: &Sandbox) -> anyhow::Result<(usize, Vec<String>)> {
        let (after, (vmids, tunnels, records, files)) = seen(sandbox).await?;
        let mut changed = 0;
        for kind in ["guests", "tunnels", "records", "files"] {
            let empty = Vec::new();
            let then = self.before[kind].as_array().unwrap_or(&empty);
            let now = after[kind].as_array().unwrap_or(&empty);
            changed += then.iter().filter(|thing| !now.contains(thing)).count();
        }
        let mut left: Vec<String> = vmids.difference(&self.vmids).map(|vmid| format!("container {vmid}")).collect();
        left.extend(tunnels.difference(&self.tunnels).map(|id| format!("tunnel {id}")));
        left.extend(records.difference(&self.records).map(|id| format!("record {id}")));
        left.extend(files.difference(&self.files).map(|name| format!("file {name}")));
        Ok((changed, left))
    }
}

type Sets = (BTreeSet<u64>, BTreeSet<String>, BTreeSet<String>, BTreeSet<String>);

async fn seen(sandbox: &Sandbox) -> anyhow::Result<(Value, Sets)> {
    let state = sandbox.get("/state").await?;
    let array = |value: &Value| value.as_array().cloned().unwrap_or_default();
    // The template's lock comes and goes with clones: it is not what a life could damage.
    let guests: Vec<Value> =
        array(&state["proxmox"]["guests"]).into_iter().filter(|guest| guest["template"] != true).collect();
    let alive: Vec<Value> =
        array(&state["cloudflare"]["tunnels"]).into_iter().filter(|tunnel| tunnel["deleted_at"].is_null()).collect();
    let records = array(&state["cloudflare"]["records"]);
    let files: Vec<Value> =
        state["files"].as_object().into_iter().flatten().map(|(name, body)| json!([name, body])).collect();
    let sets = (
        guests.iter().filter_map(|guest| guest["vmid"].as_u64()).collect(),
        alive.iter().map(|tunnel| text(tunnel, "id")).collect(),
        records.iter().map(|record| text(record, "id")).collect(),
        files.iter().map(|file| file[0].as_str().unwrap_or_default().to_owned()).collect(),
    );
    Ok((json!({"guests": guests, "tunnels": alive, "records": records, "files": files}), sets))
}
