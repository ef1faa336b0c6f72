//! Who a request is by: a token in its head, a token or a signature in its address, or a cookie that a page left.
//!
//! # Why
//! A token in an address gets into histories and logs, so it is taken only where a browser lets nobody set a header: for what is read.
//! A cookie is sent by a browser whatever page asks, so what changes something has to come from a page of ours, which `Origin` tells and no
//! script can change.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::Query;
use axum::http::header::{ACCEPT, AUTHORIZATION, COOKIE, HOST, HeaderMap, ORIGIN};
use axum::http::{Method, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::answer::text;
use super::super::error::{Kind, Problem};
use super::carry::{self, Carry};
use super::rules::Rule;
use crate::auth::{Access, Grant, Refused, Role, Roles, SignError};
use crate::clock::Clock;

/// The cookie that pages leave, and what it holds: a token, never one that the page can read.
pub(super) const COOKIE_NAME: &str = "segue-view";

/// What an address may say.
#[derive(Debug, Deserialize)]
struct Said {
    token: Option<String>,
    role: Option<String>,
    scope: Option<String>,
    expires: Option<u64>,
    signature: Option<String>,
}

impl Said {
    fn of(uri: &Uri) -> Option<Self> {
        // Most addresses say nothing, and are not taken apart.
        let query = uri.query().filter(|query| query.contains("token=") || query.contains("signature="));
        query.and_then(|_| Query::<Self>::try_from_uri(uri).ok()).map(|Query(said)| said)
    }

    /// What a page left.
    fn of_cookie(cookie: &str) -> Option<Self> {
        match cookie.contains('=') {
            true => Self::of(&format!("/?{cookie}").parse().ok()?),
            false => {
                let token = Some(cookie.to_owned());
                Some(Self { token, role: None, scope: None, expires: None, signature: None })
            }
        }
    }

    fn grant(&self) -> Option<(Grant, &str)> {
        let Self {
            role: Some(role),
            scope: Some(scope),
            expires: Some(expires),
            signature: Some(signature),
            ..
        } = self
        else {
            return None;
        };
        let grant = Grant { role: role.parse().ok()?, scope: scope.clone(), expires: *expires };
        Some((grant, signature))
    }
}

/// Whether a request may be made, and what its answer carries on.
pub(super) fn check<B>(
    access: &Access,
    rule: Rule,
    request: &mut Request<B>,
) -> Result<Carry, Box<Response>> {
    if rule.roles.iter().all(|role| !access.wants(*role)) {
        return Ok(Carry::default());
    }
    let (roles, carry) = match roles(access, request) {
        Ok(found) => found,
        Err(refused) => return Err(refusal(refused, request)),
    };
    if !rule.roles.iter().any(|role| roles.include(*role)) {
        let wanted = rule.roles.first().copied().unwrap_or(Role::Admin);
        return Err(refusal(Refused::WrongRole(wanted), request));
    }
    carry.prepare(request);
    Ok(carry)
}

/// What a request may do, by the first that it says.
fn roles<B>(access: &Access, request: &Request<B>) -> Result<(Roles, Carry), Refused> {
    let token = |token: &str| match access.roles(token) {
        roles if roles.is_empty() => Err(Refused::WrongToken),
        roles => Ok(roles),
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if let Some(said) = bearer(request.headers()) {
        return Ok((token(said)?, Carry::default()));
    }
    let (uri, said) = (request.uri(), Said::of(request.uri()));
    let signed = |said: &Said| {
        let (grant, signature) = said.grant()?;
        Some(access.signed(&grant, signature, &whole(uri.path()), Clock::default().now()))
    };
    if let Some(roles) = said.as_ref().and_then(signed) {
        return Ok((roles?, Carry::of_signature(uri)));
    }
    if let Some(said) = said.and_then(|said| said.token).filter(|_| reads) {
        return Ok((token(&said)?, Carry::of_token(uri, &said)));
    }
    let asks = reads || is_by_own_page(request.headers());
    if let Some(said) = cookie(request.headers()).filter(|_| asks).and_then(Said::of_cookie) {
        let roles = match (signed(&said), &said.token) {
            (Some(roles), _) => roles?,
            (None, Some(said)) => token(said)?,
            (None, None) => return Err(Refused::NoToken),
        };
        return Ok((roles, Carry::default()));
    }
    Err(Refused::NoToken)
}

/// Whether a page of this gateway asks.
fn is_by_own_page(headers: &HeaderMap) -> bool {
    let origin = text(headers, &ORIGIN).and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, site)| text(headers, &HOST) == Some(site))
}

/// What an address is about: the page that plays a film is for those who may have the film.
fn whole(path: &str) -> Cow<'_, str> {
    match path.strip_prefix("/watch/") {
        Some(id) => format!("/v1/media/{id}").into(),
        None => path.into(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value.trim_matches('"'))
}

/// Says so: to a person with a page that asks for the token, to a program with a problem.
fn refusal<B>(refused: Refused, request: &Request<B>) -> Box<Response> {
    let problem = match refused {
        Refused::NoToken => Problem::new(Kind::NoToken),
        Refused::WrongToken => Problem::new(Kind::WrongToken),
        Refused::Signature(SignError::Expired) => Problem::new(Kind::SignatureExpired),
        Refused::Signature(error) => Problem::new(Kind::WrongSignature).detail(error.to_string()),
        Refused::WrongRole(role) => {
            Problem::new(Kind::WrongRole).detail(format!("a token for {role} is wanted"))
        }
    };
    let mut response = problem.into_response();
    let wants_page = request
        .headers()
        .get(ACCEPT)
        .is_some_and(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")));
    let may_say_another = matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    if may_say_another && wants_page && carry::is_page(request.uri()) {
        *response.body_mut() = Body::from(include_str!("token.html"));
        carry::html(response.headers_mut());
    }
    Box::new(response)
}

#[cfg(test)]
mod tests {
    use super::super::rules;
    use super::*;
    use crate::auth;
    use crate::config;

    const VIEWER: &str = "viewer-0123456789";
    const SENDER: &str = "sender-0123456789";
    const SECRET: &str = "secret-0123456789";

    fn asked(request: axum::http::request::Builder) -> u16 {
        let access = Access::new(&config::Auth {
            view: VIEWER.parse().unwrap(),
            upload: SENDER.parse().unwrap(),
            secret: SECRET.parse().unwrap(),
            ..config::Auth::default()
        });
        let mut request = request.body(()).unwrap();
        let rule = rules::of(request.method(), request.uri().path());
        check(&access, rule, &mut request).map_or_else(|refused| refused.status().as_u16(), |_| 200)
    }

    fn get(path: &str) -> axum::http::request::Builder {
        Request::get(path)
    }

    #[test]
    fn a_token_is_taken_from_the_head() {
        let with = |value: &str| get("/v1/media").header("authorization", value);
        assert_eq!(asked(get("/v1/media")), 401);
        assert_eq!(asked(with(&format!("Bearer {VIEWER}"))), 200);
        assert_eq!(asked(with(&format!("bearer {SENDER}"))), 200, "who sends may watch");
        assert_eq!(asked(with("Bearer wrong-0123456789")), 401);
        assert_eq!(asked(with(&format!("Basic {VIEWER}"))), 401);
        let post =
            |token: &str| Request::post("/v1/uploads").header("authorization", format!("Bearer {token}"));
        assert_eq!((asked(post(SENDER)), asked(post(VIEWER))), (200, 403));
    }

    #[test]
    fn a_token_in_an_address_lets_read_and_no_more() {
        assert_eq!(asked(get(&format!("/v1/events?token={VIEWER}"))), 200);
        assert_eq!(asked(get("/v1/events?token=wrong")), 401);
        assert_eq!(asked(Request::post(format!("/v1/uploads?token={SENDER}"))), 401);
    }

    #[test]
    fn a_cookie_lets_do_what_its_token_is_for_and_change_something_only_from_our_own_pages() {
        let with =
            |path: &str, token: &str| get(path).header("cookie", format!("a=b; {COOKIE_NAME}={token}"));
        assert_eq!(asked(with("/v1/media", VIEWER)), 200);
        assert_eq!(asked(with("/v1/media", SENDER)), 200);
        assert_eq!(asked(with("/v1/uploads/x", SENDER)), 200);
        assert_eq!(asked(with("/upload", VIEWER)), 403);
        let post = |token: &str| {
            Request::post("/v1/uploads")
                .header("cookie", format!("{COOKIE_NAME}={token}"))
                .header("host", "a:1")
        };
        assert_eq!(asked(post(SENDER)), 401);
        for (origin, expected) in
            [("http://a:1", 200), ("http://a:2", 401), ("http://evil", 401), ("null", 401)]
        {
            assert_eq!(asked(post(SENDER).header("origin", origin)), expected, "{origin}");
        }
        assert_eq!(asked(post(VIEWER).header("origin", "http://a:1")), 403);
    }

    #[test]
    fn a_signed_address_lets_do_what_was_signed() {
        let sign = |role: Role, scope: &str, expires: u64| {
            auth::sign(SECRET, &Grant { role, scope: scope.to_owned(), expires })
        };
        let later = Clock::default().now().0 / 1000 + 60;
        let film = "/v1/media/24jrq3eq31rfx29b";
        let query = sign(Role::View, film, later);
        assert_eq!(asked(get(&format!("{film}/v1/1.m4s?{query}"))), 200);
        assert_eq!(
            asked(get(&format!("{film}/v1/1.m4s?{}", query.replace('/', "%2F")))),
            200,
            "however it is coded"
        );
        assert_eq!(asked(get(&format!("/v1/media?{query}"))), 401);
        assert_eq!(asked(get(&format!("{film}?{}", sign(Role::View, film, 1)))), 401);
        assert_eq!(asked(Request::delete(format!("{film}?{query}"))), 403);
        assert_eq!(asked(get(&format!("/watch/24jrq3eq31rfx29b?{query}"))), 200, "its page, too");
        let left = |path: &str| get(path).header("cookie", format!("{COOKIE_NAME}={query}"));
        assert_eq!(asked(left(&format!("{film}/v1/1.m4s"))), 200, "as a page left it");
        assert_eq!(asked(left("/v1/media")), 401);
        let upload = sign(Role::Upload, "/v1/uploads", later);
        assert_eq!(asked(Request::post(format!("/v1/uploads?{upload}"))), 200);
        assert_eq!(asked(Request::patch(format!("/v1/uploads/x?{upload}"))), 200);
    }

    #[test]
    fn what_is_for_everybody_wants_no_token() {
        assert_eq!([asked(get("/health/live")), asked(get("/openapi.json"))], [200, 200]);
    }
}
