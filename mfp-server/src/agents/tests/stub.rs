//! An HTTP server that says what it is told to, and remembers what it was asked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

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
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stub = Self { url, requests: Arc::default(), responses: Arc::new(Mutex::new(responses.into())) };
        let served = stub.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let stub = served.clone();
                tokio::spawn(async move { stub.serve(stream).await });
            }
        });
        stub
    }

    pub(super) fn seen(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    async fn serve(&self, stream: TcpStream) -> Option<()> {
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
