use super::super::Writer;
use super::*;

const TRACK: TrackId = TrackId(7);

/// A `moof` with runs of so many samples, of which nothing is told that `trex` does not tell.
fn moof(runs: &[u32]) -> Bytes {
    let mut bytes = Vec::new();
    Writer::new(&mut bytes).boxed(b"moof", |out| {
        out.boxed(b"traf", |out| {
            out.full(b"tfhd", 0, tfhd::BASE_IS_MOOF, |out| out.u32(TRACK.0));
            for &samples in runs {
                out.full(b"trun", 0, 0, |out| out.u32(samples));
            }
        });
    });
    bytes.into()
}

/// What becomes of these runs in a source of 1,000 bytes whose samples have `size` each.
fn read(runs: &[u32], size: u32) -> Result<SampleTable, FragmentError> {
    let mut fragments = Fragments::new(1000);
    let defaults = Defaults { entry: 1, duration: 1, size, flags: 0, iv_size: None };
    fragments.add(TRACK, defaults, &SampleTable::default()).unwrap();
    fragments.read(&moof(runs), 0)?;
    Ok(fragments.take(TRACK).unwrap())
}

#[test]
fn a_source_has_no_more_samples_than_bytes_whatever_its_runs_claim() {
    assert_eq!(read(&[600, 400], 1).unwrap().len(), 1000);
    for (runs, size) in [(&[600, 401][..], 1), (&[600, 401], 0), (&[1001], 1 << 20)] {
        let source = JoinError::MoreThanBytes { samples: 1001, len: 1000 };
        assert_eq!(read(runs, size), Err(FragmentError::Join { at: 0, track: TRACK, source }));
    }
}

#[test]
fn a_run_that_the_end_of_the_source_cuts_off_is_read_in_full() {
    let table = read(&[500], 4).unwrap();
    assert_eq!(table.walk(table.start()).filter(|sample| sample.place.end > 1000).count(), 250);
}

#[test]
fn samples_in_a_movie_header_are_counted_too() {
    let mut fragments = Fragments::new(1000);
    let table = SampleTable { count: 1001, ..SampleTable::default() };
    let refused = fragments.add(TRACK, Defaults::default(), &table);
    assert_eq!(refused, Err(JoinError::MoreThanBytes { samples: 1001, len: 1000 }));
}
