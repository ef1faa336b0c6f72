//! What somebody may be, and what that lets them do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Watch films and hear what happens.
    View,
    /// Send films.
    Upload,
    /// Offer films and send what is asked for.
    Broadcast,
    /// Keep replicas.
    Provider,
    /// Everything.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::View, Self::Upload, Self::Broadcast, Self::Provider, Self::Admin];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Upload => "upload",
            Self::Broadcast => "broadcast",
            Self::Provider => "provider",
            Self::Admin => "admin",
        }
    }

    /// Whether one of this role may do what another may. Whoever has a role at all may watch.
    pub fn includes(self, other: Self) -> bool {
        self == other || self == Self::Admin || other == Self::View
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Told of text that is no [`Role`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a role is view, upload, broadcast, provider or admin")]
pub struct NotARole;

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(NotARole)
    }
}

/// Several roles: one token may be given for more than one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    /// Whether one of these lets do what `wanted` does.
    pub fn include(self, wanted: Role) -> bool {
        Role::ALL.into_iter().any(|role| self.0 & (1 << role as u8) != 0 && role.includes(wanted))
    }

    /// One bit for each, in their order.
    pub(super) fn of_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl From<Role> for Roles {
    fn from(role: Role) -> Self {
        Self(1 << role as u8)
    }
}

impl std::ops::BitOr for Roles {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_lets_do_its_own_work_and_watch_and_an_admin_everything() {
        let may = |role: Role| {
            let allowed = Role::ALL.into_iter().filter(|other| Roles::from(role).include(*other));
            allowed.map(Role::as_str).collect::<Vec<_>>().join(" ")
        };
        let table = Role::ALL.map(may);
        assert_eq!(
            table,
            [
                "view",
                "view upload",
                "view broadcast",
                "view provider",
                "view upload broadcast provider admin"
            ]
        );
        assert!(!Roles::default().include(Role::View));
    }

    #[test]
    fn a_role_is_read_as_it_is_written() {
        assert!(
            Role::ALL.into_iter().all(|role| role.as_str().parse::<Role>().is_ok_and(|read| read == role))
        );
        assert!("root".parse::<Role>().is_err());
    }
}
