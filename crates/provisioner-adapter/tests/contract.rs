//! The real adapter, put to the contract of `Inventory` against an imitated Proxmox, Cloudflare and file
//! server.

#![expect(clippy::unwrap_used, reason = "a test that panics says what it lacks")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use tamesuke_domain::contract::inventory::{InventoryWorld, Outage, Planted, check};
use tamesuke_domain::ids::{RecordId, TunnelId, Vmid};
use tamesuke_domain::parts::VmidRange;
use tamesuke_domain::ports::{Clock, System, Witness};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::{Monotonic, Timestamp};
use tamesuke_provisioner::cloudflare::{Cloudflare, CloudflareSettings};
use tamesuke_provisioner::file_server::FileServer;
use tamesuke_provisioner::proxmox::{Proxmox, ProxmoxSettings};
use tamesuke_provisioner::tls::{Trust, client_config};
use tamesuke_provisioner::{Machines, Network};
use tamesuke_sandbox::{Addresses, Options};
use tokio::time::Instant;

const TEMPLATE: u64 = 8011;
const TIMEOUT: Duration = Duration::from_secs(10);

struct Time(Instant);

#[async_trait]
impl Clock for Time {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(0)
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_start(self.0.elapsed())
    }

    async fn sleep_until(&self, moment: Monotonic) {
        tokio::time::sleep_until(self.0 + moment.since_start()).await;
    }

    async fn jumped(&self) {
        std::future::pending::<()>().await;
    }
}

struct Nobody;

impl Witness for Nobody {
    fn answered(&self, _system: System) {}
    fn failed(&self, _system: System) {}
    fn stripe_date(&self, _date: Timestamp) {}
}

struct World {
    addresses: Addresses,
    http: reqwest::Client,
    time: Arc<Time>,
}

impl World {
    async fn control(&self, method: Method, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.addresses.control);
        let answer = self.http.request(method, url).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.control(Method::POST, path, &body).await
    }
}

#[async_trait]
impl InventoryWorld for World {
    fn monotonic(&self) -> Monotonic {
        self.time.monotonic()
    }

    async fn plant(&self, name: &Subdomain, vmid: Vmid) -> Planted {
        let number = vmid.get();
        self.post("/proxmox/guests", json!({"vmid": number, "hostname": name.as_str(), "status": "running"})).await;
        let tunnel = self.plant_tunnel(&format!("service-{number}-{name}")).await;
        self.post(&format!("/cloudflare/tunnels/{tunnel}/connect"), json!({"vmid": number})).await;
        let account = &self.addresses.credentials.cloudflare_account_id;
        let url = format!("{}/accounts/{account}/cfd_tunnel/{tunnel}/configurations", self.addresses.cloudflare);
        let rules = json!([{"hostname": format!("{name}.persys.jp"), "service": "http://localhost:80"}, {"service": "http_status:404"}]);
        let request = self.http.put(url).bearer_auth(&self.addresses.credentials.cloudflare_api_token);
        let answer = request.json(&json!({"config": {"ingress": rules}})).send().await.unwrap();
        assert!(answer.status().is_success(), "the tunnel is configured");
        let record = self.plant_record(name, "CNAME", &tunnel.target()).await;
        let file = json!({"vmid": number, "hostname": name.as_str()});
        self.control(Method::PUT, &format!("/files/metadata-{name}.json"), &file).await;
        Planted { vmid, tunnel, record }
    }

    async fn plant_record(&self, name: &Subdomain, kind: &str, content: &str) -> RecordId {
        let record = json!({"name": name.as_str(), "type": kind, "content": content, "proxied": kind == "CNAME"});
        self.post("/cloudflare/records", record).await["result"]["id"].as_str().unwrap().parse().unwrap()
    }

    async fn plant_tunnel(&self, full_name: &str) -> TunnelId {
        let tunnel = self.post("/cloudflare/tunnels", json!({"name": full_name})).await;
        tunnel["id"].as_str().unwrap().parse().unwrap()
    }

    async fn lock(&self, vmid: Vmid, lock: Option<&str>) {
        self.control(Method::PATCH, &format!("/proxmox/guests/{vmid}"), &json!({"lock": lock})).await;
    }

    async fn outage(&self, outage: Option<Outage>) {
        self.control(Method::DELETE, "/faults", &Value::Null).await;
        let state = self.control(Method::GET, "/state/proxmox", &Value::Null).await;
        if !state["guests"].as_array().unwrap().iter().any(|guest| guest["vmid"] == TEMPLATE) {
            let template = json!({"vmid": TEMPLATE, "hostname": "nginx-template", "template": true});
            self.post("/proxmox/guests", template).await;
        }
        let (service, path) = match outage {
            None => return,
            Some(Outage::Template) => {
                self.control(Method::DELETE, &format!("/proxmox/guests/{TEMPLATE}"), &Value::Null).await;
                return;
            }
            Some(Outage::Guests) => ("proxmox", "/api2/json/cluster/resources"),
            Some(Outage::Tunnels) => ("cloudflare", "*/cfd_tunnel"),
            Some(Outage::Records) => ("cloudflare", "*/dns_records"),
            Some(Outage::Files) => ("files", "/metadata/*"),
        };
        let effect = json!({"kind": "status", "status": 503});
        self.post("/faults", json!({"service": service, "method": "GET", "path": path, "effect": effect})).await;
    }

    async fn forget_connections(&self) {
        self.control(Method::PUT, "/settings", &json!({"linger_ms": 0})).await;
    }
}

/// A lie of the sandbox, where somebody checks whether this suite notices.
fn options() -> Options {
    let lie = std::env::var("TAMESUKE_SANDBOX_LIE").ok();
    let lie = lie.map(|name| serde_json::from_value(json!(name)).unwrap());
    Options { lie, time_scale: 0.01, ..Options::default() }
}

fn machines(addresses: &Addresses, http: &reqwest::Client, time: &Arc<Time>) -> Machines {
    let mine = &addresses.credentials;
    let witness: Arc<dyn Witness> = Arc::new(Nobody);
    let trust = Trust::CaFile(addresses.proxmox_ca_file.clone());
    let tls = client_config(&trust).unwrap();
    let builder = || reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let proxmox = Proxmox::new(
        builder().tls_backend_preconfigured(tls).build().unwrap(),
        ProxmoxSettings {
            base: format!("https://{}/api2/json", addresses.proxmox).parse().unwrap(),
            user: mine.proxmox_user.clone(),
            password: mine.proxmox_password.clone().into(),
            node: mine.proxmox_node.clone(),
            timeout: TIMEOUT,
        },
        Arc::clone(&witness),
        time.clone(),
    );
    let cloudflare = Cloudflare::new(
        http.clone(),
        CloudflareSettings {
            base: addresses.cloudflare.parse().unwrap(),
            token: mine.cloudflare_api_token.clone().into(),
            account_id: mine.cloudflare_account_id.clone(),
            zone_id: mine.cloudflare_zone_id.clone(),
            timeout: TIMEOUT,
        },
        Arc::clone(&witness),
    );
    let files_at = format!("http://{}", addresses.file_server).parse().unwrap();
    let files = FileServer::new(http.clone(), files_at, TIMEOUT, witness);
    let vmid = |number: u64| Vmid::try_from(number).unwrap();
    let network = Network {
        service_domain: "persys.jp".to_owned(),
        trial_url: addresses.trial_url.clone(),
        vmids: VmidRange { first: vmid(9_100), last: vmid(9_199) },
        templates: BTreeMap::from([("nginx".to_owned(), vmid(TEMPLATE))]),
        tunnels_max: 1_000,
        probe_timeout: TIMEOUT,
    };
    // Names below `localhost` are this machine; not every resolver knows.
    let ingress = addresses.ingress.trim_start_matches("http://").parse().unwrap();
    let names = ["b", "a-b", "gone", "nobody"].map(|name| format!("{name}.localhost"));
    let probe = names.iter().fold(builder(), |builder, name| builder.resolve(name, ingress)).build().unwrap();
    Machines::new((proxmox, cloudflare, files), network, probe, time.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_machines_keep_the_contract_of_inventory() {
    let sandbox = tamesuke_sandbox::start(options()).await.unwrap();
    let addresses = sandbox.addresses.clone();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let time = Arc::new(Time(Instant::now()));
    let machines = machines(&addresses, &http, &time);
    let world = World { addresses, http, time };
    let record = std::env::var_os("TAMESUKE_EXCHANGES").map(std::path::PathBuf::from);
    if record.is_some() {
        world.control(Method::PUT, "/settings", &json!({"keep_answers": true})).await;
    }
    check(&machines, &world).await;
    if let Some(dir) = record {
        // What this adapter asked is held against public schemas elsewhere.
        let exchanges = world.control(Method::GET, "/requests", &Value::Null).await;
        std::fs::write(dir.join("provisioner-adapter.json"), exchanges.to_string()).unwrap();
    }
    sandbox.stop().await;
}
