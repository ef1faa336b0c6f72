//! Fragments with any body, under a sound header of two tracks.
#![no_main]

use libfuzzer_sys::fuzz_target;
use segmenter_fuzz::{boxed, read, show};

/// `ftyp` and `moov` of H.264 and AAC, with `mvex` and no samples.
const INIT: &[u8] = include_bytes!("../init.mp4");

fuzz_target!(|body: &[u8]| {
    let fragment = boxed(b"moof", body);
    let media = boxed(b"mdat", &[0x5a; 4096]);
    let here = [INIT, &fragment, &media, &fragment, &media].concat();
    let len = here.len() as u64;
    if let Ok(movie) = read(&here, len, 0) {
        show(movie, &here, len);
    }
});
