//! `segue provider`: keeps replicas for a gateway, and says how it is doing.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::args::ProviderArgs;
use crate::clock::Clock;
use crate::config::Provider;
use crate::index::{Depot, DepotError};
use crate::peer::Address;
use crate::provider::id_is_plain;
use crate::provider::keeper::{Error, Keeper, Line, Status};
use crate::task;

/// How long a write that is under way may take to end.
const LAST_WORK: Duration = Duration::from_secs(10);
/// How often the line on a terminal is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(200);

/// Runs a provider until it is asked to end.
pub(super) fn run(args: ProviderArgs) -> Result<ExitCode, Failure> {
    let settings = args.settings()?;
    let to = settings.to.as_deref().ok_or_else(|| {
        Failure::new("no gateway to keep replicas for")
            .hint("say where it is with --to http://HOST:PORT, or in the file of --config")
    })?;
    let to: Address = to.parse().map_err(|error| Failure::new(format!("--to: {error}")))?;
    if let Some(id) = settings.id.as_deref().filter(|id| !id_is_plain(id)) {
        let failure = Failure::new(format!("--id {id}: not a plain name"));
        return Err(failure.hint("an id has 1 to 64 letters, digits, dots, dashes and underscores"));
    }
    let depot = Depot::open(&folder(&settings)?, settings.max_size.0).map_err(of_depot)?;
    let keeper = Keeper::new(depot, settings.id.clone(), Clock::default()).map_err(of_depot)?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("starting the runtime: {error}")))?;
    let ended = runtime.block_on(async {
        let stop = CancellationToken::new();
        let mut drawing = Box::pin(draw(keeper.status(), to.to_string()));
        let mut running = Box::pin(keeper.run(&to, settings.token.each().next(), &stop));
        let asked = async {
            match task::asked_to_end() {
                Ok(asked) => asked.await,
                // Without signals it runs until it is killed.
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = &mut running => return ended,
            () = &mut drawing => {}
            () = asked => stop.cancel(),
        }
        running.await
    });
    runtime.shutdown_timeout(LAST_WORK);
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(Error::Depot(error)) => Err(of_depot(error)),
        Err(error @ Error::Refused(_)) => Err(Failure::new(error.to_string())
            .hint("another provider may have this id already: choose one with --id")),
        Err(error @ Error::Token(_)) => Err(Failure::new(error.to_string())
            .hint("say it with --token, in SEGUE_TOKEN, or in the file of --config")),
    }
}

/// Where the database lies if nobody says: in the user's own data folder.
fn folder(settings: &Provider) -> Result<PathBuf, Failure> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = || set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    let found = settings.data.clone().or_else(|| own().map(|data| data.join("segue-provider")));
    found.ok_or_else(|| Failure::new("no folder for data").hint("name one with --data DIR"))
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn of_depot(error: DepotError) -> Failure {
    let failure = Failure::new(error.to_string());
    match error {
        DepotError::InUse(_) => {
            failure.hint("end the other provider, or give this one a folder of its own with --data DIR")
        }
        DepotError::TooSmall { .. } => failure.hint("give it more with --max-size"),
        DepotError::Folder { .. } => failure.hint("name a folder that can be written with --data DIR"),
        DepotError::TooNew(_) => failure.hint("use the later version, or another folder with --data DIR"),
        DepotError::Sqlite(_) => failure,
    }
}

/// One line on a terminal that tells how it is doing; elsewhere a line for each change of the connection. Never returns.
async fn draw(mut status: watch::Receiver<Status>, to: String) {
    let is_terminal = io::stderr().is_terminal();
    let bar = if is_terminal { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    bar.set_style(
        ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar.enable_steady_tick(DRAWN_EVERY);
    let mut said = Line::Connecting;
    loop {
        let now = status.borrow_and_update().clone();
        bar.set_message(line(&now, &to));
        if !is_terminal && now.line != said {
            eprintln!("{}", line(&now, &to));
        }
        said = now.line;
        if status.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn line(status: &Status, to: &str) -> String {
    let Status { line, id, chunks, used, limit, kept, given } = status;
    let holds = format!("{id}: {chunks} chunks, {} of {}", HumanBytes(*used), HumanBytes(*limit));
    match line {
        Line::Connecting => format!("{holds}; connecting to {to}"),
        Line::Connected(name) => {
            format!("{holds}; connected to {name} at {to}; {kept} kept, {given} given back")
        }
        Line::Lost(why) => format!("{holds}; not connected to {to}: {why}; trying again"),
    }
}
