//! The multivariant playlist: what can be played together, and how fast a link that takes.
//!
//! # Why
//! `CLOSED-CAPTIONS=NONE` stands on every variant: without it a player may download whole segments in search of
//! captions before it starts. Sound is grouped by codec and channels, and every video is listed with every group,
//! so that the codecs a variant names are those it plays; the cost is a longer list where there are several.

use std::collections::BTreeSet;

use super::super::{Manifest, Media, Rendition, rate};
use super::attributes::Tag;
use super::media::pictures;
use super::{HEADER, video_range};
use crate::track::Kind;

const SUBTITLES: &str = "subtitles";

/// `master.m3u8`. URLs are relative to it.
pub fn master(manifest: &Manifest) -> String {
    let sound = sound_groups(manifest);
    let text: Option<Group<'_>> = Group::new(SUBTITLES.to_owned(), manifest.of(Kind::Text).collect());
    let has_video = manifest.of(Kind::Video).next().is_some();
    let has_sound = !sound.is_empty();

    let mut lines = format!("{HEADER}#EXT-X-INDEPENDENT-SEGMENTS\n");
    // One sound by itself is a variant, not a choice.
    let lists_sound = has_video || manifest.of(Kind::Audio).nth(1).is_some();
    if lists_sound {
        lines.extend(sound.iter().flat_map(|group| group.media("AUDIO")));
    }
    if has_video || has_sound {
        lines.extend(text.iter().flat_map(|group| group.media("SUBTITLES")));
    }

    let variant = |main, audio| Variant { main, audio, subtitles: text.as_ref() }.line(lists_sound);
    if has_video {
        for video in manifest.of(Kind::Video) {
            match sound.as_slice() {
                [] => lines += &variant(video, None),
                groups => lines.extend(groups.iter().map(|group| variant(video, Some(group)))),
            }
        }
    } else if has_sound {
        lines.extend(sound.iter().map(|group| variant(group.first, Some(group))));
    } else {
        lines.extend(
            manifest.of(Kind::Text).map(|main| Variant { main, audio: None, subtitles: None }.line(false)),
        );
    }
    lines.extend(manifest.of(Kind::Video).filter_map(|video| iframe_line(manifest, video)));
    lines
}

/// Renditions that replace each other by the viewer's choice; never empty.
struct Group<'a> {
    id: String,
    first: &'a Rendition,
    members: Vec<&'a Rendition>,
}

/// Sound by codec and channels, in the order of the first of each.
fn sound_groups(manifest: &Manifest) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for rendition in manifest.of(Kind::Audio) {
        let id = format!("{}-{}", rendition.codec, channels(rendition).unwrap_or_default().replace('/', "-"));
        match groups.iter_mut().find(|group| group.id == id) {
            Some(group) => group.members.push(rendition),
            None => groups.push(Group { id, first: rendition, members: vec![rendition] }),
        }
    }
    groups
}

impl<'a> Group<'a> {
    fn new(id: String, members: Vec<&'a Rendition>) -> Option<Self> {
        members.first().copied().map(|first| Self { id, first, members })
    }

    /// The largest of what its members need: any of them may be chosen.
    fn largest(&self, need: impl Fn(&Rendition) -> u64) -> u64 {
        self.members.iter().map(|member| need(member)).max().unwrap_or(0)
    }

    /// `EXT-X-MEDIA` of every member. Sound has a default; subtitles show when asked for.
    fn media(&self, kind: &str) -> Vec<String> {
        let (mut names, mut languages) = (BTreeSet::new(), BTreeSet::new());
        let line = |member: &&Rendition| {
            let is_first = std::ptr::eq(*member, self.first);
            let in_new_language = languages.insert(member.language.clone());
            Tag::new("EXT-X-MEDIA")
                .plain("TYPE", kind)
                .quoted("GROUP-ID", &self.id)
                .quoted("NAME", &unused_name(member, &mut names))
                .quoted_if("LANGUAGE", member.language.as_deref())
                .plain("DEFAULT", yes_or_no(is_first && kind == "AUDIO"))
                // Two of one language must not both be chosen by themselves (RFC 8216bis 4.4.6.1.1).
                .plain("AUTOSELECT", yes_or_no(in_new_language))
                .quoted_if("CHANNELS", channels(member).as_deref())
                .quoted("URI", &member.playlist_path())
                .line()
        };
        self.members.iter().map(line).collect()
    }
}

/// What a viewer reads; the group must not have the same twice.
fn unused_name(rendition: &Rendition, used: &mut BTreeSet<String>) -> String {
    let name = rendition.name.as_ref().or(rendition.language.as_ref()).unwrap_or(&rendition.id);
    let later = (2..).map(|count: u32| format!("{name} {count}"));
    let unused = std::iter::once(name.clone()).chain(later).find(|name| !used.contains(name));
    let name = unused.unwrap_or_else(|| rendition.id.clone());
    used.insert(name.clone());
    name
}

fn yes_or_no(value: bool) -> &'static str {
    if value { "YES" } else { "NO" }
}

/// `CHANNELS`: their count, or where sound has objects theirs and how they are coded (RFC 8216bis 4.4.6.1).
fn channels(rendition: &Rendition) -> Option<String> {
    match rendition.media {
        Media::Audio { joc: Some(objects), .. } => Some(format!("{objects}/JOC")),
        Media::Audio { channels, .. } => Some(channels.to_string()),
        _ => None,
    }
}

/// A playlist and what can be played with it.
struct Variant<'a> {
    main: &'a Rendition,
    audio: Option<&'a Group<'a>>,
    subtitles: Option<&'a Group<'a>>,
}

impl Variant<'_> {
    /// `EXT-X-STREAM-INF` and its URL.
    fn line(&self, names_sound: bool) -> String {
        let tag = Tag::new("EXT-X-STREAM-INF")
            .plain("BANDWIDTH", self.sum(Rendition::bandwidth))
            .plain("AVERAGE-BANDWIDTH", self.sum(Rendition::average_bandwidth))
            .quoted_if("CODECS", self.codecs().as_deref());
        let tag = picture(tag, self.main, true)
            .quoted_if("AUDIO", self.audio.filter(|_| names_sound).map(|group| group.id.as_str()))
            .quoted_if("SUBTITLES", self.subtitles.map(|group| group.id.as_str()))
            .plain("CLOSED-CAPTIONS", "NONE");
        tag.line() + &self.main.playlist_path() + "\n"
    }

    /// The most that any choice of renditions needs together.
    fn sum(&self, need: impl Fn(&Rendition) -> u64 + Copy) -> u64 {
        let sound = match self.audio {
            // A group that is its own main counts once.
            Some(group) if self.main.media.kind() == Kind::Audio => {
                return self.with_text(group.largest(need), need);
            }
            Some(group) => group.largest(need),
            None => 0,
        };
        self.with_text(need(self.main).saturating_add(sound), need)
    }

    fn with_text(&self, sum: u64, need: impl Fn(&Rendition) -> u64) -> u64 {
        sum.saturating_add(self.subtitles.map_or(0, |group| group.largest(need)))
    }

    /// Every codec in boxes, once; `None` when there are only WebVTT files.
    fn codecs(&self) -> Option<String> {
        let groups =
            [self.audio.map(|group| vec![group.first]), self.subtitles.map(|group| group.members.clone())];
        let mut codecs: Vec<&str> = Vec::new();
        for rendition in std::iter::once(self.main).chain(groups.into_iter().flatten().flatten()) {
            if rendition.media != Media::WebVtt && !codecs.contains(&rendition.codec.as_str()) {
                codecs.push(&rendition.codec);
            }
        }
        (!codecs.is_empty()).then(|| codecs.join(","))
    }
}

/// What only pictures have.
fn picture(tag: Tag, rendition: &Rendition, names_rate: bool) -> Tag {
    let Media::Video { width, height, frame_rate, pixel_aspect, range, ref supplemental, .. } =
        rendition.media
    else {
        return tag;
    };
    let known = names_rate && frame_rate.is_finite() && frame_rate > 0.0;
    let supplemental = supplemental.as_ref().map(ToString::to_string);
    tag.quoted_if("SUPPLEMENTAL-CODECS", supplemental.as_deref())
        .plain("RESOLUTION", format_args!("{}x{height}", shown_width(width, pixel_aspect)))
        .plain_if("FRAME-RATE", known.then(|| format!("{frame_rate:.3}")))
        .plain_if("VIDEO-RANGE", video_range(range))
}

/// Width on a screen of square pixels: `RESOLUTION` is the size at which to show the video (RFC 8216bis 4.4.6.2).
fn shown_width(width: u16, pixel_aspect: Option<(u32, u32)>) -> u64 {
    let (across, down) = pixel_aspect.map_or((1, 1), |(across, down)| (u64::from(across), u64::from(down)));
    (u64::from(width) * across + down / 2) / down.max(1)
}

/// `EXT-X-I-FRAME-STREAM-INF`, which has no frame rate.
fn iframe_line(manifest: &Manifest, video: &Rendition) -> Option<String> {
    let pictures = pictures(video, manifest.layout)?;
    let tag = Tag::new("EXT-X-I-FRAME-STREAM-INF")
        .plain("BANDWIDTH", rate::peak(video.timescale, &pictures))
        .plain("AVERAGE-BANDWIDTH", rate::average(video.timescale, &pictures))
        .quoted("CODECS", &video.codec);
    Some(picture(tag, video, false).quoted("URI", &video.iframes_path()).line())
}

#[cfg(test)]
mod tests {
    use super::super::super::examples;
    use super::*;

    fn lines<'a>(text: &'a str, tag: &str) -> Vec<&'a str> {
        text.lines().filter(|line| line.starts_with(tag)).collect()
    }

    #[test]
    fn every_variant_says_that_it_has_no_closed_captions() {
        for (name, manifest) in examples::all() {
            let text = master(&manifest);
            let variants = lines(&text, "#EXT-X-STREAM-INF:");
            assert!(!variants.is_empty(), "{name}");
            assert!(variants.iter().all(|line| line.ends_with("CLOSED-CAPTIONS=NONE")), "{name}: {text}");
        }
    }

    #[test]
    fn each_video_is_listed_with_each_codec_of_sound() {
        let manifest = examples::two_languages();
        let text = master(&manifest);
        let variants = lines(&text, "#EXT-X-STREAM-INF:");
        assert_eq!(variants.len(), 2);
        assert!(
            variants[0].contains("CODECS=\"avc1.64001f,mp4a.40.2\"")
                && variants[0].contains("AUDIO=\"mp4a.40.2-2\"")
        );
        assert!(
            variants[1].contains("CODECS=\"avc1.64001f,ec-3\"") && variants[1].contains("AUDIO=\"ec-3-6\"")
        );
    }

    #[test]
    fn a_name_taken_twice_gets_a_number_and_is_not_chosen_by_itself() {
        let mut manifest = examples::two_languages();
        manifest.renditions.retain(|r| r.codec != "ec-3");
        for rendition in manifest.renditions.iter_mut().skip(1) {
            rendition.name = None;
            rendition.language = Some("en".into());
        }
        let text = master(&manifest);
        let media = lines(&text, "#EXT-X-MEDIA:");
        assert!(media[0].contains("NAME=\"en\",LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES"), "{text}");
        assert!(media[1].contains("NAME=\"en 2\",LANGUAGE=\"en\",DEFAULT=NO,AUTOSELECT=NO"), "{text}");
    }

    #[test]
    fn bandwidth_is_the_sum_of_the_video_and_the_largest_sound() {
        let manifest = examples::film();
        let sum: u64 = manifest.renditions.iter().map(Rendition::bandwidth).sum();
        assert!(master(&manifest).contains(&format!("#EXT-X-STREAM-INF:BANDWIDTH={sum},")));
    }

    #[test]
    fn nothing_but_text_is_still_a_playlist() {
        let mut manifest = examples::subtitles();
        manifest.renditions.retain(|r| r.media.kind() == Kind::Text);
        let text = master(&manifest);
        assert_eq!(lines(&text, "#EXT-X-STREAM-INF:").len(), manifest.renditions.len());
        assert!(!text.contains("SUBTITLES="));
    }
}
