//! Who is told what happens to media.

use serde::{Deserialize, Serialize};

use super::Secret;

/// One who is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where it takes messages: `https://host/path`.
    pub url: String,
    /// What messages are signed with.
    pub secret: Secret,
    /// What it wants to hear of.
    #[serde(default = "every")]
    pub events: Vec<Occasion>,
}

/// What somebody can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Occasion {
    /// A medium that is still arriving plays.
    Playable,
    /// All of it is here.
    Ready,
    /// Its time is over.
    Expired,
    /// It will never play.
    Failed,
}

impl Occasion {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Playable => "playable",
            Self::Ready => "ready",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }
}

fn every() -> Vec<Occasion> {
    vec![Occasion::Playable, Occasion::Ready, Occasion::Expired, Occasion::Failed]
}
