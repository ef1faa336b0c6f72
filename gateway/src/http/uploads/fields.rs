//! What headers of uploads say, as values. What makes no sense is a 400 that says which.

use axum::http::HeaderName;
use axum::http::header::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use segmenter::bytes::ByteRange;
use sha2::{Digest, Sha256};

use super::super::answer::text;
use super::super::error::{Kind, Problem};
use crate::id::UploadId;
use crate::index::Key;
use crate::ingest::uploads::Checksum;

pub(super) const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(super) const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
pub(super) const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub(super) const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(super) const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
pub(super) const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub(super) const UPLOAD_CONCAT: HeaderName = HeaderName::from_static("upload-concat");
pub(super) const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
pub(super) const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Letters that a key may have.
const LONGEST_KEY: usize = 255;

/// A header that can't be understood.
pub(super) fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(Kind::BadHeader).detail(detail)
}

/// A count of bytes; `None` without the header.
pub(super) fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|text| text.parse::<u64>().ok());
    // Larger than any disk: told apart from what makes no sense by who asks for space.
    let number = number.or_else(|| digits.filter(|text| !text.is_empty()).map(|_| u64::MAX));
    number.map(Some).ok_or_else(|| bad(format!("{name}: not a number of bytes")))
}

/// Which bytes a body holds, and of how many: `bytes 0-99/1000` or `bytes 0-99/*`.
pub(in super::super) fn content_range(headers: &HeaderMap) -> Result<(ByteRange, Option<u64>), Problem> {
    let told = text(headers, &axum::http::header::CONTENT_RANGE);
    let told = told.ok_or_else(|| bad("Content-Range: missing; it is written like bytes 0-99/1000"))?;
    parse_range(told).ok_or_else(|| bad("Content-Range: it is written like bytes 0-99/1000, or bytes 0-99/*"))
}

fn parse_range(text: &str) -> Option<(ByteRange, Option<u64>)> {
    let digits = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<u64>().ok()).flatten()
    };
    let (range, length) = text.strip_prefix("bytes ")?.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (start, end) = (digits(first)?, digits(last)?.checked_add(1)?);
    let length = if length == "*" { None } else { Some(digits(length)?) };
    let sound = start < end && length.is_none_or(|length| end <= length);
    sound.then_some((ByteRange { start, end }, length))
}

/// `Upload-Checksum`: the name of a sum, and the sum in base64.
pub(super) fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, Problem> {
    let Some(told) = text(headers, &UPLOAD_CHECKSUM) else { return Ok(None) };
    let sum = told.split_once(' ').and_then(|(name, sum)| Some((name, STANDARD.decode(sum.trim()).ok()?)));
    let checksum = sum.and_then(|(name, sum)| Checksum::new(name, sum));
    checksum.map(Some).ok_or_else(|| bad("Upload-Checksum: it is written like sha256 and the sum in base64"))
}

/// `Upload-Concat`: whether it is a part, and what it is joined of.
pub(super) fn concat(headers: &HeaderMap) -> Result<(bool, Vec<UploadId>), Problem> {
    let Some(told) = text(headers, &UPLOAD_CONCAT) else { return Ok((false, Vec::new())) };
    if told.trim() == "partial" {
        return Ok((true, Vec::new()));
    }
    let parts = told.trim().strip_prefix("final;").map(|parts| {
        // Each is the address that the gateway gave, whole or from its root on.
        let id = |address: &str| UploadId::parse(address.trim_end_matches('/').rsplit('/').next()?);
        parts.split_whitespace().map(id).collect::<Option<Vec<_>>>()
    });
    let parts = parts.flatten().filter(|parts| !parts.is_empty());
    let parts =
        parts.ok_or_else(|| bad("Upload-Concat: partial, or final; and the addresses of its parts"))?;
    Ok((false, parts))
}

/// `Idempotency-Key`, with what is asked for under it.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<Key>, Problem> {
    let Some(name) = text(headers, &IDEMPOTENCY_KEY) else { return Ok(None) };
    // As it is, or between quotes, as the draft of its standard has it.
    let name = name.trim().trim_matches('"');
    if name.is_empty() || name.len() > LONGEST_KEY {
        return Err(bad(format!("Idempotency-Key: 1 to {LONGEST_KEY} letters")));
    }
    let mut asked = Sha256::new();
    for name in [&UPLOAD_LENGTH, &UPLOAD_DEFER_LENGTH, &UPLOAD_METADATA, &UPLOAD_CONCAT] {
        asked.update(text(headers, name).unwrap_or_default());
        asked.update([0]);
    }
    Ok(Some(Key { name: hex(&Sha256::digest(name)), asked: hex(&asked.finalize()) }))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn with(name: &HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name.clone(), HeaderValue::from_static(value))])
    }

    #[test]
    fn a_range_is_read_and_nonsense_is_none() {
        let range = |start, end| ByteRange { start, end };
        assert_eq!(parse_range("bytes 0-99/1000"), Some((range(0, 100), Some(1000))));
        assert_eq!(parse_range("bytes 5-5/*"), Some((range(5, 6), None)));
        for text in [
            "",
            "bytes",
            "bytes 0-99",
            "bytes 99-0/1000",
            "bytes 0-1000/1000",
            "bytes -5/10",
            "bytes 0-/10",
            "bytes +1-2/10",
            "bytes 0-18446744073709551615/*",
            "bytes 0-99999999999999999999/*",
            "items 0-1/2",
            "bytes */10",
            "bytes 0-1/-2",
        ] {
            assert_eq!(parse_range(text), None, "{text}");
        }
    }

    #[test]
    fn a_length_is_a_number_and_one_that_is_too_large_is_still_one() {
        let read = |value| number(&with(&UPLOAD_LENGTH, value), &UPLOAD_LENGTH).ok().flatten();
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("9223372036854775808"), Some(1 << 63));
        assert_eq!(read("99999999999999999999999"), Some(u64::MAX));
        for text in ["", "-1", "+1", "1.5", "0x10", "many"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn parts_are_named_by_their_addresses() {
        let read = |value| concat(&with(&UPLOAD_CONCAT, value)).ok();
        assert_eq!(read("partial"), Some((true, Vec::new())));
        let id = "0123456789abcdefghjkmnpqrs";
        let both = UploadId::parse(id).map(|id| vec![id, id]);
        let named = concat(
            &[(
                UPLOAD_CONCAT,
                format!("final;/v1/uploads/{id} http://a:1/v1/uploads/{id}").try_into().unwrap(),
            )]
            .into_iter()
            .collect(),
        );
        assert_eq!(named.ok().map(|(_, parts)| parts), both);
        for text in ["final", "final;", "final;/v1/uploads/../../etc", "whole"] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_same_key_for_something_else_is_told_apart() {
        let headers = |key: &'static str, length: &'static str| {
            HeaderMap::from_iter([
                (IDEMPOTENCY_KEY, HeaderValue::from_static(key)),
                (UPLOAD_LENGTH, HeaderValue::from_static(length)),
            ])
        };
        let [one, same, other] = [("\"a\"", "5"), ("a", "5"), ("a", "6")]
            .map(|(name, length)| key(&headers(name, length)).ok().flatten().unwrap());
        assert_eq!(one, same);
        assert!(one.name == other.name && one != other);
    }
}
