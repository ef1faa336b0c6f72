//! `segue upload`: sends a film, what its viewers wait for first.
//!
//! # Why
//! What was sent is known to the gateway alone, and what the film is called there follows from the file: there is no state on this side
//! to be lost, and a run after `kill -9` is like any other.

mod film;
mod gate;
mod gateway;
mod schedule;
mod send;

use std::future::Future;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use film::Film;
use gateway::{Gateway, Refused, Upload};
use tokio::runtime::Builder;

use super::Failure;
use super::args::UploadArgs;
use super::failure::one_line;
use super::progress::Bars;
use crate::peer::{Address, Backoff, Client};

/// How often something is tried again.
const TRIES: u32 = 3;
/// The first rest before that, and the longest.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(8));
/// How to go on.
const GO_ON: &str = "run the same command again: it goes on where it ended";

/// Sends a film.
pub(super) fn run(args: &UploadArgs) -> Result<ExitCode, Failure> {
    let film = Film::open(args)?;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("starting the runtime: {error}")))?;
    let done = runtime.block_on(async {
        tokio::select! {
            sent = upload(film, args) => sent,
            _ = tokio::signal::ctrl_c() => Err(Failure::new("stopped").hint(GO_ON)),
        }
    });
    // Reading the file is all that may still be under way.
    runtime.shutdown_background();
    done.map(|()| ExitCode::SUCCESS)
}

async fn upload(film: Film, args: &UploadArgs) -> Result<(), Failure> {
    let address = &args.to;
    let gateway = Gateway(Client::with_token(address.clone(), args.token.get()));
    let upload = again(|| gateway.create(&film)).await?;
    let bars = Bars::default();
    let said = send::send(&gateway, &film, upload, &bars, |media| watch(address, media)).await?;
    if !film.unchanged() {
        return Err(Failure::new("the file was changed while it was sent; what was sent may be neither")
            .hint("run the same command again: it is another film now"));
    }
    bars.say(&one_line(&said));
    Ok(())
}

/// Says where to watch it. Nobody reading it is no reason to end.
fn watch(address: &Address, media: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{address}/watch/{media}").and_then(|()| out.flush());
}

/// Tries something until it is done, refused, or has failed too often.
async fn again<T, F: Future<Output = Result<T, Refused>>>(mut what: impl FnMut() -> F) -> Result<T, Refused> {
    let mut backoff = Backoff::new(REST.0, REST.1);
    for _ in 0..TRIES {
        match what().await {
            Err(Refused::Later(_)) => tokio::time::sleep(backoff.rest()).await,
            done => return done,
        }
    }
    what().await
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let failure = Self::new(refused.to_string());
        match refused {
            Refused::Later(_) => failure.hint(GO_ON),
            Refused::No(_) => failure,
        }
    }
}

/// Why the gateway does not play what was sent.
fn not_playable(upload: &Upload) -> Failure {
    let why = upload.error.as_deref().unwrap_or("it was taken away meanwhile");
    Failure::new(format!("the gateway does not play it: {why}"))
}
