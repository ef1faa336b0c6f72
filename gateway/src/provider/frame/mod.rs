//! What gateway and providers say to each other, as bytes: one frame is one binary message of a WebSocket.
//!
//! `version · kind · length of the header (two bytes) · header · payload`, numbers big-endian. Pure: nothing here waits or keeps anything.
//!
//! # Why
//! A header says how long it is, so that a later version can add to its end and be understood by this one; what this one does not
//! understand it refuses by name. Every size is compared with its bound before anything is allocated or copied: payloads are slices of
//! the message they came in.

mod chunk;
mod hello;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::id::MediaId;

pub use chunk::Chunk;
pub use hello::{FromGateway, FromProvider, Refusal};

/// The version that is spoken here.
pub const VERSION: u8 = 1;
/// Bytes before the header.
const PREFIX: usize = 4;
/// Bytes that a frame has besides the bytes of a chunk, at most: what a receiver allows beyond the largest chunk.
pub const LARGEST_HEAD: usize = PREFIX + u16::MAX as usize;
/// Bytes that a greeting or refusal may have.
const LARGEST_TEXT: usize = 4096;
/// Replicas that one frame may tell of.
pub const LARGEST_BATCH: usize = 1024;
/// Bytes that tell of one replica.
const REPLICA: usize = 16 + 4 + 32;

/// Why bytes are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There are too few.
    #[error("a frame of {0} bytes is too short for what it says")]
    Short(usize),
    /// Another version of the protocol.
    #[error("a frame of version {0}; {VERSION} is spoken here")]
    Version(u8),
    /// A kind that this version does not know.
    #[error("a frame of kind {0}, which is not known here")]
    Kind(u8),
    /// It says more than is taken in.
    #[error("a frame of kind {kind} with a payload of {bytes} bytes, of which at most {most} are taken")]
    Large {
        /// Which.
        kind: u8,
        /// What it has.
        bytes: usize,
        /// What it may have.
        most: usize,
    },
    /// Its header says one length and it has another.
    #[error("a chunk of {said} bytes came with {has}")]
    Length {
        /// In the header.
        said: u32,
        /// Of the payload.
        has: usize,
    },
    /// A field holds what it can't.
    #[error("{0} makes no sense")]
    Field(&'static str),
}

/// A chunk that somebody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replica {
    /// Of which medium.
    pub media: MediaId,
    /// Which chunk, from 0.
    pub number: u32,
    /// BLAKE3 of its bytes.
    pub sum: [u8; 32],
}

/// What a provider's database takes and may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Bytes it takes.
    pub used: u64,
    /// Bytes it may take.
    pub limit: u64,
}

/// Why a provider has a chunk no more, or never got to have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It made room for others.
    Evicted,
    /// It is not there.
    Absent,
    /// It could never fit.
    Large,
    /// The disk could not be written.
    Failed,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The gateway's greeting: it speaks first.
    Gateway(FromGateway),
    /// The provider's answer: who it is.
    Provider(FromProvider),
    /// The gateway does not want this provider.
    Refused(Refusal),
    /// What the provider holds, in batches; an empty one ends them.
    Holds(Vec<Replica>),
    /// The gateway hands a chunk over to be kept.
    Store(Chunk, Bytes),
    /// The provider keeps it now; from when this comes it survives the provider's end.
    Stored(Chunk, Level),
    /// The gateway wants a chunk back.
    Want(Chunk),
    /// Here it is.
    Chunk(Chunk, Bytes),
    /// The provider has it no more.
    Gone(Chunk, Why),
    /// Is anybody there?
    Ping(u64),
    /// Yes.
    Pong(u64),
}

const GATEWAY: u8 = 1;
const PROVIDER: u8 = 2;
const REFUSED: u8 = 3;
const HOLDS: u8 = 4;
const STORE: u8 = 5;
const STORED: u8 = 6;
const WANT: u8 = 7;
const CHUNK: u8 = 8;
const GONE: u8 = 9;
const PING: u8 = 10;
const PONG: u8 = 11;

/// What of the largest chunk and the longest frame a receiver allows.
pub fn largest_frame(largest_chunk: u32) -> usize {
    LARGEST_HEAD + usize::try_from(largest_chunk).unwrap_or(0).max(LARGEST_BATCH * REPLICA)
}

impl Frame {
    /// As it goes over the wire.
    pub fn encode(&self) -> Bytes {
        let (kind, head, payload) = match self {
            Self::Gateway(hello) => (GATEWAY, Vec::new(), hello::text(hello)),
            Self::Provider(hello) => (PROVIDER, Vec::new(), hello::text(hello)),
            Self::Refused(refusal) => (REFUSED, Vec::new(), hello::text(refusal)),
            Self::Holds(replicas) => (HOLDS, Vec::new(), replicas.iter().flat_map(Replica::encode).collect()),
            Self::Store(chunk, bytes) => return whole(STORE, chunk, bytes),
            Self::Stored(chunk, level) => {
                (STORED, chunk.encode(), [level.used.to_be_bytes(), level.limit.to_be_bytes()].concat())
            }
            Self::Want(chunk) => (WANT, chunk.encode(), Vec::new()),
            Self::Chunk(chunk, bytes) => return whole(CHUNK, chunk, bytes),
            Self::Gone(chunk, why) => (GONE, chunk.encode(), vec![why.code()]),
            Self::Ping(count) => (PING, Vec::new(), count.to_be_bytes().to_vec()),
            Self::Pong(count) => (PONG, Vec::new(), count.to_be_bytes().to_vec()),
        };
        let mut bytes = begin(kind, &head, payload.len());
        bytes.extend_from_slice(&payload);
        bytes.into()
    }

    /// A frame from a message. What holds bytes of a chunk shares them with it.
    ///
    /// # Errors
    /// When it is none, or one of a later version.
    pub fn decode(message: &Bytes) -> Result<Self, Error> {
        let short = || Error::Short(message.len());
        let prefix: [u8; PREFIX] =
            message.get(..PREFIX).and_then(|prefix| prefix.try_into().ok()).ok_or_else(short)?;
        let [version, kind, high, low] = prefix;
        if version != VERSION {
            return Err(Error::Version(version));
        }
        let end = PREFIX + usize::from(u16::from_be_bytes([high, low]));
        let head = message.get(PREFIX..end).ok_or_else(short)?;
        let payload = message.slice(end..);
        let at_most = |most: usize| match payload.len() {
            bytes if bytes > most => Err(Error::Large { kind, bytes, most }),
            _ => Ok(()),
        };
        let number = || payload[..].try_into().map(u64::from_be_bytes).map_err(|_| short());
        Ok(match kind {
            GATEWAY => {
                at_most(LARGEST_TEXT)?;
                Self::Gateway(hello::of_text(&payload)?)
            }
            PROVIDER => {
                at_most(LARGEST_TEXT)?;
                Self::Provider(hello::of_text(&payload)?)
            }
            REFUSED => {
                at_most(LARGEST_TEXT)?;
                Self::Refused(hello::of_text(&payload)?)
            }
            HOLDS => {
                at_most(LARGEST_BATCH * REPLICA)?;
                let replicas = payload.chunks(REPLICA).map(Replica::decode);
                Self::Holds(replicas.collect::<Result<_, _>>()?)
            }
            STORE | CHUNK => {
                let chunk = Chunk::decode(head)?;
                if usize::try_from(chunk.length).ok() != Some(payload.len()) {
                    return Err(Error::Length { said: chunk.length, has: payload.len() });
                }
                if kind == STORE { Self::Store(chunk, payload) } else { Self::Chunk(chunk, payload) }
            }
            STORED => {
                let (used, limit) = payload.split_at_checked(8).ok_or_else(short)?;
                let part = |part: &[u8]| part.try_into().map(u64::from_be_bytes).map_err(|_| short());
                Self::Stored(Chunk::decode(head)?, Level { used: part(used)?, limit: part(limit)? })
            }
            WANT => Self::Want(Chunk::decode(head)?),
            GONE => {
                let [code] = payload[..] else { return Err(short()) };
                Self::Gone(Chunk::decode(head)?, Why::of(code).ok_or(Error::Field("the reason"))?)
            }
            PING => Self::Ping(number()?),
            PONG => Self::Pong(number()?),
            kind => return Err(Error::Kind(kind)),
        })
    }

    /// The frame of a chunk whose bytes are put in place by `fill`, so that they are never copied.
    ///
    /// # Errors
    /// Whatever `fill` fails with.
    pub fn store_filled<E>(chunk: &Chunk, fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Bytes, E> {
        let length = usize::try_from(chunk.length).unwrap_or(0);
        let mut bytes = begin(STORE, &chunk.encode(), length);
        let head = bytes.len();
        bytes.resize(head + length, 0);
        fill(&mut bytes[head..])?;
        Ok(bytes.into())
    }
}

fn whole(kind: u8, chunk: &Chunk, payload: &Bytes) -> Bytes {
    let mut bytes = begin(kind, &chunk.encode(), payload.len());
    bytes.extend_from_slice(payload);
    bytes.into()
}

/// Prefix and header, with room for the payload.
fn begin(kind: u8, head: &[u8], payload: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PREFIX + head.len() + payload);
    bytes.extend([VERSION, kind]);
    // Headers are a hundred bytes or none.
    bytes.extend(u16::try_from(head.len()).unwrap_or(0).to_be_bytes());
    bytes.extend_from_slice(head);
    bytes
}

impl Replica {
    fn encode(&self) -> Vec<u8> {
        [self.media.as_str().as_bytes(), &self.number.to_be_bytes(), &self.sum].concat()
    }

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut bytes = bytes;
        let mut fields = chunk::Fields(&mut bytes);
        Ok(Self { media: fields.media()?, number: fields.u32()?, sum: fields.array()? })
    }
}

impl Why {
    const ALL: [(Self, u8); 4] = [(Self::Evicted, 0), (Self::Absent, 1), (Self::Large, 2), (Self::Failed, 3)];

    fn code(self) -> u8 {
        Self::ALL.into_iter().find(|(why, _)| *why == self).map_or(1, |(_, code)| code)
    }

    fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == code).map(|(why, _)| why)
    }
}
