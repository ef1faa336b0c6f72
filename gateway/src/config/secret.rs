//! Secrets in settings: read from the file or the environment, and shown to nobody.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Letters of a secret at least: fewer could be guessed.
const SHORTEST: usize = 16;
/// Letters of a secret at most: more are no secret but a mistake.
const LONGEST: usize = 256;

/// A token, or several with spaces between, so that an old one can hold until all have the new one. Empty if there is none.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Secret(String);

impl Secret {
    /// Whether text is fit to be a secret: of some length, and made of what can stand in a header.
    pub fn is_fit(text: &str) -> bool {
        (SHORTEST..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    }

    /// Each of them.
    pub fn each(&self) -> impl Iterator<Item = &str> {
        self.0.split_whitespace()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.each().next().is_none()
    }
}

/// Told of text that is no [`Secret`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a token has 16 to 256 plain letters, as `openssl rand -hex 16` makes")]
pub struct NotASecret;

impl FromStr for Secret {
    type Err = NotASecret;

    fn from_str(text: &str) -> Result<Self, NotASecret> {
        let secret = Self(text.to_owned());
        let fit = secret.each().all(Self::is_fit);
        if fit { Ok(secret) } else { Err(NotASecret) }
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.0
    }
}

impl TryFrom<String> for Secret {
    type Error = NotASecret;

    fn try_from(text: String) -> Result<Self, NotASecret> {
        text.parse()
    }
}

/// Settings are shown in logs and messages; what is secret among them is not.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} of them)", self.each().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_may_stand_side_by_side_and_none_is_shown() {
        let secret: Secret = "0123456789abcdef fedcba9876543210".parse().unwrap();
        assert_eq!(secret.each().count(), 2);
        assert_eq!(format!("{secret:?}"), "Secret(2 of them)");
        assert!("".parse::<Secret>().unwrap().is_empty());
    }

    #[test]
    fn what_could_be_guessed_is_refused() {
        for text in ["secret", "0123456789abcdef short", "ein geheimes Wört-lein"] {
            assert!(text.parse::<Secret>().is_err(), "{text}");
        }
    }
}
