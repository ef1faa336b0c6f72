//! Settings of `segue provider`: a file of a few lines, and flags over it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Error, Secret, Size};

/// Settings of `segue provider`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Provider {
    /// Where the gateway is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Where the database lies; `None` is the user's data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// What it takes on disk at most, all of it together.
    pub max_size: Size,
    /// What the provider is called; `None` for a name that it gives itself once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What lets it in; empty if the gateway wants no token.
    pub token: Secret,
}

impl Default for Provider {
    fn default() -> Self {
        Self { to: None, data: None, max_size: Size(10 << 30), id: None, token: Secret::default() }
    }
}

impl Provider {
    /// Defaults, then the file.
    ///
    /// # Errors
    /// When the file can't be read, or says something that is no setting.
    pub fn load(file: Option<&Path>) -> Result<Self, Error> {
        file.map_or_else(|| Ok(Self::default()), super::load::file)
    }
}

/// A file with every setting, as the README shows it.
pub fn provider_sample() -> &'static str {
    include_str!("provider.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_holds_every_setting_and_the_readme_shows_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("segue-provider.toml");
        std::fs::write(&path, provider_sample()).unwrap();
        let read = Provider::load(Some(&path)).unwrap();
        let all = Provider {
            to: Some("http://127.0.0.1:8080".into()),
            data: Some("/var/lib/segue-provider".into()),
            id: Some("attic".into()),
            ..Provider::default()
        };
        assert_eq!(read, all);
        let readme = include_str!("../../../README.md");
        assert!(
            readme.contains(&format!("```toml\n{}```", provider_sample())),
            "copy provider.toml into README.md"
        );
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("segue-provider.toml");
        std::fs::write(&path, "\nmax-size = 1\n").unwrap();
        let told = Provider::load(Some(&path)).unwrap_err().to_string();
        assert!(told.contains("line 2") && told.contains("max-size"), "{told}");
    }
}
