//! The file server that containers fetch their metadata from. Plain HTTP, inside the host's network.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use tamesuke_domain::ids::Vmid;
use tamesuke_domain::parts::MetadataFile;
use tamesuke_domain::ports::{Fault, System, Witness};
use tamesuke_domain::subdomain::Subdomain;
use url::Url;

use crate::http::{Answer, Answered, Errand, send_seldom};

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
        let errand = Self::errand("read a metadata file", false);
        let request = self.http.get(self.url("metadata", name.as_str())).timeout(self.timeout);
        let answer = send_seldom(errand, request, self.witness.as_ref()).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => {
                let view: Option<FileView> = serde_json::from_slice(&answer.body).ok();
                let vmid = view.and_then(|view| Vmid::try_from(view.vmid?).ok());
                Ok(Some(MetadataFile { vmid }))
            }
            _ => Err(denied(errand, &answer)),
        }
    }

    /// Writes the metadata file of a name.
    pub async fn write(&self, name: &Subdomain, content: &Value) -> Result<(), Fault> {
        let errand = Self::errand("write a metadata file", true);
        let request = self.http.put(self.url("upload", name.as_str())).timeout(self.timeout).json(content);
        let answer = send_seldom(errand, request, self.witness.as_ref()).await?;
        if answer.status.is_success() { Ok(()) } else { Err(denied(errand, &answer)) }
    }

    /// Deletes the metadata file of a name; one that is gone already is fine.
    pub async fn delete(&self, name: &Subdomain) -> Result<(), Fault> {
        let errand = Self::errand("delete a metadata file", true);
        let request = self.http.delete(self.url("upload", name.as_str())).timeout(self.timeout);
        let answer = send_seldom(errand, request, self.witness.as_ref()).await?;
        if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        Err(denied(errand, &answer))
    }

    /// Whether the server answers: a file that can't exist is "not found".
    pub async fn check(&self) -> Result<(), Fault> {
        let errand = Self::errand("read a metadata file", false);
        let request = self.http.get(self.url("metadata", "-check-")).timeout(self.timeout);
        let answer = send_seldom(errand, request, self.witness.as_ref()).await?;
        if answer.status == StatusCode::NOT_FOUND { Ok(()) } else { Err(denied(errand, &answer)) }
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
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

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
}
