//! Lists in pages: how many items, where a page begins, the address of the next.

use std::fmt::{Display, Write as _};

use super::error::{Kind, Problem};
use crate::id::MediaId;

/// Items of a page, unless asked for fewer or more.
const PAGE: usize = 100;
/// Items of a page at most.
const LARGEST_PAGE: usize = 1000;

/// A query that can't be understood, and why.
pub(super) fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(Kind::BadQuery).detail(detail)
}

/// Items of a page, as asked for.
pub(super) fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(PAGE);
    let allowed = (1..=LARGEST_PAGE).contains(&limit);
    allowed.then_some(limit).ok_or_else(|| bad(format!("limit is 1 to {LARGEST_PAGE}")))
}

/// Where a page begins, as asked for.
pub(super) fn after(cursor: Option<&str>) -> Result<Option<(String, MediaId)>, Problem> {
    cursor.map(|cursor| place(cursor).ok_or_else(|| bad("cursor: not one of ours"))).transpose()
}

/// An address with a query.
#[derive(Debug)]
pub(super) struct Address(String);

impl Address {
    /// Without a query yet.
    pub(super) fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// With one parameter more, if there is a value.
    pub(super) fn with(mut self, name: &str, value: Option<impl Display>) -> Self {
        let Some(value) = value else { return self };
        let mark = if self.0.contains('?') { '&' } else { '?' };
        // Writing to a string does not fail.
        let _ = write!(self.0, "{mark}{name}=");
        for byte in value.to_string().bytes() {
            let _ = match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                true => write!(self.0, "{}", char::from(byte)),
                false => write!(self.0, "%{byte:02X}"),
            };
        }
        self
    }

    /// The page after this place in the list.
    pub(super) fn at(self, key: &str, id: MediaId) -> String {
        self.after(cursor(key, id))
    }

    /// The page after what a cursor names.
    pub(super) fn after(self, cursor: impl Display) -> String {
        self.with("cursor", Some(cursor)).0
    }
}

/// A place in the list, as letters that say nothing to a client.
fn cursor(key: &str, id: MediaId) -> String {
    let hex: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{id}{hex}")
}

fn place(cursor: &str) -> Option<(String, MediaId)> {
    let (id, hex) = cursor.split_at_checked(16)?;
    let digits =
        hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    Some((String::from_utf8(digits.collect::<Option<Vec<u8>>>()?).ok()?, MediaId::parse(id)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_place_in_the_list_is_read_as_it_was_written() {
        let id = MediaId::of_file(Path::new("/films/a.mp4"));
        assert_eq!(place(&cursor("älter", id)), Some(("älter".to_owned(), id)));
        for text in ["", "x", "24jrq3eq31rfx29bzz", "24jrq3eq31rfx29bff", "ééééééééééé"] {
            assert_eq!(place(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_that_is_not_there_leaves_no_trace() {
        let address = Address::new("/a").with("b", None::<u32>).with("c", Some("d e")).with("f", Some(1));
        assert_eq!(address.0, "/a?c=d%20e&f=1");
    }
}
