use std::collections::BTreeMap;

use mp4_atom::{Decode, Emsg, EmsgTimestamp, Encode};
use proptest::prelude::*;

use super::*;
use crate::isobmff::boxes::children;
use crate::isobmff::film::talkie;

type Made = BTreeMap<(String, u32), Bytes>;

/// Feeds `film` in spans of the given lengths, one after the other, then whatever is asked for.
fn run(film: &Bytes, spans: &[usize]) -> Made {
    run_on(Segmenter::new(film.len() as u64, Options::default()), film, spans)
}

fn run_with(film: &Bytes, options: Options) -> Made {
    run_on(Segmenter::new(film.len() as u64, options), film, &[])
}

fn run_on(mut segmenter: Segmenter, film: &Bytes, spans: &[usize]) -> Made {
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
    as_the_recipes_say(&film, &made);
    assert_eq!(made.len(), 2 + 5 + 5);
}

fn as_the_recipes_say(film: &Bytes, made: &Made) {
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
}

/// A fragmented film of 12 seconds of pictures, a segment and a GOP every 2 seconds, each behind the messages given for it.
fn messages(before: impl Fn(u32) -> Vec<u8>) -> Bytes {
    let made = run_with(&talkie(12, 50), Options { target: std::time::Duration::from_secs(2) });
    let pictures = made.into_iter().filter(|((rendition, _), _)| rendition == "v1");
    let parts = pictures
        .map(|((_, number), bytes)| [if number == 0 { vec![] } else { before(number) }, bytes.into()]);
    parts.flatten().collect::<Vec<_>>().concat().into()
}

/// Every message of a segment, which all lie before its first fragment.
fn told(segment: &Bytes) -> Vec<Emsg> {
    let kinds: Vec<_> = children(segment).map(|child| child.code.0).collect();
    let first = kinds.iter().position(|kind| kind == b"moof").unwrap();
    assert_eq!(&kinds[0], b"styp");
    assert!(
        kinds[1..first].iter().all(|kind| kind == b"emsg") && !kinds[first..].contains(b"emsg"),
        "{kinds:?}"
    );
    let found = children(segment).filter(|child| child.code.0 == *b"emsg");
    found.map(|child| Emsg::decode(&mut &child.whole[..]).unwrap()).collect()
}

fn message(id: u32, presentation_time: EmsgTimestamp) -> Emsg {
    let (scheme_id_uri, value) = ("urn:test".to_owned(), String::new());
    Emsg {
        timescale: 1000,
        presentation_time,
        event_duration: 0,
        id,
        scheme_id_uri,
        value,
        message_data: vec![7],
    }
}

fn encoded(messages: &[Emsg]) -> Vec<u8> {
    let mut bytes = Vec::new();
    messages.iter().for_each(|message| message.encode(&mut bytes).unwrap());
    bytes
}

#[test]
fn a_message_comes_in_the_segment_of_its_time_whatever_it_counts_from() {
    // The first picture is shown 80 ms in, so the fragments start at 80, 2,080, 4,080 ... and the segments at 80, 4,080, 8,080.
    let film = messages(|number| match number {
        1 => encoded(&[message(1, EmsgTimestamp::Absolute(9000)), message(2, EmsgTimestamp::Relative(0))]),
        2 => encoded(&[message(3, EmsgTimestamp::Relative(1500)), message(4, EmsgTimestamp::Relative(2000))]),
        6 => encoded(&[message(5, EmsgTimestamp::Absolute(0)), message(6, EmsgTimestamp::Absolute(99_000))]),
        _ => Vec::new(),
    });
    let made = run(&film, &[film.len()]);
    as_the_recipes_say(&film, &made);
    let told = |number| told(&made[&("v1".to_owned(), number)]);
    let (at, after) = (EmsgTimestamp::Absolute, EmsgTimestamp::Relative);
    assert_eq!(told(1), [message(2, after(0)), message(3, after(3500)), message(5, at(0))]);
    assert_eq!(told(2), [message(4, after(0))]);
    assert_eq!(told(3), [message(1, at(9000)), message(6, at(99_000))]);
}

#[test]
fn a_segment_with_messages_starts_its_fragments_behind_them() {
    let film = messages(|number| encoded(&[message(number, EmsgTimestamp::Relative(0))]));
    let mut segmenter = Segmenter::new(film.len() as u64, Options::default());
    segmenter.feed(&Span { offset: 0, bytes: film.clone() }).unwrap();
    let presentation = segmenter.presentation().unwrap();
    let made = run(&film, &[film.len()]);
    for number in 1..=3 {
        let Some(Body::Media(recipe)) = presentation.segment(0, number) else { panic!("no recipe") };
        let segment = &made[&("v1".to_owned(), number)];
        let moofs: Vec<_> = recipe.fragments.iter().map(|f| usize::try_from(f.offset).unwrap()).collect();
        assert_eq!(moofs.len(), 2);
        assert!(moofs.iter().all(|at| &segment[at + 4..at + 8] == b"moof"));
    }
}

#[test]
fn a_message_that_is_none_is_told_as_lost_and_harms_nothing() {
    let mut broken = encoded(&[message(1, EmsgTimestamp::Absolute(0))]);
    broken[8] = 9;
    let film = messages(|number| if number == 2 { broken.clone() } else { Vec::new() });
    let mut segmenter = Segmenter::new(film.len() as u64, Options::default());
    segmenter.feed(&Span { offset: 0, bytes: film.clone() }).unwrap();
    let notes = segmenter.presentation().unwrap().notes();
    assert_eq!(notes, [crate::render::Note::EventsLost { events: 1 }]);
    assert_eq!(run(&film, &[film.len()]), run(&messages(|_| Vec::new()), &[]));
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
