//! What decryption needs of each sample, where boxes tell it: `senc`, `saiz` and `saio`.

use super::boxes::{Child, Fields, children};

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

/// `saio` (8.7.9): where the information of the first chunk or run begins.
pub(super) fn first_aux_offset(saio: Child<'_>) -> Option<u64> {
    let mut fields = Fields::new(saio.body);
    let (version, flags) = fields.version_and_flags()?;
    if flags & 1 != 0 {
        fields.skip(8)?;
    }
    if fields.u32()? == 0 {
        return None;
    }
    if version == 0 { fields.u32().map(u64::from) } else { fields.u64() }
}
