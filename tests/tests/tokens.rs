//! Rust source as words and signs: enough to see which modules and crates a file names, without compiling it.

/// A name, or one sign; `::` is one sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// Splits source text; comments, strings, characters, numbers and lifetimes are left out.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let text: Vec<char> = source.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < text.len() {
        let rest = &text[at..];
        let (length, token) = match rest {
            ['/', '/', ..] => (until(rest, |tail| tail[0] == '\n'), None),
            ['/', '*', ..] => (block_comment(rest), None),
            ['b' | 'c', 'r', '"' | '#', ..] if raw_string(&rest[1..]) > 0 => {
                (1 + raw_string(&rest[1..]), None)
            }
            ['r', '"' | '#', ..] if raw_string(rest) > 0 => (raw_string(rest), None),
            ['b' | 'c', '"', ..] => (1 + quoted(&rest[1..], '"'), None),
            ['b', '\'', ..] => (1 + quoted(&rest[1..], '\''), None),
            ['"', ..] => (quoted(rest, '"'), None),
            ['\'', '\\', ..] | ['\'', _, '\'', ..] => (quoted(rest, '\''), None),
            ['\'', ..] => (1 + until(&rest[1..], |tail| !is_word(tail[0])), None),
            ['r', '#', first, ..] if is_word(*first) => (2, None),
            [first, ..] if is_word(*first) => {
                let length = until(rest, |tail| !is_word(tail[0]));
                let word: String = rest[..length].iter().collect();
                (length, (!first.is_ascii_digit()).then_some(word))
            }
            [':', ':', ..] => (2, Some("::".to_owned())),
            [first, ..] => (1, (!first.is_whitespace()).then(|| first.to_string())),
            [] => break,
        };
        if let Some(text) = token {
            found.push(Token { text, line });
        }
        line += rest[..length].iter().filter(|&&c| c == '\n').count();
        at += length;
    }
    found
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// How many characters come before the first place where `stop` holds.
fn until(text: &[char], stop: impl Fn(&[char]) -> bool) -> usize {
    (0..text.len()).find(|&at| stop(&text[at..])).unwrap_or(text.len())
}

fn block_comment(text: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a string or character with its quotes.
fn quoted(text: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < text.len() && text[at] != quote {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// The length of `r"..."` or `r#"..."#`; 0 if it is none.
fn raw_string(text: &[char]) -> usize {
    let hashes = until(&text[1..], |tail| tail[0] != '#');
    if text.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let open = 2 + hashes;
    let closes =
        |tail: &[char]| tail[0] == '"' && tail.len() > hashes && tail[1..=hashes].iter().all(|&c| c == '#');
    (open + until(&text[open..], closes) + 1 + hashes).min(text.len())
}

#[test]
fn names_in_comments_and_strings_are_not_seen() {
    let source = r##"
        // use crate::a;
        /* crate::b /* crate::c */ crate::d */
        let text = "crate::e \" crate::f"; let raw = r#"crate::g " "#; let c = '"'; let b = b"crate::h";
        fn f<'a>(x: &'a str) { crate::seen(x, '\'', 'x', 0xff_u8) }
    "##;
    let words: Vec<String> = tokens(source).into_iter().map(|token| token.text).collect();
    let after_crate: Vec<&str> =
        words.windows(3).filter(|w| w[0] == "crate" && w[1] == "::").map(|w| w[2].as_str()).collect();
    assert_eq!(after_crate, ["seen"]);
    assert!(!words.iter().any(|word| word == "xff_u8"));
}

#[test]
fn a_token_knows_its_line() {
    let found = tokens("a\n/* \n */ b \"\n\" c");
    let lines: Vec<_> = found.iter().map(|token| (token.text.as_str(), token.line)).collect();
    assert_eq!(lines, [("a", 1), ("b", 3), ("c", 4)]);
}
