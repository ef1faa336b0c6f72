//! Bodies that are read as fast as they are sent, with bounded memory.

use std::future::Future;
use std::io;
use std::ops::Range;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;

use super::answer::Bytewise;

/// Bytes read and sent at once: all that an answer keeps in memory, and little enough for the processor to still hold them when they
/// are sent.
const PIECE: u64 = 256 << 10;

/// Something whose bytes can be had anywhere.
pub(super) trait Pieces: Clone + Send + 'static {
    /// These bytes of it, as it was when the answer began; once it has changed, the answer breaks off.
    fn piece(self, range: Range<u64>) -> impl Future<Output = io::Result<Bytes>> + Send;
}

/// What is sent piece by piece.
pub(super) struct Streamed<P>(pub(super) P);

/// What is still to be sent: text, or bytes.
enum Next {
    Text(Bytes),
    Bytes(Range<u64>),
}

impl<P: Pieces> Bytewise for Streamed<P> {
    fn body(self, ranges: Vec<(Bytes, Range<u64>)>, end: Bytes) -> Body {
        let mut left: Vec<Next> =
            ranges.into_iter().flat_map(|(before, range)| [Next::Text(before), Next::Bytes(range)]).collect();
        left.push(Next::Text(end));
        left.reverse();
        Body::from_stream(stream::try_unfold((self.0, left), |(source, mut left)| async {
            loop {
                match left.pop() {
                    None => return Ok::<_, io::Error>(None),
                    Some(Next::Text(text)) if text.is_empty() => {}
                    Some(Next::Text(text)) => return Ok(Some((text, (source, left)))),
                    Some(Next::Bytes(range)) if range.is_empty() => {}
                    Some(Next::Bytes(range)) => {
                        let end = range.end.min(range.start + PIECE);
                        left.push(Next::Bytes(end..range.end));
                        let bytes = source.clone().piece(range.start..end).await?;
                        return Ok(Some((bytes, (source, left))));
                    }
                }
            }
        }))
    }
}
