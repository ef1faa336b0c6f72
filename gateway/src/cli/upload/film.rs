//! The file that is sent, and what is said of it.

use std::fs::{File, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use segmenter::bytes::ByteRange;
use sha2::{Digest, Sha256};

use super::super::Failure;
use super::super::args::UploadArgs;
use crate::id::Identity;
use crate::index::NO_EPISODE;
use crate::title::Type;

/// A film that is sent.
#[derive(Clone, Debug)]
pub(super) struct Film {
    path: PathBuf,
    file: Arc<File>,
    identity: Identity,
    pub(super) name: String,
    /// `Upload-Metadata`.
    pub(super) metadata: String,
    /// Names this film at this gateway: a second run finds the upload of the first.
    pub(super) key: String,
}

impl Film {
    /// Opens it.
    pub(super) fn open(args: &UploadArgs) -> Result<Self, Failure> {
        let failed = |why: &dyn std::fmt::Display| Failure::new(format!("{}: {why}", args.file.display()));
        let path = args.file.canonicalize().map_err(|error| failed(&error))?;
        let file = File::open(&path).map_err(|error| failed(&error))?;
        let found = file.metadata().map_err(|error| failed(&error))?;
        if !found.is_file() {
            return Err(failed(&"not a file").hint("`segue upload` takes one film"));
        }
        if found.len() == 0 {
            return Err(failed(&"the file is empty"));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let metadata = metadata(args, &name);
        let identity = Identity::of(&found);
        let mut key = Sha256::new();
        key.update(args.to.to_string());
        key.update([0]);
        key.update(path.as_os_str().as_bytes());
        key.update([0]);
        key.update(identity.size.to_be_bytes());
        key.update(identity.modified.to_be_bytes());
        key.update(&metadata);
        let key = key.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { path, file: Arc::new(file), identity, name, metadata, key })
    }

    /// Bytes.
    pub(super) fn len(&self) -> u64 {
        self.identity.size
    }

    /// Some bytes of it. Blocks.
    pub(super) fn read(&self, range: ByteRange) -> std::io::Result<Bytes> {
        let mut bytes = vec![0; usize::try_from(range.len()).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes.into())
    }

    /// Whether it is still what it was.
    pub(super) fn unchanged(&self) -> bool {
        let is = |found: Metadata| Identity::of(&found) == self.identity;
        self.path.metadata().is_ok_and(is) && self.file.metadata().is_ok_and(is)
    }
}

/// What is said of a film, as tus has it.
fn metadata(args: &UploadArgs, name: &str) -> String {
    let number = |number: Option<u32>| match (args.r#type, number) {
        (Some(Type::Movie), None) => Some(NO_EPISODE.to_string()),
        (_, number) => number.map(|number| number.to_string()),
    };
    let pairs = [
        ("filename", Some(name.to_owned())),
        ("title", args.title.clone()),
        ("type", args.r#type.map(|kind| kind.as_str().to_owned())),
        ("tmdb", args.tmdb.map(|tmdb| tmdb.to_string())),
        ("season", number(args.season)),
        ("episode", number(args.episode)),
        ("filetype", Some("video/mp4".to_owned())),
    ];
    let pairs =
        pairs.into_iter().filter_map(|(key, value)| Some(format!("{key} {}", STANDARD.encode(value?))));
    pairs.collect::<Vec<_>>().join(",")
}
