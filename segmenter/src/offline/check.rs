//! `segue verify`: a segmented folder, alone or against its source.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use ::bytes::{Bytes, BytesMut};

use super::{Error, Source, open_file, read_at};
use crate::bytes::{ByteRange, Span};
use crate::demux::Demuxer;
use crate::isobmff::MovieTrack;
use crate::manifest::json::{self, JsonRendition};
use crate::plan::Options;
use crate::render::Presentation;
use crate::time::Ticks;
pub use crate::verify::Fault;
use crate::verify::{self, Pair, Told};

/// Checks the folder `dir`; with `against`, also that it holds what that source does.
///
/// # Errors
/// When the folder has no manifest that can be read, or the source can't be read.
pub fn verify(dir: &Path, against: Option<&Path>) -> Result<Vec<Fault>, Error> {
    let path = dir.join("manifest.json");
    let text = fs::read_to_string(&path).map_err(Error::io("reading", &path))?;
    let manifest = json::parse(&text).map_err(|e| Error::Manifest { path: path.clone(), reason: e.to_string() })?;
    let source = against.map(Source::open).transpose()?;
    let mut faults = Vec::new();
    let mut outputs = Vec::new();
    for rendition in &manifest.renditions {
        faults.extend(playlist::check(dir, rendition));
        match Output::open(dir, rendition) {
            Ok(output) => {
                let told = output.told(rendition);
                faults.extend(output.missing.iter().cloned());
                if let Some(track) = &output.track {
                    faults.extend(verify::rendition(&track.track, &track.table, &told));
                }
                outputs.push((rendition.id.clone(), output));
            }
            Err(fault) => faults.push(fault),
        }
    }
    if let Some(source) = source {
        let target = manifest.renditions.iter().map(|r| r.target).find(|target| *target > 0.0);
        faults.extend(compare(source, target, &outputs)?);
    }
    Ok(faults)
}
