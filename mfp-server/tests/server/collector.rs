//! A collector of traces: what it is given over OTLP, decoded.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::place::LONG;

/// A span, and which server made it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) server: String,
    pub(crate) span: Span,
}

impl Seen {
    /// An attribute that is text.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        text(&self.span.attributes, key)
    }
}

pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// All that it was ever given.
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, bytes) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<Mutex<Vec<u8>>>::default());
        let (shared, raw) = (Arc::clone(&seen), Arc::clone(&bytes));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (shared, raw) = (Arc::clone(&shared), Arc::clone(&raw));
                thread::spawn(move || while take(&stream, &shared, &raw).is_some() {});
            }
        });
        Self { address, seen, bytes }
    }

    /// All spans so far.
    pub(crate) fn spans(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Whether these bytes were in anything that it was given.
    pub(crate) fn has(&self, bytes: &[u8]) -> bool {
        self.bytes.lock().unwrap().windows(bytes.len()).any(|window| window == bytes)
    }

    /// The spans, once there are so many that hold.
    pub(crate) fn wait(&self, count: usize, holds: impl Fn(&Seen) -> bool) -> Vec<Seen> {
        let start = Instant::now();
        loop {
            let spans: Vec<_> = self.spans().into_iter().filter(&holds).collect();
            if spans.len() >= count {
                return spans;
            }
            assert!(start.elapsed() < LONG, "{count} spans are wanted, and there are {:#?}", self.spans());
            sleep(Duration::from_millis(20));
        }
    }
}

/// A request and its answer; `None` at the end.
fn take(stream: &TcpStream, seen: &Mutex<Vec<Seen>>, raw: &Mutex<Vec<u8>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|len| *len > 0)?;
    assert!(first.starts_with("POST /v1/traces HTTP/1.1"), "{first}");
    let (mut len, mut kind) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => len = value.parse().unwrap(),
            "content-type" => value.clone_into(&mut kind),
            _ => {}
        }
    }
    assert_eq!(kind, "application/x-protobuf");
    let mut body = vec![0; len];
    reader.read_exact(&mut body).ok()?;
    raw.lock().unwrap().extend_from_slice(&body);
    for of_server in ExportTraceServiceRequest::decode(&*body).unwrap().resource_spans {
        let resource = of_server.resource.unwrap();
        assert_eq!(text(&resource.attributes, "service.name").as_deref(), Some("mfp"));
        let server = text(&resource.attributes, "service.instance.id").unwrap();
        let spans = of_server.scope_spans.into_iter().flat_map(|scope| scope.spans);
        seen.lock().unwrap().extend(spans.map(|span| Seen { server: server.clone(), span }));
    }
    let mut out = stream;
    out.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n").ok()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}
