//! `segue probe`: a table for people, JSON for programs.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use segmenter::offline::{self, Probe, ProbedTrack};
use segmenter::track::Kind;

use super::Failure;
use super::args::ProbeArgs;
use super::failure::one_line;

/// Shows what a file holds.
pub(super) fn run(args: &ProbeArgs) -> Result<ExitCode, Failure> {
    let probe = offline::probe(&args.input)?;
    let text = match args.json {
        true => serde_json::to_string_pretty(&probe).map_err(|error| Failure::new(error.to_string()))?,
        false => table(&one_line(&args.input.display().to_string()), &probe),
    };
    // A reader that has seen enough (`| head`) is no failure.
    let _ = writeln!(std::io::stdout().lock(), "{}", text.trim_end());
    Ok(ExitCode::SUCCESS)
}

/// The file in three lines, then a row for each track.
fn table(name: &str, probe: &Probe) -> String {
    let mut text = format!("{name}\n");
    let kind = if probe.fragmented { "fragmented" } else { "progressive" };
    let _ = writeln!(text, "  {kind}, {}, {}", time(probe.duration), size(probe.bytes));
    let _ = writeln!(
        text,
        "  moov  {} at byte {}, {}\n",
        size(probe.moov_bytes),
        probe.moov_offset,
        place(probe)
    );
    let heads = [
        "track",
        "kind",
        "codec",
        "format",
        "lang",
        "duration",
        "samples",
        "sync",
        "longest gop",
        "edit",
        "segments",
    ];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(probe.tracks.iter().map(row));
    text.push_str(&align(&rows));
    for note in &probe.notes {
        let _ = writeln!(text, "\n  note: {}", one_line(note));
    }
    text
}

/// Whether a player that reads from the start meets `moov` before the media.
fn place(probe: &Probe) -> &'static str {
    match probe.moov_offset.saturating_mul(2) < probe.bytes {
        true => "before the media",
        false => "after the media",
    }
}

fn row(track: &ProbedTrack) -> [String; 11] {
    let kind = match track.kind {
        Kind::Video => "video",
        Kind::Audio => "audio",
        Kind::Text => "text",
    };
    let encrypted = track.encryption.as_ref().map(|scheme| format!(" ({scheme})")).unwrap_or_default();
    [
        track.id.to_string(),
        kind.to_owned(),
        format!("{}{encrypted}", track.codec),
        track.format.clone(),
        track.language.clone().unwrap_or_else(|| "-".to_owned()),
        time(track.duration),
        track.samples.to_string(),
        track.sync_samples.to_string(),
        track.longest_gop.map_or_else(|| "-".to_owned(), |gop| format!("{gop:.2} s")),
        edit(track),
        track.segments.map_or_else(|| "left out".to_owned(), |segments| segments.to_string()),
    ]
}

/// The edit list: a delay, what is shown of the media, or that there is nothing to tell.
fn edit(track: &ProbedTrack) -> String {
    let mut parts = Vec::new();
    if track.edit_delay > 0.0 {
        parts.push(format!("+{:.3} s", track.edit_delay));
    }
    match (track.edit_start, track.edit_end) {
        (start, Some(end)) => parts.push(format!("{start:.3}..{end:.3} s")),
        (start, None) if start > 0.0 => parts.push(format!("{start:.3}.. s")),
        _ => {}
    }
    if parts.is_empty() { "-".to_owned() } else { parts.join(" ") }
}

/// Columns as wide as their widest cell, two spaces apart.
fn align<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] =
        std::array::from_fn(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0));
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("  {}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    });
    lines.collect()
}

/// `2:05:09.300`, or seconds when it is less than a minute.
fn time(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.3} s");
    }
    let (hours, minutes) = ((seconds / 3600.0).floor(), (seconds / 60.0).floor() % 60.0);
    let rest = seconds % 60.0;
    if hours > 0.0 { format!("{hours}:{minutes:02}:{rest:06.3}") } else { format!("{minutes}:{rest:06.3}") }
}

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, "bytes");
    for larger in UNITS {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    if unit == "bytes" { format!("{bytes} bytes") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_read_as_people_write_them() {
        assert_eq!([time(9.5), time(65.25), time(7509.3)], ["9.500 s", "1:05.250", "2:05:09.300"]);
        assert_eq!([size(12), size(2048), size(5 << 30)], ["12 bytes", "2.0 KiB", "5.0 GiB"]);
    }

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [["a".to_owned(), "b".to_owned()], ["long".to_owned(), "c".to_owned()]];
        assert_eq!(align(&rows), "  a     b\n  long  c\n");
    }
}
