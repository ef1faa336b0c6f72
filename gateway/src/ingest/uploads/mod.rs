//! Uploads: films that are sent to the gateway, in order or in any order, over connections that may break at any time.
//!
//! What is acknowledged is kept, come what may. Bytes go on where they ended: after a lost connection, a restart, a week. An upload that
//! nobody goes on with expires. Who sends may ask which bytes are wanted next.
//!
//! # Why
//! Each body is taken in by a task of its own: a request whose client has gone is dropped by the server, and what it had brought is to
//! be kept first. A connection that is dead and does not know it yet never blocks a resume: who appends later ends who appended before.

mod body;
mod checksum;
mod error;
mod intake;
mod join;
mod live;
#[cfg(test)]
mod tests;
mod wants;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use segmenter::bytes::ByteRange;
use segmenter::manifest::State;
use tokio::sync::{Semaphore, oneshot};
use tracing::{info, warn};

pub use body::{Body, drain};
pub use checksum::{ALGORITHMS, Checksum};
pub use error::Error;
use error::short;
use intake::Intake;
use live::Live;
pub use wants::{Say, Telling, Wants};

use crate::clock::{Clock, Moment};
use crate::events::{Event, Events};
use crate::id::{MediaId, UploadId};
use crate::index::{self, Index, Key, Upload};
use crate::ranges::Ranges;
use crate::source::{self, CreateError, Sources};
use crate::store::Refusal;
use crate::task::Tasks;
use crate::title::Title;

/// Bodies that are taken in at once: a mebibyte of memory each. More wait.
const AT_ONCE: usize = 256;
/// Uploads that one may be joined of.
const PARTS: usize = 64;
/// How often it is looked for uploads that nobody goes on with.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What uploads stand on.
#[derive(Clone, Debug)]
pub struct Ground {
    /// Where uploads and media are known.
    pub index: Arc<Index>,
    /// Where bytes go.
    pub sources: Arc<Sources>,
    /// What happens to media.
    pub events: Arc<Events>,
    /// When an upload was last gone on with.
    pub clock: Clock,
    /// Where bodies are taken in.
    pub tasks: Tasks,
    /// How long an upload may lie idle.
    pub expire: Duration,
    /// How long a client may send nothing.
    pub patience: Duration,
}

/// A new upload.
#[derive(Clone, Debug, Default)]
pub struct New {
    /// Bytes, if that is known yet.
    pub length: Option<u64>,
    /// What it is called.
    pub title: Title,
    /// The file's name.
    pub name: String,
    /// What the client said of it, as it said it.
    pub metadata: String,
    /// Whether it is a part of another.
    pub partial: bool,
    /// What it is joined of.
    pub parts: Vec<UploadId>,
    /// What the client calls it.
    pub key: Option<Key>,
}

/// Bytes that go on where an upload ended.
pub struct Append {
    /// Where it ended, as the client knows.
    pub offset: u64,
    /// Bytes of the whole, if that is said only now.
    pub length: Option<u64>,
    /// Bytes of the body, if that is known.
    pub announced: Option<u64>,
    /// What they have to prove.
    pub checksum: Option<Checksum>,
    /// The bytes.
    pub body: Body,
}

/// Bytes that go anywhere.
pub struct Part {
    /// Where they go.
    pub range: ByteRange,
    /// Bytes of the whole, if the client says so.
    pub length: Option<u64>,
    /// The bytes.
    pub body: Body,
}

/// How far an upload is.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its name in addresses.
    pub id: UploadId,
    /// What it becomes.
    pub media: MediaId,
    /// How far the medium is.
    pub state: State,
    /// Bytes in all, if that is known.
    pub length: Option<u64>,
    /// Bytes that are acknowledged.
    pub here: Ranges,
    /// What is wanted next, the most urgent first.
    pub wants: Vec<ByteRange>,
    /// How many of these somebody waits for; the others are the rest.
    pub urgent: usize,
    /// When it expires if nobody goes on with it.
    pub expires: Moment,
    /// What the client said of it.
    pub metadata: String,
    /// Whether it is a part of another.
    pub partial: bool,
    /// What it is joined of.
    pub parts: Vec<UploadId>,
    /// Why its medium can't be played.
    pub error: Option<String>,
}

impl Status {
    /// Where the next byte goes of one who sends them in order.
    pub fn offset(&self) -> u64 {
        self.here.prefix()
    }
}

/// Every upload that has not expired.
#[derive(Debug)]
pub struct Uploads {
    ground: Ground,
    live: Mutex<HashMap<UploadId, Arc<Live>>>,
    creating: tokio::sync::Mutex<()>,
    joining: Mutex<HashSet<UploadId>>,
    intakes: Arc<Semaphore>,
}

impl Uploads {
    /// Goes on with the uploads that the index knows: space is promised again for what they lack.
    ///
    /// # Errors
    /// When the index can't be read.
    pub async fn start(ground: Ground) -> Result<Arc<Self>, index::Error> {
        let uploads = Self {
            live: Mutex::default(),
            creating: tokio::sync::Mutex::default(),
            joining: Mutex::default(),
            intakes: Arc::new(Semaphore::new(AT_ONCE)),
            ground,
        };
        for row in uploads.ground.index.uploads().await? {
            let Some(source) = uploads.ground.sources.get(row.media).await? else { continue };
            let Some(media) = uploads.ground.index.media(row.media).await? else { continue };
            if let Some(length) = row.length {
                source.set_length(length);
            }
            if media.state == State::Failed {
                source.refuse(media.error.as_deref().unwrap_or("it holds no film"));
            } else if !source.is_complete()
                && row.parts.is_empty()
                && let Err(error) = source.reserve()
            {
                warn!(upload = short(row.id), %error, "an upload may not fit any more");
            }
            uploads.all().insert(row.id, Arc::new(Live::new(row, source)));
        }
        Ok(Arc::new(uploads))
    }

    /// Takes away what nobody goes on with, and joins what a restart broke off. Never returns.
    pub async fn run(self: Arc<Self>) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            if let Err(error) = self.look().await {
                warn!(%error, "uploads that are over can't be taken away");
            }
        }
    }

    /// Makes an upload, and its medium. True if it was there already, under the same key.
    ///
    /// # Errors
    /// When there is no space for it, or it can't be joined.
    pub async fn create(self: &Arc<Self>, new: New) -> Result<(Status, bool), Error> {
        // Two who ask for the same at once get the same.
        let _turn = match &new.key {
            Some(_) => Some(self.creating.lock().await),
            None => None,
        };
        if let Some(key) = &new.key
            && let Some(row) = self.ground.index.upload_of_key(key.name.clone()).await?
            && let Ok(live) = self.find(row.id)
        {
            if row.key.as_ref() != Some(key) {
                return Err(Error::KeyUsed);
            }
            live.touch(self.ground.clock.now());
            return Ok((self.told(&live).await?, true));
        }
        if new.length == Some(0) {
            return Err(Error::Empty);
        }
        let parts = self.parts(&new)?;
        let live = self.make(new, &parts).await?;
        if !parts.is_empty() {
            self.join(Arc::clone(&live), parts);
        }
        Ok((self.told(&live).await?, false))
    }

    /// The uploads that one is to be joined of.
    fn parts(&self, new: &New) -> Result<Vec<Arc<Live>>, Error> {
        let taken: HashSet<UploadId> =
            self.all().values().flat_map(|live| live.row().parts.clone()).collect();
        let mut seen = HashSet::new();
        if new.parts.len() > PARTS {
            return Err(Error::Parts("it is to be joined of too many parts"));
        }
        let part = |id: &UploadId| {
            let live = self.find(*id).map_err(|_| Error::NO_PART)?;
            if !live.row().partial || taken.contains(id) || !seen.insert(*id) {
                return Err(Error::NO_PART);
            }
            if live.source.is_complete() { Ok(live) } else { Err(Error::UNFINISHED) }
        };
        new.parts.iter().map(part).collect()
    }

    async fn make(&self, new: New, parts: &[Arc<Live>]) -> Result<Arc<Live>, Error> {
        let joined = parts.iter().map(|part| part.source.length().unwrap_or(0)).sum();
        let length = if parts.is_empty() { new.length } else { Some(joined) };
        let source = source::New {
            title: new.title,
            name: new.name,
            length,
            owner: None,
            // The bytes of parts are here already, and move over.
            reserve: parts.is_empty(),
        };
        let limit = self.ground.sources.quota().usage().quota;
        if let Some(needed) = length.filter(|length| *length > limit) {
            return Err(CreateError::from(Refusal::Never { needed, limit }).into());
        }
        let source = match new.partial {
            true => self.ground.sources.create_part(source).await?,
            false => self.ground.sources.create(source).await?,
        };
        let row = Upload {
            id: UploadId::random(),
            media: source.id(),
            length,
            used: self.ground.clock.now(),
            metadata: new.metadata,
            partial: new.partial,
            parts: new.parts,
            key: new.key,
        };
        if let Err(error) = self.ground.index.put_upload(row.clone()).await {
            // Without its upload nobody could send it.
            self.ground.sources.remove(row.media).await?;
            return Err(error.into());
        }
        info!(upload = short(row.id), media = %row.media, length, "upload made");
        let live = Arc::new(Live::new(row.clone(), source));
        self.all().insert(row.id, Arc::clone(&live));
        Ok(live)
    }

    /// How far an upload is.
    ///
    /// # Errors
    /// When there is none of this id.
    pub async fn status(&self, id: UploadId) -> Result<Status, Error> {
        let live = self.find(id)?;
        self.told(&live).await
    }

    /// How far an upload is, for one who wants to go on with it: who appended before is ended, and what it brought kept.
    ///
    /// # Errors
    /// When there is none of this id.
    pub async fn resume(&self, id: UploadId) -> Result<Status, Error> {
        let live = self.find(id)?;
        let _turn = match live.take_over(self.ground.tasks.stop_token()).await {
            // One who came later goes on, and has only begun: what is here is told all the same.
            Err(Error::TakenOver) => None,
            turn => Some(turn?),
        };
        live.source.keep().await?;
        self.told(&live).await
    }

    /// Takes bytes in that go on where the upload ended. Who appended before is ended.
    ///
    /// # Errors
    /// When they can't be taken in. What came before the trouble is kept, but for bytes that had to prove something.
    pub async fn append(&self, id: UploadId, append: Append) -> Result<Status, Error> {
        let Append { offset, length, announced, checksum, body } = append;
        let live = self.find(id)?;
        if !live.row().parts.is_empty() {
            return Err(refuse(body, Error::Final).await);
        }
        let turn = live.take_over(self.ground.tasks.stop_token()).await?;
        live.source.keep().await?;
        if let Err(error) = self.may_append(&live, offset, length, announced).await {
            return Err(refuse(body, error).await);
        }
        let end = announced.map(|announced| offset.saturating_add(announced));
        let intake = self.intake(&live, body, offset, end);
        let intake = Intake { checksum, ended: turn.ended.clone(), ..intake };
        self.take_in(Arc::clone(&live), intake, turn).await?;
        self.told(&live).await
    }

    async fn may_append(
        &self,
        live: &Arc<Live>,
        said: u64,
        length: Option<u64>,
        announced: Option<u64>,
    ) -> Result<(), Error> {
        if let Some(length) = length {
            self.declare(live, length).await?;
        }
        let expected = live.source.kept().prefix();
        if let Some(reason) = live.source.refused() {
            return Err(source::WriteError::NotAFilm(reason).into());
        }
        if said != expected {
            return Err(Error::Offset { said, expected });
        }
        let end = announced.and_then(|announced| said.checked_add(announced));
        match (live.source.length(), end) {
            (Some(length), Some(end)) if end > length => Err(Error::TooLong(length - said)),
            _ => Ok(()),
        }
    }

    /// Takes bytes in that go anywhere. Several may at once.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub async fn put(&self, id: UploadId, part: Part) -> Result<Status, Error> {
        let Part { range, length, body } = part;
        let live = self.find(id)?;
        if !live.row().parts.is_empty() {
            return Err(refuse(body, Error::Final).await);
        }
        if let Some(length) = length
            && let Err(error) = self.declare(&live, length).await
        {
            return Err(refuse(body, error).await);
        }
        let stop = self.ground.tasks.stop_token();
        let turn = stop.run_until_cancelled(live.parts.acquire()).await;
        let _turn = turn.ok_or(Error::Ending)?;
        let intake = self.intake(&live, body, range.start, Some(range.end));
        self.take_in(Arc::clone(&live), intake, ()).await?;
        self.told(&live).await
    }

    fn intake(&self, live: &Arc<Live>, body: Body, at: u64, end: Option<u64>) -> Intake {
        Intake {
            live: Arc::clone(live),
            body,
            at,
            end,
            limit: self.ground.sources.quota().usage().quota,
            checksum: None,
            patience: self.ground.patience,
            ended: self.ground.tasks.stop_token().child_token(),
            clock: self.ground.clock.clone(),
        }
    }

    /// Takes a body in, in a task that goes on to its end even if nobody waits for it; `held` is held that long.
    async fn take_in(&self, live: Arc<Live>, intake: Intake, held: impl Send + 'static) -> Result<(), Error> {
        let at_work = live.at_work();
        let stop = self.ground.tasks.stop_token();
        let turns = Arc::clone(&self.intakes);
        let place = stop.run_until_cancelled(turns.acquire_owned()).await;
        let Some(Ok(place)) = place else { return Err(Error::Ending) };
        let (done, told) = oneshot::channel();
        self.ground.tasks.spawn(async move {
            let taken = intake.run().await;
            drop((at_work, place, held));
            // Whoever sent it may have gone.
            let _ = done.send(taken);
        });
        match told.await {
            Ok(Err(Error::TakenOver)) if stop.is_cancelled() => Err(Error::Ending),
            Ok(taken) => taken,
            Err(_) => Err(Error::Ending),
        }
    }

    /// Says how long an upload is, if nobody has yet.
    async fn declare(&self, live: &Arc<Live>, said: u64) -> Result<(), Error> {
        let known = live.source.length().or_else(|| Some(live.source.here().iter().last()?.end));
        match live.source.length() {
            Some(length) if length == said => return Ok(()),
            Some(known) => return Err(Error::Length { said, known }),
            None if known.is_some_and(|here| here > said) => {
                return Err(Error::Length { said, known: known.unwrap_or(0) });
            }
            None => {}
        }
        let limit = self.ground.sources.quota().usage().quota;
        if said > limit {
            return Err(source::WriteError::from(Refusal::Never { needed: said, limit }).into());
        }
        let row = {
            let mut row = live.row();
            row.length = Some(said);
            row.clone()
        };
        self.ground.index.put_upload(row).await?;
        if !live.source.set_length(said) {
            return Err(Error::Length { said, known: live.source.length().unwrap_or(0) });
        }
        self.ground.sources.tell();
        Ok(live.source.reserve().map_err(source::WriteError::from)?)
    }

    /// What is wanted of an upload, told as it changes.
    ///
    /// # Errors
    /// When there is none of this id.
    pub fn wants(&self, id: UploadId) -> Result<Telling, Error> {
        let live = self.find(id)?;
        let Ground { index, events, tasks, .. } = &self.ground;
        Ok(Telling::new(live, Arc::clone(index), Arc::clone(events), tasks.stop_token().clone()))
    }

    /// Ends an upload and deletes its medium, which is told.
    ///
    /// # Errors
    /// When there is none of this id.
    pub async fn remove(&self, id: UploadId) -> Result<MediaId, Error> {
        let live = self.find(id)?;
        live.end_request();
        self.delete(&live, "deleted").await?;
        Ok(live.source.id())
    }

    async fn delete(&self, live: &Live, why: &'static str) -> Result<(), index::Error> {
        let (id, media, partial) = {
            let row = live.row();
            (row.id, row.media, row.partial)
        };
        self.ground.sources.remove(media).await?;
        self.all().remove(&id);
        info!(upload = short(id), %media, why, "upload and medium are gone");
        if !partial {
            self.ground.events.tell(Event::Gone { id: media, why });
        }
        Ok(())
    }

    /// Takes away what nobody goes on with, writes down what is gone on with, joins what is not joined.
    pub(crate) async fn look(self: &Arc<Self>) -> Result<(), index::Error> {
        let now = self.ground.clock.now();
        let all: Vec<(UploadId, Arc<Live>)> =
            self.all().iter().map(|(id, live)| (*id, Arc::clone(live))).collect();
        let mut used = Vec::new();
        for (id, live) in all {
            live.settle();
            if live.source.is_gone() {
                self.all().remove(&id);
            } else if !live.is_at_work() && now >= live.used().after(self.ground.expire) {
                self.expire(id, &live).await?;
            } else {
                used.extend(live.to_write().map(|at| (id, at)));
                self.join_again(&live);
            }
        }
        if used.is_empty() { Ok(()) } else { self.ground.index.touch_uploads(used).await }
    }

    /// The medium of an upload that was finished stays.
    async fn expire(&self, id: UploadId, live: &Live) -> Result<(), index::Error> {
        if !live.source.is_complete() || live.row().partial {
            return self.delete(live, "expired").await;
        }
        self.ground.index.remove_upload(id).await?;
        self.all().remove(&id);
        Ok(())
    }

    fn join_again(self: &Arc<Self>, live: &Arc<Live>) {
        let ids = live.row().parts.clone();
        let parts: Vec<_> = ids.iter().filter_map(|id| self.find(*id).ok()).collect();
        if !parts.is_empty() {
            self.join(Arc::clone(live), parts);
        }
    }

    /// Joins an upload in the background, if that is not under way.
    fn join(self: &Arc<Self>, whole: Arc<Live>, parts: Vec<Arc<Live>>) {
        let id = whole.row().id;
        if !self.joining().insert(id) {
            return;
        }
        let uploads = Arc::clone(self);
        self.ground.tasks.spawn_until_stop(async move {
            let _at_work: Vec<_> = parts.iter().chain([&whole]).map(Live::at_work).collect();
            // Those of which all went before a restart are not there any more: what is left is litter.
            let joined = match whole.source.is_complete() {
                true => Ok(()),
                false => join::join(&whole, &parts).await,
            };
            match joined {
                Ok(()) => {
                    for part in parts {
                        if let Err(error) = uploads.delete(&part, "joined").await {
                            warn!(%error, "a part that has been joined stays until it expires");
                        }
                    }
                    info!(upload = short(id), "upload joined of its parts");
                }
                Err(error) => warn!(upload = short(id), %error, "upload is not joined of its parts yet"),
            }
            uploads.joining().remove(&id);
        });
    }

    async fn told(&self, live: &Live) -> Result<Status, Error> {
        let row = live.row().clone();
        let media = self.ground.index.media(row.media).await?.ok_or(Error::NoUpload)?;
        let Wants { ranges: wants, urgent, .. } = wants::wants(live, media.state);
        Ok(Status {
            id: row.id,
            media: row.media,
            state: media.state,
            length: live.source.length(),
            here: live.source.kept(),
            wants,
            urgent,
            expires: live.used().after(self.ground.expire),
            metadata: row.metadata,
            partial: row.partial,
            parts: row.parts,
            error: media.error,
        })
    }

    fn find(&self, id: UploadId) -> Result<Arc<Live>, Error> {
        let live = self.all().get(&id).cloned();
        live.filter(|live| !live.source.is_gone()).ok_or(Error::NoUpload)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<UploadId, Arc<Live>>> {
        // Nothing panics while it is held.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn joining(&self) -> MutexGuard<'_, HashSet<UploadId>> {
        self.joining.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears a client out that is refused.
async fn refuse(mut body: Body, error: Error) -> Error {
    drain(&mut body).await;
    error
}
