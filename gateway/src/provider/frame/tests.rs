//! Frames read back as they were written, and nothing else is one.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::chunk::Filetype;
use super::*;
use crate::title::Type;

fn media() -> impl Strategy<Value = MediaId> {
    any::<u64>().prop_map(|seed| MediaId::of_file(std::path::Path::new(&seed.to_string())))
}

fn chunk() -> impl Strategy<Value = Chunk> {
    let of = (media(), any::<u32>(), any::<u64>(), any::<[u8; 32]>(), 0..100_u32);
    let number = || option::of(any::<u32>().prop_filter("none, on the wire", |number| *number != 999));
    let kind = prop_oneof![Just(None), Just(Some(Type::Movie)), Just(Some(Type::Tv))];
    let title = (option::of(1..=u64::MAX), number(), number(), kind, "[a-z0-9]{0,16}");
    (of, title, any::<u64>()).prop_map(|(of, title, offset)| Chunk {
        number: of.1,
        timestamp: of.2,
        tmdb: title.0,
        filetype: Filetype::of(std::path::Path::new(&format!("film.{}", title.4))),
        kind: title.3,
        season: title.1,
        episode: title.2,
        media: of.0,
        offset,
        length: of.4,
        sum: of.3,
    })
}

fn with_bytes() -> impl Strategy<Value = (Chunk, Bytes)> {
    chunk().prop_map(|chunk| (chunk, vec![7; chunk.length as usize].into()))
}

fn frame() -> impl Strategy<Value = Frame> {
    let replica = (media(), any::<u32>(), any::<[u8; 32]>()).prop_map(|(media, number, sum)| Replica {
        media,
        number,
        sum,
    });
    let why = prop_oneof![Just(Why::Evicted), Just(Why::Absent), Just(Why::Large), Just(Why::Failed)];
    prop_oneof![
        (vec(any::<u8>(), 0..9), ".{0,40}", any::<u32>()).prop_map(|(versions, name, largest)| {
            Frame::Gateway(FromGateway { versions, name, largest })
        }),
        (".{0,40}", ".{0,40}", any::<u64>(), any::<u64>()).prop_map(|(id, key, used, limit)| {
            Frame::Provider(FromProvider { versions: vec![1], id, key, store: "x".to_owned(), used, limit })
        }),
        (".{0,40}", ".{0,40}").prop_map(|(code, detail)| Frame::Refused(Refusal { code, detail })),
        vec(replica, 0..40).prop_map(Frame::Holds),
        with_bytes().prop_map(|(chunk, bytes)| Frame::Store(chunk, bytes)),
        with_bytes().prop_map(|(chunk, bytes)| Frame::Chunk(chunk, bytes)),
        (chunk(), any::<u64>(), any::<u64>())
            .prop_map(|(chunk, used, limit)| Frame::Stored(chunk, Level { used, limit })),
        chunk().prop_map(Frame::Want),
        (chunk(), why).prop_map(|(chunk, why)| Frame::Gone(chunk, why)),
        any::<u64>().prop_map(Frame::Ping),
        any::<u64>().prop_map(Frame::Pong),
    ]
}

proptest! {
    #[test]
    fn a_frame_reads_back_as_it_was_written(frame in frame()) {
        prop_assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
    }

    #[test]
    fn what_is_cut_off_is_refused_and_nothing_is_read_past_its_end(frame in frame(), cut in any::<prop::sample::Index>()) {
        let whole = frame.encode();
        let cut = whole.slice(..cut.index(whole.len()));
        // A list of fewer replicas is a list.
        if let Ok(read) = Frame::decode(&cut) {
            prop_assert!(matches!(read, Frame::Holds(_)));
        }
    }

    #[test]
    fn no_bytes_whatever_make_it_panic(kind in 0..16_u8, head in 0..300_u16, rest in vec(any::<u8>(), 0..400)) {
        let [high, low] = head.to_be_bytes();
        let message: Bytes = [&[VERSION, kind, high, low][..], &rest].concat().into();
        let _ = Frame::decode(&message);
        let _ = Frame::decode(&rest.into());
    }

    #[test]
    fn what_a_later_version_adds_to_a_header_is_passed_over(chunk in chunk(), more in vec(any::<u8>(), 0..50)) {
        let head = [chunk.encode(), more].concat();
        let message: Bytes = begin(WANT, &head, 0).into();
        prop_assert_eq!(Frame::decode(&message), Ok(Frame::Want(chunk)));
    }

    #[test]
    fn a_chunk_that_is_put_in_place_is_the_same_frame((chunk, bytes) in with_bytes()) {
        let filled = Frame::store_filled::<()>(&chunk, |place| {
            place.copy_from_slice(&bytes);
            Ok(())
        });
        prop_assert_eq!(filled, Ok(Frame::Store(chunk, bytes).encode()));
    }
}

#[test]
fn a_movie_has_season_and_episode_999_on_the_wire() {
    let media = MediaId::of_file(std::path::Path::new("/a"));
    let head = Chunk { kind: Some(Type::Movie), ..Chunk::named(media, 0, [0; 32]) }.encode();
    assert_eq!((&head[21..25], &head[25..29]), (&999_u32.to_be_bytes()[..], &999_u32.to_be_bytes()[..]));
}

#[test]
fn sizes_that_are_only_claimed_are_refused() {
    let media = MediaId::of_file(std::path::Path::new("/a"));
    let claimed = Chunk { length: u32::MAX, ..Chunk::named(media, 0, [0; 32]) };
    let message: Bytes = begin(CHUNK, &claimed.encode(), 0).into();
    assert_eq!(Frame::decode(&message), Err(Error::Length { said: u32::MAX, has: 0 }));
    let many: Bytes = [begin(HOLDS, &[], 0), vec![b'0'; (LARGEST_BATCH + 1) * REPLICA]].concat().into();
    assert!(matches!(Frame::decode(&many), Err(Error::Large { .. })));
    let talk: Bytes = [begin(PROVIDER, &[], 0), vec![b' '; LARGEST_TEXT + 1]].concat().into();
    assert!(matches!(Frame::decode(&talk), Err(Error::Large { .. })));
    let other: Bytes = vec![2, GATEWAY, 0, 0].into();
    assert_eq!(Frame::decode(&other), Err(Error::Version(2)));
    assert_eq!(Frame::decode(&vec![VERSION, 200, 0, 0].into()), Err(Error::Kind(200)));
}
