//! The key of a broadcaster's id: given, or made once for each gateway and kept among the user's data.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::BroadcastArgs;
use super::Failure;
use crate::broadcast::SHORTEST_KEY;
use crate::id::Token;

/// Where keys are kept, below the user's data folder.
const FOLDER: &str = "segue/keys";

/// The key to use.
pub(super) fn of(args: &BroadcastArgs) -> Result<String, Failure> {
    match args.key.clone() {
        Some(key) if key.len() < SHORTEST_KEY => {
            Err(Failure::new(format!("a key has {SHORTEST_KEY} characters or more")))
        }
        Some(key) => Ok(key),
        None => {
            let path = path(args).ok_or_else(|| {
                Failure::new("no folder to keep the key in")
                    .hint("name the key with --key, or in SEGUE_BROADCAST_KEY")
            })?;
            kept(&path).map_err(|error| Failure::new(format!("key {}: {error}", path.display())))
        }
    }
}

/// One for each id at each gateway: no gateway learns the key of another.
fn path(args: &BroadcastArgs) -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")))?;
    let name = blake3::hash(format!("{}\n{}", args.to, args.id).as_bytes()).to_hex();
    Some(data.join(FOLDER).join(&name[..32]))
}

/// The key in a file, which is made if it is not there. Nobody else can read it.
fn kept(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read.map(|key| key.trim().to_owned()),
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let key = Token::random();
    let staged = path.with_extension(key.as_str());
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&staged)?;
    file.write_all(key.as_str().as_bytes())?;
    file.sync_all()?;
    // Two may start at once: the first has named it.
    let linked = fs::hard_link(&staged, path);
    fs::remove_file(&staged)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::read_to_string(path).map(|key| key.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_can_read_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b");
        let key = kept(&path).unwrap();
        assert!(key.len() >= SHORTEST_KEY);
        assert_eq!(kept(&path).unwrap(), key);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(place.path().join("a")).unwrap().count(), 1);
    }
}
