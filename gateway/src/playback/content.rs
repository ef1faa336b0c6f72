//! Bytes ready to be sent, and what is to be said of them.

use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::Item;
use crate::cache::Weight;
use crate::mapped::Draft;

/// Text shorter than this is not worth compressing.
const WORTH_CODING: usize = 1024;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
}

impl Coding {
    /// The coding that an item has when this one is asked for: media are compressed already.
    pub(super) fn of(self, item: Item) -> Self {
        match item {
            Item::Init { .. } | Item::Segment { .. } => Self::Identity,
            _ => self,
        }
    }

    /// Its name in HTTP; `None` for no coding.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }

    /// `text` in this coding; `None` when it is better left as it is.
    pub fn apply(self, text: &[u8]) -> Option<Vec<u8>> {
        if text.len() < WORTH_CODING {
            return None;
        }
        let mut coded = Vec::with_capacity(text.len() / 4);
        let written = match self {
            Self::Identity => return None,
            Self::Gzip => {
                let mut encoder = GzEncoder::new(&mut coded, Compression::default());
                encoder.write_all(text).and_then(|()| encoder.finish().map(drop))
            }
            Self::Brotli => brotli::CompressorWriter::new(&mut coded, 4096, 5, 20).write_all(text),
        };
        written.is_ok().then_some(coded).filter(|coded| coded.len() < text.len())
    }
}

/// How long a client may keep something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// For ever: it never changes.
    Forever,
    /// So many seconds: it never changes, but it is not to outlive its medium.
    For(u32),
    /// It has to ask each time whether it is still so.
    Ask,
}

/// What is said of an item besides its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Names exactly these bytes; quotes included.
    pub etag: Bytes,
    /// Content-Type.
    pub media_type: &'static str,
    /// How long it may be kept.
    pub keep: Keep,
    /// Bytes.
    pub length: u64,
    /// How it is compressed.
    pub coding: Coding,
    /// Whether it would be compressed otherwise for another client.
    pub varies: bool,
}

/// How often something has been asked for; no part of what it is.
#[derive(Debug, Default)]
pub(super) struct Uses(AtomicU32);

impl Uses {
    /// Uses after which something is worth work that pays slowly.
    const WORTH: u32 = 16;

    /// Counts a use. Whether this is one after which such work is due: every so many, until it is done.
    pub(super) fn is_worth_work(&self) -> bool {
        let before = self.0.load(Ordering::Relaxed);
        before != u32::MAX && (self.0.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(Self::WORTH)
    }

    /// For something that such work has been done on.
    fn done() -> Self {
        Self(AtomicU32::new(u32::MAX))
    }
}

/// An item with its bytes.
#[derive(Debug)]
pub struct Content {
    /// What is said of it.
    pub head: Head,
    /// Its bytes.
    pub bytes: Bytes,
    pub(super) uses: Uses,
}

impl Content {
    pub(super) fn new(head: Head, bytes: Bytes) -> Self {
        Self { head, bytes, uses: Uses::default() }
    }

    /// The same where it costs less to send; `None` if there is no such place. Blocks.
    pub(super) fn enlarged(&self) -> Option<Self> {
        let mut draft = Draft::new()?;
        draft.write(&self.bytes).ok()?;
        draft.enlarge();
        Some(Self { head: self.head.clone(), bytes: draft.finish().ok()?, uses: Uses::done() })
    }

    /// The same in another coding, if that makes it smaller.
    pub(super) fn coded(&self, coding: Coding) -> Self {
        let Some(bytes) = coding.apply(&self.bytes) else {
            return Self::new(self.head.clone(), self.bytes.clone());
        };
        let tag = String::from_utf8_lossy(&self.head.etag).trim_matches('"').to_owned();
        let etag = format!("\"{tag}-{}\"", coding.name().unwrap_or_default()).into();
        let head = Head { etag, coding, length: bytes.len() as u64, ..self.head.clone() };
        Self::new(head, bytes.into())
    }
}

impl Weight for Content {
    fn weight(&self) -> u64 {
        self.bytes.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn text_is_the_same_after_either_coding() {
        let text = b"#EXTINF:4.0,\n1.m4s\n".repeat(200);
        let mut gunzipped = Vec::new();
        flate2::read::GzDecoder::new(&Coding::Gzip.apply(&text).unwrap()[..])
            .read_to_end(&mut gunzipped)
            .unwrap();
        let mut unbrotlied = Vec::new();
        let coded = Coding::Brotli.apply(&text).unwrap();
        brotli::Decompressor::new(&coded[..], 4096).read_to_end(&mut unbrotlied).unwrap();
        assert!(gunzipped == text && unbrotlied == text);
    }

    #[test]
    fn short_text_is_left_as_it_is() {
        assert_eq!(Coding::Gzip.apply(b"short"), None);
    }
}
