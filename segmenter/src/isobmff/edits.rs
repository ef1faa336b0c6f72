//! Edit lists: which part of a track is shown, and when (ISO/IEC 14496-12 8.6.6).

use super::boxes::{Fields, child};
use crate::time::{Ticks, Timescale};
use crate::track::Edits;

/// `elst` (8.6.6).
pub(super) fn read(trak: &[u8], movie: Timescale, track: Timescale) -> Edits {
    let mut edits = Edits::default();
    let Some(elst) = child(trak, b"edts").and_then(|edts| child(edts.body, b"elst")) else { return edits };
    let mut fields = Fields::new(elst.body);
    let Some((version, _)) = fields.version_and_flags() else { return edits };
    let count = fields.u32().unwrap_or(0);
    let mut empty = Ticks::ZERO;
    let mut shown = false;
    for _ in 0..count {
        let entry = match version {
            0 => fields.u32().zip(fields.i32()).map(|(duration, time)| {
                (i64::from(if duration == u32::MAX { 0 } else { duration }), i64::from(time))
            }),
            _ => fields
                .u64()
                .zip(fields.i64())
                .map(|(duration, time)| (i64::try_from(duration).unwrap_or(0), time)),
        };
        let Some(((duration, time), rate)) = entry.zip(fields.u32()) else { break };
        let duration = Ticks(duration);
        // Rounded up: a sample that starts within the edit is shown.
        let end = Ticks(time) - movie.convert_floor(-duration, track);
        if time < 0 {
            if shown { edits.ignored += 1 } else { empty += duration }
        } else if !shown {
            shown = true;
            edits.start = Ticks(time);
            edits.end = (duration != Ticks::ZERO).then_some(end);
            edits.ignored += u32::from(rate != 0x1_0000);
        } else if edits.end.is_some_and(|end| (end.0 - time).abs() <= 1) {
            edits.end = Some(end);
        } else {
            edits.ignored += 1;
        }
    }
    edits.empty = movie.convert(empty, track);
    edits
}
