//! Sockets: listening, accepting, connections that end when they are asked to.
//!
//! # Why
//! An accept loop of our own, because three things matter that a ready-made one doesn't offer: a [`Wire`] under each connection, which
//! begins with a bound on what the kernel queues for it (a connection has from its listener), no delay of small packets, and an end of
//! patience with clients that open a connection and say nothing.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ALLOW, HeaderMap};
use axum::http::{HeaderValue, Method, Uri};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_service::Service;
use tracing::{debug, warn};

use super::around::{Around, preflight};
use super::gate::{Caller, Gate};
use super::outgoing::Outgoing;
use super::socket::Patient;
use super::straight::straight;
use super::uploads::tus;
use super::wire::NARROW;
use super::{Gateway, Wire, router};
use crate::task::Tasks;

/// Connections the kernel keeps until they are accepted.
const BACKLOG: i32 = 1024;
/// Bytes a request's head may have.
const LARGEST_HEAD: usize = 64 << 10;
/// How long accepting rests when the system has no more descriptors.
const REST: Duration = Duration::from_millis(50);

/// What clients may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections at once; more wait to be accepted.
    pub connections: usize,
    /// How long a client may take to send a request's head, and a connection may idle.
    pub patience: Duration,
    /// How long a client may neither send what it began to send nor take what it asked for.
    pub stall: Duration,
    /// Requests a second of one client; 0 is any number.
    pub rate: u32,
    /// Requests of one client at once.
    pub burst: u32,
    /// Whether a proxy tells whose requests they are.
    pub proxied: bool,
}

/// Opens a listening socket.
///
/// # Errors
/// When the address can't be had.
pub fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` is every address, old and new.
        socket.set_only_v6(false)?;
    }
    socket.set_tcp_notsent_lowat(NARROW)?;
    socket.set_keepalive(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts connections until everything is to stop. Connections are tasks of their own; they end with the request they are at.
///
/// # Errors
/// When the listener can't be used.
pub async fn serve(
    listener: StdListener,
    gateway: Arc<Gateway>,
    limits: Limits,
    tasks: Tasks,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let desk = Arc::new(Desk {
        gate: Gate::new(&limits, listener.local_addr()?.ip().is_loopback()),
        router: router(Arc::clone(&gateway)),
        gateway,
        limits,
    });
    loop {
        let accepted = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accepted => accepted,
            () = tasks.stopping() => return Ok(()),
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(stream, peer.ip(), Arc::clone(&desk), tasks.clone());
                tasks.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!(%error, "connection not accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// What every connection needs.
struct Desk {
    gate: Gate,
    router: axum::Router,
    gateway: Arc<Gateway>,
    limits: Limits,
}

async fn connection(stream: TcpStream, address: IpAddr, desk: Arc<Desk>, tasks: Tasks) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "packets may be delayed");
    }
    let caller = Caller { address, unread: Arc::default() };
    let Limits { patience, stall, .. } = desk.limits;
    let socket = Patient::new(Wire::new(stream), stall, Arc::clone(&caller.unread));
    // In memory of its own, which is given back with the answer: a connection that idles needs none.
    let service = service_fn(move |request| Box::pin(handle(Arc::clone(&desk), caller.clone(), request)));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(LARGEST_HEAD);
    // Made where it stays: a second place for it would be kept as long as the connection is.
    let mut connection = pin!(builder.serve_connection(socket, service).with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = tasks.stopping() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "connection broke off");
    }
}

async fn handle(
    desk: Arc<Desk>,
    caller: Caller,
    mut request: Request<Incoming>,
) -> Result<Response<Outgoing>, Infallible> {
    tus::mean_method(&mut request);
    let around = Around::before(&request);
    let response = match preflight(&request, &desk.gateway) {
        Some(mut response) => {
            allow(response.headers_mut(), &desk, request.uri()).await?;
            response.map(Outgoing::Routed)
        }
        None => gated(&desk, &caller, request).await?,
    };
    Ok(around.after(response, &desk.gateway.counts))
}

/// Says which methods an address takes: those that the router says when it is asked for another.
async fn allow(fields: &mut HeaderMap, desk: &Desk, uri: &Uri) -> Result<(), Infallible> {
    let mut asked = Request::new(Body::empty());
    (*asked.method_mut(), *asked.uri_mut()) = (Method::OPTIONS, uri.clone());
    let refused = desk.router.clone().call(asked).await?;
    let methods = refused.headers().get(ALLOW).and_then(|methods| methods.to_str().ok());
    if let Some(Ok(methods)) = methods.map(|methods| HeaderValue::try_from(format!("{methods},OPTIONS"))) {
        fields.insert(ALLOW, methods);
    }
    Ok(())
}

/// The answer to a request that has to be let through first, whichever way it goes then.
async fn gated(
    desk: &Desk,
    caller: &Caller,
    mut request: Request<Incoming>,
) -> Result<Response<Outgoing>, Infallible> {
    let admitted = match desk.gate.admit(&mut request, &desk.gateway, caller) {
        Ok(admitted) => admitted,
        Err(refused) => return Ok(refused.map(Outgoing::Routed)),
    };
    if admitted.is_plain()
        && let Some(response) = straight(&desk.gateway, &request).await
    {
        return Ok(response);
    }
    let (request, after) = match desk.gate.bounded(request, admitted, caller) {
        Ok(bounded) => bounded,
        Err(refused) => return Ok(refused.map(Outgoing::Routed)),
    };
    let answered = desk.router.clone().call(request).await?;
    Ok(after.answer(answered).await.map(Outgoing::Routed))
}
