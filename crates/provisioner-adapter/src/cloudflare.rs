//! Cloudflare's tunnels and DNS records, as far as trials need them.

mod envelope;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tamesuke_domain::ids::{RecordId, TunnelId};
use tamesuke_domain::parts::{DnsRecord, Tunnel};
use tamesuke_domain::ports::{Fault, System, Witness};
use tamesuke_domain::time::Timestamp;
use url::Url;

use crate::budget::Budget;
use crate::http::{Errand, send};
use envelope::{Denied, Envelope, open};

/// Objects asked for on one page: the most that tunnels allow (Cloudflare's public schema).
const PAGE: usize = 1_000;
/// Most pages of one list.
const PAGES_MAX: usize = 200;

/// Where Cloudflare is and what of it is ours.
#[derive(Debug, Clone)]
pub struct CloudflareSettings {
    /// `https://api.cloudflare.com/client/v4`, or a sandbox.
    pub base: Url,
    /// The API token.
    pub token: SecretString,
    /// The account.
    pub account_id: String,
    /// The zone.
    pub zone_id: String,
    /// How long one call may take.
    pub timeout: Duration,
}

/// A client for Cloudflare.
pub struct Cloudflare {
    http: reqwest::Client,
    settings: CloudflareSettings,
    witness: Arc<dyn Witness>,
    budget: Budget,
}

/// A DNS record with the name it stands under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRecord {
    /// The full name, in lower case.
    pub name: String,
    /// The record.
    pub record: DnsRecord,
}

#[derive(Deserialize)]
struct TunnelView {
    id: String,
    name: String,
    created_at: Option<String>,
    deleted_at: Option<String>,
}

#[derive(Deserialize)]
struct RecordView {
    id: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    content: String,
}

impl Cloudflare {
    /// A client on the shared HTTP client.
    pub fn new(http: reqwest::Client, settings: CloudflareSettings, witness: Arc<dyn Witness>) -> Self {
        Self { http, settings, witness, budget: Budget::default() }
    }

    fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.settings.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn call<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Option<T>, Denied> {
        self.enveloped(operation, method, url, body).await.map(|envelope| envelope.result)
    }

    async fn enveloped<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Envelope<T>, Denied> {
        self.budget.spend().await;
        let errand = Errand { system: System::Cloudflare, operation, writes: method != Method::GET };
        let mut request = self
            .http
            .request(method, url)
            .timeout(self.settings.timeout)
            .bearer_auth(self.settings.token.expose_secret());
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = send(errand, request, self.witness.as_ref()).await.map_err(Denied::Other)?;
        open(errand, &answer)
    }

    /// A whole list. It may give fewer on a page than were asked for, so that a short page proves
    /// nothing: the walk ends with an empty page or when all that it counts are there. A list from which
    /// something went while it was walked is a failed read, for what followed may have been passed over.
    async fn list<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, Fault> {
        let errand = Errand { system: System::Cloudflare, operation, writes: false };
        let per_page = PAGE.to_string();
        let (mut all, mut counted) = (Vec::new(), None);
        for page in 1..=PAGES_MAX {
            let page = page.to_string();
            let mut query = query.to_vec();
            query.extend([("page", page.as_str()), ("per_page", per_page.as_str())]);
            let read = self.enveloped::<Vec<T>>(operation, Method::GET, self.url(segments, &query), None).await?;
            let items = read.result.ok_or_else(|| errand.unreadable("result"))?;
            let total = read.result_info.and_then(|info| info.total_count);
            if counted.is_some() && total.is_some() && total < counted {
                return Err(errand.unreadable("a list that changes"));
            }
            counted = total;
            let ended = items.is_empty();
            all.extend(items);
            match counted {
                Some(total) if all.len() >= total => return Ok(all),
                Some(_) if ended => return Err(errand.unreadable("a list shorter than it says")),
                None if ended => return Ok(all),
                Some(_) | None => {}
            }
        }
        Err(errand.unreadable("a list without an end"))
    }

    /// All tunnels that are not deleted.
    pub async fn tunnels(&self) -> Result<Vec<Tunnel>, Fault> {
        let operation = "list tunnels";
        let segments = ["accounts", &self.settings.account_id, "cfd_tunnel"];
        let views: Vec<TunnelView> = self.list(operation, &segments, &[("is_deleted", "false")]).await?;
        let errand = Errand { system: System::Cloudflare, operation, writes: false };
        views
            .into_iter()
            .filter(|view| view.deleted_at.is_none())
            .map(|view| view.parse().ok_or_else(|| errand.unreadable("a tunnel")))
            .collect()
    }

    /// All DNS records of the zone.
    pub async fn records(&self) -> Result<Vec<NamedRecord>, Fault> {
        let operation = "list DNS records";
        let segments = ["zones", &self.settings.zone_id, "dns_records"];
        let views: Vec<RecordView> = self.list(operation, &segments, &[]).await?;
        let errand = Errand { system: System::Cloudflare, operation, writes: false };
        views.into_iter().map(|view| view.parse().ok_or_else(|| errand.unreadable("a DNS record"))).collect()
    }

    /// Reads a DNS record again; none if it is gone.
    pub async fn record(&self, id: &RecordId) -> Result<Option<NamedRecord>, Fault> {
        let operation = "read a DNS record";
        let url = self.url(&["zones", &self.settings.zone_id, "dns_records", id.as_str()], &[]);
        match self.call::<RecordView>(operation, Method::GET, url, None).await {
            Ok(view) => Ok(view.and_then(RecordView::parse)),
            Err(Denied::Missing) => Ok(None),
            Err(denied) => Err(denied.into()),
        }
    }

    /// Deletes a DNS record; one that is gone already is fine.
    pub async fn delete_record(&self, id: &RecordId) -> Result<(), Fault> {
        let url = self.url(&["zones", &self.settings.zone_id, "dns_records", id.as_str()], &[]);
        match self.call::<Value>("delete a DNS record", Method::DELETE, url, None).await {
            Ok(_) | Err(Denied::Missing) => Ok(()),
            Err(denied) => Err(denied.into()),
        }
    }

    /// Makes the proxied CNAME that leads a name to a tunnel.
    pub async fn create_record(&self, name: &str, tunnel: &TunnelId) -> Result<(), Fault> {
        let url = self.url(&["zones", &self.settings.zone_id, "dns_records"], &[]);
        let body = json!({"type": "CNAME", "name": name, "content": tunnel.target(), "proxied": true, "ttl": 1});
        self.call::<Value>("create a DNS record", Method::POST, url, Some(&body)).await?;
        Ok(())
    }

    /// A tunnel's token. A secret.
    pub async fn token(&self, id: &TunnelId) -> Result<SecretString, Fault> {
        let operation = "read a tunnel's token";
        let url = self.url(&["accounts", &self.settings.account_id, "cfd_tunnel", id.as_str(), "token"], &[]);
        let token: Option<String> = self.call(operation, Method::GET, url, None).await?;
        let errand = Errand { system: System::Cloudflare, operation, writes: false };
        token.map(SecretString::from).ok_or_else(|| errand.unreadable("result"))
    }

    /// Reads a tunnel again; none if it is deleted.
    pub async fn tunnel(&self, id: &TunnelId) -> Result<Option<Tunnel>, Fault> {
        let operation = "read a tunnel";
        let url = self.url(&["accounts", &self.settings.account_id, "cfd_tunnel", id.as_str()], &[]);
        match self.call::<TunnelView>(operation, Method::GET, url, None).await {
            Ok(Some(view)) if view.deleted_at.is_none() => Ok(view.parse()),
            Ok(_) | Err(Denied::Missing) => Ok(None),
            Err(denied) => Err(denied.into()),
        }
    }

    /// Deletes a tunnel after closing its connections; `false` while Cloudflare still tracks some.
    pub async fn delete_tunnel(&self, id: &TunnelId) -> Result<bool, Fault> {
        let tunnel = ["accounts", &self.settings.account_id, "cfd_tunnel", id.as_str()];
        let connections = [tunnel.as_slice(), &["connections"]].concat();
        match self
            .call::<Value>("close a tunnel's connections", Method::DELETE, self.url(&connections, &[]), None)
            .await
        {
            Ok(_) | Err(Denied::Missing) => {}
            Err(denied) => return Err(denied.into()),
        }
        match self.call::<Value>("delete a tunnel", Method::DELETE, self.url(&tunnel, &[]), None).await {
            Ok(_) | Err(Denied::Missing) => Ok(true),
            Err(Denied::ActiveConnections) => Ok(false),
            Err(denied) => Err(denied.into()),
        }
    }

    /// Whether the token is good for tunnels and for DNS.
    pub async fn check(&self) -> Result<(), Fault> {
        let tunnels = self.url(&["accounts", &self.settings.account_id, "cfd_tunnel"], &[("per_page", "1")]);
        self.call::<Value>("list tunnels", Method::GET, tunnels, None).await?;
        let records = self.url(&["zones", &self.settings.zone_id, "dns_records"], &[("per_page", "5")]);
        self.call::<Value>("list DNS records", Method::GET, records, None).await?;
        Ok(())
    }
}

impl TunnelView {
    fn parse(self) -> Option<Tunnel> {
        let created: jiff::Timestamp = self.created_at?.parse().ok()?;
        Some(Tunnel { id: self.id.parse().ok()?, name: self.name, created: Timestamp::from_unix(created.as_second()) })
    }
}

impl RecordView {
    fn parse(self) -> Option<NamedRecord> {
        let record = DnsRecord { id: self.id.parse().ok()?, kind: self.kind, content: self.content };
        Some(NamedRecord { name: self.name.to_ascii_lowercase(), record })
    }
}

#[cfg(test)]
mod tests;
