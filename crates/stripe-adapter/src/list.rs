//! Walks Stripe's lists to their end. A list that is not complete is a failed read.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tamesuke_domain::ports::{Fault, System};

use crate::client::{Call, Client};
use crate::error::Unreadable;

/// The largest page Stripe gives.
pub(crate) const PAGE: i64 = 100;
/// Most pages of one walk: 100,000 objects.
const PAGES_MAX: usize = 1_000;

/// One page of a list.
#[derive(Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) data: Vec<T>,
    #[serde(default)]
    pub(crate) has_more: bool,
}

/// An object that a next page can start from.
pub(crate) trait Listed {
    /// Its id.
    fn id(&self) -> &str;
}

impl Client {
    /// Reads all pages; `page` builds the request for the page after, or before, the object of that id.
    pub(crate) async fn list<T: DeserializeOwned + Listed>(
        &self,
        operation: &'static str,
        backwards: bool,
        page: impl Fn(Option<&str>) -> stripe_client_core::RequestBuilder,
    ) -> Result<Vec<T>, Fault> {
        let mut all: Vec<T> = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let call = Call { operation, request: page(cursor.as_deref()), key: None };
            let Page { data, has_more } = self.send::<Page<T>>(call).await?;
            // Pages are newest first; going backwards in time the last is the next cursor, going
            // forwards from a known one the first is.
            let next = if backwards { data.first() } else { data.last() };
            cursor = next.map(|item| item.id().to_owned());
            all.extend(data);
            if !has_more || cursor.is_none() {
                return Ok(all);
            }
        }
        Err(Fault::Retryable {
            system: System::Stripe,
            operation,
            retry_after: None,
            cause: Box::new(Unreadable::EndlessList(PAGES_MAX)),
        })
    }
}
