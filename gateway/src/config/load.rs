//! Where settings come from: a file, then the environment, each naming the key it could not use.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::Config;

/// Why settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be read.
    #[error("reading {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file says something that is no setting.
    #[error("{}: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What, and on which line.
        reason: String,
    },
    /// A variable holds something that is no value of its setting.
    #[error("{name}={value}: {reason}")]
    Variable {
        /// The variable.
        name: String,
        /// What it holds.
        value: String,
        /// Why that can't be used.
        reason: String,
    },
}

impl Config {
    /// Defaults, then `file`, then the variables `SEGUE_LISTEN`, `SEGUE_CACHE_HOT` and so on; other variables are passed over.
    ///
    /// # Errors
    /// When the file can't be read, or either holds something that is no setting.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Error> {
        let mut given = file.map(read).transpose()?.unwrap_or_default();
        let variables: Vec<_> = environment.into_iter().collect();
        for (variable, path) in variables_of_settings() {
            let Some((_, value)) = variables.iter().find(|(name, _)| *name == *variable) else { continue };
            let value = value.to_string_lossy().into_owned();
            put(&mut given, &path, &value);
            // One at a time, so that a refusal names its variable.
            given.clone().try_into::<Self>().map_err(|error| Error::Variable {
                name: variable,
                value: if is_secret(&path) { "...".to_owned() } else { value },
                reason: first_line(&error),
            })?;
        }
        given.try_into().map_err(|error| Error::File {
            path: file.unwrap_or(Path::new("settings")).to_owned(),
            reason: first_line(&error),
        })
    }
}

fn read(path: &Path) -> Result<Table, Error> {
    // Read as settings first: only then does a refusal know its line.
    file::<Config>(path)?;
    file(path)
}

/// What a file says.
pub(super) fn file<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let wrong =
        |error: toml::de::Error| Error::File { path: path.to_owned(), reason: on_line(&error, &text) };
    toml::from_str(&text).map_err(wrong)
}

/// Whether a setting is shown to nobody.
fn is_secret(path: &[String]) -> bool {
    matches!(path, [room, name] if room == "auth" && name != "insecure")
}

fn on_line(error: &toml::de::Error, text: &str) -> String {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
    format!("line {line}: {}", first_line(error))
}

fn first_line(error: &toml::de::Error) -> String {
    error.message().lines().next().unwrap_or_default().to_owned()
}

/// Every setting with the variable that holds it: `cache.hot` is `SEGUE_CACHE_HOT`.
fn variables_of_settings() -> Vec<(String, Vec<String>)> {
    // Settings without a default value do not stand in the table of defaults.
    let defaults = Config { data: Some(PathBuf::new()), ..Config::default() };
    let table = Table::try_from(defaults).unwrap_or_default();
    let mut found = Vec::new();
    let mut open = vec![(Vec::new(), table)];
    while let Some((path, table)) = open.pop() {
        for (key, value) in table {
            let path: Vec<String> = path.iter().cloned().chain([key]).collect();
            match value {
                Value::Table(inner) => open.push((path, inner)),
                _ => found.push((format!("SEGUE_{}", path.join("_").to_uppercase()), path)),
            }
        }
    }
    found.sort();
    found
}

/// Puts a variable's text where its setting stands: folders are separated by colons, whole numbers are numbers.
fn put(table: &mut Table, path: &[String], text: &str) {
    let Some((last, inner)) = path.split_last() else { return };
    let mut table = table;
    for key in inner {
        let Value::Table(next) = table.entry(key).or_insert_with(|| Value::Table(Table::new())) else {
            return;
        };
        table = next;
    }
    let value = match (last.as_str(), text.parse()) {
        ("folders", _) => {
            Value::Array(text.split(':').map(|folder| Value::String(folder.to_owned())).collect())
        }
        // A token is text, whatever it is made of.
        _ if is_secret(path) => Value::String(text.to_owned()),
        (_, Ok(number)) => Value::Integer(number),
        _ if matches!(text, "true" | "false") => Value::Boolean(text == "true"),
        _ => Value::String(text.to_owned()),
    };
    table.insert(last.clone(), value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Size, Span};
    use std::time::Duration;

    fn load(file: Option<&str>, variables: &[(&str, &str)]) -> Result<Config, Error> {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("segue.toml");
        if let Some(text) = file {
            std::fs::write(&path, text).unwrap();
        }
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        Config::load(file.map(|_| path.as_path()), variables)
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_defaults() {
        let file = "target = \"2s\"\n[cache]\nhot = \"1MiB\"\n";
        let config =
            load(Some(file), &[("SEGUE_CACHE_HOT", "2MiB"), ("SEGUE_FOLDERS", "/a:/b"), ("SEGUE_BIN", "x")])
                .unwrap();
        assert_eq!(config.target, Span(Duration::from_secs(2)));
        assert_eq!(config.cache.hot, Size(2 << 20));
        assert_eq!(config.cache.tables, Config::default().cache.tables);
        assert_eq!(config.folders, [PathBuf::from("/a"), PathBuf::from("/b")]);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let told = load(Some("\n[cache]\nhott = \"1MiB\"\n"), &[]).unwrap_err().to_string();
        assert!(told.contains("line 3") && told.contains("hott"), "{told}");
    }

    #[test]
    fn a_variable_that_holds_no_value_is_named() {
        let told = load(None, &[("SEGUE_HTTP_PATIENCE", "soon")]).unwrap_err().to_string();
        assert!(told.contains("SEGUE_HTTP_PATIENCE=soon"), "{told}");
    }

    #[test]
    fn tokens_are_text_and_switches_are_true_or_false() {
        let config =
            load(None, &[("SEGUE_AUTH_UPLOAD", "0123456789012345"), ("SEGUE_AUTH_INSECURE", "true")])
                .unwrap();
        assert_eq!(config.auth.upload.each().collect::<Vec<_>>(), ["0123456789012345"]);
        assert!(config.auth.insecure);
        let told = load(None, &[("SEGUE_AUTH_UPLOAD", "short")]).unwrap_err().to_string();
        assert!(told.contains("SEGUE_AUTH_UPLOAD=...") && !told.contains("short:"), "{told}");
    }

    #[test]
    fn a_number_may_stand_in_a_variable() {
        let config = load(None, &[("SEGUE_HTTP_CONNECTIONS", "7"), ("SEGUE_CACHE_HOT", "4096")]).unwrap();
        assert_eq!((config.http.connections, config.cache.hot), (7, Size(4096)));
    }
}
