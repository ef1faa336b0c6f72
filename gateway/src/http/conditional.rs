//! `If-Match`, `If-None-Match` and `If-Range` (RFC 9110 13): whether the client wants these bytes. Pure functions of headers and tag.

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is answered as if there were none.
    Proceed,
    /// The client has these bytes already.
    NotModified,
    /// The client wants other bytes than these, or none.
    Failed,
}

/// Weighs `If-Match` and `If-None-Match`, in the order of RFC 9110 13.2.2.
pub(super) fn weigh(if_match: Option<&str>, if_none_match: Option<&str>, etag: &str) -> Verdict {
    match (if_match, if_none_match) {
        (Some(wanted), _) if !names(wanted, etag) => Verdict::Failed,
        (_, Some(known)) if has_already(known, etag) => Verdict::NotModified,
        _ => Verdict::Proceed,
    }
}

/// Whether an `If-Match` header names this tag. Strongly compared: these bytes and no others are meant.
fn names(header: &str, etag: &str) -> bool {
    header.trim() == "*" || (!etag.starts_with("W/") && header.split(',').any(|tag| tag.trim() == etag))
}

/// Whether an `If-None-Match` header names this tag. Weakly compared: the client only wants to know whether to fetch again.
fn has_already(header: &str, etag: &str) -> bool {
    let strong = |tag: &str| tag.trim().strip_prefix("W/").unwrap_or(tag.trim()) == strip_weak(etag);
    header.trim() == "*" || header.split(',').any(strong)
}

/// Whether a range that was asked for under `If-Range` is one of these bytes. Strongly compared: it is put together with others. A
/// date never vouches: two versions may share a second.
pub(super) fn range_holds(header: Option<&str>, etag: &str) -> bool {
    header.is_none_or(|header| header.trim() == etag && !etag.starts_with("W/"))
}

fn strip_weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_weak_or_strong() {
        for header in ["\"a\"", "\"x\", \"a\"", "W/\"a\"", "*", " \"a\" "] {
            assert!(has_already(header, "\"a\""), "{header}");
        }
        for header in ["\"b\"", "a", "", "\"a", "\"ab\""] {
            assert!(!has_already(header, "\"a\""), "{header}");
        }
    }

    #[test]
    fn bytes_that_are_not_those_meant_are_refused_before_anything_else_is_weighed() {
        for (if_match, if_none_match, expected) in [
            (None, None, Verdict::Proceed),
            (Some("\"x\", \"a\""), None, Verdict::Proceed),
            (Some("*"), Some("\"b\""), Verdict::Proceed),
            (Some("\"a\""), Some("\"a\""), Verdict::NotModified),
            (Some("\"b\""), Some("\"a\""), Verdict::Failed),
            (Some("W/\"a\""), None, Verdict::Failed),
            (Some(""), None, Verdict::Failed),
        ] {
            assert_eq!(weigh(if_match, if_none_match, "\"a\""), expected, "{if_match:?} {if_none_match:?}");
        }
        assert_eq!(weigh(Some("W/\"a\""), None, "W/\"a\""), Verdict::Failed, "a weak tag names no bytes");
    }

    #[test]
    fn only_the_same_strong_tag_vouches_for_a_range() {
        assert!(range_holds(None, "\"a\""));
        assert!(range_holds(Some("\"a\""), "\"a\""));
        for header in ["W/\"a\"", "\"b\"", "Sat, 21 Nov 2026 00:00:00 GMT"] {
            assert!(!range_holds(Some(header), "\"a\""), "{header}");
        }
        assert!(!range_holds(Some("W/\"a\""), "W/\"a\""));
    }
}
