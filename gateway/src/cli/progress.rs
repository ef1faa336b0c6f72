//! Progress on a terminal: bytes, rate, time left. Draws nothing when stderr is not one.

use std::path::Path;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use segmenter::offline::Progress;

/// Bars of all films that are worked on.
#[derive(Debug, Default)]
pub(super) struct Bars(MultiProgress);

impl Bars {
    /// A bar for one film; goes when it is dropped.
    pub(super) fn film(&self, input: &Path) -> Bar {
        let bar = self.0.add(ProgressBar::new(0).with_style(style()));
        bar.set_message(input.file_name().unwrap_or(input.as_os_str()).to_string_lossy().into_owned());
        Bar(bar)
    }

    /// Says a line without tearing the bars.
    pub(super) fn say(&self, line: &str) {
        self.pause(|| eprintln!("{line}"));
    }

    /// Does something that writes to stderr, without tearing the bars.
    pub(super) fn pause(&self, write: impl FnOnce()) {
        self.0.suspend(write);
    }
}

/// How far one film is.
#[derive(Debug)]
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// How far it is.
    pub(super) fn at(&self, bytes: u64) {
        self.0.set_position(bytes);
    }
}

impl Progress for Bar {
    fn planned(&self, bytes: u64) {
        self.0.set_length(bytes);
    }

    fn wrote(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style() -> ProgressStyle {
    let drawn = "{msg:30!} {wide_bar} {bytes:>10}/{total_bytes:10} {bytes_per_sec:>12} {eta:>4}";
    ProgressStyle::with_template(drawn).unwrap_or_else(|_| ProgressStyle::default_bar())
}
