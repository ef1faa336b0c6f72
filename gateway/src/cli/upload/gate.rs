//! Lets what is urgent go first: as long as some of it is not sent, nothing else is.
//!
//! # Why
//! Requests share one link. If those that bring the rest went on beside one that a viewer waits for, it would have a fourth of the link.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio::sync::watch;

/// Before which those wait who want to send.
#[derive(Clone, Debug)]
pub(super) struct Gate(Arc<watch::Sender<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    urgent: BTreeSet<u64>,
    ranks: HashMap<u64, usize>,
}

impl Waiting {
    /// What goes first: of those whose rank is not known, the one with the lowest number, after all others.
    fn first(&self) -> Option<u64> {
        let rank = |number: &u64| (self.ranks.get(number).copied().unwrap_or(usize::MAX), *number);
        self.urgent.iter().copied().min_by_key(rank)
    }
}

/// That something urgent is not all sent.
#[derive(Debug)]
pub(super) struct Urgent {
    gate: Gate,
    number: u64,
}

impl Drop for Urgent {
    fn drop(&mut self) {
        self.gate.0.send_modify(|waiting| {
            waiting.urgent.remove(&self.number);
        });
    }
}

impl Gate {
    /// With nothing urgent.
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Waiting::default())))
    }

    /// Says that something is urgent until what is returned is dropped.
    pub(super) fn urgent(&self, number: u64) -> Urgent {
        self.0.send_modify(|waiting| {
            waiting.urgent.insert(number);
        });
        Urgent { gate: self.clone(), number }
    }

    /// Says which goes first: that of the lowest rank. Those of which nothing is said go last.
    pub(super) fn rank(&self, ranks: HashMap<u64, usize>) {
        self.0.send_if_modified(|waiting| {
            let is_other = waiting.ranks != ranks;
            waiting.ranks = ranks;
            is_other
        });
    }

    /// Waits until nothing that is more urgent is left to be sent. `number` is that of something urgent.
    pub(super) async fn pass(&self, number: Option<u64>) {
        let is_first = |waiting: &Waiting| match waiting.first() {
            None => true,
            first => number.is_some_and(|own| Some(own) == first || !waiting.urgent.contains(&own)),
        };
        // The sender lives as long as this.
        let _ = self.0.subscribe().wait_for(is_first).await;
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
        let third = gate.urgent(3);
        gate.rank(HashMap::from([(2, 1), (3, 0)]));
        assert!(gate.pass(Some(3)).now_or_never().is_some());
        assert!(gate.pass(Some(2)).now_or_never().is_none(), "a viewer has gone somewhere else");
        drop((second, third));
        assert!(gate.pass(None).now_or_never().is_some());
    }
}
