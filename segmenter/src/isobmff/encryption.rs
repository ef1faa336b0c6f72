//! What decryption needs of each sample, where boxes tell it: `senc`, `saiz` and `saio`.

use ::bytes::{Bytes, BytesMut};

use super::boxes::{Child, Fields, child, children};
use super::columns::Aux;
use super::tables::SampleTable;
use crate::bytes::ByteRange;
use crate::track::TrackId;

/// Bytes that the information of all samples of a track may take.
const MAX_AUX: u64 = 64 << 20;
/// Pieces that it may lie in: each is a read of its own.
const MAX_PIECES: usize = 1 << 18;

/// The PIFF form of `senc`, older than the standard's.
const PIFF_SENC: [u8; 16] =
    [0xa2, 0x39, 0x4f, 0x52, 0x5a, 0x9b, 0x4f, 0x14, 0xa2, 0x44, 0x6c, 0x42, 0x7c, 0x64, 0x8d, 0xf4];

/// `senc` (ISO/IEC 23001-7 7.2), or the `uuid` box that came before it.
pub(super) struct SampleEncryption<'a> {
    subsamples: bool,
    /// Samples it tells of.
    pub(super) count: u32,
    /// What it tells, sample after sample.
    pub(super) entries: &'a [u8],
}

/// That of a `traf` body.
pub(super) fn sample_encryption(traf: &[u8]) -> Option<SampleEncryption<'_>> {
    children(traf).find_map(|child| match &child.code.0 {
        b"senc" => SampleEncryption::read(child.body),
        b"uuid" => SampleEncryption::read(child.body.strip_prefix(&PIFF_SENC)?),
        _ => None,
    })
}

impl<'a> SampleEncryption<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::new(body);
        let (_, flags) = fields.version_and_flags()?;
        if flags & 1 != 0 {
            fields.skip(20)?;
        }
        let count = fields.u32()?;
        Some(Self { subsamples: flags & 2 != 0, count, entries: fields.rest() })
    }

    /// Bytes of the entry that `fields` stands at.
    pub(super) fn entry_len(&self, mut fields: Fields<'a>, iv_size: u8) -> Option<usize> {
        let iv = usize::from(iv_size);
        if !self.subsamples {
            return Some(iv);
        }
        fields.skip(iv)?;
        Some(iv + 2 + 6 * usize::from(fields.u16()?))
    }
}

/// `saiz` (8.7.8): bytes of information for each of `count` samples.
pub(super) fn aux_sizes(saiz: Child<'_>, count: u32) -> Option<Vec<u8>> {
    let mut fields = Fields::new(saiz.body);
    let (_, flags) = fields.version_and_flags()?;
    if flags & 1 != 0 {
        fields.skip(8)?;
    }
    let default = fields.u8()?;
    let told = fields.u32()?.min(count) as usize;
    let mut sizes = match default {
        0 => fields.take(told)?.to_vec(),
        _ => vec![default; told],
    };
    sizes.resize(count as usize, 0);
    Some(sizes)
}

/// `saio` (8.7.9): where the information of all samples begins, or that of each chunk or run; `None` if it is cut off, or these are
/// more than [`MAX_PIECES`].
pub(super) fn aux_offsets(saio: Child<'_>) -> Option<Vec<u64>> {
    let mut fields = Fields::new(saio.body);
    let (version, flags) = fields.version_and_flags()?;
    if flags & 1 != 0 {
        fields.skip(8)?;
    }
    let count = Some(fields.u32()? as usize).filter(|count| *count <= MAX_PIECES)?;
    if version == 0 {
        let offsets = fields.take(count * 4)?.as_chunks::<4>().0;
        return Some(offsets.iter().map(|offset| u64::from(u32::from_be_bytes(*offset))).collect());
    }
    let offsets = fields.take(count * 8)?.as_chunks::<8>().0;
    Some(offsets.iter().map(|offset| u64::from_be_bytes(*offset)).collect())
}

/// The encryption information of a progressive track, which lies outside its tables.
#[derive(Debug)]
pub(crate) struct AuxPlace {
    pub(super) track: TrackId,
    sizes: Vec<u8>,
    /// Where it lies, the piece that comes first last.
    left: Vec<ByteRange>,
    read: BytesMut,
}

impl AuxPlace {
    /// Where `saiz` and `saio` of an `stbl` body say it lies in a source of `len` bytes; `Err` says what is wrong with that.
    pub(super) fn find(
        track: TrackId,
        stbl: &[u8],
        table: &SampleTable,
        len: u64,
    ) -> Result<Option<Self>, &'static str> {
        let (Some(saiz), Some(saio)) = (child(stbl, b"saiz"), child(stbl, b"saio")) else { return Ok(None) };
        let sizes =
            aux_sizes(saiz, table.len()).ok_or("the sizes of its encryption information are cut off")?;
        let offsets =
            aux_offsets(saio).ok_or("the places of its encryption information are cut off or too many")?;
        let sum = |sizes: &[u8]| sizes.iter().map(|&size| u64::from(size)).sum::<u64>();
        let mut left = match offsets[..] {
            _ if sum(&sizes) == 0 => Vec::new(),
            [start] => vec![ByteRange::at(start, sum(&sizes))],
            _ => {
                let mut rest = &sizes[..];
                let chunks = table.chunk_lens().map_while(|len| rest.split_off(..len as usize)).map(sum);
                let pieces = offsets.iter().zip(chunks).map(|(&start, len)| ByteRange::at(start, len));
                let pieces: Vec<_> = pieces.collect();
                if pieces.len() < offsets.len() || !rest.is_empty() {
                    return Err("its encryption information lies in other pieces than its chunks");
                }
                pieces
            }
        };
        left.retain(|piece| !piece.is_empty());
        if left.iter().any(|piece| piece.end > len) {
            return Err("its encryption information lies past the end of the file");
        }
        if sum(&sizes) > MAX_AUX {
            return Err("its encryption information is more than any track needs");
        }
        left.reverse();
        Ok((!left.is_empty()).then(|| Self { track, sizes, left, read: BytesMut::new() }))
    }

    /// The piece that is needed next; `None` when all are here.
    pub(crate) fn want(&self) -> Option<ByteRange> {
        self.left.last().copied()
    }

    /// Takes in the piece that was wanted.
    pub(crate) fn supply(&mut self, piece: &[u8]) {
        self.left.pop();
        self.read.extend_from_slice(piece);
    }

    /// What it says, once it is all here.
    pub(super) fn into_aux(self) -> Aux {
        Aux { sizes: Bytes::from(self.sizes), data: self.read.freeze() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three samples in chunks of two and one, with information of 3, 2 and 4 bytes; `saio` has these offsets.
    fn found(offsets: &[u32]) -> Result<Option<AuxPlace>, &'static str> {
        let full = |code: &[u8; 4], fields: &[u32]| {
            let body: Vec<u8> = [0].iter().chain(fields).flat_map(|field| field.to_be_bytes()).collect();
            [&u32::try_from(8 + body.len()).unwrap().to_be_bytes()[..], code, &body].concat()
        };
        let places = [&[u32::try_from(offsets.len()).unwrap()], offsets].concat();
        let stbl = [
            full(b"stts", &[1, 3, 10]),
            full(b"stsz", &[5, 3]),
            full(b"stsc", &[2, 1, 2, 1, 2, 1, 1]),
            full(b"stco", &[2, 500, 600]),
            [&20_u32.to_be_bytes()[..], b"saiz", &[0, 0, 0, 0, 0, 0, 0, 0, 3], &[3, 2, 4]].concat(),
            full(b"saio", &places),
        ];
        let stbl = Bytes::from(stbl.concat());
        AuxPlace::find(TrackId(1), &stbl, &SampleTable::read(&stbl).unwrap(), 1000)
    }

    fn places(mut aux: AuxPlace) -> Vec<ByteRange> {
        let mut places = Vec::new();
        while let Some(place) = aux.want() {
            places.push(place);
            aux.supply(&[]);
        }
        places
    }

    #[test]
    fn information_lies_in_one_piece_or_in_one_for_each_chunk() {
        assert_eq!(places(found(&[100]).unwrap().unwrap()), [ByteRange::at(100, 9)]);
        assert_eq!(
            places(found(&[300, 100]).unwrap().unwrap()),
            [ByteRange::at(300, 5), ByteRange::at(100, 4)]
        );
    }

    #[test]
    fn more_places_than_any_track_needs_are_not_read() {
        let read = |count: usize| {
            let mut body = vec![0; 8 + 4 * count];
            body[4..8].copy_from_slice(&u32::try_from(count).unwrap().to_be_bytes());
            aux_offsets(Child { code: crate::isobmff::FourCc(*b"saio"), whole: &body, body: &body })
                .map(|offsets| offsets.len())
        };
        assert_eq!((read(MAX_PIECES), read(MAX_PIECES + 1)), (Some(MAX_PIECES), None));
    }

    #[test]
    fn places_that_cant_be_are_refused() {
        for offsets in [&[][..], &[1, 2, 3], &[992], &[300, 997]] {
            assert!(found(offsets).is_err(), "{offsets:?}");
        }
    }
}
