//! Signed addresses: a query that gives a role for one address, and all below it, until a moment.
//!
//! # Why
//! A token in the address of a film would be a token for every film, for ever, in every history and log that the address gets into. What
//! is signed is one line for each of role, scope and time, so that a shell can do it: see the README.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::Role;
use crate::clock::Moment;

/// Digits of a signature.
const DIGITS: usize = 64;

/// What a signed address gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// A role,
    pub role: Role,
    /// for this address and all below it,
    pub scope: String,
    /// until so many seconds after 1970.
    pub expires: u64,
}

/// Why an address gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// It was not signed with our secret, or changed since.
    #[error("the signature is not right")]
    Wrong,
    /// It was signed for another address.
    #[error("the signature is for another address")]
    Elsewhere,
    /// Its time is over.
    #[error("the signature has expired")]
    Expired,
}

/// HMAC-SHA256 in hexadecimal digits.
pub fn hmac(secret: &[u8], parts: &[&[u8]]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret);
    // Keys of every length are taken.
    let Ok(mut mac) = mac else { return String::new() };
    parts.iter().for_each(|part| mac.update(part));
    let mut digits = String::with_capacity(DIGITS);
    for byte in mac.finalize().into_bytes() {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// The query that gives what `grant` says.
pub fn sign(secret: &str, grant: &Grant) -> String {
    let Grant { role, scope, expires } = grant;
    format!("role={role}&scope={scope}&expires={expires}&signature={}", grant.signature(secret))
}

impl Grant {
    fn signature(&self, secret: &str) -> String {
        let Self { role, scope, expires } = self;
        hmac(secret.as_bytes(), &[format!("{role}\n{scope}\n{expires}").as_bytes()])
    }

    /// Whether it was signed with this secret, and holds for an address now.
    ///
    /// # Errors
    /// When it doesn't.
    pub fn check(&self, secret: &str, signature: &str, path: &str, now: Moment) -> Result<(), SignError> {
        // The signature first: nothing is told of what nobody signed.
        let right: bool = self.signature(secret).as_bytes().ct_eq(signature.as_bytes()).into();
        if !right || secret.is_empty() {
            return Err(SignError::Wrong);
        }
        if self.expires.saturating_mul(1000) <= now.0 {
            return Err(SignError::Expired);
        }
        let below = path.strip_prefix(self.scope.trim_end_matches('/'));
        match below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            true => Ok(()),
            false => Err(SignError::Elsewhere),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a secret of some length";

    fn grant() -> Grant {
        Grant { role: Role::View, scope: "/v1/media/24jrq3eq31rfx29b".to_owned(), expires: 1000 }
    }

    fn checked(grant: &Grant, path: &str, now: u64) -> Result<(), SignError> {
        let query = sign(SECRET, &super::tests::grant());
        let (_, signature) = query.rsplit_once('=').unwrap();
        grant.check(SECRET, signature, path, Moment(now))
    }

    #[test]
    fn the_digits_are_those_that_others_get() {
        // RFC 4231, test case 2.
        let digits = hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(digits, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn a_signed_address_holds_for_itself_and_what_lies_below_until_its_time() {
        for path in ["/v1/media/24jrq3eq31rfx29b", "/v1/media/24jrq3eq31rfx29b/v1/1.m4s"] {
            assert_eq!(checked(&grant(), path, 999_999), Ok(()), "{path}");
        }
        assert_eq!(checked(&grant(), &grant().scope, 1_000_000), Err(SignError::Expired));
        for path in ["/v1/media", "/v1/media/24jrq3eq31rfx29bc", "/v1/media/../uploads"] {
            assert_eq!(checked(&grant(), path, 0), Err(SignError::Elsewhere), "{path}");
        }
    }

    #[test]
    fn nothing_of_it_can_be_changed() {
        let path = grant().scope;
        for changed in [
            Grant { role: Role::Admin, ..grant() },
            Grant { scope: "/v1".to_owned(), ..grant() },
            Grant { expires: 2000, ..grant() },
        ] {
            assert_eq!(checked(&changed, &path, 0), Err(SignError::Wrong), "{changed:?}");
        }
        let query = sign("", &grant());
        let (_, signature) = query.rsplit_once('=').unwrap();
        assert_eq!(
            grant().check("", signature, &path, Moment(0)),
            Err(SignError::Wrong),
            "no secret, no signatures"
        );
    }
}
