//! Which bytes a medium has: what the URLs of its inits and segments carry, so that no cache mixes those of two versions.
//!
//! # Why
//! Inits and segments are kept for ever by whoever fetches them, and a medium whose file is replaced keeps its address. A version in
//! the query leaves the tree as it is, on disk and over HTTP; playlists need none, for they are asked for anew each time.

use std::fmt;

/// Tells a medium's bytes from those it had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

impl Version {
    /// Name of the query's parameter.
    pub const PARAMETER: &str = "v";

    /// The version that a URL ends in; `None` when it ends in none.
    pub(super) fn of(url: &str) -> Option<Self> {
        let (_, query) = url.rsplit_once('?')?;
        let digits = query.strip_prefix(Self::PARAMETER)?.strip_prefix('=')?;
        let version = Self(u32::from_str_radix(digits, 16).ok()?);
        (version.to_string() == digits).then_some(version)
    }

    /// `path` as a URL of this version; as it is where there is none.
    pub(super) fn url(version: Option<Self>, path: String) -> String {
        match version {
            Some(version) => format!("{path}?{}={version}", Self::PARAMETER),
            None => path,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Manifest, dash, examples, hls, json};
    use super::*;

    /// Everything that is written of a manifest, but for the multivariant playlist.
    fn written(manifest: &Manifest) -> String {
        let playlists = manifest.renditions.iter().map(|rendition| {
            hls::media(manifest, rendition) + &hls::iframes(manifest, rendition).unwrap_or_default()
        });
        json::json(manifest) + &dash::mpd(manifest) + &playlists.collect::<String>()
    }

    #[test]
    fn urls_of_inits_and_segments_carry_the_version_and_nothing_else_changes() {
        for (name, mut manifest) in examples::all() {
            let without = written(&manifest);
            manifest.version = Some(Version(0xbeef));
            let with = written(&manifest);
            assert_eq!(with.replace("?v=0000beef", ""), without, "{name}");
            let urls = |text: &str| {
                [".mp4", ".m4s", ".vtt"].map(|end| text.matches(end).count()).iter().sum::<usize>()
            };
            assert_eq!(with.matches("?v=0000beef").count(), urls(&without), "{name}: {with}");
            assert!(!hls::master(&manifest).contains("?v="), "{name}");
        }
    }

    #[test]
    fn a_version_comes_back_from_a_manifest() {
        for (name, mut manifest) in examples::all() {
            manifest.version = Some(Version(7));
            assert_eq!(json::parse(&json::json(&manifest)).unwrap(), manifest, "{name}");
        }
    }

    #[test]
    fn a_version_is_read_as_it_is_written_only() {
        assert_eq!(Version::of(&Version::url(Some(Version(1)), "v1/{n}.m4s".into())), Some(Version(1)));
        for url in ["v1/{n}.m4s", "?v=", "?v=1", "?v=0000BEEF", "?v=+000beef", "?w=0000beef", "?v=0000beef&x"]
        {
            assert_eq!(Version::of(url), None, "{url}");
        }
    }
}
