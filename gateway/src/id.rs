//! What is told apart by what: a medium by its [`MediaId`], the contents of its file by their [`Identity`].

use std::fmt;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Letters of an id: digits and lower case without those that look alike (Crockford's base 32).
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Letters in an id; 80 bits, so that a million films meet no namesake.
const LENGTH: usize = 16;

/// The name of a medium in addresses: made by the gateway, never taken unparsed from a client. Copies, compares and prints like a number; safe in an address as it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaId([u8; LENGTH]);

impl MediaId {
    /// The id of a file in a served folder: the same after a restart, another when the file is moved. `path` is canonical.
    pub fn of_file(path: &Path) -> Self {
        Self::of_digest(Sha256::digest(path.as_os_str().as_bytes()).into())
    }

    /// The id of contents that somebody offers: the same whoever offers them, for as long as they are. `hash` is whatever tells them
    /// from all others of this size.
    pub fn of_contents(size: u64, hash: &str) -> Self {
        Self::of_parts(&[b"contents", &size.to_be_bytes(), hash.as_bytes()])
    }

    /// The id of what one broadcaster calls by this name, where nothing else tells it from others.
    pub fn of_item(broadcaster: &str, item: &str, size: u64) -> Self {
        Self::of_parts(&[b"item", &size.to_be_bytes(), broadcaster.as_bytes(), item.as_bytes()])
    }

    fn of_parts(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self::of_digest(digest.finalize().into())
    }

    fn of_digest(digest: [u8; 32]) -> Self {
        let mut letters = [0; LENGTH];
        for (at, letter) in letters.iter_mut().enumerate() {
            // Five bits each, taken from a digest that has more than enough.
            let (byte, shift) = (at * 5 / 8, at * 5 % 8);
            let pair = u16::from_be_bytes([digest[byte], digest[byte + 1]]);
            *letter = LETTERS[usize::from((pair >> (11 - shift)) & 31)];
        }
        Self(letters)
    }

    /// `None` for anything that no gateway ever called a medium.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; LENGTH] = text.as_bytes().try_into().ok()?;
        letters.iter().all(|letter| LETTERS.contains(letter)).then_some(Self(letters))
    }

    /// As it stands in addresses.
    pub fn as_str(&self) -> &str {
        // Only letters of the alphabet get in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl MediaId {
    /// The id of a medium that is sent to the gateway: no other has it, and nobody can guess it.
    pub fn random() -> Self {
        Self(letters())
    }
}

/// The name of an upload in addresses. Whoever knows it may go on with it, so it can't be guessed: 130 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId([u8; 26]);

impl UploadId {
    /// One that nobody has or can guess.
    pub fn random() -> Self {
        Self(letters())
    }

    /// `None` for anything that no gateway ever called an upload.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 26] = text.as_bytes().try_into().ok()?;
        letters.iter().all(|letter| LETTERS.contains(letter)).then_some(Self(letters))
    }

    /// As it stands in addresses.
    pub fn as_str(&self) -> &str {
        // Only letters of the alphabet get in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is logged must not let its reader go on with the upload.
impl fmt::Debug for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", &self.as_str()[..6])
    }
}

impl Serialize for UploadId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Something that only whoever was told it knows: leave to send some bytes once, a key. 130 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token([u8; 26]);

impl Token {
    /// One that nobody has or can guess.
    pub fn random() -> Self {
        Self(letters())
    }

    /// `None` for anything that no gateway ever gave.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 26] = text.as_bytes().try_into().ok()?;
        letters.iter().all(|letter| LETTERS.contains(letter)).then_some(Self(letters))
    }

    /// As it stands in addresses.
    pub fn as_str(&self) -> &str {
        // Only letters of the alphabet get in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// What is logged must not let its reader do what the token allows.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", &self.as_str()[..6])
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Letters that the system's generator chose, five bits each.
fn letters<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let mut at = 0;
    while at < N {
        // Interrupted only before the system has gathered any randomness, once after it starts.
        at += rustix::rand::getrandom(&mut bytes[at..], rustix::rand::GetRandomFlags::empty()).unwrap_or(0);
    }
    bytes.map(|byte| LETTERS[usize::from(byte & 31)])
}

impl fmt::Display for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for MediaId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MediaId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not the id of a medium"))
    }
}

/// What tells a file's contents from those it had before: its length and when it was last written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Bytes.
    pub size: u64,
    /// Time of the last change, in nanoseconds since 1970.
    pub modified: i64,
}

impl Identity {
    /// Of a file whose metadata were read.
    pub fn of(metadata: &Metadata) -> Self {
        let modified = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
        Self { size: metadata.size(), modified }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_the_same_from_one_version_to_the_next() {
        assert_eq!(MediaId::of_file(Path::new("/films/a.mp4")).as_str(), "24jrq3eq31rfx29b");
    }

    #[test]
    fn an_id_is_read_as_it_was_written() {
        let id = MediaId::of_file(Path::new("/films/b.mp4"));
        assert_eq!(MediaId::parse(id.as_str()), Some(id));
        assert_ne!(id, MediaId::of_file(Path::new("/films/a.mp4")));
    }

    #[test]
    fn the_same_contents_have_one_id_whoever_offers_them_and_others_have_another() {
        let id = MediaId::of_contents(5, "ab");
        assert_eq!(id, MediaId::of_contents(5, "ab"));
        assert_eq!(MediaId::parse(id.as_str()), Some(id));
        assert!(id != MediaId::of_contents(6, "ab") && id != MediaId::of_contents(5, "ac"));
        assert_ne!(MediaId::of_item("a", "bc", 5), MediaId::of_item("ab", "c", 5));
    }

    #[test]
    fn a_token_reads_back_and_is_not_logged() {
        let token = Token::random();
        assert_eq!(Token::parse(token.as_str()), Some(token));
        assert!(!format!("{token:?}").contains(token.as_str()) && Token::parse("x").is_none());
    }

    #[test]
    fn a_new_id_is_like_no_other_and_reads_back() {
        let (one, other) = (UploadId::random(), UploadId::random());
        assert_ne!(one, other);
        assert_eq!(UploadId::parse(one.as_str()), Some(one));
        assert_eq!(MediaId::parse(MediaId::random().as_str()).map(|id| id.as_str().len()), Some(LENGTH));
        assert!(!format!("{one:?}").contains(one.as_str()));
    }

    #[test]
    fn nothing_else_is_an_id() {
        for text in [
            "",
            "..",
            "../../etc/passwd",
            "24jrq3eq31rfx29",
            "24JRQ3EQ31RFX29B",
            "24jrq3eq31rfx29l",
            "é".repeat(8).as_str(),
        ] {
            assert_eq!(MediaId::parse(text), None, "{text}");
        }
    }
}
