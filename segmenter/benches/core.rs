//! What a film costs before a byte of it is copied: reading its tables, planning, telling its manifest, rendering a segment.
//!
//! The film is three hours of 25 frames and 47 sounds a second, interleaved sample by sample as FFmpeg does: 775,000 samples,
//! as many chunks, 2,700 segments a rendition.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use segmenter::bytes::Span;
use segmenter::demux::Demuxer;
use segmenter::isobmff::{Movie, Writer};
use segmenter::manifest::{Layout, State, json};
use segmenter::plan::Options;
use segmenter::render::{Labels, Presentation};

const SECONDS: u32 = 3 * 3600;

/// `ftyp` and `moov` of the film; its `mdat` would follow.
fn head() -> Bytes {
    let mut bytes = Vec::new();
    let mut out = Writer::new(&mut bytes);
    out.boxed(b"ftyp", |out| out.put(b"isom\0\0\x02\0isomavc1"));
    out.boxed(b"moov", |out| {
        out.full(b"mvhd", 0, 0, |out| {
            out.zeros(8);
            out.u32(1000);
            out.u32(SECONDS * 1000);
            out.u32(0x1_0000);
            out.u16(0x100);
            out.zeros(10);
            [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000].into_iter().for_each(|value| out.i32(value));
            out.zeros(24);
            out.u32(3);
        });
        track(out, 1, b"vide", 12_800, 512, SECONDS * 25, true, VIDEO);
        track(out, 2, b"soun", 48_000, 1024, SECONDS * 375 / 8, false, SOUND);
    });
    bytes.into()
}

#[expect(clippy::too_many_arguments, reason = "a track of a made-up film has this many properties")]
fn track(
    out: &mut Writer<'_>,
    id: u32,
    handler: &[u8; 4],
    timescale: u32,
    duration: u32,
    samples: u32,
    video: bool,
    entry: &[u8],
) {
    out.boxed(b"trak", |out| {
        out.full(b"tkhd", 0, 3, |out| {
            out.zeros(8);
            out.u32(id);
            out.zeros(24);
            [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000].into_iter().for_each(|value| out.i32(value));
            out.u32(640 << 16);
            out.u32(360 << 16);
        });
        out.boxed(b"mdia", |out| {
            out.full(b"mdhd", 0, 0, |out| {
                out.zeros(8);
                out.u32(timescale);
                out.u32(samples * duration);
                out.u32(0x55c4_0000);
            });
            out.full(b"hdlr", 0, 0, |out| {
                out.zeros(4);
                out.put(handler);
                out.zeros(13);
            });
            out.boxed(b"minf", |out| {
                out.boxed(b"stbl", |out| tables(out, duration, samples, video, entry));
            });
        });
    });
}

fn tables(out: &mut Writer<'_>, duration: u32, samples: u32, video: bool, entry: &[u8]) {
    out.full(b"stsd", 0, 0, |out| {
        out.u32(1);
        out.put(entry);
    });
    out.full(b"stts", 0, 0, |out| [1, samples, duration].into_iter().for_each(|word| out.u32(word)));
    if video {
        out.full(b"ctts", 0, 0, |out| {
            out.u32(samples);
            (0..samples).for_each(|i| {
                [1, [1024, 2560, 1024, 0][i as usize % 4]].into_iter().for_each(|word| out.u32(word))
            });
        });
        out.full(b"stss", 0, 0, |out| {
            out.u32(samples / 50);
            (0..samples / 50).for_each(|gop| out.u32(gop * 50 + 1));
        });
    }
    out.full(b"stsz", 0, 0, |out| {
        out.u32(0);
        out.u32(samples);
        (0..samples).for_each(|i| out.u32(if video { 1500 + i % 1000 } else { 170 + i % 30 }));
    });
    out.full(b"stsc", 0, 0, |out| [1, 1, 1, 1].into_iter().for_each(|word| out.u32(word)));
    out.full(b"stco", 0, 0, |out| {
        out.u32(samples);
        let step = if video { 3000 } else { 1600 };
        (0..samples).for_each(|i| out.u32(1 << 24 | (i * step)));
    });
}

const VIDEO: &[u8] = b"\0\0\0\x6davc1\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\x80\x01\x68\0\x48\0\0\0\x48\0\0\0\0\0\0\0\x01\
\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x18\xff\xff\
\0\0\0\x17avcC\x01\x64\0\x1e\xff\xe1\0\x04\x67\x64\0\x1e\x01\0\x01\x68";
const SOUND: &[u8] = b"\0\0\0\x4bmp4a\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x10\0\0\0\0\xbb\x80\0\0\
\0\0\0\x27esds\0\0\0\0\x03\x19\0\x02\0\x04\x11\x40\x15\0\0\0\0\0\xfa\0\0\0\xfa\0\x05\x02\x11\x90\x06\x01\x02";

const LEN: u64 = 1 << 40;

fn read(head: &Bytes) -> Movie {
    let mut demuxer = Demuxer::new(LEN);
    demuxer.supply(&Span { offset: 0, bytes: head.clone() }).expect("the film is sound");
    demuxer.finish().expect("the film is whole")
}

fn three_hours(c: &mut Criterion) {
    let head = head();
    let movie = read(&head);
    c.bench_function("tables: read moov of 3 h", |b| b.iter(|| read(black_box(&head))));
    c.bench_function("plan: cut 3 h", |b| {
        b.iter_batched(
            || movie.clone(),
            |movie| Presentation::new(movie, LEN, &Options::default()),
            criterion::BatchSize::LargeInput,
        );
    });
    let presentation = Presentation::new(movie, LEN, &Options::default()).expect("the film can be cut");
    c.bench_function("render: one video segment", |b| b.iter(|| presentation.segment(0, black_box(1350))));
    c.bench_function("render: one audio segment", |b| b.iter(|| presentation.segment(1, black_box(1350))));
    let labels = Labels { id: String::new(), title: "film".to_owned(), kind: None, state: State::Ready };
    c.bench_function("manifest: every segment of 3 h measured", |b| {
        b.iter(|| presentation.manifest(&labels, Layout::Segments));
    });
    let manifest = presentation.manifest(&labels, Layout::Segments);
    c.bench_function("manifest: 3 h as JSON", |b| b.iter(|| json::json(black_box(&manifest))));
}

criterion_group! {
    name = core;
    config = Criterion::default().sample_size(20).warm_up_time(std::time::Duration::from_millis(500));
    targets = three_hours
}
criterion_main!(core);
