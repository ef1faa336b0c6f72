//! The tokens of one gateway.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::{Grant, Role, Roles, SignError};
use crate::clock::Moment;
use crate::config::{self, Secret};

/// Why somebody may not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// They said no token.
    NoToken,
    /// They said one that nobody gave them.
    WrongToken,
    /// They said a signed address that gives nothing.
    Signature(SignError),
    /// They are somebody else.
    WrongRole(Role),
}

/// Who may do what.
pub struct Access {
    tokens: Vec<(Role, [u8; 32])>,
    secret: Secret,
}

/// No token is shown, nor what could be compared with one.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("tokens", &self.tokens.len()).finish_non_exhaustive()
    }
}

impl Access {
    /// As it is configured.
    pub fn new(settings: &config::Auth) -> Self {
        let config::Auth { view, upload, broadcast, provider, admin, secret, insecure: _ } = settings;
        let all = [
            (Role::View, view),
            (Role::Upload, upload),
            (Role::Broadcast, broadcast),
            (Role::Provider, provider),
            (Role::Admin, admin),
        ];
        let tokens =
            all.into_iter().flat_map(|(role, tokens)| tokens.each().map(move |token| (role, hash(token))));
        Self { tokens: tokens.collect(), secret: secret.clone() }
    }

    /// Whether everybody may do everything: nothing is configured.
    pub fn is_open(&self) -> bool {
        self.tokens.is_empty() && self.secret.is_empty()
    }

    /// Whether a role has to be shown for what it lets do. Everybody may watch, unless there is a token for it.
    pub fn wants(&self, role: Role) -> bool {
        !self.is_open() && (role != Role::View || self.tokens.iter().any(|(known, _)| *known == Role::View))
    }

    /// The roles that a token gives; none, if nobody gave it. Takes the same time for every token.
    pub fn roles(&self, token: &str) -> Roles {
        let said = hash(token);
        let mut found = 0;
        for (role, known) in &self.tokens {
            let with = found | 1 << *role as u8;
            found.conditional_assign(&with, known.ct_eq(&said));
        }
        Roles::of_bits(found)
    }

    /// The role that a signed address gives.
    ///
    /// # Errors
    /// When it gives none.
    pub fn signed(&self, grant: &Grant, signature: &str, path: &str, now: Moment) -> Result<Roles, Refused> {
        let secret = self.secret.each().next().unwrap_or_default();
        grant.check(secret, signature, path, now).map_err(Refused::Signature)?;
        Ok(grant.role.into())
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Secret {
        text.parse().unwrap()
    }

    fn access() -> Access {
        Access::new(&config::Auth {
            upload: token("uploads-0123456789 uploads-9876543210"),
            broadcast: token("uploads-0123456789"),
            admin: token("admin-0123456789ab"),
            ..config::Auth::default()
        })
    }

    #[test]
    fn a_token_gives_every_role_that_it_stands_for() {
        let roles = access().roles("uploads-0123456789");
        assert!(
            roles.include(Role::Upload) && roles.include(Role::Broadcast) && !roles.include(Role::Provider)
        );
        assert!(access().roles("uploads-9876543210").include(Role::Upload), "two may stand for one role");
        assert!(access().roles("admin-0123456789ab").include(Role::Provider));
        for wrong in ["", "uploads-012345678", "uploads-0123456789 uploads-9876543210"] {
            assert!(access().roles(wrong).is_empty(), "{wrong}");
        }
    }

    #[test]
    fn everybody_may_watch_unless_there_is_a_token_for_it() {
        assert!(!access().wants(Role::View) && access().wants(Role::Provider));
        let closed =
            Access::new(&config::Auth { view: token("viewers-0123456789"), ..config::Auth::default() });
        assert!(closed.wants(Role::View) && !closed.is_open());
        let open = Access::new(&config::Auth::default());
        assert!(open.is_open() && !open.wants(Role::Admin));
    }

    #[test]
    fn no_token_is_shown() {
        assert_eq!(format!("{:?}", access()), "Access { tokens: 4, .. }");
    }
}
