//! A manifest as a DASH MPD (ISO/IEC 23009-1), of the live profile for segments and on-demand for single files.
//!
//! # Why
//! Renditions in one adaptation set are switched between by bandwidth alone, without asking the viewer. Videos of one
//! codec are such a ladder. Two sounds of one language may be a film and its commentary, or two languages that the
//! source does not name, so every sound and every text has a set of its own; the cost is that a ladder of sounds
//! would be offered as a choice.

mod set;
mod timing;
mod xml;

use super::{Layout, Manifest, Media, Rendition};
use crate::isobmff::Supplemental;
use crate::track::Kind;
use set::AdaptationSet;
use timing::period;
use xml::Element;

/// `manifest.mpd`. URLs are relative to it.
pub fn mpd(manifest: &Manifest) -> String {
    let is_protected = manifest.renditions.iter().any(|rendition| rendition.protection.is_some());
    let sets = AdaptationSet::all(&manifest.renditions);
    let information =
        Element::new("ProgramInformation").holding([Element::new("Title").saying(&manifest.title)]);
    let has_more = manifest.renditions.iter().any(|rendition| supplemental(rendition).is_some());
    Element::new("MPD")
        .with("xmlns", "urn:mpeg:dash:schema:mpd:2011")
        .with_if("xmlns:scte214", has_more.then_some("urn:scte:dash:scte214-extensions"))
        .with_if("xmlns:cenc", is_protected.then_some("urn:mpeg:cenc:2013"))
        .with("profiles", profile(manifest))
        .with("type", "static")
        .with("mediaPresentationDuration", period(manifest.duration))
        .with("minBufferTime", period(manifest.target))
        .holding((!manifest.title.is_empty()).then_some(information))
        .holding([Element::new("Period")
            .with("id", 0)
            .with("start", "PT0S")
            .holding(sets.iter().zip(0..).map(|(set, id)| set.element(id, manifest)))])
        .document()
}

/// WebVTT files beside single files belong to no narrower profile than the full one.
fn profile(manifest: &Manifest) -> &'static str {
    let one_file = |rendition: &Rendition| rendition.in_one_file(manifest.layout);
    match manifest.layout {
        Layout::Segments => "urn:mpeg:dash:profile:isoff-live:2011",
        Layout::SingleFile if manifest.renditions.iter().all(one_file) => {
            "urn:mpeg:dash:profile:isoff-on-demand:2011"
        }
        Layout::SingleFile => "urn:mpeg:dash:profile:full:2011",
    }
}

/// What the presentation is to a viewer who chooses nothing.
fn role(kind: Kind, is_first: bool) -> Element {
    let value = match (kind, is_first) {
        (Kind::Text, _) => "subtitle",
        (_, true) => "main",
        (_, false) => "alternate",
    };
    Element::new("Role").with("schemeIdUri", "urn:mpeg:dash:role:2011").with("value", value)
}

/// What only one kind of media says of a representation.
fn describe(element: Element, rendition: &Rendition) -> Element {
    match rendition.media {
        Media::Video { width, height, frame_rate, pixel_aspect, .. } => {
            let (across, down) = pixel_aspect.unwrap_or((1, 1));
            element
                .with("width", width)
                .with("height", height)
                .with_if("frameRate", timing::frame_rate(frame_rate))
                .with("sar", format_args!("{across}:{down}"))
        }
        Media::Audio { channels, sample_rate, joc } => element
            .with("audioSamplingRate", sample_rate)
            .holding(channel_configuration(channels))
            .holding(joc.into_iter().flat_map(objects)),
        Media::Text | Media::WebVtt => element,
    }
}

/// What a player that knows Dolby Vision may take a video for (SCTE 214-1; Dolby Vision Streams Within the MPEG-DASH Format).
fn supplemental(rendition: &Rendition) -> Option<&Supplemental> {
    match &rendition.media {
        Media::Video { supplemental, .. } => supplemental.as_ref(),
        _ => None,
    }
}

/// Joint object coding and its complexity index (ETSI TS 103 420 D.2); the channels told beside it are those without.
fn objects(index: u8) -> [Element; 2] {
    let property = |name, value: &str| {
        let scheme = format!("tag:dolby.com,2018:dash:{name}:2018");
        Element::new("SupplementalProperty").with("schemeIdUri", scheme).with("value", value)
    };
    [property("EC3_ExtensionType", "JOC"), property("EC3_ExtensionComplexityIndex", &index.to_string())]
}

/// Channel counts whose usual arrangement has another number than the count (ISO/IEC 23091-3).
const ARRANGEMENTS: [(u16, u8); 3] = [(7, 11), (8, 12), (24, 13)];

/// Up to six channels the number of an arrangement is that of its channels; unusual counts are not described.
fn channel_configuration(channels: u16) -> Option<Element> {
    let descriptor = |scheme: &str, value: u16| {
        Element::new("AudioChannelConfiguration").with("schemeIdUri", scheme).with("value", value)
    };
    if (1..=6).contains(&channels) {
        return Some(descriptor("urn:mpeg:dash:23003:3:audio_channel_configuration:2011", channels));
    }
    let (_, arrangement) = ARRANGEMENTS.iter().find(|(count, _)| *count == channels)?;
    Some(descriptor("urn:mpeg:mpegB:cicp:ChannelConfiguration", u16::from(*arrangement)))
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::super::{examples, golden};
    use super::*;

    fn attributes<'a>(document: &'a Document<'a>, element: &str, name: &str) -> Vec<&'a str> {
        let elements = document
            .descendants()
            .filter(|node| node.has_tag_name(("urn:mpeg:dash:schema:mpd:2011", element)));
        elements.filter_map(|node| node.attribute(name)).collect()
    }

    #[test]
    fn descriptions_read_as_they_did() {
        for (name, manifest) in examples::all() {
            golden::check(&format!("{name}.mpd"), &mpd(&manifest));
        }
    }

    #[test]
    fn every_rendition_is_described_once() {
        for (name, manifest) in examples::all() {
            let text = mpd(&manifest);
            let document = Document::parse(&text).unwrap();
            let ids: Vec<_> = manifest.renditions.iter().map(|r| r.id.as_str()).collect();
            assert_eq!(attributes(&document, "Representation", "id"), ids, "{name}");
        }
    }

    #[test]
    fn hostile_titles_names_and_languages_stay_values() {
        let mut manifest = examples::protected();
        let hostile = "\"/><MPD a='\u{0}&lt;]]>\n";
        manifest.title = hostile.into();
        for rendition in &mut manifest.renditions {
            rendition.name = Some(hostile.into());
            rendition.language = Some(hostile.into());
            rendition.codec = hostile.into();
        }
        let text = mpd(&manifest);
        let document = Document::parse(&text).unwrap();
        assert_eq!(document.descendants().filter(|node| node.tag_name().name() == "MPD").count(), 1);
    }

    #[test]
    fn two_sounds_of_one_language_are_not_switched_between() {
        let mut manifest = examples::two_languages();
        for rendition in &mut manifest.renditions {
            rendition.language = None;
            rendition.name = None;
        }
        let text = mpd(&manifest);
        let document = Document::parse(&text).unwrap();
        assert_eq!(attributes(&document, "AdaptationSet", "id").len(), manifest.renditions.len());
    }

    #[test]
    fn seven_point_one_is_arrangement_twelve_and_nine_channels_are_not_described() {
        let of = |channels| channel_configuration(channels).map(|element| element.document());
        assert!(of(8).unwrap().contains("value=\"12\""));
        assert!(of(2).unwrap().contains("23003:3") && of(2).unwrap().contains("value=\"2\""));
        assert_eq!((of(0), of(9)), (None, None));
    }
}
