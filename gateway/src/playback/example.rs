//! A small film for tests, written by hand: one H.264 track, twelve samples of a second, a keyframe every four, junk between them.

/// Samples of the film.
pub(crate) const SAMPLES: usize = 12;

/// A film whose samples are filled with `fill` and up.
pub(crate) fn film(fill: u8) -> Vec<u8> {
    let mut film = boxed(b"ftyp", &[b"isom\0\0\0\x01isom"]);
    let start = film.len() + 8;
    let (mut media, mut places) = (Vec::new(), Vec::new());
    for (number, value) in (fill..).take(SAMPLES).enumerate() {
        media.extend_from_slice(b"junk");
        places.push(start + media.len());
        media.extend(std::iter::repeat_n(value, size(number)));
    }
    film.extend(boxed(b"mdat", &[&media]));
    film.extend(moov(&places));
    film
}

/// Bytes of a sample.
pub(crate) fn size(number: usize) -> usize {
    100 + number * 7
}

fn boxed(code: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&number(8 + body.len())[..], code, &body].concat()
}

fn full(code: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    boxed(code, &[&[&[0_u8; 4][..]], parts].concat())
}

fn number(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap().to_be_bytes()
}

/// `count` and then each number.
fn table(values: impl ExactSizeIterator<Item = usize>) -> Vec<u8> {
    let count = number(values.len());
    values.fold(count.to_vec(), |mut bytes, value| {
        bytes.extend(number(value));
        bytes
    })
}

fn moov(places: &[usize]) -> Vec<u8> {
    let millis = number(1000);
    let duration = number(SAMPLES * 1000);
    let unity = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000].map(number).concat();
    let mvhd = full(
        b"mvhd",
        &[&[0; 8], &millis, &duration, &[0, 1, 0, 0, 1, 0], &[0; 10], &unity, &[0; 24], &number(2)],
    );
    let size_of_picture = [number(64 << 16), number(36 << 16)].concat();
    let tkhd = full(b"tkhd", &[&[0; 8], &number(1), &[0; 4], &duration, &[0; 16], &unity, &size_of_picture]);
    let mdhd = full(b"mdhd", &[&[0; 8], &millis, &duration, &[0x55, 0xc4, 0, 0]]);
    let hdlr = full(b"hdlr", &[&[0; 4], b"vide", &[0; 13]]);
    let minf = boxed(b"minf", &[&full(b"vmhd", &[&[0; 8]]), &stbl(places)]);
    let mdia = boxed(b"mdia", &[&mdhd, &hdlr, &minf]);
    boxed(b"moov", &[&mvhd, &boxed(b"trak", &[&tkhd, &mdia])])
}

fn stbl(places: &[usize]) -> Vec<u8> {
    let sets = [0x67, 0x64, 0, 0x1e, 0xac, 0xd9, 0x40, 0xa0, 0x2f, 0xf9, 0x70, 0x11];
    let avcc =
        boxed(b"avcC", &[&[1, 0x64, 0, 0x1e, 0xff, 0xe1, 0, 12], &sets, &[1, 0, 4, 0x68, 0xeb, 0xe3, 0xcb]]);
    let avc1 = boxed(
        b"avc1",
        &[&[0, 0, 0, 0, 0, 0, 0, 1], &[0; 16], &[0, 64, 0, 36], &[0; 46], &[0, 24, 0xff, 0xff], &avcc],
    );
    boxed(
        b"stbl",
        &[
            &full(b"stsd", &[&number(1), &avc1]),
            &full(b"stts", &[&[number(1), number(SAMPLES), number(1000)].concat()]),
            &full(b"stss", &[&table((1..SAMPLES + 1).step_by(4))]),
            &full(b"stsc", &[&[number(1), number(1), number(1), number(1)].concat()]),
            &full(b"stsz", &[&number(0), &table((0..SAMPLES).map(size))]),
            &full(b"stco", &[&table(places.iter().copied())]),
        ],
    )
}
