//! The one table of addresses: who may ask for what, how many bytes may come with it, and whether asking counts.

use axum::http::Method;

use crate::auth::Role;

const ANYONE: &[Role] = &[];
const VIEW: &[Role] = &[Role::View];
const UPLOAD: &[Role] = &[Role::Upload];
const BROADCAST: &[Role] = &[Role::Broadcast];
const PROVIDER: &[Role] = &[Role::Provider];
/// Whoever sends wants to know how much may be sent.
const SENDERS: &[Role] = &[Role::Upload, Role::Broadcast, Role::Provider];
const ADMIN: &[Role] = &[Role::Admin];

/// Bytes of a body that is not looked at, or says a few words.
const WORDS: u64 = 64 << 10;
/// Bytes of a list of films.
const LIST: u64 = 16 << 20;
/// Films are bounded by their length and by the quota.
const FILM: u64 = u64::MAX;

/// What holds for an address.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rule {
    verbs: Verbs,
    /// `*` stands for any part; an address stands for itself and for all below it.
    path: &'static str,
    /// Those who may, any of them; nobody named is everybody.
    pub(super) roles: &'static [Role],
    /// Bytes that may come with it.
    pub(super) body: u64,
    /// Whether it counts towards the number of requests that one client may make.
    pub(super) counts: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verbs {
    Read,
    Any,
}

const fn read(path: &'static str, roles: &'static [Role]) -> Rule {
    Rule { verbs: Verbs::Read, path, roles, body: WORDS, counts: true }
}

const fn any(path: &'static str, roles: &'static [Role]) -> Rule {
    Rule { verbs: Verbs::Any, path, roles, body: WORDS, counts: true }
}

impl Rule {
    const fn free(self) -> Self {
        Self { counts: false, ..self }
    }

    const fn body(self, body: u64) -> Self {
        Self { body, ..self }
    }
}

/// The first that fits holds. What is fetched most stands first.
const RULES: [Rule; 21] = [
    read("/v1/media/*/*", VIEW).free(),
    read("/v1/media", VIEW),
    any("/v1/media", ADMIN),
    read("/v1/titles", VIEW),
    read("/v1/events", VIEW),
    read("/video", VIEW),
    read("/watch", VIEW),
    // A sender with a fast line sends many pieces.
    any("/v1/uploads/*", UPLOAD).body(FILM).free(),
    any("/v1/uploads", UPLOAD).body(FILM),
    any("/v1/broadcasters/*/requests/*", BROADCAST).body(FILM).free(),
    any("/v1/broadcasters", BROADCAST).body(LIST),
    any("/v1/providers", PROVIDER),
    read("/v1/storage", SENDERS),
    any("/v1/jobs", ADMIN),
    read("/metrics", ADMIN),
    read("/health", ANYONE).free(),
    read("/player", ANYONE).free(),
    read("/assets", ANYONE).free(),
    read("/docs", ANYONE),
    read("/openapi.json", ANYONE),
    read("/upload", UPLOAD),
];
/// The list of films, for people.
const HOME: Rule = read("/", VIEW);
/// What nobody thought of is nobody's but an admin's.
const OTHER: Rule = any("", ADMIN);

/// What holds for a request.
pub(super) fn of(method: &Method, path: &str) -> Rule {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let fits = |rule: &&Rule| (reads || rule.verbs == Verbs::Any) && covers(rule.path, path);
    match RULES.iter().find(fits) {
        Some(rule) => *rule,
        None if path == HOME.path && reads => HOME,
        None => OTHER,
    }
}

fn covers(rule: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    rule.split('/').all(|wanted| parts.next().is_some_and(|part| wanted == "*" || wanted == part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::openapi::described;
    use crate::http::routes;

    #[test]
    fn every_route_has_a_rule_of_its_own_for_each_of_its_methods() {
        let described = described();
        assert!(described.len() > 20);
        let written = routes().map(|route| (Method::GET, route));
        for (method, route) in described.into_iter().chain(written) {
            assert_ne!(of(&method, &route), OTHER, "{method} {route} is nobody's: give it a rule");
        }
    }

    #[test]
    fn the_table_of_who_may_do_what() {
        let table = [
            ("GET", "/", "view"),
            ("GET", "/watch/24jrq3eq31rfx29b", "view"),
            ("GET", "/player/element.js", ""),
            ("GET", "/openapi.json", ""),
            ("GET", "/v1/media", "view"),
            ("HEAD", "/v1/media/24jrq3eq31rfx29b/v1/1.m4s", "view"),
            ("DELETE", "/v1/media/24jrq3eq31rfx29b", "admin"),
            ("POST", "/v1/media/24jrq3eq31rfx29b/anything", "admin"),
            ("POST", "/v1/uploads", "upload"),
            ("GET", "/v1/uploads/x/wants", "upload"),
            ("PUT", "/v1/broadcasters/anna/requests/t/bytes", "broadcast"),
            ("GET", "/v1/providers/socket", "provider"),
            ("GET", "/v1/storage", "upload broadcast provider"),
            ("GET", "/metrics", "admin"),
            ("GET", "/v1/jobs", "admin"),
            ("GET", "/health/live", ""),
            ("POST", "/health/live", "admin"),
            ("GET", "/v1/mediaX", "admin"),
            ("GET", "//v1/media", "admin"),
        ];
        for (method, path, expected) in table {
            let rule = of(&method.parse().unwrap(), path);
            let roles: Vec<_> = rule.roles.iter().map(|role| role.as_str()).collect();
            assert_eq!(roles.join(" "), expected, "{method} {path}");
        }
    }

    #[test]
    fn segments_and_pieces_of_films_do_not_count_and_lists_do() {
        let counts = |method: Method, path: &str| of(&method, path).counts;
        assert!(!counts(Method::GET, "/v1/media/x/v1/1.m4s") && !counts(Method::PATCH, "/v1/uploads/x"));
        assert!(counts(Method::GET, "/v1/media") && counts(Method::POST, "/v1/uploads"));
    }
}
