//! `segue probe`: what a file holds, for people and programs.

use std::path::Path;

use serde::Serialize;

use super::{Error, Source, read_at};
use crate::bytes::ByteRange;
use crate::isobmff::{Brands, Format, MovieTrack};
use crate::plan::Options;
use crate::render::Presentation;
use crate::time::Ticks;
use crate::track::Kind;

/// What a file holds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Bytes of the file.
    pub bytes: u64,
    /// The specifications it says it follows, if it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brands: Option<Brands>,
    /// Whether samples come in movie fragments.
    pub fragmented: bool,
    /// First byte of `moov`.
    pub moov_offset: u64,
    /// Bytes of `moov`.
    pub moov_bytes: u64,
    /// Longest track, after its edit list, in seconds.
    pub duration: f64,
    /// Tracks that are carried.
    pub tracks: Vec<ProbedTrack>,
    /// What would not come out as it is.
    pub notes: Vec<String>,
}

/// What a track holds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbedTrack {
    /// Its number in the source.
    pub id: u32,
    /// What it holds.
    pub kind: Kind,
    /// RFC 6381.
    pub codec: String,
    /// Size, or channels and rate, for people.
    pub format: String,
    /// BCP 47.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Ticks a second.
    pub timescale: u32,
    /// Samples of the track.
    pub samples: u32,
    /// Sum of their sizes.
    pub sample_bytes: u64,
    /// First presentation time, in seconds.
    pub start: f64,
    /// Sum of sample durations, in seconds.
    pub duration: f64,
    /// Sync samples.
    pub sync_samples: u32,
    /// Longest time from one sync sample to the next, in seconds; video only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_gop: Option<f64>,
    /// Delay by empty edits, in seconds.
    pub edit_delay: f64,
    /// Media time of the first edit, in seconds.
    pub edit_start: f64,
    /// Media time at which the edit ends, in seconds, if it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edit_end: Option<f64>,
    /// Segments at the default target; absent when the track is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<u32>,
    /// Encryption scheme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
}

/// Reads what a file holds.
///
/// # Errors
/// When it can't be read or understood.
pub fn probe(path: &Path) -> Result<Probe, Error> {
    let source = Source::open(path)?;
    let (bytes, place) = (source.len, source.movie_place);
    let brands = Brands::read(&read_at(&source.file, path, ByteRange::at(0, bytes.min(Brands::READ)))?);
    let fragmented = source.movie.fragmented;
    let planned = Presentation::new(source.movie, bytes, &Options::default());
    let presentation = planned.map_err(|source| Error::Plan { path: path.to_owned(), source })?;
    let mut tracks: Vec<_> = presentation.movie().tracks.iter().map(track).collect();
    for (index, output) in presentation.renditions().iter().enumerate() {
        let id = presentation.cut(index).map(|(track, _)| track.track.id.0);
        if let Some(track) = tracks.iter_mut().find(|track| Some(track.id) == id) {
            track.segments = Some(output.segments());
        }
    }
    Ok(Probe {
        bytes,
        brands,
        fragmented,
        moov_offset: place.start,
        moov_bytes: place.len(),
        duration: tracks.iter().map(|track| track.start.max(0.0) + track.duration).fold(0.0, f64::max),
        tracks,
        notes: presentation.notes().iter().map(ToString::to_string).collect(),
    })
}

fn track(source: &MovieTrack) -> ProbedTrack {
    let MovieTrack { track, table } = source;
    let clock = track.timescale;
    let (mut sample_bytes, mut sync_samples, mut start) = (0, 0, None);
    let (mut last_sync, mut longest, mut end) = (None, Ticks::ZERO, Ticks::ZERO);
    for sample in table.walk(table.start()) {
        sample_bytes += sample.place.len();
        start = start.or(Some(track.edits.presentation(sample.composition())));
        end = sample.decode + Ticks::from(sample.duration);
        if sample.sync {
            sync_samples += 1;
            longest = longest.max(last_sync.map_or(Ticks::ZERO, |last| sample.decode - last));
            last_sync = Some(sample.decode);
        }
    }
    longest = longest.max(last_sync.map_or(end, |last| end - last));
    let codec = track.entry().map(|entry| &entry.codec);
    ProbedTrack {
        id: track.id.0,
        kind: track.kind,
        codec: codec.map(|codec| codec.rfc6381.clone()).unwrap_or_default(),
        format: match codec.map(|codec| &codec.format) {
            Some(Format::Video(picture)) => format!("{}x{}", picture.width, picture.height),
            Some(Format::Audio(sound)) => format!("{} ch {} Hz", sound.channels, sound.sample_rate),
            Some(Format::Text(_)) | None => String::new(),
        },
        language: track.language.clone(),
        timescale: clock.get(),
        samples: table.len(),
        sample_bytes,
        start: clock.seconds(start.unwrap_or_default()),
        duration: clock.seconds(table.duration()),
        sync_samples,
        longest_gop: (track.kind == Kind::Video).then(|| clock.seconds(longest)),
        edit_delay: clock.seconds(track.edits.empty),
        edit_start: clock.seconds(track.edits.start),
        edit_end: track.edits.end.map(|end| clock.seconds(end)),
        segments: None,
        encryption: codec.and_then(|codec| codec.protection.as_ref()).map(|p| p.scheme.to_string()),
    }
}
