//! A connection that a test can cut, stop, and lead somewhere else: a relay between a client and a gateway.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that go at once.
const PIECE: usize = 16 << 10;

/// A relay; it ends with the test.
pub(crate) struct Link {
    pub(crate) address: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

struct State {
    target: String,
    /// Bytes that may still go from clients to the gateway.
    budget: u64,
    open: Vec<TcpStream>,
}

impl Link {
    /// To a gateway, for so many bytes; then it stands still.
    pub(crate) fn to(target: &str, budget: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be had");
        let address = listener.local_addr().expect("it has an address").to_string();
        let state = State { target: target.to_owned(), budget, open: Vec::new() };
        let state = Arc::new((Mutex::new(state), Condvar::new()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || drop(relay(client, &shared)));
            }
        });
        Self { address, state }
    }

    /// To a gateway, as fast as so many bits a second go.
    pub(crate) fn paced(target: &str, bits: u64) -> Self {
        let link = Self::to(target, 0);
        let state = Arc::downgrade(&link.state);
        thread::spawn(move || {
            let mut last = Instant::now();
            while let Some(state) = state.upgrade() {
                let passed = last.elapsed();
                last += passed;
                let more =
                    u64::try_from(passed.as_nanos()).expect("a test is short") * bits / 8 / 1_000_000_000;
                let mut locked = state.0.lock().expect("nothing panics");
                // What was not used is lost, but for as much as one piece needs.
                locked.budget = (locked.budget + more).min(more + PIECE as u64);
                drop(locked);
                state.1.notify_all();
                drop(state);
                thread::park_timeout(Duration::from_millis(1));
            }
        });
        link
    }

    /// Bytes that may still go through.
    pub(crate) fn left(&self) -> u64 {
        self.state.0.lock().expect("nothing panics").budget
    }

    /// Lets more through.
    pub(crate) fn let_go(&self, budget: u64) {
        self.state.0.lock().expect("nothing panics").budget = budget;
        self.state.1.notify_all();
    }

    /// Cuts every connection; new ones lead to this gateway.
    pub(crate) fn cut(&self, target: &str) {
        let mut state = self.state.0.lock().expect("nothing panics");
        target.clone_into(&mut state.target);
        for open in state.open.drain(..) {
            // It may have ended by itself.
            let _ = open.shutdown(Shutdown::Both);
        }
    }
}

fn relay(client: TcpStream, shared: &Arc<(Mutex<State>, Condvar)>) -> std::io::Result<()> {
    let target = shared.0.lock().expect("nothing panics").target.clone();
    let server = TcpStream::connect(target)?;
    shared.0.lock().expect("nothing panics").open.extend([client.try_clone()?, server.try_clone()?]);
    let (mut back, mut to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut back, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let (mut from, mut to, mut piece) = (client, server, [0; PIECE]);
    loop {
        // A client that was killed with bytes unread ends its connection with an error.
        let len = from.read(&mut piece).unwrap_or(0);
        if len == 0 {
            let _ = to.shutdown(Shutdown::Write);
            return Ok(());
        }
        let mut state = shared.0.lock().expect("nothing panics");
        while state.budget < len as u64 {
            state = shared.1.wait(state).expect("nothing panics");
        }
        state.budget -= len as u64;
        drop(state);
        to.write_all(&piece[..len])?;
    }
}
