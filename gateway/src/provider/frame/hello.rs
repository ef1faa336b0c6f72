//! Greetings: JSON, for they are rare and grow with versions. Fields that are not known are passed over.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Error;

/// The gateway's greeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromGateway {
    /// Versions of the protocol that it speaks.
    pub versions: Vec<u8>,
    /// What it calls itself.
    pub name: String,
    /// Bytes of the largest chunk that it will hand over.
    pub largest: u32,
}

/// The provider's greeting.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromProvider {
    /// Versions of the protocol that it speaks.
    pub versions: Vec<u8>,
    /// What it is called: [`id_is_plain`](super::super::id_is_plain).
    pub id: String,
    /// What only it knows: nobody else can use its id.
    pub key: String,
    /// Names its database: after it was lost or replaced, another.
    pub store: String,
    /// Bytes its database takes.
    pub used: u64,
    /// Bytes it may take.
    pub limit: u64,
}

/// What is logged must not let its reader pass for the provider.
impl std::fmt::Debug for FromProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} bytes", self.id, self.limit)
    }
}

/// Why a provider is not wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Stays the same from version to version: `version`, `id`, `key`, `full`, `protocol`.
    pub code: String,
    /// For people.
    pub detail: String,
}

impl Refusal {
    /// Whether it is of no use to try again.
    pub fn is_final(&self) -> bool {
        matches!(self.code.as_str(), "version" | "id" | "key")
    }
}

pub(super) fn text(greeting: &impl Serialize) -> Vec<u8> {
    // Structs of text and numbers can always be written.
    serde_json::to_vec(greeting).unwrap_or_default()
}

pub(super) fn of_text<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(text).map_err(|_| Error::Field("the greeting"))
}
