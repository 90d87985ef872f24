//! The file server that containers fetch their metadata from. Plain HTTP, inside the host's network.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tamesuke_domain::ids::Vmid;
use tamesuke_domain::parts::MetadataFile;
use tamesuke_domain::ports::{Fault, System, Witness};
use tamesuke_domain::subdomain::Subdomain;
use url::Url;

use crate::http::{Answer, Answered, Errand, send_seldom};

/// A name that no trial can have.
const CHECK: &str = "-check-";

/// A client for the file server.
pub struct FileServer {
    http: reqwest::Client,
    base: Url,
    timeout: Duration,
    witness: Arc<dyn Witness>,
}

#[derive(Deserialize)]
struct FileView {
    vmid: Option<u64>,
}

impl FileServer {
    /// A client for the server at `base`.
    pub fn new(http: reqwest::Client, base: Url, timeout: Duration, witness: Arc<dyn Witness>) -> Self {
        Self { http, base, timeout, witness }
    }

    fn url(&self, folder: &str, name: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/{folder}/metadata-{name}.json"));
        url
    }

    fn errand(operation: &'static str, writes: bool) -> Errand {
        Errand { system: System::FileServer, operation, writes }
    }

    /// The metadata file of a name; none where there is none.
    pub async fn read(&self, name: &Subdomain) -> Result<Option<MetadataFile>, Fault> {
        Ok(self.get(name.as_str()).await?.map(|body| {
            let view: Option<FileView> = serde_json::from_slice(&body).ok();
            MetadataFile { vmid: view.and_then(|view| Vmid::try_from(view.vmid?).ok()) }
        }))
    }

    /// Writes the metadata file of a name.
    pub async fn write(&self, name: &Subdomain, content: &Value) -> Result<(), Fault> {
        self.put(name.as_str(), content).await
    }

    /// Deletes the metadata file of a name; one that is gone already is fine.
    pub async fn delete(&self, name: &Subdomain) -> Result<(), Fault> {
        self.remove(name.as_str()).await
    }

    /// Whether the server keeps a file, serves it and lets go of it again: one whose name can't be a trial's.
    pub async fn check(&self) -> Result<(), Fault> {
        let content = json!({"check": std::process::id()});
        self.put(CHECK, &content).await?;
        let served = self.get(CHECK).await;
        // Gone before anything is said of what was served, so that nothing is left behind.
        self.remove(CHECK).await?;
        let errand = Self::errand("read a metadata file", false);
        let body = served?.ok_or_else(|| errand.refused("what is put under upload is not served under metadata"))?;
        if serde_json::from_slice::<Value>(&body).ok() != Some(content) {
            return Err(errand.refused("what is served under metadata is not what was put under upload"));
        }
        match self.get(CHECK).await? {
            None => Ok(()),
            Some(_) => Err(errand.refused("a file that was deleted is still served")),
        }
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        let errand = Self::errand("read a metadata file", false);
        let request = self.http.get(self.url("metadata", name)).timeout(self.timeout);
        let answer = send_seldom(errand, request, self.witness.as_ref()).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(answer.body)),
            _ => Err(denied(errand, &answer)),
        }
    }

    async fn put(&self, name: &str, content: &Value) -> Result<(), Fault> {
        let errand = Self::errand("write a metadata file", true);
        let request = self.http.put(self.url("upload", name)).timeout(self.timeout).json(content);
        let answer = send_seldom(errand, request, self.witness.as_ref()).await?;
        if answer.status.is_success() { Ok(()) } else { Err(denied(errand, &answer)) }
    }

    async fn remove(&self, name: &str) -> Result<(), Fault> {
        let errand = Self::errand("delete a metadata file", true);
        let request = self.http.delete(self.url("upload", name)).timeout(self.timeout);
        let answer = send_seldom(errand, request, self.witness.as_ref()).await?;
        if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        Err(denied(errand, &answer))
    }
}

fn denied(errand: Errand, answer: &Answer) -> Fault {
    let cause = Answered { status: answer.status.as_u16(), text: answer.reason.clone() };
    match answer.status.as_u16() {
        500.. => errand.unclear(cause),
        429 => errand.retryable(answer.retry_after, cause),
        _ => errand.refused(cause),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tamesuke_domain::time::Timestamp;
    use wiremock::matchers::{any, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    /// Keeps the last thing that was told.
    #[derive(Default)]
    struct Told(Mutex<Option<(System, &'static str)>>);

    impl Witness for Told {
        fn answered(&self, system: System) {
            *self.0.lock().unwrap() = Some((system, "answered"));
        }
        fn failed(&self, system: System) {
            *self.0.lock().unwrap() = Some((system, "failed"));
        }
        fn stripe_date(&self, _: Timestamp) {}
    }

    #[tokio::test]
    async fn a_server_that_is_away_or_says_not_now_is_told_to_fail() {
        // Only the first of all tests of a process sets it.
        let _known = rustls::crypto::ring::default_provider().install_default();
        let server = MockServer::start().await;
        let told = Arc::new(Told::default());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let files = FileServer::new(http, server.uri().parse().unwrap(), Duration::from_secs(5), told.clone());
        let name: Subdomain = "acme".parse().unwrap();
        for (status, is) in [(404, "answered"), (503, "failed"), (403, "answered"), (429, "failed")] {
            server.reset().await;
            Mock::given(any()).respond_with(ResponseTemplate::new(status)).mount(&server).await;
            *told.0.lock().unwrap() = None;
            let outcome = files.read(&name).await;
            assert_eq!(*told.0.lock().unwrap(), Some((System::FileServer, is)), "{status}: {outcome:?}");
        }
        *told.0.lock().unwrap() = None;
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let away = format!("http://{closed}").parse().unwrap();
        let files = FileServer::new(http, away, Duration::from_secs(5), told.clone());
        assert!(files.delete(&name).await.is_err());
        assert_eq!(*told.0.lock().unwrap(), Some((System::FileServer, "failed")));
    }

    struct Nobody;

    impl Witness for Nobody {
        fn answered(&self, _: System) {}
        fn failed(&self, _: System) {}
        fn stripe_date(&self, _: Timestamp) {}
    }

    /// A server that takes and deletes, and serves these bodies one after the other; none is a 404.
    async fn verdict(bodies: [Option<Value>; 2]) -> (Result<(), String>, usize) {
        // Only the first of all tests of a process sets it.
        let _known = rustls::crypto::ring::default_provider().install_default();
        let outside = MockServer::start().await;
        for (verb, status) in [("PUT", 201), ("DELETE", 204)] {
            let file = Mock::given(method(verb)).and(path("/upload/metadata--check-.json"));
            file.respond_with(ResponseTemplate::new(status)).mount(&outside).await;
        }
        for body in bodies {
            let answer =
                body.map_or_else(|| ResponseTemplate::new(404), |body| ResponseTemplate::new(200).set_body_json(body));
            let file = Mock::given(method("GET")).and(path("/metadata/metadata--check-.json"));
            file.respond_with(answer).up_to_n_times(1).mount(&outside).await;
        }
        let base = outside.uri().parse().unwrap();
        let files = FileServer::new(reqwest::Client::new(), base, Duration::from_secs(5), Arc::new(Nobody));
        let verdict = files.check().await.map_err(|fault| fault.chain());
        let requests = outside.received_requests().await.unwrap();
        (verdict, requests.iter().filter(|request| request.method == "DELETE").count())
    }

    #[tokio::test]
    async fn a_server_is_good_only_if_it_serves_what_it_was_given_until_it_is_deleted_and_nothing_is_left() {
        let ours = Some(json!({"check": std::process::id()}));
        for (served, words) in [
            ([ours.clone(), None], None),
            ([None, None], Some("is not served")),
            ([Some(json!({"check": "x"})), None], Some("is not what was put")),
            ([ours.clone(), ours], Some("is still served")),
        ] {
            let (verdict, deleted) = verdict(served).await;
            match words {
                None => assert_eq!(verdict, Ok(())),
                Some(words) => assert!(verdict.clone().is_err_and(|why| why.contains(words)), "{words}: {verdict:?}"),
            }
            assert_eq!(deleted, 1, "{words:?}");
        }
    }
}
