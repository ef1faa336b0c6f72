//! From why an upload is refused to the row of the table of errors, with the numbers that a client can do something with.

use super::super::error::{Kind, Problem};
use crate::ingest::uploads::Error;
use crate::source::{CreateError, WriteError};
use crate::store::Refusal;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let told = error.to_string();
        let kind = match error {
            Error::NoUpload => return Self::new(Kind::NoUpload),
            Error::Empty => Kind::NotAFilm,
            Error::Offset { expected, .. } => {
                return Self::new(Kind::WrongOffset).detail(told).number("offset", expected);
            }
            Error::Length { known, .. } => {
                return Self::new(Kind::OtherLength).detail(told).number("length", known);
            }
            Error::TooLong(_) => Kind::BodyTooLong,
            Error::TooShort { .. } => Kind::BodyTooShort,
            Error::Checksum => return Self::new(Kind::WrongChecksum),
            Error::BrokeOff(_) => Kind::BrokeOff,
            Error::TooSlow(_) => Kind::TooSlow,
            Error::TakenOver => return Self::new(Kind::TakenOver),
            Error::Ending => return Self::new(Kind::Ending),
            Error::Final => return Self::new(Kind::Joined),
            Error::Parts(_) => Kind::NotJoined,
            Error::KeyUsed => return Self::new(Kind::KeyUsed),
            Error::Create(CreateError::Refused(refusal)) | Error::Write(WriteError::Refused(refusal)) => {
                return refusal.into();
            }
            Error::Create(CreateError::Index(error)) | Error::Index(error) => return error.into(),
            Error::Write(error) => return error.into(),
        };
        Self::new(kind).detail(told)
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        let told = error.to_string();
        match error {
            WriteError::PastEnd { length, .. } => {
                Self::new(Kind::BodyTooLong).detail(told).number("length", length)
            }
            WriteError::Conflict(range) => {
                Self::new(Kind::BytesDiffer).detail(told).number("from", range.start).number("to", range.end)
            }
            WriteError::Scattered => Self::new(Kind::Scattered).detail(told),
            WriteError::Refused(refusal) => refusal.into(),
            WriteError::DiskFull => Self::new(Kind::DiskFull),
            WriteError::Disk { .. } => Self::logged(Kind::Internal, &error),
            WriteError::Index(error) => error.into(),
            WriteError::Gone(_) => Self::new(Kind::NoUpload),
            WriteError::NotAFilm(reason) => Self::new(Kind::NotAFilm).detail(&*reason),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let told = refusal.to_string();
        match refusal {
            Refusal::Never { needed, limit } => {
                Self::new(Kind::TooLarge).detail(told).number("needed", needed).number("quota", limit)
            }
            Refusal::Full { needed, usage } => Self::new(Kind::NoSpace)
                .detail(told)
                .number("needed", needed)
                .number("free", usage.free)
                .number("used", usage.used)
                .number("reserved", usage.reserved)
                .number("quota", usage.quota),
            Refusal::Disk { needed, disk } => {
                Self::new(Kind::DiskFull).detail(told).number("needed", needed).number("free", disk)
            }
            Refusal::Share { needed, used, share } => Self::new(Kind::ShareFull)
                .detail(told)
                .number("needed", needed)
                .number("used", used)
                .number("share", share),
        }
    }
}
