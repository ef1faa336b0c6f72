//! A film that is being watched: open, its tables in memory, its contents told apart from those its file had before.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use segmenter::bytes::ByteRange;
use segmenter::manifest::{Layout, Manifest, Segment, State, Version};
use segmenter::render::{Body, Captions, Labels, Output};
use segmenter::track::Kind;
use sha2::{Digest, Sha256};

use super::{Coding, Content, Head, Item, Keep};
use crate::cache::Weight;
use crate::clock::Clock;
use crate::id::MediaId;
use crate::index::Media;
use crate::source::{self, FORMAT, OpenFilm, Stored};
use crate::title::Type;

/// How long a film's file is taken to be what it was without looking. The folder's watcher is mostly faster.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What HTTP means by for ever.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
/// Memory that a manifest takes for each segment, about.
const SEGMENT_WEIGHT: u64 = 160;

/// An open film.
#[derive(Debug)]
pub struct Film {
    id: MediaId,
    labels: Labels,
    open: OpenFilm,
    tag: u64,
    /// How long its segments should be.
    target: Duration,
    /// How long its inits and segments may be kept.
    keep: Keep,
    looked_at: AtomicU64,
    manifest: OnceLock<Arc<Manifest>>,
    /// What is told while bytes are still arriving, and of which of them.
    arriving: Mutex<Option<(u64, Arc<Manifest>)>>,
}

impl Film {
    /// `life` is how long the medium stays after it was last used, if it does not stay for ever.
    pub(super) fn new(
        known: &Media,
        open: OpenFilm,
        target: Duration,
        life: Option<Duration>,
        clock: &Clock,
    ) -> Self {
        let labels = Labels {
            id: known.id.to_string(),
            title: known.title.name.clone(),
            kind: known.title.kind.map(|kind| Type::as_str(kind).to_owned()),
            state: State::Ready,
        };
        let tag = tag(known.id, &open, target);
        Self {
            id: known.id,
            labels,
            open,
            tag,
            target,
            keep: life.map_or(Keep::Forever, |life| {
                let seconds = life.min(YEAR).as_secs();
                u32::try_from(seconds).map_or(Keep::Forever, Keep::For)
            }),
            looked_at: AtomicU64::new(clock.millis()),
            manifest: OnceLock::new(),
            arriving: Mutex::default(),
        }
    }

    /// Its name in addresses.
    pub fn id(&self) -> MediaId {
        self.id
    }

    /// File and tables.
    pub fn open(&self) -> &OpenFilm {
        &self.open
    }

    /// Names the contents: another after any change of the file, the same after a restart.
    pub fn tag(&self) -> u64 {
        self.tag
    }

    /// As [`Self::tag`], short: what manifests write into the URLs of inits and segments.
    pub fn version(&self) -> Version {
        Version(u32::try_from(self.tag >> 32).unwrap_or(u32::MAX))
    }

    /// The item at `path` of its tree; `None` if none lies there.
    pub fn item(&self, path: &str) -> Option<Item> {
        Item::at(&self.open.presentation, path)
    }

    /// Segments of a rendition; 0 if there is no such rendition.
    pub fn segments(&self, rendition: u16) -> u32 {
        self.open.presentation.renditions().get(usize::from(rendition)).map_or(0, |output| output.segments())
    }

    /// Counts up as what is told of the film changes: with what is here of it. 0 once that is everything.
    pub fn epoch(&self) -> u64 {
        let arriving = self.open.file.stored().filter(|stored| !stored.is_complete());
        arriving.map_or(0, |stored| stored.version() + 1)
    }

    /// The bytes of its source that an item is made of.
    pub(super) fn needs(&self, item: Item) -> Vec<ByteRange> {
        let Item::Segment { rendition, number } = item else { return Vec::new() };
        match self.open.presentation.segment(rendition.into(), number) {
            Some(Body::Media(recipe)) => recipe.ranges().collect(),
            Some(Body::Captions(captions)) => captions.places,
            None => Vec::new(),
        }
    }

    /// A segment that lies ready in a file. Blocks.
    pub(super) fn ready_made(&self, rendition: u16, number: u32) -> Option<Bytes> {
        let stored = self.open.file.stored()?;
        let output = self.open.presentation.renditions().get(usize::from(rendition))?;
        stored.segment(output.id(), number, self.target)
    }

    /// Bytes of an item that is such a segment.
    pub(super) fn ready_made_len(&self, item: Item) -> Option<u64> {
        let Item::Segment { rendition, number } = item else { return None };
        let output = self.open.presentation.renditions().get(usize::from(rendition))?;
        self.open.file.stored()?.segment_len(output.id(), number, self.target)
    }

    /// Whether the bytes are here that an item is made of.
    pub(super) fn has(&self, item: Item) -> bool {
        let Some(stored) = self.open.file.stored().filter(|stored| !stored.is_complete()) else {
            return true;
        };
        self.needs(item).into_iter().all(|range| stored.has(range))
    }

    /// Its manifest. The first call walks the whole film and reads its captions: tens of milliseconds for hours of it; so does each call
    /// while bytes are arriving, after some came.
    ///
    /// # Errors
    /// When the file can't be read or is not what it was.
    pub fn manifest(&self) -> Result<Arc<Manifest>, source::Error> {
        match self.open.file.stored().filter(|stored| !stored.is_complete()) {
            Some(stored) => Ok(self.arriving(stored)),
            None => self.whole(),
        }
    }

    /// Of what is here so far.
    fn arriving(&self, stored: &Stored) -> Arc<Manifest> {
        // What comes after this is told the next time.
        let (version, here) = (stored.version(), stored.here());
        let mut last = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, manifest)) = last.as_ref().filter(|(of, _)| *of == version) {
            return Arc::clone(manifest);
        }
        let mut manifest = self.open.presentation.manifest(&self.labels, Layout::Segments);
        manifest.version = Some(self.version());
        manifest.state = State::Playable;
        for (rendition, listed) in (0..).zip(&mut manifest.renditions) {
            let numbers = (1..).take(listed.segments.len());
            let had = numbers.filter(|number| {
                let needed = self.needs(Item::Segment { rendition, number: *number });
                needed.into_iter().all(|range| here.contains(range))
            });
            listed.available = Some(runs(had));
        }
        let manifest = Arc::new(manifest);
        *last = Some((version, Arc::clone(&manifest)));
        manifest
    }

    fn whole(&self) -> Result<Arc<Manifest>, source::Error> {
        if let Some(manifest) = self.manifest.get() {
            return Ok(Arc::clone(manifest));
        }
        let mut manifest = self.open.presentation.manifest(&self.labels, Layout::Segments);
        manifest.version = Some(self.version());
        for (rendition, listed) in manifest.renditions.iter_mut().enumerate() {
            if self.open.presentation.renditions().get(rendition).is_some_and(Output::is_captions) {
                self.measure_captions(rendition, &mut listed.segments)?;
            }
        }
        Ok(Arc::clone(self.manifest.get_or_init(|| Arc::new(manifest))))
    }

    /// The segmenter reads nothing, so it can only guess how long captions will be once they are WebVTT files.
    fn measure_captions(&self, rendition: usize, segments: &mut [Segment]) -> Result<(), source::Error> {
        for (number, segment) in (1..).zip(segments) {
            if let Some(Body::Captions(captions)) = self.open.presentation.segment(rendition, number) {
                segment.size = self.captions(&captions)?.len() as u64;
            }
        }
        Ok(())
    }

    /// Captions as a WebVTT file.
    pub(super) fn captions(&self, captions: &Captions) -> Result<String, source::Error> {
        Ok(captions.text(&source::gather_each(&self.open.file, &captions.places)?))
    }

    /// Whether the file has been looked at in the last second; if not, the caller does it now.
    pub(super) fn looked_at_lately(&self, clock: &Clock) -> bool {
        let lately = self.was_looked_at_lately(clock);
        if !lately {
            self.looked_at.store(clock.millis(), Ordering::Relaxed);
        }
        lately
    }

    /// As [`Self::looked_at_lately`], where nobody looks now.
    pub(super) fn was_looked_at_lately(&self, clock: &Clock) -> bool {
        let since = clock.millis().saturating_sub(self.looked_at.load(Ordering::Relaxed));
        u128::from(since) < LOOK_EVERY.as_millis()
    }

    /// What is known of media without reading them; `None` for text.
    pub(super) fn head(&self, item: Item) -> Option<Head> {
        let length = match item {
            Item::Init { rendition } => self.open.presentation.init(rendition.into()).len() as u64,
            Item::Segment { rendition, number } => {
                match self.open.presentation.segment(rendition.into(), number)? {
                    Body::Media(recipe) => recipe.size,
                    Body::Captions(_) => return None,
                }
            }
            _ => return None,
        };
        Some(self.media_head(item, length))
    }

    /// An init segment or a media segment.
    pub(super) fn media(&self, item: Item, bytes: Bytes) -> Content {
        Content::new(self.media_head(item, bytes.len() as u64), bytes)
    }

    /// A manifest, a playlist or captions.
    pub(super) fn text(&self, item: Item, text: String) -> Content {
        let captions = matches!(item, Item::Segment { .. });
        let media_type = match item {
            Item::Manifest => "application/json",
            Item::Mpd => "application/dash+xml",
            Item::Segment { .. } => "text/vtt",
            _ => "application/vnd.apple.mpegurl",
        };
        // Named by what it says: text may change where no byte of the film does.
        let digest = Sha256::digest(text.as_bytes());
        let head = Head {
            etag: format!("\"{}-{}\"", hex(&digest[..8]), item.tag()).into(),
            media_type,
            keep: if captions { self.keep } else { Keep::Ask },
            length: text.len() as u64,
            coding: Coding::Identity,
            varies: !captions,
        };
        Content::new(head, text.into())
    }

    pub(super) fn media_head(&self, item: Item, length: u64) -> Head {
        let kind = match item {
            Item::Init { rendition } | Item::Segment { rendition, .. } => {
                self.open.presentation.renditions().get(usize::from(rendition)).map(|output| output.kind())
            }
            _ => None,
        };
        Head {
            etag: format!("\"{:016x}-{}\"", self.tag, item.tag()).into(),
            media_type: match kind {
                Some(Kind::Audio) => "audio/mp4",
                Some(Kind::Text) => "application/mp4",
                Some(Kind::Video) | None => "video/mp4",
            },
            keep: self.keep,
            length,
            coding: Coding::Identity,
            varies: false,
        }
    }
}

impl Weight for Film {
    fn weight(&self) -> u64 {
        let renditions = self.open.presentation.renditions();
        let segments: u64 = renditions.iter().map(|rendition| u64::from(rendition.segments())).sum();
        self.open.presentation.weight() as u64 + segments * SEGMENT_WEIGHT
    }
}

/// Numbers in order as ranges.
fn runs(numbers: impl Iterator<Item = u32>) -> Vec<RangeInclusive<u32>> {
    let mut runs: Vec<RangeInclusive<u32>> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some(last) if *last.end() + 1 == number => *last = *last.start()..=number,
            _ => runs.push(number..=number),
        }
    }
    runs
}

/// Of everything that decides which bytes a film's segments have.
fn tag(id: MediaId, open: &OpenFilm, target: Duration) -> u64 {
    let identity = open.file.identity();
    let mut digest = Sha256::new();
    digest.update(id.as_str());
    digest.update(identity.size.to_be_bytes());
    digest.update(identity.modified.to_be_bytes());
    digest.update(target.as_millis().to_be_bytes());
    digest.update(FORMAT.to_be_bytes());
    digest.update(env!("CARGO_PKG_VERSION"));
    let digest: [u8; 32] = digest.finalize().into();
    digest.iter().take(8).fold(0, |tag, byte| tag << 8 | u64::from(*byte))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
