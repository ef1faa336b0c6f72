//! `segue segment`: one source into one folder.
//!
//! Everything is written under [`STAGING`] inside the output folder and renamed when whole, `manifest.json` last: a folder with
//! a manifest is complete, and a run that was cut off leaves nothing that looks like output. The next run clears it away.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, openat};

use super::copy::{Copier, CopyError, Target};
use super::{Error, Source, read_at};
use crate::manifest::{Layout, Manifest, Segment, State, dash, hls, json};
use crate::plan::Options;
use crate::render::{Body, Labels, Note, Presentation};

/// Where output lies until it is whole.
const STAGING: &str = ".segue-partial";

/// What to segment, and how.
#[derive(Clone, Debug)]
pub struct Job {
    /// The source.
    pub input: PathBuf,
    /// The folder to write; it may be there already if it is empty.
    pub out: PathBuf,
    /// How to cut.
    pub options: Options,
    /// One file a rendition instead of one a segment.
    pub single_file: bool,
    /// Threads that copy; at least one.
    pub workers: usize,
    /// Whether what is in the folder may be replaced.
    pub force: bool,
}

/// Told how far a job is.
pub trait Progress: Sync {
    /// The job will write this many bytes of media, about.
    fn planned(&self, bytes: u64);
    /// So many more bytes have been written.
    fn wrote(&self, bytes: u64);
}

/// What a job did.
#[derive(Debug)]
pub struct Report {
    /// The manifest that was written.
    pub manifest: Manifest,
    /// What of the source did not come out as it went in.
    pub notes: Vec<Note>,
}

/// Segments a file.
///
/// # Errors
/// When the source can't be read or understood, or the folder can't be written or is not empty. Nothing is left behind then.
pub fn segment(job: &Job, progress: &dyn Progress) -> Result<Report, Error> {
    let source = Source::open(&job.input)?;
    let len = source.len;
    let planned = Presentation::new(source.movie, len, &job.options);
    let presentation = planned.map_err(|source| Error::Plan { path: job.input.clone(), source })?;
    let input = Input { file: source.file, path: &job.input };
    let staging = Staging::create(&job.out, job.force)?;
    let title = job.input.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let labels = Labels { id: String::new(), title, kind: None, state: State::Ready };
    progress.planned(len);
    let writer = Writer { presentation: &presentation, input: &input, folder: &staging.path, progress };
    let (layout, segments) = match job.single_file {
        true => (Layout::SingleFile, writer.single_files(job.workers)?),
        false => (Layout::Segments, writer.segment_files(job.workers)?),
    };
    let manifest = presentation.manifest_of(&labels, layout, segments);
    writer.playlists(&manifest)?;
    staging.publish()?;
    Ok(Report { manifest, notes: presentation.notes() })
}

/// The open source.
struct Input<'a> {
    file: File,
    path: &'a Path,
}

struct Writer<'a> {
    presentation: &'a Presentation,
    input: &'a Input<'a>,
    folder: &'a Path,
    progress: &'a dyn Progress,
}

/// Segments of each rendition, as the manifest will tell them.
type Measured = Vec<Vec<Segment>>;

impl Writer<'_> {
    /// `{rendition}/init.mp4` and `{rendition}/{n}.m4s`.
    fn segment_files(&self, workers: usize) -> Result<Measured, Error> {
        let mut folders = Vec::new();
        for rendition in self.presentation.renditions() {
            let folder = Folder::create(self.folder.join(rendition.id()))?;
            if !rendition.init().is_empty() {
                write(&folder.path.join("init.mp4"), rendition.init())?;
            }
            folders.push((folder, if rendition.is_captions() { "vtt" } else { "m4s" }));
        }
        self.in_turns(workers, |rendition, number| {
            let (folder, ending) = &folders[rendition];
            Ok(Place { file: Opened::Own(folder.file(&format!("{number}.{ending}"))?), at: 0 })
        })
    }

    /// `{rendition}.mp4`: init, `sidx`, every segment. Captions stay files of their own, which players of one file fetch whole.
    fn single_files(&self, workers: usize) -> Result<Measured, Error> {
        let mut files = Vec::new();
        for (index, rendition) in self.presentation.renditions().iter().enumerate() {
            if rendition.is_captions() {
                files.push(Single::Captions(Folder::create(self.folder.join(rendition.id()))?));
                continue;
            }
            let measure = |number| self.presentation.measure(index, number);
            let segments: Vec<_> = (1..=rendition.segments()).filter_map(measure).collect();
            let head = [&rendition.init()[..], &self.presentation.sidx(index, &segments)].concat();
            let path = self.folder.join(format!("{}.mp4", rendition.id()));
            let file = File::create(&path).map_err(Error::io("creating", &path))?;
            file.write_all_at(&head, 0).map_err(Error::io("writing", &path))?;
            let starts = segments.iter().scan(head.len() as u64, |at, segment| {
                let start = *at;
                *at += segment.size;
                Some(start)
            });
            files.push(Single::Media(file, starts.collect()));
        }
        self.in_turns(workers, |rendition, number| {
            Ok(match &files[rendition] {
                Single::Media(file, starts) => {
                    Place { file: Opened::Shared(file), at: starts[number as usize - 1] }
                }
                Single::Captions(folder) => {
                    Place { file: Opened::Own(folder.file(&format!("{number}.vtt"))?), at: 0 }
                }
            })
        })
    }

    /// Has `workers` threads make all renditions' segments of a number, number by number, at the places `open` gives.
    fn in_turns<'f>(
        &self,
        workers: usize,
        open: impl Fn(usize, u32) -> Result<Place<'f>, Error> + Sync,
    ) -> Result<Measured, Error> {
        let renditions = self.presentation.renditions();
        let last = renditions.iter().map(super::super::render::Output::segments).max().unwrap_or(0);
        let next = AtomicU32::new(1);
        let made = Mutex::new(Vec::new());
        let work = || -> Result<(), Error> {
            let mut copier = Copier::new();
            let mut mine = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number > last {
                    break;
                }
                // One worker's failure ends the others' work too.
                let turn = self.turn(number, &open, &mut copier, &mut mine);
                turn.inspect_err(|_| next.store(last + 1, Ordering::Relaxed))?;
            }
            made.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(&mut mine);
            Ok(())
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..workers.min(last as usize)).map(|_| scope.spawn(work)).collect();
            let own = work();
            let others = others.into_iter().map(|other| other.join().unwrap_or(Ok(())));
            others.collect::<Vec<_>>().into_iter().fold(own, Result::and)
        })?;
        let mut made = made.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        made.sort_unstable_by_key(|&(rendition, number, _)| (rendition, number));
        let mut measured: Measured = renditions.iter().map(|_| Vec::new()).collect();
        for (rendition, _, segment) in made {
            measured[rendition].push(segment);
        }
        Ok(measured)
    }

    /// Makes segment `number` of every rendition: their bytes lie close together in the source.
    fn turn<'f>(
        &self,
        number: u32,
        open: &impl Fn(usize, u32) -> Result<Place<'f>, Error>,
        copier: &mut Copier,
        made: &mut Vec<(usize, u32, Segment)>,
    ) -> Result<(), Error> {
        let mut media = Vec::new();
        for rendition in 0..self.presentation.renditions().len() {
            let Some(body) = self.presentation.segment(rendition, number) else { continue };
            let place = open(rendition, number)?;
            let mut segment = self.presentation.describe(rendition, number, &body);
            match body {
                Body::Media(recipe) => media.push((place, recipe)),
                Body::Captions(captions) => {
                    let samples =
                        captions.places.iter().map(|&at| read_at(&self.input.file, self.input.path, at));
                    let text = captions.text(&samples.collect::<Result<Vec<_>, _>>()?);
                    let written = place.file().write_all_at(text.as_bytes(), 0);
                    written.map_err(Error::io("writing", self.folder))?;
                    segment.size = text.len() as u64;
                }
            }
            made.push((rendition, number, segment));
        }
        let targets = media.iter().map(|(place, recipe)| Target { file: place.file(), at: place.at, recipe });
        copier.copy(&self.input.file, &targets.collect::<Vec<_>>()).map_err(|error| match error {
            CopyError::Shrank => Error::Shrank(self.input.path.to_owned()),
            CopyError::Read(source) => Error::io("reading", self.input.path)(source),
            CopyError::Write(source) => Error::io("writing", self.folder)(source),
        })?;
        self.progress.wrote(media.iter().map(|(_, recipe)| recipe.size).sum());
        Ok(())
    }

    /// Every playlist, from one manifest; once, at the end.
    fn playlists(&self, manifest: &Manifest) -> Result<(), Error> {
        for rendition in &manifest.renditions {
            let folder = self.folder.join(&rendition.id);
            fs::create_dir_all(&folder).map_err(Error::io("creating", &folder))?;
            write(&folder.join("playlist.m3u8"), hls::media(manifest, rendition).as_bytes())?;
            if let Some(frames) = hls::iframes(manifest, rendition) {
                write(&folder.join("iframes.m3u8"), frames.as_bytes())?;
            }
        }
        write(&self.folder.join("master.m3u8"), hls::master(manifest).as_bytes())?;
        write(&self.folder.join("manifest.mpd"), dash::mpd(manifest).as_bytes())?;
        write(&self.folder.join(MANIFEST), json::json(manifest).as_bytes())
    }
}

/// A folder of segments, held open: each file in it is a short name to the kernel.
struct Folder {
    path: PathBuf,
    handle: File,
}

impl Folder {
    fn create(path: PathBuf) -> Result<Self, Error> {
        fs::create_dir(&path).map_err(Error::io("creating", &path))?;
        let handle = File::open(&path).map_err(Error::io("opening", &path))?;
        Ok(Self { path, handle })
    }

    /// A new file in it.
    fn file(&self, name: &str) -> Result<File, Error> {
        let how = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        match openat(&self.handle, name, how, Mode::from_raw_mode(0o666)) {
            Ok(file) => Ok(file.into()),
            Err(error) => Err(Error::io("creating", &self.path.join(name))(error.into())),
        }
    }
}

/// What becomes of a rendition where each is one file.
enum Single {
    /// The file, and where its segments begin.
    Media(File, Vec<u64>),
    /// Captions are a file a segment all the same.
    Captions(Folder),
}

/// Where a segment goes.
struct Place<'a> {
    file: Opened<'a>,
    at: u64,
}

enum Opened<'a> {
    Own(File),
    Shared(&'a File),
}

impl Place<'_> {
    fn file(&self) -> &File {
        match &self.file {
            Opened::Own(file) => file,
            Opened::Shared(file) => file,
        }
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    fs::write(path, bytes).map_err(Error::io("writing", path))
}

/// The file that makes a folder whole.
const MANIFEST: &str = "manifest.json";

/// Output that is not whole yet; gone when dropped.
struct Staging<'a> {
    out: &'a Path,
    path: PathBuf,
    /// Whether the output folder is ours to remove again.
    made: bool,
    /// Held as long as the folder is being written.
    lock: File,
}

impl<'a> Staging<'a> {
    fn create(out: &'a Path, force: bool) -> Result<Self, Error> {
        let made = !out.exists();
        fs::create_dir_all(out).map_err(Error::io("creating", out))?;
        let path = out.join(STAGING);
        let lock = File::open(out).map_err(Error::io("opening", out))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| Error::Busy(out.to_owned()))?;
        // A run that was cut off while it published left its staging folder, and no manifest.
        let cut_off = path.exists() && !out.join(MANIFEST).exists();
        let ours = |name: &str| name == STAGING || (cut_off && is_output(name));
        let mut entries = fs::read_dir(out).map_err(Error::io("reading", out))?.flatten();
        let occupied = entries.any(|entry| !ours(&entry.file_name().to_string_lossy()));
        if occupied && !force {
            return Err(Error::NotEmpty(out.to_owned()));
        }
        remove(&path)?;
        fs::create_dir(&path).map_err(Error::io("creating", &path))?;
        Ok(Self { out, path, made, lock })
    }

    /// Moves everything to its final name, the manifest last.
    fn publish(mut self) -> Result<(), Error> {
        remove(&self.out.join(MANIFEST))?;
        for entry in fs::read_dir(self.out).map_err(Error::io("reading", self.out))?.flatten() {
            if is_output(&entry.file_name().to_string_lossy()) {
                remove(&entry.path())?;
            }
        }
        let entries = fs::read_dir(&self.path).map_err(Error::io("reading", &self.path))?.flatten();
        let (last, others): (Vec<_>, Vec<_>) = entries.partition(|entry| entry.file_name() == MANIFEST);
        for entry in others.iter().chain(&last) {
            let to = self.out.join(entry.file_name());
            fs::rename(entry.path(), &to).map_err(Error::io("publishing", &to))?;
        }
        self.made = false;
        Ok(())
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        // Best effort: what stays is cleared away by the next run.
        let _ = remove(&self.path);
        if self.made {
            let _ = fs::remove_dir(self.out);
        }
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }
}

/// Whether an entry of an output folder is something an earlier run wrote.
fn is_output(name: &str) -> bool {
    let stem = name.strip_suffix(".mp4").unwrap_or(name);
    let rendition = stem.strip_prefix(['v', 'a', 't']).is_some_and(|number| number.parse::<u32>().is_ok());
    rendition || matches!(name, "master.m3u8" | "manifest.mpd")
}

/// Removes a file or a folder, if it is there.
fn remove(path: &Path) -> Result<(), Error> {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    removed.map_err(Error::io("removing", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_was_cut_off_while_it_published_does_not_stand_in_the_way() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path();
        fs::create_dir(out.join(STAGING)).unwrap();
        fs::create_dir(out.join("v1")).unwrap();
        drop(Staging::create(out, false).unwrap());
        // Without the staging folder, nothing says that `v1` is not somebody's own.
        assert!(matches!(Staging::create(out, false), Err(Error::NotEmpty(_))));
    }

    #[test]
    fn what_was_not_published_is_gone() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("film");
        drop(Staging::create(&out, false).unwrap());
        assert!(!out.exists());
    }
}
