//! What FFmpeg reads from a file or a playlist: every packet's bytes (as md5) and time.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::process::Command;

/// Media times of one stream are compared to within this: FFmpeg prints microseconds, and rounds to its stream's ticks.
const STEP: f64 = 0.001;

/// One packet, in the order of decoding.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Packet {
    /// Presentation time in seconds.
    pub(crate) time: f64,
    pub(crate) md5: String,
    /// Outside the edit list: there for decoding only.
    pub(crate) hidden: bool,
}

/// One track as FFmpeg reads it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stream {
    /// `video` or `audio`.
    pub(crate) kind: String,
    pub(crate) packets: Vec<Packet>,
}

impl Stream {
    fn hashes(&self) -> HashSet<&str> {
        self.packets.iter().map(|packet| packet.md5.as_str()).collect()
    }
}

/// Reads all audio and video of a file or playlist.
pub(crate) fn read(path: &Path) -> Result<Vec<Stream>, String> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "compact=s=,", "-show_data_hash", "md5"])
        .args(["-show_entries", "packet=codec_type,stream_index,pts_time,flags,data_hash"])
        .arg(path)
        .output()
        .map_err(|error| format!("ffprobe: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.is_empty() {
        return Err(format!("ffprobe reads nothing: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let mut streams: BTreeMap<u32, Stream> = BTreeMap::new();
    for line in text.lines() {
        let field = |name: &str| {
            line.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
        };
        if !matches!(field("codec_type"), "video" | "audio") {
            continue;
        }
        let index = field("stream_index").parse().map_err(|_| format!("ffprobe said {line:?}"))?;
        let stream = streams.entry(index).or_default();
        stream.kind = field("codec_type").to_owned();
        stream.packets.push(Packet {
            time: field("pts_time").parse().map_err(|_| format!("a packet without a time: {line:?}"))?,
            md5: field("data_hash").to_owned(),
            hidden: field("flags").contains('D'),
        });
    }
    Ok(streams.into_values().collect())
}

/// Whether `output` shows every packet that `source` shows, in order, each once, with its time. A constant shift is
/// allowed when it is the same for all tracks. Packets that an edit list hides may be there or not.
pub(crate) fn compare(source: &[Stream], output: &[Stream]) -> Result<(), String> {
    let mut left: Vec<&Stream> = output.iter().collect();
    let mut shifts = Vec::new();
    for (number, stream) in source.iter().enumerate() {
        let name = format!("{} track {number}", stream.kind);
        let known = stream.hashes();
        let common = |other: &Stream| other.hashes().intersection(&known).count();
        let best =
            (0..left.len()).filter(|&at| left[at].kind == stream.kind).max_by_key(|&at| common(left[at]));
        let match_ = left.remove(best.ok_or_else(|| format!("{name} is missing in the output"))?);
        shifts.push(compare_one(stream, match_).map_err(|why| format!("{name}: {why}"))?);
    }
    if let Some(extra) = left.first() {
        return Err(format!("the output has a {} track that the source has not", extra.kind));
    }
    let (low, high) =
        shifts.iter().fold((f64::MAX, f64::MIN), |(low, high), &shift| (low.min(shift), high.max(shift)));
    if high - low > 2.0 * STEP {
        return Err(format!("tracks are shifted against each other by {:.6} s", high - low));
    }
    Ok(())
}

/// Compares one track, and gives back the shift of its times.
fn compare_one(source: &Stream, output: &Stream) -> Result<f64, String> {
    let shown: Vec<&Packet> = source.packets.iter().filter(|packet| !packet.hidden).collect();
    let known = source.hashes();
    let first = shown.first().ok_or("the source shows no packet")?;
    let begins = |at: usize| {
        output.packets[at..].iter().map(|p| &p.md5).take(shown.len()).eq(shown.iter().map(|p| &p.md5))
    };
    let starts = (0..output.packets.len()).filter(|&at| output.packets[at].md5 == first.md5 && begins(at));
    // Equal packets repeat (silence): the run that lies nearest in time is the one meant.
    let distance = |at: usize| (output.packets[at].time - first.time).abs();
    let Some(start) = starts.min_by(|&a, &b| distance(a).total_cmp(&distance(b))) else {
        return Err(first_difference(&shown, output));
    };
    if output.packets.len() > source.packets.len() {
        return Err(format!("{} packets instead of at most {}", output.packets.len(), source.packets.len()));
    }
    if let Some(strange) = output.packets.iter().position(|packet| !known.contains(packet.md5.as_str())) {
        return Err(format!("packet {strange} of the output is not in the source"));
    }
    let differences: Vec<f64> =
        shown.iter().zip(&output.packets[start..]).map(|(from, to)| to.time - from.time).collect();
    let mut sorted = differences.clone();
    sorted.sort_by(f64::total_cmp);
    let shift = sorted[sorted.len() / 2];
    match differences.iter().position(|difference| (difference - shift).abs() > STEP) {
        Some(at) => Err(format!("packet {at} is {:.6} s off", differences[at] - shift)),
        None => Ok(shift),
    }
}

fn first_difference(shown: &[&Packet], output: &Stream) -> String {
    let lengths = format!("{} shown in the source, {} in the output", shown.len(), output.packets.len());
    let Some(start) = output.packets.iter().position(|packet| packet.md5 == shown[0].md5) else {
        return format!("the first shown packet is not in the output ({lengths})");
    };
    let pairs = shown.iter().zip(&output.packets[start..]);
    let same = pairs.take_while(|(from, to)| from.md5 == to.md5).count();
    format!("packet {same} differs or is missing ({lengths})")
}

#[test]
fn a_lost_a_doubled_a_changed_and_a_late_packet_are_found() {
    let packet = |n: u32| Packet { time: f64::from(n) * 0.04, md5: format!("{n:x}"), hidden: n == 0 };
    let stream = |numbers: &[u32]| Stream {
        kind: "video".into(),
        packets: numbers.iter().map(|&n| packet(n)).collect(),
    };
    let source = [stream(&[0, 1, 2, 3, 4])];
    assert_eq!(compare(&source, &[stream(&[0, 1, 2, 3, 4])]), Ok(()));
    assert_eq!(compare(&source, &[stream(&[1, 2, 3, 4])]), Ok(()), "a hidden packet may go");
    for wrong in [&[1, 2, 4][..], &[1, 2, 2, 3, 4], &[1, 2, 3], &[1, 2, 9, 4], &[2, 3, 4], &[1, 2, 3, 4, 9]] {
        assert!(compare(&source, &[stream(wrong)]).is_err(), "{wrong:?}");
    }
    let mut late = stream(&[1, 2, 3, 4]);
    late.packets[2].time += 0.01;
    assert!(compare(&source, &[late]).is_err());
    assert!(compare(&source, &[]).is_err());
}

#[test]
fn a_shift_of_one_track_against_another_is_found() {
    let stream = |kind: &str, start: f64| Stream {
        kind: kind.into(),
        packets: (0..3)
            .map(|n| Packet { time: start + f64::from(n), md5: format!("{kind}{n}"), hidden: false })
            .collect(),
    };
    let source = [stream("video", 0.0), stream("audio", 0.0)];
    assert_eq!(compare(&source, &[stream("video", 5.0), stream("audio", 5.0)]), Ok(()));
    assert!(compare(&source, &[stream("video", 0.0), stream("audio", 0.01)]).is_err());
}
