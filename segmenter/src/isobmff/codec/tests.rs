//! Sample entries of files in the wild, and what has to be said of them.

mod cases;

use proptest::prelude::*;

use super::super::boxes::child;
use super::*;
use cases::{CASES, Case, Shape};

impl Shape {
    fn of(format: &Format) -> Self {
        match format {
            Format::Video(picture) => Self::Video(picture.width, picture.height, picture.range),
            Format::Audio(sound) => Self::Audio(sound.channels, sound.sample_rate),
            Format::Text(subtitle) => Self::Text(*subtitle),
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|digit| !digit.is_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

fn read_hex(case: &Case) -> SampleEntry {
    read(&bytes(case.entry), FourCc(*case.handler)).unwrap_or_else(|error| panic!("{}: {error}", case.what))
}

fn case(what: &str) -> &'static Case {
    CASES.iter().find(|case| case.what == what).unwrap()
}

#[test]
fn entries_in_the_wild_are_named_as_players_expect() {
    for case in CASES {
        let codec = read_hex(case).codec;
        assert_eq!(codec.rfc6381, case.rfc6381, "{}", case.what);
        assert_eq!(Shape::of(&codec.format), case.shape, "{}", case.what);
    }
}

#[test]
fn what_is_written_reads_the_same_and_stays_as_it_is() {
    for case in CASES {
        let first = read_hex(case);
        let again = read(&first.bytes, FourCc(*case.handler)).unwrap();
        assert_eq!(again, first, "{}", case.what);
    }
}

#[test]
fn an_entry_in_iso_form_is_kept_byte_for_byte() {
    for case in CASES.iter().filter(|case| !case.what.contains("QuickTime") && !case.what.contains("gamma")) {
        assert_eq!(read_hex(case).bytes, bytes(case.entry), "{}", case.what);
    }
}

#[test]
fn dolby_vision_over_a_base_layer_is_told_beside_it() {
    let more = |what| match read_hex(case(what)).codec.format {
        Format::Video(picture) => picture.supplemental.map(|more| more.to_string()),
        _ => None,
    };
    assert_eq!(more("Dolby Vision over hybrid log-gamma").as_deref(), Some("dvh1.08.02/db4h"));
    assert_eq!(more("Dolby Vision over AV1"), None, "its own codec says it");
}

#[test]
fn quicktime_sound_is_put_into_iso_form() {
    let entry = read_hex(case("a phone's stereo sound in QuickTime form")).bytes;
    let fields = bytes("00000057 6d703461 000000000000 0001 0000000000000000 0002 0010 0000 0000 ac440000");
    assert_eq!(entry[..36], fields);
    assert_eq!(child(&entry[36..], b"esds").unwrap().whole.len(), entry.len() - 36);
}

#[test]
fn zeros_that_end_quicktime_atoms_are_dropped() {
    let case = case("Dolby Vision over hybrid log-gamma");
    let entry = read_hex(case).bytes;
    assert_eq!(entry[4..], bytes(case.entry)[4..entry.len()]);
    assert_eq!(entry.len() + 4, bytes(case.entry).len());
}

#[test]
fn an_encrypted_entry_keeps_its_type_and_names_what_it_was() {
    let codec = read_hex(case("sound under a constant initialisation vector")).codec;
    let protection = codec.protection.unwrap();
    assert_eq!((codec.entry, protection.scheme, protection.iv_size), (FourCc(*b"enca"), FourCc(*b"cbcs"), 0));
    assert_eq!(protection.key_id, [0; 16], "the packager of this file names no key");
}

#[test]
fn a_size_the_entry_leaves_out_is_taken_from_the_stream() {
    for what in [
        "AVC in a QuickTime file",
        "Dolby Vision over hybrid log-gamma",
        "AV1 whose stream alone tells its colour",
    ] {
        let case = case(what);
        let mut entry = bytes(case.entry);
        entry[32..36].fill(0);
        let codec = read(&entry, FourCc(*case.handler)).unwrap().codec;
        assert_eq!(Shape::of(&codec.format), case.shape, "{what}");
    }
}

#[test]
fn a_range_that_no_box_tells_is_taken_from_the_parameter_set() {
    let case = case("Dolby Vision over hybrid log-gamma");
    let mut entry = bytes(case.entry);
    for code in [b"colr", b"dvvC"] {
        let at = entry.windows(4).position(|window| window == code).unwrap();
        entry[at..at + 4].copy_from_slice(b"free");
    }
    let codec = read(&entry, FourCc(*case.handler)).unwrap().codec;
    assert_eq!(Shape::of(&codec.format), case.shape);
}

/// An audio entry of these fields and boxes, with two channels and 48 kHz in the fields all versions have.
fn sound(code: &[u8; 4], version: u8, rest: &[u8]) -> Vec<u8> {
    let fixed =
        [0, 0, 0, 0, 0, 0, 0, 1, 0, version, 0, 0, 0, 0, 0, 0, 0, 2, 0, 16, 0, 0, 0, 0, 0xbb, 0x80, 0, 0];
    boxed(code, &[&fixed, rest].concat())
}

fn boxed(code: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(8 + body.len()).unwrap();
    [&size.to_be_bytes()[..], code, body].concat()
}

fn esds() -> Vec<u8> {
    bytes("00000027 65736473 00000000 0319000000 0411 40 15 000000 00000000 00000000 0502 1190 060102")
}

#[test]
fn every_version_of_a_sound_entry_becomes_version_0() {
    let version_0 = sound(b"mp4a", 0, &esds());
    let version_2 = [
        &bytes("00000048 40e7700000000000 00000002 7f000000 00000000 00000000 00000000 00000400")[..],
        &boxed(b"wave", &[boxed(b"frma", b"mp4a"), esds(), vec![0, 0, 0, 8, 0, 0, 0, 0]].concat()),
    ];
    let srat = boxed(b"srat", &[0, 0, 0, 0, 0, 0, 0xbb, 0x80]);
    let forms = [
        ("QuickTime 1", sound(b"mp4a", 1, &[&[0; 16][..], &esds()].concat())),
        ("QuickTime 2", sound(b"mp4a", 2, &version_2.concat())),
        ("ISO 1", sound(b"mp4a", 1, &[srat, esds()].concat())),
    ];
    for (form, entry) in forms {
        assert_eq!(read(&entry, FourCc(*b"soun")).unwrap().bytes, version_0, "{form}");
    }
}

#[test]
fn alac_is_found_inside_wave() {
    let cookie =
        boxed(b"alac", &bytes("00000000 00001000 00 10 28 0a 0e 02 00ff 00000000 00000000 0000bb80"));
    let wave = boxed(b"wave", &[boxed(b"frma", b"alac"), cookie.clone()].concat());
    let entry = read(&sound(b"alac", 1, &[&[0; 16][..], &wave].concat()), FourCc(*b"soun")).unwrap();
    assert_eq!(entry.bytes, sound(b"alac", 0, &cookie));
    assert_eq!(Shape::of(&entry.codec.format), Shape::Audio(2, 48_000));
}

#[test]
fn mp3_of_quicktime_becomes_an_mpeg_4_entry() {
    let entry = read(&sound(b".mp3", 0, &[]), FourCc(*b"soun")).unwrap();
    assert_eq!((entry.codec.entry, entry.codec.rfc6381.as_str()), (FourCc(*b"mp4a"), "mp4a.6B"));
    assert_eq!(read(&entry.bytes, FourCc(*b"soun")).unwrap(), entry);
}

#[test]
fn a_data_reference_is_always_the_first() {
    let mut entry = sound(b"mp4a", 0, &esds());
    let expected = entry.clone();
    entry[15] = 2;
    assert_eq!(read(&entry, FourCc(*b"soun")).unwrap().bytes, expected);
}

#[test]
fn piff_tells_its_key_in_a_box_of_its_own() {
    let key = [7; 16];
    let uuid = [&bytes("8974dbce7be74c5184f97148f9882554 00000000 000001 08")[..], &key].concat();
    let schm = boxed(b"schm", b"\0\0\0\0piff\0\x01\0\x01");
    let schi = boxed(b"schi", &boxed(b"uuid", &uuid));
    let sinf = boxed(b"sinf", &[boxed(b"frma", b"mp4a"), schm, schi].concat());
    let codec = read(&sound(b"enca", 0, &[esds(), sinf].concat()), FourCc(*b"soun")).unwrap().codec;
    assert_eq!(codec.rfc6381, "mp4a.40.2");
    assert_eq!(codec.protection, Some(Protection { scheme: FourCc(*b"piff"), key_id: key, iv_size: 8 }));
}

#[test]
fn a_refusal_says_what_is_wrong() {
    let refusals = [
        (sound(b"mp4a", 0, &[]), b"soun", "sample entry 'mp4a' has no 'esds' box"),
        (sound(b"mp4a", 0, &boxed(b"esds", &[0; 4])), b"soun", "sample entry 'mp4a' has a broken 'esds' box"),
        (
            sound(b"mp4a", 0, &esds()),
            b"vide",
            "sample entry 'mp4a' does not belong in a track of handler 'vide'",
        ),
        (sound(b"enca", 0, &esds()), b"soun", "sample entry 'enca' has no 'sinf' box"),
        (
            boxed(b"avc1", &[0; 20]),
            b"vide",
            "sample entry 'avc1' ends after 20 bytes, before its own fields do",
        ),
        (
            boxed(b"drms", &[0; 20]),
            b"soun",
            "sample entry 'drms': a FairPlay download is not carried by CMAF or HLS",
        ),
    ];
    for (entry, handler, expected) in refusals {
        assert_eq!(read(&entry, FourCc(*handler)).unwrap_err().to_string(), expected);
    }
}

proptest! {
    #[test]
    fn a_damaged_entry_is_read_or_refused(
        which in 0..CASES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        keep in any::<prop::sample::Index>(),
    ) {
        let case = &CASES[which];
        let mut entry = bytes(case.entry);
        for (at, byte) in damage {
            let at = at.index(entry.len());
            entry[at] = byte;
        }
        entry.truncate(keep.index(entry.len()) + 1);
        let _ = read(&entry, FourCc(*case.handler));
    }

    #[test]
    fn any_bytes_in_a_configuration_are_read_or_refused(
        which in 0..CONFIGURATIONS.len(),
        config in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let (handler, fixed, code, config_code) = CONFIGURATIONS[which];
        let entry = boxed(code, &[vec![0; fixed], boxed(config_code, &config)].concat());
        let _ = read(&entry, FourCc(*handler));
    }
}

/// Handler, bytes of the entry's fields, type of the entry and of its configuration.
type Configuration = (&'static [u8; 4], usize, &'static [u8; 4], &'static [u8; 4]);

const CONFIGURATIONS: &[Configuration] = &[
    (b"vide", 78, b"avc1", b"avcC"),
    (b"vide", 78, b"hvc1", b"hvcC"),
    (b"vide", 78, b"av01", b"av1C"),
    (b"vide", 78, b"vp09", b"vpcC"),
    (b"vide", 78, b"dvh1", b"dvvC"),
    (b"vide", 78, b"mp4v", b"esds"),
    (b"vide", 78, b"encv", b"sinf"),
    (b"soun", 28, b"mp4a", b"esds"),
    (b"soun", 28, b"mp4a", b"wave"),
    (b"soun", 28, b"fLaC", b"dfLa"),
    (b"soun", 28, b"alac", b"alac"),
    (b"soun", 28, b"ec-3", b"dec3"),
    (b"soun", 28, b"ac-4", b"dac4"),
    (b"subt", 8, b"enct", b"sinf"),
];
