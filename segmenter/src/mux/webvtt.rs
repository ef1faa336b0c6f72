//! 3GPP timed text into WebVTT: the words of a sample, and the file of a segment.
//!
//! Players read `tx3g` nowhere, so a track of it goes out as plain WebVTT segments (RFC 8216bis 3.1.4).
//! Which cues a segment holds is the caller's to say; one that lasts over a border belongs to both sides.

use std::fmt::Write as _;

use crate::isobmff::boxes::{self, Fields};
use crate::time::{Ticks, Timescale};

/// Words on the screen for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// When they appear, on the presentation's timeline.
    pub start: Ticks,
    /// When they go; a cue that doesn't end after its start is left out.
    pub end: Ticks,
    /// WebVTT cue text, as [`cue_text`] makes it.
    pub text: String,
}

/// A WebVTT file of these cues, whose times `timescale` counts.
///
/// `mpegts` is the time of the 90 kHz clock that the presentation's zero stands for: zero where other
/// renditions' media time is the presentation's.
pub fn segment(cues: &[Cue], timescale: Timescale, mpegts: Ticks) -> String {
    const CLOCK_BITS: u32 = 33;
    let mpegts = mpegts.0.rem_euclid(1 << CLOCK_BITS);
    let mut file = format!("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:{mpegts}\n");
    for cue in cues {
        let [start, end] = [cue.start, cue.end].map(|time| milliseconds(timescale, time));
        if start < end {
            let _ = write!(file, "\n{} --> {}\n{}\n", Timestamp(start), Timestamp(end), cue.text);
        }
    }
    file
}

/// The cue text of a sample of `tx3g` (3GPP TS 26.245 5.17); `None` when it shows nothing.
///
/// Bold, italic and underlined runs become tags, always closed in the order they were opened.
pub fn cue_text(sample: &[u8]) -> Option<String> {
    let mut fields = Fields::new(sample);
    let len = usize::from(fields.u16()?);
    let text = fields.take(len.min(fields.rest().len()))?;
    let runs: Vec<Run> = match boxes::child(fields.rest(), b"styl") {
        Some(styl) => runs(styl.body),
        None => Vec::new(),
    };
    let face_at = |at: usize| runs.iter().find(|run| run.chars.contains(&at)).map_or(0, |run| run.face);
    let styled = decode(text).chars().enumerate().map(|(at, c)| (c, face_at(at))).collect();
    let lines = lines(styled);
    let is_blank = lines.iter().all(|(c, _)| c.is_whitespace());
    (!is_blank).then(|| markup(&lines))
}

/// Characters that share a face: bits of `face-style-flags`.
struct Run {
    chars: std::ops::Range<usize>,
    face: u8,
}

/// `TextStyleBox` (5.17.1.1); offsets count characters.
fn runs(styl: &[u8]) -> Vec<Run> {
    let mut fields = Fields::new(styl);
    let count = fields.u16().unwrap_or(0);
    let mut run = || {
        let (start, end) = (fields.u16()?, fields.u16()?);
        fields.skip(2)?; // font-ID
        let face = fields.u8()?;
        fields.skip(5)?; // font size, colour
        Some(Run { chars: usize::from(start)..usize::from(end), face })
    };
    (0..count).map_while(|_| run()).collect()
}

/// UTF-8, or UTF-16 behind a byte order mark (5.17); what is neither shows as replacement characters.
fn decode(text: &[u8]) -> String {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().copied().map(unit).collect();
        String::from_utf16_lossy(&units)
    };
    match text {
        [0xfe, 0xff, rest @ ..] => units(rest, u16::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => String::from_utf8_lossy(rest).into_owned(),
    }
}

/// Lines that end in one line feed, none of them empty: an empty one would end the cue.
fn lines(text: Vec<(char, u8)>) -> Vec<(char, u8)> {
    let mut lines: Vec<(char, u8)> = Vec::with_capacity(text.len());
    for (c, face) in text {
        match c {
            '\n' | '\r' if matches!(lines.last(), None | Some(('\n', _))) => {}
            '\n' | '\r' => lines.push(('\n', face)),
            '\0' => lines.push((char::REPLACEMENT_CHARACTER, face)),
            _ => lines.push((c, face)),
        }
    }
    if let Some(('\n', _)) = lines.last() {
        lines.pop();
    }
    lines
}

/// Tags of WebVTT with the bit of `face-style-flags` that asks for each (5.16).
const TAGS: [(u8, char); 3] = [(1, 'b'), (2, 'i'), (4, 'u')];

fn markup(text: &[(char, u8)]) -> String {
    let mut cue = String::with_capacity(text.len());
    let mut open = 0;
    for &(c, face) in text {
        turn(&mut cue, &mut open, face);
        match c {
            '&' => cue.push_str("&amp;"),
            '<' => cue.push_str("&lt;"),
            '>' => cue.push_str("&gt;"),
            _ => cue.push(c),
        }
    }
    turn(&mut cue, &mut open, 0);
    cue
}

/// Closes what is open and opens what is asked for, where the two differ.
fn turn(cue: &mut String, open: &mut u8, asked: u8) {
    let asked = asked & 7;
    if *open == asked {
        return;
    }
    for (_, tag) in TAGS.iter().rev().filter(|(bit, _)| *open & bit != 0) {
        let _ = write!(cue, "</{tag}>");
    }
    for (_, tag) in TAGS.iter().filter(|(bit, _)| asked & bit != 0) {
        let _ = write!(cue, "<{tag}>");
    }
    *open = asked;
}

fn milliseconds(timescale: Timescale, time: Ticks) -> u64 {
    Timescale::new(1000).map_or(Ticks::ZERO, |milli| timescale.convert(time, milli)).unsigned()
}

/// Milliseconds as WebVTT writes them.
struct Timestamp(u64);

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(time) = self;
        let (hours, minutes, seconds) = (time / 3_600_000, time / 60_000 % 60, time / 1000 % 60);
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}.{:03}", time % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: &[u8], boxes: &[u8]) -> Vec<u8> {
        let len = u16::try_from(text.len()).unwrap();
        [&len.to_be_bytes()[..], text, boxes].concat()
    }

    fn styl(runs: &[(u16, u16, u8)]) -> Vec<u8> {
        let count = u16::try_from(runs.len()).unwrap();
        let mut body = count.to_be_bytes().to_vec();
        for (start, end, face) in runs {
            body.extend([start.to_be_bytes(), end.to_be_bytes(), [0, 1]].concat());
            body.extend([*face, 18, 255, 255, 255, 255]);
        }
        let size = u32::try_from(8 + body.len()).unwrap();
        [&size.to_be_bytes()[..], b"styl", &body].concat()
    }

    #[test]
    fn a_sample_without_words_is_no_cue() {
        for text in [&b""[..], b"\n", b" \r\n "] {
            assert_eq!(cue_text(&sample(text, &[])), None);
        }
        assert_eq!(cue_text(&[]), None);
    }

    #[test]
    fn marks_of_webvtt_are_escaped() {
        let text = cue_text(&sample(b"a --> b & <c>", &[])).unwrap();
        assert_eq!(text, "a --&gt; b &amp; &lt;c&gt;");
    }

    #[test]
    fn no_line_of_a_cue_is_empty() {
        assert_eq!(cue_text(&sample(b"\r\none\r\n\r\ntwo\rthree\n", &[])).unwrap(), "one\ntwo\nthree");
    }

    #[test]
    fn styles_become_tags_that_nest() {
        let styles = styl(&[(0, 1, 1), (1, 2, 3), (3, 9, 4)]);
        assert_eq!(
            cue_text(&sample("äbcd".as_bytes(), &styles)).unwrap(),
            "<b>ä</b><b><i>b</i></b>c<u>d</u>"
        );
    }

    #[test]
    fn text_may_be_utf_16_of_either_order() {
        assert_eq!(cue_text(&sample(b"\xfe\xff\0h\0i", &[])).unwrap(), "hi");
        assert_eq!(cue_text(&sample(b"\xff\xfeh\0i\0", &[])).unwrap(), "hi");
        assert_eq!(cue_text(&sample(b"\xef\xbb\xbfhi", &[])).unwrap(), "hi");
    }

    #[test]
    fn a_segment_maps_its_clock_and_lists_its_cues() {
        let timescale = Timescale::new(90_000).unwrap();
        let cue = |start, end| Cue { start: Ticks(start), end: Ticks(end), text: "hi\nthere".into() };
        let file = segment(&[cue(90_045, 330_000_000), cue(5, 5)], timescale, Ticks(900_000));
        assert_eq!(
            file,
            "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\n\n\
             00:00:01.001 --> 01:01:06.667\nhi\nthere\n"
        );
    }

    #[test]
    fn a_segment_without_cues_is_still_a_file() {
        let file = segment(&[], Timescale::SECOND, Ticks::ZERO);
        assert_eq!(file, "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n");
    }

    proptest::proptest! {
        #[test]
        fn no_sample_makes_text_that_could_end_its_cue(bytes in proptest::collection::vec(0u8.., 0..200)) {
            if let Some(text) = cue_text(&bytes) {
                assert!(!text.contains("\n\n") && !text.contains("-->") && !text.contains('\r'));
            }
        }
    }
}
