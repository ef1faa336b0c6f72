//! Every setting of the gateway: one struct, defaults in one place. Defaults, then the file, then `SEGUE_*` variables; flags of
//! the command line are put over all of them by `cli`.

mod load;
mod provider;
mod secret;
mod size;
mod span;
mod webhook;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::title::Type;
pub use load::Error;
pub use provider::{Provider, provider_sample};

pub use secret::{NotASecret, Secret};
pub use size::Size;
pub use span::Span;
pub use webhook::{Occasion, Webhook};

/// Settings of `segue serve`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address to listen on.
    pub listen: Listen,
    /// Where the index lies, and what is kept on disk; `None` is the user's data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// Folders to serve, each with all that lies in it.
    pub folders: Vec<PathBuf>,
    /// How long segments should be.
    pub target: Span,
    /// Which events are logged, in the syntax of `RUST_LOG`.
    pub log: String,
    /// Memory.
    pub cache: Cache,
    /// What is kept on disk.
    pub store: Store,
    /// How long it is kept.
    pub retention: Retention,
    /// Taking bytes in.
    pub upload: Upload,
    /// Asking broadcasters for theirs.
    pub broadcast: Broadcast,
    /// Looking for films.
    pub watch: Watch,
    /// Who may do what.
    pub auth: Auth,
    /// Connections, and what one client may take.
    pub http: Http,
    /// Who is told what happens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub webhook: Vec<Webhook>,
}

/// Memory that may be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Segments and manifests ready to be sent.
    pub hot: Size,
    /// Sample tables of films that are being watched.
    pub tables: Size,
}

/// What is kept on disk, below the data folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// All of it together, the index included.
    pub quota: Size,
    /// What one broadcaster may take of it.
    pub share: Size,
    /// Pieces in which sources are kept, those that are new.
    pub chunk: Size,
    /// What acknowledged bytes survive.
    pub sync: Sync,
    /// What a medium is kept as once all of it is here.
    pub form: Form,
}

/// What a medium is kept as once all of it is here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Chunks of its source: segments are made of them when they are asked for.
    #[default]
    Chunks,
    /// Its segments, and what of the source is in none of them: the source is put together of both when it is asked for.
    Segments,
}

/// What a write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// The machine losing power: bytes and rows are on the disk before they are acknowledged.
    #[default]
    Full,
    /// The program being killed: the system has them.
    Process,
}

/// How long media stay after they were last watched or fed. Films of served folders stay as long as their files do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Movies.
    pub movie: Span,
    /// Episodes.
    pub tv: Span,
    /// What is neither, or not said to be.
    pub other: Span,
}

/// Taking bytes in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Upload {
    /// How long an upload may lie idle before it is given up.
    pub expire: Span,
}

/// Asking broadcasters for bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Broadcast {
    /// Films that one is asked for at once.
    pub requests: usize,
    /// Bytes that one is asked for at once.
    pub flight: Size,
    /// How far ahead of its viewer a film is asked for.
    pub ahead: Size,
    /// How long one may send nothing of what it was asked for before another is asked.
    pub stall: Span,
    /// How long a film is asked for after its viewer wanted something of it.
    pub linger: Span,
}

/// How changes in folders are noticed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Watch {
    /// How long a folder must be quiet before it is looked through.
    pub settle: Span,
    /// How often folders are looked through whether or not the system tells of a change: network file systems don't.
    pub rescan: Span,
}

/// Tokens that let do something. With none at all everybody may do everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// Watching; everybody may, unless there is one.
    pub view: Secret,
    /// Sending films.
    pub upload: Secret,
    /// Offering films.
    pub broadcast: Secret,
    /// Keeping replicas.
    pub provider: Secret,
    /// Everything.
    pub admin: Secret,
    /// What addresses are signed with.
    pub secret: Secret,
    /// Whether a gateway without tokens may listen where others reach it.
    pub insecure: bool,
}

/// Limits of connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Open connections at once; more wait to be accepted.
    pub connections: usize,
    /// Streams of events open at once: so many listeners, and so many who send what they are told to.
    pub streams: usize,
    /// How long a client may take to send a request's head, and a connection may idle between requests.
    pub patience: Span,
    /// How long a client may neither send what it began to send nor take what it asked for.
    pub stall: Span,
    /// Requests a second that one address may make, besides those for segments and those that send bytes; 0 is any number. Addresses
    /// of this machine may make any number.
    pub rate: u32,
    /// Requests that it may make at once before that counts.
    pub burst: u32,
    /// Whether the gateway stands behind a proxy that tells in `X-Forwarded-For` whose request it is.
    pub proxied: bool,
    /// How long a request waits for bytes that are still elsewhere.
    pub wait: Span,
    /// How long requests may take to end when the gateway stops.
    pub shutdown: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Listen(SocketAddr::from(([127, 0, 0, 1], 8080))),
            data: None,
            folders: Vec::new(),
            target: Span(Duration::from_secs(4)),
            log: "info".to_owned(),
            cache: Cache::default(),
            store: Store::default(),
            retention: Retention::default(),
            upload: Upload::default(),
            broadcast: Broadcast::default(),
            watch: Watch::default(),
            auth: Auth::default(),
            http: Http::default(),
            webhook: Vec::new(),
        }
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self { hot: Size(512 << 20), tables: Size(256 << 20) }
    }
}

impl Store {
    /// Bytes of a chunk: whole blocks, and neither so few that rows cost more than they hold nor so many that one is long in coming.
    pub fn chunk(&self) -> u32 {
        let bytes = self.chunk.0.clamp(64 << 10, 64 << 20) / 4096 * 4096;
        u32::try_from(bytes).unwrap_or(4 << 20)
    }
}

impl Default for Store {
    fn default() -> Self {
        let quota = 10 << 30;
        Self {
            quota: Size(quota),
            share: Size(quota / 2),
            chunk: Size(4 << 20),
            sync: Sync::Full,
            form: Form::Chunks,
        }
    }
}

impl Retention {
    /// How long a medium of this type stays after it was last used.
    pub fn of(&self, kind: Option<Type>) -> Duration {
        match kind {
            Some(Type::Movie) => self.movie.0,
            Some(Type::Tv) => self.tv.0,
            None => self.other.0,
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        let hours = |hours: u64| Span(Duration::from_secs(hours * 3600));
        Self { movie: hours(4), tv: hours(1), other: hours(4) }
    }
}

impl Default for Upload {
    fn default() -> Self {
        Self { expire: Span(Duration::from_secs(3600)) }
    }
}

impl Default for Broadcast {
    fn default() -> Self {
        Self {
            requests: 8,
            flight: Size(4 << 20),
            ahead: Size(16 << 20),
            stall: Span(Duration::from_secs(2)),
            linger: Span(Duration::from_secs(20)),
        }
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self { settle: Span(Duration::from_millis(300)), rescan: Span(Duration::from_secs(600)) }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            connections: 10_000,
            streams: 1000,
            patience: Span(Duration::from_secs(60)),
            stall: Span(Duration::from_secs(60)),
            rate: 100,
            burst: 1000,
            proxied: false,
            wait: Span(Duration::from_secs(10)),
            shutdown: Span(Duration::from_secs(10)),
        }
    }
}

/// Address and port. `localhost:8080` and `:8080` are understood as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Listen(pub SocketAddr);

impl FromStr for Listen {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let whole = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None if text.starts_with(':') => format!("[::]{text}"),
            None => text.to_owned(),
        };
        whole.parse().map(Self).map_err(|_| NotAnAddress)
    }
}

/// Told of text that is no [`Listen`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("an address has a port, as in 127.0.0.1:8080 or [::]:8080")]
pub struct NotAnAddress;

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        listen.0.to_string()
    }
}

impl TryFrom<String> for Listen {
    type Error = NotAnAddress;

    fn try_from(text: String) -> Result<Self, NotAnAddress> {
        text.parse()
    }
}

/// A file with every setting and its default, as the README shows it.
pub fn sample() -> &'static str {
    include_str!("sample.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_holds_every_setting_at_its_default() {
        let read: Config = toml::from_str(sample()).unwrap();
        let expected = Config {
            folders: vec!["/films".into()],
            data: Some("/var/lib/segue".into()),
            ..Config::default()
        };
        assert_eq!(read, expected);
        let (given, known): (toml::Table, _) =
            (toml::from_str(sample()).unwrap(), toml::Table::try_from(&expected).unwrap());
        assert_eq!(given, known, "the sample leaves a setting out");
    }

    #[test]
    fn the_readme_shows_this_sample() {
        let readme = include_str!("../../../README.md");
        assert!(readme.contains(&format!("```toml\n{}```", sample())), "copy sample.toml into README.md");
    }

    #[test]
    fn an_address_is_written_in_several_ways() {
        for (text, expected) in
            [("127.0.0.1:80", "127.0.0.1:80"), ("localhost:1", "127.0.0.1:1"), (":9", "[::]:9")]
        {
            assert_eq!(text.parse::<Listen>().unwrap().0.to_string(), expected);
        }
        assert!("nowhere".parse::<Listen>().is_err());
    }
}
