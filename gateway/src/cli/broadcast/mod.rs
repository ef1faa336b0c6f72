//! `segue broadcast`: offers the films of a folder to a gateway, and sends the bytes that it asks for, and no others.
//!
//! # Why
//! The gateway knows what is wanted and what has come; nothing is remembered here but the key of the id. A connection that is lost is made
//! again, and what was under way is asked for again.

mod key;
mod link;
mod sending;
mod shelf;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Builder;

use self::link::{Ended, Link};
use self::shelf::Shelf;
use super::Failure;
use super::args::BroadcastArgs;
use super::failure::one_line;
use super::progress::Bars;
use crate::peer::Backoff;
use crate::task;

/// The first rest before a lost connection is made again, and the longest.
const REST: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// Offers a folder's films until it is asked to end.
pub(super) fn run(args: &BroadcastArgs) -> Result<ExitCode, Failure> {
    if !args.folder.is_dir() {
        let failure = Failure::new(format!("{}: not a folder", args.folder.display()));
        return Err(failure.hint("`segue broadcast` takes a folder of films; `segue upload` takes one film"));
    }
    let shelf = Shelf::look(&args.folder)?;
    let key = key::of(args)?;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("starting the runtime: {error}")))?;
    let done = runtime.block_on(async {
        let asked_to_end = task::asked_to_end().map_err(|error| Failure::new(error.to_string()))?;
        tokio::select! {
            failure = broadcast(Link::new(args, &key), shelf) => Err(failure),
            () = asked_to_end => Ok(()),
        }
    });
    // Reading a file is all that may still be under way.
    runtime.shutdown_background();
    done.map(|()| ExitCode::SUCCESS)
}

/// Keeps the connection up. Returns only when there is no use in it.
async fn broadcast(link: Link, mut shelf: Shelf) -> Failure {
    let bars = Bars::default();
    let mut backoff = Backoff::new(REST.0, REST.1);
    let mut announced = false;
    loop {
        let ended = link.offer_and_send(&mut shelf, &bars, |films| {
            if !std::mem::replace(&mut announced, true) {
                announce(films, &link);
            }
            backoff = Backoff::new(REST.0, REST.1);
        });
        match ended.await {
            Ended::Lost(why) => bars.say(&one_line(&format!("connection lost: {why}"))),
            Ended::Refused(failure) => return failure,
        }
        tokio::time::sleep(backoff.rest()).await;
    }
}

/// Says that it has begun. Nobody reading it is no reason to end.
fn announce(films: usize, link: &Link) {
    let mut out = io::stdout().lock();
    let films = if films == 1 { "1 film".to_owned() } else { format!("{films} films") };
    let said = writeln!(out, "broadcasting {films} to {} as {}", link.address(), link.id());
    let _ = said.and_then(|()| out.flush());
}
