//! A whole file: read, cut, written, read back and compared with itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use segmenter_fuzz::{read, show};

fuzz_target!(|data: &[u8]| {
    let len = data.len() as u64;
    if let Ok(movie) = read(data, len, 0) {
        show(movie, data, len);
    }
});
