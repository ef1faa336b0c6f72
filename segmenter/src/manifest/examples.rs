//! Small manifests made by hand, for tests: one for each thing a rendering has to say.

use ::bytes::Bytes;

use super::{EventStream, Fragment, Layout, Manifest, Media, Protected, Rendition, Segment, State};
use crate::isobmff::{Supplemental, VideoRange};
use crate::time::{Ticks, Timescale};

/// Every example that has golden files, with their name.
pub(super) fn all() -> [(&'static str, Manifest); 8] {
    [
        ("film", film()),
        ("two_languages", two_languages()),
        ("audio_only", audio_only()),
        ("single_file", single_file()),
        ("subtitles", subtitles()),
        ("protected", protected()),
        ("hdr", hdr()),
        ("upright", upright()),
    ]
}

/// One video and one sound, with two pictures to start at in each full segment.
pub(super) fn film() -> Manifest {
    manifest("A short film", vec![video("v1", "avc1.64001f"), audio("a1", "mp4a.40.2", 2)])
}

/// Two languages in AAC, one of them again in 5.1.
pub(super) fn two_languages() -> Manifest {
    let sounds = [
        ("a1", "mp4a.40.2", 2, "en", "English"),
        ("a2", "mp4a.40.2", 2, "fr", "Français"),
        ("a3", "ec-3", 6, "en", "English"),
    ];
    let sounds = sounds.map(|(id, codec, channels, language, name)| Rendition {
        language: Some(language.into()),
        name: Some(name.into()),
        ..audio(id, codec, channels)
    });
    let title = "Tom & Jerry: \"<Deux> langues\"";
    Manifest {
        r#type: Some("movie".into()),
        ..manifest(title, [vec![video("v1", "avc1.64001f")], sounds.to_vec()].concat())
    }
}

/// A song: nothing to look at.
pub(super) fn audio_only() -> Manifest {
    manifest("A song", vec![audio("a1", "mp4a.40.2", 2)])
}

/// The film in one file a rendition.
pub(super) fn single_file() -> Manifest {
    let mut manifest = film();
    manifest.layout = Layout::SingleFile;
    for (rendition, sidx) in manifest.renditions.iter_mut().zip([80, 68]) {
        rendition.head = rendition.init.len() as u64 + sidx;
    }
    manifest
}

/// Subtitles in boxes and as WebVTT files, while the medium is still arriving.
pub(super) fn subtitles() -> Manifest {
    let mut manifest = film();
    let text = |id: &str, media, codec: &str, language: &str| {
        let mut rendition = of_segments(id, media, codec, 1000, &[(4000, 300), (4000, 0), (2000, 150)]);
        rendition.language = Some(language.into());
        rendition
    };
    let mut files = text("t2", Media::WebVtt, "wvtt", "de");
    files.init = Bytes::new();
    for segment in &mut files.segments {
        segment.fragments.clear();
    }
    manifest.renditions.extend([text("t1", Media::Text, "wvtt", "en"), files]);
    manifest.state = State::Playable;
    manifest.renditions[0].available = Some(vec![1..=1, 3..=3]);
    manifest.renditions[1].available = Some(Vec::new());
    manifest
}

/// The film under `cbcs`, for three key systems that have names in HLS and one that has none.
pub(super) fn protected() -> Manifest {
    let widevine = 0xedef_8ba9_79d6_4ace_a3c8_27dc_d51d_21ed_u128.to_be_bytes();
    let play_ready = 0x9a04_f079_9840_4286_ab92_e65b_e088_5f95_u128.to_be_bytes();
    let common = 0x1077_efec_c0b2_4d02_ace3_3c1e_52e2_fb4b_u128.to_be_bytes();
    let key_id = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128.to_be_bytes();
    let mut manifest = film();
    for rendition in &mut manifest.renditions {
        rendition.protection = Some(Protected {
            scheme: "cbcs".into(),
            key_id,
            pssh: vec![
                pssh(widevine, &[], b"widevine data"),
                pssh(play_ready, &[], b"PlayReady object"),
                pssh(common, &[key_id], b""),
                pssh([9; 16], &[], b"nobody's"),
            ],
        });
    }
    manifest
}

/// PQ at 23.976 frames with wide pixels, started 2.5 seconds into its track.
pub(super) fn hdr() -> Manifest {
    let media = Media::Video {
        width: 2880,
        height: 2160,
        frame_rate: 24_000.0 / 1001.0,
        pixel_aspect: Some((4, 3)),
        range: VideoRange::Pq,
        rotation: 0,
        supplemental: None,
    };
    let segments = [(96_096, 9_000_000), (96_096, 8_000_000), (96_096, 9_500_000), (48_048, 4_000_000)];
    let mut video = of_segments("v1", media, "hvc1.2.4.L153.B0", 24_000, &segments);
    video.start = Ticks(60_000);
    video.presentation_offset = Ticks(60_000);
    for fragment in video.segments.iter_mut().flat_map(|segment| &mut segment.fragments) {
        fragment.time += Ticks(60_000);
    }
    Manifest { duration: 14.014, ..manifest("HDR", vec![video]) }
}

/// A film held upright, in Dolby Vision over hybrid log-gamma, with wide pixels that a quarter turn makes tall, sound with objects,
/// and messages.
pub(super) fn upright() -> Manifest {
    let (mut video, mut audio) = (video("v1", "hvc1.2.4.L93.B0"), audio("a1", "ec-3", 6));
    video.media = Media::Video {
        width: 720,
        height: 1280,
        rotation: 90,
        frame_rate: 30.0,
        pixel_aspect: Some((3, 4)),
        range: VideoRange::Hlg,
        supplemental: Some(Supplemental { codec: "dvh1.08.03".into(), brand: "db4h".into() }),
    };
    audio.media = Media::Audio { channels: 6, sample_rate: 48_000, joc: Some(16) };
    let stream = |scheme: &str, value: &str| EventStream { scheme: scheme.into(), value: value.into() };
    video.event_streams =
        vec![stream("urn:scte:scte35:2013:bin", "1"), stream("https://aomedia.org/emsg/ID3", "")];
    manifest("Held upright", vec![video, audio])
}

/// 2,700 segments of video and of sound, with two pictures to start at in each.
pub(super) fn three_hours() -> Manifest {
    let mut manifest = film();
    let sizes = (0..2700_u64).map(|n| (48_000, 900_000 + n * 104_729 % 300_000)).collect::<Vec<_>>();
    let media = manifest.renditions[0].media.clone();
    manifest.renditions[0] = of_segments("v1", media, "avc1.64001f", 12_000, &sizes);
    let sizes = (0..2700_u64).map(|n| (192_512 - n % 2 * 1024, 60_000 + n * 7919 % 5000)).collect::<Vec<_>>();
    let media = manifest.renditions[1].media.clone();
    manifest.renditions[1] = of_segments("a1", media, "mp4a.40.2", 48_000, &sizes);
    manifest.duration = 10_800.0;
    manifest
}

/// Sound with segments of these durations and 1,000 bytes each.
pub(super) fn timeline(timescale: Timescale, start: i64, durations: &[i64]) -> Rendition {
    let mut rendition = audio("a1", "mp4a.40.2", 2);
    rendition.timescale = timescale;
    rendition.start = Ticks(start);
    rendition.segments = durations
        .iter()
        .map(|d| Segment { duration: Ticks(*d), size: 1000, fragments: Vec::new() })
        .collect();
    rendition
}

/// A `pssh` box, of version 1 if it lists key ids.
pub(super) fn pssh(system: [u8; 16], key_ids: &[[u8; 16]], data: &[u8]) -> Bytes {
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_be_bytes();
    let mut body = vec![u8::from(!key_ids.is_empty()), 0, 0, 0];
    body.extend(system);
    if !key_ids.is_empty() {
        body.extend(u32::try_from(key_ids.len()).unwrap().to_be_bytes());
        body.extend(key_ids.concat());
    }
    body.extend(len(data));
    body.extend(data);
    let size = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
    [&size[..], b"pssh", &body].concat().into()
}

fn manifest(title: &str, renditions: Vec<Rendition>) -> Manifest {
    Manifest {
        id: "m1".into(),
        title: title.into(),
        r#type: None,
        duration: 10.0,
        target: 4.0,
        state: State::Ready,
        layout: Layout::Segments,
        version: None,
        renditions,
    }
}

fn video(id: &str, codec: &str) -> Rendition {
    let media = Media::Video {
        width: 1280,
        height: 720,
        frame_rate: 25.0,
        pixel_aspect: None,
        range: VideoRange::Sdr,
        rotation: 0,
        supplemental: None,
    };
    of_segments(id, media, codec, 12_800, &[(51_200, 1_000_000), (51_200, 800_000), (25_600, 500_000)])
}

fn audio(id: &str, codec: &str, channels: u16) -> Rendition {
    let media = Media::Audio { channels, sample_rate: 48_000, joc: None };
    of_segments(id, media, codec, 48_000, &[(192_512, 64_000), (191_488, 63_500), (96_256, 32_000)])
}

/// Segments of (ticks, bytes) from time zero, with two fragments each in video and one elsewhere.
fn of_segments(id: &str, media: Media, codec: &str, hz: u32, segments: &[(u64, u64)]) -> Rendition {
    let fragments = if matches!(media, Media::Video { .. }) { 2 } else { 1 };
    let mut time = 0;
    let segments = segments.iter().map(|(duration, size)| {
        let of = |n: u64| Fragment {
            time: Ticks(i64::try_from(time + duration * n / fragments).unwrap()),
            offset: size * n / fragments + n * 3,
            key: size / fragments / 5,
        };
        let segment = Segment {
            duration: Ticks(i64::try_from(*duration).unwrap()),
            size: *size,
            fragments: (0..fragments).map(of).collect(),
        };
        time += duration;
        segment
    });
    Rendition {
        segments: segments.collect(),
        id: id.into(),
        media,
        codec: codec.into(),
        timescale: Timescale::new(hz).unwrap(),
        language: None,
        name: None,
        init: format!("init of {id}").into(),
        head: 0,
        start: Ticks::ZERO,
        presentation_offset: Ticks::ZERO,
        event_streams: Vec::new(),
        protection: None,
        available: None,
    }
}
