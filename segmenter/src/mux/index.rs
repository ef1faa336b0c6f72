//! `sidx`: where in one file the segments lie (ISO/IEC 14496-12 8.16.3).

use ::bytes::Bytes;

use super::TRACK;
use crate::isobmff::Writer;
use crate::manifest::Segment;
use crate::time::{Ticks, Timescale};

/// The index of `segments`, which follow it at once. Each starts with a sync sample (SAP type 1 or 2).
pub(crate) fn index(timescale: Timescale, start: Ticks, segments: &[Segment]) -> Bytes {
    let mut bytes = Vec::with_capacity(40 + segments.len() * 12);
    // A `sidx` counts 65,535 references at most; a longer film is indexed that far, the playlists know the rest.
    let listed = &segments[..segments.len().min(usize::from(u16::MAX))];
    Writer::new(&mut bytes).full(b"sidx", 1, 0, |out| {
        out.u32(TRACK.0);
        out.u32(timescale.get());
        out.u64(start.unsigned());
        out.u64(0);
        out.u16(0);
        out.u16(u16::try_from(listed.len()).unwrap_or(u16::MAX));
        for segment in listed {
            out.u32(u32::try_from(segment.size).unwrap_or(u32::MAX) & 0x7fff_ffff);
            out.u32(u32::try_from(segment.duration.unsigned()).unwrap_or(u32::MAX));
            out.u32(0x9000_0000);
        }
    });
    bytes.into()
}
