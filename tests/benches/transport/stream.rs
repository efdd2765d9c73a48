//! What has no messages of its own: raw TCP, and TLS. Both carry messages under a length, written through one buffer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::generate_simple_self_signed;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, ReadHalf, WriteHalf, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::measure::{Running, Transport};

/// Bytes of the length before each message.
const PREFIX: usize = 4;
const BUFFER: usize = 64 << 10;

/// A connection on loopback without Nagle's delay, both ends of it.
pub(crate) async fn connect() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    (near, far)
}

/// The sending end. The other echoes what it receives while it is told to.
pub(crate) struct Framed<S> {
    message: Vec<u8>,
    writer: BufWriter<WriteHalf<S>>,
    reader: ReadHalf<S>,
    received: watch::Receiver<u64>,
    echo: watch::Sender<bool>,
    sent: u64,
}

impl<S: AsyncRead + AsyncWrite + Send + 'static> Framed<S> {
    pub(crate) fn new(near: S, far: S, len: usize) -> Self {
        let (told, received) = watch::channel(0);
        let (echo, echoes) = watch::channel(false);
        tokio::spawn(receive(far, len, told, echoes));
        let (reader, writer) = split(near);
        let writer = BufWriter::with_capacity(BUFFER, writer);
        Self { message: vec![0x5a; len], writer, reader, received, echo, sent: 0 }
    }

    async fn write(&mut self) {
        self.writer.write_u32(u32::try_from(self.message.len()).unwrap()).await.unwrap();
        self.writer.write_all(&self.message).await.unwrap();
        self.sent += 1;
    }
}

/// Counts whole messages, and sends them back when it is to.
async fn receive<S: AsyncRead + AsyncWrite>(
    far: S,
    len: usize,
    told: watch::Sender<u64>,
    echoes: watch::Receiver<bool>,
) {
    let (mut reader, mut writer) = split(far);
    let (mut bytes, mut held, mut count) = (vec![0; BUFFER + PREFIX + len], 0, 0);
    while let Ok(read @ 1..) = reader.read(&mut bytes[held..]).await {
        held += read;
        let (mut at, echo) = (0, *echoes.borrow());
        while let Some(prefix) = bytes[at..held].first_chunk::<PREFIX>() {
            let end = at + PREFIX + usize::try_from(u32::from_be_bytes(*prefix)).unwrap();
            if end > held {
                break;
            }
            if echo {
                writer.write_all(&bytes[at..end]).await.unwrap();
                writer.flush().await.unwrap();
            }
            (at, count) = (end, count + 1);
        }
        bytes.copy_within(at..held, 0);
        held -= at;
        told.send_replace(count);
    }
}

impl<S: AsyncRead + AsyncWrite + Send + 'static> Transport for Framed<S> {
    fn messages(&mut self, count: u32) -> Running<'_> {
        Box::pin(async move {
            for _ in 0..count {
                self.write().await;
            }
            self.writer.flush().await.unwrap();
            let sent = self.sent;
            self.received.wait_for(|received| *received == sent).await.unwrap();
        })
    }

    fn round_trips<'a>(&'a mut self, count: u32, record: &'a mut Vec<Duration>) -> Running<'a> {
        Box::pin(async move {
            self.echo.send_replace(true);
            let mut answer = vec![0; PREFIX + self.message.len()];
            for _ in 0..count {
                let start = Instant::now();
                self.write().await;
                self.writer.flush().await.unwrap();
                self.reader.read_exact(&mut answer).await.unwrap();
                record.push(start.elapsed());
            }
            self.echo.send_replace(false);
        })
    }
}

/// Raw TCP.
pub(crate) async fn raw(len: usize) -> Box<dyn Transport> {
    let (near, far) = connect().await;
    Box::new(Framed::new(near, far, len))
}

/// TLS 1.3 with ChaCha20-Poly1305.
pub(crate) async fn tls(len: usize) -> Box<dyn Transport> {
    let provider = Arc::new(CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256],
        ..ring::default_provider()
    });
    let own = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (own.cert.der().clone(), PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let server = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![certificate], key.into()).unwrap();
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    let (near, far) = connect().await;
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let accepted = tokio::spawn(async move { acceptor.accept(far).await.unwrap() });
    let name = ServerName::try_from("localhost").unwrap();
    let near = TlsConnector::from(Arc::new(client)).connect(name, near).await.unwrap();
    let far = accepted.await.unwrap();
    Box::new(Framed::new(tokio_rustls::TlsStream::from(near), tokio_rustls::TlsStream::from(far), len))
}
