//! Init segments: `ftyp` and a `moov` without samples (ISO/IEC 23000-19 7.3.1).

use ::bytes::Bytes;

use super::TRACK;
use super::fragment::{NON_SYNC, SYNC};
use crate::isobmff::{Format, Grouping, Movie, Track, Writer, file_type};
use crate::time::Ticks;
use crate::track::Kind;

/// The init segment of one track. `hidden` is how much of its media time lies before presentation time zero.
pub(crate) fn init(movie: &Movie, track: &Track, groups: &[Grouping], hidden: Ticks) -> Bytes {
    let mut bytes = file_type(b"cmfc", &[&[b"cmfc", b"iso6"], &more_brands(track)[..]].concat());
    let mut out = Writer::new(&mut bytes);
    out.boxed(b"moov", |out| {
        movie_header(out, movie, track);
        out.boxed(b"trak", |out| trak(out, track, groups, hidden));
        out.boxed(b"mvex", |out| {
            out.full(b"trex", 0, 0, |out| {
                out.u32(TRACK.0);
                out.u32(1);
                out.u32(0);
                out.u32(0);
                out.u32(if track.kind == Kind::Video { NON_SYNC } else { SYNC });
            });
        });
        movie.pssh.iter().for_each(|pssh| out.put(pssh));
    });
    bytes.into()
}

/// What else the track is compatible with, as the manifests say of it too.
fn more_brands(track: &Track) -> Vec<&[u8; 4]> {
    let formats = track.entry().map(|entry| &entry.codec.format);
    let picture = formats.and_then(|format| match format {
        Format::Video(picture) => picture.supplemental.as_ref(),
        Format::Audio(_) | Format::Text(_) => None,
    });
    picture.and_then(|more| more.brand.as_bytes().first_chunk()).into_iter().collect()
}

/// `mvhd` (8.2.2).
fn movie_header(out: &mut Writer<'_>, movie: &Movie, track: &Track) {
    out.full(b"mvhd", 0, 0, |out| {
        out.zeros(8);
        out.u32(track.timescale.get());
        out.u32(0);
        out.u32(0x1_0000);
        out.u16(0x100);
        out.zeros(10);
        movie.matrix.iter().for_each(|value| out.i32(*value));
        out.zeros(24);
        out.u32(TRACK.0 + 1);
    });
}

fn trak(out: &mut Writer<'_>, track: &Track, groups: &[Grouping], hidden: Ticks) {
    let display = &track.display;
    // Enabled and part of the presentation: what the source left switched off, a manifest offers by choice.
    out.full(b"tkhd", 0, 3, |out| {
        out.zeros(8);
        out.u32(TRACK.0);
        out.zeros(4 + 4 + 8);
        out.u16(display.layer.cast_unsigned());
        out.u16(display.alternate_group.cast_unsigned());
        out.u16(display.volume.cast_unsigned());
        out.u16(0);
        display.matrix.iter().for_each(|value| out.i32(*value));
        out.u32(display.width);
        out.u32(display.height);
    });
    if hidden > Ticks::ZERO {
        out.boxed(b"edts", |out| edit(out, hidden));
    }
    out.boxed(b"mdia", |out| {
        media_header(out, track);
        out.boxed(b"minf", |out| {
            match track.kind {
                Kind::Video => out.full(b"vmhd", 0, 1, |out| out.zeros(8)),
                Kind::Audio => out.full(b"smhd", 0, 0, |out| out.zeros(4)),
                Kind::Text => out.full(text_header(track), 0, 0, |_| {}),
            }
            out.boxed(b"dinf", |out| {
                out.full(b"dref", 0, 0, |out| {
                    out.u32(1);
                    out.full(b"url ", 0, 1, |_| {});
                });
            });
            out.boxed(b"stbl", |out| sample_table(out, track, groups));
        });
    });
}

/// `elst` (8.6.6): the media up to `hidden` is not shown; the edit has no end.
fn edit(out: &mut Writer<'_>, hidden: Ticks) {
    let narrow = i32::try_from(hidden.0);
    out.full(b"elst", u8::from(narrow.is_err()), 0, |out| {
        out.u32(1);
        match narrow {
            Ok(hidden) => {
                out.u32(0);
                out.i32(hidden);
            }
            Err(_) => {
                out.u64(0);
                out.i64(hidden.0);
            }
        }
        out.u32(0x1_0000);
    });
}

/// `mdhd`, `hdlr` and `elng` (8.4).
fn media_header(out: &mut Writer<'_>, track: &Track) {
    out.full(b"mdhd", 0, 0, |out| {
        out.zeros(8);
        out.u32(track.timescale.get());
        out.u32(0);
        out.u16(packed_language(track.language.as_deref()));
        out.u16(0);
    });
    let name = track.name.as_deref().unwrap_or_default();
    out.full(b"hdlr", 0, 0, |out| {
        out.zeros(4);
        out.put(match track.kind {
            Kind::Video => b"vide",
            Kind::Audio => b"soun",
            Kind::Text if text_header(track) == b"sthd" => b"subt",
            Kind::Text => b"text",
        });
        out.zeros(12);
        out.put(name.as_bytes());
        out.u8(0);
    });
    if let Some(language) = &track.language {
        out.full(b"elng", 0, 0, |out| {
            out.put(language.as_bytes());
            out.u8(0);
        });
    }
}

/// The media header of text: `sthd` for `stpp`, `nmhd` for `wvtt` (ISO/IEC 14496-30).
fn text_header(track: &Track) -> &'static [u8; 4] {
    match track.entry() {
        Some(entry) if entry.codec.entry.0 == *b"stpp" => b"sthd",
        _ => b"nmhd",
    }
}

/// The 15 bits of `mdhd`: a three-letter code, `und` where there is none (8.4.2.3).
fn packed_language(language: Option<&str>) -> u16 {
    let code = language.and_then(crate::isobmff::language::iso639_2).unwrap_or("und");
    code.bytes().fold(0, |packed, letter| packed << 5 | u16::from(letter.wrapping_sub(0x60) & 31))
}

/// `stbl` (8.5) with the sample entries, the descriptions of groups, and no sample.
fn sample_table(out: &mut Writer<'_>, track: &Track, groups: &[Grouping]) {
    out.full(b"stsd", 0, 0, |out| {
        out.u32(u32::try_from(track.entries.len()).unwrap_or(u32::MAX));
        track.entries.iter().for_each(|entry| out.put(&entry.bytes));
    });
    out.full(b"stts", 0, 0, |out| out.u32(0));
    out.full(b"stsc", 0, 0, |out| out.u32(0));
    out.full(b"stsz", 0, 0, |out| out.zeros(8));
    out.full(b"stco", 0, 0, |out| out.u32(0));
    for group in groups.iter().filter(|group| group.is_used() && !group.descriptions.is_empty()) {
        descriptions(out, group);
    }
}

/// `sgpd` (8.9.3), each length told only where they differ.
fn descriptions(out: &mut Writer<'_>, group: &Grouping) {
    let len = |description: &Bytes| u32::try_from(description.len()).unwrap_or(u32::MAX);
    let first = group.descriptions.first().map_or(0, len);
    let same = group.descriptions.iter().all(|description| len(description) == first);
    out.full(b"sgpd", 1, 0, |out| {
        out.put(&group.kind.0);
        out.u32(if same { first } else { 0 });
        out.u32(u32::try_from(group.descriptions.len()).unwrap_or(u32::MAX));
        for description in &group.descriptions {
            if !same {
                out.u32(len(description));
            }
            out.put(description);
        }
    });
}
