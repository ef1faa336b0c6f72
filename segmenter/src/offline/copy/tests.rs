use proptest::prelude::*;

use super::*;

/// Bytes of the source: more than the buffer holds.
const LEN: u64 = 512 << 10;

/// Headers and ranges in any order, short and long, near each other and apart.
fn recipe() -> impl Strategy<Value = Recipe> {
    let header = (0_usize..2000).prop_map(|len| (len, None));
    let len = prop_oneof![8 => 1_u64..2000, 1 => KERNEL_COPY..3 * KERNEL_COPY, 1 => (LEN / 3)..(LEN / 2)];
    let range = (any::<prop::sample::Index>(), len).prop_map(|(at, len)| {
        let start = at.index(usize::try_from(LEN - len).unwrap()) as u64;
        (0, Some(ByteRange::at(start, len)))
    });
    let apart = prop::collection::vec(prop_oneof![header, range], 0..40);
    // As FFmpeg writes: one short range after the other, another rendition's between them.
    let run = (0_u64..LEN / 2, 100_u64..900, 0_usize..1500).prop_map(|(start, len, count)| {
        let range = |at: u64| ByteRange::at(start + at * 2 * len, len);
        let ranges = (0..count as u64).map(range).filter(|range| range.end <= LEN);
        std::iter::once((300, None)).chain(ranges.map(|range| (0, Some(range)))).collect()
    });
    prop_oneof![apart, run].prop_map(|parts| {
        let mut recipe = Recipe::default();
        for (header, range) in parts {
            let from = recipe.header.len();
            recipe.header.resize(from + header, b'h');
            recipe.parts.push(range.map_or(Part::Header(from..from + header), Part::Source));
            recipe.size += header as u64 + range.map_or(0, ByteRange::len);
        }
        recipe
    })
}

/// What a recipe makes of a source.
fn made(recipe: &Recipe, source: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in &recipe.parts {
        bytes.extend_from_slice(match part {
            Part::Header(range) => &recipe.header[range.clone()],
            Part::Source(range) => {
                &source[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
            }
        });
    }
    bytes
}

fn file(bytes: &[u8]) -> File {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file
}

fn held(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn targets_hold_what_their_recipes_say_whoever_copies(
        recipes in prop::collection::vec(recipe(), 1..4),
        kernel in any::<bool>(),
    ) {
        let bytes: Vec<u8> = (0..LEN).map(|at| (at % 251).to_be_bytes()[7]).collect();
        let source = file(&bytes);
        let files: Vec<_> = recipes.iter().map(|_| file(b"before")).collect();
        let target = |(file, recipe)| Target { file, at: 6, recipe };
        let targets: Vec<_> = files.iter().zip(&recipes).map(target).collect();
        let long = if kernel { KERNEL_COPY } else { u64::MAX };
        Copier { long, ..Copier::new() }.copy(&source, &targets).unwrap();
        for (file, recipe) in files.iter().zip(&recipes) {
            prop_assert!(held(file) == [&b"before"[..], &made(recipe, &bytes)].concat());
        }
    }
}

#[test]
fn a_long_range_is_left_to_the_kernel_whatever_lies_beside_it() {
    let parts = |ranges: &[(u64, u64)]| {
        let parts = ranges.iter().map(|&(start, len)| Part::Source(ByteRange::at(start, len))).collect();
        Recipe { parts, ..Recipe::default() }
    };
    let video = parts(&[(0, 100), (200, KERNEL_COPY), (300 + KERNEL_COPY, 100)]);
    let audio = parts(&[(100, 100), (200 + KERNEL_COPY, 100)]);
    let file = file(&[]);
    let targets = [&video, &audio].map(|recipe| Target { file: &file, at: 0, recipe });
    let mut rests = targets.each_ref().map(|target| Rest::new(target, KERNEL_COPY));
    let batches: Vec<_> = rests.iter_mut().map(Batch::new).collect();
    assert_eq!(cluster(&batches, BUFFER as u64), Some(ByteRange { start: 0, end: 200 }));
}

#[test]
fn a_source_that_ends_before_a_range_does_is_said_to_have_shrunk() {
    let source = file(&[0; 100]);
    let target = file(&[]);
    for len in [101, KERNEL_COPY] {
        let recipe = Recipe { parts: vec![Part::Source(ByteRange::at(0, len))], ..Recipe::default() };
        let copied = Copier::new().copy(&source, &[Target { file: &target, at: 0, recipe: &recipe }]);
        assert!(matches!(copied, Err(CopyError::Shrank)), "{copied:?}");
    }
}
