//! How a command says that it failed: one line, and a way out where there is one.

use std::io;

use segmenter::{demux, offline};

/// Why a command failed, for people.
#[derive(Debug)]
pub struct Failure {
    error: String,
    hint: Option<&'static str>,
}

impl Failure {
    /// Without a way out.
    pub fn new(error: impl Into<String>) -> Self {
        Self { error: error.into(), hint: None }
    }

    /// With what to try instead.
    #[must_use]
    pub fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// Says it on stderr.
    pub(super) fn tell(&self) {
        eprintln!("error: {}", one_line(&self.error));
        if let Some(hint) = self.hint {
            eprintln!("hint: {hint}");
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let hint = error.downcast_ref::<offline::Error>().and_then(way_out);
        Self { error: format!("{error:#}"), hint }
    }
}

impl From<offline::Error> for Failure {
    fn from(error: offline::Error) -> Self {
        Self { hint: way_out(&error), error: error.to_string() }
    }
}

/// What a person can do about it, if anything.
fn way_out(error: &offline::Error) -> Option<&'static str> {
    use demux::Error as Demux;
    match error {
        offline::Error::NotEmpty(_) => Some("choose another folder, or replace what is in it with --force"),
        offline::Error::Busy(_) => Some("wait until the other run has ended, or choose another folder"),
        offline::Error::NotAFile { what, .. } if what.contains("folder") => {
            Some("`segue segment FOLDER --out DIR` segments every film of a folder")
        }
        offline::Error::Io { path, source, .. } => match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory if path.ends_with("manifest.json") => {
                Some("`segue verify` takes a folder that `segue segment` has written")
            }
            io::ErrorKind::StorageFull => {
                Some("make room on the disk; what was written so far has been removed")
            }
            io::ErrorKind::PermissionDenied => Some("check who may read the input and write the output"),
            _ => None,
        },
        offline::Error::Demux { source: Demux::NotMp4(_), .. } => Some(
            "MP4, MOV, M4A and their kin are read; convert others first, such as `ffmpeg -i INPUT -c copy OUTPUT.mp4`",
        ),
        offline::Error::Demux { source: Demux::NoMovie { .. } | Demux::CutOff { .. }, .. } => {
            Some("the file looks incomplete: copy or download it again")
        }
        _ => None,
    }
}

/// A file name may hold a line break; a message may not.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_whatever_a_file_is_called() {
        assert_eq!(one_line("opening a\nb.mp4"), "opening a b.mp4");
    }

    #[test]
    fn a_folder_that_is_not_empty_has_a_way_out() {
        let failure = Failure::from(offline::Error::NotEmpty("out".into()));
        assert!(failure.hint.is_some_and(|hint| hint.contains("--force")));
    }
}
