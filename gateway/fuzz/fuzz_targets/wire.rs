//! A connection's socket: however bytes are cut into slices, in whatever memory they lie, they come out as they went in.
//!
//! An input is a list of slices, five bytes each: whether the memory is mapped and whether the writer flushes after it, how long it is,
//! and how much of it is cut off in front. The first byte of all tells how much the client reads at once.
#![no_main]

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;

use bytes::Bytes;
use gateway::http::Wire;
use gateway::mapped::Draft;
use hyper::rt::Write as _;
use libfuzzer_sys::fuzz_target;
use socket2::SockRef;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// Bytes of one input, at most.
const MOST: usize = 2 << 20;

thread_local! {
    static RUNTIME: RefCell<Runtime> =
        RefCell::new(Builder::new_current_thread().enable_all().build().expect("a runtime can be started"));
}

/// A slice, and whether it is flushed before the next.
struct Part {
    bytes: Bytes,
    flushed: bool,
}

fuzz_target!(|data: &[u8]| {
    let Some((step, rest)) = data.split_first() else { return };
    let mut left = MOST;
    let parts: Vec<Part> = rest
        .chunks_exact(5)
        .map_while(|chunk| {
            let len = usize::from(chunk[1]) << 8 | usize::from(chunk[2]);
            let len = len << (chunk[0] >> 5);
            let before = usize::from(chunk[3]) << 4;
            left = left.checked_sub(len + before)?;
            Some(part(chunk, before, len))
        })
        .collect();
    let expected: Vec<u8> = parts.iter().flat_map(|part| &part.bytes).copied().collect();
    let found = RUNTIME.with_borrow(|runtime| runtime.block_on(sent(&parts, 1 + (usize::from(*step) << 10))));
    assert!(found.expect("nobody breaks it off") == expected);
});

fn part(chunk: &[u8], before: usize, len: usize) -> Part {
    let bytes: Vec<u8> = (0..before + len).map(|at| at.to_le_bytes()[at % 3] ^ chunk[4]).collect();
    let mapped = || {
        let mut draft = Draft::new()?;
        draft.write(&bytes).ok()?;
        if chunk[0] & 4 != 0 {
            draft.enlarge();
        }
        draft.finish().ok()
    };
    let memory = (chunk[0] & 1 != 0).then(mapped).flatten();
    Part { bytes: memory.unwrap_or_else(|| Bytes::from(bytes)).slice(before..), flushed: chunk[0] & 2 != 0 }
}

async fn sent(parts: &[Part], step: usize) -> io::Result<Vec<u8>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut client = TcpStream::connect(listener.local_addr()?).await?;
    SockRef::from(&client).set_recv_buffer_size(step)?;
    let (mut wire, mut found, mut buffer) = (Wire::new(listener.accept().await?.0), Vec::new(), vec![0; step]);
    let writes = async {
        for run in parts.split_inclusive(|part| part.flushed) {
            write(&mut wire, run).await?;
        }
        drop(wire);
        io::Result::Ok(())
    };
    let reads = async {
        loop {
            match client.read(&mut buffer).await? {
                0 => return io::Result::Ok(()),
                read => found.extend_from_slice(&buffer[..read]),
            }
        }
    };
    tokio::try_join!(writes, reads)?;
    Ok(found)
}

/// Writes as hyper does: what is left, as up to 64 slices, until nothing is; then it flushes.
async fn write(wire: &mut Wire, parts: &[Part]) -> io::Result<()> {
    let mut left: Vec<Bytes> = parts.iter().map(|part| part.bytes.clone()).filter(|bytes| !bytes.is_empty()).collect();
    while !left.is_empty() {
        let slices: Vec<_> = left.iter().take(64).map(|bytes| IoSlice::new(bytes)).collect();
        let mut written = poll_fn(|context| Pin::new(&mut *wire).poll_write_vectored(context, &slices)).await?;
        assert!(written > 0);
        left.retain_mut(|bytes| {
            let gone = written.min(bytes.len());
            written -= gone;
            *bytes = bytes.slice(gone..);
            !bytes.is_empty()
        });
        assert!(written == 0, "more was written than there is");
    }
    poll_fn(|context| Pin::new(&mut *wire).poll_flush(context)).await
}
