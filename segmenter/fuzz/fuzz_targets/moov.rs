//! A movie header with any body, over a source that is far longer than what is there of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use segmenter_fuzz::{boxed, read, show};

fuzz_target!(|body: &[u8]| {
    let here = [boxed(b"moov", body), b"\0\0\0\0mdat".to_vec()].concat();
    let len = here.len() as u64 + (1 << 30);
    if let Ok(movie) = read(&here, len, 0) {
        show(movie, &here, len);
    }
});
