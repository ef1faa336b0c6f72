//! A whole file: read, cut, written, read back and compared with itself; and streamed in pieces, which changes nothing.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use segmenter::bytes::Span;
use segmenter::engine::{Error, Output, Segmenter};
use segmenter::plan::Options;
use segmenter_fuzz::{read, show};

fuzz_target!(|data: &[u8]| {
    let len = data.len() as u64;
    if let Ok(movie) = read(data, len, 0) {
        show(movie, data, len);
    }
    let asked = stream(data, usize::MAX);
    for piece in [1 + data.len() / 3, 1000] {
        assert!(asked == stream(data, piece), "pieces of {piece} bytes give other segments");
    }
});

/// Everything that comes out, when bytes come in order, in pieces of this size, and then what was asked for; all of it only when asked
/// for if a piece is the whole.
fn stream(data: &[u8], piece: usize) -> Result<Vec<Output>, Error> {
    let source = Bytes::copy_from_slice(data);
    let mut segmenter = Segmenter::new(source.len() as u64, Options::default());
    let (mut made, mut needed, mut fed) = (Vec::new(), Vec::new(), 0);
    loop {
        while let Some(output) = segmenter.poll()? {
            match output {
                Output::Need(range) => needed.push(range),
                other => made.push(other),
            }
        }
        if piece < source.len() && fed < source.len() {
            let end = source.len().min(fed + piece);
            segmenter.feed(&Span { offset: fed as u64, bytes: source.slice(fed..end) })?;
            fed = end;
            continue;
        }
        if needed.is_empty() {
            assert!(segmenter.is_finished(), "it neither needs anything nor is done");
            return Ok(made);
        }
        for range in needed.drain(..) {
            let bytes = source.slice(range.start as usize..range.end as usize);
            segmenter.feed(&Span { offset: range.start, bytes })?;
        }
    }
}
