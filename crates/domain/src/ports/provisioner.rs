//! Runs of the provisioning script, started and then observed like everything else.

use async_trait::async_trait;

use super::Fault;
use crate::catalog::{ApplicationId, Days};
use crate::look::RunView;
use crate::order::Email;
use crate::subdomain::Subdomain;

/// What a run is to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOrder {
    /// The name.
    pub subdomain: Subdomain,
    /// What is tried.
    pub application: ApplicationId,
    /// For how long.
    pub days: Days,
    /// The customer's address; the script writes it into the metadata file. Empty where Stripe has none.
    pub email: Option<Email>,
}

/// Starts, shows and stops runs.
///
/// Implementers MUST show a run of an earlier process of this host that still lives as alive, MUST
/// NOT start a second run for a name, and MUST kill a run's whole process group when they stop it.
#[async_trait]
pub trait Provisioner: Send + Sync {
    /// Starts a run. It goes on by itself; `look` shows how it fares.
    async fn start(&self, order: RunOrder) -> Result<(), Fault>;

    /// What is known of the name's newest run.
    fn look(&self, name: &Subdomain) -> RunView;

    /// Whether some run is between its start and "container cloned".
    fn lane_busy(&self) -> bool;

    /// Kills the name's run and waits for its end; nothing happens where there is none.
    async fn stop(&self, name: &Subdomain);

    /// Kills all runs and waits for their end.
    async fn stop_all(&self);

    /// Resolves with a name whose run has reached another step or ended.
    async fn changed(&self) -> Subdomain;
}
