//! The connection to a gateway: the only place that names the WebSocket's client.

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt, future};
use hyper::header::{AUTHORIZATION, HeaderValue};
use tokio::time::timeout;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::peer::{self, Address};
use crate::provider::frame::largest_frame;

/// Where the gateway listens for providers.
const PATH: &str = "/v1/providers/socket";
/// How long the gateway may take to answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// The largest chunk that any gateway keeps.
const LARGEST_CHUNK: u32 = 64 << 20;

/// Connects, with a token where the gateway wants one. What comes in ends when the connection does.
pub(super) async fn connect(
    to: &Address,
    token: Option<&str>,
) -> Result<(impl Stream<Item = Bytes> + Unpin, impl Sink<Bytes, Error = Error> + Unpin), Error> {
    let largest = largest_frame(LARGEST_CHUNK);
    let config = WebSocketConfig::default().max_message_size(Some(largest)).max_frame_size(Some(largest));
    let scheme = if to.secure { "wss" } else { "ws" };
    let url = format!("{scheme}://{}{}", to.authority(), to.path(PATH));
    let mut request = url.into_client_request()?;
    if let Some(Ok(mut token)) = token.map(|token| HeaderValue::try_from(format!("Bearer {token}"))) {
        token.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, token);
    }
    let stream = peer::connect(to).await?;
    let greeting = timeout(PATIENCE, client_async_with_config(request, stream, Some(config))).await;
    let (socket, _) = greeting.map_err(|_| Error::Io(std::io::ErrorKind::TimedOut.into()))??;
    let (outgoing, incoming) = socket.split();
    let incoming = incoming.take_while(|message| future::ready(message.is_ok())).filter_map(|message| {
        future::ready(match message {
            Ok(Message::Binary(bytes)) => Some(bytes),
            _ => None,
        })
    });
    let outgoing = outgoing.with(|bytes: Bytes| future::ready(Ok::<_, Error>(Message::Binary(bytes))));
    Ok((incoming, outgoing))
}

/// The status by which a gateway says that this token will never do.
pub(super) fn denied(error: &Error) -> Option<u16> {
    match error {
        Error::Http(response) => {
            Some(response.status().as_u16()).filter(|status| matches!(status, 401 | 403))
        }
        _ => None,
    }
}
