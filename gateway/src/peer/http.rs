//! Questions to one gateway and their answers, over connections that are used again.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;

use super::{Address, Body, stream};

/// How long nothing may happen: nothing sent, no answer.
const SILENCE: Duration = Duration::from_secs(60);
/// Connections that wait for the next question.
const IDLE: usize = 8;
/// Bytes that are held here and the system has not taken: few, for what is more urgent comes right behind them.
const BUFFER: usize = 32 << 10;
/// Bytes of an answer that is read as a whole.
const LARGEST: usize = 4 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The gateway can't be reached.
    #[error("connecting to {address}: {source}")]
    Connect {
        /// Where it should be.
        address: Address,
        /// Why not.
        source: io::Error,
    },
    /// Somebody else may have taken the gateway's place.
    #[error(
        "{address} shows a certificate that is not trusted ({source}); SSL_CERT_FILE names a file of others who may vouch for it"
    )]
    Untrusted {
        /// Where it should be.
        address: Address,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection broke off: {0}")]
    Broken(#[from] hyper::Error),
    /// The gateway says nothing any more.
    #[error("nothing was heard for {} s", .0.as_secs())]
    Silent(Duration),
    /// The answer is longer than any should be.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    /// The answer makes no sense.
    #[error("the answer can't be understood: {0}")]
    Odd(#[from] serde_json::Error),
    /// The question makes no sense.
    #[error("this can't be asked: {0}")]
    Question(#[from] hyper::http::Error),
}

/// Asks one gateway. Copies share their connections.
#[derive(Clone, Debug)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    address: Address,
    token: Option<HeaderValue>,
    idle: Mutex<Vec<Connection>>,
}

/// A connection; it is closed when this is dropped.
#[derive(Debug)]
struct Connection {
    sender: SendRequest<Body>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A question.
#[derive(Debug)]
pub struct Request {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Body,
}

impl Request {
    /// For what lies at this path of the gateway (`/v1/...`), or at the address that an answer named.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: HeaderMap::new(), body: Body::empty() }
    }

    /// With another header. A value that no header can have is left out.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        if let Ok(value) = HeaderValue::from_bytes(value.as_ref()) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// With something to carry.
    #[must_use]
    pub fn body(self, body: impl Into<Body>) -> Self {
        Self { body: body.into(), ..self }
    }
}

/// An answer, of which the head has come.
#[derive(Debug)]
pub struct Reply {
    /// How it went.
    pub status: StatusCode,
    /// What was said of it.
    pub headers: HeaderMap,
    body: Incoming,
    /// Given back when the body has been read.
    connection: Option<Connection>,
    client: Client,
}

impl Client {
    /// Of the gateway at this address.
    pub fn new(address: Address) -> Self {
        Self::with_token(address, None)
    }

    /// With a bearer token, which is never logged. One that no header can carry is none.
    pub fn with_token(address: Address, token: Option<&str>) -> Self {
        let token = token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
        let token = token.map(|mut token| {
            token.set_sensitive(true);
            token
        });
        Self(Arc::new(Shared { address, token, idle: Mutex::default() }))
    }

    /// The gateway's address.
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    /// Asks, and waits for the head of the answer. As long as the body is being sent it takes as long as it takes; it is given up when
    /// nothing happens for a minute.
    ///
    /// # Errors
    /// When there is no answer. Whatever its status is, an answer is none of them.
    pub async fn ask(&self, request: Request) -> Result<Reply, Error> {
        let again = request.body.copy().map(|body| Request {
            method: request.method.clone(),
            path: request.path.clone(),
            headers: request.headers.clone(),
            body,
        });
        let Some(connection) = self.idle().await else {
            return self.ask_over(self.connect().await?, request).await;
        };
        match (self.ask_over(connection, request).await, again) {
            // It was closed while it waited, which is no fault of the question.
            (Err(Error::Broken(_)), Some(again)) => self.ask_over(self.connect().await?, again).await,
            (answered, _) => answered,
        }
    }

    async fn ask_over(&self, mut connection: Connection, request: Request) -> Result<Reply, Error> {
        let Request { method, path, mut headers, body } = request;
        let carries = body.left() > 0 || matches!(method, Method::POST | Method::PUT | Method::PATCH);
        if carries {
            headers.insert(CONTENT_LENGTH, body.left().into());
        }
        if let Ok(host) = HeaderValue::try_from(self.0.address.authority()) {
            headers.insert(HOST, host);
        }
        if let Some(token) = &self.0.token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        let progress = body.progress();
        let mut asked =
            hyper::Request::builder().method(method).uri(self.0.address.path(&path)).body(body)?;
        *asked.headers_mut() = headers;
        let answered = while_something_happens(&progress, connection.sender.send_request(asked)).await?;
        let (head, body) = answered?.into_parts();
        let connection = Some(connection);
        Ok(Reply { status: head.status, headers: head.headers, body, connection, client: self.clone() })
    }

    /// A connection that was used before and is still open.
    async fn idle(&self) -> Option<Connection> {
        loop {
            let mut connection = self.pool().pop()?;
            if !connection.sender.is_closed() && connection.sender.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    async fn connect(&self) -> Result<Connection, Error> {
        let address = &self.0.address;
        let stream =
            stream::connect(address).await.map_err(|source| match stream::is_untrusted(&source) {
                true => Error::Untrusted { address: address.clone(), source },
                false => Error::Connect { address: address.clone(), source },
            })?;
        let (sender, connection) =
            http1::Builder::new().max_buf_size(BUFFER).handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(async move {
            // Whoever waits for an answer hears of it.
            let _ = connection.await;
        });
        Ok(Connection { sender, driver })
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // Nothing panics while it is held.
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reply {
    /// The next bytes of the body; `None` at its end.
    ///
    /// # Errors
    /// When the connection is lost, or nothing comes for `silence`.
    pub async fn piece(&mut self, silence: Duration) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = tokio::time::timeout(silence, self.body.frame()).await;
            match frame.map_err(|_| Error::Silent(silence))? {
                Some(frame) => {
                    if let Ok(bytes) = frame?.into_data() {
                        return Ok(Some(bytes));
                    }
                }
                None => {
                    if let Some(connection) = self.connection.take() {
                        let mut idle = self.client.pool();
                        if idle.len() < IDLE {
                            idle.push(connection);
                        }
                    }
                    return Ok(None);
                }
            }
        }
    }

    /// The whole body, if it is not longer than answers are.
    ///
    /// # Errors
    /// As [`Self::piece`], and when it is too long.
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let mut all = BytesMut::new();
        while let Some(piece) = self.piece(SILENCE).await? {
            if all.len() + piece.len() > LARGEST {
                return Err(Error::TooLong(LARGEST));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// The whole body as JSON.
    ///
    /// # Errors
    /// As [`Self::bytes`], and when it is something else.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.bytes().await?)?)
    }

    /// A header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Waits for an answer as long as pieces of the question are sent, and for some time behind the last.
async fn while_something_happens<T>(
    progress: &AtomicU64,
    answer: impl Future<Output = T>,
) -> Result<T, Error> {
    tokio::pin!(answer);
    loop {
        let before = progress.load(Ordering::Relaxed);
        match tokio::time::timeout(SILENCE, answer.as_mut()).await {
            Ok(answered) => return Ok(answered),
            Err(_) if progress.load(Ordering::Relaxed) != before => {}
            Err(_) => return Err(Error::Silent(SILENCE)),
        }
    }
}
