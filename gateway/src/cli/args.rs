//! Every command and flag, and what `--help` says of them.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::Failure;
use crate::auth::Role;
use crate::broadcast::is_id;
use crate::config::{self, Config, Listen, Secret, Size, Span};
use crate::peer::Address;
use crate::title::Type;

/// Plays MP4 films in browsers without transcoding: cuts them into CMAF segments with JSON, HLS and DASH manifests.
#[derive(Debug, Parser)]
#[command(name = "segue", version, arg_required_else_help = false, subcommand_required = true)]
#[command(after_help = "Examples:
  segue serve ~/Videos                     play a folder at http://127.0.0.1:8080
  segue segment film.mp4 --out film        write a folder that any web server can serve
  segue probe film.mp4                     see what is in a file

`segue COMMAND --help` has more of each.")]
pub(super) struct Segue {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Cut films into segments and manifests on disk.
    Segment(SegmentArgs),
    /// Show what a file holds.
    Probe(ProbeArgs),
    /// Check a folder that `segue segment` wrote.
    Verify(VerifyArgs),
    /// Serve folders of films over HTTP, as they lie.
    Serve(ServeArgs),
    /// Send a film to a gateway; it plays there while it arrives.
    Upload(UploadArgs),
    /// Keep replicas for a gateway, and give them back when it wants them.
    Provider(ProviderArgs),
    /// Sign an address, so that whoever has it may use it for a while.
    Sign(SignArgs),
    /// Offer a folder's films to a gateway, which asks for what its viewers watch.
    Broadcast(BroadcastArgs),
}

/// Cut films into segments and manifests on disk.
///
/// Nothing is transcoded: every packet comes out as it went in. The folder holds manifest.json, master.m3u8 (HLS) and
/// manifest.mpd (DASH), and appears only when it is whole; a run that was cut off is simply started again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  segue segment film.mp4 --out film                     film/master.m3u8, film/v1/1.m4s ...
  segue segment film.mp4 --out film --target 2s --force shorter segments, replacing what is there
  segue segment ~/Videos --out segmented --jobs 4       every film, each in a folder of its own name")]
pub(super) struct SegmentArgs {
    /// Films to segment; a folder stands for every film in it.
    #[arg(required = true, value_name = "INPUT")]
    pub(super) inputs: Vec<PathBuf>,
    /// Folder to write: the film itself, or for several films one folder each, named after the film.
    #[arg(long, short, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// How long segments should be; cuts fall on the keyframes nearest to it.
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = target)]
    pub(super) target: Duration,
    /// Write one file for each track, with byte ranges, instead of one file for each segment.
    #[arg(long)]
    pub(super) single_file: bool,
    /// How many films, and how many parts of one, are copied at once [default: one for each core].
    #[arg(long, short, value_name = "N")]
    pub(super) jobs: Option<NonZeroUsize>,
    /// Replace what is in the output folder.
    #[arg(long)]
    pub(super) force: bool,
}

/// Show what a file holds: tracks, codecs, durations, keyframes, edit lists, and where the movie header lies.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  segue probe film.mp4                                   a table
  segue probe film.mp4 --json | jq '.tracks[].codec'     for programs")]
pub(super) struct ProbeArgs {
    /// File to look at; only its headers are read.
    #[arg(value_name = "INPUT")]
    pub(super) input: PathBuf,
    /// Print one JSON document.
    #[arg(long)]
    pub(super) json: bool,
}

/// Check a folder that `segue segment` wrote: every segment, every timestamp, every playlist.
///
/// Prints one line a fault and exits with 1 when there is any.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  segue verify film                          does the folder agree with itself?
  segue verify film --against film.mp4       is every packet of the source in it, at its time?")]
pub(super) struct VerifyArgs {
    /// Folder to check.
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// The film it was made from, to compare packet by packet.
    #[arg(long, value_name = "INPUT")]
    pub(super) against: Option<PathBuf>,
}

/// Serve folders of films over HTTP. Films are played from where they lie and never changed; new ones appear by themselves.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  segue serve ~/Videos                                   http://127.0.0.1:8080 lists and plays them
  segue serve /films /series --listen 0.0.0.0:80         two folders, for the whole network: wants tokens, see the README
  segue serve --config /etc/segue.toml                   folders and limits from a file

Settings come from defaults, then the file of --config, then SEGUE_* variables (SEGUE_CACHE_HOT=1GiB), then flags.
Log: SEGUE_LOG=debug.")]
pub(super) struct ServeArgs {
    /// Folders to serve.
    #[arg(value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Address to listen on; port 0 picks a free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR", value_parser = listen)]
    listen: Option<SocketAddr>,
    /// Folder for the index; what is in it can be made again from the films [default: segue in the user's data folder].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// File with settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Let everybody who reaches the gateway do everything, although others than this machine reach it and there is no token.
    #[arg(long)]
    insecure: bool,
}

/// Send a film to a gateway. What its viewers wait for is sent first, so it plays, and seeks, from the first second on.
///
/// The address to watch it at is printed as soon as it plays. A run that was broken off, however it was, is simply started again: it goes
/// on where it ended.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  segue upload film.mp4 --to https://films.example
  segue upload pilot.mp4 --to http://127.0.0.1:8080 --type tv --tmdb 1396 --season 1 --episode 1")]
pub(super) struct UploadArgs {
    /// Film to send.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The gateway.
    #[arg(long, value_name = "URL")]
    pub(super) to: Address,
    /// What the film is called [default: the file's name without its ending].
    #[arg(long)]
    pub(super) title: Option<String>,
    /// Whether it is a film of its own or an episode.
    #[arg(long, value_name = "movie|tv", value_parser = kind)]
    pub(super) r#type: Option<Type>,
    /// Its number in the TMDB.
    #[arg(long, value_name = "ID")]
    pub(super) tmdb: Option<u64>,
    /// Season of an episode.
    #[arg(long, value_name = "N")]
    pub(super) season: Option<u32>,
    /// Number of an episode in its season.
    #[arg(long, value_name = "N")]
    pub(super) episode: Option<u32>,
    #[command(flatten)]
    pub(super) token: TokenArgs,
}

/// What lets do something on a gateway that wants a token for it.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// Token for this, where the gateway wants one; better given in the variable, for others see command lines.
    #[arg(long, value_name = "TOKEN", env = "SEGUE_TOKEN", hide_env_values = true)]
    token: Option<Secret>,
}

impl TokenArgs {
    /// The token, if there is one.
    pub(super) fn get(&self) -> Option<&str> {
        self.token.as_ref().and_then(|token| token.each().next())
    }
}

/// Offer a folder's films to a gateway. Nothing is sent but the bytes that it asks for, in the order in which it asks for them: those that
/// its viewers watch.
///
/// What films are called is read from their names: `Title (1999) {tmdb-603}.mp4`, `Show S01E02.mp4`. A film that several broadcasters have
/// is asked for from one of them, and from another when that one stops.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  segue broadcast ~/Videos --to https://films.example --id alice
  SEGUE_BROADCAST_KEY=... segue broadcast /films --to http://127.0.0.1:8080 --id cellar")]
pub(super) struct BroadcastArgs {
    /// Films to offer, with all that lies in the folder. It is followed as it changes, and only read.
    #[arg(value_name = "FOLDER")]
    pub(super) folder: PathBuf,
    /// The gateway.
    #[arg(long, value_name = "URL")]
    pub(super) to: Address,
    /// Who offers them: whoever names an id first has it.
    #[arg(long, value_name = "PROVIDER_ID", value_parser = broadcaster)]
    pub(super) id: String,
    /// Key of the id [default: made once, and kept in the user's data folder].
    /// A key that nobody else should see stands better in SEGUE_BROADCAST_KEY.
    #[arg(long, value_name = "KEY", env = "SEGUE_BROADCAST_KEY", hide_env_values = true)]
    pub(super) key: Option<String>,
    #[command(flatten)]
    pub(super) token: TokenArgs,
}

impl ServeArgs {
    /// Defaults, file, environment and these flags.
    pub(super) fn config(self) -> Result<Config, Failure> {
        let loaded = Config::load(self.config.as_deref(), std::env::vars_os());
        let mut config = loaded.map_err(|error| {
            Failure::new(error.to_string()).hint("the README lists every setting with its default value")
        })?;
        if !self.folders.is_empty() {
            config.folders = self.folders;
        }
        config.listen = self.listen.map_or(config.listen, Listen);
        config.data = self.data.or(config.data);
        config.auth.insecure |= self.insecure;
        Ok(config)
    }
}

/// Keep replicas for a gateway, and give them back when it wants them.
///
/// Every chunk of every film that is sent to the gateway is kept in a database of this provider, as far as there is room: what is
/// coldest goes first. When the gateway has lost a chunk, or had to let it go, it asks for it. The provider comes again by itself
/// when the gateway was away.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  segue provider --to http://127.0.0.1:8080 --data replicas --max-size 50GiB
  segue provider --config segue-provider.toml            the same from a file")]
pub(super) struct ProviderArgs {
    /// Where the gateway is.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Folder for the database [default: segue-provider in the user's data folder].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// What the folder takes on disk at most, journal and all [default: 10GiB].
    #[arg(long, value_name = "SIZE")]
    max_size: Option<Size>,
    /// What this provider is called [default: a name that it gives itself once].
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// File with the same settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    token: TokenArgs,
}

impl ProviderArgs {
    /// Defaults, file, and these flags.
    pub(super) fn settings(self) -> Result<config::Provider, Failure> {
        let loaded = config::Provider::load(self.config.as_deref());
        let settings = loaded.map_err(|error| {
            Failure::new(error.to_string()).hint("the README shows a file with every setting of a provider")
        })?;
        Ok(config::Provider {
            to: self.to.or(settings.to),
            data: self.data.or(settings.data),
            max_size: self.max_size.unwrap_or(settings.max_size),
            id: self.id.or(settings.id),
            token: self.token.token.unwrap_or(settings.token),
        })
    }
}

/// Sign an address, so that whoever has it may use it for a while.
///
/// Prints the address with a signature behind it. An address of a film, or of the page that plays it, is signed for the whole film;
/// any other for itself and all below it. The secret is that of the gateway: `[auth] secret` of its settings.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  segue sign http://films.example/watch/24jrq3eq31rfx29b --config segue.toml
  SEGUE_AUTH_SECRET=... segue sign http://films.example/v1/media/24jrq3eq31rfx29b/master.m3u8 --for 24h
  segue sign http://films.example/v1/uploads --role upload --config segue.toml")]
pub(super) struct SignArgs {
    /// Address to sign.
    #[arg(value_name = "URL")]
    pub(super) address: String,
    /// What it lets do: view, upload, broadcast, provider or admin.
    #[arg(long, value_name = "ROLE", default_value = "view")]
    pub(super) role: Role,
    /// How long it holds.
    #[arg(long = "for", value_name = "TIME", default_value = "1h")]
    pub(super) span: Span,
    /// File with the settings of the gateway.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse::<Listen>().map(|listen| listen.0).map_err(|error| error.to_string())
}

fn kind(text: &str) -> Result<Type, String> {
    Type::parse(text).ok_or_else(|| "movie or tv".to_owned())
}

fn broadcaster(text: &str) -> Result<String, String> {
    match is_id(text) {
        true => Ok(text.to_owned()),
        false => Err("an id is made of letters, digits, and -_. between them".to_owned()),
    }
}

fn target(text: &str) -> Result<Duration, String> {
    let Span(target) = text.parse().map_err(|error| format!("{error}"))?;
    match target {
        Duration::ZERO => Err("a segment can't last 0 s".to_owned()),
        target => Ok(target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_hold_together() {
        Segue::command().debug_assert();
    }

    #[test]
    fn flags_of_serve_win_over_everything() {
        let asked =
            Segue::try_parse_from(["segue", "serve", "a", "b", "--listen", "127.0.0.1:0", "--data", "d"]);
        let Command::Serve(args) = asked.unwrap().command else { panic!("another command") };
        let config = args.config().unwrap();
        assert_eq!(config.folders, [PathBuf::from("a"), PathBuf::from("b")]);
        assert_eq!(config.listen.0.port(), 0);
        assert_eq!(config.data, Some(PathBuf::from("d")));
    }

    #[test]
    fn a_target_is_written_as_people_write_it() {
        assert_eq!(target("1500ms"), Ok(Duration::from_millis(1500)));
        assert!(target("0s").is_err() && target("soon").is_err());
    }
}
