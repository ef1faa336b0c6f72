//! Who wants which bytes, and waiting for them.

use std::sync::Arc;
use std::time::Duration;

use segmenter::bytes::ByteRange;
use tokio::sync::watch;

use super::Stored;
use crate::source::wants::then_the_rest;
use crate::source::{Error, Priority};

/// That somebody wants bytes; they are wanted as long as this is held.
#[derive(Debug)]
pub struct Wanting {
    source: Arc<Stored>,
    ticket: u64,
}

impl Drop for Wanting {
    fn drop(&mut self) {
        self.source.state().wants.remove(self.ticket);
        self.source.wanted.send_modify(|count| *count += 1);
    }
}

impl Stored {
    /// Told with every change of what is wanted.
    pub fn wants(&self) -> watch::Receiver<u64> {
        self.wanted.subscribe()
    }

    /// What is missing and wanted, the most urgent first.
    pub fn urgent(&self) -> Vec<ByteRange> {
        let state = self.state();
        state.wants.urgent(&state.here)
    }

    /// As [`Self::urgent`], and how urgent each is.
    pub fn ranked(&self) -> Vec<(Priority, ByteRange)> {
        let state = self.state();
        state.wants.ranked(&state.here)
    }

    /// All that is missing: what is wanted, then the rest in order. Nothing of the rest while the length is unknown.
    pub fn wanted(&self) -> Vec<ByteRange> {
        let state = self.state();
        then_the_rest(state.wants.urgent(&state.here), &state.here, state.length.unwrap_or(0))
    }

    /// Says that bytes are wanted, as long as what is returned is held.
    pub fn want(self: &Arc<Self>, priority: Priority, ranges: Vec<ByteRange>) -> Wanting {
        let ticket = self.state().wants.add(priority, ranges);
        self.wanted.send_modify(|count| *count += 1);
        self.ground.news.wanted(self.id);
        Wanting { source: Arc::clone(self), ticket }
    }

    /// Waits until all these are here, saying that they are wanted.
    ///
    /// # Errors
    /// When they have not come in time, lie past the end, or the medium is gone.
    pub async fn ready(
        self: &Arc<Self>,
        priority: Priority,
        ranges: &[ByteRange],
        patience: Duration,
    ) -> Result<(), Error> {
        let mut news = self.news.subscribe();
        if self.all_here(ranges)? {
            return Ok(());
        }
        let _wanting = self.want(priority, ranges.to_vec());
        let wait = async {
            while !self.all_here(ranges)? {
                // The sender lives as long as `self`.
                let _ = news.changed().await;
            }
            Ok(())
        };
        tokio::time::timeout(patience, wait).await.unwrap_or(Err(Error::Elsewhere(self.id)))
    }

    fn all_here(&self, ranges: &[ByteRange]) -> Result<bool, Error> {
        let state = self.state();
        let past = |range: &&ByteRange| state.length.is_some_and(|length| range.end > length);
        match (state.gone, ranges.iter().find(past)) {
            (true, _) => Err(Error::Deleted(self.id)),
            (_, Some(_)) => Err(Error::Elsewhere(self.id)),
            _ => Ok(ranges.iter().all(|range| state.here.contains(*range))),
        }
    }
}
