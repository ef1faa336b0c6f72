//! `manifest.json`: everything a player needs in one answer, init segments included, and its way back.
//!
//! Written by the offline folder and the gateway alike, read by players and by whoever checks a folder.
//!
//! # Why
//! Segments are plain arrays of numbers, one after the other in time: a player adds up `durations` (and `sizes`, in
//! one file) and needs no decoder for runs. Three hours of picture and sound in segments of four seconds take about
//! 200 kB, a quarter of that once compressed.

mod document;
mod read;
mod write;

use super::Manifest;
pub use document::{Document, EventStream, Key, Range, Rendition, Segments};
pub use read::Error;

/// The version this module writes, and the only one it reads.
pub const VERSION: u32 = 1;

/// The manifest as compact JSON; URLs are relative to it.
pub fn json(manifest: &Manifest) -> String {
    // A document holds strings, numbers and arrays alone: nothing in it can fail to be written.
    serde_json::to_string(&Document::from(manifest)).unwrap_or_default()
}

/// Reads what [`json`] writes.
///
/// `head` of a rendition comes back for the single-file layout only: nothing else needs it.
pub fn parse(text: &str) -> Result<Manifest, Error> {
    serde_json::from_str::<Document>(text)?.try_into()
}

/// JSON Schema of `manifest.json`.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Document)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::{Layout, examples, golden};
    use super::*;
    use crate::time::Timescale;

    #[test]
    fn manifests_read_as_they_did() {
        for (name, manifest) in examples::all() {
            let value: Value = serde_json::from_str(&json(&manifest)).unwrap();
            golden::check(&format!("{name}.json"), &golden::readable(&value));
        }
    }

    #[test]
    fn the_schema_reads_as_it_did() {
        golden::check("schema.json", &golden::readable(schema().as_value()));
    }

    #[test]
    fn manifests_satisfy_the_schema() {
        for (name, manifest) in examples::all() {
            let value: Value = serde_json::from_str(&json(&manifest)).unwrap();
            golden::satisfies(schema().as_value(), &value).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        }
    }

    #[test]
    fn the_schema_refuses_what_is_missing_or_of_another_type() {
        let valid: Value = serde_json::from_str(&json(&examples::film())).unwrap();
        let faults: [fn(&mut Value); 5] = [
            |value| value["version"] = "1".into(),
            |value| value["state"] = "gone".into(),
            |value| value["renditions"][0]["segments"]["sizes"][0] = Value::from(-1),
            |value| value["renditions"][0]["fragments"][0][0] = Value::from(vec![1, 2]),
            |value| drop(value["renditions"][0].as_object_mut().unwrap().remove("timescale")),
        ];
        for (number, fault) in faults.iter().enumerate() {
            let mut value = valid.clone();
            fault(&mut value);
            assert!(golden::satisfies(schema().as_value(), &value).is_err(), "fault {number}");
        }
    }

    #[test]
    fn a_manifest_comes_back_as_it_was() {
        for (name, manifest) in examples::all() {
            assert_eq!(parse(&json(&manifest)).unwrap(), manifest, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_timeline_comes_back(
            hz in 1_u32..,
            start in any::<i32>(),
            durations in prop::collection::vec(0_i64..1 << 50, 0..60),
            title in any::<String>(),
            one_file in any::<bool>(),
        ) {
            let mut manifest = examples::film();
            let mut rendition = examples::timeline(Timescale::new(hz).unwrap(), start.into(), &durations);
            if one_file {
                manifest.layout = Layout::SingleFile;
                rendition.head = 4000;
            }
            manifest.renditions = vec![rendition];
            manifest.title = title;
            prop_assert_eq!(parse(&json(&manifest)).unwrap(), manifest);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>(), cut in any::<prop::sample::Index>()) {
            let _ = parse(&text);
            let whole = json(&examples::film());
            let _ = parse(&whole[..cut.index(whole.len())]);
        }
    }

    #[test]
    fn three_hours_stay_small() {
        let manifest = examples::three_hours();
        let text = json(&manifest);
        assert_eq!(manifest.renditions[0].segments.len(), 2700);
        assert!(text.len() < 400_000, "{} bytes", text.len());
        assert_eq!(parse(&text).unwrap(), manifest);
    }

    #[test]
    fn what_is_absent_is_left_out() {
        for (name, manifest) in examples::all() {
            assert!(!json(&manifest).contains("null"), "{name}");
        }
    }

    #[test]
    fn times_that_are_no_numbers_are_written_as_zero() {
        let mut manifest = examples::film();
        manifest.duration = f64::NAN;
        manifest.target = f64::INFINITY;
        let read = parse(&json(&manifest)).unwrap();
        assert_eq!((read.duration, read.target), (0.0, 0.0));
    }
}
