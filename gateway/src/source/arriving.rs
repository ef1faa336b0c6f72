//! The timeline of a film that is still arriving: its bytes are wanted before all others, wherever in the source they lie.

use std::sync::Arc;
use std::time::Duration;

use segmenter::bytes::{ByteRange, Span};
use segmenter::demux::Demuxer;
use segmenter::isobmff::Movie;

use super::{Error, Priority, Stored};

/// Bytes wanted at once: the header of a box, and mostly the small boxes behind it.
const READ: u64 = 64 << 10;

/// Reads a film's timeline as its bytes come, and where its `moov` lies. The length has to be known.
///
/// # Errors
/// When they have not come in time, or hold no film.
pub async fn read_arriving(source: &Arc<Stored>, patience: Duration) -> Result<(Movie, ByteRange), Error> {
    let length = source.length().ok_or(Error::Elsewhere(source.id()))?;
    let mut demuxer = Demuxer::new(length);
    while let Some(want) = demuxer.want() {
        let more =
            ByteRange { start: want.start, end: want.end.max(want.start.saturating_add(READ)).min(length) };
        // Wanted together, so that the next box need not be asked for; waited for alone.
        let _more = source.want(Priority::Timeline, vec![more]);
        source.ready(Priority::Timeline, &[want], patience).await?;
        let have = source.here().within(more).next().filter(|have| have.contains(want)).unwrap_or(want);
        let read = Arc::clone(source);
        let bytes = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; usize::try_from(have.len()).unwrap_or(0)];
            read.read(&mut bytes, have.start).map(|()| bytes)
        });
        let bytes = bytes.await.map_err(|_| Error::Elsewhere(source.id()))??;
        // Walking the tables of a long film takes a moment.
        demuxer = tokio::task::spawn_blocking(move || {
            demuxer.supply(&Span { offset: have.start, bytes: bytes.into() }).map(|()| demuxer)
        })
        .await
        .map_err(|_| Error::Elsewhere(source.id()))??;
    }
    let place = demuxer.movie_place().unwrap_or_default();
    let movie = tokio::task::spawn_blocking(move || demuxer.finish()).await;
    Ok((movie.map_err(|_| Error::Elsewhere(source.id()))??, place))
}
