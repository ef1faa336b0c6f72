//! Why an upload can't be made or gone on with.

use std::time::Duration;

use crate::id::UploadId;
use crate::index;
use crate::source::{CreateError, WriteError};

/// Why an upload can't be made or gone on with. Whatever it is, nothing is lost of what was acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none of this id, or it has expired.
    #[error("no such upload")]
    NoUpload,
    /// A file with no bytes holds no film.
    #[error("a file of no bytes holds no film")]
    Empty,
    /// It goes on somewhere else.
    #[error("bytes from {said} were sent, and the next to come is {expected}")]
    Offset {
        /// Where the bytes were to go.
        said: u64,
        /// Where the next ones go.
        expected: u64,
    },
    /// It has another length.
    #[error("a length of {said} bytes was said, and it was {known} before")]
    Length {
        /// What was said now.
        said: u64,
        /// What was said first, or is here already.
        known: u64,
    },
    /// More bytes came than were announced.
    #[error("the body has more than the {0} bytes that it was to have")]
    TooLong(u64),
    /// Fewer bytes came than were announced.
    #[error("the body has {came} of the {announced} bytes that it was to have")]
    TooShort {
        /// Bytes that came; they are kept.
        came: u64,
        /// Bytes that were announced.
        announced: u64,
    },
    /// The bytes are not what their sum says.
    #[error("the bytes are not those that the checksum is of")]
    Checksum,
    /// The connection broke.
    #[error("the body broke off: {0}")]
    BrokeOff(String),
    /// Nothing came for a while.
    #[error("nothing came for {} s", .0.as_secs())]
    TooSlow(Duration),
    /// A later request goes on with the upload.
    #[error("another request goes on with this upload")]
    TakenOver,
    /// The gateway stops.
    #[error("the gateway is ending")]
    Ending,
    /// It is joined of others and takes no bytes itself.
    #[error("an upload that is joined of others takes no bytes")]
    Final,
    /// Something can't be joined with others.
    #[error("{0}")]
    Parts(&'static str),
    /// The same key was used for something else.
    #[error("this key was used for another upload")]
    KeyUsed,
    /// It can't be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// Its bytes can't be taken in.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The index can't be used.
    #[error(transparent)]
    Index(#[from] index::Error),
}

impl Error {
    /// Whether it is because a part is not all here.
    pub(super) const UNFINISHED: Self = Self::Parts("a part of it is not all here");
    /// What is named is no part.
    pub(super) const NO_PART: Self =
        Self::Parts("something of which it is to be joined is no part, or is part of another");
}

/// For the log: an id lets its reader go on with the upload.
pub(super) fn short(id: UploadId) -> String {
    format!("{id:?}")
}
