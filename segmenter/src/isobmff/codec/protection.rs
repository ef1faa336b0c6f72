//! Common Encryption: what `sinf` says of an entry's samples (ISO/IEC 14496-12 8.12, 23001-7 8).
//!
//! Nothing here decrypts; the entry goes out as it came, and the manifest says so.

use super::super::boxes::{Child, Fields, FourCc, child, children};
use super::{Protection, Unsupported};

/// Schemes whose `tenc` a player understands (23001-7 4.2), and the one they grew out of.
const SCHEMES: [&[u8; 4]; 5] = [b"cenc", b"cbc1", b"cens", b"cbcs", PIFF];

/// Protected Interoperable File Format, older than `tenc`.
const PIFF: &[u8; 4] = b"piff";

/// `tenc` of PIFF, as a box of an extended type (PIFF 1.1 5.3.3).
const PIFF_TRACK_ENCRYPTION: [u8; 16] =
    [0x89, 0x74, 0xdb, 0xce, 0x7b, 0xe7, 0x4c, 0x51, 0x84, 0xf9, 0x71, 0x48, 0xf9, 0x88, 0x25, 0x54];

/// The format of an entry's samples, once decrypted, and how they are encrypted if they are.
pub(super) fn read(entry: FourCc, boxes: &[u8]) -> Result<(FourCc, Option<Protection>), Unsupported> {
    if !matches!(&entry.0, b"encv" | b"enca" | b"enct") {
        return Ok((entry, None));
    }
    let sinf = FourCc(*b"sinf");
    let mut refusal = Unsupported::Missing { entry, config: sinf };
    for sinf in children(boxes).filter(|child| child.code == sinf) {
        let broken = Unsupported::Broken { entry, config: sinf.code };
        let (Some(original), Some(scheme)) = (original(sinf), scheme(sinf)) else {
            refusal = broken;
            continue;
        };
        if !SCHEMES.contains(&&scheme.0) {
            refusal = Unsupported::Scheme { entry, scheme };
            continue;
        }
        match track_encryption(sinf, scheme) {
            Some(protection) => return Ok((original, Some(protection))),
            None => refusal = broken,
        }
    }
    Err(refusal)
}

/// `data_format` of `frma` (8.12.2).
fn original(sinf: Child<'_>) -> Option<FourCc> {
    Fields::new(child(sinf.body, b"frma")?.body).code()
}

/// `scheme_type` of `schm` (8.12.5).
fn scheme(sinf: Child<'_>) -> Option<FourCc> {
    let mut fields = Fields::new(child(sinf.body, b"schm")?.body);
    fields.version_and_flags()?;
    fields.code()
}

/// `tenc`, or the box it grew out of.
fn track_encryption(sinf: Child<'_>, scheme: FourCc) -> Option<Protection> {
    let schi = child(sinf.body, b"schi")?.body;
    let fields = match child(schi, b"tenc") {
        Some(tenc) => Fields::new(tenc.body),
        None => piff_track_encryption(schi)?,
    };
    let mut fields = fields;
    fields.skip(4)?; // version and flags
    fields.skip(3)?; // reserved, pattern and isProtected, or AlgorithmID
    let iv_size = fields.u8()?;
    Some(Protection { scheme, iv_size, key_id: fields.array()? })
}

fn piff_track_encryption(schi: &[u8]) -> Option<Fields<'_>> {
    children(schi).filter(|child| child.code.0 == *b"uuid").find_map(|child| {
        let mut fields = Fields::new(child.body);
        (fields.array()? == PIFF_TRACK_ENCRYPTION).then_some(fields)
    })
}
