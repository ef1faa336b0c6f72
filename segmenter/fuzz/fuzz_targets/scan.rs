//! The top level of a file: any bytes are read or refused, whatever else comes with those that are wanted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use segmenter_fuzz::read;

fuzz_target!(|data: &[u8]| {
    let len = data.len() as u64;
    let told = |extra: usize| {
        format!(
            "{:?}",
            read(data, len, extra).map(|movie| movie.tracks.len()).map_err(|error| error.to_string())
        )
    };
    let exact = told(0);
    assert_eq!(exact, told(1));
    assert_eq!(exact, told(4096));
    assert_eq!(exact, told(data.len()));
});
