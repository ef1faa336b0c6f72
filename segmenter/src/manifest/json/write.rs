//! From a manifest to its document.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::{self as model, Manifest, Media, Protected, Version, protection};
use super::VERSION;
use super::document::{Document, EventStream, Key, Range, Rendition, Segments};
use crate::isobmff::VideoRange;
use crate::time::Ticks;

impl From<&Manifest> for Document {
    fn from(manifest: &Manifest) -> Self {
        Self {
            version: VERSION,
            id: manifest.id.clone(),
            title: manifest.title.clone(),
            r#type: manifest.r#type.clone(),
            duration: finite(manifest.duration).unwrap_or(0.0),
            target: finite(manifest.target).unwrap_or(0.0),
            state: manifest.state,
            renditions: manifest.renditions.iter().map(|r| rendition(r, manifest)).collect(),
        }
    }
}

fn rendition(rendition: &model::Rendition, manifest: &Manifest) -> Rendition {
    let layout = manifest.layout;
    let url = |path| Version::url(manifest.version, path);
    let init = rendition.init_path(layout).map(url);
    let in_one_file = rendition.in_one_file(layout);
    let blank = Rendition {
        id: rendition.id.clone(),
        kind: rendition.media.kind(),
        codec: rendition.codec.clone(),
        mime: rendition.mime().to_owned(),
        timescale: rendition.timescale.get(),
        bandwidth: rendition.bandwidth(),
        average_bandwidth: rendition.average_bandwidth(),
        width: None,
        height: None,
        frame_rate: None,
        pixel_aspect: None,
        rotation: None,
        video_range: None,
        supplemental_codec: None,
        language: rendition.language.clone(),
        name: rendition.name.clone(),
        channels: None,
        sample_rate: None,
        joc: None,
        init_range: in_one_file.then_some([0, rendition.init.len() as u64]),
        init_data: init.as_ref().map(|_| BASE64_STANDARD.encode(&rendition.init)),
        init,
        media: url(rendition.media_path(layout)),
        media_start: in_one_file.then_some(rendition.head),
        presentation_offset: rendition.presentation_offset.0,
        segments: segments(rendition),
        fragments: (rendition.media != Media::WebVtt).then(|| fragments(rendition)),
        available: available(rendition),
        event_streams: rendition.event_streams.iter().map(event_stream).collect(),
        protection: rendition.protection.as_ref().map(key),
    };
    described(blank, &rendition.media)
}

/// With what only one kind of media has.
fn described(blank: Rendition, media: &Media) -> Rendition {
    match *media {
        Media::Video { width, height, rotation, frame_rate, pixel_aspect, range, ref supplemental } => {
            Rendition {
                width: Some(width),
                height: Some(height),
                rotation: (rotation > 0).then_some(rotation),
                frame_rate: finite(frame_rate).filter(|rate| *rate > 0.0),
                pixel_aspect: pixel_aspect.map(|(across, down)| [across, down]),
                video_range: match range {
                    VideoRange::Sdr => None,
                    VideoRange::Hlg => Some(Range::Hlg),
                    VideoRange::Pq => Some(Range::Pq),
                },
                supplemental_codec: supplemental.as_ref().map(ToString::to_string),
                ..blank
            }
        }
        Media::Audio { channels, sample_rate, joc } => {
            Rendition { channels: Some(channels), sample_rate: Some(sample_rate), joc, ..blank }
        }
        Media::Text | Media::WebVtt => blank,
    }
}

fn segments(rendition: &model::Rendition) -> Segments {
    Segments {
        start: rendition.start.0,
        durations: rendition.segments.iter().map(|segment| segment.duration.unsigned()).collect(),
        sizes: rendition.segments.iter().map(|segment| segment.size).collect(),
    }
}

fn fragments(rendition: &model::Rendition) -> Vec<Vec<(i64, u64, u64)>> {
    let mut start: Ticks = rendition.start;
    let of_segment = |segment: &model::Segment| {
        let fragments = segment.fragments.iter().map(|f| ((f.time - start).0, f.offset, f.key)).collect();
        start += segment.duration;
        fragments
    };
    rendition.segments.iter().map(of_segment).collect()
}

fn available(rendition: &model::Rendition) -> Vec<[u32; 2]> {
    match &rendition.available {
        Some(ranges) => ranges.iter().map(|range| [*range.start(), *range.end()]).collect(),
        None if rendition.segments.is_empty() => Vec::new(),
        None => vec![[1, rendition.last()]],
    }
}

fn event_stream(stream: &model::EventStream) -> EventStream {
    EventStream { scheme: stream.scheme.clone(), value: stream.value.clone() }
}

fn key(protected: &Protected) -> Key {
    Key {
        scheme: protected.scheme.clone(),
        key_id: protection::hex(protected.key_id),
        pssh: protected.pssh.iter().map(|bytes| BASE64_STANDARD.encode(bytes)).collect(),
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
