//! Joining an upload of others: their bytes move over chunk by chunk, so that at no time more than a chunk lies there twice.
//!
//! What a crash leaves half-way is gone on with at the next start: a chunk is taken from a part only once its bytes are kept in the
//! whole, and the parts go only once all of it is there.

use std::sync::Arc;

use segmenter::bytes::{ByteRange, Span};

use super::Error;
use super::body::PIECE;
use super::live::Live;
use crate::source::Stored;

/// Moves what is left in the parts into the whole.
pub(super) async fn join(whole: &Arc<Live>, parts: &[Arc<Live>]) -> Result<(), Error> {
    let mut at = 0;
    for part in parts {
        let length = part.source.length().ok_or(Error::UNFINISHED)?;
        for (number, bytes) in part.source.places() {
            move_over(&part.source, &whole.source, &bytes, at).await?;
            whole.source.keep().await?;
            part.source.remove_chunks(vec![number]).await?;
        }
        at += length;
    }
    whole.settle();
    Ok(())
}

async fn move_over(from: &Arc<Stored>, to: &Arc<Stored>, bytes: &[ByteRange], at: u64) -> Result<(), Error> {
    let pieces = bytes.iter().flat_map(|range| {
        (range.start..range.end)
            .step_by(PIECE)
            .map(|start| ByteRange { start, end: range.end.min(start + PIECE as u64) })
    });
    for piece in pieces {
        let (from, to) = (Arc::clone(from), Arc::clone(to));
        let copy = move || {
            let mut bytes = vec![0; usize::try_from(piece.len()).unwrap_or(0)];
            // Lost meanwhile: it can't be joined, and says so as long as it lives.
            from.read(&mut bytes, piece.start).map_err(|_| Error::UNFINISHED)?;
            to.write(&Span { offset: at + piece.start, bytes: bytes.into() })?;
            Ok::<_, Error>(())
        };
        tokio::task::spawn_blocking(copy).await.map_err(|_| Error::Ending)??;
    }
    Ok(())
}
