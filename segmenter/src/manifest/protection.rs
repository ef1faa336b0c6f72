//! Encryption as manifests signal it: whose `pssh` box it is, and what each key system is called.

use super::Protected;
use crate::isobmff::boxes::{Fields, child};

/// A `pssh` box taken apart (ISO/IEC 23001-7 8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pssh<'a> {
    /// Whose it is.
    pub(super) system: [u8; 16],
    /// What that system reads.
    pub(super) data: &'a [u8],
}

impl<'a> Pssh<'a> {
    /// `None` when `bytes` are no `pssh` box.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::new(child(bytes, b"pssh")?.body);
        let (version, _) = fields.version_and_flags()?;
        let system = fields.array()?;
        if version > 0 {
            let key_ids = usize::try_from(fields.u32()?).ok()?;
            fields.skip(key_ids.checked_mul(16)?)?;
        }
        let len = usize::try_from(fields.u32()?).ok()?;
        Some(Self { system, data: fields.take(len)? })
    }
}

/// A key system that HLS has a name for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeySystem {
    /// Google's.
    Widevine,
    /// Microsoft's.
    PlayReady,
    /// The one every browser has, found by the common system id of W3C.
    ClearKey,
}

/// System ids, and what they stand for.
const SYSTEMS: [([u8; 16], KeySystem); 3] = [
    (0xedef_8ba9_79d6_4ace_a3c8_27dc_d51d_21ed_u128.to_be_bytes(), KeySystem::Widevine),
    (0x9a04_f079_9840_4286_ab92_e65b_e088_5f95_u128.to_be_bytes(), KeySystem::PlayReady),
    (0x1077_efec_c0b2_4d02_ace3_3c1e_52e2_fb4b_u128.to_be_bytes(), KeySystem::ClearKey),
];

impl KeySystem {
    /// The key system with this id.
    pub(super) fn of(id: [u8; 16]) -> Option<Self> {
        SYSTEMS.iter().find(|(known, _)| *known == id).map(|(_, system)| *system)
    }

    /// `KEYFORMAT` of RFC 8216bis.
    pub(super) fn key_format(self) -> &'static str {
        match self {
            Self::Widevine => "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed",
            Self::PlayReady => "com.microsoft.playready",
            Self::ClearKey => "org.w3.clearkey",
        }
    }
}

impl Protected {
    /// `pssh` boxes that can be read, each with its bytes.
    pub(super) fn systems(&self) -> impl Iterator<Item = (Pssh<'_>, &[u8])> {
        self.pssh.iter().filter_map(|bytes| Some((Pssh::read(bytes)?, bytes.as_ref())))
    }
}

/// `id` in lower-case hexadecimal.
pub(super) fn hex(id: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(id))
}

/// `id` as a UUID: `edef8ba9-79d6-4ace-a3c8-27dcd51d21ed`.
pub(super) fn uuid(id: [u8; 16]) -> String {
    let hex = hex(id);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::*;

    #[test]
    fn key_ids_before_the_data_are_passed_over() {
        let bytes = examples::pssh(SYSTEMS[2].0, &[[7; 16], [8; 16]], b"data");
        let pssh = Pssh::read(&bytes).unwrap();
        assert_eq!((KeySystem::of(pssh.system), pssh.data), (Some(KeySystem::ClearKey), &b"data"[..]));
    }

    #[test]
    fn a_box_cut_short_is_no_pssh() {
        let bytes = examples::pssh(SYSTEMS[0].0, &[], b"data");
        for len in 0..bytes.len() {
            assert_eq!(Pssh::read(&bytes[..len]), None, "{len} bytes");
        }
    }

    #[test]
    fn ids_read_as_people_write_them() {
        assert_eq!(uuid(SYSTEMS[0].0), "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed");
        assert_eq!(hex([1; 16]), "01".repeat(16));
    }
}
