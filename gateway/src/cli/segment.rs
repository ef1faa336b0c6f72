//! `segue segment`: one film, or many side by side.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use segmenter::offline::{self, Job, Report};
use segmenter::plan::Options;

use super::Failure;
use super::args::SegmentArgs;
use super::failure::one_line;
use super::inputs::{Inputs, Planned};
use super::progress::Bars;

/// Segments what was asked for.
pub(super) fn run(args: &SegmentArgs) -> Result<ExitCode, Failure> {
    let jobs = args.jobs.map_or_else(cores, NonZeroUsize::get);
    match Inputs::plan(&args.inputs, &args.out)? {
        Inputs::One(planned) => {
            one(&planned, args, jobs, &Bars::default())?;
            Ok(ExitCode::SUCCESS)
        }
        Inputs::Several(planned) => Ok(several(&planned, args, jobs)),
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Segments one film and says so.
fn one(planned: &Planned, args: &SegmentArgs, workers: usize, bars: &Bars) -> Result<(), Failure> {
    let started = Instant::now();
    let job = Job {
        input: planned.input.clone(),
        out: planned.out.clone(),
        options: Options { target: args.target },
        single_file: args.single_file,
        workers,
        force: args.force,
    };
    let report = offline::segment(&job, &bars.film(&planned.input))?;
    for note in &report.notes {
        bars.say(&format!("warning: {}: {}", planned.input.display(), one_line(&note.to_string())));
    }
    bars.say(&one_line(&summary(planned, &report, started)));
    Ok(())
}

fn summary(planned: &Planned, Report { manifest, .. }: &Report, started: Instant) -> String {
    let ids: Vec<_> = manifest.renditions.iter().map(|rendition| rendition.id.as_str()).collect();
    let segments: usize = manifest.renditions.iter().map(|rendition| rendition.segments.len()).sum();
    let (out, ids) = (planned.out.display(), ids.join(" "));
    let (film, took) = (manifest.duration, started.elapsed().as_secs_f64());
    format!("{out}: {film:.1} s of film, {segments} segments ({ids}), made in {took:.2} s")
}

/// How each of several films ended.
#[derive(Debug, Default)]
struct Tally {
    done: AtomicUsize,
    skipped: AtomicUsize,
    failed: AtomicUsize,
}

impl Tally {
    fn count(counter: &AtomicUsize) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The last line, and whether all is well.
    fn told(&self) -> (String, bool) {
        let [done, skipped, failed] =
            [&self.done, &self.skipped, &self.failed].map(|counter| counter.load(Ordering::Relaxed));
        let mut line = format!("segmented {done} {}", if done == 1 { "film" } else { "films" });
        if skipped > 0 {
            line.push_str(&format!(", {skipped} already whole"));
        }
        if failed > 0 {
            line.push_str(&format!(", {failed} failed"));
        }
        (line, failed == 0)
    }
}

/// Segments films `jobs` at a time. One that fails spares the others.
fn several(films: &[Planned], args: &SegmentArgs, jobs: usize) -> ExitCode {
    let (bars, tally, next) = (Bars::default(), Tally::default(), AtomicUsize::new(0));
    let at_once = jobs.clamp(1, films.len().max(1));
    let work = || {
        while let Some(planned) = films.get(next.fetch_add(1, Ordering::Relaxed)) {
            attempt(planned, args, (jobs / at_once).max(1), &bars, &tally);
        }
    };
    thread::scope(|scope| {
        for _ in 1..at_once {
            scope.spawn(work);
        }
        work();
    });
    let (line, well) = tally.told();
    bars.say(&line);
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn attempt(planned: &Planned, args: &SegmentArgs, workers: usize, bars: &Bars, tally: &Tally) {
    // The manifest is written last: where there is one, the folder is whole.
    if !args.force && planned.out.join("manifest.json").exists() {
        bars.say(&format!("{}: already whole, skipped", one_line(&planned.out.display().to_string())));
        return Tally::count(&tally.skipped);
    }
    match one(planned, args, workers, bars) {
        Ok(()) => Tally::count(&tally.done),
        Err(failure) => {
            bars.pause(|| failure.tell());
            Tally::count(&tally.failed);
        }
    }
}
