//! XML as a tree of elements, well-formed whatever the values hold.

use std::fmt::{self, Display, Write};

/// An element with attributes, and either children or text.
#[derive(Clone, Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Element>,
    text: Option<String>,
}

impl Element {
    /// An empty element.
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), children: Vec::new(), text: None }
    }

    /// With an attribute more.
    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    /// [`Self::with`], left out when there is none.
    pub(super) fn with_if(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With children more, in the order given.
    pub(super) fn holding(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// With text instead of children.
    pub(super) fn saying(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The document whose root this is.
    pub(super) fn document(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        // Writing to a string does not fail.
        let _ = self.write(&mut out, 0);
        out
    }

    fn write(&self, out: &mut String, depth: usize) -> fmt::Result {
        let (name, indent) = (self.name, depth * 2);
        write!(out, "{:indent$}<{name}", "")?;
        for (name, value) in &self.attributes {
            write!(out, " {name}=\"{}\"", Escaped(value))?;
        }
        match &self.text {
            Some(text) => writeln!(out, ">{}</{name}>", Escaped(text)),
            None if self.children.is_empty() => writeln!(out, "/>"),
            None => {
                writeln!(out, ">")?;
                self.children.iter().try_for_each(|child| child.write(out, depth + 1))?;
                writeln!(out, "{:indent$}</{name}>", "")
            }
        }
    }
}

/// Shows a string as text or as an attribute between double quotes; what XML 1.0 can't hold (2.2) is left out.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\t' | '\n' | '\r' => write!(f, "&#{};", u32::from(c)),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => Ok(()),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_string_comes_back_from_a_parser(text in any::<String>()) {
            let document = Element::new("a").with("b", &text).holding([Element::new("c").saying(&text)]).document();
            let parsed = roxmltree::Document::parse(&document).unwrap();
            let legal = |c: &char| !matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
            let expected: String = text.chars().filter(legal).collect();
            let root = parsed.root_element();
            prop_assert_eq!(root.attribute("b"), Some(expected.as_str()));
            prop_assert_eq!(root.first_element_child().and_then(|c| c.text()).unwrap_or(""), expected.as_str());
        }
    }

    #[test]
    fn children_are_indented_and_empty_elements_closed() {
        let document = Element::new("a")
            .holding([Element::new("b").with("c", 1), Element::new("d").saying("<")])
            .document();
        let body = document.split_once('\n').unwrap().1;
        assert_eq!(body, "<a>\n  <b c=\"1\"/>\n  <d>&lt;</d>\n</a>\n");
    }
}
