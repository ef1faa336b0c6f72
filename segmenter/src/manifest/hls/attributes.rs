//! Attribute lists of HLS tags (RFC 8216bis 4.2), safe whatever the values hold.

use std::fmt::{self, Display, Write};

/// A tag with its attributes, written from left to right.
pub(super) struct Tag {
    text: String,
    separator: char,
}

impl Tag {
    /// A tag by its name, without `#`.
    pub(super) fn new(name: &str) -> Self {
        Self { text: format!("#{name}"), separator: ':' }
    }

    /// A number, an enumerated string or a resolution: written as it is, so never a foreign value.
    pub(super) fn plain(mut self, name: &str, value: impl Display) -> Self {
        self.put(name, format_args!("{value}"));
        self
    }

    /// A quoted string.
    pub(super) fn quoted(mut self, name: &str, value: &str) -> Self {
        self.put(name, format_args!("\"{}\"", Quotable(value)));
        self
    }

    /// [`Self::plain`], left out when there is none.
    pub(super) fn plain_if(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.plain(name, value),
            None => self,
        }
    }

    /// [`Self::quoted`], left out when there is none.
    pub(super) fn quoted_if(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.quoted(name, value),
            None => self,
        }
    }

    /// The whole line, ended.
    pub(super) fn line(mut self) -> String {
        self.text.push('\n');
        self.text
    }

    fn put(&mut self, name: &str, value: fmt::Arguments<'_>) {
        let separator = std::mem::replace(&mut self.separator, ',');
        // Writing to a string does not fail.
        let _ = write!(self.text, "{separator}{name}={value}");
    }
}

/// Shows a string without what a quoted string must not hold: double quotes and line breaks.
struct Quotable<'a>(&'a str);

impl Display for Quotable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '"' => f.write_char('\''),
            '\u{2028}' | '\u{2029}' => f.write_char(' '),
            c if c.is_control() => f.write_char(' '),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_parted_by_commas_after_a_colon() {
        let tag = Tag::new("EXT-X-TEST").plain("A", 1).quoted("B", "two").plain_if("C", None::<u8>);
        assert_eq!(tag.line(), "#EXT-X-TEST:A=1,B=\"two\"\n");
    }

    #[test]
    fn quotes_and_line_breaks_do_not_get_through() {
        let tag = Tag::new("T").quoted("N", "a\"b\r\nc\u{85}d");
        assert_eq!(tag.line(), "#T:N=\"a'b  c d\"\n");
    }
}
