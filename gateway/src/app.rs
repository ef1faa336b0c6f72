//! Builds everything in the order of the layers, and takes it down in reverse.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use segmenter::plan::Options;
use tokio::runtime::Runtime;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

use crate::auth::Access;
use crate::broadcast::{self, Broadcasts};
use crate::cli::Failure;
use crate::clock::Clock;
use crate::config::{Config, Form, Sync};
use crate::events::Events;
use crate::http::{self, Gateway, Limits, Streams};
use crate::index::{self, Index};
use crate::ingest::{Arrivals, Folders, Settings, Uploads, uploads};
use crate::jobs::Jobs;
use crate::playback::{Ground, Playback, Room};
use crate::provider::Providers;
use crate::retention::Retention;
use crate::source::Sources;
use crate::task::{self, Tasks};
use crate::tasks::{self, seal_the_rest};
use crate::webhook::{Receivers, Webhooks};

/// How long the first look at the folders may hold back the word that the gateway listens. Most folders take far less, and whoever
/// opens the page at that word sees films.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// How long blocking work may take to end after everything else has.
const LAST_WORK: Duration = Duration::from_secs(2);

/// Runs a gateway until it is asked to end.
///
/// # Errors
/// When it can't start.
pub fn serve(config: &Config) -> Result<(), Failure> {
    allow_descriptors();
    let filter = EnvFilter::try_new(&config.log).map_err(|error| Failure::new(format!("log: {error}")))?;
    let access = access(config)?;
    let receivers = Receivers::new(&config.webhook).map_err(|error| Failure::new(error.to_string()))?;
    let folders = folders(config)?;
    let data = data_folder(config)?;
    let index = open_index(&data, config.store.sync)?;
    let listener = bind(config.listen.0)?;
    let address = listener.local_addr().map_err(|error| Failure::new(format!("listening: {error}")))?;
    let runtime = Runtime::new().map_err(|error| Failure::new(format!("starting the runtime: {error}")))?;
    // From here on everything is told by the log.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    log.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).init();
    let ended = runtime.block_on(async {
        let started = Sources::start(Arc::clone(&index), &data, &config.store, Clock::default()).await;
        let sources = started.map_err(|error| Failure::new(error.to_string()))?;
        let found = Found { access, folders, index: Arc::clone(&index), sources: Arc::new(sources) };
        let ended = run(config, found, receivers, listener, address).await;
        ended.map_err(|error| Failure::new(format!("serving: {error}")))
    });
    runtime.shutdown_timeout(LAST_WORK);
    index.close();
    ended
}

/// What is there before anything runs.
struct Found {
    access: Access,
    folders: Vec<PathBuf>,
    index: Arc<Index>,
    sources: Arc<Sources>,
}

async fn run(
    config: &Config,
    found: Found,
    receivers: Receivers,
    listener: TcpListener,
    address: SocketAddr,
) -> io::Result<()> {
    // Whoever finds that the gateway listens may ask it to end.
    let asked = task::asked_to_end()?;
    let tasks = Tasks::default();
    let gateway = build(config, found, &tasks).await.map_err(io::Error::other)?;
    // Before anything can happen that somebody wants to hear of.
    let (index, events) = (Arc::clone(&gateway.index), Arc::clone(&gateway.events));
    let webhooks = Webhooks::new(receivers, index, events, Clock::default());
    let ingest = Arc::clone(&gateway.ingest);
    tasks.spawn_until_stop(async move { ingest.run().await });
    let uploads = Arc::clone(&gateway.uploads);
    tasks.spawn_until_stop(uploads.run());
    tasks.spawn_until_stop(Arc::clone(&gateway.broadcasts).run());
    let retention = Arc::clone(&gateway.retention);
    tasks.spawn_until_stop(async move { retention.run().await });
    let arrivals = Arrivals::new(
        Arc::clone(&gateway.index),
        Arc::clone(&gateway.sources),
        Arc::clone(&gateway.events),
        Arc::clone(&gateway.jobs),
        (Options { target: config.target.0 }, config.store.form),
        tasks.clone(),
    );
    tasks.spawn_until_stop(arrivals.run());
    if config.store.form == Form::Segments {
        seal_the_rest(&gateway.index, &gateway.jobs).await;
    }
    let ground = tasks::Ground {
        index: Arc::clone(&gateway.index),
        sources: Arc::clone(&gateway.sources),
        events: Arc::clone(&gateway.events),
        options: Options { target: config.target.0 },
    };
    tasks.spawn_until_stop(tasks::run(Arc::clone(&gateway.jobs), ground));
    tasks.spawn_until_stop(Arc::clone(&gateway.providers).run());
    tasks.spawn_until_stop(webhooks.run(tasks.clone()));
    let limits = Limits {
        connections: config.http.connections,
        patience: config.http.patience.0,
        stall: config.http.stall.0,
        rate: config.http.rate,
        burst: config.http.burst,
        proxied: config.http.proxied,
    };
    let served = (Arc::clone(&gateway), tasks.clone());
    tasks.spawn(async move {
        let (gateway, tasks) = served;
        if let Err(error) = http::serve(listener, gateway, limits, tasks.clone()).await {
            error!(%error, "no more connections are accepted");
            tasks.stop_token().cancel();
        }
    });
    // However it ends: the word goes out.
    let _ = tokio::time::timeout(FIRST_LOOK, gateway.ingest.ready()).await;
    announce(address)?;
    info!(%address, folders = gateway.folders.len(), "gateway started");
    tokio::select! {
        () = asked => {}
        () = tasks.stopping() => {}
    }
    let left = tasks.shutdown(config.http.shutdown.0).await;
    if let Err(error) = gateway.retention.write_down().await {
        warn!(%error, "when media were used last is forgotten");
    }
    match left {
        0 => info!("gateway ended"),
        left => warn!(left, "gateway ended, breaking off requests that took too long"),
    }
    Ok(())
}

async fn build(config: &Config, found: Found, tasks: &Tasks) -> Result<Arc<Gateway>, index::Error> {
    let Found { access, folders, index, sources } = found;
    let patience = config.http.wait.0;
    let options = Options { target: config.target.0 };
    let stale = Arc::default();
    let ground = Ground {
        index: Arc::clone(&index),
        folders: folders.clone(),
        options: options.clone(),
        clock: Clock::default(),
        tasks: tasks.clone(),
        stale: Arc::clone(&stale),
        sources: Arc::clone(&sources),
        patience,
        spans: config.retention.clone(),
    };
    let room = Room { hot: config.cache.hot.0, tables: config.cache.tables.0 };
    let settings = Settings {
        folders: folders.clone(),
        options,
        settle: config.watch.settle.0,
        rescan: config.watch.rescan.0,
        at_once: std::thread::available_parallelism().map_or(1, NonZeroUsize::get).clamp(2, 8),
    };
    let events = Arc::new(Events::new(&Clock::default()));
    let retention = Retention::new(
        Arc::clone(&index),
        Arc::clone(&sources),
        Arc::clone(&events),
        Clock::default(),
        config.retention.clone(),
    );
    let broadcasts = broadcast::Ground {
        index: Arc::clone(&index),
        sources: Arc::clone(&sources),
        events: Arc::clone(&events),
        clock: Clock::default(),
        tasks: tasks.clone(),
    };
    let uploads = uploads::Ground {
        index: Arc::clone(&index),
        sources: Arc::clone(&sources),
        events: Arc::clone(&events),
        clock: Clock::default(),
        tasks: tasks.clone(),
        expire: config.upload.expire.0,
        patience: config.http.patience.0,
    };
    let providers = Providers::new(
        Arc::clone(&index),
        Arc::clone(&sources),
        Arc::clone(&events),
        Clock::default(),
        tasks.clone(),
    );
    let jobs = Arc::new(Jobs::new(Arc::clone(&index), Clock::default()));
    let giver = Arc::clone(&providers);
    sources.room().add_giver(giver);
    Ok(Arc::new(Gateway {
        uploads: Uploads::start(uploads).await?,
        providers,
        tasks: tasks.clone(),
        broadcasts: Broadcasts::new(broadcasts, config.broadcast.clone(), &config.store),
        retention: Arc::new(retention),
        playback: Arc::new(Playback::new(ground, room)),
        ingest: Arc::new(Folders::new(Arc::clone(&index), Arc::clone(&events), settings, stale)),
        index,
        sources,
        events,
        access,
        streams: Streams::new(config.http.streams, tasks.stop_token().clone()),
        patience,
        folders,
        jobs,
        counts: http::Counts::default(),
    }))
}

/// Takes as many descriptors as the system gives for the asking: it starts programs with a thousand, and connections and segments in
/// memory are one each.
fn allow_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // With fewer it runs as well: connections wait, segments are copied.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Data for others goes to stdout: where to find the gateway. Nobody reading it is no reason to end.
fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "listening on http://{address}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Who may do what. A gateway that lets everybody do everything is for this machine alone, unless somebody means it.
fn access(config: &Config) -> Result<Access, Failure> {
    let (access, address) = (Access::new(&config.auth), config.listen.0);
    if access.is_open() && !address.ip().to_canonical().is_loopback() && !config.auth.insecure {
        let what = format!("listening on {address}: whoever reaches it could watch, send and delete films");
        return Err(Failure::new(what).hint(
            "set tokens in [auth] of the file of --config, or say --insecure where everybody may do everything",
        ));
    }
    Ok(access)
}

/// The folders to serve, canonical, each once.
fn folders(config: &Config) -> Result<Vec<PathBuf>, Failure> {
    let mut folders = Vec::new();
    for folder in &config.folders {
        let failed =
            |why: &dyn std::fmt::Display| Failure::new(format!("folder {}: {why}", folder.display()));
        let canonical = folder.canonicalize().map_err(|error| failed(&error))?;
        if !canonical.is_dir() {
            return Err(failed(&"not a folder").hint("`segue serve` takes folders; put the film into one"));
        }
        if !folders.contains(&canonical) {
            folders.push(canonical);
        }
    }
    Ok(folders)
}

/// Where the index lies if nobody says: in the user's own data folder.
fn data_folder(config: &Config) -> Result<PathBuf, Failure> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = || set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    let found = config.data.clone().or_else(|| own().map(|data| data.join("segue")));
    found.ok_or_else(|| Failure::new("no folder for data").hint("name one with --data DIR"))
}

fn open_index(folder: &Path, sync: Sync) -> Result<Arc<Index>, Failure> {
    let hint = |error: &index::Error| match error {
        index::Error::InUse(_) => {
            Some("end the other gateway, or give this one a folder of its own with --data DIR")
        }
        index::Error::Folder { .. } => Some("name a folder that can be written with --data DIR"),
        index::Error::Damaged(_) => Some(
            "move index.sqlite out of the data folder: films of folders are found again, those that were sent are lost",
        ),
        index::Error::TooNew { .. } => Some("use the later version, or another folder with --data DIR"),
        index::Error::Full => Some("make room there, or name another folder with --data DIR"),
        _ => None,
    };
    Index::open(folder, sync).map(Arc::new).map_err(|error| {
        let failure = Failure::new(match error {
            index::Error::Full => format!("data folder {}: {error}", folder.display()),
            _ => error.to_string(),
        });
        match hint(&error) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    http::bind(address).map_err(|error| {
        let failure = Failure::new(format!("listening on {address}: {error}"));
        match error.kind() {
            io::ErrorKind::AddrInUse => {
                failure.hint("another program has this port; choose one with --listen, port 0 for any")
            }
            io::ErrorKind::PermissionDenied => {
                failure.hint("ports below 1024 need leave; choose a higher one with --listen")
            }
            _ => failure,
        }
    })
}
