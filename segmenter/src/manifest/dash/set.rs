//! Adaptation sets: renditions that a player may switch between, and how their segments are found.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::{EventStream, Manifest, Media, Protected, Rendition, Version, protection};
use super::timing::{self, aspect};
use super::xml::Element;
use super::{describe, role, supplemental};
use crate::isobmff::VideoRange;
use crate::track::Kind;

/// Renditions that a player may switch between; never empty.
pub(super) struct AdaptationSet<'a> {
    first: &'a Rendition,
    members: Vec<&'a Rendition>,
    is_first_of_kind: bool,
}

impl<'a> AdaptationSet<'a> {
    /// Every rendition in exactly one set, in order of the first of each.
    pub(super) fn all(renditions: &'a [Rendition]) -> Vec<Self> {
        let mut sets: Vec<Self> = Vec::new();
        for rendition in renditions {
            match sets.iter_mut().find(|set| can_replace(set.first, rendition)) {
                Some(set) => set.members.push(rendition),
                None => {
                    let kind = rendition.media.kind();
                    let is_first_of_kind = !sets.iter().any(|set| set.first.media.kind() == kind);
                    sets.push(Self { first: rendition, members: vec![rendition], is_first_of_kind });
                }
            }
        }
        sets
    }

    /// `AdaptationSet`, children in the order of the schema.
    pub(super) fn element(&self, id: u32, manifest: &Manifest) -> Element {
        let kind = self.first.media.kind();
        let in_boxes = self.first.media != Media::WebVtt;
        let [aligned, starts_with_sap] = match self.first.in_one_file(manifest.layout) {
            true => ["subsegmentAlignment", "subsegmentStartsWithSAP"],
            false => ["segmentAlignment", "startWithSAP"],
        };
        Element::new("AdaptationSet")
            .with("id", id)
            .with("contentType", content_type(kind))
            .with("mimeType", self.first.mime())
            .with_if("lang", self.first.language.as_deref())
            .with_if("par", picture_aspect(self.first))
            .with(aligned, timing::are_aligned(&self.members))
            .with_if(starts_with_sap, in_boxes.then_some(1))
            .holding(self.first.protection.iter().flat_map(content_protection))
            .holding(transfer(self.first))
            .holding(self.first.event_streams.iter().map(inband_event_stream))
            .holding(self.first.name.as_deref().map(|name| Element::new("Label").saying(name)))
            .holding([role(kind, self.is_first_of_kind)])
            .holding(self.members.iter().map(|member| representation(member, manifest)))
    }
}

/// Videos of one codec, range, shape and key are one ladder; anything else is the viewer's choice.
fn can_replace(a: &Rendition, b: &Rendition) -> bool {
    let family = |rendition: &'_ Rendition| rendition.codec.split('.').next().map(str::to_owned);
    let key = |rendition: &'_ Rendition| rendition.protection.as_ref().map(|p| (p.scheme.clone(), p.key_id));
    let range = |rendition: &Rendition| match rendition.media {
        Media::Video { range, .. } => Some(range),
        _ => None,
    };
    range(a).is_some()
        && range(a) == range(b)
        && family(a) == family(b)
        && key(a) == key(b)
        && a.language == b.language
}

fn content_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Video => "video",
        Kind::Audio => "audio",
        Kind::Text => "text",
    }
}

/// Shape of the picture as shown.
fn picture_aspect(rendition: &Rendition) -> Option<String> {
    let Media::Video { width, height, pixel_aspect, .. } = rendition.media else { return None };
    let (across, down) = pixel_aspect.unwrap_or((1, 1));
    aspect(u64::from(width) * u64::from(across), u64::from(height) * u64::from(down))
}

/// The scheme and key id for everybody, then what each key system needs.
fn content_protection(protected: &Protected) -> Vec<Element> {
    let scheme = Element::new("ContentProtection")
        .with("schemeIdUri", "urn:mpeg:dash:mp4protection:2011")
        .with("value", &protected.scheme)
        .with("cenc:default_KID", protection::uuid(protected.key_id));
    let systems = protected.systems().map(|(pssh, whole)| {
        Element::new("ContentProtection")
            .with("schemeIdUri", format_args!("urn:uuid:{}", protection::uuid(pssh.system)))
            .holding([Element::new("cenc:pssh").saying(BASE64_STANDARD.encode(whole))])
    });
    std::iter::once(scheme).chain(systems).collect()
}

/// Transfer characteristics of a range that is not the standard one (ISO/IEC 23091-2).
fn transfer(rendition: &Rendition) -> Option<Element> {
    let Media::Video { range, .. } = rendition.media else { return None };
    let value = match range {
        VideoRange::Sdr => return None,
        VideoRange::Pq => 16,
        VideoRange::Hlg => 18,
    };
    let scheme = "urn:mpeg:mpegB:cicp:TransferCharacteristics";
    Some(Element::new("SupplementalProperty").with("schemeIdUri", scheme).with("value", value))
}

/// What messages to look for in segments (5.10.3.3.1); players pass over those of which no word is said.
fn inband_event_stream(stream: &EventStream) -> Element {
    let value = Some(&stream.value).filter(|value| !value.is_empty());
    Element::new("InbandEventStream").with("schemeIdUri", &stream.scheme).with_if("value", value)
}

fn representation(rendition: &Rendition, manifest: &Manifest) -> Element {
    let in_boxes = rendition.media != Media::WebVtt;
    let element = Element::new("Representation")
        .with("id", &rendition.id)
        .with_if("codecs", in_boxes.then_some(&rendition.codec))
        .with_if("scte214:supplementalCodecs", supplemental(rendition).map(|more| &more.codec))
        .with_if("scte214:supplementalProfiles", supplemental(rendition).map(|more| &more.brand))
        .with("bandwidth", rendition.bandwidth());
    let element = describe(element, rendition);
    match rendition.in_one_file(manifest.layout) {
        true => {
            let url = Version::url(manifest.version, rendition.media_path(manifest.layout));
            element.holding([Element::new("BaseURL").saying(url), segment_base(rendition)])
        }
        false => element.holding([segment_template(rendition, manifest)]),
    }
}

/// Where init and `sidx` lie in the one file; the player reads the rest from `sidx`.
fn segment_base(rendition: &Rendition) -> Element {
    let init = rendition.init.len() as u64;
    let bytes = |from: u64, to: u64| (from < to).then(|| format!("{from}-{}", to - 1));
    let index = bytes(init, rendition.head);
    let initialization = bytes(0, init).map(|range| Element::new("Initialization").with("range", range));
    let element = Element::new("SegmentBase").with_if("indexRangeExact", index.as_ref().map(|_| true));
    timing::clock(element.with_if("indexRange", index), rendition).holding(initialization)
}

/// One file a segment, by number.
fn segment_template(rendition: &Rendition, manifest: &Manifest) -> Element {
    let url = |path| Version::url(manifest.version, path);
    let element = timing::clock(Element::new("SegmentTemplate"), rendition)
        .with_if("initialization", rendition.init_path(manifest.layout).map(url))
        .with("media", url(rendition.media_path(manifest.layout)).replace("{n}", "$Number$"))
        .with("startNumber", 1);
    element.holding([timing::timeline(rendition)])
}

#[cfg(test)]
mod tests {
    use super::super::super::examples;
    use super::*;

    #[test]
    fn a_ladder_is_one_set_and_another_range_is_not_part_of_it() {
        let mut manifest = examples::hdr();
        let members = |renditions: &[Rendition]| {
            AdaptationSet::all(renditions).iter().map(|set| set.members.len()).collect::<Vec<_>>()
        };
        let two = [manifest.renditions[0].clone(), manifest.renditions[0].clone()];
        assert_eq!(members(&two), [2]);
        if let Media::Video { range, .. } = &mut manifest.renditions[0].media {
            *range = VideoRange::Sdr;
        }
        assert_eq!(members(&[two[0].clone(), manifest.renditions[0].clone()]), [1, 1]);
    }

    #[test]
    fn a_single_file_without_an_index_has_no_index_range() {
        let mut rendition = examples::single_file().renditions[0].clone();
        rendition.head = rendition.init.len() as u64;
        assert!(!segment_base(&rendition).document().contains("indexRange"));
    }
}
