//! `moov` read: what tracks there are, where their samples lie, which can be carried (ISO/IEC 14496-12 8.2 to 8.6).

use ::bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::boxes::{Fields, FourCc, Header, child, children};
use super::builder::JoinError;
use super::codec::{self, SampleEntry};
use super::edits::EditList;
use super::encryption::AuxPlace;
use super::event::Event;
use super::moof::{Defaults, Fragments};
use super::tables::{SampleTable, TableError};
use super::{language, montage};
use crate::isobmff::Track;
use crate::sample::Sample;
use crate::time::{Ticks, Timescale};
use crate::track::{Display, Edits, Kind, TrackId};

/// A film's timeline: its tracks and where each of their samples lies. What fragments say is already in the tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Movie {
    /// Clock of the movie itself.
    pub timescale: Timescale,
    /// `matrix` of `mvhd`: applies to every track.
    pub matrix: [i32; 9],
    /// Whole `pssh` boxes (ISO/IEC 23001-7 8.1).
    pub pssh: Vec<Bytes>,
    /// Tracks that can be carried, in file order.
    pub tracks: Vec<MovieTrack>,
    /// Tracks that can't.
    pub skipped: Vec<Skipped>,
    /// Whether samples came in movie fragments.
    pub fragmented: bool,
    /// Messages that lay between the fragments, in their order.
    pub events: Vec<Event>,
    /// Messages that can't be understood, or are more than are kept.
    pub lost_events: u32,
}

/// A track with its samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MovieTrack {
    /// What it is.
    pub track: Track,
    /// Its samples.
    pub table: SampleTable,
}

/// A track that is left out, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its number in the source.
    pub id: TrackId,
    /// `vide`, `soun`, `text`, `meta` ...
    pub handler: FourCc,
    /// Its first sample entry, if it has one.
    pub entry: Option<FourCc>,
    /// Why, for people.
    pub reason: String,
}

/// Why a `moov` can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MovieError {
    /// A mandatory box is missing or cut off.
    #[error("'{0}' is missing or cut off")]
    Broken(FourCc),
    /// QuickTime's compressed `moov`.
    #[error("the movie header is compressed ('cmov')")]
    Compressed,
    /// The tables of a track contradict each other.
    #[error("track {track}: {source}")]
    Table {
        /// Which track.
        track: TrackId,
        /// What is wrong.
        source: TableError,
    },
    /// A track of a fragmented film begins with samples its fragments can't follow.
    #[error("track {track}: {source}")]
    Join {
        /// Which track.
        track: TrackId,
        /// Why not.
        source: JoinError,
    },
}

/// What `moov` says, before fragments and information that lies elsewhere have been read.
#[derive(Debug)]
pub(crate) struct Moov {
    pub(crate) movie: Movie,
    /// There if fragments may follow (`mvex`), or must because no track has a sample yet.
    pub(crate) fragments: Option<Fragments>,
    /// Encryption information that lies outside the tables.
    pub(crate) aux: Vec<AuxPlace>,
}

impl Movie {
    /// Reads a whole `moov` box, header included, of a source of `len` bytes.
    pub(crate) fn read(moov: &Bytes, len: u64) -> Result<Moov, MovieError> {
        let header = Header::read(moov).map_or(8, |header| usize::from(header.len));
        let body = moov.slice(header.min(moov.len())..);
        if child(&body, b"cmov").is_some() {
            return Err(MovieError::Compressed);
        }
        let (timescale, matrix) = movie_header(&body).ok_or(MovieError::Broken(FourCc(*b"mvhd")))?;
        let mvex = child(&body, b"mvex").map(|mvex| mvex.body);
        let pssh = children(&body).filter(|child| child.code.0 == *b"pssh");
        let mut movie = Self {
            timescale,
            matrix,
            pssh: pssh.map(|pssh| body.slice_ref(pssh.whole)).collect(),
            tracks: Vec::new(),
            skipped: Vec::new(),
            fragmented: mvex.is_some(),
            events: Vec::new(),
            lost_events: 0,
        };
        let (mut lists, mut aux) = (Vec::new(), Vec::new());
        let chapters = chapter_tracks(&body);
        for trak in children(&body).filter(|child| child.code.0 == *b"trak") {
            match read_track(&body.slice_ref(trak.body), timescale, &chapters, len)? {
                Ok((track, list, place)) => {
                    movie.tracks.push(track);
                    lists.push(list);
                    aux.extend(place);
                }
                Err(skipped) => movie.skipped.push(skipped),
            }
        }
        movie.fragmented |= movie.tracks.iter().all(|track| track.table.is_empty());
        if !movie.fragmented {
            movie.tracks.iter_mut().zip(&lists).for_each(|(track, list)| track.follow(list));
        }
        let fragments = movie.fragmented.then(|| movie.fragments(mvex.unwrap_or(&[]), len)).transpose()?;
        Ok(Moov { movie, fragments, aux })
    }

    fn fragments(&self, mvex: &[u8], len: u64) -> Result<Fragments, MovieError> {
        let mut fragments = Fragments::new(len);
        for MovieTrack { track, table } in &self.tracks {
            let mut defaults = track_extends(mvex, track.id).unwrap_or_default();
            defaults.iv_size =
                track.entries.iter().find_map(|entry| entry.codec.protection.as_ref()).map(|p| p.iv_size);
            let added = fragments.add(track.id, defaults, table);
            added.map_err(|source| MovieError::Join { track: track.id, source })?;
        }
        Ok(fragments)
    }

    /// Puts in what the fragments said; tracks without a sample are left out.
    pub(crate) fn complete(&mut self, fragments: Option<Fragments>, len: u64) {
        if let Some(mut fragments) = fragments {
            (self.events, self.lost_events) = fragments.take_events(&self.tracks);
            for track in &mut self.tracks {
                track.table = fragments.take(track.track.id).unwrap_or_default();
                // An end told before the fragments were is the end of what `moov` knew.
                track.track.edits.end = None;
            }
        }
        self.tracks.iter_mut().for_each(|track| track.show_something(len));
        let empty: Vec<_> = self.tracks.extract_if(.., |track| track.table.is_empty()).collect();
        self.skipped.extend(empty.into_iter().map(|MovieTrack { track, .. }| Skipped {
            id: track.id,
            handler: handler_of(track.kind),
            entry: track.entry().map(|entry| entry.codec.entry),
            reason: "it has no samples".to_owned(),
        }));
    }

    /// Puts in the encryption information of a track.
    pub(crate) fn set_aux(&mut self, aux: AuxPlace) {
        if let Some(track) = self.tracks.iter_mut().find(|track| track.track.id == aux.track) {
            track.table.aux = aux.into_aux();
        }
    }

    /// Bytes the tables take in memory.
    pub fn weight(&self) -> usize {
        let tables: usize = self.tracks.iter().map(|track| track.table.weight()).sum();
        tables + self.events.iter().map(Event::weight).sum::<usize>()
    }
}

impl MovieTrack {
    /// Puts the samples where an edit list of several parts wants them, if that can be.
    fn follow(&mut self, list: &EditList) {
        let entry = self.track.entry();
        // What decryption needs is told by the places samples have in the source.
        let is_clear = entry.is_some_and(|entry| entry.codec.protection.is_none());
        let can = is_clear && list.moves_samples();
        let made = can.then(|| montage::assemble(&list.parts, &self.table, self.track.kind)).flatten();
        if let Some((table, edits)) = made {
            (self.table, self.track.edits) = (table, edits);
        }
    }

    /// Where nothing is shown (an edit begins where the media has ended, or all of it lies before time zero), all of it is shown: better
    /// than none. What lies past the source's `len` bytes is not there to be shown.
    fn show_something(&mut self, len: u64) {
        let (edits, table) = (self.track.edits, &self.table);
        let is_shown = |sample: Sample| sample.composition() + Ticks::from(sample.duration) > edits.start;
        let decoded = table.start + table.duration();
        // Any other edit shows what is decoded after it.
        let may_hide = edits.start == Ticks::ZERO || edits.start >= decoded;
        let there = || table.walk(table.start()).take_while(|sample| sample.place.end <= len);
        if !may_hide || table.is_empty() || there().any(is_shown) {
            return;
        }
        let lowest = there().map(|sample| sample.composition()).min();
        self.track.edits = Edits {
            empty: edits.empty,
            start: lowest.map_or(Ticks::ZERO, |lowest| lowest.min(Ticks::ZERO)),
            end: None,
            ignored: edits.ignored + u32::from(edits.start > Ticks::ZERO),
        };
    }
}

fn handler_of(kind: Kind) -> FourCc {
    FourCc(match kind {
        Kind::Video => *b"vide",
        Kind::Audio => *b"soun",
        Kind::Text => *b"text",
    })
}

/// `mvhd` (8.2.2): the clock and the matrix.
fn movie_header(moov: &[u8]) -> Option<(Timescale, [i32; 9])> {
    let mut fields = Fields::new(child(moov, b"mvhd")?.body);
    let (version, _) = fields.version_and_flags()?;
    fields.skip(if version == 1 { 16 } else { 8 })?;
    let timescale = Timescale::new(fields.u32()?).unwrap_or(Timescale::SECOND);
    fields.skip(if version == 1 { 8 } else { 4 } + 4 + 2 + 2 + 8)?;
    Some((timescale, matrix(&mut fields)?))
}

fn matrix(fields: &mut Fields<'_>) -> Option<[i32; 9]> {
    let mut matrix = [0; 9];
    for value in &mut matrix {
        *value = fields.i32()?;
    }
    Some(matrix)
}

/// `trex` of a track (8.8.3).
fn track_extends(mvex: &[u8], track: TrackId) -> Option<Defaults> {
    children(mvex).filter(|child| child.code.0 == *b"trex").find_map(|trex| {
        let mut fields = Fields::new(trex.body);
        fields.version_and_flags()?;
        let id = fields.u32()?;
        let (entry, duration, size, flags) = (fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?);
        (id == track.0).then_some(Defaults { entry, duration, size, flags, iv_size: None })
    })
}

/// Tracks that other tracks name as their chapters (`tref` of type `chap`): titles, not subtitles.
fn chapter_tracks(moov: &[u8]) -> Vec<u32> {
    let mut found = Vec::new();
    for trak in children(moov).filter(|child| child.code.0 == *b"trak") {
        let mut ids = child(trak.body, b"tref")
            .and_then(|tref| child(tref.body, b"chap"))
            .map(|chap| Fields::new(chap.body))
            .unwrap_or(Fields::new(&[]));
        while let Some(id) = ids.u32() {
            found.push(id);
        }
    }
    found
}

type Read = Result<(MovieTrack, EditList, Option<AuxPlace>), Skipped>;

fn read_track(trak: &Bytes, movie: Timescale, chapters: &[u32], len: u64) -> Result<Read, MovieError> {
    let broken = |code: &[u8; 4]| MovieError::Broken(FourCc(*code));
    let (id, display) = track_header(trak).ok_or(broken(b"tkhd"))?;
    let mdia = child(trak, b"mdia").ok_or(broken(b"mdia"))?.body;
    let (handler, name) = handler(mdia).ok_or(broken(b"hdlr"))?;
    let minf = child(mdia, b"minf").map_or(&[][..], |minf| minf.body);
    let stbl = child(minf, b"stbl").map_or(&[][..], |stbl| stbl.body);
    let stsd = child(stbl, b"stsd").and_then(|stsd| stsd.body.get(8..)).unwrap_or(&[]);
    let entry = children(stsd).next().map(|entry| entry.code);
    let skip = |reason: String| Ok(Err(Skipped { id, handler, entry, reason }));

    if !matches!(&handler.0, b"vide" | b"soun" | b"text" | b"sbtl" | b"subt" | b"clcp" | b"auxv" | b"subp") {
        return skip("it is neither video, audio nor subtitles".to_owned());
    }
    if chapters.contains(&id.0) {
        return skip("it holds chapter marks".to_owned());
    }
    if let Some(place) = external_data(minf) {
        return skip(format!("its samples lie in another file: {place}"));
    }
    let entries: Result<Vec<SampleEntry>, _> =
        children(stsd).map(|entry| codec::read(entry.whole, handler)).collect();
    let entries = match entries {
        Ok(entries) => entries,
        Err(unsupported) => return skip(unsupported.to_string()),
    };
    let Some(first) = entries.first() else { return skip("it has no sample entry".to_owned()) };
    if entries.iter().any(|entry| entry.codec.kind() != first.codec.kind()) {
        return skip("its sample entries are of different kinds".to_owned());
    }
    let Some((timescale, language)) = media_header(mdia) else {
        return skip("it has no clock".to_owned());
    };
    let table =
        SampleTable::read(&trak.slice_ref(stbl)).map_err(|source| MovieError::Table { track: id, source })?;
    let is_protected = entries.iter().any(|entry| entry.codec.protection.is_some());
    let aux = if is_protected { AuxPlace::find(id, stbl, &table, len) } else { Ok(None) };
    let aux = match aux {
        Ok(aux) => aux,
        Err(reason) => return skip(reason.to_owned()),
    };
    let list = EditList::read(trak, movie, timescale);
    let (kind, edits) = (first.codec.kind(), list.first());
    let track = Track { id, kind, timescale, language, name, edits, entries, display };
    Ok(Ok((MovieTrack { track, table }, list, aux)))
}

/// `tkhd` (8.3.2).
fn track_header(trak: &[u8]) -> Option<(TrackId, Display)> {
    let mut fields = Fields::new(child(trak, b"tkhd")?.body);
    let (version, flags) = fields.version_and_flags()?;
    fields.skip(if version == 1 { 16 } else { 8 })?;
    let id = TrackId(fields.u32()?);
    fields.skip(4 + if version == 1 { 8 } else { 4 } + 8)?;
    let signed = |fields: &mut Fields<'_>| fields.u16().map(u16::cast_signed);
    let (layer, alternate_group) = (signed(&mut fields)?, signed(&mut fields)?);
    let volume = signed(&mut fields)?;
    fields.skip(2)?;
    let matrix = matrix(&mut fields)?;
    let (width, height) = (fields.u32()?, fields.u32()?);
    let enabled = flags & 1 != 0;
    Some((id, Display { enabled, layer, alternate_group, volume, matrix, width, height }))
}

/// `hdlr` (8.4.3): the handler, and the name where it is not just that of the software.
fn handler(mdia: &[u8]) -> Option<(FourCc, Option<String>)> {
    const SOFTWARE: [&str; 7] = ["handle", "media", "gpac", "apple", "l-smash", "bento4", "track"];
    let mut fields = Fields::new(child(mdia, b"hdlr")?.body);
    fields.skip(8)?;
    let handler = fields.code()?;
    let name = fields.rest().get(12..).unwrap_or(&[]);
    let name = match name.split_first() {
        Some((&len, text)) if usize::from(len) == text.len() => text,
        _ => name,
    };
    let name = name.split(|&byte| byte == 0).next().and_then(|text| std::str::from_utf8(text).ok());
    let own = name.map(str::trim).filter(|name| {
        let lower = name.to_lowercase();
        !name.is_empty()
            && !name.contains(char::is_control)
            && !SOFTWARE.iter().any(|word| lower.contains(word))
    });
    Some((handler, own.map(str::to_owned)))
}

/// `mdhd` and `elng` (8.4.2, 8.4.6).
fn media_header(mdia: &[u8]) -> Option<(Timescale, Option<String>)> {
    let mut fields = Fields::new(child(mdia, b"mdhd")?.body);
    let (version, _) = fields.version_and_flags()?;
    fields.skip(if version == 1 { 16 } else { 8 })?;
    let timescale = Timescale::new(fields.u32()?)?;
    fields.skip(if version == 1 { 8 } else { 4 })?;
    let extended = child(mdia, b"elng").and_then(|elng| {
        let text = elng.body.get(4..)?.split(|&byte| byte == 0).next()?;
        language::bcp47(std::str::from_utf8(text).ok()?)
    });
    Some((timescale, extended.or_else(|| language::from_packed(fields.u16()?))))
}

/// Where a data reference points if not into this file (8.7.2).
fn external_data(minf: &[u8]) -> Option<String> {
    let dref = child(child(minf, b"dinf")?.body, b"dref")?.body.get(8..)?;
    let outside = children(dref).find(|entry| {
        let contained = entry.body.get(3).is_none_or(|flags| flags & 1 != 0);
        matches!(&entry.code.0, b"url " | b"urn ") && !contained && entry.body.len() > 5
    })?;
    let place = outside.body.get(4..)?.split(|&byte| byte == 0).next()?;
    Some(String::from_utf8_lossy(place).chars().filter(|c| !c.is_control()).take(200).collect())
}
