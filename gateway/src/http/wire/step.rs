//! What is done next with the slices that are to be sent. Looks, and sends nothing.

use std::io::IoSlice;

use crate::mapped::{self, Place};

/// Bytes in a row that are sent from their file; of fewer the copy costs less than the call.
pub(super) const WORTH_SENDING: usize = 16 << 10;

/// What is done next.
#[derive(Debug)]
pub(super) enum Step<'a, 'b> {
    /// These are copied, and all there is.
    Copy(&'a [IoSlice<'b>]),
    /// These are copied, and bytes of a file follow.
    CopyBefore(&'a [IoSlice<'b>]),
    /// So many bytes are sent from their file.
    Send(Place, usize),
}

/// The first step of sending `slices`.
pub(super) fn next<'a, 'b>(slices: &'a [IoSlice<'b>]) -> Step<'a, 'b> {
    let worth = |(at, slice): (usize, &IoSlice<'_>)| {
        (slice.len() >= WORTH_SENDING).then(|| mapped::find(slice)).flatten().map(|place| (at, place))
    };
    match slices.iter().enumerate().find_map(worth) {
        None => Step::Copy(slices),
        Some((at, place)) if slices[..at].iter().all(|slice| slice.is_empty()) => {
            Step::Send(place, slices[at].len())
        }
        Some((at, _)) => Step::CopyBefore(&slices[..at]),
    }
}
