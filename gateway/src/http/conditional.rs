//! `If-None-Match` and `If-Range` (RFC 9110 13): whether the client has the bytes already. Pure functions of headers and tag.

/// Whether an `If-None-Match` header names this tag. Weakly compared: the client only wants to know whether to fetch again.
pub(super) fn has_already(header: &str, etag: &str) -> bool {
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
    fn only_the_same_strong_tag_vouches_for_a_range() {
        assert!(range_holds(None, "\"a\""));
        assert!(range_holds(Some("\"a\""), "\"a\""));
        for header in ["W/\"a\"", "\"b\"", "Sat, 21 Nov 2026 00:00:00 GMT"] {
            assert!(!range_holds(Some(header), "\"a\""), "{header}");
        }
        assert!(!range_holds(Some("W/\"a\""), "W/\"a\""));
    }
}
