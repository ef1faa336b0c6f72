//! The client against a server that says exactly what a test makes it say.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use hyper::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

async fn pair() -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/below", listener.local_addr().unwrap());
    (listener, Client::with_token(address.parse().unwrap(), Some("secret")))
}

/// Reads a request whose body ends with `end`.
async fn read(stream: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end.as_bytes()) {
        let mut piece = [0; 1000];
        let len = stream.read(&mut piece).await.unwrap();
        assert_ne!(len, 0, "{}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&piece[..len]);
    }
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn a_question_is_asked_as_it_stands_and_a_connection_used_again() {
    let (listener, client) = pair().await;
    let asks = async {
        let pieces = stream::iter([Ok(Bytes::from_static(b"one ")), Ok(Bytes::from_static(b"two"))]);
        let request =
            Request::new(Method::PATCH, "/v1/x").header("upload-offset", "0").body(Body::stream(7, pieces));
        let reply = client.ask(request).await.unwrap();
        assert_eq!((reply.status.as_u16(), reply.header("upload-offset")), (200, Some("7")));
        assert_eq!(reply.json::<Vec<u32>>().await.unwrap(), [1, 2]);
        let reply = client.ask(Request::new(Method::GET, "http://elsewhere/below/v1/y")).await.unwrap();
        assert_eq!(reply.bytes().await.unwrap(), "");
    };
    let answers = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read(&mut stream, "one two").await;
        assert!(request.starts_with("PATCH /below/v1/x HTTP/1.1\r\n"), "{request}");
        for line in ["content-length: 7", "authorization: Bearer secret", "upload-offset: 0"] {
            assert!(request.contains(&format!("{line}\r\n")), "{request}");
        }
        let reply = "HTTP/1.1 200 OK\r\nupload-offset: 7\r\ncontent-length: 6\r\n\r\n[1, 2]";
        stream.write_all(reply.as_bytes()).await.unwrap();
        let request = read(&mut stream, "\r\n\r\n").await;
        assert!(
            request.starts_with("GET /below/v1/y HTTP/1.1\r\n") && !request.contains("content-length"),
            "{request}"
        );
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    };
    tokio::join!(asks, answers);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_no_reason_to_fail() {
    let (listener, client) = pair().await;
    let answers = async {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            read(&mut stream, "\r\n\r\n").await;
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        }
    };
    let asks = async {
        for _ in 0..2 {
            let reply = client.ask(Request::new(Method::HEAD, "/")).await.unwrap();
            reply.bytes().await.unwrap();
        }
    };
    tokio::join!(asks, answers);
}

#[tokio::test]
async fn events_come_as_they_are_sent_and_dropping_the_stream_closes_it() {
    let (listener, client) = pair().await;
    let asks = async {
        let reply = client.ask(Request::new(Method::GET, "/")).await.unwrap();
        let mut events = EventStream::new(reply, PATIENCE);
        let message = events.next().await.unwrap().unwrap();
        assert_eq!((message.name.as_str(), message.data.as_str()), ("wants", "{}"));
    };
    let answers = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read(&mut stream, "\r\n\r\n").await;
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: hello\n\nevent: wants\ndata: {}\n\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(stream.read(&mut [0; 10]).await.unwrap_or(0), 0, "it is closed");
    };
    tokio::join!(asks, answers);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    let (listener, client) = pair().await;
    let _silent = tokio::spawn(async move {
        let held = listener.accept().await;
        std::future::pending::<()>().await;
        drop(held);
    });
    assert!(matches!(client.ask(Request::new(Method::GET, "/")).await, Err(Error::Silent(_))));
}
