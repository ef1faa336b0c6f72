//! What stands before every handler: how long an address may be, how often one client may ask, who may ask for what, and how many bytes
//! may come with it, how fast.
//!
//! A gateway with no tokens lets everybody do everything, but for the pages of other sites: a browser would let any page that its user
//! looks at send and delete films on a gateway of the same machine.

mod body;
mod carry;
mod credentials;
mod rules;
mod throttle;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, HeaderMap, HeaderName};
use axum::http::{Method, Request};
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as _, Incoming};

use super::answer::text;
use super::error::{Kind, Problem};
use super::{Gateway, Limits};
use body::{Bounded, Bounds, Fault, Verdict};
use carry::Carry;
use rules::Rule;
use throttle::Throttle;

/// Bytes of an address at most: more than browsers and proxies take.
const LONGEST_ADDRESS: usize = 8 << 10;
/// Bytes of all headers at most.
const LARGEST_HEADERS: usize = 32 << 10;

const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Lets requests through, or doesn't.
pub(super) struct Gate {
    throttle: Option<Throttle>,
    stall: Duration,
    proxied: bool,
    /// Whether only this machine reaches the gateway.
    is_local: bool,
}

/// Where a request comes from.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// Whose connection it is.
    pub(super) address: IpAddr,
    /// Told when a body was sent that was not read.
    pub(super) unread: Arc<AtomicBool>,
}

/// A request that was let through: what holds for it.
pub(super) struct Admitted {
    rule: Rule,
    carry: Carry,
}

/// What is left to do once there is an answer.
pub(super) struct After {
    /// What came of its body, and how many bytes it may have.
    verdict: Option<(Verdict, u64)>,
    carry: Carry,
}

impl Gate {
    /// With these limits.
    pub(super) fn new(limits: &Limits, is_local: bool) -> Self {
        Self {
            throttle: Throttle::new(limits.rate, limits.burst),
            stall: limits.stall,
            proxied: limits.proxied,
            is_local,
        }
    }

    /// Lets a request through.
    pub(super) fn admit<B>(
        &self,
        request: &mut Request<B>,
        gateway: &Gateway,
        caller: &Caller,
    ) -> Result<Admitted, Box<Response>> {
        let refuse = |problem: Problem| Box::new(problem.into_response());
        fits(request).map_err(refuse)?;
        let rule = rules::of(request.method(), request.uri().path());
        self.count(rule, request.headers(), caller.address).map_err(refuse)?;
        let carry = match gateway.access.is_open() {
            true => self.own_site(request).map(|()| Carry::default()).map_err(refuse)?,
            false => credentials::check(&gateway.access, rule, request)?,
        };
        Ok(Admitted { rule, carry })
    }

    fn count(&self, rule: Rule, headers: &HeaderMap, peer: IpAddr) -> Result<(), Problem> {
        let Some(throttle) = self.throttle.as_ref().filter(|_| rule.counts) else { return Ok(()) };
        let client = self.client(headers, peer);
        if client.to_canonical().is_loopback() {
            return Ok(());
        }
        throttle.count(client).map_err(|wait| {
            // Whole seconds, and not one too early.
            Problem::new(Kind::TooMany).after(wait.as_secs() + 1)
        })
    }

    /// Whose request it is. Of what proxies say, only the last word is by one that we know.
    fn client(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let last = headers.get_all(FORWARDED).iter().next_back().filter(|_| self.proxied);
        let said = last.and_then(|said| said.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        said.unwrap_or(peer)
    }

    /// Refuses what a page of another site sends to a gateway that asks nobody who they are.
    fn own_site<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        let headers = request.headers();
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if reads && !headers.contains_key(axum::http::header::UPGRADE) {
            return Ok(());
        }
        let Some(origin) = headers.get(axum::http::header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, site)| site);
        let own = origin.is_some_and(|origin| {
            let host = text(headers, &axum::http::header::HOST);
            // The name of another site may have been made to mean this machine.
            is_this_machine(origin) || (host == Some(origin) && (!self.is_local || is_address(origin)))
        });
        own.then_some(()).ok_or_else(|| Problem::new(Kind::OtherSite))
    }

    /// Bounds the body of a request that was let through, if it has one.
    pub(super) fn bounded(
        &self,
        request: Request<Incoming>,
        admitted: Admitted,
        caller: &Caller,
    ) -> Result<(Request<Body>, After), Box<Response>> {
        let Admitted { rule, carry } = admitted;
        if request.body().is_end_stream() {
            return Ok((request.map(Body::new), After { verdict: None, carry }));
        }
        let announced =
            text(request.headers(), &CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        if announced.is_some_and(|length| length > rule.body) {
            caller.unread.store(true, Ordering::Relaxed);
            return Err(Box::new(too_long(rule.body).into_response()));
        }
        let verdict = Verdict::default();
        let bounds = Bounds { length: rule.body, stall: self.stall, unread: Arc::clone(&caller.unread) };
        let told = verdict.clone();
        let request = request.map(|body| Body::new(Bounded::new(body, bounds, told)));
        Ok((request, After { verdict: Some((verdict, rule.body)), carry }))
    }
}

impl Admitted {
    /// Whether the answer goes out as it comes.
    pub(super) fn is_plain(&self) -> bool {
        self.carry.is_nothing()
    }
}

impl After {
    /// The answer as it goes out. What a handler says of a body that broke off is not what happened when it was cut off.
    pub(super) async fn answer(self, response: Response) -> Response {
        let status = response.status();
        if !status.is_client_error() && !status.is_server_error() {
            return self.carry.over(response).await;
        }
        let cut = self.verdict.and_then(|(verdict, most)| verdict.fault().map(|fault| (fault, most)));
        match cut {
            Some((Fault::TooSlow, _)) => Problem::new(Kind::TooSlow).into_response(),
            Some((Fault::TooLong, most)) => too_long(most).into_response(),
            None => response,
        }
    }
}

fn too_long(most: u64) -> Problem {
    Problem::new(Kind::BodyTooLong).detail(format!("this address takes {most} bytes")).number("limit", most)
}

/// Whether address and headers are of a size that is worth looking at.
fn fits<B>(request: &Request<B>) -> Result<(), Problem> {
    let address = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    if address > LONGEST_ADDRESS {
        return Err(Problem::new(Kind::LongAddress).number("limit", LONGEST_ADDRESS as u64));
    }
    let headers =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
    if headers > LARGEST_HEADERS {
        return Err(Problem::new(Kind::LargeHeaders).number("limit", LARGEST_HEADERS as u64));
    }
    Ok(())
}

/// The host of `host:port`.
fn host(authority: &str) -> &str {
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    }
}

fn is_address(authority: &str) -> bool {
    host(authority).parse::<IpAddr>().is_ok()
}

fn is_this_machine(authority: &str) -> bool {
    let host = host(authority);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn gate(is_local: bool) -> Gate {
        Gate { throttle: None, stall: Duration::from_secs(1), proxied: true, is_local }
    }

    fn from(method: &str, host: &str, origin: Option<&str>) -> Request<()> {
        let request = Request::builder().method(method).uri("/v1/uploads").header("host", host);
        let request = origin.into_iter().fold(request, |request, origin| request.header("origin", origin));
        request.body(()).unwrap()
    }

    #[test]
    fn a_page_of_another_site_changes_nothing() {
        let local = gate(true);
        let allowed = |request: &Request<()>| local.own_site(request).is_ok();
        for origin in
            ["http://evil.example", "https://evil.example:8080", "null", "http://127.0.0.1.evil.example", ""]
        {
            assert!(!allowed(&from("POST", "127.0.0.1:8080", Some(origin))), "{origin}");
            assert!(allowed(&from("GET", "127.0.0.1:8080", Some(origin))), "{origin} may read");
        }
        for origin in
            [None, Some("http://127.0.0.1:3000"), Some("http://localhost"), Some("http://[::1]:8080")]
        {
            assert!(allowed(&from("POST", "127.0.0.1:8080", origin)), "{origin:?}");
        }
        let rebound = from("DELETE", "evil.example:8080", Some("http://evil.example:8080"));
        assert!(!allowed(&rebound), "a name that was made to mean this machine");
        assert!(gate(false).own_site(&rebound).is_ok(), "where others reach it, it has a name");
        let mut socket = from("GET", "127.0.0.1:8080", Some("http://evil.example"));
        socket.headers_mut().insert("upgrade", HeaderValue::from_static("websocket"));
        assert!(!allowed(&socket), "sockets know no leave of other origins");
    }

    #[test]
    fn a_proxy_says_whose_request_it_is_and_only_the_last_word_counts() {
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(gate(true).client(&headers, peer), peer);
        headers.append(FORWARDED, HeaderValue::from_static("127.0.0.1, 192.0.2.7"));
        assert_eq!(gate(true).client(&headers, peer).to_string(), "192.0.2.7");
        assert_eq!(Gate { proxied: false, ..gate(true) }.client(&headers, peer), peer);
    }
}
