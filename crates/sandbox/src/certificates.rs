//! A certificate authority of this start, and what it signs: Proxmox's certificate and one for the
//! names of the service domain.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};

use crate::start::StartError;

/// What the listeners need.
pub(crate) struct Certificates {
    pub(crate) ca_file: PathBuf,
    pub(crate) fingerprint: String,
    pub(crate) machines: Arc<ServerConfig>,
    pub(crate) trials: Arc<ServerConfig>,
}

impl Certificates {
    pub(crate) fn make(dir: &Path, service_domain: &str) -> Result<Self, StartError> {
        let wrong = |error: rcgen::Error| StartError::Certificates(Box::new(error));
        let ca_key = KeyPair::generate().map_err(wrong)?;
        let mut ca = CertificateParams::new(Vec::new()).map_err(wrong)?;
        ca.distinguished_name.push(DnType::CommonName, "Tamesuke sandbox CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_certificate = ca.self_signed(&ca_key).map_err(wrong)?;
        let ca_file = dir.join("sandbox-ca.pem");
        std::fs::write(&ca_file, ca_certificate.pem()).map_err(StartError::DataDir)?;
        let issuer = Issuer::new(ca, ca_key);
        let (machines, fingerprint) = leaf(&issuer, vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        let (trials, _) = leaf(&issuer, vec![service_domain.to_owned(), format!("*.{service_domain}")])?;
        Ok(Self { ca_file, fingerprint, machines, trials })
    }
}

fn leaf(issuer: &Issuer<'_, KeyPair>, names: Vec<String>) -> Result<(Arc<ServerConfig>, String), StartError> {
    let wrong = |error: rcgen::Error| StartError::Certificates(Box::new(error));
    let key = KeyPair::generate().map_err(wrong)?;
    let certificate = CertificateParams::new(names).map_err(wrong)?.signed_by(&key, issuer).map_err(wrong)?;
    let der = certificate.der().clone();
    let pairs: Vec<String> = Sha256::digest(&der).iter().map(|byte| format!("{byte:02X}")).collect();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::Certificates(Box::new(error)))?
        .with_no_client_auth()
        .with_single_cert(vec![der], private)
        .map_err(|error| StartError::Certificates(Box::new(error)))?;
    Ok((Arc::new(config), pairs.join(":")))
}
