//! TLS with rustls: a self-signed certificate, acceptors and connectors.

use std::sync::Arc;

use futures_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use futures_rustls::rustls::{self, ClientConfig, RootCertStore, ServerConfig};
use futures_rustls::{TlsAcceptor, TlsConnector};
use rcgen::{Certificate, CertifiedKey, KeyPair, generate_simple_self_signed};

/// A self-signed certificate and its key, for servers on this machine.
#[derive(Debug)]
pub struct Identity {
    certificate: Certificate,
    key: KeyPair,
}

impl Identity {
    /// Creates a certificate for these names.
    ///
    /// # Errors
    /// If a name is invalid, or the system has no randomness.
    pub fn new(names: &[&str]) -> Result<Self, rcgen::Error> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names)?;
        Ok(Self {
            certificate: cert,
            key: signing_key,
        })
    }

    /// Returns the certificate, for clients that have to trust it.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        self.certificate.der()
    }

    /// Returns the certificate as PEM text, which other programs read from a file.
    pub fn certificate_pem(&self) -> String {
        self.certificate.pem()
    }

    /// Returns the key as PEM text.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Returns the key, as PKCS #8.
    pub fn key_der(&self) -> Vec<u8> {
        self.key.serialize_der()
    }

    /// Returns an acceptor for connections with this certificate, for HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// Those of rustls.
    pub fn acceptor(&self) -> Result<TlsAcceptor, rustls::Error> {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate().clone()], key.into())?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config).into())
    }
}

/// Returns a connector to servers whose certificates these roots sign, for one of these protocols.
///
/// # Errors
/// Those of rustls.
pub fn connector(roots: RootCertStore, protocols: &[&str]) -> Result<TlsConnector, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let names = protocols.iter().map(|name| name.as_bytes().to_vec());
    config.alpn_protocols = names.collect();
    Ok(Arc::new(config).into())
}

/// Returns the implementation of cryptography.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
