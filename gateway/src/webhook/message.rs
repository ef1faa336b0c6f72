//! What a receiver is told, and how it knows that we say it.

use segmenter::manifest::State;
use serde::Serialize;

use crate::auth::hmac;
use crate::clock::Moment;
use crate::config::Occasion;
use crate::events::Event;
use crate::id::MediaId;

/// A message.
#[derive(Debug, Serialize)]
struct Message<'a> {
    event: &'static str,
    /// Milliseconds since 1970.
    at: u64,
    media: Subject<'a>,
}

#[derive(Debug, Serialize)]
struct Subject<'a> {
    id: MediaId,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// What one can be told because of an event, if anything.
pub(super) fn occasion(event: &Event) -> Option<(Occasion, MediaId)> {
    match event {
        Event::Media { id, state, .. } => Some((of_state(*state)?, *id)),
        Event::Gone { id, why: "expired" } => Some((Occasion::Expired, *id)),
        Event::Gone { .. } | Event::Arrived { .. } | Event::Job { .. } | Event::Peer { .. } => None,
    }
}

fn of_state(state: State) -> Option<Occasion> {
    match state {
        State::Playable => Some(Occasion::Playable),
        State::Ready => Some(Occasion::Ready),
        State::Expired => Some(Occasion::Expired),
        State::Failed => Some(Occasion::Failed),
        State::Receiving => None,
    }
}

/// The message of an event.
pub(super) fn body(event: &Event, occasion: Occasion, id: MediaId, now: Moment) -> String {
    let (title, error) = match event {
        Event::Media { title, error, .. } => (Some(title.as_str()), error.as_deref()),
        _ => (None, None),
    };
    let message = Message { event: occasion.as_str(), at: now.0, media: Subject { id, title, error } };
    // Text and numbers can always be written.
    serde_json::to_string(&message).unwrap_or_default()
}

/// The header that shows that a message is ours, and of now: the seconds since 1970 and the HMAC-SHA256 of them, a dot, and the body.
pub(super) fn signature(secret: &str, body: &str, now: Moment) -> String {
    let seconds = (now.0 / 1000).to_string();
    let digits = hmac(secret.as_bytes(), &[seconds.as_bytes(), b".", body.as_bytes()]);
    format!("t={seconds},v1={digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_happened_to_what() {
        let id = MediaId::of_file(std::path::Path::new("/a"));
        let event = Event::Media {
            id,
            title: "A".to_owned(),
            state: State::Failed,
            error: Some("no moov".to_owned()),
        };
        let (what, about) = occasion(&event).unwrap();
        let expected =
            format!(r#"{{"event":"failed","at":7,"media":{{"id":"{id}","title":"A","error":"no moov"}}}}"#);
        assert_eq!(body(&event, what, about, Moment(7)), expected);
        assert_eq!(occasion(&Event::Gone { id, why: "expired" }), Some((Occasion::Expired, id)));
        assert_eq!(occasion(&Event::Gone { id, why: "deleted" }), None);
    }

    #[test]
    fn a_signature_is_of_the_time_and_the_body() {
        // printf '1000.{}' | openssl dgst -sha256 -hmac key
        let expected = format!("t=1000,v1={}", hmac(b"key", &[b"1000.{}"]));
        assert_eq!(signature("key", "{}", Moment(1_000_999)), expected);
    }
}
