//! Lets what is urgent go first: as long as some of it is not sent, nothing else is.
//!
//! # Why
//! Requests share one link. If those that bring the rest went on beside one that a viewer waits for, it would have a fourth of the link.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

/// Before which those wait who want to send.
#[derive(Clone, Debug)]
pub(super) struct Gate(Arc<watch::Sender<BTreeSet<u64>>>);

/// That something urgent is not all sent.
#[derive(Debug)]
pub(super) struct Urgent {
    gate: Gate,
    number: u64,
}

impl Drop for Urgent {
    fn drop(&mut self) {
        self.gate.0.send_modify(|urgent| {
            urgent.remove(&self.number);
        });
    }
}

impl Gate {
    /// With nothing urgent.
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(BTreeSet::new())))
    }

    /// Says that something is urgent until what is returned is dropped. The lower its number, the sooner it goes.
    pub(super) fn urgent(&self, number: u64) -> Urgent {
        self.0.send_modify(|urgent| {
            urgent.insert(number);
        });
        Urgent { gate: self.clone(), number }
    }

    /// Waits until nothing that is more urgent is left to be sent. `number` is that of something urgent.
    pub(super) async fn pass(&self, number: Option<u64>) {
        let first = |urgent: &BTreeSet<u64>| match (urgent.first(), number) {
            (None, _) => true,
            (Some(first), Some(own)) => own <= *first,
            (Some(_), None) => false,
        };
        // The sender lives as long as this.
        let _ = self.0.subscribe().wait_for(first).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn what_is_urgent_goes_first_in_its_order_and_the_rest_waits() {
        let gate = Gate::new();
        assert!(gate.pass(None).now_or_never().is_some());
        let (second, first) = (gate.urgent(2), gate.urgent(1));
        assert!(gate.pass(Some(1)).now_or_never().is_some());
        assert!(gate.pass(Some(2)).now_or_never().is_none());
        drop(first);
        assert!(gate.pass(Some(2)).now_or_never().is_some() && gate.pass(None).now_or_never().is_none());
        drop(second);
        assert!(gate.pass(None).now_or_never().is_some());
    }
}
