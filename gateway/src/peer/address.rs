//! Where a gateway is: `http://host:port/below`, or `https://` where it is reached through TLS.

use std::fmt;
use std::str::FromStr;

/// The address of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Whether it is spoken to in TLS.
    pub secure: bool,
    /// Name or number of the machine, as it is looked up: an IPv6 number without its brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What stands before every path; empty, or begins with `/` and does not end with it.
    pub below: String,
}

/// Told of text that is no [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address of a gateway is written like http://host:8080 or https://host, not '{0}'")]
pub struct NotAnAddress(String);

impl Address {
    /// As it stands in a `Host` header.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == usual_port(self.secure) { host } else { format!("{host}:{}", self.port) }
    }

    /// The path of a request for something that lies at `path` of the gateway. An answer may name a whole address; then its path is
    /// asked for here.
    pub fn path(&self, path: &str) -> String {
        match path.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]).to_owned(),
            None => format!("{}{path}", self.below),
        }
    }
}

fn usual_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let no = || NotAnAddress(text.to_owned());
        let (scheme, rest) = text.trim().split_once("://").ok_or_else(no)?;
        let secure = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(no()),
        };
        let (authority, below) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.strip_prefix('[').map(|inside| inside.split_once(']')) {
            Some(inside) => inside.map(|(host, port)| (host, port.strip_prefix(':'))).ok_or_else(no)?,
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(usual_port(secure)), str::parse).map_err(|_| no())?;
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@".contains(&byte));
        if host.is_empty() || !plain(authority) || !plain(below) {
            return Err(no());
        }
        Ok(Self { secure, host: host.to_owned(), port, below: below.trim_end_matches('/').to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_is_written() {
        for text in [
            "http://127.0.0.1:8080",
            "http://films.example",
            "https://films.example/segue",
            "https://films.example:80",
            "http://[::1]:9/segue",
            "http://a:1/b/c",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("https://a:443".parse::<Address>().unwrap().to_string(), "https://a");
        assert_eq!("http://a/".parse::<Address>().unwrap().to_string(), "http://a");
    }

    #[test]
    fn a_path_is_asked_for_below_the_gateway() {
        let address: Address = "http://a:1/segue/".parse().unwrap();
        assert_eq!(address.path("/v1/uploads"), "/segue/v1/uploads");
        assert_eq!(address.path("http://a:1/segue/v1/uploads/x"), "/segue/v1/uploads/x");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "a:1",
            "ftp://a",
            "http://",
            "http://:1",
            "http://a:x",
            "http://u@a",
            "http://a?q",
            "http://a b",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
