//! The source itself, byte for byte, streamed with bounded memory.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, HeaderMap, RANGE};
use axum::http::{HeaderValue, Method, Uri};
use axum::response::Response;
use bytes::Bytes;
use segmenter::bytes::ByteRange;
use segmenter::manifest::State as MediaState;
use tokio::time::Instant;

use super::answer::{answer, text};
use super::error::{Kind, Problem};
use super::range::{self, Asked};
use super::stream::{Pieces, Streamed};
use super::{Shared, media, tree};
use crate::id::MediaId;
use crate::index::Origin;
use crate::playback::{Coding, Head, Keep};
use crate::source::{self, Priority, Source, SourceFile};

/// The source, byte for byte.
#[utoipa::path(
    get,
    path = "/v1/media/{id}/original",
    tag = "play",
    params(("id" = String, Path, description = "Id of the medium")),
    responses(
        (status = 200, description = "The file as it lies in its folder, or as it was sent", content_type = "video/mp4"),
        (status = 206, description = "The ranges that were asked for"),
        (status = 304, description = "The client has it already"),
        (status = 404, description = "No such medium", content_type = "application/problem+json"),
        (status = 412, description = "The bytes are not those of If-Match", content_type = "application/problem+json"),
        (status = 416, description = "The range lies past the end"),
        (status = 503, description = "The first of these bytes are still elsewhere", content_type = "application/problem+json"),
    )
)]
pub(super) async fn original(
    State(gateway): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (id, _) = tree::split(&uri)?;
    send(&gateway, id, &method, &headers).await
}

/// Sends the source of a medium.
pub(super) async fn send(
    gateway: &Shared,
    id: MediaId,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let known = media::opened(gateway, id).await?;
    let source = match &known.origin {
        Origin::Folder { path, .. } => {
            let path = path.clone();
            let opened = tokio::task::spawn_blocking(move || SourceFile::open(&path)).await;
            Source::File(opened.map_err(|_| Problem::new(Kind::Ending))??)
        }
        Origin::Store(_) => {
            if known.state == MediaState::Expired {
                // Whoever opens it wants it back.
                gateway.playback.film(id).await?;
            }
            let stored = gateway.sources.get(id).await?.ok_or_else(|| Problem::new(Kind::NoMedia))?;
            stored.length().ok_or_else(|| Problem::new(Kind::Elsewhere))?;
            Source::Stored(stored)
        }
    };
    let head = head(id, &source, known.file_name());
    if method != Method::HEAD {
        begins(gateway, &source, headers, head.length).await?;
    }
    let original = Original { source: Arc::new(source), gateway: Arc::clone(gateway) };
    let mut response = answer(headers, &head, (method != Method::HEAD).then_some(Streamed(original)));
    if let Some(name) = file_name(known.file_name()) {
        response.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// Waits for the first byte that is asked for: where none comes that can still be said.
async fn begins(gateway: &Shared, source: &Source, headers: &HeaderMap, length: u64) -> Result<(), Problem> {
    let Source::Stored(stored) = source else { return Ok(()) };
    let first = match text(headers, &RANGE).map(|asked| range::read(asked, length)) {
        Some(Asked::Parts(parts)) => parts.first().map_or(0, |part| part.start),
        Some(Asked::Nowhere) => return Ok(()),
        Some(Asked::Whole) | None => 0,
    };
    let wanted = ByteRange { start: first, end: length.min(first + 1) };
    Ok(stored.ready(Priority::Viewer, &[wanted], gateway.patience).await?)
}

fn head(id: MediaId, source: &Source, name: &Path) -> Head {
    let identity = source.identity();
    Head {
        etag: format!("\"{id}-{:x}-{:x}\"", identity.size, identity.modified).into(),
        media_type: media_type(name),
        keep: Keep::Ask,
        length: identity.size,
        coding: Coding::Identity,
        varies: false,
    }
}

fn media_type(path: &Path) -> &'static str {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    match ending.as_deref() {
        Some("m4a") => "audio/mp4",
        Some("mov") => "video/quicktime",
        Some("3gp") => "video/3gpp",
        Some("3g2") => "video/3gpp2",
        _ => "video/mp4",
    }
}

/// The name that a browser gives the file when it is kept (RFC 8187).
fn file_name(path: &Path) -> Option<HeaderValue> {
    let name = path.file_name()?.to_str()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let coded = name
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    HeaderValue::from_str(&format!("inline; filename*=UTF-8''{}", coded.collect::<String>())).ok()
}

/// A source on its way out.
#[derive(Clone)]
struct Original {
    source: Arc<Source>,
    gateway: Shared,
}

impl Pieces for Original {
    /// Waits so long for bytes that are still elsewhere; then the answer breaks off, and the client goes on from there.
    async fn piece(self, range: Range<u64>) -> io::Result<Bytes> {
        let wanted = [ByteRange { start: range.start, end: range.end }];
        let patience = self.gateway.patience;
        let end = Instant::now() + patience;
        self.gateway.playback.watched(&self.source);
        loop {
            self.source.ready(Priority::Viewer, &wanted, patience).await.map_err(io::Error::other)?;
            match self.clone().read(range.clone()).await? {
                // Found out as it was read that a chunk is lost: it is wanted from now on, and may come back.
                Err(source::Error::Elsewhere(_)) if Instant::now() < end => {}
                read => return read.map_err(io::Error::other),
            }
        }
    }
}

impl Original {
    async fn read(self, range: Range<u64>) -> io::Result<Result<Bytes, source::Error>> {
        let work = move || -> Result<Bytes, source::Error> {
            let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or(0)];
            self.source.read(&mut bytes, range.start)?;
            self.source.unchanged()?;
            Ok(bytes.into())
        };
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_any_characters_fits_a_header() {
        let name = file_name(Path::new("/films/Señor \"X\".mp4")).unwrap();
        assert_eq!(name, "inline; filename*=UTF-8''Se%C3%B1or%20%22X%22.mp4");
    }
}
