//! What FFmpeg reads from a file or a playlist: every packet's bytes (as md5) and time, compared between source and output.
//!
//! # Why
//! FFmpeg is the second reader of what we write, but it has habits that are its own, and each is taken out here by name: it leaves
//! out or marks what an edit list hides, and it shows a fragmented track with negative composition offsets late by the largest of them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::faults;

/// Media times of one stream are compared to within this: FFmpeg prints microseconds, and rounds to its stream's ticks.
const STEP: f64 = 0.001;

/// One packet, in the order of decoding.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Packet {
    /// Presentation time in seconds.
    pub(crate) time: f64,
    pub(crate) md5: String,
}

/// One track as FFmpeg reads it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Stream {
    /// `video` or `audio`.
    pub(crate) kind: String,
    pub(crate) packets: Vec<Packet>,
}

/// A source: all that is in it, and when what its edit list leaves is shown.
#[derive(Debug)]
pub(crate) struct Source {
    all: Vec<Stream>,
    shown: Vec<Stream>,
    late: f64,
}

impl Source {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        Ok(Self { all: read(path, &["-ignore_editlist", "1"])?, shown: read(path, &[])?, late: late(&bytes) })
    }
}

/// Output, read through its master playlist.
#[derive(Debug)]
pub(crate) struct Output {
    streams: Vec<Stream>,
    late: f64,
}

impl Output {
    /// `master` is a file or an address; `folder` holds the same tree on disk.
    pub(crate) fn read(master: &Path, folder: &Path) -> Result<Self, String> {
        let video = folder.join("v1");
        let segments =
            (1..).map(|number| video.join(format!("{number}.m4s"))).take_while(|path| path.exists());
        let files = std::iter::once(video.join("init.mp4")).chain(segments);
        let bytes: Vec<u8> = files.flat_map(|path| std::fs::read(path).unwrap_or_default()).collect();
        Ok(Self { streams: read(master, &[])?, late: late(&bytes) })
    }
}

/// By how many seconds FFmpeg shows the video of a file late: the largest negative offset in its `trun`s (`dts_shift` in its mov.c).
fn late(bytes: &[u8]) -> f64 {
    let clock = faults::bodies_at(bytes, &[b"moov", b"trak", b"mdia", b"mdhd"]).into_iter().next();
    let Some(clock) = clock.map(|mdhd| if mdhd[0] == 1 { &mdhd[20..24] } else { &mdhd[12..16] }) else {
        return 0.0;
    };
    let word = |bytes: &[u8]| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let mut least = 0_i32;
    for trun in faults::bodies_at(bytes, &[b"moof", b"traf", b"trun"]) {
        let flags = word(trun) & 0xff_ffff;
        if flags & 0x800 == 0 {
            continue;
        }
        let head = 8 + if flags & 1 != 0 { 4 } else { 0 } + if flags & 4 != 0 { 4 } else { 0 };
        let row = 4 * (flags & 0xf00).count_ones() as usize;
        // The offset is the last field of a row.
        let offsets =
            trun[head..].chunks_exact(row).map(|row_bytes| word(&row_bytes[row - 4..]).cast_signed());
        least = least.min(offsets.min().unwrap_or(0));
    }
    -f64::from(least) / f64::from(word(clock))
}

/// Reads all audio and video of a file or playlist.
pub(crate) fn read(path: &Path, options: &[&str]) -> Result<Vec<Stream>, String> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json", "-show_data_hash", "md5"])
        .args(["-show_entries", "packet=codec_type,stream_index,pts_time,flags,data_hash"])
        .args(options)
        .arg(path)
        .output()
        .map_err(|error| format!("ffprobe: {error}"))?;
    let document: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("ffprobe: {error}"))?;
    let packets = document["packets"].as_array().filter(|packets| !packets.is_empty());
    let nothing = || format!("ffprobe reads nothing: {}", String::from_utf8_lossy(&output.stderr).trim());
    let mut streams: BTreeMap<u64, Stream> = BTreeMap::new();
    for packet in packets.ok_or_else(nothing)? {
        let field = |name: &str| packet[name].as_str().unwrap_or_default();
        if !matches!(field("codec_type"), "video" | "audio") {
            continue;
        }
        let stream = streams.entry(packet["stream_index"].as_u64().unwrap_or_default()).or_default();
        stream.kind = field("codec_type").to_owned();
        // Marked `D`: to be decoded and thrown away.
        if !field("flags").contains('D') {
            let time = field("pts_time").parse().map_err(|_| format!("a packet without a time: {packet}"))?;
            stream.packets.push(Packet { time, md5: field("data_hash").to_owned() });
        }
    }
    Ok(streams.into_values().collect())
}

/// Whether `output` holds every packet that `source` shows, in the order of decoding, each once, with its time. A constant shift
/// is allowed when it is the same for all tracks. Packets that an edit list hides may be there or not.
pub(crate) fn compare(source: &Source, output: &Output) -> Result<(), String> {
    // A rendition that several variants name is read once for each.
    let mut left: Vec<&Stream> = Vec::new();
    for stream in &output.streams {
        if !left.contains(&stream) {
            left.push(stream);
        }
    }
    let mut shifts = Vec::new();
    for (number, all) in source.all.iter().enumerate() {
        let name = format!("{} track {number}", all.kind);
        let common = |other: &Stream| {
            other
                .packets
                .iter()
                .filter(|packet| all.packets.iter().any(|known| known.md5 == packet.md5))
                .count()
        };
        let best = (0..left.len()).filter(|&at| left[at].kind == all.kind).max_by_key(|&at| common(left[at]));
        let track = left.remove(best.ok_or_else(|| format!("{name} is missing in the output"))?);
        let shown = source.shown.get(number).ok_or_else(|| format!("{name} is not shown"))?;
        let shift = compare_track(all, shown, track).map_err(|why| format!("{name}: {why}"))?;
        let habit = if all.kind == "video" { source.late - output.late } else { 0.0 };
        shifts.push(shift + habit);
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
fn compare_track(all: &Stream, shown: &Stream, output: &Stream) -> Result<f64, String> {
    let edit = edit(all, shown).ok_or("the source shows no packet")?;
    let expected: Vec<f64> = all.packets.iter().map(|packet| packet.time + edit).collect();
    let is_shown = |at: usize| {
        shown
            .packets
            .iter()
            .any(|packet| packet.md5 == all.packets[at].md5 && (packet.time - expected[at]).abs() < STEP)
    };
    let first = (0..all.packets.len()).find(|&at| is_shown(at)).ok_or("nothing of it is shown")?;
    let last = (0..all.packets.len()).rfind(|&at| is_shown(at)).unwrap_or(first);
    let made = &output.packets;
    let same = |start: usize| {
        all.packets[start..].iter().zip(made).take_while(|(from, to)| from.md5 == to.md5).count()
    };
    // Equal packets repeat (silence): the run that covers what is shown is the one meant, the nearest in time if there are several.
    let covers = |start: &usize| same(*start) == made.len() && start + made.len() > last;
    let distance = |start: usize| made.first().map_or(0.0, |packet| (packet.time - expected[start]).abs());
    let Some(start) = (0..=first).filter(covers).min_by(|&a, &b| distance(a).total_cmp(&distance(b))) else {
        let longest = (0..=first).map(same).max().unwrap_or(0);
        return Err(format!(
            "packet {longest} of {} differs or is missing; the source has {}, and shows {first} to {last}",
            made.len(),
            all.packets.len()
        ));
    };
    let differences: Vec<f64> =
        made.iter().zip(&expected[start..]).map(|(packet, time)| packet.time - time).collect();
    let mut sorted = differences.clone();
    sorted.sort_by(f64::total_cmp);
    let shift = sorted[sorted.len() / 2];
    match differences.iter().position(|difference| (difference - shift).abs() > STEP) {
        Some(at) => Err(format!("packet {at} is {:.6} s off", differences[at] - shift)),
        None => Ok(shift),
    }
}

/// By how much the edit list moves times: told by a packet that there is once, else by the last one.
fn edit(all: &Stream, shown: &Stream) -> Option<f64> {
    let mut times: HashMap<&str, Vec<f64>> = HashMap::new();
    for packet in &all.packets {
        times.entry(&packet.md5).or_default().push(packet.time);
    }
    let once = shown.packets.iter().find_map(|packet| match times.get(packet.md5.as_str())?.as_slice() {
        [time] => Some(packet.time - time),
        _ => None,
    });
    once.or_else(|| Some(shown.packets.last()?.time - all.packets.last()?.time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(kind: &str, numbers: &[u32], start: f64) -> Stream {
        let packet = |&n: &u32| Packet { time: start + f64::from(n) * 0.04, md5: format!("{kind}{n}") };
        Stream { kind: kind.into(), packets: numbers.iter().map(packet).collect() }
    }

    fn against(source: Vec<Stream>, shown: Vec<Stream>, output: Vec<Stream>) -> Result<(), String> {
        compare(&Source { all: source, shown, late: 0.0 }, &Output { streams: output, late: 0.0 })
    }

    #[test]
    fn a_lost_a_doubled_a_changed_and_a_swapped_packet_are_found() {
        let video = |numbers: &[u32]| vec![stream("video", numbers, 0.0)];
        let check = |made: &[u32]| against(video(&[0, 1, 2, 3, 4]), video(&[1, 2, 3, 4]), video(made));
        assert_eq!(check(&[0, 1, 2, 3, 4]), Ok(()));
        assert_eq!(check(&[1, 2, 3, 4]), Ok(()), "a hidden packet may go");
        for wrong in [
            &[1, 2, 4][..],
            &[1, 2, 2, 3, 4],
            &[1, 2, 3],
            &[1, 2, 9, 4],
            &[2, 3, 4],
            &[1, 2, 3, 4, 9],
            &[1, 3, 2, 4],
            &[],
        ] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
        assert!(against(video(&[0, 1]), video(&[0, 1]), vec![]).is_err());
    }

    #[test]
    fn a_late_packet_is_found() {
        let video = || vec![stream("video", &[0, 1, 2, 3], 0.0)];
        let mut late = video();
        late[0].packets[2].time += 0.01;
        assert!(against(video(), video(), late).is_err());
    }

    #[test]
    fn a_shift_of_one_track_against_another_is_found() {
        let both =
            |video, audio| vec![stream("video", &[0, 1, 2], video), stream("audio", &[0, 1, 2], audio)];
        assert_eq!(against(both(0.0, 0.0), both(0.0, 0.0), both(5.0, 5.0)), Ok(()));
        assert_eq!(
            against(both(0.0, 0.0), both(0.0, -0.5), both(1.0, 0.5)),
            Ok(()),
            "as the edit list has it"
        );
        assert!(against(both(0.0, 0.0), both(0.0, 0.0), both(0.0, 0.01)).is_err());
        assert!(against(both(0.0, 0.0), both(0.0, -0.5), both(0.0, 0.0)).is_err(), "an edit list was lost");
    }
}
