//! A blocking driver of a runtime: sockets and threads of `std`, and nothing else.
//!
//! `docs/writing-a-driver.md` grows it step by step; the code there is this file.
//!
//! ```
//! # use std::error::Error;
//! # use std::net::{Ipv4Addr, TcpListener};
//! # use std::thread;
//! # use std::time::Duration;
//! # use mfp_proto::config::Config;
//! # use mfp_proto::id::{AgentName, Identity};
//! # use mfp_proto::runtime::{AcceptPolicy, ChannelOptions, Delivery, Effect, Message, Outcome, PeerConfig, Runtime};
//! # use mfp_proto::store::{MemoryStore, Store};
//! # use mfp_proto::time::Instant;
//! # use mfp_tests::std_driver::{Driver, Told};
//! fn start(identity: &Identity, listener: Option<TcpListener>) -> Result<(Driver, Told), Box<dyn Error>> {
//!     let mut seed = [0; 32];
//!     getrandom::fill(&mut seed)?;
//!     let mut store = MemoryStore::new();
//!     let rt = Runtime::new(Config::default(), identity.clone(), seed, Instant::ZERO, store.load()?)?;
//!     Ok(Driver::start(rt, store, listener)?)
//! }
//!
//! let (here, there) = (Identity::new([1; 32], "example.org", "here")?, Identity::new([2; 32], "example.org", "there")?);
//! let (alice, bob) = (AgentName::new("alice")?, AgentName::new("bob")?);
//!
//! // One side waits to be connected to, and answers in capitals.
//! let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
//! let address = listener.local_addr()?;
//! let (answering, told) = start(&there, Some(listener))?;
//! let mut peer = PeerConfig::new(*here.public(), here.id());
//! (peer.dial, peer.accept) = (false, AcceptPolicy::all());
//! answering.with(|rt, now| rt.add_peer(now, peer))?;
//! answering.with(|rt, now| rt.bind(now, &bob))?;
//! let answer = move |driver: &Driver, question: Delivery| {
//!     let answer = question.payload.to_ascii_uppercase();
//!     let answer = Message::new(&answer).reply_to(question.message);
//!     let sent = driver.with(|rt, now| rt.send(now, question.to, question.channel, answer));
//!     let outcome = if sent.is_ok() { Outcome::Done } else { Outcome::Failed };
//!     driver.with(|rt, now| rt.handle_processed(now, question.id, outcome))
//! };
//! let handler = thread::spawn({
//!     let driver = answering.clone();
//!     move || {
//!         for effect in told {
//!             if let Effect::Deliver(question) = effect {
//!                 let _ = answer(&driver, question);
//!             }
//!         }
//!     }
//! });
//!
//! // The other one connects, and asks.
//! let (asking, told) = start(&here, None)?;
//! asking.locate(there.id(), address);
//! asking.with(|rt, now| rt.add_peer(now, PeerConfig::new(*there.public(), there.id())))?;
//! let alice = asking.with(|rt, now| rt.bind(now, &alice))?;
//! asking.until(|rt, _| rt.status(&alice).ok()); // it is bound when that is durable
//! let options = ChannelOptions::default();
//! let channel = asking.with(|rt, now| rt.open_channel(now, &alice, &there.id(), &bob, options))?;
//! let question = Message::new(b"hello").answer_within(Duration::from_secs(30));
//! let ticket = asking.with(|rt, now| rt.send(now, alice, channel, question))?;
//! let answer = told.iter().find_map(|effect| match effect {
//!     Effect::Deliver(answer) if answer.answers == Some(ticket) => Some(answer.payload.to_vec()),
//!     _ => None,
//! });
//! assert_eq!(answer, Some(b"HELLO".to_vec()));
//!
//! for driver in [asking, answering] {
//!     driver.with(Runtime::shutdown);
//! }
//! handler.join().map_err(|_| "the handler panicked")?;
//! # Ok::<(), Box<dyn Error>>(())
//! ```

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder};
use std::time::{self, Duration};

use mfp_proto::id::RuntimeId;
use mfp_proto::link::ConnId;
use mfp_proto::runtime::{CommitFailed, Effect, Event, Origin, Runtime};
use mfp_proto::store::Store;
use mfp_proto::time::Instant;

/// Bytes that are read or written at once.
const BUFFER: usize = 64 << 10;
/// How long the other side of a connection may make no progress.
const PATIENCE: Duration = Duration::from_secs(30);
/// The wait before what has failed is tried again.
const PAUSE: Duration = Duration::from_millis(100);
/// What a read says that has only waited.
const IDLE: [ErrorKind; 3] = [ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::Interrupted];
/// Connections that there were.
static CONNS: AtomicU64 = AtomicU64::new(0);

/// What the core tells the application: deliveries, what becomes of tickets, events.
pub type Told = Receiver<Effect>;

/// A driven runtime. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Driver {
    core: Arc<Mutex<Core>>,
    /// Rung after every input, for who waits in `until`.
    news: Arc<Condvar>,
    /// Rung when the timer has to be set earlier, and at the end.
    timer: Arc<Condvar>,
    epoch: time::Instant,
}

/// Nothing waits while this is locked.
#[derive(Debug)]
struct Core {
    rt: Runtime,
    /// The ends of the channels to the store and to the application, until the end.
    store: Option<Sender<Effect>>,
    told: Option<Sender<Effect>>,
    book: Book,
}

#[derive(Debug, Default)]
struct Book {
    addresses: HashMap<RuntimeId, SocketAddr>,
    /// Wakes the writer of a connection. Without it the writer ends.
    writers: HashMap<ConnId, Sender<()>>,
    /// For when the timer is set.
    armed: Instant,
    drained: bool,
}

impl Driver {
    /// Gives the core an input, then does what it asks for. `input` must not wait.
    pub fn with<T>(&self, input: impl FnOnce(&mut Runtime, Instant) -> T) -> T {
        let mut input = Some(input);
        self.until(|rt, now| input.take().map(|input| input(rt, now)))
    }

    /// The same, again after each other input until there is a result. Without one, `input` has changed nothing.
    pub fn until<T>(&self, mut input: impl FnMut(&mut Runtime, Instant) -> Option<T>) -> T {
        let mut core = self.lock();
        loop {
            let now = Instant::ZERO + self.epoch.elapsed();
            if let Some(result) = input(&mut core.rt, now) {
                self.obey(&mut core, now);
                return result;
            }
            core = self.news.wait(core).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn obey(&self, core: &mut Core, now: Instant) {
        while let Some(effect) = core.rt.poll_effect() {
            core.book.drained |= matches!(effect, Effect::Event(Event::Drained { .. }));
            match effect {
                Effect::Persist(_) | Effect::Load => pass(core.store.as_ref(), effect),
                Effect::Connect(peer) => self.dial(core, now, peer),
                Effect::Transmit(conn) => pass(core.book.writers.get(&conn), ()),
                Effect::Close(conn) => drop(core.book.writers.remove(&conn)),
                told => pass(core.told.as_ref(), told),
            }
        }
        core.store = core.store.take().filter(|_| !core.book.drained);
        let next = core.rt.poll_timeout().map_or(Instant::MAX, |(at, _)| at);
        if next < core.book.armed || core.book.drained {
            core.book.armed = next;
            self.timer.notify_one();
        }
        self.news.notify_all();
    }

    fn keep_time(&self, listening: Option<SocketAddr>) {
        let mut core = self.lock();
        while !core.book.drained {
            let now = Instant::ZERO + self.epoch.elapsed();
            core.rt.handle_timeout(now);
            self.obey(&mut core, now);
            core.book.armed = core.rt.poll_timeout().map_or(Instant::MAX, |(at, _)| at);
            let wait = core.book.armed.saturating_since(now);
            core = self.timer.wait_timeout(core, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(core);
        // The listener waits for a connection; here is one.
        drop(listening.map(|address| TcpStream::connect_timeout(&address, PATIENCE)));
    }

    fn keep_store<S: Store>(&self, mut store: S, jobs: &Receiver<Effect>) {
        let mut sound = true;
        while let Ok(job) = jobs.recv() {
            match job {
                Effect::Persist(batch) if sound => {
                    let result = store.commit(&batch.ops).map_err(|_| CommitFailed);
                    sound = result.is_ok();
                    self.with(|rt, now| rt.handle_persisted(now, batch.id, result));
                }
                Effect::Load => {
                    while !sound && !self.lock().book.drained {
                        thread::sleep(PAUSE);
                        let loaded = store.load().map(|loaded| self.with(|rt, now| rt.handle_loaded(now, loaded)));
                        sound = matches!(loaded, Ok(Ok(())));
                    }
                }
                _ => {}
            }
        }
        drop(store);
        self.lock().told = None;
    }

    fn dial(&self, core: &mut Core, now: Instant, peer: RuntimeId) {
        let address = core.book.addresses.get(&peer).copied().ok_or(ErrorKind::AddrNotAvailable.into());
        let dial = move |driver: &Self| match address.and_then(|to| TcpStream::connect_timeout(&to, PATIENCE)) {
            Ok(stream) => driver.serve(stream, Origin::Dialed(peer)),
            Err(_) => driver.with(|rt, now| rt.handle_connect_failed(now, &peer)),
        };
        if self.spawn(core, dial).is_err() {
            core.rt.handle_connect_failed(now, &peer);
        }
    }

    fn accept(&self, listener: &TcpListener) {
        while !self.lock().book.drained {
            if let Ok((stream, from)) = listener.accept() {
                let serve = move |driver: &Self| driver.serve(stream, Origin::Accepted(from.ip().into()));
                let _ = self.spawn(&self.lock(), serve);
            } else {
                thread::sleep(PAUSE);
            }
        }
    }

    fn serve(&self, stream: TcpStream, origin: Origin) {
        let (conn, (wake, woken)) = (ConnId(CONNS.fetch_add(1, Ordering::Relaxed)), mpsc::channel());
        self.lock().book.writers.insert(conn, wake);
        self.with(|rt, now| rt.handle_connected(now, conn, origin));
        let (driver, stream, wait) = (self.clone(), Arc::new(stream), Some(PATIENCE));
        let reading = Arc::clone(&stream);
        let read = move || driver.read(&reading, conn);
        let set = stream.set_nodelay(true).and(stream.set_read_timeout(wait)).and(stream.set_write_timeout(wait));
        if set.and_then(|()| Builder::new().spawn(read)).is_ok() {
            self.write(&stream, conn, &woken);
        }
        self.lost(conn);
    }

    fn read(&self, mut stream: &TcpStream, conn: ConnId) {
        let (mut chunk, mut bytes) = (vec![0; BUFFER], Vec::new());
        loop {
            match stream.read(&mut chunk) {
                Ok(len @ 1..) => bytes.extend_from_slice(&chunk[..len]),
                Err(error) if IDLE.contains(&error.kind()) && self.lock().book.writers.contains_key(&conn) => continue,
                _ => return self.lost(conn),
            }
            let progress = self.with(|rt, now| rt.handle_input(now, conn, &mut bytes));
            bytes.drain(..progress.consumed);
        }
    }

    fn write(&self, mut stream: &TcpStream, conn: ConnId, woken: &Receiver<()>) {
        let mut bytes = vec![0; BUFFER];
        while woken.recv().is_ok() {
            loop {
                match self.with(|rt, now| rt.poll_transmit(now, conn, &mut bytes)) {
                    Ok(Some(len)) if stream.write_all(&bytes[..len]).is_ok() => {}
                    Ok(Some(_)) => return drop(stream.shutdown(Shutdown::Both)),
                    Ok(None) => break,
                    Err(small) => bytes.resize(small.need, 0),
                }
            }
        }
        let _ = stream.shutdown(Shutdown::Write);
    }

    fn lost(&self, conn: ConnId) {
        self.with(|rt, now| rt.handle_disconnected(now, conn));
        self.lock().book.writers.remove(&conn);
    }

    /// Drives a runtime that was made at `Instant::ZERO` from what this store has loaded. What the core tells comes in the
    /// channel. It lasts until `Runtime::shutdown`: then everything is finished, and the channel ends with the last thread.
    ///
    /// # Errors
    /// That there can be no thread.
    pub fn start(rt: Runtime, store: impl Store + Send + 'static, on: Option<TcpListener>) -> io::Result<(Self, Told)> {
        let ((jobs, queue), (tell, told)) = (mpsc::channel(), mpsc::channel());
        let core = Core { rt, store: Some(jobs), told: Some(tell), book: Book::default() };
        let (core, epoch) = (Arc::new(Mutex::new(core)), time::Instant::now());
        let driver = Self { core, news: Arc::default(), timer: Arc::default(), epoch };
        let address = on.as_ref().map(TcpListener::local_addr).transpose()?;
        driver.spawn(&driver.lock(), move |driver| driver.keep_time(address))?;
        driver.spawn(&driver.lock(), move |driver| driver.keep_store(store, &queue))?;
        on.map(|listener| driver.spawn(&driver.lock(), move |driver| driver.accept(&listener))).transpose()?;
        Ok((driver, told))
    }

    fn spawn(&self, core: &Core, work: impl FnOnce(&Self) + Send + 'static) -> io::Result<()> {
        let (driver, told) = (self.clone(), core.told.clone());
        Builder::new().spawn(move || (work(&driver), told)).map(drop)
    }

    /// Says where a peer listens, for whenever it is to be connected to.
    pub fn locate(&self, peer: RuntimeId, address: SocketAddr) {
        self.lock().book.addresses.insert(peer, address);
    }
}

/// If nobody is there to take it, nobody needs it.
fn pass<T>(to: Option<&Sender<T>>, it: T) {
    let _ = to.map(|to| to.send(it).is_ok());
}
