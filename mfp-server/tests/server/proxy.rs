//! What stands between two servers and spoils what goes through it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What becomes of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// They go through.
    Passes,
    /// Those of the one that is connected to are changed.
    Spoils,
    /// Those of the one that connects are taken, and go nowhere.
    Swallows,
    /// Connections are closed.
    Refuses,
}

struct State {
    mood: Mood,
    streams: Vec<TcpStream>,
}

#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// In front of an address.
    pub(crate) fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = Arc::new(Mutex::new(State { mood: Mood::Passes, streams: Vec::new() }));
        let proxy = Self { address: listener.local_addr().unwrap(), state };
        let (shared, to) = (proxy.clone(), to.to_owned());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.mood() == Mood::Refuses {
                    continue;
                }
                let Ok(far) = TcpStream::connect(&to) else { continue };
                let pairs = [(&stream, &far, Mood::Swallows), (&far, &stream, Mood::Spoils)];
                for (from, to, bad) in pairs.map(|(from, to, bad)| (copy(from), copy(to), bad)) {
                    let shared = shared.clone();
                    thread::spawn(move || shared.pump(from, to, bad));
                }
                shared.state.lock().unwrap().streams.extend([stream, far]);
            }
        });
        proxy
    }

    fn mood(&self) -> Mood {
        self.state.lock().unwrap().mood
    }

    pub(crate) fn is(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        for stream in self.state.lock().unwrap().streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// One direction, which does what it does in a `bad` mood.
    fn pump(&self, mut from: TcpStream, mut to: TcpStream, bad: Mood) {
        let mut bytes = [0; 4_096];
        while let Ok(len @ 1..) = from.read(&mut bytes) {
            let bytes = &mut bytes[..len];
            match self.mood() {
                mood if mood != bad => {}
                Mood::Spoils => bytes[len / 2] ^= 1,
                _ => continue,
            }
            if to.write_all(bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }
}

fn copy(stream: &TcpStream) -> TcpStream {
    stream.try_clone().unwrap()
}
