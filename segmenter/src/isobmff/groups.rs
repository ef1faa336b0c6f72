//! Sample groups: `sgpd` describes them, `sbgp` says which samples belong (ISO/IEC 14496-12 8.9).
//!
//! Key rotation (`seig`) and audio pre-roll (`roll`, `prol`) depend on them, so they are carried into every fragment.

use ::bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::boxes::{Fields, FourCc, children};

/// From this index on, `sbgp` of a `traf` refers to the `sgpd` beside it (8.9.4).
const LOCAL: u32 = 0x1_0000;

/// Samples put into groups of one type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grouping {
    /// `seig`, `roll`, `prol`, `rap `.
    pub kind: FourCc,
    /// `grouping_type_parameter`, where `sbgp` has one.
    pub parameter: Option<u32>,
    /// The descriptions, each as its bytes.
    pub descriptions: Vec<Bytes>,
    /// First sample and description (from 1; 0 for none) of each run, in order.
    pub runs: Vec<(u32, u32)>,
}

impl Grouping {
    /// Runs of samples `from..to` with the same description: how many, and which.
    pub fn runs_within(&self, from: u32, to: u32) -> Vec<(u32, u32)> {
        let first = self.runs.partition_point(|&(start, _)| start <= from).saturating_sub(1);
        let mut found: Vec<(u32, u32)> = Vec::new();
        let mut at = from;
        for (i, &(start, description)) in self.runs.iter().enumerate().skip(first) {
            if start >= to {
                break;
            }
            if start > at {
                found.push((start - at, 0));
                at = start;
            }
            let end = self.runs.get(i + 1).map_or(to, |next| next.0).min(to);
            if end > at {
                found.push((end - at, description));
                at = end;
            }
        }
        found
    }

    /// Whether any sample belongs to a group.
    pub fn is_used(&self) -> bool {
        self.runs.iter().any(|run| run.1 != 0)
    }

    /// The description of one sample, if it belongs to a group.
    pub fn description_of(&self, sample: u32) -> Option<&Bytes> {
        let run = self.runs.partition_point(|&(start, _)| start <= sample).checked_sub(1)?;
        self.descriptions.get(self.runs[run].1.checked_sub(1)? as usize)
    }

    /// Adds the groups of a fragment whose first sample has number `base`.
    pub(super) fn append(&mut self, base: u32, fragment: &Grouping) {
        let mut known: Vec<(u32, u32)> = Vec::new();
        for &(first, index) in &fragment.runs {
            let mapped = if index <= LOCAL {
                index
            } else if let Some(&(_, mapped)) = known.iter().find(|known| known.0 == index) {
                mapped
            } else {
                let mapped = self.adopt(fragment.descriptions.get((index - LOCAL - 1) as usize));
                known.push((index, mapped));
                mapped
            };
            self.runs.push((base.saturating_add(first), mapped));
        }
    }

    /// The index of an equal description, which is added if there is none; 0 for no description.
    fn adopt(&mut self, description: Option<&Bytes>) -> u32 {
        let Some(description) = description else { return 0 };
        let at = self.descriptions.iter().position(|known| known == description).unwrap_or_else(|| {
            self.descriptions.push(Bytes::copy_from_slice(description));
            self.descriptions.len() - 1
        });
        u32::try_from(at + 1).unwrap_or(0)
    }
}

/// The groupings of an `stbl` or `traf` body.
pub(super) fn groups(body: &Bytes) -> Vec<Grouping> {
    let of = |code: &'static [u8; 4]| children(body).filter(move |child| child.code.0 == *code);
    let described: Vec<_> = of(b"sgpd").filter_map(|sgpd| descriptions(body, sgpd.body)).collect();
    let mut found: Vec<Grouping> = of(b"sbgp").filter_map(|sbgp| memberships(sbgp.body)).collect();
    for (kind, descriptions) in described {
        match found.iter_mut().find(|group| group.kind == kind && group.descriptions.is_empty()) {
            Some(group) => group.descriptions = descriptions,
            None => found.push(Grouping { kind, parameter: None, descriptions, runs: Vec::new() }),
        }
    }
    found
}

/// `sbgp` (8.9.2).
fn memberships(sbgp: &[u8]) -> Option<Grouping> {
    let mut fields = Fields::new(sbgp);
    let (version, _) = fields.version_and_flags()?;
    let kind = fields.code()?;
    let parameter = if version >= 1 { Some(fields.u32()?) } else { None };
    let count = fields.u32()?;
    let mut runs = Vec::new();
    let mut first = 0_u32;
    for _ in 0..count {
        let (Some(samples), Some(description)) = (fields.u32(), fields.u32()) else { break };
        if samples > 0 {
            runs.push((first, description));
            first = first.saturating_add(samples);
        }
    }
    runs.push((first, 0));
    Some(Grouping { kind, parameter, descriptions: Vec::new(), runs })
}

/// `sgpd` (8.9.3): the type and its descriptions. Version 0 gives no length, so it can hold one only.
fn descriptions(body: &Bytes, sgpd: &[u8]) -> Option<(FourCc, Vec<Bytes>)> {
    let mut fields = Fields::new(sgpd);
    let (version, _) = fields.version_and_flags()?;
    let kind = fields.code()?;
    let default_len = if version == 1 { fields.u32()? } else { 0 };
    if version >= 2 {
        fields.u32()?;
    }
    let count = fields.u32()?;
    let mut descriptions = Vec::new();
    for _ in 0..count {
        let len = match (version, default_len) {
            (1, 0) => fields.u32()? as usize,
            (1, len) => len as usize,
            _ => fields.rest().len() / (count as usize - descriptions.len()),
        };
        if len == 0 {
            break;
        }
        descriptions.push(body.slice_ref(fields.take(len)?));
    }
    Some((kind, descriptions))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roll(runs: &[(u32, u32)]) -> Grouping {
        let descriptions = vec![Bytes::from_static(&[255, 255])];
        Grouping { kind: FourCc(*b"roll"), parameter: None, descriptions, runs: runs.to_vec() }
    }

    #[test]
    fn runs_are_cut_to_the_samples_asked_for() {
        let group = roll(&[(0, 1), (10, 0), (20, 1), (30, 0)]);
        assert_eq!(group.runs_within(5, 25), [(5, 1), (10, 0), (5, 1)]);
        assert_eq!(group.runs_within(30, 32), [(2, 0)]);
    }

    #[test]
    fn the_groups_of_a_fragment_are_told_in_the_words_of_the_track() {
        let mut track = roll(&[]);
        let fragment = Grouping {
            descriptions: vec![Bytes::from_static(&[255, 254]), Bytes::from_static(&[255, 255])],
            ..roll(&[(0, LOCAL + 2), (3, LOCAL + 1), (4, 0)])
        };
        track.append(100, &fragment);
        assert_eq!(track.runs, [(100, 1), (103, 2), (104, 0)]);
        assert_eq!(track.description_of(103).unwrap().as_ref(), [255, 254]);
        assert_eq!(track.description_of(99), None);
    }
}
