//! `Range` (RFC 9110 14): which bytes of a body are asked for. A pure function of the header and the length.

use std::ops::Range;

/// Ranges of one request; more are not worth what they cost, and the whole body is sent.
const MAX_RANGES: usize = 16;

/// What part of a body is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it; also where the header makes no sense.
    Whole,
    /// These bytes, in this order; never none.
    Parts(Vec<Range<u64>>),
    /// Bytes that are not there.
    Nowhere,
}

/// Reads a `Range` header for a body of `length` bytes.
pub(super) fn read(header: &str, length: u64) -> Asked {
    let Some(("bytes", list)) = header.split_once('=').map(|(unit, list)| (unit.trim(), list)) else {
        return Asked::Whole;
    };
    let mut parts = Vec::new();
    for (count, text) in list.split(',').enumerate() {
        match one(text.trim(), length) {
            _ if count >= MAX_RANGES => return Asked::Whole,
            None => return Asked::Whole,
            Some(part) => parts.extend(part),
        }
    }
    let asked: u64 = parts.iter().map(|part: &Range<u64>| part.end - part.start).sum();
    match parts.len() {
        0 => Asked::Nowhere,
        // The same bytes several times over.
        2.. if asked > length => Asked::Whole,
        _ => Asked::Parts(parts),
    }
}

/// `None` for what is no range, `Some(None)` for one that holds no byte of the body.
#[expect(clippy::option_option, reason = "no range at all and a range of nothing are two different things")]
fn one(text: &str, length: u64) -> Option<Option<Range<u64>>> {
    let (first, last) = text.split_once('-')?;
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than any body has bytes are still a number.
        plain.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    let range = match (first, last) {
        ("", suffix) => length.saturating_sub(number(suffix)?)..length,
        (first, "") => number(first)?..length,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(length)
        }
    };
    Some((range.start < range.end).then_some(range))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts<const N: usize>(parts: [(u64, u64); N]) -> Asked {
        Asked::Parts(parts.into_iter().map(|(start, end)| start..end).collect())
    }

    #[test]
    fn one_range_is_read_in_all_its_forms() {
        for (header, expected) in [
            ("bytes=0-0", parts([(0, 1)])),
            ("bytes=10-99", parts([(10, 100)])),
            ("bytes=100-", parts([(100, 1000)])),
            ("bytes=-100", parts([(900, 1000)])),
            ("bytes=5-99999999999999999999999", parts([(5, 1000)])),
            ("bytes=-5000", parts([(0, 1000)])),
            ("bytes = 1-2", parts([(1, 3)])),
        ] {
            assert_eq!(read(header, 1000), expected, "{header}");
        }
    }

    #[test]
    fn several_ranges_keep_their_order_and_those_outside_are_left_out() {
        assert_eq!(read("bytes=100-149, 0-9,2000-,-5", 1000), parts([(100, 150), (0, 10), (995, 1000)]));
    }

    #[test]
    fn what_lies_past_the_end_is_nowhere() {
        for header in ["bytes=1000-", "bytes=-0", "bytes=1000-2000,5000-"] {
            assert_eq!(read(header, 1000), Asked::Nowhere, "{header}");
        }
        assert_eq!(read("bytes=0-", 0), Asked::Nowhere);
    }

    #[test]
    fn what_makes_no_sense_is_ignored() {
        for header in [
            "bytes=9-1",
            "bytes=a-b",
            "lines=1-2",
            "bytes",
            "bytes=",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=1-2,x",
        ] {
            assert_eq!(read(header, 1000), Asked::Whole, "{header}");
        }
    }

    #[test]
    fn a_flood_is_answered_with_the_whole_body_once() {
        assert_eq!(read(&format!("bytes={}0-", "0-,".repeat(999)), 1000), Asked::Whole);
        assert_eq!(read("bytes=0-,0-", 1000), Asked::Whole);
    }

    proptest! {
        #[test]
        fn no_header_asks_for_bytes_that_are_not_there(header in "(bytes=)?[0-9, -]{0,24}", length in 0_u64..2000) {
            if let Asked::Parts(parts) = read(&header, length) {
                prop_assert!(!parts.is_empty());
                for part in parts {
                    prop_assert!(part.start < part.end && part.end <= length);
                }
            }
        }
    }
}
