use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::isobmff::film::talkie;

type Made = BTreeMap<(String, u32), Bytes>;

/// Feeds `film` in spans of the given lengths, one after the other, then whatever is asked for.
fn run(film: &Bytes, spans: &[usize]) -> Made {
    let mut segmenter = Segmenter::new(film.len() as u64, Options::default());
    let (mut made, mut wanted) = (Made::new(), Vec::new());
    collect(&mut segmenter, &mut made, &mut wanted);
    let mut at = 0;
    for len in spans.iter().copied() {
        let end = (at + len).min(film.len());
        segmenter.feed(&Span { offset: at as u64, bytes: film.slice(at..end) }).unwrap();
        collect(&mut segmenter, &mut made, &mut wanted);
        at = end;
    }
    while let Some(range) = wanted.pop() {
        let bytes = film.slice(usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap());
        segmenter.feed(&Span { offset: range.start, bytes }).unwrap();
        collect(&mut segmenter, &mut made, &mut wanted);
    }
    assert!(segmenter.is_finished());
    made
}

fn collect(segmenter: &mut Segmenter, made: &mut Made, wanted: &mut Vec<ByteRange>) {
    while let Some(output) = segmenter.poll().unwrap() {
        match output {
            Output::Need(range) => wanted.push(range),
            Output::Init { rendition, bytes } => assert!(made.insert((rendition, 0), bytes).is_none()),
            Output::Segment { rendition, number, bytes } => {
                assert!(made.insert((rendition, number), bytes).is_none())
            }
        }
    }
}

#[test]
fn what_comes_out_is_what_the_recipes_say() {
    let film = talkie(20, 50);
    let made = run(&film, &[]);
    let mut segmenter = Segmenter::new(film.len() as u64, Options::default());
    segmenter.feed(&Span { offset: 0, bytes: film.clone() }).unwrap();
    let presentation = segmenter.presentation().unwrap();
    for (index, rendition) in presentation.renditions().iter().enumerate() {
        for number in 1..=rendition.segments() {
            let Some(Body::Media(recipe)) = presentation.segment(index, number) else { panic!("no recipe") };
            let mut bytes = Vec::new();
            for part in &recipe.parts {
                match part {
                    Part::Header(range) => bytes.extend_from_slice(&recipe.header[range.clone()]),
                    Part::Source(range) => {
                        let range =
                            usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
                        bytes.extend_from_slice(&film[range]);
                    }
                }
            }
            assert_eq!(made[&(rendition.id().to_owned(), number)], bytes);
            assert_eq!(recipe.size, bytes.len() as u64);
        }
    }
    assert_eq!(made.len(), 2 + 5 + 5);
}

#[test]
fn a_source_that_is_no_film_is_the_same_error_each_time() {
    let mut segmenter = Segmenter::new(5, Options::default());
    let error = segmenter.feed(&Span { offset: 0, bytes: Bytes::from_static(b"hello") });
    assert_eq!(error, Err(Error::Demux(demux::Error::NoMovie { len: 5 })));
    assert_eq!(segmenter.poll(), Err(Error::Demux(demux::Error::NoMovie { len: 5 })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_the_input_gives_the_same_output(spans in prop::collection::vec(1_usize..9000, 0..60)) {
        let film = talkie(9, 30);
        prop_assert_eq!(run(&film, &spans), run(&film, &[film.len()]));
    }
}
