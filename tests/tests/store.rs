//! Bytes are kept: a gateway that is killed at any instant loses nothing it acknowledged, leaves nothing behind, and never takes more of
//! the disk than it may.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::fixtures;
use crate::http::Client;
use crate::program::{eventually, line_after, path, serve_arguments};

const CHUNK: u64 = 64 << 10;
const QUOTA: u64 = 24 << 20;
/// Times that the gateway is killed at a random instant.
const KILLS: u32 = 200;
/// Steps at which it kills itself, as the program names them.
const STEPS: [&str; 4] = ["chunk created", "chunk written", "chunks synced", "rows written"];
/// The same while a medium is turned into segments.
const SEAL_STEPS: [&str; 2] = ["segments written", "segments published"];

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end.max(1)
    }
}

/// A gateway that may die.
struct Mortal {
    child: Child,
    client: Client,
}

impl Mortal {
    fn start(place: &Path, dies_at: Option<&str>) -> Self {
        Self::start_with(place, dies_at, "chunks")
    }

    /// Keeping media in this form.
    fn start_with(place: &Path, dies_at: Option<&str>, form: &str) -> Self {
        let config = place.join("segue.toml");
        let settings = format!(
            "log = \"error\"\n[store]\nquota = \"{QUOTA}\"\nshare = \"{QUOTA}\"\nchunk = \"{CHUNK}\"\nsync = \"process\"\n\
             form = \"{form}\"\n"
        );
        fs::write(&config, settings).unwrap();
        let (films, data) = (place.join("films"), place.join("data"));
        fs::create_dir_all(&films).unwrap();
        let mut command = Command::new(path());
        command.args(serve_arguments(&films, &data)).args([OsStr::new("--config"), config.as_os_str()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some(step) = dies_at {
            command.env("SEGUE_DIE_AT", step);
        }
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let address = line_after(&mut said, "listening on http://").expect("it says where it listens");
        Self { child, client: Client(address) }
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request with a body on its own connection; its status and `location`.
fn send(client: &Client, head: &str, body: &[u8]) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(&client.0)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let head = format!("{head}host: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or_else(|| Err(std::io::ErrorKind::UnexpectedEof.into()))?;
    let status =
        first.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(std::io::ErrorKind::InvalidData)?;
    let location = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).find_map(|line| {
        line.to_ascii_lowercase().starts_with("location:").then(|| line[9..].trim().to_owned())
    });
    Ok((status, location.unwrap_or_default()))
}

fn create(client: &Client, length: usize) -> std::io::Result<(u16, String)> {
    send(
        client,
        &format!("POST /v1/uploads HTTP/1.1\r\ntus-resumable: 1.0.0\r\nupload-length: {length}\r\n"),
        &[],
    )
}

fn put(client: &Client, upload: &str, from: usize, film: &[u8], bytes: &[u8]) -> std::io::Result<u16> {
    let (end, length) = (from + bytes.len() - 1, film.len());
    let head = format!("PUT {upload}/parts HTTP/1.1\r\ncontent-range: bytes {from}-{end}/{length}\r\n");
    Ok(send(client, &head, bytes)?.0)
}

/// What is here of an upload, as the gateway says.
fn here(client: &Client, upload: &str) -> Vec<(u64, u64)> {
    let said = client.get(upload).with(200).json();
    let ranges = said["here"].as_array().expect("ranges").clone();
    ranges.iter().map(|range| (range[0].as_u64().unwrap(), range[1].as_u64().unwrap())).collect()
}

/// Bytes on disk below a folder, as `du` counts them.
pub(crate) fn du(folder: &Path) -> u64 {
    let own = folder.symlink_metadata().map_or(0, |meta| meta.blocks() * 512);
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    own + entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => du(&entry.path()),
            _ => entry.metadata().map_or(0, |meta| meta.blocks() * 512),
        })
        .sum::<u64>()
}

/// The numbers of the chunk files that lie below the data folder.
fn chunk_files(folder: &Path) -> BTreeSet<u64> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.path().is_dir() {
            true => chunk_files(&entry.path()),
            false => BTreeSet::from([entry
                .file_name()
                .to_string_lossy()
                .parse()
                .expect("a chunk is called by its number")]),
        })
        .collect()
}

/// An upload that goes on however often the gateway dies.
struct Crashing {
    place: tempfile::TempDir,
    film: Vec<u8>,
    upload: String,
    acknowledged: Mutex<Vec<(usize, usize)>>,
    dice: Dice,
}

impl Crashing {
    fn new() -> Self {
        let film = fs::read(fixtures::path("films/Colours in time.mp4")).unwrap();
        let place = tempfile::tempdir().unwrap();
        let mortal = Mortal::start(place.path(), None);
        let (status, upload) = create(&mortal.client, film.len()).unwrap();
        assert_eq!(status, 201);
        Self { place, film, upload, acknowledged: Mutex::default(), dice: Dice(0x9e37_79b9_7f4a_7c15) }
    }

    /// Starts the gateway, sees that all is there that was acknowledged and nothing else, sends on, and has it die.
    fn round(&mut self, dies_at: Option<&str>) {
        let mut mortal = Mortal::start(self.place.path(), dies_at);
        if dies_at.is_none() {
            self.look(&mortal.client);
        }
        let (film, upload, acknowledged) = (&self.film, &self.upload, &self.acknowledged);
        let life = Duration::from_micros(self.dice.below(60_000));
        let seeds = [self.dice.below(u64::MAX), self.dice.below(u64::MAX)];
        thread::scope(|scope| {
            for seed in seeds {
                let client = mortal.client.clone();
                scope.spawn(move || {
                    let mut dice = Dice(seed | 1);
                    loop {
                        let from = usize::try_from(dice.below(film.len() as u64)).unwrap();
                        let len = usize::try_from(1 + dice.below(3 * CHUNK)).unwrap();
                        let to = (from + len).min(film.len());
                        match put(&client, upload, from, film, &film[from..to]) {
                            Ok(status) if (200..300).contains(&status) => {
                                acknowledged.lock().unwrap().push((from, to))
                            }
                            Ok(status) => panic!("{status} for bytes {from}..{to}"),
                            Err(_) => return,
                        }
                    }
                });
            }
            match dies_at {
                Some(_) => drop(mortal.child.wait()),
                None => {
                    // The instant is the test's subject; nothing waits for it.
                    let end = Instant::now() + life;
                    while Instant::now() < end {
                        thread::park_timeout(end - Instant::now());
                    }
                    mortal.child.kill().unwrap();
                }
            }
        });
    }

    fn look(&self, client: &Client) {
        let here = here(client, &self.upload);
        for (from, to) in self.acknowledged.lock().unwrap().iter() {
            let (from, to) = (*from as u64, *to as u64);
            assert!(
                here.iter().any(|range| range.0 <= from && to <= range.1),
                "{from}..{to} is lost: {here:?}"
            );
        }
        let chunks: BTreeSet<u64> =
            here.iter().flat_map(|(from, to)| from / CHUNK..to.div_ceil(CHUNK)).collect();
        assert_eq!(
            chunk_files(&self.place.path().join("data/chunks")),
            chunks,
            "files and what is here differ"
        );
        assert!(du(&self.place.path().join("data")) <= QUOTA);
    }

    /// Sends what is missing, and compares all of it.
    fn finish(&self) {
        let mortal = Mortal::start(self.place.path(), None);
        self.look(&mortal.client);
        for (at, bytes) in self.film.chunks(1 << 20).enumerate() {
            let status = put(&mortal.client, &self.upload, at << 20, &self.film, bytes).unwrap();
            assert!((200..300).contains(&status), "{status}");
        }
        let media = mortal.client.get(&self.upload).json()["media"].as_str().unwrap().to_owned();
        let original = mortal.client.get(&format!("/v1/media/{media}/original")).with(200);
        assert!(original.body == self.film, "what comes out is not what was sent");
    }
}

#[test]
fn killed_at_any_instant_it_keeps_what_it_acknowledged_and_leaves_no_litter() {
    let mut crashing = Crashing::new();
    for kill in 0..KILLS {
        crashing.round(None);
        if kill % 50 == 49 {
            // From the start again, so that there is something to send.
            crashing.finish();
            crashing = Crashing { dice: Dice(u64::from(kill) + 1), ..Crashing::new() };
        }
    }
    crashing.finish();
}

#[test]
fn killed_at_each_step_it_keeps_what_it_acknowledged() {
    for step in STEPS {
        let mut crashing = Crashing::new();
        for count in [1, 2, 5] {
            crashing.round(Some(&format!("{step}:{count}")));
            crashing.look(&Mortal::start(crashing.place.path(), None).client);
        }
        crashing.finish();
    }
}

#[test]
fn killed_while_it_makes_segments_it_keeps_the_film_and_makes_them_at_the_next_start() {
    let film = fs::read(fixtures::path("films/Colours in time.mp4")).unwrap();
    for step in SEAL_STEPS {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("data");
        let before = Mortal::start(place.path(), None);
        let (_, upload) = create(&before.client, film.len()).unwrap();
        assert!((200..300).contains(&put(&before.client, &upload, 0, &film, &film).unwrap()));
        drop(before);
        let mut dying = Mortal::start_with(place.path(), Some(step), "segments");
        dying.child.wait().unwrap();
        let after = Mortal::start_with(place.path(), None, "segments");
        eventually("it is kept as segments alone", || {
            let is_sealed = fs::read_dir(data.join("segments")).ok()?.next().is_some();
            (is_sealed && chunk_files(&data.join("chunks")).is_empty()).then_some(())
        });
        let media = after.client.get(&upload).json()["media"].as_str().unwrap().to_owned();
        let original = after.client.get(&format!("/v1/media/{media}/original")).with(200);
        assert!(original.body == film, "{step}: what comes out is not what was sent");
        after.client.get(&format!("/v1/media/{media}/v1/3.m4s")).with(200);
        assert!(du(&data) < film.len() as u64 * 3 / 2, "{step}: it is kept twice");
    }
}

#[test]
fn many_who_send_at_once_never_make_it_take_more_of_the_disk_than_it_may() {
    let film = fs::read(fixtures::path("edge/moov-last.mp4")).unwrap();
    let place = tempfile::tempdir().unwrap();
    let mortal = Mortal::start(place.path(), None);
    let (most, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let (data, client) = (place.path().join("data"), &mortal.client);
    let answers = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                most.fetch_max(du(&data), Ordering::Relaxed);
            }
        });
        let senders: Vec<_> = (0..32)
            .map(|_| {
                scope.spawn(|| {
                    let mut answers = Vec::new();
                    for _ in 0..24 {
                        let (status, upload) = create(client, film.len()).unwrap();
                        answers.push(status);
                        if status == 201 {
                            let status = put(client, &upload, 0, &film, &film).unwrap();
                            assert!((200..300).contains(&status), "{status}: what is promised is taken");
                        }
                    }
                    answers
                })
            })
            .collect();
        let answers: Vec<_> = senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
        done.store(true, Ordering::Relaxed);
        answers
    });
    assert!(
        answers.contains(&201) && answers.iter().all(|status| [201, 507].contains(status)),
        "{answers:?}"
    );
    let most = most.into_inner();
    assert!(most <= QUOTA && most > QUOTA / 4, "{most} bytes at most");
    let storage = client.get("/v1/storage").with(200).json();
    assert!(storage["used"].as_u64().unwrap() <= QUOTA);
}
