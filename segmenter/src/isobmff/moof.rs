//! Movie fragments: `moof` read into the tables of its tracks (ISO/IEC 14496-12 8.8).

use std::collections::BTreeMap;

use ::bytes::Bytes;

use super::boxes::{Fields, FourCc, child, children};
use super::builder::{FragmentSample, JoinError, TableBuilder};
use super::encryption::{aux_offsets, aux_sizes, sample_encryption};
use super::event::Event;
use super::events::Events;
use super::groups::groups;
use super::movie::MovieTrack;
use super::tables::SampleTable;
use crate::time::Ticks;
use crate::track::TrackId;

/// `default-base-is-moof` and its neighbours in `tf_flags` (8.8.7.1).
mod tfhd {
    pub(super) const BASE_DATA_OFFSET: u32 = 0x1;
    pub(super) const ENTRY: u32 = 0x2;
    pub(super) const DURATION: u32 = 0x8;
    pub(super) const SIZE: u32 = 0x10;
    pub(super) const FLAGS: u32 = 0x20;
    pub(super) const BASE_IS_MOOF: u32 = 0x2_0000;
}

/// `tr_flags` (8.8.8.1).
mod trun {
    pub(super) const DATA_OFFSET: u32 = 0x1;
    pub(super) const FIRST_FLAGS: u32 = 0x4;
    pub(super) const DURATION: u32 = 0x100;
    pub(super) const SIZE: u32 = 0x200;
    pub(super) const FLAGS: u32 = 0x400;
    pub(super) const COMPOSITION: u32 = 0x800;
}

/// `sample_is_non_sync_sample` (8.8.3.1).
const NON_SYNC: u32 = 0x1_0000;

/// What is wrong with a fragment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FragmentError {
    /// A mandatory box is missing or cut off.
    #[error("fragment at byte {at}: '{code}' is missing or cut off")]
    Broken {
        /// Where the `moof` lies.
        at: u64,
        /// Which box.
        code: FourCc,
    },
    /// It does not fit to the samples before it.
    #[error("fragment at byte {at}, track {track}: {source}")]
    Join {
        /// Where the `moof` lies.
        at: u64,
        /// Which track.
        track: TrackId,
        /// Why not.
        source: JoinError,
    },
    /// A run's bytes would lie before the start of the file.
    #[error("fragment at byte {at}, track {track}: samples lie before the start of the file")]
    Place {
        /// Where the `moof` lies.
        at: u64,
        /// Which track.
        track: TrackId,
    },
    /// Encrypted samples that the sample entry calls clear: they would be shown as noise.
    #[error("track {0}: samples are encrypted, but the sample entry does not say how")]
    Unannounced(TrackId),
    /// `senc`, `saiz` and `saio` that can't be read or kept.
    #[error("fragment at byte {at}, track {track}: encryption information can't be read")]
    Encryption {
        /// Where the `moof` lies.
        at: u64,
        /// Which track.
        track: TrackId,
    },
}

/// What fragments of a track assume: `trex` (8.8.3), and how its samples are encrypted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Defaults {
    pub(super) entry: u32,
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) flags: u32,
    /// Bytes of each initialisation vector, for encrypted tracks.
    pub(super) iv_size: Option<u8>,
}

/// The tracks of a movie as their fragments come in.
#[derive(Debug)]
pub(crate) struct Fragments {
    /// Length of the source: what samples are claimed is measured against it.
    len: u64,
    tracks: BTreeMap<TrackId, (Defaults, TableBuilder)>,
    events: Events,
}

impl Fragments {
    /// Of a source of `len` bytes.
    pub(super) fn new(len: u64) -> Self {
        Self { len, tracks: BTreeMap::new(), events: Events::default() }
    }

    /// Takes in a track with what `moov` says of it.
    pub(super) fn add(
        &mut self,
        track: TrackId,
        defaults: Defaults,
        table: &SampleTable,
    ) -> Result<(), JoinError> {
        TableBuilder::default().expect_more(table.len(), self.len)?;
        self.tracks.insert(track, (defaults, TableBuilder::new(table)));
        Ok(())
    }

    /// Bytes all tables take so far.
    pub(crate) fn weight(&self) -> usize {
        self.tracks.values().map(|(_, table)| table.weight()).sum::<usize>() + self.events.weight()
    }

    /// Takes in a whole `emsg`, which counts from the fragment that follows.
    pub(crate) fn event(&mut self, emsg: &[u8]) {
        self.events.push(emsg);
    }

    /// A message came that is not read.
    pub(crate) fn lose_event(&mut self) {
        self.events.lose();
    }

    /// The messages that came between fragments, and how many are not among them.
    pub(super) fn take_events(&mut self, tracks: &[MovieTrack]) -> (Vec<Event>, u32) {
        std::mem::take(&mut self.events).finish(tracks)
    }

    /// The finished tables of a track.
    pub(crate) fn take(&mut self, track: TrackId) -> Option<SampleTable> {
        self.tracks.remove(&track).map(|(_, table)| table.finish())
    }

    /// Reads a whole `moof` that lies at byte `at`. Tracks nobody added are passed over.
    pub(crate) fn read(&mut self, moof: &Bytes, at: u64) -> Result<(), FragmentError> {
        let header = super::boxes::Header::read(moof).map_or(8, |header| usize::from(header.len));
        let body = moof.slice(header.min(moof.len())..);
        let mut previous_end = at;
        for traf in children(&body).filter(|child| child.code.0 == *b"traf") {
            let head =
                TrackHead::read(traf.body).ok_or(FragmentError::Broken { at, code: FourCc(*b"tfhd") })?;
            let base = match head.base {
                Some(base) => base,
                None if head.base_is_moof => at,
                None => previous_end,
            };
            let whole = Whole { moof, at, len: self.len };
            let Some((defaults, table)) = self.tracks.get_mut(&head.track) else {
                previous_end = base;
                continue;
            };
            let head = head.or(defaults);
            let read = head.samples(&whole, &body.slice_ref(traf.body), base, defaults.iv_size, table)?;
            previous_end = read.end;
            if let Some(earliest) = read.earliest {
                self.events.fragment(head.track, earliest);
            }
        }
        Ok(())
    }
}

/// The runs of a `traf` that has been read.
struct Runs {
    /// Where the bytes of the last one end.
    end: u64,
    /// The earliest composition time of a sample.
    earliest: Option<Ticks>,
}

/// The `moof` that is being read, and where it lies.
struct Whole<'a> {
    moof: &'a Bytes,
    at: u64,
    /// Length of the source.
    len: u64,
}

/// `tfhd` (8.8.7).
#[derive(Clone, Copy)]
struct TrackHead {
    track: TrackId,
    base: Option<u64>,
    base_is_moof: bool,
    entry: Option<u32>,
    duration: Option<u32>,
    size: Option<u32>,
    flags: Option<u32>,
}

/// `tfhd` with what it leaves out filled in.
struct Head {
    track: TrackId,
    entry: u32,
    sample: FragmentDefaults,
}

struct FragmentDefaults {
    duration: u32,
    size: u32,
    flags: u32,
}

impl TrackHead {
    fn read(traf: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(child(traf, b"tfhd")?.body);
        let (_, flags) = fields.version_and_flags()?;
        let track = TrackId(fields.u32()?);
        let has = |bit: u32| flags & bit != 0;
        let base = if has(tfhd::BASE_DATA_OFFSET) { Some(fields.u64()?) } else { None };
        let mut field = |bit| if has(bit) { fields.u32().map(Some) } else { Some(None) };
        Some(Self {
            track,
            base,
            base_is_moof: has(tfhd::BASE_IS_MOOF),
            entry: field(tfhd::ENTRY)?,
            duration: field(tfhd::DURATION)?,
            size: field(tfhd::SIZE)?,
            flags: field(tfhd::FLAGS)?,
        })
    }

    fn or(&self, defaults: &Defaults) -> Head {
        Head {
            track: self.track,
            entry: self.entry.unwrap_or(defaults.entry).max(1),
            sample: FragmentDefaults {
                duration: self.duration.unwrap_or(defaults.duration),
                size: self.size.unwrap_or(defaults.size),
                flags: self.flags.unwrap_or(defaults.flags),
            },
        }
    }
}

impl Head {
    /// Reads the runs of a `traf` into `table`.
    fn samples(
        &self,
        whole: &Whole<'_>,
        traf: &Bytes,
        base: u64,
        iv_size: Option<u8>,
        table: &mut TableBuilder,
    ) -> Result<Runs, FragmentError> {
        let at = whole.at;
        let join = |source| FragmentError::Join { at, track: self.track, source };
        table.fragment(decode_time(traf)).map_err(join)?;
        let first = table.count();
        let (mut place, mut earliest) = (base, None);
        for run in children(traf).filter(|child| child.code.0 == *b"trun") {
            let broken = FragmentError::Broken { at, code: FourCc(*b"trun") };
            let run = Run::read(run.body).ok_or(broken.clone())?;
            if let Some(offset) = run.data_offset {
                place = base
                    .checked_add_signed(i64::from(offset))
                    .ok_or(FragmentError::Place { at, track: self.track })?;
            }
            // A count that no track can have is refused before it is walked.
            table.expect_more(run.count, whole.len).map_err(join)?;
            table.open_chunk(place, self.entry);
            let mut fields = run.samples;
            for index in 0..run.count {
                let sample = run.sample(index, &mut fields, &self.sample).ok_or(broken.clone())?;
                let composition = table.end() + Ticks(i64::from(sample.offset));
                earliest = Some(earliest.map_or(composition, |earliest: Ticks| earliest.min(composition)));
                table.push(sample);
                place = place.saturating_add(u64::from(sample.size));
            }
        }
        table.append_groups(first, groups(traf));
        self.encryption(whole, traf, base, iv_size, first, table)?;
        Ok(Runs { end: place, earliest })
    }

    /// Takes in what decryption needs of samples `first..`: sizes from `saiz`, bytes from `senc` or where `saio` points.
    fn encryption(
        &self,
        whole: &Whole<'_>,
        traf: &Bytes,
        base: u64,
        iv_size: Option<u8>,
        first: u32,
        table: &mut TableBuilder,
    ) -> Result<(), FragmentError> {
        let senc = sample_encryption(traf);
        let Some(iv_size) = iv_size else {
            return if senc.is_some() { Err(FragmentError::Unannounced(self.track)) } else { Ok(()) };
        };
        let unreadable = FragmentError::Encryption { at: whole.at, track: self.track };
        let count = table.count() - first;
        let sizes = child(traf, b"saiz").map(|saiz| aux_sizes(saiz, count).ok_or(unreadable.clone()));
        let sizes = sizes.transpose()?;
        let pieces = match &senc {
            Some(senc) => vec![(Fields::new(senc.entries), count)],
            None => self.aux_pieces(whole, traf, base, count).ok_or(unreadable.clone())?,
        };
        let mut index = 0;
        for (mut data, samples) in pieces {
            for _ in 0..samples {
                let len = match (&sizes, &senc) {
                    (Some(sizes), _) => sizes.get(index as usize).copied().map(usize::from),
                    (None, Some(senc)) if index < senc.count => senc.entry_len(data, iv_size),
                    _ => Some(0),
                };
                let information = len.and_then(|len| data.take(len)).ok_or(unreadable.clone())?;
                let len = u8::try_from(information.len()).map_err(|_| unreadable.clone())?;
                table.push_aux(first + index, len, information);
                index += 1;
            }
        }
        Ok(())
    }

    /// The pieces that `saio` points at, and how many of the `count` samples each tells of: one for all, or one a run.
    fn aux_pieces<'a>(
        &self,
        whole: &Whole<'a>,
        traf: &Bytes,
        base: u64,
        count: u32,
    ) -> Option<Vec<(Fields<'a>, u32)>> {
        let Some(saio) = child(traf, b"saio") else { return Some(Vec::new()) };
        let offsets = aux_offsets(saio)?;
        let runs = children(traf).filter(|child| child.code.0 == *b"trun");
        let runs: Vec<u32> = match offsets.len() {
            0 => Vec::new(),
            1 => vec![count],
            _ => runs.map(|trun| Run::read(trun.body).map(|run| run.count)).collect::<Option<_>>()?,
        };
        if runs.len() != offsets.len() {
            return None;
        }
        let piece = |(offset, samples): (u64, u32)| {
            let from = base.saturating_add(offset).checked_sub(whole.at)?;
            Some((Fields::new(whole.moof.get(usize::try_from(from).ok()?..)?), samples))
        };
        offsets.into_iter().zip(runs).map(piece).collect()
    }
}

/// `tfdt` (8.8.12).
fn decode_time(traf: &[u8]) -> Option<Ticks> {
    let mut fields = Fields::new(child(traf, b"tfdt")?.body);
    let (version, _) = fields.version_and_flags()?;
    let ticks = if version == 0 { u64::from(fields.u32()?) } else { fields.u64()? };
    i64::try_from(ticks).ok().map(Ticks)
}

/// `trun` (8.8.8).
struct Run<'a> {
    flags: u32,
    count: u32,
    data_offset: Option<i32>,
    first_flags: Option<u32>,
    samples: Fields<'a>,
}

impl<'a> Run<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::new(body);
        let (_, flags) = fields.version_and_flags()?;
        let count = fields.u32()?;
        let data_offset = if flags & trun::DATA_OFFSET != 0 { Some(fields.i32()?) } else { None };
        let first_flags = if flags & trun::FIRST_FLAGS != 0 { Some(fields.u32()?) } else { None };
        Some(Self { flags, count, data_offset, first_flags, samples: fields })
    }

    fn sample(&self, index: u32, fields: &mut Fields<'a>, or: &FragmentDefaults) -> Option<FragmentSample> {
        let mut field = |bit| if self.flags & bit != 0 { fields.u32().map(Some) } else { Some(None) };
        let duration = field(trun::DURATION)?.unwrap_or(or.duration);
        let size = field(trun::SIZE)?.unwrap_or(or.size);
        let flags = field(trun::FLAGS)?;
        let offset = field(trun::COMPOSITION)?.unwrap_or(0).cast_signed();
        let flags = flags.or(self.first_flags.filter(|_| index == 0)).unwrap_or(or.flags);
        Some(FragmentSample { duration, offset, size, sync: flags & NON_SYNC == 0 })
    }
}

#[cfg(test)]
mod tests;
