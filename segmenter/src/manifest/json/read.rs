//! From a document back to the manifest, trusting nothing in it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::{Fragment, Layout, Manifest, Media, Protected, Segment, Version};
use super::document::{Document, EventStream, Key, Range, Rendition};
use super::{super as model, VERSION};
use crate::isobmff::{Supplemental, VideoRange};
use crate::time::{Ticks, Timescale};
use crate::track::Kind;

/// Why a text is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not JSON, or not of the shape.
    #[error("the manifest can't be read: {0}")]
    Syntax(#[from] serde_json::Error),
    /// Written by another version.
    #[error("the manifest has version {0}, this reads version {VERSION}")]
    Version(u32),
    /// An id is also the name of a folder.
    #[error("rendition id {0:?} is not letters and digits")]
    Id(String),
    /// Two renditions would share a folder.
    #[error("rendition id {0:?} is there twice")]
    Twice(String),
    /// A clock that does not tick.
    #[error("rendition {0}: the timescale is zero")]
    Timescale(String),
    /// A URL that does not lie where the tree of a medium has it, or two layouts in one manifest.
    #[error("rendition {id}: {field} is {url:?}, expected {expected:?}")]
    Url {
        /// Of which rendition.
        id: String,
        /// Which field.
        field: &'static str,
        /// What it says.
        url: String,
        /// What it should say.
        expected: String,
    },
    /// A field that this kind of media can't do without, or whose value can't be.
    #[error("rendition {id}: {field} is missing or no use")]
    Field {
        /// Of which rendition.
        id: String,
        /// Which field.
        field: &'static str,
    },
    /// Arrays that should be as long as each other.
    #[error("rendition {id}: {durations} durations, {other} {field}")]
    Lengths {
        /// Of which rendition.
        id: String,
        /// Which field differs.
        field: &'static str,
        /// Segments by their durations.
        durations: usize,
        /// Segments by that field.
        other: usize,
    },
}

impl TryFrom<Document> for Manifest {
    type Error = Error;

    fn try_from(document: Document) -> Result<Self, Error> {
        if document.version != VERSION {
            return Err(Error::Version(document.version));
        }
        let layout = match document.renditions.iter().any(|r| !r.media.contains("{n}")) {
            true => Layout::SingleFile,
            false => Layout::Segments,
        };
        let version = document.renditions.first().and_then(|rendition| Version::of(&rendition.media));
        let mut renditions: Vec<model::Rendition> = Vec::with_capacity(document.renditions.len());
        for rendition in document.renditions {
            if renditions.iter().any(|known| known.id == rendition.id) {
                return Err(Error::Twice(rendition.id));
            }
            renditions.push(read_rendition(rendition, layout, version)?);
        }
        Ok(Self {
            id: document.id,
            title: document.title,
            r#type: document.r#type,
            duration: document.duration,
            target: document.target,
            state: document.state,
            layout,
            version,
            renditions,
        })
    }
}

fn read_rendition(
    rendition: Rendition,
    layout: Layout,
    version: Option<Version>,
) -> Result<model::Rendition, Error> {
    if rendition.id.is_empty() || !rendition.id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Error::Id(rendition.id));
    }
    let Some(timescale) = Timescale::new(rendition.timescale) else {
        return Err(Error::Timescale(rendition.id));
    };
    let media = media(&rendition)?;
    let read = model::Rendition {
        segments: segments(&rendition)?,
        init: bytes(&rendition, "initData", rendition.init_data.as_deref().unwrap_or_default())?,
        protection: rendition.protection.as_ref().map(|key| protected(&rendition, key)).transpose()?,
        available: available(&rendition)?,
        head: rendition.media_start.unwrap_or(0),
        start: Ticks(rendition.segments.start),
        presentation_offset: Ticks(rendition.presentation_offset),
        id: rendition.id,
        codec: rendition.codec,
        event_streams: rendition.event_streams.into_iter().map(event_stream).collect(),
        language: rendition.language,
        name: rendition.name,
        media,
        timescale,
    };
    let url = |path| Version::url(version, path);
    expect_url(&read.id, "media", Some(&rendition.media), Some(&url(read.media_path(layout))))?;
    expect_url(&read.id, "init", rendition.init.as_deref(), read.init_path(layout).map(url).as_deref())?;
    if read.in_one_file(layout) && rendition.media_start.is_none() {
        return Err(Error::Field { id: read.id, field: "mediaStart" });
    }
    Ok(read)
}

fn expect_url(id: &str, field: &'static str, url: Option<&str>, expected: Option<&str>) -> Result<(), Error> {
    if url == expected {
        return Ok(());
    }
    let text = |url: Option<&str>| url.unwrap_or_default().to_owned();
    Err(Error::Url { id: id.to_owned(), field, url: text(url), expected: text(expected) })
}

fn missing(rendition: &Rendition, field: &'static str) -> Error {
    Error::Field { id: rendition.id.clone(), field }
}

fn media(rendition: &Rendition) -> Result<Media, Error> {
    let need = |field| move || missing(rendition, field);
    Ok(match rendition.kind {
        Kind::Video => Media::Video {
            width: rendition.width.ok_or_else(need("width"))?,
            height: rendition.height.ok_or_else(need("height"))?,
            rotation: rendition.rotation.unwrap_or(0),
            frame_rate: rendition.frame_rate.unwrap_or(0.0),
            pixel_aspect: rendition.pixel_aspect.map(|[across, down]| (across, down)),
            range: match rendition.video_range {
                None => VideoRange::Sdr,
                Some(Range::Hlg) => VideoRange::Hlg,
                Some(Range::Pq) => VideoRange::Pq,
            },
            supplemental: rendition
                .supplemental_codec
                .as_deref()
                .map(|told| supplemental(told).ok_or_else(need("supplementalCodec")))
                .transpose()?,
        },
        Kind::Audio => Media::Audio {
            channels: rendition.channels.ok_or_else(need("channels"))?,
            sample_rate: rendition.sample_rate.ok_or_else(need("sampleRate"))?,
            joc: rendition.joc,
        },
        Kind::Text if rendition.mime == "text/vtt" => Media::WebVtt,
        Kind::Text => Media::Text,
    })
}

/// The codec before the stroke, the brand after it.
fn supplemental(told: &str) -> Option<Supplemental> {
    let (codec, brand) = told.split_once('/')?;
    Some(Supplemental { codec: codec.to_owned(), brand: brand.to_owned() })
}

fn segments(rendition: &Rendition) -> Result<Vec<Segment>, Error> {
    let count = rendition.segments.durations.len();
    let expect = |field, other| match other == count {
        true => Ok(()),
        false => Err(Error::Lengths { id: rendition.id.clone(), field, durations: count, other }),
    };
    expect("sizes", rendition.segments.sizes.len())?;
    let fragments = rendition.fragments.as_deref().unwrap_or_default();
    if rendition.fragments.is_some() {
        expect("fragments", fragments.len())?;
    }
    let mut start = Ticks(rendition.segments.start);
    let mut read = Vec::with_capacity(count);
    for (index, (duration, size)) in
        rendition.segments.durations.iter().zip(&rendition.segments.sizes).enumerate()
    {
        let duration = Ticks(i64::try_from(*duration).map_err(|_| missing(rendition, "durations"))?);
        let place = |(time, offset, key): &(i64, u64, u64)| Fragment {
            time: start + Ticks(*time),
            offset: *offset,
            key: *key,
        };
        let fragments = fragments.get(index).into_iter().flatten().map(place).collect();
        read.push(Segment { duration, size: *size, fragments });
        start += duration;
    }
    Ok(read)
}

/// `None` when the one range given spans every segment; ranges in order, apart, and of segments there are.
fn available(rendition: &Rendition) -> Result<Option<Vec<std::ops::RangeInclusive<u32>>>, Error> {
    let last = u32::try_from(rendition.segments.durations.len()).unwrap_or(u32::MAX);
    let mut free = 1;
    for [from, to] in &rendition.available {
        if *from < free || to < from || *to > last {
            return Err(missing(rendition, "available"));
        }
        free = to.saturating_add(1);
    }
    let is_everything = last == 0 || rendition.available == [[1, last]];
    Ok((!is_everything).then(|| rendition.available.iter().map(|[from, to]| *from..=*to).collect()))
}

fn event_stream(stream: EventStream) -> model::EventStream {
    model::EventStream { scheme: stream.scheme, value: stream.value }
}

fn protected(rendition: &Rendition, key: &Key) -> Result<Protected, Error> {
    let is_hex = key.key_id.len() == 32 && key.key_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let key_id = u128::from_str_radix(&key.key_id, 16).ok().filter(|_| is_hex);
    Ok(Protected {
        scheme: key.scheme.clone(),
        key_id: key_id.ok_or_else(|| missing(rendition, "keyId"))?.to_be_bytes(),
        pssh: key.pssh.iter().map(|text| bytes(rendition, "pssh", text)).collect::<Result<_, _>>()?,
    })
}

fn bytes(rendition: &Rendition, field: &'static str, base64: &str) -> Result<::bytes::Bytes, Error> {
    BASE64_STANDARD.decode(base64).map(Into::into).map_err(|_| missing(rendition, field))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::examples;
    use super::super::parse;

    /// What the reader says of the film with one value put in another's place.
    fn fault(pointer: &str, value: Value) -> String {
        let mut document: Value = serde_json::from_str(&super::super::json(&examples::film())).unwrap();
        *document.pointer_mut(pointer).unwrap() = value;
        parse(&document.to_string()).unwrap_err().to_string()
    }

    #[test]
    fn faults_name_the_rendition_the_field_and_the_value() {
        let table = [
            ("/version", json!(2), "the manifest has version 2, this reads version 1"),
            ("/renditions/0/id", json!("../v1"), "rendition id \"../v1\" is not letters and digits"),
            ("/renditions/1/id", json!("v1"), "rendition id \"v1\" is there twice"),
            ("/renditions/0/timescale", json!(0), "rendition v1: the timescale is zero"),
            ("/renditions/0/init", json!("x"), "rendition v1: init is \"x\", expected \"v1/init.mp4\""),
            ("/renditions/0/initData", json!("*"), "rendition v1: initData is missing or no use"),
            ("/renditions/0/segments/sizes", json!([1]), "rendition v1: 3 durations, 1 sizes"),
            ("/renditions/0/fragments", json!([]), "rendition v1: 3 durations, 0 fragments"),
            ("/renditions/0/available", json!([[1, 9]]), "rendition v1: available is missing or no use"),
        ];
        for (pointer, value, expected) in table {
            assert_eq!(fault(pointer, value), expected);
        }
    }

    #[test]
    fn segments_elsewhere_than_in_their_folder_are_refused() {
        let expected = "rendition v1: media is \"http://elsewhere/{n}\", expected \"v1/{n}.m4s\"";
        assert_eq!(fault("/renditions/0/media", json!("http://elsewhere/{n}")), expected);
    }
}
