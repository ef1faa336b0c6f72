//! What comes out of a wire is what went in, however it is cut, mapped, read, and broken off.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;

use bytes::Bytes;
use hyper::rt::Write as _;
use proptest::prelude::*;
use socket2::SockRef;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

use super::Wire;
use super::step::WORTH_SENDING;
use crate::mapped::{Draft, find};

/// Bytes that don't repeat soon.
fn numbered(len: usize, seed: u8) -> Vec<u8> {
    let mix = |at: usize| at.wrapping_mul(0x9E37_79B9).to_le_bytes()[3] ^ seed;
    (0..len).map(mix).collect()
}

fn mapped(bytes: &[u8]) -> Bytes {
    let mut draft = Draft::new().unwrap();
    draft.write(bytes).unwrap();
    draft.finish().unwrap()
}

/// A wire and its client, whose memory for what it has not read is small.
async fn pair() -> (Wire, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    SockRef::from(&listener).set_recv_buffer_size(16 << 10).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    SockRef::from(&client).set_recv_buffer_size(16 << 10).unwrap();
    (Wire::new(listener.accept().await.unwrap().0), client)
}

/// Writes as hyper does: what is left, as up to 64 slices, until nothing is.
async fn write(wire: &mut Wire, mut parts: &[Bytes]) -> io::Result<()> {
    let mut gone = 0;
    while let Some(first) = parts.first() {
        if gone >= first.len() {
            (gone, parts) = (gone - first.len(), &parts[1..]);
            continue;
        }
        let rest = parts[1..].iter().map(|part| IoSlice::new(part));
        let slices: Vec<_> = [IoSlice::new(&first[gone..])].into_iter().chain(rest).take(64).collect();
        let written = poll_fn(|context| Pin::new(&mut *wire).poll_write_vectored(context, &slices)).await?;
        assert!(written > 0 && written <= slices.iter().map(|slice| slice.len()).sum());
        gone += written;
    }
    poll_fn(|context| Pin::new(&mut *wire).poll_flush(context)).await
}

/// Reads to the end, at most `step` bytes at a time.
async fn read(mut client: TcpStream, step: usize) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; step]);
    loop {
        match client.read(&mut buffer).await {
            Ok(0) | Err(_) => return all,
            Ok(read) => all.extend_from_slice(&buffer[..read]),
        }
    }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// A part of what is sent: its length, whether it is mapped, and what of it is cut off on either side.
fn part() -> impl Strategy<Value = (usize, bool, usize, usize)> {
    let len = prop_oneof![0..300_usize, WORTH_SENDING - 2..WORTH_SENDING + 3, 0..400_000_usize];
    (len, any::<bool>(), 0..5000_usize, 0..5000_usize)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_byte_comes_out_in_its_place(parts in prop::collection::vec(part(), 1..12), step in 1000..200_000_usize) {
        let parts: Vec<Bytes> = (0..).zip(parts).map(|(seed, (len, is_mapped, before, after))| {
            let bytes = numbered(before + len + after + 1, seed);
            let all = if is_mapped { mapped(&bytes) } else { Bytes::from(bytes) };
            all.slice(before..before + len)
        }).collect();
        let expected = parts.concat();
        let found = run(async {
            let (mut wire, client) = pair().await;
            let writes = async {
                write(&mut wire, &parts).await.unwrap();
                drop(wire);
            };
            tokio::join!(writes, read(client, step)).1
        });
        prop_assert!(found == expected, "{} bytes, not {}", found.len(), expected.len());
    }
}

#[test]
fn bodies_that_follow_each_other_are_told_apart_by_nothing_but_their_bytes() {
    run(async {
        let (mut wire, client) = pair().await;
        let body = mapped(&numbered(3_000_000, 1));
        let ranges = [0..3_000_000, 5..40_000, 2_999_999..3_000_000, 4095..4097, 16_000..2_000_001];
        let bodies: Vec<[Bytes; 2]> =
            ranges.map(|range| [Bytes::from(format!("{range:?}")), body.slice(range)]).into();
        let writes = async {
            for body in &bodies {
                write(&mut wire, body).await.unwrap();
            }
            drop(wire);
        };
        assert!(tokio::join!(writes, read(client, 100_000)).1 == bodies.concat().concat());
    });
}

#[test]
fn a_short_answer_does_not_wait_for_more() {
    run(async {
        let (mut wire, mut client) = pair().await;
        let mut first = [0; 20_000];
        write(&mut wire, &[mapped(&[7; 20_000])]).await.unwrap();
        client.read_exact(&mut first).await.unwrap();
        write(&mut wire, &[Bytes::from_static(b"head"), mapped(&[8; 30_000]).slice(..WORTH_SENDING + 1)])
            .await
            .unwrap();
        let mut second = [0; 4 + WORTH_SENDING + 1];
        client.read_exact(&mut second).await.unwrap();
        assert!(first.iter().all(|byte| *byte == 7) && second[4..].iter().all(|byte| *byte == 8));
    });
}

#[test]
fn a_client_that_goes_away_ends_it_and_lets_go_of_the_memory() {
    run(async {
        let (mut wire, client) = pair().await;
        let body = mapped(&numbered(8_000_000, 2));
        let address = body.as_ptr().addr();
        let goes = async {
            client.readable().await.unwrap();
            drop(client);
        };
        let parts = [body];
        let (written, ()) = tokio::join!(write(&mut wire, &parts), goes);
        assert!(written.is_err());
        drop((parts, wire));
        assert!(!crate::mapped::is_known(address));
    });
}

#[test]
fn a_file_that_ends_too_soon_is_an_error_and_no_other_bytes() {
    run(async {
        let (mut wire, client) = pair().await;
        let bytes = numbered(2_000_000, 3);
        let body = mapped(&bytes);
        find(&body).unwrap().file.set_len(1_000_000).unwrap();
        let parts = [body];
        let writes = async {
            let written = write(&mut wire, &parts).await;
            drop(wire);
            written
        };
        let (written, found) = tokio::join!(writes, read(client, 100_000));
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        // The file's last page is as long as the file: what is mapped of it behind the end is never sent.
        assert!(found == bytes[..found.len()] && found.len() <= 1_000_000);
    });
}
