//! `segue sign`: an address that gives a role for a while.

use std::io::Write as _;
use std::process::ExitCode;

use super::Failure;
use super::args::SignArgs;
use crate::auth::{Grant, sign};
use crate::clock::Clock;
use crate::config::Config;

/// Prints the signed address.
pub(super) fn run(args: &SignArgs) -> Result<ExitCode, Failure> {
    let config = Config::load(args.config.as_deref(), std::env::vars_os())
        .map_err(|error| Failure::new(error.to_string()))?;
    let Some(secret) = config.auth.secret.each().next() else {
        return Err(Failure::new("there is no secret to sign with").hint(
            "name the settings of the gateway with --config FILE, or set SEGUE_AUTH_SECRET to what they say",
        ));
    };
    let grant = Grant {
        role: args.role,
        scope: scope(path(&args.address)),
        expires: Clock::default().now().after(args.span.0).0 / 1000,
    };
    let mark = if args.address.contains('?') { '&' } else { '?' };
    // A reader that has seen enough is no failure.
    let _ = writeln!(std::io::stdout().lock(), "{}{mark}{}", args.address, sign(secret, &grant));
    Ok(ExitCode::SUCCESS)
}

/// The path of an address, with or without what stands before it.
fn path(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |start| &rest[start..]);
    path.split(['?', '#']).next().unwrap_or(path)
}

/// What is signed: the whole film, where the address is of one.
fn scope(path: &str) -> String {
    let film = path.strip_prefix("/watch/").or_else(|| path.strip_prefix("/v1/media/"));
    match film.and_then(|rest| rest.split('/').next()).filter(|id| !id.is_empty()) {
        Some(id) => format!("/v1/media/{id}"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_film_is_signed_for_the_whole_film() {
        for (address, expected) in [
            ("http://a:1/watch/x?t=9", "/v1/media/x"),
            ("http://a/v1/media/x/master.m3u8", "/v1/media/x"),
            ("/v1/media/x", "/v1/media/x"),
            ("http://a/v1/media", "/v1/media"),
            ("http://a/v1/uploads", "/v1/uploads"),
            ("http://a", "/"),
        ] {
            assert_eq!(scope(path(address)), expected, "{address}");
        }
    }
}
