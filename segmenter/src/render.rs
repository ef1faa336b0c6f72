//! A film ready to be shown: its manifest, and for each segment the recipe to make it. Reads nothing itself.
//!
//! The command line copies what a [`Recipe`] names in the kernel, the gateway gathers it into one buffer, the engine waits
//! until its bytes have come; all three ask here, so all three write the same bytes.
//!
//! # Why
//! Messages between the fragments of a source (`emsg`) belong to no track of it. They go out with the renditions of the first
//! kind, the video where there is one, because renditions that replace each other must carry the same (ISO/IEC 23009-1
//! 5.10.3.3.1); a player that plays sound beside the picture would otherwise get every message twice. Each lies in the segment
//! of its time, not of its place in the source: what was announced ahead comes when it happens.

mod notes;

use std::collections::HashSet;

use ::bytes::Bytes;

use crate::bytes::ByteRange;
use crate::isobmff::{Event, Format, Movie, MovieTrack, Picture, Sound};
use crate::manifest::{EventStream, Layout, Manifest, Media, Protected, Rendition, Segment, State};
use crate::mux::fragment::{self, Content};
use crate::mux::webvtt::{self, Cue};
pub use crate::mux::{Part, Recipe};
use crate::plan::{self, Options, Plan, TrackPlan};
use crate::sample::Sample;
use crate::time::{Ticks, Timescale};
use crate::track::{Kind, Turn};
pub use notes::Note;

/// A film with its plan.
#[derive(Debug)]
pub struct Presentation {
    movie: Movie,
    plan: Plan,
    renditions: Vec<Output>,
    target: f64,
}

/// One rendition of a [`Presentation`].
#[derive(Debug)]
pub struct Output {
    id: String,
    kind: Kind,
    init: Bytes,
    captions: bool,
    first_offset: i32,
    segments: u32,
    /// Messages that come with it: for each the place of its segment among the cuts, and its own among those of the film.
    events: Vec<(usize, usize)>,
}

impl Output {
    /// Its name and folder: `v1`, `a1`, `t1`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it holds.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How many segments it has; the first is number 1.
    pub fn segments(&self) -> u32 {
        self.segments
    }

    /// Its init segment; empty for captions, which are WebVTT files and need none.
    pub fn init(&self) -> &Bytes {
        &self.init
    }

    /// Whether its segments are WebVTT files made from timed text.
    pub fn is_captions(&self) -> bool {
        self.captions
    }

    /// Places in the film of the messages that come with a segment.
    fn events_of(&self, segment: usize) -> impl Iterator<Item = usize> + '_ {
        let first = self.events.partition_point(|placed| placed.0 < segment);
        self.events[first..].iter().take_while(move |placed| placed.0 == segment).map(|placed| placed.1)
    }
}

/// What a segment is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Headers and bytes of the source.
    Media(Recipe),
    /// A WebVTT file, written from samples of the source.
    Captions(Captions),
}

/// Timed text that becomes a WebVTT file.
#[derive(Clone, Debug, PartialEq)]
pub struct Captions {
    /// Where each sample lies in the source.
    pub places: Vec<ByteRange>,
    /// When each is shown, in ticks of `timescale`.
    times: Vec<(Ticks, Ticks)>,
    timescale: Timescale,
}

impl Captions {
    fn of(source: &MovieTrack, samples: &[Sample]) -> Self {
        let shown = |sample: &Sample| {
            let start = source.track.edits.presentation(sample.composition());
            (start, start + Ticks::from(sample.duration))
        };
        Self {
            places: samples.iter().map(|sample| sample.place).collect(),
            times: samples.iter().map(shown).collect(),
            timescale: source.track.timescale,
        }
    }

    /// The WebVTT file, from the bytes of [`Self::places`].
    pub fn text(&self, samples: &[Bytes]) -> String {
        let cues = samples
            .iter()
            .zip(&self.times)
            .filter_map(|(sample, &(start, end))| Some(Cue { start, end, text: webvtt::cue_text(sample)? }));
        webvtt::segment(&cues.collect::<Vec<_>>(), self.timescale, Ticks::ZERO)
    }
}

/// What a manifest says besides the film's own data.
#[derive(Clone, Debug)]
pub struct Labels {
    /// Id of the medium; empty outside a gateway.
    pub id: String,
    /// Title for people.
    pub title: String,
    /// `movie`, `tv`, `other`.
    pub kind: Option<String>,
    /// How far the medium has got.
    pub state: State,
}

impl Presentation {
    /// Plans `movie`, whose source has `len` bytes.
    ///
    /// # Errors
    /// When samples lie outside the source, or the film is longer than any film.
    pub fn new(movie: Movie, len: u64, options: &Options) -> Result<Self, plan::Error> {
        let plan = plan::plan(&movie, len, options)?;
        let main = plan.tracks.first().map(|first| first.kind);
        let mut numbers = [0_u32; 3];
        let renditions = plan.tracks.iter().map(|plan| {
            let MovieTrack { track, table } = &movie.tracks[plan.track];
            let number = &mut numbers[plan.kind as usize];
            *number += 1;
            let captions = track.is_timed_text();
            let first = plan.cuts.first().and_then(|cut| table.walk(cut.at).next());
            Output {
                id: format!("{}{number}", plan.kind.letter()),
                kind: plan.kind,
                init: match captions {
                    true => Bytes::new(),
                    false => crate::mux::init::init(&movie, track, table.groups(), plan.hidden),
                },
                captions,
                first_offset: first.map_or(0, |sample| sample.offset),
                segments: u32::try_from(plan.cuts.len()).unwrap_or(u32::MAX),
                events: match Some(plan.kind) == main && !captions {
                    true => plan.place(movie.events.iter().map(|event| event.at(track.timescale))),
                    false => Vec::new(),
                },
            }
        });
        let renditions = renditions.collect();
        Ok(Self { renditions, movie, plan, target: options.target.as_secs_f64() })
    }

    /// The messages that come with a rendition, in the order in which they are sent.
    pub fn events(&self, index: usize) -> impl Iterator<Item = &Event> {
        let placed = self.renditions.get(index).map_or(&[][..], |output| &output.events);
        placed.iter().filter_map(|placed| self.movie.events.get(placed.1))
    }

    /// The film.
    pub fn movie(&self) -> &Movie {
        &self.movie
    }

    /// What comes out: video first, then audio, then text.
    pub fn renditions(&self) -> &[Output] {
        &self.renditions
    }

    /// The rendition of this name.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.renditions.iter().position(|rendition| rendition.id == id)
    }

    /// Init segment of a rendition; empty if there is no such rendition.
    pub fn init(&self, rendition: usize) -> Bytes {
        self.renditions.get(rendition).map(|rendition| rendition.init.clone()).unwrap_or_default()
    }

    /// Where a rendition's track stands in the movie, and how it is cut.
    pub(crate) fn cut(&self, rendition: usize) -> Option<(&MovieTrack, &TrackPlan)> {
        let plan = self.plan.tracks.get(rendition)?;
        Some((self.movie.tracks.get(plan.track)?, plan))
    }

    /// What segment `number`, from 1, is made of; `None` when there is no such segment.
    pub fn segment(&self, rendition: usize, number: u32) -> Option<Body> {
        let (source, plan) = self.cut(rendition)?;
        let output = self.renditions.get(rendition)?;
        let segment = (number as usize).checked_sub(1)?;
        let cut = plan.cuts.get(segment)?;
        let samples = source.table.samples(cut.at, plan.segment_end(segment));
        let events: Vec<_> = output.events_of(segment).map(|event| &self.movie.events[event]).collect();
        Some(match output.captions {
            true => Body::Captions(Captions::of(source, &samples)),
            false => Body::Media(fragment::recipe(&Content {
                track: &source.track,
                aux: source.table.aux(),
                groups: source.table.groups(),
                samples: &samples,
                shift: plan.shift,
                first_offset: output.first_offset,
                events: &events,
                start: cut.time,
            })),
        })
    }

    /// Bytes it takes in memory, about.
    pub fn weight(&self) -> usize {
        let cuts: usize = self.plan.tracks.iter().map(|plan| plan.cuts.len() * size_of::<plan::Cut>()).sum();
        self.movie.weight() + cuts
    }

    /// The manifest: walks the whole film once to tell every segment's exact size.
    pub fn manifest(&self, labels: &Labels, layout: Layout) -> Manifest {
        let segments = (0..self.renditions.len()).map(|rendition| {
            let numbers = 1..=self.renditions[rendition].segments;
            numbers.filter_map(|number| self.measure(rendition, number)).collect()
        });
        self.manifest_of(labels, layout, segments.collect())
    }

    /// Size, duration and fragments of one segment.
    pub(crate) fn measure(&self, rendition: usize, number: u32) -> Option<Segment> {
        let body = self.segment(rendition, number)?;
        Some(self.describe(rendition, number, &body))
    }

    /// What a manifest says of a segment whose body is known.
    pub(crate) fn describe(&self, rendition: usize, number: u32, body: &Body) -> Segment {
        let plan = self.plan.tracks.get(rendition);
        let duration = plan.map_or(Ticks::ZERO, |plan| plan.duration(number as usize - 1));
        match body {
            Body::Media(recipe) => {
                Segment { duration, size: recipe.size, fragments: recipe.fragments.clone() }
            }
            // Not known before it is written; what the samples take is close.
            Body::Captions(captions) => {
                let size = captions.places.iter().map(|place| place.len() + 32).sum();
                Segment { duration, size, fragments: Vec::new() }
            }
        }
    }

    /// The manifest for segments that have been measured.
    pub(crate) fn manifest_of(
        &self,
        labels: &Labels,
        layout: Layout,
        segments: Vec<Vec<Segment>>,
    ) -> Manifest {
        let renditions: Vec<_> = segments
            .into_iter()
            .enumerate()
            .filter_map(|(index, segments)| self.rendition(index, layout, segments))
            .collect();
        // Words that outlast the picture and the sound make a film no longer, unless there is nothing else.
        let timed = renditions.iter().any(|r| r.media.kind() != Kind::Text);
        let last = renditions.iter().filter(|r| !timed || r.media.kind() != Kind::Text);
        let end = |r: &Rendition| r.timescale.seconds(r.end() - r.presentation_offset);
        Manifest {
            id: labels.id.clone(),
            title: labels.title.clone(),
            r#type: labels.kind.clone(),
            duration: last.map(end).fold(0.0, f64::max),
            target: self.target,
            state: labels.state,
            layout,
            version: None,
            renditions,
        }
    }

    fn rendition(&self, index: usize, layout: Layout, segments: Vec<Segment>) -> Option<Rendition> {
        let (MovieTrack { track, .. }, plan) = self.cut(index)?;
        let output = &self.renditions[index];
        let entry = track.entry()?;
        let seconds = track.timescale.seconds(plan.end - plan.cuts.first()?.time).max(f64::MIN_POSITIVE);
        let media = match &entry.codec.format {
            Format::Video(picture) => {
                video(picture, track.display.turn(&self.movie.matrix), f64::from(plan.samples) / seconds)
            }
            &Format::Audio(Sound { channels, sample_rate, joc }) => {
                Media::Audio { channels, sample_rate, joc }
            }
            Format::Text(_) if output.captions => Media::WebVtt,
            Format::Text(_) => Media::Text,
        };
        let start = plan.cuts.first()?.time;
        Some(Rendition {
            id: output.id.clone(),
            media,
            codec: entry.codec.rfc6381.clone(),
            timescale: track.timescale,
            language: track.language.clone(),
            name: track.name.clone(),
            init: output.init.clone(),
            head: match layout {
                Layout::Segments => 0,
                Layout::SingleFile => output.init.len() as u64 + self.sidx(index, &segments).len() as u64,
            },
            start,
            segments,
            presentation_offset: self.plan.origin_scale.convert(self.plan.origin, track.timescale),
            event_streams: self.event_streams(index),
            protection: entry.codec.protection.as_ref().map(|protection| Protected {
                scheme: protection.scheme.to_string(),
                key_id: protection.key_id,
                pssh: self.movie.pssh.clone(),
            }),
            available: None,
        })
    }

    /// The kinds of messages a rendition carries, each once.
    fn event_streams(&self, index: usize) -> Vec<EventStream> {
        let mut streams: Vec<EventStream> = Vec::new();
        let mut known = HashSet::new();
        for event in self.events(index) {
            if known.insert((&event.scheme, &event.value)) {
                streams.push(EventStream { scheme: event.scheme.clone(), value: event.value.clone() });
            }
        }
        streams
    }

    /// The index that a single file has between its init segment and its first media segment.
    pub(crate) fn sidx(&self, rendition: usize, segments: &[Segment]) -> Bytes {
        let Some((source, plan)) = self.cut(rendition) else { return Bytes::new() };
        if self.renditions[rendition].captions {
            return Bytes::new();
        }
        let start = plan.cuts.first().map_or(Ticks::ZERO, |cut| cut.time);
        crate::mux::index::index(source.track.timescale, start, segments)
    }
}

/// Pictures as they are shown, once turned.
fn video(picture: &Picture, turn: Turn, frame_rate: f64) -> Media {
    let Picture { width, height, pixel_aspect, range, ref supplemental } = *picture;
    let (width, height, pixel_aspect) = match turn.sideways {
        true => (height, width, pixel_aspect.map(|(across, down)| (down, across))),
        false => (width, height, pixel_aspect),
    };
    let (rotation, supplemental) = (turn.clockwise, supplemental.clone());
    Media::Video { width, height, rotation, frame_rate, pixel_aspect, range, supplemental }
}

#[cfg(test)]
mod tests;
