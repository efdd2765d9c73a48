//! An HTTP server that says what it is told to, and remembers what it was asked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request, its header names in lower case.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) line: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// A status line's rest, more headers, and a body.
pub(super) type Response = (&'static str, &'static str, String);

#[derive(Clone)]
pub(super) struct Stub {
    pub(super) url: String,
    pub(super) requests: Arc<Mutex<Vec<Request>>>,
    /// In turn; the last one stays.
    responses: Arc<Mutex<VecDeque<Response>>>,
}

impl Stub {
    pub(super) async fn new(responses: Vec<Response>) -> Self {
        Self::start("http", responses, None).await
    }

    /// The same over TLS.
    pub(super) async fn with_tls(tls: TlsAcceptor, responses: Vec<Response>) -> Self {
        Self::start("https", responses, Some(tls)).await
    }

    async fn start(scheme: &str, responses: Vec<Response>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{scheme}://localhost:{}", listener.local_addr().unwrap().port());
        let stub = Self { url, requests: Arc::default(), responses: Arc::new(Mutex::new(responses.into())) };
        let served = stub.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (stub, tls) = (served.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => stub.serve(stream).await,
                        Some(tls) => stub.serve(tls.accept(stream).await.ok()?).await,
                    }
                });
            }
        });
        stub
    }

    pub(super) fn seen(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok()?;
            match line.trim() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let split = lines.iter().skip(1).filter_map(|line| line.split_once(": "));
        let headers: HashMap<_, _> = split.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
        stream.read_exact(&mut body).await.ok()?;
        self.requests.lock().unwrap().push(Request { line: lines.first()?.clone(), headers, body });
        let (status, more, body) = {
            let mut responses = self.responses.lock().unwrap();
            if responses.len() > 1 { responses.pop_front()? } else { responses.front()?.clone() }
        };
        if status == "hang up" {
            return None;
        }
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n", body.len());
        stream.write_all(head.as_bytes()).await.ok()?;
        stream.write_all(body.as_bytes()).await.ok()?;
        stream.shutdown().await.ok()
    }
}
