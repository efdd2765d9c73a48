//! Endpoints over TLS: whose certificate is trusted, and whose is not.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::stub::Stub;
use crate::agents::http::Endpoint;

/// Where the other process finds the endpoint.
const URL: &str = "MFP_TEST_URL";

async fn post(url: &str) -> anyhow::Result<Vec<u8>> {
    let endpoint = Endpoint::new(url, Duration::from_secs(10), 1, 100)?;
    Ok(endpoint.post(|request| Ok(request.body("x"))).await?.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_checked() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key).unwrap();
    let stub = Stub::with_tls(TlsAcceptor::from(Arc::new(config)), vec![("200 OK", "", "sealed".to_owned())]).await;
    post(&stub.url).await.unwrap_err();
    assert!(stub.seen().is_empty(), "nothing is said to who is not trusted");

    // What is trusted is read from the environment, which a process cannot change safely for itself.
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("certificates.pem");
    let encoded = base64::engine::general_purpose::STANDARD.encode(own.cert.der());
    std::fs::write(&file, format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n")).unwrap();
    let mut trusting = Command::new(std::env::current_exe().unwrap());
    trusting
        .args(["--exact", "--ignored", "agents::tests::tls::trusting"])
        .env("SSL_CERT_FILE", file)
        .env(URL, &stub.url);
    let output = tokio::task::spawn_blocking(move || trusting.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
#[ignore = "for the test above, in a process of its own"]
async fn trusting() {
    let url = std::env::var(URL).expect("started by the test above");
    assert_eq!(post(&url).await.unwrap(), b"sealed");
}
