//! Small films for tests, written by the `mp4` crate: a writer that knows nothing of ours.

use std::io::Cursor;

use ::bytes::{BufMut, Bytes};
use mp4::{
    AacConfig, AudioObjectType, AvcConfig, ChannelConfig, MediaConfig, Mp4Config, Mp4Sample, Mp4Writer,
    SampleFreqIndex, TrackConfig, TrackType,
};

use super::columns::Aux;
use super::{FourCc, Movie, Writer, codec};

/// A sample to be written.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) duration: u32,
    pub(crate) offset: i32,
    pub(crate) sync: bool,
    pub(crate) bytes: Vec<u8>,
}

/// A progressive film, `moov` last: one H.264 track at 12,800 ticks a second, one AAC track at 48,000, interleaved as
/// their times say.
pub(crate) fn film(video: &[Frame], audio: &[Frame]) -> Bytes {
    let config = Mp4Config {
        major_brand: brand(b"isom"),
        minor_version: 512,
        compatible_brands: vec![brand(b"isom"), brand(b"avc1")],
        timescale: 1000,
    };
    let mut writer = Mp4Writer::write_start(Cursor::new(Vec::new()), &config).unwrap();
    let sps = vec![0x67, 0x64, 0, 0x1e, 0xac, 0xd9, 0x40, 0xa0, 0x2f, 0xf9, 0x70, 0x11];
    let avc = AvcConfig {
        width: 640,
        height: 360,
        seq_param_set: sps,
        pic_param_set: vec![0x68, 0xeb, 0xe3, 0xcb],
    };
    let aac = AacConfig {
        bitrate: 64_000,
        profile: AudioObjectType::AacLowComplexity,
        freq_index: SampleFreqIndex::Freq48000,
        chan_conf: ChannelConfig::Stereo,
    };
    let tracks = [
        (TrackType::Video, 12_800, MediaConfig::AvcConfig(avc), video),
        (TrackType::Audio, 48_000, MediaConfig::AacConfig(aac), audio),
    ];
    let tracks: Vec<_> = tracks.into_iter().filter(|track| !track.3.is_empty()).collect();
    for (track_type, timescale, media_conf, _) in &tracks {
        let (track_type, timescale, media_conf) = (*track_type, *timescale, media_conf.clone());
        writer.add_track(&TrackConfig { track_type, timescale, language: "und".into(), media_conf }).unwrap();
    }
    let mut order = Vec::new();
    for (number, (_, timescale, _, frames)) in tracks.iter().enumerate() {
        let mut time = 0_u64;
        for frame in *frames {
            order.push((time * 1000 / u64::from(*timescale), number, time, frame));
            time += u64::from(frame.duration);
        }
    }
    order.sort_by_key(|entry| (entry.0, entry.1));
    for (_, number, start_time, frame) in order {
        let sample = Mp4Sample {
            start_time,
            duration: frame.duration,
            rendering_offset: frame.offset,
            is_sync: frame.sync,
            bytes: Bytes::copy_from_slice(&frame.bytes),
        };
        writer.write_sample(u32::try_from(number).unwrap() + 1, &sample).unwrap();
    }
    writer.write_end().unwrap();
    writer.into_writer().into_inner().into()
}

fn brand(code: &[u8; 4]) -> mp4::FourCC {
    mp4::FourCC { value: *code }
}

/// `seconds` of 25 frames a second with a sync sample every `gop` frames and two B-frames between references, and as
/// much sound; every sample's bytes tell which it is.
pub(crate) fn talkie(seconds: u32, gop: u32) -> Bytes {
    let video: Vec<_> = (0..seconds * 25)
        .map(|i| {
            let sync = i % gop == 0;
            let offset = [1024, 2048, 512, 512][(i % gop % 4) as usize];
            Frame { duration: 512, offset, sync, bytes: payload(b'v', i, if sync { 900 } else { 200 }) }
        })
        .collect();
    let audio = (0..seconds * 48_000 / 1024).map(|i| Frame {
        duration: 1024,
        offset: 0,
        sync: true,
        bytes: payload(b'a', i, 90),
    });
    film(&video, &audio.collect::<Vec<_>>())
}

fn payload(kind: u8, number: u32, len: usize) -> Vec<u8> {
    let mut bytes = vec![kind; len + (number % 7) as usize];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// Calls the first track of a film encrypted (`cenc`, initialisation vectors of 8 bytes); `information` is told in turn of
/// its samples.
pub(crate) fn encrypt(movie: &mut Movie, information: &[&[u8]]) {
    let movie = &mut movie.tracks[0];
    let mut entry = movie.track.entries[0].bytes.to_vec();
    let original = entry[4..8].to_vec();
    entry[4..8].copy_from_slice(b"encv");
    Writer::new(&mut entry).boxed(b"sinf", |out| {
        out.boxed(b"frma", |out| out.put(&original));
        out.full(b"schm", 0, 0, |out| out.put(b"cenc\0\x01\0\0"));
        out.boxed(b"schi", |out| {
            out.full(b"tenc", 0, 0, |out| {
                out.put(&[0, 0, 1, 8]);
                out.zeros(16);
            });
        });
    });
    let len = u32::try_from(entry.len()).unwrap();
    (&mut entry[..4]).put_u32(len);
    movie.track.entries = vec![codec::read(&entry, FourCc(*b"vide")).unwrap()];
    let told = || (0..movie.table.len() as usize).map(|sample| information[sample % information.len()]);
    let sizes: Vec<_> = told().map(|information| u8::try_from(information.len()).unwrap()).collect();
    movie.table.aux = Aux { sizes: sizes.into(), data: told().collect::<Vec<_>>().concat().into() };
}
