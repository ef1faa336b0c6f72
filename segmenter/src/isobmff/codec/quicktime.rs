//! Audio entries in whatever form they come, put into the one of ISO files (14496-12 12.2.3).
//!
//! QuickTime wrote more fields with each version of its sound description, and hid the codec's
//! configuration in an atom called `wave` (QuickTime File Format, "Sound Sample Descriptions"). ISO has a
//! version 1 of its own, which the `stsd` around it has to announce. All become version 0, which every
//! player reads; one that is version 0 already is kept byte for byte.

use super::super::boxes::{Child, Fields, FourCc, Header, child, children};
use super::raw::{self, Raw};
use super::{Sound, Unsupported};

/// Bytes of the fields of version 0, before the boxes.
const FIXED: usize = 28;

/// Bytes of fields that versions 1 and 2 of QuickTime add.
const ADDED: [usize; 3] = [0, 16, 36];

/// Atoms that hold a configuration, and are taken out of `wave`.
const CONFIGURATIONS: [&[u8; 4]; 8] =
    [b"esds", b"alac", b"dac3", b"dec3", b"dac4", b"dOps", b"dfLa", b"sinf"];

/// Atoms that mean nothing in version 0 of an ISO entry.
const FOREIGN: [&[u8; 4]; 3] = [b"wave", b"chan", b"srat"];

/// MP3 as QuickTime and AVI name it; an ISO file says the same with `mp4a` and an object type.
const MP3: [&[u8; 4]; 2] = [b".mp3", b"ms\0\x55"];

/// An audio entry as ISO would have it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Type of the entry.
    pub(super) code: FourCc,
    /// The boxes, the codec's configuration among them.
    pub(super) boxes: Vec<u8>,
    /// What the entry's own fields say.
    pub(super) sound: Sound,
    /// The fields, when they can stay as they are.
    fixed: Option<Vec<u8>>,
}

impl Entry {
    /// Reads an audio entry of any version.
    pub(super) fn read(raw: Raw<'_>) -> Result<Self, Unsupported> {
        let (fixed, rest) = raw.split(FIXED)?;
        let fields =
            fields(fixed, rest).ok_or(Unsupported::Short { entry: raw.code, len: raw.body.len() })?;
        let boxes = rest.get(fields.added..).unwrap_or_default();
        if MP3.contains(&&raw.code.0) {
            let boxes = mp3(fields.sound.sample_rate);
            return Ok(Self { code: FourCc(*b"mp4a"), boxes, sound: fields.sound, fixed: None });
        }
        let is_iso = fields.version == 0 && child(boxes, b"wave").is_none();
        Ok(Self {
            code: raw.code,
            boxes: if is_iso { raw::sound(boxes) } else { hoist(boxes) },
            sound: fields.sound,
            fixed: is_iso.then(|| fixed.to_vec()),
        })
    }

    /// The fields to write before the boxes: the entry's own, or those of version 0 for this sound.
    pub(super) fn fields(&self, sound: &Sound) -> Vec<u8> {
        const SAMPLE_SIZE: u16 = 16;
        if let Some(fixed) = &self.fixed {
            return fixed.clone();
        }
        let rate = u16::try_from(sound.sample_rate).unwrap_or(0);
        let mut fixed = vec![0; 16];
        fixed.extend(sound.channels.to_be_bytes());
        fixed.extend(SAMPLE_SIZE.to_be_bytes());
        fixed.extend([0; 4]);
        fixed.extend((u32::from(rate) << 16).to_be_bytes());
        fixed
    }
}

/// What the fields say, and how many bytes of them lie before the boxes.
struct Described {
    version: u16,
    added: usize,
    sound: Sound,
}

fn fields(fixed: &[u8], rest: &[u8]) -> Option<Described> {
    let mut fields = Fields::new(fixed);
    fields.skip(8)?;
    let version = fields.u16()?;
    fields.skip(6)?; // revision, vendor
    let channels = fields.u16()?;
    fields.skip(6)?; // depth, compression, packet size
    let sound = Sound { channels, sample_rate: fields.u32()? >> 16, joc: None };
    match version {
        1 if is_box(rest) => {
            let sample_rate = child(rest, b"srat").and_then(srat).unwrap_or(sound.sample_rate);
            Some(Described { version, added: 0, sound: Sound { channels, sample_rate, joc: None } })
        }
        2 => version_2(rest),
        _ => Some(Described { version, added: *ADDED.get(usize::from(version)).unwrap_or(&0), sound }),
    }
}

/// Whether boxes follow at once, as they do in version 1 of ISO but not of QuickTime.
fn is_box(rest: &[u8]) -> bool {
    let Some(Header { code, size: Some(size), .. }) = Header::read(rest) else { return false };
    let room = u64::try_from(rest.len()).unwrap_or(u64::MAX);
    code.0.iter().all(|byte| (b' '..=b'~').contains(byte)) && (8..=room).contains(&size)
}

/// `sampling_rate` of `srat` (14496-12 12.2.3).
fn srat(srat: Child<'_>) -> Option<u32> {
    let mut fields = Fields::new(srat.body);
    fields.version_and_flags()?;
    fields.u32()
}

/// Version 2 keeps the fields before it at constants, and says where it ends.
#[expect(clippy::cast_possible_truncation, reason = "a float becomes an integer by saturating")]
fn version_2(rest: &[u8]) -> Option<Described> {
    const HEADER: usize = 8;
    let mut fields = Fields::new(rest);
    let struct_size = usize::try_from(fields.u32()?).ok()?;
    let sample_rate = f64::from_bits(fields.u64()?) as u32;
    let channels = u16::try_from(fields.u32()?).unwrap_or(u16::MAX);
    fields.skip(ADDED[2] - 16)?;
    let added = struct_size.saturating_sub(HEADER + FIXED).max(ADDED[2]);
    Some(Described { version: 2, added, sound: Sound { channels, sample_rate, joc: None } })
}

/// The boxes of an ISO entry: configurations first, also from inside `wave`, then what else ISO knows.
fn hoist(atoms: &[u8]) -> Vec<u8> {
    let is_config = |child: &Child<'_>| CONFIGURATIONS.contains(&&child.code.0);
    let inside =
        children(atoms).filter(|child| child.code.0 == *b"wave").flat_map(|wave| children(wave.body));
    let mut seen = Vec::new();
    let mut boxes = Vec::with_capacity(atoms.len());
    for config in children(atoms).chain(inside).filter(is_config) {
        if !seen.contains(&config.code) {
            seen.push(config.code);
            raw::push_child(&mut boxes, config);
        }
    }
    children(atoms)
        .filter(|child| !is_config(child) && !FOREIGN.contains(&&child.code.0))
        .for_each(|child| raw::push_child(&mut boxes, child));
    boxes
}

/// `esds` of an MP3 stream: MPEG-1 audio, or MPEG-2's lower rates (14496-1 7.2.6.6).
fn mp3(sample_rate: u32) -> Vec<u8> {
    const LOWEST_OF_MPEG_1: u32 = 32_000;
    let object_type = if sample_rate < LOWEST_OF_MPEG_1 { 0x69 } else { 0x6b };
    let stream: [u8; 5] = [3, 21, 0, 0, 0]; // ES_Descriptor: length, ES_ID, flags
    let decoder: [u8; 4] = [4, 13, object_type, 0x15]; // audio; sizes and rates follow as zeros
    let sync: [u8; 3] = [6, 1, 2]; // SLConfigDescriptor of MP4 files
    let mut boxes = Vec::new();
    raw::push(&mut boxes, FourCc(*b"esds"), &[&[0; 4], &stream[..], &decoder, &[0; 11], &sync].concat());
    boxes
}
