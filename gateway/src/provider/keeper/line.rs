//! The connection to a gateway: the only place that names the WebSocket's client.

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt, future};
use tokio::time::timeout;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::peer::Address;
use crate::provider::frame::largest_frame;

/// Where the gateway listens for providers.
const PATH: &str = "/v1/providers/socket";
/// How long a connection may take to come about.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// The largest chunk that any gateway keeps.
const LARGEST_CHUNK: u32 = 64 << 20;

/// Connects. What comes in ends when the connection does.
pub(super) async fn connect(
    to: &Address,
) -> Result<(impl Stream<Item = Bytes> + Unpin, impl Sink<Bytes, Error = Error> + Unpin), Error> {
    let largest = largest_frame(LARGEST_CHUNK);
    let config = WebSocketConfig::default().max_message_size(Some(largest)).max_frame_size(Some(largest));
    let url = format!("ws://{}{}", to.authority(), to.path(PATH));
    let connecting = timeout(PATIENCE, connect_async_with_config(url, Some(config), true)).await;
    let (socket, _) = connecting.map_err(|_| Error::Io(std::io::ErrorKind::TimedOut.into()))??;
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
